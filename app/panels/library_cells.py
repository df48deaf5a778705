"""How a row of the library is painted: its ground as one, its cells as text in the columns.

GUI thread. Rows are painted, not built of widgets, so that a hundred thousand scroll as well as three.
"""

from PySide6.QtCore import QCoreApplication, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from app.library_columns import COLUMNS, MATCH
from app.library_model import Index, LibraryRole, LibraryRow
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


class LibraryCells(QStyledItemDelegate):
    """Paints the text of a cell; the table has painted the ground.

    Attributes
    ----------
    artist_below : bool
        The artist stands below the title.
    """

    artist_below = True

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Every row is as high as the next."""
        return QSize(40, TALL_ROW_PX if self.artist_below else LOW_ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one cell."""
        # The stubs of PySide6 do not know the fields of style options.
        rect = QRectF(option.rect)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType]
        row: LibraryRow | None = index.data(LibraryRole.ROW)
        column = COLUMNS[index.column()]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if column.name == "title":
            left = INSET_PX + PADDING_PX
            place = rect.adjusted(left, 0, -CELL_PADDING_PX, 0)
            if row is None:
                self._paint_nothing_yet(painter, place)
            else:
                self._paint_title(painter, place, row, current=bool(index.data(LibraryRole.CURRENT)))
        elif column.name == MATCH:
            closeness: float | None = index.data(LibraryRole.CLOSENESS)
            if closeness is not None:
                _paint_bar(painter, rect.adjusted(CELL_PADDING_PX, 0, -CELL_PADDING_PX, 0), closeness)
        elif row is not None:
            edge = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
            place = rect.adjusted(CELL_PADDING_PX, 0, -CELL_PADDING_PX, 0)
            face = font(tokens().text_small_px, tabular=not column.stretch)
            _line(painter, place, column.text(row.song), (face, tokens().dim), edge)

    def _paint_title(self, painter: QPainter, place: QRectF, row: LibraryRow, *, current: bool) -> None:
        look, song, gone = tokens(), row.song, row.path is None
        second = QCoreApplication.translate("LibraryCells", "its file is gone") if gone else song.artist
        title = place
        below = self.artist_below and bool(second)
        if below:
            title = QRectF(place.left(), place.top() + 5, place.width(), 19)
        if gone and not self.artist_below:
            mark = QRectF(place.left(), place.center().y() - ICON_PX / 2, ICON_PX, ICON_PX)
            paint_icon(painter, "warning", look.warning, mark)
            title = place.adjusted(ICON_PX + 6, 0, 0, 0)
        face = font(look.text_body_px, 600 if current else 500)
        _line(painter, title, song.title, (face, look.dim if gone else look.text))
        if below:
            place = QRectF(place.left(), place.top() + 23, place.width(), 17)
            _line(painter, place, second, (font(look.text_small_px), look.warning if gone else look.dim))

    @staticmethod
    def _paint_nothing_yet(painter: QPainter, place: QRectF) -> None:
        """A quiet stroke where the title will be."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens().raised)
        painter.drawRoundedRect(QRectF(place.left(), place.center().y() - 4, place.width() * 0.6, 8), 4, 4)


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


def _line(
    painter: QPainter,
    place: QRectF,
    text: str,
    how: tuple[QFont, QColor],
    edge: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
) -> None:
    painter.setFont(how[0])
    painter.setPen(how[1])
    elided = QFontMetrics(how[0]).elidedText(text, Qt.TextElideMode.ElideRight, max(0, int(place.width())))
    painter.drawText(place, int(edge | Qt.AlignmentFlag.AlignVCenter), elided)
