"""Delay and doubler against closed forms: where echoes stand, how they darken, how far doubles stray."""

import numpy as np
import pytest
import scipy.signal

from engine.realtime.effects import delay, doubler
from tests.effect_rig import EffectRig

RATE_HZ = 48_000


def echoes(one, n, left=1.0, right=1.0):
    """What an impulse at the first frame becomes."""
    x = np.zeros((2, n), np.float32)
    x[:, 0] = [left, right]
    return one.process(x, (512, 77))


def one_pole_share(cutoff_hz):
    return 1 - np.exp(-2 * np.pi * cutoff_hz / RATE_HZ)


def expected_echoes(n, late, feedback, low_cut_hz, high_cut_hz):
    """Each echo is the one before it, late, softer and through both cuts once more, by scipy."""
    echo = np.zeros(n)
    echo[late] = 1.0
    total = np.zeros(n)
    high, low = one_pole_share(high_cut_hz), one_pole_share(low_cut_hz)
    while np.abs(echo).max() > 1e-9:
        total += echo
        dark = scipy.signal.lfilter([high], [1, high - 1], echo)
        dark -= scipy.signal.lfilter([low], [1, low - 1], dark)
        echo = np.concatenate([np.zeros(late), feedback * dark[:-late]])
    return total


def test_echoes_are_those_of_a_feedback_line_with_both_cuts():
    one = EffectRig(delay.KIND, time_ms=50.0, feedback=0.6, low_cut_hz=200.0, high_cut_hz=4000.0)
    found = echoes(one, 30_000)
    expected = expected_echoes(30_000, 2400, 0.6, 200.0, 4000.0)
    assert np.abs(found - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("division", "tempo_bpm", "seconds"),
    [
        ("1/4", 120.0, 0.5),
        ("1/8 dotted", 100.0, 0.45),
        ("1/8 triplet", 90.0, 2 / 9),
        ("1/16", 75.0, 0.2),
        ("1/2", 40.0, 1.5),  # three seconds are too long for the line: half of that, still in time
    ],
)
def test_echoes_stand_on_the_notes_of_the_tempo(division, tempo_bpm, seconds):
    choices = delay.KIND.parameters[delay.P_DIVISION].choices
    one = EffectRig(delay.KIND, division=choices.index(division), tempo_bpm=tempo_bpm, feedback=0.0)
    found = echoes(one, 80_000)
    assert np.flatnonzero(found[0]).tolist() == [round(seconds * RATE_HZ)]


def test_ping_pong_begins_on_the_left_and_changes_sides():
    one = EffectRig(
        delay.KIND, time_ms=10.0, feedback=0.5, ping_pong=1.0, low_cut_hz=20.0, high_cut_hz=20_000.0
    )
    found = echoes(one, 2400, 0.8, 0.4)
    places = 480 * np.arange(1, 5)
    heights = np.abs(found[:, places])
    assert heights[0, 0] == pytest.approx(0.6)
    assert heights[1, 0] == 0.0
    assert heights[0, 1] == 0.0
    assert heights[1, 1] > 0.25
    assert heights[0, 2] > 0.1
    assert heights[1, 2] < 1e-3  # what the low cut of the echo before has left


def test_a_new_time_is_reached_by_a_fade_and_bends_no_pitch():
    one = EffectRig(delay.KIND, time_ms=40.0, feedback=0.0)
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    x = np.tile((0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32), (2, 1))
    before = one.process(x[:, :RATE_HZ])
    one.set(time_ms=90.0)
    after = one.process(x[:, RATE_HZ:])
    y = np.concatenate([before, after], axis=1)
    np.testing.assert_allclose(y[:, -9600:], x[:, -9600 - 4320 : -4320], atol=1e-9)
    # 40 and 90 ms are whole periods, so that nothing is to be heard of the change at all.
    assert np.abs(y[:, 4000:] - x[:, 4000:]).max() < 1e-4


def test_doubles_without_detune_are_plain_delays_at_their_sides():
    one = EffectRig(doubler.KIND, delay_ms=20.0, detune_cents=0.0, width=1.0)
    found = echoes(one, 4000)
    assert np.flatnonzero(found[0]).tolist() == [960]
    assert found[0, 960] == 1.0
    # 1.31 times 20 ms lies between two frames: the cubic's four taps, in all as loud.
    assert np.flatnonzero(found[1]).tolist() == [1256, 1257, 1258, 1259]
    assert found[1].sum() == pytest.approx(1.0, abs=1e-6)


def test_doubles_of_no_width_stand_in_the_middle():
    found = echoes(EffectRig(doubler.KIND, voices=1.0, width=0.0), 4000)
    assert np.any(found != 0.0)
    assert np.array_equal(found[0], found[1])


@pytest.mark.parametrize("wander_hz", [0.3, 1.5])
def test_doubles_stray_as_far_as_they_may_and_no_further(wander_hz):
    cents = 20.0
    one = EffectRig(doubler.KIND, detune_cents=cents, wander_hz=wander_hz, width=1.0, delay_ms=40.0)
    t = np.arange(16 * RATE_HZ) / RATE_HZ
    x = np.tile((0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32), (2, 1))
    heard = scipy.signal.hilbert(one.process(x, (512,))[0, 9600:].astype(np.float64))
    assert np.ptp(np.abs(heard)[4800:-4800]) < 0.01
    turn = np.angle(heard[100:] * np.conj(heard[:-100]) * np.exp(-2j * np.pi * 1000 * 100 / RATE_HZ))
    strayed = 1200 * np.log2(1 + turn[4800:-4800] / (2 * np.pi * 100 / RATE_HZ * 1000))
    assert strayed.max() == pytest.approx(cents, rel=0.15)
    assert strayed.min() == pytest.approx(-cents, rel=0.15)


def test_a_knob_on_its_way_is_waited_for():
    """One fade for one turn: each fade sounds both places at once."""
    one = EffectRig(delay.KIND, time_ms=40.0, feedback=0.0)
    one.process(np.zeros((2, 4800), np.float32))
    one.set(time_ms=90.0)
    x = np.zeros((2, 2 * RATE_HZ), np.float32)
    x[:, ::37] = 1.0
    y = one.process(x)
    # A fraction of an echo is heard while two places sound; a second fade would be heard apart from it.
    mixed = np.flatnonzero((y[0] > 0.0) & (y[0] < 1.0))
    assert mixed.size > 0
    assert np.ptp(mixed) < 0.04 * RATE_HZ
