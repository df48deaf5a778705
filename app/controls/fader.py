"""The gain fader: decibels on a taper that gives most of its way to the gains a mix lives in."""

import math
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.controls.slide import KNOB_PX, Slide
from app.mixer_state import MAX_GAIN_DB, MIN_GAIN_DB
from app.theme import mixed, tokens

# gain_db = MAX_GAIN_DB + _SLOPE_DB * log10(_FOOT + (1 - _FOOT) * fraction): nearly straight in dB where
# a mix lives (0.4 dB a pixel around unity on a fader of 120), ever steeper towards silence. With a foot
# of 0.15 unity stands at 72 % of the way, -12 dB at the middle, -33 dB at a quarter.
_FOOT = 0.15
_SLOPE_DB = (MIN_GAIN_DB - MAX_GAIN_DB) / math.log10(_FOOT)


def fraction_of_db(gain_db: float) -> float:
    """Place of a gain on the fader, 0 (silence) to 1 (MAX_GAIN_DB)."""
    place = (10.0 ** ((gain_db - MAX_GAIN_DB) / _SLOPE_DB) - _FOOT) / (1.0 - _FOOT)
    return min(max(place, 0.0), 1.0)


def db_of_fraction(fraction: float) -> float:
    """Gain at a place on the fader, in dB."""
    return MAX_GAIN_DB + _SLOPE_DB * math.log10(_FOOT + (1.0 - _FOOT) * min(max(fraction, 0.0), 1.0))


def db_text(gain_db: float) -> str:
    """A gain with its unit; the lowest step is silence."""
    if gain_db <= MIN_GAIN_DB:
        return "\N{MINUS SIGN}\N{INFINITY} dB"
    # No sign on a zero, whichever side it was rounded from.
    return f"{round(gain_db, 1) + 0.0:.1f} dB".replace("-", "\N{MINUS SIGN}")


def parse_db(text: str) -> float | None:
    """Gain that a user has typed, in dB, held to the fader's range; None when it is no number.

    Either sign of minus, either decimal mark, the unit or none; "-inf", "off" and "mute" are silence.
    """
    plain = text.strip().lower().replace("\N{MINUS SIGN}", "-").replace(",", ".")
    plain = plain.removesuffix("db").strip()
    if plain in ("-inf", "-\N{INFINITY}", "off", "mute"):
        return MIN_GAIN_DB
    try:
        value = float(plain)
    except ValueError:
        return None
    return min(max(value, MIN_GAIN_DB), MAX_GAIN_DB) if math.isfinite(value) else None


class Fader(Slide):
    """A horizontal gain fader, filled in the colour of its lane, with a mark at 0 dB.

    Parameters
    ----------
    begin_gesture : callable
        Gives the number of a new gesture.
    colour : QColor
        Of the groove up to the knob.
    """

    def __init__(
        self, begin_gesture: Callable[[], int], colour: QColor, parent: QWidget | None = None
    ) -> None:
        self._colour = colour
        self._muffled = False
        super().__init__((MIN_GAIN_DB, MAX_GAIN_DB), 0.1, begin_gesture, parent)
        self.show_value(0.0)
        self.setAccessibleDescription(db_text(0.0))

    @property
    def neutral(self) -> float:
        """Unity."""
        return 0.0

    @property
    def steps(self) -> tuple[float, float]:
        """Decibels of an arrow key and of a page key."""
        return 1.0, 6.0

    def set_muffled(self, muffled: bool) -> None:
        """Fill the groove faintly, because the lane is not heard."""
        self._muffled = muffled
        self.update()

    def fraction_of(self, value: float) -> float:
        """Place of a gain in dB."""
        return fraction_of_db(value)

    def value_at(self, fraction: float) -> float:
        """Gain in dB at a place."""
        return db_of_fraction(fraction)

    def text_of(self, value: float) -> str:
        """The gain with its unit."""
        return db_text(value)

    def draw(self, painter: QPainter, groove: QRectF, knob: QPointF) -> None:
        """Paint the groove, the mark at 0 dB, the fill and the knob."""
        look = tokens()
        unity_x = groove.left() + fraction_of_db(0.0) * groove.width()
        painter.setPen(QPen(look.faint, 1))
        for y in (groove.top() - 4, groove.bottom() + 2):
            painter.drawLine(QPointF(unity_x, y), QPointF(unity_x, y + 2))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.line)
        # On to the edges, under half a knob: so that it begins where its neighbours do.
        line = QRectF(0, groove.top(), self.width(), groove.height())
        painter.drawRoundedRect(line, 2, 2)
        painter.setBrush(mixed(look.line, self._colour, 0.35) if self._muffled else self._colour)
        if self.value() > self.minimum():
            painter.drawRoundedRect(QRectF(line.topLeft(), QPointF(knob.x(), line.bottom())), 2, 2)
        if self.lifted:
            painter.setBrush(QColor(look.text.red(), look.text.green(), look.text.blue(), 40))
            painter.drawEllipse(knob, KNOB_PX / 2 + 3, KNOB_PX / 2 + 3)
        painter.setBrush(look.text if self.isEnabled() else look.faint)
        painter.drawEllipse(knob, KNOB_PX / 2, KNOB_PX / 2)
