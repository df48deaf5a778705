"""The library: which songs there are, where they lie, what they are called, how they sound.

Any thread of any process: every thread gets a connection of its own, readers never wait for a writer,
and every change is one transaction, so that a kill between two leaves whole songs. A song is its
content, not its path: it may lie in several places, and keeps its analysis when it is moved.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from engine.errors import LibraryError
from engine.io.home import Home
from engine.services.library_listing import SONGS, SONGS_FROM, casefold, escaped, listing
from engine.services.library_records import (
    WHOLE_SONG,
    AnalysisRecord,
    FileState,
    Overview,
    Song,
    SongRecord,
)
from engine.services.library_rows import id_of, point, put_analysis
from engine.services.library_schema import errors_in_words, open_database, transaction
from engine.units import I64

LIBRARY_FILE = "library.db"


def library_file(home: Home) -> Path:
    """The data base of one user's library.

    Parameters
    ----------
    home : Home
    """
    return home.root / LIBRARY_FILE


class Library:
    """The songs of one data base.

    Parameters
    ----------
    file : Path
        The data base; made when missing.

    Raises
    ------
    LibraryError
        By every method too: the data base cannot be used, or the disk is full.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._connection()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_database(self.file)
            connection.create_function("casefold", 1, casefold, deterministic=True)
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection

    def close(self) -> None:
        """Close the connections of all threads; none may be using its own."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        self._local = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _write(self) -> Generator[sqlite3.Connection]:
        with errors_in_words(self.file):
            connection = self._connection()
            with transaction(connection):
                yield connection

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with errors_in_words(self.file):
            return self._connection().execute(query, values).fetchall()

    # -- what a scan asks and tells

    def files(self) -> dict[bytes, FileState]:
        """Every file that was looked at, by its path as the file system has it."""
        rows = self._rows("SELECT path, size_bytes, mtime_ns, version, failure FROM paths")
        return {row[0]: FileState(row[1], row[2], row[3], row[4] or "") for row in rows}

    def analysed_version(self, content_hash: str, source: str = WHOLE_SONG) -> int | None:
        """Version of the analysis of a song, None when there is none.

        Parameters
        ----------
        content_hash : str
        source : str
            WHOLE_SONG or a stem.
        """
        rows = self._rows(
            "SELECT version FROM analyses JOIN songs ON songs.id = song_id "
            "WHERE content_hash = ? AND source = ?",
            (content_hash, source),
        )
        return int(rows[0][0]) if rows else None

    def put_song(self, path: Path, state: FileState, song: SongRecord, analysis: AnalysisRecord) -> None:
        """Put a file, its song and the song's analysis into the library, replacing what it had of them.

        Parameters
        ----------
        path : Path
            Absolute.
        state : FileState
        song : SongRecord
        analysis : AnalysisRecord
        """
        with self._write() as db:
            values = (
                song.title,
                song.tags.get("artist", song.tags.get("album_artist", "")),
                song.tags.get("album", ""),
                song.duration_s,
                song.rate_hz,
                song.channels,
            )
            db.execute(
                "INSERT INTO songs "
                "(title, artist, album, duration_s, rate_hz, channels, added_s, content_hash) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (content_hash) DO UPDATE SET "
                "title = excluded.title, artist = excluded.artist, album = excluded.album, "
                "duration_s = excluded.duration_s, rate_hz = excluded.rate_hz, channels = excluded.channels",
                (*values, time.time(), song.content_hash),
            )
            song_id = id_of(db, song.content_hash)
            db.execute("DELETE FROM tags WHERE song_id = ?", (song_id,))
            db.executemany(
                "INSERT INTO tags VALUES (?, ?, ?)",
                [(song_id, name, value) for name, value in song.tags.items()],
            )
            put_analysis(db, song_id, analysis)
            point(db, path, state, song_id)

    def put_path(self, path: Path, state: FileState, content_hash: str) -> bool:
        """Put another place of a song into the library; False when there is no such song.

        Parameters
        ----------
        path : Path
            Absolute.
        state : FileState
        content_hash : str
        """
        with self._write() as db:
            song_id = id_of(db, content_hash)
            if song_id is not None:
                point(db, path, state, song_id)
            return song_id is not None

    def put_failure(self, path: Path, state: FileState) -> None:
        """Remember that a file gives no song, so that it is not tried again until it changes.

        Parameters
        ----------
        path : Path
            Absolute.
        state : FileState
            With its failure.
        """
        with self._write() as db:
            point(db, path, state, None)

    def put_analysis(self, song_id: int, analysis: AnalysisRecord) -> None:
        """Put an analysis of a song or one of its stems into the library; its segments go.

        Parameters
        ----------
        song_id : int
        analysis : AnalysisRecord
        """
        with self._write() as db:
            put_analysis(db, song_id, analysis)

    def paths_of(self, content_hash: str) -> tuple[Path, ...]:
        """Where a song lies, as far as is known.

        Parameters
        ----------
        content_hash : str
        """
        rows = self._rows(
            "SELECT path FROM paths JOIN songs ON songs.id = song_id WHERE content_hash = ? ORDER BY path",
            (content_hash,),
        )
        return tuple(Path(os.fsdecode(row[0])) for row in rows)

    def forget_paths(self, paths: Iterable[Path]) -> None:
        """Drop places where nothing lies any more; their songs stay.

        Parameters
        ----------
        paths : iterable of Path
        """
        with self._write() as db:
            db.executemany("DELETE FROM paths WHERE path = ?", [(os.fsencode(path),) for path in paths])

    # -- what a listener asks

    def songs(
        self, search: str = "", *, sort: str = "title", descending: bool = False, limit: int | None = None
    ) -> list[Song]:
        """List songs.

        Parameters
        ----------
        search : str
            Words that title, artist or album contain, in any case and order; "" is all.
        sort : str
            One of SORT_KEYS; songs without a value come last.
        descending : bool
        limit : int or None, >= 0
        """
        rest, values = listing(search, sort, descending=descending)
        rows = self._rows(f"{SONGS} {rest} LIMIT ?", (*values, -1 if limit is None else limit))
        return self._as_songs(rows)

    def song_ids(self, search: str = "", *, sort: str = "title", descending: bool = False) -> I64:
        """List the numbers of songs: what a long list is scrolled by, a page of it read with `songs_of`.

        Parameters
        ----------
        search, sort, descending
            As for `songs`.

        Returns
        -------
        int64 array, shape (songs,)

        Notes
        -----
        Cost: 0.1 to 0.25 s for 100,000 songs.
        """
        rest, values = listing(search, sort, descending=descending)
        with errors_in_words(self.file):
            rows = self._connection().execute(f"SELECT songs.id {SONGS_FROM} {rest}", values)
            return np.fromiter((row[0] for row in rows), np.int64)

    def overview(self) -> Overview:
        """How much there is."""
        songs = self._rows("SELECT count(*), total(duration_s) FROM songs")[0]
        nowhere = (
            "SELECT count(*) FROM songs WHERE id NOT IN (SELECT song_id FROM paths WHERE song_id NOTNULL)"
        )
        failed = "SELECT count(*) FROM paths WHERE failure NOTNULL"
        return Overview(songs[0], songs[1], self._rows(nowhere)[0][0], self._rows(failed)[0][0])

    def failures(self) -> list[tuple[Path, str]]:
        """Files that gave no song when they were looked at, each with the reason, by path."""
        rows = self._rows("SELECT path, failure FROM paths WHERE failure NOTNULL ORDER BY path")
        return [(Path(os.fsdecode(path)), failure) for path, failure in rows]

    def id_at(self, path: Path) -> int | None:
        """Number of the song that lies at a path, None when the library knows none there.

        Parameters
        ----------
        path : Path
            Absolute.
        """
        rows = self._rows("SELECT song_id FROM paths WHERE path = ?", (os.fsencode(path),))
        return rows[0][0] if rows else None

    def sources(self, song_id: int) -> tuple[str, ...]:
        """What has been analysed of a song: WHOLE_SONG first, then stems by name.

        Parameters
        ----------
        song_id : int
        """
        rows = self._rows(
            "SELECT source FROM analyses WHERE song_id = ? ORDER BY source <> ?, source",
            (song_id, WHOLE_SONG),
        )
        return tuple(row[0] for row in rows)

    def songs_of(self, song_ids: Sequence[int]) -> list[Song]:
        """Look songs up; those that are gone are left out.

        Parameters
        ----------
        song_ids : sequence of int
            Their order is kept.
        """
        query = f"{SONGS} JOIN json_each(?) AS asked ON asked.value = songs.id"
        rows = self._rows(query, (json.dumps([int(song_id) for song_id in song_ids]),))
        found = {song.song_id: song for song in self._as_songs(rows)}
        return [found[song_id] for song_id in song_ids if song_id in found]

    def find(self, what: str) -> Song:
        """Find one song by its path, its number, the start of its content hash, or its title.

        Parameters
        ----------
        what : str
            A path that is in the library; `12`; eight or more hexadecimal digits; or words that only
            one song has.

        Raises
        ------
        LibraryError
            No song, or more than one.
        """
        lies = self._rows("SELECT song_id FROM paths WHERE path = ?", (os.fsencode(os.path.abspath(what)),))
        rows = self._rows(f"{SONGS} WHERE songs.id = ?", (lies[0][0],)) if lies else []
        if not rows and what.isdecimal() and len(what) < 19:
            rows = self._rows(f"{SONGS} WHERE songs.id = ?", (int(what),))
        if not rows and len(what) >= 8:
            rows = self._rows(f"{SONGS} WHERE content_hash LIKE ? ESCAPE '\\'", (f"{escaped(what)}%",))
        if not rows:
            rows = self._rows(f"{SONGS} WHERE casefold(songs.title) = ? LIMIT 6", (what.casefold(),))
        found = self._as_songs(rows) or self.songs(what, limit=6)
        if len(found) == 1:
            return found[0]
        if not found:
            raise LibraryError(
                f"{what!r} is not in the library; `charon library list` shows what is, `add` takes it in"
            )
        names = ", ".join(f"{song.song_id} {song.title!r}" for song in found[:5])
        raise LibraryError(f"{what!r} is more than one song: {names}; name one by its number")

    def _as_songs(self, rows: Sequence[sqlite3.Row]) -> list[Song]:
        paths: dict[int, list[Path]] = {}
        if rows:
            query = (
                "SELECT song_id, path FROM paths "
                "WHERE song_id IN (SELECT value FROM json_each(?)) ORDER BY path"
            )
            for song_id, path in self._rows(query, (json.dumps([row["id"] for row in rows]),)):
                paths.setdefault(song_id, []).append(Path(os.fsdecode(path)))
        return [
            Song(
                song_id=row["id"],
                paths=tuple(paths.get(row["id"], ())),
                **{name: row[name] for name in _SONG_COLUMNS},
            )
            for row in rows
        ]

    def tags(self, song_id: int) -> dict[str, str]:
        """Text tags of a song.

        Parameters
        ----------
        song_id : int
        """
        return dict(map(tuple, self._rows("SELECT name, value FROM tags WHERE song_id = ?", (song_id,))))

    def measures(self, song_id: int, source: str = WHOLE_SONG) -> dict[str, Any]:
        """Everything that was measured of a song or a stem; empty when nothing was.

        Parameters
        ----------
        song_id : int
        source : str
            WHOLE_SONG or a stem.
        """
        rows = self._rows("SELECT measures FROM analyses WHERE song_id = ? AND source = ?", (song_id, source))
        return json.loads(rows[0][0]) if rows else {}

    def remove(self, song_id: int) -> None:
        """Take a song out of the library, with all that is known of it; its files stay.

        Parameters
        ----------
        song_id : int
        """
        with self._write() as db:
            if db.execute("DELETE FROM songs WHERE id = ?", (song_id,)).rowcount == 0:
                raise LibraryError(f"song {song_id} is not in the library")


_SONG_COLUMNS = (
    "content_hash",
    "title",
    "artist",
    "album",
    "duration_s",
    "tempo_bpm",
    "key",
    "lufs",
    "added_s",
)
