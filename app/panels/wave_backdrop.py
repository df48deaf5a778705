"""The still picture behind the play-head: ruler, waveforms, hatching; kept and only redrawn where it changed.

GUI thread. A widget that would draw five waveforms sixty times a second could do nothing else, so what
does not move is drawn once into a picture, a row at a time and only when its row's `_Look` is another.
Waveforms are filled by compiled loops straight into the picture's pixels; everything else is QPainter's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPen, QPixmap

from app import theme
from app.panels.time_view import TimeView, ruler_marks

if TYPE_CHECKING:
    from engine.services.peaks import LanePeaks
    from engine.services.take_peaks import TakePeaks

RULER_PX = 28
GAP_PX = 4
_INSET_PX = 8
"""Between a row's edge and full scale."""
_CURVE = 0.75
"""Amplitude to height. A little below linear: quiet stems keep a shape, and loud ones do not fill the row."""
_HATCH_PX = 8
_LABEL_ROOM_PX = 84


@dataclass(frozen=True, slots=True)
class Row:
    """Where a lane lies: logical pixels below the widget's top, ruler included, before scrolling."""

    lane: str
    top_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the picture shows.

    Parameters
    ----------
    rows : tuple of Row
    view : TimeView
    peaks : LanePeaks or None
    takes : mapping of str to TakePeaks
        Peaks of the lanes that are takes.
    silenced : frozenset of str
        Lanes that are not heard, drawn faint.
    scroll_px : int
        How far the rows are scrolled up under the ruler.
    """

    rows: tuple[Row, ...]
    view: TimeView
    peaks: "LanePeaks | None"
    takes: "Mapping[str, TakePeaks]"
    silenced: frozenset[str]
    scroll_px: int


@dataclass(frozen=True, slots=True)
class _Look:
    """What a row was drawn from: an equal one needs no drawing."""

    row: Row
    scroll_px: int
    first_column: int
    frames_per_column: float
    end_column: int
    peaks: "LanePeaks | TakePeaks | None"
    version: int
    is_silenced: bool


class Backdrop:
    """The picture.

    Attributes
    ----------
    image : QImage
        With the device pixel ratio of the widget; draw it at (0, 0).
    """

    def __init__(self) -> None:
        self.image = QImage()
        self._pixels: np.ndarray = np.zeros((0, 0), np.uint32)
        self._looks: dict[str, _Look] = {}
        self._ruler: tuple[Any, ...] = ()
        self._layout: tuple[Any, ...] = ()

    def refresh(self, scene: Scene, size: QSize, ratio: float) -> None:
        """Draw what changed since the last time.

        Parameters
        ----------
        scene : Scene
        size : QSize
            Of the widget, logical pixels.
        ratio : float
            Device pixels a logical one.
        """
        layout = (size, ratio, scene.rows, scene.scroll_px)
        if layout != self._layout:
            self._layout = layout
            self._begin(size, ratio)
        shown = self._shown_columns(scene)
        for row in scene.rows:
            look = self._look(row, scene, shown)
            if self._looks.get(row.lane) != look:
                self._looks[row.lane] = look
                self._draw_row(look)
        ruler = (scene.view.start_s, scene.view.span_s, scene.view.duration_s)
        if ruler != self._ruler:
            self._ruler = ruler
            self._draw_ruler(scene.view)

    def _begin(self, size: QSize, ratio: float) -> None:
        """A new picture, all of it to be drawn."""
        width, height = max(1, round(size.width() * ratio)), max(1, round(size.height() * ratio))
        self.image = QImage(width, height, QImage.Format.Format_RGB32)
        self.image.setDevicePixelRatio(ratio)
        self.image.fill(theme.tokens().window)
        # The array lies over the picture's own memory, which stays in place as long as nobody copies it.
        self._pixels = np.frombuffer(self.image.bits(), np.uint32).reshape(height, width)
        self._looks = {}
        self._ruler = ()

    def _shown_columns(self, scene: Scene) -> tuple[int, float, int]:
        """First column, frames a column, and the column at which the song ends.

        Columns are counted from the song's start, in whole device pixels: a picture that scrolls moves
        and does not shimmer.
        """
        view = scene.view
        width = self._pixels.shape[1]
        rate_hz = scene.peaks.rate_hz if scene.peaks is not None else 44_100
        per_column = max(view.span_s * rate_hz / width, 1e-3)
        return (
            round(view.start_s * rate_hz / per_column),
            per_column,
            round(view.duration_s * rate_hz / per_column),
        )

    def _look(self, row: Row, scene: Scene, shown: tuple[int, float, int]) -> _Look:
        peaks = scene.takes.get(row.lane)
        if peaks is None and scene.peaks is not None and row.lane in scene.peaks.lanes:
            peaks = scene.peaks
        return _Look(
            row,
            scene.scroll_px,
            *shown,
            peaks,
            0 if peaks is None else peaks.version,
            row.lane in scene.silenced,
        )

    def _draw_row(self, look: _Look) -> None:
        ratio = self.image.devicePixelRatio()
        top = round((look.row.top_px - look.scroll_px) * ratio)
        bottom = round((look.row.top_px + look.row.height_px - look.scroll_px) * ratio)
        ruler = round(RULER_PX * ratio)
        first, stop = max(top, ruler), min(bottom, self._pixels.shape[0])
        if stop <= first:
            return
        width = self._pixels.shape[1]
        inset = min(round(_INSET_PX * ratio), max(0, (bottom - top) // 2 - 1))
        colour = theme.tokens().lane_colour(look.row.lane)
        body, core = wave_shades(colour.name(), bottom - top - 2 * inset, look.is_silenced)
        if look.peaks is not None:
            whole = first == top and stop == bottom
            drawn = self._pixels[top:bottom] if whole else np.empty((bottom - top, width), np.uint32)
            drawn[:inset] = drawn[len(drawn) - inset :] = body[-1]
            shape = drawn[inset : len(drawn) - inset]
            view = (look.first_column, look.frames_per_column)
            look.peaks.draw(look.row.lane, view, _CURVE, (body, core), shape)
            if not whole:
                self._pixels[first:stop] = drawn[first - top : stop - top]
        else:
            self._pixels[first:stop] = body[-1]
        self._hatch(look, QRectF(0, first, width, stop - first), QRectF(0, top, width, bottom - top))

    def _hatch(self, look: _Look, clip: QRectF, row: QRectF) -> None:
        """Cover what is not there yet, and what is behind the song's end; in device pixels."""
        gaps = _gaps(look, row.width())
        after = look.end_column - look.first_column
        if not gaps and after >= row.width():
            return
        ratio = self.image.devicePixelRatio()
        inset = _INSET_PX * ratio
        brush = _hatch_brush(
            theme.tokens().lane_colour(look.row.lane).name(), round(_HATCH_PX * ratio), ratio
        )
        painter = QPainter(self.image)
        painter.scale(1 / ratio, 1 / ratio)
        painter.setClipRect(clip)
        painter.setBrushOrigin(QPointF(-look.first_column % round(_HATCH_PX * ratio), row.top()))
        for start, stop in gaps:
            painter.fillRect(QRectF(start, row.top(), stop - start, row.height()), row_ground())
            painter.fillRect(QRectF(start, row.top() + inset, stop - start, row.height() - 2 * inset), brush)
        if after < row.width():
            painter.fillRect(QRectF(after, row.top(), row.width() - after, row.height()), row_ground())
        painter.end()

    def _draw_ruler(self, view: TimeView) -> None:
        painter = QPainter(self.image)
        paint_ruler(painter, view, self.image.width() / self.image.devicePixelRatio())
        painter.end()


def paint_ruler(painter: QPainter, view: TimeView, width: float) -> None:
    """Draw marks and times of what is shown, RULER_PX high, from the painter's origin on."""
    look = theme.tokens()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRectF(0, 0, width, RULER_PX), look.window)
    painter.setFont(theme.font(look.text_tiny_px, tabular=True))
    for mark in ruler_marks(view, width, _LABEL_ROOM_PX) if view.duration_s else ():
        x = round(view.to_x(mark.time_s, width)) + 0.5
        tall = 9 if mark.label else 4
        painter.setPen(QPen(look.line if not mark.label else look.faint, 1))
        painter.drawLine(QPointF(x, RULER_PX - tall), QPointF(x, RULER_PX - 1))
        room = QRectF(x + 5, 2, _LABEL_ROOM_PX, RULER_PX - 8)
        if mark.label and room.left() + _LABEL_ROOM_PX / 2 < width:
            painter.setPen(look.dim)
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, mark.label)


def row_ground() -> QColor:
    """The ground that waveforms are drawn on."""
    look = theme.tokens()
    return theme.mixed(look.window, look.panel, 0.5)


@lru_cache(maxsize=32)
def wave_shades(colour_name: str, n: int, is_silenced: bool) -> tuple[np.ndarray, np.ndarray]:
    """Colours of the `n` pixel rows of a waveform: the shape's (the ground last), and its core's.

    The core is the lane's own colour, a little lighter at the middle; the shape around it is the colour
    sunk into the ground, more so the farther from the core, so that single peaks stay quiet.
    """
    colour, ground = QColor(colour_name), row_ground()
    away = np.abs(np.arange(n) + 0.5 - n / 2) / (n / 2)
    share, core_share = 0.62 - 0.14 * away, 1.0 - 0.12 * away
    if is_silenced:
        share, core_share = share * 0.3, core_share * 0.34
    over = np.array([colour.red(), colour.green(), colour.blue()], np.float64)
    under = np.array([ground.red(), ground.green(), ground.blue()], np.float64)
    body = _packed(under + (over - under) * share[:, None])
    core = _packed(under + (over - under) * core_share[:, None])
    return np.append(body, _packed(under[None])), core


def _packed(rgb: np.ndarray) -> np.ndarray:
    values = np.rint(rgb).astype(np.uint32)
    return np.uint32(0xFF000000) | values[:, 0] << 16 | values[:, 1] << 8 | values[:, 2]


def _gaps(look: _Look, width: float) -> list[tuple[float, float]]:
    """Stretches of a row without a waveform, in columns of the picture."""
    end = min(width, look.end_column - look.first_column)
    spans = () if look.peaks is None else look.peaks.ready_spans(look.row.lane)
    gaps: list[tuple[float, float]] = []
    at = 0.0
    for start_frame, stop_frame in spans:
        start = start_frame / look.frames_per_column - look.first_column
        if start > at:
            gaps.append((at, min(start, end)))
        at = max(at, stop_frame / look.frames_per_column - look.first_column)
    if at < end - 1:
        gaps.append((at, end))
    return [(start, stop) for start, stop in gaps if stop > max(start, 0.0)]


@lru_cache(maxsize=16)
def _hatch_brush(colour_name: str, size: int, ratio: float) -> QBrush:
    """Thin slanted lines in a lane's colour; the tile of `size` pixels repeats without a seam."""
    tile = QPixmap(size, size)
    tile.fill(Qt.GlobalColor.transparent)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.mixed(row_ground(), QColor(colour_name), 0.3), ratio))
    for offset in (-size, 0, size):
        painter.drawLine(QPointF(offset - 1, size + 1), QPointF(offset + size + 1, -1))
    painter.end()
    return QBrush(tile)


def share_height(lanes: Sequence[str], height_px: int, minimum_px: Mapping[str, int]) -> tuple[Row, ...]:
    """Rows that fill a height, each at least its minimum, below the ruler.

    Parameters
    ----------
    lanes : sequence of str
    height_px : int
        Of the whole widget with its ruler.
    minimum_px : mapping of str to int
        What each lane needs; room beyond is shared in the same proportion.
    """
    room = max(
        height_px - RULER_PX - GAP_PX * max(len(lanes) - 1, 0), sum(minimum_px[name] for name in lanes)
    )
    total = sum(minimum_px[name] for name in lanes)
    rows: list[Row] = []
    top, before = RULER_PX, 0
    for name in lanes:
        before += minimum_px[name]
        bottom = RULER_PX + GAP_PX * len(rows) + room * before // total
        rows.append(Row(name, top, bottom - top))
        top = bottom + GAP_PX
    return tuple(rows)
