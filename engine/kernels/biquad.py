"""Second-order filters whose frequency and gain may move while sound runs through them.

Every section is a trapezoidal state-variable filter [1]_: its response is exactly that of the bilinear
biquads everyone knows from [2]_, but its two states are the integrators of the analogue circuit. With them
in a frame goes

    d = x - s2
    y = d0 * x + d1 * s1 + d2 * s2
    s1, s2 = a * s1 + b * d, s2 + b * s1 + c * d

and the matrix of the states is the Cayley transform of a passive circuit, so its norm is at most one,
whatever the frequency and Q. The same holds for every mixture of two of them: coefficients may be swapped
or ramped from frame to frame and no state ever grows by it. A direct form gives no such promise, which is
why there is none here.

Pure functions of the audio callback: no allocation, no exceptions, float64 because a section at 20 Hz
needs it.

References
----------
.. [1] A. Simper, "Linear trapezoidal integrated state variable filter with low noise optimisation", 2013.
.. [2] R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients", 1998.
"""

import math
from typing import Final

from engine.kernels.jit import kernel
from engine.units import F64

Section = tuple[float, float, float, float, float, float]
"""a, b, c, d1, d2, d0 of the module's equations."""

HIGHEST: Final = 0.49
"""No corner lies above this share of the rate: tan() has its pole at a half."""
SILENT_STATE: Final = 1e-15
"""States below this, 300 dB under full scale, are set to zero before they end as denormals."""


@kernel
def warp(freq_hz: float, rate_hz: float) -> float:
    """Gain of the integrators, tan(pi f / rate), that puts a corner at `freq_hz`, HIGHEST at most."""
    return math.tan(math.pi * min(freq_hz / rate_hz, HIGHEST))


@kernel
def section(g: float, k: float, m0: float, m1: float, m2: float) -> Section:
    """Coefficients of m0 * input + m1 * band + m2 * low.

    Parameters
    ----------
    g : float, > 0
        Of `warp`.
    k : float, >= 0
        Damping, 1 / Q.
    m0, m1, m2 : float
        How much of the input, the band-pass (of peak 1 / k) and the low-pass to add up.

    Returns
    -------
    tuple of float
        A `Section`.
    """
    a1 = 1.0 / (1.0 + g * (g + k))
    a2 = g * a1
    a3 = g * a2
    return (
        2.0 * a1 - 1.0,
        2.0 * a2,
        2.0 * a3,
        m1 * a1 + m2 * a2,
        m2 * (1.0 - a3) - m1 * a2,
        m0 + m1 * a2 + m2 * a3,
    )


@kernel
def high_pass(freq_hz: float, q: float, rate_hz: float) -> Section:
    """12 dB an octave below `freq_hz`; Butterworth at Q 0.7071."""
    return section(warp(freq_hz, rate_hz), 1.0 / q, 1.0, -1.0 / q, -1.0)


@kernel
def peak(freq_hz: float, gain_db: float, q: float, rate_hz: float) -> Section:
    """A bell of `gain_db` at `freq_hz`, as the peakingEQ of [2]_ (its Q is that of a boost's skirt)."""
    amplitude = 10.0 ** (gain_db / 40.0)
    k = 1.0 / (q * amplitude)
    return section(warp(freq_hz, rate_hz), k, 1.0, k * (amplitude * amplitude - 1.0), 0.0)


@kernel
def low_shelf(freq_hz: float, gain_db: float, q: float, rate_hz: float) -> Section:
    """`gain_db` below `freq_hz`, half of it there; at Q 0.7071 as steep as it gets without a bump."""
    amplitude = 10.0 ** (gain_db / 40.0)
    g = warp(freq_hz, rate_hz) / math.sqrt(amplitude)
    return section(g, 1.0 / q, 1.0, (amplitude - 1.0) / q, amplitude * amplitude - 1.0)


@kernel
def high_shelf(freq_hz: float, gain_db: float, q: float, rate_hz: float) -> Section:
    """`gain_db` above `freq_hz`, half of it there; at Q 0.7071 as steep as it gets without a bump."""
    amplitude = 10.0 ** (gain_db / 40.0)
    square = amplitude * amplitude
    g = warp(freq_hz, rate_hz) * math.sqrt(amplitude)
    return section(g, 1.0 / q, square, (1.0 - amplitude) * amplitude / q, 1.0 - square)


@kernel
def drop_silence(states: F64, at: int, n_states: int) -> None:
    """Set decayed states to zero.

    Parameters
    ----------
    states : float64 array, shape (any,)
        Holds the states; changed in place.
    at, n_states : int
        The first of them, and how many.

    Notes
    -----
    Call it at frames that are counted, never where a block happens to end: when silence begins would then
    depend on the device.
    """
    for k in range(at, at + n_states):
        if abs(states[k]) < SILENT_STATE:
            states[k] = 0.0
