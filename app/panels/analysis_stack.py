"""Plots one below the other on one time axis, drawn into whatever is painted on: a widget, a PNG, an SVG.

GUI thread only. pyqtgraph lays out and draws the plots in a scene of its own that is never shown; the
panel keeps the picture and lays the play-head over it, so that sixty frames a second cost a copy.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import cast

import pyqtgraph as pg
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QResizeEvent
from PySide6.QtWidgets import QGraphicsGridLayout

from app import theme
from app.panels.analysis_plots import AXIS_PX, Plot, SpectrumPlot, make_plot
from app.panels.analysis_raster import row_ground
from app.panels.analysis_song import BEATS, SongPicture
from app.panels.wave_backdrop import RULER_PX, Row

_LEAST_BEAT_PX = 7.0
"""Beats closer than this are not drawn; nor are bars."""


class AnalysisStack:
    """Some of the plots of a song.

    Attributes
    ----------
    rows : tuple of Row
        Where they lie; `Row.lane` is a plot's name.
    """

    def __init__(self) -> None:
        self.rows: tuple[Row, ...] = ()
        self.song: SongPicture | None = None
        self._colour = theme.tokens().accent
        self._plots: dict[str, Plot] = {}
        self._stretch = (0.0, 1.0)
        # Its search for stray items at the end of the process takes time and finds none of ours.
        pg.setConfigOption("exitCleanup", False)
        self._view = pg.GraphicsView(background="transparent")
        self._layout = pg.GraphicsLayout()
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._grid = cast("QGraphicsGridLayout", self._layout.layout)
        self._grid.setSpacing(0)
        self._grid.setHorizontalSpacing(0)
        self._view.setCentralItem(self._layout)

    def close(self) -> None:
        """Let go of the scene."""
        self._view.close()
        self._view.deleteLater()

    def show(self, song: SongPicture | None, colour: QColor) -> None:
        """Draw another song in a colour, or nothing."""
        self.song, self._colour = song, colour
        for plot in self._plots.values():
            plot.show(song, colour)

    def arrange(self, rows: Iterable[Row], width_px: float) -> None:
        """Lay plots out.

        Parameters
        ----------
        rows : iterable of Row
            Their names and heights, from the top down, the ruler above them left free.
        width_px : float
            Of axes and plots together.
        """
        self.rows = tuple(rows)
        wanted = [row.lane for row in self.rows]
        if wanted != list(self._plots):
            self._make_plots(wanted)
        bottom = RULER_PX
        for i, row in enumerate(self.rows):
            if i:
                self._grid.setRowSpacing(i - 1, row.top_px - bottom)
            for item in (self._plots[row.lane].axis, self._plots[row.lane].box):
                item.setMinimumHeight(row.height_px)
                item.setMaximumHeight(row.height_px)
            bottom = row.top_px + row.height_px
        self._resize(QSize(math.ceil(width_px), bottom - RULER_PX))
        for row in self.rows:
            self._plots[row.lane].arrange(row.height_px)

    def _make_plots(self, names: list[str]) -> None:
        self._layout.clear()
        kept: Mapping[str, Plot] = self._plots
        self._plots = {}
        for i, name in enumerate(names):
            plot = kept.get(name) or make_plot(name)
            if name not in kept:
                plot.show(self.song, self._colour)
            self._plots[name] = plot
            self._layout.addItem(plot.axis, i, 0)
            self._layout.addItem(plot.box, i, 1)
            # One time for all of them.
            if i:
                plot.box.setXLink(self._plots[names[0]].box)

    def _resize(self, size: QSize) -> None:
        # A widget that was never shown is told its size only when it is: tell it now.
        self._view.resize(size)
        self._view.viewport().resize(size)
        pg.GraphicsView.resizeEvent(self._view, QResizeEvent(size, size))
        self._grid.activate()

    def move(self, start_s: float, span_s: float, ratio: float) -> None:
        """Show a stretch of the song; `ratio` is device pixels a logical one."""
        self._stretch = (start_s, start_s + span_s)
        columns = math.ceil((self._view.width() - AXIS_PX) * ratio)
        for plot in self._plots.values():
            plot.move(start_s, start_s + span_s, max(columns, 2), ratio)

    def hz_at(self, name: str, y_px: float) -> float | None:
        """Frequency at a place of the spectrum, None of other plots; `y_px` below the widget's top."""
        plot = self._plots.get(name)
        row = next((row for row in self.rows if row.lane == name), None)
        if row is None or not isinstance(plot, SpectrumPlot):
            return None
        return plot.hz_at((y_px - row.top_px) / max(row.height_px, 1))

    def paint(self, painter: QPainter) -> None:
        """Draw axes and plots below the ruler's place; the painter's origin is the top left of the axes."""
        width = float(self._view.width())
        for row in self.rows:
            place = QRectF(AXIS_PX, row.top_px, width - AXIS_PX, row.height_px)
            painter.fillRect(place, row_ground())
        size = self._view.size()
        target = QRectF(0.0, RULER_PX, size.width(), size.height())
        scene = cast("pg.GraphicsScene", self._view.scene())
        scene.prepareForPaint()
        scene.render(painter, target, QRectF(0, 0, size.width(), size.height()))
        self._paint_beats(painter, width)

    def _paint_beats(self, painter: QPainter, width: float) -> None:
        song, (start_s, stop_s) = self.song, self._stretch
        if song is None or len(song.beats_s) < 2 or not self.rows:
            return
        px_a_second = (width - AXIS_PX) / (stop_s - start_s)
        beat_px = px_a_second * (song.beats_s[-1] - song.beats_s[0]) / (len(song.beats_s) - 1)
        all_beats = beat_px >= _LEAST_BEAT_PX
        per_bar = max(song.analysis.beats_per_bar, 1)
        bars = per_bar > 1 and beat_px * per_bar >= _LEAST_BEAT_PX
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        first, last = bisect_left(song.beats_s, start_s), bisect_right(song.beats_s, stop_s)
        # Rectangles, which are filled several times as fast as lines are drawn.
        lines: tuple[list[QRectF], list[QRectF]] = ([], [])
        for beat_s, (_, place) in zip(song.beats_s[first:last], song.bar_of[first:last], strict=True):
            is_down = bars and place == 1
            if not (is_down or all_beats):
                continue
            x = round(AXIS_PX + (beat_s - start_s) * px_a_second)
            for row in self.rows:
                # Everywhere a hint; on the beats' own plot as high as they count.
                half = row.lane == BEATS and not is_down
                top = row.top_px + (row.height_px * 0.5 if half else 0.0)
                lines[is_down].append(QRectF(x, top, 1.0, row.top_px + row.height_px - top))
        painter.setPen(Qt.PenStyle.NoPen)
        for apart_px, most, places in ((beat_px, 0.14, lines[0]), (beat_px * per_bar, 0.3, lines[1])):
            painter.setBrush(_beat_colour(apart_px, most))
            painter.drawRects(places)


def _beat_colour(apart_px: float, most: float) -> QColor:
    """Lines that fade where they are dense; `most` is their alpha where they are far apart."""
    colour = QColor(theme.tokens().text)
    colour.setAlphaF(most * min(1.0, 0.2 + apart_px / 80.0))
    return colour
