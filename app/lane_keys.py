"""Digits choose a lane, M and S act on it: the mixer without a mouse.

GUI thread.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication, QWidget

from app.actions import N_LANE_KEYS, Actions
from app.edits import Edits
from app.loop_state import LoopState
from app.mixer_state import MixerState

if TYPE_CHECKING:
    from app.panels.mixer import LaneHead

DEFAULT_LOOP_S = 8.0


class LaneKeys(QObject):
    """What the lane and loop actions do.

    Parameters
    ----------
    actions : Actions
    states : (MixerState, LoopState)
    edits : Edits
    place : callable
        Gives (position_s, duration_s or None).
    """

    def __init__(
        self,
        actions: Actions,
        states: tuple[MixerState, LoopState],
        edits: Edits,
        place: Callable[[], tuple[float, float | None]],
    ) -> None:
        super().__init__(actions)
        self._actions = actions
        self._mixer, self._loop = states
        self._edits = edits
        self._place = place
        self._chosen = 0
        self._lanes: QWidget | None = None
        for number in range(1, N_LANE_KEYS + 1):
            index = number - 1
            actions[f"lane_{number}"].triggered.connect(lambda _on=False, i=index: self.choose(i))
            actions[f"mute_{number}"].triggered.connect(lambda _on=False, i=index: self._mute(i))
            actions[f"solo_{number}"].triggered.connect(lambda _on=False, i=index: self._solo(i))
        actions["mute"].triggered.connect(lambda: self._mute(self._chosen))
        actions["solo"].triggered.connect(lambda: self._solo(self._chosen))
        actions["solo_only"].triggered.connect(lambda: self._solo(self._chosen, exclusive=True))
        actions["loop"].triggered.connect(self._toggle_loop)
        actions["clear_loop"].triggered.connect(lambda: edits.set_loop(None, False))
        actions["reset_mixer"].triggered.connect(lambda: self._edits.reset_mixer())
        self._mixer.stems_changed.connect(self._show_lanes)
        self._loop.changed.connect(self._show_loop)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._follow_focus)
        self._show_lanes()
        self._show_loop()

    def follow(self, lanes: QWidget) -> None:
        """Take the lanes in: the one that has the keys is the chosen one."""
        self._lanes = lanes

    def turn_to(self, mixer: MixerState, edits: Edits, lanes: QWidget) -> None:
        """Act on other lanes from now on.

        Parameters
        ----------
        mixer : MixerState
            Theirs.
        edits : Edits
        lanes : QWidget
            Where their heads are.
        """
        if mixer is not self._mixer:
            self._mixer.stems_changed.disconnect(self._show_lanes)
            mixer.stems_changed.connect(self._show_lanes)
        self._mixer, self._edits, self._lanes = mixer, edits, lanes
        self._show_lanes()

    def _heads(self) -> dict[str, "LaneHead"]:
        if self._lanes is None:
            return {}
        from app.panels.mixer import LaneHead

        return {head.name: head for head in self._lanes.findChildren(LaneHead)}

    @property
    def chosen(self) -> int:
        """Number of the lane that M and S act on, from 0."""
        return self._chosen

    def choose(self, index: int) -> None:
        """Let M and S act on a lane, and give it the keys."""
        if index >= len(self._mixer.lanes):
            return
        self._chosen = index
        head = self._heads().get(self._mixer.lanes[index])
        if head is not None:
            head.fader.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _follow_focus(self, _old: QWidget | None, widget: QWidget | None) -> None:
        if widget is None:
            return
        for name, head in self._heads().items():
            if (head is widget or head.isAncestorOf(widget)) and name in self._mixer.lanes:
                self._chosen = self._mixer.lanes.index(name)

    def _mute(self, index: int) -> None:
        if index < len(self._mixer.lanes):
            self._chosen = index
            name = self._mixer.lanes[index]
            self._edits.set_mute(name, not self._mixer.strip(name).mute)

    def _solo(self, index: int, *, exclusive: bool = False) -> None:
        if index < len(self._mixer.lanes):
            self._chosen = index
            name = self._mixer.lanes[index]
            self._edits.set_solo(name, not self._mixer.strip(name).solo, exclusive=exclusive)

    def _toggle_loop(self) -> None:
        span = self._loop.span_s
        if span is None:
            start_s, duration_s = self._place()
            if duration_s is None:
                self._show_loop()
                return
            stop_s = min(duration_s, start_s + DEFAULT_LOOP_S)
            span = (max(0.0, stop_s - DEFAULT_LOOP_S), stop_s)
            self._edits.set_loop(span, True)
        else:
            self._edits.set_loop(span, not self._loop.enabled)

    def _show_loop(self) -> None:
        self._actions["loop"].setChecked(self._loop.enabled)
        self._actions["clear_loop"].setEnabled(self._loop.span_s is not None)

    def _show_lanes(self) -> None:
        n = len(self._mixer.lanes)
        self._chosen = min(self._chosen, max(0, n - 1))
        for number in range(1, N_LANE_KEYS + 1):
            for kind in ("lane", "mute", "solo"):
                self._actions[f"{kind}_{number}"].setVisible(number <= n)
        for name in ("mute", "solo", "solo_only"):
            self._actions[name].setEnabled(n > 0)
