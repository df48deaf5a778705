"""The log: configured once for a process, here; everyone else only asks for a logger.

A file is appended to, and set aside as `.1` at the start of a process once it is over 1 MB: renaming
it in mid-run would take it from under a second Charon. A folder that cannot be written costs the log,
never the command.
"""

import contextlib
import logging
import sys
from pathlib import Path

from app.paths import log_folder

LIMIT_BYTES = 1_000_000
_FORMAT = "%(asctime)s %(levelname)s %(processName)s %(name)s: %(message)s"


def log_file() -> Path:
    """Path of the log of this user."""
    return log_folder() / "charon.log"


def configure(*, debug: bool = False) -> None:
    """Send the log of this process to its file, and to standard error when debugging.

    Parameters
    ----------
    debug : bool
        Log everything that `app` and `engine` have to say instead of what is notable.
    """
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    # With no handler at all, Python would print every warning of every library to the terminal.
    _add(logging.NullHandler())
    for name in ("app", "engine"):
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.INFO)
    path = log_file()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        # Opened now, so that a folder that cannot be written is met here and not at the first message.
        _add(logging.FileHandler(path, encoding="utf-8"))
    if debug:
        _add(logging.StreamHandler(sys.stderr))


def _add(handler: logging.Handler) -> None:
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.getLogger().addHandler(handler)
