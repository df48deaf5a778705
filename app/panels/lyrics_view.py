"""Lyrics as they are sung: the line that sounds in the middle, its words filling, its neighbours around it.

GUI thread only. Follows the *heard* time of the ticks. A song of ten thousand words costs what a song of a
hundred does: only the lines that are seen are laid out, the time is looked up by bisection, and while
nothing but the fill moves, nothing but the sung line is painted.
"""

import math
import time
from bisect import bisect_right
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.controls.focus import claims_key, draw_focus
from app.lyric_edits import LyricEdits
from app.lyrics_state import LyricsState
from app.panels.lyric_field import LyricField
from app.panels.lyric_menu import open_line_menu
from app.panels.lyric_places import GAP, MARGIN_PX, LyricPlaces, Place
from app.panels.play_head import PlayHead
from app.tick import Tick
from engine.lyrics import Segment

LEAST_FONT_PX, MOST_FONT_PX = 14, 96
SIZE_STEP = 1.12
"""A step of the type: six double it."""
LINGER_S = 0.4
"""After its end, a line makes way for the next."""
REST_S, COUNT_S = 5.0, 3.0
"""A rest this long is counted out: a dot a second in its last ones."""
BROWSE_S = 6.0
"""Who has scrolled away is brought back to the song after this."""
FAR_LINES = 12
"""Lines that are farther away are gone to at once."""
_FRAME_MS = 16
_NOTCH = 120.0
_KEYS = frozenset((Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Delete))


class Mark(NamedTuple):
    """What is highlighted: the line, its word, and how much of that word is filled (0 to 1)."""

    line: int
    word: int
    part: float


class LyricsView(QWidget):
    """The words.

    Parameters
    ----------
    state : LyricsState
    edits : LyricEdits or None
        None shows only: nothing can be changed here.
    parent : QWidget or None

    Attributes
    ----------
    seek_wanted : Signal(float)
        Song time in seconds.
    size_wanted : Signal(int)
        By how many steps the type should be larger.
    places : LyricPlaces
    shown : Mark
        What was painted last.
    shown_at_s : float
        When that was, on the clock of `time.monotonic`.
    """

    seek_wanted = Signal(float)
    size_wanted = Signal(int)

    def __init__(self, state: LyricsState, edits: LyricEdits | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._edits = edits
        self._head = PlayHead()
        self.places = LyricPlaces(theme.tokens().text_huge_px)
        self._on_picture = self._by_keys = False
        self._starts_s: list[float] = []
        self._goal = 0
        self._chosen: int | None = None
        self._browse_until_s = 0.0
        self._hovered: tuple[int, int] | None = None
        self._moved_at_s = 0.0
        self.shown = Mark(-1, -1, 0.0)
        self.shown_at_s = 0.0
        self._shown_dots = 0
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._step)
        self._field: LyricField | None = None
        state.changed.connect(self._take_lyrics)
        state.offset_changed.connect(self._follow)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 60)
        self.setAccessibleName(self.tr("Lyrics"))
        self.setToolTip(self.tr("Click a word to go there; double-click a line to change its words"))
        self._take_lyrics()

    # --- what is shown -----------------------------------------------------------------------------

    @property
    def time_s(self) -> float:
        """Song time on the scale of the lyrics: that of what is heard, less their offset."""
        return self._head.position_s - self._state.offset_s

    @property
    def mark(self) -> Mark:
        """What is sung now."""
        segments = self._segments
        number = bisect_right(self._starts_s, self.time_s) - 1
        if number < 0 or not self._state.is_timed:
            return Mark(-1, -1, 0.0)
        word, part = self.places.line(number).sung(self.time_s)
        if not segments[number].words and self.time_s >= segments[number].end_s:
            return Mark(number, 0, 0.0)
        return Mark(number, word, part)

    @property
    def dots(self) -> int:
        """Seconds until the line that ends a long rest begins, 3 to 1; 0 at all other times."""
        segments, number = self._segments, self._goal
        if not self._state.is_timed or number >= len(segments):
            return 0
        before_s = segments[number - 1].end_s if number else 0.0
        left_s = segments[number].start_s - self.time_s
        rests = segments[number].start_s - before_s >= REST_S
        return math.ceil(left_s) if rests and 0.0 < left_s <= COUNT_S else 0

    @property
    def chosen(self) -> int:
        """The line that keys mean: the one that was walked to, or the one that is sung."""
        return self._goal if self._chosen is None else self._chosen

    def set_font_px(self, px: int) -> None:
        """Write larger or smaller."""
        px = max(LEAST_FONT_PX, min(MOST_FONT_PX, px))
        if px != self.places.font_px:
            self.places.font_px = px
            self._lay_out_anew()

    def set_on_picture(self, on: bool) -> None:
        """Stand on a picture instead of the panel's ground: brighter letters."""
        self._on_picture = on
        self.update()

    def show_tick(self, tick: Tick) -> None:
        """Follow what is heard."""
        self._head.take(tick)
        if self.isVisible():
            self._follow()

    def _follow(self) -> None:
        goal = self._line_to_show()
        if goal != self._goal:
            self._goal = goal
            self._say()
            if not self._is_browsing:
                self._move()
        elif self._chosen is not None and not self._is_browsing:
            self._chosen = None
            self._move()
        mark = self.mark
        if self.dots != self._shown_dots:
            self.update()
        elif mark != self.shown:
            if mark.line == self.shown.line and not self._timer.isActive():
                self._update_line(mark.line)
            else:
                self.update()

    def _line_to_show(self) -> int:
        """The line in the middle: the one that is sung, or when that is over the next."""
        now_s, segments = self.time_s, self._segments
        if not self._state.is_timed:
            return self._goal
        number = max(0, bisect_right(self._starts_s, now_s) - 1)
        over = number < len(segments) and now_s >= segments[number].end_s + LINGER_S
        return number + 1 if over and number + 1 < len(segments) else number

    def _say(self) -> None:
        segments = self._segments
        self.setAccessibleDescription(segments[self._goal].text if self._goal < len(segments) else "")

    def _take_lyrics(self) -> None:
        segments = self.places.segments = self._segments
        self._starts_s = [segment.start_s for segment in segments]
        self._goal = min(self._goal, max(0, len(segments) - 1))
        if self._chosen is not None and self._chosen >= len(segments):
            self._chosen = None
        self._hovered = None
        self._lay_out_anew()
        self._goal = self._line_to_show()
        self._say()
        self._move(at_once=True)

    def _lay_out_anew(self) -> None:
        self.places.forget()
        self._place_field()
        self.update()

    @property
    def _segments(self) -> tuple[Segment, ...]:
        lyrics = self._state.lyrics
        return () if lyrics is None else lyrics.segments

    # --- moving ------------------------------------------------------------------------------------

    @property
    def _is_browsing(self) -> bool:
        return self._field is not None or time.monotonic() < self._browse_until_s

    @property
    def _target(self) -> int:
        return self.chosen if self._is_browsing else self._goal

    def _move(self, *, at_once: bool = False) -> None:
        """Go to the line that is sung, or chosen."""
        if (
            at_once
            or theme.reduced_motion()
            or not self.isVisible()
            or abs(self._target - self.places.at) > 12
        ):
            self.places.at = float(self._target)
            self._timer.stop()
            self._place_field()
        elif not self._timer.isActive():
            self._moved_at_s = time.monotonic()
            self._timer.start()
        self.update()

    def _step(self) -> None:
        now_s = time.monotonic()
        passed_s = min(now_s - self._moved_at_s, 0.05)
        self._moved_at_s = now_s
        # Two thirds of the way in the time of a long motion, whatever the frame rate.
        self.places.at += (self._target - self.places.at) * -math.expm1(
            -passed_s / (theme.tokens().motion_long_ms / 3000)
        )
        if abs(self._target - self.places.at) < 0.002:
            self.places.at = float(self._target)
            self._timer.stop()
        self._place_field()
        self.update()

    def choose(self, number: int) -> None:
        """Walk to a line; the song is followed again after a while, or with Esc."""
        if self._segments:
            self._chosen = max(0, min(len(self._segments) - 1, number))
            self._browse_until_s = time.monotonic() + BROWSE_S
            # Once it has run out, something must look.
            QTimer.singleShot(round(1000 * BROWSE_S) + 50, self, self._follow)
            self._move()

    def follow_song(self) -> None:
        """Show what is sung again."""
        self._chosen, self._browse_until_s = None, 0.0
        self._move()

    # --- painting ----------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the lines that the region touches."""
        middle_px = self.width() / 2
        mark, dots = self.mark, self.dots
        now_s, timed = self.time_s, self._state.is_timed
        with QPainter(self) as painter:
            painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
            for place in self.places.seen():
                area = place.area.translated(middle_px, 0.0)
                if not event.region().intersects(area.adjusted(-2, -2, 2, 2).toAlignedRect()):
                    continue
                if self._field is not None and self._field.line == place.number:
                    continue
                painter.save()
                painter.translate(middle_px, place.top)
                painter.scale(place.scale, place.scale)
                self._paint_line(painter, place, now_s if timed else -1.0)
                painter.restore()
            self._paint_dots(painter, dots)
            if self._by_keys and not self._on_picture:
                draw_focus(painter, self, theme.tokens().radius_medium_px)
        self.shown, self.shown_at_s = mark, time.monotonic()
        self._shown_dots = dots

    def _paint_line(self, painter: QPainter, place: Place, now_s: float) -> None:
        line, look = place.line, theme.tokens()
        sounds = line.segment.start_s <= now_s and (now_s < line.segment.end_s or place.number == self._goal)
        painter.setOpacity(self._opacity(place))
        line.paint(painter, look.text if self._on_picture else look.dim)
        if sounds and (line.segment.words or now_s < line.segment.end_s):
            painter.setOpacity(1.0 if place.number == self._goal else self._opacity(place))
            line.paint_sung(painter, self._sung_colour, now_s)
        if self._hovered is not None and self._hovered[0] == place.number:
            for box in line.boxes[self._hovered[1]]:
                painter.fillRect(QRectF(box.left(), box.bottom() - 2, box.width(), 2), look.accent)
        if self._chosen == place.number and self._is_browsing:
            half = line.width_px / 2 + 14
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.accent)
            painter.drawRoundedRect(QRectF(-half, line.height_px / 2 - 9, 3, 18), 1.5, 1.5)

    def _paint_dots(self, painter: QPainter, n: int) -> None:
        """Count a rest out, in the gap above the line that ends it."""
        place = self.places.find(self._goal) if n else None
        if place is not None:
            radius_px = 0.11 * self.places.font_px
            y = place.top - 0.5 * GAP * self.places.font_px
            painter.setOpacity(1.0)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._sung_colour)
            for i in range(n):
                x = self.width() / 2 + (i - 1) * 5.0 * radius_px
                painter.drawEllipse(QPointF(x, y), radius_px, radius_px)

    @property
    def _sung_colour(self) -> QColor:
        return theme.tokens().lane_colour("vocals")

    def _opacity(self, place: Place) -> float:
        """Lines far from the middle step back, on a picture out of sight; at the edges all go."""
        away = abs(place.number - self.places.at)
        if away < 1.0:
            return 1.0
        least, step = (0.0, 0.3) if self._on_picture else (0.72, 0.14)
        out_px = max(-place.top, place.area.bottom() - self.height(), 0.0)
        edge = max(0.0, 1.0 - out_px / (0.5 * place.area.height()))
        return edge * (1.0 if away < 1.5 else max(least, 1.0 - step * (away - 1.0)))

    def _update_line(self, number: int) -> None:
        place = self.places.find(number)
        if place is not None:
            area = place.area.translated(self.width() / 2, 0.0)
            self.update(area.adjusted(-4, -4, 4, 4).toAlignedRect())

    def sizeHint(self) -> QSize:
        """Three lines."""
        return QSize(480, round(5.0 * self.places.font_px))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap anew."""
        super().resizeEvent(event)
        self.places.set_size(event.size().width(), event.size().height())
        self._place_field()

    # --- mouse -------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show what a click would go to; what lies behind wants to know of the pointer, too."""
        self._hover(self.places.hit(event.position()))
        event.ignore()

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer."""
        super().leaveEvent(event)
        self._hover(None)

    def _hover(self, hit: tuple[int, int] | None) -> None:
        hit = hit if self._state.is_timed else None
        if hit != self._hovered:
            self._hovered = hit
            if hit is None:
                # Whatever it stands on says what the pointer is.
                self.unsetCursor()
            else:
                self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Go to the word under the pointer."""
        hit = self.places.hit(event.position())
        if event.button() == Qt.MouseButton.LeftButton and hit is not None and self._field is None:
            self._seek(*hit)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Change the words of a line."""
        hit = self.places.hit(event.position())
        if event.button() == Qt.MouseButton.LeftButton and hit is not None:
            self.edit(hit[0])
        elif hit is None:
            event.ignore()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done with the line under the pointer, or with the chosen one."""
        by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        hit = None if by_key else self.places.hit(QPointF(event.pos()))
        number = self.chosen if hit is None else hit[0]
        if self._edits is not None and number < len(self._segments):
            self.choose(number)
            open_line_menu(self, self._edits, number, event.globalPos())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Walk along the lines; with Ctrl, change the size."""
        notches = event.angleDelta().y() / _NOTCH
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.size_wanted.emit(1 if notches > 0 else -1)
        elif notches and self._segments:
            self.choose(self.chosen - (1 if notches > 0 else -1) * max(1, round(abs(notches))))
        event.accept()

    def _seek(self, number: int, word: int = -1) -> None:
        if self._state.is_timed:
            segment = self._segments[number]
            start_s = segment.words[word].start_s if segment.words and word >= 0 else segment.start_s
            position_s = max(0.0, start_s + self._state.offset_s)
            self._head.put(position_s, hold=True)
            self.follow_song()
            self._follow()
            self.seek_wanted.emit(position_s)

    # --- keyboard ----------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keep the keys that walk along the lines from the window."""
        if claims_key(event, _KEYS):
            event.accept()
            return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show a ring to whoever walks with Tab; whoever clicked sees where they are."""
        self._by_keys = event.reason() in {Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason}
        super().focusInEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down choose a line, Enter goes there, F2 changes it, Delete removes it, Esc comes back."""
        key = event.key()
        if key in {Qt.Key.Key_Up, Qt.Key.Key_Down}:
            self.choose(self.chosen + (1 if key == Qt.Key.Key_Down else -1))
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self._segments:
            self._seek(self.chosen)
        elif key == Qt.Key.Key_F2 and self._segments:
            self.edit(self.chosen)
        elif key == Qt.Key.Key_Delete and self._edits is not None and self._chosen is not None:
            self._edits.remove(self._chosen)
        elif key == Qt.Key.Key_Escape and self._is_browsing:
            self.follow_song()
        else:
            super().keyPressEvent(event)

    # --- editing -----------------------------------------------------------------------------------

    def edit(self, number: int) -> None:
        """Let the user write into a line."""
        if self._edits is None or self._field is not None or number >= len(self._segments):
            return
        self.choose(number)
        field = self._field = LyricField(number, self._segments[number].text, self._edits, self)
        field.setFont(theme.font(self.places.font_px, 600))
        field.ended.connect(self._end_edit)
        self._move(at_once=True)
        field.show()
        field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _end_edit(self) -> None:
        field, self._field = self._field, None
        if field is not None:
            field.hide()
            field.deleteLater()
            self.setFocus(Qt.FocusReason.OtherFocusReason)
            self.follow_song()

    def _place_field(self) -> None:
        field = self._field
        place = None if field is None else self.places.find(field.line)
        if field is not None and place is not None:
            high_px = max(field.sizeHint().height(), 1.25 * self.places.font_px)
            middle_px = place.top + place.area.height() / 2
            width_px = self.width() - 2 * MARGIN_PX
            field.setGeometry(MARGIN_PX, round(middle_px - high_px / 2), width_px, round(high_px))


def stepped_px(px: int, steps: int) -> int:
    """A size of type some steps larger or smaller, a pixel at least, within what is allowed."""
    wanted = round(px * SIZE_STEP**steps)
    wanted = max(wanted, px + 1) if steps > 0 else min(wanted, px - 1) if steps < 0 else px
    return max(LEAST_FONT_PX, min(MOST_FONT_PX, wanted))
