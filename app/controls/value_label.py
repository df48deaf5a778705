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
    centred : bool
        Stand in the middle, as below a knob, rather than at the right.

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
        *,
        centred: bool = False,
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
        self._align = Qt.AlignmentFlag.AlignHCenter if centred else Qt.AlignmentFlag.AlignRight
        # Made when somebody types: a chain of effects has a hundred labels.
        self._made_field: QLineEdit | None = None

    @property
    def text(self) -> str:
        """What it reads."""
        return self._text_of(self._value)

    @property
    def field(self) -> QLineEdit:
        """The field, shown while typing."""
        if self._made_field is None:
            field = self._made_field = QLineEdit(self)
            field.setFont(self.font())
            field.setAlignment(self._align)
            field.setProperty("class", "inline")
            field.setAccessibleName(self.accessibleName())
            field.hide()
            field.installEventFilter(self)
            field.textEdited.connect(lambda: self._mark(invalid=False))
        return self._made_field

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
        if self._made_field is not None:
            self._made_field.setAccessibleName(name)

    def start_typing(self, return_to: QWidget | None = None) -> None:
        """Show the field.

        Parameters
        ----------
        return_to : QWidget or None
            Who gets the focus afterwards; the label when None.
        """
        self._return_to = return_to
        self._mark(invalid=False)
        self.field.setText(self.text)
        self.field.setGeometry(self.rect())
        self.field.show()
        self.field.selectAll()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

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
        centred = self._align == Qt.AlignmentFlag.AlignHCenter
        place = self.rect() if centred else self.rect().adjusted(_LEFT_PX, 0, -_RIGHT_PX, 0)
        painter.drawText(place, self._align | Qt.AlignmentFlag.AlignVCenter, self.text)
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
        if watched is self._made_field and self.field.isVisible():
            # Neither key may go on to the label, to shortcuts or to a dialog around the field.
            if isinstance(event, QKeyEvent) and event.key() in (*_ENTER, Qt.Key.Key_Escape):
                if event.type() == QEvent.Type.KeyPress:
                    self._commit() if event.key() in _ENTER else self._close(focus=True)
                event.accept()
                return True
            if event.type() == QEvent.Type.FocusOut:
                value = self._parse(self.field.text())
                changed = self.field.text() != self.text
                self._close(focus=False)
                if value is not None and changed:
                    self.value_typed.emit(value)
        return super().eventFilter(watched, event)

    def _commit(self) -> None:
        value = self._parse(self.field.text())
        if value is None:
            self._mark(invalid=True)
            self.field.selectAll()
            return
        self._close(focus=True)
        self.value_typed.emit(value)

    def _close(self, *, focus: bool) -> None:
        if self._made_field is None or not self._made_field.isVisible():
            return
        # Hidden first it would hand the focus to whoever is next in line.
        if focus:
            self.field.blockSignals(True)
            self.field.removeEventFilter(self)
            (self._return_to or self).setFocus(Qt.FocusReason.OtherFocusReason)
            self.field.installEventFilter(self)
            self.field.blockSignals(False)
        self.field.hide()

    def _mark(self, *, invalid: bool) -> None:
        if bool(self.field.property("invalid")) != invalid:
            self.field.setProperty("invalid", invalid)
            self.field.style().unpolish(self.field)
            self.field.style().polish(self.field)
