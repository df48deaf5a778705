"""The five plots of a song over time, each a pyqtgraph view box with its axis at the left.

GUI thread only. Imports pyqtgraph, which takes a fifth of a second: whoever imports this room does so on
another thread first, or where nobody waits. A plot knows nothing of widgets: `AnalysisStack` lays plots
out, for the panel and for pictures alike.
"""

from collections.abc import Iterable

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QBrush, QColor, QLinearGradient, QPen

from app import theme
from app.panels.analysis_raster import RasterItem, heat_ramp, note_ramp, row_ground, shaded, table
from app.panels.analysis_song import BEATS, LOUDNESS, NOTES, PITCH, SPECTRUM, SongPicture
from app.song_words import note_names

AXIS_PX = 44
_GRID = 26
"""Of 255: how much lines across a plot stand out."""
_LABEL_PX = 14
"""What a label of an axis needs in height."""
_RANGE_DB = 66.0
"""From the spectrum's loudest down to what is black."""
_HEADROOM_LU, _LOUDNESS_RANGE_LU = 3.0, 30.0


class Plot:
    """One row.

    Parameters
    ----------
    name : str

    Attributes
    ----------
    box : pg.ViewBox
        What is drawn; x is the song's time in seconds.
    axis : pg.AxisItem
    """

    def __init__(self, name: str) -> None:
        look = theme.tokens()
        self.name = name
        self.colour = look.accent
        self.song: SongPicture | None = None
        self.box = pg.ViewBox(enableMouse=False, enableMenu=False, defaultPadding=0.0)
        self.axis = pg.AxisItem("left", pen=None, textPen=look.dim, tickPen=look.text)
        self.axis.setPen(QPen(Qt.PenStyle.NoPen))
        self.axis.setStyle(
            tickFont=theme.font(look.text_tiny_px, tabular=True),
            tickLength=0,
            tickTextOffset=8,
            autoExpandTextSpace=False,
        )
        self.axis.setWidth(AXIS_PX)
        # Behind the curves, where its grid belongs.
        self.axis.setZValue(-1000)
        self.axis.linkToView(self.box)
        self.box.disableAutoRange()

    def show(self, song: SongPicture | None, colour: QColor) -> None:
        """Draw another song, or nothing."""
        self.song, self.colour = song, colour

    def note_names(self) -> tuple[str, ...]:
        """The twelve notes as the song spells them."""
        return note_names(None if self.song is None else self.song.analysis.key)

    def arrange(self, height_px: float) -> None:
        """Choose the labels of the axis for a height in logical pixels."""

    def move(self, start_s: float, stop_s: float, columns: int, ratio: float) -> None:
        """Draw another stretch of the song.

        Parameters
        ----------
        start_s, stop_s : float
        columns : int
            Device pixels that it takes.
        ratio : float
            Device pixels a logical one.
        """
        self.box.setXRange(start_s, stop_s, padding=0.0)

    def value_at(self, part: float) -> float:
        """Value of the axis at a part of the height, 0 at the top."""
        low, high = self.box.viewRange()[1]
        return high + (low - high) * part

    def _mark(self, ticks: Iterable[tuple[float, str]], *, grid: bool) -> None:
        self.axis.setTickPen(QPen(theme.tokens().text, 1) if grid else QPen(Qt.PenStyle.NoPen))
        self.axis.setTicks([list(ticks)])
        self.axis.setGrid(_GRID if grid else False)


class PitchPlot(Plot):
    """Pitch as a line of notes."""

    def __init__(self) -> None:
        super().__init__(PITCH)
        self._line = pg.PlotCurveItem(antialias=True)
        self.box.addItem(self._line)
        self.box.setYRange(48.0, 72.0, padding=0.0)

    def show(self, song: SongPicture | None, colour: QColor) -> None:
        """Draw another song."""
        super().show(song, colour)
        if song is None:
            self._line.setData([], [])
        else:
            self.box.setYRange(*song.pitch.range(), padding=0.0)

    def arrange(self, height_px: float) -> None:
        """Cs first, then the notes of a chord, then all white keys."""
        low, high = self.box.viewRange()[1]
        names = self.note_names()
        for notes in ((0, 2, 4, 5, 7, 9, 11), (0, 4, 7), (0, 6), (0,)):
            ticks = [
                (float(pitch), f"{names[pitch % 12]}{pitch // 12 - 1}")
                for pitch in range(int(np.ceil(low)), int(high) + 1)
                if pitch % 12 in notes
            ]
            if len(ticks) * _LABEL_PX * 1.3 <= height_px:
                break
        self._mark(ticks, grid=True)

    def move(self, start_s: float, stop_s: float, columns: int, ratio: float) -> None:
        """Draw another stretch."""
        super().move(start_s, stop_s, columns, ratio)
        if self.song is not None:
            pen = _pen(self.colour, 2.0 * ratio)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            self._line.setPen(pen)
            x, y, joined = self.song.pitch.stretch(start_s, stop_s, columns // 2)
            self._line.setData(x, y, connect=joined)


class NotesPlot(Plot):
    """Which of the twelve notes sound."""

    def __init__(self) -> None:
        super().__init__(NOTES)
        self._raster = RasterItem(table(note_ramp(self.colour), 1.7), smooth=False)
        self.box.addItem(self._raster)
        self.box.setYRange(0.0, 12.0, padding=0.0)

    def show(self, song: SongPicture | None, colour: QColor) -> None:
        """Draw another song."""
        super().show(song, colour)
        self._raster.table = table(note_ramp(colour), 1.7)
        if song is None:
            self._raster.clear()

    def arrange(self, height_px: float) -> None:
        """All twelve, or fewer that are as far apart as labels need."""
        names = self.note_names()
        # In a low plot not the lowest: half of its label would be below the edge.
        choices = ((range(12), 1), ((0, 2, 4, 7, 9), 2), ((2, 5, 9), 3), ((2, 7), 5))
        fit = [notes for notes, apart in choices if height_px * apart / 12 >= _LABEL_PX * 0.86]
        self._mark(((note + 0.5, names[note]) for note in (fit or [(2,)])[0]), grid=False)

    def move(self, start_s: float, stop_s: float, columns: int, ratio: float) -> None:
        """Draw another stretch."""
        super().move(start_s, stop_s, columns, ratio)
        if self.song is not None:
            height = round(self.box.height() * ratio)
            self._raster.draw(self.song.notes, (start_s, stop_s), columns, height)


class SpectrumPlot(Plot):
    """Level of every frequency, low ones below."""

    def __init__(self) -> None:
        super().__init__(SPECTRUM)
        self._raster = RasterItem(table(heat_ramp()), smooth=True)
        self.box.addItem(self._raster)
        self.box.setYRange(0.0, 1.0, padding=0.0)
        self._bands_hz = np.array([27.5, 55.0])

    def show(self, song: SongPicture | None, colour: QColor) -> None:
        """Draw another song."""
        super().show(song, colour)
        if song is None:
            self._raster.clear()
            return
        from engine.services.curves import DB_A_STEP

        self._bands_hz = song.bands_hz
        self.box.setYRange(0.0, float(song.bands_hz.size), padding=0.0)
        lowest = song.loudest - _RANGE_DB / DB_A_STEP
        shades = np.clip((np.arange(256) - lowest) / max(song.loudest - lowest, 1.0), 0.0, 1.0)
        self._raster.table = shaded(heat_ramp(), shades)

    def arrange(self, height_px: float) -> None:
        """Decades, or 1, 2 and 5 of them."""
        bands = self._bands_hz
        step = np.log2(bands[1] / bands[0])
        for parts in ((1, 2, 5), (1, 3), (1,)):
            marks = [part * 10.0**decade for decade in (1, 2, 3, 4) for part in parts]
            marks = [hz for hz in marks if bands[0] * 1.2 <= hz <= bands[-1] * 0.95]
            if len(marks) * _LABEL_PX <= height_px:
                break
        self._mark(((float(np.log2(hz / bands[0]) / step) + 0.5, _short_hz(hz)) for hz in marks), grid=False)

    def move(self, start_s: float, stop_s: float, columns: int, ratio: float) -> None:
        """Draw another stretch."""
        super().move(start_s, stop_s, columns, ratio)
        if self.song is not None:
            self._raster.draw(self.song.spectrum, (start_s, stop_s), columns, 0)

    def hz_at(self, part: float) -> float:
        """Frequency at a part of the height, 0 at the top."""
        band = self.value_at(part) - 0.5
        step = np.log2(self._bands_hz[1] / self._bands_hz[0])
        return float(self._bands_hz[0] * 2.0 ** (band * step))


class LoudnessPlot(Plot):
    """Momentary and short-term loudness, and the whole song's as a line across."""

    def __init__(self) -> None:
        super().__init__(LOUDNESS)
        self._short = pg.PlotCurveItem(antialias=True)
        self._short.setFillLevel(-1000.0)
        self._momentary = pg.PlotCurveItem(antialias=True)
        self._whole = pg.InfiniteLine(angle=0)
        for line in (self._short, self._momentary, self._whole):
            self.box.addItem(line)
        self.box.setYRange(-40.0, 0.0, padding=0.0)

    def show(self, song: SongPicture | None, colour: QColor) -> None:
        """Draw another song."""
        super().show(song, colour)
        if song is None:
            for line in (self._short, self._momentary):
                line.setData([], [])
            self._whole.hide()
            return
        self._whole.setVisible(song.analysis.lufs is not None)
        self._whole.setValue(song.analysis.lufs or 0.0)
        top = float(song.momentary.values.max(initial=-_LOUDNESS_RANGE_LU)) + _HEADROOM_LU
        top = max(top, -55.0)
        self.box.setYRange(top - _LOUDNESS_RANGE_LU - _HEADROOM_LU, top, padding=0.0)
        self._short.setBrush(_fading(colour, top, top - _LOUDNESS_RANGE_LU))

    def arrange(self, height_px: float) -> None:
        """Every 6, 12 or 24 LU."""
        low, high = self.box.viewRange()[1]
        for step in (6, 12, 24):
            marks = range(int(np.ceil(low / step)) * step, int(high) + 1, step)
            if len(marks) * _LABEL_PX * 1.3 <= height_px:
                break
        self._mark(((float(mark), str(mark)) for mark in marks), grid=True)

    def move(self, start_s: float, stop_s: float, columns: int, ratio: float) -> None:
        """Draw another stretch."""
        super().move(start_s, stop_s, columns, ratio)
        if self.song is None:
            return
        look = theme.tokens()
        faint = QColor(look.text)
        faint.setAlphaF(0.34)
        self._short.setPen(_pen(self.colour, 1.5 * ratio))
        self._momentary.setPen(_pen(faint, ratio))
        dashed = _pen(look.dim, ratio)
        dashed.setStyle(Qt.PenStyle.DashLine)
        self._whole.setPen(dashed)
        self._short.setData(*self.song.short_term.stretch(start_s, stop_s, columns))
        self._momentary.setData(*self.song.momentary.stretch(start_s, stop_s, columns))


class BeatsPlot(Plot):
    """Onset strength as columns; the beats themselves are drawn across all plots."""

    def __init__(self) -> None:
        super().__init__(BEATS)
        self._columns = RasterItem(table(((0.0, row_ground()), (1.0, self.colour))), smooth=False)
        self._top = 1.0
        self.box.addItem(self._columns)
        self.box.setYRange(0.0, 1.0, padding=0.0)

    def show(self, song: SongPicture | None, colour: QColor) -> None:
        """Draw another song."""
        super().show(song, colour)
        body = theme.mixed(row_ground(), colour, 0.8)
        self._columns.table = table(((0.0, row_ground()), (1.0, body)))
        if song is None:
            self._columns.clear()
            return
        values = song.onset.values
        self._top = max(1.0, 1.1 * float(np.percentile(values, 99.8))) if values.size else 1.0

    def arrange(self, height_px: float) -> None:
        """No numbers: what counts is where."""
        self._mark((), grid=False)

    def move(self, start_s: float, stop_s: float, columns: int, ratio: float) -> None:
        """Draw another stretch."""
        super().move(start_s, stop_s, columns, ratio)
        if self.song is None:
            return
        height = max(round(self.box.height() * ratio), 1)
        highest, from_s, to_s = self.song.onset.highest(start_s, stop_s, columns)
        # How much of each pixel a column covers, from the top row down.
        reach = (highest * np.float32(height / self._top))[None, :]
        below = np.arange(height - 1, -1, -1, dtype=np.float32)[:, None]
        cover = np.clip(reach - below, 0.0, 1.0) * np.float32(255.0)
        self._columns.put(cover.astype(np.uint8), (from_s, to_s), 1.0)


def make_plot(name: str) -> Plot:
    """The plot of a name of `app.panels.analysis_song.PLOTS`."""
    makers: dict[str, type[PitchPlot | NotesPlot | LoudnessPlot | SpectrumPlot | BeatsPlot]] = {
        PITCH: PitchPlot,
        NOTES: NotesPlot,
        LOUDNESS: LoudnessPlot,
        SPECTRUM: SpectrumPlot,
        BEATS: BeatsPlot,
    }
    return makers[name]()


def _fading(colour: QColor, top: float, bottom: float) -> QBrush:
    """A fill that is strong at a value and gone at another."""
    gradient = QLinearGradient(QPointF(0.0, top), QPointF(0.0, bottom))
    strong, gone = QColor(colour), QColor(colour)
    strong.setAlphaF(0.5)
    gone.setAlphaF(0.04)
    gradient.setColorAt(0.0, strong)
    gradient.setColorAt(1.0, gone)
    return QBrush(gradient)


def _pen(colour: QColor, width: float) -> QPen:
    """A line whose width is in pixels of what is painted on, whatever the axes' scales."""
    pen = QPen(colour, width)
    pen.setCosmetic(True)
    return pen


def _short_hz(hz: float) -> str:
    return f"{hz / 1000.0:g}k" if hz >= 1000.0 else f"{hz:g}"
