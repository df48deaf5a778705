"""Equaliser and high-pass against scipy: what comes out of them has the magnitude that the cookbook says."""

import math

import numpy as np
import pytest
import scipy.signal

from engine.realtime.effects import equaliser, high_pass
from tests.effect_rig import EffectRig

TOLERANCE_DB = 0.1
BELLS = ("bell_1", "bell_2", "bell_3", "bell_4")


def cookbook(form, freq_hz, gain_db, q, rate_hz):
    """b and a of one biquad, written down from the audio EQ cookbook."""
    amplitude = 10 ** (gain_db / 40)
    w = 2 * math.pi * freq_hz / rate_hz
    cos, alpha = math.cos(w), math.sin(w) / (2 * q)
    if form == "bell":
        b = [1 + alpha * amplitude, -2 * cos, 1 - alpha * amplitude]
        a = [1 + alpha / amplitude, -2 * cos, 1 - alpha / amplitude]
        return np.array(b), np.array(a)
    sign = 1 if form == "low_shelf" else -1
    up, down = amplitude + 1, amplitude - 1
    root = 2 * math.sqrt(amplitude) * alpha
    b = [
        amplitude * (up - sign * down * cos + root),
        sign * 2 * amplitude * (down - sign * up * cos),
        amplitude * (up - sign * down * cos - root),
    ]
    a = [up + sign * down * cos + root, -sign * 2 * (down + sign * up * cos), up + sign * down * cos - root]
    return np.array(b), np.array(a)


def found_db(rig, freq_hz, seconds=4):
    """Magnitude of what an impulse makes, at some frequencies."""
    n = int(seconds * rig.rate_hz)
    x = np.zeros((2, n), np.float32)
    x[:, 0] = [1.0, -0.5]
    y = rig.process(x, (512, 37)).astype(np.float64)
    assert np.allclose(y[1], -0.5 * y[0], atol=1e-7)
    at = np.round(freq_hz * n / rig.rate_hz).astype(int)
    return 20 * np.log10(np.abs(np.fft.rfft(y[0]))[at]), at * rig.rate_hz / n


def equaliser_error_db(rate_hz, seed):
    """How far six bands set at random are from scipy's magnitude at most, 20 Hz to 20 kHz."""
    rng = np.random.default_rng(seed)
    values, expected = {}, np.zeros(60)
    freq_hz = np.geomspace(20, 20_000, 60)
    rig = EffectRig(equaliser.KIND, rate_hz)
    bands = [
        ("low_shelf", "low_shelf", 1.0),
        *((b, "bell", 18.0) for b in BELLS),
        ("high_shelf",) * 2 + (1.0,),
    ]
    sections = []
    for name, form, highest_q in bands:
        corner_hz, gain_db = np.exp(rng.uniform(np.log(30), np.log(18_000))), rng.uniform(-18, 18)
        q = np.exp(rng.uniform(np.log(0.35), np.log(highest_q)))
        values |= {f"{name}_freq_hz": corner_hz, f"{name}_gain_db": gain_db, f"{name}_q": q}
        sections.append(cookbook(form, corner_hz, gain_db, q, rate_hz))
    rig.set(**values, output_db=-7.5)
    found, at_hz = found_db(rig, freq_hz)
    for b, a in sections:
        expected += 20 * np.log10(np.abs(scipy.signal.freqz(b, a, at_hz, fs=rate_hz)[1]))
    return np.max(np.abs(found - expected + 7.5))


def high_pass_error_db(rate_hz, slope, corner_hz):
    """How far the high-pass is from scipy's Butterworth at most, where that can be heard."""
    rig = EffectRig(high_pass.KIND, rate_hz, freq_hz=corner_hz, slope=slope)
    found, at_hz = found_db(rig, np.geomspace(10, 20_000, 40))
    sos = scipy.signal.butter(2 + 2 * slope, corner_hz, "highpass", fs=rate_hz, output="sos")
    expected = 20 * np.log10(np.abs(scipy.signal.sosfreqz(sos, at_hz, fs=rate_hz)[1]))
    return np.max(np.abs(found - expected)[expected > -80])


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 88_200, 96_000])
@pytest.mark.parametrize("seed", range(3))
def test_the_equaliser_has_the_magnitude_of_scipy(rate_hz, seed):
    assert equaliser_error_db(rate_hz, seed) < TOLERANCE_DB


def test_a_flat_equaliser_changes_no_bit():
    x = np.random.default_rng(0).standard_normal((2, 5000)).astype(np.float32)
    assert np.array_equal(EffectRig(equaliser.KIND).process(x), x)


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
@pytest.mark.parametrize("slope", [0, 1])
@pytest.mark.parametrize("corner_hz", [20, 80, 1000])
def test_the_high_pass_is_scipys_butterworth(rate_hz, slope, corner_hz):
    assert high_pass_error_db(rate_hz, slope, corner_hz) < TOLERANCE_DB


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (equaliser.KIND, {"bell_2_freq_hz": 1000, "bell_2_gain_db": -12}, {"bell_2_gain_db": 12}),
        (equaliser.KIND, {"bell_2_freq_hz": 100, "bell_2_gain_db": 12}, {"bell_2_freq_hz": 5000}),
        (equaliser.KIND, {}, {"output_db": 12}),
        (high_pass.KIND, {"freq_hz": 20}, {"freq_hz": 1000}),
        (high_pass.KIND, {"freq_hz": 1000}, {"slope": 1}),
    ],
)
def test_turning_a_knob_by_all_of_its_way_makes_no_zipper_noise(kind, before, after):
    """On a tone, what is new at more than twice its frequency stays 50 dB below; a jump makes 24 dB."""
    tone = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    x = np.tile(tone.astype(np.float32), (2, 1))
    rig = EffectRig(kind, **before)
    first = rig.process(x[:, :24_000])
    rig.set(**after)
    y = np.concatenate([first, rig.process(x[:, 24_000:])], axis=1)[0]
    above = scipy.signal.butter(8, 2200, "highpass", fs=48_000, output="sos")

    def noise_db(heard):
        return 20 * np.log10(np.abs(scipy.signal.sosfilt(above, heard)[2000:]).max() / np.abs(heard).max())

    assert noise_db(y.astype(np.float64)) < -50
    assert noise_db(np.repeat([1.0, 4.0], 24_000) * tone) > -30
