"""In which order songs are listed, and which of them: search and sort, as SQL.

Pure; whichever thread asks the library. Apart from it, so that the command line, the window and
whatever lists songs next search and sort by the same words.
"""

from engine.errors import ParameterError

SORT_KEYS = {
    "title": "casefold(songs.title)",
    "artist": "casefold(songs.artist), casefold(songs.album), casefold(songs.title)",
    "album": "casefold(songs.album), casefold(songs.title)",
    "duration": "songs.duration_s",
    "tempo": "analyses.tempo_bpm",
    "key": "analyses.key",
    "loudness": "analyses.lufs",
    "added": "songs.added_s",
}
"""What songs can be listed by."""

SONGS_FROM = """
    FROM songs LEFT JOIN analyses ON analyses.song_id = songs.id AND analyses.source = 'song'
"""
SONGS = f"""
    SELECT songs.*, analyses.tempo_bpm, analyses.key, analyses.lufs {SONGS_FROM}
"""
"""Every song with what its row shows."""


def listing(search: str, sort: str, *, descending: bool = False) -> tuple[str, tuple[str, ...]]:
    """What follows SONGS in a query that lists songs, with its values.

    Parameters
    ----------
    search : str
        Words that title, artist or album contain, in any case and order; "" is all.
    sort : str
        One of SORT_KEYS; songs without a value come last.
    descending : bool

    Returns
    -------
    tuple of str and tuple of str
        ``WHERE ... ORDER BY ...`` with a question mark for each value.

    Raises
    ------
    ParameterError
        Songs cannot be sorted by that.
    """
    if sort not in SORT_KEYS:
        raise ParameterError(f"songs cannot be sorted by {sort!r}; there are {', '.join(SORT_KEYS)}")
    words = search.casefold().split()
    found = "casefold(songs.title || ' ' || songs.artist || ' ' || songs.album) LIKE ? ESCAPE '\\'"
    where = f"WHERE {' AND '.join([found] * len(words))}" if words else ""
    keys = SORT_KEYS[sort].split(", ")
    order = ", ".join(f"{key} {'DESC' if descending else 'ASC'} NULLS LAST" for key in keys)
    return f"{where} ORDER BY {order}, songs.id", tuple(f"%{escaped(word)}%" for word in words)


def escaped(word: str) -> str:
    """A word as LIKE takes it literally.

    Parameters
    ----------
    word : str
    """
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def casefold(text: str | None) -> str | None:
    """What SQL knows under this name: SQLite's own lower case is ASCII only.

    Parameters
    ----------
    text : str or None
    """
    return None if text is None else text.casefold()
