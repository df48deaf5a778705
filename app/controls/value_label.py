"""A number beside a control: read it, or click it (Enter) and type another."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from app.controls.focus import PRESSING_KEYS, claims_key, draw_focus
from app.theme import font, tokens

_LEFT_PX, _RIGHT_PX = 4, 2
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ValueLabel(QWidget):
    """Text of a value that turns into a field when clicked.

    Parameters
    ----------
    text_of : callable
        A value in words, with its unit.
    parse : callable
        The value that a text stands for, or None.
    widest : str
        Text that must fit.

    Attributes
    ----------
    value_typed : Signal(float)
        The user has typed a value.
    """

    value_typed = Signal(float)

    def __init__(
        self,
        text_of: Callable[[float], str],
        parse: Callable[[str], float | None],
        widest: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._text_of = text_of
        self._parse = parse
        self._value = 0.0
        self._colour: QColor | None = None
        self._return_to: QWidget | None = None
        self.setFont(font(tokens().text_small_px, tabular=True))
        self._width = round(QFontMetricsF(self.font()).horizontalAdvance(widest) + _LEFT_PX + _RIGHT_PX + 0.5)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFixedSize(self.sizeHint())
        self._field = QLineEdit(self)
        self._field.setFont(self.font())
        self._field.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._field.setProperty("class", "inline")
        self._field.hide()
        self._field.installEventFilter(self)
        self._field.textEdited.connect(lambda: self._mark(invalid=False))

    @property
    def text(self) -> str:
        """What it reads."""
        return self._text_of(self._value)

    @property
    def field(self) -> QLineEdit:
        """The field, shown while typing."""
        return self._field

    def show_value(self, value: float) -> None:
        """Read a value."""
        if value != self._value:
            self._value = value
            self.setAccessibleDescription(self.text)
            self.update()

    def set_colour(self, colour: QColor | None) -> None:
        """Write in a colour other than the dim one."""
        self._colour = colour
        self.update()

    def setAccessibleName(self, name: str) -> None:
        """Name the label and its field."""
        super().setAccessibleName(name)
        self._field.setAccessibleName(name)

    def start_typing(self, return_to: QWidget | None = None) -> None:
        """Show the field.

        Parameters
        ----------
        return_to : QWidget or None
            Who gets the focus afterwards; the label when None.
        """
        self._return_to = return_to
        self._mark(invalid=False)
        self._field.setText(self.text)
        self._field.setGeometry(self.rect())
        self._field.show()
        self._field.selectAll()
        self._field.setFocus(Qt.FocusReason.OtherFocusReason)

    def sizeHint(self) -> QSize:
        """Room for the widest text, in the height of a row."""
        return QSize(self._width, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        look = tokens()
        if self.underMouse() and self.isEnabled():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.raised)
            painter.drawRoundedRect(QRectF(self.rect()), look.radius_small_px, look.radius_small_px)
        painter.setFont(self.font())
        painter.setPen(self._colour or look.dim)
        place = self.rect().adjusted(_LEFT_PX, 0, -_RIGHT_PX, 0)
        painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.text)
        draw_focus(painter, self, look.radius_small_px)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Type."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.start_typing()

    def event(self, event: QEvent) -> bool:
        """Keep the keys that open the field from the window's shortcuts."""
        if claims_key(event, PRESSING_KEYS):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter, space or F2: type."""
        if event.key() in PRESSING_KEYS or event.key() == Qt.Key.Key_F2:
            self.start_typing()
        else:
            event.ignore()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter takes the number, Escape does not; nor is one taken that is none when the focus goes."""
        if watched is self._field and self._field.isVisible():
            # Neither key may go on to the label, to shortcuts or to a dialog around the field.
            if isinstance(event, QKeyEvent) and event.key() in (*_ENTER, Qt.Key.Key_Escape):
                if event.type() == QEvent.Type.KeyPress:
                    self._commit() if event.key() in _ENTER else self._close(focus=True)
                event.accept()
                return True
            if event.type() == QEvent.Type.FocusOut:
                value = self._parse(self._field.text())
                changed = self._field.text() != self.text
                self._close(focus=False)
                if value is not None and changed:
                    self.value_typed.emit(value)
        return super().eventFilter(watched, event)

    def _commit(self) -> None:
        value = self._parse(self._field.text())
        if value is None:
            self._mark(invalid=True)
            self._field.selectAll()
            return
        self._close(focus=True)
        self.value_typed.emit(value)

    def _close(self, *, focus: bool) -> None:
        if not self._field.isVisible():
            return
        # Hidden first it would hand the focus to whoever is next in line.
        if focus:
            self._field.blockSignals(True)
            self._field.removeEventFilter(self)
            (self._return_to or self).setFocus(Qt.FocusReason.OtherFocusReason)
            self._field.installEventFilter(self)
            self._field.blockSignals(False)
        self._field.hide()

    def _mark(self, *, invalid: bool) -> None:
        if bool(self._field.property("invalid")) != invalid:
            self._field.setProperty("invalid", invalid)
            self._field.style().unpolish(self._field)
            self._field.style().polish(self._field)
