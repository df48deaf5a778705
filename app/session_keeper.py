"""Sessions in the window: saved as a file, opened again, kept every few seconds, offered after a crash.

GUI thread; every file is read and written by a job. Built once the engine's rooms are imported.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog

from app.autosave import AutoSave
from app.bridge import Bridge
from app.jobs import Job, JobPool, Task
from app.recent import RecentSongs
from app.session import Session, States, load_session, restore_mix, save_session, take_session
from app.session_song import FoundSong, SongMissing, find_song
from app.window import Window
from app.write_behind import WriteBehind

FILE_FILTER = "*.charon"


class SessionKeeper(QObject):
    """The session of the window.

    Parameters
    ----------
    window : Window
        Parent of the dialogs, and where a lost session is offered.
    bridge : Bridge
    states : (MixerState, LoopState, TakeState)
    pool : JobPool
    recent : RecentSongs
    writer : WriteBehind

    Attributes
    ----------
    notice, failed : Signal(str)
    """

    notice = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        window: Window,
        bridge: Bridge,
        states: States,
        pool: JobPool,
        recent: RecentSongs,
        writer: WriteBehind,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._bridge = bridge
        self._states = states
        self._pool = pool
        self._recent = recent
        self._file: Path | None = None
        self._restoring: Session | None = None
        self._jobs: set[Job] = set()
        self._autosave = AutoSave(writer, self.snapshot, parent=self)
        bridge.song_opened.connect(self._finish_restoring)
        actions = window.actions_
        actions["save"].triggered.connect(self.save)
        actions["save_as"].triggered.connect(self.save_as)
        actions["open_session"].triggered.connect(self.choose)

    def begin(self) -> None:
        """Start to keep the session; offers the one of a Charon that did not end well."""
        self._start(lambda _task: self._autosave.begin(), self._begun)

    def _begun(self, left: object) -> None:
        self._autosave.start()
        if not isinstance(left, Session) or left.song is None or self._bridge.song is not None:
            return
        name = left.song.title or left.song.path.stem
        self._window.offers.offer(
            self.tr("Charon did not end well the last time. Go on with “{}” where you left off?").format(
                name
            ),
            (
                (self.tr("Go on"), lambda: self._find_song(left, self._autosave.file)),
                (self.tr("No"), lambda: None),
            ),
        )

    def end(self) -> None:
        """The window closes as it should."""
        self._autosave.end()

    def snapshot(self) -> Session | None:
        """What is open and mixed now; None while nothing is."""
        tick = self._bridge.tick
        if tick.song is None or self._restoring is not None:
            return None
        return take_session(tick, self._states, self._bridge.model, self._bridge.waiting_songs())

    # --- files -------------------------------------------------------------------------------------

    def save(self) -> None:
        """Save under the name it has, or ask for one."""
        if self._file is None:
            self.save_as()
        else:
            self._save(self._file)

    def save_as(self) -> None:
        """Ask for a name and save."""
        song = self._bridge.song
        if song is None:
            self.notice.emit(self.tr("There is nothing to save yet: open a song first"))
            return
        name = str(self._file or song.with_suffix(".charon"))
        dialog = QFileDialog(self._window, self.tr("Save session"), name)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("charon")
        dialog.selectFile(name)
        self._ask(dialog, self._save)

    def _ask(self, dialog: QFileDialog, then: Callable[[Path], None]) -> None:
        dialog.setNameFilter(self.tr("Sessions of Charon") + f" ({FILE_FILTER})")

        def chosen(names: list[str]) -> None:
            then(Path(names[0]))

        dialog.filesSelected.connect(chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _save(self, path: Path) -> None:
        session = self.snapshot()
        if session is not None:
            self._start(lambda _task: save_session(path, session), self._saved)

    def _saved(self, path: object) -> None:
        if isinstance(path, Path):
            self._file = path
            self.notice.emit(self.tr("Session saved as {}").format(path.name))

    def choose(self) -> None:
        """Ask for a session file and open it."""
        dialog = QFileDialog(self._window, self.tr("Open session"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._ask(dialog, self.open)

    def open(self, path: Path) -> None:
        """Open a session file: its song, mix and loop, paused where it was."""

        def loaded(session: object) -> None:
            if isinstance(session, Session):
                self._file = path
                self._find_song(session, path)

        self._start(lambda _task: load_session(path), loaded)

    # --- restoring ---------------------------------------------------------------------------------

    def _find_song(self, session: Session, file: Path) -> None:
        song = session.song
        if song is None:
            self.failed.emit(self.tr("{} names no song").format(file.name))
            return
        folders = tuple(dict.fromkeys(path.parent for path in self._recent.entries()))

        def look(_task: Task) -> FoundSong | SongMissing:
            try:
                return find_song(song, file, folders)
            except SongMissing as err:
                return err

        def found(where: object) -> None:
            if isinstance(where, FoundSong):
                self._restore(session, where)
            elif isinstance(where, SongMissing):
                choose = partial(self._choose_song, session)
                answers = ((self.tr("Choose the song…"), choose), (self.tr("Leave it"), lambda: None))
                self._window.offers.offer(str(where), answers)

        self._start(look, found)

    def _choose_song(self, session: Session) -> None:
        dialog = QFileDialog(self._window, self.tr("Where is the song now?"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)

        def chosen(names: list[str]) -> None:
            self._restore(session, FoundSong(Path(names[0]), ""))

        dialog.filesSelected.connect(chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _restore(self, session: Session, where: FoundSong) -> None:
        if where.note:
            self.notice.emit(where.note)
        if session.model and session.model != self._bridge.model:
            self._bridge.choose_model(session.model)
        self._restoring = session
        self._bridge.play_song(where.path, start_s=session.position_s, play=False)
        self._bridge.enqueue(session.queue)

    def _finish_restoring(self) -> None:
        """The song is open and its stems are in the mixer: set all of it as it was."""
        session, self._restoring = self._restoring, None
        if session is not None:
            restore_mix(session, self._states)

    def _start(self, work: Callable[[Task], object], then: Callable[[object], None]) -> None:
        job = self._pool.start(work)
        self._jobs.add(job)
        job.done.connect(then)
        job.failed.connect(self.failed)
        job.failed.connect(self._stop_restoring)
        job.ended.connect(lambda: self._jobs.discard(job))

    def _stop_restoring(self) -> None:
        self._restoring = None
