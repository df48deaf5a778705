"""Slopes and curvatures of feature tracks: Savitzky-Golay differences.

Analysis threads. Equivalent to librosa.feature.delta with its defaults.

References
----------
.. [1] A. Savitzky, M. J. E. Golay, "Smoothing and differentiation of data by simplified least squares
   procedures", Analytical Chemistry 36 (8), 1964.
"""

import math

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import RowPool, fast_kernel, run_rows
from engine.units import F32

MAX_WIDTH = 255

_SHARE_FROM = 1 << 17  # numbers: a quarter of a millisecond of work, else a second thread costs more


def delta_taps(width_frames: int, order: int = 1) -> F32:
    """Weights whose sum with a stretch of a track is the derivative of the polynomial fitted to it.

    Parameters
    ----------
    width_frames : int, odd, 3 to MAX_WIDTH, > order
    order : int, 1 to 4
        Order of the derivative and of the polynomial.

    Returns
    -------
    float32 array, shape (width_frames,)
        In the order of time; the unit of the result is one track unit a frame^order.
    """
    if width_frames % 2 != 1 or not 3 <= width_frames <= MAX_WIDTH:
        raise ParameterError(f"a width of {width_frames} frames is not an odd number in 3..{MAX_WIDTH}")
    if not 1 <= order <= 4 or order >= width_frames:
        raise ParameterError(f"an order of {order} is outside 1..{min(4, width_frames - 1)}")
    reach = width_frames // 2
    # Powers of -1 .. 1, so that the fit of a wide window stays well conditioned.
    powers = np.vander(np.arange(-reach, reach + 1) / reach, order + 1, increasing=True)
    return (np.linalg.pinv(powers)[order] * math.factorial(order) / reach**order).astype(np.float32)


@fast_kernel
def _delta_rows(first: int, last: int, x: F32, taps: F32, out: F32) -> None:
    width = taps.shape[0]
    reach = width // 2
    n = x.shape[1]
    for row in range(first, last):
        source = x[row]
        target = out[row]
        middle = target[reach : n - reach]
        middle[:] = 0.0
        # A tap at a time, so that frames vectorise.
        for k in range(width):
            tap = taps[k]
            shifted = source[k : k + n - 2 * reach]
            for i in range(middle.shape[0]):
                middle[i] += tap * shifted[i]
        # The fit's highest derivative is the same all along its window, so the edges have their
        # nearest whole window's.
        target[:reach] = middle[0]
        target[n - reach :] = middle[middle.shape[0] - 1]


def delta(
    x: F32, width_frames: int = 9, order: int = 1, out: F32 | None = None, threads: RowPool | None = None
) -> F32:
    """Local derivative of every track.

    Parameters
    ----------
    x : float32 array, shape (tracks, frames)
        Finite.
    width_frames : int, odd, 3 to MAX_WIDTH
        Frames that a polynomial is fitted to. A shorter track takes the widest window that it has
        room for; one that has room for none has no slope: zeros.
    order : int, 1 to 4
    out : float32 array, shape (tracks, frames), or None
        Must not overlap `x`. None allocates.
    threads : RowPool or None

    Returns
    -------
    float32 array, shape (tracks, frames)
        `out`, in track units a frame^order.
    """
    taps = delta_taps(width_frames, order)
    if x.ndim != 2 or x.dtype != np.float32:
        raise ParameterError(f"tracks must be float32 (tracks, frames), not {x.dtype} {x.shape}")
    if out is None:
        out = np.empty(x.shape, np.float32)
    if out.shape != x.shape or out.dtype != np.float32:
        raise ParameterError(f"the result needs a float32 array of {x.shape}, not {out.dtype} {out.shape}")
    n = x.shape[1]
    if n < width_frames:
        widest = n - 1 + n % 2
        if widest < 3 or widest <= order:
            out[:] = 0.0
            return out
        taps = delta_taps(widest, order)
    pool = threads if x.size >= _SHARE_FROM else None
    run_rows(_delta_rows, x.shape[0], np.ascontiguousarray(x), taps, out, threads=pool)
    return out
