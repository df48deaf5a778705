"""The laws of house.md for the effects that colour a voice, and what they do with silence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.realtime.effects import delay, doubler, pitch_correction, reverb, saturator
from engine.realtime.layout import CHUNK_FRAMES
from tests.effect_rig import EffectRig

RATES_HZ = [44_100, 48_000, 88_200, 96_000]
CUTS = st.lists(st.integers(0, CHUNK_FRAMES), min_size=1, max_size=12)
# Settings under which every part of an effect is at work.
BUSY = {
    "saturator": (saturator.KIND, {"drive_db": 18.0, "bias": 0.4}),
    "pitch_correction": (pitch_correction.KIND, {"scale": 6.0, "speed_ms": 5.0}),
    "doubler": (doubler.KIND, {"voices": 1.0, "detune_cents": 30.0, "wander_hz": 3.0}),
    "delay": (delay.KIND, {"time_ms": 20.0, "feedback": 0.9, "ping_pong": 1.0}),
    "reverb": (reverb.KIND, {"decay_s": 2.0, "pre_delay_ms": 3.0}),
}
LATE = {"saturator", "pitch_correction"}
SMALLEST = np.finfo(np.float32).tiny


def rig(name, rate_hz=48_000):
    kind, values = BUSY[name]
    return EffectRig(kind, rate_hz, **values)


def voice(n, rate_hz=48_000, seed=0):
    """A sung tone with breath, a little different on both sides."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / rate_hz
    phase = 2 * np.pi * 197.0 * t + 3.0 * np.sin(2 * np.pi * 5.5 * t)
    tone = sum(0.4 / k * np.sin(k * phase) for k in range(1, 12))
    return (tone + 0.01 * rng.standard_normal((2, n))).astype(np.float32)


@pytest.mark.parametrize("name", BUSY)
@settings(deadline=None, max_examples=12)
@given(cuts=CUTS, rate_hz=st.sampled_from(RATES_HZ))
def test_law_1_any_partition_gives_the_same_output(name, cuts, rate_hz):
    x = voice(9000, rate_hz)
    assert np.array_equal(rig(name, rate_hz).process(x, cuts), rig(name, rate_hz).process(x, (CHUNK_FRAMES,)))


@pytest.mark.parametrize("name", BUSY)
@pytest.mark.parametrize("cuts", [(16,), (1,), (37, 128)])
def test_law_1_holds_while_settings_glide(name, cuts):
    """Turned where every partition has an edge."""
    x = voice(9600)

    def turned(sizes):
        one = rig(name)
        parts = [one.process(x[:, :4800], sizes)]
        for parameter in one.kind.parameters:
            one.set(**{parameter.name: parameter.low + 0.3 * (parameter.high - parameter.low)})
        return np.concatenate([*parts, one.process(x[:, 4800:], sizes)], axis=1)

    assert np.array_equal(turned(cuts), turned((480,)))


@pytest.mark.parametrize("name", sorted(LATE))
@pytest.mark.parametrize("rate_hz", RATES_HZ)
@settings(deadline=None, max_examples=6)
@given(at=st.integers(0, 1000), cuts=CUTS)
def test_law_2_an_impulse_comes_out_latency_frames_later(name, rate_hz, at, cuts):
    one = EffectRig(BUSY[name][0], rate_hz)
    x = np.zeros((2, 4000), np.float32)
    x[:, at] = [0.02, -0.01]
    y = one.process(x, cuts)
    for row in y:
        assert np.abs(row).argmax() == at + one.latency_frames
        # Symmetric: not a fraction of a frame early or late.
        reach = min(at + one.latency_frames, 30)
        peak = at + one.latency_frames
        after = row[peak + reach : peak : -1]
        np.testing.assert_allclose(
            row[peak - reach : peak], after, atol=2e-5 * np.abs(row).max() + 2e-7 + 5e-5
        )


@pytest.mark.parametrize("name", sorted(set(BUSY) - LATE))
def test_what_only_adds_to_a_voice_has_no_latency_and_no_direct_sound(name):
    one = rig(name)
    x = np.zeros((2, 4800), np.float32)
    x[:, 5] = 1.0
    y = one.process(x)
    assert one.latency_frames == 0
    assert np.all(y[:, :300] == 0.0)
    assert np.any(y != 0.0)


@pytest.mark.parametrize("name", BUSY)
def test_law_4_prepared_again_it_is_as_new(name):
    one = rig(name)
    one.process(voice(20_000, seed=1))
    one.state[:] = 0.0
    one.memory[:] = 0.0
    one.kind.prepare(one.rate_hz, one.state, one.memory)
    x = voice(6000)
    assert np.array_equal(one.process(x), rig(name).process(x))


@pytest.mark.parametrize("name", BUSY)
def test_silence_from_the_start_is_silence(name):
    assert np.all(rig(name).process(np.zeros((2, 20_000), np.float32), (512,)) == 0.0)


@pytest.mark.parametrize("name", BUSY)
@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_a_tail_ends_as_exact_silence_and_never_in_denormal_numbers(name, rate_hz):
    """What is left of it is looked at while it decays: a denormal number would slow the next block down."""
    one = rig(name, rate_hz)
    one.process(voice(rate_hz // 2, rate_hz), (512,))
    n_tail_s = 12 if name in ("delay", "reverb") else 4
    for _ in range(n_tail_s):
        tail = one.process(np.zeros((2, rate_hz), np.float32), (512,))
        for cells in (tail, one.memory, one.state):
            left = np.abs(cells[cells != 0.0])
            assert left.size == 0 or left.min() >= SMALLEST
    assert np.all(tail == 0.0)


@pytest.mark.parametrize("name", BUSY)
def test_a_setting_that_is_no_number_changes_nothing(name):
    x = voice(9600)
    one, other = rig(name), rig(name)
    one.process(x[:, :4800])
    other.process(x[:, :4800])
    n = len(one.kind.parameters)
    if name != "pitch_correction":
        one.params[:n] = np.nan
        assert np.array_equal(one.process(x[:, 4800:]), other.process(x[:, 4800:]))
    one.params[:n] = [1e300, -np.inf, np.inf, -1e300, np.nan, 1e9, -1e9, np.nan][:n]
    assert np.abs(one.process(x[:, 4800:])).max() < 40.0


@pytest.mark.parametrize("name", BUSY)
def test_one_channel_does_not_leak_into_a_silent_one_unless_the_effect_joins_them(name):
    x = voice(9600)
    x[1] = 0.0
    y = rig(name).process(x)
    joined = name in ("doubler", "delay", "reverb")
    assert np.any(y[0] != 0.0)
    assert np.any(y[1] != 0.0) == joined
