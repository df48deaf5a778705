"""How far an effect turns the sound down: a bar that hangs from the top, as compressors show it."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import tokens

RANGE_DB = 24.0
_BAR_PX = 4
_FALL_DB_PER_S = 40.0
"""Fast enough to see words apart, slow enough to read."""


class ReductionMeter(QWidget):
    """An upright bar, 0 dB at the top.

    Parameters
    ----------
    parent : QWidget or None
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reduction_db = 0.0
        self._drawn = -1
        self.setFixedWidth(_BAR_PX + 2)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_reduction(self, reduction_db: float, dt_s: float) -> None:
        """Go on by `dt_s` seconds in which the sound was turned down by so many dB (>= 0)."""
        self.reduction_db = max(reduction_db, self.reduction_db - _FALL_DB_PER_S * dt_s, 0.0)
        drawn = round(min(self.reduction_db / RANGE_DB, 1.0) ** 0.7 * self.height() * 2)
        if drawn != self._drawn:
            self._drawn = drawn
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint; a power of 0.7 gives the first 6 dB a third of the length."""
        del event
        look = tokens()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.line)
            painter.drawRoundedRect(QRectF(1, 0, _BAR_PX, self.height()), 2, 2)
            length = min(self.reduction_db / RANGE_DB, 1.0) ** 0.7 * self.height()
            if length >= 1.0:
                painter.setBrush(look.warning)
                painter.drawRoundedRect(QRectF(1, 0, _BAR_PX, length), 2, 2)
