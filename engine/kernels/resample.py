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
from engine.kernels.jit import kernel
from engine.kernels.lanes import even8, load8, odd8, splat8, sum8, zip_high8, zip_low8
from engine.units import F32, F64

Quality = Literal["high", "fast"]

_PASS_BAND = {"high": 0.9, "fast": 0.8}
_STOP_DB = {"high": 120.0, "fast": 100.0}
_TAP_MULTIPLE = 16  # two vectors of 8 floats: the inner loop has no remainder


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


@kernel
def _dot(x: F32, at: int, taps: F32, taps_at: int, n_taps: int) -> float:
    """Sum of `n_taps` products, all of them inside both arrays."""
    total = splat8(np.float32(0.0))
    for k in range(0, n_taps, 8):
        total = total + load8(x, at + k) * load8(taps, taps_at + k)
    return sum8(total)


@kernel
def _dot_four(
    x: F32, at: int, step: int, taps: F32, taps_at: int, n_taps: int
) -> tuple[float, float, float, float]:
    """Four `_dot`s at once, `step` apart in `x`: the same sums in the same order."""
    sum0 = splat8(np.float32(0.0))
    sum1 = sum0
    sum2 = sum0
    sum3 = sum0
    for k in range(0, n_taps, 8):
        weights = load8(taps, taps_at + k)
        sum0 = sum0 + load8(x, at + k) * weights
        sum1 = sum1 + load8(x, at + step + k) * weights
        sum2 = sum2 + load8(x, at + 2 * step + k) * weights
        sum3 = sum3 + load8(x, at + 3 * step + k) * weights
    return sum8(sum0), sum8(sum1), sum8(sum2), sum8(sum3)


@kernel
def _dot_edge(x: F32, at: int, taps: F32, taps_at: int, n_taps: int) -> float:
    """`_dot` where part of the input is missing, which counts as silence."""
    total = np.float32(0.0)
    for k in range(max(0, -at), min(n_taps, x.shape[0] - at)):
        total += x[at + k] * taps[taps_at + k]
    return float(total)


@kernel
def _resample_row(x: F32, x_start: int, taps: F32, up: int, down: int, out_start: int, out: F32) -> None:
    """`resample_frames` for one channel.

    Output frames of one phase are computed one after the other, `repeats` of them: the table of taps
    is larger than the first cache, and walking through it for every frame costs more than the sums.
    """
    n_taps = taps.shape[1]
    n_in = x.shape[0]
    n_out = out.shape[0]
    flat = taps.reshape(-1)
    repeats = max(8, 1024 // up)
    whole = out_start * down // up
    phase = out_start * down - whole * up
    whole_step = down // up
    phase_step = down - whole_step * up
    for first in range(0, n_out, repeats * up):
        stop = min(n_out, first + repeats * up)
        for i in range(first, min(first + up, stop)):
            at = whole - n_taps // 2 + 1 - x_start
            row = phase * n_taps
            m = i
            while m < stop:
                inside = at >= 0 and at + n_taps <= n_in and n_taps % 8 == 0
                if inside and m + 3 * up < stop and at + 3 * down + n_taps <= n_in:
                    y0, y1, y2, y3 = _dot_four(x, at, down, flat, row, n_taps)
                    out[m] = y0
                    out[m + up] = y1
                    out[m + 2 * up] = y2
                    out[m + 3 * up] = y3
                    m += 4 * up
                    at += 4 * down
                else:
                    if inside:
                        out[m] = _dot(x, at, flat, row, n_taps)
                    else:
                        out[m] = _dot_edge(x, at, flat, row, n_taps)
                    m += up
                    at += down
            whole += whole_step
            phase += phase_step
            if phase >= up:
                phase -= up
                whole += 1
        whole += (repeats - 1) * down


@kernel
def resample_frames(x: F32, x_start: int, taps: F32, up: int, down: int, out_start: int, out: F32) -> None:
    """Compute output frames [out_start, out_start + n_out) from input frames [x_start, x_start + n_in).

    Parameters
    ----------
    x : float32 array, shape (channels, n_in), contiguous
    x_start : int
        Position of `x[:, 0]` in the input.
    taps, up, down
        Of `ResampleFilter`.
    out_start : int
        Position of `out[:, 0]` in the output; may be negative.
    out : float32 array, shape (channels, n_out)

    Notes
    -----
    Input outside `x` counts as silence. No allocation, no GIL; `2 * half_width` multiplications a
    sample. Where all the input is there, a frame's value does not depend on how the work was cut.
    """
    for c in range(x.shape[0]):
        _resample_row(x[c], x_start, taps, up, down, out_start, out[c])


@kernel
def _dot_stereo(x: F32, at: int, taps: F32, taps_at: int, n_taps: int) -> tuple[float, float]:
    """Sums of `n_taps` products for interleaved left and right; `n_taps` a multiple of 16."""
    sum0 = splat8(np.float32(0.0))
    sum1 = sum0
    sum2 = sum0
    sum3 = sum0
    for k in range(0, n_taps, 16):
        weights = load8(taps, taps_at + k)
        sum0 = sum0 + load8(x, at + 2 * k) * zip_low8(weights, weights)
        sum1 = sum1 + load8(x, at + 2 * k + 8) * zip_high8(weights, weights)
        weights = load8(taps, taps_at + k + 8)
        sum2 = sum2 + load8(x, at + 2 * k + 16) * zip_low8(weights, weights)
        sum3 = sum3 + load8(x, at + 2 * k + 24) * zip_high8(weights, weights)
    total = (sum0 + sum1) + (sum2 + sum3)
    nothing = splat8(np.float32(0.0))
    return sum8(even8(total, nothing)), sum8(odd8(total, nothing))


@kernel
def resample_interleaved(
    x: F32, x_start: int, taps: F32, up: int, down: int, out_start: int, out: F32
) -> None:
    """`resample_frames` for interleaved frames: `x` of shape (n_in, channels), `out` (n_out, channels).

    Notes
    -----
    For the few frames of a feeder's block: each is computed on its own, without the reordering that
    makes `resample_frames` faster on long stretches. Equal to it within rounding.
    """
    n_taps = taps.shape[1]
    n_in = x.shape[0]
    flat = taps.reshape(-1)
    flat_x = x.reshape(-1)
    stereo = x.shape[1] == 2 and n_taps % 16 == 0
    whole = out_start * down // up
    phase = out_start * down - whole * up
    whole_step = down // up
    phase_step = down - whole_step * up
    for m in range(out.shape[0]):
        at = whole - n_taps // 2 + 1 - x_start
        if stereo and at >= 0 and at + n_taps <= n_in:
            out[m, 0], out[m, 1] = _dot_stereo(flat_x, 2 * at, flat, phase * n_taps, n_taps)
        else:
            for c in range(x.shape[1]):
                total = np.float32(0.0)
                for k in range(max(0, -at), min(n_taps, n_in - at)):
                    total += x[at + k, c] * taps[phase, k]
                out[m, c] = total
        whole += whole_step
        phase += phase_step
        if phase >= up:
            phase -= up
            whole += 1
