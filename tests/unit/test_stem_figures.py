"""Energy ratios and leakage, on stems whose figures can be said beforehand."""

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.kernels.stem_figures import BAND_EDGES_HZ, StemFigures, is_silent, sdr_db

RATE_HZ = 44_100
N = 3 * RATE_HZ


def tone(hz: float, gain: float = 0.2) -> np.ndarray:
    x = gain * np.sin(2 * np.pi * hz * np.arange(N) / RATE_HZ)
    return np.stack([x, 0.5 * x]).astype(np.float32)


@pytest.fixture(scope="module")
def truths() -> np.ndarray:
    rng = np.random.default_rng(3)
    return (0.1 * rng.standard_normal((3, 2, N))).astype(np.float32)


@pytest.mark.parametrize("error", [0.5, 0.1, 0.01])
def test_a_tenth_of_an_error_is_20_db(truths, error):
    noise = truths[1] * np.sqrt(np.mean(truths[0] ** 2) / np.mean(truths[1] ** 2))
    assert sdr_db(truths[0], truths[0] + error * noise) == pytest.approx(-20 * np.log10(error), abs=1e-3)


def test_an_empty_estimate_is_0_db_and_a_silent_truth_has_none(truths):
    assert sdr_db(truths[0], np.zeros_like(truths[0])) == pytest.approx(0.0, abs=1e-9)
    assert is_silent(np.zeros((2, 100), np.float32))
    assert sdr_db(np.zeros_like(truths[0]), truths[0]) is None


def test_an_error_shows_in_its_own_band():
    truth = tone(60.0) + tone(250.0) + tone(1000.0) + tone(4000.0) + tone(12_000.0)
    figures = StemFigures(truth[None], RATE_HZ)
    bands_db = figures.band_sdr_db(0, truth - 0.1 * tone(1000.0))
    assert len(bands_db) == len(BAND_EDGES_HZ) - 1
    assert bands_db[2] == pytest.approx(20.0, abs=0.1)
    assert all(value is not None and value > 55.0 for k, value in enumerate(bands_db) if k != 2)


def test_a_band_without_truth_has_no_figure():
    bands_db = StemFigures(tone(60.0)[None], RATE_HZ).band_sdr_db(0, tone(60.0))
    assert bands_db[0] is not None
    assert bands_db[0] > 100.0
    assert bands_db[4] is None


def test_leakage_is_the_share_of_each_stem(truths):
    figures = StemFigures(truths, RATE_HZ)
    found = figures.leakage(0.8 * truths[0] + 0.3 * truths[2])
    assert found == pytest.approx([0.64, 0.0, 0.09], abs=0.004)


def test_a_silent_stem_cannot_leak(truths):
    with_silence = truths.copy()
    with_silence[1] = 0.0
    found = StemFigures(with_silence, RATE_HZ).leakage(truths[0])
    assert found[1] is None
    assert found[0] == pytest.approx(1.0, abs=1e-3)


def test_less_than_a_window_is_refused():
    with pytest.raises(ParameterError, match="4095 frames are too few"):
        StemFigures(np.zeros((1, 2, 4095), np.float32), RATE_HZ)
