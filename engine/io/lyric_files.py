"""Lyrics in files: which formats there are, and reading and writing one of them.

Any thread that may wait for a disk. How each format spells words and times is a room of its own; here a
file gets its format by its name, its text by its encoding, and what goes wrong one clear line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import DecodeError, EncodeError, StoreError, name_hint
from engine.io.journal import replace_file
from engine.io.lyric_json import format_json, parse_json
from engine.io.lyric_lrc import format_lrc, parse_lrc
from engine.io.lyric_srt import format_srt, parse_srt
from engine.io.lyric_text import clean_line
from engine.io.lyric_vtt import format_vtt, parse_vtt
from engine.lyrics import Lyrics, Segment

LyricKind = Literal["lrc", "lrc-words", "srt", "vtt", "txt", "json"]
KINDS: tuple[LyricKind, ...] = ("lrc", "lrc-words", "srt", "vtt", "txt", "json")
"""LRC with a time a line, LRC with a time a word, SRT, WebVTT, text alone, JSON."""

MAX_MB = 8
"""No lyrics are longer: 10,000 words with a time each are 0.3 MB."""

_SUFFIXES: dict[str, LyricKind] = {
    ".lrc": "lrc",
    ".srt": "srt",
    ".vtt": "vtt",
    ".txt": "txt",
    ".json": "json",
}
_BESIDE = (".lrc", ".vtt", ".srt", ".txt")


@dataclass(frozen=True, slots=True)
class LyricFile:
    """What a file held.

    Parameters
    ----------
    lyrics : Lyrics
        Without times, every line begins and ends at 0.
    title, artist : str
        As the file says; empty when it does not.
    """

    lyrics: Lyrics
    title: str = ""
    artist: str = ""

    @property
    def timing(self) -> Literal["words", "lines", "none"]:
        """What has times."""
        segments = self.lyrics.segments
        if any(segment.words for segment in segments):
            return "words"
        return "lines" if any(segment.end_s > 0.0 for segment in segments) else "none"


def suffix_of(kind: LyricKind) -> str:
    """What the name of such a file ends with: ".lrc", ".srt", ...

    Parameters
    ----------
    kind : str, one of KINDS
    """
    return ".lrc" if kind == "lrc-words" else f".{kind}"


def kind_of(path: Path) -> LyricKind:
    """Format of a file, by its name; of LRC, the one with word times.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DecodeError
        No lyrics are called that.
    """
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(_SUFFIXES)
        hint = name_hint(path.suffix.lower(), _SUFFIXES)
        raise DecodeError(f"{path.name} is no lyrics file; {known} can be read ({hint})")
    return "lrc-words" if kind == "lrc" else kind


def format_lyrics(lyrics: Lyrics, kind: str, *, title: str = "", artist: str = "") -> str:
    """Text of a lyrics file.

    Parameters
    ----------
    lyrics : Lyrics
    kind : str, one of KINDS
    title, artist : str
        Of the song, where the format has a place for them.

    Returns
    -------
    str

    Raises
    ------
    EncodeError
        There is no such format.
    """
    writers: dict[str, Callable[[], str]] = {
        "lrc": lambda: format_lrc(lyrics, words=False, title=title, artist=artist),
        "lrc-words": lambda: format_lrc(lyrics, words=True, title=title, artist=artist),
        "srt": lambda: format_srt(lyrics),
        "vtt": lambda: format_vtt(lyrics),
        "txt": lambda: _format_text(lyrics),
        "json": lambda: format_json(lyrics),
    }
    if kind not in writers:
        raise EncodeError(f"lyrics cannot be written as {kind!r}; {name_hint(kind, KINDS)}")
    return writers[kind]()


def parse_lyrics(text: str, kind: str) -> LyricFile:
    """Lyrics of such a text.

    Parameters
    ----------
    text : str
    kind : str, one of KINDS
        "lrc" and "lrc-words" read both.

    Returns
    -------
    LyricFile

    Raises
    ------
    DecodeError
        There is no line in it that has a time (text alone: no line at all), or it is not of this format.
    """
    head: dict[str, str] = {}
    if kind in {"lrc", "lrc-words"}:
        lyrics, head = parse_lrc(text)
    elif kind in {"srt", "vtt", "json"}:
        lyrics = {"srt": parse_srt, "vtt": parse_vtt, "json": parse_json}[kind](text)
    elif kind == "txt":
        lyrics = _parse_text(text)
    else:
        raise DecodeError(f"lyrics cannot be read as {kind!r}; {name_hint(kind, KINDS)}")
    if not lyrics.segments and kind != "json":
        what = "is empty" if kind == "txt" else "has no line with a time"
        raise DecodeError(f"the {kind.partition('-')[0].upper()} text {what}")
    return LyricFile(lyrics, head.get("ti", ""), head.get("ar", ""))


def read_lyrics(path: Path) -> LyricFile:
    """Read a lyrics file.

    Parameters
    ----------
    path : Path
        Its suffix says the format. A text that holds LRC is read as such.

    Returns
    -------
    LyricFile

    Raises
    ------
    DecodeError
        It cannot be read, is too large to be lyrics, or holds none; one line with the reason.
    """
    kind = kind_of(path)
    text = _read_text(path)
    try:
        if kind == "txt" and parse_lrc(text)[0].segments:
            kind = "lrc"
        return parse_lyrics(text, kind)
    except DecodeError as err:
        raise DecodeError(f"{path.name} cannot be read as lyrics: {err}") from err


def write_lyrics(lyrics: Lyrics, path: Path, kind: str | None = None, *, title: str = "") -> None:
    """Write a lyrics file, the whole of it or nothing.

    Parameters
    ----------
    lyrics : Lyrics
    path : Path
        Replaced when it exists; its folder must exist.
    kind : str or None
        One of KINDS; None takes it from the suffix.
    title : str
        Of the song.

    Raises
    ------
    EncodeError
        The suffix is no format's, or the file cannot be written.
    """
    try:
        text = format_lyrics(lyrics, kind or kind_of(path), title=title)
    except DecodeError as err:
        raise EncodeError(f"{path.name}: lyrics are written as {', '.join(_SUFFIXES)}") from err
    try:
        replace_file(path, text)
    except StoreError as err:
        reason = getattr(err.__cause__, "strerror", None) or str(err)
        raise EncodeError(f"{path} cannot be written: {reason.lower()}; choose another folder") from err


def find_lyric_file(song: Path) -> Path | None:
    """The lyrics that lie beside a song under its name, those with times first.

    Parameters
    ----------
    song : Path
    """
    for suffix in _BESIDE:
        for spelt in (suffix, suffix.upper()):
            path = song.with_suffix(spelt)
            if path != song and path.is_file():
                return path
    return None


def _format_text(lyrics: Lyrics) -> str:
    lines = (clean_line(segment.text) for segment in lyrics.segments)
    return "".join(f"{line}\n" for line in lines if line)


def _parse_text(text: str) -> Lyrics:
    lines = (clean_line(line) for line in text.splitlines())
    return Lyrics(tuple(Segment(0.0, 0.0, line, source="given") for line in lines if line), "")


def _read_text(path: Path) -> str:
    try:
        size_mb = path.stat().st_size / 1e6
        if size_mb > MAX_MB:
            raise DecodeError(f"{path.name} has {size_mb:.0f} MB: no lyrics are as long, choose another file")
        data = path.read_bytes()
    except OSError as err:
        raise DecodeError(f"{path} cannot be read: {(err.strerror or str(err)).lower()}") from err
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What lyrics were written in before UTF-8; every byte is some character.
        return data.decode("cp1252", "replace")
