"""Notes and spectrum as pictures over time, and the colours that they have.

GUI thread only; imports pyqtgraph, see analysis_plots.py.
"""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app import theme
from app.panels.analysis_levels import RasterLevels
from engine.units import U8

Ramp = tuple[tuple[float, QColor], ...]
"""Colours at some places from 0 to 1."""


class RasterItem(pg.GraphicsObject):
    """Columns of a raster as a picture, smooth in time.

    Parameters
    ----------
    table : uint32 array, shape (256,)
        Colours, 0xffRRGGBB.
    smooth : bool
        Whether it is smooth from row to row too.
    """

    def __init__(self, table: np.ndarray, *, smooth: bool) -> None:
        super().__init__()
        self.table = table
        self._smooth = smooth
        self._image = QImage()
        self._place = QRectF()

    def clear(self) -> None:
        """Draw nothing."""
        self._image = QImage()
        self.update()

    def draw(self, raster: RasterLevels, stretch: tuple[float, float], columns: int, height: int) -> None:
        """Draw a stretch of time.

        Parameters
        ----------
        raster : RasterLevels
        stretch : (float, float)
            Start and stop in seconds.
        columns, height : int
            Device pixels that it takes.
        """
        part = raster.stretch(*stretch, columns)
        n_rows = part.values.shape[0]
        values: U8 = part.values[::-1]
        if not self._smooth:
            # Each row as many times as it has pixels: it has a sharp edge, and the picture is smooth in time.
            values = values[np.arange(height) * n_rows // max(height, 1)]
        self.put(values, (part.start_s, part.stop_s), float(n_rows))

    def put(self, values: U8, stretch: tuple[float, float], top: float) -> None:
        """Draw some columns.

        Parameters
        ----------
        values : uint8 array, shape (rows, columns)
            The highest row first.
        stretch : (float, float)
            Start and stop of the columns in seconds.
        top : float
            Value of the axis at the picture's upper edge; its lower one is at 0.
        """
        if not values.size:
            self.clear()
            return
        pixels = np.ascontiguousarray(self.table[values])
        image = QImage(
            pixels.data, pixels.shape[1], pixels.shape[0], 4 * pixels.shape[1], QImage.Format.Format_RGB32
        )
        self._image = image.copy()  # its own memory, whatever becomes of the array
        self.prepareGeometryChange()
        self._place = QRectF(stretch[0], 0.0, stretch[1] - stretch[0], top)
        self.update()

    def boundingRect(self) -> QRectF:
        """Where it is, in seconds and rows."""
        return self._place

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Paint; the view's y axis points up, a picture's down."""
        if self._image.isNull():
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.translate(0.0, self._place.height())
        painter.scale(1.0, -1.0)
        painter.drawImage(self._place, self._image)
        painter.restore()


def row_ground() -> QColor:
    """Colour behind a plot."""
    look = theme.tokens()
    return theme.mixed(look.window, look.panel, 0.5)


def heat_ramp() -> Ramp:
    """From the ground of a plot through dark and warm to the colour of text: levels of a spectrum."""
    look = theme.tokens()
    cold = theme.mixed(look.window, look.lane_colour("bass"), 0.42)
    return (
        (0.0, row_ground()),
        (0.42, cold),
        (0.7, theme.mixed(look.lane_colour("bass"), look.lane_colour("vocals"), 0.65)),
        (0.88, look.lane_colour("drums")),
        (1.0, look.text),
    )


def note_ramp(colour: QColor) -> Ramp:
    """From the ground of a plot to a lane's colour, and beyond it a little: how strong notes are."""
    return ((0.0, row_ground()), (0.75, colour), (1.0, theme.mixed(colour, theme.tokens().text, 0.6)))


def table(ramp: Ramp, power: float = 1.0) -> np.ndarray:
    """A ramp as 256 colours, 0xffRRGGBB; a power above 1 keeps what is weak dark."""
    return shaded(ramp, np.linspace(0.0, 1.0, 256) ** power)


def shaded(ramp: Ramp, shades: np.ndarray) -> np.ndarray:
    """Colours of a ramp at some places of it, 0 to 1, as 0xffRRGGBB."""
    places = [place for place, _ in ramp]
    channels = [
        np.interp(shades, places, [channel(colour) for _, colour in ramp]).round().astype(np.uint32)
        for channel in (QColor.red, QColor.green, QColor.blue)
    ]
    return np.uint32(0xFF000000) | channels[0] << 16 | channels[1] << 8 | channels[2]
