"""Running median along either axis of a spectrogram.

Analysis threads, through `running_median` or inside the kernels of hpss.py; the streaming form is a
state of plain arrays. It exists because a median filter is what separating harmonic from percussive
sound costs: a library's sorts each window anew, or keeps one sorted window and searches it with
branches that no processor can guess.

Here eight windows lie side by side in SIMD lanes, sorted. A step takes the oldest value out and puts
the newest in with one comparison, one minimum and one maximum an element, none of which branches or
waits for its neighbour: with `v` the window without the oldest value, element i of the new one is
min(v[i], max(v[i - 1], newest)).

References
----------
.. [1] D. Fitzgerald, "Harmonic/percussive separation using median filtering", DAFx-10, 2010: why
   both axes are wanted.
"""

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import RowPool, kernel, run_rows
from engine.kernels.lane_order import max8, min8, where_less8
from engine.kernels.lanes import N_LANES, load8, store8, transpose8
from engine.units import F32

MAX_SIZE = 1023
"""Longest window: beyond it a sorted window of eight lanes (32 kB) leaves the first cache."""

TILE_LANES = 64
"""Columns that walk down together: 256 bytes of a row, and 8 kB of windows of 31."""


@kernel
def reflect(i: int, n: int) -> int:
    """Index in [0, n) of position i when the ends are mirrored, edge values twice: (b a | a b c | c b)."""
    if 0 <= i < n:
        return i
    i %= 2 * n
    return i if i < n else 2 * n - 1 - i


@kernel
def slide8(windows: F32, at: int, size: int, old: F32, old_at: int, new: F32, new_at: int) -> None:
    """Replace a value in each of eight sorted windows.

    Parameters
    ----------
    windows : float32 array, shape (>= at + 8 * size,)
        The windows from `at`: smallest values of eight lanes, then the next, `size` times.
    at, size : int
    old, new : float32 arrays, shapes (>= old_at + 8,) and (>= new_at + 8,)
        Eight values from `old_at`, each of them in its window, and the eight that come instead.
    old_at, new_at : int
    """
    leaving = load8(old, old_at)
    x = load8(new, new_at)
    following = load8(windows, at + N_LANES)
    here = load8(windows, at)
    before = where_less8(here, leaving, here, following)
    store8(windows, at, min8(before, x))
    last = at + (size - 1) * N_LANES
    for i in range(at + N_LANES, last, N_LANES):
        here = following
        following = load8(windows, i + N_LANES)
        kept = where_less8(here, leaving, here, following)
        store8(windows, i, min8(kept, max8(before, x)))
        before = kept
    store8(windows, last, max8(before, x))


@kernel
def median_of_columns(
    x: F32, first: int, last: int, column: int, n_columns: int, size: int, ring: F32, windows: F32, out: F32
) -> None:
    """Medians down `n_columns` columns, for the rows [first, last) of `x`.

    Parameters
    ----------
    x : float32 array, shape (rows, columns)
        Mirrored beyond its rows.
    first, last : int
    column, n_columns : int
        At most TILE_LANES columns from `column`.
    size : int, odd, >= 3
    ring : float32 array, shape (size * TILE_LANES,)
    windows : float32 array, shape (size * TILE_LANES,)
        Work.
    out : float32 array, shape (last - first, columns)
        Row 0 belongs to row `first`.
    """
    reach = size // 2
    ring[:] = np.float32(np.inf)  # sorted, and each of them leaves before a median is taken
    windows[:] = np.float32(np.inf)
    incoming = np.zeros(TILE_LANES, np.float32)
    n_used = (n_columns + N_LANES - 1) // N_LANES * N_LANES
    slot = 0
    for t in range(first - reach, last + reach):
        source = x[reflect(t, x.shape[0])]
        for j in range(n_columns):
            incoming[j] = source[column + j]
        for j in range(0, n_used, N_LANES):
            slide8(windows, j * size, size, ring, slot + j, incoming, j)
        ring[slot : slot + TILE_LANES] = incoming
        slot += TILE_LANES
        if slot == size * TILE_LANES:
            slot = 0
        if t >= first + reach:
            target = out[t - reach - first]
            for j in range(n_columns):
                group = j // N_LANES
                target[column + j] = windows[(group * size + reach) * N_LANES + j - group * N_LANES]


@kernel
def _turn_in(x: F32, first: int, n_rows: int, reach: int, turned: F32) -> None:
    """Eight rows side by side, mirrored at both ends: column k at (k + reach + 1) * 8."""
    n = x.shape[1]
    top = n_rows - 1
    r0 = x[first]
    r1 = x[first + min(1, top)]
    r2 = x[first + min(2, top)]
    r3 = x[first + min(3, top)]
    r4 = x[first + min(4, top)]
    r5 = x[first + min(5, top)]
    r6 = x[first + min(6, top)]
    r7 = x[first + min(7, top)]
    origin = (reach + 1) * N_LANES
    for k in range(0, n - N_LANES + 1, N_LANES):
        low = (load8(r0, k), load8(r1, k), load8(r2, k), load8(r3, k))
        high = (load8(r4, k), load8(r5, k), load8(r6, k), load8(r7, k))
        c0, c1, c2, c3, c4, c5, c6, c7 = transpose8(low + high)
        at = origin + k * N_LANES
        store8(turned, at, c0)
        store8(turned, at + 8, c1)
        store8(turned, at + 16, c2)
        store8(turned, at + 24, c3)
        store8(turned, at + 32, c4)
        store8(turned, at + 40, c5)
        store8(turned, at + 48, c6)
        store8(turned, at + 56, c7)
    for k in range(n // N_LANES * N_LANES, n):
        for lane in range(N_LANES):
            turned[origin + k * N_LANES + lane] = x[first + min(lane, top), k]
    for k in range(reach):
        store8(turned, origin - (1 + k) * N_LANES, load8(turned, origin + reflect(-1 - k, n) * N_LANES))
        store8(turned, origin + (n + k) * N_LANES, load8(turned, origin + reflect(n + k, n) * N_LANES))


@kernel
def _turn_out(turned: F32, n_rows: int, out: F32, first: int) -> None:
    """The reverse, from column k at k * 8, into rows first .. first + n_rows - 1 of `out`."""
    n = out.shape[1]
    for k in range(0, n - N_LANES + 1, N_LANES):
        at = k * N_LANES
        low = (load8(turned, at), load8(turned, at + 8), load8(turned, at + 16), load8(turned, at + 24))
        high = (
            load8(turned, at + 32),
            load8(turned, at + 40),
            load8(turned, at + 48),
            load8(turned, at + 56),
        )
        r0, r1, r2, r3, r4, r5, r6, r7 = transpose8(low + high)
        if n_rows > 7:
            store8(out[first + 7], k, r7)
        if n_rows > 6:
            store8(out[first + 6], k, r6)
        if n_rows > 5:
            store8(out[first + 5], k, r5)
        if n_rows > 4:
            store8(out[first + 4], k, r4)
        if n_rows > 3:
            store8(out[first + 3], k, r3)
        if n_rows > 2:
            store8(out[first + 2], k, r2)
        if n_rows > 1:
            store8(out[first + 1], k, r1)
        store8(out[first], k, r0)
    for k in range(n // N_LANES * N_LANES, n):
        for row in range(n_rows):
            out[first + row, k] = turned[k * N_LANES + row]


@kernel
def median_of_rows(
    x: F32, first: int, n_rows: int, size: int, turned: F32, windows: F32, out: F32, out_first: int
) -> None:
    """Medians along up to eight rows, side by side in lanes.

    Parameters
    ----------
    x : float32 array, shape (rows, columns)
        Mirrored beyond its columns.
    first, n_rows : int
        One to eight rows from `first`.
    size : int, odd, >= 3
    turned : float32 array, shape ((columns + size) * 8,)
    windows : float32 array, shape (size * 8,)
        Work.
    out : float32 array, shape (>= out_first + n_rows, columns)
    out_first : int
        Row of `out` that belongs to row `first` of `x`.
    """
    reach = size // 2
    _turn_in(x, first, n_rows, reach, turned)
    windows[:] = np.float32(np.inf)  # sorted, and each of them leaves before a median is taken
    for k in range(size):
        slide8(windows, 0, size, windows, (size - 1) * N_LANES, turned, (k + 1) * N_LANES)
    middle = reach * N_LANES
    store8(turned, 0, load8(windows, middle))
    for k in range(1, x.shape[1]):
        # The median goes where the value that has just left the window was.
        at = k * N_LANES
        slide8(windows, 0, size, turned, at, turned, at + size * N_LANES)
        store8(turned, at, load8(windows, middle))
    _turn_out(turned, n_rows, out, out_first)


@kernel
def _column_tiles(first: int, last: int, x: F32, size: int, out: F32) -> None:
    """Tiles [first, last) of TILE_LANES columns."""
    ring = np.empty(size * TILE_LANES, np.float32)
    windows = np.empty(size * TILE_LANES, np.float32)
    for tile in range(first, last):
        column = tile * TILE_LANES
        n_columns = min(TILE_LANES, x.shape[1] - column)
        median_of_columns(x, 0, x.shape[0], column, n_columns, size, ring, windows, out)


@kernel
def _row_groups(first: int, last: int, x: F32, size: int, out: F32) -> None:
    """Groups [first, last) of eight rows."""
    turned = np.empty((x.shape[1] + size) * N_LANES, np.float32)
    windows = np.empty(size * N_LANES, np.float32)
    for group in range(first, last):
        row = group * N_LANES
        n_rows = min(N_LANES, x.shape[0] - row)
        median_of_rows(x, row, n_rows, size, turned, windows, out, row)


def running_median(
    x: F32, size: int, axis: int = 1, out: F32 | None = None, threads: RowPool | None = None
) -> F32:
    """Centred running median along one axis, mirrored at the ends.

    Parameters
    ----------
    x : float32 array, shape (rows, columns)
        Finite.
    size : int, odd, 1 to MAX_SIZE
        Length of the window.
    axis : {0, 1}
        0 down the columns, 1 along the rows.
    out : float32 array, shape (rows, columns), or None
        Must not overlap `x`. None allocates.
    threads : RowPool or None

    Returns
    -------
    float32 array, shape (rows, columns)
        `out`, bit for bit what `scipy.ndimage.median_filter(x, ..., mode="reflect")` gives; a window
        may be longer than the axis, also where scipy's goes wrong.

    Notes
    -----
    4 * size SIMD operations for eight medians, two sorted windows' worth of memory a tile, no
    branches that depend on the sound. Releases the GIL.
    """
    check_size(size)
    if axis not in (0, 1):
        raise ParameterError(f"axis {axis} of a running median is not 0 or 1")
    if x.ndim != 2 or x.dtype != np.float32:
        raise ParameterError(f"a running median takes float32 (rows, columns), not {x.dtype} {x.shape}")
    if out is None:
        out = np.empty(x.shape, np.float32)
    if out.shape != x.shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ParameterError(
            f"the result needs a contiguous float32 array of {x.shape}, not {out.dtype} {out.shape}"
        )
    if size == 1 or x.size == 0:
        out[:] = x
        return out
    x = np.ascontiguousarray(x)
    if axis == 0:
        run_rows(_column_tiles, -(-x.shape[1] // TILE_LANES), x, size, out, threads=threads)
    else:
        run_rows(_row_groups, -(-x.shape[0] // N_LANES), x, size, out, threads=threads)
    return out


def check_size(size: int) -> None:
    """Refuse a window that no running median here has."""
    if size % 2 != 1 or not 1 <= size <= MAX_SIZE:
        raise ParameterError(f"a median of {size} values is not of an odd number in 1..{MAX_SIZE}")
