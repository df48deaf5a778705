"""The session saved every few seconds, and offered again after an end that nobody wished for.

Each Charon that runs owns one numbered slot in the config folder: a kernel lock that dies with the
process, a marker that only a clean end removes, and the session as it was last. Marker without a lock
is a process that was killed or crashed.

`begin` and `end` touch files and belong on any thread; the timer lives on the GUI thread, and what it
gathers is written by `WriteBehind`.
"""

import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from app.paths import config_folder
from app.session import Session, SessionError, identify, load_session, to_json
from app.write_behind import WriteBehind, replace_file
from engine.io.file_lock import FileLock

_log = logging.getLogger(__name__)

EVERY_MS = 3000
N_SLOTS = 16
"""More windows than this at once are not saved; they say so in the log."""


class AutoSave(QObject):
    """Saves what is open and mixed, as long as there is something to save.

    Parameters
    ----------
    writer : WriteBehind
    snapshot : callable
        Gives the present session, or None while nothing is open. Called on the GUI thread.
    folder : Path or None
        None is the folder `sessions` beside the user's settings.
    """

    def __init__(
        self,
        writer: WriteBehind,
        snapshot: Callable[[], Session | None],
        folder: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._writer = writer
        self._snapshot = snapshot
        self._folder = folder or config_folder() / "sessions"
        self._lock: FileLock | None = None
        self._slot = 0
        self._last: Session | None = None
        self._identified: Session | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self.save)

    @property
    def file(self) -> Path:
        """The session file of this process."""
        return self._folder / f"running-{self._slot}.charon"

    @property
    def _marker(self) -> Path:
        return self._folder / f"running-{self._slot}.pid"

    def begin(self) -> Session | None:
        """Take a slot; the session of a Charon that ended uncleanly in it, if any.

        Slots that hold such a session are taken first, so that the first start after a crash offers it.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            left = self._take_slot()
            if self._lock is not None:
                replace_file(self._marker, f"{os.getpid()}\n".encode())
        except OSError as err:
            self._let_go()
            _log.warning("sessions are not saved: %s", err)
            return None
        return left

    def _take_slot(self) -> Session | None:
        slots = sorted(range(1, N_SLOTS + 1), key=lambda n: not (self._folder / f"running-{n}.pid").exists())
        for slot in slots:
            lock = FileLock(self._folder / f"running-{slot}.lock")
            if not lock.acquire():
                continue
            self._lock, self._slot = lock, slot
            if not self._marker.exists() or not self.file.exists():
                return None
            try:
                return load_session(self.file)
            except SessionError as err:
                _log.warning("the session before could not be read: %s", err)
                return None
        _log.warning("sessions are not saved: %d windows of Charon are open", N_SLOTS)
        return None

    def start(self) -> None:
        """Save every few seconds from now on."""
        if self._lock is not None:
            self._timer.start()

    def save(self) -> None:
        """Hand the present session to the writer, if it is not the one that was saved last."""
        session = self._snapshot() if self._lock is not None else None
        if session is None or session == self._last:
            return
        self._last = session
        self._writer.put(self.file, lambda: self._content(session))

    def _content(self, session: Session) -> bytes:
        """On the writer's thread: the song is identified once, which may mean to read all of it."""
        song = session.song
        if song is not None:
            known = self._identified.song if self._identified is not None else None
            if known is None or known.path != song.path or not known.sha256:
                self._identified = replace(session, song=identify(song))
                known = self._identified.song
            session = replace(session, song=known)
        return to_json(session, self.file.parent)

    def end(self) -> None:
        """End cleanly: leave nothing that looks like a crash. Safe to call twice."""
        self._timer.stop()
        if self._lock is None:
            return
        # What is on its way to the disk must not come after the file is gone.
        self._writer.flush()
        for path in (self._marker, self.file):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
