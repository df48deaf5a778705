"""A training run from songs to the finished file.

Main thread of the training process; one run an output folder. What can be refused is refused before the first
song is rendered.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter

from engine.errors import TrainingError
from models.training.orbit.checkpoint import (
    FOLDER,
    Checkpoint,
    newest_checkpoint,
    read_checkpoint,
    set_aside,
    write_checkpoint,
)
from models.training.orbit.progress import Progress, plain
from models.training.process import Stopped
from models.training.splitter.checks import RENDERED, real_checks, rendered_check
from models.training.splitter.dataset import make_songs, set_name
from models.training.splitter.export import write_network
from models.training.splitter.learner import Learner
from models.training.splitter.network import SplitNetwork
from models.training.splitter.order import HISTORY_NAME, Order
from models.training.splitter.sounds import read_manifest

_TENSORBOARD = "tensorboard"


def train(order: Order, progress: Progress) -> None:
    """Render what is missing, learn, and write the network.

    Parameters
    ----------
    order : Order
    progress : Progress

    Raises
    ------
    CharonError
        Sounds or Spleeter are missing, the folder cannot be written, the checkpoint is another run's.
    Stopped
        A signal came; a checkpoint of the last whole epoch lies in the folder.
    """
    if order.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("there is no CUDA device here; use --device cpu")
    torch.set_num_threads(order.threads)
    order.out.mkdir(parents=True, exist_ok=True)
    run = _Run(order, progress)
    run.prepare()
    run.learn()
    run.finish()


class _Run:
    """One run: its folder, what it knows, and where it is."""

    def __init__(self, order: Order, progress: Progress) -> None:
        self.order = order
        self.progress = progress
        self.identity = {
            "seed": order.seed,
            "songs": f"{set_name(order.seed, order.data, order.sounds)}, {order.songs}",
            "steps": order.steps,
            "steps-an-epoch": order.steps_an_epoch,
            "batch": order.batch,
            "frames": order.frames,
            "precision": order.precision,
        }
        self.history: list[dict[str, Any]] = []
        self.last: Checkpoint | None = None
        self.learner: Learner

    @property
    def n_epochs(self) -> int:
        """Epochs of the whole run."""
        return -(-self.order.steps // self.order.steps_an_epoch)

    def prepare(self) -> None:
        """Render songs, read what judges, and build what learns, anew or from the newest checkpoint."""
        order = self.order
        newest = newest_checkpoint(order.out) if order.resume else None
        if order.resume and newest is None:
            sys.stderr.write(
                f"charon: warning: there is no checkpoint in {order.out}; training begins anew\n"
            )
        if newest is not None:
            self.last = read_checkpoint(newest, self.identity)
            self.history = list(self.last.history)
        else:
            for name in (FOLDER, _TENSORBOARD, HISTORY_NAME):
                set_aside(order.out, name)
        checks = real_checks(order.check, order.check_start_s, order.check_length_s)
        songs = make_songs(
            order.songs_folder or order.out / "songs",
            range(order.songs),
            seed=order.seed,
            data=order.data,
            sounds=order.sounds,
            workers=order.workers,
            told=lambda done, total: self.progress.prepare("songs", done, total),
        )
        checks[RENDERED] = rendered_check(songs[: order.n_kept_out], order.seed)
        self.learner = Learner(order, songs[order.n_kept_out :], checks)
        if self.last is not None:
            self.learner.restore(self.last.state["learner"])

    def learn(self) -> None:
        """Go through the epochs; a stop leaves a checkpoint of the last whole one."""
        first = self.last.epoch + 1 if self.last is not None else 1
        self.progress.start(self.n_epochs, first - 1)
        with _board(self, first) as board:
            try:
                for epoch in range(first, self.n_epochs + 1):
                    if epoch - 1 - self.learner.best_epoch >= self.order.patience_epochs:
                        break
                    self._epoch(epoch, board)
                    if epoch % self.order.checkpoint_epochs == 0:
                        self._keep()
            except (Stopped, KeyboardInterrupt):
                self._keep()
                raise
        self._keep()

    def _epoch(self, epoch: int, board: SummaryWriter) -> None:
        started_s = time.monotonic()
        loss = self.learner.learn(lambda k, n, value: self.progress.batch(epoch, k, n, value))
        validation = self.learner.judge(epoch)
        record = {
            "epoch": epoch,
            "step": self.learner.step,
            "loss": {"total": loss},
            "validation": validation,
            "lows_offsets": self.learner.offsets._asdict(),
            "wall_s": time.monotonic() - started_s,
        }
        board.add_scalar("loss_db", loss, epoch)
        for name, value in validation.items():
            board.add_scalar(f"sdr_db/{name}", value, epoch)
        self.history = [*self.history, record]
        self.last = Checkpoint(epoch, self.identity, {"learner": self.learner.state()}, self.history)
        beside = self.order.out / f"{HISTORY_NAME}.part"
        beside.write_text(
            json.dumps(plain({"format": 1, "epochs": self.history}), indent=1), encoding="utf-8"
        )
        beside.replace(self.order.out / HISTORY_NAME)
        self.progress.epoch(record, self.n_epochs)

    def _keep(self) -> None:
        if self.last is not None:
            write_checkpoint(self.order.out, self.last)

    def finish(self) -> None:
        """Export the best network with what there is to say about it."""
        network = SplitNetwork()
        network.load_state_dict({name: value.cpu() for name, value in self.learner.best.items()})
        order = self.order
        sounds = [] if order.sounds is None else read_manifest()
        best = self.history[self.learner.best_epoch - 1]
        metadata = {
            "training": {
                "steps": self.learner.step,
                "best_epoch": self.learner.best_epoch,
                "batch": order.batch,
                "frames": order.frames,
                "seed": order.seed,
                "songs": order.songs - order.n_kept_out,
                "scores": str(order.data.name) if order.data is not None else "made up",
                "validation": best["validation"],
                "lows_offsets": best.get("lows_offsets"),
                "wall_s": sum(record["wall_s"] for record in self.history),
                "torch": torch.__version__,
            },
            "ingredients": sorted({(sound.package, sound.licence, sound.author) for sound in sounds}),
        }
        self.progress.done(write_network(network, order.out, metadata))


@contextmanager
def _board(run: _Run, first_epoch: int) -> Iterator[SummaryWriter]:
    """Write for TensorBoard; what an earlier run said of epochs that are done again is taken back."""
    board = SummaryWriter(
        str(run.order.out / _TENSORBOARD), purge_step=first_epoch if first_epoch > 1 else None
    )
    try:
        yield board
    finally:
        board.close()
