"""The songs that were asked for, as rows: what the queue panel shows.

GUI thread. The bridge hands over the engine's snapshot four times a second; only rows that differ are
announced, so that a queue of a thousand songs costs nothing while one of them is separated.
"""

import math
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from app.jobs import JobPool, Task
from engine.services.song_job import JobState, SongJob

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class QueueRole(IntEnum):
    """What a row tells besides its title (DisplayRole) and its whole story (ToolTipRole)."""

    JOB = Qt.ItemDataRole.UserRole + 1
    PATH = JOB + 1
    DETAIL = JOB + 2
    """The second line."""
    TONE = JOB + 3
    """"", "warning" or "error": the colour of the second line."""
    PART = JOB + 4
    """Finished part, 0 to 1, while it is separated; None otherwise."""
    CURRENT = JOB + 5
    """Whether it is the song that plays."""


class QueueModel(QAbstractListModel):
    """Rows of the queue.

    Parameters
    ----------
    pool : JobPool or None
        Reads titles from the songs' tags; without one, songs are called by their files.
    parent : QObject or None
    """

    def __init__(self, pool: JobPool | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = pool
        self._jobs: list[SongJob] = []
        self._titles: dict[Path, tuple[str, str]] = {}
        self._current: Path | None = None
        self._n_stems = 0

    # --- what Qt asks ------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Songs in the list."""
        return 0 if parent.isValid() else len(self._jobs)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A row's title, or one of `QueueRole`."""
        if not index.isValid() or index.row() >= len(self._jobs):
            return None
        read = self._READ.get(role)
        return None if read is None else read(self, self._jobs[index.row()])

    def _title(self, job: SongJob) -> str:
        plain = job.path.name if job.state is JobState.FAILED else job.path.stem
        return self._titles.get(job.path, (plain, ""))[0]

    def _detail(self, job: SongJob) -> str:
        if job.state is JobState.WAITING:
            return self.tr("waiting")
        if job.state is JobState.CANCELLED:
            return self.tr("cancelled")
        if job.state is JobState.FAILED:
            return without_path(job.message, job.path)
        if job.state is JobState.READY:
            if job.warnings:
                return without_path(job.warnings[0], job.path)
            return (
                self.tr("{} stems ready").format(self._n_stems) if self._n_stems else self.tr("stems ready")
            )
        return self._progress(job)

    def _progress(self, job: SongJob) -> str:
        if not job.segments_total:
            return self.tr("decoding")
        words = [self.tr("{} %").format(100 * job.segments_done // job.segments_total)]
        if job.speed is not None:
            words.append(speed_text(job.speed))
        if job.seconds_left is not None:
            words.append(self.tr("{} left").format(duration_text(job.seconds_left)))
        return "  ·  ".join(words)

    def _tone(self, job: SongJob) -> str:
        if job.state is JobState.FAILED:
            return "error"
        return "warning" if job.warnings and job.state is JobState.READY else ""

    def _part(self, job: SongJob) -> float | None:
        if job.state is not JobState.SEPARATING:
            return None
        return job.segments_done / job.segments_total if job.segments_total else 0.0

    def _story(self, job: SongJob) -> str:
        title, artist = self._titles.get(job.path, (job.path.stem, ""))
        lines = [title, artist, str(job.path), self._detail(job)]
        lines += [without_path(text, job.path) for text in job.warnings if job.state is not JobState.READY]
        return "\n".join(line for line in lines if line)

    def _spoken(self, job: SongJob) -> str:
        playing = self.tr("playing") if job.path == self._current else ""
        return ", ".join(text for text in (self._title(job), self._detail(job), playing) if text)

    _READ: dict[int, Callable[["QueueModel", SongJob], Any]] = {  # noqa: RUF012 (never changed)
        Qt.ItemDataRole.DisplayRole: _title,
        Qt.ItemDataRole.ToolTipRole: _story,
        Qt.ItemDataRole.AccessibleTextRole: _spoken,
        QueueRole.JOB: lambda self, job: job,
        QueueRole.PATH: lambda self, job: job.path,
        QueueRole.DETAIL: _detail,
        QueueRole.TONE: _tone,
        QueueRole.PART: _part,
        QueueRole.CURRENT: lambda self, job: job.path == self._current,
    }

    # --- what the window tells ---------------------------------------------------------------------

    def job(self, path: Path) -> SongJob | None:
        """The job of a song."""
        return next((job for job in self._jobs if job.path == path), None)

    def update(self, jobs: Sequence[SongJob]) -> None:
        """Show a newer snapshot; only what differs is announced."""
        wanted = {job.path for job in jobs}
        for row in reversed(range(len(self._jobs))):
            if self._jobs[row].path not in wanted:
                self.beginRemoveRows(_ROOT, row, row)
                del self._jobs[row]
                self.endRemoveRows()
        known = {job.path for job in self._jobs}
        fresh = [job.path for job in jobs if job.path not in known]
        row = 0
        while row < len(jobs):
            if jobs[row].path not in known:
                row = self._insert_run(row, jobs, known)
                continue
            self._bring(row, jobs[row].path)
            if self._jobs[row] != jobs[row]:
                self._jobs[row] = jobs[row]
                self._announce(row)
            row += 1
        if fresh and self._pool is not None:
            self._pool.start(partial(_read_titles, fresh)).found.connect(self._take_title)

    def _insert_run(self, row: int, jobs: Sequence[SongJob], known: set[Path]) -> int:
        """Insert the new songs that stand together from `row` on; returns the row after them."""
        end = row
        while end < len(jobs) and jobs[end].path not in known:
            end += 1
        self.beginInsertRows(_ROOT, row, end - 1)
        self._jobs[row:row] = jobs[row:end]
        self.endInsertRows()
        return end

    def _bring(self, row: int, path: Path) -> None:
        """Move a song up to its row."""
        if self._jobs[row].path == path:
            return
        before = next(i for i in range(row + 1, len(self._jobs)) if self._jobs[i].path == path)
        self.beginMoveRows(_ROOT, before, before, _ROOT, row)
        self._jobs.insert(row, self._jobs.pop(before))
        self.endMoveRows()

    def set_current(self, path: Path | None) -> None:
        """Mark the song that plays."""
        if path != self._current:
            before, self._current = self._current, path
            self._announce_song(before)
            self._announce_song(path)

    def set_title(self, path: Path, title: str, artist: str = "") -> None:
        """Call a song by what its tags say."""
        if title and self._titles.get(path) != (title, artist):
            self._titles[path] = (title, artist)
            self._announce_song(path)

    def set_n_stems(self, n_stems: int) -> None:
        """How many stems the model makes."""
        if n_stems != self._n_stems:
            self._n_stems = n_stems
            if self._jobs:
                self.dataChanged.emit(self.index(0), self.index(len(self._jobs) - 1))

    def _take_title(self, found: tuple[Path, str, str]) -> None:
        self.set_title(*found)

    def _announce_song(self, path: Path | None) -> None:
        for row, job in enumerate(self._jobs):
            if job.path == path:
                self._announce(row)

    def _announce(self, row: int) -> None:
        self.dataChanged.emit(self.index(row), self.index(row))


def without_path(message: str, path: Path) -> str:
    """A reason as a row can show it, where the song is named already."""
    return message.removeprefix(str(path)).lstrip(" :").removeprefix("is ")


def speed_text(speed: float) -> str:
    """Times real time: "31x", "1.1x"."""
    return f"{speed:.0f}x" if speed >= 10.0 else f"{speed:.1f}x"


def duration_text(seconds: float) -> str:
    """A duration that still runs: "2 s", "1:20", "1:02:03"."""
    whole = max(0, math.ceil(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _read_titles(paths: Sequence[Path], task: Task) -> None:
    """Read what songs are called; for `JobPool.start`."""
    from app.song_words import read_words

    for path in paths:
        words = read_words(path, None)
        task.post((path, words.title, words.artist))
