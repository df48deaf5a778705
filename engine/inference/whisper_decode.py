"""From a window of sound to lines with timed words, by one model.

The thread that owns the model. It exists apart from `engine.inference.whisper`, which runs the network
once, because a window may need several runs: one that repeats itself is decoded again in another way, and
a window of which the end was left out is taken up where the words stop.
"""

import math
from collections.abc import Sequence
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


def hear(
    model: Whisper, sound: F32, start_s: float, language: str, source: SegmentSource
) -> list[HeardSegment]:
    """All lines of a window.

    Parameters
    ----------
    model : Whisper
    sound : float32 array, shape (n,), 16 kHz mono
        At most 30 s.
    start_s : float
        Where in the song it begins.
    language : str
    source : SegmentSource
        What it is, for the lines.

    Returns
    -------
    list of HeardSegment
        In time order.
    """
    found: list[HeardSegment] = []
    at_frame = 0
    for _ in range(MAX_RUNS):
        rest = sound[at_frame:]
        encoded = model.encode(rest)
        decoded = decode_best(model, encoded, language)
        offset_s = start_s + at_frame / RATE_HZ
        lines, end_s = _split(model.tokenizer(language), decoded.tokens, len(rest) / RATE_HZ)
        found += _timed(model, encoded, language, lines, decoded, offset_s, source)
        at_frame += max(RATE_HZ, round(end_s * RATE_HZ))
        # Most often an instrumental end; a run costs as much as a whole window, so not for a moment.
        if not lines or len(sound) - at_frame < REST_S * RATE_HZ:
            break
    return found


def decode_best(model: Whisper, encoded: Encoded, language: str) -> Decoded:
    """Decode, and once more in another way when the text repeats itself or is hardly believed.

    Parameters
    ----------
    model : Whisper
    encoded : Encoded
    language : str
    """
    first = model.decode(encoded, language)
    if first.compression_ratio <= MAX_COMPRESSION and (
        first.average_log_probability >= MIN_LOG_PROBABILITY or first.no_speech_probability > 0.6
    ):
        return first
    second = model.decode(encoded, language, no_repeats=True)
    if first.compression_ratio > MAX_COMPRESSION >= second.compression_ratio:
        return second
    return max(first, second, key=lambda decoded: decoded.average_log_probability)


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
