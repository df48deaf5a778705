"""The head of an effect's card: its name, by which it is taken, and the light that says whether it is on.

GUI thread.
"""

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QWidget

from app.controls.focus import draw_focus
from app.controls.key_button import KeyButton
from app.theme import font, paint_icon, tokens

_GRIP_PX = 14


class CardTitle(KeyButton):
    """An effect's name: drag it to another place; click for what else can be done.

    Attributes
    ----------
    drag_moved, drag_ended : Signal(QPoint)
        The pointer, in global coordinates.
    step_wanted : Signal(int)
        -1 is earlier in the sound, 1 later.
    remove_wanted : Signal()
    """

    drag_moved = Signal(QPoint)
    drag_ended = Signal(QPoint)
    step_wanted = Signal(int)
    remove_wanted = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pressed_at: QPoint | None = None
        self._dragging = False
        self.setText(title)
        self.setFont(font(tokens().text_body_px, 600))
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setAccessibleName(title)
        self.setToolTip(
            self.tr("Drag to another place, or Ctrl with the arrows; Delete removes it, a click shows more")
        )

    def sizeHint(self) -> QSize:
        """The grip, the name, the arrow."""
        width = QFontMetricsF(self.font()).horizontalAdvance(self.text())
        return QSize(round(_GRIP_PX + width + 22), 26)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Perhaps a drag begins."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed_at = event.globalPosition().toPoint()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag, once it is no click any more."""
        place = event.globalPosition().toPoint()
        if self._pressed_at is None:
            return
        far = (place - self._pressed_at).manhattanLength() >= QApplication.startDragDistance()
        if self._dragging or far:
            self._dragging = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.drag_moved.emit(place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go."""
        dragged, self._dragging, self._pressed_at = self._dragging, False, None
        if dragged:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
            self.setDown(False)
            self.drag_ended.emit(event.globalPosition().toPoint())
        else:
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl and an arrow move the card, Delete removes it."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        step = steps.get(Qt.Key(event.key()))
        if step is not None and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.step_wanted.emit(step)
        elif event.key() == Qt.Key.Key_Delete:
            self.remove_wanted.emit()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Keep its own keys from the window's shortcuts."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            moving = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            arrows = (Qt.Key.Key_Left, Qt.Key.Key_Right)
            if (moving and event.key() in arrows) or event.key() == Qt.Key.Key_Delete:
                event.accept()
                return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the grip, the name and the arrow of the menu."""
        del event
        look = tokens()
        lit = self.underMouse() or self.hasFocus() or self._dragging
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.dim if lit else look.faint)
            middle = self.height() / 2
            for x in (4.0, 8.0):
                for y in (-4.0, 0.0, 4.0):
                    painter.drawEllipse(QPointF(x, middle + y), 1.1, 1.1)
            painter.setFont(self.font())
            painter.setPen(look.text)
            place = QRectF(_GRIP_PX, 0, self.width() - _GRIP_PX - 18, self.height())
            align = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(place, int(align), self.text())
            if lit:
                paint_icon(painter, "chevron", look.dim, QRectF(self.width() - 17, middle - 6, 12, 12))
            draw_focus(painter, self, look.radius_small_px)


class PowerButton(KeyButton):
    """A light that is lit while its effect is on; it asks, and shows what it is told."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setFixedSize(22, 22)

    def nextCheckState(self) -> None:
        """Leave the state alone: whoever hears the click sets it."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the sign that every device has."""
        del event
        look = tokens()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if self.underMouse():
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(look.hover)
                painter.drawRoundedRect(QRectF(self.rect()), look.radius_small_px, look.radius_small_px)
            pen = QPen(look.good if self.isChecked() else look.dim, 1.8)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawArc(QRectF(5.5, 6, 11, 11), 125 * 16, 290 * 16)
            painter.drawLine(QPointF(11, 4.5), QPointF(11, 10))
            draw_focus(painter, self, look.radius_small_px)
