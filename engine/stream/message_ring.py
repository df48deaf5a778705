"""Whole messages over a byte ring: how a service and its worker process talk without waiting.

One side sends, the other receives; either may die without leaving a lock behind, which is why this
is not a `multiprocessing.Queue`. A message appears complete or not at all.
"""

from typing import Any

import numpy as np

from engine.errors import ParameterError
from engine.stream.ring import TAIL, Ring

LENGTH_BYTES = 4


class MessageRing:
    """Length-prefixed messages in a ring of bytes.

    Parameters
    ----------
    capacity_bytes : int
        Power of two, >= 8; a message of `capacity_bytes - 4` bytes just fits.
    buffer : writable buffer or None
        Memory of at least `n_bytes(capacity_bytes)`, aligned to 8 bytes; None allocates.
    fresh : bool
        True starts empty; False joins what another process made.

    Notes
    -----
    One sender and one receiver. Allocates Python objects: not for the audio callback.
    """

    def __init__(self, capacity_bytes: int, buffer: Any = None, fresh: bool = True) -> None:
        if capacity_bytes < 8:
            raise ParameterError(f"a message ring of {capacity_bytes} bytes is below 8")
        self.ring = Ring(capacity_bytes, 1, np.uint8, buffer, fresh)

    @staticmethod
    def n_bytes(capacity_bytes: int) -> int:
        """Bytes of memory for a ring of `capacity_bytes`."""
        return Ring.n_bytes(capacity_bytes, 1, np.uint8)

    def send(self, message: bytes) -> bool:
        """Append a message; False when there is no room for it now.

        Raises
        ------
        ParameterError
            The message could never fit.
        """
        n = LENGTH_BYTES + len(message)
        if n > self.ring.capacity:
            raise ParameterError(
                f"a message of {len(message)} bytes exceeds the ring of {self.ring.capacity}"
            )
        if n > self.ring.writable:
            return False
        framed = len(message).to_bytes(LENGTH_BYTES, "little") + message
        # One push moves the head once, past the prefix and the body together: a sender that dies
        # before it leaves nothing half said.
        self.ring.push(np.frombuffer(framed, np.uint8).reshape(-1, 1))
        return True

    def receive(self) -> bytes | None:
        """Take the oldest message; None when there is none."""
        if self.ring.readable < LENGTH_BYTES:
            return None
        # Look at the prefix, then take everything with one move of the tail: a receiver that dies
        # in between leaves the message whole for its successor.
        mask = self.ring.capacity - 1
        tail = int(self.ring.header[TAIL])
        prefix = bytes(int(self.ring.data[(tail + i) & mask, 0]) for i in range(LENGTH_BYTES))
        framed = np.empty((LENGTH_BYTES + int.from_bytes(prefix, "little"), 1), np.uint8)
        self.ring.pull(framed)
        return framed[LENGTH_BYTES:].tobytes()
