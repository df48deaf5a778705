"""Half the sample rate, without delay: the half-band filter that a constant-Q transform steps down with.

Any worker thread; the kernel allocates two small buffers a call and releases the GIL. It is not the
resampler's job: an octave needs only its own band clean, and a filter made for just that band has a
dozen multiplications where a general one has hundreds.
"""

import math

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import RowPool, kernel, run_rows
from engine.kernels.lanes import load8, splat8, store8
from engine.units import F32

BLOCK_FRAMES = 1024
"""Output frames that are worked on at a time: 4 + 8 kB of input, well inside the first cache."""

_STOP_DB = 90.0


def half_band(keep: float) -> F32:
    """Make the filter for a band that must stay clean.

    Parameters
    ----------
    keep : float, 0 to 0.24
        Upper edge of that band as a part of the input's rate. What would fold into it, from 0.5 - keep
        upwards, is 90 dB down; what folds above it is not wanted anyway.

    Returns
    -------
    float32 array, shape (n,)
        Weights of the neighbours 1, 3, 5, .. frames away on both sides; that of the frame itself is 1/2,
        those of its even neighbours are 0.

    References
    ----------
    .. [1] J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974.
    """
    if not 0.0 <= keep <= 0.24:
        raise ParameterError(f"a half-band filter keeps 0..0.24 of the rate, not {keep}")
    reach = (_STOP_DB - 8.0) / (2.285 * 2.0 * math.pi * (0.5 - 2.0 * keep)) / 2.0
    n = math.ceil((reach + 1.0) / 2.0)
    at = 2.0 * np.arange(n) + 1.0
    beta = 0.1102 * (_STOP_DB - 8.7)
    taps = 0.5 * np.sinc(at / 2.0) * np.i0(beta * np.sqrt(1.0 - (at / (2 * n)) ** 2)) / np.i0(beta)
    return (taps * 0.25 / taps.sum()).astype(np.float32)  # a constant stays that constant


@kernel
def _halve_blocks(first: int, last: int, x: F32, taps: F32, out: F32) -> None:
    """Blocks [first, last) of BLOCK_FRAMES of `out`."""
    reach = taps.shape[0]
    n_in = x.shape[0]
    odd = np.empty(BLOCK_FRAMES + 2 * reach + 8, np.float32)
    even = np.empty(BLOCK_FRAMES + 8, np.float32)
    for b in range(first, last):
        start = b * BLOCK_FRAMES
        n = min(BLOCK_FRAMES, out.shape[0] - start)
        at = 2 * (start - reach) + 1
        for i in range(n + 2 * reach):
            j = at + 2 * i
            odd[i] = x[j] if 0 <= j < n_in else np.float32(0.0)
        for i in range(n):
            even[i] = x[2 * (start + i)]
        whole = n - n % 8
        half = splat8(np.float32(0.5))
        for i in range(0, whole, 8):
            total = half * load8(even, i)
            for k in range(reach):
                total = total + splat8(taps[k]) * (load8(odd, i + reach + k) + load8(odd, i + reach - 1 - k))
            store8(out, start + i, total)
        for i in range(whole, n):
            rest = np.float32(0.5) * even[i]
            for k in range(reach):
                rest += taps[k] * (odd[i + reach + k] + odd[i + reach - 1 - k])
            out[start + i] = rest


def halve(x: F32, taps: F32, out: F32, threads: RowPool | None = None) -> None:
    """Every second frame of the filtered sound.

    Parameters
    ----------
    x : float32 array, shape (frames,), contiguous
        What lies outside counts as silence.
    taps : float32 array, shape (n,)
        Of `half_band`.
    out : float32 array, shape (ceil(frames / 2),), contiguous
        Frame m of it is at frame 2 m of `x`; must not overlap `x`.
    threads : RowPool or None
        Shares the work; the result is the same bit for bit.
    """
    if out.shape != (-(-x.shape[0] // 2),):
        raise ParameterError(f"{x.shape[0]} frames halve to {-(-x.shape[0] // 2)}, not to {out.shape}")
    run_rows(_halve_blocks, -(-out.shape[0] // BLOCK_FRAMES), x, taps, out, threads=threads)
