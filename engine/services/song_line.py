"""The songs in line, for whoever fills the queue: added, cancelled, tried again, taken out.

The thread-safe face of `SongJobs`: calls from any thread take playback's lock, which the supervisor holds
while it polls the worker.
"""

import threading
from pathlib import Path

from engine.services.song_job import SongJob
from engine.services.song_jobs import SongJobs
from engine.services.worker import SeparationWorker


class SongLine:
    """The queue of a playback.

    Parameters
    ----------
    worker : SeparationWorker
    lock : RLock
        Playback's own.
    wanted : Event
        Set when there is something to do.

    Attributes
    ----------
    work : SongJobs
        For the supervisor, under the lock.
    loaded : Path or None
        The song that is loaded.
    failure : str or None
        Why it could not be opened or separated, in one line; None while all is well.
    """

    def __init__(self, worker: SeparationWorker, lock: threading.RLock, wanted: threading.Event) -> None:
        self._worker = worker
        self._lock = lock
        self._wanted = wanted
        self.work = SongJobs(worker)
        self.loaded: Path | None = None
        self.failure: str | None = None

    def enqueue(self, song: Path) -> None:
        """Separate a song after those that came before it."""
        with self._lock:
            self.work.add(song.absolute())
        self._wanted.set()

    def cancel(self, song: Path) -> None:
        """Stop separating a song, or never begin; what is finished of it is kept."""
        with self._lock:
            self.work.cancel(song.absolute())

    def retry(self, song: Path) -> None:
        """Put a song that failed or was cancelled back in line."""
        with self._lock:
            song = song.absolute()
            if song == self.loaded:
                self.failure = None
            self.work.retry(song)

    def remove(self, song: Path) -> None:
        """Take a song out of the line; the one that is loaded plays on."""
        with self._lock:
            self.work.remove(song.absolute())

    def set_stems_limit(self, limit_bytes: int) -> None:
        """Bound the disk space for the stems of all songs (> 0), from the next song on."""
        self._worker.stems_limit_bytes = limit_bytes

    def jobs(self) -> tuple[SongJob, ...]:
        """Every song in line and how far it is; waits for nothing."""
        return self.work.snapshot()
