"""The laws of house.md for the effects that filter and follow levels, and what a mic chain needs beyond."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.realtime.effects import compressor, de_esser, equaliser, gate, high_pass, limiter_ahead, trim
from engine.realtime.layout import CHUNK_FRAMES
from tests.effect_rig import EffectRig

KINDS = {
    module.KIND.name: module.KIND
    for module in (trim, high_pass, gate, de_esser, equaliser, compressor, limiter_ahead)
}
RATES_HZ = (44_100, 48_000, 88_200, 96_000)
CUTS = st.lists(st.integers(1, CHUNK_FRAMES), min_size=1, max_size=5)

# Settings at which an effect passes an impulse as it is, or nearly so.
NEUTRAL = {
    "trim": {},
    "high_pass": {"freq_hz": 20.0},
    "gate": {"range_db": 0.0},
    "de_esser": {"threshold_db": 0.0, "range_db": 0.0},
    "equaliser": {},
    "compressor": {"threshold_db": 0.0, "knee_db": 0.0},
    "limiter_ahead": {"ceiling_db": 0.0},
}


def noise(n, seed=0, gain=0.3):
    """Noise whose level comes and goes, so that whatever follows it has something to do."""
    rng = np.random.default_rng(seed)
    swell = 10.0 ** (rng.uniform(-50, 10, n // 500 + 1) / 20)
    return (gain * rng.standard_normal((2, n)) * np.repeat(swell, 500)[:n]).astype(np.float32)


def any_values(kind, rng):
    """A setting of everything, anywhere in its range."""
    return {
        p.name: round(rng.uniform(p.low, p.high)) if p.is_whole else rng.uniform(p.low, p.high)
        for p in kind.parameters
    }


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=25)
@given(cuts=CUTS, seed=st.integers(0, 1000), at=st.integers(1, 3000))
def test_law_1_any_partition_gives_the_same_output(name, cuts, seed, at):
    """To the last bit, a change of all settings at some frame included."""
    kind = KINDS[name]
    x = noise(4000, seed)
    outputs = []
    for sizes in ((CHUNK_FRAMES,), cuts):
        rng = np.random.default_rng(seed)
        rig = EffectRig(kind, **any_values(kind, rng))
        before = rig.process(x[:, :at], sizes)
        rig.set(**any_values(kind, rng))
        outputs.append(np.concatenate([before, rig.process(x[:, at:], sizes)], axis=1))
    assert np.array_equal(*outputs)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("name", KINDS)
def test_law_2_an_impulse_comes_out_latency_frames_later(name, rate_hz):
    rig = EffectRig(KINDS[name], rate_hz, **NEUTRAL[name])
    x = np.zeros((2, 3000), np.float32)
    x[:, 700] = [0.5, -0.25]
    y = rig.process(x, (128,))
    later = 700 + rig.latency_frames
    assert np.all(y[:, :later] == 0.0)
    assert y[:, later] == pytest.approx([0.5, -0.25], rel=0.01)
    assert np.max(np.abs(y[:, later + 1 :])) < 0.01


@pytest.mark.parametrize("name", KINDS)
def test_law_4_prepared_again_is_new(name):
    rng = np.random.default_rng(3)
    x = noise(3000, 1)
    rig = EffectRig(KINDS[name], **any_values(KINDS[name], rng))
    first = rig.process(x)
    rig.state[:] = 0.0
    rig.memory[:] = 0.0
    rig.kind.prepare(rig.rate_hz, rig.state, rig.memory)
    assert np.array_equal(rig.process(x), first)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", KINDS)
def test_silence_ends_in_exact_silence_and_no_denormals(name, seed):
    """What decays must not end in denormal numbers, whose products take a hundred times longer."""
    kind = KINDS[name]
    rig = EffectRig(kind, **any_values(kind, np.random.default_rng(seed)))
    rig.process(noise(24_000, seed), (512,))
    y = rig.process(np.zeros((2, 6 * 48_000), np.float32), (512,))
    heard = np.flatnonzero(np.any(y != 0.0, axis=0))
    assert heard.size == 0 or heard[-1] < 3 * 48_000
    for cells in (rig.state, rig.memory, y):
        tiny = np.abs(cells[(cells != 0.0)])
        assert tiny.size == 0 or tiny.min() > np.finfo(cells.dtype).tiny


@pytest.mark.parametrize("name", KINDS)
def test_no_denormals_on_the_way_to_silence(name):
    """With times as short as they get, so that ten seconds are a thousand time constants."""
    kind = KINDS[name]
    values = any_values(kind, np.random.default_rng(7))
    rig = EffectRig(kind, **values | {p.name: p.low for p in kind.parameters if p.name.endswith("_ms")})
    rig.process(noise(4800, 7, gain=3.0), (512,))
    for _ in range(1000):
        rig.process(np.zeros((2, 512), np.float32), (512,))
        for cells in (rig.state, rig.memory):
            assert not np.any((cells != 0.0) & (np.abs(cells) < np.finfo(cells.dtype).tiny))


@pytest.mark.parametrize("name", KINDS)
def test_both_channels_alike_stay_alike_and_swapped_channels_swap(name):
    kind = KINDS[name]
    values = any_values(kind, np.random.default_rng(5))
    x = noise(4000, 5)
    y = EffectRig(kind, **values).process(x)
    assert np.array_equal(EffectRig(kind, **values).process(x[::-1]), y[::-1])


@pytest.mark.parametrize("name", KINDS)
def test_absurd_settings_are_held_to_the_range(name):
    kind = KINDS[name]
    x = noise(4000, 2)
    for absurd, end in ((np.inf, "high"), (-np.inf, "low"), (1e300, "high"), (-1e300, "low")):
        rig = EffectRig(kind)
        rig.params[:] = absurd
        expected = EffectRig(kind, **{p.name: getattr(p, end) for p in kind.parameters})
        assert np.array_equal(rig.process(x), expected.process(x))


@pytest.mark.parametrize("name", KINDS)
def test_not_a_number_leaves_a_setting_where_it_is(name):
    kind = KINDS[name]
    x = noise(4000, 2)
    values = any_values(kind, np.random.default_rng(11))
    rig, untouched = EffectRig(kind, **values), EffectRig(kind, **values)
    rig.process(x)
    untouched.process(x)
    rig.params[:] = np.nan
    assert np.array_equal(rig.process(x), untouched.process(x))
    never_set = EffectRig(kind)
    never_set.params[:] = np.nan
    assert np.array_equal(never_set.process(x), EffectRig(kind).process(x))


@pytest.mark.parametrize("name", KINDS)
def test_an_absurd_sample_is_forgotten(name):
    """Its square is infinite in float32; a second later the effect does what it would have done anyway."""
    kind = KINDS[name]
    for detector in (0, 1):
        values = {p.name: p.low for p in kind.parameters if p.name.endswith("_ms")}
        if name == "compressor":
            values["detector"] = detector
        rig, other = EffectRig(kind, **values), EffectRig(kind, **values)
        x = noise(96_000, 4)
        expected = other.process(x)
        x[:, 100] = 1e30
        y = rig.process(x)
        assert np.all(np.isfinite(y))
        assert np.allclose(y[:, 48_000:], expected[:, 48_000:], atol=1e-5)
