"""Against the table of BS.1770-4, scipy's filters and the test signals of EBU Tech 3341."""

import itertools

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.loudness import SILENCE_LUFS, LoudnessMeter, k_weighting, weighted_energy


def _tone(level_db, seconds, rate_hz=48000, channels=2, frequency_hz=1000.0):
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.tile(
        (10 ** (level_db / 20) * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32), (channels, 1)
    )


def _measure(rate_hz, *parts):
    meter = LoudnessMeter(rate_hz, parts[0].shape[0])
    for part in parts:
        meter.push(part)
    return meter


def test_coefficients_at_48_khz_are_those_of_the_recommendation():
    shelf, high_pass = k_weighting(48000)
    np.testing.assert_allclose(
        shelf, [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585],
        atol=1e-8,
    )  # fmt: skip
    np.testing.assert_allclose(high_pass, [1, -2, 1, -1.99004745483398, 0.99007225036621], atol=1e-8)


@pytest.mark.parametrize("rate_hz", [8000, 44100, 96000, 192000])
def test_weighted_energy_equals_scipys_filters(rate_hz):
    x = np.random.default_rng(0).standard_normal(rate_hz).astype(np.float32)
    coefficients = k_weighting(rate_hz)
    y = x.astype(np.float64)
    for b0, b1, b2, a1, a2 in coefficients:
        y = scipy.signal.lfilter([b0, b1, b2], [1, a1, a2], y)
    assert weighted_energy(x, coefficients, np.zeros(4)) == pytest.approx(np.sum(y * y), rel=1e-9)


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000, 96000])
@pytest.mark.parametrize("level_db", [-23.0, -33.0])
def test_ebu_3341_cases_1_and_2(rate_hz, level_db):
    assert _measure(rate_hz, _tone(level_db, 20, rate_hz)).integrated_lufs == pytest.approx(level_db, abs=0.1)


@pytest.mark.parametrize(
    "levels",
    [
        [(-36, 10), (-23, 60), (-36, 10)],
        [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)],
        [(-26, 20), (-20, 20.1), (-26, 20)],
    ],
)
def test_ebu_3341_cases_3_to_5_gate(levels):
    parts = [_tone(level_db, seconds) for level_db, seconds in levels]
    assert _measure(48000, *parts).integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_ebu_3341_case_6_weighs_the_surrounds():
    part = np.concatenate([_tone(db, 20, channels=1) for db in (-28, -28, -24, -30, -30)])
    assert _measure(48000, part).integrated_lufs == pytest.approx(-23.0, abs=0.1)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 9000), max_size=12))
def test_blocks_of_any_size_give_the_same_loudness(cuts):
    x = np.random.default_rng(0).standard_normal((2, 40000)).astype(np.float32)
    edges = sorted({0, 40000, *(int(edge) for edge in np.cumsum(cuts) if edge < 40000)})
    parts = [x[:, a:b] for a, b in itertools.pairwise(edges)]
    whole, cut = _measure(16000, x), _measure(16000, *parts)
    assert cut.integrated_lufs == pytest.approx(whole.integrated_lufs, abs=1e-9)
    assert cut.peak == whole.peak == np.abs(x).max()


def test_silence_and_short_sounds_have_a_number():
    assert LoudnessMeter(44100).integrated_lufs == SILENCE_LUFS
    assert _measure(44100, np.zeros((2, 44100), np.float32)).integrated_lufs == SILENCE_LUFS
    assert _measure(44100, _tone(-10, 0.05, 44100)).integrated_lufs == SILENCE_LUFS
    assert _measure(44100, _tone(-10, 0.05, 44100)).peak == pytest.approx(10**-0.5, rel=1e-3)


def test_reset_equals_a_new_meter():
    x = _tone(-12, 1.23)
    meter = _measure(48000, _tone(-3, 2), x)
    meter.reset()
    meter.push(x)
    fresh = _measure(48000, x)
    assert (meter.integrated_lufs, meter.peak) == (fresh.integrated_lufs, fresh.peak)


def test_impossible_meters_are_refused():
    with pytest.raises(ParameterError, match="6 channels"):
        LoudnessMeter(48000, 6)
    with pytest.raises(ParameterError, match="100 Hz"):
        LoudnessMeter(100)
    with pytest.raises(ParameterError, match=r"\(2, n\)"):
        LoudnessMeter(48000).push(np.zeros((1, 10), np.float32))
