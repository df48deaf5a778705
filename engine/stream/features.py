"""What a stream sounds like, frame by frame: the numbers that meters and visuals move by.

Worker and visuals threads; not for the audio callback. Memory is fixed at construction.
"""

import math

import numpy as np

from engine.errors import ParameterError
from engine.kernels.delta import delta_taps
from engine.kernels.fft import PAD, fft_tables, rfft_frame
from engine.kernels.frames import cut_frame
from engine.kernels.jit import kernel
from engine.kernels.mel import LEAST_POWER, level_row, mean_rise, mel_bands, mel_row, power_row
from engine.kernels.spectral import (
    N_SHAPE,
    ROLLOFF,
    ROLLOFF_SHARE,
    crossings,
    mean_square,
    shape_row,
)
from engine.kernels.windows import hann
from engine.units import F32, I64

FEATURES = (
    "centroid_hz",
    "bandwidth_hz",
    "rolloff_hz",
    "flatness",
    "flux",
    "rms",
    "crossing_rate",
    "onset_db",
)
"""Columns of `FeatureStream.push`, as in engine.kernels.spectral; `onset_db` is the mean rise of the mel
bands in dB since the frame before, without the look at a whole song's loudest band."""

_RMS = N_SHAPE
_CROSSING_RATE = N_SHAPE + 1
_ONSET = N_SHAPE + 2
_FLOOR_DB = 10.0 * math.log10(LEAST_POWER)


@kernel
def _copy(source: F32, target: F32) -> None:
    """What `target[:source.size] = source` does, in vectors."""
    for k in range(source.shape[0]):
        target[k] = source[k]


@kernel
def _feature_row(
    frame: F32,
    half_window: F32,
    tables: tuple[F32, F32, F32],
    bands: tuple[I64, F32],
    bin_hz: float,
    is_first: bool,
    rooms: tuple[F32, F32, F32],
    spectra: F32,
    levels: F32,
    out: F32,
) -> None:
    """Numbers of one frame; row 0 of `spectra` and `levels` is the frame before, and then this one.

    `rooms` are the transform's work, a spectrum and a frame.
    """
    n_fft = half_window.shape[0]
    work, spec, tame = rooms
    cut_frame(frame, 0, n_fft, tame)
    rfft_frame(tame, half_window, tables[0], tables[1], tables[2], work, spec)
    before = spectra[0]
    row = spectra[1]
    power_row(spec, row)
    mel_row(row, bands[0], bands[1], levels[1])
    level_row(levels[1])
    for k in range(row.shape[0]):
        row[k] = np.sqrt(row[k])
    if is_first:
        _copy(row, before)
        _copy(levels[1], levels[0])
    shape_row(before, row, ROLLOFF_SHARE, spec, out)
    for i in range(ROLLOFF + 1):
        out[i] *= bin_hz
    out[_RMS] = math.sqrt(mean_square(frame, n_fft))
    out[_CROSSING_RATE] = crossings(frame) / n_fft
    out[_ONSET] = mean_rise(levels[0], levels[1], _FLOOR_DB)
    _copy(row, before)
    _copy(levels[1], levels[0])


@kernel
def _feature_rows(
    x: F32,
    held: F32,
    n_held: int,
    hop_frames: int,
    half_window: F32,
    tables: tuple[F32, F32, F32],
    bands: tuple[I64, F32],
    bin_hz: float,
    is_first: bool,
    rooms: tuple[F32, F32, F32],
    spectra: F32,
    levels: F32,
    out: F32,
) -> int:
    """Every frame that `x`, shape (n,), completes, a row of `out` each; how many frames are held then.

    The first `n_held` of `held`, shape (n_fft,), are what came before. One call a block and not one a frame:
    coming from Python costs as much as the transform.
    """
    n_fft = half_window.shape[0]
    kept = n_fft - hop_frames
    at = 0
    t = 0
    while at < x.shape[0]:
        n = min(n_fft - n_held, x.shape[0] - at)
        _copy(x[at : at + n], held[n_held:])
        n_held += n
        at += n
        if n_held == n_fft:
            _feature_row(
                held, half_window, tables, bands, bin_hz, is_first and t == 0, rooms, spectra, levels, out[t]
            )
            t += 1
            for start in range(0, kept, hop_frames):  # in steps that do not overlap
                stop = min(start + hop_frames, kept)
                _copy(held[start + hop_frames : stop + hop_frames], held[start:])
            n_held = kept
    return n_held


class FeatureStream:
    """Measure a mono stream.

    Parameters
    ----------
    rate_hz : int
    n_fft : int
        Frames a window, a power of two, 64 to 16384; a periodic Hann window.
    hop_frames : int, 1 to n_fft
    n_bands : int
        Mel bands that onsets are heard in.

    Attributes
    ----------
    latency_frames : int
        n_fft - 1: frame t covers t * hop_frames .. t * hop_frames + n_fft - 1 and comes with its last.

    Notes
    -----
    About 5 us a frame of 2048, of which the transform is a third, and 2 us a call.
    """

    def __init__(self, rate_hz: int, n_fft: int = 2048, hop_frames: int = 512, n_bands: int = 128) -> None:
        tables = fft_tables(n_fft)
        if not 1 <= hop_frames <= n_fft:
            raise ParameterError(f"a hop of {hop_frames} frames is outside 1..{n_fft}")
        bands = mel_bands(rate_hz, n_fft, n_bands)
        self._half_window = hann(n_fft) * np.float32(0.5)
        self._tables = (tables.passes, tables.join, tables.split)
        self._bands = (bands.edges, bands.weights)
        self._bin_hz = rate_hz / n_fft
        self._hop_frames = hop_frames
        self._held = np.zeros(n_fft, np.float32)
        self._n_held = 0
        self._rooms = (
            np.zeros((4, n_fft // 2 + PAD), np.float32),
            np.zeros(n_fft + 2, np.float32),
            np.zeros(n_fft, np.float32),
        )
        self._spectra = np.zeros((2, n_fft // 2 + 1), np.float32)
        self._levels = np.zeros((2, n_bands), np.float32)
        self._is_first = True
        self.latency_frames = n_fft - 1

    def push(self, x: F32) -> F32:
        """Take the next block and measure the frames that it completes.

        Parameters
        ----------
        x : float32 array, shape (1, n)

        Returns
        -------
        float32 array, shape (frames completed, len(FEATURES))
            Often of no rows. Flux and onset of the very first frame are 0.
        """
        if x.ndim != 2 or x.shape[0] != 1 or x.dtype != np.float32:
            raise ParameterError(f"the stream is float32 (1, n), a block of {x.dtype} {x.shape} came")
        n_fft, hop_frames = self._held.shape[0], self._hop_frames
        filled = self._n_held + x.shape[1]
        n_rows = 0 if filled < n_fft else 1 + (filled - n_fft) // hop_frames
        found: F32 = np.empty((n_rows, len(FEATURES)), np.float32)
        self._n_held = _feature_rows(
            np.ascontiguousarray(x[0]),
            self._held,
            self._n_held,
            hop_frames,
            self._half_window,
            self._tables,
            self._bands,
            self._bin_hz,
            self._is_first,
            self._rooms,
            self._spectra,
            self._levels,
            found,
        )
        self._is_first = self._is_first and not n_rows
        return found

    def reset(self) -> None:
        """Forget everything, as a new object."""
        self._n_held = 0
        self._is_first = True


class DeltaStream:
    """Savitzky-Golay derivative of tracks that arrive frame by frame.

    Parameters
    ----------
    n_tracks : int, >= 1
    width_frames, order : int
        See `engine.kernels.delta.delta_taps`.

    Attributes
    ----------
    latency_frames : int
        width_frames // 2, in frames of the tracks: a derivative stands at the middle of its window.

    Notes
    -----
    Before the first frame every track is 0.
    """

    def __init__(self, n_tracks: int, width_frames: int = 9, order: int = 1) -> None:
        if n_tracks < 1:
            raise ParameterError(f"{n_tracks} tracks have no derivative")
        self._taps = delta_taps(width_frames, order)
        self._past = np.zeros((n_tracks, width_frames - 1), np.float32)
        self.latency_frames = width_frames // 2

    def push(self, x: F32) -> F32:
        """Take `x`, float32, shape (n_tracks, n), and give as many derivatives, `latency_frames` later."""
        if x.ndim != 2 or x.shape[0] != self._past.shape[0] or x.dtype != np.float32:
            raise ParameterError(
                f"there are {self._past.shape[0]} float32 tracks, a block of {x.dtype} {x.shape} came"
            )
        known = np.concatenate([self._past, x], axis=1)
        out = np.zeros(x.shape, np.float32)
        for k, tap in enumerate(self._taps):
            out += tap * known[:, k : k + x.shape[1]]
        self._past = known[:, x.shape[1] :]
        return out

    def reset(self) -> None:
        """Forget everything, as a new object."""
        self._past = np.zeros_like(self._past)
