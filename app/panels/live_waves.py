"""Waveforms of a live input that roll by: what is heard now at the right edge, some seconds ago at the left.

GUI thread. There is no song to see the whole of, but one sees what comes in, and what the model takes for
whose. A column a hundredth of a second, drawn by compiled loops straight into a picture.
"""

from collections.abc import Iterable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.panels.wave_backdrop import RULER_PX, Row, row_ground, wave_shades
from engine.kernels.wave_image import draw_wave
from engine.realtime.scope import COLUMNS_PER_S, SCOPE_COLUMNS, Scope

_INSET_PX = 8
_CURVE = 0.75
"""As in the waveforms of a song."""
_MARK_S = 2
_MOST_COLUMNS = 3 * SCOPE_COLUMNS // 4


class LiveWaves(QWidget):
    """The picture.

    Attributes
    ----------
    seconds : float
        How much of the past is shown: a hundredth a pixel.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[Row, ...] = ()
        self._lanes: tuple[str, ...] = ()
        self._silenced: frozenset[str] = frozenset()
        self._scope: Scope | None = None
        self._n_shown = -1
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, RULER_PX + 40)
        self.setAccessibleName(self.tr("Waveforms of the input"))
        self.setToolTip(self.tr("What goes by: now at the right, some seconds ago at the left"))

    def sizeHint(self) -> QSize:
        """As the waveforms of a song."""
        return QSize(760, 480)

    @property
    def seconds(self) -> float:
        """How much of the past is shown."""
        return min(self.width(), _MOST_COLUMNS) / COLUMNS_PER_S

    def set_rows(self, rows: Iterable[Row], lanes: tuple[str, ...]) -> None:
        """Where the lanes lie, and which of the scope's they are, in its order."""
        self._rows, self._lanes = tuple(rows), lanes
        self.update()

    def set_silenced(self, lanes: Iterable[str]) -> None:
        """Which lanes are drawn faint because they are not heard."""
        self._silenced = frozenset(lanes)
        self.update()

    def show_scope(self, scope: Scope | None) -> None:
        """Go on with what has gone by since."""
        n = -1 if scope is None else scope.n_columns
        if scope is not self._scope or n != self._n_shown:
            self._scope, self._n_shown = scope, n
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the ruler and every row."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.tokens().window)
        for row in self._rows:
            self._paint_row(painter, row)
        self._paint_ruler(painter)

    def _paint_row(self, painter: QPainter, row: Row) -> None:
        ratio = self.devicePixelRatioF()
        n = min(self.width(), _MOST_COLUMNS)
        place = QRectF(0, row.top_px, self.width(), row.height_px)
        painter.fillRect(place, row_ground())
        scope = self._scope
        if scope is None or row.lane not in self._lanes:
            return
        height = max(1, round((row.height_px - 2 * _INSET_PX) * ratio))
        width = max(1, round(n * ratio))
        columns = np.empty((3, n), np.float32)
        scope.read(self._lanes.index(row.lane), self._n_shown, columns)
        wide = np.ascontiguousarray(columns[:, np.arange(width) * n // width])
        colour = theme.tokens().lane_colour(row.lane)
        body, core = wave_shades(colour.name(), height, row.lane in self._silenced)
        pixels = np.empty((height, width), np.uint32)
        draw_wave(wide, _CURVE, body, core, pixels)
        image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(self.width() - n, row.top_px + _INSET_PX), image)

    def _paint_ruler(self, painter: QPainter) -> None:
        look = theme.tokens()
        painter.setFont(theme.font(look.text_tiny_px, tabular=True))
        for ago_s in range(0, int(self.seconds) + 1):
            x = self.width() - ago_s * COLUMNS_PER_S - 0.5
            labelled = ago_s % _MARK_S == 0
            painter.setPen(QPen(look.faint if labelled else look.line, 1))
            painter.drawLine(QPointF(x, RULER_PX - (9 if labelled else 4)), QPointF(x, RULER_PX - 1))
            if labelled:
                words = self.tr("now") if ago_s == 0 else self.tr("{} s ago").format(ago_s)
                room = QRectF(x - 84, 2, 80, RULER_PX - 8)
                painter.setPen(look.dim)
                if room.left() >= 0:
                    painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
