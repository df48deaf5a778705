"""A mailbox that holds only the newest value: meters, play-head, visuals' state.

One writer that never waits (the device thread, usually), any number of readers that retry when they
looked at the wrong moment. A sequence lock: the counter is odd while values are being written, and
a reader that saw it change throws its copy away. It exists because a queue would make the window
catch up with the past.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.stream.atomics import fence_acquire, fence_release, load_acquire, store_release
from engine.units import I64, AnyArray

SEQ_CELLS = 8
"""The counter has a cache line (8 cells, 64 bytes) of its own; only cell 0 is used."""

READ_ATTEMPTS = 1000
"""Publishing takes well under 1 us, so a reader that loses this often met a dead writer."""


@kernel
def latest_publish(seq: I64, values: AnyArray, new: AnyArray) -> None:
    """Replace the values.

    Parameters
    ----------
    seq : int64 array, shape (>= 1,)
        Even when at rest, odd while written; 0 means never published.
    values : array, shape (n,)
        The mailbox.
    new : array, shape (n,)
        What to publish.

    Notes
    -----
    One writer. Never waits: real-time safe.
    """
    # `| 1` rather than `+ 1`: if a writer died in the middle, its successor heals the mailbox.
    writing = load_acquire(seq, 0) | 1
    store_release(seq, 0, writing)
    fence_release()
    for i in range(values.shape[0]):
        values[i] = new[i]
    store_release(seq, 0, writing + 1)


@kernel
def latest_read(seq: I64, values: AnyArray, out: AnyArray) -> bool:
    """Copy the values once.

    Parameters
    ----------
    seq : int64 array, shape (>= 1,)
    values : array, shape (n,)
    out : array, shape (n,)
        Receives the copy; rubbish when False is returned.

    Returns
    -------
    bool
        False when nothing was ever published or a write was under way: try again.
    """
    before = load_acquire(seq, 0)
    if before == 0 or before & 1:
        return False
    for i in range(values.shape[0]):
        out[i] = values[i]
    fence_acquire()
    return load_acquire(seq, 0) == before


class Latest:
    """A mailbox of `n_values` numbers in its own memory or in a given buffer.

    Parameters
    ----------
    n_values : int, >= 1
    dtype : float64 or int64
        8 bytes each, so that no number is written in two parts.
    buffer : writable buffer or None
        Memory of at least `n_bytes(...)`, aligned to 8 bytes; None allocates.
    fresh : bool
        True starts unpublished; False joins what another side wrote.

    Attributes
    ----------
    seq : int64 array, shape (8,)
    values : array, shape (n_values,)
        What compiled code passes to `latest_publish` and `latest_read`.
    """

    def __init__(
        self, n_values: int, dtype: DTypeLike = np.float64, buffer: Any = None, fresh: bool = True
    ) -> None:
        if n_values < 1:
            raise ParameterError(f"a mailbox of {n_values} values is below 1")
        if np.dtype(dtype) not in (np.dtype(np.float64), np.dtype(np.int64)):
            raise ParameterError(f"a mailbox holds float64 or int64, not {np.dtype(dtype)}")
        n_bytes = self.n_bytes(n_values, dtype)
        memory = np.zeros(n_bytes, np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)
        if memory.size < n_bytes:
            raise ParameterError(f"a buffer of {memory.size} bytes is too small for a mailbox of {n_bytes}")
        if not memory.flags.writeable or memory.ctypes.data % 8:
            raise ParameterError("the mailbox's buffer must be writable and aligned to 8 bytes")
        self.seq: I64 = memory[: SEQ_CELLS * 8].view(np.int64)
        self.values: AnyArray = memory[SEQ_CELLS * 8 : n_bytes].view(dtype)
        if fresh:
            self.seq[:] = 0
            self.values[:] = 0

    @staticmethod
    def n_bytes(n_values: int, dtype: DTypeLike = np.float64) -> int:
        """Bytes of memory a mailbox needs: 64 + 8 a value."""
        return SEQ_CELLS * 8 + n_values * np.dtype(dtype).itemsize

    def publish(self, new: AnyArray) -> None:
        """Replace the values by `new`, shape (n_values,), of the mailbox's dtype."""
        if new.shape != self.values.shape or new.dtype != self.values.dtype:
            raise ParameterError(
                f"the mailbox holds {self.values.dtype} {self.values.shape}, not {new.dtype} {new.shape}"
            )
        latest_publish(self.seq, self.values, new)

    def read(self) -> AnyArray | None:
        """Newest values, shape (n_values,), as a copy; None when there are none (or the writer died)."""
        out = np.empty_like(self.values)
        for _ in range(READ_ATTEMPTS):
            if latest_read(self.seq, self.values, out):
                return out
            if self.seq[0] == 0:
                return None
        return None
