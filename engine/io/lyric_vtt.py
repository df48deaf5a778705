"""Lyrics as WebVTT: cues with times inside them, which browsers show as karaoke.

Pure functions, any thread. Every timed word is a ``<c>`` span with its time before it, the first of a cue
but for the one that begins with the cue; a time after a word is a pause.

References
----------
W3C, "WebVTT: The Web Video Text Tracks Format", sections 4.2.2 (timestamps) and 3.4 (cue text).
"""

import html
import re

from engine.io.lyric_text import Entry, Token, clean_line, clock_s, on_grid, segment_of, stamped
from engine.lyrics import Lyrics, Segment

STEPS_PER_S = 1000

_TIME = r"(?:\d+:)?\d{1,2}:\d{2}\.\d{3}"
_TIMES = re.compile(rf"\s*({_TIME})\s+-->\s+({_TIME})")
_INSIDE = re.compile(rf"<({_TIME})>")
_TAG = re.compile(r"<[^<>]*>")
_LANGUAGE = re.compile(r"language:\s*(\S+)", re.IGNORECASE)


def format_vtt(lyrics: Lyrics) -> str:
    """Write lyrics.

    Parameters
    ----------
    lyrics : Lyrics

    Returns
    -------
    str
    """
    head = "WEBVTT\n"
    if lyrics.language:
        head += f"Kind: captions\nLanguage: {clean_line(lyrics.language)}\n"
    blocks = [head]
    for segment in on_grid(lyrics, STEPS_PER_S).segments:
        times = f"{_clock(segment.start_s)} --> {_clock(segment.end_s)}"
        blocks.append(f"{times}\n{_cue(segment)}\n")
    return "\n".join(blocks)


def parse_vtt(text: str) -> Lyrics:
    """Read cues.

    Parameters
    ----------
    text : str

    Returns
    -------
    Lyrics
        Without lines when there is not one cue in it.
    """
    segments: list[Segment] = []
    lines = text.splitlines()
    head = "\n".join(lines[: lines.index("")] if "" in lines else lines)
    language = _LANGUAGE.search(head)
    for at, line in enumerate(lines):
        found = _TIMES.match(line)
        start_s, end_s = (clock_s(found[1]), clock_s(found[2])) if found else (None, None)
        if start_s is None or end_s is None:
            continue
        told: list[str] = []
        for following in lines[at + 1 :]:
            if not following.strip() or "-->" in following:
                break
            told.append(following)
        tokens = _tokens(" ".join(told), start_s)
        if any(isinstance(token, str) and clean_line(token) for token in tokens):
            segments.append(segment_of(Entry(start_s, tokens), end_s))
    ordered = tuple(sorted(segments, key=lambda segment: segment.start_s))
    return Lyrics(ordered, "" if language is None else language[1])


def _cue(segment: Segment) -> str:
    tokens = stamped(segment)
    if not segment.words:
        return html.escape(segment.text, quote=False)
    parts: list[str] = []
    # A time at the very beginning or the very end of a cue says nothing that the cue does not.
    first = next(number for number, token in enumerate(tokens) if isinstance(token, float))
    for number, token in enumerate(tokens):
        if isinstance(token, str):
            # Words follow a time, what lies between them does not.
            is_word = number > 0 and isinstance(tokens[number - 1], float) and bool(token.strip())
            written = html.escape(token, quote=False)
            parts.append(f"<c>{written}</c>" if is_word else written)
        elif not (number == first and token == segment.start_s):
            parts.append(f"<{_clock(token)}>")
    if segment.words[-1].end_s == segment.end_s and isinstance(tokens[-1], float):
        parts.pop()
    return "".join(parts)


def _tokens(cue: str, start_s: float) -> tuple[Token, ...]:
    """Text and times of a cue; with a word in a span, the time of its beginning is one of them."""
    tokens: list[Token] = [start_s] if "<c>" in cue else []
    for number, part in enumerate(_INSIDE.split(cue)):
        if number % 2:
            tokens.append(clock_s(part) or 0.0)
        else:
            words = html.unescape(_TAG.sub("", part))
            tokens += [words] if words else []
    return tuple(tokens)


def _clock(time_s: float) -> str:
    seconds, thousandths = divmod(round(time_s * STEPS_PER_S), STEPS_PER_S)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{thousandths:03d}"
