"""How far a recording is tuned from A = 440 Hz: spectral peaks, read between the bins.

Analysis workers run it; the kernel releases the GIL. It exists because a constant-Q bin that sits
between two notes hears both: chroma, key and chords are only clear when their grid is the song's.

References
----------
.. [1] D. P. W. Ellis and G. E. Poliner, "Identifying cover songs with chroma features and dynamic
   programming beat tracking", ICASSP 2007: tuning from a histogram of interpolated spectral peaks.
.. [2] J. O. Smith, "Spectral Audio Signal Processing", 2011: parabolic interpolation of peaks.
"""

import math

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import PAD, fft_tables, rfft_frame
from engine.kernels.jit import RowPool, kernel
from engine.kernels.loudness import highest
from engine.kernels.windows import hann
from engine.units import F32, I64, U8

N_FFT = 2048
HOP_FRAMES = 512
RESOLUTION = 0.01
"""Width of a histogram cell, in parts of a bin."""

_LOW_HZ = 150.0
_HIGH_HZ = 4000.0
_PEAK_PART = np.float32(0.1)  # of the highest magnitude of its column
_LOUDEST = 1e6
_CELLS = 100  # 1 / RESOLUTION
_CHUNK_COLUMNS = 4096  # a minute and a half at 22.05 kHz: 4096 * 179 peaks * 5 bytes = 3.7 MB


@kernel
def _peaks(spectrum: F32, mags: F32, low: int, high: int, scale: F32, found: F32, cells: U8) -> int:
    """Peaks of one column: magnitudes into `found`, histogram cells into `cells`; how many.

    `scale` is (bins per octave, log2 of the bin width in units of A0).
    """
    n = mags.shape[0]
    top = np.float32(0.0)
    for i in range(n):
        re = spectrum[2 * i]
        im = spectrum[2 * i + 1]
        mags[i] = math.sqrt(re * re + im * im)
    for i in range(n):
        top = max(top, mags[i])
    floor = _PEAK_PART * top
    count = 0
    for i in range(low, high):
        here = mags[i]
        if here <= floor:
            continue
        before = mags[i - 1] if mags[i - 1] > floor else np.float32(0.0)
        after = mags[i + 1] if mags[i + 1] > floor else np.float32(0.0)
        if here > before and here >= after:
            bend = mags[i + 1] + mags[i - 1] - 2 * here
            slope = (mags[i + 1] - mags[i - 1]) * np.float32(0.5)
            shift = -slope / bend if abs(slope) < abs(bend) else np.float32(0.0)
            found[count] = here + np.float32(0.5) * slope * shift
            bins = scale[0] * (math.log2(i + shift) + scale[1])
            rest = bins - math.floor(bins)
            if rest >= 0.5:
                rest -= 1.0
            cells[count] = min(_CELLS - 1, int((rest + 0.5) * _CELLS))
            count += 1
    return count


@kernel
def _peak_columns(
    first: int,
    last: int,
    x: F32,
    half_window: F32,
    passes: F32,
    join: F32,
    split: F32,
    limits: I64,
    scale: F32,
    found: F32,
    cells: U8,
    counts: I64,
) -> None:
    """Columns [first, last) after `limits[2]`; window t is centred on frame t * HOP_FRAMES of `x`."""
    spectrum = np.empty(N_FFT + 2, np.float32)
    mags = np.empty(N_FFT // 2 + 1, np.float32)
    work = np.empty((4, N_FFT // 2 + PAD), np.float32)
    edge = np.empty(N_FFT, np.float32)
    for t in range(first, last):
        start = (limits[2] + t) * HOP_FRAMES - N_FFT // 2
        if start >= 0 and start + N_FFT <= x.shape[0]:
            rfft_frame(x[start : start + N_FFT], half_window, passes, join, split, work, spectrum)
        else:
            for i in range(N_FFT):
                edge[i] = x[start + i] if 0 <= start + i < x.shape[0] else np.float32(0.0)
            rfft_frame(edge, half_window, passes, join, split, work, spectrum)
        counts[t] = _peaks(spectrum, mags, limits[0], limits[1], scale, found[t], cells[t])


def tamed(x: F32) -> F32:
    """Sound whose squared spectrum fits float32: `x`, or where it is beyond +120 dBFS, `x` over its peak.

    Parameters
    ----------
    x : float32 array, shape (frames,)

    Returns
    -------
    float32 array, shape (frames,), contiguous
    """
    x = np.ascontiguousarray(x)
    peak = highest(x[None, :])
    return x / np.float32(peak) if peak > _LOUDEST else x


def estimate_tuning(
    x: F32, rate_hz: float, bins_per_octave: int = 12, threads: RowPool | None = None
) -> float:
    """Offset of the song's notes from equal temperament at A = 440 Hz.

    Parameters
    ----------
    x : float32 array, shape (frames,)
        Mono.
    rate_hz : float, 4000 to 768000
        16 to 32 kHz is best: the transform is 2048 frames long whatever the rate.
    bins_per_octave : int, 12 to 120
    threads : RowPool or None

    Returns
    -------
    float
        -0.5 up to 0.5, in parts of a bin (of a semitone when `bins_per_octave` is 12), in steps of
        RESOLUTION; 0 when there is no peak, as in silence.

    Notes
    -----
    Peaks between 150 and 4000 Hz that reach a tenth of their column's highest and the median of all
    peaks vote once each; the fullest cell's lower edge wins.
    """
    if x.ndim != 1 or x.dtype != np.float32:
        raise ParameterError(f"tuning is read from mono float32 sound, not {x.dtype} {x.shape}")
    if not 4000 <= rate_hz <= 768_000:
        raise ParameterError(f"tuning needs a rate of 4000..768000 Hz, not {rate_hz} Hz")
    if not 12 <= bins_per_octave <= 120:
        raise ParameterError(f"{bins_per_octave} bins an octave is outside 12..120")
    width_hz = rate_hz / N_FFT
    low = max(1, math.ceil(_LOW_HZ / width_hz))
    high = min(N_FFT // 2, math.ceil(_HIGH_HZ / width_hz))
    scale = np.array([bins_per_octave, math.log2(width_hz / 27.5)], np.float32)
    tables = fft_tables(N_FFT)
    half_window = hann(N_FFT) * np.float32(0.5)
    n_columns = 1 + x.shape[0] // HOP_FRAMES
    room = min(n_columns, _CHUNK_COLUMNS)
    found = np.empty((room, (high - low) // 2 + 1), np.float32)
    cells = np.empty(found.shape, np.uint8)
    counts = np.empty(room, np.int64)
    strengths: list[F32] = []
    votes: list[U8] = []
    pool = threads or RowPool(1)
    x = tamed(x)
    for start in range(0, n_columns, room):
        n = min(room, n_columns - start)
        limits = np.array([low, high, start])
        pool.run(
            _peak_columns, n, x, half_window, tables.passes, tables.join,
            tables.split, limits, scale, found, cells, counts,
        )  # fmt: skip
        used = np.arange(found.shape[1]) < counts[:n, None]
        strengths.append(found[:n][used])
        votes.append(cells[:n][used])
    strength = np.concatenate(strengths)
    if strength.size == 0:
        return 0.0
    cell = np.concatenate(votes)[strength >= np.median(strength)]
    return float(np.argmax(np.bincount(cell, minlength=_CELLS))) * RESOLUTION - 0.5
