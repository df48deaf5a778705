"""Analysers for scans under test: faster than the real one, or dying in ways that songs cannot be made to."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.io.decode import read_song
from engine.units import F32

ANALYSIS_VERSION = 1


@dataclass(frozen=True)
class Print:
    numbers: F32

    def to_array(self) -> F32:
        return self.numbers


@dataclass(frozen=True)
class Heard:
    duration_s: float
    rate_hz: int
    channels: int
    tempo_bpm: float | None
    key: str | None
    lufs: float | None
    fingerprint: Print
    portrait: None = None

    def to_dict(self) -> dict[str, Any]:
        return {"tempo_bpm": self.tempo_bpm, "fingerprint": self.fingerprint.numbers.tolist()}


def quick(path: Path, threads: int | None = None) -> Heard:
    """Moments of the samples in place of a fingerprint."""
    del threads
    x, rate_hz = read_song(path)
    numbers = np.array([x.mean(), x.std(), np.abs(x).max(), *np.zeros(22)], np.float32)
    return Heard(x.shape[1] / rate_hz, rate_hz, 2, 120.0, "A minor", -14.0, Print(numbers))


def slow(path: Path, threads: int | None = None) -> Heard:
    time.sleep(0.15)
    return quick(path, threads)


def deadly(path: Path, threads: int | None = None) -> Heard:
    """What a decoder that overwrites memory does."""
    if "deadly" in path.name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "odd" in path.name:
        return 1 // 0
    return quick(path, threads)


def not_a_number(path: Path, threads: int | None = None) -> Heard:
    heard = quick(path, threads)
    if "nan" in path.name:
        heard.fingerprint.numbers[3] = np.nan
    if "infinite" in path.name:
        return Heard(**{**vars(heard), "lufs": float("-inf")})
    return heard


@contextmanager
def dying_workshop() -> Iterator[Callable[[int, object], int]]:
    """A process that is killed whatever it is given."""
    yield lambda _item, _report: os.kill(os.getpid(), signal.SIGKILL) or 0
