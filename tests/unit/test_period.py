"""Periods of made voices, roughly and exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernels.period import (
    burst_offset,
    difference,
    exact_lag,
    rough_period,
    thinning_taps,
    vertex,
    weighted_sum,
)


def voice(period, n, seed=0):
    t = np.arange(n)
    x = sum(np.cos(2 * np.pi * k * t / period + k) / k for k in range(1, 6))
    return (0.2 * x + 0.001 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(st.floats(11.0, 180.0))
def test_a_rough_period_is_within_a_hundredth(period):
    x = voice(period, 700)
    found, aperiodicity = rough_period(x, 700, (10, 185), 208, 0.12, np.zeros(256))
    assert found == pytest.approx(period, rel=0.01, abs=0.3)
    assert aperiodicity < 0.12


def test_noise_and_silence_have_no_period():
    noise = np.random.default_rng(1).standard_normal(700).astype(np.float32)
    assert rough_period(noise, 700, (10, 185), 208, 0.12, np.zeros(256))[1] > 0.5
    assert rough_period(np.zeros(700, np.float32), 700, (10, 185), 208, 0.12, np.zeros(256))[1] == 1.0


@pytest.mark.parametrize("period", [188.0, 195.0, 210.0])
def test_a_slope_at_the_end_of_the_range_is_no_period(period):
    assert rough_period(voice(period, 700), 700, (10, 185), 208, 0.12, np.zeros(256))[1] == 1.0


@settings(deadline=None, max_examples=60)
@given(period=st.floats(45.0, 700.0), error=st.floats(-0.04, 0.04))
def test_an_exact_lag_is_within_a_cent(period, error):
    x = voice(period, 3000)
    n = max(64, int(period) // 16 * 16)
    found = exact_lag(x, 3000 - n, n, (period * (1 + error), max(6, int(0.06 * period))), np.zeros(128))
    assert abs(1200 * np.log2(found / period)) < 1.5


def test_a_lag_that_is_nowhere_near_is_left_as_it_was():
    assert exact_lag(voice(100.0, 2000), 1800, 192, (130.4, 5), np.zeros(16)) == 130.4


def test_differences_and_sums_are_those_of_numpy():
    rng = np.random.default_rng(2)
    x = rng.standard_normal(400).astype(np.float32)
    assert difference(x, 150, 37, 96) == pytest.approx(np.sum((x[150:246] - x[113:209]) ** 2), rel=1e-5)
    taps = thinning_taps(48_000.0, 4)
    assert taps.sum() == pytest.approx(1.0, abs=1e-6)
    assert weighted_sum(x, 11, taps) == pytest.approx(float(x[11:75] @ taps), abs=1e-5)


def test_what_would_fold_in_the_thinned_voice_is_gone():
    response = np.abs(np.fft.rfft(thinning_taps(48_000.0, 4), 48_000))
    assert response[1000] == pytest.approx(1.0, abs=0.02)
    assert response[7500:].max() < 0.01


def test_a_parabola_has_its_vertex_where_it_was_drawn():
    assert vertex(*((x - 0.2) ** 2 for x in (-1.0, 0.0, 1.0))) == pytest.approx(0.2)
    assert vertex(1.0, 1.0, 1.0) == 0.0


@pytest.mark.parametrize("late", [-60, -10, 0, 35, 80])
def test_the_burst_of_a_period_is_found(late):
    x = np.zeros(1000, np.float32)
    x[500 + late - 200 : 900 : 200] = 1.0
    assert burst_offset(x, 500, 200.0) == pytest.approx(late, abs=1.5)
