"""A and B: what was turned on one side is there when it is heard again, and nothing of it on the other."""

import numpy as np

from engine.realtime.effects.chain_memory import ChainMemory
from engine.realtime.effects.plan import EffectPlan, EffectSetting
from engine.services.ab_compare import AbCompare
from tests.chain_effects import run

START = (EffectSetting("high_pass"), EffectSetting("equaliser", values={"output_db": -6.0}))


class Voice:
    """A chain that sounds, as a `LiveMic` has one."""

    def __init__(self):
        self.chain = ChainMemory()

    @property
    def plan(self):
        return self.chain.plan

    def set_chain(self, slots):
        plan = EffectPlan(48_000, slots)
        self.chain.publish(plan)
        return plan


def compare():
    voice = Voice()
    return AbCompare(voice, START), voice


def level(voice):
    t = np.arange(9600) / 48_000
    x = np.tile(0.1 * np.sin(2 * np.pi * 1000.0 * t), (2, 1)).astype(np.float32)
    return float(np.abs(run(voice.chain, x)[0, 4800:]).max()) / 0.1


def test_each_side_keeps_its_knobs():
    ab, voice = compare()
    assert (ab.side, ab.differs) == ("A", False)
    assert abs(level(voice) - 0.5) < 0.01
    voice.plan.set_value(1, "output_db", 0.0)
    assert ab.differs
    assert abs(level(voice) - 1.0) < 0.01
    assert ab.switch().slots == START
    assert (ab.side, voice.plan.slots) == ("B", START)
    assert abs(level(voice) - 0.5) < 0.01
    ab.switch()
    assert ab.side == "A"
    assert ab.slots[1].value("output_db") == 0.0
    assert abs(level(voice) - 1.0) < 0.01


def test_a_preset_goes_to_the_side_that_is_heard_only():
    ab, voice = compare()
    ab.set_slots([EffectSetting("trim", values={"gain_db": -20.0})])
    assert abs(level(voice) - 0.1) < 0.005
    assert ab.switch().slots == START
    assert [slot.kind for slot in ab.switch().slots] == ["trim"]


def test_copying_leaves_one_thing_to_compare():
    ab, voice = compare()
    ab.set_slots([EffectSetting("gate")])
    ab.copy()
    assert not ab.differs
    voice.plan.set_bypass(0, True)
    assert ab.differs
    assert ab.switch().slots == (EffectSetting("gate"),)


def test_a_device_that_came_back_at_another_rate_changes_nothing():
    ab, voice = compare()
    voice.plan.set_value(1, "output_db", 3.0)
    voice.chain.publish(EffectPlan(44_100, voice.plan.slots))
    ab.switch()
    ab.switch()
    assert voice.plan.slots[1].value("output_db") == 3.0
