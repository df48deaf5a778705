"""Every change of mixer and loop that a user can undo.

GUI thread only. One gesture (a drag, a turn of the wheel) is one step: the widget takes a number
from `begin_gesture` and hands it to each call that belongs to it.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.loop_state import LoopState
from app.mixer_state import MixerState, Strip


class _Change(QUndoCommand):
    """One value before and after."""

    def __init__(self, text: str, apply: Callable[[Any], None], before: Any, after: Any) -> None:
        super().__init__(text)
        self._apply = apply
        self._before = before
        self._after = after

    def extend(self, after: Any) -> None:
        """Go on with the gesture that made this change."""
        self._after = after
        self.setObsolete(after == self._before)
        self._apply(after)

    def redo(self) -> None:
        """Apply."""
        self._apply(self._after)

    def undo(self) -> None:
        """Take back."""
        self._apply(self._before)


class Edits:
    """The undoable side of mixer and loop.

    Parameters
    ----------
    mixer : MixerState
    loop : LoopState
    stack : QUndoStack or None
        Where the steps go: one of another `Edits`, so that all is taken back in the order in which it was
        done; None makes one.
    """

    def __init__(self, mixer: MixerState, loop: LoopState, stack: QUndoStack | None = None) -> None:
        if stack is None:
            stack = QUndoStack()
            stack.setUndoLimit(500)
        self.stack = stack
        self._mixer = mixer
        self._loop = loop
        self._gestures = count(1)
        self._newest: tuple[_Change, int | None, int] | None = None

    def begin_gesture(self) -> int:
        """Number for the calls of one gesture, which become one step."""
        return next(self._gestures)

    def set_gain_db(self, name: str, gain_db: float, gesture: int | None = None) -> None:
        """Move a fader."""
        self._change(_tr("Gain of {}").format(self._mixer.title(name)), {name: {"gain_db": gain_db}}, gesture)

    def set_pan(self, name: str, pan: float, gesture: int | None = None) -> None:
        """Turn a balance."""
        self._change(_tr("Pan of {}").format(self._mixer.title(name)), {name: {"pan": pan}}, gesture)

    def set_mute(self, name: str, mute: bool) -> None:
        """Mute or unmute."""
        text = _tr("Mute {}") if mute else _tr("Unmute {}")
        self._change(text.format(self._mixer.title(name)), {name: {"mute": mute}}, None)

    def set_solo(self, name: str, solo: bool, *, exclusive: bool = False) -> None:
        """Solo in place or not; `exclusive` takes it from every other stem."""
        values: dict[str, dict[str, Any]] = {}
        if exclusive:
            values = {lane: {"solo": False} for lane in self._mixer.lanes}
        values[name] = {"solo": solo}
        text = _tr("Solo {}") if solo else _tr("Unsolo {}")
        self._change(text.format(self._mixer.title(name)), values, None)

    def reset_mixer(self) -> None:
        """Every strip as it was at first."""
        names = (*self._mixer.lanes, "master")
        plain = {"gain_db": 0.0, "pan": 0.0, "mute": False, "solo": False}
        self._change(_tr("Reset mixer"), dict.fromkeys(names, plain), None)

    def set_loop(self, span_s: tuple[float, float] | None, enabled: bool, gesture: int | None = None) -> None:
        """Set, move, enable or take away the loop."""
        before = (self._loop.span_s, self._loop.enabled)
        after = (span_s, enabled)
        if before != after:
            self.push(_tr("Loop"), lambda value: self._loop.set(*value), (before, after), gesture)

    def _change(self, text: str, values: dict[str, dict[str, Any]], gesture: int | None) -> None:
        before = {name: self._mixer.strip(name) for name in values}
        after = {name: replace(before[name], **new) for name, new in values.items()}
        if after != before:
            self.push(text, self._apply, (before, after), gesture)

    def push(
        self, text: str, apply: Callable[[Any], None], values: tuple[Any, Any], gesture: int | None = None
    ) -> None:
        """Make a step, or make the newest one longer when it belongs to the same gesture.

        Parameters
        ----------
        text : str
            What the menu calls it.
        apply : callable
            Puts one of the values into force.
        values : (before, after)
        gesture : int or None
            From `begin_gesture`.

        Notes
        -----
        Qt would merge the two itself, but PySide never frees a command that was merged away: a drag
        would leave sixty of them a second behind.
        """
        if self._newest is not None and gesture is not None:
            change, its_gesture, index = self._newest
            if its_gesture == gesture and index == self.stack.index() == self.stack.count():
                change.extend(values[1])
                return
        change = _Change(text, apply, *values)
        self.stack.push(change)
        self._newest = (change, gesture, self.stack.index())

    def _apply(self, strips: dict[str, Strip]) -> None:
        for name, strip in strips.items():
            if name == "master" or name in self._mixer.lanes:
                self._mixer.set_strip(name, strip)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Edits", text)
