"""Rules that steer the orbit by what is heard: what plays without a network, and what a network must beat.

Pure functions; visuals and training threads. The rules read the same sixty numbers as the control network and
give the same nine, so that either can stand in for the other.
"""

import math

from engine.kernels.jit import kernel
from engine.kernels.orbit import CONTROL_HIGH, CONTROL_LOW, N_CONTROLS
from engine.units import F32, F64

N_ROWS = 10
N_COLUMNS = 6
CENTROID, FLUX, RMS, CROSSING_RATE, ONSET, ROLLOFF = range(N_COLUMNS)
"""Columns of the window, as in engine.stream.orbit_features."""
_NEWEST = 3
"""Rows that "now" is the mean of: 64 ms."""
# Tuples: the compiled code's cache looks at their values, as it does not at those of arrays.
_LOW = tuple(CONTROL_LOW.tolist())
_HIGH = tuple(CONTROL_HIGH.tolist())


@kernel
def _squash(x: float) -> float:
    """Logistic curve, 0..1; NaN is 0.5."""
    if x != x:
        return 0.5
    return 1.0 / (1.0 + math.exp(-min(max(x, -30.0), 30.0)))


@kernel
def _mean(window: F32, column: int, n_rows: int) -> float:
    """Mean of a column over the newest rows."""
    total = 0.0
    for row in range(N_ROWS - n_rows, N_ROWS):
        total += window[row * N_COLUMNS + column]
    return total / n_rows


@kernel
def rule_controls(window: F32, out: F64) -> None:
    """Controls of the orbit from a window of features.

    Parameters
    ----------
    window : float32 array, shape (60,)
        Ten rows of (centroid, flux, rms, crossing rate, onset, roll-off), the oldest first, each in standard
        deviations from its running mean.
    out : float64 array, shape (9,)
        See `engine.kernels.orbit.CONTROLS`; within CONTROL_LOW .. CONTROL_HIGH whatever the window holds.

    Notes
    -----
    Loud passages walk faster, bright ones go further out where the set is filigree, busy ones wind more. The
    slow circles follow loudness, the quick ones onsets and flux.
    """
    loud = _mean(window, RMS, _NEWEST)
    bright = 0.5 * (_mean(window, CENTROID, _NEWEST) + _mean(window, ROLLOFF, _NEWEST))
    busy = _mean(window, FLUX, N_ROWS)
    hit = _mean(window, ONSET, _NEWEST)
    rough = _mean(window, CROSSING_RATE, N_ROWS)
    out[0] = _squash(0.9 * bright + 0.3 * loud - 0.3)
    out[1] = _squash(1.1 * busy + 0.4 * hit)
    out[2] = _squash(1.2 * loud + 0.4 * hit - 0.8)
    out[3] = _squash(1.0 - 0.5 * busy)
    out[4] = _squash(0.8 * loud + 0.5)
    out[5] = _squash(1.2 * loud)
    out[6] = _squash(1.2 * busy - 0.2)
    out[7] = _squash(0.8 * rough + 0.8 * hit - 0.4)
    out[8] = _squash(1.6 * hit - 0.8)
    for k in range(N_CONTROLS):
        out[k] = _LOW[k] + (_HIGH[k] - _LOW[k]) * out[k]
