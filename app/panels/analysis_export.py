"""Plots of a song as a picture, a drawing or a table, to be kept.

Drawing runs on the GUI thread (some tens of milliseconds), encoding and writing wherever the caller likes:
every function gives bytes. The command line draws with it too, on a screen that is not there.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator

from app import theme
from app.panels.analysis_song import NOTE_NAMES, SongPicture, facts_line, plot_title, read_whole
from app.panels.analysis_stack import AnalysisStack
from app.panels.analysis_view import AXIS_PX, paint_head
from app.panels.mixer import HEAD_WIDTH_PX
from app.panels.time_view import TimeView
from app.panels.wave_backdrop import RULER_PX, paint_ruler, share_height
from engine.services.curves import TENTHS_PER_S, SongCurves

PICTURE_PX = 1600
"""Width, in logical pixels."""
_PLOT_PX = 132
_TOP_PX = 84
_MARGIN_PX = 24


@dataclass(frozen=True)
class Sheet:
    """What is drawn.

    Parameters
    ----------
    song : SongPicture
    title : str
    plots : sequence of str
        From the top down.
    colour : QColor
        Of the lane.
    stretch_s : (float, float) or None
        Start and length; None is the whole song.
    """

    song: SongPicture
    title: str
    plots: Sequence[str]
    colour: QColor
    stretch_s: tuple[float, float] | None = None

    @property
    def size(self) -> QSize:
        """In logical pixels."""
        return QSize(PICTURE_PX, _TOP_PX + RULER_PX + len(self.plots) * (_PLOT_PX + 4) + _MARGIN_PX)


def draw_image(sheet: Sheet, ratio: float = 2.0) -> QImage:
    """Draw a sheet as a picture.

    Parameters
    ----------
    sheet : Sheet
    ratio : float
        Pixels of the picture a logical one.
    """
    image = QImage(sheet.size * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    painter = QPainter(image)
    _draw(painter, sheet, ratio)
    painter.end()
    return image


def png_bytes(image: QImage) -> bytes:
    """A picture as PNG; any thread."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # pyright: ignore[reportArgumentType, reportCallIssue]
    return bytes(data.data())


def draw_svg(sheet: Sheet) -> bytes:
    """Draw a sheet as SVG: lines and words stay lines and words, notes and spectrum are pictures in it."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(sheet.size)
    generator.setViewBox(QRectF(QPointF(), sheet.size.toSizeF()))
    generator.setResolution(96)
    generator.setTitle(sheet.title)
    painter = QPainter(generator)
    _draw(painter, sheet, 1.0)
    painter.end()
    return bytes(data.data())


def _draw(painter: QPainter, sheet: Sheet, ratio: float) -> None:
    look = theme.tokens()
    width, height = sheet.size.width(), sheet.size.height()
    painter.fillRect(QRectF(0, 0, width, height), look.window)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for text, face, colour, top in (
        (sheet.title, theme.font(look.text_large_px, 600), look.text, 18),
        (facts_line(sheet.song.analysis), theme.font(look.text_body_px, tabular=True), look.dim, 48),
    ):
        painter.setFont(face)
        painter.setPen(colour)
        line = QRectF(_MARGIN_PX, top, width - 2 * _MARGIN_PX, 28)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
    painter.translate(0, _TOP_PX)
    names = list(sheet.plots)
    rows_px = RULER_PX + len(names) * (_PLOT_PX + 4) - 4
    rows = share_height(names, rows_px, dict.fromkeys(names, _PLOT_PX))
    plots_px = width - HEAD_WIDTH_PX - _MARGIN_PX
    view = TimeView()
    view.set_duration(sheet.song.duration_s)
    if sheet.stretch_s is not None:
        view.show(*sheet.stretch_s)
    view.jump()
    stack = AnalysisStack()
    stack.show(sheet.song, sheet.colour)
    stack.arrange(rows, plots_px + AXIS_PX)
    stack.move(view.start_s, view.span_s, ratio)
    for row in rows:
        place = QRectF(0, row.top_px, HEAD_WIDTH_PX - AXIS_PX, row.height_px)
        paint_head(painter, place, plot_title(row.lane), read_whole(row.lane, sheet.song), sheet.colour)
    painter.save()
    painter.setClipRect(QRectF(HEAD_WIDTH_PX, 0, plots_px, RULER_PX))
    painter.translate(HEAD_WIDTH_PX, 0)
    paint_ruler(painter, view, plots_px)
    painter.restore()
    painter.translate(HEAD_WIDTH_PX - AXIS_PX, 0)
    stack.paint(painter)
    stack.close()


def csv_bytes(curves: SongCurves) -> bytes:
    """Every curve but the spectrum as a table, a row each 23 ms; any thread.

    Columns: time_s, pitch_hz (empty without one), clarity (0 to 1), onset_db, momentary_lufs,
    short_term_lufs (empty below -70), beat (1, 2 for the first of a bar, else 0), C to B (0 to 1).
    """
    n = len(curves.pitch_hz)
    times = np.arange(n) / curves.rows_per_s
    beat = np.zeros(n, np.int64)
    for mark, moments in ((1, curves.analysis.beats_s), (2, curves.analysis.downbeats_s)):
        at = np.rint(np.array(moments, np.float64) * curves.rows_per_s).astype(np.int64)
        beat[at[at < n]] = mark
    # The newest tenth that was over at a row's time.
    tenth = np.floor(times * TENTHS_PER_S).astype(np.int64) - 1
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    header = ["time_s", "pitch_hz", "clarity", "onset_db", "momentary_lufs", "short_term_lufs", "beat"]
    table.writerow([*header, *NOTE_NAMES])
    for i in range(n):
        pitch = float(curves.pitch_hz[i])
        table.writerow(
            [
                f"{times[i]:.4f}",
                f"{pitch:.2f}" if pitch > 0.0 else "",
                f"{curves.clarity[i] / 255.0:.3f}",
                f"{curves.onset_db[i]:.3f}",
                _lufs(curves.momentary_lufs, int(tenth[i])),
                _lufs(curves.short_term_lufs, int(tenth[i])),
                int(beat[i]),
                *(f"{note / 255.0:.3f}" for note in curves.notes[i].tolist()),
            ]
        )
    return text.getvalue().encode()


def _lufs(curve: np.ndarray, i: int) -> str:
    i = min(i, len(curve) - 1)
    return f"{curve[i]:.2f}" if i >= 0 and curve[i] > -70.0 else ""
