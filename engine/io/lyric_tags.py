"""Lyrics inside a song's file: USLT and SYLT frames, Vorbis comments, the lyrics atom of MP4.

Any thread that may wait for a disk. Written is into finished WAV, FLAC and MP3 files, as `tags.py` does;
read is what other programs write, LRC inside a plain text tag included.
"""

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mutagen
from mutagen import MutagenError
from mutagen.flac import FLAC
from mutagen.id3 import ID3, SYLT, USLT, Encoding
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4Tags
from mutagen.wave import WAVE

from engine.errors import DecodeError, EncodeError
from engine.io.lyric_files import format_lyrics, parse_lyrics
from engine.io.lyric_text import Entry, Token, on_grid, segment_of, stamped
from engine.lyrics import Lyrics, Segment

_log = logging.getLogger(__name__)

_MS, _LYRICS = 2, 1
# Times and words; times and lines, or no times; never times.
_COMMENTS = ("SYNCEDLYRICS", "LYRICS", "UNSYNCEDLYRICS")
_MP4_LYRICS = "\xa9lyr"
_UNKNOWN = "XXX"
# ISO 639-1 and 639-2: what Whisper hears and ID3 wants.
_PAIRS = (
    "af:afr ar:ara az:aze be:bel bg:bul bn:ben bs:bos ca:cat cs:ces cy:cym da:dan de:deu el:ell en:eng "
    "es:spa et:est eu:eus fa:fas fi:fin fr:fra ga:gle gl:glg gu:guj he:heb hi:hin hr:hrv hu:hun hy:hye "
    "id:ind is:isl it:ita ja:jpn ka:kat kk:kaz kn:kan ko:kor la:lat lt:lit lv:lav mk:mkd ml:mal mn:mon "
    "mr:mar ms:msa mt:mlt my:mya ne:nep nl:nld nn:nno no:nor pa:pan pl:pol pt:por ro:ron ru:rus sa:san "
    "si:sin sk:slk sl:slv so:som sq:sqi sr:srp sv:swe sw:swa ta:tam te:tel th:tha tl:tgl tr:tur uk:ukr "
    "ur:urd uz:uzb vi:vie yi:yid zh:zho"
)
_CODES: dict[str, str] = dict(re.findall(r"(\w\w):(\w{3})", _PAIRS))
_NAMES = {code: name for name, code in _CODES.items()} | {"ger": "de", "fre": "fr", "dut": "nl", "chi": "zh"}


def write_lyric_tags(path: Path, lyrics: Lyrics) -> None:
    """Write lyrics into a finished file, in place of those that it has.

    Parameters
    ----------
    path : Path
        WAV, FLAC or MP3 (also under its unfinished name, ``NAME.wav.part``).
    lyrics : Lyrics
        WAV and MP3 get the text (USLT) and every word's time (SYLT), FLAC the text, LRC and LRC with
        words.

    Raises
    ------
    EncodeError
        The file has no place for them or cannot be written; its sound is untouched.
    """
    kinds: dict[str, type[FLAC] | type[MP3] | type[WAVE]] = {".flac": FLAC, ".mp3": MP3, ".wav": WAVE}
    kind = kinds.get(Path(path.name.removesuffix(".part")).suffix.lower())
    if kind is None:
        raise EncodeError(f"{path.name} has no place for lyrics; WAV, FLAC and MP3 have")
    try:
        file: Any = kind(path)
        if file.tags is None:
            file.add_tags()
        if isinstance(file.tags, ID3):
            _fill_id3(file.tags, lyrics)
        else:
            written = ("lrc-words", "lrc", "txt")
            tags: Any = file.tags
            for name, form in zip(_COMMENTS, written, strict=True):
                tags[name] = format_lyrics(lyrics, form)
        file.save()
    except (MutagenError, OSError) as err:
        raise EncodeError(f"lyrics cannot be written into {path.name}: {err}") from err


def read_lyric_tags(path: Path) -> Lyrics | None:
    """The lyrics that a song's file carries.

    Parameters
    ----------
    path : Path
        Any kind of file.

    Returns
    -------
    Lyrics or None
        The best there are: times of words, of lines, none (all 0). None where there are none, or the file
        cannot be read.
    """
    try:
        file: Any = mutagen.File(path)
    except (MutagenError, OSError) as err:
        _log.info("no lyrics are read from %s: %s", path.name, err)
        return None
    tags: Any = None if file is None else file.tags
    if tags is None:
        return None
    if isinstance(tags, ID3):
        return _read_id3(tags)
    names = (_MP4_LYRICS,) if isinstance(tags, MP4Tags) else _COMMENTS
    return _read_texts(str(text) for name in names for text in (tags.get(name) or ()))


def _fill_id3(tags: ID3, lyrics: Lyrics) -> None:
    language = _CODES.get(lyrics.language, _UNKNOWN)
    tags.delall("USLT")
    tags.delall("SYLT")
    text = format_lyrics(lyrics, "txt").rstrip("\n")
    tags.add(USLT(encoding=Encoding.UTF8, lang=language, desc="", text=text))
    tags.add(
        SYLT(
            encoding=Encoding.UTF8,
            lang=language,
            format=_MS,
            type=_LYRICS,
            desc="",
            text=sylt_entries(lyrics),
        )
    )


def sylt_entries(lyrics: Lyrics) -> list[tuple[str, int]]:
    """Lyrics as the entries of a SYLT frame.

    Parameters
    ----------
    lyrics : Lyrics

    Returns
    -------
    list of (str, int)
        Text and milliseconds. A line begins with a line break, as the standard has it; no text at all
        is where a word or a line ends and nothing follows at once.
    """
    entries: list[tuple[str, int]] = []
    for segment in on_grid(lyrics, 1000).segments:
        found: list[tuple[str, float]] = []
        before = "\n" if entries else ""
        tokens = stamped(segment) if segment.words else [segment.start_s, segment.text, segment.end_s]
        if tokens[0] != segment.start_s:
            found.append((before, segment.start_s))
            before = ""
        for number, token in enumerate(tokens):
            if isinstance(token, str):
                after_time = number > 0 and isinstance(tokens[number - 1], float) and bool(token.strip())
                if not after_time:
                    before += token
                continue
            following = tokens[number + 1] if number + 1 < len(tokens) else ""
            text = following if isinstance(following, str) and following.strip() else ""
            found.append((before + text if text else "", token))
            before = "" if text else before
        if found[-1][0] or found[-1][1] != segment.end_s:
            found.append(("", segment.end_s))
        entries += [(text, round(1000 * time_s)) for text, time_s in found]
    return entries


def lyrics_of_sylt(entries: Iterable[tuple[str, int]], language: str = "") -> Lyrics:
    """Lyrics of the entries of a SYLT frame.

    Parameters
    ----------
    entries : iterable of (str, int)
        Text and milliseconds.
    language : str

    Returns
    -------
    Lyrics
        With words when any line of it has several entries.
    """
    lines: list[list[tuple[str, float]]] = []
    for text, ms in sorted(entries, key=lambda entry: entry[1]):
        if not lines or text.startswith(("\n", "\r")):
            lines.append([])
        lines[-1].append((text.replace("\r", " ").replace("\n", " "), ms / 1000))
    in_words = any(sum(bool(text.strip()) for text, _ in line) > 1 for line in lines)
    segments: list[Segment] = []
    for number, line in enumerate(lines):
        said = [text for text, _ in line if text.strip()]
        if not said:
            continue
        following = lines[number + 1][0][1] if number + 1 < len(lines) else None
        end_s = following if line[-1][0].strip() else line[-1][1]
        tokens: list[Token] = []
        if in_words and (len(said) > 1 or len(said[0].split()) == 1):
            for text, time_s in line:
                tokens += [time_s, text] if text else [time_s]
        else:
            tokens += said
        segments.append(segment_of(Entry(line[0][1], tuple(tokens)), end_s))
    return Lyrics(tuple(segments), language)


def _read_id3(tags: ID3) -> Lyrics | None:
    for frame in tags.getall("SYLT"):
        if frame.format == _MS and frame.type in {0, _LYRICS} and frame.text:
            lyrics = lyrics_of_sylt(frame.text, _NAMES.get(frame.lang, ""))
            if lyrics.segments:
                return lyrics
    return _read_texts(str(frame.text) for frame in tags.getall("USLT"))


def _read_texts(texts: Iterable[str]) -> Lyrics | None:
    """The first text with times in it, or else the first."""
    plain: Lyrics | None = None
    for text in texts:
        for kind in ("lrc", "txt"):
            try:
                lyrics = parse_lyrics(text, kind).lyrics
            except DecodeError:
                continue
            if kind == "lrc":
                return lyrics
            plain = plain or lyrics
    return plain
