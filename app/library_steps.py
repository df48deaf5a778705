"""What must be inserted and removed to make one list of songs into another.

Pure; runs on a job's thread. A scan adds a few songs a second to a list of many thousands: told as few
small steps, the list keeps its place, its selection and what is under the pointer.
"""

from dataclasses import dataclass

import numpy as np

from engine.units import I64

MOST_STEPS = 48
"""More than this is quicker shown as another list."""


@dataclass(frozen=True, slots=True)
class Step:
    """Rows `first` to `last` come in or go; later steps count from what the earlier ones left.

    Parameters
    ----------
    first, last : int
        Both included.
    ids : int64 array or None
        The songs that come in; None when the rows go.
    """

    first: int
    last: int
    ids: I64 | None


def steps_between(before: I64, after: I64) -> tuple[Step, ...] | None:
    """How one list becomes the other.

    Parameters
    ----------
    before, after : int64 array, shape (songs,)
        Numbers of songs, each once.

    Returns
    -------
    tuple of Step, or None
        In the order in which they are carried out; None when the order changed, or too many are needed.
    """
    stays, known = np.isin(before, after), np.isin(after, before)
    if not np.array_equal(before[stays], after[known]):
        return None
    gone, new = _runs(~stays), _runs(~known)
    if len(gone) + len(new) > MOST_STEPS:
        return None
    # Removed from the end, so that the rows before keep their numbers; inserted from the start.
    steps = [Step(first, last, None) for first, last in reversed(gone)]
    steps += [Step(first, last, after[first : last + 1]) for first, last in new]
    return tuple(steps)


def _runs(chosen: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> list[tuple[int, int]]:
    """First and last place of every run of True."""
    edges = np.flatnonzero(np.diff(chosen.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(stop) - 1) for first, stop in edges.reshape(-1, 2)]
