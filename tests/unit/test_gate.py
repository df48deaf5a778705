"""The gate's decisions: two thresholds, a hold, what it listens to, how fast it moves."""

import numpy as np
import pytest

from engine.realtime.effects import gate
from tests.effect_rig import EffectRig

RATE_HZ = 48_000


def steps(*parts):
    """A 1 kHz tone whose level in dB changes: (level, ms), (level, ms), .."""
    level = np.concatenate([np.full(round(ms * RATE_HZ / 1000), 10 ** (db / 20)) for db, ms in parts])
    wave = level * np.sin(2 * np.pi * 1000 * np.arange(level.size) / RATE_HZ)
    return np.stack([wave, wave]).astype(np.float32)


def gain_db(x, y, from_ms, to_ms):
    part = slice(round(from_ms * RATE_HZ / 1000), round(to_ms * RATE_HZ / 1000))
    return 20 * np.log10(np.std(y[0, part]) / np.std(x[0, part]))


def opened_ms(x, y):
    """From when to when more than half of the sound came through."""
    envelope = np.abs(x[0]) > 1e-5
    ratio = np.where(envelope, np.abs(y[0]) / np.maximum(np.abs(x[0]), 1e-5), 0.0)
    through = np.flatnonzero(ratio > 0.5)
    return through[0] * 1000 / RATE_HZ, through[-1] * 1000 / RATE_HZ


@pytest.mark.parametrize("range_db", [0.0, 20.0, 90.0])
def test_closed_it_turns_down_by_its_range_and_open_it_changes_nothing(range_db):
    x = steps((-60, 300), (-20, 300))
    rig = EffectRig(gate.KIND, threshold_db=-40, range_db=range_db)
    y = rig.process(x[:, : 300 * 48])
    assert gain_db(x, y, 100, 300) == pytest.approx(-range_db, abs=0.01)
    assert rig.state[0] == pytest.approx(range_db, abs=0.01)
    y = rig.process(x[:, 300 * 48 :])
    assert np.array_equal(y[:, 4800:], x[:, 300 * 48 + 4800 :])
    assert rig.state[0] == 0.0


def test_it_opens_above_the_threshold_and_not_below_it():
    for level_db, is_open in ((-40.5, False), (-39.5, True)):
        x = steps((level_db, 500))
        y = EffectRig(gate.KIND, threshold_db=-40, side_chain_hz=20).process(x)
        assert gain_db(x, y, 400, 500) == pytest.approx(0 if is_open else -40, abs=0.1)


@pytest.mark.parametrize(("level_db", "stays"), [(-45.5, True), (-46.5, False)])
def test_once_open_it_closes_only_below_the_hysteresis(level_db, stays):
    x = steps((-30, 200), (level_db, 3000))
    y = EffectRig(
        gate.KIND, threshold_db=-40, hysteresis_db=6, hold_ms=50, release_ms=20, side_chain_hz=20
    ).process(x)
    assert gain_db(x, y, 3000, 3200) == pytest.approx(0 if stays else -40, abs=0.1)


def test_hovering_about_the_threshold_does_not_flutter():
    """A tone that swings 4 dB about the threshold five times a second, hold as short as it gets."""
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    level_db = -40 + 2 * np.sin(2 * np.pi * 5 * t)
    x = np.tile((10 ** (level_db / 20) * np.sin(2 * np.pi * 1000 * t)).astype(np.float32), (2, 1))

    def openings(hysteresis_db):
        y = EffectRig(
            gate.KIND, threshold_db=-40, hysteresis_db=hysteresis_db, hold_ms=0, release_ms=5, attack_ms=0.1
        ).process(x)
        ratio = np.abs(y[0]).reshape(-1, 480).max(axis=1) / np.abs(x[0]).reshape(-1, 480).max(axis=1)
        return int(np.sum(np.diff((ratio > 0.5).astype(int), prepend=0) == 1))

    assert openings(0.0) >= 8
    assert openings(6.0) == 1


@pytest.mark.parametrize("hold_ms", [0, 100, 700])
def test_it_stays_open_for_the_hold(hold_ms):
    x = steps((-80, 100), (-20, 100), (-80, 1500))
    y = EffectRig(
        gate.KIND, threshold_db=-40, hysteresis_db=0, hold_ms=hold_ms, release_ms=5, attack_ms=0.1
    ).process(x)
    opened, closed = opened_ms(x, y)
    assert opened == pytest.approx(100, abs=1.5)
    # The level falls 20 dB at 10 ms a time constant; half of the gain is gone 0.7 of a release later.
    assert closed == pytest.approx(200 + 23 + hold_ms + 3.5, abs=3)


@pytest.mark.parametrize(("attack_ms", "release_ms"), [(10, 100), (50, 400)])
def test_attack_and_release_are_time_constants(attack_ms, release_ms):
    wave = np.where(np.arange(3 * RATE_HZ) % 2, 1.0, -1.0) * 1e-4
    wave[RATE_HZ : 2 * RATE_HZ] *= 1e3
    x = np.tile(wave.astype(np.float32), (2, 1))
    y = EffectRig(
        gate.KIND,
        threshold_db=-40,
        hysteresis_db=0,
        range_db=90,
        attack_ms=attack_ms,
        release_ms=release_ms,
        hold_ms=0,
    ).process(x)
    gains = np.abs(y[0] / x[0])
    assert gains[RATE_HZ + attack_ms * 48] == pytest.approx(1 - np.exp(-1), abs=0.01)
    closing = 2 * RATE_HZ + np.argmax(gains[2 * RATE_HZ :] < 1.0)
    assert gains[closing + release_ms * 48] == pytest.approx(np.exp(-1), abs=0.01)


def test_rumble_does_not_open_it_behind_the_side_chain():
    t = np.arange(RATE_HZ) / RATE_HZ
    x = np.tile((0.1 * np.sin(2 * np.pi * 50 * t)).astype(np.float32), (2, 1))  # -20 dB
    shut = EffectRig(gate.KIND, threshold_db=-40, side_chain_hz=500).process(x)
    open_ = EffectRig(gate.KIND, threshold_db=-40, side_chain_hz=20).process(x)
    assert gain_db(x, shut, 800, 1000) == pytest.approx(-40, abs=0.1)
    assert gain_db(x, open_, 800, 1000) == pytest.approx(0, abs=0.1)


def test_either_channel_opens_both():
    x = steps((-20, 300))
    x[0] *= 1e-3
    y = EffectRig(gate.KIND, threshold_db=-40).process(x)
    assert np.array_equal(y[:, 9600:], x[:, 9600:])
