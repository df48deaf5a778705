"""What the orbit is steered by: six features of the sound, each measured against its own recent past.

Visuals and training threads; memory is fixed at construction. A loud song and a quiet one, a bright and a
dark one, should move the picture alike: so each feature is counted in standard deviations from its running
mean. The past alone is looked at, so that a whole file gives the very numbers that a stream gives.
"""

from typing import Final

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.stream.features import FEATURES as MEASURED
from engine.stream.features import DeltaStream, FeatureStream
from engine.units import F32, F64

RATE_HZ: Final = 48_000
N_FFT: Final = 4096
HOP: Final = 1024
"""21.3 ms."""
FEATURES: Final = ("centroid", "flux", "rms", "crossing_rate", "onset", "rolloff")
N_FEATURES: Final = len(FEATURES)
N_CONTEXT: Final = 10
N_INPUTS: Final = N_CONTEXT * N_FEATURES
LIMIT: Final = 4.0
"""No feature is further from its mean, in deviations."""
SILENCE_DB: Final = -60.0
"""A row below this loudness, in dBFS, is measured but teaches the statistics nothing."""

_COLUMNS = tuple(
    MEASURED.index(name) for name in ("centroid_hz", "flux", "rms", "crossing_rate", "onset_db", "rolloff_hz")
)
_RMS: Final = FEATURES.index("rms")
_CENTROID, _FLUX, _CROSSING, _ONSET, _ROLLOFF = 0, 1, 3, 4, 5
_PRIOR_ROWS = 94.0
"""The statistics begin as if 2 s of usual music had gone before, or the first second would swing widely."""
_MOST_ROWS = 1406.0
"""They forget what is longer ago than about 30 s."""
_LEAST_DEVIATION = 0.05
TYPICAL_DEVIATION: F64 = np.array([0.6, 1.0, 6.0, 0.6, 0.5, 0.7])
"""Of the features' levels in usual music."""
_PRIOR_MEAN: F64 = np.array([7.4, -2.6, -22.0, -3.6, 0.8, 8.0])
_LOUDEST = np.float32(1e6)


@kernel
def _levels(measured: F32, out: F64) -> None:
    """The six features on scales on which music is about normally distributed: logarithms and dB."""
    out[_CENTROID] = np.log(max(float(measured[_COLUMNS[0]]), 20.0))
    # Flux is a sum of magnitudes, unbounded with level: its logarithm, floored near the rounding.
    out[_FLUX] = np.log(max(float(measured[_COLUMNS[1]]), 1e-4))
    out[_RMS] = 20.0 * np.log10(max(float(measured[_COLUMNS[2]]), 1e-5))
    out[_CROSSING] = np.log(max(float(measured[_COLUMNS[3]]), 1e-3))
    out[_ONSET] = np.log1p(max(float(measured[_COLUMNS[4]]), 0.0))
    out[_ROLLOFF] = np.log(max(float(measured[_COLUMNS[5]]), 20.0))


@kernel
def _normalise(measured: F32, mean: F64, square: F64, n_rows: F64, levels: F64, out: F32) -> None:
    """Rows of FeatureStream to rows of deviations; the statistics take each row in before it is measured."""
    for t in range(measured.shape[0]):
        level = levels[t]
        _levels(measured[t], level)
        if level[_RMS] > SILENCE_DB:
            n_rows[0] = min(n_rows[0] + 1.0, _MOST_ROWS)
            share = 1.0 / n_rows[0]
            for k in range(N_FEATURES):
                away = level[k] - mean[k]
                mean[k] += share * away
                square[k] = (1.0 - share) * (square[k] + share * away * away)
        for k in range(N_FEATURES):
            deviation = np.sqrt(square[k]) + _LEAST_DEVIATION
            out[t, k] = min(max((level[k] - mean[k]) / deviation, -LIMIT), LIMIT)


@kernel
def _tame(x: F32, out: F32) -> None:
    """Copy with NaN as silence and nothing beyond +120 dBFS: a sick sample must not outlive its frame."""
    for i in range(x.shape[0]):
        v = x[i]
        out[0, i] = np.float32(0.0) if v != v else min(max(v, -_LOUDEST), _LOUDEST)


class OrbitFeatures:
    """Measure a stream.

    Parameters
    ----------
    deltas : int, 0 to 2
        How many derivatives to add behind the six columns; each is `engine.stream.features.DeltaStream` of
        the columns before it, so it describes the rows DELTA_LATENCY before its own.

    Attributes
    ----------
    latency_frames : int
        N_FFT - 1: row t covers t * HOP .. t * HOP + N_FFT - 1 and comes with its last frame.
    n_columns : int
        6 * (1 + deltas).
    levels : float64 array, shape (rows, 6)
        The rows of the last block before they were compared with the past: natural logarithms of Hz, flux and
        rate, dBFS of the RMS, log(1 + dB) of the onset.

    Notes
    -----
    About 10 us a row, and 4 us a call. One thread at a time.
    """

    def __init__(self, deltas: int = 0) -> None:
        if deltas not in (0, 1, 2):
            raise ParameterError(f"{deltas} derivatives is outside 0..2")
        self._stream = FeatureStream(RATE_HZ, N_FFT, HOP)
        self._deltas = [DeltaStream(N_FEATURES) for _ in range(deltas)]
        self.latency_frames = self._stream.latency_frames
        self.n_columns = N_FEATURES * (1 + deltas)
        self._mean = np.empty(N_FEATURES)
        self._square = np.empty(N_FEATURES)
        self._n_rows = np.empty(1)
        self._window: F32 = np.empty((N_CONTEXT, N_FEATURES), np.float32)
        self.levels: F64 = np.empty((0, N_FEATURES))
        self._forget()

    def push(self, mono: F32) -> F32:
        """Take the next block.

        Parameters
        ----------
        mono : float32 array, shape (n,)
            Any length, 48 kHz. NaN counts as silence, infinity as +120 dBFS.

        Returns
        -------
        float32 array, shape (rows, n_columns)
            Every row that the block completes, often none; the features within +-LIMIT.
        """
        if mono.ndim != 1 or mono.dtype != np.float32:
            raise ParameterError(
                f"features are of float32 sound of shape (n,), not {mono.dtype} {mono.shape}"
            )
        tame = np.empty((1, mono.shape[0]), np.float32)
        _tame(mono, tame)
        measured = self._stream.push(tame)
        rows = np.empty((measured.shape[0], N_FEATURES), np.float32)
        self.levels = np.empty(rows.shape)
        _normalise(measured, self._mean, self._square, self._n_rows, self.levels, rows)
        n_new = min(rows.shape[0], N_CONTEXT)
        if n_new:
            self._window[: N_CONTEXT - n_new] = self._window[n_new:].copy()
            self._window[N_CONTEXT - n_new :] = rows[-n_new:]
        columns = [rows]
        for delta in self._deltas:
            columns.append(np.ascontiguousarray(delta.push(np.ascontiguousarray(columns[-1].T)).T))
        return np.concatenate(columns, axis=1) if self._deltas else rows

    def window(self) -> F32:
        """The newest N_CONTEXT rows of the six features, oldest first.

        Returns
        -------
        float32 array, shape (N_INPUTS,)
            A copy, row after row; -LIMIT (silence) for rows that have not been.
        """
        return self._window.reshape(-1).copy()

    def reset(self) -> None:
        """Forget everything, as a new object."""
        self._stream.reset()
        for delta in self._deltas:
            delta.reset()
        self._forget()

    def _forget(self) -> None:
        self._mean[:] = _PRIOR_MEAN
        self._square[:] = np.square(TYPICAL_DEVIATION)
        self._n_rows[0] = _PRIOR_ROWS
        self._window[:] = -LIMIT


def orbit_features(mono: F32, deltas: int = 0) -> F32:
    """Rows of a whole sound: the very numbers that `OrbitFeatures` gives for it in blocks.

    Parameters
    ----------
    mono : float32 array, shape (n,)
        48 kHz; any length, shorter than N_FFT gives no row.
    deltas : int, 0 to 2
        As for `OrbitFeatures`.

    Returns
    -------
    float32 array, shape (rows, 6 * (1 + deltas))
        rows = 1 + (n - N_FFT) // HOP.
    """
    return OrbitFeatures(deltas).push(mono)


def windows_of(rows: F32) -> F32:
    """The window after every row: what a network is trained on.

    Parameters
    ----------
    rows : float32 array, shape (n, 6)
        From `orbit_features` without derivatives.

    Returns
    -------
    float32 array, shape (n, N_INPUTS)
        Row t is what `OrbitFeatures.window` gives after row t.
    """
    if rows.ndim != 2 or rows.shape[1] != N_FEATURES or rows.dtype != np.float32:
        raise ParameterError(f"windows are of float32 rows (n, {N_FEATURES}), not {rows.dtype} {rows.shape}")
    before = np.full((N_CONTEXT - 1, N_FEATURES), -LIMIT, np.float32)
    padded = np.concatenate([before, rows])
    return np.concatenate([padded[k : k + rows.shape[0]] for k in range(N_CONTEXT)], axis=1)
