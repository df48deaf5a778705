"""Spectral shape, RMS and zero crossings against librosa's."""

from dataclasses import astuple
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.jit import RowPool
from engine.kernels.spectral import N_SHAPE, rms, spectral_flux, spectral_shape, zero_crossing_rate

SHARED = Path(__file__).parents[3] / "shared" / "data"
RATE_HZ = 22050


def _noise(shape, seed=0):
    return (0.2 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def _music(name):
    x, rate_hz = soundfile.read(SHARED / name, frames=10 * 44100, dtype="float32", always_2d=True)
    return np.ascontiguousarray(x.T[:1]), rate_hz


def _assert_equals_librosa(magnitudes, rate_hz, n_threads=2):
    """`magnitudes` as librosa has them, (bins, frames)."""
    with RowPool(n_threads) as pool:
        found = spectral_shape(np.ascontiguousarray(magnitudes.T), rate_hz, threads=pool)
        assert np.array_equal(spectral_flux(np.ascontiguousarray(magnitudes.T), pool), found.flux)
    of = {"S": magnitudes, "sr": rate_hz}
    feature = librosa.feature
    np.testing.assert_allclose(found.centroid_hz, feature.spectral_centroid(**of)[0], rtol=2e-5, atol=1e-3)
    np.testing.assert_allclose(found.bandwidth_hz, feature.spectral_bandwidth(**of)[0], rtol=2e-5, atol=1e-2)
    np.testing.assert_allclose(found.flatness, feature.spectral_flatness(S=magnitudes)[0], rtol=2e-4)
    flux = librosa.onset.onset_strength(S=magnitudes, sr=rate_hz, center=False)
    np.testing.assert_allclose(found.flux, flux, rtol=2e-5, atol=1e-6)
    # The running sum may reach the share a bin sooner or later by its roundings.
    bins = np.abs(found.rolloff_hz - feature.spectral_rolloff(**of)[0]) / (
        0.5 * rate_hz / (magnitudes.shape[0] - 1)
    )
    assert bins.max() < 1.01
    assert (bins > 0.01).mean() < 0.01


@pytest.mark.parametrize("name", ["vibeace.ogg", "fishin.ogg", "speech.ogg"])
def test_music_and_speech_have_librosas_shapes(name):
    x, rate_hz = _music(name)
    _assert_equals_librosa(np.abs(librosa.stft(x[0])), rate_hz)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([2, 3, 33, 64, 65, 513, 1025]), st.integers(2, 40), st.integers(1, 3))
def test_any_size_has_librosas_shapes(n_bins, n_frames, n_threads):
    magnitudes = np.abs(_noise((n_bins, n_frames), n_bins)) ** 3
    _assert_equals_librosa(magnitudes, RATE_HZ, n_threads)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_the_rolloff_may_lie_elsewhere(share):
    magnitudes = np.abs(_noise((1025, 50)))
    found = spectral_shape(np.ascontiguousarray(magnitudes.T), RATE_HZ, share).rolloff_hz
    expected = librosa.feature.spectral_rolloff(S=magnitudes, sr=RATE_HZ, roll_percent=share)[0]
    assert np.abs(found - expected).max() < 1.01 * RATE_HZ / 2048


@pytest.mark.parametrize("level", [0.0, 1e-40, 1e-20, 1.0, 1e17])
def test_silence_and_clicks_have_finite_shapes(level):
    magnitudes = np.full((3, 1025), level, np.float32)
    magnitudes[1] = 0
    magnitudes[1, 500] = level
    for field in vars(spectral_shape(magnitudes, RATE_HZ)).values():
        assert field.shape == (3,)
        assert np.isfinite(field).all()
    if level == 0.0:
        found = spectral_shape(magnitudes, RATE_HZ)
        assert not np.concatenate([found.centroid_hz, found.bandwidth_hz, found.rolloff_hz]).any()
        np.testing.assert_allclose(found.flatness, 1.0, rtol=1e-5)
    assert spectral_shape(magnitudes[:0], RATE_HZ).flux.shape == (0,)


@pytest.mark.parametrize("n_frames", [1, 100, 2205, 30000])
@pytest.mark.parametrize(("frame", "hop"), [(2048, 512), (1000, 333), (4096, 4096)])
def test_levels_of_waves_are_librosas(n_frames, frame, hop):
    x = _noise((2, n_frames))
    x[:, n_frames // 2 :: 3] = 0
    with RowPool(2) as pool:
        levels = rms(x, frame, hop, pool)
        crossing_rate = zero_crossing_rate(x, frame, hop, pool)
    size = {"frame_length": frame, "hop_length": hop}
    np.testing.assert_allclose(levels, librosa.feature.rms(y=x, **size)[:, 0], rtol=1e-5)
    expected = librosa.feature.zero_crossing_rate(x, **size)[:, 0]
    np.testing.assert_allclose(crossing_rate, expected, rtol=1e-6)


@pytest.mark.parametrize("n_frames", [0, 1, 3000])
@pytest.mark.parametrize("level", [0.0, 1e-30, -1.0, 3e38])
def test_silence_direct_current_and_clicks_have_finite_levels(n_frames, level):
    x = np.full((1, n_frames), level, np.float32)
    x[:, 1:2] = 0
    crossing_rate = zero_crossing_rate(x)
    assert np.isfinite(rms(x)).all()
    assert ((crossing_rate >= 0) & (crossing_rate < 0.01)).all()


def test_what_is_too_quiet_to_have_a_sign_does_not_cross():
    x = np.tile(np.float32([1e-11, -1e-11]), 1000)[None]
    assert not zero_crossing_rate(x).any()
    assert zero_crossing_rate(100 * x).max() > 0.9


def test_results_go_into_given_arrays():
    magnitudes, x = np.abs(_noise((7, 65))), _noise((2, 5000))
    shape, row, rows = (
        np.empty((N_SHAPE, 7), np.float32),
        np.empty(7, np.float32),
        np.empty((2, 10), np.float32),
    )
    found = spectral_shape(magnitudes, RATE_HZ, out=shape)
    assert np.shares_memory(found.flux, shape)
    assert np.array_equal(np.array(astuple(found)), astuple(spectral_shape(magnitudes, RATE_HZ)))
    assert spectral_flux(magnitudes, out=row) is row
    assert np.array_equal(row, spectral_flux(magnitudes))
    for measure in (rms, zero_crossing_rate):
        assert measure(x, out=rows) is rows
        assert np.array_equal(rows, measure(x))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: rms(_noise((1, 5)), out=np.empty((1, 2), np.float32)), r"\(1, 1\), not float32 \(1, 2\)"),
        (lambda: rms(_noise((1, 5)), out=np.empty((1, 1))), "float64"),
        (lambda: spectral_flux(_noise((4, 9)), out=np.empty(8, np.float32)[::2]), "contiguous"),
        (lambda: spectral_shape(np.zeros((4, 9)), RATE_HZ), "float64"),
        (lambda: spectral_shape(np.zeros((4, 1), np.float32), RATE_HZ), r"\(4, 1\)"),
        (lambda: spectral_shape(_noise((4, 9)), 0), "0 Hz"),
        (lambda: spectral_shape(_noise((4, 9)), RATE_HZ, 1.0), "share of 1.0"),
        (lambda: rms(_noise(5)), r"\(5,\)"),
        (lambda: rms(_noise((1, 5)), 5), "frame of 5"),
        (lambda: zero_crossing_rate(_noise((1, 5)), 4, 0), "hop of 0"),
    ],
)
def test_impossible_calls_are_refused(call, says):
    with pytest.raises(ParameterError, match=says):
        call()
