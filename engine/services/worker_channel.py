"""What host and worker process share: one block of memory with two message rings and a play-head mailbox.

Sound does not pass here; it goes through the stem store. No lock is shared, so a killed worker can
never hold one.
"""

from multiprocessing import shared_memory
from typing import cast

import numpy as np

from engine.stream.latest import Latest
from engine.stream.message_ring import MessageRing

REQUEST_BYTES = 65_536
"""Requests carry a path: 64 KiB hold some dozens of the longest ones."""
EVENT_BYTES = 262_144
"""A progress event is about 100 bytes and is fetched at 50 Hz; 256 KiB hold those of a whole album."""


class Channel:
    """The shared block as both sides see it.

    Parameters
    ----------
    block : SharedMemory
        At least `n_bytes` long.
    fresh : bool
        Whether to clear it first, which the host does before each start of the process.
    """

    def __init__(self, block: shared_memory.SharedMemory, fresh: bool) -> None:
        memory = cast("memoryview", block.buf)
        a = MessageRing.n_bytes(REQUEST_BYTES)
        b = a + MessageRing.n_bytes(EVENT_BYTES)
        self.requests = MessageRing(REQUEST_BYTES, memory[:a], fresh)
        self.events = MessageRing(EVENT_BYTES, memory[a:b], fresh)
        self.playhead = Latest(1, np.int64, memory[b : b + Latest.n_bytes(1, np.int64)], fresh)

    @staticmethod
    def n_bytes() -> int:
        """Size of the block."""
        rings = MessageRing.n_bytes(REQUEST_BYTES) + MessageRing.n_bytes(EVENT_BYTES)
        return rings + Latest.n_bytes(1, np.int64)
