"""How a row of the library is painted: its ground as one, its cells as text in the columns.

GUI thread. Rows are painted, not built of widgets, so that a hundred thousand scroll as well as three.
"""

from PySide6.QtCore import QCoreApplication, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen

from app.library_columns import COLUMNS
from app.library_model import LibraryRow
from app.theme import font, paint_icon, tokens

TALL_ROW_PX = 46
"""Title and artist in two lines."""
LOW_ROW_PX = 32
"""The artist has a column."""
INSET_PX = 8
PADDING_PX = 12
CELL_PADDING_PX = 6
ICON_PX = 12
BAR_PX = 4


class RowPainter:
    """Paints the texts of rows; the ground is painted before.

    Fonts and their measures are looked up once: a screen full is two hundred cells, sixty times a second.

    Attributes
    ----------
    artist_below : bool
        The artist stands below the title.
    """

    def __init__(self) -> None:
        look = tokens()
        self.artist_below = True
        self._look = look
        self._title = _Face(font(look.text_body_px, 500))
        self._title_now = _Face(font(look.text_body_px, 600))
        self._words = _Face(font(look.text_small_px))
        self._figures = _Face(font(look.text_small_px, tabular=True))
        self._gone = QCoreApplication.translate("LibraryCells", "its file is gone")

    def paint_nothing_yet(self, painter: QPainter, place: QRectF) -> None:
        """A quiet stroke where the title will be.

        Parameters
        ----------
        painter : QPainter
        place : QRectF
            Of the title's cell.
        """
        left = place.left() + INSET_PX + PADDING_PX
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.raised)
        painter.drawRoundedRect(QRectF(left, place.center().y() - 4, place.width() * 0.5, 8), 4, 4)

    def paint_cell(self, painter: QPainter, place: QRectF, number: int, row: LibraryRow) -> None:
        """Paint the text of one cell that is not the title.

        Parameters
        ----------
        painter : QPainter
        place : QRectF
        number : int
            Of its column.
        row : LibraryRow
        """
        column = COLUMNS[number]
        edge = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
        face = self._words if column.stretch else self._figures
        place = place.adjusted(CELL_PADDING_PX, 0, -CELL_PADDING_PX, 0)
        face.write(painter, place, column.text(row.song), self._look.dim, edge)

    def paint_match(self, painter: QPainter, place: QRectF, closeness: float) -> None:
        """Paint how much a song sounds like the one that was asked for, 0 to 1."""
        _paint_bar(painter, place.adjusted(CELL_PADDING_PX, 0, -CELL_PADDING_PX, 0), closeness)

    def paint_title(self, painter: QPainter, place: QRectF, row: LibraryRow, *, current: bool) -> None:
        """Paint title and artist, or what is wrong with the song.

        Parameters
        ----------
        painter : QPainter
        place : QRectF
        row : LibraryRow
        current : bool
            It is the song that plays.
        """
        look, song, gone = self._look, row.song, row.path is None
        place = place.adjusted(INSET_PX + PADDING_PX, 0, -CELL_PADDING_PX, 0)
        second = self._gone if gone else song.artist
        title = place
        below = self.artist_below and bool(second)
        if below:
            title = QRectF(place.left(), place.top() + 5, place.width(), 19)
        if gone and not self.artist_below:
            mark = QRectF(place.left(), place.center().y() - ICON_PX / 2, ICON_PX, ICON_PX)
            paint_icon(painter, "warning", look.warning, mark)
            title = place.adjusted(ICON_PX + 6, 0, 0, 0)
        face = self._title_now if current else self._title
        face.write(painter, title, song.title, look.dim if gone else look.text)
        if below:
            place = QRectF(place.left(), place.top() + 23, place.width(), 17)
            self._words.write(painter, place, second, look.warning if gone else look.dim)

    def paint_stretch(self, painter: QPainter, place: QRectF, title: str, span: str, *, gone: bool) -> None:
        """Paint a stretch of a song in two lines: the song, and from when to when.

        Parameters
        ----------
        painter : QPainter
        place : QRectF
        title, span : str
        gone : bool
            There is no file to play it from.
        """
        look = self._look
        place = place.adjusted(INSET_PX + PADDING_PX, 0, -CELL_PADDING_PX, 0)
        first = QRectF(place.left(), place.top() + 5, place.width(), 19)
        second = QRectF(place.left(), place.top() + 23, place.width(), 17)
        self._title.write(painter, first, title, look.dim if gone else look.text)
        if gone:
            self._words.write(painter, second, self._gone, look.warning)
        else:
            self._figures.write(painter, second, span, look.dim)


class _Face:
    """A font with its measures, and the texts that it had to cut."""

    MOST_KEPT = 4096

    def __init__(self, face: QFont) -> None:
        self._font = face
        self._metrics = QFontMetrics(face)
        self._cut: dict[tuple[str, int], str] = {}

    def write(
        self,
        painter: QPainter,
        place: QRectF,
        text: str,
        colour: QColor,
        edge: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        """Write as much of a text as there is room for."""
        if not text:
            return
        key = (text, max(0, int(place.width())))
        cut = self._cut.get(key)
        if cut is None:
            if len(self._cut) >= self.MOST_KEPT:
                self._cut.clear()
            cut = self._cut[key] = self._metrics.elidedText(text, Qt.TextElideMode.ElideRight, key[1])
        painter.setFont(self._font)
        painter.setPen(colour)
        painter.drawText(place, int(edge | Qt.AlignmentFlag.AlignVCenter), cut)


def paint_ground(painter: QPainter, rect: QRectF, *, chosen: bool, raised: bool, focused: bool) -> None:
    """The ground of a whole row.

    Parameters
    ----------
    painter : QPainter
    rect : QRectF
    chosen : bool
        It is selected, or under the pointer.
    raised : bool
        It is the song that plays.
    focused : bool
        The keys go to it.
    """
    look = tokens()
    place = rect.adjusted(INSET_PX, 1, -INSET_PX, -1)
    if chosen or raised:
        ground = QColor(look.hover if chosen and raised else look.raised)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(place, look.radius_medium_px, look.radius_medium_px)
    if raised:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.accent)
        painter.drawRoundedRect(QRectF(place.left(), place.top() + 8, 3, place.height() - 16), 1.5, 1.5)
    if focused:
        painter.setPen(QPen(look.accent, 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        ring = place.adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(ring, look.radius_medium_px, look.radius_medium_px)


def _paint_bar(painter: QPainter, place: QRectF, part: float) -> None:
    look = tokens()
    groove = QRectF(place.left(), place.center().y() - BAR_PX / 2, place.width(), BAR_PX)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(look.line)
    painter.drawRoundedRect(groove, BAR_PX / 2, BAR_PX / 2)
    if part > 0.0:
        groove.setWidth(max(float(BAR_PX), groove.width() * min(1.0, part)))
        painter.setBrush(look.accent)
        painter.drawRoundedRect(groove, BAR_PX / 2, BAR_PX / 2)
