"""Lyrics as LRC: a time before every line, or before every word, too.

Pure functions, any thread. Lines are written as every player reads them, ``[mm:ss.xx]``, and an empty one
where nothing is sung; words as ``<mm:ss.xx>`` inside them ("enhanced LRC"), with a time after a word that
a pause follows. Read is what is found in the wild besides: several times before one line, thousandths,
colons for points, times of words in square brackets, an offset in the head.
"""

import re
from dataclasses import replace

from engine.io.lyric_text import Entry, Token, clock_s, on_grid, segments_of, stamped
from engine.lyrics import Lyrics, Segment

STEPS_PER_S = 100
"""What every reader of LRC understands; a hundredth is a fifth of what an ear notices."""

_TIME = r"\d{1,4}:\d{1,2}(?:[.:,]\d{1,3})?"
_LINE = re.compile(rf"\s*\[({_TIME})\]")
_WORD = re.compile(rf"[<\[]({_TIME})[>\]]")
_HEAD = re.compile(r"\s*\[\s*([A-Za-z#]+)\s*:(.*)\]\s*")


def format_lrc(lyrics: Lyrics, *, words: bool, title: str = "", artist: str = "") -> str:
    """Write lyrics.

    Parameters
    ----------
    lyrics : Lyrics
    words : bool
        Times before words, where they are known; otherwise before lines alone.
    title, artist : str
        For the head; left out when empty.

    Returns
    -------
    str
        Ends with a line break.
    """
    head = (("ti", title), ("ar", artist), ("la", lyrics.language), ("re", "Charon"))
    lines = [f"[{name}:{_safe(value)}]" for name, value in head if value]
    segments = on_grid(lyrics, STEPS_PER_S).segments
    for number, segment in enumerate(segments):
        tokens: list[Token] = stamped(segment) if words else [segment.text]
        lines.append(f"[{_clock(segment.start_s)}]{''.join(map(_spelt, tokens))}")
        following = segments[number + 1] if number + 1 < len(segments) else None
        if following is None or segment.end_s < following.start_s:
            lines.append(f"[{_clock(segment.end_s)}]")
    return "\n".join(lines) + "\n"


def parse_lrc(text: str) -> tuple[Lyrics, dict[str, str]]:
    """Read lyrics.

    Parameters
    ----------
    text : str

    Returns
    -------
    Lyrics, dict of str to str
        And the head, by its two-letter names; lyrics without lines when there is not one time in it.
    """
    entries: list[Entry] = []
    head: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        times: list[float] = []
        at = 0
        while (found := _LINE.match(line, at)) is not None:
            times.append(clock_s(found[1]) or 0.0)
            at = found.end()
        if not times:
            named = _HEAD.fullmatch(line)
            if named is not None:
                head[named[1].lower()] = named[2].strip()
            continue
        tokens = _tokens(line[at:])
        for start_s in times:
            # The words of a chorus are timed for the first of its places.
            later_s = start_s - times[0]
            moved = tuple(round(t + later_s, 3) if isinstance(t, float) and later_s else t for t in tokens)
            entries.append(Entry(start_s, moved))
    segments = segments_of(entries)
    early_s = _offset_s(head)
    if early_s:
        segments = tuple(_moved(segment, -early_s) for segment in segments)
    return Lyrics(segments, head.get("la", "")), head


def _tokens(text: str) -> tuple[Token, ...]:
    tokens: list[Token] = []
    # Split at a pattern with one group: text and times in turn.
    for number, part in enumerate(_WORD.split(text)):
        if number % 2:
            tokens.append(clock_s(part) or 0.0)
        elif part:
            tokens.append(part)
    return tuple(tokens)


def _offset_s(head: dict[str, str]) -> float:
    """How much sooner than written the words come: milliseconds in the head."""
    try:
        return int(head.get("offset", "0")) / 1000
    except ValueError:
        return 0.0


def _moved(segment: Segment, by_s: float) -> Segment:
    def moved(time_s: float) -> float:
        return max(0.0, round(time_s + by_s, 3))

    words = tuple(
        replace(word, start_s=moved(word.start_s), end_s=moved(word.end_s)) for word in segment.words
    )
    return replace(segment, start_s=moved(segment.start_s), end_s=moved(segment.end_s), words=words)


def _spelt(token: Token) -> str:
    return _safe(token) if isinstance(token, str) else f"<{_clock(token)}>"


def _safe(text: str) -> str:
    """Text in which no time can be read: LRC has no way to quote."""
    return _WORD.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)


def _clock(time_s: float) -> str:
    steps = round(time_s * STEPS_PER_S)
    minutes, rest = divmod(steps, 60 * STEPS_PER_S)
    return f"{minutes:02d}:{rest // STEPS_PER_S:02d}.{rest % STEPS_PER_S:02d}"
