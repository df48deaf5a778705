"""Peaks of a lane: what a waveform is drawn from, at every zoom.

Pure loops over arrays. A *bin* is three int16 numbers (lowest, highest, RMS over both channels) of a
stretch of frames; a *level* is a row of equal bins; a *column* is what one pixel column of a drawing
shows. It exists so that neither a whole song nor a whole level is looked at to draw a frame.
"""

import math

import numpy as np
from numpy.typing import NDArray

from engine.kernels.jit import kernel
from engine.units import F32

I16 = NDArray[np.int16]

BASE_FRAMES = 64
"""Frames a bin of the finest level: 1.5 ms at 44.1 kHz. Ten minutes are 413,000 bins of 6 bytes, with all
coarser levels 3.3 MB a lane, a hundredth of what the lane itself takes."""
FACTOR = 4
"""Bins of a level in one of the next coarser."""
N_LEVELS = 6
"""64, 256, 1024, 4096, 16,384 and 65,536 frames a bin: an hour across 1000 pixels reads 2.4 bins a pixel."""
FULL_SCALE = 16_384
"""What a sample of 1.0 is stored as: stems may exceed full scale, and +-2.0 (+6 dB) still fits."""

_LIMIT = 32_767.0


@kernel
def bin_frames(frames: F32, out: I16) -> None:
    """Measure the bins of the finest level.

    Parameters
    ----------
    frames : float32 array, shape (n_bins * BASE_FRAMES, 2)
        Interleaved frames, full scale +-1.0; a NaN counts as silence in the peaks.
    out : int16 array, shape (n_bins, 3)
        Lowest, highest and RMS, FULL_SCALE for 1.0, clipped.
    """
    for i in range(out.shape[0]):
        low = frames[i * BASE_FRAMES, 0]
        high = low
        power = np.float32(0.0)
        for j in range(i * BASE_FRAMES, (i + 1) * BASE_FRAMES):
            left = frames[j, 0]
            right = frames[j, 1]
            low = min(low, left, right)
            high = max(high, left, right)
            power += left * left + right * right
        out[i, 0] = _stored(low)
        out[i, 1] = _stored(high)
        out[i, 2] = _stored(math.sqrt(power / (2 * BASE_FRAMES)))


@kernel
def _stored(x: float) -> int:
    if not -1e30 < x < 1e30:  # NaN included
        return 0
    return round(min(max(x * FULL_SCALE, -_LIMIT), _LIMIT))


@kernel
def fold_bins(fine: I16, out: I16) -> None:
    """Bins of a level from those of the next finer one.

    Parameters
    ----------
    fine : int16 array, shape (n_bins * FACTOR, 3)
        As `bin_frames` gives them.
    out : int16 array, shape (n_bins, 3)
    """
    for i in range(out.shape[0]):
        low = fine[i * FACTOR, 0]
        high = fine[i * FACTOR, 1]
        power = 0.0
        for j in range(i * FACTOR, (i + 1) * FACTOR):
            low = min(low, fine[j, 0])
            high = max(high, fine[j, 1])
            power += float(fine[j, 2]) * float(fine[j, 2])
        out[i, 0] = low
        out[i, 1] = high
        out[i, 2] = round(math.sqrt(power / FACTOR))


@kernel
def gather_columns(level: I16, first_column: int, bins_per_column: float, out: F32) -> None:
    """What each pixel column of a drawing shows.

    Parameters
    ----------
    level : int16 array, shape (n_bins, 3)
        Any level; one with `bins_per_column` >= 1 if there is one.
    first_column : int
        Columns are counted from the start of the song, so that scrolling by whole columns moves a drawing
        without changing it.
    bins_per_column : float, > 0
        Below 1, values between the middles of two bins are interpolated.
    out : float32 array, shape (3, n_columns)
        Lowest, highest, RMS; full scale 1.0, zero outside the level.
    """
    n_bins = level.shape[0]
    scale = 1.0 / FULL_SCALE
    for k in range(out.shape[1]):
        start = (first_column + k) * bins_per_column
        if bins_per_column >= 1.0:
            low, high, power = _span(level, math.floor(start), math.ceil(start + bins_per_column))
            out[0, k] = low * scale
            out[1, k] = high * scale
            out[2, k] = math.sqrt(power) * scale
        else:
            centre = start + 0.5 * bins_per_column - 0.5
            i = math.floor(centre)
            weight = centre - i
            for c in range(3):
                a = level[i, c] if 0 <= i < n_bins else 0
                b = level[i + 1, c] if 0 <= i + 1 < n_bins else 0
                out[c, k] = (a + (b - a) * weight) * scale


@kernel
def _span(level: I16, first: int, stop: int) -> tuple[float, float, float]:
    """Lowest, highest and mean square of bins [first, stop), clipped to those there are."""
    first = max(first, 0)
    stop = min(stop, level.shape[0])
    if stop <= first:
        return 0.0, 0.0, 0.0
    low = 32_767.0
    high = -32_767.0
    power = 0.0
    for i in range(first, stop):
        low = min(low, float(level[i, 0]))
        high = max(high, float(level[i, 1]))
        power += float(level[i, 2]) * float(level[i, 2])
    return low, high, power / (stop - first)
