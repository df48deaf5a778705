"""Small files written off the GUI thread, each replaced whole.

One thread of its own. It exists because settings, the recent songs and the session are saved while
somebody plays: a disk that sleeps or a network home must never hold the window up, and a power cut
must leave the old file or the new one, never half of either.
"""

import contextlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

_log = logging.getLogger(__name__)

REPLACE_TRIES = 5
"""On Windows a virus scanner may hold a file for some milliseconds; 5 tries wait 0.3 s in all."""

SETTLE_S = 0.25
"""A fader that is dragged changes a setting sixty times a second; one write in this time is enough."""


def replace_file(path: Path, data: bytes) -> None:
    """Give `path` this content, in one step.

    Parameters
    ----------
    path : Path
        Its folder is created when missing.
    data : bytes
        All of the new content.

    Raises
    ------
    OSError
        The folder cannot be written or the disk is full; the old file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _replace(part: Path, path: Path) -> None:
    for attempt in range(REPLACE_TRIES):
        try:
            part.replace(path)
        except PermissionError:
            if attempt == REPLACE_TRIES - 1:
                raise
            time.sleep(0.02 * 2**attempt)
        else:
            return


class WriteBehind:
    """Writes files in the background; of several contents for one file only the newest is written.

    Parameters
    ----------
    on_error : callable
        Given one line when a file cannot be written, once until it can be again. Called on this
        object's thread.
    """

    def __init__(self, on_error: Callable[[str], None] = _log.warning) -> None:
        self._on_error = on_error
        self._changed = threading.Condition()
        self._waiting: dict[Path, Callable[[], bytes]] = {}
        self._busy = False
        self._hurry = False
        self._closed = False
        self._refused: set[Path] = set()
        self._thread = threading.Thread(target=self._run, name="write-behind", daemon=True)
        self._thread.start()

    def put(self, path: Path, make: Callable[[], bytes]) -> None:
        """Write a file soon.

        Parameters
        ----------
        path : Path
        make : callable
            Gives the content; called on this object's thread, so it may read files itself.
        """
        with self._changed:
            if self._closed:
                _log.warning("%s was not written: Charon is closing", path)
                return
            self._waiting[path] = make
            self._changed.notify_all()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until all that was put so far is on disk; False when that took too long."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout_s)

    def close(self) -> None:
        """Write what waits and end; safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(5.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                if not self._waiting:
                    self._hurry = False
                self._changed.wait_for(lambda: self._waiting or self._closed)
                self._changed.wait_for(lambda: self._hurry or self._closed, SETTLE_S)
                if not self._waiting:
                    return
                path = next(iter(self._waiting))
                make = self._waiting.pop(path)
                self._busy = True
            self._write(path, make)

    def _write(self, path: Path, make: Callable[[], bytes]) -> None:
        try:
            replace_file(path, make())
        except OSError as err:
            if path not in self._refused:
                self._refused.add(path)
                self._on_error(f"{path} cannot be written: {err.strerror or err}")
        except Exception:  # noqa: BLE001 (one content that cannot be made must not end the thread for all)
            _log.exception("%s was not written", path)
        else:
            self._refused.discard(path)
