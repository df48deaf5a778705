"""A number with what it means below it, as in the transport: tempo, key, loudness."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import font, tokens

_DASH = "–"  # noqa: RUF001 (what stands where there is no number)


class Figure(QWidget):
    """One figure.

    Parameters
    ----------
    caption : str
        Its unit, in capitals.
    widest : str
        A value that there is always room for, so that nothing moves when it comes.
    tip : str
        What it is, in a sentence.
    parent : QWidget or None
    """

    def __init__(self, caption: str, widest: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        look = tokens()
        self.value = ""
        self._caption = caption
        self._tip = tip
        self._large: QFont = font(look.text_title_px, 600, tabular=True)
        self._small: QFont = font(look.text_tiny_px, 600)
        wide = max(
            QFontMetricsF(self._large).horizontalAdvance(widest),
            QFontMetricsF(self._small).horizontalAdvance(caption),
        )
        self._size = QSize(round(wide) + 4, 36)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolTip(tip)
        self.show_value("")

    def show_value(self, value: str, why: str = "") -> None:
        """Show a value; "" is not known, perhaps for a reason."""
        self.value = value
        self.setAccessibleName(f"{self._caption} {value or _DASH}")
        self.setToolTip(f"{self._tip}: {why}" if why else self._tip)
        self.update()

    def sizeHint(self) -> QSize:
        """Room for the widest value."""
        return self._size

    def minimumSizeHint(self) -> QSize:
        """All of it."""
        return self._size

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the value, and its caption below."""
        del event
        look = tokens()
        painter = QPainter(self)
        centre = Qt.AlignmentFlag.AlignHCenter
        painter.setFont(self._large)
        painter.setPen(look.text if self.value else look.dim)
        upper = QRectF(0, 0, self.width(), 20)
        painter.drawText(upper, centre | Qt.AlignmentFlag.AlignVCenter, self.value or _DASH)
        painter.setFont(self._small)
        painter.setPen(look.dim)
        lower = QRectF(0, 20, self.width(), 14)
        painter.drawText(lower, centre | Qt.AlignmentFlag.AlignVCenter, self._caption)
        painter.end()
