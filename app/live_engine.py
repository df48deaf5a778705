"""Between the window and a live separation: wishes go to the control thread, what is comes back.

GUI thread, but for what is handed to the control thread; its answers cross over in queued signals. Whether it
is on is looked up and never remembered: a song that is played ends it, and so does a model that fails.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from app.bridge import Bridge
from app.live_tick import LiveTick
from app.mixer_sender import MixerSender
from app.mixer_state import MixerState
from engine.errors import CharonError
from engine.services.live_stems import LiveChoice, LiveStems

if TYPE_CHECKING:
    from engine.services.playback import Playback

WHOLE_S = 1.0
"""A longer pause between two looks is no time in which meters should fall."""


class LiveEngine(QObject):
    """A live separation, as the window sees it.

    Parameters
    ----------
    mixer : MixerState
        Of its lanes.
    bridge : Bridge
    parent : QObject or None

    Attributes
    ----------
    ticked : Signal(LiveTick)
    switched : Signal(bool)
        The lanes are an input's, or the song's again; whoever did it.
    refused : Signal(str)
        It could not be switched on, in one line.
    tick : LiveTick
        The newest.
    """

    ticked = Signal(object)
    switched = Signal(bool)
    refused = Signal(str)
    _answered = Signal(object)

    def __init__(self, mixer: MixerState, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mixer = mixer
        self._bridge = bridge
        self._sender = MixerSender(mixer, self, with_master=False)
        self._seen_s = 0.0
        self.tick = LiveTick()
        self._answered.connect(_run, Qt.ConnectionType.QueuedConnection)

    @property
    def is_on(self) -> bool:
        """Whether the lanes are an input's, at the last look."""
        return self.tick.is_on

    def start(self, choice: LiveChoice) -> None:
        """Listen to an input in the song's place; a change of choice is a start as well."""

        def start(playback: "Playback") -> None:
            try:
                playback.live.start(choice)
            except CharonError as err:
                self._answer(partial(self.refused.emit, str(err)))
            self._answer(self.look)

        self._bridge.carry_out(start, "live")

    def stop(self) -> None:
        """Let the song have its lanes again."""

        def stop(playback: "Playback") -> None:
            playback.live.stop()
            self._answer(self.look)

        self._bridge.carry_out(stop, "live")

    def _answer(self, call: Callable[[], object]) -> None:
        """Run something on the GUI thread; called on the control thread."""
        self._answered.emit(call)

    # --- looking -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Read what is and tell the views; with the bridge's ticks. Waits for nothing."""
        now_s = time.monotonic()
        dt_s, self._seen_s = min(now_s - self._seen_s, WHOLE_S), now_s
        playback = self._bridge.playback
        before, self.tick = self.tick, self._read(playback, dt_s)
        if playback is not None and self.tick.is_on:
            self._bridge.wake()
        if playback is not None and self.tick.is_on and self.tick.scope is not before.scope:
            # Another separation: its stems, and every strip as it stands here.
            self._mixer.set_stems(playback.live.mixer.lanes[1:])
            self._sender.attach(playback.live.mixer)
        if self.tick.is_on is not before.is_on:
            self.switched.emit(self.tick.is_on)
        if self.tick.is_on or before.is_on:
            self.ticked.emit(self.tick)

    @staticmethod
    def _read(playback: "Playback | None", dt_s: float) -> LiveTick:
        live: LiveStems | None = None if playback is None else playback.live
        # Read once: the control thread replaces it whole.
        separation = None if live is None else live.separation
        if playback is None or live is None or separation is None or not live.is_on:
            return LiveTick(dt_s=dt_s)
        meters = playback.meters()
        levels = () if meters is None else meters.lanes
        names = live.mixer.lanes
        return LiveTick(
            is_on=True,
            is_ready=separation.state.ready,
            source=live.source_name,
            trouble=live.trouble,
            latency=live.latency(),
            peaks_db={name: level.peak_db for name, level in zip(names, levels, strict=False)},
            scope=separation.scope,
            dt_s=dt_s,
        )


def _run(call: Callable[[], object]) -> None:
    call()
