"""How good estimated stems are: energy ratios, by frequency band as well, and who leaks into whom.

Pure functions on whole stems. The ratio needs no alignment and no allowed filters: what a mixer hears is
the plain difference, and a model's gain and delay errors belong to it.
"""

from itertools import pairwise
from typing import Final

import numpy as np

from engine.errors import ParameterError
from engine.kernels.stft import Stft
from engine.units import C64, F32, F64, energy_ratio_db, power_to_db

BAND_EDGES_HZ: Final = (0.0, 120.0, 500.0, 2000.0, 8000.0, 24000.0)
"""Bass and kick; bodies; most of what is sung; brightness; air."""
_WINDOW_FRAMES: Final = 4096
_HOP_FRAMES: Final = 1024
_PIECE_WINDOWS: Final = 43
"""A second at 44.1 kHz: masks change with time, and so does what leaks through them."""
_SILENT: Final = 1e-9
"""Mean square below which a stem is not there: -90 dB."""
_RIDGE: Final = 1e-6


def is_silent(stem: F32) -> bool:
    """Whether a stem of shape (2, frames) holds nothing to be compared with."""
    return float(np.mean(np.square(stem, dtype=np.float64))) < _SILENT


def sdr_db(truth: F32, estimate: F32) -> float | None:
    """Energy of the true stem over that of the error, in dB; None where the true stem is silent.

    Parameters
    ----------
    truth, estimate : float32 arrays, shape (2, frames)
    """
    return None if is_silent(truth) else energy_ratio_db(truth, estimate - truth)


class StemFigures:
    """Spectra of one song's true stems, to compare estimates with.

    Parameters
    ----------
    truths : float32 array, shape (stems, 2, frames)
        At least 4096 frames.
    rate_hz : int

    Raises
    ------
    ParameterError
        The song is shorter than a window.
    """

    def __init__(self, truths: F32, rate_hz: int) -> None:
        if truths.shape[2] < _WINDOW_FRAMES:
            raise ParameterError(
                f"{truths.shape[2]} frames are too few to be judged: {_WINDOW_FRAMES} at least"
            )
        self._rate_hz = rate_hz
        self._truths = [self._spectra(truth) for truth in truths]
        self._silent = [is_silent(truth) for truth in truths]

    def _spectra(self, x: F32) -> C64:
        with Stft(_WINDOW_FRAMES, _HOP_FRAMES) as plan:
            return plan.forward(np.ascontiguousarray(x))

    def _bands(self) -> list[slice]:
        """Bins of each band that lies below half the rate."""
        width_hz = self._rate_hz / _WINDOW_FRAMES
        edges = [round(edge_hz / width_hz) for edge_hz in BAND_EDGES_HZ]
        n_bins = _WINDOW_FRAMES // 2 + 1
        pairs = pairwise(edges)
        return [slice(low, min(high, n_bins)) for low, high in pairs if low < n_bins]

    def band_sdr_db(self, index: int, estimate: F32) -> list[float | None]:
        """Energy ratio in each band of `BAND_EDGES_HZ`.

        Parameters
        ----------
        index : int
            Which true stem.
        estimate : float32 array, shape (2, frames)

        Returns
        -------
        list of float or None
            dB; None where the true stem has nothing there.
        """
        truth = self._truths[index]
        error = self._spectra(estimate) - truth
        return [_ratio_db(_energy(truth[..., band]), _energy(error[..., band])) for band in self._bands()]

    def leakage(self, estimate: F32) -> list[float | None]:
        """How much of each true stem is in an estimate.

        Parameters
        ----------
        estimate : float32 array, shape (2, frames)

        Returns
        -------
        list of float or None
            For each true stem its energy in the estimate over its own, 0 where nothing of it is there, 1
            where all is; None for a silent one.

        Notes
        -----
        In each band and second the estimate is fitted by all true stems at once (least squares, complex
        spectra, both channels), each with one gain: what two stems share in a band is not counted twice.
        """
        found = self._spectra(estimate)
        inside = np.zeros(len(self._truths))
        whole = np.zeros(len(self._truths))
        for first in range(0, found.shape[1], _PIECE_WINDOWS):
            rows = slice(first, first + _PIECE_WINDOWS)
            for band in _split(self._bands()):
                stems = np.stack([truth[:, rows, band].ravel() for truth in self._truths])
                gains, energies = _fit(stems, found[:, rows, band].ravel())
                inside += gains**2 * energies
                whole += energies
        return [
            None if silent else float(min(1.0, part / total))
            for part, total, silent in zip(inside, whole, self._silent, strict=True)
        ]


def _split(bands: list[slice]) -> list[slice]:
    """Four parts of each band."""
    parts: list[slice] = []
    for band in bands:
        edges = np.unique(np.linspace(band.start, band.stop, 5).astype(int)).tolist()
        parts += [slice(low, high) for low, high in pairwise(edges)]
    return parts


def _fit(stems: C64, found: C64) -> tuple[F64, F64]:
    """Real gains, >= 0, with which the stems add up to what was found, and the stems' energies."""
    gram = (stems.conj() @ stems.T).real.astype(np.float64)
    energies = np.diag(gram).copy()
    ridge = _RIDGE * (float(energies.max()) + 1e-20)
    gains = np.linalg.solve(gram + ridge * np.eye(len(gram)), (stems.conj() @ found).real.astype(np.float64))
    return np.maximum(gains, 0.0), energies


def _energy(spectrum: C64) -> float:
    flat = np.ascontiguousarray(spectrum).view(np.float32)
    return float(np.sum(np.square(flat, dtype=np.float64)))


def _ratio_db(truth: float, error: float) -> float | None:
    floor = _SILENT * _WINDOW_FRAMES
    return None if truth <= floor else min(200.0, power_to_db(truth / max(error, 1e-20)))
