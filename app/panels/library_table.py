"""The table of the library's songs: columns as there is room, keys, menu, and songs that can be dragged out.

GUI thread. It shows a `LibraryModel` and says through signals what the user wants.
"""

from collections.abc import Collection, Sequence
from typing import cast

import numpy as np
from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionRange,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QDrag,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.library_columns import MATCH, NAMES, fitting_widths
from app.library_model import MOST_DRAGGED, LibraryModel, LibraryRole, LibraryRow
from app.panels.library_cells import INSET_PX, LOW_ROW_PX, TALL_ROW_PX, RowPainter, paint_ground
from app.panels.library_header import LibraryHeader
from app.theme import font, tokens

SCROLL_BAR_PX = 10
_ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}
_DELETE = {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}
_SIDEWAYS = {Qt.Key.Key_Left, Qt.Key.Key_Right}


class LibraryTable(QTableView):
    """The rows and their header.

    Parameters
    ----------
    model : LibraryModel
    parent : QWidget

    Attributes
    ----------
    play_wanted, queue_wanted, remove_wanted : Signal(list of int)
        Numbers of the chosen songs, in the order of the list.
    sort_wanted : Signal(str)
        A column's heading was pressed.
    menu_wanted : Signal(QPoint)
        For the chosen songs, at this place of the screen.
    """

    play_wanted = Signal(list)
    queue_wanted = Signal(list)
    remove_wanted = Signal(list)
    sort_wanted = Signal(str)
    menu_wanted = Signal(QPoint)

    def __init__(self, model: LibraryModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._songs = model
        self._hidden: frozenset[str] = frozenset()
        self._match = False
        self._hovered = -1
        self._cells = RowPainter()
        self.setModel(model)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Songs of the library"))
        self.setAccessibleDescription(
            self.tr("Enter plays, Ctrl+Enter puts into the queue, Delete takes out of the library.")
        )
        self._set_up_headers()
        self.doubleClicked.connect(self._play)

    def _set_up_headers(self) -> None:
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(LOW_ROW_PX)
        rows.setDefaultSectionSize(TALL_ROW_PX)
        columns = LibraryHeader(self)
        self.setHorizontalHeader(columns)
        columns.sectionClicked.connect(lambda number: self.sort_wanted.emit(NAMES[number]))  # pyright: ignore

    # --- columns -----------------------------------------------------------------------------------

    def show_order(self, name: str, descending: bool) -> None:
        """Mark the column that the list is sorted by."""
        header = self.horizontalHeader()
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        header.setSortIndicatorShown(True)
        header.setSortIndicator(NAMES.index(name), order)

    def set_columns(self, hidden: Collection[str], *, match: bool) -> None:
        """Choose the columns.

        Parameters
        ----------
        hidden : collection of str
            Those that the user does not want.
        match : bool
            Show how much songs sound like the one that was asked for.
        """
        self._hidden, self._match = frozenset(hidden), match
        self._fit()

    @property
    def shown_columns(self) -> tuple[str, ...]:
        """Names of the columns that are there, from left to right."""
        return tuple(name for number, name in enumerate(NAMES) if not self.isColumnHidden(number))

    def _fit(self) -> None:
        # As if the scroll bar were there, or columns would jump when a search makes the list short.
        room_px = self.width() - SCROLL_BAR_PX - INSET_PX - 2
        widths = fitting_widths(room_px, self._hidden, match=self._match)
        for number, name in enumerate(NAMES):
            self.setColumnHidden(number, name not in widths)
            if name in widths:
                self.setColumnWidth(number, widths[name])
        below = "artist" not in widths
        if below != self._cells.artist_below:
            self._cells.artist_below = below
            self.verticalHeader().setDefaultSectionSize(TALL_ROW_PX if below else LOW_ROW_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many columns as there is room for."""
        super().resizeEvent(event)
        self._fit()

    # --- rows --------------------------------------------------------------------------------------

    def top_song(self) -> tuple[int, int] | None:
        """Number of the song at the top, and how far above the edge its row begins (px, 0 or less)."""
        row = self.rowAt(0)
        return (int(self._songs.ids[row]), self.rowViewportPosition(row)) if row >= 0 else None

    def scroll_to(self, song_id: int, offset_px: int) -> None:
        """Bring a song back to where `top_song` found it."""
        row = self.row_of(song_id)
        if row is not None:
            self.verticalScrollBar().setValue(row * self.verticalHeader().defaultSectionSize() - offset_px)

    def chosen(self) -> list[int]:
        """Numbers of the chosen songs, in the order of the list."""
        spans = _spans(self.selectionModel().selection())
        rows = np.unique(np.concatenate([np.arange(first, last + 1) for first, last in spans] or [[]]))
        return self._songs.ids[rows.astype(np.intp)].tolist()

    def _play(self) -> None:
        self.play_wanted.emit(self.chosen())

    def row_of(self, song_id: int) -> int | None:
        """Where a song stands in the list."""
        found = np.flatnonzero(self._songs.ids == song_id)
        return int(found[0]) if found.size else None

    def choose(self, song_id: int, *, scroll: bool) -> bool:
        """Choose a song, if it is in the list."""
        row = self.row_of(song_id)
        if row is None:
            return False
        index = self._songs.index(row, 0)
        self.setAutoScroll(scroll)
        self.setCurrentIndex(index)
        self.setAutoScroll(True)
        if scroll:
            self.scrollTo(index)
        return True

    def current_song(self) -> int | None:
        """Number of the song that the keys are at."""
        return cast("int | None", self.currentIndex().data(LibraryRole.SONG_ID))

    def current_row(self) -> LibraryRow | None:
        """What is known of it, once it has been read."""
        return cast("LibraryRow | None", self.currentIndex().data(LibraryRole.ROW))

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Have the chosen rows read, before they are dragged."""
        super().selectionChanged(selected, deselected)
        for first, last in _spans(selected):
            self._songs.want(range(first, min(last + 1, first + MOST_DRAGGED)))
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows in view: the ground of each as one, then its cells.

        Not by a delegate: asked through Qt, each of two hundred cells costs more than painting it.
        """
        first, last = self.rowAt(event.rect().top()), self.rowAt(event.rect().bottom())
        if first < 0:
            return
        last = last if last >= 0 else self._songs.rowCount() - 1
        columns = [
            (number, self.columnViewportPosition(number), self.columnWidth(number))
            for number in range(len(NAMES))
            if not self.isColumnHidden(number)
        ]
        with QPainter(self.viewport()) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for number in range(first, last + 1):
                self._paint_row(painter, number, columns)
        self._songs.look_ahead(first, last)

    def _paint_row(self, painter: QPainter, number: int, columns: Sequence[tuple[int, int, int]]) -> None:
        row = self._songs.row_at(number)
        top, height = self.rowViewportPosition(number), self.rowHeight(number)
        current = row is not None and self._songs.is_current(row)
        self._paint_ground(painter, number, QRectF(0, top, self.width() - SCROLL_BAR_PX, height), current)
        for column, left, width in columns:
            place = QRectF(left, top, width, height)
            if column == 0 and row is None:
                self._cells.paint_nothing_yet(painter, place)
            elif row is None:
                continue
            elif column == 0:
                self._cells.paint_title(painter, place, row, current=current)
            elif NAMES[column] == MATCH:
                self._cells.paint_match(painter, place, self._songs.closeness_of(row) or 0.0)
            else:
                self._cells.paint_cell(painter, place, column, row)

    def _paint_ground(self, painter: QPainter, number: int, place: QRectF, current: bool) -> None:
        hovered = number == self._hovered
        chosen = self.selectionModel().isRowSelected(number, QModelIndex())
        if chosen or current or hovered:
            focused = chosen and self.hasFocus() and number == self.currentIndex().row()
            painter.setOpacity(0.5 if hovered and not chosen and not current else 1.0)
            paint_ground(painter, place, chosen=chosen or hovered, raised=current, focused=focused)
            painter.setOpacity(1.0)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Light up the row under the pointer."""
        super().mouseMoveEvent(event)
        self._hover(self.rowAt(event.position().toPoint().y()))

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is pointed at any more."""
        super().leaveEvent(event)
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self._hovered:
            before, self._hovered = self._hovered, row
            for number in (before, row):
                if number >= 0:
                    top, width = self.rowViewportPosition(number), self.viewport().width()
                    self.viewport().update(QRect(0, top, width, self.rowHeight(number)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Below the last song nothing is chosen."""
        if not self.indexAt(event.position().toPoint()).isValid():
            self.clearSelection()
        super().mousePressEvent(event)

    # --- keys, menu, drags -------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter plays, Delete takes out; letters and sideways arrows are keys of the window."""
        key = Qt.Key(event.key())
        if key in _ENTER and self.chosen():
            queue = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            (self.queue_wanted if queue else self.play_wanted).emit(self.chosen())
        elif key in _DELETE and self.chosen():
            self.remove_wanted.emit(self.chosen())
        elif key in _SIDEWAYS or (event.text() and event.text().isprintable()):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done with the chosen songs."""
        by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        if index.isValid():
            where = self.visualRect(index).center() if by_key else event.pos()
            self.menu_wanted.emit(self.viewport().mapToGlobal(where))

    def startDrag(self, actions: Qt.DropAction) -> None:
        """Carry the songs' names under the pointer, not a picture of the whole row."""
        rows = self.selectionModel().selectedRows()
        if not rows:
            return
        drag = QDrag(self)
        drag.setMimeData(self._songs.mimeData(rows))
        drag.setPixmap(self._chip(rows))
        drag.setHotSpot(QPoint(-8, -8))
        drag.exec(actions, Qt.DropAction.CopyAction)

    def _chip(self, rows: Sequence[QModelIndex]) -> QPixmap:
        title = str(rows[0].data() or "")
        text = title if len(rows) == 1 else self.tr("{} songs").format(len(rows))
        look, face = tokens(), font(tokens().text_small_px, 500)
        metrics = QFontMetrics(face)
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, 200)
        size = QSize(metrics.horizontalAdvance(text) + 24, 28)
        picture = QPixmap(size * self.devicePixelRatioF())
        picture.setDevicePixelRatio(self.devicePixelRatioF())
        picture.fill(Qt.GlobalColor.transparent)
        with QPainter(picture) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.accent)
            place = QRectF(0, 0, size.width(), size.height())
            painter.drawRoundedRect(place, look.radius_medium_px, look.radius_medium_px)
            painter.setPen(look.window)
            painter.setFont(face)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)
        return picture


def _spans(selection: QItemSelection) -> list[tuple[int, int]]:
    """First and last row of every part of a selection."""
    # The stubs of PySide6 do not know that it is a list.
    return [(part.top(), part.bottom()) for part in cast("Sequence[QItemSelectionRange]", selection)]
