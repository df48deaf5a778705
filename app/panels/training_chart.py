"""Loss by epoch as two lines: training and validation.

GUI thread only. Imports pyqtgraph, which takes a fifth of a second: whoever imports this room does so on
another thread first.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import font, tokens
from engine.services.training_report import EpochLoss

_LEAST_PX = (200, 88)
_GRID = 26
_MARGIN = 0.07
"""Room above and below the lines, of their range."""


class LossChart(pg.PlotWidget):
    """The losses of a training.

    Parameters
    ----------
    parent : QWidget or None

    Attributes
    ----------
    pointed : Signal(object)
        The `EpochLoss` under the pointer; None when it has left.
    """

    pointed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        # Its search for stray items at the end of the process takes time and finds none of ours.
        pg.setConfigOption("exitCleanup", False)
        super().__init__(parent, background="transparent", enableMenu=False)
        look = tokens()
        self._history: tuple[EpochLoss, ...] = ()
        self._part = ""
        self._empty = ""
        self.setMinimumSize(*_LEAST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        item = cast("Any", self.getPlotItem())
        item.hideButtons()
        item.setContentsMargins(0, 0, 4, 0)
        self._box = cast("pg.ViewBox", item.getViewBox())
        self._box.setMouseEnabled(x=False, y=False)
        self._box.disableAutoRange()
        for side in ("left", "bottom"):
            _dress(item.getAxis(side), side)
        self._lines = {
            "loss": self._add_line(look.accent),
            "validation": self._add_line(look.warning),
        }
        self._cursor = pg.InfiniteLine(pen=QPen(look.faint, 0))
        self._cursor.hide()
        item.addItem(self._cursor, ignoreBounds=True)

    def _add_line(self, colour: QColor) -> pg.PlotDataItem:
        pen = QPen(colour, 2)
        pen.setCosmetic(True)
        line = pg.PlotDataItem(pen=pen, antialias=True, symbolBrush=colour, symbolPen=None, symbolSize=5)
        cast("Any", self.getPlotItem()).addItem(line)
        return line

    def show_losses(self, history: tuple[EpochLoss, ...], part: str, total_epochs: int) -> None:
        """Draw what there is.

        Parameters
        ----------
        history : tuple of EpochLoss
        part : str
            Of the losses.
        total_epochs : int
            Where the axis ends.
        """
        self._history, self._part = history, part
        epochs = np.array([one.epoch for one in history], float)
        every: list[float] = []
        for name, line in self._lines.items():
            values = np.array([_value(one, name, part) for one in history], float)
            line.setData(epochs, values, symbol="o" if len(epochs) <= 20 else None, connect="finite")
            every += values[np.isfinite(values)].tolist()
        for side in ("left", "bottom"):
            cast("Any", self.getPlotItem()).showAxis(side, bool(every))
        if every:
            low, high = min(every), max(every)
            spare = (high - low or abs(high) or 1.0) * _MARGIN
            self._box.setYRange(low - spare, high + spare, padding=0.0)
        last = max(2, total_epochs, *(one.epoch for one in history)) if history else 2
        self._box.setXRange(1.0, float(last), padding=0.02)
        self.viewport().update()

    def set_empty_words(self, words: str) -> None:
        """What is said while there is nothing to draw."""
        if words != self._empty:
            self._empty = words
            self.viewport().update()

    def mouseMoveEvent(self, ev: Any) -> None:
        """Point at the nearest epoch."""
        super().mouseMoveEvent(ev)
        self._point_at(ev.position())

    def leaveEvent(self, ev: QEvent) -> None:
        """Point at nothing."""
        super().leaveEvent(ev)
        self._cursor.hide()
        self.pointed.emit(None)

    def wheelEvent(self, ev: QWheelEvent) -> None:
        """Let what is around scroll."""
        ev.ignore()

    def _point_at(self, place: QPointF) -> None:
        if not self._history:
            return
        epoch = self._box.mapSceneToView(self.mapToScene(place.toPoint())).x()
        nearest = _nearest(self._history, epoch)
        self._cursor.setValue(nearest.epoch)
        self._cursor.show()
        self.pointed.emit(nearest)

    def paintEvent(self, ev: QPaintEvent) -> None:
        """Paint the plot, or the words."""
        super().paintEvent(ev)
        if self._history or not self._empty:
            return
        look = tokens()
        with QPainter(self.viewport()) as painter:
            painter.setFont(font(look.text_body_px))
            painter.setPen(look.dim)
            place = QRectF(self.viewport().rect())
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(place, flags, self._empty)


def _dress(axis: pg.AxisItem, side: str) -> None:
    look = tokens()
    axis.setPen(QPen(Qt.PenStyle.NoPen))
    axis.setTextPen(look.dim)
    axis.setTickPen(QPen(look.text, 1) if side == "left" else QPen(Qt.PenStyle.NoPen))
    axis.setStyle(
        tickFont=font(look.text_tiny_px, tabular=True),
        tickLength=0,
        tickTextOffset=6,
        autoExpandTextSpace=False,
        maxTickLevel=0,
    )
    axis.enableAutoSIPrefix(False)
    if side == "left":
        axis.setWidth(44)
        axis.setGrid(_GRID)
    else:
        axis.setHeight(20)


def _value(one: EpochLoss, name: str, part: str) -> float:
    value = (one.loss if name == "loss" else one.validation).get(part)
    return float("nan") if value is None else value


def _nearest(history: Sequence[EpochLoss], epoch: float) -> EpochLoss:
    epochs = [one.epoch for one in history]
    right = min(bisect_left(epochs, epoch), len(epochs) - 1)
    left = max(0, right - 1)
    return history[left if epoch - epochs[left] < epochs[right] - epoch else right]
