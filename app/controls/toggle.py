"""The small square buttons of a channel strip: M and S."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.controls.focus import draw_focus
from app.controls.key_button import KeyButton
from app.theme import font, tokens


class Toggle(KeyButton):
    """A letter that is lit while on.

    It does not switch itself: it asks, and shows what it is told, so that a change undone elsewhere and
    one made here look the same.

    Parameters
    ----------
    letter : str
    colour : QColor
        Of the ground while on.

    Attributes
    ----------
    switch_wanted : Signal(bool, bool)
        Wanted state, and whether alone (Ctrl+click or Ctrl+Enter).
    """

    switch_wanted = Signal(bool, bool)

    def __init__(self, letter: str, colour: QColor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour = colour
        self._waiting = False
        self._modifiers = Qt.KeyboardModifier.NoModifier
        self.setText(letter)
        self.setCheckable(True)
        self.setFont(font(tokens().text_small_px, 600))
        self.setFixedSize(self.sizeHint())
        self.clicked.connect(self._ask)

    def set_waiting(self, waiting: bool) -> None:
        """Show that what was switched is not heard yet: lit in outline only."""
        if waiting != self._waiting:
            self._waiting = waiting
            self.update()

    def sizeHint(self) -> QSize:
        """24 by 20."""
        return QSize(24, 20)

    def nextCheckState(self) -> None:
        """Leave the state alone: whoever hears the wish sets it."""

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Click."""
        self._modifiers = event.modifiers()
        super().mouseReleaseEvent(event)
        self._modifiers = Qt.KeyboardModifier.NoModifier

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space or Enter: click."""
        self._modifiers = event.modifiers()
        super().keyPressEvent(event)
        self._modifiers = Qt.KeyboardModifier.NoModifier

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint."""
        look = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(self.rect())
        lit = self.isChecked() and not self._waiting
        ground = look.hover if self.underMouse() else look.raised
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour if lit else look.line if self.isDown() else ground)
        painter.drawRoundedRect(place, look.radius_small_px, look.radius_small_px)
        if self.isChecked() and self._waiting:
            painter.setPen(QPen(self._colour, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), look.radius_small_px, look.radius_small_px)
        painter.setFont(self.font())
        painter.setPen(look.window if lit else self._colour if self.isChecked() else look.dim)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, self.text())
        if self.hasFocus() and lit:
            painter.setPen(QPen(look.text, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), look.radius_small_px, look.radius_small_px)
        else:
            draw_focus(painter, self, look.radius_small_px)

    def _ask(self) -> None:
        # A screen reader clicks without any event: no modifiers then.
        alone = bool(self._modifiers & Qt.KeyboardModifier.ControlModifier)
        self.switch_wanted.emit(not self.isChecked(), alone)


class WordToggle(Toggle):
    """A toggle with a word on it in place of a letter.

    Parameters
    ----------
    words : str
    colour : QColor
        Of the ground while on.
    """

    def __init__(self, words: str, colour: QColor, parent: QWidget | None = None) -> None:
        super().__init__(words, colour, parent)
        self.set_words(words)

    def set_words(self, words: str) -> None:
        """Say something else; it is as wide as that needs."""
        self.setText(words)
        self.setFixedSize(self.fontMetrics().horizontalAdvance(words) + 20, 24)
