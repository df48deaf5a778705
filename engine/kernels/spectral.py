"""The shape of a spectrum in a few numbers, frame by frame, and two measures of the wave itself.

Analysis threads, and the streaming form for visuals (engine/stream/features.py). Equivalent to
librosa.feature.spectral_centroid, _bandwidth, _rolloff and _flatness, rms and zero_crossing_rate with
their defaults, with time first. It exists because each of those walks the whole spectrogram several
times; here a row is read while it lies in the first cache and gives all of them.

References
----------
.. [1] G. Peeters, "A large set of audio features for sound description", IRCAM 2004: centroid, spread,
   roll-off, flatness.
.. [2] S. Dixon, "Onset detection revisited", DAFx-06, 2006: spectral flux, half-wave rectified.
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.errors import ParameterError
from engine.kernels.frames import LOUDEST
from engine.kernels.jit import RowPool, fast_kernel, kernel, run_rows
from engine.kernels.results import result_array
from engine.units import F32

ROLLOFF_SHARE = 0.85
"""Part of the magnitudes' sum that lies below the roll-off."""

LEAST_POWER = 1e-10
"""Power that a silent bin counts as in the flatness."""

CENTROID, BANDWIDTH, ROLLOFF, FLATNESS, FLUX = range(5)
"""Places of the numbers in a row of `shape_row`, frequencies in bins."""

N_SHAPE = 5

SHARE_FROM = 1 << 17
"""Numbers from which on a second thread is worth its start: some 200 us of work."""

_CHUNK = 64
_WIDE = 2.0**896  # a product of 64 mantissas and the rest's still fit above it, below 2^1024
_LEAST_MAGNITUDE_BITS = int(np.sqrt(np.float32(LEAST_POWER)).view(np.int32))
_ONE_BITS = 0x3F800000
_MANTISSA_BITS = 0x007FFFFF
_EXPONENT_BIAS = 127
_LN_2 = math.log(2.0)
_TINY = float(np.finfo(np.float32).tiny)
_CROSSING_LEVEL = np.float32(1e-10)
_LOUDEST = np.float32(LOUDEST)


@dataclass(frozen=True)
class SpectralShape:
    """What spectra look like over time; each a float32 array, shape (frames,).

    Attributes
    ----------
    centroid_hz
        Mean frequency, weighed by magnitude; 0 in silence.
    bandwidth_hz
        Standard deviation around it, weighed likewise.
    rolloff_hz
        Frequency of the bin below which (itself included) ROLLOFF_SHARE of the magnitudes lie.
    flatness
        Geometric mean of the powers over their mean, 0..1: 1 is white noise (and silence).
    flux
        Mean over the bins of how much their magnitudes rose since the frame before; 0 at the first.
    """

    centroid_hz: F32
    bandwidth_hz: F32
    rolloff_hz: F32
    flatness: F32
    flux: F32


@fast_kernel
def _moments(row: F32) -> tuple[float, float]:
    """Sum of the magnitudes, and their mean place in bins."""
    total = np.float32(0.0)
    first = np.float32(0.0)
    for k in range(row.shape[0]):
        total += row[k]
        first += row[k] * np.float32(k)
    if total < _TINY:
        return 0.0, 0.0
    return float(total), float(first / total)


@fast_kernel
def _spread(row: F32, total: float, centre: float) -> float:
    """Standard deviation around `centre`, in bins."""
    middle = np.float32(centre)
    second = np.float32(0.0)
    for k in range(row.shape[0]):
        away = np.float32(k) - middle
        second += row[k] * away * away
    return math.sqrt(second / total) if total > 0.0 else 0.0


@fast_kernel
def _rolloff(row: F32, total: float, share: float) -> int:
    """First bin at which the running sum reaches `share` of the total."""
    n = row.shape[0]
    wanted = np.float32(share * total)
    below = np.float32(0.0)
    for start in range(0, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        chunk = np.float32(0.0)
        for k in range(start, stop):
            chunk += row[k]
        if below + chunk >= wanted:
            for k in range(start, stop):
                below += row[k]
                if below >= wanted:
                    return k
            return stop - 1
        below += chunk
    return n - 1


@fast_kernel
def _flatness(row: F32, work: F32) -> float:
    """Geometric over arithmetic mean of the powers, `work` an array of at least as many numbers.

    The logarithm of a product is cheaper than a sum of logarithms: exponents add up as integers, and
    64 mantissas of 1..2 multiply to less than 2^64, and a double takes products of some 15 such products:
    so about two thousand bins take one logarithm.
    """
    n = row.shape[0]
    bits = row.view(np.int32)
    mantissa = work.view(np.int32)
    exponents = np.int32(0)
    for k in range(n):
        # Positive floats are in the order of their bits.
        raised = max(bits[k], np.int32(_LEAST_MAGNITUDE_BITS))
        exponents += np.int32(raised >> 23)
        mantissa[k] = (raised & np.int32(_MANTISSA_BITS)) | np.int32(_ONE_BITS)
    least = np.float32(LEAST_POWER)
    power = np.float32(0.0)
    for k in range(n):
        power += max(row[k] * row[k], least)
    log_sum = 0.0
    wide = 1.0
    for start in range(0, n - _CHUNK + 1, _CHUNK):
        product = np.float32(1.0)
        for k in range(_CHUNK):
            product *= work[start + k]
        wide *= product
        if wide >= _WIDE:
            log_sum += math.log(wide)
            wide = 1.0
    product = np.float32(1.0)
    for k in range(n // _CHUNK * _CHUNK, n):
        product *= work[k]
    log_sum += math.log(wide * product)
    log_mean = 2.0 * (log_sum + _LN_2 * (exponents - _EXPONENT_BIAS * n)) / n
    return min(1.0, math.exp(log_mean) * n / power)


@fast_kernel
def rise(before: F32, row: F32) -> float:
    """Mean rise from the magnitudes `before` to those of `row`, both of shape (bins,)."""
    total = np.float32(0.0)
    for k in range(row.shape[0]):
        total += max(row[k] - before[k], np.float32(0.0))
    return float(total) / row.shape[0]


@kernel
def shape_row(before: F32, row: F32, share: float, work: F32, out: F32) -> None:
    """The shape of one spectrum.

    Parameters
    ----------
    before, row : float32 arrays, shape (bins,)
        Magnitudes of the frame before and of this one; `before` may be `row` at the first.
    share : float
        Of the roll-off.
    work : float32 array, shape (>= bins,)
    out : float32 array, shape (N_SHAPE,)
        Frequencies in bins.
    """
    total, centre = _moments(row)
    out[CENTROID] = centre
    out[BANDWIDTH] = _spread(row, total, centre)
    out[ROLLOFF] = _rolloff(row, total, share)
    out[FLATNESS] = _flatness(row, work)
    out[FLUX] = rise(before, row)


@kernel
def _shape_rows(first: int, last: int, magnitudes: F32, share: float, bin_hz: float, out: F32) -> None:
    work = np.empty(magnitudes.shape[1], np.float32)
    numbers = np.empty(N_SHAPE, np.float32)
    for t in range(first, last):
        shape_row(magnitudes[max(t - 1, 0)], magnitudes[t], share, work, numbers)
        for i in range(N_SHAPE):
            out[i, t] = numbers[i] * (bin_hz if i <= ROLLOFF else 1.0)


@kernel
def _flux_rows(first: int, last: int, magnitudes: F32, out: F32) -> None:
    for t in range(first, last):
        out[t] = rise(magnitudes[max(t - 1, 0)], magnitudes[t])


def _checked_magnitudes(magnitudes: F32) -> F32:
    if magnitudes.ndim != 2 or magnitudes.dtype != np.float32 or magnitudes.shape[1] < 2:
        raise ParameterError(
            f"magnitudes must be float32 (frames, bins), not {magnitudes.dtype} {magnitudes.shape}"
        )
    return np.ascontiguousarray(magnitudes)


def spectral_shape(
    magnitudes: F32,
    rate_hz: int,
    rolloff_share: float = ROLLOFF_SHARE,
    threads: RowPool | None = None,
    out: F32 | None = None,
) -> SpectralShape:
    """Measure every frame of a spectrogram.

    Parameters
    ----------
    magnitudes : float32 array, shape (frames, bins)
        Non-negative, at most 1e17, bins from 0 Hz to half the rate.
    rate_hz : int
        Of the sound.
    rolloff_share : float, 0..1
    threads : RowPool or None
    out : float32 array, shape (N_SHAPE, frames), or None
        What the result's arrays are rows of; None makes one.

    Returns
    -------
    SpectralShape
    """
    magnitudes = _checked_magnitudes(magnitudes)
    if rate_hz <= 0:
        raise ParameterError(f"sample rate {rate_hz} Hz is not above 0 Hz")
    if not 0.0 < rolloff_share < 1.0:
        raise ParameterError(f"a roll-off at a share of {rolloff_share} is outside 0..1")
    n, n_bins = magnitudes.shape
    out = result_array(out, (N_SHAPE, n))
    bin_hz = 0.5 * rate_hz / (n_bins - 1)
    pool = threads if magnitudes.size >= SHARE_FROM else None
    run_rows(_shape_rows, n, magnitudes, rolloff_share, bin_hz, out, threads=pool)
    return SpectralShape(*out)


def spectral_flux(magnitudes: F32, threads: RowPool | None = None, out: F32 | None = None) -> F32:
    """Only the `flux` of `spectral_shape`.

    Parameters
    ----------
    magnitudes : float32 array, shape (frames, bins)
    threads : RowPool or None
    out : float32 array, shape (frames,), or None
        Result; None makes one.

    Returns
    -------
    float32 array, shape (frames,)
    """
    magnitudes = _checked_magnitudes(magnitudes)
    out = result_array(out, (magnitudes.shape[0],))
    pool = threads if magnitudes.size >= 4 * SHARE_FROM else None
    run_rows(_flux_rows, out.size, magnitudes, out, threads=pool)
    return out


@fast_kernel
def mean_square(x: F32, n: int) -> float:
    """Energy of float32 samples, shape (frames,), over `n`; nothing counts as louder than LOUDEST."""
    total = np.float32(0.0)
    for i in range(x.shape[0]):
        level = min(abs(x[i]), _LOUDEST)
        total += level * level
    return float(total) / n


@fast_kernel
def crossings(x: F32) -> int:
    """How often neighbours in `x`, shape (frames,), differ in sign; below -200 dBFS there is none."""
    count = np.int32(0)
    for i in range(1, x.shape[0]):
        count += np.int32((x[i] < -_CROSSING_LEVEL) != (x[i - 1] < -_CROSSING_LEVEL))
    return int(count)


@kernel
def _wave_rows(
    first: int, last: int, x: F32, frame_frames: int, hop_frames: int, count_crossings: bool, out: F32
) -> None:
    """Rows [first, last) of all channels' centred frames in turn."""
    n_frames = out.shape[1]
    n = x.shape[1]
    for row in range(first, last):
        channel = row // n_frames
        t = row - channel * n_frames
        start = t * hop_frames - frame_frames // 2
        inside = x[channel, max(start, 0) : min(start + frame_frames, n)]
        if count_crossings:
            out[channel, t] = np.float32(crossings(inside)) / np.float32(frame_frames)
        else:
            out[channel, t] = math.sqrt(mean_square(inside, frame_frames))


def _wave(
    x: F32, sizes: tuple[int, int], count_crossings: bool, threads: RowPool | None, out: F32 | None
) -> F32:
    frame_frames, hop_frames = sizes
    if x.ndim != 2 or x.dtype != np.float32:
        raise ParameterError(f"sound must be float32 (channels, frames), not {x.dtype} {x.shape}")
    if frame_frames < 2 or frame_frames % 2:
        raise ParameterError(f"a frame of {frame_frames} is not an even number from 2")
    if hop_frames < 1:
        raise ParameterError(f"a hop of {hop_frames} frames is below 1")
    out = result_array(out, (x.shape[0], 1 + x.shape[1] // hop_frames))
    x = np.ascontiguousarray(x)
    pool = threads if out.size * frame_frames >= 8 * SHARE_FROM else None
    run_rows(_wave_rows, out.size, x, frame_frames, hop_frames, count_crossings, out, threads=pool)
    return out


def rms(
    x: F32,
    frame_frames: int = 2048,
    hop_frames: int = 512,
    threads: RowPool | None = None,
    out: F32 | None = None,
) -> F32:
    """Root mean square of the frames centred at 0, hop_frames, 2 * hop_frames, ..

    Parameters
    ----------
    x : float32 array, shape (channels, frames)
        Any length; silence around it.
    frame_frames : int, even, >= 2
    hop_frames : int, >= 1
    threads : RowPool or None
    out : float32 array, shape (channels, 1 + frames // hop_frames), or None
        Result; None makes one.

    Returns
    -------
    float32 array, shape (channels, 1 + frames // hop_frames)
        Full scale is 1.
    """
    return _wave(x, (frame_frames, hop_frames), False, threads, out)


def zero_crossing_rate(
    x: F32,
    frame_frames: int = 2048,
    hop_frames: int = 512,
    threads: RowPool | None = None,
    out: F32 | None = None,
) -> F32:
    """Changes of sign a frame of sound, in the stretches that `rms` takes.

    Parameters
    ----------
    x : float32 array, shape (channels, frames)
        Any length; silence around it.
    frame_frames, hop_frames, threads
        As for `rms`.
    out : float32 array, shape (channels, 1 + frames // hop_frames), or None
        Result; None makes one.

    Returns
    -------
    float32 array, shape (channels, 1 + frames // hop_frames), 0..1
        What is quieter than -200 dBFS has no sign.
    """
    return _wave(x, (frame_frames, hop_frames), True, threads, out)
