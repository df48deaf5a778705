"""Where the time between mouth and ear goes, stage by stage, as one bar. GUI thread."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import font, tokens
from engine.services.live_mic import MicLatency

GOOD_S = 0.012
"""Singers do not hear themselves late below this; above three times as much they do."""
_HEIGHT_PX = 28
_BAR_PX = 6
_BAR_SHARE = 0.3


class LatencyBar(QWidget):
    """A bar divided by stage, and the stages in words beside it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._latency: MicLatency | None = None
        self._stages: tuple[tuple[str, float, QColor], ...] = ()
        self.setFixedHeight(_HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFont(font(tokens().text_small_px, tabular=True))
        self.setToolTip(self.tr("How much later you hear yourself, and what it is made of"))
        self._say()

    @property
    def text(self) -> str:
        """All of it in words."""
        if self._latency is None:
            return self.tr("The mic is off")
        parts = "  ".join(f"{name} {_ms(seconds)}" for name, seconds, _ in self._stages)
        return f"{_ms(self._latency.round_trip_s)} ms = {parts}"

    def show_latency(self, latency: MicLatency | None) -> None:
        """Show a budget; None while the mic is closed."""
        if latency == self._latency:
            return
        self._latency = latency
        look = tokens()
        self._stages = ()
        if latency is not None:
            self._stages = (
                (self.tr("input"), latency.input_s, look.lane_colour("bass")),
                (self.tr("denoiser"), latency.insert_s, look.lane_colour("vocals")),
                (self.tr("effects"), latency.chain_s, look.accent),
                (self.tr("limiter"), latency.limiter_s, look.lane_colour("drums")),
                (self.tr("output"), latency.output_s, look.lane_colour("other")),
            )
        self._say()
        self.update()

    def _say(self) -> None:
        self.setAccessibleName(self.tr("Latency: {}").format(self.text))

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(400, _HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the sum, the bar, and what is in it."""
        del event
        look, latency = tokens(), self._latency
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(self.font())
            middle = self.height() / 2
            align = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            x = 0.0
            if latency is None:
                painter.setPen(look.dim)
                words = self.tr("Switch the mic on: what it adds to the latency stands here, stage by stage")
                painter.drawText(QRectF(self.rect()), align, words)
                return
            total_s = latency.round_trip_s
            painter.setPen(
                look.good if total_s <= GOOD_S else look.text if total_s <= 3 * GOOD_S else look.warning
            )
            painter.setFont(font(look.text_small_px, 600, tabular=True))
            whole = self.tr("{} ms").format(_ms(total_s))
            painter.drawText(QRectF(x, 0, 70, self.height()), align, whole)
            x += QFontMetricsF(painter.font()).horizontalAdvance(whole) + 14
            painter.setFont(self.font())
            length = max(80.0, self.width() * _BAR_SHARE)
            self._paint_bar(painter, x, length)
            x += length + 16
            metrics = QFontMetricsF(self.font())
            for name, seconds, colour in self._stages:
                if seconds <= 0.0:
                    continue
                text = f"{name} {_ms(seconds)}"
                width = metrics.horizontalAdvance(text)
                if x + width + 12 > self.width():
                    break
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour)
                painter.drawEllipse(QPointF(x + 3, middle), 3, 3)
                painter.setPen(look.dim)
                painter.drawText(QRectF(x + 11, 0, width + 2, self.height()), align, text)
                x += width + 26

    def _paint_bar(self, painter: QPainter, x: float, length: float) -> None:
        """Stages side by side, a pixel of ground between them."""
        total = sum(seconds for _, seconds, _ in self._stages) or 1.0
        top = self.height() / 2 - _BAR_PX / 2
        painter.setPen(Qt.PenStyle.NoPen)
        for _, seconds, colour in self._stages:
            width = seconds / total * length
            if width > 0.5:
                painter.setBrush(colour)
                painter.drawRoundedRect(QRectF(x, top, max(width - 1.5, 1.0), _BAR_PX), 2, 2)
                x += width


def _ms(seconds: float) -> str:
    return f"{1000.0 * seconds:.1f}"
