"""A home with small models, songs of noise, and the real command line in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from engine.inference.model_store import ModelStore
from engine.io.home import Home
from engine.units import F32
from tests.inference.graphs import gains_model, nan_model, slow_model

REPOSITORY = Path(__file__).parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"
QUARTER_FRAMES = 16_384


@dataclass(frozen=True)
class Told:
    """What a run of the command line left behind."""

    code: int
    out: str
    err: str

    @property
    def songs(self) -> list[dict[str, Any]]:
        return json.loads(self.out)["songs"]

    @property
    def error_lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("charon: error:")]

    @property
    def warning_lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("charon: warning:")]


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Home:
    """Models: `quarter` (vocals are the song / 4), `halves` (16 kHz inside), `slow`, `not-a-number`."""
    folder = tmp_path_factory.mktemp("home")
    home = Home(folder)
    store = ModelStore(home.models, home.cards)
    stems = {"stems": "vocals,accompaniment", "residual_stem": "accompaniment"}
    store.add_file(gains_model(folder / "quarter.onnx", [0.25, 0.5], QUARTER_FRAMES, **stems))
    store.add_file(gains_model(folder / "halves.onnx", [0.5, 0.25], 8192, rate_hz="16000", **stems))
    store.add_file(slow_model(folder / "slow.onnx", [0.25, 0.5], 2 * 44_100, 100, **stems))
    store.add_file(nan_model(folder / "not-a-number.onnx", QUARTER_FRAMES))
    return home


def environment(home: Home) -> dict[str, str]:
    return {**os.environ, "CHARON_HOME": str(home.root)}


def command_line(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "app", *map(str, arguments)]


@pytest.fixture
def charon(home: Home, tmp_path: Path) -> Callable[..., Told]:
    """Run `charon ARGUMENTS` in the test's folder."""

    def run(*arguments: object, before: Sequence[str] = (), home_root: Path | None = None) -> Told:
        done = subprocess.run(
            [*before, *command_line(*arguments)],
            cwd=tmp_path,
            env={**environment(Home(home_root or home.root)), "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Told(done.returncode, done.stdout, done.stderr)

    return run


def noise(n_frames: int, channels: int = 2, seed: int = 0) -> F32:
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, n_frames))).astype(np.float32)


def write_song(path: Path, x: F32, rate_hz: int = 44_100, subtype: str | None = "FLOAT") -> Path:
    soundfile.write(path, x.T, rate_hz, subtype=subtype)
    return path


def read_files(stems: dict[str, str]) -> dict[str, F32]:
    return {name: soundfile.read(path, dtype="float32", always_2d=True)[0].T for name, path in stems.items()}
