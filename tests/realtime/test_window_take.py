"""A JACK server killed and started again while the window records: the take is whole, and goes on."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import soundfile

from engine.io.home import default_home
from engine.services.take import read_take
from tests.realtime.jack import connect_loop, jack_server

RATE_HZ = 48_000
LEVEL = 0.1
PIECE_FRAMES = 9_600


class Window:
    """The process, and what it has told so far."""

    def __init__(self, song: Path, home: Path) -> None:
        self.told: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.realtime.window_singer", str(song)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "CHARON_HOME": str(home)},
        )
        self.errors: list[str] = []
        self._threads = [
            threading.Thread(target=self._read, args=(pipe, take), daemon=True)
            for pipe, take in ((self.process.stdout, self._take), (self.process.stderr, self.errors.append))
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _read(pipe: IO[str], take: Callable[[str], None]) -> None:
        with pipe:
            for line in pipe:
                take(line)

    def _take(self, line: str) -> None:
        self.told.append(json.loads(line))

    def wait_for(self, is_it: Callable[[dict[str, Any]], bool], timeout_s: float = 60.0) -> dict[str, Any]:
        """The first thing it tells that is so; what came before is forgotten."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            for number, one in enumerate(self.told):
                if is_it(one):
                    del self.told[: number + 1]
                    return one
            assert self.process.poll() is None, "".join(self.errors)
            time.sleep(0.02)
        raise AssertionError(f"not told within {timeout_s} s: {self.told} {''.join(self.errors)}")

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        if self.process.stdin is not None:
            self.process.stdin.close()


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Forty seconds of noise, which is like itself nowhere else."""
    x = np.random.default_rng(2).uniform(-LEVEL, LEVEL, (40 * RATE_HZ, 1)).astype(np.float32)
    path = tmp_path / "noise.wav"
    soundfile.write(path, x, RATE_HZ, subtype="FLOAT")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of its own, with the default model."""
    root = tmp_path / "home"
    root.mkdir()
    (root / "models").symlink_to(default_home().models)
    return root


@pytest.fixture
def window(song: Path, home: Path) -> Iterator[Callable[[], Window]]:
    made: list[Window] = []

    def make() -> Window:
        made.append(Window(song, home))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_server_that_dies_under_a_recording_window_leaves_the_take_whole(
    window: Callable[[], Window], song: Path
) -> None:
    # Always the same name: JACK keeps the entry of a killed server, and has room for eight.
    with jack_server("charon-gone") as server:
        one = window()
        one.wait_for(lambda told: told.get("recording") is True, 200.0)
        connect_loop(30.0)
        time.sleep(2.0)
        server.kill()
        server.wait()
        one.wait_for(lambda told: told.get("device") is False, 20.0)
        time.sleep(1.0)
        assert one.process.poll() is None
    with jack_server("charon-gone"):
        one.wait_for(lambda told: told.get("device") is True, 30.0)
        connect_loop(30.0)
        time.sleep(2.5)
        one.stop()
        state = one.wait_for(lambda told: "still_recording" in told)
        taken = one.wait_for(lambda told: "log" in told)
        lanes = one.wait_for(lambda told: "lanes" in told)["lanes"]
        assert one.process.wait(30.0) == 0, "".join(one.errors)
    assert state == {"playing": True, "still_recording": True}
    assert taken["failure"] == ""
    log = Path(taken["log"])
    take = read_take(log)
    # Two stretches of the song at the least: before the loss and after it.
    assert sum(passage.song_frame >= 0 for passage in take.passages) >= 2
    for kind in ("dry", "wet"):
        heard, rate_hz = soundfile.read(take.path(kind), dtype="float32", always_2d=True)
        assert rate_hz == RATE_HZ
        assert len(heard) / RATE_HZ == pytest.approx(taken["seconds"], abs=0.1)
        # Sound or silence, never noise.
        assert np.all(np.isfinite(heard))
        assert np.abs(heard).max() < (2.0 * LEVEL if kind == "dry" else 1.0)
    # What came back over the loop lies where the song has it, before the loss and after it.
    dry = soundfile.read(take.path("dry"), dtype="float32")[0]
    original = soundfile.read(song, dtype="float32")[0]
    places = places_of(original, dry)
    assert len(places) > 4
    assert places == sorted(places)
    assert places[-1] - places[0] > 3 * RATE_HZ
    assert len(lanes) == 1
    assert Path(lanes[0]).exists()


def places_of(song: np.ndarray, dry: np.ndarray) -> list[int]:
    """Where each half second of the take lies in the song, frames; what is no part of it is left out."""
    size = 1 << (len(song) + PIECE_FRAMES).bit_length()
    spectrum = np.fft.rfft(song, size)
    places: list[int] = []
    for start in range(0, len(dry) - PIECE_FRAMES, RATE_HZ // 2):
        piece = dry[start : start + PIECE_FRAMES]
        match = np.fft.irfft(spectrum * np.conj(np.fft.rfft(piece, size)), size)[: len(song)]
        best = int(np.argmax(match))
        same = song[best : best + PIECE_FRAMES]
        energies = float(np.sum(piece**2) * np.sum(same**2))
        if energies > 0.0 and match[best] > 0.5 * np.sqrt(energies):
            places.append(best)
    return places
