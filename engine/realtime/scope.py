"""What goes by, as a picture that rolls: lowest, highest and mean level of every lane, a column at a time.

Written by the thread that feeds a live separation, read by whoever draws. Columns are numbered; a reader
copies those that it wants, and nothing waits for anybody. The memory lasts ten seconds longer than anyone
shows, so that what is copied is not written over meanwhile.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.jit import kernel
from engine.realtime.layout import MAX_LANES
from engine.stream.atomics import array_address, f32_at, f64_at, load_acquire, store_release
from engine.units import F32, F64, I64

SCOPE_COLUMNS: Final = 4_096
"""41 s at the usual 100 columns a second; 16 lanes x 3 x 4096 x 4 bytes = 768 KiB."""
COLUMNS_PER_S: Final = 100
_MASK: Final = SCOPE_COLUMNS - 1

# --- cells: int64 -----------------------------------------------------------------------------------
V_HEAD: Final = 0
"""Columns that are complete."""
V_N_LANES: Final = 1
V_COLUMN_FRAMES: Final = 2
V_FILLED: Final = 3
"""Frames in the column under way."""
V_DATA: Final = 4
V_OPEN: Final = 5
"""The column under way: lowest, highest and sum of squares of each lane, float64."""
N_SCOPE: Final = 8


@kernel
def scope_frame(cells: I64, lane: int, left: float, right: float) -> None:
    """Fold one frame of a lane into the column under way.

    Parameters
    ----------
    cells : int64 array, shape (N_SCOPE,)
    lane : int
    left, right : float
    """
    under_way = f64_at(cells[V_OPEN], 3 * MAX_LANES)
    at = 3 * lane
    under_way[at] = min(under_way[at], left, right)
    under_way[at + 1] = max(under_way[at + 1], left, right)
    under_way[at + 2] += 0.5 * (left * left + right * right)


@kernel
def scope_step(cells: I64) -> None:
    """Go on by a frame, after `scope_frame` of every lane.

    Parameters
    ----------
    cells : int64 array, shape (N_SCOPE,)
    """
    cells[V_FILLED] += 1
    if cells[V_FILLED] < cells[V_COLUMN_FRAMES]:
        return
    under_way = f64_at(cells[V_OPEN], 3 * MAX_LANES)
    data = f32_at(cells[V_DATA], 3 * MAX_LANES * SCOPE_COLUMNS)
    column = cells[V_HEAD] & _MASK
    for lane in range(cells[V_N_LANES]):
        at = 3 * lane
        data[at * SCOPE_COLUMNS + column] = np.float32(under_way[at])
        data[(at + 1) * SCOPE_COLUMNS + column] = np.float32(under_way[at + 1])
        mean = under_way[at + 2] / cells[V_COLUMN_FRAMES]
        data[(at + 2) * SCOPE_COLUMNS + column] = np.float32(math.sqrt(mean))
        under_way[at : at + 3] = 0.0
    cells[V_FILLED] = 0
    store_release(cells, V_HEAD, cells[V_HEAD] + 1)


class Scope:
    """The columns of some lanes.

    Parameters
    ----------
    n_lanes : int, 1 to MAX_LANES
    rate_hz : int
        Of the frames.

    Attributes
    ----------
    cells : int64 array, shape (N_SCOPE,)
        What the kernels are given.
    """

    def __init__(self, n_lanes: int, rate_hz: int) -> None:
        self._data: F32 = np.zeros((MAX_LANES, 3, SCOPE_COLUMNS), np.float32)
        self._open: F64 = np.zeros(3 * MAX_LANES)
        self.cells: I64 = np.zeros(N_SCOPE, np.int64)
        self.cells[V_N_LANES] = n_lanes
        self.cells[V_COLUMN_FRAMES] = max(1, round(rate_hz / COLUMNS_PER_S))
        self.cells[V_DATA] = array_address(self._data)
        self.cells[V_OPEN] = array_address(self._open)

    @property
    def n_columns(self) -> int:
        """Columns that are complete so far; any thread may ask."""
        return int(load_acquire(self.cells, V_HEAD))

    def read(self, lane: int, stop: int, out: F32) -> None:
        """Copy the columns before number `stop`.

        Parameters
        ----------
        lane : int
            0 is the input itself.
        stop : int
            At most `n_columns`.
        out : float32 array, shape (3, n), n <= 3/4 SCOPE_COLUMNS
            Lowest, highest and RMS; zeros where there were none yet.
        """
        n = out.shape[1]
        there = min(n, stop)
        out[:, : n - there] = 0.0
        columns = np.arange(stop - there, stop) & _MASK
        out[:, n - there :] = self._data[lane][:, columns]
