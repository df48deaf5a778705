"""The saturator against the curve's own Fourier series, and what folds back."""

import numpy as np
import pytest

from engine.realtime.effects import saturator
from tests.effect_rig import EffectRig

RATES_HZ = [44_100, 48_000, 88_200, 96_000]


def overtones(push, bias, count):
    """Amplitudes of the overtones of tanh(push * sin + bias), by the Fourier integral."""
    t = np.arange(4096) / 4096
    spectrum = np.fft.rfft(np.tanh(push * np.sin(2 * np.pi * t) + bias)) / 2048
    return np.abs(spectrum[1 : count + 1])


def spectrum_of(tone_hz, rate_hz, level=1.0, **values):
    """Amplitudes a hertz apart of what a steady tone becomes."""
    n = int(rate_hz)
    t = np.arange(2 * n) / rate_hz
    x = np.tile((level * np.sin(2 * np.pi * tone_hz * t)).astype(np.float32), (2, 1))
    y = EffectRig(saturator.KIND, rate_hz, auto_level=0.0, **values).process(x, (512,))
    assert np.array_equal(y[0], y[1])
    window = np.blackman(n)
    return np.abs(np.fft.rfft(y[0, n:] * window)) / window.sum() * 2


@pytest.mark.parametrize("bias", [0.0, 0.5])
@pytest.mark.parametrize("drive_db", [0.0, 12.0, 24.0])
def test_overtones_have_the_level_of_the_curve(drive_db, bias):
    found = spectrum_of(1000, 48_000, 0.5, drive_db=drive_db, bias=bias)[1000:18_001:1000]
    expected = overtones(0.5 * 10 ** (drive_db / 20), bias, 18)
    heard = expected > 1e-4 * expected[0]
    assert heard.sum() >= 2
    np.testing.assert_allclose(20 * np.log10(found[heard] / expected[heard]), 0.0, atol=0.05)


def highest_alias_db(rate_hz, bias):
    """Of a 5 kHz tone at 12 dB of drive: the loudest that is no overtone, against the tone."""
    found = spectrum_of(5000, rate_hz, drive_db=12.0, bias=bias)
    tone = found[5000]
    for k in range(5000, found.size, 5000):
        found[k - 5 : k + 6] = 0.0
    found[:8] = 0.0
    return 20 * np.log10(found.max() / tone)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("bias", [0.0, 0.6])
def test_aliases_of_a_5_khz_tone_at_12_db_of_drive_stay_below_70_db(rate_hz, bias):
    assert highest_alias_db(rate_hz, bias) < -70.0


def test_without_oversampling_the_same_measure_finds_aliases():
    t = np.arange(48_000) / 48_000
    window = np.blackman(t.size)
    found = np.abs(np.fft.rfft(np.tanh(4 * np.sin(2 * np.pi * 5000 * t)) * window))
    assert 20 * np.log10(found[23_000] / found[5000]) > -20.0


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_quiet_voice_keeps_its_spectrum_to_16_khz(rate_hz):
    one = EffectRig(saturator.KIND, rate_hz, drive_db=0.0, auto_level=0.0)
    x = np.zeros((2, 8192), np.float32)
    x[:, 0] = 1e-3
    response = np.abs(np.fft.rfft(one.process(x)[0])) / 1e-3
    at_hz = np.arange(response.size) * rate_hz / 8192
    clean = (at_hz > 40) & (at_hz < 16_000)
    assert np.abs(20 * np.log10(response[clean])).max() < 0.1


@pytest.mark.parametrize("drive_db", [0.0, 12.0, 36.0])
def test_auto_level_keeps_the_height_of_a_voice(drive_db):
    t = np.arange(24_000) / 48_000
    x = np.tile((0.25 * np.sin(2 * np.pi * 300 * t)).astype(np.float32), (2, 1))
    y = EffectRig(saturator.KIND, drive_db=drive_db).process(x)
    overshoot = 1.15 if drive_db > 30 else 1.01  # a square wave without its highest overtones
    assert 0.24 < np.abs(y[:, 12_000:]).max() < 0.25 * overshoot


def test_a_bias_leaves_no_constant_behind():
    t = np.arange(96_000) / 48_000
    x = np.tile((0.5 * np.sin(2 * np.pi * 200 * t)).astype(np.float32), (2, 1))
    y = EffectRig(saturator.KIND, drive_db=18.0, bias=0.7).process(x)
    bent = np.tanh(0.5 * 10 ** (18 / 20) * np.sin(2 * np.pi * np.arange(1000) / 1000) + 0.7) - np.tanh(0.7)
    assert abs(bent.mean()) > 0.05  # the curve alone would
    assert abs(y[:, 72_000:].mean()) < 2e-3
