"""From a window of sound to lines with timed words, by one model.

The thread that owns the model. It exists apart from `engine.inference.whisper`, which runs the network
once, because a window may need several runs: one that repeats itself is decoded again in another way, and
a window of which the end was left out is taken up where the words stop.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.inference.whisper import RATE_HZ, TOKEN_S, Decoded, Encoded, Whisper
from engine.lyrics import Segment, SegmentSource, Word
from engine.units import F32

MAX_COMPRESSION = 2.4
MIN_LOG_PROBABILITY = -1.0
"""Beyond these two a text is decoded again; the limits that Whisper was published with."""
REST_S = 3.0
"""A window whose last words end this long before its sound does is looked at again from there."""
MAX_RUNS = 4
"""Runs a window: each moves on by at least a line."""
LEAST_PROBABILITY = 1e-4
"""-9.2 as a logarithm: one impossible token shall not outweigh a line."""

_OPENING = "\"'“¿([{-"
_CLOSING = "\"'.,!?:”)]}…" + "\u3002\uff0c\uff01\uff1f\uff1a\u3001"
"""The second half as Chinese and Japanese write them."""


@dataclass(frozen=True, slots=True)
class HeardSegment:
    """A line, and what tells whether it was sung at all.

    Parameters
    ----------
    segment : Segment
        Times in seconds of the song.
    no_speech_probability : float, 0 to 1
        That its window holds no words.
    compression_ratio : float
        Of the line's own text.
    """

    segment: Segment
    no_speech_probability: float
    compression_ratio: float


@dataclass(frozen=True, slots=True)
class _Line:
    start_s: float
    end_s: float
    tokens: list[int]


class _Side:
    """A window as one source has it, and how far it is heard."""

    def __init__(self, source: SegmentSource, sound: F32) -> None:
        self.source: SegmentSource = source
        self.sound = sound
        self.at_frame = 0
        self.found: list[HeardSegment] = []
        self.is_over = False


def hear(
    model: Whisper,
    sounds: Mapping[SegmentSource, F32],
    start_s: float,
    language: str,
    known: Mapping[SegmentSource, Encoded] | None = None,
) -> dict[SegmentSource, list[HeardSegment]]:
    """All lines of a window, as each source has it.

    Parameters
    ----------
    model : Whisper
    sounds : mapping of SegmentSource to float32 array, shape (n,), 16 kHz mono
        The same window of each source, at most 30 s.
    start_s : float
        Where in the song it begins.
    language : str
    known : mapping of SegmentSource to Encoded, or None
        Sources of which the window has been through the first half of the network already.

    Returns
    -------
    dict of SegmentSource to list of HeardSegment
        In time order.
    """
    sides = [_Side(source, sound) for source, sound in sounds.items()]
    known = known or {}
    for _ in range(MAX_RUNS):
        left = [side for side in sides if not side.is_over]
        if not left:
            break
        encoded = [
            known[side.source]
            if side.at_frame == 0 and side.source in known
            else model.encode(side.sound[side.at_frame :])
            for side in left
        ]
        decoded = decode_best(model, encoded, language)
        for side, seen, text in zip(left, encoded, decoded, strict=True):
            _note_run(model, side, seen, text, start_s, language)
    return {side.source: side.found for side in sides}


def _note_run(
    model: Whisper, side: _Side, encoded: Encoded, decoded: Decoded, start_s: float, language: str
) -> None:
    """Take over what one run wrote, and see whether the window goes on behind it."""
    offset_s = start_s + side.at_frame / RATE_HZ
    rest_s = (len(side.sound) - side.at_frame) / RATE_HZ
    lines, end_s = _split(model.tokenizer(language), decoded.tokens, rest_s)
    side.found += _timed(model, encoded, language, lines, decoded, offset_s, side.source)
    side.at_frame += max(RATE_HZ, round(end_s * RATE_HZ))
    # Most often an instrumental end; a run costs as much as a whole window, so not for a moment.
    side.is_over = not lines or len(side.sound) - side.at_frame < REST_S * RATE_HZ


def decode_best(model: Whisper, encoded: Sequence[Encoded], language: str) -> list[Decoded]:
    """Decode windows, and once more in another way where the text repeats itself or is hardly believed.

    Parameters
    ----------
    model : Whisper
    encoded : sequence of Encoded
    language : str
    """
    best = model.decode(encoded, language)
    doubted = [i for i, decoded in enumerate(best) if _is_doubted(decoded)]
    if doubted:
        again = model.decode([encoded[i] for i in doubted], language, no_repeats=True)
        for i, second in zip(doubted, again, strict=True):
            first = best[i]
            if first.compression_ratio > MAX_COMPRESSION >= second.compression_ratio:
                best[i] = second
            else:
                best[i] = max(first, second, key=lambda decoded: decoded.average_log_probability)
    return best


def _is_doubted(decoded: Decoded) -> bool:
    return decoded.compression_ratio > MAX_COMPRESSION or (
        decoded.average_log_probability < MIN_LOG_PROBABILITY and decoded.no_speech_probability <= 0.6
    )


def _split(tokenizer: Any, tokens: Sequence[int], sound_s: float) -> tuple[list[_Line], float]:
    """Lines between the time stamps, and where the text ends for good.

    A text that ends with two stamps goes on behind them; one that ends with one or none is all there is.
    """
    begin = tokenizer.timestamp_begin
    lines: list[_Line] = []
    start_s, open_tokens = 0.0, []
    for token in tokens:
        if token < begin:
            if token < tokenizer.eot:
                open_tokens.append(token)
            continue
        stamp_s = min((token - begin) * TOKEN_S, sound_s)
        if open_tokens:
            lines.append(_Line(start_s, stamp_s, open_tokens))
            open_tokens = []
        start_s = stamp_s
    if open_tokens:
        lines.append(_Line(start_s, sound_s, open_tokens))
    return lines, lines[-1].end_s if lines else sound_s


def _timed(
    model: Whisper,
    encoded: Encoded,
    language: str,
    lines: Sequence[_Line],
    decoded: Decoded,
    offset_s: float,
    source: SegmentSource,
) -> list[HeardSegment]:
    """Lines with the times of their words."""
    from faster_whisper.transcribe import get_compression_ratio

    tokens = [token for line in lines for token in line.tokens]
    if not tokens:
        return []
    tokenizer = model.tokenizer(language)
    starts_s, probabilities = model.attend(encoded, language, tokens)
    heard: list[HeardSegment] = []
    first = 0
    for line in lines:
        words = _words(tokenizer, line.tokens, starts_s[first:], probabilities[first:], offset_s)
        log_probability = mean_log(probabilities[first : first + len(line.tokens)])
        first += len(line.tokens)
        text = tokenizer.decode(line.tokens).strip()
        if not text or not words:
            continue
        segment = Segment(words[0].start_s, words[-1].end_s, text, tuple(words), log_probability, source)
        ratio = float(get_compression_ratio(text))
        heard.append(HeardSegment(segment, decoded.no_speech_probability, ratio))
    return heard


def mean_log(probabilities: F32) -> float:
    """Mean natural logarithm of probabilities.

    Parameters
    ----------
    probabilities : float32 array, shape (n,), 0 to 1
    """
    if not len(probabilities):
        return math.log(LEAST_PROBABILITY)
    return float(np.mean(np.log(np.maximum(probabilities, LEAST_PROBABILITY))))


def _words(
    tokenizer: Any, tokens: Sequence[int], starts_s: F32, probabilities: F32, offset_s: float
) -> list[Word]:
    """Words of a line; punctuation belongs to the word it stands at."""
    texts, token_lists = tokenizer.split_to_word_tokens(list(tokens))
    words: list[Word] = []
    first, opening = 0, ""
    for text, word_tokens in zip(texts, token_lists, strict=True):
        start_s = offset_s + float(starts_s[first])
        end_s = offset_s + float(starts_s[first + len(word_tokens)])
        probability = float(np.mean(probabilities[first : first + len(word_tokens)]))
        first += len(word_tokens)
        bare = text.strip()
        if bare and not bare.strip(_CLOSING) and words and not text.startswith(" "):
            words[-1] = replace(words[-1], text=words[-1].text + bare)
        elif bare and not bare.strip(_OPENING):
            opening += bare
        elif bare:
            words.append(Word(start_s, max(start_s, end_s), opening + bare, probability))
            opening = ""
    return words
