"""Windows and fades: the curves that frames are cut with and seams are joined by.

Plain numpy, made once when a block is built; never in the audio callback.
"""

import numpy as np

from engine.errors import ParameterError
from engine.units import F32, F64


def _count(n: int) -> F64:
    if n < 1:
        raise ParameterError(f"a window of {n} frames is below 1")
    return np.arange(n, dtype=np.float64)


def hann(n: int) -> F32:
    """Periodic Hann window: n frames of a period of n, as an STFT wants it.

    Parameters
    ----------
    n : int, >= 1

    Returns
    -------
    float32 array, shape (n,), 0..1
    """
    return (0.5 - 0.5 * np.cos(2 * np.pi * _count(n) / n)).astype(np.float32)


def sqrt_hann(n: int) -> F32:
    """Square root of the periodic Hann window: applied twice it overlaps to a constant.

    Parameters
    ----------
    n : int, >= 1

    Returns
    -------
    float32 array, shape (n,), 0..1
    """
    return np.sin(np.pi * _count(n) / n).astype(np.float32)


def kaiser(n: int, beta: float) -> F32:
    """Symmetric Kaiser window.

    Parameters
    ----------
    n : int, >= 1
    beta : float, >= 0
        0 is a rectangle; 0.1102 (A - 8.7) gives a stop-band of A dB, A > 50.

    Returns
    -------
    float32 array, shape (n,), 0..1
    """
    if beta < 0:
        raise ParameterError(f"Kaiser beta {beta} is negative")
    _count(n)
    return np.kaiser(n, beta).astype(np.float32)


def fade_in(n: int) -> F32:
    """Raised-cosine fade from 0 to 1, sampled at the middle of its frames.

    Parameters
    ----------
    n : int, >= 1

    Returns
    -------
    float32 array, shape (n,), 0..1
        `fade_in(n) + fade_out(n)` is exactly 1 in float32, so that the cross-fade of a signal with
        itself is that signal.
    """
    return (0.5 - 0.5 * np.cos(np.pi * (_count(n) + 0.5) / n)).astype(np.float32)


def fade_out(n: int) -> F32:
    """`1 - fade_in(n)`: float32 array, shape (n,)."""
    return np.float32(1.0) - fade_in(n)
