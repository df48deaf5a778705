"""True peak: how high a converter's output goes between the samples.

Runs on whoever writes or analyses a song, block by block, with fixed memory. It exists because a
song whose samples stop at full scale may pass it by 3 dB where it is played, and clip there.

References
----------
.. [1] ITU-R BS.1770-4, annex 2, 2015: four-fold oversampling. The filter here has twice [1]'s taps.
"""

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.kernels.lanes import load8, splat8, store8
from engine.kernels.loudness import highest
from engine.units import F32, gain_to_db

OVERSAMPLING = 4
N_TAPS = 24
"""Neighbours that a point between two samples is made of: flat within 0.02 dB to 0.42 of the rate."""

_BETA = 5.65  # a stop-band of 60 dB
_BLOCK_FRAMES = 64
_CHUNK_FRAMES = 16_384  # 64 kB a channel, copied behind the history at a time


def taps_between(oversampling: int = OVERSAMPLING) -> F32:
    """Windowed sincs that find the points between two samples.

    Parameters
    ----------
    oversampling : int, >= 2
        Points a sample, itself included.

    Returns
    -------
    float32 array, shape (oversampling - 1, N_TAPS)
        Row j weighs N_TAPS neighbours, oldest first, to the point that lies (j + 1) / oversampling of the
        way from neighbour N_TAPS / 2 - 1 to the next.
    """
    t = np.arange(N_TAPS) - (N_TAPS // 2 - 1) - np.arange(1, oversampling)[:, None] / oversampling
    rows = np.sinc(t) * np.i0(_BETA * np.sqrt(np.maximum(0.0, 1.0 - (2.0 * t / N_TAPS) ** 2)))
    return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


@kernel
def _highest_between(x: F32, taps: F32, bound: float, peak: float) -> float:
    """Largest magnitude between samples of `x`, or `peak` if that is larger.

    A block is left out when its highest sample times `bound`, the most that the filter can make of it,
    stays below what was found before; in music that is most of them.
    """
    n = x.shape[0] - N_TAPS + 1
    between = np.empty(8, np.float32)
    flat = taps.reshape(-1)
    top = np.float32(peak)
    for start in range(0, n, _BLOCK_FRAMES):
        stop = min(n, start + _BLOCK_FRAMES)
        loudest = np.float32(0.0)
        for i in range(start, stop + N_TAPS - 1):
            loudest = max(loudest, abs(x[i]))
        if loudest * bound <= top:
            continue
        whole = stop - (stop - start) % 8
        for i in range(start, whole, 8):
            for p in range(OVERSAMPLING - 1):
                total = splat8(np.float32(0.0))
                for k in range(N_TAPS):
                    total = total + splat8(flat[p * N_TAPS + k]) * load8(x, i + k)
                store8(between, 0, total)
                for j in range(8):
                    top = max(top, abs(between[j]))
        for i in range(whole, stop):
            for p in range(OVERSAMPLING - 1):
                rest = np.float32(0.0)
                for k in range(N_TAPS):
                    rest += flat[p * N_TAPS + k] * x[i + k]
                top = max(top, abs(rest))
    return float(top)


class TruePeakMeter:
    """Highest true peak of a song that arrives in blocks of any size.

    Parameters
    ----------
    channels : int, 1 to 64

    Notes
    -----
    Any rate from 32 to 96 kHz; above, samples lie dense enough for the sample peak. `push` releases the
    GIL; one thread at a time. NaN is passed over.
    """

    def __init__(self, channels: int = 2) -> None:
        if not 1 <= channels <= 64:
            raise ParameterError(f"{channels} channels is outside 1..64")
        self._taps = taps_between()
        # A little more than the exact bound, for sums in another order.
        self._bound = 1.001 * float(np.abs(self._taps).sum(axis=1).max())
        self._chunk = np.zeros((channels, N_TAPS - 1 + _CHUNK_FRAMES), np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a new meter."""
        self._chunk[:, : N_TAPS - 1] = 0.0
        self._peak = 0.0

    def push(self, x: F32) -> None:
        """Measure the next `x`, float32 array, shape (channels, frames)."""
        chunk = self._chunk
        if x.ndim != 2 or x.shape[0] != chunk.shape[0] or x.dtype != np.float32:
            raise ParameterError(
                f"the meter takes float32 of shape ({chunk.shape[0]}, n), not {x.dtype} {x.shape}"
            )
        for start in range(0, x.shape[1], _CHUNK_FRAMES):
            part = x[:, start : start + _CHUNK_FRAMES]
            stop = N_TAPS - 1 + part.shape[1]
            chunk[:, N_TAPS - 1 : stop] = part
            self._peak = max(self._peak, float(highest(part)))
            for row in chunk:
                self._peak = float(_highest_between(row[:stop], self._taps, self._bound, self._peak))
            chunk[:, : N_TAPS - 1] = chunk[:, part.shape[1] : stop].copy()

    @property
    def true_peak(self) -> float:
        """Linear, 1.0 for full scale; what follows the newest frame counts as silence."""
        tail = np.zeros((self._chunk.shape[0], 2 * N_TAPS), np.float32)
        tail[:, : N_TAPS - 1] = self._chunk[:, : N_TAPS - 1]
        peak = self._peak
        for row in tail:
            peak = float(_highest_between(row, self._taps, self._bound, peak))
        return peak

    @property
    def true_peak_dbtp(self) -> float:
        """In dB below (above, when positive) full scale, MIN_DB at least."""
        return gain_to_db(self.true_peak)
