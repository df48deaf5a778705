"""Hands the mixer's values to the engine: what changed of a strip, the moment it changes.

GUI thread. These are single stores into the engine's parameter block, which the callback ramps; they
wait for nothing.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.mixer_state import MASTER, MixerState, Strip

if TYPE_CHECKING:
    from engine.services.playback import Playback


class MixerSender(QObject):
    """Follows a mixer.

    Parameters
    ----------
    mixer : MixerState
    parent : QObject or None
    """

    def __init__(self, mixer: MixerState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mixer = mixer
        self._playback: Playback | None = None
        self._sent: dict[str, Strip] = {}
        mixer.changed.connect(self._send)
        mixer.stems_changed.connect(self.send_all)

    def attach(self, playback: "Playback | None") -> None:
        """Send to this engine from now on, and everything at once; None sends nowhere."""
        self._playback = playback
        self.send_all()

    def send_all(self) -> None:
        """Send every value, whatever the engine has: its strips are other ones now."""
        self._sent.clear()
        for name in (*self._mixer.stems, MASTER):
            self._send(name)

    def _send(self, name: str) -> None:
        playback = self._playback
        if playback is None or name not in (*playback.lanes[1:], MASTER):
            return
        strip, sent = self._mixer.strip(name), self._sent.get(name)
        self._sent[name] = strip
        if sent is None or sent.engine_gain_db != strip.engine_gain_db:
            playback.set_gain_db(name, strip.engine_gain_db)
        if sent is None or sent.pan != strip.pan:
            playback.set_pan(name, strip.pan)
        if name == MASTER:
            return
        if sent is None or sent.mute != strip.mute:
            playback.set_mute(name, strip.mute)
        if sent is None or sent.solo != strip.solo:
            playback.set_solo(name, strip.solo)
