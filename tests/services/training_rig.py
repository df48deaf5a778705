"""What tests of training share: a stand-in program, a little music, a wait with an end."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import soundfile
from onnx import helper

from engine.services.training_report import TrainingStatus
from engine.services.training_run import TrainingOrder, TrainingRun
from tests.inference.graphs import save

STAND_IN = Path(__file__).with_name("stand_in_training.py")


def program(manner: str = "good", *, epoch_s: float = 0.02, network: Path | None = None) -> tuple[str, ...]:
    words = [sys.executable, str(STAND_IN), "--manner", manner, "--epoch-s", str(epoch_s)]
    return tuple(words if network is None else [*words, "--network", str(network)])


def music(folder: Path) -> Path:
    """A folder with a song of a second."""
    folder.mkdir(parents=True, exist_ok=True)
    t = np.arange(48_000) / 48_000
    soundfile.write(folder / "song.wav", 0.2 * np.sin(2 * np.pi * 330 * t), 48_000)
    return folder


def order(folder: Path, **values: object) -> TrainingOrder:
    return TrainingOrder((music(folder / "music"),), **({"epochs": 3} | values))


def control_network(path: Path, n_inputs: int = 60, n_outputs: int = 9, seed: int = 0) -> Path:
    """One layer of random weights, its answers 0 to 1."""
    weights = np.random.default_rng(seed).normal(0, 0.1, (n_inputs, n_outputs)).astype(np.float32)
    return save(
        path,
        [
            helper.make_node("MatMul", ["input", "weights"], ["sum"]),
            helper.make_node("Sigmoid", ["sum"], ["output"]),
        ],
        {"input": (1, n_inputs)},
        {"output": (1, n_outputs)},
        {"weights": weights},
    )


def wait_for(true: Callable[[], object], within_s: float = 20.0) -> None:
    by_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < by_s, "it did not come"
        time.sleep(0.01)


def ended(run: TrainingRun) -> TrainingStatus:
    """The status once the process has gone."""
    wait_for(lambda: run.pid is None)
    return run.status()


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be buried does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
