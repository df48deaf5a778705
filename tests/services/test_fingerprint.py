"""The fingerprint says what its dimensions promise, whatever the sound, the blocks and the threads."""

import tracemalloc
from dataclasses import fields

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.kernels.chroma import ChromaCqt
from engine.kernels.hpss import hpss_masks
from engine.kernels.mel import MelSpectrum
from engine.kernels.pitch import Yin
from engine.kernels.spectra import FrameSpectra
from engine.kernels.spectral import rms, spectral_shape
from engine.services.fingerprint import (
    DIMENSIONS,
    FINGERPRINT_NAMES,
    Fingerprint,
    fingerprint_of_blocks,
)
from engine.services.listening import Listener
from engine.services.mono_rows import HOP_FRAMES, STRETCH_ROWS, MonoRows
from engine.services.stereo_figures import BAND_EDGES_HZ
from tests.services.conftest import noise

RATE_HZ = 44_100
ISSUE_ORDER = [
    "sub_bass",
    "bass",
    "low_mid",
    "mid",
    "upper_mid",
    "presence",
    "air",
    "lufs",
    "crest_db",
    "bass_mid_ratio",
    "tempo_bpm",
    "rhythm_stability",
    "transient_density",
    "silence_ratio",
    "centroid",
    "rolloff",
    "flatness",
    "harmonic_ratio",
    "pitch_stability",
    "chroma_energy",
    "dynamic_range_variation",
    "loudness_variation",
    "peak_consistency",
    "width",
    "phase_correlation",
]


def sine(frequency_hz, seconds=5.0, rate_hz=RATE_HZ, gain=0.5):
    return (gain * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(
        np.float32
    )


def both(x):
    return np.stack([x, x])


def clicks(bpm, seconds=20.0, rate_hz=RATE_HZ):
    """Bursts of noise of 5 ms, the first a beat after the beginning."""
    x = np.zeros(round(seconds * rate_hz), np.float32)
    burst = noise(rate_hz // 200, 1)[0] * 5
    for start in np.arange(60 * rate_hz / bpm, x.size - burst.size, 60 * rate_hz / bpm).astype(int):
        x[start : start + burst.size] = burst
    return x


def song(seconds, seed=0):
    """Notes under a beat, and the two channels apart."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE_HZ)
    notes = np.zeros(n, np.float32)
    for start in range(0, n, RATE_HZ // 2):
        part = notes[start : start + RATE_HZ // 2]
        part += sine(110 * 2 ** (rng.integers(0, 25) / 12), 0.5)[: part.size]
    beat = clicks(110, seconds)  # not on the edges of seconds
    return np.stack([0.5 * notes + beat, 0.3 * notes + beat]) + noise(n, seed=seed) * np.float32(0.01)


def taken(x, rate_hz=RATE_HZ, block_frames=65_536, threads=1):
    blocks = (x[:, start : start + block_frames] for start in range(0, x.shape[1], block_frames))
    return fingerprint_of_blocks(blocks, rate_hz, threads)


def test_there_are_the_25_dimensions_in_their_order_each_described():
    assert list(FINGERPRINT_NAMES) == ISSUE_ORDER == [field.name for field in fields(Fingerprint)]
    assert all(d.low < d.high and len(d.formula) > 10 for d in DIMENSIONS)


ODD = {
    "silence": np.zeros((2, 3 * RATE_HZ), np.float32),
    "a constant": np.ones((2, 3 * RATE_HZ), np.float32),
    "a click": both(np.eye(1, 3 * RATE_HZ, RATE_HZ, dtype=np.float32)[0]),
    "one frame": np.full((2, 1), 0.5, np.float32),
    "one silent frame": np.zeros((2, 1), np.float32),
    "a tenth of a second": noise(RATE_HZ // 10),
    "noise": noise(4 * RATE_HZ),
    "one channel": np.stack([noise(2 * RATE_HZ, 1)[0], np.zeros(2 * RATE_HZ, np.float32)]),
    "opposite channels": np.stack([sine(440), -sine(440)]),
    "the loudest there is": np.clip(noise(RATE_HZ), -1, 1) * np.float32(3e38),
    "the quietest there is": noise(RATE_HZ) * np.float32(1e-38),
    "half the rate": both(np.resize(np.array([0.5, -0.5], np.float32), RATE_HZ)),
}


@pytest.mark.parametrize("rate_hz", [1000, 8000, 22_050, 44_100, 192_000])
@pytest.mark.parametrize("name", ODD)
def test_every_number_is_finite_and_in_its_range(name, rate_hz):
    values = taken(ODD[name], rate_hz).to_array()
    assert values.dtype == np.float32
    for value, dimension in zip(values, DIMENSIONS, strict=True):
        assert dimension.low <= value <= dimension.high, dimension


def test_nothing_heard_is_refused():
    with Listener(RATE_HZ, 1) as listener, pytest.raises(ParameterError, match="at least one frame"):
        listener.finish()


@pytest.mark.parametrize("band", range(7))
def test_a_tone_lies_in_its_band(band):
    low_hz, high_hz = BAND_EDGES_HZ[band : band + 2]
    shares = taken(both(sine((low_hz * high_hz) ** 0.5))).to_array()[:7]
    assert shares[band] > 0.97
    assert shares.sum() == pytest.approx(1, abs=1e-6)


def test_a_tone():
    found = taken(both(sine(440.0)))
    assert found.harmonic_ratio > 0.98
    assert found.pitch_stability > 0.98
    assert found.chroma_energy < 0.2
    assert found.centroid == pytest.approx(440, rel=0.05)
    assert found.flatness < 0.01
    assert found.crest_db == pytest.approx(3.01, abs=0.02)
    assert found.lufs == pytest.approx(-6.0 - 0.7, abs=0.7)
    assert found.silence_ratio == 0.0
    assert found.peak_consistency == pytest.approx(1, abs=1e-3)
    assert found.dynamic_range_variation < 0.05
    assert (found.width, found.phase_correlation) == (pytest.approx(0, abs=1e-6), pytest.approx(1))


@pytest.mark.parametrize("bpm", [90.0, 120.0, 140.0])
def test_a_metronome(bpm):
    found = taken(both(clicks(bpm)))
    assert found.tempo_bpm == pytest.approx(bpm, rel=0.01)
    assert found.rhythm_stability > 0.5
    assert found.transient_density == pytest.approx(bpm / 60, rel=0.1)
    assert found.harmonic_ratio < 0.1
    assert found.pitch_stability < 0.1
    assert found.silence_ratio > 0.7


def test_noise():
    found = taken(noise(10 * RATE_HZ))
    assert found.rhythm_stability < 0.08
    assert found.transient_density < 0.5
    assert found.flatness > 0.3
    assert found.chroma_energy > 0.6
    assert (found.width, found.phase_correlation) == (
        pytest.approx(0.5, abs=0.01),
        pytest.approx(0, abs=0.01),
    )


def test_channels_against_each_other():
    found = taken(np.stack([sine(440), -sine(440)]))
    assert (found.width, found.phase_correlation) == (pytest.approx(1), pytest.approx(-1))


def test_half_of_it_silent():
    x = np.concatenate([noise(5 * RATE_HZ), np.zeros((2, 5 * RATE_HZ), np.float32)], axis=1)
    found = taken(x)
    assert found.silence_ratio == pytest.approx(0.5, abs=0.02)
    assert found.flatness > 0.3  # silence, whose flatness is 1, has no say
    assert found.crest_db > taken(x[:, : 5 * RATE_HZ]).crest_db + 2.9


def test_loud_and_quiet_passages_vary():
    steps = np.repeat(np.array([1.0, 0.1, 1.0, 0.1], np.float32), 5 * RATE_HZ)
    found = taken(noise(20 * RATE_HZ) * steps)
    assert found.loudness_variation > 4.0 > 0.1 > taken(noise(20 * RATE_HZ)).loudness_variation
    assert found.peak_consistency == pytest.approx(0.55, abs=0.06)


def test_level_changes_the_loudness_only():
    x = song(12)
    loud, quiet = taken(x).to_dict(), taken(x * np.float32(0.5)).to_dict()
    assert quiet.pop("lufs") == pytest.approx(loud.pop("lufs") - 6.02, abs=0.01)
    assert quiet == pytest.approx(loud, rel=1e-3, abs=1e-4)


def test_the_rate_of_the_file_matters_little():
    x = song(12)
    from engine.kernels.resample import design, resample_frames

    f = design(RATE_HZ, 48_000)
    raised = np.empty((2, -(-x.shape[1] * 48_000 // RATE_HZ)), np.float32)
    resample_frames(np.ascontiguousarray(x), 0, f, 0, raised)
    first, second = taken(x).to_dict(), taken(raised, 48_000).to_dict()
    # White bursts lose what lies above 20 kHz on the way, and their peaks lie between the samples.
    for name, tolerance in {"dynamic_range_variation": 1.0, "crest_db": 1.0, "peak_consistency": 0.1}.items():
        assert second.pop(name) == pytest.approx(first.pop(name), abs=tolerance)
    assert second == pytest.approx(first, rel=0.02, abs=0.01)


@pytest.mark.parametrize("block_frames", [977, 44_100, 10**9])
def test_blocks_change_nothing(block_frames):
    x = song(12)
    assert taken(x, block_frames=block_frames).to_dict() == pytest.approx(taken(x).to_dict(), rel=1e-6)


def test_threads_change_nothing():
    x = song(8)
    assert taken(x, threads=2) == taken(x, threads=1)


def test_stretches_leave_no_seam():
    """Rows around the seam of two stretches are those of the whole song heard at once."""
    x = song(60)[0, ::2].copy()
    with MonoRows(1) as rows:
        for start in range(0, x.size, 10_000):
            rows.push(x[start : start + 10_000])
        heard = rows.finish()
    n = 1 + x.size // HOP_FRAMES
    assert n > STRETCH_ROWS + 100
    magnitudes = FrameSpectra(threads=1).magnitudes(x, n, -1024)
    shape = spectral_shape(magnitudes, 22_050)
    track = Yin(22_050, threads=1).track(x[None])
    mask, _ = hpss_masks(magnitudes)
    np.testing.assert_array_equal(heard.centroid_hz, shape.centroid_hz)
    np.testing.assert_array_equal(heard.rolloff_hz, shape.rolloff_hz)
    np.testing.assert_array_equal(heard.flatness, shape.flatness)
    np.testing.assert_allclose(heard.rms, rms(x[None])[0], rtol=1e-6)
    np.testing.assert_allclose(heard.f0_hz, track.f0_hz[0], rtol=1e-3)
    assert heard.harmonic_energy == pytest.approx(
        np.square(magnitudes * mask, dtype=np.float64).sum(), rel=1e-5
    )
    near = slice(STRETCH_ROWS - 40, STRETCH_ROWS + 40)
    with ChromaCqt(22_050, HOP_FRAMES, 1) as plan:
        chroma = plan.chroma(x, plan.tuning(x))
    # Each stretch is tuned for itself, by its own histogram of peaks.
    products = np.sum(heard.chroma[near] * chroma[near], axis=1)
    norms = np.linalg.norm(heard.chroma[near], axis=1) * np.linalg.norm(chroma[near], axis=1)
    assert np.all(products > 0.995 * norms)
    onset = MelSpectrum(22_050, threads=1).onset_strength(x[None])[0]
    np.testing.assert_allclose(heard.onset[near], onset[near], atol=0.05)


def test_memory_does_not_grow_with_the_song():
    """Ten minutes of noise take less than 10 MB more than two: 80 bytes a row, no sound."""
    block = noise(65_536)
    peaks = []
    for minutes in (2, 10):
        tracemalloc.start()
        found = fingerprint_of_blocks((block for _ in range(minutes * 60 * RATE_HZ // 65_536)), RATE_HZ, 1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert np.all(np.isfinite(found.to_array()))
    assert peaks[1] < 200e6
    assert peaks[1] - peaks[0] < 20e6


def test_an_array_and_back():
    found = taken(song(4))
    again = Fingerprint.from_array(found.to_array())
    assert again.to_array().tolist() == found.to_array().tolist()
    assert list(found.to_dict()) == ISSUE_ORDER
    with pytest.raises(ParameterError, match="25 finite numbers"):
        Fingerprint.from_array(np.full(25, np.nan))
