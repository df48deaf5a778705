"""The library's tables, how they came to be, and how they are opened.

Any thread, each with a connection of its own. Written ahead (WAL), so that the window reads while a
scan writes, and so that a process killed in mid-write leaves what was committed before. A data base
of an older Charon is brought up to date step by step, one of a newer Charon is left alone.
"""

import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import LibraryError

BUSY_MS = 10_000
"""How long to wait for another process that writes; its transactions take milliseconds."""

_FULL_BYTES = 1 << 20
"""An input/output error with less room than this is a full disk by another name."""

MIGRATIONS = (
    # 1: songs by content, the places where they lie, their tags, analyses and segments.
    # Paths are bytes as the file system has them, because not all of them are text. A path points to no
    # song when its file could not be read: `failure` says why, and it is not tried again until it changes.
    """
    CREATE TABLE songs (
        id INTEGER PRIMARY KEY,
        content_hash TEXT NOT NULL UNIQUE CHECK (length(content_hash) = 64),
        title TEXT NOT NULL,
        artist TEXT NOT NULL DEFAULT '',
        album TEXT NOT NULL DEFAULT '',
        duration_s REAL NOT NULL CHECK (duration_s >= 0 AND duration_s < 1e9),
        rate_hz INTEGER NOT NULL,
        channels INTEGER NOT NULL,
        added_s REAL NOT NULL
    );
    CREATE TABLE paths (
        path BLOB PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        song_id INTEGER REFERENCES songs (id) ON DELETE CASCADE,
        failure TEXT,
        version INTEGER NOT NULL,
        CHECK ((song_id IS NULL) = (failure IS NOT NULL))
    ) WITHOUT ROWID;
    CREATE INDEX paths_of_song ON paths (song_id);
    CREATE TABLE tags (
        song_id INTEGER NOT NULL REFERENCES songs (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (song_id, name)
    ) WITHOUT ROWID;
    CREATE TABLE analyses (
        song_id INTEGER NOT NULL REFERENCES songs (id) ON DELETE CASCADE,
        source TEXT NOT NULL,
        version INTEGER NOT NULL,
        tempo_bpm REAL CHECK (tempo_bpm > 0 AND tempo_bpm < 1e4),
        key TEXT,
        lufs REAL CHECK (lufs > -1e3 AND lufs < 1e3),
        fingerprint BLOB NOT NULL CHECK (length(fingerprint) > 0 AND length(fingerprint) % 4 = 0),
        measures TEXT NOT NULL CHECK (json_valid(measures)),
        PRIMARY KEY (song_id, source)
    );
    CREATE TABLE segments (
        song_id INTEGER NOT NULL,
        source TEXT NOT NULL,
        start_s REAL NOT NULL CHECK (start_s >= 0),
        stop_s REAL NOT NULL CHECK (stop_s > start_s AND stop_s < 1e9),
        features BLOB NOT NULL CHECK (length(features) > 0 AND length(features) % 4 = 0),
        PRIMARY KEY (song_id, source, start_s, stop_s),
        FOREIGN KEY (song_id, source) REFERENCES analyses (song_id, source) ON DELETE CASCADE
    ) WITHOUT ROWID;
    """,
    # 2: the folders that were scanned, so that they can be looked through again; `finished_s` is when a
    # scan of one came to its end, NULL while none has.
    """
    CREATE TABLE folders (
        path BLOB PRIMARY KEY,
        added_s REAL NOT NULL,
        finished_s REAL
    ) WITHOUT ROWID;
    """,
    # 3: a portrait with every analysis, and the moments of a song or stem in one piece, from which segments
    # of any length are made: a row a segment was slow to write and tied them to one length. The old
    # table was never filled.
    """
    ALTER TABLE analyses ADD COLUMN portrait BLOB CHECK (length(portrait) > 0 AND length(portrait) % 4 = 0);
    DROP TABLE segments;
    CREATE TABLE segments (
        song_id INTEGER NOT NULL,
        source TEXT NOT NULL,
        dimensions INTEGER NOT NULL CHECK (dimensions > 0),
        moments BLOB NOT NULL
            CHECK (length(moments) > 0 AND length(moments) % (2 * dimensions) = 0),
        PRIMARY KEY (song_id, source),
        FOREIGN KEY (song_id, source) REFERENCES analyses (song_id, source) ON DELETE CASCADE
    );
    """,
)
"""Script n brings a data base of version n to version n + 1; scripts are added, never changed."""

SCHEMA_VERSION = len(MIGRATIONS)


def open_database(file: Path) -> sqlite3.Connection:
    """Open the library's data base, made or brought up to date when needed.

    Parameters
    ----------
    file : Path
        Its folder is made when missing. Two files of SQLite's own (-wal, -shm) lie beside it while in use.

    Returns
    -------
    sqlite3.Connection
        In autocommit: `transaction` begins and ends what belongs together.

    Raises
    ------
    LibraryError
        The folder or file cannot be used, is damaged, or comes from a newer Charon.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        reason = (err.strerror or str(err)).lower()
        raise LibraryError(f"the library's folder {file.parent} cannot be made: {reason}") from err
    with errors_in_words(file):
        connection = sqlite3.connect(
            file, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, file)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_mode = WAL")
    # A process that dies loses nothing; a power cut may cost the newest commits, never the rest.
    connection.execute("PRAGMA synchronous = NORMAL")
    if _version(connection) == SCHEMA_VERSION:
        return
    with transaction(connection):
        version = _version(connection)  # another process may have been first
        if version > SCHEMA_VERSION:
            raise LibraryError(
                f"the library {file} was made by a newer Charon (version {version}, this one knows "
                f"{SCHEMA_VERSION}): use that one, or name another folder by CHARON_HOME"
            )
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Everything in the block is written, or nothing is.

    Parameters
    ----------
    connection : sqlite3.Connection
        From `open_database`, used by this thread.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def errors_in_words(file: Path) -> Generator[None]:
    """Turn what SQLite raises in the block into one line.

    Parameters
    ----------
    file : Path
        The data base.

    Raises
    ------
    LibraryError
        For every error of SQLite.
    """
    try:
        yield
    except sqlite3.Error as err:
        raise LibraryError(_words(file, err)) from err


def _words(file: Path, err: sqlite3.Error) -> str:
    code = getattr(err, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    # Its files beside the data base cannot even be made on a full disk.
    cannot = primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
    if primary == sqlite3.SQLITE_FULL or (cannot and _is_full(file)):
        return (
            f"the disk of the library {file} is full: free some space and do it again, "
            "what was written before is kept"
        )
    if primary == sqlite3.SQLITE_BUSY:
        return f"the library {file} is in use by another Charon for over {BUSY_MS // 1000} s: try again later"
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return f"the library {file} is damaged ({err}): move it away, then add your folders again"
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return f"the library {file} cannot be opened for writing ({err}): check its folder's permissions"
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return f"the library {file} has no song that this belongs to ({err}): it was removed meanwhile"
    return f"the library {file} cannot be used: {err}"


def _is_full(file: Path) -> bool:
    try:
        return shutil.disk_usage(file.parent).free < _FULL_BYTES
    except OSError:
        return False
