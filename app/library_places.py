"""Where a loop of the song that plays comes again, and what else in the library sounds like it.

GUI thread; the library is asked by a job on the library's own threads. Of several questions only the
newest is answered.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.jobs import Job, JobPool, Task
from engine.services.library import Library
from engine.services.library_records import Song

N_PLACES = 50
TYPICAL_DISTANCE = 1.4
"""Between stretches of two songs that have nothing to do with each other."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a song that sounds like the loop.

    Parameters
    ----------
    title : str
        Of the song.
    path : Path or None
        Where its file lies; None when it is gone.
    start_s, stop_s : float
    closeness : float, 0 to 1
    """

    title: str
    path: Path | None
    start_s: float
    stop_s: float
    closeness: float


@dataclass(frozen=True, slots=True)
class Places:
    """What was found.

    Parameters
    ----------
    title : str
        Of the song that the loop is in.
    span_s : (float, float)
        Start and stop of the loop.
    again : bool
        The same music again in this song; else whatever sounds like it, in all songs.
    found : tuple of Place
    """

    title: str
    span_s: tuple[float, float]
    again: bool
    found: tuple[Place, ...]


class LibraryPlaces(QObject):
    """Asks the library for places.

    Parameters
    ----------
    library : callable
        Gives the library; called on a job's thread.
    pool : JobPool
    parent : QObject or None

    Attributes
    ----------
    told : Signal(Places)
    unknown : Signal(Path)
        The library does not have this song.
    failed : Signal(str)
        The loop cannot be compared, in one line.
    """

    told = Signal(object)
    unknown = Signal(object)
    failed = Signal(str)

    def __init__(self, library: Callable[[], Library], pool: JobPool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._pool = pool
        self._newest: Job | None = None

    def ask(self, song: Path, span_s: tuple[float, float], *, again: bool) -> None:
        """Look for places; one of the signals follows.

        Parameters
        ----------
        song : Path
        span_s : (float, float)
            Start and stop of the loop.
        again : bool
            As `Places.again`.
        """
        self.forget()
        job = self._newest = self._pool.start(partial(self._find, song, span_s, again))
        job.done.connect(partial(self._take, job, song))
        job.failed.connect(partial(self._fail, job))

    def forget(self) -> None:
        """Nobody wants the answer any more."""
        self._newest = None

    def _find(self, path: Path, span_s: tuple[float, float], again: bool, _task: Task) -> Places | None:
        # Here and not above: its kernels are loaded when somebody asks for them.
        from engine.services.segment_search import find_again, more_like_this

        library = self._library()
        song_id = library.id_at(path)
        if song_id is None:
            return None
        start_s, stop_s = span_s
        if again:
            segments = find_again(library, song_id, (start_s, stop_s - start_s))
        else:
            segments = more_like_this(library, song_id, (start_s, stop_s - start_s), N_PLACES)
        ids = list(dict.fromkeys([song_id, *(one.song_id for one in segments)]))
        songs = {song.song_id: song for song in library.songs_of(ids)}
        lies_at = {number: _lies_at(song) for number, song in songs.items()}
        # Whoever plays a song by one of its places wants to stay with that one.
        lies_at[song_id] = path
        found = (
            Place(
                title=songs[one.song_id].title,
                path=lies_at[one.song_id],
                start_s=one.start_s,
                stop_s=one.stop_s,
                closeness=max(0.0, 1.0 - one.distance / TYPICAL_DISTANCE),
            )
            for one in segments
            if one.song_id in songs  # not taken out meanwhile
        )
        return Places(songs[song_id].title, span_s, again, tuple(found))

    def _take(self, job: Job, song: Path, places: object) -> None:
        if job is not self._newest:
            return
        if isinstance(places, Places):
            self.told.emit(places)
        else:
            self.unknown.emit(song)

    def _fail(self, job: Job, reason: str) -> None:
        if job is self._newest:
            self.failed.emit(reason)


def _lies_at(song: Song) -> Path | None:
    return next((path for path in song.paths if os.path.isfile(path)), None)
