"""The rows of `charon bench kernels` for notes, rhythm and loudness, against libraries."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np

from app.cli.kernel_case import ANALYSIS_RATE_HZ, LENGTHS_S, Call, KernelCase, bench_sound, library
from engine.kernels.beats import track_beats
from engine.kernels.chroma import ChromaCqt
from engine.kernels.constant_q import BINS_PER_OCTAVE
from engine.kernels.jit import RowPool
from engine.kernels.key import PROFILES, key_correlations
from engine.kernels.loudness import LoudnessMeter
from engine.kernels.tempo import estimate_tempo
from engine.kernels.tempogram import tempogram
from engine.kernels.true_peak import TruePeakMeter
from engine.kernels.tuning import estimate_tuning
from engine.units import F32, AnyArray

HOP_FRAMES = 512
ONSETS_PER_S = ANALYSIS_RATE_HZ / HOP_FRAMES
BEAT_PERIOD = 22
"""Envelope values a beat: librosa's tracker rounds to whole ones, so the tempo given to both is one."""

STEREO_RATE_HZ = 44100


def _chroma(seconds: float, threads: int) -> tuple[Call, Call]:
    feature = library("librosa").feature
    x = bench_sound(seconds)
    plan = ChromaCqt(ANALYSIS_RATE_HZ, HOP_FRAMES, threads)

    def reference() -> AnyArray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # its lowest octave is shorter than a window
            return feature.chroma_cqt(y=x, sr=ANALYSIS_RATE_HZ, hop_length=HOP_FRAMES).T

    return lambda: plan.chroma(x), reference


def _tuning(seconds: float, threads: int) -> tuple[Call, Call]:
    librosa = library("librosa")
    x = bench_sound(seconds)
    pool = RowPool(threads)
    # In cells of the histogram from one edge on, so that a tuning of 0 is not an infinite error.
    return (
        lambda: np.array([0.5 + estimate_tuning(x, ANALYSIS_RATE_HZ, BINS_PER_OCTAVE, pool)]),
        lambda: np.array(
            [0.5 + librosa.estimate_tuning(y=x, sr=ANALYSIS_RATE_HZ, bins_per_octave=BINS_PER_OCTAVE)]
        ),
    )


def _onset(seconds: float) -> F32:
    envelope: F32 = library("librosa").onset.onset_strength(y=bench_sound(seconds), sr=ANALYSIS_RATE_HZ)
    return envelope


def _tempogram(seconds: float, threads: int) -> tuple[Call, Call]:
    onset = _onset(seconds)
    pool = RowPool(threads)
    feature = library("librosa").feature
    return (
        lambda: tempogram(onset, threads=pool),
        lambda: feature.tempogram(onset_envelope=onset, sr=ANALYSIS_RATE_HZ).T,
    )


def _tempo(seconds: float, threads: int) -> tuple[Call, Call]:
    onset = _onset(seconds)
    pool = RowPool(threads)
    feature = library("librosa").feature
    return (
        lambda: np.array([estimate_tempo(onset, ONSETS_PER_S, pool).bpm]),
        lambda: feature.tempo(onset_envelope=onset, sr=ANALYSIS_RATE_HZ),
    )


def _marks(beats: AnyArray, n: int) -> AnyArray:
    """1 on a beat, 0 elsewhere: of one shape however many beats were found."""
    marks = np.zeros(n)
    marks[beats] = 1.0
    return marks


def _beats(seconds: float, _threads: int) -> tuple[Call, Call]:
    onset = _onset(seconds)
    bpm = 60.0 * ONSETS_PER_S / BEAT_PERIOD
    beat = library("librosa").beat
    return (
        lambda: _marks(track_beats(onset, ONSETS_PER_S, bpm), onset.size),
        lambda: _marks(beat.beat_track(onset_envelope=onset, sr=ANALYSIS_RATE_HZ, bpm=bpm)[1], onset.size),
    )


def _key(_seconds: float, _threads: int) -> tuple[Call, Call]:
    """No library has it: numpy's correlation, key after key."""
    shares = np.random.default_rng(0).uniform(size=12)

    def reference() -> AnyArray:
        return np.array([np.corrcoef(np.roll(PROFILES[0], tonic), shares)[0, 1] for tonic in range(12)])

    return lambda: key_correlations(shares)[0], reference


def _stereo(seconds: float) -> F32:
    """Noise whose level wanders over 20 dB: gates and ranges have something to do."""
    n = round(seconds * STEREO_RATE_HZ)
    level = 10.0 ** (-1.5 + 0.5 * np.sin(np.arange(n) / STEREO_RATE_HZ))
    return (level * np.random.default_rng(0).standard_normal((2, n))).astype(np.float32)


def _powers(*levels_db: float) -> AnyArray:
    """Levels as powers: an error in dB of a power is one that a level is wrong by."""
    return 10.0 ** (np.array(levels_db) / 10.0)


def _integrated(seconds: float, _threads: int) -> tuple[Call, Call]:
    meter = library("pyloudnorm").Meter(STEREO_RATE_HZ, filter_class="DeMan")
    x = _stereo(seconds)
    turned = np.ascontiguousarray(x.T)

    def ours() -> AnyArray:
        own = LoudnessMeter(STEREO_RATE_HZ)
        own.push(x)
        return _powers(own.integrated_lufs)

    return ours, lambda: _powers(meter.integrated_loudness(turned))


def _range(seconds: float, _threads: int) -> tuple[Call, Call]:
    meter = library("pyloudnorm").Meter(STEREO_RATE_HZ, filter_class="DeMan")
    x = _stereo(seconds)
    turned = np.ascontiguousarray(x.T)
    padded = np.concatenate([x, np.zeros((2, 3 * STEREO_RATE_HZ // 2), np.float32)], axis=1)  # as it does

    def ours() -> AnyArray:
        own = LoudnessMeter(STEREO_RATE_HZ)
        own.push(padded)
        return np.array([own.range_lu])

    return ours, lambda: np.array([meter.loudness_range(turned)])


def _true_peak(seconds: float, _threads: int) -> tuple[Call, Call]:
    signal = library("scipy.signal")
    x = _stereo(seconds)

    def ours() -> AnyArray:
        meter = TruePeakMeter(2)
        meter.push(x)
        return np.array([meter.true_peak])

    return ours, lambda: np.array([np.abs(signal.resample_poly(x, 4, 1, axis=1)).max()])


_ROWS: tuple[tuple[str, str, float, Callable[[float, int], tuple[Call, Call]]], ...] = (
    ("chroma cqt", "librosa.feature.chroma_cqt", -40.0, _chroma),
    ("tuning", "librosa.estimate_tuning", -200.0, _tuning),
    ("tempogram", "librosa.feature.tempogram", -110.0, _tempogram),
    ("tempo", "librosa.feature.tempo", -28.0, _tempo),
    ("beats", "librosa.beat.beat_track", -200.0, _beats),
    ("loudness integrated", "pyloudnorm", -100.0, _integrated),
    ("loudness range", "pyloudnorm", -40.0, _range),
    ("true peak", "scipy.signal.resample_poly", -40.0, _true_peak),
)
"""Name, reference, tolerance in dB and maker.

Chroma is a cosine above 0.9999; a tempo is within 4 %, for its reference knows only whole lags; the range of
loudness is within 1 %, as windows begin; and true peaks are seen through other filters, 0.1 dB apart.
"""


def tonal_cases(threads: int) -> list[KernelCase]:
    """Rows on 1, 10 and 60 s, with `threads` on our side where sharing pays.

    Loudness and true peak work on stereo sound at 44.1 kHz, the others on mono at 22.05 kHz. The range
    of loudness is of 3 s windows, so 1 s has none.
    """
    cases = [
        KernelCase(name, seconds, reference, tolerance_db, partial(make, seconds, threads))
        for name, reference, tolerance_db, make in _ROWS
        for seconds in LENGTHS_S
        if not (make is _range and seconds < 3.0)
    ]
    make = partial(_key, LENGTHS_S[-1], threads)
    cases.append(KernelCase("key", LENGTHS_S[-1], "numpy.corrcoef", -200.0, make))
    return cases
