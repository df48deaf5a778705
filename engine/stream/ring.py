"""Single-producer, single-consumer ring of frames over any memory: the seam between two threads.

One thread or process pushes, one pulls; neither waits, locks or allocates, so the device thread may
be either. It exists because a queue of Python objects needs the GIL.

Head (frames ever pushed) and tail (frames ever pulled) are 64-bit and only grow: full and empty
never look alike, and at 192 kHz they last 1.5 million years. Header, int64[24]:

    [0] head, written by the producer      [8] tail, written by the consumer      [16] capacity

each on a cache line of its own (8 cells = 64 bytes), so that the two sides do not slow each other.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.stream.atomics import load_acquire, store_release
from engine.units import I64, AnyArray

HEAD, TAIL, CAPACITY = 0, 8, 16
HEADER_CELLS = 24
HEADER_BYTES = HEADER_CELLS * 8
DATA_ALIGNMENT = 64
_DATA_START = -(-HEADER_BYTES // DATA_ALIGNMENT) * DATA_ALIGNMENT


@kernel
def ring_readable(header: I64) -> int:
    """Frames that can be pulled now, from a header of shape (24,); a lower bound for all but the consumer."""
    tail = load_acquire(header, TAIL)
    return load_acquire(header, HEAD) - tail


@kernel
def ring_writable(header: I64) -> int:
    """Frames that can be pushed now, from a header of shape (24,); a lower bound for all but the producer."""
    head = load_acquire(header, HEAD)
    return load_acquire(header, CAPACITY) - (head - load_acquire(header, TAIL))


@kernel
def ring_push(header: I64, data: AnyArray, source: AnyArray) -> int:
    """Append as many frames of `source` as fit.

    Parameters
    ----------
    header : int64 array, shape (24,)
    data : array, shape (capacity, width)
        The ring's memory.
    source : array, shape (n, width)
        Frames, oldest first.

    Returns
    -------
    int
        Frames appended, 0..n.

    Notes
    -----
    Producer only. Real-time safe.
    """
    head = load_acquire(header, HEAD)
    capacity = header[CAPACITY]
    room = capacity - (head - load_acquire(header, TAIL))
    n = min(source.shape[0], room)
    at = head & (capacity - 1)
    first = min(n, capacity - at)
    width = data.shape[1]
    for i in range(first):
        for c in range(width):
            data[at + i, c] = source[i, c]
    for i in range(n - first):
        for c in range(width):
            data[i, c] = source[first + i, c]
    store_release(header, HEAD, head + n)
    return n


@kernel
def ring_pull(header: I64, data: AnyArray, out: AnyArray) -> int:
    """Take as many frames as are there, at most what fits in `out`.

    Parameters
    ----------
    header : int64 array, shape (24,)
    data : array, shape (capacity, width)
        The ring's memory.
    out : array, shape (n, width)
        Its first frames are written; the rest is left as it was.

    Returns
    -------
    int
        Frames taken, 0..n.

    Notes
    -----
    Consumer only. Real-time safe.
    """
    tail = load_acquire(header, TAIL)
    capacity = header[CAPACITY]
    n = min(out.shape[0], load_acquire(header, HEAD) - tail)
    at = tail & (capacity - 1)
    first = min(n, capacity - at)
    width = data.shape[1]
    for i in range(first):
        for c in range(width):
            out[i, c] = data[at + i, c]
    for i in range(n - first):
        for c in range(width):
            out[first + i, c] = data[i, c]
    store_release(header, TAIL, tail + n)
    return n


class Ring:
    """A ring of frames in its own memory or in a given buffer.

    Parameters
    ----------
    capacity : int
        Frames it holds; a power of two, 1..2**40.
    width : int, >= 1
        Numbers a frame: channels, or lanes times channels.
    dtype : numpy dtype, default float32
    buffer : writable buffer or None
        Memory of at least `n_bytes(...)`, aligned to 8 bytes (a shared memory's `.buf`); None
        allocates.
    fresh : bool
        True starts empty (the side that creates the memory); False keeps what another side wrote
        and checks that it is a ring of this capacity.

    Attributes
    ----------
    header : int64 array, shape (24,)
    data : array, shape (capacity, width)
        What compiled code passes to `ring_push` and `ring_pull`.

    Notes
    -----
    Over a `SharedMemory`, drop the ring (`del`) before the memory's `close()`, which refuses while
    arrays look into it.

    Raises
    ------
    ParameterError
        A size is out of range, the buffer is too small, or it holds another ring.
    """

    def __init__(
        self, capacity: int, width: int, dtype: DTypeLike = np.float32, buffer: Any = None, fresh: bool = True
    ) -> None:
        if capacity < 1 or capacity & (capacity - 1) or capacity > 1 << 40:
            raise ParameterError(f"ring capacity {capacity} is not a power of two in 1..2**40")
        if width < 1:
            raise ParameterError(f"ring width {width} is below 1")
        n_bytes = self.n_bytes(capacity, width, dtype)
        memory = np.zeros(n_bytes, np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)
        if memory.size < n_bytes:
            raise ParameterError(f"a buffer of {memory.size} bytes is too small for a ring of {n_bytes}")
        if not memory.flags.writeable or memory.ctypes.data % 8:
            raise ParameterError("the ring's buffer must be writable and aligned to 8 bytes")
        self.capacity = capacity
        self.width = width
        self.header: I64 = memory[:HEADER_BYTES].view(np.int64)
        self.data: AnyArray = memory[_DATA_START:n_bytes].view(dtype).reshape(capacity, width)
        if fresh:
            self.header[:] = 0
            self.header[CAPACITY] = capacity
        elif self.header[CAPACITY] != capacity:
            raise ParameterError(f"the buffer holds a ring of {self.header[CAPACITY]} frames, not {capacity}")

    @staticmethod
    def n_bytes(capacity: int, width: int, dtype: DTypeLike = np.float32) -> int:
        """Bytes of memory a ring needs: header (192) + capacity * width * item size."""
        return _DATA_START + capacity * width * np.dtype(dtype).itemsize

    @property
    def readable(self) -> int:
        """Frames that can be pulled now."""
        return ring_readable(self.header)

    @property
    def writable(self) -> int:
        """Frames that can be pushed now."""
        return ring_writable(self.header)

    def push(self, x: AnyArray) -> int:
        """Append as many frames of `x`, shape (n, width), as fit; return how many."""
        self._check(x)
        return ring_push(self.header, self.data, x)

    def pull(self, out: AnyArray) -> int:
        """Fill the start of `out`, shape (n, width), with what is there; return how many frames."""
        self._check(out)
        return ring_pull(self.header, self.data, out)

    def _check(self, x: AnyArray) -> None:
        if x.ndim != 2 or x.shape[1] != self.width or x.dtype != self.data.dtype:
            raise ParameterError(
                f"ring frames must be {self.data.dtype} of shape (n, {self.width}), not {x.dtype} {x.shape}"
            )
