"""Trim: gain by hand, and a gain learnt from the voice."""

import numpy as np
import pytest
import scipy.signal

from engine.kernels.loudness import LoudnessMeter
from engine.realtime.effects import trim
from tests.effect_rig import EffectRig

RATE_HZ = 48_000


def voice(seconds, level_db, rate_hz=RATE_HZ, seed=0):
    """Noise coloured like speech, a syllable every quarter of a second."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate_hz)
    sos = scipy.signal.butter(1, [150, 3000], "bandpass", fs=rate_hz, output="sos")
    x = scipy.signal.sosfilt(sos, rng.standard_normal(n))
    x *= 0.3 + 0.7 * np.abs(np.sin(np.pi * 4 * np.arange(n) / rate_hz))
    x *= 10 ** (level_db / 20) / np.std(x)
    return np.tile(x.astype(np.float32), (2, 1))


def loudness(x, rate_hz=RATE_HZ):
    meter = LoudnessMeter(rate_hz, 2)
    meter.push(np.ascontiguousarray(x))
    return meter.integrated_lufs


@pytest.mark.parametrize("gain_db", [-24.0, -6.0, 48.0])
def test_by_hand_it_is_a_gain(gain_db):
    x = voice(0.5, -60)
    y = EffectRig(trim.KIND, gain_db=gain_db).process(x)
    assert np.allclose(y, 10 ** (gain_db / 20) * x, rtol=1e-5, atol=0)


def test_at_unity_it_changes_no_bit():
    x = voice(0.5, -20)
    assert np.array_equal(EffectRig(trim.KIND).process(x), x)


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
@pytest.mark.parametrize(("level_db", "target_lufs"), [(-45, -20), (-30, -26), (-12, -30)])
def test_it_brings_the_voice_to_the_target(rate_hz, level_db, target_lufs):
    """As the loudness meter measures it, which is another piece of code."""
    x = voice(8, level_db, rate_hz)
    rig = EffectRig(trim.KIND, rate_hz, auto=1, target_lufs=target_lufs)
    y = rig.process(x)
    assert loudness(y[:, -4 * rate_hz :], rate_hz) == pytest.approx(target_lufs, abs=0.7)
    assert rig.state[1] == pytest.approx(target_lufs - loudness(x, rate_hz), abs=0.7)


def test_it_is_within_two_decibels_after_two_seconds():
    x = voice(3, -40)
    y = EffectRig(trim.KIND, auto=1).process(x)
    assert loudness(y[:, 2 * RATE_HZ :]) == pytest.approx(-20, abs=2)


def test_pauses_and_a_quiet_room_teach_it_nothing():
    rig = EffectRig(trim.KIND, auto=1)
    rig.process(voice(6, -35))
    rig.process(np.zeros((2, RATE_HZ), np.float32))  # the stretch in which the phrase ends is voice still
    learnt_db = rig.state[1]
    rig.process(np.zeros((2, 10 * RATE_HZ), np.float32))
    rig.process(voice(10, -70, seed=1))
    assert rig.state[1] == learnt_db


def test_a_voice_that_goes_on_quieter_is_followed():
    """Further than the relative gate below what it sang before: not taken for a pause for ever."""
    rig = EffectRig(trim.KIND, auto=1)
    rig.process(voice(4, -15))
    rig.process(voice(40, -35, seed=1))
    y = rig.process(voice(4, -35, seed=2))
    assert loudness(y) == pytest.approx(-20, abs=2)


def test_peaks_keep_their_headroom():
    """Clicks on a quiet voice: bringing that to the target would clip them."""
    x = voice(6, -50)
    x[:, ::9600] = 0.4
    rig = EffectRig(trim.KIND, auto=1, target_lufs=-10)
    y = rig.process(x)
    assert 20 * np.log10(np.abs(y[:, -RATE_HZ:]).max()) == pytest.approx(-trim.HEADROOM_DB, abs=0.5)


def test_what_was_learnt_is_kept_by_hand_without_a_step():
    rig = EffectRig(trim.KIND, auto=1)
    x = voice(8, -40)
    rig.process(x)
    rig.set(gain_db=rig.state[1])
    y = rig.process(np.full((2, 4800), 0.01, np.float32))
    rig.set(auto=0)
    z = rig.process(np.full((2, 48_000), 0.01, np.float32))
    assert np.abs(np.diff(z[0])).max() < 1e-3 * np.abs(z[0]).max()
    assert np.abs(z[0, -1] / y[0, -1] - 1) < 0.05
    assert rig.state[1] != 0.0


def test_switched_on_again_it_learns_anew():
    rig = EffectRig(trim.KIND, auto=1)
    rig.process(voice(6, -20))
    rig.set(auto=0)
    rig.process(voice(1, -20))
    rig.set(auto=1)
    rig.process(voice(4, -45, seed=3))
    assert rig.state[1] == pytest.approx(-20 - loudness(voice(4, -45, seed=3)), abs=1.0)


def test_a_soft_first_word_does_not_make_the_loud_ones_clip():
    """A word and what follows it 30 dB louder: one word teaches nothing, peaks come down at once."""
    rig = EffectRig(trim.KIND, auto=1, target_lufs=-14)
    y = rig.process(voice(0.5, -48))
    assert rig.state[1] == 0.0
    assert np.abs(y).max() < 0.1
    assert np.abs(rig.process(voice(6, -18, seed=1))).max() < 1.0
    soft_for_long = np.concatenate([voice(5, -48), voice(6, -18, seed=1)], axis=1)
    y = EffectRig(trim.KIND, auto=1).process(soft_for_long)
    # The gain was right for the soft words; the first loud syllable meets it, 50 ms later none does.
    assert np.abs(y[:, 5 * RATE_HZ + 4800 :]).max() < 1.0
