"""From what is dropped or chosen to songs that play: looked through on a job, the unreadable listed.

GUI thread; the first song that is found plays while the rest is still being looked through.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.bridge import Bridge
from app.jobs import Job, JobPool
from app.panels.messages import MessagesDialog
from app.recent import RecentSongs
from app.scan import Found, Unreadable, run_scan
from engine.io.sound_files import SUFFIXES

SESSION_SUFFIX = ".charon"


class Opening(QObject):
    """Opens songs, folders and sessions.

    Parameters
    ----------
    bridge : Bridge
    pool : JobPool
    recent : RecentSongs
    window : QWidget
        Parent of the dialogs.

    Attributes
    ----------
    session_wanted : Signal(Path)
        A session file was among what was dropped.
    notice : Signal(str)
    """

    session_wanted = Signal(object)
    notice = Signal(str)

    def __init__(self, bridge: Bridge, pool: JobPool, recent: RecentSongs, window: QWidget) -> None:
        super().__init__(window)
        self._bridge = bridge
        self._pool = pool
        self._recent = recent
        self._window = window
        self._problems: MessagesDialog | None = None
        self._jobs: set[Job] = set()
        self._folder = ""

    def open(self, paths: Iterable[Path], *, only_queue: bool = False) -> None:
        """Play the first song of some files and folders, put the others into the queue.

        Parameters
        ----------
        paths : iterable of Path
        only_queue : bool
            Put all of them into the queue.
        """
        paths = list(paths)
        sessions = [path for path in paths if path.suffix.casefold() == SESSION_SUFFIX]
        songs = [path for path in paths if path not in sessions]
        if sessions:
            self.session_wanted.emit(sessions[0])
        if not songs:
            return
        play_next = not only_queue and not sessions
        problems: list[tuple[Path, str]] = []

        def found(item: object) -> None:
            nonlocal play_next
            if isinstance(item, Found):
                if play_next:
                    play_next = False
                    self._bridge.play_song(item.path.absolute())
                else:
                    self._bridge.enqueue([item.path.absolute()])
            elif isinstance(item, Unreadable):
                problems.append((item.path, item.reason))

        def ended() -> None:
            if problems:
                self.show_problems(problems)

        self._start(partial(run_scan, songs), found, ended)

    def _start(
        self, work: Callable[..., object], found: Callable[[object], None], ended: Callable[[], None]
    ) -> None:
        job = self._pool.start(work)
        self._jobs.add(job)

        def finished() -> None:
            self._jobs.discard(job)
            ended()

        job.found.connect(found)
        job.failed.connect(self.notice)
        job.ended.connect(finished)

    def show_problems(self, problems: list[tuple[Path, str]]) -> None:
        """List what could not be opened; adds to the list that is open."""
        if self._problems is None:
            self._problems = MessagesDialog(self._window)
            self._problems.finished.connect(self._forget_problems)
        self._problems.add_problems(problems)
        self._problems.show()

    def _forget_problems(self) -> None:
        if self._problems is not None:
            self._problems.deleteLater()
            self._problems = None

    def choose_songs(self) -> None:
        """Ask for files."""
        dialog = self._dialog(self.tr("Open songs"), QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([_song_filter(self.tr("Songs")), self.tr("All files") + " (*)"])
        dialog.open()

    def choose_folder(self) -> None:
        """Ask for a folder."""
        self._dialog(self.tr("Open folder"), QFileDialog.FileMode.Directory).open()

    def _dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        dialog = QFileDialog(self._window, title, self._folder)
        dialog.setFileMode(mode)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, mode == QFileDialog.FileMode.Directory)
        dialog.filesSelected.connect(self._take_chosen)
        dialog.finished.connect(dialog.deleteLater)
        return dialog

    def _take_chosen(self, names: list[str]) -> None:
        paths = [Path(name) for name in names]
        if paths:
            self._folder = str(paths[0].parent)
            self.open(paths)


def _song_filter(title: str) -> str:
    patterns = " ".join(f"*{suffix}" for suffix in sorted(SUFFIXES))
    return f"{title} ({patterns} *{SESSION_SUFFIX})"
