"""The echoes of the mic's delay in the tempo of the song that is open, for who wants them there.

GUI thread. Nothing here can be undone or need be: the tempo is the song's, and a knob that is turned by hand
keeps its place until another song, or another delay, comes.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QObject, Qt

from app.mic_state import SIDES, MicState
from engine.realtime.effects.catalogue import find_kind
from engine.realtime.effects.plan import EffectSetting

DELAY: Final = "delay"
TEMPO: Final = "tempo_bpm"


class MicTempo(QObject):
    """Keeps the delays in time.

    Parameters
    ----------
    state : MicState
    parent : QObject or None
    """

    def __init__(self, state: MicState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._tempo_bpm: float | None = None
        # Later: whoever else follows the chain must have seen it before it changes again.
        for changed in (state.tempo_changed, state.chain_changed, state.side_changed):
            changed.connect(self._follow, Qt.ConnectionType.QueuedConnection)

    def show_tempo(self, tempo_bpm: float | None) -> None:
        """Another song: its tempo in beats a minute; None while it is not known."""
        self._tempo_bpm = tempo_bpm
        self._follow()

    def _follow(self) -> None:
        state, tempo_bpm = self._state, self._tempo_bpm
        if not state.song_tempo or tempo_bpm is None:
            return
        for side in SIDES:
            state.set_chain(side, in_tempo(state.chain(side), tempo_bpm))


def in_tempo(slots: Sequence[EffectSetting], tempo_bpm: float) -> tuple[EffectSetting, ...]:
    """A chain whose delays beat with a song.

    Parameters
    ----------
    slots : sequence of EffectSetting
    tempo_bpm : float, > 0
        Halved or doubled until a delay can have it.
    """
    delay = find_kind(DELAY)
    knob = delay.parameters[delay.index(TEMPO)]
    while tempo_bpm < knob.low:
        tempo_bpm *= 2.0
    while tempo_bpm > knob.high:
        tempo_bpm /= 2.0
    return tuple(
        replace(slot, values={**slot.values, TEMPO: tempo_bpm}) if slot.kind == DELAY else slot
        for slot in slots
    )


def without_tempo(slots: Sequence[EffectSetting]) -> tuple[EffectSetting, ...]:
    """A chain whose delays all have their first tempo, to compare what else is set."""
    delay = find_kind(DELAY)
    return in_tempo(slots, delay.parameters[delay.index(TEMPO)].default)
