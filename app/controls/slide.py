"""What fader and pan have in common: every way of moving a knob along a groove.

Mouse (drag, Shift for fine, a click beside the knob, double-click to reset), wheel (Shift for fine),
keys (arrows, PageUp and PageDown, Home and End, Backspace to reset, Enter to type the value).

One turn of hand is one gesture, so that it is one step of undo: a drag; or keys and turns of the
wheel that follow each other within `_PAUSE_MS`.
"""

from abc import abstractmethod
from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QAbstractSlider, QSizePolicy, QWidget

from app.controls.focus import claims_key
from app.theme import tokens

KNOB_PX = 12
_PAUSE_MS = 700
_FINE = 0.1
_NOTCH = 120  # Qt counts a wheel in eighths of a degree; a notch is 15 degrees.
_UP = (Qt.Key.Key_Right, Qt.Key.Key_Up)
_DOWN = (Qt.Key.Key_Left, Qt.Key.Key_Down)
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2)
_RESET = (Qt.Key.Key_Backspace, Qt.Key.Key_Delete)
_ENDS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End)
_KEYS = frozenset({*_UP, *_DOWN, *_ENTER, *_RESET, *_ENDS})


class Slide(QAbstractSlider):
    """A knob on a horizontal groove.

    Qt's slider beneath counts in whole `resolution`s, which gives screen readers range and value.

    Parameters
    ----------
    span : (float, float)
        Lowest and highest value.
    resolution : float
        Values are whole multiples of it.
    begin_gesture : callable
        Gives the number of a new gesture.

    Attributes
    ----------
    value_edited : Signal(float, int)
        The user has set a value; number of the gesture.
    typing_wanted : Signal()
        The user wants to type the value.
    """

    value_edited = Signal(float, int)
    typing_wanted = Signal()

    def __init__(
        self,
        span: tuple[float, float],
        resolution: float,
        begin_gesture: Callable[[], int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._per_unit = round(1 / resolution)
        self._begin_gesture = begin_gesture
        self._gesture: int | None = None
        self._since_change = QElapsedTimer()
        self._drag_at_px: float | None = None
        self._drag_fraction = 0.0
        self._wheel_rest = 0.0
        self._showing = False
        self._hovered = False
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setRange(round(span[0] * self._per_unit), round(span[1] * self._per_unit))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.valueChanged.connect(self._on_value_changed)

    @property
    def amount(self) -> float:
        """The value, in its unit."""
        return self.value() / self._per_unit

    def show_value(self, value: float) -> None:
        """Stand at a value that comes from elsewhere; nothing is emitted."""
        self._showing = True
        self.setValue(round(value * self._per_unit))
        self._showing = False

    def edit_value(self, value: float) -> None:
        """Set a value as the user would, as a gesture of its own."""
        self._gesture = None
        self._change(value)
        self._gesture = None

    # What a subclass says.

    @abstractmethod
    def fraction_of(self, value: float) -> float:
        """Place of a value on the groove, 0 to 1."""

    @abstractmethod
    def value_at(self, fraction: float) -> float:
        """Value at a place on the groove, 0 to 1."""

    @abstractmethod
    def text_of(self, value: float) -> str:
        """A value in words, with its unit."""

    @property
    @abstractmethod
    def neutral(self) -> float:
        """The value that double-click returns to, and that a coarse drag sticks to."""

    @property
    @abstractmethod
    def steps(self) -> tuple[float, float]:
        """How far an arrow (or a notch of the wheel) and a page key go."""

    @abstractmethod
    def draw(self, painter: QPainter, groove: QRectF, knob: QPointF) -> None:
        """Paint groove and knob."""

    # How a hand moves it; a round knob says otherwise.

    @property
    def jumps(self) -> bool:
        """Whether a click beside the knob brings it there."""
        return True

    @property
    def travel_px(self) -> float:
        """How far a drag goes from the lowest value to the highest."""
        return self.groove().width()

    def way_px(self, place: QPointF) -> float:
        """How far along its way the pointer is at a place."""
        return place.x()

    # Geometry.

    def sizeHint(self) -> QSize:
        """A comfortable width; the height of a row."""
        return QSize(120, 20)

    def minimumSizeHint(self) -> QSize:
        """Enough to move the knob at all."""
        return QSize(48, 20)

    def groove(self) -> QRectF:
        """The line along which the middle of the knob moves, 4 px thick."""
        # The knob and its ring of focus stay within the widget at both ends.
        half = KNOB_PX / 2 + 3
        return QRectF(half, self.height() / 2 - 2, self.width() - 2 * half, 4)

    def knob(self) -> QPointF:
        """Middle of the knob."""
        groove = self.groove()
        return QPointF(groove.left() + self.fraction_of(self.amount) * groove.width(), groove.center().y())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.draw(painter, self.groove(), self.knob())
        if self.hasFocus():
            painter.setPen(QPen(tokens().accent, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(self.knob(), KNOB_PX / 2 + 2, KNOB_PX / 2 + 2)

    @property
    def lifted(self) -> bool:
        """Whether the knob is under the pointer's hand."""
        return self.isEnabled() and (self._hovered or self._drag_at_px is not None)

    # Mouse.

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Grab the knob; beside it, bring it here."""
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._gesture = self._begin_gesture()
        groove, x = self.groove(), event.position().x()
        if self.jumps and abs(x - self.knob().x()) > KNOB_PX:
            self._change(self._stuck(self.value_at(_clip((x - groove.left()) / groove.width()))))
        self._drag_at_px = self.way_px(event.position())
        self._drag_fraction = self.fraction_of(self.amount)
        self.setSliderDown(True)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag; with Shift a tenth as far."""
        if self._drag_at_px is None:
            return
        at_px = self.way_px(event.position())
        fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._drag_fraction += (at_px - self._drag_at_px) / self.travel_px * (_FINE if fine else 1.0)
        self._drag_at_px = at_px
        value = self.value_at(_clip(self._drag_fraction))
        self._change(value if fine else self._stuck(value))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go; the next click is another gesture."""
        if event.button() == Qt.MouseButton.LeftButton and self._drag_at_px is not None:
            self._drag_at_px = None
            # The gesture goes on for the pause of a double-click, whose reset then takes the click back.
            self._since_change.start()
            self.setSliderDown(False)
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Reset, as one step with the click before."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._continue_gesture()
            self._change(self.neutral)
            self._drag_at_px = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """One step a notch, a tenth of it with Shift."""
        # With Shift or Alt some systems turn the wheel on its side.
        turned = event.angleDelta().y() or event.angleDelta().x()
        fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        wanted = self._wheel_rest + turned / _NOTCH * self.steps[0] * (_FINE if fine else 1.0)
        self._continue_gesture()
        before = self.amount
        self._change(before + wanted)
        # Fine wheels turn in less than a step at a time: rounding's rest is kept, at an end dropped.
        self._wheel_rest = wanted - (self.amount - before)
        if abs(self._wheel_rest) * self._per_unit > 1:
            self._wheel_rest = 0.0
        event.accept()

    def enterEvent(self, event: QEvent) -> None:
        """Lift the knob."""
        self._hovered = True
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Put the knob down."""
        self._hovered = False
        self.update()

    # Keys.

    def event(self, event: QEvent) -> bool:
        """Keep the keys that move the knob from the window's shortcuts."""
        if claims_key(event, _KEYS):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move by keys."""
        key = event.key()
        step, page = self.steps
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            step *= _FINE
        targets: dict[int, float] = dict.fromkeys(_UP, self.amount + step)
        targets |= dict.fromkeys(_DOWN, self.amount - step)
        targets |= dict.fromkeys(_RESET, self.neutral)
        targets |= {
            Qt.Key.Key_PageUp: self.amount + page,
            Qt.Key.Key_PageDown: self.amount - page,
            Qt.Key.Key_Home: self.minimum() / self._per_unit,
            Qt.Key.Key_End: self.maximum() / self._per_unit,
        }
        if key in targets:
            self._continue_gesture()
            self._change(targets[key])
        elif key in _ENTER:
            self.typing_wanted.emit()
        else:
            event.ignore()

    # Values.

    def _continue_gesture(self) -> None:
        """Go on with the last gesture if it was just now, else begin another."""
        if self._since_change.isValid() and self._since_change.elapsed() > _PAUSE_MS:
            self._gesture = None
            self._wheel_rest = 0.0
        self._since_change.start()

    def _change(self, value: float) -> None:
        self.setValue(round(value * self._per_unit))

    def _on_value_changed(self) -> None:
        # Also reached when a screen reader moves the knob.
        self.setAccessibleDescription(self.text_of(self.amount))
        self.update()
        if not self._showing:
            if self._gesture is None:
                self._gesture = self._begin_gesture()
            self.value_edited.emit(self.amount, self._gesture)

    def _stuck(self, value: float) -> float:
        """The neutral value if this one is within two pixels of it."""
        away_px = abs(self.fraction_of(value) - self.fraction_of(self.neutral)) * self.travel_px
        return self.neutral if away_px <= 2 else value


def _clip(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)
