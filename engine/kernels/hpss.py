"""Harmonic and percussive sound apart: median filters along time and frequency make soft masks.

Analysis threads; memory of a fixed size a thread however long the song. It exists because the same
in a library costs more than separating the song with a neural network: two median filters that sort
and a chain of whole-spectrogram temporaries. Here one kernel takes a tile of time through transform,
medians, masks and inverse while it stays in the cache.

Equivalent to librosa.effects.hpss (signals) and librosa.decompose.hpss (magnitudes), with time first:
spectrograms are (frames, bins).

References
----------
.. [1] D. Fitzgerald, "Harmonic/percussive separation using median filtering", DAFx-10, 2010.
.. [2] J. Driedger, M. Mueller, S. Disch, "Extending harmonic-percussive separation of audio signals",
   ISMIR 2014: margins, which leave a residual that is neither.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import PAD, fft_tables, irfft_frame, rfft_frame
from engine.kernels.frames import cut_frame
from engine.kernels.jit import RowPool, fast_kernel, kernel, run_rows
from engine.kernels.lanes import N_LANES
from engine.kernels.median import (
    TILE_LANES,
    check_size,
    median_of_columns,
    median_of_rows,
    running_median,
)
from engine.kernels.stft import EDGE_FLOOR
from engine.kernels.windows import hann
from engine.units import F32

TILE_FRAMES = 128
"""Spectra a thread holds: 128 of 2048/512 are 1.1 MB, their magnitudes and medians as much again."""

_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class HpssSettings:
    """How the two parts are told apart.

    Attributes
    ----------
    harmonic_frames : int, odd, 3 to MAX_SIZE
        Median along time: what lasts this many frames is harmonic.
    percussive_bins : int, odd, 3 to MAX_SIZE
        Median along frequency: what is this many bins wide is percussive.
    margin_harmonic, margin_percussive : float, >= 1
        How many times the other median a part must exceed; above 1 the parts no longer sum to the song.
    power : float, > 0, or infinity
        Exponent of the soft masks; infinity takes all or nothing.
    """

    harmonic_frames: int = 31
    percussive_bins: int = 31
    margin_harmonic: float = 1.0
    margin_percussive: float = 1.0
    power: float = 2.0

    def __post_init__(self) -> None:
        for size in (self.harmonic_frames, self.percussive_bins):
            check_size(size)
            if size < 3:
                raise ParameterError(f"a median of {size} value tells nothing apart, 3 is the least")
        for margin in (self.margin_harmonic, self.margin_percussive):
            if not 1.0 <= margin < math.inf:
                raise ParameterError(f"a margin of {margin} is not at least 1")
        if not self.power > 0.0:
            raise ParameterError(f"a mask of power {self.power} is not above 0")

    def numbers(self) -> F32:
        """Both margins, the power, and the mask where both medians are silent, for kernels."""
        both_one = self.margin_harmonic == 1.0 and self.margin_percussive == 1.0
        return np.array(
            [self.margin_harmonic, self.margin_percussive, self.power, 0.5 if both_one else 0.0],
            np.float32,
        )


@fast_kernel
def magnitude_row(spec: F32, out: F32) -> None:
    """Magnitudes, shape (bins,), of a spectrum of (re, im) in turn, shape (2 * bins,)."""
    for k in range(out.shape[0]):
        re = spec[2 * k]
        im = spec[2 * k + 1]
        out[k] = np.sqrt(re * re + im * im)


@fast_kernel
def soft_mask_row(x: F32, reference: F32, margin: float, power: float, silent: float, out: F32) -> None:
    """Share of `x` beside margin * reference: x^p / (x^p + (margin * reference)^p).

    Parameters
    ----------
    x, reference : float32 arrays, shape (bins,), non-negative
    margin, power : float
    silent : float
        The mask where both are below the smallest normal float32.
    out : float32 array, shape (bins,), 0..1
    """
    one = np.float32(1.0)
    tiny = np.float32(_TINY)
    scale = np.float32(margin)
    exponent = np.float32(power)
    empty = np.float32(silent)
    if exponent == np.inf:
        for k in range(out.shape[0]):
            out[k] = one if x[k] > scale * reference[k] else np.float32(0.0)
        return
    if exponent == 2:
        # The common case without pow, so that it vectorises.
        for k in range(out.shape[0]):
            b = scale * reference[k]
            top = max(x[k], b)
            heard = top >= tiny
            inverse = one / (top if heard else one)
            a = x[k] * inverse
            b *= inverse
            a *= a
            share = a / (a + b * b + (np.float32(0.0) if heard else one))
            out[k] = share if heard else empty
        return
    for k in range(out.shape[0]):
        b = scale * reference[k]
        top = max(x[k], b)
        if top < tiny:
            out[k] = empty
        else:
            a = (x[k] / top) ** exponent
            out[k] = a / (a + (b / top) ** exponent)


@kernel
def _mask_rows(
    first: int, last: int, harmonic: F32, percussive: F32, numbers: F32, mask_h: F32, mask_p: F32
) -> None:
    """Masks of the rows [first, last) from their medians."""
    margin_h, margin_p, power, silent = numbers[0], numbers[1], numbers[2], numbers[3]
    for t in range(first, last):
        soft_mask_row(harmonic[t], percussive[t], margin_h, power, silent, mask_h[t])
        soft_mask_row(percussive[t], harmonic[t], margin_p, power, silent, mask_p[t])


@fast_kernel
def masked_row(spec: F32, mask: F32, out: F32) -> None:
    """`spec`, (re, im) in turn, times `mask`, shape (bins,)."""
    for k in range(mask.shape[0]):
        out[2 * k] = spec[2 * k] * mask[k]
        out[2 * k + 1] = spec[2 * k + 1] * mask[k]


def hpss_masks(
    magnitudes: F32, settings: HpssSettings | None = None, threads: RowPool | None = None
) -> tuple[F32, F32]:
    """Masks of the harmonic and of the percussive part of a spectrogram.

    Parameters
    ----------
    magnitudes : float32 array, shape (frames, bins)
        Non-negative, finite; mirrored at all edges.
    settings : HpssSettings or None
        None takes the usual ones.
    threads : RowPool or None

    Returns
    -------
    harmonic, percussive : float32 arrays, shape (frames, bins), 0..1
        Multiply them with the magnitudes or with the complex spectrogram.
    """
    settings = settings or HpssSettings()
    if magnitudes.ndim != 2 or magnitudes.dtype != np.float32:
        raise ParameterError(
            f"magnitudes must be float32 (frames, bins), not {magnitudes.dtype} {magnitudes.shape}"
        )
    harmonic = running_median(magnitudes, settings.harmonic_frames, 0, threads=threads)
    percussive = running_median(magnitudes, settings.percussive_bins, 1, threads=threads)
    mask_h, mask_p = np.empty_like(harmonic), np.empty_like(harmonic)
    n = magnitudes.shape[0]
    run_rows(_mask_rows, n, harmonic, percussive, settings.numbers(), mask_h, mask_p, threads=threads)
    return mask_h, mask_p


@kernel
def _transform_rows(
    x: F32, first: int, hop_frames: int, half_window: F32, tables: tuple[F32, F32, F32], work: F32, spec: F32
) -> None:
    """Spectra of the centred frames first, first + 1, .. of one channel, silence around it."""
    n_fft = half_window.shape[0]
    frame = np.empty(n_fft, np.float32)
    for row in range(spec.shape[0]):
        cut_frame(x, (first + row) * hop_frames - n_fft // 2, n_fft, frame)
        rfft_frame(frame, half_window, tables[0], tables[1], tables[2], work, spec[row])


@fast_kernel
def _add_frame(frame: F32, start: int, first: int, out: F32) -> None:
    """Add the frame that begins at frame `start` to `out`, which begins at frame `first`."""
    low = max(start, first)
    high = min(start + frame.shape[0], first + out.shape[0])
    if low < high:
        target = out[low - first : high - first]
        part = frame[low - start : high - start]
        for i in range(target.shape[0]):
            target[i] += part[i]


@fast_kernel
def _divide(total: F32, norm: F32, floor: float) -> None:
    least = np.float32(floor)
    for i in range(total.shape[0]):
        total[i] /= max(norm[i], least)


@kernel
def _separate_tiles(
    first: int,
    last: int,
    x: F32,
    tile_blocks: int,
    hop_frames: int,
    windows: tuple[F32, F32, F32],
    tables: tuple[F32, F32, F32],
    sizes: tuple[int, int],
    numbers: F32,
    out_h: F32,
    out_p: F32,
) -> None:
    """Tiles [first, last) of `tile_blocks` hops of output, all channels' in turn.

    A tile transforms the frames that reach into it and those that its medians along time need, which
    its neighbours transform too. Frames are added in the order of time, so no tile changes a bit.
    """
    half_window, scaled_window, squares = windows
    size_h, size_p = sizes
    reach_h = size_h // 2
    n_fft = half_window.shape[0]
    half = n_fft // 2
    n = x.shape[1]
    n_frames = 1 + n // hop_frames
    n_bins = half + 1
    n_tiles = (n + tile_blocks * hop_frames - 1) // (tile_blocks * hop_frames)
    most = min(tile_blocks + n_fft // hop_frames + 2, n_frames)
    most_seen = min(most + 2 * reach_h, n_frames)
    floor = float(EDGE_FLOOR * np.sum(squares) / hop_frames)

    work = np.empty((4, half + PAD), np.float32)
    all_spec = np.empty((most_seen, n_fft + 2), np.float32)
    all_seen = np.empty((most_seen, n_bins), np.float32)
    harmonic = np.empty((most, n_bins), np.float32)
    percussive = np.empty((N_LANES, n_bins), np.float32)
    ring = np.empty(size_h * TILE_LANES, np.float32)
    sorted_h = np.empty(size_h * TILE_LANES, np.float32)
    turned = np.empty((n_bins + size_p) * N_LANES, np.float32)
    sorted_p = np.empty(size_p * N_LANES, np.float32)
    mask = np.empty(n_bins, np.float32)
    masked = np.empty(n_fft + 2, np.float32)
    frame = np.empty(n_fft, np.float32)
    all_norm = np.empty(tile_blocks * hop_frames, np.float32)

    for tile in range(first, last):
        channel = tile // n_tiles
        start = (tile - channel * n_tiles) * tile_blocks * hop_frames
        stop = min(start + tile_blocks * hop_frames, n)
        t0 = max(0, (start - half) // hop_frames + 1)
        t1 = min(n_frames, (half + stop - 1) // hop_frames + 1)
        seen0 = max(0, t0 - reach_h)
        seen1 = min(n_frames, t1 + reach_h)
        spec = all_spec[: seen1 - seen0]
        seen = all_seen[: seen1 - seen0]
        _transform_rows(x[channel], seen0, hop_frames, half_window, tables, work, spec)
        for row in range(seen1 - seen0):
            magnitude_row(spec[row], seen[row])
        for column in range(0, n_bins, TILE_LANES):
            n_columns = min(TILE_LANES, n_bins - column)
            median_of_columns(
                seen, t0 - seen0, t1 - seen0, column, n_columns, size_h, ring, sorted_h, harmonic
            )
        total_h = out_h[channel, start:stop]
        total_p = out_p[channel, start:stop]
        norm = all_norm[: stop - start]
        total_h[:] = 0.0
        total_p[:] = 0.0
        norm[:] = 0.0
        for group in range(t0, t1, N_LANES):
            n_rows = min(N_LANES, t1 - group)
            median_of_rows(seen, group - seen0, n_rows, size_p, turned, sorted_p, percussive, 0)
            for row in range(n_rows):
                t = group + row
                at = t * hop_frames - half
                source = spec[t - seen0]
                h = harmonic[t - t0]
                p = percussive[row]
                soft_mask_row(h, p, numbers[0], numbers[2], numbers[3], mask)
                masked_row(source, mask, masked)
                irfft_frame(masked, scaled_window, tables[0], tables[1], tables[2], work, frame)
                _add_frame(frame, at, start, total_h)
                soft_mask_row(p, h, numbers[1], numbers[2], numbers[3], mask)
                masked_row(source, mask, masked)
                irfft_frame(masked, scaled_window, tables[0], tables[1], tables[2], work, frame)
                _add_frame(frame, at, start, total_p)
                _add_frame(squares, at, start, norm)
        _divide(total_h, norm, floor)
        _divide(total_p, norm, floor)


class Hpss:
    """Harmonic and percussive parts of whole signals, with threads of its own.

    Parameters
    ----------
    settings : HpssSettings or None
        None takes the usual ones.
    n_fft : int
        Frames a window, a power of two, 64 to 16384; a periodic Hann window.
    hop_frames : int, 1 to n_fft // 2
    threads : int or None
        Threads that share a call, see `RowPool`; None takes the number of cores.

    Notes
    -----
    Several threads may use one plan. Results do not depend on the number of threads, bit for bit.
    Memory: about 4 MB a thread at 2048/512, plus the results.
    """

    def __init__(
        self,
        settings: HpssSettings | None = None,
        n_fft: int = 2048,
        hop_frames: int = 512,
        threads: int | None = None,
    ) -> None:
        tables = fft_tables(n_fft)
        if not 1 <= hop_frames <= n_fft // 2:
            raise ParameterError(f"a hop of {hop_frames} frames is outside 1..{n_fft // 2}")
        self.settings = settings or HpssSettings()
        self.n_fft = n_fft
        self.hop_frames = hop_frames
        self._tables = (tables.passes, tables.join, tables.split)
        window = hann(n_fft)
        self._windows = (
            window * np.float32(0.5),
            window * np.float32(1.0 / n_fft),
            np.square(window),
        )
        self._pool = RowPool(threads)

    def separate(self, x: F32, harmonic: F32 | None = None, percussive: F32 | None = None) -> tuple[F32, F32]:
        """Split sound into its harmonic and its percussive part.

        Parameters
        ----------
        x : float32 array, shape (channels, frames)
            Any length; silence around it.
        harmonic, percussive : float32 arrays, shape (channels, frames), or None
            Must not overlap `x`. None allocates.

        Returns
        -------
        harmonic, percussive : float32 arrays, shape (channels, frames)
            With both margins 1 they sum to `x`.
        """
        if x.ndim != 2 or x.dtype != np.float32:
            raise ParameterError(f"sound must be float32 (channels, frames), not {x.dtype} {x.shape}")
        x = np.ascontiguousarray(x)
        parts: list[F32] = []
        for part in (harmonic, percussive):
            given = np.empty(x.shape, np.float32) if part is None else part
            if given.shape != x.shape or given.dtype != np.float32 or not given.flags.c_contiguous:
                raise ParameterError(
                    f"a part needs a contiguous float32 array of {x.shape}, not {given.dtype} {given.shape}"
                )
            parts.append(given)
        n_blocks = -(-x.shape[1] // self.hop_frames)
        if x.size == 0:
            return parts[0], parts[1]
        # As many tiles as threads, or a multiple: the last to finish decides.
        n_threads = self._pool.threads
        rounds = -(-n_blocks // (TILE_FRAMES * n_threads))
        tile_blocks = -(-n_blocks // (rounds * n_threads))
        n_tiles = -(-n_blocks // tile_blocks)
        settings = self.settings
        self._pool.run(
            _separate_tiles,
            x.shape[0] * n_tiles,
            x,
            tile_blocks,
            self.hop_frames,
            self._windows,
            self._tables,
            (settings.harmonic_frames, settings.percussive_bins),
            settings.numbers(),
            parts[0],
            parts[1],
        )
        return parts[0], parts[1]

    def close(self) -> None:
        """Stop the plan's threads."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
