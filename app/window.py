"""The main window: layout, menus, docks, shortcuts, and what is dropped on it. Nothing else.

GUI thread. It owns no data and calls no engine: what the user wants leaves as signals and actions,
which `app.desktop` connects.
"""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
)
from PySide6.QtWidgets import QMainWindow, QMenu, QMenuBar, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from app.actions import MENUS, N_LANE_KEYS, Actions
from app.docks import Dock, DockTabs
from app.edits import Edits
from app.panels.empty import EmptyPage
from app.panels.keys import KeysDialog
from app.panels.offer import OfferBar
from app.status_line import StatusLine

FIRST_SIZE_PX = (1280, 800)
LEAST_SIZE_PX = (960, 600)
SEEK_STEP_S = 5.0
FINE_SEEK_STEP_S = 1.0
LAYOUT_VERSION = 3
"""Raised when docks of an older layout could not be put back where they were."""


class Window(QMainWindow):
    """Transport on top, lanes in the middle, docks around them.

    Parameters
    ----------
    transport : QWidget
        The bar along the top.
    edits : Edits
        Whose undo stack the Edit menu shows.

    Attributes
    ----------
    dropped : Signal(list of Path, bool)
        Files and folders; True when they fell on the queue and nothing should start to play.
    seek_by_wanted : Signal(float)
        Seconds, from keys that nothing with focus wanted.
    song_wanted : Signal(Path)
        One of the recent songs.
    dragged : Signal(bool)
        Files are over the window, or no longer.
    closing : Signal()
        The user closes the window; everything is still there.
    """

    dropped = Signal(list, bool)
    seek_by_wanted = Signal(float)
    song_wanted = Signal(object)
    dragged = Signal(bool)
    closing = Signal()

    def __init__(self, transport: QWidget, edits: Edits) -> None:
        super().__init__()
        self.setWindowTitle("Charon")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.setMinimumSize(*LEAST_SIZE_PX)
        self.resize(*FIRST_SIZE_PX)
        self.actions_ = Actions(edits.stack, self)
        self.addActions(self.actions_.all())
        self.empty = EmptyPage(self)
        self.offers = OfferBar(self)
        self.status = StatusLine(self)
        self._docks: dict[str, Dock] = {}
        self._tabs = DockTabs(self)
        self._tabs.changed.connect(self.order_tabs)
        self.offers.asked.connect(self.order_tabs)
        self._lanes: QWidget | None = None
        self._first_in_lanes: QWidget | None = None
        self._live: tuple[QWidget, ...] = ()
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.empty)
        self._transport = transport
        self._build_top(transport)
        self._build_middle()
        self._build_corners()
        self.actions_["full_screen"].toggled.connect(self._set_full_screen)
        self.actions_["keys"].triggered.connect(self.show_keys)
        self.actions_["quit"].triggered.connect(self.close)
        self.actions_["first_steps"].triggered.connect(self._show_first_steps)

    # --- layout ------------------------------------------------------------------------------------

    def _build_top(self, transport: QWidget) -> None:
        self._bar = QMenuBar(self)
        self._menus: dict[str, QMenu] = {}
        for name, title, content in MENUS:
            menu = self._bar.addMenu(self.tr(title))
            self._menus[name] = menu
            for item in content:
                self._add_item(menu, item)
        top = QWidget(self)
        column = QVBoxLayout(top)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._bar)
        column.addWidget(transport)
        self.setMenuWidget(top)

    def _add_item(self, menu: QMenu, item: str) -> None:
        menu.setToolTipsVisible(True)
        if item == "-":
            menu.addSeparator()
        elif item == "|recent":
            self._recent_menu = menu.addMenu(self.tr("Open recent"))
            self._recent_menu.setEnabled(False)
        elif item == "|lanes":
            lanes = menu.addMenu(self.tr("Lanes"))
            for kind in ("lane", "mute", "solo"):
                for number in range(1, N_LANE_KEYS + 1):
                    lanes.addAction(self.actions_[f"{kind}_{number}"])
                lanes.addSeparator()
        elif item == "|docks":
            self._docks_end = menu.addSeparator()
        else:
            menu.addAction(self.actions_[item])

    def _build_middle(self) -> None:
        middle = QWidget(self)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.offers)
        self._above_pages = QVBoxLayout()
        column.addLayout(self._above_pages)
        column.addWidget(self._pages, 1)
        self.setCentralWidget(middle)
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addWidget(self.status, 1)
        bar = self.statusBar().layout()
        if bar is not None:
            bar.setContentsMargins(0, 0, 0, 0)

    def _build_corners(self) -> None:
        """Side docks reach from the transport to the bottom, as in a mixing desk."""
        self.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self.setTabPosition(
            Qt.DockWidgetArea.AllDockWidgetAreas,
            # Where one looks for a panel's name.
            QTabWidget.TabPosition.North,
        )

    def add_panel(
        self,
        name: str,
        title: str,
        panel: QWidget,
        area: Qt.DockWidgetArea,
        *,
        shown: bool = True,
    ) -> Dock:
        """Give a panel a dock; panels of the same side become tabs of one.

        Parameters
        ----------
        name : str
            Never translated: the saved layout knows the dock by it.
        title : str
        panel : QWidget
        area : Qt.DockWidgetArea
            Where it is at first.
        shown : bool
            Whether it is open at first.
        """
        dock = Dock(name, title, panel, self)
        beside = [d for d in self._docks.values() if self.dockWidgetArea(d) == area]
        self.addDockWidget(area, dock)
        if beside:
            self.tabifyDockWidget(beside[-1], dock)
            beside[0].raise_()
        dock.setVisible(shown)
        self._tabs.add(dock)
        action = dock.toggleViewAction()
        action.setToolTip(self.tr("Show or hide {}").format(title))
        # Asked for by hand, it comes before its neighbours; a layout that is put back shows them all.
        action.triggered.connect(lambda shown=False, dock=dock: dock.raise_() if shown else None)
        self._menus["view"].insertAction(self._docks_end, action)
        self._docks[name] = dock
        return dock

    def dock(self, name: str) -> Dock:
        """A panel's dock, by the panel's name."""
        return self._docks[name]

    def open_panel(self, name: str) -> None:
        """Show a panel, in front of its neighbours, with the keys."""
        dock = self._docks[name]
        dock.show()
        dock.raise_()
        dock.widget().setFocus(Qt.FocusReason.ShortcutFocusReason)

    def set_lanes(self, lanes: QWidget, first: QWidget) -> None:
        """Take the lanes in; they are built when the engine is there.

        Parameters
        ----------
        lanes : QWidget
        first : QWidget
            The control of them that has the keys when they come into view.
        """
        self._lanes, self._first_in_lanes = lanes, first
        self._pages.addWidget(lanes)
        self.order_tabs()

    def set_live(self, bar: QWidget, lanes: QWidget) -> None:
        """Take the live input in: its bar above the lanes, and its lanes, to be shown in their place."""
        self._live = (bar, lanes)
        self._above_pages.addWidget(bar)
        self._pages.addWidget(lanes)
        self.order_tabs()

    def order_tabs(self) -> None:
        """Let Tab lead from the top to the middle and then to the docks, whenever new controls are there."""
        places = (self._transport, self.offers, *self._live, self.empty, self._lanes, *self._docks.values())
        before: QWidget | None = None
        for place in places:
            for widget in () if place is None else place.findChildren(QWidget):
                if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.window() is self:
                    if before is not None:
                        self.setTabOrder(before, widget)
                    before = widget

    def show_live(self) -> None:
        """Show the lanes of the live input."""
        self._pages.setCurrentWidget(self._live[-1])

    def show_lanes(self, shown: bool) -> None:
        """Show the lanes, or what an empty window says."""
        page = self._lanes if shown and self._lanes is not None else self.empty
        if self._pages.currentWidget() is not page:
            self._pages.setCurrentWidget(page)
            # Left to Qt, the first keys would go to the master fader, where Home means silence.
            first = self.empty.demo_button if page is self.empty else self._first_in_lanes
            if first is not None:
                first.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_recent(self, songs: Sequence[Path]) -> None:
        """List the songs that were played last, the newest first."""
        self.empty.show_recent(songs)
        self._recent_menu.clear()
        self._recent_menu.setEnabled(bool(songs))
        for song in songs:
            action = self._recent_menu.addAction(song.stem)
            action.setToolTip(str(song))
            action.triggered.connect(lambda _checked=False, song=song: self.song_wanted.emit(song))

    def layout_text(self) -> tuple[str, str]:
        """Geometry and layout, each in base64, for `restore_layout`."""
        geometry, layout = self.saveGeometry(), self.saveState(LAYOUT_VERSION)
        return bytes(geometry.toBase64().data()).decode(), bytes(layout.toBase64().data()).decode()

    def restore_layout(self, geometry: str, layout: str) -> None:
        """Put the window and its docks back where they were; what does not fit is left as it is."""
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))
        if layout:
            self.restoreState(QByteArray.fromBase64(layout.encode()), LAYOUT_VERSION)
        self.actions_["full_screen"].setChecked(self.isFullScreen())

    # --- what the window does by itself ------------------------------------------------------------

    def _set_full_screen(self, on: bool) -> None:
        if on != self.isFullScreen():
            state = self.windowState()
            full = Qt.WindowState.WindowFullScreen
            self.setWindowState(state | full if on else state & ~full)

    def show_keys(self) -> None:
        """Open the list of keys."""
        dialog = KeysDialog(self.actions_.keyed(), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _show_first_steps(self) -> None:
        self.empty.show_steps(True)
        self._pages.setCurrentWidget(self.empty)

    def changeEvent(self, event: QEvent) -> None:
        """Keep the action in step when the desktop takes the window out of full screen."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self.actions_["full_screen"].setChecked(self.isFullScreen())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Seek with the arrows, when nothing that has the focus wanted them."""
        steps = {Qt.Key.Key_Left: -1.0, Qt.Key.Key_Right: 1.0}
        step = steps.get(Qt.Key(event.key()))
        if step is not None:
            fine = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.seek_by_wanted.emit(step * (FINE_SEEK_STEP_S if fine else SEEK_STEP_S))
        elif event.key() == Qt.Key.Key_Escape and self.isFullScreen():
            self.actions_["full_screen"].setChecked(False)
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Say so, while everything is still there."""
        self.closing.emit()
        super().closeEvent(event)

    # --- drag and drop -----------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if _files(event.mimeData()):
            event.acceptProposedAction()
            self._light(True)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Take them anywhere."""
        event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Look as before."""
        super().dragLeaveEvent(event)
        self._light(False)

    def _light(self, lit: bool) -> None:
        self.empty.set_lit(lit)
        self.dragged.emit(lit)

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand on what was dropped."""
        self._light(False)
        paths = _files(event.mimeData())
        if not paths:
            return
        event.acceptProposedAction()
        queue = self._docks.get("queue")
        on_queue = (
            queue is not None
            and queue.isVisible()
            and not queue.isFloating()
            and queue.geometry().contains(event.position().toPoint())
        )
        self.dropped.emit(paths, on_queue)


def _files(data: QMimeData) -> list[Path]:
    """Files and folders of this machine in what is dragged."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
