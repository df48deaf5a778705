"""The offline chain is the live one: the same numbers as the callback's, in time with what went in."""

import numpy as np
import pytest

from engine.errors import JobCancelled, ParameterError
from engine.realtime.effects.catalogue import KINDS
from engine.realtime.effects.plan import EffectPlan, EffectSetting
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.services.process_vocal import process_vocal, warm_effects
from engine.services.vocal_preset import VocalPreset
from engine.units import energy_ratio_db
from tests.chain_effects import LATE_FRAMES, use_test_effects
from tests.realtime.mic_rig import MicRig

RATE_HZ = 48_000
FADE_FRAMES = 480
NOTHING = VocalPreset("nothing", "Nothing", "", ())


def everything() -> VocalPreset:
    """All effects, quiet enough behind them to leave the master's limiter alone."""
    slots = (
        *(EffectSetting(name) for name in KINDS),
        EffectSetting("equaliser", values={"output_db": -12.0}),
    )
    return VocalPreset("all", "All", "", slots)


def voice(seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * (220.0 * t - 2.0 * np.cos(2 * np.pi * 5.0 * t))
    return (0.05 * sum(np.sin(k * phase) / k for k in range(1, 12)) * (t % 1.0 < 0.7)).astype(np.float32)


@pytest.mark.parametrize("block_frames", [64, 441])
def test_offline_is_the_live_sound(block_frames):
    preset = everything()
    x = voice(2.0)
    rig = MicRig()
    plan = EffectPlan(RATE_HZ, preset.slots)
    rig.memory.mic.chain.publish(plan)
    late = plan.latency_frames + LOOKAHEAD_FRAMES
    live = rig.run(np.concatenate([x, np.zeros(late, np.float32)])[np.newaxis], block_frames)
    found = process_vocal(x, preset, RATE_HZ)
    assert found.shape == (2, x.size)
    assert np.abs(found).max() > 0.01
    # The live chain fades in when it is switched on; an effect that learns carries nothing over from that.
    start = plan.latency_frames + FADE_FRAMES
    assert energy_ratio_db(found[:, start:], live[:, late + start :] - found[:, start:]) > 120.0


def test_one_channel_is_heard_on_both_sides_and_two_stay_two(monkeypatch):
    x = voice(0.1)
    for mono in (x, x[np.newaxis]):
        assert np.array_equal(process_vocal(mono, NOTHING, RATE_HZ), np.stack([x, x]))
    stereo = np.stack([x, -0.5 * x])
    assert np.array_equal(process_vocal(stereo, NOTHING, RATE_HZ), stereo)


def test_the_result_is_in_time_whatever_the_chain_delays(monkeypatch):
    use_test_effects(monkeypatch)
    x = voice(0.5)
    for n in (1, 4):
        preset = VocalPreset("late", "Late", "", (EffectSetting("late"),) * n)
        found = process_vocal(x, preset, RATE_HZ)
        assert EffectPlan(RATE_HZ, preset.slots).latency_frames == n * LATE_FRAMES
        assert np.array_equal(found[0], (-1) ** n * x)


def test_a_tail_may_ring_on_and_what_went_in_is_left_alone():
    x = voice(0.3)
    before = x.copy()
    found = process_vocal(x, everything(), RATE_HZ, tail_s=0.5)
    assert found.shape == (2, x.size + RATE_HZ // 2)
    assert np.array_equal(x, before)
    assert np.array_equal(found[:, : x.size], process_vocal(x, everything(), RATE_HZ))


def test_progress_ends_at_one_and_may_stop_it():
    seen = []
    process_vocal(voice(5.0), NOTHING, RATE_HZ, progress=seen.append)
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert seen[-1] == 1.0

    def stop(_share):
        raise JobCancelled("stopped")

    with pytest.raises(JobCancelled):
        process_vocal(voice(5.0), NOTHING, RATE_HZ, progress=stop)


@pytest.mark.parametrize("n", [0, 1, 511, 513])
def test_the_shortest_sounds_come_back_as_long_as_they_were(n):
    assert process_vocal(np.zeros(n, np.float32), everything(), RATE_HZ).shape == (2, n)


@pytest.mark.parametrize(
    "audio",
    [np.zeros((3, 10), np.float32), np.zeros(10), np.zeros((2, 2, 2), np.float32), np.zeros(4, np.int16)],
)
def test_what_is_no_voice_is_refused(audio):
    with pytest.raises(ParameterError, match="give float32, shape"):
        process_vocal(audio, NOTHING, RATE_HZ)


@pytest.mark.parametrize("tail_s", [-1.0, 61.0, float("nan")])
def test_a_tail_out_of_range_is_refused(tail_s):
    with pytest.raises(ParameterError, match="tail"):
        process_vocal(np.zeros(10, np.float32), NOTHING, RATE_HZ, tail_s=tail_s)


def test_warming_up_leaves_no_effect_to_be_compiled():
    warm_effects()
    before = {name: list(kind.process.signatures) for name, kind in KINDS.items()}
    assert all(before.values())
    EffectPlan(RATE_HZ, everything().slots)
    assert {name: list(kind.process.signatures) for name, kind in KINDS.items()} == before
