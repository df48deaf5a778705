"""A training run from songs to an ONNX file, and everything it leaves in its folder.

The main thread of its own process. What it was asked is checked before the first song is read.
"""

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from engine.errors import ParameterError
from engine.kernels.jit import RowPool
from models.training.orbit.checkpoint import (
    FOLDER,
    Checkpoint,
    newest_checkpoint,
    read_checkpoint,
    set_aside,
    write_checkpoint,
)
from models.training.orbit.export import write_network
from models.training.orbit.learner import BATCH, Learner, rule_jerk
from models.training.orbit.network import SteeringNetwork
from models.training.orbit.order import HISTORY_NAME, Order
from models.training.orbit.progress import Progress, plain
from models.training.orbit.scores import Score, mean_score, score_rows, score_song, steer_by_rules
from models.training.orbit.songs import (
    ROWS_PER_S,
    STRETCH_ROWS,
    Song,
    Split,
    dataset_hash,
    find_songs,
    listen_to_all,
    split_songs,
)
from models.training.orbit.surrogate import Surrogate, SurrogateCheck, fit_surrogate
from models.training.process import Stopped

VALIDATION_SHARE = 0.15
CALMER = 0.72
"""Part of the rules' jerk that the network may have."""
IMITATION_SHARE = 0.2
"""Steps of imitating the rules, for one of the surrogate: both come before what is learnt by pictures."""
N_RANDOM = 3
"""Networks that have learnt nothing, for the table."""
_TENSORBOARD = "tensorboard"


def train(order: Order, progress: Progress) -> Path:
    """Train, export, and judge.

    Parameters
    ----------
    order : Order
    progress : Progress

    Returns
    -------
    Path
        The ONNX file in `order.out`.

    Raises
    ------
    ParameterError
        The order cannot be met: no songs, no such device, a folder that cannot be written.
    CheckpointError
        A resume does not fit what is in the folder.
    Stopped
        A signal came; a checkpoint of the last whole epoch is in the folder.
    """
    device = _ready(order)
    paths = find_songs(order.data, order.max_files)
    test_paths = find_songs(order.tests) if order.tests else []
    songs, tests = _listen(paths, test_paths, order, progress)
    split = split_songs(songs, VALIDATION_SHARE, order.seed)
    run = _Run(order, progress, songs, split, device)
    with RowPool(max(1, order.workers)) as threads:
        run.prepare(threads)
        run.learn(threads)
        return run.finish(tests, threads)


def _ready(order: Order) -> torch.device:
    """Everything that can be refused before any work."""
    if order.device == "cuda" and not torch.cuda.is_available():
        raise ParameterError("there is no CUDA device that this torch can use; train with --device cpu")
    try:
        order.out.mkdir(parents=True, exist_ok=True)
        probe = order.out / f".writable-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as err:
        raise ParameterError(f"{order.out} cannot be written ({err.strerror}); choose another --out") from err
    if order.device == "cpu":
        torch.use_deterministic_algorithms(True)
        # More gain nothing on networks this small, sum in another order on another machine, and on a busy one
        # wait for each other: beside eight other processes two threads took twenty times as long.
        torch.set_num_threads(1)
    return torch.device(order.device)


def _listen(
    paths: list[Path], test_paths: list[Path], order: Order, progress: Progress
) -> tuple[tuple[Song, ...], tuple[Song, ...]]:
    """Songs to learn from, and those for the table; no song is both."""
    total = len(paths) + len(test_paths)

    def heard(n_done: int, problem: str | None) -> None:
        if problem is not None:
            sys.stderr.write(f"charon: warning: {' '.join(problem.split())}; it is left out\n")
        progress.prepare("songs", n_done, total)

    tests = listen_to_all(test_paths, order.workers, heard) if test_paths else ()
    songs = listen_to_all(paths, order.workers, lambda n, problem: heard(len(test_paths) + n, problem))
    kept = {song.sha256 for song in tests}
    songs = tuple(song for song in songs if song.sha256 not in kept)
    if not songs:
        raise ParameterError("every song of --data is among --test; nothing is left to learn from")
    return songs, tests


class _Run:
    """One run: its folder, what it knows, and where it is."""

    def __init__(
        self, order: Order, progress: Progress, songs: tuple[Song, ...], split: Split, device: torch.device
    ) -> None:
        self.order = order
        self.progress = progress
        self.songs = songs
        self.split = split
        self.device = device
        self.identity = {
            "seed": order.seed,
            "songs": dataset_hash(songs),
            "surrogate-steps": order.surrogate_steps,
            "patience-epochs": order.patience_epochs,
        }
        self.history: list[dict[str, Any]] = []
        self.last: Checkpoint | None = None
        self.learner: Learner
        self.surrogate: Surrogate
        self.check: SurrogateCheck
        self.jerk_bound = 0.0

    def prepare(self, threads: RowPool) -> None:
        """Build what learns, anew or from the newest checkpoint."""
        order = self.order
        newest = newest_checkpoint(order.out) if order.resume else None
        if order.resume and newest is None:
            sys.stderr.write(
                f"charon: warning: there is no checkpoint in {order.out}; training begins anew\n"
            )
        if newest is not None:
            self.last = read_checkpoint(newest, self.identity)
            kept = self.last.state
            self.surrogate = Surrogate()
            self.surrogate.load_state_dict(kept["surrogate"])
            self.surrogate.requires_grad_(False).eval()
            self.check = SurrogateCheck(**kept["check"])
            self.jerk_bound = kept["jerk_bound"]
            self.history = list(self.last.history)
        else:
            for name in (FOLDER, _TENSORBOARD, HISTORY_NAME):
                set_aside(order.out, name)
            self.surrogate, self.check = fit_surrogate(
                order.seed,
                order.surrogate_steps,
                lambda n: self.progress.prepare("surrogate", n, order.surrogate_steps),
                threads,
            )
            self.jerk_bound = CALMER * rule_jerk(self.split.training, order.seed)
        self.learner = Learner(
            self.split, self.surrogate, order.seed, self.device, self.jerk_bound, order.patience_epochs
        )
        if self.last is not None:
            self.learner.restore(self.last.state["learner"])
        else:
            self.learner.imitate_rules(math.ceil(IMITATION_SHARE * order.surrogate_steps))

    def learn(self, threads: RowPool) -> None:
        """Go through the epochs; a stop leaves a checkpoint of the last whole one."""
        first = self.last.epoch + 1 if self.last is not None else 1
        self.progress.start(self.order.epochs, first - 1)
        with _board(self.order.out / _TENSORBOARD, first) as board:
            try:
                for epoch in range(first, self.order.epochs + 1):
                    if self._is_stale():
                        break
                    self._epoch(epoch, board, threads)
                    if epoch % self.order.checkpoint_epochs == 0:
                        self._keep()
            except (Stopped, KeyboardInterrupt):
                self._keep()
                raise
        self._keep()

    def _is_stale(self) -> bool:
        """No better validation for too long."""
        return bool(self.history) and (
            self.history[-1]["epoch"] - self.learner.best_epoch >= self.order.patience_epochs
        )

    def _epoch(self, epoch: int, board: SummaryWriter, threads: RowPool) -> None:
        started_s = time.monotonic()
        rate = self.learner.learning_rate
        loss = self.learner.learn(
            epoch, lambda n, value: self.progress.batch(epoch, n, self.learner.n_batches, value)
        )
        validation = self.learner.judge(epoch, threads)
        record = {
            "epoch": epoch,
            "learning_rate": rate,
            "loss": loss,
            "validation": validation,
            "wall_s": time.monotonic() - started_s,
        }
        for name, value in loss.items():
            board.add_scalar(f"loss/{name}", value, epoch)
        for name, value in validation.items():
            board.add_scalar(f"validation/{name}", value, epoch)
        board.add_scalar("learning_rate", rate, epoch)
        self.history = [*self.history, record]
        state = {
            "learner": self.learner.state(),
            "surrogate": self.surrogate.state_dict(),
            "check": asdict(self.check),
            "jerk_bound": self.jerk_bound,
        }
        self.last = Checkpoint(epoch, self.identity, state, self.history)
        self._write_history()
        self.progress.epoch(record, self.order.epochs)

    def _write_history(self) -> None:
        beside = self.order.out / f"{HISTORY_NAME}.part"
        beside.write_text(
            json.dumps(plain({"format": 1, "epochs": self.history}), indent=1), encoding="utf-8"
        )
        beside.replace(self.order.out / HISTORY_NAME)

    def _keep(self) -> None:
        if self.last is not None:
            write_checkpoint(self.order.out, self.last)

    def finish(self, tests: tuple[Song, ...], threads: RowPool) -> Path:
        """Export the best network, with the table of how it compares."""
        network = SteeringNetwork()
        network.load_state_dict({name: value.cpu() for name, value in self.learner.best.items()})
        judged = tests or self.split.validation
        rows = score_rows(compare(network, judged, threads))
        metadata = {
            "dataset": {
                "sha256": self.identity["songs"],
                "songs": [song.name for song in self.songs],
                "minutes": round(sum(len(song.rows) for song in self.songs) / ROWS_PER_S / 60.0, 1),
            },
            "training": {
                "epochs": len(self.history),
                "best_epoch": self.learner.best_epoch,
                "seed": self.order.seed,
                "batch": BATCH,
                "stretch_rows": STRETCH_ROWS,
                "validation": self.history[self.learner.best_epoch - 1]["validation"],
                "wall_s": sum(record["wall_s"] for record in self.history),
                "surrogate": asdict(self.check),
                "torch": torch.__version__,
            },
            "scores": {
                "songs": [song.name for song in judged],
                "never_seen": bool(tests),
                "rows": rows,
            },
        }
        path = write_network(network, self.order.out, metadata)
        self.progress.done(path)
        return path


def compare(
    network: SteeringNetwork, songs: tuple[Song, ...], threads: RowPool | None = None
) -> dict[str, Score]:
    """Score a network beside the rules and beside networks that have learnt nothing.

    Parameters
    ----------
    network : SteeringNetwork
    songs : tuple of Song
    threads : RowPool or None
        Shares the pictures.
    """

    def steer_by(net: SteeringNetwork) -> Any:
        def steer(seen: Any) -> Any:
            with torch.no_grad():
                return net(torch.from_numpy(np.ascontiguousarray(seen))).double().numpy()

        return steer

    blank = []
    for seed in range(N_RANDOM):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1000 + seed)
            blank.append(SteeringNetwork())
    return {
        "rules": mean_score([score_song(song, steer_by_rules, threads) for song in songs]),
        "random": mean_score([score_song(song, steer_by(net), threads) for net in blank for song in songs]),
        "network": mean_score([score_song(song, steer_by(network), threads) for song in songs]),
    }


@contextmanager
def _board(folder: Path, first_epoch: int) -> Iterator[SummaryWriter]:
    """Write for TensorBoard; what an earlier run said of epochs that are done again is taken back."""
    board = SummaryWriter(str(folder), purge_step=first_epoch if first_epoch > 1 else None)
    try:
        yield board
    finally:
        board.close()
