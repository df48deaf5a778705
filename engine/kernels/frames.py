"""Frames cut out of a sound that silence surrounds.

Inside kernels of analysis threads. It exists so that no analysis copies a whole song only to put
silence at its ends.
"""

import numpy as np

from engine.kernels.jit import kernel
from engine.units import F32

LOUDEST = 1e15
"""+300 dBFS: what is finite but beyond it counts as this, so that its squared spectrum stays finite."""

_LOUDEST = np.float32(LOUDEST)


@kernel
def cut_frame(x: F32, start: int, n: int, out: F32) -> None:
    """Copy frames start .. start + n - 1 of a sound.

    Parameters
    ----------
    x : float32 array, shape (frames,)
    start, n : int
        May reach below 0 and beyond the sound.
    out : float32 array, shape (>= n,)
        Silence behind the n frames, and nothing beyond +-LOUDEST.
    """
    low = max(start, 0)
    high = min(start + n, x.shape[0])
    if high <= low:
        out[:] = 0.0
    else:
        out[: low - start] = 0.0
        out[high - start :] = 0.0
        source = x[low:high]
        target = out[low - start : high - start]
        for i in range(source.shape[0]):
            target[i] = min(max(source[i], -_LOUDEST), _LOUDEST)
