"""A live input on a device of its own: another program's sound in stems, lost and taken again."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sounddevice

from engine.io.device import StreamRequest, portaudio_opener, rescan_devices
from engine.services.live_mic import MicChoice
from engine.services.live_stems import LiveChoice
from engine.services.playback import Playback
from tests.realtime.jack import jack_server
from tests.realtime.test_live_mic import metronome


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.02)


def test_another_program_is_separated_over_a_bridge_and_a_song_plays_after_it(tone: Path) -> None:
    notices: list[str] = []
    with jack_server(f"charon-{os.getpid()}"), metronome():
        rescan_devices()
        playback = Playback(portaudio_opener(StreamRequest()), on_notice=notices.append)
        live = playback.live
        try:
            playback.play(tone)
            wait_until(lambda: playback.status().position_s > 0.5, "the song plays")
            live.start(LiveChoice("metro", model="spleeter-2stems"))
            assert "metro" in live.source_name
            assert not playback.status().playing
            stream = playback.stream
            assert stream.input_channels == 0
            separation = live.separation
            assert separation is not None
            # Clicks half a second apart: within a second there is one, whenever one looks.
            columns = np.empty((3, 100), np.float32)

            def is_heard() -> bool:
                separation.scope.read(0, separation.scope.n_columns, columns)
                return bool(columns[1].max() > 0.05)

            wait_until(is_heard, "its clicks come in")
            assert 0.002 < live.latency().input_s < 0.05
            wait_until(lambda: live.state is not None and live.state.ready, "its stems come", 120.0)
            assert live.trouble == ""
            # One's own voice on the device that plays: the bridge goes on.
            playback.mic.open(MicChoice())
            assert playback.stream.input_channels > 0
            wait_until(is_heard, "its clicks come in beside the mic")
            playback.mic.close()
            source = playback._output.source
            assert source is not None
            assert source._stream is not None
            # What a driver does whose hardware was pulled: the stream ends, the output's goes on.
            source._stream.close()
            wait_until(lambda: any("went away" in line for line in notices), "it is said")
            wait_until(lambda: any(line.endswith("is back") for line in notices), "it is taken again")
            wait_until(is_heard, "its clicks come in again")
            playback.play()
            assert not live.is_on
            wait_until(lambda: playback.status().playing, "the song goes on")
        finally:
            playback.close()
            sounddevice._terminate()
    sounddevice._initialize()
    assert "the input" in next(line for line in notices if "went away" in line)
