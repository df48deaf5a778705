"""The headings of the library's columns: pressed to sort, with an arrow where the order is.

GUI thread. Painted here, because a style sheet draws the arrow over words that are set flush right.
"""

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QMouseEvent, QPainter
from PySide6.QtWidgets import QHeaderView, QWidget

from app.library_columns import COLUMNS
from app.panels.library_cells import CELL_PADDING_PX, INSET_PX, PADDING_PX
from app.theme import font, paint_icon, tokens

HEADER_PX = 30
ARROW_PX = 12


class LibraryHeader(QHeaderView):
    """Headings from left to right.

    Parameters
    ----------
    parent : QWidget
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._pointed = -1
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setMinimumSectionSize(20)
        self.setFixedHeight(HEADER_PX)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(self.tr("Columns"))

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        """Paint one heading."""
        column, look = COLUMNS[logicalIndex], tokens()
        sorts = self.isSortIndicatorShown() and self.sortIndicatorSection() == logicalIndex
        place = QRectF(rect).adjusted(CELL_PADDING_PX, 0, -CELL_PADDING_PX, 0)
        if logicalIndex == 0:
            place.setLeft(INSET_PX + PADDING_PX)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(look.text_small_px, 500))
        painter.setPen(look.text if sorts or logicalIndex == self._pointed else look.dim)
        edge = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
        painter.drawText(place, int(edge | Qt.AlignmentFlag.AlignVCenter), column.heading)
        if sorts:
            width = QFontMetrics(painter.font()).horizontalAdvance(column.heading)
            left = place.right() - width - ARROW_PX - 2 if column.is_number else place.left() + width + 2
            arrow = QRectF(left, place.center().y() - ARROW_PX / 2, ARROW_PX, ARROW_PX)
            up = self.sortIndicatorOrder() is Qt.SortOrder.AscendingOrder
            paint_icon(painter, "chevron-up" if up else "chevron", look.text, arrow)
        painter.restore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Light up the heading under the pointer."""
        super().mouseMoveEvent(event)
        self._point_at(self.logicalIndexAt(event.position().toPoint()))

    def leaveEvent(self, event: object) -> None:
        """Nothing is pointed at any more."""
        del event
        self._point_at(-1)

    def _point_at(self, number: int) -> None:
        if number != self._pointed:
            self._pointed = number
            self.viewport().update()
