"""Every effect, and all of them in one chain, while a fuzzer turns everything at audio rate.

Whatever is turned, and whatever comes in: numbers come out, no state blows up, and nothing clicks. A click is
a step between two frames that no fixed setting would make. The bound is therefore the effect's own: the
largest first difference over many settings that stand still, on the same smooth sound.
"""

import numpy as np
import pytest

from engine.realtime.effects.catalogue import KINDS
from engine.realtime.effects.chain import P_OPS
from engine.realtime.effects.chain_memory import ChainMemory
from engine.realtime.effects.kind import N_EFFECT_PARAMS
from engine.realtime.effects.plan import EffectPlan, EffectSetting
from engine.realtime.effects.slot import N_OP, O_PARAMS
from engine.stream.atomics import f64_at
from tests.chain_effects import run

RATE_HZ = 48_000
SETTLE_FRAMES = 12_000


def smooth(n, frequency_hz=150.0, level=0.3):
    """A sine whose level breathes; its largest step is a fiftieth of its height."""
    t = np.arange(n) / RATE_HZ
    breath = 0.6 + 0.4 * np.sin(2 * np.pi * 2.0 * t)
    left = level * breath * np.sin(2 * np.pi * frequency_hz * t)
    return np.stack([left, 0.7 * left]).astype(np.float32)


def cells(plan, op):
    """The targets of an effect, as another thread writes them."""
    return f64_at(int(plan.table[P_OPS + op * N_OP + O_PARAMS]), N_EFFECT_PARAMS)


def anywhere(kind, rng):
    """Settings within their ranges, ends included."""
    values = {}
    for p in kind.parameters:
        share = rng.choice([0.0, 1.0, rng.random(), rng.random()])
        value = p.low * (p.high / p.low) ** share if p.taper == "log" else p.low + share * (p.high - p.low)
        values[p.name] = float(np.clip(np.round(value) if p.is_whole else value, p.low, p.high))
    return values


def turn(kind, params, rng):
    """One of the settings, now and then to what is none."""
    if not kind.parameters:
        return
    k = int(rng.integers(len(kind.parameters)))
    p = kind.parameters[k]
    if rng.random() < 0.1:
        params[k] = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1e300, p.low - 1.0, p.high * 10.0])
    else:
        params[k] = anywhere(kind, rng)[p.name]


def largest_step(audio):
    return float(np.abs(np.diff(audio, axis=1)).max())


def fixed_bound(name, x):
    """Largest step of the effect over settings that stand still."""
    rng = np.random.default_rng(1)
    kind = KINDS[name]
    steps = []
    for k in range(24):
        values = {} if k == 0 else anywhere(kind, rng)
        chain = ChainMemory(EffectPlan(RATE_HZ, [EffectSetting(name, wet=1.0, values=values)]))
        steps.append(largest_step(run(chain, x[:, :24_000], [512])[:, SETTLE_FRAMES:]))
    return max([*steps, largest_step(x)])


def turned(name, seed, seconds):
    """An effect turned every few frames: what came in, what comes out, how often it had to be reset."""
    rng = np.random.default_rng(seed)
    x = smooth(round(seconds * RATE_HZ))
    plan = EffectPlan(RATE_HZ, [EffectSetting(name, wet=1.0)])
    chain = ChainMemory(plan)
    params = cells(plan, 0)
    parts = [run(chain, x[:, :SETTLE_FRAMES])]
    at = SETTLE_FRAMES
    while at < x.shape[1]:
        n = int(rng.integers(1, 48))
        turn(KINDS[name], params, rng)
        parts.append(run(chain, x[:, at : at + n], [n]))
        at += n
    return x, np.concatenate(parts, axis=1), plan.read_meters()[0].resets


def step_and_bound(name, x, y):
    """The largest step that turning made, and the bound: what settings that stand still make, twice over."""
    # Crossing from one setting to another over 10 ms or so adds a share of the height to the step.
    return largest_step(y[:, 480:]), 2.0 * fixed_bound(name, x) + float(np.abs(y).max()) / 100.0


@pytest.mark.parametrize("name", KINDS)
def test_turning_an_effect_at_audio_rate_makes_no_click_and_no_nan(name):
    x, y, resets = turned(name, 2, 2.0)
    assert np.all(np.isfinite(y))
    assert resets == 0
    step, bound = step_and_bound(name, x, y)
    assert step < bound


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e38])
def test_no_sound_at_the_input_never_leaves_an_effect(name, bad):
    rng = np.random.default_rng(3)
    x = smooth(24_000)
    for _ in range(40):
        x[rng.integers(2), rng.integers(x.shape[1])] = bad
    plan = EffectPlan(RATE_HZ, [EffectSetting(name, wet=1.0, values=anywhere(KINDS[name], rng))])
    y = run(ChainMemory(plan), x, [64, 128])
    assert np.all(np.isfinite(y))
    assert plan.read_meters()[0].resets == 0


@pytest.mark.parametrize("seed", [4, 5])
def test_everything_turned_at_once_in_a_chain_that_changes_its_order(seed):
    """Parameters, wet, bypass, order, on and off, and what is no sound, for ten seconds."""
    rng = np.random.default_rng(seed)
    names = list(KINDS)

    def new_plan():
        rng.shuffle(names)
        return EffectPlan(
            RATE_HZ,
            [
                EffectSetting(name, enabled=bool(rng.random() < 0.8), wet=float(rng.random()))
                for name in names
            ],
        )

    plan = new_plan()
    chain = ChainMemory(plan)
    x = smooth(480_000)
    x[0, rng.integers(0, x.shape[1], 50)] = np.nan
    at = 0
    while at < x.shape[1]:
        n = int(rng.integers(1, 512))
        y = run(chain, x[:, at : at + n], [n])
        assert np.all(np.isfinite(y))
        at += n
        running = [k for k, slot in enumerate(plan.slots) if slot.enabled]
        for op, k in enumerate(running):
            turn(KINDS[plan.slots[k].kind], cells(plan, op), rng)
        slot = int(rng.integers(len(names)))
        plan.set_wet(slot, float(rng.random()))
        plan.set_bypass(slot, bool(rng.random() < 0.3))
        if rng.random() < 0.02:
            plan = new_plan()
            chain.publish(plan)
        assert chain.n_alive <= 4
    assert chain.n_bad_samples == np.isnan(x).sum()


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_silence_in_is_silence_out_once_the_last_tail_is_gone(rate_hz):
    chain = ChainMemory(EffectPlan(rate_hz, [EffectSetting(name) for name in KINDS]))
    run(chain, smooth(rate_hz // 2), [512])
    tail = run(chain, np.zeros((2, 20 * rate_hz), np.float32), [512])
    assert np.all(tail[:, -rate_hz:] == 0.0)
