"""The array that a kernel's result goes into: one that the caller keeps for it, or a new one.

Any thread; called once by the public function of a kernel.
"""

import numpy as np

from engine.errors import ParameterError
from engine.units import F32


def result_array(out: F32 | None, shape: tuple[int, ...]) -> F32:
    """Look at an array before a result is written into it.

    Parameters
    ----------
    out : float32 array or None
        C-contiguous, of `shape`; None makes one.
    shape : tuple of int

    Returns
    -------
    float32 array, of `shape`
        `out` itself when it was given.

    Raises
    ------
    ParameterError
        It has another shape, type or order.
    """
    if out is None:
        return np.empty(shape, np.float32)
    if out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ParameterError(
            f"the result needs a contiguous float32 array of {shape}, not {out.dtype} {out.shape}"
        )
    return out
