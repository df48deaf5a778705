"""Delay lines: what was heard a while ago, also between two frames.

Pure functions of the device thread, without allocation. A line is a ring with its first MIRROR_FRAMES
repeated behind its end, so that a vector may be read at any place without asking whether it wraps. Writers
go in steps of the 16-frame grid, and every line is a whole number of such steps long: a step never wraps.

References
----------
.. [1] T. I. Laakso et al., "Splitting the unit delay", IEEE Signal Processing Magazine 13(1), 1996: cubic
   Lagrange interpolation, windowed sincs.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.kernels.lanes import Vector, load8, splat8, store8
from engine.units import F32, F64

STEP_FRAMES: Final = 16
"""What is written at a time, at most."""
MIRROR_FRAMES: Final = 24
"""A step, and the frames on both sides that an interpolation of eight reads beyond it."""

SILENCE: Final = 1e-12
"""What circulates below, -240 dB, ends as exact zero: denormal numbers would follow, which are slow."""

N_TAPS: Final = 16
"""Neighbours of a point between two frames: flat within 0.06 dB to 0.375 of the rate, 18 kHz at 48 kHz."""
N_FRACTIONS: Final = 64
"""Places between two frames with taps of their own; between these the taps are blended."""
N_TAP_CELLS: Final = (N_FRACTIONS + 1) * N_TAPS


def line_frames(longest_frames: float) -> int:
    """Frames of a line that can look back as far as `longest_frames`, with its mirror.

    Parameters
    ----------
    longest_frames : float
    """
    # Eight more, for the neighbours that an interpolation looks at.
    steps = math.ceil((longest_frames + STEP_FRAMES + 8) / STEP_FRAMES)
    return steps * STEP_FRAMES + MIRROR_FRAMES


@kernel
def write_line(line: F32, at: int, x: F32, first: int, n: int) -> None:
    """Write part of a step.

    Parameters
    ----------
    line : float32 array, shape (line_frames,)
    at : int
        Place in the ring; at + n does not pass the next multiple of STEP_FRAMES.
    x : float32 array, shape (>= first + n,)
    first, n : int
        Frames of `x` to take.
    """
    size = line.shape[0] - MIRROR_FRAMES
    for i in range(n):
        line[at + i] = x[first + i]
    if at < MIRROR_FRAMES:
        for i in range(min(n, MIRROR_FRAMES - at)):
            line[size + at + i] = x[first + i]


@kernel
def next_place(line: F32, at: int, n: int) -> int:
    """Where the writer stands after `n` frames.

    Parameters
    ----------
    line : float32 array, shape (line_frames,)
    at, n : int
    """
    at += n
    return 0 if at >= line.shape[0] - MIRROR_FRAMES else at


@kernel
def look_back(line: F32, at: int, delay_frames: int) -> int:
    """Place of the frame that lies `delay_frames` before `at`.

    Parameters
    ----------
    line : float32 array, shape (line_frames,)
    at, delay_frames : int
        0 <= delay_frames <= what the line was made for.
    """
    place = at - delay_frames
    return place + line.shape[0] - MIRROR_FRAMES if place < 0 else place


@kernel
def cut_share(cutoff_hz: float, rate_hz: float) -> float:
    """What a one-pole filter takes of each new frame, 0..1, for its corner frequency."""
    return 1.0 - math.exp(-2.0 * math.pi * cutoff_hz / rate_hz)


@fast_kernel
def darken(x: F32, low: float, high: float, cuts: F64, out: F32, n: int) -> None:
    """A low and a high cut of one pole each on two channels: what an echo loses at every turn.

    Parameters
    ----------
    x, out : float32 array, shape (2, >= n)
        May be the same.
    low, high : float, 0..1
        Of `cut_share`, for the low and the high cut.
    cuts : float64 array, shape (4,)
        State: high and low cut, left then right. `flush_cuts` ends it in silence.
    n : int
    """
    left, left_low, right, right_low = cuts[0], cuts[1], cuts[2], cuts[3]
    keep_high, keep_low = 1.0 - high, 1.0 - low
    for i in range(n):
        left = keep_high * left + high * np.float64(x[0, i])
        right = keep_high * right + high * np.float64(x[1, i])
        left_low = keep_low * left_low + low * left
        right_low = keep_low * right_low + low * right
        out[0, i] = np.float32(left - left_low)
        out[1, i] = np.float32(right - right_low)
    cuts[0], cuts[1], cuts[2], cuts[3] = left, left_low, right, right_low


@kernel
def flush_cuts(cuts: F64) -> None:
    """Let what has decayed below SILENCE be zero, at a place that does not depend on the blocks.

    Parameters
    ----------
    cuts : float64 array, shape (4,)
        Of `darken`.
    """
    for k in range(cuts.shape[0]):
        if abs(cuts[k]) < SILENCE:
            cuts[k] = 0.0


@kernel
def cubic8(line: F32, i: int, t: Vector) -> Vector:
    """Eight neighbouring points between frames, by cubic Lagrange interpolation.

    Parameters
    ----------
    line : float32 array, shape (>= i + 11,)
    i : int
        Lane k lies between line[i + 1 + k] and line[i + 2 + k].
    t : vector of 8
        How far between them, about 0..1 (the further outside, the less exact).
    """
    before = t + splat8(np.float32(1.0))
    after = t - splat8(np.float32(1.0))
    beyond = t - splat8(np.float32(2.0))
    inner = t * after
    outer = before * beyond
    sixth = splat8(np.float32(1.0 / 6.0))
    half = splat8(np.float32(0.5))
    ends = before * load8(line, i + 3) - beyond * load8(line, i)
    middle = after * load8(line, i + 1) - t * load8(line, i + 2)
    return sixth * inner * ends + half * outer * middle


def fraction_taps() -> F32:
    """Windowed sincs for points between frames, float32 array of shape (N_TAP_CELLS,).

    Row k of N_TAPS is for the fraction k / N_FRACTIONS; the point lies after its tap N_TAPS / 2 - 1. The
    first row is that frame alone.
    """
    at = np.arange(N_TAPS) - (N_TAPS // 2 - 1) - np.arange(N_FRACTIONS + 1)[:, None] / N_FRACTIONS
    inside = np.maximum(0.0, 1.0 - (at / (N_TAPS // 2)) ** 2)
    rows = np.sinc(at) * np.i0(7.0 * np.sqrt(inside))  # side lobes of -70 dB
    rows[np.abs(rows) < 1e-12] = 0.0
    return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32).reshape(-1)


@kernel
def pick_taps(cells: F32, fraction: float, taps: F32) -> None:
    """Taps for one fraction.

    Parameters
    ----------
    cells : float32 array, shape (N_TAP_CELLS,)
        Of `fraction_taps`.
    fraction : float, 0..1
    taps : float32 array, shape (N_TAPS,)
        Result.
    """
    place = fraction * N_FRACTIONS
    k = min(int(place), N_FRACTIONS - 1)
    share = np.float32(place - k)
    for j in range(N_TAPS):
        low = cells[k * N_TAPS + j]
        taps[j] = low + share * (cells[(k + 1) * N_TAPS + j] - low)


@kernel
def between8(x: F32, i: int, taps: F32) -> Vector:
    """Eight neighbouring points, all the same fraction after their frames.

    Parameters
    ----------
    x : float32 array, shape (>= i + 8 + N_TAPS / 2,)
        Lane k lies between x[i + k] and x[i + k + 1].
    i : int, >= N_TAPS / 2 - 1
    taps : float32 array, shape (N_TAPS,)
        Of `pick_taps`.
    """
    even = splat8(np.float32(0.0))
    odd = splat8(np.float32(0.0))
    for j in range(0, N_TAPS, 2):
        even = even + splat8(taps[j]) * load8(x, i + j - (N_TAPS // 2 - 1))
        odd = odd + splat8(taps[j + 1]) * load8(x, i + j + 1 - (N_TAPS // 2 - 1))
    return even + odd


@kernel
def slide(row: F32, at: int, history: int, n: int) -> int:
    """Make room for `n` frames behind place `at` of a row that is written onwards; the new place.

    Parameters
    ----------
    row : float32 array, shape (> history + n,)
        When it is full, its last `history` frames move to its beginning.
    at : int, >= history
    history, n : int

    Notes
    -----
    A row of several histories moves seldom, and what is read from it is always in one piece.
    """
    if at + n <= row.shape[0]:
        return at
    for i in range(0, history - history % 8, 8):
        store8(row, i, load8(row, at - history + i))
    for i in range(history - history % 8, history):
        row[i] = row[at - history + i]
    return history
