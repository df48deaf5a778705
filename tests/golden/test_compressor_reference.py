"""Compressor, de-esser and their kernels against closed forms: the static curve, the time constants."""

import math

import numpy as np
import pytest
import scipy.signal

from engine.kernels.dynamics import ROW_FRAMES, draw_reductions, fast_gain, fast_level_db, reduction_db
from engine.realtime.effects import compressor, de_esser
from tests.effect_rig import EffectRig

RATE_HZ = 48_000
LEVELS_DB = range(-56, 1, 4)
CURVES = [(-24, 4, 0), (-24, 4, 12), (-40, 2, 6), (-12, 20, 24), (-30, 1, 6)]
"""Threshold in dB, ratio, knee in dB."""


def sine(level_db, frequency_hz, seconds=2.0, rate_hz=RATE_HZ):
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    wave = 10 ** (level_db / 20) * np.sin(2 * np.pi * frequency_hz * t)
    return np.stack([wave, 0.5 * wave]).astype(np.float32)


def gain_db(rig, x, tail=4800):
    y = rig.process(x)
    return 20 * np.log10(np.std(y[0, -tail:]) / np.std(x[0, -tail:]))


def curve_db(level_db, threshold_db, ratio, knee_db):
    """What a textbook's compressor puts out for a level: eq. 4 of Giannoulis, Massberg and Reiss, 2012."""
    over = level_db - threshold_db
    if 2 * over < -knee_db:
        return level_db
    if 2 * abs(over) <= knee_db and knee_db > 0:
        return level_db + (1 / ratio - 1) * (over + knee_db / 2) ** 2 / (2 * knee_db)
    return threshold_db + over / ratio


def curve_errors_db(rate_hz, detector, threshold_db, ratio, knee_db):
    """How far from the textbook steady tones of all levels come out, and how far off the meter is."""
    errors_db = []
    for level_db in LEVELS_DB:
        rig = EffectRig(
            compressor.KIND,
            rate_hz,
            threshold_db=threshold_db,
            ratio=ratio,
            knee_db=knee_db,
            detector=detector,
        )
        found = level_db + gain_db(rig, sine(level_db, 1000, 1.0, rate_hz))
        expected = curve_db(level_db, threshold_db, ratio, knee_db)
        errors_db += [found - expected, rig.state[0] - (level_db - expected)]
    return np.array(errors_db)


@pytest.mark.parametrize("detector", [0, 1])
@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
@pytest.mark.parametrize(("threshold_db", "ratio", "knee_db"), CURVES)
def test_the_static_curve_is_the_textbooks(detector, rate_hz, threshold_db, ratio, knee_db):
    assert np.abs(curve_errors_db(rate_hz, detector, threshold_db, ratio, knee_db)).max() < 0.2


def test_makeup_by_hand_and_half_of_what_is_lost_by_itself():
    fixed = {"threshold_db": -20.0, "ratio": 4.0, "knee_db": 0.0}
    assert gain_db(EffectRig(compressor.KIND, makeup_db=7.5, **fixed), sine(-40, 1000)) == pytest.approx(
        7.5, abs=0.01
    )
    # 20 dB over at 4:1 lose 15 dB.
    automatic = gain_db(EffectRig(compressor.KIND, auto_makeup=1, **fixed), sine(-40, 1000))
    assert automatic == pytest.approx(7.5, abs=0.01)


@pytest.mark.parametrize(("attack_ms", "release_ms"), [(5, 100), (20, 400), (0.5, 50)])
def test_attack_and_release_are_time_constants(attack_ms, release_ms):
    """A step of 20 dB over at infinity to one, nearly: how far it has come after one and three times."""
    rig = EffectRig(
        compressor.KIND, threshold_db=-20, ratio=20, knee_db=0, attack_ms=attack_ms, release_ms=release_ms
    )
    # Alternating signs: a high tone whose every sample is a peak.
    wave = np.tile(np.where(np.arange(2 * RATE_HZ) % 2, 1.0, -1.0), (2, 1)).astype(np.float32)
    rig.process(0.01 * wave[:, :4800])
    y = np.abs(rig.process(wave)[0])
    settled_db = 19.0
    for times in (1, 3):
        at = round(times * attack_ms * 1e-3 * RATE_HZ)
        assert -20 * math.log10(y[at - 1]) == pytest.approx(settled_db * (1 - math.exp(-times)), abs=0.4)
    y = 100 * np.abs(rig.process(0.01 * wave)[0])
    # The attack stands behind the release: two poles, in closed form.
    for times in (1, 3):
        t, a, r = times * release_ms, attack_ms, release_ms
        left = (r * math.exp(-t / r) - a * math.exp(-t / a)) / (r - a)
        assert -20 * math.log10(y[round(t * 1e-3 * RATE_HZ) - 1]) == pytest.approx(settled_db * left, abs=0.2)


def test_low_tones_do_not_turn_it_down_behind_the_side_chain():
    fixed = {"threshold_db": -30.0, "ratio": 10.0, "knee_db": 0.0, "release_ms": 500.0}
    rig = EffectRig(compressor.KIND, side_chain_hz=400.0, **fixed)
    db = gain_db(rig, sine(-10, 100))
    b, a = scipy.signal.butter(2, 400, "highpass", fs=RATE_HZ)
    heard_db = -10 + 20 * np.log10(abs(scipy.signal.freqz(b, a, [100], fs=RATE_HZ)[1][0]))
    assert db == pytest.approx(curve_db(heard_db, -30, 10, 0) - heard_db, abs=0.2)
    assert gain_db(EffectRig(compressor.KIND, side_chain_hz=20.0, **fixed), sine(-10, 100)) < -17


def test_the_louder_channel_turns_both_down():
    x = sine(-6, 1000)
    x[1] = 10 ** (-40 / 20) * np.sin(np.arange(x.shape[1]))
    y = EffectRig(compressor.KIND, threshold_db=-20, ratio=8, release_ms=500).process(x)
    tail = slice(-4800, None)
    assert np.std(y[0, tail]) / np.std(x[0, tail]) == pytest.approx(
        np.std(y[1, tail]) / np.std(x[1, tail]), rel=1e-3
    )


@pytest.mark.parametrize("shape", [0, 1])
@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_a_de_esser_at_work_is_a_shelf_or_a_bell(shape, rate_hz):
    """Held at its full range it is a fixed filter; scipy has its magnitude from the analogue circuit."""
    range_db, freq_hz = 12.0, 6000.0
    g = 10 ** (-range_db / 20)
    k = 2**0.5 if shape == 0 else 1 / de_esser.BELL_Q
    w = 2 * rate_hz * math.tan(math.pi * freq_hz / rate_hz)
    middle = k * (math.sqrt(g) if shape == 0 else g)
    top = g if shape == 0 else 1.0
    b, a = scipy.signal.bilinear([top / w**2, middle / w, 1], [1 / w**2, k / w, 1], fs=rate_hz)
    for tone_hz in (3000, 4500, 6000, 7500, 11_000, 15_000):
        # A release of half a second, so that the gain stands still between the peaks.
        rig = EffectRig(
            de_esser.KIND,
            rate_hz,
            freq_hz=freq_hz,
            threshold_db=-60,
            range_db=range_db,
            shape=shape,
            release_ms=500,
        )
        expected = 20 * np.log10(abs(scipy.signal.freqz(b, a, [tone_hz], fs=rate_hz)[1][0]))
        assert gain_db(rig, sine(-6, tone_hz, 0.5, rate_hz)) == pytest.approx(expected, abs=0.1)
        assert rig.state[0] == pytest.approx(range_db)


def test_a_de_esser_lets_vowels_and_quiet_s_sounds_through():
    vowels = sine(-10, 300) + sine(-20, 900)
    rig = EffectRig(de_esser.KIND, freq_hz=6000, threshold_db=-30)
    assert np.array_equal(rig.process(vowels), vowels)
    quiet = sine(-40, 7000)
    assert np.array_equal(EffectRig(de_esser.KIND, freq_hz=6000, threshold_db=-30).process(quiet), quiet)


def test_a_de_esser_turns_down_by_its_ratio_above_the_threshold():
    # At ten times the corner the side-chain hears all of it: 10 dB over at 4:1.
    rig = EffectRig(de_esser.KIND, freq_hz=2000, threshold_db=-20, range_db=24, release_ms=500)
    assert gain_db(rig, sine(-10, 20_000)) == pytest.approx(-7.5, abs=0.2)


def test_decibels_at_speed_are_decibels():
    levels_db = np.linspace(-199, 60, 4001)
    gains = 10 ** (levels_db / 20)
    assert np.max(np.abs([fast_level_db(g) for g in gains] - levels_db)) < 1e-4
    found = np.array([fast_gain(level) for level in levels_db])
    assert np.max(np.abs(20 * np.log10(found / gains))) < 1e-4
    assert fast_gain(0.0) == 1.0
    assert fast_level_db(0.0) == pytest.approx(-200.0, abs=1e-4)


def test_a_row_of_reductions_is_the_curve_of_each():
    rng = np.random.default_rng(0)
    for _ in range(200):
        threshold_db, slope, knee_db = rng.uniform(-60, 0), rng.uniform(0, 1), rng.choice([0.0, 3.0, 24.0])
        levels_db = rng.uniform(-80, 6, ROW_FRAMES)
        row = (10 ** (levels_db / 10)).astype(np.float32)
        draw_reductions(row, threshold_db, slope, knee_db)
        expected = [reduction_db(level, threshold_db, slope, knee_db) for level in levels_db]
        textbook = [
            level - curve_db(level, threshold_db, 1 / max(1 - slope, 1e-12), knee_db) for level in levels_db
        ]
        assert np.allclose(row, expected, atol=1e-3)
        assert np.allclose(expected, textbook, atol=1e-3)
