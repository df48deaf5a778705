"""Harmonic and percussive parts of a stream.

Worker and visuals threads; not for the audio callback: the latency is what it takes to know that a tone
lasts, a third of a second with the usual settings.
"""

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import PAD, fft_tables, irfft_frame, rfft_frame
from engine.kernels.frames import cut_frame
from engine.kernels.hpss import HpssSettings, magnitude_row, masked_row, soft_mask_row
from engine.kernels.jit import kernel
from engine.kernels.lanes import N_LANES
from engine.kernels.median import median_of_rows, slide8
from engine.kernels.windows import hann
from engine.units import F32


@kernel
def _separate_frame(
    frame: F32,
    place: tuple[int, int],
    windows: tuple[F32, F32],
    tables: tuple[F32, F32, F32],
    sizes: tuple[int, int],
    numbers: F32,
    specs: F32,
    seen: F32,
    ring: F32,
    sorted_h: F32,
    sums: F32,
) -> None:
    """Take in one frame and add the parts of the one `reach` frames before to `sums`, (2, n_fft).

    `specs` and `seen` hold the last reach + 1 spectra and magnitudes, `ring` the last size_h padded
    magnitudes and `sorted_h` their sorted windows; `place` tells the newest row of the first two and
    of `ring`.
    """
    half_window, scaled_window = windows
    size_h, size_p = sizes
    newest, slot = place
    reach = size_h // 2
    n_fft = half_window.shape[0]
    n_bins = seen.shape[1]
    padded = ring.shape[0] // size_h
    work = np.empty((4, n_fft // 2 + PAD), np.float32)
    tame = np.empty(n_fft, np.float32)
    incoming = np.zeros(padded, np.float32)
    harmonic = np.empty(n_bins, np.float32)
    percussive = np.empty((1, n_bins), np.float32)
    turned = np.empty((n_bins + size_p) * N_LANES, np.float32)
    sorted_p = np.empty(size_p * N_LANES, np.float32)
    mask = np.empty(n_bins, np.float32)
    masked = np.empty(n_fft + 2, np.float32)

    cut_frame(frame, 0, n_fft, tame)
    rfft_frame(tame, half_window, tables[0], tables[1], tables[2], work, specs[newest])
    magnitude_row(specs[newest], seen[newest])
    incoming[:n_bins] = seen[newest]
    for k in range(0, padded, N_LANES):
        slide8(sorted_h, k * size_h, size_h, ring, slot * padded + k, incoming, k)
    ring[slot * padded : (slot + 1) * padded] = incoming
    for k in range(n_bins):
        group = k // N_LANES
        harmonic[k] = sorted_h[(group * size_h + reach) * N_LANES + k - group * N_LANES]
    oldest = (newest + 1) % (reach + 1)
    median_of_rows(seen, oldest, 1, size_p, turned, sorted_p, percussive, 0)
    for part in range(2):
        if part == 0:
            soft_mask_row(harmonic, percussive[0], numbers[0], numbers[2], numbers[3], mask)
        else:
            soft_mask_row(percussive[0], harmonic, numbers[1], numbers[2], numbers[3], mask)
        masked_row(specs[oldest], mask, masked)
        irfft_frame(masked, scaled_window, tables[0], tables[1], tables[2], work, tame)
        sums[part] += tame


class HpssStream:
    """Split a stream into its harmonic and its percussive part.

    Parameters
    ----------
    channels : int, >= 1
    settings : HpssSettings or None
        None takes the usual ones.
    n_fft : int
        Frames a window, a power of two, 64 to 16384; a periodic Hann window.
    hop_frames : int
        Divides n_fft, at most n_fft // 4 so that masked frames cross-fade.

    Attributes
    ----------
    latency_frames : int
        n_fft - 1 + (harmonic_frames // 2) * hop_frames.

    Notes
    -----
    Before the stream is silence, where `Hpss.separate` mirrors the song; from harmonic_frames // 2 hops
    on, the parts are those of `separate`. With both margins 1 they sum to the stream. Memory is fixed
    at construction: 0.6 MB a channel with the usual settings.
    """

    def __init__(
        self,
        channels: int,
        settings: HpssSettings | None = None,
        n_fft: int = 2048,
        hop_frames: int = 512,
    ) -> None:
        tables = fft_tables(n_fft)
        if channels < 1:
            raise ParameterError(f"a stream of {channels} channels is empty")
        if hop_frames < 1 or n_fft % hop_frames or hop_frames > n_fft // 4:
            raise ParameterError(f"a hop of {hop_frames} frames does not divide {n_fft} into 4 or more")
        self._settings = settings or HpssSettings()
        size_h, size_p = self._settings.harmonic_frames, self._settings.percussive_bins
        self._reach = size_h // 2
        self.latency_frames = n_fft - 1 + self._reach * hop_frames
        self._hop_frames = hop_frames
        self._sizes = (size_h, size_p)
        self._numbers = self._settings.numbers()
        self._tables = (tables.passes, tables.join, tables.split)
        window = hann(n_fft)
        self._windows = (window * np.float32(0.5), window * np.float32(1.0 / n_fft))
        squares = np.square(window, dtype=np.float64).reshape(-1, hop_frames).sum(axis=0)
        self._inverse_norm = (1.0 / squares).astype(np.float32)
        n_bins = n_fft // 2 + 1
        padded = -(-n_bins // N_LANES) * N_LANES
        self._past = np.zeros((channels, n_fft), np.float32)
        self._specs = np.zeros((channels, self._reach + 1, n_fft + 2), np.float32)
        self._seen = np.zeros((channels, self._reach + 1, n_bins), np.float32)
        self._ring = np.zeros((channels, size_h * padded), np.float32)
        self._sorted = np.zeros((channels, size_h * padded), np.float32)
        self._sums = np.zeros((channels, 2, n_fft), np.float32)
        self._in = np.zeros((channels, hop_frames), np.float32)
        self._out = np.zeros((2, channels, hop_frames), np.float32)
        self._at = 0
        self._n_taken = 0

    def process(self, x: F32, out: F32 | None = None) -> F32:
        """Take `x` and give as many frames of both parts back, `latency_frames` later.

        Parameters
        ----------
        x : float32 array, shape (channels, n)
        out : float32 array, shape (2, channels, n), or None
            None allocates.

        Returns
        -------
        float32 array, shape (2, channels, n)
            The harmonic part, then the percussive one.
        """
        if x.ndim != 2 or x.shape[0] != self._in.shape[0]:
            raise ParameterError(f"the stream has {self._in.shape[0]} channels, a block of {x.shape} came")
        if out is None:
            out = np.empty((2, *x.shape), np.float32)
        if out.shape != (2, *x.shape):
            raise ParameterError(f"a block of {x.shape} has parts of {(2, *x.shape)}, not {out.shape}")
        done = 0
        while done < x.shape[1]:
            at = self._at
            n = min(self._hop_frames - at, x.shape[1] - done)
            self._in[:, at : at + n] = x[:, done : done + n]
            old = min(n, self._hop_frames - 1 - at)
            out[..., done : done + old] = self._out[..., at + 1 : at + 1 + old]
            if at + n == self._hop_frames:
                self._hop()
                out[..., done + n - 1] = self._out[..., 0]
            self._at = (at + n) % self._hop_frames
            done += n
        return out

    def reset(self) -> None:
        """Forget everything, as a new object."""
        for state in (
            self._past, self._specs, self._seen, self._ring, self._sorted, self._sums, self._in, self._out
        ):  # fmt: skip
            state[:] = 0
        self._at = 0
        self._n_taken = 0

    def _hop(self) -> None:
        hop = self._hop_frames
        place = (self._n_taken % (self._reach + 1), self._n_taken % self._sizes[0])
        self._past[:, :-hop] = self._past[:, hop:]
        self._past[:, -hop:] = self._in
        for c in range(self._past.shape[0]):
            _separate_frame(
                self._past[c], place, self._windows, self._tables, self._sizes, self._numbers,
                self._specs[c], self._seen[c], self._ring[c], self._sorted[c], self._sums[c],
            )  # fmt: skip
        np.multiply(self._sums[:, :, :hop].transpose(1, 0, 2), self._inverse_norm, out=self._out)
        self._sums[:, :, :-hop] = self._sums[:, :, hop:]
        self._sums[:, :, -hop:] = 0
        self._n_taken += 1
