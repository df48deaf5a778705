"""The loop under the pointer: which part of it is held, and what a drag makes of it.

GUI thread only. Knows times and places, but neither widgets nor painting. One press to release is one
gesture, so that it is one step for Undo.
"""

from collections.abc import Callable
from enum import Enum, auto

from PySide6.QtCore import QPointF, Qt

from app.edits import Edits
from app.loop_state import MIN_LOOP_S, LoopState
from app.panels.wave_backdrop import RULER_PX

_EDGE_PX = 5.0
_DRAG_PX = 4.0
"""A press that moves less than this is a click."""


class LoopGrip(Enum):
    """What the pointer holds or would hold."""

    NONE = auto()
    START = auto()
    STOP = auto()
    BODY = auto()


class LoopMouse:
    """Turns presses and moves into loops.

    Parameters
    ----------
    loop : LoopState
    edits : Edits

    Attributes
    ----------
    hovered : LoopGrip
        What is under the pointer, or held.
    is_down : bool
        Between press and release.
    """

    def __init__(self, loop: LoopState, edits: Edits) -> None:
        self._loop = loop
        self._edits = edits
        self.hovered = LoopGrip.NONE
        self.is_down = False
        self._from = QPointF()
        self._from_s = 0.0
        self._gesture: int | None = None
        self._span_s: tuple[float, float] = (0.0, 0.0)

    @property
    def cursor(self) -> Qt.CursorShape:
        """Shape that tells what a drag would do."""
        if self.hovered in (LoopGrip.START, LoopGrip.STOP):
            return Qt.CursorShape.SizeHorCursor
        if self.hovered is LoopGrip.BODY:
            return Qt.CursorShape.ClosedHandCursor if self.is_down else Qt.CursorShape.OpenHandCursor
        return Qt.CursorShape.ArrowCursor

    def hover(self, at: QPointF, loop_x: tuple[float, float] | None) -> bool:
        """Look at what is under the pointer; True when it is something else now."""
        before, self.hovered = self.hovered, _grip(at, loop_x)
        return self.hovered is not before

    def leave(self) -> None:
        """The pointer is gone."""
        if not self.is_down:
            self.hovered = LoopGrip.NONE

    def press(
        self, at: QPointF, loop_x: tuple[float, float] | None, time_at: Callable[[float], float]
    ) -> None:
        """Hold what is under the pointer."""
        self.is_down = True
        self._from, self._from_s = at, time_at(at.x())
        self._gesture = None
        self.hover(at, loop_x)
        self._span_s = self._loop.span_s or (self._from_s, self._from_s)

    def move(self, at: QPointF, time_at: Callable[[float], float], duration_s: float) -> None:
        """Drag what is held, or draw a new loop."""
        if self._gesture is None:
            if abs(at.x() - self._from.x()) < _DRAG_PX:
                return
            self._gesture = self._edits.begin_gesture()
        now_s = time_at(at.x())
        start_s, stop_s = self._span_s
        enabled = self._loop.enabled
        if self.hovered is LoopGrip.START:
            span_s = (now_s, stop_s)
        elif self.hovered is LoopGrip.STOP:
            span_s = (start_s, now_s)
        elif self.hovered is LoopGrip.BODY:
            by_s = min(max(now_s - self._from_s, -start_s), max(0.0, duration_s - stop_s))
            span_s = (start_s + by_s, stop_s + by_s)
        else:
            span_s, enabled = (self._from_s, now_s), True
        span_s = (min(span_s), max(span_s))
        if span_s[1] - span_s[0] >= MIN_LOOP_S:
            self._edits.set_loop(span_s, enabled, self._gesture)

    def release(self) -> bool:
        """Let go; True when it was a click."""
        clicked = self.is_down and self._gesture is None
        self.is_down = False
        self._gesture = None
        return clicked

    def toggle(self) -> None:
        """Switch the loop on or off."""
        self.is_down = False
        self._edits.set_loop(self._loop.span_s, not self._loop.enabled)

    def start_at(self, time_s: float, duration_s: float) -> None:
        """Begin the loop at a time; without one, or before it, the loop runs to the song's end."""
        stop_s = duration_s if self._loop.span_s is None else self._loop.span_s[1]
        self._edits.set_loop((time_s, stop_s if stop_s > time_s + MIN_LOOP_S else duration_s), True)

    def stop_at(self, time_s: float) -> None:
        """End the loop at a time; without one, or after it, the loop begins at the song's start."""
        start_s = 0.0 if self._loop.span_s is None else self._loop.span_s[0]
        self._edits.set_loop((start_s if start_s < time_s - MIN_LOOP_S else 0.0, time_s), True)

    def clear(self) -> None:
        """Take the loop away."""
        self._edits.set_loop(None, False)


def _grip(at: QPointF, loop_x: tuple[float, float] | None) -> LoopGrip:
    if loop_x is None:
        return LoopGrip.NONE
    start, stop = loop_x
    to_start, to_stop = abs(at.x() - start), abs(at.x() - stop)
    if min(to_start, to_stop) <= _EDGE_PX:
        # Of two edges that lie close together, the one on whose side the pointer is.
        return LoopGrip.START if to_start < to_stop else LoopGrip.STOP
    return LoopGrip.BODY if start < at.x() < stop and at.y() < RULER_PX else LoopGrip.NONE
