"""How two channels relate: energies, their product, and the peak of a stretch.

Analysis workers run it; the kernel releases the GIL. Sums are in double precision, because a song has
more frames than float32 has steps.
"""

from dataclasses import dataclass

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import fast_kernel
from engine.units import F32, F64


@dataclass(frozen=True)
class StereoSums:
    """Sums over a stretch of stereo sound.

    Attributes
    ----------
    left, right : float
        Sums of squares.
    product : float
        Sum of left times right.
    peak : float
        Largest magnitude of a sample.
    """

    left: float
    right: float
    product: float
    peak: float


@fast_kernel
def _sums(left: F32, right: F32, out: F64) -> None:
    a = 0.0
    b = 0.0
    ab = 0.0
    top = np.float32(0.0)
    for i in range(left.shape[0]):
        x = np.float64(left[i])
        y = np.float64(right[i])
        a += x * x
        b += y * y
        ab += x * y
    for i in range(left.shape[0]):
        top = max(top, max(abs(left[i]), abs(right[i])))
    out[0] = a
    out[1] = b
    out[2] = ab
    out[3] = top


def stereo_sums(x: F32) -> StereoSums:
    """Add up a stretch of stereo sound.

    Parameters
    ----------
    x : float32 array, shape (2, frames)
        Any length, 0 included.

    Returns
    -------
    StereoSums
    """
    if x.ndim != 2 or x.shape[0] != 2 or x.dtype != np.float32:
        raise ParameterError(f"stereo sound is float32 of shape (2, frames), not {x.dtype} {x.shape}")
    out = np.empty(4)
    _sums(np.ascontiguousarray(x[0]), np.ascontiguousarray(x[1]), out)
    left, right, product, peak = out.tolist()
    return StereoSums(left, right, product, peak)
