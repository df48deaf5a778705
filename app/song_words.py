"""A song in words: title and artist from its tags or its file's name, tempo, key and loudness in short.

`read_words` runs on the bridge's reader thread, because tags lie on the disk; the others anywhere.
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


_SHARP = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
_FLAT = ("C", "D♭", "D", "E♭", "E", "F", "G♭", "G", "A♭", "A", "B♭", "B")
_FLAT_KEYS = frozenset({"F major", "C minor", "D minor", "F minor", "G minor"})


def note_names(key: str | None) -> tuple[str, ...]:
    """The twelve notes from C on, as music in this key spells them: in F major B♭ and not A♯."""
    flat = key is not None and (key in _FLAT_KEYS or "b" in key.partition(" ")[0])
    return _FLAT if flat else _SHARP


def key_text(key: str | None) -> str:
    """A key as musicians write it in little room: "F# minor" is "F♯ min"; "" when there is none."""
    tonic, _, mode = (key or "").partition(" ")
    return f"{tonic.replace('#', '♯').replace('b', '♭')} {mode[:3]}".strip()


def tempo_text(tempo_bpm: float | None) -> str:
    """Beats a minute: "118.2"; "" when there is no beat."""
    return "" if tempo_bpm is None else f"{tempo_bpm:.1f}"


def loudness_text(lufs: float | None) -> str:
    """Integrated loudness in LUFS: "-13.8"; "" when there is no sound."""
    return "" if lufs is None else f"{lufs:.1f}"
