"""How the songs of a library sound, as arrays to be searched: fingerprints, portraits, moments.

Any thread, each call with a connection of its own, so that going through thousands of songs holds
nothing up. Only what the newest formulas gave is given: numbers of two versions do not compare.
"""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np

from engine.services.library import Library
from engine.services.library_records import WHOLE_SONG
from engine.services.library_schema import errors_in_words, open_database
from engine.units import F32, I64

_NEWEST = "source = ?1 AND version = (SELECT max(version) FROM analyses WHERE source = ?1)"
_MOMENTS_FROM = "song_id, dimensions, moments FROM segments JOIN analyses USING (song_id, source)"
_SEGMENTS = f"SELECT {_MOMENTS_FROM} WHERE {_NEWEST}"


@dataclass(frozen=True, eq=False)
class SongSounds:
    """What songs, or one stem of them, are compared by.

    Attributes
    ----------
    song_ids : int64 array, shape (songs,)
        Rising.
    fingerprints : float32 array, shape (songs, dimensions)
    portraits : float32 array, shape (songs, n)
        n is 0 when one of the songs has none.
    """

    song_ids: I64
    fingerprints: F32
    portraits: F32


def song_sounds(library: Library, source: str = WHOLE_SONG) -> SongSounds:
    """All that songs are compared by.

    Parameters
    ----------
    library : Library
    source : str
        WHOLE_SONG or a stem.

    Raises
    ------
    LibraryError
        The data base cannot be read.
    """
    with _open(library) as db:
        rows = db.execute(
            f"SELECT song_id, fingerprint, portrait FROM analyses WHERE {_NEWEST} ORDER BY song_id",  # noqa: S608
            (source,),
        ).fetchall()
    drawn = all(row[2] is not None for row in rows)
    return SongSounds(
        np.array([row[0] for row in rows], np.int64),
        _stacked([row[1] for row in rows]),
        _stacked([row[2] for row in rows]) if drawn else np.empty((len(rows), 0), np.float32),
    )


def song_moments(library: Library, song_id: int, source: str = WHOLE_SONG) -> F32:
    """What the segments of one song are made of.

    Parameters
    ----------
    library : Library
    song_id : int
    source : str
        WHOLE_SONG or a stem.

    Returns
    -------
    float32 array, shape (moments, dimensions)
        A row every `engine.services.portrait.MOMENT_S` seconds; no row when it was not analysed.

    Raises
    ------
    LibraryError
        The data base cannot be read.
    """
    query = f"{_SEGMENTS} AND song_id = ?2"
    with _open(library) as db:
        row = db.execute(query, (source, song_id)).fetchone()
    return np.empty((0, 0), np.float32) if row is None else _moments(row[1], row[2])


def all_moments(library: Library, source: str = WHOLE_SONG) -> Generator[tuple[int, F32]]:
    """Go through the moments of all songs, one song in memory at a time.

    Parameters
    ----------
    library : Library
    source : str
        WHOLE_SONG or a stem.

    Yields
    ------
    tuple of int and float32 array, shape (moments, dimensions)
        Number of a song, rising, and its moments.

    Raises
    ------
    LibraryError
        The data base cannot be read.
    """
    query = f"{_SEGMENTS} ORDER BY song_id"
    with _open(library) as db:
        for song_id, dimensions, moments in db.execute(query, (source,)):
            yield song_id, _moments(dimensions, moments)


@contextmanager
def _open(library: Library) -> Generator[sqlite3.Connection]:
    with errors_in_words(library.file), closing(open_database(library.file)) as db:
        yield db


def _moments(dimensions: int, moments: bytes) -> F32:
    return np.frombuffer(moments, "<f2").reshape(-1, dimensions).astype(np.float32)


def _stacked(rows: Sequence[bytes]) -> F32:
    if not rows:
        return np.empty((0, 0), np.float32)
    return np.frombuffer(b"".join(rows), "<f4").reshape(len(rows), -1).astype(np.float32)
