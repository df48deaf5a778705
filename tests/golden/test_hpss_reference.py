"""Against librosa's harmonic-percussive separation; tolerances in dB below the reference's energy."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.hpss import Hpss, HpssSettings, hpss_masks
from engine.kernels.jit import RowPool
from engine.units import energy_ratio_db

SHARED = Path(__file__).parents[3] / "shared" / "data"
RATE_HZ = 22050


def _notes_and_clicks(seconds, channels=1):
    """Steady tones, a click four times a second, a little noise."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    x = 0.2 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.sin(2 * np.pi * 1310 * t)
    rng = np.random.default_rng(0)
    x = np.stack([x + 0.01 * rng.standard_normal(t.size) for _ in range(channels)])
    x[:, :: RATE_HZ // 4] += 0.8
    return x.astype(np.float32)


def _expected(x, **options):
    return [np.stack(part) for part in zip(*(librosa.effects.hpss(row, **options) for row in x), strict=True)]


def _assert_within_db(found, expected, least_db):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert energy_ratio_db(theirs, ours - theirs) > least_db


@pytest.mark.parametrize("seconds", [1.0, 3.3, 10.0])
def test_signals_are_within_100_db_of_librosas(seconds):
    x = _notes_and_clicks(seconds)
    with Hpss(threads=2) as plan:
        _assert_within_db(plan.separate(x), _expected(x), 100)


@pytest.mark.parametrize("name", ["vibeace.ogg", "fishin.ogg", "trumpet.ogg"])
def test_music_is_within_90_db_of_librosas(name):
    x, _ = soundfile.read(SHARED / name, frames=15 * 44100, dtype="float32", always_2d=True)
    x = np.ascontiguousarray(x.T[:, ::2])
    with Hpss() as plan:
        _assert_within_db(plan.separate(x), _expected(x), 90)


@pytest.mark.parametrize(
    ("chosen", "options"),
    [
        (HpssSettings(17, 13), {"kernel_size": (17, 13)}),
        (HpssSettings(margin_harmonic=3.0, margin_percussive=1.5), {"margin": (3.0, 1.5)}),
        (HpssSettings(power=1.0), {"power": 1.0}),
        (HpssSettings(power=3.5), {"power": 3.5}),
        (HpssSettings(power=float("inf")), {"power": np.inf}),
    ],
)
def test_every_setting_does_what_librosas_does(chosen, options):
    x = _notes_and_clicks(2.0)
    with Hpss(chosen, threads=2) as plan:
        found = plan.separate(x)
    if chosen.power == float("inf"):
        # A hard mask turns a rounding of two nearly equal medians into all or nothing of a bin.
        _assert_within_db(found, _expected(x, **options), 40)
    else:
        _assert_within_db(found, _expected(x, **options), 90)


@pytest.mark.parametrize(("n_fft", "hop"), [(1024, 256), (4096, 1024), (2048, 500), (512, 256)])
def test_other_windows_equal_librosas_too(n_fft, hop):
    x = _notes_and_clicks(2.0, channels=2)
    with Hpss(n_fft=n_fft, hop_frames=hop, threads=1) as plan:
        found = plan.separate(x)
    # Where one window alone reaches, near the end, the divisors may differ.
    inner = slice(0, x.shape[1] - n_fft)
    expected = _expected(x, n_fft=n_fft, hop_length=hop)
    _assert_within_db([part[:, inner] for part in found], [part[:, inner] for part in expected], 95)


@pytest.mark.parametrize("margin", [1.0, 2.0])
def test_masks_equal_librosas(margin):
    magnitudes = np.abs(librosa.stft(_notes_and_clicks(3.0)[0]))
    expected = librosa.decompose.hpss(magnitudes, margin=margin, mask=True)
    ours = HpssSettings(margin_harmonic=margin, margin_percussive=margin)
    with RowPool(2) as pool:
        found = hpss_masks(np.ascontiguousarray(magnitudes.T), ours, pool)
    for mask, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(mask, reference.T, atol=2e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40000), st.integers(1, 3), st.integers(1, 4))
def test_parts_sum_to_the_song_and_threads_change_no_bit(n_frames, channels, n_threads):
    x = np.random.default_rng(n_frames).standard_normal((channels, n_frames)).astype(np.float32)
    with Hpss(threads=1) as alone, Hpss(threads=n_threads) as plan:
        harmonic, percussive = plan.separate(x)
        assert all(
            np.array_equal(a, b) for a, b in zip(alone.separate(x), (harmonic, percussive), strict=True)
        )
    assert energy_ratio_db(x, harmonic + percussive - x) > 120


def test_tones_are_harmonic_and_clicks_percussive():
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    tone = (0.1 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    clicks = np.zeros_like(tone)
    clicks[RATE_HZ // 2 :: RATE_HZ // 2] = 1.0
    with Hpss(HpssSettings(power=4.0)) as plan:
        harmonic, percussive = plan.separate((tone + clicks)[None])
    inner = slice(RATE_HZ // 2 - 100, -RATE_HZ // 4)
    assert energy_ratio_db(tone[inner], harmonic[0, inner] - tone[inner]) > 15
    assert energy_ratio_db(clicks[inner], percussive[0, inner] - clicks[inner]) > 15


@pytest.mark.parametrize("n_frames", [0, 1, 2, 511, 2205])
@pytest.mark.parametrize("kind", ["silence", "direct", "click"])
def test_short_and_odd_sounds_have_finite_parts(n_frames, kind):
    x = np.full((1, n_frames), 1.0 if kind == "direct" else 0.0, np.float32)
    if kind == "click" and n_frames:
        x[0, 0] = 1.0
    with Hpss() as plan:
        harmonic, percussive = plan.separate(x)
    assert harmonic.shape == percussive.shape == x.shape
    np.testing.assert_allclose(harmonic + percussive, x, atol=1e-6)


def test_sound_beyond_all_measure_stays_finite():
    x = np.full((1, 5000), 1e30, np.float32)
    x[:, ::2] *= -1
    with Hpss() as plan:
        assert np.isfinite(plan.separate(x)).all()


def test_results_go_into_given_arrays():
    x = _notes_and_clicks(0.5)
    harmonic, percussive = np.full((2, 1, x.shape[1]), np.nan, np.float32)
    with Hpss() as plan:
        found = plan.separate(x, harmonic, percussive)
        assert found[0] is harmonic
        assert found[1] is percussive
        assert np.isfinite(harmonic + percussive).all()
        with pytest.raises(ParameterError, match="a part needs"):
            plan.separate(x, np.zeros((1, 5), np.float32))
        with pytest.raises(ParameterError, match="float64"):
            plan.separate(np.zeros((1, 5)))
    with pytest.raises(ParameterError, match="magnitudes"):
        hpss_masks(np.zeros(5, np.float32))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"harmonic_frames": 30}, "30 values"),
        ({"percussive_bins": 1}, "1 value "),
        ({"margin_harmonic": 0.5}, "margin of 0.5"),
        ({"margin_percussive": float("nan")}, "margin of nan"),
        ({"power": 0.0}, "power 0.0"),
    ],
)
def test_impossible_settings_are_refused(arguments, says):
    with pytest.raises(ParameterError, match=says):
        HpssSettings(**arguments)


def test_impossible_hops_are_refused():
    with pytest.raises(ParameterError, match="hop of 1025"):
        Hpss(hop_frames=1025)
