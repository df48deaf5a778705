"""Gains that move and signals that cross: linear ramps, because a gain that jumps clicks.

Pure loops without allocation: the audio callback may call them.
"""

from engine.kernels.jit import fast_kernel
from engine.units import F32


@fast_kernel
def scale_ramp(x: F32, start_gain: float, end_gain: float) -> None:
    """Multiply in place by a straight ramp.

    Parameters
    ----------
    x : float32 array, shape (channels, frames)
    start_gain, end_gain : float
        Gain just before the first frame and at the last one, so that ramps chain: the next call
        starts with this one's `end_gain`.
    """
    n = x.shape[1]
    step = (end_gain - start_gain) / n
    for c in range(x.shape[0]):
        row = x[c]
        for i in range(n):
            row[i] *= start_gain + step * (i + 1)


@fast_kernel
def mix_ramp(x: F32, start_gain: float, end_gain: float, out: F32) -> None:
    """Add `x` times a straight ramp to `out`.

    Parameters
    ----------
    x : float32 array, shape (channels, frames)
    start_gain, end_gain : float
        As `scale_ramp`.
    out : float32 array, shape (channels, frames)
        Must not overlap `x`.
    """
    n = x.shape[1]
    step = (end_gain - start_gain) / n
    for c in range(x.shape[0]):
        row = x[c]
        target = out[c]
        for i in range(n):
            target[i] += row[i] * (start_gain + step * (i + 1))


@fast_kernel
def cross_fade(old: F32, new: F32, fade_in: F32, out: F32) -> None:
    """From one signal to another along a curve.

    Parameters
    ----------
    old, new : float32 array, shape (channels, frames)
    fade_in : float32 array, shape (frames,), 0..1
        Weight of `new`; `old` gets the rest. Equal signals come out unchanged, bit for bit.
    out : float32 array, shape (channels, frames)
        May be `old` or `new` itself.
    """
    for c in range(out.shape[0]):
        a = old[c]
        b = new[c]
        target = out[c]
        for i in range(target.shape[0]):
            target[i] = a[i] + (b[i] - a[i]) * fade_in[i]
