"""A little music that is made here, and networks that have learned enough to be checked."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models.training.orbit.order import Order
from models.training.orbit.songs import Song, listen
from models.training.orbit.surrogate import Surrogate, SurrogateCheck, fit_surrogate

REPOSITORY = Path(__file__).parents[2]
RATE_HZ = 48_000
SONG_S = 14.0
SURROGATE_STEPS = 400


# As in a run.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _torch_as_it_was() -> Iterator[None]:
    """A run asks torch for determinism, for its whole process."""
    yield
    torch.use_deterministic_algorithms(False)


def make_song(path: Path, seed: int, seconds: float = SONG_S) -> Path:
    """Notes of changing loudness and brightness, with a click on every beat."""
    rng = np.random.default_rng(seed)
    n_frames = int(seconds * RATE_HZ)
    t = np.arange(n_frames) / RATE_HZ
    note = np.floor(t * 2.0).astype(int)
    pitch_hz = rng.choice([220.0, 277.2, 329.6, 440.0, 554.4], note.max() + 1)[note]
    loudness = rng.uniform(0.02, 0.4, note.max() + 1)[note] * np.exp(-3.0 * (t * 2.0 - note))
    sound = loudness * np.sin(2 * np.pi * pitch_hz * t)
    bright = rng.uniform(0.0, 0.5, note.max() + 1)[note]
    sound += bright * loudness * np.sin(2 * np.pi * 7.0 * pitch_hz * t)
    sound += 0.2 * rng.standard_normal(n_frames) * np.exp(-40.0 * ((t * 2.0) % 1.0))
    soundfile.write(path, sound.astype(np.float32), RATE_HZ)
    return path


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two songs."""
    folder = tmp_path_factory.mktemp("music")
    for seed in range(2):
        make_song(folder / f"song-{seed}.wav", seed)
    return folder


@pytest.fixture(scope="session")
def songs(music: Path) -> tuple[Song, ...]:
    return tuple(listen(path) for path in sorted(music.iterdir()))


@pytest.fixture(scope="session")
def fitted() -> tuple[Surrogate, SurrogateCheck]:
    return fit_surrogate(0, SURROGATE_STEPS, lambda _n: None)


def order_of(music: Path, out: Path, **values: object) -> Order:
    """A run of seconds."""
    return Order(**({"data": (music,), "out": out, "epochs": 2, "surrogate_steps": 20} | values))


def run_training(*words: object, progress: str = "json") -> "subprocess.Popen[str]":
    """The training's own process."""
    return subprocess.Popen(
        [sys.executable, "-m", "models.training.orbit", *map(str, words), "--progress", progress],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(lines: Sequence[str]) -> list[dict]:
    """The events of a run."""
    return [json.loads(line) for line in lines]
