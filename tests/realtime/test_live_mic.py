"""The mic on a real PortAudio stream, its output connected to its input inside JACK."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import sounddevice
import soundfile

from app.cli.bench_realtime import gil_load
from engine.errors import DeviceError, ModelError
from engine.inference.model_store import ModelStore
from engine.io.device import StreamRequest, portaudio_opener, rescan_devices
from engine.io.home import default_home
from engine.realtime.effects.catalogue import KINDS
from engine.realtime.effects.plan import EffectSetting
from engine.realtime.layout import MIC_TAP_WIDTH
from engine.realtime.memory import EngineMemory
from engine.services.latency_probe import LISTEN_S, chirp, find_chirp
from engine.services.live_mic import MicChoice
from engine.services.live_session import LiveSession
from engine.services.recorder import TakeRequest
from engine.services.take import read_take
from tests.realtime.jack import connect_loop, jack_server, metronome

CHARON = [sys.executable, "-m", "app"]


@contextmanager
def own_server(period_frames: int) -> Generator[None]:
    """PortAudio of this process on a server with another period than the module's."""
    with jack_server(f"charon-{os.getpid()}", period_frames=period_frames):
        rescan_devices()
        yield
        # libjack aborts the process when its client is closed after the server.
        sounddevice._terminate()
    sounddevice._initialize()


def session(block_frames: int = 0) -> LiveSession:
    return LiveSession(portaudio_opener(StreamRequest(block_frames=block_frames)), MicChoice())


@pytest.mark.parametrize(("period", "block"), [(64, 0), (64, 64), (128, 0), (256, 128)])
def test_the_reported_round_trip_is_the_measured_one(period: int, block: int) -> None:
    with own_server(period), session(block) as live:
        connect_loop()
        found = live.mic.measure_latency()
        reported = live.mic.latency().round_trip_s * 48_000
        assert abs(found.frames - reported) <= (block or period)
        assert found.spread_frames < 0.1


def wet_lag_frames(memory: EngineMemory) -> float:
    """Frames from the dry chirp to the wet one in the tap."""
    memory.mic.probe[:] = probe = chirp(memory.rate_hz)
    taps = np.zeros((memory.mic.tap.capacity, MIC_TAP_WIDTH), np.float32)
    memory.mic.tap.pull(taps)
    memory.mic.set_tap(True)
    time.sleep(0.1)
    memory.mic.play_probe()
    time.sleep(LISTEN_S)
    memory.mic.set_tap(False)
    n = memory.mic.tap.pull(taps)
    dry, wet = find_chirp(taps[:n, 0], probe), find_chirp(taps[:n, 2], probe)
    assert dry is not None
    assert wet is not None
    return wet - dry


@pytest.mark.usefixtures("jack")
def test_the_chain_adds_what_it_declares() -> None:
    with session() as live:
        connect_loop()
        live.mic.set_mute(True)
        assert abs(wet_lag_frames(live.memory)) < 0.01
        settings = [EffectSetting(name, wet=kind.default_wet)
                    for name, kind in KINDS.items()]  # fmt: skip
        plan = live.mic.set_chain(settings)
        assert live.mic.latency().chain_s * 48_000 == pytest.approx(plan.latency_frames)
        time.sleep(0.5)
        # Filters turn the phase a little: the chirp's middle moves by less than a frame or two.
        assert abs(wet_lag_frames(live.memory) - plan.latency_frames) < 2.0
        ahead = [name for name, kind in KINDS.items() if kind.latency_frames(48_000) == 0]
        plan = live.mic.set_chain([EffectSetting(name, wet=0.3) for name in ahead])
        assert plan.latency_frames == 0
        time.sleep(0.5)
        assert abs(wet_lag_frames(live.memory)) < 2.0


@pytest.mark.usefixtures("jack")
def test_no_loop_is_one_line() -> None:
    with session() as live, pytest.raises(DeviceError, match="no chirp came back: connect an output"):
        live.mic.measure_latency()


@pytest.mark.usefixtures("jack")
def test_the_voice_runs_and_is_recorded_while_the_gil_is_held(tmp_path: Path) -> None:
    with session() as live:
        live.mic.set_chain([EffectSetting("high_pass")])
        recorder = live.mic.record(TakeRequest(tmp_path))
        time.sleep(0.5)
        before = live.memory.read_counters()
        with gil_load("sort"):
            time.sleep(3.0)
            after = live.memory.read_counters()
        recorder.stop()
    assert recorder.lost_frames == 0
    assert soundfile.info(recorder.paths["wet"]).frames > after.frames - before.frames
    assert after.callbacks - before.callbacks > 0.9 * 3.0 * 48_000 / 128
    assert after.mic_lost_frames == after.starved_frames == 0


@pytest.mark.usefixtures("jack")
def test_devices_measures_through_a_loop(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*CHARON, "devices", "--measure-latency", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    connect_loop(60.0)
    out, err = process.communicate(timeout=60.0)
    assert process.returncode == 0, err
    result = json.loads(out)
    block = result["block_frames"]
    assert block == 128
    assert abs(result["measured_roundtrip_frames"] - result["reported_roundtrip_frames"]) <= block


@pytest.mark.usefixtures("jack")
def test_live_reports_and_records(tmp_path: Path) -> None:
    done = subprocess.run(
        [*CHARON, "live", "--seconds", "1.5", "--record", str(tmp_path / "voice.wav"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["sample_rate_hz"] == 48_000
    assert result["measured_roundtrip_ms"] is None
    assert result["recording"] == [str(tmp_path / f"voice ({kind}).wav") for kind in ("dry", "wet")]
    seconds = soundfile.info(result["recording"][0]).frames / 48_000
    assert seconds == pytest.approx(result["recorded_s"], abs=0.001)
    assert seconds > 1.0
    assert read_take(tmp_path / "voice.take").head.latency_frames == 128 + 64


SETTLE_S = 5.0
"""The bridge finds the clocks' ratio within this time; until then it runs some hundred ppm off."""


def test_a_mic_on_another_device_is_bridged(tmp_path: Path) -> None:
    with jack_server(f"charon-{os.getpid()}"), metronome():
        rescan_devices()
        with LiveSession(portaudio_opener(StreamRequest()), MicChoice("metro")) as live:
            assert live.stream is not None
            assert live.stream.input_channels == 0
            time.sleep(SETTLE_S)
            recorder = live.mic.record(TakeRequest(tmp_path, ("dry",)))
            time.sleep(3.0)
            recorder.stop()
            counters = live.memory.read_counters()
            assert 0.002 < live.mic.latency().input_s < 0.05
        sounddevice._terminate()
    sounddevice._initialize()
    assert counters.mic_starved_frames == 0
    voice = soundfile.read(recorder.paths["dry"], dtype="float32")[0]
    starts = np.flatnonzero(np.abs(voice) > 0.05)
    starts = starts[np.diff(starts, prepend=-48_000) > 4_800]
    assert len(starts) >= 5
    # The two devices share JACK's clock, so nothing drifts. Whole cycles are lost to both of them while other
    # programs take the processor; that is the server's doing, and the bridge adds nothing to it.
    off = np.abs(np.diff(starts) - 24_000) % 128
    assert np.median(np.minimum(off, 128 - off)) <= 3


def test_a_mic_that_goes_away_is_silence_and_is_taken_again() -> None:
    notices: list[str] = []
    with jack_server(f"charon-{os.getpid()}"), metronome():
        rescan_devices()
        opener = portaudio_opener(StreamRequest())
        with LiveSession(opener, MicChoice("metro"), on_notice=notices.append) as live:
            companion = live._output.companion
            assert companion is not None
            assert companion._stream is not None
            time.sleep(0.5)
            before = live.memory.read_counters().callbacks
            # What a driver does whose hardware was pulled: the stream ends, the output's goes on.
            companion._stream.close()
            deadline_s = time.monotonic() + 10.0
            while len(notices) < 2 and time.monotonic() < deadline_s:
                time.sleep(0.05)
            time.sleep(1.0)
            meters = live.memory.read_meters()
            assert meters is not None
            assert max(meters.mic_in.peak_db) > -40.0
            assert live.memory.read_counters().callbacks - before > 375
        sounddevice._terminate()
    sounddevice._initialize()
    assert "metro' went away: waiting" in notices[0]
    assert notices[1].endswith("metro' is back")


@pytest.mark.usefixtures("jack")
def test_live_refuses_nonsense_in_one_line(tmp_path: Path) -> None:
    for arguments, words in (
        (["--preset", "Kazoo choir"], "there is no preset"),
        (["--input", "Kazoo"], "'Kazoo' is not an input here"),
        (["--device", "Kazoo"], "'Kazoo' is not an output here"),
        (["--separate", "spleeter-2stems", "--source-device", "Kazoo"], "'Kazoo' is not an input here"),
        (["--separate", "spleeter-2stems", "--source", "64"], "there is no 64: choose a lower one"),
    ):
        done = subprocess.run([*CHARON, "live", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert words in done.stderr


def test_a_server_that_dies_and_returns_leaves_the_recording_whole(tmp_path: Path) -> None:
    # Always the same name: JACK keeps the entry of a killed server, and has room for eight.
    with jack_server("charon-gone") as server:
        singer = subprocess.Popen(
            [*CHARON, "live", "--seconds", "9", "--record", str(tmp_path / "voice"), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        connect_loop(60.0)
        dry = tmp_path / "voice (dry).wav"
        deadline_s = time.monotonic() + 10.0
        while not (dry.exists() and soundfile.info(dry).frames > 48_000) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        server.kill()
        server.wait()
        time.sleep(2.5)
        frames = soundfile.info(dry).frames
        assert frames > 48_000
    with jack_server("charon-gone"):
        out, err = singer.communicate(timeout=60.0)
    assert singer.returncode == 0, err
    assert "went away" in err
    assert "the mic is back on" in err
    result = json.loads(out)
    assert result["recording_failure"] is None
    assert soundfile.info(dry).frames / 48_000 == pytest.approx(result["recorded_s"], abs=0.001)
    assert soundfile.info(dry).frames > frames + 24_000
    # The loop was silent and the dummy's input is: whatever else is heard came from the loss.
    assert not np.any(soundfile.read(dry)[0])


def test_a_denoiser_and_stems_of_the_input_come_and_go() -> None:
    home = default_home()
    ModelStore(home.models, home.cards).get("rnnoise")
    with own_server(128), session() as live:
        bare_s = live.mic.latency().round_trip_s
        live.mic.set_denoiser("rnnoise")
        deadline_s = time.monotonic() + 30.0
        while (state := live.mic.denoising) is None or not state.ready:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        assert 0.03 < live.mic.latency().round_trip_s - bare_s < 0.06
        with pytest.raises(ModelError, match="spleeter-2stems"):
            live.mic.set_denoiser("spleeter-2stems")
        assert live.mic.denoising is not None
        live.mic.set_denoiser(None)
        assert live.mic.denoising is None
        assert live.mic.latency().round_trip_s == bare_s
        stems = live.separate(home, "spleeter-2stems", "tight")
        while not stems.state.ready:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        assert 0.15 < stems.state.latency_s < 0.21
        live.stop_separating()
        assert live.separation is None
        assert live.stream is not None
