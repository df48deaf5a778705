"""The folders whose songs are in the library: what "look for changes" looks through.

Any thread. A scan writes them, whoever started it; one that was stopped leaves its folders unfinished,
so that the next look goes on with them.
"""

import os
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from engine.services.library import Library
from engine.services.library_schema import errors_in_words, open_database, transaction


@dataclass(frozen=True, slots=True)
class KnownFolder:
    """A folder that was scanned.

    Attributes
    ----------
    path : Path
    finished_s : float or None
        When a scan of it came to its end, in seconds since 1970; None when the last one did not.
    """

    path: Path
    finished_s: float | None


def known_folders(library: Library) -> list[KnownFolder]:
    """Every folder that was given to a scan, by path.

    Parameters
    ----------
    library : Library
    """
    with _open(library) as db:
        rows = db.execute("SELECT path, finished_s FROM folders ORDER BY path").fetchall()
    return [KnownFolder(Path(os.fsdecode(path)), finished_s) for path, finished_s in rows]


def begin_folders(library: Library, folders: Sequence[Path]) -> None:
    """Note that a scan of some folders begins; what is no folder is left out.

    Parameters
    ----------
    library : Library
    folders : sequence of Path
        Absolute.
    """
    values = [(os.fsencode(folder), time.time()) for folder in folders if folder.is_dir()]
    with _open(library) as db:
        db.executemany(
            "INSERT INTO folders VALUES (?, ?, NULL) ON CONFLICT (path) DO UPDATE SET finished_s = NULL",
            values,
        )


def finish_folders(library: Library, folders: Sequence[Path]) -> None:
    """Note that a scan of some folders came to its end.

    Parameters
    ----------
    library : Library
    folders : sequence of Path
        As given to `begin_folders`.
    """
    with _open(library) as db:
        db.executemany(
            "UPDATE folders SET finished_s = ? WHERE path = ?",
            [(time.time(), os.fsencode(folder)) for folder in folders],
        )


@contextmanager
def _open(library: Library) -> Generator[Connection]:
    """A connection for some statements that belong together."""
    with errors_in_words(library.file), closing(open_database(library.file)) as db, transaction(db):
        yield db
