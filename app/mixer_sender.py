"""Hands the mixer's values to the engine: what changed of a strip, the moment it changes.

GUI thread. These are single stores into the engine's parameter block, which the callback ramps; they
wait for nothing.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.mixer_state import MASTER, MixerState, Strip

if TYPE_CHECKING:
    from engine.services.stem_mixer import StemMixer


class MixerSender(QObject):
    """Follows a mixer.

    Parameters
    ----------
    mixer : MixerState
    parent : QObject or None
    with_master : bool
        Whether the master is this mixer's, too.
    """

    def __init__(self, mixer: MixerState, parent: QObject | None = None, *, with_master: bool = True) -> None:
        super().__init__(parent)
        self._mixer = mixer
        self._with_master = with_master
        self._target: StemMixer | None = None
        self._sent: dict[str, Strip] = {}
        mixer.changed.connect(self._send)
        mixer.stems_changed.connect(self.send_all)

    def attach(self, target: "StemMixer | None") -> None:
        """Send to this mixer of the engine from now on, and everything at once; None sends nowhere."""
        self._target = target
        self.send_all()

    def send_all(self) -> None:
        """Send every value, whatever the engine has: its strips are other ones now."""
        self._sent.clear()
        for name in (*self._mixer.lanes, MASTER):
            self._send(name)

    def _send(self, name: str) -> None:
        target = self._target
        if target is None or name not in (*target.lanes[1:], MASTER):
            return
        if name == MASTER and not self._with_master:
            return
        strip, sent = self._mixer.strip(name), self._sent.get(name)
        self._sent[name] = strip
        if sent is None or sent.engine_gain_db != strip.engine_gain_db:
            target.set_gain_db(name, strip.engine_gain_db)
        if sent is None or sent.pan != strip.pan:
            target.set_pan(name, strip.pan)
        if name == MASTER:
            return
        if sent is None or sent.mute != strip.mute:
            target.set_mute(name, strip.mute)
        if sent is None or sent.solo != strip.solo:
            target.set_solo(name, strip.solo)
