"""The period of a voice as it comes in: a new estimate every few milliseconds, without an allocation.

Pure functions of the device thread. `pitch.py` follows a whole recording, with transforms; here one estimate
at a time is wanted, for the newest sound, at the same cost in every block. Sums over a thinned signal are
cheaper than transforms for that, and the winner is looked up again at the full rate, between the frames.

All differences end at the newest frame: a short period is found in a short stretch of sound.

References
----------
.. [1] A. de Cheveigne, H. Kawahara, "YIN, a fundamental frequency estimator for speech and music",
   J. Acoust. Soc. Am. 111 (4), 2002: difference function (6), cumulative mean (8), threshold (step 4),
   parabolic interpolation (step 5).
"""

import math
from typing import Final

import numpy as np

from engine.kernels.jit import kernel
from engine.kernels.lanes import load8, splat8, sum8
from engine.units import F32, F64

THIN_HZ: Final = 4500.0
"""What is left of the sound in the thinned signal: five overtones of the highest voice."""
_TINY: Final = 1e-12


def thinning_taps(rate_hz: float, every: int) -> F32:
    """Low-pass for a signal of which one frame in `every` is kept, float32 array of shape (16 * every,).

    Parameters
    ----------
    rate_hz : float
    every : int
    """
    n = 16 * every
    at = np.arange(n) - (n - 1) / 2.0
    taps = np.sinc(2.0 * THIN_HZ / rate_hz * at) * np.hanning(n + 2)[1:-1]
    return (taps / taps.sum()).astype(np.float32)


@kernel
def weighted_sum(x: F32, first: int, taps: F32) -> float:
    """Sum of x[first + k] taps[k].

    Parameters
    ----------
    x : float32 array, shape (>= first + n,)
    first : int
    taps : float32 array, shape (n,), n a multiple of 8
    """
    total = splat8(np.float32(0.0))
    for k in range(0, taps.shape[0], 8):
        total = total + load8(x, first + k) * load8(taps, k)
    return sum8(total)


@kernel
def difference(x: F32, first: int, lag: int, n: int) -> float:
    """Sum of (x[first + k] - x[first + k - lag])^2 over k < n: 0 where a period fits.

    Parameters
    ----------
    x : float32 array, shape (>= first + n,)
    first : int, >= lag
    lag : int
    n : int, a multiple of 16
    """
    even = splat8(np.float32(0.0))
    odd = splat8(np.float32(0.0))
    for k in range(first, first + n, 16):
        a = load8(x, k) - load8(x, k - lag)
        b = load8(x, k + 8) - load8(x, k + 8 - lag)
        even = even + a * a
        odd = odd + b * b
    return sum8(even + odd)


@kernel
def vertex(before: float, here: float, after: float) -> float:
    """Where a parabola through three neighbours is lowest, -0.5..0.5 from the middle one."""
    curve = before + after - 2.0 * here
    if curve <= 0.0:
        return 0.0
    return min(max(0.5 * (before - after) / curve, -0.5), 0.5)


@kernel
def rough_period(
    x: F32, end: int, lags: tuple[int, int], n: int, threshold: float, troughs: F64
) -> tuple[float, float]:
    """Period of the newest sound, in frames of the thinned signal, and how deep its trough is.

    Parameters
    ----------
    x : float32 array, shape (>= end,)
    end : int
        Just after the newest frame, >= n + longest lag.
    lags : two ints
        Shortest and longest period.
    n : int, a multiple of 16
        Frames that are compared.
    threshold : float
        The first trough below it wins, without one the deepest. What falls on beyond the shortest or the
        longest lag is no trough: it belongs to a period outside the range, or to none.
    troughs : float64 array, shape (>= longest + 2,)
        Work: the cumulative mean normalised difference.

    Returns
    -------
    float, float
        Period, and aperiodicity 0..1: 1 in silence and without a trough, near 0 where one clear pitch is
        heard.
    """
    shortest, longest = lags
    first = end - n
    total = 0.0
    for lag in range(1, longest + 2):
        d = np.float64(difference(x, first, lag, n))
        total += d
        troughs[lag] = d * lag / (total + _TINY)
    if total <= _TINY * longest:
        return float(longest), 1.0
    best = 0
    for lag in range(shortest, longest + 1):
        here = troughs[lag]
        if here <= troughs[lag - 1] and here < troughs[lag + 1] and (best == 0 or here < troughs[best]):
            best = lag
            if here < threshold:
                break
    if best == 0:
        return float(longest), 1.0
    shift = vertex(troughs[best - 1], troughs[best], troughs[best + 1])
    return best + shift, min(max(troughs[best], 0.0), 1.0)


@kernel
def exact_lag(x: F32, first: int, n: int, around: tuple[float, int], work: F64) -> float:
    """The lag near a known one at which a stretch of sound repeats best, between the frames too.

    Parameters
    ----------
    x : float32 array, shape (>= first + n,)
        The stretch is compared with what lies a lag before it.
    first : int, >= lag + reach
    n : int, a multiple of 16
    around : float, int
        The lag to look around, and how many frames on either side, at most 62.
    work : float64 array, shape (>= 2 * reach + 1,)

    Returns
    -------
    float
        `around[0]` itself where the best lies at the edge, and nothing was found.
    """
    middle = int(around[0] + 0.5)
    reach = around[1]
    best = 0
    for j in range(2 * reach + 1):
        work[j] = difference(x, first, middle - reach + j, n)
        if work[j] < work[best]:
            best = j
    if best == 0 or best == 2 * reach:
        return around[0]
    return middle - reach + best + vertex(work[best - 1], work[best], work[best + 1])


@kernel
def burst_offset(x: F32, centre: int, period: float) -> float:
    """How far from a place the energy of a period is gathered: where the glottis closes, in a voice.

    Parameters
    ----------
    x : float32 array, shape (>= centre + period / 2 + 1,)
    centre : int, > period / 2
    period : float

    Returns
    -------
    float
        Frames, from -period / 2 to period / 2: the angle of the energy's first Fourier coefficient. The
        energy is that of the differences, so that the bright part of a period counts.
    """
    n = int(period)
    first = centre - n // 2
    angle = 2.0 * math.pi / period
    turn_c, turn_s = math.cos(angle), math.sin(angle)
    c, s = math.cos(angle * (n // 2)), -math.sin(angle * (n // 2))
    real, imaginary = 0.0, 0.0
    last = np.float64(x[first - 1])
    for i in range(first, first + n):
        here = np.float64(x[i])
        energy = (here - last) * (here - last)
        last = here
        real += energy * c
        imaginary += energy * s
        c, s = c * turn_c - s * turn_s, c * turn_s + s * turn_c
    return math.atan2(imaginary, real) / angle
