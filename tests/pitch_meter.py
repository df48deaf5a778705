"""A meter of pitch without a bias, for what an effect puts out: YIN as it was published.

`engine.kernels.pitch.Yin` is librosa's form: it treats what lies beyond a frame as silence, so that a longer
lag counts a longer tail as difference. In 40 ms that draws a deep voice up by as much as 20 cents, by how
loud the last period of the frame happens to be. Here every lag compares the same number of frames (equation
6), and the period is read from the difference itself, not from its cumulative mean (step 5, last sentences).

References
----------
.. [1] A. de Cheveigne, H. Kawahara, "YIN, a fundamental frequency estimator for speech and music",
   J. Acoust. Soc. Am. 111 (4), 2002.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

THRESHOLD = 0.1
_N_TAPS = 32
_FINE = 8  # places from lag to lag at which the correlation is looked at between the frames
_AT_A_TIME = 64  # frames: 64 transforms of 8,192 numbers, 4 MB


def _between():
    """Windowed sincs, shape (places, taps): the correlation from a lag before to a lag after tap N / 2."""
    away = np.arange(_N_TAPS + 1) - _N_TAPS // 2 - np.arange(-_FINE - 1, _FINE + 2)[:, None] / _FINE
    rows = np.sinc(away) * np.i0(8.0 * np.sqrt(np.maximum(0.0, 1.0 - (away / (_N_TAPS / 2 + 2)) ** 2)))
    return rows / rows.sum(axis=1, keepdims=True)


def measure(x, rate_hz, places, window_s=0.04, range_hz=(60.0, 1300.0)):
    """Pitch around some places of a sound, and how far it is from repeating there.

    Parameters
    ----------
    x : array, shape (frames,)
    rate_hz : int
    places : int array, shape (n,)
        Middles of what is looked at: the window, and behind it the longest period.
    window_s : float
        How much is compared with itself a period later.
    range_hz : (float, float)

    Returns
    -------
    float64 array, float64 array, both of shape (n,)
        Pitch in Hz, and aperiodicity 0..1. (NaN, 1) where the sound does not reach far enough.
    """
    shortest, longest = int(rate_hz / range_hz[1]), int(rate_hz / range_hz[0]) + 1
    n = int(window_s * rate_hz)
    span = n + longest + _N_TAPS
    n_fft = 1 << (span + n - 1).bit_length()
    first = np.asarray(places) - (n + longest) // 2
    inside = np.flatnonzero((first >= 0) & (first + span <= x.size))
    f0_hz, aperiodicity = np.full(first.size, np.nan), np.ones(first.size)
    frames = sliding_window_view(np.asarray(x, np.float64), span)
    for some in np.array_split(inside, -(-inside.size // _AT_A_TIME)) if inside.size else ():
        part = frames[first[some]]
        spectrum = np.conj(np.fft.rfft(part[:, :n], n_fft)) * np.fft.rfft(part, n_fft)
        correlation = np.fft.irfft(spectrum, n_fft)[:, : longest + _N_TAPS]
        sums = np.pad(np.cumsum(part**2, axis=1), ((0, 0), (1, 0)))
        energy = sums[:, n:] - sums[:, :-n]
        difference = energy[:, :1] + energy[:, : longest + 2] - 2.0 * correlation[:, : longest + 2]
        lags = np.arange(longest + 2)
        mean = difference * lags / np.maximum(np.cumsum(difference, axis=1), 1e-12)
        inner = mean[:, shortest : longest + 1]
        deep = (inner < THRESHOLD) & (inner <= mean[:, shortest - 1 : longest])
        deep &= inner < mean[:, shortest + 1 : longest + 2]
        lag = shortest + np.where(deep.any(axis=1), deep.argmax(axis=1), inner.argmin(axis=1))
        rows = np.arange(some.size)
        near = correlation[rows[:, None], lag[:, None] + np.arange(_N_TAPS + 1) - _N_TAPS // 2] @ _between().T
        shift = np.arange(-_FINE - 1, _FINE + 2) / _FINE
        slope = 0.5 * (energy[rows, lag + 1] - energy[rows, lag - 1])
        fine = energy[rows, 0, None] + energy[rows, lag, None] + slope[:, None] * shift - 2.0 * near
        best = 1 + fine[:, 1:-1].argmin(axis=1)
        before, here, after = fine[rows, best - 1], fine[rows, best], fine[rows, best + 1]
        curve = np.maximum(before + after - 2.0 * here, 1e-12)
        offset = np.clip(0.5 * (before - after) / curve, -1.0, 1.0) / _FINE
        f0_hz[some] = rate_hz / (lag + shift[best] + offset)
        aperiodicity[some] = np.clip(mean[rows, lag], 0.0, 1.0)
    return f0_hz, aperiodicity
