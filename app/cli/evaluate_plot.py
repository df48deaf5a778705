"""`charon evaluate --plot`: the energy ratios as bars, a song a row, a stem a group, a model a colour.

Main thread; drawn off screen. Numbers stand at the bars, because two models often differ by less than an eye
can see.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.cli.off_screen import ENDINGS, application, check_folders, write_picture
from engine.errors import ParameterError

if TYPE_CHECKING:
    from PySide6.QtGui import QColor, QPainter

    from engine.services.evaluation import Evaluation

_WIDTH_PX: Final = 1000
_TOP_PX: Final = 92
_ROW_PX: Final = 260
_MARGIN_PX: Final = 24
_AXIS_PX: Final = 44
_TITLE_PX: Final = 28
_FOOT_PX: Final = 28
_BAR_PX: Final = 46
"""At most: two bars must not fill a page."""


def check_plot(plot: Path) -> None:
    """Refuse before any song is separated what could not be drawn after.

    Raises
    ------
    ParameterError
        The ending is none of a picture.
    CharonError
        The folder cannot be written.
    """
    if plot.suffix.lower() not in ENDINGS:
        raise ParameterError(f"--plot {plot}: a picture ends in .png or .svg")
    check_folders([plot.parent])


def draw_plot(found: "Sequence[Evaluation]", path: Path) -> None:
    """Draw the energy ratios.

    Parameters
    ----------
    found : sequence of Evaluation
        At least one.
    path : Path
        PNG or SVG, by its ending; replaced whole.

    Raises
    ------
    CharonError
        The file cannot be written.
    """
    application()
    write_picture(path, _svg(found) if path.suffix.lower() == ".svg" else _png(found))


def _png(found: "Sequence[Evaluation]") -> bytes:
    from PySide6.QtGui import QImage, QPainter

    from app.panels.analysis_export import png_bytes

    image = QImage(2 * _WIDTH_PX, 2 * _height_px(found), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(2.0)
    painter = QPainter(image)
    _draw(painter, found)
    painter.end()
    return png_bytes(image)


def _svg(found: "Sequence[Evaluation]") -> bytes:
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRect, QSize
    from PySide6.QtGui import QPainter
    from PySide6.QtSvg import QSvgGenerator

    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(_WIDTH_PX, _height_px(found)))
    generator.setViewBox(QRect(0, 0, _WIDTH_PX, _height_px(found)))
    generator.setResolution(96)
    painter = QPainter(generator)
    _draw(painter, found)
    painter.end()
    return bytes(data.data())


def _songs(found: "Sequence[Evaluation]") -> "dict[str, list[Evaluation]]":
    songs: dict[str, list[Evaluation]] = {}
    for one in found:
        songs.setdefault(one.run.song, []).append(one)
    return songs


def _height_px(found: "Sequence[Evaluation]") -> int:
    return _TOP_PX + _ROW_PX * len(_songs(found)) + _MARGIN_PX


def _draw(painter: "QPainter", found: "Sequence[Evaluation]") -> None:
    from PySide6.QtCore import QPointF, QRectF
    from PySide6.QtGui import QPainter

    from app import theme

    look = theme.tokens()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRectF(0, 0, _WIDTH_PX, _height_px(found)), look.window)
    painter.setPen(look.text)
    painter.setFont(theme.font(look.text_large_px, 600))
    painter.drawText(QPointF(_MARGIN_PX, 42), "How near the stems come to the true ones")
    models = list(dict.fromkeys(one.run.model for one in found))
    palette = (look.accent, look.warning, look.lanes["bass"], look.good, look.lanes["vocals"], look.dim)
    colours = {model: palette[k % len(palette)] for k, model in enumerate(models)}
    painter.setFont(theme.font(look.text_body_px, tabular=True))
    x = float(_MARGIN_PX)
    for model, colour in colours.items():
        painter.fillRect(QRectF(x, 61, 10, 10), colour)
        painter.setPen(look.dim)
        painter.drawText(QPointF(x + 16, 71), model)
        x += 16 + painter.fontMetrics().horizontalAdvance(model) + 24
    for k, (song, runs) in enumerate(_songs(found).items()):
        painter.save()
        painter.translate(0, _TOP_PX + k * _ROW_PX)
        _draw_song(painter, song, runs, colours)
        painter.restore()


def _draw_song(
    painter: "QPainter", song: str, runs: "Sequence[Evaluation]", colours: "dict[str, QColor]"
) -> None:
    from PySide6.QtCore import QLineF, QPointF, QRectF, Qt

    from app import theme

    look = theme.tokens()
    values = {(one.run.model, score.stem): score.sdr_db for one in runs for score in one.scores}
    stems = list(dict.fromkeys(stem for _, stem in values))
    known = [value for value in values.values() if value is not None]
    low = min([0.0, *known])
    high = max([3.0, *known])
    step = 2.0 if high - low < 14.0 else 5.0
    top, bottom = _TITLE_PX + 18.0, float(_ROW_PX - _FOOT_PX)

    def y_of(value_db: float) -> float:
        return bottom - (value_db - low) / (high - low) * (bottom - top)

    painter.setFont(theme.font(look.text_title_px, 600))
    painter.setPen(look.text)
    painter.drawText(
        QPointF(_MARGIN_PX, 18), painter.fontMetrics().elidedText(song, Qt.TextElideMode.ElideMiddle, 900)
    )
    painter.setFont(theme.font(look.text_small_px, tabular=True))
    left, right = float(_MARGIN_PX + _AXIS_PX), float(_WIDTH_PX - _MARGIN_PX)
    for tick in range(int(low // step), int(high // step) + 1):
        value_db = tick * step
        if value_db < low:
            continue
        painter.setPen(look.line)
        painter.drawLine(QLineF(left, y_of(value_db), right, y_of(value_db)))
        painter.setPen(look.dim)
        place = QRectF(_MARGIN_PX, y_of(value_db) - 8, _AXIS_PX - 8, 16)
        painter.drawText(
            place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value_db:g} dB"
        )
    group_px = (right - left) / len(stems)
    models = [one.run.model for one in runs]
    for i, stem in enumerate(stems):
        here = [model for model in models if (model, stem) in values]
        bar_px = min(float(_BAR_PX), 0.8 * group_px / len(here))
        x = left + (i + 0.5) * group_px - 0.5 * bar_px * len(here)
        for model in here:
            value_db = values[model, stem]
            if value_db is not None:
                bar = QRectF(x + 1, y_of(max(value_db, 0.0)), bar_px - 2, abs(y_of(value_db) - y_of(0.0)))
                painter.fillRect(bar, colours[model])
            painter.setPen(look.text)
            told = "-" if value_db is None else f"{value_db:.1f}"
            place = QRectF(x - 10, y_of(max(value_db or 0.0, 0.0)) - 18, bar_px + 20, 16)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, told)
            x += bar_px
        painter.setPen(look.dim)
        place = QRectF(left + i * group_px, bottom + 6, group_px, 18)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, stem)
