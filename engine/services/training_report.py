"""What a training has said so far: its lines of JSON become one value that a page or a panel shows.

Pure: no process, no thread. `engine.services.training_run` feeds it the lines of the child, in order.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

Phase = Literal["idle", "running", "stopping", "done", "failed"]
TOTAL = "total"
"""The part of a loss that is drawn: the weighted sum of all others."""


@dataclass(frozen=True, slots=True)
class EpochLoss:
    """The losses of one epoch.

    Parameters
    ----------
    epoch : int
        From 1.
    loss, validation : dict of str to float or None
        Means over the training and the validation split, by part; `total` is their weighted sum. None is
        a number that was not finite.
    wall_s : float
        How long the epoch took.
    """

    epoch: int
    loss: dict[str, float | None]
    validation: dict[str, float | None]
    wall_s: float


@dataclass(frozen=True, slots=True)
class TrainingStatus:
    """A training at one moment.

    Parameters
    ----------
    status : str
        `idle` (none was started, or it was stopped), `running`, `stopping`, `done` or `failed`.
    progress : float
        Finished part, 0 to 1.
    current_epoch, total_epochs : int
        The epoch that is being worked on, from 1; 0 before the first and while none is known.
    loss_history : tuple of EpochLoss
        Of every finished epoch, oldest first.
    error : str or None
        Why it failed, in one line.
    batch_loss : float or None
        The newest batch's.
    left_s : float or None
        Seconds to the end at the speed so far; None while that cannot be told.
    folder : Path or None
        Where checkpoints, history and network of this training are.
    model : Path or None
        The finished network.
    network : str or None
        What it is called among the control networks.
    """

    status: Phase = "idle"
    progress: float = 0.0
    current_epoch: int = 0
    total_epochs: int = 0
    loss_history: tuple[EpochLoss, ...] = ()
    error: str | None = None
    batch_loss: float | None = None
    left_s: float | None = None
    folder: Path | None = None
    model: Path | None = None
    network: str | None = None


def fold(status: TrainingStatus, event: object) -> TrainingStatus:
    """The status after one more line of the training.

    Parameters
    ----------
    status : TrainingStatus
    event : object
        A decoded line; anything that is no event of the protocol changes nothing.

    Returns
    -------
    TrainingStatus
        `status` itself where nothing changed.
    """
    if not isinstance(event, dict):
        return status
    values = cast("dict[str, Any]", event)
    folded = _FOLDS.get(str(values.get("event")))
    try:
        return status if folded is None else folded(status, values)
    except (KeyError, TypeError, ValueError, OverflowError):
        return status


def _fold_start(status: TrainingStatus, event: Mapping[str, Any]) -> TrainingStatus:
    return replace(status, total_epochs=max(0, int(event["total_epochs"])))


def _fold_batch(status: TrainingStatus, event: Mapping[str, Any]) -> TrainingStatus:
    epoch, n_batches = int(event["epoch"]), max(1, int(event["n_batches"]))
    part = min(1.0, max(0.0, int(event["batch"]) / n_batches))
    return replace(
        status,
        current_epoch=epoch,
        progress=_progress(epoch - 1 + part, status.total_epochs),
        batch_loss=_number(event["loss"]),
    )


def _fold_epoch(status: TrainingStatus, event: Mapping[str, Any]) -> TrainingStatus:
    epoch, total = int(event["epoch"]), int(event["total_epochs"])
    seconds = _number(event.get("wall_s")) or 0.0
    done = EpochLoss(epoch, _numbers(event["loss"]), _numbers(event["validation"]), seconds)
    # A resumed training begins where its checkpoint was, and may tell an epoch a second time.
    kept = tuple(earlier for earlier in status.loss_history if earlier.epoch < epoch)
    return replace(
        status,
        current_epoch=epoch,
        total_epochs=total,
        progress=_progress(epoch, total),
        loss_history=(*kept, done),
    )


def _fold_done(status: TrainingStatus, event: Mapping[str, Any]) -> TrainingStatus:
    model = Path(str(event["model"]))
    if not model.is_absolute() and status.folder is not None:
        model = status.folder / model
    return replace(status, model=model)


def _fold_error(status: TrainingStatus, event: Mapping[str, Any]) -> TrainingStatus:
    return replace(status, error=" ".join(str(event["message"]).split()))


_FOLDS = {
    "start": _fold_start,
    "batch": _fold_batch,
    "epoch": _fold_epoch,
    "done": _fold_done,
    "error": _fold_error,
}


def _progress(epochs: float, total: int) -> float:
    return min(1.0, max(0.0, epochs / total)) if total > 0 else 0.0


def _number(value: object) -> float | None:
    """A finite number; JSON, and so the page, has no other."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _numbers(value: object) -> dict[str, float | None]:
    if isinstance(value, dict):
        return {str(name): _number(part) for name, part in cast("dict[str, Any]", value).items()}
    return {TOTAL: _number(value)}
