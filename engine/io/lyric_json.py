"""Lyrics as JSON: everything that is known of them, to the last bit.

Pure functions, any thread. The one form that keeps probabilities, where a line was heard, and times finer
than a millisecond; what is kept of a song's lyrics on the disk is this.
"""

import json
import math
from typing import Any, cast

from engine.errors import DecodeError
from engine.lyrics import Lyrics, Segment, Word

VERSION = 1
_SOURCES = ("mix", "vocals", "given")


def lyrics_to_dict(lyrics: Lyrics) -> dict[str, Any]:
    """Plain values of some lyrics.

    Parameters
    ----------
    lyrics : Lyrics

    Returns
    -------
    dict
        `language`, `model` and `segments`, with the names of the dataclasses' fields throughout.
    """
    return {
        "version": VERSION,
        "language": lyrics.language,
        "model": lyrics.model,
        "segments": [segment_to_dict(segment) for segment in lyrics.segments],
    }


def segment_to_dict(segment: Segment) -> dict[str, Any]:
    """Plain values of one line.

    Parameters
    ----------
    segment : Segment
    """
    return {
        "start_s": segment.start_s,
        "end_s": segment.end_s,
        "text": segment.text,
        "words": [
            {"start_s": w.start_s, "end_s": w.end_s, "text": w.text, "probability": w.probability}
            for w in segment.words
        ],
        "average_log_probability": segment.average_log_probability,
        "source": segment.source,
    }


def lyrics_from_dict(values: object) -> Lyrics:
    """Lyrics of what `lyrics_to_dict` gave.

    Parameters
    ----------
    values : object
        Of `json.loads`.

    Returns
    -------
    Lyrics

    Raises
    ------
    DecodeError
        It is something else; the message says what is wrong, and where.
    """
    if not isinstance(values, dict):
        raise DecodeError("there are no lyrics: an object with a list `segments` is wanted")
    known = cast("dict[str, Any]", values)
    version = known.get("version", VERSION)
    if not isinstance(version, int) or version > VERSION:
        raise DecodeError(f"lyrics of version {version!r} are from a newer Charon; this one reads {VERSION}")
    segments = known.get("segments")
    if not isinstance(segments, list):
        raise DecodeError("there are no lyrics: the list `segments` is missing")
    read = tuple(
        segment_from_dict(segment, f"segments[{number}]")
        for number, segment in enumerate(cast("list[object]", segments))
    )
    return Lyrics(read, _text(known, "language", "lyrics", ""), _text(known, "model", "lyrics", ""))


def segment_from_dict(values: object, where: str = "segment") -> Segment:
    """A line of what `segment_to_dict` gave.

    Parameters
    ----------
    values : object
    where : str
        What the message calls it.

    Raises
    ------
    DecodeError
        As `lyrics_from_dict`.
    """
    known = _object(values, where)
    words = known.get("words", [])
    if not isinstance(words, list):
        raise DecodeError(f"{where}.words is no list")
    source = _text(known, "source", where, "given")
    if source not in _SOURCES:
        raise DecodeError(f"{where}.source is {source!r}: one of {', '.join(_SOURCES)} is wanted")
    start_s, end_s = _span(known, where)
    return Segment(
        start_s,
        end_s,
        _text(known, "text", where),
        tuple(
            _word(word, f"{where}.words[{number}]") for number, word in enumerate(cast("list[object]", words))
        ),
        _number(known, "average_log_probability", where, 0.0),
        source,
    )


def format_json(lyrics: Lyrics) -> str:
    """Write lyrics.

    Parameters
    ----------
    lyrics : Lyrics
    """
    return json.dumps(lyrics_to_dict(lyrics), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def parse_json(text: str) -> Lyrics:
    """Read lyrics.

    Parameters
    ----------
    text : str

    Raises
    ------
    DecodeError
        It is no JSON, or holds no lyrics.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise DecodeError(f"it is no JSON: {err}") from err
    return lyrics_from_dict(values)


def _word(values: object, where: str) -> Word:
    known = _object(values, where)
    start_s, end_s = _span(known, where)
    return Word(start_s, end_s, _text(known, "text", where), _number(known, "probability", where, 1.0))


def _object(values: object, where: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise DecodeError(f"{where} is {values!r}: an object is wanted")
    return cast("dict[str, Any]", values)


def _span(values: dict[str, Any], where: str) -> tuple[float, float]:
    start_s, end_s = _number(values, "start_s", where), _number(values, "end_s", where)
    if not 0.0 <= start_s <= end_s:
        raise DecodeError(f"{where} goes from {start_s} to {end_s} s: its end must not be before its start")
    return start_s, end_s


def _number(values: dict[str, Any], name: str, where: str, default: float | None = None) -> float:
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DecodeError(f"{where}.{name} is {value!r}: a number is wanted")
    return float(value)


def _text(values: dict[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = values.get(name, default)
    if not isinstance(value, str):
        raise DecodeError(f"{where}.{name} is {value!r}: a text is wanted")
    return value
