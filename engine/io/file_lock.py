"""A lock that one process holds on a file and that the operating system drops when it dies.

Any thread. It exists because a song's store has one writer at a time, and because a writer killed
with -9 must not leave the song locked: a file that merely exists would, a kernel lock does not.
"""

import os
import sys
from pathlib import Path
from typing import BinaryIO


class FileLock:
    """Exclusive advisory lock on one file.

    Parameters
    ----------
    path : Path
        Created when missing, never removed: removing a lock file lets two processes lock two
        files of the same name.

    Notes
    -----
    The lock belongs to this object: a second `FileLock` on the same path is refused in the same
    process too. Child processes do not inherit it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free; True when this object holds it afterwards.

        Raises
        ------
        OSError
            The file cannot be created or opened.
        """
        if self._file is not None:
            return True
        # Python opens files so that child processes do not inherit them.
        file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644), "rb+")
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let go; without effect when not held."""
        if self._file is not None:
            self._file.close()
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
