"""What an effect that follows the level listens to: both channels through a high-pass, the louder of the two.

One level for both channels, so that the image stays where it is; a high-pass, so that a plosive or a bass
does not pull the voice down. Nothing of this is heard, so the filter may be switched from one frequency to
the next without a ramp (its states stay bounded, see `biquad`).

Pure functions of the audio callback: no allocation, no exceptions.
"""

from typing import Final

import numpy as np

from engine.kernels.biquad import drop_silence, high_pass
from engine.kernels.jit import fast_kernel, kernel
from engine.units import F32, F64

N_SIDE_CHAIN: Final = 10
"""Cells of a side-chain: six coefficients, then two states of the left and two of the right."""
HIGHEST_POWER: Final = 1e12
"""120 dB over full scale. A sample that squares to infinity would be remembered for ever."""
_STATES: Final = 6
_N_STATES: Final = 4
_BUTTERWORTH: Final = 0.5**0.5


@kernel
def tune_side_chain(freq_hz: float, rate_hz: float, cells: F64, at: int) -> None:
    """Put the high-pass (12 dB an octave) at a frequency.

    Parameters
    ----------
    freq_hz, rate_hz : float
    cells : float64 array, shape (at least at + N_SIDE_CHAIN,)
        Holds the side-chain; its coefficients are written.
    at : int
        Where it begins.
    """
    section = high_pass(freq_hz, _BUTTERWORTH, rate_hz)
    cells[at], cells[at + 1], cells[at + 2] = section[0], section[1], section[2]
    cells[at + 3], cells[at + 4], cells[at + 5] = section[3], section[4], section[5]


@kernel
def rest_side_chain(cells: F64, at: int) -> None:
    """Set decayed states to exact silence. Call it at grid points, never where a block happens to end.

    Parameters
    ----------
    cells : float64 array, shape (at least at + N_SIDE_CHAIN,)
        Holds the side-chain.
    at : int
        Where it begins.
    """
    drop_silence(cells, at + _STATES, _N_STATES)


@fast_kernel
def linked_power(left: F32, right: F32, cells: F64, at: int, out: F32) -> None:
    """Power of the louder channel behind the high-pass, frame by frame.

    Parameters
    ----------
    left, right : float32 arrays, shape (frames,)
    cells : float64 array, shape (at least at + N_SIDE_CHAIN,)
        Holds the side-chain, whose states are advanced.
    at : int
        Where it begins.
    out : float32 array, shape (frames,)
        Squared amplitudes, HIGHEST_POWER at most.
    """
    a, b, c = cells[at], cells[at + 1], cells[at + 2]
    d1, d2, d0 = cells[at + 3], cells[at + 4], cells[at + 5]
    s1, s2 = cells[at + 6], cells[at + 7]
    t1, t2 = cells[at + 8], cells[at + 9]
    for i in range(out.shape[0]):
        x = np.float64(left[i])
        y = np.float64(right[i])
        dx = x - s2
        dy = y - t2
        heard_x = d0 * x + (d1 * s1 + d2 * s2)
        heard_y = d0 * y + (d1 * t1 + d2 * t2)
        heard_x *= heard_x
        heard_y *= heard_y
        louder = heard_x if heard_x > heard_y else heard_y
        out[i] = louder if louder < HIGHEST_POWER else HIGHEST_POWER
        s2 += b * s1 + c * dx
        t2 += b * t1 + c * dy
        s1 = a * s1 + b * dx
        t1 = a * t1 + b * dy
    cells[at + 6], cells[at + 7] = s1, s2
    cells[at + 8], cells[at + 9] = t1, t2
