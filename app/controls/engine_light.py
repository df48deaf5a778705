"""The engine light: what the sound runs on, and whether it has ever stumbled, at a glance."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QVariantAnimation
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.controls.focus import draw_focus
from app.controls.key_button import KeyButton
from app.theme import font, reduced_motion, tokens
from app.tick import DeviceLine, Tick

_HEIGHT_PX = 34
_SIDE_PX = 16
_DOT_PX = 10
_GAP_PX = 16
_USUAL = "44.1 kHz · 1024 · 88.8 ms"


class EngineLight(KeyButton):
    """A pill with a dot, the device in figures, and the dropouts or the trouble in words.

    Good: the device runs. Warning: a dropout or other trouble, whose reason it reads. Faint: no device.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._line: DeviceLine | None = None
        self._dropouts = 0
        self._trouble = ""
        self._halo = 0.0
        self._pulse = QVariantAnimation(self)
        self._pulse.setDuration(tokens().motion_long_ms)
        self._pulse.setStartValue(1.0)
        self._pulse.setEndValue(0.0)
        self._pulse.valueChanged.connect(self._on_pulse)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setFont(font(tokens().text_body_px, tabular=True))
        self.setAccessibleName(self.tr("Engine light"))
        self._reword()

    def show_tick(self, tick: Tick) -> None:
        """Follow the engine."""
        if (tick.device, tick.dropouts, tick.trouble) == (self._line, self._dropouts, self._trouble):
            return
        startled = bool(tick.trouble) and not self._trouble and not reduced_motion()
        self._line, self._dropouts, self._trouble = tick.device, tick.dropouts, tick.trouble
        self._reword()
        if startled:
            self._pulse.start()

    @property
    def colour(self) -> QColor:
        """Of the dot."""
        look = tokens()
        if self._trouble:
            return look.warning
        return look.good if self._line else look.faint

    @property
    def pulsing(self) -> bool:
        """Whether the dot draws the eye right now."""
        return self._pulse.state() == QVariantAnimation.State.Running

    @property
    def device_text(self) -> str:
        """The device in figures."""
        if self._line is None:
            return self.tr("No audio device") if self._trouble else self.tr("Starting audio")
        rate = f"{self._line.rate_hz / 1000:g}"
        return self.tr("{} kHz · {} · {:.1f} ms").format(rate, self._line.block_frames, self._line.latency_ms)

    @property
    def state_text(self) -> str:
        """What is wrong, in the few words before its colon; else how often it was."""
        if self._trouble:
            return self._trouble.partition(":")[0]
        if self._line is None:
            return ""
        if self._dropouts == 1:
            return self.tr("1 dropout")
        return self.tr("{} dropouts").format(self._dropouts)

    def sizeHint(self) -> QSize:
        """Room for what it usually reads; a trouble is cut off and read whole in the tip."""
        metrics = QFontMetricsF(self.font())
        usual = metrics.horizontalAdvance(_USUAL) + metrics.horizontalAdvance("88 dropouts")
        return QSize(round(usual) + 2 * _SIDE_PX + _DOT_PX + 8 + _GAP_PX, _HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        """Room for the device."""
        width = QFontMetricsF(self.font()).horizontalAdvance(_USUAL)
        return QSize(round(width) + 2 * _SIDE_PX + _DOT_PX + 8, _HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint."""
        look = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(self.rect())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.line if self.isDown() else look.hover if self.underMouse() else look.raised)
        painter.drawRoundedRect(place, look.radius_large_px, look.radius_large_px)
        self._draw_dot(painter, QPointF(_SIDE_PX + _DOT_PX / 2, place.center().y()))

        painter.setFont(self.font())
        metrics = QFontMetricsF(self.font())
        left = _SIDE_PX + _DOT_PX + 8
        right = place.width() - _SIDE_PX
        device, state = self.device_text, self.state_text
        middle = Qt.AlignmentFlag.AlignVCenter
        # A trouble is worth more than the figures: where both do not fit, it stands alone.
        wide = metrics.horizontalAdvance(device) + _GAP_PX + metrics.horizontalAdvance(state) <= right - left
        if self._trouble and not wide:
            state = metrics.elidedText(state, Qt.TextElideMode.ElideRight, right - left)
            painter.setPen(look.warning)
            painter.drawText(QRectF(left, 0, right - left, place.height()), middle, state)
        else:
            painter.setPen(look.text if self._line else look.dim)
            painter.drawText(QRectF(left, 0, right - left, place.height()), middle, device)
            if wide:
                painter.setPen(look.warning if self._trouble else look.dim)
                at_right = middle | Qt.AlignmentFlag.AlignRight
                painter.drawText(QRectF(left, 0, right - left, place.height()), at_right, state)
        draw_focus(painter, self, look.radius_large_px - 1)

    def _draw_dot(self, painter: QPainter, middle: QPointF) -> None:
        if self._halo > 0:
            halo = QColor(self.colour)
            halo.setAlphaF(0.5 * self._halo)
            painter.setBrush(halo)
            radius = _DOT_PX / 2 + 6 * (1 - self._halo)
            painter.drawEllipse(middle, radius, radius)
        painter.setBrush(self.colour)
        painter.drawEllipse(middle, _DOT_PX / 2, _DOT_PX / 2)

    def _on_pulse(self, value: float) -> None:
        self._halo = value
        self.update()

    def _reword(self) -> None:
        parts = [self.device_text, self._trouble or self.state_text]
        if self._line is not None:
            parts.insert(0, self._line.name)
        self.setAccessibleDescription(", ".join(part for part in parts if part))
        shown = "\n".join(part for part in parts if part)
        self.setToolTip(shown + "\n" + self.tr("Click for details and the choice of another device"))
        self.update()
