"""`charon bench analysis`: a fingerprint and the orbit's features beside the same made of library calls.

Main thread, and the threads of a `Listener`. The reference is what one writes with librosa and pyloudnorm:
each call as its manual has it, nothing computed twice that two numbers share.
"""

import itertools
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from app.cli.console import json_option, print_json, progress, table
from app.cli.kernel_case import bench_sound, library
from app.cli.orbit_cases import N_RUNS, Sides, feature_sides, network_sides
from engine.services.fingerprint import (
    FINGERPRINT_NAMES,
    RATIO_LIMIT_DB,
    SILENCE_BELOW_DB,
    Fingerprint,
    fingerprint_of_blocks,
)
from engine.services.mono_rows import HOP_FRAMES, N_FFT
from engine.services.mono_rows import RATE_HZ as MONO_RATE_HZ
from engine.services.stereo_figures import BAND_EDGES_HZ
from engine.stream.orbit_features import HOP
from engine.stream.orbit_features import RATE_HZ as ORBIT_RATE_HZ
from engine.units import F32, AnyArray

RATE_HZ = 44_100
BLOCK_FRAMES = 65_536
_BAND_N_FFT = 4096


@dataclass(frozen=True)
class AnalysisRow:
    """One comparison: medians of wall time in seconds; ratio is reference_s / ours_s."""

    name: str
    seconds: float
    ours_s: float
    reference: str
    reference_s: float
    ratio: float


def bench_song(seconds: float) -> F32:
    """Stereo at RATE_HZ, float32, shape (2, frames): notes and clicks, the right channel a little apart."""
    n = round(seconds * RATE_HZ)
    left = bench_sound(2.0 * seconds)[:n]  # half the rate, so twice as long: an octave up, twice as fast
    level = np.float32(1.0) + np.float32(0.5) * np.sin(np.arange(n, dtype=np.float32) / (4 * RATE_HZ))
    noise = np.random.default_rng(1).standard_normal(n, np.float32)
    return np.stack([level * left, level * (np.float32(0.7) * left + np.float32(0.01) * noise)])


def our_fingerprint(x: F32, rate_hz: int, threads: int | None = None) -> Fingerprint:
    """Ours, in blocks as a decoder gives them."""
    blocks = (x[:, start : start + BLOCK_FRAMES] for start in range(0, x.shape[1], BLOCK_FRAMES))
    return fingerprint_of_blocks(blocks, rate_hz, threads)


def librosas_fingerprint(x: F32, rate_hz: int) -> dict[str, float]:
    """The same numbers by librosa, pyloudnorm and numpy.

    Parameters
    ----------
    x : float32 array, shape (2, frames)
        Ten seconds or more.
    rate_hz : int

    Returns
    -------
    dict of str to float
    """
    librosa: Any = library("librosa")
    y: F32 = librosa.resample(librosa.to_mono(x), orig_sr=rate_hz, target_sr=MONO_RATE_HZ)
    numbers = {**_levels(x, rate_hz), **_bands(x, rate_hz)}
    level = librosa.feature.rms(y=y, frame_length=N_FFT, hop_length=HOP_FRAMES)[0]
    heard = level >= level.max() * 10.0 ** (-SILENCE_BELOW_DB / 20.0)
    magnitudes = np.abs(librosa.stft(y, n_fft=N_FFT, hop_length=HOP_FRAMES))
    harmonic, _ = librosa.decompose.hpss(magnitudes)
    feature = librosa.feature
    onset = librosa.onset.onset_strength(y=y, sr=MONO_RATE_HZ)
    tempo = float(feature.tempo(onset_envelope=onset, sr=MONO_RATE_HZ)[0])
    correlation = feature.tempogram(onset_envelope=onset, sr=MONO_RATE_HZ).mean(axis=1)
    beat = 60.0 * MONO_RATE_HZ / HOP_FRAMES / tempo
    onsets = librosa.onset.onset_detect(onset_envelope=onset, sr=MONO_RATE_HZ)
    f0_hz = librosa.yin(y, fmin=65.40639, fmax=2093.0045, sr=MONO_RATE_HZ)
    steady = heard[1:] & heard[:-1] & (1200.0 * np.abs(np.diff(np.log2(f0_hz))) < 50.0)
    chroma = feature.chroma_cqt(y=y, sr=MONO_RATE_HZ)
    return {
        **numbers,
        "tempo_bpm": tempo,
        "rhythm_stability": float(np.interp(beat, np.arange(correlation.size), correlation)),
        "transient_density": len(onsets) / (y.size / MONO_RATE_HZ),
        "silence_ratio": 1.0 - float(heard.mean()),
        "centroid": float(feature.spectral_centroid(S=magnitudes, sr=MONO_RATE_HZ)[0, heard].mean()),
        "rolloff": float(feature.spectral_rolloff(S=magnitudes, sr=MONO_RATE_HZ)[0, heard].mean()),
        "flatness": float(feature.spectral_flatness(S=magnitudes)[0, heard].mean()),
        "harmonic_ratio": float(np.vdot(harmonic, harmonic) / np.vdot(magnitudes, magnitudes)),
        "pitch_stability": float(steady.sum() / max(1, (heard[1:] & heard[:-1]).sum())),
        "chroma_energy": float(chroma[:, heard].mean()),
    }


def _levels(x: F32, rate_hz: int) -> dict[str, float]:
    pyloudnorm: Any = library("pyloudnorm")
    turned = np.ascontiguousarray(x.T)
    short_term = pyloudnorm.Meter(rate_hz, filter_class="DeMan", block_size=3.0, overlap=29.0 / 30.0)
    short_term.integrated_loudness(turned)
    loudness = np.array(short_term.blockwise_loudness)
    loudness = loudness[loudness > -70.0]
    left, right, product = (float(np.vdot(a, b)) for a, b in ((x[0], x[0]), (x[1], x[1]), (x[0], x[1])))
    peak = float(np.abs(x).max())
    seconds = x[:, : x.shape[1] // rate_hz * rate_hz].reshape(2, -1, rate_hz)
    power = np.square(seconds).mean(axis=(0, 2))
    peaks = np.abs(seconds).max(axis=(0, 2))
    heard = power >= power.max() * 10.0 ** (-SILENCE_BELOW_DB / 10.0)
    energy = left + right
    return {
        "lufs": float(pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(turned)),
        "crest_db": 20.0 * float(np.log10(peak / np.sqrt(energy / x.size))),
        "dynamic_range_variation": float(np.std(20.0 * np.log10(peaks / np.sqrt(power))[heard])),
        "loudness_variation": float(np.std(loudness)),
        "peak_consistency": float(peaks[heard].mean() / peak),
        "width": 0.5 - product / energy,
        "phase_correlation": product / float(np.sqrt(left * right)),
    }


def _bands(x: F32, rate_hz: int) -> dict[str, float]:
    librosa: Any = library("librosa")
    spectra: AnyArray = librosa.stft(x, n_fft=_BAND_N_FFT, hop_length=_BAND_N_FFT // 2)
    power = np.square(np.abs(spectra)).sum(axis=(0, 2), dtype=np.float64)
    bins_hz = librosa.fft_frequencies(sr=rate_hz, n_fft=_BAND_N_FFT)
    edges = np.searchsorted(bins_hz, BAND_EDGES_HZ)
    sums = np.array([power[a:b].sum() for a, b in itertools.pairwise(edges)])
    shares = sums / sums.sum()
    ratio = 10.0 * np.log10(shares[:2].sum() / shares[2:5].sum())
    return {
        **dict(zip(FINGERPRINT_NAMES[: shares.size], shares.tolist(), strict=True)),
        "bass_mid_ratio": float(np.clip(ratio, -RATIO_LIMIT_DB, RATIO_LIMIT_DB)),
    }


@click.command(name="analysis", epilog="Example: charon bench analysis --seconds 60 --json")
@click.option(
    "--seconds", type=click.FloatRange(10.0, 600.0), default=60.0, show_default=True, help="Length of song."
)
@click.option(
    "--repeats", default=5, show_default=True, type=click.IntRange(1, 100), help="Calls a median is of."
)
@click.option(
    "--threads", default=None, type=click.IntRange(1, 64), help="Threads on our side. [default: cores]"
)
@json_option
def command(seconds: float, repeats: int, threads: int | None, as_json: bool) -> None:
    """Compare a song's fingerprint and the orbit's six features with the same made of librosa's calls.

    The third row is the time of the control network over two hundred windows, beside the same matrices in
    numpy.

    Both sides start from the sound in memory and take turns in one run, after one call of each that does
    not count. ratio is reference_s / ours_s. librosa's Fourier transforms and medians use one thread.
    """
    n_threads = threads or min(os.cpu_count() or 1, 8)
    x = bench_song(seconds)
    fingerprints = (
        lambda: our_fingerprint(x, RATE_HZ, n_threads),
        lambda: librosas_fingerprint(x, RATE_HZ),
    )
    mono = bench_sound(seconds * ORBIT_RATE_HZ / MONO_RATE_HZ)
    cases = (
        ("fingerprint", "librosa, pyloudnorm", seconds, fingerprints),
        ("orbit features", "librosa", seconds, feature_sides(mono)),
        (f"control network x {N_RUNS}", "numpy", N_RUNS * HOP / ORBIT_RATE_HZ, network_sides()),
    )
    rows: list[AnalysisRow] = []
    with progress("Measuring", len(cases) * (repeats + 1), quiet=as_json) as update:
        for k, (name, reference, length_s, sides) in enumerate(cases):
            done = k * (repeats + 1)
            ours_s, reference_s = _medians(sides, repeats, lambda turn, done=done: update(done + turn))
            rows.append(AnalysisRow(name, length_s, ours_s, reference, reference_s, reference_s / ours_s))
    if as_json:
        print_json({"rows": rows, "threads": n_threads})
        return
    table(
        ("what", "sound s", "ours s", "reference s", "reference", "ratio"),
        [
            (
                row.name,
                f"{row.seconds:.1f}",
                f"{row.ours_s:.4f}",
                f"{row.reference_s:.4f}",
                row.reference,
                f"{row.ratio:.1f}",
            )
            for row in rows
        ],
    )


def _medians(sides: Sides, repeats: int, update: Callable[[int], None]) -> tuple[float, float]:
    """Seconds that each side takes, in turns, after one call of each that does not count."""
    times_s: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 1):
        for side, passed_s in zip(sides, times_s, strict=True):
            start = time.perf_counter()
            side()
            if turn:
                passed_s.append(time.perf_counter() - start)
        update(turn + 1)
    return statistics.median(times_s[0]), statistics.median(times_s[1])
