"""Every change of the mic's chain and level that a user can undo, on the same stack as mixer and loop.

GUI thread only.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QCoreApplication

from app.edits import Edits
from app.mic_state import MicState, Side
from app.mic_words import effect_title, full_title
from engine.realtime.effects.catalogue import find_kind
from engine.realtime.effects.plan import MAX_SLOTS, EffectSetting

Chain = tuple[EffectSetting, ...]


class MicEdits:
    """The undoable side of the mic.

    Parameters
    ----------
    state : MicState
    edits : Edits
        Whose stack the steps go on.
    """

    def __init__(self, state: MicState, edits: Edits) -> None:
        self._state = state
        self._edits = edits

    def begin_gesture(self) -> int:
        """Number for the calls of one gesture, which become one step."""
        return self._edits.begin_gesture()

    def set_value(self, slot: int, name: str, value: float, gesture: int | None = None) -> None:
        """Turn a knob."""
        setting = self._state.slots[slot]
        words = f"{_title(setting)}: {full_title(name)}"
        self._replace(words, slot, {"values": {**setting.values, name: value}}, gesture)

    def set_wet(self, slot: int, wet: float, gesture: int | None = None) -> None:
        """Turn an effect's mix."""
        self._replace(_tr("{}: mix").format(_title(self._state.slots[slot])), slot, {"wet": wet}, gesture)

    def set_bypass(self, slot: int, bypass: bool) -> None:
        """Let the dry sound through, or the effect's again."""
        self._replace(_tr("Bypass {}").format(_title(self._state.slots[slot])), slot, {"bypass": bypass})

    def set_enabled(self, slot: int, enabled: bool) -> None:
        """Switch an effect on or off."""
        words = _tr("{} on") if enabled else _tr("{} off")
        self._replace(words.format(_title(self._state.slots[slot])), slot, {"enabled": enabled})

    def reset(self, slot: int) -> None:
        """Put every knob of an effect back to where it is in a new chain."""
        setting = self._state.slots[slot]
        plain = EffectSetting(setting.kind, setting.enabled)
        self._set(_tr("Reset {}").format(_title(setting)), _with(self._state.slots, slot, plain))

    def move(self, slot: int, to: int) -> None:
        """Take an effect to another place of the chain, counted without it."""
        chain = list(self._state.slots)
        setting = chain.pop(slot)
        chain.insert(min(max(to, 0), len(chain)), setting)
        self._set(_tr("Move {}").format(_title(setting)), chain)

    def add(self, kind: str) -> None:
        """Put an effect at the end of the chain, before the limiter that guards it."""
        chain = list(self._state.slots)
        if len(chain) >= MAX_SLOTS:
            return
        guarded = bool(chain) and chain[-1].kind == "limiter_ahead" and kind != "limiter_ahead"
        chain.insert(len(chain) - guarded, EffectSetting(kind))
        self._set(_tr("Add {}").format(effect_title(find_kind(kind))), chain)

    def remove(self, slot: int) -> None:
        """Take an effect out of the chain."""
        chain = list(self._state.slots)
        setting = chain.pop(slot)
        self._set(_tr("Remove {}").format(_title(setting)), chain)

    def load(self, title: str, name: str, slots: Sequence[EffectSetting]) -> None:
        """Put a preset on the side that is heard."""
        side = self._state.side
        before = (side, self._state.slots, self._state.preset)
        self._push(_tr("Preset {}").format(title), before, (side, tuple(slots), name))

    def copy_side(self) -> None:
        """Make the other side the same as the one that is heard."""
        state = self._state
        other: Side = "B" if state.side == "A" else "A"
        words = _tr("Copy {} to {}").format(state.side, other)
        self._push(words, (other, state.chain(other), None), (other, state.slots, state.preset))

    def set_gain_db(self, gain_db: float, gesture: int | None = None) -> None:
        """Move the mic's fader."""
        state = self._state
        if gain_db != state.gain_db:
            self._edits.push(_tr("Gain of the mic"), state.set_gain_db, (state.gain_db, gain_db), gesture)

    def set_pan(self, pan: float, gesture: int | None = None) -> None:
        """Move the mic's balance."""
        state = self._state
        if pan != state.pan:
            self._edits.push(_tr("Pan of the mic"), state.set_pan, (state.pan, pan), gesture)

    def set_song_tempo(self, on: bool) -> None:
        """Let the delay beat with the song, or as its knob says."""
        state = self._state
        if on != state.song_tempo:
            words = _tr("Delay in the song's tempo") if on else _tr("Delay in a tempo of its own")
            self._edits.push(words, state.set_song_tempo, (state.song_tempo, on))

    def set_mute(self, mute: bool) -> None:
        """Mute or unmute the mic."""
        state = self._state
        if mute != state.mute:
            words = _tr("Mute the mic") if mute else _tr("Unmute the mic")
            self._edits.push(words, state.set_mute, (state.mute, mute))

    def _replace(self, words: str, slot: int, values: dict[str, Any], gesture: int | None = None) -> None:
        chain = self._state.slots
        self._set(words, _with(chain, slot, replace(chain[slot], **values)), gesture)

    def _set(self, words: str, chain: Sequence[EffectSetting], gesture: int | None = None) -> None:
        side = self._state.side
        if tuple(chain) != self._state.slots:
            self._push(words, (side, self._state.slots, None), (side, tuple(chain), None), gesture)

    def _push(
        self,
        words: str,
        before: tuple[Side, Chain, str | None],
        after: tuple[Side, Chain, str | None],
        gesture: int | None = None,
    ) -> None:
        if before != after:
            self._edits.push(words, lambda value: self._state.set_chain(*value), (before, after), gesture)


def _with(chain: Chain, slot: int, setting: EffectSetting) -> Chain:
    return (*chain[:slot], setting, *chain[slot + 1 :])


def _title(setting: EffectSetting) -> str:
    return effect_title(find_kind(setting.kind))


def _tr(text: str) -> str:
    return QCoreApplication.translate("MicEdits", text)
