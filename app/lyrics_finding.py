"""A song's lyrics as they are found: edited ones, a file beside it, its tags, or what was heard of it.

Jobs run this; no Qt. What a person made goes first, what a machine heard last.
"""

from dataclasses import dataclass
from pathlib import Path

from app.lyrics_state import Origin
from engine.errors import DecodeError
from engine.io.home import Home
from engine.io.lyric_files import find_lyric_file, read_lyrics
from engine.lyrics import Lyrics
from engine.services.lyrics_store import LyricsStore


@dataclass(frozen=True, slots=True)
class FoundLyrics:
    """What is known of a song's words.

    Parameters
    ----------
    song : Path
    lyrics : Lyrics or None
    origin : Origin
    source : str
        Name of the file, or of the model; empty where there is none to name.
    offset_s : float
        How much later than written they are shown.
    trouble : str
        Why a file beside the song could not be read, in one line.
    """

    song: Path
    lyrics: Lyrics | None = None
    origin: Origin = Origin.NONE
    source: str = ""
    offset_s: float = 0.0
    trouble: str = ""


def find_lyrics(home: Home, song: Path) -> FoundLyrics:
    """Look for a song's lyrics.

    Parameters
    ----------
    home : Home
    song : Path

    Raises
    ------
    DecodeError, StoreError
        The song cannot be read; the disk refuses.

    Notes
    -----
    Reads the whole song for its hash: not on the GUI thread.
    """
    # The library that reads tags is loaded where nobody waits for it.
    from engine.io.lyric_tags import read_lyric_tags

    store = LyricsStore(home)
    offset_s = store.read_offset_s(song)
    edited = store.read_edited(song)
    if edited is not None and edited.segments:
        return FoundLyrics(song, edited, Origin.EDITED, "", offset_s)
    trouble = ""
    beside = find_lyric_file(song)
    if beside is not None:
        try:
            return FoundLyrics(song, read_lyrics(beside).lyrics, Origin.FILE, beside.name, offset_s)
        except DecodeError as err:
            trouble = str(err)
    tagged = read_lyric_tags(song)
    if tagged is not None and tagged.segments:
        return FoundLyrics(song, tagged, Origin.TAGS, "", offset_s, trouble)
    heard = store.read_heard(song)
    if heard is not None and heard.segments:
        return FoundLyrics(song, heard, Origin.HEARD, heard.model, offset_s, trouble)
    return FoundLyrics(song, offset_s=offset_s, trouble=trouble)


def keep_lyrics(home: Home, song: Path, lyrics: Lyrics | None) -> None:
    """Keep what somebody made of a song's lyrics; None lets files and transcripts count again.

    Raises
    ------
    DecodeError, StoreError
        The song cannot be read; the disk refuses.
    """
    store = LyricsStore(home)
    if lyrics is None:
        store.drop_edited(song)
    else:
        store.write(song, lyrics)
