"""The places where a loop comes again, or where the library sounds like it: a list to listen through.

GUI thread. It stands in the library's place until it is closed.
"""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.library_places import Place, Places
from app.panels.library_cells import INSET_PX, TALL_ROW_PX, RowPainter, paint_ground
from app.panels.library_empty import LibraryEmpty
from app.panels.library_similar import SimilarBar
from app.panels.time_view import time_text

Index = QModelIndex | QPersistentModelIndex

_PLACE = Qt.ItemDataRole.UserRole + 1
_ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}
_SIDEWAYS = {Qt.Key.Key_Left, Qt.Key.Key_Right}
_MATCH_PX = 52


class PlacesPanel(QWidget):
    """What was asked for, and the places.

    Parameters
    ----------
    parent : QWidget or None

    Attributes
    ----------
    closed : Signal()
        Back to the library.
    place_wanted : Signal(Place)
        Play from there.
    """

    closed = Signal()
    place_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = SimilarBar(self)
        self._pages = QStackedWidget(self)
        self.list = _PlaceList(self._pages)
        self.empty = LibraryEmpty(self._pages)
        self._pages.addWidget(self.list)
        self._pages.addWidget(self.empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(8)
        column.addWidget(self.bar)
        column.addWidget(self._pages, 1)
        self.bar.closed.connect(self.closed)
        self.empty.pressed.connect(self.closed)
        self.list.place_wanted.connect(self.place_wanted)

    def show_places(self, places: Places) -> None:
        """List what was found.

        Parameters
        ----------
        places : Places
        """
        head = self.tr("The same as {}") if places.again else self.tr("Sounds like {}")
        self.bar.show_words(head.format(span_text(*places.span_s)), places.title)
        self.list.put(places.found)
        if places.found:
            self._pages.setCurrentWidget(self.list)
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        if places.again:
            title = self.tr("It does not come again")
            words = self.tr("Nothing else in this song is the same music. Try a shorter or a longer loop.")
        else:
            title = self.tr("Nothing to compare with")
            words = self.tr("No song of the library has another stretch of this length.")
        self.empty.say("similar", title, words, self.tr("Back to the library"))
        self._pages.setCurrentWidget(self.empty)
        self.empty.button.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape goes back to the library."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)


class _PlaceList(QListView):
    """The places, one below the other."""

    place_wanted = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._items = QStandardItemModel(self)
        self.setModel(self._items)
        self.setItemDelegate(_PlaceDelegate(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUniformItemSizes(True)
        self.setAccessibleName(self.tr("Places that sound like the loop"))
        self.setAccessibleDescription(self.tr("Enter plays from there; Escape goes back to the library."))
        self.doubleClicked.connect(self._play)

    def put(self, places: tuple[Place, ...]) -> None:
        """Show other places."""
        self._items.clear()
        for place in places:
            span = span_text(place.start_s, place.stop_s)
            item = QStandardItem(f"{place.title}, {span}")
            item.setData(place, _PLACE)
            match = self.tr("Match: {} %").format(round(100 * place.closeness))
            gone = self.tr("Its file is gone") if place.path is None else ""
            item.setToolTip("\n".join(line for line in (place.title, span, match, gone) if line))
            self._items.appendRow(item)
        if places:
            self.setCurrentIndex(self._items.index(0, 0))

    def _play(self, index: QModelIndex) -> None:
        if index.isValid():
            self.place_wanted.emit(index.data(_PLACE))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter plays; the window's own keys are left to it."""
        if event.key() in _ENTER:
            self._play(self.currentIndex())
        elif event.key() in _SIDEWAYS or event.text().strip() or event.key() == Qt.Key.Key_Space:
            event.ignore()
        else:
            super().keyPressEvent(event)


class _PlaceDelegate(QStyledItemDelegate):
    """Paints a place as a song of the library is painted."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._cells = RowPainter()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """A row of two lines."""
        return QSize(200, TALL_ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Ground, title, time and match."""
        place = index.data(_PLACE)
        if not isinstance(place, Place):
            return
        rect: QRect = option.rect  # pyright: ignore[reportAttributeAccessIssue]
        state: QStyle.StateFlag = option.state  # pyright: ignore[reportAttributeAccessIssue]
        whole = QRectF(rect)
        chosen = bool(state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver))
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, whole, chosen=chosen, raised=False, focused=focused)
        words = whole.adjusted(0, 0, -INSET_PX - _MATCH_PX, 0)
        match = QRectF(words.right(), whole.top(), _MATCH_PX, whole.height())
        gone = place.path is None
        self._cells.paint_stretch(
            painter, words, place.title, span_text(place.start_s, place.stop_s), gone=gone
        )
        self._cells.paint_match(painter, match, place.closeness)
        painter.restore()


def span_text(start_s: float, stop_s: float) -> str:
    """From when to when, with a dash between."""
    return f"{time_text(start_s, 0.1)} \N{EN DASH} {time_text(stop_s, 0.1)}"
