"""Short-time Fourier transform, forward and inverse, over preallocated arrays.

Separation workers and analysis run it; never the audio callback. It exists because the transform
must cost less than a tenth of the network it feeds, on the same two cores.
"""

from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import PAD, fft_tables, irfft_frame, rfft_frame
from engine.kernels.jit import RowPool, kernel
from engine.kernels.windows import hann
from engine.units import C64, F32, F64

EDGE_FLOOR = 1e-3
"""Smallest divisor of the inverse, as a part of the steady sum of squared windows (-30 dB)."""


@kernel
def _forward_rows(
    first: int,
    last: int,
    x: F32,
    hop_frames: int,
    half_window: F32,
    passes: F32,
    join: F32,
    split: F32,
    out: F32,
) -> None:
    """Rows [first, last) of all channels' frames in turn; `out` is (channels, n, n_fft + 2)."""
    n_frames = out.shape[1]
    n_fft = half_window.shape[0]
    work = np.empty((4, n_fft // 2 + PAD), np.float32)
    for row in range(first, last):
        c = row // n_frames
        t = row - c * n_frames
        start = t * hop_frames
        rfft_frame(x[c, start : start + n_fft], half_window, passes, join, split, work, out[c, t])


@kernel
def _inverse_rows(
    first: int,
    last: int,
    spec: F32,
    hop_frames: int,
    scaled_window: F32,
    passes: F32,
    join: F32,
    split: F32,
    inverse_norm: F32,
    out: F32,
) -> None:
    """Output blocks [first, last) of hop_frames, all channels' in turn.

    A share starts with the frames that reach into its first block from before, which its neighbour
    transforms too: a few frames twice instead of a lock, and the same sums for any share.
    """
    n_fft = scaled_window.shape[0]
    n = spec.shape[1]
    length = (n - 1) * hop_frames + n_fft
    reach = (n_fft + hop_frames - 1) // hop_frames  # blocks that one frame touches
    n_blocks = n - 1 + reach
    work = np.empty((4, n_fft // 2 + PAD), np.float32)
    frame = np.empty(n_fft, np.float32)
    while first < last:
        c = first // n_blocks
        block = first - c * n_blocks
        stop_block = min(n_blocks, block + last - first)
        start = block * hop_frames
        stop = min(stop_block * hop_frames, length)
        row = out[c]
        written = start
        for t in range(max(0, block - reach + 1), stop_block):
            at = t * hop_frames
            if t < n:
                lo = max(at, start)
                hi = min(at + n_fft, stop)
                if written <= at and at + n_fft <= stop:
                    irfft_frame(spec[c, t], scaled_window, passes, join, split, work, row[at:hi])
                else:
                    irfft_frame(spec[c, t], scaled_window, passes, join, split, work, frame)
                    _add_over(frame[lo - at : hi - at], written - lo, row[lo:hi])
                written = hi
            if t >= block:  # no later frame reaches into it, and it is still in the cache
                norm = inverse_norm[_norm_block(t, n_blocks, inverse_norm.shape[0])]
                target = row[at : min(at + hop_frames, length)]
                for i in range(target.shape[0]):
                    target[i] *= norm[i]
        first += stop_block - block


@kernel
def _add_over(part: F32, n_written: int, target: F32) -> None:
    """Add `part` to the first `n_written` of `target`, which hold something, and write it to the others."""
    held = target[:n_written]
    for i in range(held.shape[0]):
        held[i] += part[i]
    empty = target[n_written:]
    rest = part[n_written:]
    for i in range(empty.shape[0]):
        empty[i] = rest[i]


@kernel
def _norm_block(block: int, n_blocks: int, n_norm: int) -> int:
    """Row of the table that fits a block: its head, its middle again and again, its tail."""
    middle = n_norm // 2
    if block < middle or n_blocks <= n_norm:
        return block
    return max(middle, block - n_blocks + n_norm)


class Stft:
    """Windowed Fourier transform of many channels, with threads of its own.

    Parameters
    ----------
    n_fft : int
        Frames a window: a power of two, 64 to 16384.
    hop_frames : int
        Frames from one window to the next, 1 to n_fft.
    window : float32 array, shape (n_fft,), or None
        None takes the periodic Hann window.
    threads : int or None
        Threads that share a call, see `RowPool`; None takes the number of cores.

    Attributes
    ----------
    n_bins : int
        n_fft // 2 + 1.

    Notes
    -----
    Window t covers frames t * hop_frames .. t * hop_frames + n_fft - 1: no centring, no padding, so
    that absolute positions stay absolute; who wants padding pads. Several threads may use one plan.
    Results do not depend on the number of threads, bit for bit.
    """

    def __init__(
        self, n_fft: int, hop_frames: int, window: F32 | None = None, threads: int | None = None
    ) -> None:
        self._tables = fft_tables(n_fft)
        if not 1 <= hop_frames <= n_fft:
            raise ParameterError(f"a hop of {hop_frames} frames is outside 1..{n_fft}")
        if window is not None and window.shape != (n_fft,):
            raise ParameterError(f"a window of shape {window.shape} does not fit n_fft {n_fft}")
        self.n_fft = n_fft
        self.hop_frames = hop_frames
        self.n_bins = n_fft // 2 + 1
        self.window = hann(n_fft) if window is None else np.ascontiguousarray(window, np.float32)
        self._half_window = self.window * np.float32(0.5)
        self._scaled_window = self.window * np.float32(1.0 / n_fft)
        self._reach = -(-n_fft // hop_frames)
        # Head (reach - 1 blocks), one block of the middle, tail (reach - 1, and what n_fft leaves).
        self._norm = self._inverse_norm(self._reach)
        self._pool = RowPool(threads)

    def n_windows(self, n_frames: int) -> int:
        """Windows that fit into `n_frames` frames."""
        return 0 if n_frames < self.n_fft else 1 + (n_frames - self.n_fft) // self.hop_frames

    def n_frames(self, n_windows: int) -> int:
        """Frames that `n_windows` windows cover."""
        return (n_windows - 1) * self.hop_frames + self.n_fft

    def forward(self, x: F32, out: C64 | None = None) -> C64:
        """Transform every window.

        Parameters
        ----------
        x : float32 array, shape (channels, frames)
            At least n_fft frames; what the last window does not reach is not used.
        out : complex64 array, shape (channels, n, n_bins), or None
            n = 1 + (frames - n_fft) // hop_frames. None allocates.

        Returns
        -------
        complex64 array, shape (channels, n, n_bins)
            `out`; not scaled, as `numpy.fft.rfft` of each windowed stretch.
        """
        x = self._checked(x)
        n = self.n_windows(x.shape[1])
        if n < 1:
            raise ParameterError(f"{x.shape[1]} frames are fewer than one window of {self.n_fft}")
        shape = (x.shape[0], n, self.n_bins)
        if out is None:
            out = np.empty(shape, np.complex64)
        _check_out(out, shape, np.dtype(np.complex64))
        tables = self._tables
        self._pool.run(
            _forward_rows,
            x.shape[0] * n,
            x,
            self.hop_frames,
            self._half_window,
            tables.passes,
            tables.join,
            tables.split,
            out.view(np.float32),
        )
        return out

    def inverse(self, spec: C64, out: F32 | None = None) -> F32:
        """Windowed overlap-add, divided by the sum of the squared windows.

        Parameters
        ----------
        spec : complex64 array, shape (channels, n, n_bins)
        out : float32 array, shape (channels, (n - 1) * hop_frames + n_fft), or None
            None allocates.

        Returns
        -------
        float32 array, shape (channels, (n - 1) * hop_frames + n_fft)
            `out`. The inverse of `forward` wherever the sum is at least EDGE_FLOOR of its largest
            steady value; at the two edges, where a single window is near zero, the divisor stops
            falling there and the result fades out instead of blowing noise up.
        """
        if spec.ndim != 3 or spec.shape[2] != self.n_bins or spec.shape[1] < 1 or spec.dtype != np.complex64:
            raise ParameterError(
                f"spectra must be complex64 (channels, n, {self.n_bins}), not {spec.dtype} {spec.shape}"
            )
        spec = np.ascontiguousarray(spec)
        channels, n, _ = spec.shape
        shape = (channels, self.n_frames(n))
        if out is None:
            out = np.empty(shape, np.float32)
        _check_out(out, shape, np.dtype(np.float32))
        norm = self._norm if n >= self._reach else self._inverse_norm(n)
        tables = self._tables
        self._pool.run(
            _inverse_rows,
            channels * (n - 1 + self._reach),
            spec.view(np.float32),
            self.hop_frames,
            self._scaled_window,
            tables.passes,
            tables.join,
            tables.split,
            norm,
            out,
        )
        return out

    def close(self) -> None:
        """Stop the plan's threads."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _inverse_norm(self, n_windows: int) -> F32:
        """One over the sum of `n_windows` overlapping squared windows, shape (blocks, hop_frames)."""
        square: F64 = np.square(self.window, dtype=np.float64)
        hop = self.hop_frames
        padded = np.zeros(self._reach * hop)
        padded[: self.n_fft] = square
        steady = padded.reshape(self._reach, hop).sum(axis=0)
        total = np.zeros((n_windows - 1 + self._reach) * hop)
        for t in range(n_windows):
            total[t * hop : t * hop + self.n_fft] += square
        floor = max(EDGE_FLOOR * float(steady.max()), float(np.finfo(np.float32).tiny))
        return (1.0 / np.maximum(total, floor)).astype(np.float32).reshape(-1, hop)

    def _checked(self, x: F32) -> F32:
        if x.ndim != 2 or x.dtype != np.float32:
            raise ParameterError(
                f"audio must be float32 of shape (channels, frames), not {x.dtype} {x.shape}"
            )
        return np.ascontiguousarray(x)


def _check_out(out: C64 | F32, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous:
        raise ParameterError(
            f"the result needs a contiguous {dtype} array of shape {shape}, not {out.dtype} {out.shape}"
        )
