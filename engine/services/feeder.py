"""The feeder: one thread a song that keeps the lane ring full, compiled and without the GIL.

It owns the mappings of the song's lanes and the mailbox through which the controller asks for seeks and
loops. The thread itself is `engine.realtime.feed.run_feeder`; this room only starts and stops it and
keeps the memory alive that it reads.
"""

import logging
import mmap
import threading
from collections.abc import Sequence

import numpy as np

from engine.errors import DeviceError
from engine.io.song_store import ORIGINAL, READY_BLOCK_FRAMES, SongStore
from engine.kernels.resample import design
from engine.realtime import feed
from engine.realtime.memory import EngineMemory
from engine.stream.atomics import array_address, store_release
from engine.stream.latest import Latest
from engine.units import F32, I64

_log = logging.getLogger(__name__)


class Feeder:
    """Feeds one song into one engine.

    Parameters
    ----------
    memory : EngineMemory
        Whose lane ring to fill.
    store : SongStore
        The song's lanes; they may still be growing.
    takes : sequence of float32 array, shape (capacity_frames, 2)
        Lanes behind the stems.

    Raises
    ------
    DeviceError
        The device's rate is so far below the song's that no resampler fits.
    """

    def __init__(self, memory: EngineMemory, store: SongStore, takes: Sequence[F32] = ()) -> None:
        self.store = store
        self._memory = memory
        self._lanes: list[F32] = [store.map_lane(name) for name in (ORIGINAL, *store.stems)]
        self._lanes.extend(takes)
        self._request = Latest(feed.N_REQUEST, np.int64)
        self._wanted: I64 = np.zeros(feed.N_REQUEST, np.int64)
        filter_ = design(store.rate_hz, memory.rate_hz)
        self._taps = filter_.taps
        same_rate = filter_.up == filter_.down
        n_taps = 1 if same_rate else filter_.taps.shape[1]
        chunk = feed.chunk_frames(n_taps, filter_.up, filter_.down)
        if chunk < 1:
            raise DeviceError(
                f"a device at {memory.rate_hz} Hz cannot play {store.rate_hz} Hz: choose a higher rate"
            )
        self._cells: I64 = np.zeros(feed.N_FEEDER, np.int64)
        values = {
            feed.S_N_LANES: len(self._lanes),
            feed.S_CAPACITY: store.capacity_frames,
            feed.S_PROGRESS: array_address(store.progress),
            feed.S_READY: array_address(store.ready),
            feed.S_READY_BLOCK: READY_BLOCK_FRAMES,
            feed.S_REQUEST_SEQ: array_address(self._request.seq),
            feed.S_REQUEST: array_address(self._request.values),
            feed.S_UP: filter_.up,
            feed.S_DOWN: filter_.down,
            feed.S_N_TAPS: n_taps,
            feed.S_BEFORE: 0 if same_rate else filter_.half_width - 1,
            feed.S_READY_LOOK: feed.ready_look_frames(store.rate_hz, memory.rate_hz),
            feed.S_CHUNK: chunk,
        }
        for cell, value in values.items():
            self._cells[cell] = value
        for k, lane in enumerate(self._lanes):
            self._cells[feed.S_LANE + k] = array_address(lane)
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def _run(self) -> None:
        feed.run_feeder(self._cells, self._memory.table, self._taps)

    def start(self) -> None:
        """Begin; nothing is fed before the first `seek`."""
        self._thread.start()

    @property
    def fed_frame(self) -> int:
        """Song frame up to which the song has been read ahead of the callback."""
        return int(self._cells[feed.S_CURSOR])

    def seek(self, epoch: int, song_frame: int) -> None:
        """Ask for frames from `song_frame` on, as epoch `epoch` (> 0, greater than all before)."""
        self._wanted[feed.R_EPOCH] = epoch
        self._wanted[feed.R_TARGET_FRAME] = song_frame
        self._request.publish(self._wanted)

    def set_loop(self, loop: tuple[int, int] | None) -> None:
        """Repeat song frames [start, stop), or none; what is already in the ring stays."""
        self._wanted[feed.R_LOOP_ON] = int(loop is not None)
        if loop is not None:
            self._wanted[feed.R_LOOP_A], self._wanted[feed.R_LOOP_B] = loop
        self._wanted[feed.R_LOOP_COUNT] += 1
        self._request.publish(self._wanted)

    def release_pages(self) -> None:
        """Give back the pages that were read, so that resident memory does not grow with the song."""
        advice = getattr(mmap, "MADV_DONTNEED", None)
        for lane in self._lanes:
            mapping = getattr(lane, "_mmap", None)
            if advice is not None and isinstance(mapping, mmap.mmap):
                mapping.madvise(advice)

    def stop(self) -> None:
        """End the thread; the mappings go with this object."""
        store_release(self._cells, feed.S_STOP, 1)
        if self._thread.is_alive():
            self._thread.join()


def warm_feeder(memory: EngineMemory) -> None:
    """Compile the feeder's loop, or load it from the cache, before a song needs it."""
    cells: I64 = np.zeros(feed.N_FEEDER, np.int64)
    cells[feed.S_STOP] = 1
    mailbox = Latest(feed.N_REQUEST, np.int64)
    cells[feed.S_REQUEST_SEQ] = array_address(mailbox.seq)
    cells[feed.S_REQUEST] = array_address(mailbox.values)
    feed.run_feeder(cells, memory.table, np.zeros((1, 2), np.float32))
