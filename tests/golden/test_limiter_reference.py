"""The true-peak limiter against meters that are not its own: scipy's oversampling and the loudness room's."""

import numpy as np
import pytest
import scipy.signal

from engine.kernels.true_peak import TruePeakMeter
from engine.realtime.effects import limiter_ahead
from tests.effect_rig import EffectRig


def bursts(n, rate_hz, seed):
    """Noise in bursts of random length, level (up to 26 dB over full scale) and colour."""
    rng = np.random.default_rng(seed)
    x = np.zeros((2, n))
    at = 0
    while at < n:
        length = int(rng.uniform(0.0002, 0.08) * rate_hz) + 1
        part = rng.standard_normal((2, length))
        if rng.random() < 0.5:
            corner = rng.uniform(0.01, 0.95)
            part = scipy.signal.sosfilt(scipy.signal.butter(2, corner, output="sos"), part)
        level = 10 ** (rng.uniform(-50, 15) / 20)
        stop = min(n, at + length)
        x[:, at:stop] = level * part[:, : stop - at] * [[1.0], [rng.uniform(0, 1)]]
        at = stop + int(rng.uniform(0, 0.02) * rate_hz * (rng.random() < 0.5))
    return x.astype(np.float32)


def to_its_end(x):
    """With silence behind it: an output cut off within a tone rings higher, whoever made the tone."""
    return np.concatenate([x, np.zeros((2, 500), np.float32)], axis=1)


def true_peaks_db(y):
    """As the engine's meter, and as scipy at 4 and 16 points a sample, see it."""
    meter = TruePeakMeter(2)
    meter.push(y)
    over = [np.abs(scipy.signal.resample_poly(y.astype(np.float64), n, 1, axis=1)).max() for n in (4, 16)]
    return [meter.true_peak_dbtp, *(20 * np.log10(over))]


@pytest.mark.parametrize(
    ("rate_hz", "ceiling_db"), [(44_100, 0.0), (48_000, -1.0), (48_000, -12.0), (88_200, -1.0), (96_000, 0.0)]
)
def test_noise_bursts_never_pass_the_ceiling(rate_hz, ceiling_db):
    rig = EffectRig(limiter_ahead.KIND, rate_hz, ceiling_db=ceiling_db, release_ms=10)
    y = rig.process(to_its_end(bursts(2 * rate_hz, rate_hz, rate_hz)), (128, 37))
    assert max(true_peaks_db(y)) <= ceiling_db
    assert max(true_peaks_db(y)) > ceiling_db - 1.0  # and does not waste the room either


@pytest.mark.parametrize("phase", [0.0, 0.3, np.pi / 4])
@pytest.mark.parametrize("divisor", [2.2, 3.0, 4.0, 8.0, 100.0])
def test_tones_between_the_samples_never_pass_the_ceiling(divisor, phase):
    n = np.arange(24_000)
    tone = np.sin(2 * np.pi * n / divisor + phase) * np.repeat([0.1, 1.4, 0.0, 1.0], 6000)
    x = to_its_end(np.tile(tone.astype(np.float32), (2, 1)))
    assert max(true_peaks_db(EffectRig(limiter_ahead.KIND, ceiling_db=-1.0).process(x))) <= -1.0


def test_below_the_ceiling_it_is_a_delay_bit_by_bit():
    x = 0.1 * np.random.default_rng(0).standard_normal((2, 20_000)).astype(np.float32)
    rig = EffectRig(limiter_ahead.KIND)
    late = rig.latency_frames
    assert late == 64
    assert np.array_equal(rig.process(x)[:, late:], x[:, :-late])
    assert rig.state[0] == 0.0


def test_it_comes_back_with_its_release_to_exactly_nothing():
    """A click of 20 dB over the ceiling on a quiet tone; afterwards the gain is a closed form."""
    release_ms, rate_hz = 50.0, 48_000
    x = np.full((2, 96_000), 1e-3, np.float32)
    x[:, 1000] = 10.0
    rig = EffectRig(limiter_ahead.KIND, ceiling_db=0.0, release_ms=release_ms)
    late = rig.latency_frames
    gains = rig.process(x)[0, late:] / x[0, :-late]
    lowest = float(gains[1000])
    assert -20.5 < 20 * np.log10(lowest) < -20.0
    for after_ms in (50, 100, 250):
        at = 1000 + round(after_ms * 1e-3 * rate_hz)
        # The hold and the two means are over after as many frames as the latency, less the filter's.
        expected = 1 - (1 - lowest) * np.exp(-(after_ms - 1000 * 33 / rate_hz) / release_ms)
        assert gains[at] == pytest.approx(expected, abs=0.01)
    assert np.all(gains[-40_000:] == 1.0)
    assert rig.state[0] == 0.0


def test_the_gain_has_come_down_smoothly_when_the_peak_arrives():
    x = np.full((2, 4000), 0.01, np.float32)
    x[:, 2000] = 8.0
    rig = EffectRig(limiter_ahead.KIND, ceiling_db=0.0)
    y = rig.process(x)[0, rig.latency_frames :]
    gains = y / x[0, : y.size]
    assert np.all(gains[:1930] == 1.0)
    # From one to an eighth within a millisecond, by two means: never more than two of 25 parts a frame.
    assert np.abs(np.diff(gains)).max() <= 2.0 * (1 - 1 / 8) / 25
    assert y[2000] <= 1.0


def test_drive_is_gain_before_the_ceiling():
    x = 0.01 * np.random.default_rng(1).standard_normal((2, 9600)).astype(np.float32)
    rig = EffectRig(limiter_ahead.KIND, drive_db=12.0)
    late = rig.latency_frames
    assert np.allclose(rig.process(x)[:, late:], 10 ** (12 / 20) * x[:, :-late], rtol=1e-5)
    loud = EffectRig(limiter_ahead.KIND, drive_db=24.0, ceiling_db=-3.0).process(to_its_end(20 * x))
    assert max(true_peaks_db(loud)) <= -3.0


def test_both_channels_are_turned_down_together():
    x = np.zeros((2, 9600), np.float32)
    x[0] = 2.0 * np.sin(np.arange(9600) * 0.1)
    x[1] = 0.1 * np.sin(np.arange(9600) * 0.03)
    rig = EffectRig(limiter_ahead.KIND, ceiling_db=0.0)
    late = rig.latency_frames
    y = rig.process(x)[:, late:]
    steady = slice(4800, None)
    ratio = np.abs(y[:, steady]).max(axis=1) / np.abs(x[:, :-late][:, steady]).max(axis=1)
    assert ratio[1] == pytest.approx(ratio[0], rel=0.05)
    assert 20 * np.log10(ratio[0]) == pytest.approx(-6.4, abs=0.3)
