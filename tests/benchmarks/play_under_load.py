"""Play a song on a real device while another thread sorts and the worker is killed, and compare.

    python -m tests.benchmarks.play_under_load SONG [--seconds 120] [--kills 2]

Prints one JSON object: what `charon play --json` prints, xruns of the same device left idle for the
same time, without the sort and beside it (`sort_only_xruns`: what the machine does to any client), how
long the worker took to come back after each kill, and how far the captured output is from the original
(in dB below it), resampled by the kernel that separation uses.
"""

import argparse
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from app.cli.bench_realtime import gil_load
from app.cli.play import describe
from engine.io.decode import read_song
from engine.io.device import StreamRequest, portaudio_opener
from engine.io.home import Home
from engine.kernels.resample import design, resample_frames
from engine.services.playback import Playback
from engine.units import energy_ratio_db

CAPTURE_CHUNK = 65_536


class Capture:
    """Collects what a tap ring receives, on a thread of its own."""

    def __init__(self, playback: Playback) -> None:
        self._ring = playback.memory.taps[0]
        # Compiled before it is needed: under a held GIL that would take longer than the ring lasts.
        self._ring.pull(np.zeros((1, 2), np.float32))
        playback.memory.set_tap(0, True)
        self._parts: list[np.ndarray] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        chunk = np.zeros((CAPTURE_CHUNK, 2), np.float32)
        while not self._stop.is_set():
            n = self._ring.pull(chunk)
            if n:
                self._parts.append(chunk[:n].copy())
            time.sleep(0.05)

    def finish(self) -> np.ndarray:
        """Everything so far, shape (2, frames)."""
        self._stop.set()
        self._thread.join()
        return np.concatenate(self._parts).T if self._parts else np.zeros((2, 0), np.float32)


def error_db(captured: np.ndarray, song: Path, rate_hz: int, start_s: float = 0.0) -> float:
    """How far the captured sound is from the song, in dB relative to the song; the fade-in is left out."""
    original, song_hz = read_song(song)
    filter_ = design(song_hz, rate_hz)
    n = min(captured.shape[1], original.shape[1] * rate_hz // song_hz)
    reference = np.zeros((2, n), np.float32)
    first = int(start_s * rate_hz)
    resample_frames(original, 0, filter_, first, reference)
    if filter_.up == filter_.down:
        reference = original[:, first : first + n]
    probe = slice(rate_hz, 2 * rate_hz)
    size = 1 << int(np.ceil(np.log2(captured.shape[1] + rate_hz)))
    spectrum = np.fft.rfft(captured[0], size) * np.conj(np.fft.rfft(reference[0, probe], size))
    lag = int(np.argmax(np.fft.irfft(spectrum, size)[: captured.shape[1]])) - probe.start
    usable = min(reference.shape[1], captured.shape[1] - lag) - 1000
    a, b = max(0, -lag) + 1000, usable
    return -energy_ratio_db(reference[:, a:b], captured[:, a + lag : b + lag] - reference[:, a:b])


def _kill_worker(playback: Playback) -> float:
    """Kill the worker; returns the seconds until another one has announced itself."""
    pid = playback.worker_pid
    assert pid is not None
    playback.forget_worker_ready()
    os.kill(pid, signal.SIGKILL)
    began_s = time.monotonic()
    playback.wait_until_warm(30.0)
    return time.monotonic() - began_s


def idle_xruns(request: StreamRequest, home: Home | None, seconds: float, load: str) -> tuple[int, int]:
    """Xruns and callbacks of a device on silence."""
    with Playback(portaudio_opener(request), home) as playback:
        playback.wait_until_warm()
        with gil_load(load):
            before = playback.memory.read_counters()
            time.sleep(seconds)
            after = playback.memory.read_counters()
    return after.xruns - before.xruns, after.callbacks - before.callbacks


def run(
    song: Path, seconds: float, kills: int, home: Home | None = None, load: str = "sort"
) -> dict[str, Any]:
    """One loaded run; see the module's text for what it returns."""
    request = StreamRequest()
    with Playback(portaudio_opener(request), home) as playback:
        playback.wait_until_warm()
        capture = Capture(playback)
        back_after_s: list[float] = []
        before = playback.memory.read_counters()
        with gil_load(load):
            playback.play(song)
            for k in range(kills):
                time.sleep(min(2.0 + 3.0 * k, seconds / (kills + 1)))
                back_after_s.append(_kill_worker(playback))
            while (first := playback.first_sound_s()) is None or (
                time.monotonic() - playback.play_called_s - first < seconds
            ):
                time.sleep(0.1)
                if playback.status().ended:
                    break
        result = describe(playback, time.monotonic() - playback.play_called_s)
        captured = capture.finish()
        result["xruns"] -= before.xruns
        result["tap_lost_frames"] = playback.memory.read_counters().tap_lost_frames
        result["worker_back_after_s"] = back_after_s
        result["captured_s"] = captured.shape[1] / playback.stream.rate_hz
        result["output_error_db"] = error_db(captured, song, playback.stream.rate_hz)
    return result


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("song", type=Path)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--kills", type=int, default=2)
    arguments = parser.parse_args()
    idle, callbacks = idle_xruns(StreamRequest(), None, arguments.seconds, "none")
    sort_only, _ = idle_xruns(StreamRequest(), None, arguments.seconds, "sort")
    result = run(arguments.song, arguments.seconds, arguments.kills)
    result["idle_xruns"], result["idle_callbacks"] = idle, callbacks
    result["sort_only_xruns"] = sort_only
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
