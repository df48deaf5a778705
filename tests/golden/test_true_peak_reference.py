"""True peak: EBU Tech 3341's signals, and scipy's band-limited oversampling."""

import numpy as np
import pytest
import scipy.signal

from engine.errors import ParameterError
from engine.kernels.true_peak import TruePeakMeter
from engine.units import MIN_DB

RATE_HZ = 48_000


def _dbtp(*parts):
    meter = TruePeakMeter(parts[0].shape[0])
    for part in parts:
        meter.push(part)
    return meter.true_peak_dbtp


@pytest.mark.parametrize(
    ("divisor", "phase_degrees", "amplitude", "expected_db"),
    [(4, 0, 0.5, -6), (4, 45, 0.5, -6), (6, 60, 0.5, -6), (8, 67.5, 0.5, -6), (4, 45, 1.41, 3)],
)
def test_ebu_3341_cases_15_to_19(divisor, phase_degrees, amplitude, expected_db):
    n = np.arange(RATE_HZ)
    x = amplitude * np.sin(2 * np.pi * n / divisor + np.radians(phase_degrees))
    fade = np.minimum(1.0, np.minimum(n, n[::-1]) / 480)  # a tone that is cut off rings higher
    found = _dbtp(np.tile((fade * x).astype(np.float32), (2, 1)))
    assert expected_db - 0.4 <= found <= expected_db + 0.2


@pytest.mark.parametrize("offset", range(4))
def test_ebu_3341_cases_20_to_23(offset):
    """A pulse made at four times the rate, and every fourth sample of it from each of four starts."""
    t = (np.arange(-4000, 4000) + offset) / 4
    x = (np.sinc(0.8 * t) * np.exp(-((t / 60) ** 2))).astype(np.float32)[None, ::4]
    assert -0.4 <= _dbtp(x) <= 0.2


def test_noise_peaks_as_scipy_sees_it():
    rng = np.random.default_rng(0)
    for seed in range(5):
        x = np.random.default_rng(seed).standard_normal((2, 4000))
        x = scipy.signal.sosfilt(scipy.signal.butter(8, 0.8, output="sos"), x).astype(np.float32)
        x *= np.hanning(4000).astype(np.float32) * np.float32(rng.uniform(0.1, 1))
        over = scipy.signal.resample_poly(x.astype(np.float64), 4, 1, axis=1, window=("kaiser", 12.0))
        assert _dbtp(x) == pytest.approx(20 * np.log10(np.abs(over).max()), abs=0.1)


def test_it_is_never_below_the_sample_peak():
    x = np.zeros((1, 100), np.float32)
    x[0, 50] = -0.7
    assert 10 ** (_dbtp(x) / 20) == pytest.approx(0.7, rel=1e-6)
    last = np.zeros((1, 10), np.float32)
    last[0, -2:] = 1.0  # the wave goes on rising between its two last samples
    assert _dbtp(last) > 1.5


def test_silence_has_a_number_and_nan_is_passed_over():
    assert _dbtp(np.zeros((2, 100), np.float32)) == MIN_DB
    assert TruePeakMeter().true_peak == 0.0
    assert _dbtp(np.array([[np.nan, 0.5, 0.0]], np.float32)) >= -6.03


def test_impossible_meters_are_refused():
    with pytest.raises(ParameterError, match="0 channels"):
        TruePeakMeter(0)
    with pytest.raises(ParameterError, match=r"\(2, n\)"):
        TruePeakMeter(2).push(np.zeros((1, 10), np.float32))
