"""Short-time Fourier transform, forward and inverse, over preallocated arrays.

Separation workers and analysis run it; never the audio callback.
"""

from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.kernels.windows import hann
from engine.units import C64, F32


class Stft:
    """Transform plan. See `forward` and `inverse`."""

    def __init__(
        self, n_fft: int, hop_frames: int, window: F32 | None = None, threads: int | None = None
    ) -> None:
        if n_fft & (n_fft - 1) or not 64 <= n_fft <= 16384:
            raise ParameterError(f"n_fft {n_fft} is not a power of two in 64..16384")
        if not 1 <= hop_frames <= n_fft:
            raise ParameterError(f"a hop of {hop_frames} frames is outside 1..{n_fft}")
        self.n_fft = n_fft
        self.hop_frames = hop_frames
        self.n_bins = n_fft // 2 + 1
        self.window = hann(n_fft) if window is None else np.ascontiguousarray(window, np.float32)
        _ = threads

    def forward(self, x: F32, out: C64 | None = None) -> C64:
        """x (channels, frames) -> (channels, n, n_bins), frame t covers x[:, t*hop : t*hop+n_fft]."""
        frames = np.lib.stride_tricks.sliding_window_view(x, self.n_fft, axis=1)[:, :: self.hop_frames]
        spec = np.fft.rfft(frames * self.window).astype(np.complex64)
        if out is None:
            return spec
        out[...] = spec
        return out

    def inverse(self, spec: C64, out: F32 | None = None) -> F32:
        """Spectra (channels, n, n_bins) -> (channels, (n-1)*hop+n_fft), windowed overlap-add."""
        channels, n, _ = spec.shape
        length = (n - 1) * self.hop_frames + self.n_fft
        out = np.empty((channels, length), np.float32) if out is None else out
        out[:] = 0
        norm = np.zeros(length, np.float32)
        y = np.fft.irfft(spec, self.n_fft).astype(np.float32) * self.window
        for t in range(n):
            at = slice(t * self.hop_frames, t * self.hop_frames + self.n_fft)
            out[:, at] += y[:, t]
            norm[at] += self.window**2
        out /= np.maximum(norm, 1e-3 * norm.max())
        return out

    def close(self) -> None:
        """Stop the plan's threads."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
