"""Sixteen delay lines that feed each other: the core of a reverb.

Pure functions of the device thread, without allocation. Eight frames at a time, counted from the first
frame of all: no line is shorter than two such groups, so that the next group can be heard before its input
is there. Along a line eight frames are a vector; through the damping, which is recursive, eight lines are.

References
----------
.. [1] J.-M. Jot, A. Chaigne, "Digital delay networks for designing artificial reverberators", AES 90, 1991.
.. [2] D. Rocchesso, J. O. Smith, "Circulant and elliptic feedback delay networks for artificial
   reverberation", IEEE Trans. Speech and Audio Processing 5(1), 1997: matrices without loss.
.. [3] J. O. Smith, "Spectral Audio Signal Processing", 2011: first-order shelves by bilinear transform.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.delay import MIRROR_FRAMES, SILENCE
from engine.kernels.jit import kernel
from engine.kernels.lanes import Vector, flush8, load8, splat8, store8, transpose8
from engine.units import F32, F64

N_LINES: Final = 16
GROUP_FRAMES: Final = 8
N_SHELF_CELLS: Final = 6 * N_LINES
"""Damping: for the low, then the high shelf: gain of the new frame, of the memory, and what it keeps."""

_Four = tuple[Vector, Vector, Vector, Vector]
_Eight = tuple[Vector, Vector, Vector, Vector, Vector, Vector, Vector, Vector]
_QUARTER: Final = np.float32(0.25)  # 1 / sqrt(16): the Hadamard matrix keeps the energy


@kernel
def low_shelf_db(frequency: float, corner: float, gain_db: float) -> float:
    """Gain in dB of a first-order low shelf; frequencies as tan(pi f / rate)."""
    here, there, gain = frequency * frequency, corner * corner, 10.0 ** (0.05 * gain_db)
    return 10.0 * math.log10((here + there * gain) / (here + there / gain))


@kernel
def fit_losses(wanted_db: tuple[float, float, float], tans: F64, solver: F64, losses: F64) -> None:
    """Find a gain and two shelves that lose what is wanted in three bands.

    Parameters
    ----------
    wanted_db : three floats
        Gain of a pass in each band.
    tans : float64 array, shape (5,)
        tan(pi f / rate) of the three bands, of the low and of the high shelf's corner.
    solver : float64 array, shape (9,)
        Of `loss_solver`.
    losses : float64 array, shape (3,)
        Result in dB: at all frequencies, added below, added above.

    Notes
    -----
    Shelves are proportional in dB only while they are small, so the error of the linear solution is
    solved for in turn; three times are enough for 30 dB a pass.
    """
    losses[:] = 0.0
    for _ in range(3):
        for k in range(3):
            low = low_shelf_db(tans[k], tans[3], losses[1])
            # A high shelf is a gain and the low shelf that takes it away below.
            high = losses[2] + low_shelf_db(tans[k], tans[4], -losses[2])
            error = wanted_db[k] - losses[0] - low - high
            solver[9 + k] = error
        for j in range(3):
            row = 3 * j
            losses[j] += solver[row] * solver[9] + solver[row + 1] * solver[10] + solver[row + 2] * solver[11]


def loss_solver(tans: F64) -> F64:
    """The equations of `fit_losses` for small shelves, and room for its errors.

    Parameters
    ----------
    tans : float64 array, shape (5,)
        As there.

    Returns
    -------
    float64 array, shape (12,)
    """
    bands = tans[:3] ** 2
    low = tans[3] ** 2 / (bands + tans[3] ** 2)
    high = bands / (bands + tans[4] ** 2)
    felt = np.stack([np.ones(3), low, high], axis=1)
    return np.concatenate([np.linalg.inv(felt).reshape(-1), np.zeros(3)]).astype(np.float64)


@kernel
def set_damping(cells: F32, line: int, losses: F64, tans: F64) -> None:
    """Write the damping of one line.

    Parameters
    ----------
    cells : float32 array, shape (N_SHELF_CELLS,)
    line : int, 0 to N_LINES - 1
    losses, tans : float64 arrays, shapes (3,) and (5,)
        As in `fit_losses`.
    """
    gain = 10.0 ** (0.05 * losses[0])
    root = 10.0 ** (0.025 * losses[1])
    above, below = tans[3] * root, tans[3] / root
    scale = 1.0 / (1.0 + below)
    keep = (1.0 - below) * scale
    new = (1.0 + above) * scale * gain
    cells[line] = new
    cells[N_LINES + line] = (above - 1.0) * scale * gain + keep * new
    cells[2 * N_LINES + line] = keep
    root = 10.0 ** (0.025 * losses[2])
    scale = 1.0 / (1.0 / root + tans[4])
    keep = (1.0 / root - tans[4]) * scale
    new = (root + tans[4]) * scale
    cells[3 * N_LINES + line] = new
    cells[4 * N_LINES + line] = (tans[4] - root) * scale + keep * new
    cells[5 * N_LINES + line] = keep


@kernel
def _damp1(x: Vector, low: _Four, high: _Four) -> tuple[Vector, Vector, Vector]:
    """One frame of eight lines through both shelves: the result and both memories."""
    y = low[0] * x + low[3]
    kept_low = low[1] * x + low[2] * low[3]
    z = high[0] * y + high[3]
    kept_high = high[1] * y + high[2] * high[3]
    return z, kept_low, kept_high


@kernel
def _damp(columns: _Eight, cells: F32, memories: F32, first: int) -> _Eight:
    """Eight frames of lines first .. first + 7, each vector one frame of all eight."""
    a0, a1, a2 = load8(cells, first), load8(cells, N_LINES + first), load8(cells, 2 * N_LINES + first)
    b0 = load8(cells, 3 * N_LINES + first)
    b1 = load8(cells, 4 * N_LINES + first)
    b2 = load8(cells, 5 * N_LINES + first)
    low = load8(memories, first)
    high = load8(memories, N_LINES + first)
    c0, c1, c2, c3, c4, c5, c6, c7 = columns
    z0, low, high = _damp1(c0, (a0, a1, a2, low), (b0, b1, b2, high))
    z1, low, high = _damp1(c1, (a0, a1, a2, low), (b0, b1, b2, high))
    z2, low, high = _damp1(c2, (a0, a1, a2, low), (b0, b1, b2, high))
    z3, low, high = _damp1(c3, (a0, a1, a2, low), (b0, b1, b2, high))
    z4, low, high = _damp1(c4, (a0, a1, a2, low), (b0, b1, b2, high))
    z5, low, high = _damp1(c5, (a0, a1, a2, low), (b0, b1, b2, high))
    z6, low, high = _damp1(c6, (a0, a1, a2, low), (b0, b1, b2, high))
    z7, low, high = _damp1(c7, (a0, a1, a2, low), (b0, b1, b2, high))
    silence = splat8(np.float32(SILENCE))
    store8(memories, first, flush8(low, silence))
    store8(memories, N_LINES + first, flush8(high, silence))
    return z0, z1, z2, z3, z4, z5, z6, z7


@kernel
def _past8(tank: F32, line: int, at: int, delay_frames: float) -> Vector:
    """Eight frames of a line, from `delay_frames` ago on."""
    stride = tank.shape[0] // N_LINES
    place = at - int(delay_frames)
    if place < 0:
        place += stride - MIRROR_FRAMES
    return load8(tank, line * stride + place)


@kernel
def _past_lines(tank: F32, first: int, at: int, lengths: F64) -> _Eight:
    return (
        _past8(tank, first, at, lengths[first]),
        _past8(tank, first + 1, at, lengths[first + 1]),
        _past8(tank, first + 2, at, lengths[first + 2]),
        _past8(tank, first + 3, at, lengths[first + 3]),
        _past8(tank, first + 4, at, lengths[first + 4]),
        _past8(tank, first + 5, at, lengths[first + 5]),
        _past8(tank, first + 6, at, lengths[first + 6]),
        _past8(tank, first + 7, at, lengths[first + 7]),
    )


@kernel
def _store_rows(rows: _Eight, out: F32, at: int) -> None:
    r0, r1, r2, r3, r4, r5, r6, r7 = rows
    store8(out, at, r0)
    store8(out, at + 8, r1)
    store8(out, at + 16, r2)
    store8(out, at + 24, r3)
    store8(out, at + 32, r4)
    store8(out, at + 40, r5)
    store8(out, at + 48, r6)
    store8(out, at + 56, r7)


@kernel
def _load_rows(x: F32, at: int) -> _Eight:
    return (
        load8(x, at),
        load8(x, at + 8),
        load8(x, at + 16),
        load8(x, at + 24),
        load8(x, at + 32),
        load8(x, at + 40),
        load8(x, at + 48),
        load8(x, at + 56),
    )


@kernel
def hear_lines(
    tank: F32, at: int, lengths: F64, fade: tuple[float, float], damping: tuple[F32, F32], heard: F32
) -> None:
    """What comes out of the lines in the next group, damped.

    Parameters
    ----------
    tank : float32 array, shape (N_LINES * line_frames,)
        The lines one after the other.
    at : int
        Place in every line where the next group will be written, a multiple of GROUP_FRAMES.
    lengths : float64 array, shape (2 * N_LINES,)
        Whole frames, >= 2 * GROUP_FRAMES: now, and before the last change.
    fade : two floats, 1..0
        Share of the lengths before, at the group's beginning, and what it loses a frame.
    damping : float32 arrays, shapes (N_SHELF_CELLS,) and (2 * N_LINES,)
        Of `set_damping`, and its memories.
    heard : float32 array, shape (N_LINES * GROUP_FRAMES,)
        Result, line by line.
    """
    for first in range(0, N_LINES, 8):
        rows = _past_lines(tank, first, at, lengths)
        if fade[0] > 0.0:
            _store_rows(rows, heard, 8 * first)
            for k in range(8):
                place = 8 * (first + k)
                old = _past8(tank, first + k, at, lengths[N_LINES + first + k])
                _mix8(heard, place, old, fade)
            rows = _load_rows(heard, 8 * first)
        columns = _damp(transpose8(rows), damping[0], damping[1], first)
        _store_rows(transpose8(columns), heard, 8 * first)


@kernel
def _mix8(heard: F32, place: int, old: Vector, fade: tuple[float, float]) -> None:
    """Cross-fade eight frames in place."""
    new = load8(heard, place)
    store8(heard, place, old - new)
    for i in range(8):
        heard[place + i] *= np.float32(max(fade[0] - fade[1] * (i + 1), 0.0))
    store8(heard, place, new + load8(heard, place))


@kernel
def _hadamard8(x: _Eight) -> _Eight:
    x0, x1, x2, x3, x4, x5, x6, x7 = x
    a0, a1, a2, a3 = x0 + x4, x1 + x5, x2 + x6, x3 + x7
    a4, a5, a6, a7 = x0 - x4, x1 - x5, x2 - x6, x3 - x7
    b0, b1, b2, b3 = a0 + a2, a1 + a3, a0 - a2, a1 - a3
    b4, b5, b6, b7 = a4 + a6, a5 + a7, a4 - a6, a5 - a7
    return b0 + b1, b0 - b1, b2 + b3, b2 - b3, b4 + b5, b4 - b5, b6 + b7, b6 - b7


@kernel
def _put8(tank: F32, line: int, at: int, x: Vector) -> None:
    stride = tank.shape[0] // N_LINES
    x = flush8(x, splat8(np.float32(SILENCE)))
    store8(tank, line * stride + at, x)
    if at < MIRROR_FRAMES:
        store8(tank, line * stride + stride - MIRROR_FRAMES + at, x)


@kernel
def _put_lines(tank: F32, first: int, at: int, x: _Eight, left: Vector, right: Vector) -> None:
    """Left goes into even lines, right into odd ones, with alternating signs."""
    x0, x1, x2, x3, x4, x5, x6, x7 = x
    scale = splat8(_QUARTER)
    _put8(tank, first, at, scale * x0 + left)
    _put8(tank, first + 1, at, scale * x1 + right)
    _put8(tank, first + 2, at, scale * x2 - left)
    _put8(tank, first + 3, at, scale * x3 - right)
    _put8(tank, first + 4, at, scale * x4 + left)
    _put8(tank, first + 5, at, scale * x5 - right)
    _put8(tank, first + 6, at, scale * x6 - left)
    _put8(tank, first + 7, at, scale * x7 + right)


@kernel
def feed_lines(tank: F32, at: int, heard: F32, new: F32) -> None:
    """Write a group: what was heard in it, spread over all lines, and what is new.

    Parameters
    ----------
    tank : float32 array, shape (N_LINES * line_frames,)
    at : int
        Place in every line, a multiple of GROUP_FRAMES.
    heard : float32 array, shape (N_LINES * GROUP_FRAMES,)
        Of `hear_lines` for the same group.
    new : float32 array, shape (2 * GROUP_FRAMES,)
        Left, then right.
    """
    l0, l1, l2, l3, l4, l5, l6, l7 = _hadamard8(_load_rows(heard, 0))
    h0, h1, h2, h3, h4, h5, h6, h7 = _hadamard8(_load_rows(heard, 64))
    left = load8(new, 0)
    right = load8(new, GROUP_FRAMES)
    sums = (l0 + h0, l1 + h1, l2 + h2, l3 + h3, l4 + h4, l5 + h5, l6 + h6, l7 + h7)
    differences = (l0 - h0, l1 - h1, l2 - h2, l3 - h3, l4 - h4, l5 - h5, l6 - h6, l7 - h7)
    _put_lines(tank, 0, at, sums, left, right)
    _put_lines(tank, 8, at, differences, right, left)


@kernel
def room8(heard: F32, side: int) -> Vector:
    """What one ear hears of a group: eight of the lines, with signs of its own.

    Parameters
    ----------
    heard : float32 array, shape (N_LINES * GROUP_FRAMES,)
        Of `hear_lines`.
    side : int, 0 left or 1 right
    """
    total = load8(heard, 8 * side) - load8(heard, 8 * (side + 2))
    total = total + load8(heard, 8 * (side + 4)) - load8(heard, 8 * (side + 6))
    total = total - load8(heard, 8 * (side + 8)) + load8(heard, 8 * (side + 10))
    return total + load8(heard, 8 * (side + 12)) - load8(heard, 8 * (side + 14))


@kernel
def pass_all8(cells: F32, first: int, size: int, places: tuple[int, int], x: Vector) -> Vector:
    """An all-pass of one echo: the same loudness at every frequency, smeared in time.

    Parameters
    ----------
    cells : float32 array, shape (>= first + size + MIRROR_FRAMES,)
        The line is the part from `first` on: views of their own would cost more than the filter.
    first, size : int
        Its ring, a multiple of GROUP_FRAMES.
    places : two ints
        Of the group, a multiple of GROUP_FRAMES, and how many frames ago its echo was, >= GROUP_FRAMES.
    x : vector of 8
    """
    at, delay_frames = places
    gain = splat8(np.float32(0.6))
    place = at - delay_frames
    if place < 0:
        place += size
    old = load8(cells, first + place)
    inside = flush8(x - gain * old, splat8(np.float32(SILENCE)))
    store8(cells, first + at, inside)
    if at < MIRROR_FRAMES:
        store8(cells, first + size + at, inside)
    return old + gain * inside
