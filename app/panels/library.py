"""The library: every song of the user's folders, found by a few letters, by tempo and key, or by its sound.

GUI thread. It shows what a `LibraryKeeper` lists and a `LibraryScans` tells, and asks both for more; it
never waits for either.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.library_columns import MATCH
from app.library_keeper import LibraryKeeper, Listing
from app.library_model import SONGS_MIME, LibraryModel
from app.library_scans import LibraryScans, ScanNews, number_text
from app.panels.library_empty import LibraryEmpty
from app.panels.library_menus import add_columns, add_order, fill_song_menu
from app.panels.library_scan import ScanStrip
from app.panels.library_similar import SimilarBar
from app.panels.library_table import LibraryTable
from app.theme import icon

WIDTH_PX = 256
SEARCH_MS = 90
"""A letter is not searched for while the next one is already being typed."""


class LibraryPanel(QWidget):
    """Search, songs, and what is said of scans.

    Parameters
    ----------
    model : LibraryModel
    keeper : LibraryKeeper
    scans : LibraryScans
    parent : QWidget or None

    Attributes
    ----------
    add_folder_wanted : Signal()
        The user wants to choose a folder.
    remove_wanted : Signal(list of int)
        Take songs out of the library.
    file_wanted : Signal(Path)
        Show a file in its folder.
    order_changed : Signal(str, bool)
        Sorted by this, descending or not, from now on.
    columns_changed : Signal(list of str)
        The columns that the user does not want.
    controls_changed : Signal()
        There are other controls than before.
    shown : Signal()
        It came into view.
    """

    add_folder_wanted = Signal()
    remove_wanted = Signal(list)
    file_wanted = Signal(object)
    order_changed = Signal(str, bool)
    columns_changed = Signal(list)
    controls_changed = Signal()
    shown = Signal()

    def __init__(
        self, model: LibraryModel, keeper: LibraryKeeper, scans: LibraryScans, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._keeper, self._scans = keeper, scans
        self._hidden: frozenset[str] = frozenset()
        self._listing: Listing | None = None
        self._trouble = ""
        self._play_found = False
        self._top: tuple[int, int] | None = None
        self._chosen: int | None = None
        self.setAcceptDrops(True)
        self.setMinimumWidth(200)
        self.search = self._make_search()
        self.menu_button = self._make_menu_button()
        self.similar = SimilarBar(self)
        # In the order in which Tab comes to them.
        self._pages = QStackedWidget(self)
        self.table = LibraryTable(model, self._pages)
        self.empty = LibraryEmpty(self._pages)
        self.strip = ScanStrip(self)
        self._pages.addWidget(self.table)
        self._pages.addWidget(self.empty)
        self._count = QLabel(self)
        self._count.setProperty("class", "small")
        self._count.setAccessibleName(self.tr("How many songs"))
        self.add_button = self._make_add_button()
        self._lay_out()
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.timeout.connect(self._search)
        self.setFocusProxy(self.search)
        self._connect(model)

    def sizeHint(self) -> QSize:
        """As wide as the queue, whose place it shares."""
        return QSize(WIDTH_PX, 400)

    # --- parts -------------------------------------------------------------------------------------

    def _make_search(self) -> QLineEdit:
        search = _SearchField(self)
        search.setPlaceholderText(self.tr("Search songs"))
        search.setClearButtonEnabled(True)
        clear = search.findChild(QAction, "_q_qlineeditclearaction")
        if clear is not None:  # Qt's own picture is made for light windows
            clear.setIcon(icon("cancel"))
        search.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        search.setAccessibleName(self.tr("Search the library"))
        search.setToolTip(
            self.tr(
                "Words of title, artist or album. Enter plays the first song, Down goes to the list (Ctrl+F)"
            )
        )
        return search

    def _make_menu_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(icon("sort"))
        button.setIconSize(QSize(16, 16))
        button.setFixedSize(32, 32)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(self.tr("Order and columns"))
        button.setToolTip(self.tr("Order and columns; folders"))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        menu.setToolTipsVisible(True)
        # Made when it opens: what it says depends on what is listed.
        menu.aboutToShow.connect(lambda: self.fill_menu(menu))
        button.setMenu(menu)
        return button

    def _make_add_button(self) -> QPushButton:
        button = QPushButton(icon("plus"), self.tr("Add folder…"), self)
        button.setProperty("kind", "flat")
        button.setAutoDefault(True)  # Enter presses it; space belongs to the window
        button.setAccessibleName(self.tr("Add a folder to the library"))
        button.setToolTip(self.tr("Take every song of a folder into the library (Ctrl+Shift+L)"))
        button.clicked.connect(self.add_folder_wanted)
        return button

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(16, 0, 12, 0)
        top.setSpacing(4)
        top.addWidget(self.search, 1)
        top.addWidget(self.menu_button)
        below = QHBoxLayout()
        below.setContentsMargins(8, 0, 20, 0)
        below.setSpacing(8)
        below.addWidget(self.add_button)
        below.addStretch(1)
        below.addWidget(self._count)
        inset = QVBoxLayout()
        inset.setContentsMargins(12, 0, 12, 0)
        inset.addWidget(self.strip)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 8)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self.similar)
        column.addWidget(self._pages, 1)
        column.addLayout(inset)
        column.addLayout(below)

    def _connect(self, model: LibraryModel) -> None:
        keeper, scans, table = self._keeper, self._scans, self.table
        keeper.listed.connect(self._show_listing)
        keeper.troubled.connect(self._show_trouble)
        model.modelAboutToBeReset.connect(self._remember_top)
        scans.told.connect(self._show_news)
        scans.grew.connect(keeper.refresh_soon)
        self.strip.cancel_wanted.connect(scans.cancel)
        self.strip.go_on_wanted.connect(scans.go_on)
        self.strip.problems_wanted.connect(keeper.read_failures)
        self.strip.buttons_changed.connect(self.controls_changed)
        self.search.textEdited.connect(self._typed)
        self.search.textChanged.connect(self._cleared)
        self.search.returnPressed.connect(self._play_first)
        table.play_wanted.connect(keeper.open_songs)
        table.queue_wanted.connect(self._queue)
        table.remove_wanted.connect(self.remove_wanted)
        table.sort_wanted.connect(self.sort_by)
        table.menu_wanted.connect(self._open_song_menu)
        header = table.horizontalHeader()
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._open_header_menu)
        self.similar.closed.connect(self.leave_similar)
        self.similar.source_chosen.connect(self._compare_by)
        self.empty.pressed.connect(self._press_empty)

    # --- what is listed ----------------------------------------------------------------------------

    def set_look(self, sort: str, descending: bool, hidden: Collection[str]) -> None:
        """Begin as the user left it.

        Parameters
        ----------
        sort : str
        descending : bool
        hidden : collection of str
            Columns that are not wanted.
        """
        self._hidden = frozenset(hidden)
        self._keeper.look(replace(self._keeper.query, sort=sort, descending=descending))

    def _show_listing(self, listing: object) -> None:
        if not isinstance(listing, Listing):
            return
        before, self._listing, self._trouble = self._listing, listing, ""
        query = listing.query
        liked = listing.liked
        self.similar.show_song(liked, listing.sources, query.source)
        self.table.set_columns(self._hidden, match=liked is not None)
        self.table.show_order(query.sort, query.descending)
        if listing.steps is None:
            self._put_back(same=before is not None and before.query == query)
        self._show_count(listing)
        self._show_page(listing)
        if self._play_found:
            self._play_found = False
            if len(listing.ids):
                self._keeper.open_songs(listing.ids[:1].tolist())

    def _show_count(self, listing: Listing) -> None:
        total, shown = listing.overview.songs, len(listing.ids)
        words = self.tr("1 song") if total == 1 else self.tr("{} songs").format(number_text(total))
        if shown != total:
            words = self.tr("{} of {}").format(number_text(shown), number_text(total))
        self._count.setText(words if total else "")
        tips = [self.tr("{} hours of music").format(number_text(round(listing.overview.duration_s / 3600)))]
        if listing.overview.missing:
            tips.append(self.tr("{} songs whose file is gone").format(number_text(listing.overview.missing)))
        self._count.setToolTip("\n".join(tips))

    def _show_page(self, listing: Listing) -> None:
        if len(listing.ids):
            self._pages.setCurrentWidget(self.table)
            return
        if listing.overview.songs:
            text = listing.query.search
            words = self.tr("No title, artist or album has these words.")
            if listing.query.like is not None:
                words = self.tr("No song that sounds like it has these words.") if text else ""
            title = self.tr("Nothing found for “{}”").format(text) if text else self.tr("No other song")
            self._say_empty("search", title, words, self.tr("Show all songs"))
        elif self._scans.running:
            words = self.tr("Songs come up here as they are heard.")
            self._say_empty("note", self.tr("Listening"), words, self.tr("Add another folder…"))
        else:
            words = self.tr(
                "Add your music folder, or drop it here: Charon hears tempo, key and sound of every song. "
                "Your files stay where they are."
            )
            self._say_empty("note", self.tr("No songs yet"), words, self.tr("Add a folder…"))

    def _show_news(self, news: object) -> None:
        if isinstance(news, ScanNews):
            self.strip.show_news(news)
            if self._listing is not None and not self._listing.overview.songs and not self._trouble:
                self._show_page(self._listing)

    def _say_empty(self, picture: str, title: str, words: str, button: str) -> None:
        had_keys = self.table.hasFocus()
        if self.empty.text == f"{title} {words}".strip() and self._pages.currentWidget() is self.empty:
            return
        self.empty.say(picture, title, words, button)
        if self._pages.currentWidget() is not self.empty:
            self._pages.setCurrentWidget(self.empty)
            self.controls_changed.emit()
            if had_keys:
                self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_trouble(self, reason: str) -> None:
        self._trouble = reason
        self._say_empty("warning", self.tr("The library cannot be read"), reason, self.tr("Try again"))

    def _press_empty(self) -> None:
        if self._trouble:
            self._keeper.refresh()
        elif self._listing is not None and self._listing.overview.songs:
            self.show_all()
        else:
            self.add_folder_wanted.emit()

    def _remember_top(self) -> None:
        """Where the list stands, before it is shown anew."""
        self._top, self._chosen = self.table.top_song(), self.table.current_song()

    def _put_back(self, *, same: bool) -> None:
        """Choose what was chosen; where only something was added, stay where the list was."""
        if self._chosen is not None:
            self.table.choose(self._chosen, scroll=not same)
        if same and self._top is not None:
            self.table.scroll_to(*self._top)
        elif self._chosen is None:
            self.table.scrollToTop()

    # --- search and order --------------------------------------------------------------------------

    def _typed(self) -> None:
        self._play_found = False
        self._typing.start(SEARCH_MS)

    def _cleared(self, text: str) -> None:
        # The clear button and Escape edit without typing.
        if not text:
            self._typed()

    def _search(self) -> None:
        text = " ".join(self.search.text().split())
        if text != self._keeper.query.search:
            self._keeper.look(replace(self._keeper.query, search=text))

    def _play_first(self) -> None:
        """Play the first song that is found, once it is."""
        waits = self._typing.isActive()
        self._typing.stop()
        self._search()
        listing = self._listing
        if waits or listing is None or listing.query != self._keeper.query:
            self._play_found = True
        elif len(listing.ids):
            self._keeper.open_songs(listing.ids[:1].tolist())

    def show_all(self) -> None:
        """Search for nothing."""
        self.search.clear()
        self._typing.stop()
        self._keeper.look(replace(self._keeper.query, search="", like=None))

    def sort_by(self, name: str) -> None:
        """Sort by a column; by the same once more, the other way round."""
        query = self._keeper.query
        descending = not query.descending if query.sort == name else False
        self._order(name, descending)

    def _order(self, name: str, descending: bool) -> None:
        self._keeper.look(replace(self._keeper.query, sort=name, descending=descending))
        if name != MATCH:
            self.order_changed.emit(name, descending)

    # --- sounds like -------------------------------------------------------------------------------

    def show_similar(self, song_id: int) -> None:
        """List the songs that sound most like one."""
        self.search.clear()
        self._typing.stop()
        row = self.table.current_row()
        known = row is not None and row.song.song_id == song_id
        self.similar.show_waiting(row.song.title if row is not None and known else "")
        query = replace(self._keeper.query, search="", sort=MATCH, descending=False, like=song_id)
        self._keeper.look(query)

    def show_similar_to_chosen(self) -> bool:
        """The same for the song that the keys are at; False when they are at none."""
        song_id = self.table.current_song() if self.isVisible() else None
        if song_id is not None:
            self.show_similar(song_id)
        return song_id is not None

    def leave_similar(self) -> None:
        """List all songs again."""
        query = self._keeper.query
        sort = "title" if query.sort == MATCH else query.sort
        self._keeper.look(replace(query, like=None, sort=sort, source="song"))
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _compare_by(self, source: str) -> None:
        self._keeper.look(replace(self._keeper.query, source=source))

    # --- menus -------------------------------------------------------------------------------------

    def _queue(self, ids: list[int]) -> None:
        self._keeper.open_songs(ids, only_queue=True)

    def song_menu(self) -> QMenu:
        """What can be done with the chosen songs; it frees itself when it closes."""
        ids, row = self.table.chosen(), self.table.current_row()
        path = None if row is None else row.path
        menu = QMenu(self)
        fill_song_menu(
            menu,
            {
                "play": (lambda: self._keeper.open_songs(ids), bool(ids)),
                "queue": (lambda: self._queue(ids), bool(ids)),
                "similar": (lambda: self.show_similar(ids[0]), len(ids) == 1),
                "folder": (lambda: self.file_wanted.emit(path), len(ids) == 1 and path is not None),
                "remove": (lambda: self.remove_wanted.emit(ids), bool(ids)),
            },
        )
        return menu

    def _open_song_menu(self, where: QPoint) -> None:
        self.song_menu().popup(where)

    def _open_header_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        add_columns(menu, self._hidden, self._want_column)
        menu.popup(self.table.horizontalHeader().mapToGlobal(where))

    def fill_menu(self, menu: QMenu) -> None:
        """Fill the menu beside the search: order, columns, folders.

        Parameters
        ----------
        menu : QMenu
            Emptied first.
        """
        menu.clear()
        add_order(menu, self._keeper.query, self._order)
        add_columns(menu.addMenu(self.tr("Columns")), self._hidden, self._want_column)
        menu.addSeparator()
        menu.addAction(icon("plus"), self.tr("Add folder…")).triggered.connect(self.add_folder_wanted)
        look = menu.addAction(icon("retry"), self.tr("Look for changes"))
        look.triggered.connect(self._scans.look_for_changes)
        look.setEnabled(not self._scans.running)
        n_failed = 0 if self._listing is None else self._listing.overview.unreadable
        words = self.tr("{} unreadable files…") if n_failed else self.tr("No unreadable files")
        unreadable = menu.addAction(icon("warning"), words.format(number_text(n_failed)))
        unreadable.setEnabled(n_failed > 0)
        unreadable.triggered.connect(self._keeper.read_failures)

    def _want_column(self, name: str, wanted: bool) -> None:
        self._hidden = self._hidden - {name} if wanted else self._hidden | {name}
        self.table.set_columns(self._hidden, match=self._keeper.query.like is not None)
        self.columns_changed.emit(sorted(self._hidden))

    def showEvent(self, event: QShowEvent) -> None:
        """Say so: what the library holds may have changed while nobody looked."""
        super().showEvent(event)
        self.shown.emit()

    # --- keys and drops ----------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape goes back: from a search, then from a likeness. Down leads from the search to the songs."""
        if event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
        elif event.key() == Qt.Key.Key_Escape and self._keeper.query.like is not None:
            self.leave_similar()
        elif event.key() == Qt.Key.Key_Down and self.search.hasFocus():
            if self.table.current_song() is None:
                self.table.selectRow(0)
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders and files into the library, but none that come out of it."""
        own = event.mimeData().hasFormat(SONGS_MIME)
        if own:
            event.setDropAction(Qt.DropAction.IgnoreAction)
        elif not any(url.isLocalFile() for url in event.mimeData().urls()):
            event.ignore()
            return
        event.accept()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Anywhere in the panel."""
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take what was dropped into the library."""
        if event.mimeData().hasFormat(SONGS_MIME):
            event.setDropAction(Qt.DropAction.IgnoreAction)
        else:
            event.acceptProposedAction()
            urls = event.mimeData().urls()
            self._scans.scan([Path(url.toLocalFile()) for url in urls if url.isLocalFile()])
        event.accept()


class _SearchField(QLineEdit):
    """Leaves Escape and Down to the panel."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Escape, Qt.Key.Key_Down}:
            event.ignore()
        else:
            super().keyPressEvent(event)
