"""Changing a line of lyrics without losing its times: other words, two lines of one, one of two.

Pure functions on values. Words that stay keep their time; what is written instead of others shares theirs.
"""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from engine.io.lyric_text import clean_line, word_spans
from engine.lyrics import Lyrics, Segment, Word

_LEAST_S = 0.1
"""What a new word gets where there is no room for it: it can be seen."""


def rewritten(segment: Segment, text: str) -> Segment:
    """A line with other words.

    Parameters
    ----------
    segment : Segment
    text : str
        Not empty.

    Returns
    -------
    Segment
        Its words keep their times where they are still there. Others take the time of those that they
        replace, each by its length; a word that is new between two takes the pause between them, or half of
        the one before.
    """
    text = clean_line(text)
    if not segment.words:
        return replace(segment, text=text, source="given")
    old, new = [word.text for word in segment.words], text.split()
    words: list[Word] = []
    matcher = SequenceMatcher(
        None, [_core(word) for word in old], [_core(word) for word in new], autojunk=False
    )
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal" or (tag == "replace" and b - a == d - c):
            pairs = zip(segment.words[a:b], new[c:d], strict=True)
            words += [
                word if word.text == said else replace(word, text=said, probability=1.0)
                for word, said in pairs
            ]
        elif tag == "replace":
            words += _shared(new[c:d], segment.words[a].start_s, segment.words[b - 1].end_s)
        elif tag == "insert":
            words = _inserted(words, new[c:d], segment, a)
    return replace(segment, text=text, words=tuple(words), source="given")


def split_line(segment: Segment, at: int) -> tuple[Segment, Segment] | None:
    """Two lines of one.

    Parameters
    ----------
    segment : Segment
    at : int
        Character of its text where the second begins; in a word, that word goes with the second.

    Returns
    -------
    pair of Segment or None
        None where one of the two would have no words. Without word times the time is shared by length.
    """
    spans = word_spans(segment)
    if segment.words:
        n = sum(stop <= at for _, stop in spans)
        if not 0 < n < len(segment.words):
            return None
        at = spans[n][0]
        first, second = segment.words[:n], segment.words[n:]
        end_s, start_s = first[-1].end_s, second[0].start_s
    else:
        at = segment.text.rfind(" ", 0, at + 1) + 1 if at < len(segment.text) else at
        first, second = (), ()
        part = at / max(1, len(segment.text))
        end_s = start_s = segment.start_s + part * (segment.end_s - segment.start_s)
    head, tail = clean_line(segment.text[:at]), clean_line(segment.text[at:])
    if not head or not tail:
        return None
    return (
        replace(segment, end_s=end_s, text=head, words=first, source="given"),
        replace(segment, start_s=start_s, text=tail, words=second, source="given"),
    )


def joined(first: Segment, second: Segment) -> Segment:
    """One line of two.

    Parameters
    ----------
    first, second : Segment
        In order of time. Without word times in one of them, the whole has none.
    """
    words = (*first.words, *second.words) if first.words and second.words else ()
    return replace(
        first,
        end_s=max(first.end_s, second.end_s),
        text=f"{first.text} {second.text}",
        words=words,
        source="given",
    )


def shifted(segment: Segment, by_s: float) -> Segment:
    """A line that is sung sooner or later, but never before the song.

    Parameters
    ----------
    segment : Segment
    by_s : float
    """
    by_s = max(by_s, -segment.start_s)
    words = tuple(replace(w, start_s=w.start_s + by_s, end_s=w.end_s + by_s) for w in segment.words)
    return replace(segment, start_s=segment.start_s + by_s, end_s=segment.end_s + by_s, words=words)


def moved(lyrics: Lyrics, by_s: float) -> Lyrics:
    """Lyrics that are sung sooner or later as a whole; lines without times stay as they are.

    Parameters
    ----------
    lyrics : Lyrics
    by_s : float
    """
    if by_s == 0.0 or not any(segment.end_s > 0.0 for segment in lyrics.segments):
        return lyrics
    return replace(lyrics, segments=tuple(shifted(segment, by_s) for segment in lyrics.segments))


def with_lines(lyrics: Lyrics, at: int, n: int, lines: Sequence[Segment]) -> Lyrics:
    """Lyrics with other lines in place of some.

    Parameters
    ----------
    lyrics : Lyrics
    at, n : int
        The first of those, and how many.
    lines : sequence of Segment
    """
    segments = [*lyrics.segments[:at], *lines, *lyrics.segments[at + n :]]
    return replace(lyrics, segments=tuple(sorted(segments, key=lambda segment: segment.start_s)))


def _core(word: str) -> str:
    """A word as it is compared: a comma or a capital does not make another of it."""
    return word.strip(".,;:!?\"'()[]…“”«»-").casefold() or word


def _shared(said: Sequence[str], start_s: float, end_s: float) -> list[Word]:
    """Words that share a time, each by its length."""
    total = sum(map(len, said))
    words: list[Word] = []
    at = 0
    for text in said:
        from_s = start_s + at / total * (end_s - start_s)
        at += len(text)
        words.append(Word(from_s, start_s + at / total * (end_s - start_s), text))
    return words


def _inserted(before: list[Word], said: Sequence[str], segment: Segment, at: int) -> list[Word]:
    """Words before the old word `at`, after those that are settled."""
    start_s = before[-1].end_s if before else segment.start_s
    end_s = segment.words[at].start_s if at < len(segment.words) else segment.end_s
    if end_s - start_s >= _LEAST_S * len(said):
        return [*before, *_shared(said, start_s, end_s)]
    if not before:
        return _shared(said, max(0.0, end_s - _LEAST_S * len(said)), end_s)
    last = before[-1]
    middle_s = (last.start_s + max(last.end_s, end_s)) / 2
    return [*before[:-1], replace(last, end_s=middle_s), *_shared(said, middle_s, max(last.end_s, end_s))]
