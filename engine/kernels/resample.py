"""Rational resampling with a windowed sinc, addressed by absolute positions.

Output frame m lies at input position m * down / up, exactly, wherever a caller starts: two segments
resampled separately from enough input agree bit for bit where they meet. That is why it is here and
not a library: separation resamples every segment to the model's rate and back, playback resamples
from any seek position, and neither may leave a seam.

Any thread; the kernels allocate nothing and release the GIL.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.kernels.lanes import load8, repeat8, splat8, store8
from engine.units import F32, F64, I64

Quality = Literal["high", "fast"]

BAND: Final = 16
"""Output frames computed together, two vectors of eight."""

_PASS_BAND = {"high": 0.9, "fast": 0.8}
_STOP_DB = {"high": 120.0, "fast": 100.0}
_TAP_MULTIPLE = 16  # two vectors of 8 floats: the feeder's inner loop has no remainder
_MOST_IDLE = 0.04  # part of the lanes that a cycle may leave empty
_BLOCK_FRAMES = 2048


@dataclass(frozen=True)
class ResampleFilter:
    """A polyphase filter from one rate to another.

    Attributes
    ----------
    up, down : int
        `to_hz / from_hz` in lowest terms.
    half_width : int
        Input frames needed on each side.
    quality : {"high", "fast"}
    taps : float32 array, shape (up, 2 * half_width)
        `taps[p, k]` weighs the input frame `floor(m * down / up) - half_width + 1 + k` for output
        frames m with `m * down % up == p`.
    bands : float32 array, shape (n_bands, span, BAND)
        The same weights for BAND neighbours at once: `bands[g, k, i]` weighs, for output frame
        BAND * g + i of a cycle, the input frame k after the first that frame BAND * g needs. Zero where a
        neighbour does not need it.
    cycle_frames : int
        Output frames after which `bands` begins anew, a multiple of `up`.

    Notes
    -----
    A table is made when it is first asked for, and nobody needs both: each is up to 140 MB.
    """

    up: int
    down: int
    half_width: int
    quality: Quality

    @cached_property
    def taps(self) -> F32:
        """Weights of one output frame after the other, by phase."""
        if self.up == self.down:
            return np.array([[1.0, 0.0]], np.float32)
        taps = np.empty((self.up, 2 * self.half_width), np.float32)
        n_rows = self._rows_at_a_time()
        for first in range(0, self.up, n_rows):
            phases = np.arange(first, min(first + n_rows, self.up))
            taps[first : first + n_rows] = self._sinc_rows(phases)
        return taps

    @cached_property
    def cycle_frames(self) -> int:
        """The fewest whole turns of the phases that leave next to no lane of a band empty."""
        turns = 1
        while -turns * self.up % BAND > _MOST_IDLE * turns * self.up:
            turns += 1
        return turns * self.up

    @cached_property
    def bands(self) -> F32:
        """Weights of BAND output frames at once."""
        cycle = self.cycle_frames
        frames = np.arange(cycle)
        whole = frames * self.down // self.up
        offset = whole - whole[frames // BAND * BAND]
        n_taps = 2 * self.half_width
        bands = np.zeros((-(-cycle // BAND), n_taps + int(offset.max()), BAND), np.float32)
        n_rows = self._rows_at_a_time()
        for first in range(0, cycle, n_rows):
            m = frames[first : first + n_rows, None]
            k = offset[first : first + n_rows, None] + np.arange(n_taps)
            bands[m // BAND, k, m % BAND] = self._sinc_rows(m[:, 0] * self.down % self.up)
        return bands

    def _rows_at_a_time(self) -> int:
        return max(1, 2**20 // (2 * self.half_width))  # 8 MB of float64

    def _sinc_rows(self, phases: I64) -> F64:
        """Taps, shape (phases, 2 * half_width), of outputs `phases / up` after an input frame."""
        beta = 0.1102 * (_STOP_DB[self.quality] - 8.7)
        scale = min(1.0, self.up / self.down)  # the lower Nyquist frequency, as a part of the input's
        t = np.arange(2 * self.half_width) - (self.half_width - 1) - (phases / self.up)[:, None]
        cutoff = 0.5 * (1.0 + _PASS_BAND[self.quality]) * scale
        window = np.i0(beta * np.sqrt(np.maximum(0.0, 1.0 - (t / self.half_width) ** 2)))
        rows = np.sinc(cutoff * t) * window
        return rows / rows.sum(axis=1, keepdims=True)  # a constant stays that constant in every phase


def design(from_hz: int, to_hz: int, quality: Quality = "high") -> ResampleFilter:
    """Make the filter between two rates.

    Parameters
    ----------
    from_hz, to_hz : int
        Frames a second, 1000 to 768000.
    quality : {"high", "fast"}
        "high": flat to 0.9 of the lower Nyquist frequency, 120 dB down at it. "fast": flat to 0.8,
        100 dB down, half the cost.

    Returns
    -------
    ResampleFilter
        Equal rates give the identity.

    Notes
    -----
    `up * 2 * half_width` taps: 102 kB for 44.1 to 48 kHz, and 123 MB in the worst case of two coprime
    rates near 192 kHz. The bands are a seventh larger; a few phases are repeated up to 16 times, until they
    fill lanes, but never to more than 800.

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
        return ResampleFilter(1, 1, 1, quality)
    transition = (1.0 - _PASS_BAND[quality]) * min(1.0, up / down)
    n_taps = (_STOP_DB[quality] - 8.0) / (2.285 * math.pi * transition)
    half_width = math.ceil(n_taps / _TAP_MULTIPLE) * _TAP_MULTIPLE // 2
    return ResampleFilter(up, down, half_width, quality)


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
def _band(x: F32, at: int, bands: F32, row: int, span: int, out: F32, m: int) -> None:
    """Output frames m .. m + BAND - 1 from `span` input frames, all of them inside `x`."""
    low = splat8(np.float32(0.0))
    high = low
    for k in range(span):
        v = repeat8(x, at + k)
        low = low + v * load8(bands, row + 16 * k)
        high = high + v * load8(bands, row + 16 * k + 8)
    store8(out, m, low)
    store8(out, m + 8, high)


@kernel
def _band_four(
    x: F32, at: int, step: int, bands: F32, row: int, span: int, out: F32, m: int, out_step: int
) -> None:
    """Four `_band`s at once, `step` apart in `x` and `out_step` in `out`: the same sums in the same order.

    Two loads of weights and four of input serve eight products, and no load but of weights is a vector,
    so that none crosses a line of the cache.
    """
    low0 = splat8(np.float32(0.0))
    high0 = low0
    low1 = low0
    high1 = low0
    low2 = low0
    high2 = low0
    low3 = low0
    high3 = low0
    for k in range(span):
        low = load8(bands, row + 16 * k)
        high = load8(bands, row + 16 * k + 8)
        v = repeat8(x, at + k)
        low0 = low0 + v * low
        high0 = high0 + v * high
        v = repeat8(x, at + step + k)
        low1 = low1 + v * low
        high1 = high1 + v * high
        v = repeat8(x, at + 2 * step + k)
        low2 = low2 + v * low
        high2 = high2 + v * high
        v = repeat8(x, at + 3 * step + k)
        low3 = low3 + v * low
        high3 = high3 + v * high
    store8(out, m, low0)
    store8(out, m + 8, high0)
    store8(out, m + out_step, low1)
    store8(out, m + out_step + 8, high1)
    store8(out, m + 2 * out_step, low2)
    store8(out, m + 2 * out_step + 8, high2)
    store8(out, m + 3 * out_step, low3)
    store8(out, m + 3 * out_step + 8, high3)


@kernel
def _band_part(
    x: F32, at: int, bands: F32, row: int, span: int, scratch: F32, out: F32, m: int, lanes: tuple[int, int]
) -> None:
    """`_band` where only lanes [first, last) are wanted, or part of the input is missing: that is silence."""
    given = scratch[BAND:]
    lo = min(max(-at, 0), span)
    hi = max(min(span, x.shape[0] - at), lo)
    given[:lo] = 0.0
    for k in range(lo, hi):
        given[k] = x[at + k]
    given[hi:span] = 0.0
    _band(given, 0, bands, row, span, scratch, 0)
    for i in range(lanes[0], lanes[1]):
        out[m + i] = scratch[i]


@kernel
def _resample_row(
    x: F32,
    x_start: int,
    bands: F32,
    steps: tuple[int, int, int, int],
    out_start: int,
    scratch: F32,
    out: F32,
) -> None:
    """`resample_frames` for one channel; `steps` is (up, down, cycle_frames, half_width).

    A band is computed for one cycle after the other, a few of them: its weights then come from the first
    cache, which the whole table does not fit into.
    """
    up, down, cycle, half = steps
    n_bands, span, _ = bands.shape
    flat = bands.reshape(-1)
    n_in = x.shape[0]
    n_out = out.shape[0]
    in_cycle = cycle // up * down
    repeats = max(8, _BLOCK_FRAMES // cycle)
    first_cycle = out_start // cycle
    last_cycle = (out_start + n_out - 1) // cycle
    for c0 in range(first_cycle, last_cycle + 1, repeats):
        c1 = min(last_cycle + 1, c0 + repeats)
        g0 = 0
        g1 = n_bands
        if c1 - c0 == 1:  # a short stretch, or one of a long cycle, touches few of the bands
            g0 = max(0, (out_start - c0 * cycle) // BAND)
            g1 = min(n_bands, (out_start + n_out - 1 - c0 * cycle) // BAND + 1)
        for g in range(g0, g1):
            row = g * span * BAND
            n_lanes = min(BAND, cycle - g * BAND)
            at = c0 * in_cycle + g * BAND * down // up - half + 1 - x_start
            m = c0 * cycle + g * BAND - out_start
            c = c0
            while c < c1:
                inside = n_lanes == BAND and at >= 0 and m >= 0
                if (
                    inside
                    and c + 4 <= c1
                    and at + 3 * in_cycle + span <= n_in
                    and m + 3 * cycle + BAND <= n_out
                ):
                    _band_four(x, at, in_cycle, flat, row, span, out, m, cycle)
                    c += 4
                    at += 4 * in_cycle
                    m += 4 * cycle
                    continue
                if inside and at + span <= n_in and m + BAND <= n_out:
                    _band(x, at, flat, row, span, out, m)
                else:
                    lanes = (max(0, -m), min(n_lanes, n_out - m))
                    if lanes[0] < lanes[1]:
                        _band_part(x, at, flat, row, span, scratch, out, m, lanes)
                c += 1
                at += in_cycle
                m += cycle


def resample_frames(x: F32, x_start: int, resample_filter: ResampleFilter, out_start: int, out: F32) -> None:
    """Compute output frames [out_start, out_start + n_out) from input frames [x_start, x_start + n_in).

    Parameters
    ----------
    x : float32 array, shape (channels, n_in)
    x_start : int
        Position of `x[:, 0]` in the input.
    resample_filter : ResampleFilter
    out_start : int
        Position of `out[:, 0]` in the output; may be negative.
    out : float32 array, shape (channels, n_out), each row contiguous

    Notes
    -----
    Input outside `x` counts as silence. No GIL while it computes; some `2.2 * half_width` multiplications a
    sample, eight at a time. Where all the input is there and finite, a frame's value does not depend on how
    the work was cut.
    """
    if resample_filter.up == resample_filter.down:
        first = max(out_start, min(x_start, out_start + out.shape[1]))
        stop = max(first, min(x_start + x.shape[1], out_start + out.shape[1]))
        out[:, : first - out_start] = 0.0
        out[:, first - out_start : stop - out_start] = x[:, first - x_start : stop - x_start]
        out[:, stop - out_start :] = 0.0
        return
    bands = resample_filter.bands
    steps = (
        resample_filter.up,
        resample_filter.down,
        resample_filter.cycle_frames,
        resample_filter.half_width,
    )
    scratch: F32 = np.empty(BAND + bands.shape[1], np.float32)
    for c in range(x.shape[0]):
        _resample_row(np.ascontiguousarray(x[c]), x_start, bands, steps, out_start, scratch, out[c])
