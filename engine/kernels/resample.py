"""Rational resampling with a windowed sinc, addressed by absolute positions.

Output frame m lies at input position m * down / up, exactly, wherever a caller starts: two segments
resampled separately from enough input agree bit for bit where they meet. That is why it is here and
not a library: separation resamples every segment to the model's rate and back, playback resamples
from any seek position, and neither may leave a seam.

Any thread; the kernels allocate nothing and release the GIL.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import fast_kernel
from engine.units import F32, F64

Quality = Literal["high", "fast"]

_PASS_BAND = {"high": 0.9, "fast": 0.8}
_STOP_DB = {"high": 120.0, "fast": 100.0}
_TAP_MULTIPLE = 32  # four vectors of 8 floats: the inner loop has no remainder


@dataclass(frozen=True)
class ResampleFilter:
    """A polyphase filter from one rate to another.

    Attributes
    ----------
    up, down : int
        `to_hz / from_hz` in lowest terms.
    taps : float32 array, shape (up, 2 * half_width)
        `taps[p, k]` weighs the input frame `floor(m * down / up) - half_width + 1 + k` for output
        frames m with `m * down % up == p`.
    half_width : int
        Input frames needed on each side.
    """

    up: int
    down: int
    taps: F32
    half_width: int


def design(from_hz: int, to_hz: int, quality: Quality = "high") -> ResampleFilter:
    """Make the filter between two rates.

    Parameters
    ----------
    from_hz, to_hz : int
        Frames a second, 1000 to 768000.
    quality : {"high", "fast"}
        "high": flat to 0.9 of the lower Nyquist frequency, 120 dB down at it. "fast": flat to 0.8,
        100 dB down, 2.4 times cheaper.

    Returns
    -------
    ResampleFilter
        Equal rates give the identity.

    Notes
    -----
    `up * 2 * half_width` taps: 92 kB for 44.1 to 48 kHz, and 110 MB in the worst case of two coprime
    rates near 192 kHz.

    References
    ----------
    .. [1] J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function",
       1974: length (A - 8) / (2.285 * transition), beta 0.1102 (A - 8.7).
    """
    for rate_hz in (from_hz, to_hz):
        if not 1000 <= rate_hz <= 768_000:
            raise ParameterError(f"sample rate {rate_hz} Hz is outside 1000..768000 Hz")
    if quality not in _PASS_BAND:
        raise ParameterError(f"resampling quality {quality!r} is not 'high' or 'fast'")
    divisor = math.gcd(from_hz, to_hz)
    up, down = to_hz // divisor, from_hz // divisor
    if up == down:
        return ResampleFilter(1, 1, np.array([[1.0, 0.0]], np.float32), 1)
    scale = min(1.0, up / down)  # the lower Nyquist frequency, as a part of the input's
    transition = (1.0 - _PASS_BAND[quality]) * scale
    n_taps = (_STOP_DB[quality] - 8.0) / (2.285 * math.pi * transition)
    half_width = math.ceil(n_taps / _TAP_MULTIPLE) * _TAP_MULTIPLE // 2
    taps = np.empty((up, 2 * half_width), np.float32)
    rows = max(1, 2**20 // (2 * half_width))  # 8 MB of float64 at a time
    for first in range(0, up, rows):
        phases = np.arange(first, min(first + rows, up))
        taps[first : first + rows] = _sinc_rows(phases / up, half_width, scale, quality)
    return ResampleFilter(up, down, taps, half_width)


def _sinc_rows(fractions: F64, half_width: int, scale: float, quality: Quality) -> F64:
    """Taps, shape (phases, 2 * half_width), for outputs `fractions` of a frame after an input frame."""
    beta = 0.1102 * (_STOP_DB[quality] - 8.7)
    t = np.arange(2 * half_width) - (half_width - 1) - fractions[:, None]
    cutoff = 0.5 * (1.0 + _PASS_BAND[quality]) * scale
    window = np.i0(beta * np.sqrt(np.maximum(0.0, 1.0 - (t / half_width) ** 2)))
    rows = np.sinc(cutoff * t) * window
    return rows / rows.sum(axis=1, keepdims=True)  # a constant stays that constant in every phase


def needed_input(resample_filter: ResampleFilter, out_start: int, n_out: int) -> tuple[int, int]:
    """Input frames [start, stop) that output frames [out_start, out_start + n_out) depend on.

    Parameters
    ----------
    resample_filter : ResampleFilter
    out_start : int
        First output frame; may be negative.
    n_out : int, >= 1

    Returns
    -------
    (int, int)
        May reach below 0 and beyond the song: what is not given to the kernel counts as silence.
    """
    up, down, half = resample_filter.up, resample_filter.down, resample_filter.half_width
    first = out_start * down // up
    last = (out_start + n_out - 1) * down // up
    return first - half + 1, last + half + 1


@fast_kernel
def resample_frames(x: F32, x_start: int, taps: F32, up: int, down: int, out_start: int, out: F32) -> None:
    """Compute output frames [out_start, out_start + n_out) from input frames [x_start, x_start + n_in).

    Parameters
    ----------
    x : float32 array, shape (channels, n_in)
    x_start : int
        Position of `x[:, 0]` in the input.
    taps, up, down
        Of a `ResampleFilter`.
    out_start : int
        Position of `out[:, 0]` in the output.
    out : float32 array, shape (channels, n_out)

    Notes
    -----
    Input outside `x` counts as silence. No allocation, no GIL; `2 * half_width` multiplications a
    sample.
    """
    n_taps = taps.shape[1]
    n_in = x.shape[1]
    for m in range(out.shape[1]):
        at = (out_start + m) * down
        whole = at // up
        weights = taps[at - whole * up]
        lo = whole - n_taps // 2 + 1 - x_start
        start = min(max(lo, 0), n_in)
        stop = max(min(lo + n_taps, n_in), start)
        weights = weights[start - lo : stop - lo]
        if x.shape[0] == 2:
            left = x[0, start:stop]
            right = x[1, start:stop]
            sum_left = np.float32(0.0)
            sum_right = np.float32(0.0)
            for k in range(weights.shape[0]):
                sum_left += weights[k] * left[k]
                sum_right += weights[k] * right[k]
            out[0, m] = sum_left
            out[1, m] = sum_right
        else:
            for c in range(x.shape[0]):
                row = x[c, start:stop]
                total = np.float32(0.0)
                for k in range(weights.shape[0]):
                    total += weights[k] * row[k]
                out[c, m] = total


@fast_kernel
def resample_interleaved(
    x: F32, x_start: int, taps: F32, up: int, down: int, out_start: int, out: F32
) -> None:
    """`resample_frames` for interleaved frames: `x` of shape (n_in, channels), `out` (n_out, channels)."""
    n_taps = taps.shape[1]
    n_in = x.shape[0]
    for m in range(out.shape[0]):
        at = (out_start + m) * down
        whole = at // up
        weights = taps[at - whole * up]
        lo = whole - n_taps // 2 + 1 - x_start
        start = min(max(lo, 0), n_in)
        stop = max(min(lo + n_taps, n_in), start)
        weights = weights[start - lo : stop - lo]
        near = x[start:stop]
        if x.shape[1] == 2:
            sum_left = np.float32(0.0)
            sum_right = np.float32(0.0)
            for k in range(weights.shape[0]):
                sum_left += weights[k] * near[k, 0]
                sum_right += weights[k] * near[k, 1]
            out[m, 0] = sum_left
            out[m, 1] = sum_right
        else:
            for c in range(x.shape[1]):
                total = np.float32(0.0)
                for k in range(weights.shape[0]):
                    total += weights[k] * near[k, c]
                out[m, c] = total
