"""A value that is one of a few words, with its name above it: the neighbour of a knob."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QMenu, QWidget

from app.controls.focus import claims_key
from app.controls.key_button import KeyButton
from app.theme import font, paint_icon, tokens

_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_Right: 1}
_NAME_PX, _BOX_PX, _ARROW_PX = 15, 26, 9


class Choice(KeyButton):
    """Click or Enter opens the list, arrows and the wheel go on to the next word.

    Parameters
    ----------
    title : str
    tip : str
    words : sequence of str
        In order; two of them are changed over by a click.
    size_px : (int, int)
        Of the whole.
    parent : QWidget or None

    Attributes
    ----------
    chosen : Signal(int)
        The user has chosen a word, by its number.
    """

    chosen = Signal(int)

    def __init__(
        self,
        title: str,
        tip: str,
        words: Sequence[str],
        size_px: tuple[int, int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._words = tuple(words)
        self._is_switch = False
        self._index = -1
        self._small = font(tokens().text_tiny_px, 500)
        self.setFont(font(tokens().text_small_px, 500))
        self.setFixedSize(*size_px)
        self.setAccessibleName(title)
        self.setToolTip(tip)
        self.clicked.connect(self._open)
        self.show_index(0)

    @property
    def index(self) -> int:
        """Number of the word that is shown."""
        return self._index

    @property
    def words(self) -> tuple[str, ...]:
        """All of them."""
        return self._words

    def show_index(self, index: int) -> None:
        """Show a word; nothing is emitted."""
        if index != self._index:
            self._index = index
            self.setAccessibleDescription(self._words[index])
            self.update()

    def set_switch(self) -> None:
        """Say by colour, too, that the second of two words means on."""
        self._is_switch = True

    def _open(self) -> None:
        if len(self._words) == 2:
            self.chosen.emit(1 - self._index)
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for number, word in enumerate(self._words):
            action = menu.addAction(word)
            action.setCheckable(True)
            action.setChecked(number == self._index)
            action.triggered.connect(partial(self._choose, number))
        menu.popup(self.mapToGlobal(QPoint(0, self.height())))

    def _choose(self, number: int) -> None:
        if number != self._index:
            self.chosen.emit(number)

    def _step(self, by: int) -> None:
        self._choose(min(max(self._index + by, 0), len(self._words) - 1))

    def event(self, event: QEvent) -> bool:
        """Keep the arrows from the window's shortcuts."""
        if claims_key(event, _STEPS):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows step."""
        step = _STEPS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self._step(step)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """A notch is a word."""
        turned = event.angleDelta().y()
        if abs(turned) >= 60:
            self._step(-1 if turned > 0 else 1)
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the name and the word."""
        del event
        look = tokens()
        # In line with the dial beside it.
        box = QRectF(1, _NAME_PX + 5, self.width() - 2, _BOX_PX)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(self._small)
            painter.setPen(look.dim)
            name = QRectF(0, 0, self.width(), _NAME_PX)
            if len(self._words) > 2:
                # Beside the name, not beside the word, which needs its room.
                middle = (self.width() + QFontMetricsF(self._small).horizontalAdvance(self._title)) / 2
                place = QRectF(middle - 3, (_NAME_PX - _ARROW_PX) / 2 + 0.5, _ARROW_PX, _ARROW_PX)
                paint_icon(painter, "chevron", look.dim, place)
                name.adjust(-_ARROW_PX, 0, 0, 0)
            painter.drawText(name, Qt.AlignmentFlag.AlignCenter, self._title)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.hover if self.underMouse() or self.isDown() else look.raised)
            painter.drawRoundedRect(box, look.radius_small_px, look.radius_small_px)
            room = box.adjusted(2, 0, -2, 0)
            painter.setFont(self.font())
            lit = look.accent if self._is_switch and self._index == 1 else look.text
            painter.setPen(lit if self.isEnabled() else look.faint)
            word = self._words[self._index]
            if QFontMetricsF(self.font()).horizontalAdvance(word) > room.width():
                painter.setFont(self._small)
            text = QFontMetricsF(painter.font()).elidedText(word, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, text)
            if self.hasFocus():
                painter.setPen(QPen(look.accent, 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(
                    box.adjusted(1, 1, -1, -1), look.radius_small_px, look.radius_small_px
                )
