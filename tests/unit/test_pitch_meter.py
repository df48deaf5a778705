"""The meter of pitch that effects are held against: no bias of its own, on any wave."""

import numpy as np
import pytest

from engine.kernels.pitch import Yin
from tests.pitch_meter import measure

RATE_HZ = 48_000


def repeated(period, seed):
    """One period of a random smooth wave, over and over: its pitch is known, whatever it looks like."""
    rng = np.random.default_rng(seed)
    phase = np.arange(RATE_HZ) / period
    levels = rng.standard_normal((2, 12)) / np.arange(1, 13)
    return sum(
        levels[0, k] * np.cos(2 * np.pi * (k + 1) * phase)
        + levels[1, k] * np.sin(2 * np.pi * (k + 1) * phase)
        for k in range(12)
    )


@pytest.mark.parametrize("f0_hz", [66.0, 110.7, 171.3, 449.0, 1100.0])
def test_what_repeats_is_measured_within_half_a_cent(f0_hz):
    places = np.arange(8_000, 40_000, 240)
    for seed in range(5):
        found, aperiodicity = measure(repeated(RATE_HZ / f0_hz, seed), RATE_HZ, places)
        assert np.abs(1200 * np.log2(found / f0_hz)).max() < 0.5
        assert aperiodicity.max() < 0.03


def test_frames_that_end_in_silence_would_measure_too_high():
    """Why this meter exists."""
    x = np.cos(2 * np.pi * 165.0 / RATE_HZ * np.arange(RATE_HZ))[None].astype(np.float32)
    with Yin(RATE_HZ, (60.0, 1300.0), 1920, 240, threads=1) as plan:
        cents = 1200 * np.log2(plan.track(x).f0_hz[0, 40:-40] / 165.0)
    assert cents.max() > 5.0
    assert cents.mean() > 2.0
    places = np.arange(8_000, 40_000, 240)
    assert np.abs(1200 * np.log2(measure(x[0], RATE_HZ, places)[0] / 165.0)).max() < 0.3


@pytest.mark.parametrize("cents", [-10.0, 3.0, 10.0])
def test_a_detuning_is_measured_as_such(cents):
    found, _ = measure(repeated(RATE_HZ / (220.0 * 2 ** (cents / 1200)), 7), RATE_HZ, np.array([20_000]))
    assert 1200 * np.log2(found[0] / 220.0) == pytest.approx(cents, abs=0.2)


def test_nothing_is_told_at_the_ends_nor_of_noise():
    noise = np.random.default_rng(1).standard_normal(RATE_HZ)
    assert np.isnan(measure(noise, RATE_HZ, np.array([0, RATE_HZ]))[0]).all()
    assert measure(noise, RATE_HZ, np.array([20_000, 24_000]))[1].min() > 0.5
