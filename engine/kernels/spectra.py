"""Spectra of overlapping frames as magnitudes or as power in bands, never as a complex spectrogram.

Analysis workers run it; the kernels release the GIL. It exists because whoever describes a song wants
magnitudes, which are half of a complex spectrogram, or a handful of bands, which are next to nothing.
"""

import itertools
from typing import Self

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import PAD, fft_tables, rfft_frame
from engine.kernels.frames import cut_frame
from engine.kernels.hpss import magnitude_row
from engine.kernels.jit import RowPool, kernel
from engine.kernels.mel import MelBands, mel_rows
from engine.kernels.windows import hann
from engine.units import F32, F64


@kernel
def _magnitude_rows(
    first: int,
    last: int,
    x: F32,
    place: tuple[int, int],
    half_window: F32,
    tables: tuple[F32, F32, F32],
    out: F32,
) -> None:
    """Rows [first, last); frame t begins at frame t * hop + origin of `x`, `place` is (hop, origin)."""
    n_fft = half_window.shape[0]
    work = np.empty((4, n_fft // 2 + PAD), np.float32)
    frame = np.empty(n_fft, np.float32)
    spec = np.empty(n_fft + 2, np.float32)
    for t in range(first, last):
        cut_frame(x, t * place[0] + place[1], n_fft, frame)
        rfft_frame(frame, half_window, tables[0], tables[1], tables[2], work, spec)
        magnitude_row(spec, out[t])


def flat_bands(edges_hz: tuple[float, ...], rate_hz: int, n_fft: int) -> MelBands:
    """Bands side by side that take every bin, or the part of it that lies inside, at full weight.

    Parameters
    ----------
    edges_hz : tuple of float, ascending, >= 0
        Band i reaches from edge i to edge i + 1; what lies beyond half the rate is empty.
    rate_hz, n_fft : int
        Of the spectra.

    Returns
    -------
    MelBands
        One band fewer than edges.
    """
    if len(edges_hz) < 2 or list(edges_hz) != sorted(edges_hz) or edges_hz[0] < 0:
        raise ParameterError(f"bands need two edges or more, ascending from 0 Hz, not {edges_hz}")
    bin_hz = rate_hz / n_fft
    return _boxes([(low / bin_hz, high / bin_hz) for low, high in itertools.pairwise(edges_hz)], n_fft)


def log_bands(
    lowest_hz: float, n_bands: int, bands_per_octave: int, rate_hz: int, n_fft: int
) -> tuple[MelBands, F64]:
    """Bands that are equally wide to the ear, for a picture of a spectrum.

    Parameters
    ----------
    lowest_hz : float, > 0
        Centre of the lowest one.
    n_bands, bands_per_octave : int, >= 1
    rate_hz, n_fft : int
        Of the spectra.

    Returns
    -------
    bands : MelBands
        Each takes what lies within half a step of its centre, and one bin at least: where the spectrum is
        coarser than the bands, a band is a mean of its two nearest bins. Beyond half the rate they are empty.
    centres_hz : float64 array, shape (n_bands,)
    """
    if not lowest_hz > 0.0 or n_bands < 1 or bands_per_octave < 1:
        raise ParameterError(f"{n_bands} bands from {lowest_hz} Hz, {bands_per_octave} an octave, are none")
    centres_hz = lowest_hz * 2.0 ** (np.arange(n_bands) / bands_per_octave)
    half_step = 2.0 ** (0.5 / bands_per_octave)
    spans: list[tuple[float, float]] = []
    for centre in (centres_hz * (n_fft / rate_hz)).tolist():
        low, high = centre / half_step, centre * half_step
        spans.append((low, high) if high - low >= 1.0 else (centre - 0.5, centre + 0.5))
    return _boxes(spans, n_fft), centres_hz


def _boxes(spans: list[tuple[float, float]], n_fft: int) -> MelBands:
    """Bands from one place to another, both in bins, each bin weighed by the part of it that lies inside."""
    centres = np.arange(n_fft // 2 + 1)
    rows: list[tuple[int, int, int]] = []
    weights: list[F32] = [np.zeros(0, np.float32)]
    start = 0
    for low, high in spans:
        inside = np.clip(np.minimum(centres + 0.5, high) - np.maximum(centres - 0.5, low), 0.0, 1.0)
        used = np.flatnonzero(inside)
        rows.append((int(used[0]) if used.size else 0, used.size, start))
        weights.append(inside[used].astype(np.float32))
        start += used.size
    return MelBands(np.array(rows, np.int64), np.concatenate(weights))


class FrameSpectra:
    """Spectra of frames of one length, with threads of its own.

    Parameters
    ----------
    n_fft : int
        Frames a window, a power of two, 64 to 16384; a periodic Hann window.
    hop_frames : int, 1 to n_fft
    threads : int or None
        Threads that share a call, see `RowPool`; None takes the number of cores.

    Notes
    -----
    Several threads may use one plan; their number changes no bit of a result.
    """

    def __init__(self, n_fft: int = 2048, hop_frames: int = 512, threads: int | None = None) -> None:
        tables = fft_tables(n_fft)
        if not 1 <= hop_frames <= n_fft:
            raise ParameterError(f"a hop of {hop_frames} frames is outside 1..{n_fft}")
        self.n_fft = n_fft
        self.hop_frames = hop_frames
        self._half_window = hann(n_fft) * np.float32(0.5)
        self._tables = (tables.passes, tables.join, tables.split)
        self._pool = RowPool(threads)

    def magnitudes(self, x: F32, n_rows: int, origin: int = 0) -> F32:
        """Magnitudes of every frame.

        Parameters
        ----------
        x : float32 array, shape (frames,)
            Silence around it.
        n_rows : int, >= 0
            Frames to look at.
        origin : int
            Where the first one begins; -n_fft // 2 centres it on the first frame of `x`.

        Returns
        -------
        float32 array, shape (n_rows, n_fft // 2 + 1)
        """
        if x.ndim != 1 or x.dtype != np.float32 or n_rows < 0:
            raise ParameterError(f"{n_rows} spectra of {x.dtype} {x.shape}: mono float32 sound is needed")
        out = np.empty((n_rows, self.n_fft // 2 + 1), np.float32)
        place = (self.hop_frames, origin)
        x = np.ascontiguousarray(x)
        self._pool.run(_magnitude_rows, n_rows, x, place, self._half_window, self._tables, out)
        return out

    def band_powers(self, x: F32, bands: MelBands, n_rows: int, origin: int = 0) -> F32:
        """Squared magnitudes summed over bands.

        Parameters
        ----------
        x : float32 array, shape (channels, frames)
            Silence around it.
        bands : MelBands
            Such as `flat_bands` makes for this n_fft.
        n_rows, origin : int
            As for `magnitudes`.

        Returns
        -------
        float32 array, shape (channels, n_rows, n_bands)
        """
        if x.ndim != 2 or x.dtype != np.float32 or n_rows < 0:
            raise ParameterError(f"{n_rows} spectra of {x.dtype} {x.shape}: float32 sound is needed")
        out = np.empty((x.shape[0], n_rows, bands.edges.shape[0]), np.float32)
        place = (self.hop_frames, origin)
        x = np.ascontiguousarray(x)
        self._pool.run(
            mel_rows, x.shape[0] * n_rows, x, place, self._half_window, self._tables,
            bands.edges, bands.weights, False, out,
        )  # fmt: skip
        return out

    def close(self) -> None:
        """Stop the plan's threads."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
