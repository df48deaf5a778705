"""The library in the window: its parts, made and connected.

GUI thread; built with the rooms, opened when the panel is first looked at.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QStackedWidget

from app.jobs import JobPool
from app.library_keeper import LibraryKeeper
from app.library_model import LibraryModel
from app.library_places import LibraryPlaces, Place, Places
from app.library_scans import LibraryScans, number_text
from app.panels.library import LibraryPanel
from app.panels.library_places import PlacesPanel
from app.panels.messages import MessagesDialog
from app.panels.question import Question
from engine.io.home import Home
from engine.services.library import library_file

if TYPE_CHECKING:
    from app.desktop import Desktop

N_THREADS = 3
"""One scans, one searches, one reads the rows that come into view."""


class LibraryDesk(QObject):
    """Model, keeper, scans and panel of the user's library.

    Parameters
    ----------
    desktop : Desktop
    home : Home
        Where the library lies.
    analyser : str or None
        What listens to songs; None is the engine's own.
    """

    def __init__(self, desktop: "Desktop", home: Home, analyser: str | None = None) -> None:
        super().__init__(desktop)
        self._desktop = desktop
        self._window = desktop.window
        self._problems: MessagesDialog | None = None
        self._begun = False
        pool = JobPool(self, n_threads=N_THREADS)
        self.model = LibraryModel(self)
        self.keeper = LibraryKeeper(library_file(home), self.model, pool, self)
        self.scans = LibraryScans(self.keeper.library, pool, analyser, self)
        self.panel = LibraryPanel(self.model, self.keeper, self.scans)
        self.asker = LibraryPlaces(self.keeper.library, pool, self)
        self.places = PlacesPanel()
        self._pages = QStackedWidget()
        self._pages.addWidget(self.panel)
        self._pages.addWidget(self.places)
        self._pages.setFocusProxy(self.panel)
        self._connect()
        self._connect_places()
        self._window.dock("library").setWidget(self._pages)
        self.model.set_current(desktop.bridge.song)

    def _connect(self) -> None:
        desktop, window, panel = self._desktop, self._window, self.panel
        self.keeper.failed.connect(window.status.warn)
        self.keeper.opened.connect(self._open)
        self.keeper.failures_read.connect(self._show_failures)
        panel.shown.connect(self._begin)
        panel.add_folder_wanted.connect(self.choose_folder)
        panel.remove_wanted.connect(self._ask_to_remove)
        panel.file_wanted.connect(_show_file)
        panel.order_changed.connect(self._remember_order)
        panel.columns_changed.connect(self._remember_columns)
        panel.controls_changed.connect(window.order_tabs)
        desktop.bridge.song_changed.connect(self.model.set_current)
        actions = window.actions_
        actions["find_songs"].triggered.connect(self.find_songs)
        actions["similar"].triggered.connect(self.show_similar)
        actions["add_folder"].triggered.connect(self.choose_folder)
        actions["look_for_changes"].triggered.connect(self._look_for_changes)

    def _connect_places(self) -> None:
        asker, places, window = self.asker, self.places, self._window
        asker.told.connect(self._show_places)
        asker.unknown.connect(self._say_unknown)
        asker.failed.connect(window.status.warn)
        places.closed.connect(self._show_library)
        places.place_wanted.connect(self._play_place)
        window.actions_["loop_again"].triggered.connect(lambda: self._find_places(again=True))
        window.actions_["loop_like"].triggered.connect(lambda: self._find_places(again=False))

    def _begin(self) -> None:
        """List the songs when somebody looks at them."""
        if self._begun:
            self.keeper.refresh()
            return
        self._begun = True
        look = self._desktop.settings.current.library
        hidden = [name.strip() for name in look.hidden_columns.split(",") if name.strip()]
        self.panel.set_look(look.sort, look.descending, hidden)
        self.scans.begin()

    def _open(self, paths: list[Path], only_queue: bool) -> None:
        if only_queue:
            self._desktop.bridge.enqueue(paths)
            words = self.tr("{} songs are in the queue").format(number_text(len(paths)))
            self._window.status.tell(self.tr("1 song is in the queue") if len(paths) == 1 else words)
        else:
            self._desktop.bridge.open(paths)

    # --- from menus and keys -----------------------------------------------------------------------

    def find_songs(self) -> None:
        """Bring the panel to the front, with the keys in its search."""
        self._show_library()
        self._window.open_panel("library")
        self.panel.search.selectAll()

    def show_similar(self) -> None:
        """List what sounds like the chosen song of the panel, or like the song that plays."""
        if self.panel.table.hasFocus() and self.panel.show_similar_to_chosen():
            return
        song = self._desktop.bridge.song
        if song is None:
            if not self.panel.show_similar_to_chosen():
                self._window.status.tell(self.tr("Choose a song first, or play one"))
            return
        self.keeper.find(song, partial(self._show_similar_to, song))

    def _show_similar_to(self, song: Path, song_id: object) -> None:
        self._show_library()
        self._window.open_panel("library")
        if isinstance(song_id, int):
            self.panel.show_similar(song_id)
        else:
            self._say_unknown(song)

    def _say_unknown(self, song: Path) -> None:
        words = self.tr("“{}” is not in the library: add its folder, then ask again")
        self._window.status.warn(words.format(song.stem))

    # --- places that sound like the loop -----------------------------------------------------------

    def _find_places(self, *, again: bool) -> None:
        """Look where the loop comes again in its song, or for what sounds like it in all songs."""
        song, span_s = self._desktop.bridge.song, self._desktop.loop.span_s
        if song is None or span_s is None:
            self._window.status.tell(self.tr("Drag over the waveforms first: that loop is looked for"))
        else:
            self.asker.ask(song, span_s, again=again)

    def _show_places(self, places: Places) -> None:
        self._window.open_panel("library")
        self._pages.setCurrentWidget(self.places)
        self._pages.setFocusProxy(self.places)
        self.places.show_places(places)
        self._window.order_tabs()

    def _show_library(self) -> None:
        """All songs again."""
        self.asker.forget()
        if self._pages.currentWidget() is not self.panel:
            self._pages.setCurrentWidget(self.panel)
            self._pages.setFocusProxy(self.panel)
            self._window.order_tabs()
            self.panel.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _play_place(self, place: Place) -> None:
        """Play from there: a loop that is on would call the play-head back, so it is switched off."""
        desktop, loop = self._desktop, self._desktop.loop
        if place.path is None:
            self._window.status.warn(self.tr("“{}” is no longer where it was").format(place.title))
            return
        if place.path != desktop.bridge.song:
            desktop.bridge.play_song(place.path, start_s=place.start_s)
            return
        if loop.enabled:
            desktop.edits.set_loop(loop.span_s, enabled=False)
        desktop.bridge.seek(place.start_s)
        if not desktop.bridge.tick.playing:
            desktop.bridge.toggle_play()

    def choose_folder(self) -> None:
        """Ask for a folder and take it into the library."""
        start = self._desktop.settings.current.library.folder or str(Path.home())
        dialog = QFileDialog(self._window, self.tr("Add a folder to the library"), start)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.filesSelected.connect(self._add)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _add(self, names: list[str]) -> None:
        folders = [Path(name) for name in names]
        if folders:
            self._desktop.settings.change("library", folder=str(folders[0].parent))
            self._window.open_panel("library")
            self.scans.scan(folders)

    def _look_for_changes(self) -> None:
        self._window.open_panel("library")
        self.scans.look_for_changes()

    # --- questions and lists -----------------------------------------------------------------------

    def _ask_to_remove(self, ids: list[int]) -> None:
        one = self.tr("Take this song out of the library?")
        many = self.tr("Take {} songs out of the library?").format(number_text(len(ids)))
        words = self.tr("The files stay where they are. What was heard of them is forgotten.")
        question = Question(one if len(ids) == 1 else many, words, self.tr("Take out"), self.panel)
        question.accepted.connect(lambda: self.keeper.remove(ids))
        question.open()

    def _show_failures(self, failures: list[tuple[Path, str]]) -> None:
        if self._problems is None:
            self._problems = MessagesDialog(self._window)
            self._problems.finished.connect(self._forget_problems)
        self._problems.add_problems(failures)
        self._problems.show()
        self._problems.raise_()

    def _forget_problems(self) -> None:
        if self._problems is not None:
            self._problems.deleteLater()
            self._problems = None

    # --- remembered --------------------------------------------------------------------------------

    def _remember_order(self, sort: str, descending: bool) -> None:
        self._desktop.settings.change("library", sort=sort, descending=descending)

    def _remember_columns(self, hidden: list[str]) -> None:
        self._desktop.settings.change("library", hidden_columns=",".join(hidden))

    def close(self) -> None:
        """Stop a scan, which goes on another day; close the library."""
        self.keeper.close()


def _show_file(path: object) -> None:
    if isinstance(path, Path):
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))
