"""Where the orbit is: the Mandelbrot set's outline, and the way of c along it. GUI thread."""

import math
from collections import deque
from functools import cache

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.theme import tokens
from engine.kernels.orbit import CARDIOID, LOBE_TABLE, LOBES

N_TRAIL = 150
"""Points of the way: five seconds at thirty a second."""
PLANE = QRectF(-1.36, -0.98, 1.86, 1.96)
"""What is shown of the plane: every lobe that is walked on, with room for the residual."""
_OUTLINE_POINTS = 240


class OrbitMap(QWidget):
    """A map of the walk.

    Parameters
    ----------
    parent : QWidget or None
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trail: deque[complex] = deque(maxlen=N_TRAIL)
        self.setMinimumSize(120, 96)
        self.setAccessibleName(self.tr("Orbit"))
        self.setToolTip(
            self.tr(
                "Where the picture's parameter c walks: along the edge of the Mandelbrot set,\n"
                "led by the music"
            )
        )

    def sizeHint(self) -> QSize:
        """Wide enough for the whole outline."""
        return QSize(150, 116)

    def show_c(self, c: complex) -> None:
        """Go on to another point."""
        if not self._trail or abs(c - self._trail[-1]) > 1e-5:
            self._trail.append(c)
            self.setAccessibleDescription(f"c = {c.real:.3f} {c.imag:+.3f} i")
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the outline, the way and the point."""
        del event
        look = tokens()
        scale = min(self.width() / PLANE.width(), self.height() / PLANE.height())
        left = 0.0
        top = 0.5 * (self.height() - PLANE.height() * scale)

        def place(c: complex) -> QPointF:
            return QPointF(left + (c.real - PLANE.left()) * scale, top + (-c.imag - PLANE.top()) * scale)

        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.save()
            painter.translate(left - PLANE.left() * scale, top - PLANE.top() * scale)
            painter.scale(scale, -scale)
            outline = QPen(look.faint, 1.0)
            outline.setCosmetic(True)
            painter.setPen(outline)
            painter.drawPath(_outline())
            painter.restore()
            points = [place(c) for c in self._trail]
            for k in range(1, len(points)):
                colour = QColor(look.accent)
                colour.setAlphaF(k / len(points))
                painter.setPen(QPen(colour, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
                painter.drawLine(points[k - 1], points[k])
            if points:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(look.text)
                painter.drawEllipse(points[-1], 4.0, 4.0)


@cache
def _outline() -> QPainterPath:
    """The cardioid and its bulbs, each above and below; imaginary parts grow upwards."""
    path = QPainterPath()
    for k in range(_OUTLINE_POINTS + 1):
        angle = 2 * math.pi * k / _OUTLINE_POINTS
        mu = complex(math.cos(angle), math.sin(angle))
        c = mu / 2 - mu * mu / 4
        if k == 0:
            path.moveTo(c.real, c.imag)
        else:
            path.lineTo(c.real, c.imag)
    for lobe in range(len(LOBES)):
        if lobe == CARDIOID:
            continue
        re, im, radius = (float(LOBE_TABLE[lobe, cell]) for cell in (0, 1, 3))
        for sign in {math.copysign(1.0, im), -math.copysign(1.0, im)} if im else {1.0}:
            path.addEllipse(QPointF(re, sign * im), radius, radius)
    return path
