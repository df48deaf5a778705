"""The plots of a song under one ruler, and beside each what it says of the moment.

GUI thread. `AnalysisView` keeps the plots as a picture and draws it anew only when another stretch of the
song or another size is shown; `AnalysisHeads` stands at its left, as wide as the heads of the lanes, so
that what is below each other on the screen is simultaneous.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from app import theme
from app.edits import Edits
from app.loop_state import LoopState
from app.panels.analysis_song import PLOTS, SPECTRUM, Reading, SongPicture, plot_title, read_moment
from app.panels.mixer import HEAD_WIDTH_PX
from app.panels.time_canvas import TimeCanvas
from app.panels.wave_backdrop import RULER_PX, Row, paint_ruler, share_height
from app.tick import Tick

if TYPE_CHECKING:
    from app.panels.analysis_stack import AnalysisStack

AXIS_PX = 44
"""At the left of the plots, drawn with them; as `app.panels.analysis_plots` has it."""
MIN_PLOT_PX = 64


class AnalysisView(TimeCanvas):
    """Ruler and plots.

    Parameters
    ----------
    loop : LoopState
    edits : Edits
    parent : QWidget or None

    Attributes
    ----------
    read : Signal()
        The moment that is read is another one.
    arranged : Signal()
        Plots lie elsewhere, or their picture was drawn anew.
    """

    read = Signal()
    arranged = Signal()

    def __init__(self, loop: LoopState, edits: Edits, parent: QWidget | None = None) -> None:
        super().__init__(loop, edits, parent)
        self.song: SongPicture | None = None
        self.colour = theme.tokens().accent
        self._stack: AnalysisStack | None = None
        self._names: tuple[str, ...] = PLOTS
        self._rows: tuple[Row, ...] = ()
        self._scroll_px = 0
        self._pointer: QPointF | None = None
        self._image = QImage()
        self._drawn: tuple[object, ...] = ()
        self.setAccessibleName(self.tr("Analysis"))
        self.setAccessibleDescription(self.keys_text())
        self.setToolTip(self.tr("Point to read, click to seek, drag to loop, turn the wheel to zoom."))
        self.view_changed.connect(self.read)

    def sizeHint(self) -> QSize:
        """Room for three plots."""
        return QSize(560, RULER_PX + 3 * (MIN_PLOT_PX + 4))

    # --- what is shown -----------------------------------------------------------------------------

    def set_stack(self, stack: "AnalysisStack") -> None:
        """Draw with these plots from now on."""
        self._stack = stack
        self.show_song(self.song, self.colour)

    def shutdown(self) -> None:
        """Let go of the plots; nothing is drawn any more."""
        stack, self._stack = self._stack, None
        if stack is not None:
            stack.close()

    def show_song(self, song: SongPicture | None, colour: QColor) -> None:
        """Draw another song or stem; the stretch that is shown stays."""
        self.song, self.colour = song, colour
        if self._stack is not None:
            self._stack.show(song, colour)
            self.arrange()
        self.read.emit()

    def show_plots(self, names: tuple[str, ...]) -> None:
        """Draw only these, in this order."""
        self._names = names
        self.arrange()

    def show_tick(self, tick: Tick) -> None:
        """Move the play-head."""
        before_s = self.moment_s
        self.move_head(tick)
        if self.moment_s != before_s:
            self.read.emit()

    def set_scroll(self, scroll_px: int) -> None:
        """How far the plots are scrolled up under the ruler."""
        self._scroll_px = scroll_px
        self.update()
        self.arranged.emit()

    @property
    def rows(self) -> tuple[Row, ...]:
        """Where the plots lie, before scrolling."""
        return self._rows

    @property
    def scroll_px(self) -> int:
        """How far the plots are scrolled up."""
        return self._scroll_px

    @property
    def content_px(self) -> int:
        """Height of the plots, without the ruler."""
        return 0 if not self._rows else self._rows[-1].top_px + self._rows[-1].height_px - RULER_PX

    def arrange(self) -> None:
        """Share the height among the plots."""
        self._rows = share_height(self._names, self.height(), dict.fromkeys(self._names, MIN_PLOT_PX))
        if self._stack is not None:
            self._stack.arrange(self._rows, self.width() + AXIS_PX)
        self._drawn = ()
        self.update()
        self.arranged.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the height anew."""
        super().resizeEvent(event)
        self.arrange()

    def paint_still(self, painter: QPainter) -> None:
        """Draw the plots anew if need be, and copy them."""
        ratio = self.devicePixelRatioF()
        drawn = (self.view.start_s, self.view.span_s, self.size(), ratio, self._scroll_px)
        if drawn != self._drawn:
            self._drawn = drawn
            self._draw(ratio)
            self.arranged.emit()
        painter.drawImage(QPointF(-AXIS_PX, 0.0), self._image)

    def _draw(self, ratio: float) -> None:
        size = QSize(round((self.width() + AXIS_PX) * ratio), round(self.height() * ratio))
        if self._image.size() != size:
            self._image = QImage(size, QImage.Format.Format_RGB32)
        self._image.setDevicePixelRatio(ratio)
        self._image.fill(theme.tokens().window)
        painter = QPainter(self._image)
        if self._stack is not None and self.song is not None:
            self._stack.move(self.view.start_s, self.view.span_s, ratio)
            painter.translate(0, -self._scroll_px)
            self._stack.paint(painter)
            painter.translate(0, self._scroll_px)
        painter.fillRect(QRectF(0, 0, AXIS_PX, RULER_PX), theme.tokens().window)
        painter.setClipRect(QRectF(AXIS_PX, 0, self.width(), RULER_PX))
        painter.translate(AXIS_PX, 0)
        paint_ruler(painter, self.view, self.width())
        painter.end()

    def paint_axes(self, painter: QPainter, place: QPointF) -> None:
        """Copy the axes, AXIS_PX wide, to a place of another widget."""
        ratio = self._image.devicePixelRatio()
        part = QRectF(0, 0, AXIS_PX * ratio, self._image.height())
        painter.drawImage(QRectF(place, QSize(AXIS_PX, self.height()).toSizeF()), self._image, part)

    # --- what is read ------------------------------------------------------------------------------

    @property
    def moment_s(self) -> float:
        """The time that is read: under the pointer, else at the play-head."""
        if self._pointer is not None:
            return self.view.to_s(self._pointer.x(), self.width())
        return self.position_s

    def reading(self, plot: str) -> Reading:
        """What a plot says of the moment."""
        if self.song is None:
            return Reading()
        hz = None
        if plot == SPECTRUM and self._pointer is not None and self._stack is not None:
            y = self._pointer.y() + self._scroll_px
            row = next((row for row in self._rows if row.lane == plot), None)
            if row is not None and row.top_px <= y < row.top_px + row.height_px:
                hz = self._stack.hz_at(plot, y)
        return read_moment(plot, self.song, self.moment_s, hz)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read what is under the pointer."""
        super().mouseMoveEvent(event)
        self._pointer = event.position()
        self.read.emit()

    def leaveEvent(self, event: QEvent) -> None:
        """Read at the play-head again."""
        super().leaveEvent(event)
        self._pointer = None
        self.read.emit()


class AnalysisHeads(QWidget):
    """Title, value and axis of every plot.

    Parameters
    ----------
    view : AnalysisView
        Whose plots stand at the right.

    Attributes
    ----------
    scrolled : Signal(int)
        Pixels down that the wheel asks for.
    """

    scrolled = Signal(int)

    def __init__(self, view: AnalysisView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._readings: dict[str, Reading] = {}
        self.setFixedWidth(HEAD_WIDTH_PX)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("Values"))
        self.setToolTip(self.tr("What the plots say at the pointer, or at the play-head"))
        view.read.connect(self._read)
        view.arranged.connect(self.update)

    def text(self) -> str:
        """All it says, a line a plot."""
        return "\n".join(
            f"{plot_title(row.lane)}: {self._view.reading(row.lane).value}, "
            f"{self._view.reading(row.lane).detail}"
            for row in self._view.rows
        )

    def _read(self) -> None:
        readings = {row.lane: self._view.reading(row.lane) for row in self._view.rows}
        if readings == self._readings:
            return
        before, self._readings = self._readings, readings
        for row in self._view.rows:
            if before.get(row.lane) != readings[row.lane]:
                self.update(0, row.top_px - self._view.scroll_px, self.width() - AXIS_PX, row.height_px)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll down and up; over the plots the wheel zooms."""
        self.scrolled.emit(-(event.pixelDelta().y() or event.angleDelta().y() // 2))
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint."""
        look, view = theme.tokens(), self._view
        painter = QPainter(self)
        painter.setClipRegion(event.region())
        painter.fillRect(self.rect(), look.panel)
        painter.fillRect(QRectF(0, 0, self.width(), RULER_PX), look.window)
        ground = QRectF(self.width() - AXIS_PX, 0, AXIS_PX, self.height())
        painter.fillRect(ground, look.window)
        view.paint_axes(painter, ground.topLeft())
        painter.setClipRect(QRectF(0, RULER_PX, self.width(), self.height()), Qt.ClipOperation.IntersectClip)
        for row in view.rows:
            top = row.top_px - view.scroll_px
            if top < self.height() and top + row.height_px > RULER_PX:
                place = QRectF(0, top, self.width() - AXIS_PX, row.height_px)
                # The seam between two heads, as between the plots.
                painter.fillRect(QRectF(0, place.bottom(), self.width(), 4), look.window)
                reading = self._readings.get(row.lane) or view.reading(row.lane)
                paint_head(painter, place, plot_title(row.lane), reading, view.colour)
        painter.end()


def paint_head(painter: QPainter, place: QRectF, title: str, reading: Reading, colour: QColor) -> None:
    """Paint what stands beside a plot: its title, a value in the lane's colour, what belongs to it."""
    look = theme.tokens()
    painter.fillRect(QRectF(place.left(), place.top(), 4, place.height()), colour)
    # A little lower where there is room.
    words = place.adjusted(20, min(5.0 + 0.25 * (place.height() - MIN_PLOT_PX), 10.0), -4, 0)
    for text, face, shade, step in (
        (title, theme.font(look.text_title_px, 600), look.text, 20),
        (reading.value, theme.font(look.text_body_px, 500, tabular=True), colour, 17),
        (reading.detail, theme.font(look.text_small_px, tabular=True), look.dim, 16),
    ):
        painter.setFont(face)
        painter.setPen(shade)
        line = QRectF(words.left(), words.top(), words.width(), step)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        words.setTop(words.top() + step)
