"""The four laws of house.md for the mic chain, and what it promises beyond: no click, nothing but numbers."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.realtime.effects import catalogue
from engine.realtime.effects.chain import run_blocks
from engine.realtime.effects.chain_memory import ChainMemory
from engine.realtime.effects.plan import EffectPlan, EffectSetting
from tests.chain_effects import LATE_FRAMES, TEST_KINDS, run, use_test_effects

RATE_HZ = 48_000
CUTS = st.lists(st.integers(1, 512), min_size=1, max_size=12)
FADE_FRAMES = 480


@pytest.fixture(autouse=True, scope="module")
def effects():
    with pytest.MonkeyPatch.context() as patch:
        use_test_effects(patch)
        yield


def noise(n, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal((2, n)).astype(np.float32)


def sine(n, level=0.5, frequency_hz=200.0):
    return np.tile(level * np.sin(2 * np.pi * frequency_hz / RATE_HZ * np.arange(n)), (2, 1)).astype(
        np.float32
    )


def slots(*names, **options):
    return [EffectSetting(name, **options) for name in names]


def largest_step(audio):
    return float(np.abs(np.diff(audio, axis=1)).max())


@settings(deadline=None, max_examples=40)
@given(cuts=CUTS)
def test_any_partition_gives_the_same_output(cuts):
    def chain():
        return ChainMemory(EffectPlan(RATE_HZ, slots("sum", "late", "gain", "sum", wet=0.7)))

    x = noise(3000)
    assert np.array_equal(run(chain(), x, cuts), run(chain(), x, [512]))


@settings(deadline=None, max_examples=40)
@given(cuts=CUTS, at=st.integers(0, 900), wet=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_an_impulse_comes_out_latency_frames_later_wet_and_dry_together(cuts, at, wet):
    plan = EffectPlan(RATE_HZ, slots("late", "gain", "late", wet=wet))
    assert plan.latency_frames == 2 * LATE_FRAMES
    x = np.zeros((2, 1200), np.float32)
    x[:, at] = [1.0, -0.5]
    expected = np.zeros_like(x)
    # Each of the two turns the sign of its wet share.
    expected[:, at + plan.latency_frames] = (1.0 - 2.0 * wet) ** 2 * x[:, at]
    assert np.allclose(run(ChainMemory(plan), x, cuts), expected, atol=1e-7)


def test_a_disabled_effect_neither_sounds_nor_delays():
    plan = EffectPlan(
        RATE_HZ, [EffectSetting("late", enabled=False), EffectSetting("gain", values={"gain": 0.5})]
    )
    x = noise(500)
    assert plan.latency_frames == 0
    assert np.array_equal(run(ChainMemory(plan), x), np.float32(0.5) * x)
    assert plan.read_meters()[0] is None


def test_an_empty_chain_passes_every_bit():
    x = noise(700)
    assert np.array_equal(run(ChainMemory(), x), x)
    assert np.array_equal(run(ChainMemory(EffectPlan(RATE_HZ, [])), x), x)


def test_blocks_of_a_file_are_blocks_of_the_callback():
    x = noise(5000)
    y = x.copy()
    chain = ChainMemory(EffectPlan(RATE_HZ, slots("sum", "late")))
    run_blocks(chain.table, y, 512, np.zeros(1024, np.float32))
    assert np.array_equal(y, run(ChainMemory(EffectPlan(RATE_HZ, slots("sum", "late"))), x, [64, 1, 200]))


def test_bypass_fades_over_ten_milliseconds_and_lands_on_the_dry_sound():
    plan = EffectPlan(RATE_HZ, slots("gain"))
    plan.set_value(0, "gain", 0.0)
    chain = ChainMemory(plan)
    x = sine(4096)
    assert np.all(run(chain, x) == 0.0)
    plan.set_bypass(0, True)
    y = run(chain, x)
    assert np.array_equal(y[:, FADE_FRAMES:], x[:, FADE_FRAMES:])
    assert np.allclose(y[0, :FADE_FRAMES], x[0, :FADE_FRAMES] * np.arange(1, 481) / 480, atol=1e-6)
    plan.set_bypass(0, False)
    assert np.all(run(chain, x)[:, FADE_FRAMES:] == 0.0)


@pytest.mark.parametrize("block_frames", [16, 64, 128, 512])
def test_wet_and_bypass_turned_at_random_never_click(block_frames):
    plan = EffectPlan(RATE_HZ, slots("late", "gain"))
    chain = ChainMemory(plan)
    rng = np.random.default_rng(3)
    x = sine(96_000)
    parts = []
    for at in range(0, x.shape[1], block_frames):
        slot = int(rng.integers(0, 2))
        if rng.random() < 0.5:
            plan.set_wet(slot, float(rng.random()))
        else:
            plan.set_bypass(slot, bool(rng.random() < 0.5))
        parts.append(run(chain, x[:, at : at + block_frames], [block_frames]))
    # A fade of full scale over 480 frames, twice 0.5 in height, on top of the sine's own slope.
    assert largest_step(np.concatenate(parts, axis=1)) < 2 * largest_step(x) + 4 / FADE_FRAMES


def test_a_new_plan_fades_in_without_a_click_and_the_old_one_comes_back():
    chain = ChainMemory(EffectPlan(RATE_HZ, slots("gain")))
    x = sine(48_000)
    before = run(chain, x[:, :10_000])
    chain.publish(EffectPlan(RATE_HZ, slots("late", "gain")))
    assert chain.n_alive == 2
    during = run(chain, x[:, 10_000:11_000])
    after = run(chain, x[:, 11_000:])
    chain.collect()
    assert chain.n_alive == 1
    assert np.array_equal(before, x[:, :10_000])
    assert np.array_equal(after[:, :-LATE_FRAMES], -x[:, 11_000 - LATE_FRAMES : -2 * LATE_FRAMES])
    whole = np.concatenate([before, during, after], axis=1)
    assert largest_step(whole) < 2 * largest_step(x) + 1 / FADE_FRAMES


def test_what_both_plans_have_goes_on_where_it_was():
    chain = ChainMemory(EffectPlan(RATE_HZ, slots("sum", "late")))
    other = ChainMemory(EffectPlan(RATE_HZ, slots("sum", "late")))
    x = noise(9000)
    run(chain, x[:, :4000])
    expected = run(other, x)
    # "late" commutes with "sum", so after the fade the order is not to be heard.
    chain.publish(EffectPlan(RATE_HZ, slots("late", "sum", "gain")))
    found = run(chain, x[:, 4000:])
    late = slice(FADE_FRAMES + 1200, None)
    assert np.allclose(found[:, late], expected[:, 4000:][:, late], atol=1e-6)
    # Not the whole truth about a change of order, but far from starting anew with 0.5 in the sum.
    assert np.abs(found - expected[:, 4000:]).max() < 0.4


def test_an_unchanged_plan_published_again_is_not_heard_at_all():
    def plan():
        return EffectPlan(RATE_HZ, slots("sum", "late", wet=0.5))

    chain, still = ChainMemory(plan()), ChainMemory(plan())
    x = noise(9000)
    parts = []
    for at in range(0, 9000, 600):
        parts.append(run(chain, x[:, at : at + 600]))
        chain.publish(plan())
    assert np.allclose(np.concatenate(parts, axis=1), run(still, x), atol=1e-7)


def test_only_the_newest_of_several_plans_is_taken_and_none_is_lost():
    chain = ChainMemory()
    x = noise(64)
    for k in range(200):
        chain.publish(EffectPlan(RATE_HZ, [EffectSetting("gain", values={"gain": (k % 4) / 4})]))
        assert chain.n_alive <= 4
        if k % 3 == 0:
            run(chain, x)
    run(chain, noise(2000))
    chain.collect()
    assert chain.n_alive == 1
    assert np.allclose(run(chain, x), 0.75 * x)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e9])
def test_what_is_no_sound_never_leaves_the_chain(bad):
    chain = ChainMemory(EffectPlan(RATE_HZ, slots("sum", "late", "gain")))
    x = sine(4000)
    x[1, 1000:1003] = bad
    y = run(chain, x, [128])
    assert np.all(np.isfinite(y))
    assert np.abs(y).max() < 40.0
    assert chain.n_bad_samples == 3
    assert chain.plan.read_meters()[0].resets == 0


@pytest.mark.parametrize("how", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("block_frames", [64, 128, 512])
def test_an_effect_that_blows_up_is_taken_out_reset_and_comes_back(how, block_frames):
    plan = EffectPlan(RATE_HZ, slots("bomb"))
    chain = ChainMemory(plan)
    x = sine(48_000, level=0.25)
    parts = [run(chain, x[:, :10_240], [block_frames])]
    plan.set_value(0, "arm", how)
    parts.append(run(chain, x[:, 10_240 : 10_240 + block_frames], [block_frames]))
    assert plan.read_meters()[0].gain_reduction_db == 0.0
    plan.set_value(0, "arm", 0.0)
    parts.append(run(chain, x[:, 10_240 + block_frames :], [block_frames]))
    y = np.concatenate(parts, axis=1)
    assert np.all(np.isfinite(y))
    assert plan.read_meters()[0].resets == 1
    assert np.array_equal(y[:, :10_240], 2 * x[:, :10_240])
    # Dry at once, free of a click, and as before once the 100,000 cells are reset in slices of 16,384.
    assert largest_step(y) < 2 * largest_step(x) + 2 * 0.25 / FADE_FRAMES
    back = 10_240 + 9 * block_frames + FADE_FRAMES
    assert np.array_equal(y[:, back:], 2 * x[:, back:])


def test_an_effect_that_stays_broken_leaves_the_dry_sound():
    plan = EffectPlan(RATE_HZ, slots("bomb", "late"))
    plan.set_value(0, "arm", 2.0)
    x = sine(20_000)
    y = run(ChainMemory(plan), x)
    assert np.allclose(y[:, 600:], -x[:, 600 - LATE_FRAMES : -LATE_FRAMES], atol=largest_step(x))
    assert plan.read_meters()[0].resets > 10


def test_meters_show_peaks_and_what_the_effect_says():
    plan = EffectPlan(RATE_HZ, [EffectSetting("gain", values={"gain": 0.5}), EffectSetting("late")])
    chain = ChainMemory(plan)
    x = sine(4800)
    x[1] *= 0.1
    run(chain, x)
    gain, late = plan.read_meters()
    assert gain.peak_db == pytest.approx((-12.04, -32.04), abs=0.3)
    assert (late.gain_reduction_db, late.readouts) == (6.0, {"detected_f0_hz": 440.0})
    run(chain, np.zeros((2, 48_000), np.float32))
    # 20 dB a second.
    assert plan.read_meters()[0].peak_db == pytest.approx((-32.04, -52.04), abs=0.5)


def measured_delay(plan):
    """By cross-correlation of a hiss with what the chain makes of it, frames."""
    x = noise(24_000)
    y = run(ChainMemory(plan), np.concatenate([x, np.zeros((2, 4096), np.float32)], axis=1))
    n = 65_536
    product = np.fft.rfft(y[0], n) * np.conj(np.fft.rfft(x[0], n))
    return int(np.argmax(np.abs(np.fft.irfft(product, n))))


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 88_200, 96_000])
def test_all_effects_together_delay_what_they_declare_and_nothing_without_those_that_look_ahead(rate_hz):
    names = [name for name in catalogue.KINDS if name not in TEST_KINDS]
    plan = EffectPlan(rate_hz, slots(*names))
    assert plan.latency_frames > 0
    assert measured_delay(plan) == plan.latency_frames
    at_once = [name for name in names if plan.latency_of(names.index(name)) == 0]
    assert len(at_once) >= 9
    plan = EffectPlan(rate_hz, [EffectSetting(name, enabled=name in at_once) for name in names])
    assert plan.latency_frames == 0
    assert measured_delay(plan) == 0


def test_plans_published_from_another_thread_while_the_chain_runs():
    def plan(k):
        return EffectPlan(RATE_HZ, slots(*(("late", "sum", "gain") if k % 2 else ("gain", "sum", "late"))))

    chain = ChainMemory(plan(0))
    stop = threading.Event()
    most = []

    def publish():
        k = 0
        while not stop.is_set():
            k += 1
            chain.publish(plan(k))
            most.append(chain.n_alive)

    thread = threading.Thread(target=publish)
    x = noise(2048)
    thread.start()
    try:
        for _ in range(300):
            assert np.all(np.isfinite(run(chain, x, [128])))
    finally:
        stop.set()
        thread.join()
    run(chain, x)
    chain.collect()
    assert len(most) > 10
    assert max(most) <= 4
    assert chain.n_alive == 1
