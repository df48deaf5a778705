"""Which of the lines that were heard are believed: of the mix or of the vocals, and none that nobody sang.

Pure functions, any thread. Whisper hears some lines better with the band and some better without it; and
over a solo it writes what subtitles say there. What decides is how sure it was of its words, whether
there is a voice where it puts them, and whether a text repeats itself faster than anybody sings.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from engine.inference.whisper_decode import MAX_COMPRESSION, HeardSegment
from engine.lyrics import Segment, Word

NO_SPEECH = 0.6
LEAST_LOG_PROBABILITY = -1.0
"""A line below, in a window that rather holds no words, is not believed."""
HOPELESS_LOG_PROBABILITY = -1.2
"""A line below is not believed anywhere: each of its words had a chance of three in ten."""
LEAST_VOICED = 0.3
"""Part of a line's time in which a voice must be heard."""
DOUBTFUL_VOICED = 0.6
"""Below, a line must be likely as well."""
DOUBTFUL_LOG_PROBABILITY = -0.7
REPEATS = 3
"""A phrase is sung three times in a row; more often only at the speed of singing."""
LEAST_WORD_S = 0.12
LEAST_WORD_PROBABILITY = 0.4
MAX_PHRASE_WORDS = 8
SAME_S = 0.3
"""Two lines that share more than this are about the same moment."""

_CREDITS = re.compile(
    r"thanks? (you )?for (watching|listening|viewing)|subscribe|subtitles? by|transcri(bed|ption) by"
    r"|captions? by|www\.|\.com\b|amara\.org|copyright|all rights reserved|^\W*(music|applause|silence)\W*$",
    re.IGNORECASE,
)
"""What subtitles say where nobody speaks; Whisper learnt from them."""


def choose_lines(mix: Sequence[HeardSegment], vocals: Sequence[HeardSegment]) -> list[HeardSegment]:
    """For every moment, the lines of whichever side was surer.

    Parameters
    ----------
    mix, vocals : sequence of HeardSegment
        Of the same window; in time order.

    Returns
    -------
    list of HeardSegment
        In time order; no moment is in it twice.
    """
    chosen: list[HeardSegment] = []
    for group in _moments(mix, vocals):
        sides = [[heard for heard in group if heard.segment.source == source] for source in ("vocals", "mix")]
        # Where one side heard nothing, the other stands alone, and the doubts below are about it.
        chosen += max((side for side in sides if side), key=_certainty)
    return sorted(chosen, key=lambda heard: heard.segment.start_s)


def _moments(mix: Sequence[HeardSegment], vocals: Sequence[HeardSegment]) -> list[list[HeardSegment]]:
    """Lines that overlap, of both sides, together."""
    groups: list[list[HeardSegment]] = []
    end_s = -np.inf
    for heard in sorted([*mix, *vocals], key=lambda heard: heard.segment.start_s):
        if groups and heard.segment.start_s < end_s - SAME_S:
            groups[-1].append(heard)
        else:
            groups.append([heard])
        end_s = max(end_s, heard.segment.end_s)
    return groups


def _certainty(side: Sequence[HeardSegment]) -> float:
    """Mean logarithm over the words of some lines."""
    weights = [max(1, len(heard.segment.words)) for heard in side]
    return float(np.average([h.segment.average_log_probability for h in side], weights=weights))


def believed(
    lines: Sequence[HeardSegment], voiced_share: Callable[[float, float], float]
) -> list[HeardSegment]:
    """Lines that were sung, without the repeats that were not.

    Parameters
    ----------
    lines : sequence of HeardSegment
    voiced_share : callable
        Takes start and end in seconds; gives the part with a voice in it, 0 to 1.

    Returns
    -------
    list of HeardSegment
    """
    kept: list[HeardSegment] = []
    for line in lines:
        heard = replace(line, segment=without_loops(line.segment))
        if heard.segment.words and not _is_invented(heard, voiced_share):
            kept.append(heard)
    return kept


def _is_invented(heard: HeardSegment, voiced_share: Callable[[float, float], float]) -> bool:
    segment = heard.segment
    certainty = segment.average_log_probability
    share = float(np.mean([voiced_share(word.start_s, word.end_s) for word in segment.words]))
    if certainty < HOPELESS_LOG_PROBABILITY or share < LEAST_VOICED:
        return True
    if _CREDITS.search(segment.text) and (certainty < -0.3 or share < DOUBTFUL_VOICED):
        return True
    if certainty < LEAST_LOG_PROBABILITY and heard.no_speech_probability > NO_SPEECH:
        return True
    if certainty < LEAST_LOG_PROBABILITY and heard.compression_ratio > MAX_COMPRESSION:
        return True
    return certainty < DOUBTFUL_LOG_PROBABILITY and share < DOUBTFUL_VOICED


def without_loops(segment: Segment) -> Segment:
    """A line without the phrases that it repeats faster or less surely than one can sing.

    Parameters
    ----------
    segment : Segment

    Returns
    -------
    Segment
        The same object when nothing was taken out.
    """
    words = list(segment.words)
    size = 1
    while size <= MAX_PHRASE_WORDS:
        shorter = _without_loop(words, size)
        size = size + 1 if shorter is None else 1
        words = words if shorter is None else shorter
    if len(words) == len(segment.words):
        return segment
    text = " ".join(word.text for word in words)
    return replace(segment, words=tuple(words), text=text, end_s=words[-1].end_s)


def _without_loop(words: list[Word], size: int) -> list[Word] | None:
    """The words with the first such loop of phrases of `size` words taken out; None when there is none."""
    plain = [plain_word(word.text) for word in words]
    for start in range(len(words) - size * (REPEATS + 1) + 1):
        phrase, n = plain[start : start + size], 1
        while plain[start + n * size : start + (n + 1) * size] == phrase:
            n += 1
        loop = words[start : start + n * size]
        if n > REPEATS and not _can_be_sung(loop):
            return words[: start + size] + words[start + n * size :]
    return None


def _can_be_sung(words: Sequence[Word]) -> bool:
    durations_s = [word.end_s - word.start_s for word in words]
    probabilities = [word.probability for word in words]
    return (
        float(np.median(durations_s)) >= LEAST_WORD_S
        and float(np.mean(probabilities)) >= LEAST_WORD_PROBABILITY
    )


def plain_word(text: str) -> str:
    """A word without case and punctuation, as two hearings of it are compared.

    Parameters
    ----------
    text : str
    """
    return "".join(char for char in text.casefold() if char.isalnum())
