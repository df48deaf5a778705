"""Real PortAudio streams on JACK's dummy driver, and machines without sound."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app.cli.bench_realtime import run_compiled, run_python
from engine.errors import DeviceError
from engine.io.device import (
    PortAudioOutput,
    StreamRequest,
    find_output,
    list_devices,
)
from engine.realtime.callback import compile_callback
from engine.realtime.memory import EngineMemory
from tests.realtime.jack import jack_server

CHARON = [sys.executable, "-m", "app"]


@pytest.fixture
def silent_machine() -> dict[str, str]:
    """Environment without a JACK server; with no sound card beside it there is no device at all."""
    return {**os.environ, "JACK_DEFAULT_SERVER": "nobody", "JACK_NO_START_SERVER": "1"}


def open_stream(request: StreamRequest) -> PortAudioOutput:
    callback = compile_callback()
    memory = EngineMemory()
    stream = PortAudioOutput(callback.address, memory.userdata_address, request)
    stream.keep = (callback, memory)  # type: ignore[attr-defined]
    return stream


@pytest.mark.usefixtures("jack")
def test_lists_the_device_with_its_rate() -> None:
    device = find_output(None)
    assert device.host_api == "JACK Audio Connection Kit"
    assert device.default_rate_hz == 48_000
    assert device in list_devices()
    assert find_output(str(device.index)) == device


@pytest.mark.usefixtures("jack")
def test_refused_rate_is_one_line_with_the_rate_that_works() -> None:
    with pytest.raises(DeviceError, match=r"refuses 44100 Hz; it runs at 48000 Hz"):
        open_stream(StreamRequest(rate_hz=44_100))


@pytest.mark.usefixtures("jack")
def test_unknown_device_names_those_there_are() -> None:
    with pytest.raises(DeviceError, match=r"'Kazoo' is not an output here; choose one of 0 'system'"):
        find_output("Kazoo")


@pytest.mark.usefixtures("jack")
def test_stream_keeps_the_devices_time_and_stops_cleanly() -> None:
    stream = open_stream(StreamRequest(block_frames=128))
    memory = stream.keep[1]  # type: ignore[attr-defined]
    stream.start()
    time.sleep(0.3)
    rates = []
    for _ in range(7):
        first, t0 = memory.read_counters().frames, time.monotonic()
        time.sleep(0.4)
        rates.append((memory.read_counters().frames - first) / (time.monotonic() - t0))
    meters = memory.read_meters()
    assert meters is not None
    assert abs(meters.dac_s - stream.time_s()) < 0.5
    stream.close()
    assert not stream.is_running()
    # The median: other programs may take the processor for one of the windows.
    assert np.median(rates) == pytest.approx(48_000, rel=0.05)


@pytest.mark.usefixtures("jack")
def test_the_callback_runs_while_the_gil_is_held() -> None:
    request = StreamRequest(block_frames=128)
    compiled, _ = run_compiled(request, 3.0, "sort")
    python = run_python(request, 3.0, "sort")
    wanted = 3.0 * 48_000 / 128
    assert compiled.callbacks > 0.9 * wanted
    assert compiled.starved_frames == 0
    assert compiled.p99_us < 0.15 * 128 / 48_000 * 1e6
    assert python.callbacks < 0.5 * wanted, "the load did not hold the GIL, so this test shows nothing"


def test_no_sound_device_is_one_line(silent_machine: dict[str, str], tone: Path) -> None:
    done = subprocess.run(
        [*CHARON, "play", str(tone), "--seconds", "1"],
        env=silent_machine,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "no sound device" in done.stderr


def test_a_device_that_goes_away_is_left_and_reported(tone: Path) -> None:
    # Always the same name: JACK keeps the entry of a killed server, and has room for eight.
    with jack_server("charon-gone") as server:
        player = subprocess.Popen(
            [*CHARON, "play", str(tone), "--seconds", "60", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(8.0)
        assert player.poll() is None
        server.kill()
        out, err = player.communicate(timeout=60.0)
    assert player.returncode == 1
    assert out == ""
    assert "went away" in err
    assert "Traceback" not in err


@pytest.mark.usefixtures("jack")
def test_play_reports_what_it_did(tone: Path) -> None:
    done = subprocess.run(
        [*CHARON, "play", str(tone), "--seconds", "3", "--mute", "vocals", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["seconds_played"] == pytest.approx(3.0, abs=0.3)
    assert result["sample_rate_hz"] == 48_000
    assert result["starved_frames"] == 0
    assert 0.0 < result["first_sound_s"] < 2.0


@pytest.mark.usefixtures("jack")
def test_muting_a_stem_that_the_model_lacks_says_which_there_are(tone: Path) -> None:
    done = subprocess.run(
        [*CHARON, "play", str(tone), "--mute", "tuba"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "choose from drums, bass, other, vocals" in done.stderr
