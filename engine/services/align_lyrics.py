"""Given lyrics, put in time with a song.

The thread that transcribes. What Whisper heard by itself says roughly where each line is, however wrong
its words are; then the true words are given to the network as if it had written them, a window at a time,
and its attention tells when each is sung (`Whisper.attend`). The onsets of the voice say it to some
milliseconds.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.errors import DecodeError, ParameterError
from engine.inference.whisper import Whisper
from engine.inference.whisper_decode import mean_log
from engine.io.lyric_files import parse_lyrics, read_lyrics
from engine.lyrics import Lyrics, Segment, Word
from engine.services.lyric_choice import plain_word
from engine.services.lyric_windows import Window
from engine.services.transcribe_song import SongTranscription, timed_lines

_HEADING = re.compile(r"^\s*[\[(][^\])]*[\])]\s*$")
"""[Chorus], (Verse 2): not sung."""
WORD_S = 0.35
"""A word that nothing is known of; half the words of songs are shorter."""
ALIKE = 0.65
"""Of the letters of two words, for one to be a mishearing of the other."""
MAX_GROUP_S = 26.0
MAX_GROUP_TOKENS = 200
GAP_S = 4.0
MARGIN_S = 0.8
"""Sound before the first and behind the last word of a window; half a rest where that is shorter."""
TRUSTED_S = 1.0
"""Where Whisper heard the very word, the attention may put it this far from there."""


@dataclass(frozen=True, slots=True)
class GivenLine:
    """A line as somebody wrote it.

    Parameters
    ----------
    text : str
    start_s : float or None
        Where it begins, if that was written down.
    """

    text: str
    start_s: float | None = None


@dataclass(slots=True)
class _GivenWord:
    text: str
    line: int
    start_s: float | None = None
    end_s: float = 0.0
    is_heard: bool = False


def read_given(path: Path) -> list[GivenLine]:
    """Lines of a lyrics file; as `parse_given`.

    Raises
    ------
    DecodeError
        It cannot be read or has no lines.
    """
    file = read_lyrics(path)
    times_known = file.timing != "none"
    lines = [GivenLine(s.text, s.start_s if times_known else None) for s in file.lyrics.segments]
    return _sung(lines)


def parse_given(text: str) -> list[GivenLine]:
    """Lines of a text, or of the contents of an .lrc file.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of GivenLine
        Without empty lines and headings such as "[Chorus]".

    Raises
    ------
    DecodeError
        There is no line in it.
    """
    try:
        segments = parse_lyrics(text, "lrc").lyrics.segments
        return _sung([GivenLine(segment.text, segment.start_s) for segment in segments])
    except DecodeError:
        return _sung([GivenLine(line.strip()) for line in text.splitlines()])


def _sung(lines: Sequence[GivenLine]) -> list[GivenLine]:
    sung = [
        line for line in lines if any(map(plain_word, line.text.split())) and not _HEADING.match(line.text)
    ]
    if not sung:
        raise DecodeError("there is no line to align in these lyrics: a line a row is wanted")
    return sung


def align_lyrics(
    transcription: SongTranscription,
    lines: Sequence[GivenLine],
    report: Callable[[str, float], None],
) -> Lyrics:
    """Put lines in time with a song.

    Parameters
    ----------
    transcription : SongTranscription
        Transcribed here as far as it is not yet: it shows where the lines are.
    lines : sequence of GivenLine
        As they are sung, from first to last.
    report : callable
        As of `SongTranscription.segments`; here "aligning" as well.

    Returns
    -------
    Lyrics
        A segment a line, a time a word, source "given".

    Raises
    ------
    ParameterError
        There is nothing sung in this song.
    JobCancelled, DecodeError, StoreError, ModelError
    """
    heard = [word for segment in transcription.segments(report) for word in segment.words]
    heard.sort(key=lambda word: word.start_s)
    report("aligning", 0.0)
    if not heard and not any(line.start_s is not None for line in lines):
        raise ParameterError(
            f"no words are heard in {transcription.song.path.name}: there is nothing to align lyrics with"
        )
    transcription.prepare(lambda _what, part: report("aligning", 0.3 * max(0.0, part)))
    words = [_GivenWord(text, i) for i, line in enumerate(lines) for text in line.text.split()]
    _place(words, lines, heard, transcription.song.duration_s)
    groups = _groups(words)
    segments: list[Segment] = []
    with transcription.model() as model:
        for i, group in enumerate(groups):
            report("aligning", 0.3 + 0.7 * i / len(groups))
            following = groups[i + 1][0] if i + 1 < len(groups) else None
            window = _window(group, segments[-1].end_s if segments else 0.0, following, transcription)
            timed = _attended(model, transcription, group, window)
            rows = _lines(timed, group, lines)
            segments += timed_lines(rows, transcription.voice(), window)
    report("aligning", 1.0)
    return Lyrics(tuple(_in_order(segments)), transcription.language, transcription.order.model)


def _place(words: list[_GivenWord], lines: Sequence[GivenLine], heard: Sequence[Word], song_s: float) -> None:
    """Give every word a rough place: of the word that was heard, of its line, or between its neighbours."""
    for i, j in _matches([plain_word(word.text) for word in words], [plain_word(w.text) for w in heard]):
        limit_s = lines[words[i].line].start_s
        if limit_s is not None and not -2.0 <= heard[j].start_s - limit_s <= 20.0:
            continue
        words[i].start_s, words[i].end_s = heard[j].start_s, heard[j].end_s
        words[i].is_heard = plain_word(words[i].text) == plain_word(heard[j].text)
    first_of_line = -1
    for word in words:
        start_s = lines[word.line].start_s
        if word.line != first_of_line and start_s is not None and word.start_s is None:
            word.start_s, word.end_s = start_s, start_s + WORD_S
        first_of_line = word.line
    known = [i for i, word in enumerate(words) if word.start_s is not None]
    for i, word in enumerate(words):
        if word.start_s is not None:
            continue
        before = max((k for k in known if k < i), default=None)
        after = min((k for k in known if k > i), default=None)
        word.start_s = _between(words, i, before, after)
        word.start_s = min(max(0.0, word.start_s), max(0.0, song_s - WORD_S))
        word.end_s = word.start_s + WORD_S


def _between(words: Sequence[_GivenWord], i: int, before: int | None, after: int | None) -> float:
    """Where an unknown word would be, the words between two known ones being sung evenly."""
    if before is None and after is None:
        return i * WORD_S
    if before is None and after is not None:
        return (words[after].start_s or 0.0) - (after - i) * WORD_S
    assert before is not None  # noqa: S101  one of the two is known
    if after is None:
        return words[before].end_s + (i - before - 1) * WORD_S
    first_s, last_s = words[before].end_s, words[after].start_s or 0.0
    if words[before].line != words[after].line and last_s - first_s > 2.0 * (after - before) * WORD_S:
        # A rest between: words go with the line that they are of.
        if words[i].line == words[before].line:
            return first_s + (i - before - 1) * WORD_S
        if words[i].line == words[after].line:
            return last_s - (after - i) * WORD_S
    return first_s + (last_s - first_s) * (i - before - 1) / max(1, after - before - 1)


def _matches(given: Sequence[str], heard: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of words that are the same or a mishearing, in order: the best way to lay two texts side by side.

    References
    ----------
    Needleman and Wunsch, "A general method applicable to the search for similarities in the amino acid
    sequence of two proteins", 1970.
    """
    n, m = len(given), len(heard)
    gap = -0.4
    best = [[gap * j for j in range(m + 1)]]
    for i in range(1, n + 1):
        row, above = [gap * i], best[-1]
        for j in range(1, m + 1):
            pair = above[j - 1] + _likeness(given[i - 1], heard[j - 1])
            row.append(max(pair, above[j] + gap, row[j - 1] + gap))
        best.append(row)
    pairs: list[tuple[int, int]] = []
    i, j = n, m
    while i and j:
        likeness = _likeness(given[i - 1], heard[j - 1])
        if best[i][j] == best[i - 1][j - 1] + likeness:
            if likeness > 0.0:
                pairs.append((i - 1, j - 1))
            i, j = i - 1, j - 1
        elif best[i][j] == best[i - 1][j] + gap:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


@lru_cache(maxsize=100_000)
def _likeness(a: str, b: str) -> float:
    """1 for the same word, less for a mishearing, -1 for another."""
    if a == b:
        return 1.0
    if len(a) < 3 or len(b) < 3 or not {*a} & {*b}:
        return -1.0
    ratio = SequenceMatcher(None, a, b, autojunk=False).ratio()
    return 0.8 * ratio if ratio >= ALIKE else -1.0


def _groups(words: Sequence[_GivenWord]) -> list[list[_GivenWord]]:
    """Whole lines that go through the network together."""
    by_line: dict[int, list[_GivenWord]] = {}
    for word in words:
        by_line.setdefault(word.line, []).append(word)
    groups: list[list[_GivenWord]] = []
    for line in by_line.values():
        last = groups[-1] if groups else None
        start_s, stop_s = line[0].start_s or 0.0, line[-1].end_s
        if (
            last is not None
            and stop_s - (last[0].start_s or 0.0) <= MAX_GROUP_S
            and start_s - last[-1].end_s < GAP_S
            and 2 * (len(last) + len(line)) <= MAX_GROUP_TOKENS
        ):
            last += line
        else:
            groups.append(list(line))
    return groups


def _window(
    group: Sequence[_GivenWord], before_s: float, following: _GivenWord | None, song: SongTranscription
) -> Window:
    """The sound of some lines: theirs, and no word of their neighbours."""
    first_s, last_s = group[0].start_s or 0.0, group[-1].end_s
    start_s = max(0.0, first_s - MARGIN_S, min(first_s, (first_s + before_s) / 2.0))
    next_s = following.start_s if following is not None and following.start_s is not None else None
    stop_s = (
        last_s + MARGIN_S if next_s is None else min(last_s + MARGIN_S, max(last_s, (last_s + next_s) / 2))
    )
    return Window(start_s, min(song.song.duration_s, max(stop_s, start_s + 1.0)))


def _attended(
    model: Whisper, transcription: SongTranscription, group: Sequence[_GivenWord], window: Window
) -> list[Word]:
    """Words with the times that the network's attention gives them."""
    tokenizer = model.tokenizer(transcription.language or "en")
    pieces = [list(tokenizer.encode(f" {word.text}")) for word in group]
    tokens = [token for piece in pieces for token in piece][:440]
    sound = transcription.track("vocals").read(window.start_s, window.stop_s)
    starts_s, probabilities = model.attend(model.encode(sound), transcription.language or "en", tokens)
    words: list[Word] = []
    first = 0
    for word, piece in zip(group, pieces, strict=True):
        last = min(first + len(piece), len(tokens))
        first = min(first, len(tokens) - 1)
        start_s = window.start_s + float(starts_s[first])
        end_s = window.start_s + float(starts_s[last])
        rough_s = word.start_s or 0.0
        if word.is_heard and abs(start_s - rough_s) > TRUSTED_S:
            start_s, end_s = rough_s, word.end_s
        probability = float(probabilities[first:last].mean()) if last > first else 0.0
        words.append(Word(start_s, max(start_s, end_s), word.text, probability))
        first = last
    return words


def _lines(timed: Sequence[Word], group: Sequence[_GivenWord], lines: Sequence[GivenLine]) -> list[Segment]:
    by_line: dict[int, list[Word]] = {}
    for word, given in zip(timed, group, strict=True):
        by_line.setdefault(given.line, []).append(word)
    return [
        Segment(
            words[0].start_s,
            words[-1].end_s,
            lines[line].text,
            tuple(words),
            mean_log(np.array([word.probability for word in words], np.float32)),
            "given",
        )
        for line, words in by_line.items()
    ]


def _in_order(segments: Sequence[Segment]) -> list[Segment]:
    """The same lines, none beginning before the one before it."""
    ordered: list[Segment] = []
    least_s = 0.0
    for segment in segments:
        words: list[Word] = []
        for word in segment.words:
            start_s = max(least_s, word.start_s)
            words.append(replace(word, start_s=start_s, end_s=max(start_s, word.end_s)))
            least_s = start_s
        ordered.append(replace(segment, start_s=words[0].start_s, end_s=words[-1].end_s, words=tuple(words)))
    return ordered
