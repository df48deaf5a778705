"""Lyrics as SRT subtitles: a numbered block a line, with its beginning and its end.

Pure functions, any thread. SRT has no word times and no way to quote: what would be read as a time or as a
tag of its own is left out of the text.
"""

import re

from engine.io.lyric_text import clean_line, clock_s, on_grid
from engine.lyrics import Lyrics, Segment

STEPS_PER_S = 1000

_TIMES = re.compile(r"\s*(\d[\d:.,]*)\s*-->\s*(\d[\d:.,]*)")
_TAG = re.compile(r"</?(?:b|i|u|s|font)\b[^<>]*>|\{\\[^{}]*\}", re.IGNORECASE)


def format_srt(lyrics: Lyrics) -> str:
    """Write the lines of some lyrics.

    Parameters
    ----------
    lyrics : Lyrics

    Returns
    -------
    str
    """
    blocks: list[str] = []
    for segment in on_grid(lyrics, STEPS_PER_S).segments:
        text = _plain(segment.text)
        if text:
            times = f"{_clock(segment.start_s)} --> {_clock(segment.end_s)}"
            blocks.append(f"{len(blocks) + 1}\n{times}\n{text}\n")
    return "\n".join(blocks)


def parse_srt(text: str) -> Lyrics:
    """Read subtitles.

    Parameters
    ----------
    text : str

    Returns
    -------
    Lyrics
        Without lines when there is not one time in it.
    """
    segments: list[Segment] = []
    lines = text.splitlines()
    for at, line in enumerate(lines):
        found = _TIMES.match(line)
        start_s, end_s = (clock_s(found[1]), clock_s(found[2])) if found else (None, None)
        if start_s is None or end_s is None:
            continue
        told: list[str] = []
        for following in lines[at + 1 :]:
            if not following.strip() or _TIMES.match(following):
                break
            told.append(following)
        words = _plain(" ".join(told))
        if words:
            segments.append(Segment(start_s, max(start_s, end_s), words, source="given"))
    return Lyrics(tuple(sorted(segments, key=lambda segment: segment.start_s)), "")


def _plain(text: str) -> str:
    """Text without tags and arrows, and without those that are left when one is taken away."""
    before = None
    while text != before:
        before = text
        text = _TAG.sub("", text).replace("-->", "->")
    return clean_line(text)


def _clock(time_s: float) -> str:
    seconds, thousandths = divmod(round(time_s * STEPS_PER_S), STEPS_PER_S)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},{thousandths:03d}"
