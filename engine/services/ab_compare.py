"""Two chains to switch between while singing: A and B, each with the knobs as they were left.

Belongs to one control thread, the window's. The chain itself makes the switch silent: what both sides have in
common goes on where it is, the rest fades in 10 ms.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from engine.realtime.effects.plan import EffectPlan, EffectSetting

Side = Literal["A", "B"]


class Voice(Protocol):
    """What is sung into: a `LiveMic`."""

    @property
    def plan(self) -> EffectPlan | None:
        """The chain that is heard; another object after a change of device."""
        ...

    def set_chain(self, slots: Sequence[EffectSetting]) -> EffectPlan:
        """Make another chain heard."""
        ...


class AbCompare:
    """Which of two chains is heard, and what the other one is.

    Parameters
    ----------
    voice : Voice
        Whose chains they are.
    slots : sequence of EffectSetting
        What both sides begin with; side A is heard.
    """

    def __init__(self, voice: Voice, slots: Sequence[EffectSetting]) -> None:
        self._voice = voice
        self._side: Side = "A"
        self._other = tuple(slots)
        voice.set_chain(slots)

    @property
    def side(self) -> Side:
        """The side that is heard."""
        return self._side

    @property
    def slots(self) -> tuple[EffectSetting, ...]:
        """The side that is heard, with its knobs as they are now."""
        plan = self._voice.plan
        return () if plan is None else plan.slots

    @property
    def differs(self) -> bool:
        """Whether the other side is set differently, so that there is something to compare."""
        return self._other != self.slots

    def set_slots(self, slots: Sequence[EffectSetting]) -> EffectPlan:
        """Put another chain on the side that is heard, such as a preset or another order.

        Parameters
        ----------
        slots : sequence of EffectSetting
            In the order of the sound.

        Returns
        -------
        EffectPlan
            To turn knobs on.
        """
        return self._voice.set_chain(slots)

    def switch(self) -> EffectPlan:
        """Let the other side be heard; this one keeps its knobs as they are now."""
        left = self.slots
        plan = self._voice.set_chain(self._other)
        self._other = left
        self._side = "B" if self._side == "A" else "A"
        return plan

    def copy(self) -> None:
        """Make the other side the same as the one that is heard, to change one thing and compare."""
        self._other = self.slots
