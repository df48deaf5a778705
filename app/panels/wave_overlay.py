"""What moves over the waveforms: loop, play-head, the time under the pointer, the focus.

GUI thread. Painted with every strip that is repainted, so nothing here costs more than a few shapes.
"""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPolygonF

from app import theme
from app.panels.time_view import TimeView, time_text
from app.panels.wave_backdrop import RULER_PX
from app.panels.wave_loop import LoopGrip

HALF_HEAD_PX = 8.0
"""Half of what the play-head covers."""
_LOOP_BAR_PX = 8.0


def paint_playhead(painter: QPainter, area: QRectF, x: float) -> None:
    """A line through all rows with its handle on the ruler."""
    colour = theme.tokens().text
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.fillRect(QRectF(x - 1, RULER_PX - 8, 2, area.height() - RULER_PX + 8), colour)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    tip, half = RULER_PX - 5.0, 6.0
    painter.drawPolygon(QPolygonF([QPointF(x - half, tip - 9), QPointF(x + half, tip - 9), QPointF(x, tip)]))


def paint_loop(
    painter: QPainter, area: QRectF, span: tuple[float, float] | None, *, enabled: bool, grip: LoopGrip
) -> None:
    """A tint over what repeats, an edge at each end, a bar to hold on the ruler; grey when it is off."""
    if span is None:
        return
    look = theme.tokens()
    start, stop = span
    colour = look.accent if enabled else look.faint
    tint = QColor(colour)
    tint.setAlphaF(0.13 if enabled else 0.08)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRectF(start, RULER_PX, stop - start, area.height()), tint)
    tint.setAlphaF(0.55 if grip is LoopGrip.BODY else 0.34)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(tint)
    bar = QRectF(start, RULER_PX - _LOOP_BAR_PX, stop - start, _LOOP_BAR_PX)
    painter.drawRect(bar)
    for x, held in ((start, LoopGrip.START), (stop, LoopGrip.STOP)):
        width = 3.0 if grip is held else 2.0
        painter.fillRect(QRectF(x - width / 2, bar.top(), width, area.height() - bar.top()), colour)


def paint_hover(painter: QPainter, area: QRectF, x: float, time_s: float, view: TimeView) -> None:
    """A thin line under the pointer and its time on the ruler."""
    look = theme.tokens()
    line = QColor(look.text)
    line.setAlphaF(0.28)
    painter.fillRect(QRectF(round(x), RULER_PX, 1, area.height()), line)
    text = time_text(time_s, min(0.1, view.span_s / 1000.0))
    font = theme.font(look.text_tiny_px, 500, tabular=True)
    width = QFontMetricsF(font).horizontalAdvance(text) + 12
    left = min(max(x - width / 2, 1.0), area.width() - width - 1)
    pill = QRectF(left, 3, width, 17)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(pill.adjusted(-6, 0, 6, 0), look.window)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.hover)
    painter.drawRoundedRect(pill, look.radius_small_px, look.radius_small_px)
    painter.setPen(look.text)
    painter.setFont(font)
    painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, text)


def paint_focus(painter: QPainter, area: QRectF) -> None:
    """That keys are meant for the waveforms."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    accent = QColor(theme.tokens().accent)
    accent.setAlphaF(0.7)
    painter.fillRect(QRectF(0, RULER_PX - 2, area.width(), 2), accent)
