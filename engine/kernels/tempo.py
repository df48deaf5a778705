"""Tempo: how many beats a minute, read from how onsets repeat.

Analysis workers run it. Two views are multiplied: the autocorrelation, which is also high at
multiples of a beat, and the Fourier spectrum of the onsets, which is also high at fractions of it;
only the beat and its octaves are high in both. Octaves are added up first, so that the family is
chosen before the member: a dotted rhythm cannot win against a beat whose half and double also speak.

References
----------
.. [1] G. Peeters, "Template-based estimation of time-varying tempo", EURASIP J. Advances in Signal
   Processing, 2007: the product of autocorrelation and Fourier spectrum.
.. [2] P. Grosche, M. Mueller and F. Kurth, "Cyclic tempogram", ICASSP 2010: octaves added up.
.. [3] D. Moelants, "Preferred tempo reconsidered", ICMPC 2002: people tap near 120 bpm, and seldom
   beyond an octave from it.
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.errors import ParameterError
from engine.kernels.fft import PAD, fft_tables, rfft_frame
from engine.kernels.jit import RowPool, kernel
from engine.kernels.tempogram import checked_onset, tempogram
from engine.kernels.windows import hann
from engine.units import F32, F64

SLOWEST_BPM = 40.0
FASTEST_BPM = 320.0
STEPS_PER_OCTAVE = 120
"""Candidates are 0.6 % apart; the best is refined."""

WINDOW_S = 11.8
"""Tempo is that of stretches of this length, averaged: a rubato over a whole song does not blur it."""

_HOPS_PER_S = 10.0
_TREND_S = 0.93  # on both sides: autocorrelation falls with the lag, and its peaks stand out from that
_LEAST_CONFIDENCE = 0.01  # rounding errors around a single click repeat too, a billionth as high
_EXACT_PART = 0.6  # of the window: beyond, few onsets are left to compare
_EXACT_WITHIN = 0.04
_FAMILY_BPM, _FAMILY_OCTAVES = 120.0, 1.0
_MEMBER_BPM, _MEMBER_OCTAVES = 100.0, 0.37
"""Centre and deviation of the priors for the family and, within it, for the octave that is tapped."""


@dataclass(frozen=True)
class Tempo:
    """A song's tempo.

    Attributes
    ----------
    bpm : float
        Beats a minute, SLOWEST_BPM to FASTEST_BPM; 0 when nothing repeats (confidence 0).
    confidence : float
        How far the onsets' autocorrelation after one beat stands above its surroundings, as a part of
        what it could, 0..1: about 0.4 for music, below 0.1 for noise.
    """

    bpm: float
    confidence: float


@kernel
def _add_spectra(
    onset: F32, hop: int, half_window: F32, passes: F32, join: F32, split: F32, out: F64
) -> None:
    """Mean magnitude spectrum of windowed stretches, each over its own highest, added to `out`."""
    n_fft = half_window.shape[0]
    n_bins = out.shape[0]
    width = 0
    weight = np.float32(0.0)
    for i in range(n_fft):
        if half_window[i] > 0.0:
            width = i + 1
        weight += half_window[i]
    work = np.empty((4, n_fft // 2 + PAD), np.float32)
    frame = np.empty(n_fft, np.float32)
    spectrum = np.empty(n_fft + 2, np.float32)
    start = 0
    while True:
        n = min(width, onset.shape[0] - start)
        mean = np.float32(0.0)
        for i in range(n):
            mean += half_window[i] * onset[start + i]
        mean /= weight
        frame[:] = np.float32(0.0)
        for i in range(n):
            frame[i] = onset[start + i] - mean
        rfft_frame(frame, half_window, passes, join, split, work, spectrum)
        top = 0.0
        for i in range(n_bins):
            top = max(top, spectrum[2 * i] * spectrum[2 * i] + spectrum[2 * i + 1] * spectrum[2 * i + 1])
        if top > 1e-12:
            for i in range(n_bins):
                power = spectrum[2 * i] * spectrum[2 * i] + spectrum[2 * i + 1] * spectrum[2 * i + 1]
                out[i] += math.sqrt(power / top)
        start += hop
        if start + width > onset.shape[0]:
            break


def _prior(bpm: F64, centre_bpm: float, octaves: float) -> F64:
    return np.exp(-0.5 * (np.log2(bpm / centre_bpm) / octaves) ** 2)


def _above_trend(correlation: F64, reach: int) -> F64:
    """Less the running median over `reach` lags on both sides."""
    padded = np.pad(correlation, reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return correlation - np.partition(windows, reach, axis=1)[:, reach]


def _candidates() -> F64:
    n = round(STEPS_PER_OCTAVE * math.log2(FASTEST_BPM / SLOWEST_BPM))
    return SLOWEST_BPM * 2.0 ** (np.arange(n + 1) / STEPS_PER_OCTAVE)


def estimate_tempo(onset: F32, onsets_per_s: float, threads: RowPool | None = None) -> Tempo:
    """Estimate the tempo of a song, or of a stretch of it.

    Parameters
    ----------
    onset : float32 array, shape (n,), n >= 1
        Onset strength, finite; a few seconds at least for an answer.
    onsets_per_s : float, 12 to 1000
        Envelope values a second.
    threads : RowPool or None

    Returns
    -------
    Tempo
    """
    onset = checked_onset(onset)
    if not 12.0 <= onsets_per_s <= 1000.0:
        raise ParameterError(f"tempo needs 12..1000 envelope values a second, not {onsets_per_s}")
    bpm = _candidates()
    lags = 60.0 * onsets_per_s / bpm
    if onset.shape[0] < 2.0 * lags[-1] or not float(np.ptp(onset)) > 1e-6:
        return Tempo(0.0, 0.0)
    width = round(WINDOW_S * onsets_per_s)
    hop = max(1, round(onsets_per_s / _HOPS_PER_S))
    reach = round(_TREND_S * onsets_per_s)
    correlation = tempogram(onset, width, hop, threads=threads).mean(axis=0, dtype=np.float64)
    at = np.arange(correlation.size)
    near = correlation[: math.ceil(lags[0]) + reach + 2]
    repeats = np.maximum(0.0, np.interp(lags, at[: near.size], _above_trend(near, reach)))
    score = repeats * _pulse(onset, onsets_per_s, bpm, width)
    if not score.max() > 0.0:
        return Tempo(0.0, 0.0)
    family = score * _prior(bpm, _FAMILY_BPM, _FAMILY_OCTAVES)
    octaves = family[: 3 * STEPS_PER_OCTAVE].reshape(3, STEPS_PER_OCTAVE).sum(axis=0)
    members = np.arange(int(np.argmax(octaves)), bpm.size, STEPS_PER_OCTAVE)
    tapped = score[members] * _prior(bpm[members], _MEMBER_BPM, _MEMBER_OCTAVES)
    best = int(members[np.argmax(tapped)])
    trend = float(np.interp(lags[best], at[: near.size], near)) - float(repeats[best])
    confidence = min(1.0, float(repeats[best]) / max(1.0 - trend, 1e-6))
    if confidence < _LEAST_CONFIDENCE:
        return Tempo(0.0, 0.0)
    return Tempo(60.0 * onsets_per_s / _exact_lag(correlation, float(lags[best])), confidence)


def _pulse(onset: F32, onsets_per_s: float, bpm: F64, width: int) -> F64:
    """Mean Fourier magnitude of the onsets at every candidate."""
    n_fft = 2 ** math.ceil(math.log2(2 * width))  # two points a bin: between them a line is good enough
    tables = fft_tables(n_fft)
    half_window = np.zeros(n_fft, np.float32)
    half_window[:width] = 0.5 * hann(width)
    bin_bpm = 60.0 * onsets_per_s / n_fft
    spectrum = np.zeros(min(n_fft // 2 + 1, math.ceil(bpm[-1] / bin_bpm) + 2))
    _add_spectra(
        onset, max(1, round(onsets_per_s)), half_window, tables.passes, tables.join, tables.split, spectrum
    )
    return np.interp(bpm / bin_bpm, np.arange(spectrum.size), spectrum / max(spectrum.max(), 1e-12))


def _exact_lag(correlation: F64, lag: float) -> float:
    """Refine a beat's lag at its multiples: a peak n beats away is known n times as exactly.

    Multiples of two only, each sought where the last one says, so that no other beat is mistaken for it.
    """
    exact = lag
    multiple = 1
    while multiple * exact < _EXACT_PART * correlation.size:
        i = round(multiple * exact)
        near = slice(max(1, i - 2), min(i + 3, correlation.size - 1))
        i = near.start + int(np.argmax(correlation[near]))
        before, here, after = correlation[i - 1 : i + 2]
        bend = before - 2.0 * here + after
        if here < before or here < after or bend >= 0.0:
            break
        peak = i + float(0.5 * (before - after) / bend)
        if abs(peak / multiple / lag - 1.0) > _EXACT_WITHIN:
            break
        exact = peak / multiple
        multiple *= 2
    return exact
