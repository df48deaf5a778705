"""Mel bands, onset envelope and deltas against librosa's."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.delta import MAX_WIDTH, delta
from engine.kernels.jit import RowPool
from engine.kernels.mel import LEAST_POWER, MelSpectrum, hz_to_mel, level_row, mel_bands, mel_to_hz
from engine.units import energy_ratio_db

SHARED = Path(__file__).parents[3] / "shared" / "data"
RATE_HZ = 22050


def _noise(channels, frames):
    return (0.2 * np.random.default_rng(frames).standard_normal((channels, frames))).astype(np.float32)


def _music(name, seconds=15):
    x, rate_hz = soundfile.read(SHARED / name, frames=seconds * 44100, dtype="float32", always_2d=True)
    return np.ascontiguousarray(x.T[:1]), rate_hz


def test_the_scale_is_librosas_and_its_own_reverse():
    hz = np.linspace(0, 24000, 997)
    np.testing.assert_allclose(hz_to_mel(hz), librosa.hz_to_mel(hz), rtol=1e-12)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("rate_hz", "n_fft", "n_bands"), [(22050, 2048, 128), (44100, 2048, 40), (16000, 512, 20)]
)
def test_bands_are_librosas(rate_hz, n_fft, n_bands):
    bands = mel_bands(rate_hz, n_fft, n_bands)
    dense = np.zeros((n_bands, n_fft // 2 + 1), np.float32)
    for row, (first, n, place) in zip(dense, bands.edges, strict=True):
        row[first : first + n] = bands.weights[place : place + n]
    np.testing.assert_allclose(
        dense, librosa.filters.mel(sr=rate_hz, n_fft=n_fft, n_mels=n_bands), atol=1e-9, rtol=1e-5
    )


@pytest.mark.parametrize("seconds", [0.1, 1.0, 5.0])
def test_power_is_within_110_db_of_librosas(seconds):
    x = _noise(2, round(seconds * RATE_HZ))
    with MelSpectrum(RATE_HZ, threads=2) as plan:
        found = plan.power(x)
        levels = plan.levels_db(x)
    expected = librosa.feature.melspectrogram(y=x, sr=RATE_HZ).transpose(0, 2, 1)
    assert energy_ratio_db(expected, found - expected) > 110
    np.testing.assert_allclose(levels, librosa.power_to_db(expected, top_db=None), atol=1e-3)


@pytest.mark.parametrize("name", ["vibeace.ogg", "fishin.ogg", "trumpet.ogg"])
def test_onset_strength_of_music_is_librosas(name):
    x, rate_hz = _music(name)
    with MelSpectrum(rate_hz) as plan:
        found = plan.onset_strength(x)[0]
        given = np.empty((1, found.size), np.float32)
        assert plan.onset_strength(x, given) is given
    assert np.array_equal(given[0], found)
    expected = librosa.onset.onset_strength(y=x[0], sr=rate_hz)
    assert energy_ratio_db(expected, found - expected) > 80
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_levels_are_logarithms_to_the_last_bits():
    rng = np.random.default_rng(0)
    power = (10.0 ** rng.uniform(-9.9, 38.0, 100_000)).astype(np.float32)
    power[:3] = 1.0, 0.5, np.finfo(np.float32).max
    levels = power.copy()
    level_row(levels)
    expected = 10.0 * np.log10(power.astype(np.float64))
    # One rounding of a float32, and near 0 dB what double precision leaves of the series.
    assert np.all(np.abs(levels - expected) <= np.spacing(np.abs(expected).astype(np.float32)) + 1e-9)
    least = 10.0 * np.log10(LEAST_POWER)
    odd = np.array([0.0, -0.0, -1.0, -np.inf, 1e-42, 1e-10, np.nan, np.inf], np.float32)
    level_row(odd)
    np.testing.assert_allclose(odd, [least] * 6 + [np.nan, np.inf], rtol=1e-6)


@pytest.mark.parametrize(("n_fft", "hop"), [(1024, 256), (2048, 700), (512, 512)])
def test_other_windows_are_librosas(n_fft, hop):
    x = _noise(1, 30000) * np.repeat(np.float32([1, 0.01, 1]), 10000)
    with MelSpectrum(RATE_HZ, 64, n_fft, hop) as plan:
        found = plan.onset_strength(x)
    expected = librosa.onset.onset_strength(y=x, sr=RATE_HZ, n_fft=n_fft, hop_length=hop, n_mels=64)
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("n_frames", [0, 1, 2, 2205])
@pytest.mark.parametrize("level", [0.0, 1e-30, 1.0, 1e30])
def test_silence_direct_current_and_clicks_are_finite(n_frames, level):
    steady = np.full((1, n_frames), level, np.float32)
    click = np.zeros_like(steady)
    click[:, :1] = level
    with MelSpectrum(RATE_HZ) as plan:
        for x in (steady, click):
            assert np.isfinite(plan.onset_strength(x)).all()
            assert (plan.levels_db(x) >= 10 * np.log10(LEAST_POWER) - 1e-4).all()
        assert not plan.onset_strength(np.zeros((1, n_frames), np.float32)).any()


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 9000), st.integers(1, 3), st.integers(1, 4))
def test_threads_and_channels_change_no_bit(n_frames, channels, n_threads):
    x = _noise(channels, n_frames)
    with MelSpectrum(RATE_HZ, threads=n_threads) as plan, MelSpectrum(RATE_HZ, threads=1) as alone:
        found = plan.onset_strength(x)
        for c in range(channels):
            assert np.array_equal(found[c], alone.onset_strength(x[c : c + 1])[0])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5), st.integers(3, 120), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_deltas_are_librosas(rows, frames, reach, order, n_threads):
    width = 2 * reach + 1
    if width <= order:
        width = 5
    x = _noise(rows, frames)
    with RowPool(n_threads) as pool:
        found = delta(x, width, order, threads=pool)
    if frames < width:
        width = frames - 1 + frames % 2
        if width <= order:
            assert not found.any()
            return
    expected = librosa.feature.delta(x.astype(np.float64), width=width, order=order)
    np.testing.assert_allclose(found, expected, atol=3e-6)


def test_a_parabola_has_its_derivatives_and_short_tracks_none():
    t = np.arange(50, dtype=np.float32)[None]
    np.testing.assert_allclose(delta(3 * t + 7, 9), 3.0, atol=1e-4)
    np.testing.assert_allclose(delta(0.5 * t * t, 9, 2), 1.0, atol=1e-4)
    np.testing.assert_allclose(delta(0.5 * t * t, MAX_WIDTH, 2), 1.0, atol=1e-3)
    for n in (0, 1, 2):
        assert not delta(np.ones((3, n), np.float32)).any()
    out = np.full((1, 50), np.nan, np.float32)
    assert delta(t, out=out) is out


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: mel_bands(100, 2048), "100 Hz"),
        (lambda: mel_bands(RATE_HZ, 2048, 0), "0 mel bands"),
        (lambda: MelSpectrum(RATE_HZ, n_fft=1000), "1000 samples"),
        (lambda: MelSpectrum(RATE_HZ, hop_frames=0), "hop of 0"),
        (lambda: MelSpectrum(RATE_HZ).power(np.zeros((1, 5))), "float64"),
        (lambda: MelSpectrum(RATE_HZ).power(_noise(1, 5), np.zeros((1, 2, 128), np.float32)), "1, 1, 128"),
        (lambda: delta(_noise(1, 50), 8), "8 frames"),
        (lambda: delta(_noise(1, 50), 5, 5), "order of 5"),
        (lambda: delta(np.zeros(5, np.float32)), "tracks must be"),
        (lambda: delta(_noise(1, 50), out=np.zeros((1, 5), np.float32)), r"\(1, 50\)"),
    ],
)
def test_impossible_calls_are_refused(call, says):
    with pytest.raises(ParameterError, match=says):
        call()
