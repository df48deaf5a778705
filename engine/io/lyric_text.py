"""A line of lyrics as text with times between its words, and back: what LRC, WebVTT and SYLT have in common.

Pure functions on values, any thread. A format knows only how it spells a time; which words begin and
end where, what a pause is and what a line without word times is are settled here, once.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from engine.lyrics import Lyrics, Segment, Word

Token = float | str
"""A time in seconds, or a run of text."""

LAST_LINE_S = 5.0
"""How long a line is sung that nothing follows and nothing ends."""
LAST_WORD_S = 1.0
"""The same of a word."""

_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,4}):(\d{1,2})(?:[.,:](\d{1,3}))?")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a file as it was found.

    Parameters
    ----------
    start_s : float
    tokens : tuple of Token
        Its text, with times where there are some; empty ends the line before.
    """

    start_s: float
    tokens: tuple[Token, ...] = ()


def clean_line(text: str) -> str:
    """Text on one line: single spaces, nothing that does not print.

    Parameters
    ----------
    text : str
        Any, with line breaks, control characters and lone surrogates.
    """
    kept = "".join(
        c for c in text if c.isspace() or (unicodedata.category(c) not in ("Cc", "Cs") and c != "\ufeff")
    )
    return " ".join(kept.split())


def clock_s(text: str) -> float | None:
    """Seconds of a time as subtitle files write it.

    Parameters
    ----------
    text : str
        "1:23", "01:23.45", "01:23:45" (hundredths, as old LRC files have it), "1:02:03.456" or with a comma.

    Returns
    -------
    float or None
        None when it is no time.
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds, part = found.groups()
    if hours is not None and part is None:
        # Two colons and no point: minutes, seconds and hundredths.
        hours, minutes, seconds, part = None, hours, minutes, seconds
    whole = 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds)
    digits = (part or "0").ljust(3, "0")
    # One division of whole numbers: what was written from a grid comes back to the last bit.
    return (1000 * whole + int(digits)) / 1000


def on_grid(lyrics: Lyrics, per_s: int) -> Lyrics:
    """Lyrics whose times a format can write, its text on single lines; lines without text are left out.

    Parameters
    ----------
    lyrics : Lyrics
    per_s : int
        Steps a second, a divisor of 1000.

    Returns
    -------
    Lyrics
        In order of time; every end is at or after its start.
    """
    segments = (_segment_on_grid(segment, per_s) for segment in lyrics.segments)
    kept = sorted((segment for segment in segments if segment.text), key=lambda segment: segment.start_s)
    return replace(lyrics, segments=tuple(kept))


def _segment_on_grid(segment: Segment, per_s: int) -> Segment:
    def step(time_s: float, least_s: float = 0.0) -> float:
        return max(least_s, round(max(0.0, time_s) * per_s) * (1000 // per_s) / 1000)

    words: list[Word] = []
    before_s = 0.0
    for word in segment.words:
        text = clean_line(word.text)
        if text:
            start_s = step(word.start_s, before_s)
            before_s = step(word.end_s, start_s)
            words.append(replace(word, start_s=start_s, end_s=before_s, text=text))
    start_s = step(segment.start_s)
    return replace(
        segment,
        start_s=start_s,
        end_s=step(segment.end_s, start_s),
        text=clean_line(segment.text) or " ".join(word.text for word in words),
        words=tuple(words),
    )


def word_spans(segment: Segment) -> tuple[tuple[int, int], ...]:
    """Where the words of a line stand in its text.

    Parameters
    ----------
    segment : Segment

    Returns
    -------
    tuple of (int, int)
        First character and the one after the last, for each word, in order and without overlap. A word
        that the text does not have stands between its neighbours with no width.
    """
    spans: list[tuple[int, int]] = []
    at = 0
    for word in segment.words:
        start = segment.text.find(word.text, at)
        spans.append((at, at) if start < 0 else (start, start + len(word.text)))
        at = spans[-1][1]
    return tuple(spans)


def stamped(segment: Segment) -> list[Token]:
    """The line with a time before every word, and one after each that a pause follows.

    Parameters
    ----------
    segment : Segment
        On a grid, so that two times are equal when they are written alike.

    Returns
    -------
    list of Token
        Of a line without word times its text alone.
    """
    if not segment.words:
        return [segment.text]
    tokens: list[Token] = []
    at = 0
    end_s: float | None = None
    for word, (start, stop) in zip(segment.words, word_spans(segment), strict=True):
        between = segment.text[at:start]
        if end_s is not None and end_s != word.start_s:
            tokens.append(end_s)
        tokens += [between] if between else []
        tokens += [word.start_s, segment.text[start:stop] or word.text]
        end_s, at = word.end_s, stop
    tokens += [segment.words[-1].end_s]
    rest = segment.text[at:]
    return [*tokens, rest] if rest else tokens


def segment_of(entry: Entry, end_s: float | None) -> Segment:
    """The line that some tokens spell.

    Parameters
    ----------
    entry : Entry
        With text.
    end_s : float or None
        Where the line ends, as far as the file says.

    Returns
    -------
    Segment
        Words where there are times between them; what stands before the first one begins with the line.
    """
    timed = any(isinstance(token, float) for token in entry.tokens)
    text = clean_line("".join(token for token in entry.tokens if isinstance(token, str)))
    if not timed:
        end_s = entry.start_s + LAST_LINE_S if end_s is None else end_s
        return Segment(entry.start_s, max(end_s, entry.start_s), text, source="given")
    words: list[Word] = []
    at_s, is_open = entry.start_s, False
    for token in entry.tokens:
        if not isinstance(token, str):
            at_s = max(token, words[-1].start_s) if words else token
            if is_open:
                words[-1] = replace(words[-1], end_s=at_s)
                is_open = False
        elif word := clean_line(token):
            words.append(Word(at_s, at_s, word))
            is_open = True
    if is_open:
        latest_s = words[-1].start_s + LAST_WORD_S
        last_s = latest_s if end_s is None else min(end_s, latest_s)
        words[-1] = replace(words[-1], end_s=max(last_s, words[-1].start_s))
    last_s = words[-1].end_s if words else entry.start_s
    return Segment(
        entry.start_s, max(last_s, end_s or 0.0, entry.start_s), text, tuple(words), source="given"
    )


def segments_of(entries: Iterable[Entry]) -> tuple[Segment, ...]:
    """Lines that end where the next one begins, or where an entry without text stands.

    Parameters
    ----------
    entries : iterable of Entry

    Returns
    -------
    tuple of Segment
        In order of time.
    """
    ordered: Sequence[Entry] = sorted(entries, key=lambda entry: entry.start_s)
    result: list[Segment] = []
    for number, entry in enumerate(ordered):
        following = ordered[number + 1].start_s if number + 1 < len(ordered) else None
        if any(isinstance(token, str) and clean_line(token) for token in entry.tokens):
            result.append(segment_of(entry, following))
    return tuple(result)
