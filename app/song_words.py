"""The two lines that name a song: title and artist from its tags, or its file's name.

Runs on the bridge's reader thread, because tags lie on the disk.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SongWords:
    """What is written about a song in the transport.

    Parameters
    ----------
    song : Path or None
        Which song.
    title, artist : str
    rate_hz : int
        Of the song; 0 until it is open.
    """

    song: Path | None = None
    title: str = ""
    artist: str = ""
    rate_hz: int = 0


def read_words(song: Path, folder: Path | None) -> SongWords:
    """Read them.

    Parameters
    ----------
    song : Path
    folder : Path or None
        Its folder in the stem store, which tells its rate.
    """
    # Here and not above: decoders are loaded behind the empty window.
    from engine.io.song_store import read_manifest
    from engine.io.tags import read_tags

    tags, _cover = read_tags(song)
    rate_hz = 0
    if folder is not None:
        try:
            rate_hz = int(read_manifest(folder)["rate_hz"])
        except (OSError, ValueError, KeyError, TypeError):
            rate_hz = 0
    return SongWords(song, tags.get("title", song.stem), tags.get("artist", ""), rate_hz)
