"""The library behind the window: what the panel wants to see is asked of the data base by jobs.

GUI thread; the data base is opened, read and written on the threads of a pool of its own, so that a
scan of an hour never stands before a letter that is typed into the search. Of several questions that
come while one is being answered, only the newest is asked.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs import Job, JobPool, Task
from app.library_columns import MATCH
from app.library_model import LibraryModel, LibraryRow
from app.library_steps import Step, steps_between
from engine.services.library import Library
from engine.services.library_records import WHOLE_SONG, Overview, Song
from engine.units import I64

N_SIMILAR = 200
MOST_OPENED = 1000
LEAST_PAUSE_MS = 1000

TYPICAL_DISTANCE = 6.0**0.5
"""Two songs that have nothing to do with each other: three parts of `similar_songs`, sqrt(2) apart each."""


@dataclass(frozen=True, slots=True)
class Query:
    """What the panel wants to see.

    Parameters
    ----------
    search : str
    sort : str
        One of the library's SORT_KEYS, or MATCH while there is `like`.
    descending : bool
    like : int or None
        Only songs that sound like this one.
    source : str
        By what they are compared: the whole song or a stem.
    """

    search: str = ""
    sort: str = "title"
    descending: bool = False
    like: int | None = None
    source: str = WHOLE_SONG


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is to see.

    Parameters
    ----------
    query : Query
        That this answers.
    ids : int64 array, shape (songs,)
    steps : tuple of Step, or None
        From what was listed before.
    closeness : mapping of int to float
        By song, 0 to 1; empty without `query.like`.
    overview : Overview
        Of the whole library.
    liked : Song or None
        The song of `query.like`.
    sources : tuple of str
        By what it can be compared.
    """

    query: Query
    ids: I64
    steps: tuple[Step, ...] | None
    closeness: Mapping[int, float]
    overview: Overview
    liked: Song | None = None
    sources: tuple[str, ...] = ()


class LibraryKeeper(QObject):
    """Asks the library, and tells the panel.

    Parameters
    ----------
    file : Path
        The data base.
    model : LibraryModel
        Filled with what is listed.
    pool : JobPool
        Its threads are the library's own.
    parent : QObject or None

    Attributes
    ----------
    listed : Signal(Listing)
    troubled : Signal(str)
        The library cannot be read, in one line; `refresh` tries again.
    failed : Signal(str)
        Something else did not work.
    opened : Signal(list of Path, bool)
        Songs to play, or only to put into the queue (True).
    failures_read : Signal(list of (Path, str))
        Files that give no song, and why.
    """

    listed = Signal(object)
    troubled = Signal(str)
    failed = Signal(str)
    opened = Signal(list, bool)
    failures_read = Signal(object)

    def __init__(self, file: Path, model: LibraryModel, pool: JobPool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = file
        self._model = model
        self._pool = pool
        self._lock = threading.Lock()
        self._library: Library | None = None
        self.query = Query()
        self._shown: Query | None = None
        self._asking = False
        self._again = False
        self._asked_s = 0.0
        self._pause_ms = LEAST_PAUSE_MS
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.refresh)
        model.rows_wanted.connect(self._read_rows)

    def library(self) -> Library:
        """The library, opened when it is first needed; on the thread of a job.

        Raises
        ------
        LibraryError
        """
        with self._lock:
            if self._library is None:
                self._library = Library(self._file)
            return self._library

    def close(self) -> None:
        """End all jobs, then close the library; safe to call twice."""
        self._pool.close()
        if self._library is not None:
            self._library.close()
            self._library = None

    # --- what is listed ----------------------------------------------------------------------------

    def look(self, query: Query) -> None:
        """Show something else; `listed` follows."""
        if query.like is None and query.sort == MATCH:
            query = replace(query, sort="title")
        self.query = query
        self.refresh()

    def refresh(self) -> None:
        """Look again at what is listed: songs may have come, gone or been measured."""
        if self._asking:
            self._again = True
            return
        self._asking, self._again = True, False
        self._soon.stop()
        self._asked_s = time.monotonic()
        same_order = self._shown is not None and self._shown == self.query
        before = self._model.ids if same_order else None
        job = self._start(partial(self._list, self.query, before))
        job.done.connect(self._take_listing)
        job.failed.connect(self._trouble)
        job.ended.connect(self._end_listing)

    def _list(self, query: Query, before: I64 | None, _task: Task) -> Listing:
        library = self.library()
        if query.like is None:
            ids = library.song_ids(query.search, sort=query.sort, descending=query.descending)
            return Listing(query, ids, _steps(before, ids), {}, library.overview())
        liked = next(iter(library.songs_of([query.like])), None)
        if liked is None:  # taken out of the library meanwhile
            return self._list(replace(query, like=None, sort="title"), None, _task)
        sources = library.sources(query.like)
        if query.source not in sources:
            query = replace(query, source=WHOLE_SONG)
        closeness = _closeness(library, query)
        near = np.fromiter(closeness, np.int64)
        if query.sort == MATCH:
            ids = near[::-1] if query.descending else near
            if query.search:
                ids = ids[np.isin(ids, library.song_ids(query.search))]
        else:
            ids = library.song_ids(query.search, sort=query.sort, descending=query.descending)
            ids = ids[np.isin(ids, near)]
        return Listing(query, ids, _steps(before, ids), closeness, library.overview(), liked, sources)

    def _take_listing(self, listing: object) -> None:
        if not isinstance(listing, Listing):
            return
        if self._again and listing.query != self.query:
            return  # nobody wants to see this any more
        self.query = self._shown = listing.query
        self._model.set_songs(listing.ids, listing.steps, listing.closeness)
        self.listed.emit(listing)

    def _trouble(self, reason: str) -> None:
        self._shown = None
        if self.query.like is None:
            self.troubled.emit(reason)
        else:
            # The song may have no newest analysis; the library itself may be whole.
            self.failed.emit(reason)
            self.look(replace(self.query, like=None))

    def refresh_soon(self) -> None:
        """Look again in a while: told of every song that a scan adds, it takes a tenth of a core at most."""
        if not self._soon.isActive():
            self._soon.start(self._pause_ms)

    def _end_listing(self) -> None:
        self._asking = False
        took_ms = 1000 * (time.monotonic() - self._asked_s)
        self._pause_ms = max(LEAST_PAUSE_MS, round(10 * took_ms))
        if self._again:
            self.refresh()

    # --- rows --------------------------------------------------------------------------------------

    def _read_rows(self, ids: list[int]) -> None:
        job = self._start(partial(self._rows_of, ids))
        job.done.connect(partial(self._model.put_rows, ids))
        job.failed.connect(self._model.give_up_rows)
        job.cancelled.connect(self._model.give_up_rows)

    def _rows_of(self, ids: Sequence[int], _task: Task) -> list[LibraryRow]:
        return [LibraryRow(song, _lies_at(song)) for song in self.library().songs_of(ids)]

    # --- what the user does with songs -------------------------------------------------------------

    def open_songs(self, ids: Sequence[int], *, only_queue: bool = False) -> None:
        """Look where songs lie, to play the first and queue the others; `opened` follows.

        Parameters
        ----------
        ids : sequence of int
        only_queue : bool
        """
        job = self._start(partial(self._rows_of, list(ids)[:MOST_OPENED]))
        job.done.connect(partial(self._open_rows, only_queue))
        job.failed.connect(self.failed)

    def _open_rows(self, only_queue: bool, rows: list[LibraryRow]) -> None:
        paths = [row.path for row in rows if row.path is not None]
        gone = [row.song for row in rows if row.path is None]
        if paths:
            self.opened.emit(paths, only_queue)
        if len(gone) == 1:
            where = gone[0].paths[0] if gone[0].paths else self.tr("any place that Charon knows")
            words = self.tr("“{}” is no longer at {}: add the folder that it moved to")
            self.failed.emit(words.format(gone[0].title, where))
        elif gone:
            self.failed.emit(self.tr("{} songs are no longer where they were").format(len(gone)))

    def remove(self, ids: Sequence[int]) -> None:
        """Take songs out of the library; their files stay."""
        self._change(partial(_remove, list(ids)))

    def _change(self, change: Callable[[Library], object]) -> None:
        job = self._start(lambda _task: change(self.library()))
        job.failed.connect(self.failed)
        job.ended.connect(self.refresh)

    def find(self, path: Path, found: Callable[[int | None], None]) -> None:
        """Look up a file's song.

        Parameters
        ----------
        path : Path
        found : callable
            Told its number, or None when the library does not have it.
        """
        job = self._start(lambda _task: self.library().id_at(path))
        job.done.connect(found)
        job.failed.connect(self.failed)

    def read_failures(self) -> None:
        """Read which files give no song; `failures_read` follows."""
        job = self._start(lambda _task: self.library().failures())
        job.done.connect(self.failures_read)
        job.failed.connect(self.failed)

    def _start(self, work: Callable[[Task], object]) -> Job:
        return self._pool.start(work)


def _steps(before: I64 | None, after: I64) -> tuple[Step, ...] | None:
    return None if before is None else steps_between(before, after)


def _closeness(library: Library, query: Query) -> dict[int, float]:
    """The nearest songs, nearest first, and how near: 1 the same sound, 0 nothing in common."""
    # Here and not above: its kernels are loaded when somebody asks for them.
    from engine.services.song_similarity import similar_songs

    if query.like is None:
        return {}
    found = similar_songs(library, query.like, N_SIMILAR, source=query.source)
    return {item.song.song_id: max(0.0, 1.0 - item.distance / TYPICAL_DISTANCE) for item in found}


def _lies_at(song: Song) -> Path | None:
    return next((path for path in song.paths if os.path.isfile(path)), None)


def _remove(ids: Sequence[int], library: Library) -> None:
    for song_id in ids:
        library.remove(song_id)
