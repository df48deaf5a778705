"""Four times the sample rate and back: where a curve may bend a wave without folding its overtones.

The device thread runs the kernels, block by block; the cells are made beforehand. It exists because a
curve makes overtones without end, and those above half the rate come back as tones that nobody sang.

The samples of a fast signal stay apart by phase: row p holds the samples 4 n + p. Every filter then reads
whole rows at neighbouring places, and eight results come out at once. Half-band filters go up twice and
down once; the last step down is a filter of its own that stops at half the rate already, where a half-band
filter only reaches half its depth.

    rows of one voice, each HISTORY_FRAMES + PIECE_FRAMES + 8 long:
    input | even, odd (twice the rate) | phases 0..3 (four times) | even, odd (twice, after the curve)

References
----------
.. [1] P. P. Vaidyanathan, "Multirate Systems and Filter Banks", 1993, ch. 4: half-band and polyphase filters.
.. [2] J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974.
"""

from typing import Final

import numpy as np

from engine.kernels.halving import half_band
from engine.kernels.jit import kernel
from engine.kernels.lanes import load8, splat8, store8
from engine.units import F32

PIECE_FRAMES: Final = 128
"""Frames that go through at a time: nine rows of 0.75 kB a channel stay in the first cache."""
HISTORY_FRAMES: Final = 48
"""The last frames of a row that the next piece still reads; the longest filter needs 32."""
LATENCY_FRAMES: Final = 35
"""Up and down again: 12.5 and 3.25 frames up, 3.25 and 15.5 down, and half a frame to make it whole."""
N_PHASES: Final = 4
STRIDE_FRAMES: Final = HISTORY_FRAMES + PIECE_FRAMES + 8
N_ROWS: Final = 9

_INPUT: Final = 0
_EVEN: Final = 1
_ODD: Final = 2
PHASE_ROW: Final = 3
"""The first of the four rows that a curve is applied to, from HISTORY_FRAMES on."""
_BENT_EVEN: Final = 7
_BENT_ODD: Final = 8

# What is clean on the way up: 0.19 of the doubled rate is 18.2 kHz at 48 kHz, with 13 pairs of taps; the
# second step keeps 0.125 of the fourfold rate, everything below half of the sound's own, with 7.
_N_FIRST: Final = 13
_N_SECOND: Final = 7
_N_LAST: Final = 32
# At 48 kHz: flat to 18.8 kHz, 68 dB down from 25 kHz, so that even the fourth overtone of a 5 kHz tone stops.
_LAST_CUTOFF: Final = 0.228
_LAST_STOP_DB: Final = 68.0

_TAPS: Final = 2 * N_ROWS * STRIDE_FRAMES
_AT_SECOND: Final = _TAPS + _N_FIRST
_AT_LAST: Final = _AT_SECOND + _N_SECOND
N_CELLS: Final = _AT_LAST + _N_LAST
"""float32 cells that two channels need."""


def prepare_oversampling(cells: F32) -> None:
    """Write the filters into zeroed cells.

    Parameters
    ----------
    cells : float32 array, shape (N_CELLS,)
    """
    # Between the samples stand zeros on the way up, which halve the level.
    cells[_TAPS:_AT_SECOND] = half_band(0.19)
    cells[_AT_SECOND:_AT_LAST] = half_band(0.125)
    at = np.arange(_N_LAST)
    beta = 0.1102 * (_LAST_STOP_DB - 8.7)
    window = np.i0(beta * np.sqrt(1.0 - (at / _N_LAST) ** 2))
    taps = 2.0 * _LAST_CUTOFF * np.sinc(2.0 * _LAST_CUTOFF * at) * window
    cells[_AT_LAST:] = taps / (taps[0] + 2.0 * taps[1:].sum())


@kernel
def rows_of(cells: F32, channel: int) -> F32:
    """The rows of a channel, a view of shape (N_ROWS, STRIDE_FRAMES).

    Parameters
    ----------
    cells : float32 array, shape (N_CELLS,)
    channel : int, 0 or 1
    """
    size = N_ROWS * STRIDE_FRAMES
    return cells[channel * size : (channel + 1) * size].reshape((N_ROWS, STRIDE_FRAMES))


@kernel
def input_row(rows: F32) -> F32:
    """Where up to PIECE_FRAMES new frames go before `raise_rate`, a view of shape (PIECE_FRAMES + 8,).

    Parameters
    ----------
    rows : float32 array, shape (N_ROWS, STRIDE_FRAMES)
        Of `rows_of`.
    """
    return rows[_INPUT][HISTORY_FRAMES:]


@kernel
def _raise_twice(rows: F32, taps: F32, n: int) -> None:
    """Input to even and odd samples of twice the rate, 13 frames late."""
    x = rows[_INPUT]
    even = rows[_EVEN]
    odd = rows[_ODD]
    two = splat8(np.float32(2.0))
    for o in range(HISTORY_FRAMES, HISTORY_FRAMES + n, 8):
        total = splat8(np.float32(0.0))
        for k in range(_N_FIRST):
            total = total + splat8(taps[_TAPS + k]) * (load8(x, o - 13 - k) + load8(x, o - 12 + k))
        store8(even, o, load8(x, o - 13))
        store8(odd, o, two * total)


@kernel
def _raise_again(rows: F32, taps: F32, n: int) -> None:
    """Twice to four times the rate, 4 frames late: what lies between even and odd, and after odd."""
    even = rows[_EVEN]
    odd = rows[_ODD]
    p0, p1, p2, p3 = rows[PHASE_ROW], rows[PHASE_ROW + 1], rows[PHASE_ROW + 2], rows[PHASE_ROW + 3]
    two = splat8(np.float32(2.0))
    for o in range(HISTORY_FRAMES, HISTORY_FRAMES + n, 8):
        m = o - 4
        first = splat8(np.float32(0.0))
        second = splat8(np.float32(0.0))
        for j in range(_N_SECOND // 2 + 1):
            tap = splat8(taps[_AT_SECOND + 2 * j])
            first = first + tap * (load8(even, m - j) + load8(odd, m + j))
            second = second + tap * (load8(odd, m - j) + load8(even, m + 1 + j))
        for j in range(_N_SECOND // 2):
            tap = splat8(taps[_AT_SECOND + 2 * j + 1])
            first = first + tap * (load8(odd, m - 1 - j) + load8(even, m + 1 + j))
            second = second + tap * (load8(even, m - j) + load8(odd, m + 1 + j))
        store8(p0, o, load8(even, m))
        store8(p1, o, two * first)
        store8(p2, o, load8(odd, m))
        store8(p3, o, two * second)


@kernel
def _lower_once(rows: F32, taps: F32, n: int) -> None:
    """Four times to twice the rate, 3 frames late."""
    p0, p1, p2, p3 = rows[PHASE_ROW], rows[PHASE_ROW + 1], rows[PHASE_ROW + 2], rows[PHASE_ROW + 3]
    half = splat8(np.float32(0.5))
    for o in range(HISTORY_FRAMES, HISTORY_FRAMES + n, 8):
        r = o - 3
        even = half * load8(p0, r)
        odd = half * load8(p2, r)
        for j in range(_N_SECOND // 2 + 1):
            tap = splat8(taps[_AT_SECOND + 2 * j])
            even = even + tap * (load8(p3, r - 1 - j) + load8(p1, r + j))
            odd = odd + tap * (load8(p1, r - j) + load8(p3, r + j))
        for j in range(_N_SECOND // 2):
            tap = splat8(taps[_AT_SECOND + 2 * j + 1])
            even = even + tap * (load8(p1, r - 1 - j) + load8(p3, r + j))
            odd = odd + tap * (load8(p3, r - 1 - j) + load8(p1, r + 1 + j))
        store8(rows[_BENT_EVEN], o, even)
        store8(rows[_BENT_ODD], o, odd)


@kernel
def _lower_last(rows: F32, taps: F32, n: int, out: F32) -> None:
    """Twice the rate to the sound's own, 15 frames late."""
    even = rows[_BENT_EVEN]
    odd = rows[_BENT_ODD]
    for i in range(0, n, 8):
        s = HISTORY_FRAMES + i - 15
        total = splat8(taps[_AT_LAST]) * load8(even, s)
        others = splat8(np.float32(0.0))
        for j in range(_N_LAST // 2):
            others = others + splat8(taps[_AT_LAST + 2 * j + 1]) * (load8(odd, s + j) + load8(odd, s - 1 - j))
        for j in range(1, _N_LAST // 2):
            total = total + splat8(taps[_AT_LAST + 2 * j]) * (load8(even, s + j) + load8(even, s - j))
        store8(out, i, total + others)


@kernel
def raise_rate(rows: F32, cells: F32, n: int) -> None:
    """What stands in `input_row` to the four phase rows, each from HISTORY_FRAMES on.

    Parameters
    ----------
    rows : float32 array, shape (N_ROWS, STRIDE_FRAMES)
        Of `rows_of`.
    cells : float32 array, shape (N_CELLS,)
        With the filters of `prepare_oversampling`.
    n : int, 1 to PIECE_FRAMES

    Notes
    -----
    Real-time safe. Works on whole vectors: up to seven frames after the n-th are rubbish.
    """
    _raise_twice(rows, cells, n)
    _raise_again(rows, cells, n)


@kernel
def lower_rate(rows: F32, cells: F32, n: int, out: F32) -> None:
    """The phase rows back to the sound's own rate, LATENCY_FRAMES after the input; closes the piece.

    Parameters
    ----------
    rows : float32 array, shape (N_ROWS, STRIDE_FRAMES)
        Of `rows_of`; moved on by `n` frames.
    cells : float32 array, shape (N_CELLS,)
    n : int, 1 to PIECE_FRAMES
    out : float32 array, shape (>= n rounded up to a multiple of 8,)

    Notes
    -----
    Real-time safe. Each frame is summed in the same order wherever a piece begins.
    """
    _lower_once(rows, cells, n)
    _lower_last(rows, cells, n, out)
    for r in range(N_ROWS):
        row = rows[r]
        for i in range(0, HISTORY_FRAMES, 8):
            store8(row, i, load8(row, n + i))
