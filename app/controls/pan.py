"""The balance slider: left to right, sticking at the centre."""

import math
import re
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.controls.slide import Slide
from app.theme import tokens

_KNOB_RADIUS_PX = 4.5


def pan_text(pan: float) -> str:
    """A balance as musicians write it: L100 to C to R100."""
    amount = round(abs(pan) * 100)
    if amount == 0:
        return _tr("C")
    return f"{_tr('L') if pan < 0 else _tr('R')}{amount}"


def parse_pan(text: str) -> float | None:
    """Balance that a user has typed, -1 to 1; None when it is none.

    "L30", "30 l", "-30", "R5", "c", "0"; the letters of the user's language too.
    """
    plain = text.strip().lower().replace("\N{MINUS SIGN}", "-").replace(",", ".").removesuffix("%").strip()
    if plain in ("c", _tr("C").lower(), ""):
        return 0.0 if plain else None
    left, right = {"l", _tr("L").lower()}, {"r", _tr("R").lower()}
    match = re.fullmatch(r"([^\W\d]*)\s*([-+]?\d+(?:\.\d*)?)\s*([^\W\d]*)", plain)
    if match is None or (match[1] and match[3]):
        return None
    side, amount = match[1] or match[3], float(match[2]) / 100
    if side and side not in left | right:
        return None
    value = -abs(amount) if side in left else abs(amount) if side else amount
    return min(max(value, -1.0), 1.0) if math.isfinite(value) else None


class PanSlider(Slide):
    """A horizontal balance slider; its fill grows from the centre.

    Parameters
    ----------
    begin_gesture : callable
        Gives the number of a new gesture.
    """

    def __init__(self, begin_gesture: Callable[[], int], parent: QWidget | None = None) -> None:
        super().__init__((-1.0, 1.0), 0.01, begin_gesture, parent)
        self.setAccessibleDescription(pan_text(0.0))

    @property
    def neutral(self) -> float:
        """The centre."""
        return 0.0

    @property
    def steps(self) -> tuple[float, float]:
        """How far an arrow key and a page key go."""
        return 0.1, 0.25

    def fraction_of(self, value: float) -> float:
        """Place of a balance."""
        return (value + 1.0) / 2.0

    def value_at(self, fraction: float) -> float:
        """Balance at a place."""
        return 2.0 * fraction - 1.0

    def text_of(self, value: float) -> str:
        """The balance in words."""
        return pan_text(value)

    def draw(self, painter: QPainter, groove: QRectF, knob: QPointF) -> None:
        """Paint the groove, the mark at the centre, the fill and the knob."""
        look = tokens()
        middle = groove.center()
        painter.setPen(QPen(look.faint, 1))
        painter.drawLine(QPointF(middle.x(), middle.y() - 5), QPointF(middle.x(), middle.y() + 5))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.line)
        painter.drawRoundedRect(groove.adjusted(-4, 0.5, 4, -0.5), 1.5, 1.5)
        painter.setBrush(look.dim if self.isEnabled() else look.faint)
        ends = sorted((middle.x(), knob.x()))
        painter.drawRect(
            QRectF(QPointF(ends[0], groove.top() + 0.5), QPointF(ends[1], groove.bottom() - 0.5))
        )
        if self.lifted:
            painter.setBrush(QColor(look.text.red(), look.text.green(), look.text.blue(), 40))
            painter.drawEllipse(knob, _KNOB_RADIUS_PX + 3, _KNOB_RADIUS_PX + 3)
            painter.setBrush(look.text)
        painter.drawEllipse(knob, _KNOB_RADIUS_PX, _KNOB_RADIUS_PX)


def _tr(text: str) -> str:
    return QCoreApplication.translate("PanSlider", text)
