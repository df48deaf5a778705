"""Spleeter's arithmetic around its network: magnitudes in, a soft mask out of two estimates.

Pure nogil kernels over rows (one row: one channel of one STFT frame), shared among the owner's
threads. They exist because this, done in numpy, took longer than the network of one instrument.
"""

import numpy as np

from engine.inference.spleeter_convert import N_BINS
from engine.kernels.jit import fast_kernel
from engine.units import F32

N_TOP_BINS = 128
"""Bins (9.6 to 11 kHz) whose mean mask continues above the network's last one."""

_FLOOR = 1e-10
"""Added to the energies (full scale: about 1e6): where both estimates are nothing, each gets half."""


@fast_kernel
def magnitudes(row_start: int, row_stop: int, spectrum: F32, out: F32) -> None:
    """Magnitudes of the bins that the network sees.

    Parameters
    ----------
    row_start, row_stop : int
        Rows to work on.
    spectrum : float32 array, shape (rows, 2 * bins)
        Real and imaginary parts in turn.
    out : float32 array, shape (rows, N_BINS)
        Magnitudes, >= 0.
    """
    for row in range(row_start, row_stop):
        source, target = spectrum[row], out[row]
        for i in range(N_BINS):
            re, im = source[2 * i], source[2 * i + 1]
            target[i] = np.sqrt(re * re + im * im)


@fast_kernel
def apply_mask(
    row_start: int, row_stop: int, spectrum: F32, wanted: F32, rest: F32, n_bins: int, exponent: float = 2.0
) -> None:
    """Multiply a spectrum, in place, with wanted^p / (wanted^p + rest^p).

    Parameters
    ----------
    row_start, row_stop : int
        Rows to work on.
    spectrum : float32 array, shape (rows, 2 * n_bins)
        Real and imaginary parts in turn; overwritten.
    wanted, rest : float32 arrays, shape (rows, N_BINS)
        Estimated magnitudes of the wanted stem and of everything else.
    n_bins : int, >= N_BINS
        Bins of the transform. Those above the network's last take the mean mask of the
        `N_TOP_BINS` below it.
    exponent : float, > 0
        p: 2 as trained; nearer to 1 it errs less where the network knows little of what follows.
    """
    half = np.float32(0.5)
    floor = np.float32(_FLOOR)
    squared = exponent == 2.0
    power = np.float32(exponent)
    for row in range(row_start, row_stop):
        bins, want, other = spectrum[row], wanted[row], rest[row]
        top = np.float32(0.0)
        for i in range(N_BINS):
            of_wanted = want[i] * want[i] if squared else want[i] ** power
            of_rest = other[i] * other[i] if squared else other[i] ** power
            mask = (of_wanted + half * floor) / (of_wanted + of_rest + floor)
            bins[2 * i] *= mask
            bins[2 * i + 1] *= mask
            if i >= N_BINS - N_TOP_BINS:
                top += mask
        top /= np.float32(N_TOP_BINS)
        for i in range(2 * N_BINS, 2 * n_bins):
            bins[i] *= top


@fast_kernel
def split(row_start: int, row_stop: int, song: F32, wanted: F32, out_wanted: F32, out_rest: F32) -> None:
    """Copy the wanted stem and put what it leaves of the song beside it; all of shape (channels, frames)."""
    for row in range(row_start, row_stop):
        source, stem = song[row], wanted[row]
        target, other = out_wanted[row], out_rest[row]
        for i in range(target.size):
            target[i] = stem[i]
            other[i] = source[i] - stem[i]
