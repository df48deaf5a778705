"""A song's time across a widget: to see, to seek, to loop, to zoom; what is drawn there is the heirs' affair.

GUI thread only. This widget lays the play-head, the loop and the pointer's time over a still picture
that its heirs draw (waveforms, curves), repaints only the strips that they leave and enter, and turns
mouse, wheel and keys into wishes: seeks are a signal, loops go through `Edits` so that they can be undone.
It exists so that every view of a song behaves alike.
"""

import math
import time
from typing import cast

from PySide6.QtCore import QEvent, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.edits import Edits
from app.loop_state import LoopState
from app.panels.play_head import PlayHead
from app.panels.time_view import TimeView
from app.panels.wave_backdrop import RULER_PX
from app.panels.wave_keys import act_on_key
from app.panels.wave_loop import LoopGrip, LoopMouse
from app.panels.wave_menu import open_menu
from app.panels.wave_overlay import HALF_HEAD_PX, paint_focus, paint_hover, paint_loop, paint_playhead
from app.tick import Tick

_ZOOM_A_NOTCH = 1.25
_NOTCH = 120.0
_FRAME_MS = 16


class TimeCanvas(QWidget):
    """A ruler, and below it whatever an heir draws in `paint_still`.

    Parameters
    ----------
    loop : LoopState
        Shown, and followed.
    edits : Edits
        Told of new loops.

    Attributes
    ----------
    view : TimeView
    seek_wanted : Signal(float)
        Song time in seconds.
    view_changed : Signal()
        Another part of the song is shown, or about to be.
    """

    seek_wanted = Signal(float)
    view_changed = Signal()

    def __init__(self, loop: LoopState, edits: Edits, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = TimeView()
        self._loop = loop
        self._mouse = LoopMouse(loop, edits)
        self._head = PlayHead()
        self._following = True
        self._hover_x: float | None = None
        self._pan_from: tuple[float, float] | None = None
        self._glide = QTimer(self)
        self._glide.setInterval(_FRAME_MS)
        self._glide.timeout.connect(self._step)
        self._stepped_at_s = 0.0
        loop.changed.connect(self.update)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, RULER_PX + 40)

    def keys_text(self) -> str:
        """What the keys do here, for a screen reader."""
        return self.tr(
            "Left and Right seek by 5 seconds, with Shift by 1; Plus and Minus zoom, 0 shows the whole "
            "song; I and O set the start and end of the loop at the play-head, Delete removes it."
        )

    # --- what is shown -----------------------------------------------------------------------------

    def paint_still(self, painter: QPainter) -> None:
        """Draw what does not move, ruler included; heirs do."""
        raise NotImplementedError

    def start_over(self) -> None:
        """Show another song, whole, from its beginning."""
        self._following = True
        self._head.put(0.0)
        self.view.set_duration(0.0)
        self.fit()
        self.view.jump()

    def set_duration(self, duration_s: float) -> None:
        """Know the length of the song, or know it better."""
        if duration_s != self.view.duration_s:
            self.view.set_duration(duration_s)
            self._changed()

    def move_head(self, tick: Tick) -> None:
        """Move the play-head, and turn the page when it leaves the view."""
        before_x = self._head_x()
        leaps = self._head.take(tick)
        self._repaint_head(before_x)
        if leaps or self.view.shows(self.position_s):
            self._following = True
        if self._following and (tick.playing or leaps) and not self._is_busy:
            before = self.view.goal
            self.view.follow(self.position_s)
            if self.view.goal != before:
                self._glide_on()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Copy the strips that changed from the still picture, and lay what moves over them."""
        painter = QPainter(self)
        painter.setClipRegion(event.region())
        self.paint_still(painter)
        if self.view.duration_s > 0.0:
            area = QRectF(self.rect())
            paint_loop(painter, area, self._loop_x(), enabled=self._loop.enabled, grip=self._mouse.hovered)
            if self._hover_x is not None and self._pan_from is None:
                paint_hover(painter, area, self._hover_x, self._time_at(self._hover_x), self.view)
            paint_playhead(painter, area, self._head_x())
        if self.hasFocus():
            paint_focus(painter, QRectF(self.rect()))
        painter.end()

    @property
    def position_s(self) -> float:
        """Where the play-head stands."""
        return self._head.position_s

    def _repaint_head(self, before_x: float) -> None:
        after_x = self._head_x()
        if after_x != before_x:
            for x in (before_x, after_x):
                self._update_strip(x, HALF_HEAD_PX)

    def _head_x(self) -> float:
        """Where the play-head is drawn: on a whole device pixel, so that it never blurs."""
        ratio = self.devicePixelRatioF()
        return round(self.view.to_x(self.position_s, self.width()) * ratio) / ratio

    def _update_strip(self, x: float, half_px: float) -> None:
        left = math.floor(x - half_px)
        self.update(QRect(left, 0, math.ceil(x + half_px) - left + 1, self.height()))

    # --- view -----------------------------------------------------------------------------------------

    def zoom_in(self) -> None:
        """Closer, around the play-head if it is in view."""
        self._zoom(_ZOOM_A_NOTCH**2, self._anchor_s())

    def zoom_out(self) -> None:
        """Farther away."""
        self._zoom(_ZOOM_A_NOTCH**-2, self._anchor_s())

    def fit(self) -> None:
        """The whole song."""
        self.view.fit()
        self._changed()

    def show_span(self, start_s: float, stop_s: float) -> None:
        """A stretch of the song with a little room around it."""
        room_s = 0.05 * (stop_s - start_s)
        self.view.show(start_s - room_s, stop_s - start_s + 2 * room_s)
        self._following = self.view.shows(self.position_s)
        self._changed()

    def show_stretch(self, start_s: float, span_s: float) -> None:
        """Go to the stretch that another view of the song goes to."""
        if self.view.goal != (start_s, span_s):
            self.view.show(start_s, span_s)
            self._following = self.view.shows(self.position_s)
            self._changed()

    def scroll_to(self, start_s: float) -> None:
        """Show as much of the song from another start."""
        self.view.scroll_to(start_s)
        self._scrolled()

    def _anchor_s(self) -> float:
        start_s, span_s = self.view.goal
        return self.position_s if self.view.shows(self.position_s) else start_s + span_s / 2

    def _zoom(self, factor: float, anchor_s: float) -> None:
        self.view.zoom(factor, anchor_s)
        self._following = self.view.shows(self.position_s)
        self._changed()

    def _scrolled(self) -> None:
        # Whoever scrolls away from the play-head wants to look there: no page turns until it is met again.
        self._following = self.view.shows(self.position_s)
        self.view.jump()
        self._changed()

    def _changed(self) -> None:
        if theme.reduced_motion():
            self.view.jump()
        if not self.view.is_still:
            self._glide_on()
        self.view_changed.emit()
        self.update()

    def _glide_on(self) -> None:
        if theme.reduced_motion():
            self.view.jump()
            self.update()
        elif not self._glide.isActive():
            self._stepped_at_s = time.monotonic()
            self._glide.start()
        self.view_changed.emit()

    def _step(self) -> None:
        now_s = time.monotonic()
        # After a long frame, no leap: at most three frames' worth.
        self.view.step(min(now_s - self._stepped_at_s, 0.05))
        self._stepped_at_s = now_s
        if self.view.is_still:
            self._glide.stop()
        self.update()

    def _loop_x(self) -> tuple[float, float] | None:
        if self._loop.span_s is None:
            return None
        start_s, stop_s = self._loop.span_s
        return self.view.to_x(start_s, self.width()), self.view.to_x(stop_s, self.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw anew."""
        super().resizeEvent(event)
        self.view_changed.emit()

    # --- mouse ----------------------------------------------------------------------------------------

    @property
    def _is_busy(self) -> bool:
        """Whether the view must not move from under the pointer."""
        return self._mouse.is_down or self._pan_from is not None

    def _time_at(self, x: float) -> float:
        return self.view.to_s(x, self.width())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a seek or a loop with the left button, a move of the view with the middle one."""
        if self.view.duration_s <= 0.0:
            event.ignore()
        elif event.button() == Qt.MouseButton.LeftButton:
            self._mouse.press(event.position(), self._loop_x(), self._time_at)
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._pan_from = (event.position().x(), self.view.start_s)
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.update()
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag, or tell the time under the pointer."""
        x = event.position().x()
        if self._pan_from is not None:
            from_x, start_s = self._pan_from
            self.view.scroll_to(start_s - (x - from_x) / max(self.width(), 1) * self.view.span_s)
            self._scrolled()
        elif self._mouse.is_down:
            self._mouse.move(event.position(), self._time_at, self.view.duration_s)
        elif self._mouse.hover(event.position(), self._loop_x()):
            self.update()
        if self._pan_from is None:
            self.setCursor(self._mouse.cursor)
        self._hover(x)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag; a press that never moved is a seek."""
        if event.button() == Qt.MouseButton.MiddleButton:
            self._pan_from = None
            self.setCursor(self._mouse.cursor)
        elif event.button() == Qt.MouseButton.LeftButton:
            if self._mouse.release():
                self.seek(self._time_at(event.position().x()))
            elif (span_s := self._loop.active_s) is not None and self.position_s >= span_s[1]:
                # Behind the loop that was just drawn, playing on would never come to it.
                self.seek(span_s[0])

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """On the loop's bar: switch the loop on or off."""
        if event.button() == Qt.MouseButton.LeftButton and self._mouse.hovered is LoopGrip.BODY:
            self._mouse.toggle()
        else:
            self.mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done here; asked for by a key, at the play-head."""
        if self.view.duration_s > 0.0:
            by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
            time_s = self.position_s if by_key else self._time_at(event.pos().x())
            open_menu(self, self._loop, event.globalPos(), time_s)

    def leaveEvent(self, event: QEvent) -> None:
        """Take the pointer's time away."""
        super().leaveEvent(event)
        self._mouse.leave()
        self._hover(None)

    def _hover(self, x: float | None) -> None:
        if x != self._hover_x:
            for place in (self._hover_x, x):
                if place is not None:
                    self._update_strip(place, 40.0)
            self._hover_x = x

    def seek(self, position_s: float) -> None:
        """Go to a time: the play-head at once, the sound as soon as it can."""
        position_s = min(max(position_s, 0.0), self.view.duration_s)
        before_x = self._head_x()
        self._head.put(position_s, hold=True)
        self._repaint_head(before_x)
        self._following = True
        if not self.view.shows(position_s):
            self.view.follow(position_s)
            self._changed()
        self.seek_wanted.emit(position_s)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the pointer; sideways, or with Shift, scroll."""
        turn, pixels = event.angleDelta(), event.pixelDelta()
        shift = bool(
            event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier)
        )
        if self.view.duration_s <= 0.0:
            event.ignore()
        elif abs(turn.x()) > abs(turn.y()) or shift:
            notches = (turn.x() or turn.y()) / _NOTCH
            across_px = pixels.x() or notches * self.width() * 0.1
            self.view.scroll(-across_px / max(self.width(), 1) * self.view.goal[1])
            if pixels.x():
                self._scrolled()
            else:
                self._following = self.view.shows(self.position_s)
                self._changed()
        elif turn.y():
            self._zoom(_ZOOM_A_NOTCH ** (turn.y() / _NOTCH), self._time_at(event.position().x()))
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Pinch to zoom on a touch pad; the tool-tip only over the ruler, where it hides no waveform."""
        if event.type() == QEvent.Type.NativeGesture:
            gesture = cast("QNativeGestureEvent", event)
            if gesture.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self._zoom(max(0.5, 1.0 + gesture.value()), self._time_at(gesture.position().x()))
                return True
        if event.type() == QEvent.Type.ToolTip and cast("QHelpEvent", event).y() > RULER_PX:
            QToolTip.hideText()
            return True
        return super().event(event)

    # --- keyboard -------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Seek, zoom and loop without a mouse."""
        if self.view.duration_s <= 0.0 or not act_on_key(self, event):
            super().keyPressEvent(event)

    def loop_from_here(self) -> None:
        """Start the loop at the play-head."""
        self.loop_from(self.position_s)

    def loop_to_here(self) -> None:
        """End the loop at the play-head."""
        self.loop_to(self.position_s)

    def loop_from(self, time_s: float) -> None:
        """Start the loop at a time; without one, it runs to the song's end."""
        self._mouse.start_at(time_s, self.view.duration_s)

    def loop_to(self, time_s: float) -> None:
        """End the loop at a time; without one, it begins with the song."""
        self._mouse.stop_at(time_s)

    def toggle_loop(self) -> None:
        """Switch the loop on or off."""
        self._mouse.toggle()

    def clear_loop(self) -> None:
        """Take the loop away."""
        self._mouse.clear()
