"""What the mic is set to: its two chains, level, input, denoiser. The one truth, on the GUI thread.

Views read it and ask `MicEdits` for changes; `MicEngine` hands every change to the engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QObject, Signal

from app.mixer_state import MAX_GAIN_DB, MIN_GAIN_DB, Strip
from engine.realtime.effects.catalogue import find_kind
from engine.realtime.effects.plan import EffectSetting

Side = Literal["A", "B"]
SIDES: tuple[Side, Side] = ("A", "B")


@dataclass(frozen=True, slots=True)
class MicInput:
    """Which input is wanted.

    Parameters
    ----------
    device : str
        Empty is the input of the device that plays, or else the system's.
    channel : int
        From 0; -1 is the first two as stereo.
    """

    device: str = ""
    channel: int = 0


class MicState(QObject):
    """The settings of the mic.

    Parameters
    ----------
    parent : QObject or None

    Attributes
    ----------
    chain_changed : Signal()
        Other effects, or another order, or one is on that was off: every card may be another.
    slot_changed : Signal(int)
        Knobs, mix or bypass of one effect.
    level_changed, input_changed, denoiser_changed, side_changed, tempo_changed : Signal()
    """

    chain_changed = Signal()
    slot_changed = Signal(int)
    level_changed = Signal()
    input_changed = Signal()
    denoiser_changed = Signal()
    side_changed = Signal()
    tempo_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._chains: dict[Side, tuple[EffectSetting, ...]] = {"A": (), "B": ()}
        self._presets: dict[Side, str] = {"A": "", "B": ""}
        self._side: Side = "A"
        self._gain_db = 0.0
        self._pan = 0.0
        self._mute = False
        self._song_tempo = True
        self._input = MicInput()
        self._denoiser = ""

    @property
    def side(self) -> Side:
        """Which of the two chains is heard."""
        return self._side

    @property
    def slots(self) -> tuple[EffectSetting, ...]:
        """The chain that is heard, in the order of the sound."""
        return self._chains[self._side]

    def chain(self, side: Side) -> tuple[EffectSetting, ...]:
        """One of the two chains."""
        return self._chains[side]

    def kept(self, side: Side) -> tuple[str, tuple[EffectSetting, ...]]:
        """Preset's name and chain of a side, to be written down."""
        return self._presets[side], self._chains[side]

    @property
    def differs(self) -> bool:
        """Whether there is anything to compare."""
        return self._chains["A"] != self._chains["B"]

    @property
    def preset(self) -> str:
        """Name of the preset that this side began with; empty without one."""
        return self._presets[self._side]

    @property
    def gain_db(self) -> float:
        """Gain of the voice in the mix."""
        return self._gain_db

    @property
    def engine_gain_db(self) -> float:
        """The gain that the engine hears: the fader's lowest step is silence."""
        return Strip(gain_db=self._gain_db).engine_gain_db

    @property
    def pan(self) -> float:
        """Balance of the voice, -1 (left) to 1 (right)."""
        return self._pan

    @property
    def song_tempo(self) -> bool:
        """Whether the delay is to beat with the song."""
        return self._song_tempo

    @property
    def mute(self) -> bool:
        """Whether the voice is kept out of the mix."""
        return self._mute

    @property
    def input(self) -> MicInput:
        """Which input is wanted."""
        return self._input

    @property
    def denoiser(self) -> str:
        """Name of the denoiser's model; empty for none."""
        return self._denoiser

    def set_chain(self, side: Side, slots: Sequence[EffectSetting], preset: str | None = None) -> None:
        """Put a chain on a side.

        Parameters
        ----------
        side : {"A", "B"}
        slots : sequence of EffectSetting
        preset : str or None
            Which preset it is; None leaves the name.
        """
        before, after = self._chains[side], spelt_out(slots)
        renamed = preset is not None and preset != self._presets[side]
        if preset is not None:
            self._presets[side] = preset
        if before == after:
            if renamed:
                self.side_changed.emit()
            return
        self._chains[side] = after
        if side == self._side:
            self._tell(before, after)
        self.side_changed.emit()

    def _tell(self, before: tuple[EffectSetting, ...], after: tuple[EffectSetting, ...]) -> None:
        if [_shape(slot) for slot in before] != [_shape(slot) for slot in after]:
            self.chain_changed.emit()
            return
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                self.slot_changed.emit(number)

    def show_side(self, side: Side) -> None:
        """Let the other chain be heard."""
        if side != self._side:
            before, self._side = self.slots, side
            self._tell(before, self.slots)
            self.side_changed.emit()

    def set_gain_db(self, gain_db: float) -> None:
        """Set the level of the voice in the mix."""
        gain_db = min(max(gain_db, MIN_GAIN_DB), MAX_GAIN_DB)
        if gain_db != self._gain_db:
            self._gain_db = gain_db
            self.level_changed.emit()

    def set_pan(self, pan: float) -> None:
        """Set the balance of the voice."""
        pan = min(max(pan, -1.0), 1.0)
        if pan != self._pan:
            self._pan = pan
            self.level_changed.emit()

    def set_song_tempo(self, on: bool) -> None:
        """Let the delay beat with the song, or as its knob says."""
        if on != self._song_tempo:
            self._song_tempo = on
            self.tempo_changed.emit()

    def set_mute(self, mute: bool) -> None:
        """Keep the voice out of the mix, or not."""
        if mute != self._mute:
            self._mute = mute
            self.level_changed.emit()

    def set_input(self, wanted: MicInput) -> None:
        """Choose another input."""
        if wanted != self._input:
            self._input = wanted
            self.input_changed.emit()

    def set_denoiser(self, name: str) -> None:
        """Choose another denoiser, "" for none."""
        if name != self._denoiser:
            self._denoiser = name
            self.denoiser_changed.emit()


def _shape(slot: EffectSetting) -> tuple[str, bool]:
    """What of an effect cannot change without another plan."""
    return slot.kind, slot.enabled


def spelt_out(slots: Sequence[EffectSetting]) -> tuple[EffectSetting, ...]:
    """A chain with every value in it, so that two that sound alike are equal."""
    return tuple(
        replace(slot, values={p.name: slot.value(p.name) for p in find_kind(slot.kind).parameters})
        for slot in slots
    )
