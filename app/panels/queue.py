"""The queue: what is being separated, what waits, what is ready, and what went wrong in words.

GUI thread. It shows a `QueueModel` and says through signals what the user wants; the bridge does it.
"""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    Qt,
    QUrl,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDesktopServices,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QListView,
    QMenu,
    QSizePolicy,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from app.panels.queue_row import (
    CANCEL,
    PLAY,
    REMOVE,
    RETRY,
    QueueRowDelegate,
    button_rects,
    row_buttons,
)
from app.queue_model import QueueModel, QueueRole
from app.theme import font, icon, tokens
from engine.services.song_job import JobState, SongJob


class QueuePanel(QWidget):
    """The list of songs, and the place below it that says where songs come from.

    Parameters
    ----------
    model : QueueModel
    parent : QWidget or None

    Attributes
    ----------
    play_wanted, cancel_wanted, retry_wanted, remove_wanted : Signal(Path)
    open_wanted : Signal()
        The user wants to choose files.
    """

    play_wanted = Signal(object)
    cancel_wanted = Signal(object)
    retry_wanted = Signal(object)
    remove_wanted = Signal(object)
    open_wanted = Signal()

    def __init__(self, model: QueueModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = _QueueView(model, self._act, self)
        self.view.activated.connect(self._play)
        self._drop_box = _DropBox(self)
        self._drop_box.clicked.connect(self.open_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 16)
        column.setSpacing(12)
        column.addWidget(self.view, 1)
        below = QVBoxLayout()
        below.setContentsMargins(16, 0, 16, 0)
        below.addWidget(self._drop_box)
        column.addLayout(below)
        self.setMinimumWidth(200)
        self.setFocusProxy(self.view)

    def set_drop_hint(self, on: bool) -> None:
        """Light up the place for songs while something is dragged over the window."""
        self._drop_box.set_lit(on)

    def _play(self, index: QModelIndex) -> None:
        self._act(PLAY, index.data(QueueRole.PATH))

    def _act(self, what: str, song: Path) -> None:
        signals = {
            PLAY: self.play_wanted,
            CANCEL: self.cancel_wanted,
            RETRY: self.retry_wanted,
            REMOVE: self.remove_wanted,
        }
        signals[what].emit(song)


class _QueueView(QListView):
    """The rows: buttons under the pointer, a menu, keys."""

    def __init__(self, model: QueueModel, act: Callable[[str, Path], None], parent: QWidget) -> None:
        super().__init__(parent)
        self._act = act
        self._delegate = QueueRowDelegate(self)
        self.setModel(model)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Queue"))
        self.setAccessibleDescription(
            self.tr(
                "Songs that are being separated, wait, or are ready. Enter plays, Delete cancels or removes."
            )
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, or what the list is for while there are none."""
        super().paintEvent(event)
        if self.model().rowCount():
            return
        with QPainter(self.viewport()) as painter:
            painter.setFont(font(tokens().text_small_px))
            painter.setPen(tokens().dim)
            place = QRectF(self.viewport().rect()).adjusted(20, 12, -20, 0)
            how = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
            painter.drawText(
                place, int(how), self.tr("No songs yet. Each one you open is separated here, in order.")
            )

    # --- buttons of a row --------------------------------------------------------------------------

    def _button_at(self, point: QPoint) -> tuple[QModelIndex, str] | None:
        index = self.indexAt(point)
        if not index.isValid():
            return None
        rects = button_rects(self.visualRect(index), index.data(QueueRole.JOB))
        return next(((index, name) for name, rect in rects.items() if rect.contains(point)), None)

    def _point_at(self, found: tuple[QModelIndex, str] | None) -> None:
        before = self._delegate.pointed
        self._delegate.pointed = None if found is None else (QPersistentModelIndex(found[0]), found[1])
        if before != self._delegate.pointed:
            self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Light up the button under the pointer."""
        super().mouseMoveEvent(event)
        self._point_at(self._button_at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is pointed at any more."""
        super().leaveEvent(event)
        self._point_at(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Press a row's button, or choose the row."""
        found = self._button_at(event.position().toPoint())
        if found is not None and event.button() is Qt.MouseButton.LeftButton:
            self.setCurrentIndex(found[0])
            self._point_at(found)
            event.accept()
            return
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Do what the button under the pointer says, if it was pressed there."""
        found = self._button_at(event.position().toPoint())
        pointed = self._delegate.pointed
        if (
            found is not None
            and pointed is not None
            and event.button() is Qt.MouseButton.LeftButton
            and pointed[0] == found[0]
            and pointed[1] == found[1]
        ):
            event.accept()
            self._act(found[1], found[0].data(QueueRole.PATH))
            return
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Two quick clicks on a button are two clicks; anywhere else they play the song."""
        if self._button_at(event.position().toPoint()) is None:
            super().mouseDoubleClickEvent(event)
        else:
            self.mousePressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Say what a button does; anywhere else the row tells its own story."""
        if isinstance(event, QHelpEvent):
            found = self._button_at(event.pos())
            if found is not None:
                QToolTip.showText(event.globalPos(), _action_text(found[1]), self.viewport())
                return True
        return super().viewportEvent(event)

    # --- menu and keys -----------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete gives a song up, or takes it out of the list when there is nothing to give up."""
        index = self.currentIndex()
        if event.key() in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace} and index.isValid():
            self._act(row_buttons(index.data(QueueRole.JOB))[-1], index.data(QueueRole.PATH))
            event.accept()
            return
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and index.isValid():
            self._act(PLAY, index.data(QueueRole.PATH))
            event.accept()
            return
        if event.text() and event.text().isprintable():
            # Letters and digits are keys of the window; searching by typing would swallow them.
            event.ignore()
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer everything that can be done with a song."""
        by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        if not index.isValid():
            return
        where = self.viewport().mapToGlobal(self.visualRect(index).center()) if by_key else event.globalPos()
        self.song_menu(index.data(QueueRole.JOB)).popup(where)

    def song_menu(self, job: SongJob) -> QMenu:
        """Menu of a song; it frees itself when it closes."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        running = job.state in {JobState.WAITING, JobState.SEPARATING}
        again = job.state in {JobState.FAILED, JobState.CANCELLED}
        for name, enabled in ((PLAY, True), (CANCEL, running), (RETRY, again), (REMOVE, True)):
            action = menu.addAction(icon(name), _action_text(name))
            action.setEnabled(enabled)
            action.triggered.connect(lambda _=False, name=name: self._act(name, job.path))
        menu.addSeparator()
        folder = menu.addAction(icon("folder"), self.tr("Show file in its folder"))
        folder.triggered.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(job.path.parent))))
        return menu


class _DropBox(QAbstractButton):
    """Says where songs come from; a click opens the file dialog."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._lit = False
        self.setText(self.tr("Drop songs anywhere"))
        self.setAccessibleName(self.tr("Open songs"))
        self.setToolTip(
            self.tr("Choose sound files; files and folders may also be dropped anywhere (Ctrl+O)")
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFixedHeight(64)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def set_lit(self, on: bool) -> None:
        """Show that a drop is welcome."""
        if on != self._lit:
            self._lit = on
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens, like a click; space belongs to the window."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint a quiet frame with two lines of words."""
        look = tokens()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            lit = self._lit or self.hasFocus()
            painter.setPen(QPen(look.accent if lit else look.line, 1.5 if self._lit else 1.0))
            ground = QColor(look.accent if self._lit else look.raised)
            ground.setAlphaF(0.12 if self._lit else 1.0 if self.underMouse() else 0.0)
            painter.setBrush(ground)
            place = QRectF(self.rect()).adjusted(0.75, 0.75, -0.75, -0.75)
            painter.drawRoundedRect(place, look.radius_medium_px + 2, look.radius_medium_px + 2)
            painter.setPen(look.text)
            painter.setFont(font(look.text_small_px, 500))
            centred = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(place.adjusted(0, 0, 0, -18), centred, self.text())
            painter.setPen(look.dim)
            painter.setFont(font(look.text_small_px))
            painter.drawText(place.adjusted(0, 18, 0, 0), centred, self.tr("or Ctrl+O"))


def _action_text(name: str) -> str:
    return {
        PLAY: _tr("Play"),
        CANCEL: _tr("Cancel separation"),
        RETRY: _tr("Try again"),
        REMOVE: _tr("Remove from the queue"),
    }[name]


def _tr(text: str) -> str:
    return QCoreApplication.translate("QueuePanel", text)
