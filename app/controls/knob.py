"""A round knob with its name above and its value below: an effect's setting.

It moves as every slide does (`app/controls/slide.py`), up and down as well as sideways; the value below is
typed as beside a fader.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.controls.slide import Slide
from app.controls.value_label import ValueLabel
from app.theme import font, mixed, tokens

KNOB_WIDTH_PX, KNOB_HEIGHT_PX = 60, 70
_DIAL_PX = 36
_NAME_PX = 15
_START_DEG, _SWEEP_DEG = 225.0, 270.0
_TRAVEL_PX = 160.0
_RESOLUTION: Final = 1e-4
"""Of the whole way: finer than any value is written."""


@dataclass(frozen=True, slots=True)
class KnobScale:
    """How values lie on a knob.

    Parameters
    ----------
    fraction_of : callable
        Place of a value, 0 to 1.
    value_at : callable
        Value at a place, as round as it is written.
    text_of, parse : callable
        A value in words, and the value that words stand for, or None.
    neutral : float
        Where double-click goes.
    origin : float
        Where the lit arc begins.
    widest : str
        The longest text.
    """

    fraction_of: Callable[[float], float]
    value_at: Callable[[float], float]
    text_of: Callable[[float], str]
    parse: Callable[[str], float | None]
    neutral: float
    origin: float
    widest: str


class Dial(Slide):
    """The round part. Qt's slider beneath counts places of the knob; signals carry values.

    Parameters
    ----------
    scale : KnobScale
    begin_gesture : callable
        Gives the number of a new gesture.

    Attributes
    ----------
    turned : Signal(float, int)
        The user has set a value; number of the gesture.
    """

    turned = Signal(float, int)

    def __init__(
        self, scale: KnobScale, begin_gesture: Callable[[], int], parent: QWidget | None = None
    ) -> None:
        self._scale = scale
        self._colour: QColor | None = None
        super().__init__((0.0, 1.0), _RESOLUTION, begin_gesture, parent)
        self.setFixedSize(KNOB_WIDTH_PX, _DIAL_PX)
        self.value_edited.connect(self._tell)
        self.show_real(scale.neutral)

    @property
    def real(self) -> float:
        """The value."""
        return self._scale.value_at(self.amount)

    def show_real(self, value: float) -> None:
        """Stand at a value that comes from elsewhere; nothing is emitted."""
        # What it has just told comes back rounded: fine steps must add up all the same.
        if self._scale.value_at(self.amount) != value:
            self.show_value(self._scale.fraction_of(value))
            self.setAccessibleDescription(self.text_of(self.amount))

    def edit_real(self, value: float) -> None:
        """Set a value as the user would, as a gesture of its own."""
        self.edit_value(self._scale.fraction_of(value))

    def set_colour(self, colour: QColor) -> None:
        """Light the arc in this colour rather than in the accent's."""
        self._colour = colour
        self.update()

    def _tell(self, place: float, gesture: int) -> None:
        self.turned.emit(self._scale.value_at(place), gesture)

    # What a slide asks.

    @property
    def neutral(self) -> float:
        """Place of the default."""
        return self._scale.fraction_of(self._scale.neutral)

    @property
    def steps(self) -> tuple[float, float]:
        """Two in a hundred of the way, and a tenth."""
        return 0.02, 0.1

    @property
    def jumps(self) -> bool:
        """No: a click only grabs it."""
        return False

    @property
    def travel_px(self) -> float:
        """As far as a hand moves without being lifted."""
        return _TRAVEL_PX

    def way_px(self, place: QPointF) -> float:
        """Up and to the right is more."""
        return place.x() - place.y()

    def fraction_of(self, value: float) -> float:
        """Places are fractions already."""
        return value

    def value_at(self, fraction: float) -> float:
        """Places are fractions already."""
        return fraction

    def text_of(self, value: float) -> str:
        """The value at a place in words."""
        return self._scale.text_of(self._scale.value_at(value))

    def groove(self) -> QRectF:
        """The square that the arc lies in."""
        side = _DIAL_PX - 6.0
        return QRectF((self.width() - side) / 2, 3.0, side, side)

    def knob(self) -> QPointF:
        """Its middle."""
        return self.groove().center()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint."""
        del event
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.draw(painter, self.groove(), self.knob())

    def draw(self, painter: QPainter, groove: QRectF, knob: QPointF) -> None:
        """Paint the way, the lit arc, the cap and its mark."""
        look = tokens()
        colour = (self._colour or look.accent) if self.isEnabled() else look.faint
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(_pen(look.faint if self.hasFocus() else look.line, 3))
        painter.drawArc(groove, round((_START_DEG - _SWEEP_DEG) * 16), round(_SWEEP_DEG * 16))
        at, start = self.amount, self._scale.fraction_of(self._scale.origin)
        if abs(at - start) > 1e-3:
            painter.setPen(_pen(colour, 3))
            painter.drawArc(
                groove, round((_START_DEG - start * _SWEEP_DEG) * 16), round((start - at) * _SWEEP_DEG * 16)
            )
        radius = groove.width() / 2 - 4.5
        painter.setPen(QPen(look.accent, 1.5) if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.setBrush(mixed(look.hover, look.text, 0.12) if self.lifted else look.hover)
        painter.drawEllipse(knob, radius, radius)
        painter.save()
        painter.translate(knob)
        painter.rotate(-_START_DEG + at * _SWEEP_DEG)
        painter.setPen(_pen(look.text if self.isEnabled() else look.faint, 2))
        painter.drawLine(QPointF(radius - 5, 0), QPointF(radius - 1.5, 0))
        painter.restore()


class Knob(QWidget):
    """Name, dial and value.

    Parameters
    ----------
    title : str
    tip : str
        What it does, in one line.
    scale : KnobScale
    begin_gesture : callable
        Gives the number of a new gesture.
    parent : QWidget or None

    Attributes
    ----------
    turned : Signal(float, int)
        The user has set a value; number of the gesture.
    dial : Dial
    label : ValueLabel
    """

    turned = Signal(float, int)

    def __init__(
        self,
        title: str,
        tip: str,
        scale: KnobScale,
        begin_gesture: Callable[[], int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._title = title
        self.setFont(font(tokens().text_tiny_px, 500))
        self.dial = Dial(scale, begin_gesture, self)
        self.label = ValueLabel(scale.text_of, scale.parse, scale.widest, self, centred=True)
        self.label.setFixedWidth(KNOB_WIDTH_PX)
        # Enter on the knob types: a second stop for every value would make Tab useless.
        self.label.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.label.set_colour(tokens().text)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, _NAME_PX, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.dial)
        column.addWidget(self.label)
        self.setFixedSize(KNOB_WIDTH_PX, KNOB_HEIGHT_PX)
        self.name_it(title, tip)
        self.dial.turned.connect(self.turned)
        self.dial.typing_wanted.connect(lambda: self.label.start_typing(self.dial))
        self.label.value_typed.connect(self.dial.edit_real)
        self.label.show_value(scale.neutral)

    def name_it(self, name: str, tip: str) -> None:
        """Say the name as a whole, where it stands alone: for who does not see where it is."""
        words = self.tr("{}. Drag; Shift for fine steps, double-click for the default, Enter to type")
        self.dial.setAccessibleName(name)
        self.dial.setToolTip(words.format(tip))
        self.label.setAccessibleName(self.tr("{}, typed").format(name))
        self.label.setToolTip(self.tr("Click to type a value"))

    def show_value(self, value: float) -> None:
        """Stand at a value that comes from elsewhere; nothing is emitted."""
        self.dial.show_real(value)
        self.label.show_value(value)

    def sizeHint(self) -> QSize:
        """Fixed."""
        return QSize(KNOB_WIDTH_PX, KNOB_HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the name."""
        del event
        with QPainter(self) as painter:
            painter.setFont(self.font())
            painter.setPen(tokens().dim)
            place = QRectF(0, 0, self.width(), _NAME_PX)
            text = QFontMetricsF(self.font()).elidedText(
                self._title, Qt.TextElideMode.ElideRight, self.width() - 2
            )
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)


def _pen(colour: QColor, width_px: float) -> QPen:
    pen = QPen(colour, width_px)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    return pen
