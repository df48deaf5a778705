"""Folders come into the library while the music plays: one scan at a time, told in words.

GUI thread; the scan runs in a job and its listening in processes of low priority. Whatever stops it, what
was heard so far is kept, and the next scan goes on from there.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLocale, QObject, Signal

from app.jobs import Job, JobPool, Task
from app.queue_model import duration_text
from engine.services.library import Library
from engine.services.library_folders import known_folders

if TYPE_CHECKING:
    from engine.services.library_scan import ScanProgress, ScanReport

N_PROCESSES = max(1, (os.cpu_count() or 2) - 1)
"""One core is left to whatever is heard and separated meanwhile."""

_ESTIMATE_AFTER_S = 3.0


class ScanState(Enum):
    """How it stands with the newest scan."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    UNFINISHED = "unfinished"
    """One of an earlier day did not come to its end."""


@dataclass(frozen=True, slots=True)
class ScanNews:
    """What is said of a scan.

    Parameters
    ----------
    state : ScanState
    text : str
        In one line.
    detail : str
        The file that is listened to; "" when there is none.
    part : float
        Finished part, 0 to 1, while it runs.
    n_failed : int
        Files that gave no song.
    """

    state: ScanState
    text: str
    detail: str = ""
    part: float = 0.0
    n_failed: int = 0


class LibraryScans(QObject):
    """Scans, one after the other.

    Parameters
    ----------
    library : callable
        Gives the library; called on a job's thread.
    pool : JobPool
    analyser : str or None
        What listens to songs, as `scan_folders` takes it; None is the engine's own.
    parent : QObject or None

    Attributes
    ----------
    told : Signal(ScanNews)
    grew : Signal()
        There may be songs that were not there before.
    """

    told = Signal(object)
    grew = Signal()

    def __init__(
        self,
        library: Callable[[], Library],
        pool: JobPool,
        analyser: str | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._pool = pool
        self._analyser = analyser
        self._waiting: deque[Path] = deque()
        self._job: Job | None = None
        self._stopped: tuple[Path, ...] = ()
        self._part = 0.0

    @property
    def running(self) -> bool:
        """Whether one goes on."""
        return self._job is not None

    def begin(self) -> None:
        """Say so if a scan of an earlier day was not finished."""
        self._pool.start(self._unfinished).done.connect(self._tell_unfinished)

    def _unfinished(self, _task: Task) -> tuple[Path, ...]:
        return tuple(f.path for f in known_folders(self._library()) if f.finished_s is None)

    def _tell_unfinished(self, folders: tuple[Path, ...]) -> None:
        if folders and not self.running:
            self._stopped = folders
            names = ", ".join(folder.name or str(folder) for folder in folders)
            self.told.emit(
                ScanNews(ScanState.UNFINISHED, self.tr("{} was not heard to its end").format(names))
            )

    def scan(self, folders: Iterable[Path]) -> None:
        """Take folders and files into the library; after what is being taken in, if anything is."""
        self._waiting.extend(dict.fromkeys(folder for folder in folders if folder not in self._waiting))
        self._go_on()

    def look_for_changes(self) -> None:
        """Look through every folder that was ever taken in."""
        if not self.running:
            self._pool.start(lambda _task: known_folders(self._library())).done.connect(self._scan_known)

    def _scan_known(self, folders: object) -> None:
        known = [folder.path for folder in folders] if isinstance(folders, list) else []
        if known:
            self.scan(known)
        else:
            self.told.emit(ScanNews(ScanState.DONE, self.tr("There is no folder to look through yet")))

    def go_on(self) -> None:
        """Take up what was stopped, or did not work."""
        self.scan(self._stopped)

    def cancel(self) -> None:
        """Stop; what was heard is kept."""
        self._waiting.clear()
        if self._job is not None:
            self._job.cancel()

    def _go_on(self) -> None:
        if self._job is not None or not self._waiting:
            return
        folders = tuple(self._waiting)
        self._waiting.clear()
        self._stopped = folders
        job = self._job = self._pool.start(partial(self._scan, folders))
        self.told.emit(ScanNews(ScanState.RUNNING, self.tr("Looking for songs")))
        job.found.connect(self._tell_progress)
        job.done.connect(self._tell_report)
        job.failed.connect(partial(self._tell_end, ScanState.FAILED))
        stopped = self.tr("Stopped. What was heard so far is kept")
        job.cancelled.connect(partial(self._tell_end, ScanState.STOPPED, stopped))
        job.ended.connect(self._end)

    def _tell_end(self, state: ScanState, text: str) -> None:
        self.told.emit(ScanNews(state, text))

    def _end(self) -> None:
        self._job = None
        self.grew.emit()
        self._go_on()

    def _scan(self, folders: tuple[Path, ...], task: Task) -> "ScanReport":
        # Here and not above: what spawns processes is loaded when somebody scans.
        from engine.services.library_process import ANALYSER
        from engine.services.library_scan import scan_folders

        progress = _Progress(task)
        return scan_folders(
            self._library(),
            folders,
            progress=progress.tell,
            processes=N_PROCESSES,
            analyser=self._analyser or ANALYSER,
        )

    def _tell_progress(self, news: object) -> None:
        if isinstance(news, ScanNews):
            self.told.emit(news)
            if news.part != self._part:
                self._part = news.part
                self.grew.emit()

    def _tell_report(self, report: "ScanReport") -> None:
        self._stopped = ()
        self.told.emit(ScanNews(ScanState.DONE, self._words(report), n_failed=len(report.failed)))

    def _words(self, report: "ScanReport") -> str:
        counts = (
            (report.added, self.tr("{} new")),
            (report.changed, self.tr("{} changed")),
            (report.moved, self.tr("{} moved")),
            (report.copies, self.tr("{} more copies")),
            (report.missing, self.tr("{} gone")),
            (len(report.failed), self.tr("{} unreadable")),
        )
        told = [words.format(number_text(count)) for count, words in counts if count]
        if told:
            return "  ·  ".join(told)
        if report.found:
            return self.tr("Nothing new: {} songs are known").format(number_text(report.found))
        return self.tr("There are no sound files there")


class _Progress:
    """Turns what a scan tells into words; on its thread."""

    LEAST_PAUSE_S = 0.1

    def __init__(self, task: Task) -> None:
        self._task = task
        self._listening_since_s: float | None = None
        self._told_s = 0.0
        self._told: ScanNews | None = None
        self._name = ""

    def tell(self, now: "ScanProgress") -> None:
        """Say how far it is, some times a second; also where it is cancelled."""
        self._task.check()
        time_s = time.monotonic()
        if now.total and self._listening_since_s is None:
            self._listening_since_s = time_s
        if time_s - self._told_s >= self.LEAST_PAUSE_S or now.done == now.total > 0:
            self._told_s = time_s
            news = self._news(now, time_s)
            if news != self._told:
                self._told = news
                self._task.post(news)

    def _news(self, now: "ScanProgress", time_s: float) -> ScanNews:
        if not now.total or self._listening_since_s is None:
            words = _tr("Looking for songs  ·  {} found").format(number_text(now.found))
            return ScanNews(ScanState.RUNNING, words)
        words = [_tr("{} of {}").format(number_text(now.done), number_text(now.total))]
        spent_s = time_s - self._listening_since_s
        if not now.done:
            words.append(_tr("getting ready"))
        elif now.done < now.total and spent_s > _ESTIMATE_AFTER_S:
            left_s = spent_s / now.done * (now.total - now.done)
            words.append(_tr("{} left").format(duration_text(left_s)))
        if now.path is not None:
            self._name = now.path.name
        return ScanNews(ScanState.RUNNING, "  ·  ".join(words), self._name, now.done / now.total)


def number_text(number: int) -> str:
    """A count as the user's language groups it: "1,234"."""
    return QLocale().toString(number)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryScans", text)
