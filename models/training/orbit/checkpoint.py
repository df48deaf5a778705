"""Everything that a run needs to go on as if it had never stopped, in one file an epoch.

Training process. A file is written beside its place and moved there, so a run that is killed while it writes
has its last checkpoint still.
"""

import os
import pickle
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import CharonError

FOLDER = "checkpoints"
FORMAT = 1
# What torch's reader raises on bytes that are no checkpoint depends on where they go wrong.
_UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    pickle.UnpicklingError,
)
_NAME = re.compile(r"epoch-(\d{4,})\.pt")


class CheckpointError(CharonError):
    """A run cannot go on from its checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """State after a whole epoch; drawing stretches needs none, as each epoch has a seed of its own.

    Attributes
    ----------
    epoch : int
        Epochs done.
    identity : dict
        What must be the same in the run that goes on: seed, songs, kind of surrogate.
    state : dict
        State dicts of everything that learns, by name.
    history : list of dict
        Records of the epochs.
    """

    epoch: int
    identity: dict[str, Any]
    state: dict[str, Any]
    history: list[dict[str, Any]]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `folder`/checkpoints/epoch-0010.pt, durable before its name is.

    Returns
    -------
    Path
        The file.
    """
    path = folder / FOLDER / f"epoch-{checkpoint.epoch:04d}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        torch.save({"format": FORMAT, **vars(checkpoint)}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return path


def newest_checkpoint(folder: Path) -> Path | None:
    """The one with the most epochs."""
    found = [(int(m[1]), p) for p in (folder / FOLDER).glob("*.pt") if (m := _NAME.fullmatch(p.name))]
    return max(found)[1] if found else None


def read_checkpoint(path: Path, identity: dict[str, Any]) -> Checkpoint:
    """Read a checkpoint of the same run.

    Raises
    ------
    CheckpointError
        It cannot be read, or belongs to another run.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of another kind, which are refused
            # Values only: a checkpoint from somebody else must not be able to run code.
            kept = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as err:
        raise CheckpointError(f"{path} cannot be read: remove it, and the one before is used") from err
    if not isinstance(kept, dict) or kept.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path} is of another version of Charon: train without --resume")
    checkpoint = Checkpoint(**kept)
    for name, value in identity.items():
        if checkpoint.identity.get(name) != value:
            raise CheckpointError(
                f"{path.parent.parent} was trained with another {name} ({checkpoint.identity.get(name)}, now "
                f"{value}): name the same, or train without --resume"
            )
    return checkpoint


def set_aside(folder: Path, name: str) -> None:
    """Rename `folder`/`name` of an earlier run to name-1, name-2, ...: nothing is lost, nothing is mixed."""
    old = folder / name
    if not old.exists():
        return
    n = 1
    while (folder / f"{name}-{n}").exists():
        n += 1
    old.rename(folder / f"{name}-{n}")
