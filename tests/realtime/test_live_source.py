"""What a live separation listens to in a session without a song: the mic's device, or one of its own."""

import os
import time

import pytest
import sounddevice

from engine.errors import DeviceError
from engine.io.device import StreamRequest, portaudio_opener, rescan_devices
from engine.io.home import default_home
from engine.services.live_mic import MicChoice
from engine.services.live_session import LiveSession
from tests.realtime.duplex_hand import DuplexHand, device_info
from tests.realtime.jack import jack_server, metronome

MODEL = "spleeter-2stems"


def test_channels_beyond_the_mics_are_opened_for_it() -> None:
    hand = DuplexHand(device_info(inputs=6))
    with LiveSession(hand, MicChoice()) as live:
        assert hand.stream.input_channels == 2
        with pytest.raises(DeviceError, match="'Desk' has 6 input channels, there is no 7"):
            live.separate(default_home(), MODEL, "tight", channel=6)
        assert live.separation is None
        live.separate(default_home(), MODEL, "tight", channel=2)
        assert hand.stream.input_channels == 4
        assert live.mic.choice is not None
        live.stop_separating()
        assert live.mic.also_inputs == 0


def test_a_device_of_its_own_is_heard_beside_the_mic() -> None:
    with jack_server(f"charon-{os.getpid()}"), metronome():
        rescan_devices()
        with LiveSession(portaudio_opener(StreamRequest()), MicChoice()) as live:
            stems = live.separate(default_home(), MODEL, "tight", device="metro")
            deadline_s = time.monotonic() + 30.0
            while not stems.state.ready:
                assert time.monotonic() < deadline_s
                time.sleep(0.05)
            time.sleep(1.5)
            meters = live.memory.read_meters()
            assert meters is not None
            # The mic hears the dummy's silence: what sounds is the metronome.
            assert max(meters.mic_in.peak_db) < -100.0
            assert max(meters.master.peak_db) > -40.0
            assert stems.state.realtime_factor > 0.0
            live.stop_separating()
            # Meters fall by so many decibels a second.
            while (meters := live.memory.read_meters()) is None or max(meters.master.peak_db) > -60.0:
                assert time.monotonic() < deadline_s + 10.0
                time.sleep(0.05)
        sounddevice._terminate()
    sounddevice._initialize()
