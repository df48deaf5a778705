"""Lyrics in time with a song: words, the segments they are sung in, and all segments of a song.

Pure values of the standard library, any thread. They stand beside the units because every floor
hands them on: the transcription makes them, files keep them, the window shows them.
"""

from dataclasses import dataclass
from typing import Literal

SegmentSource = Literal["mix", "vocals", "given"]
"""What a segment was heard on; "given" for words that a person typed or a file brought."""


@dataclass(frozen=True, slots=True)
class Word:
    """One sung word.

    Parameters
    ----------
    start_s, end_s : float
        Seconds of the song, 0 <= start_s <= end_s.
    text : str
        The word with its punctuation, without spaces around it.
    probability : float, 0 to 1
        How sure the model is; 1 for words that were given.
    """

    start_s: float
    end_s: float
    text: str
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Segment:
    """What is sung in one breath, one line on the screen.

    Parameters
    ----------
    start_s, end_s : float
        Seconds of the song.
    text : str
        The line as it is written.
    words : tuple of Word
        In time order; empty when only the line has a time.
    average_log_probability : float
        Mean natural logarithm of the tokens' probabilities, 0 (certain) and below.
    source : SegmentSource
    """

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()
    average_log_probability: float = 0.0
    source: SegmentSource = "mix"


@dataclass(frozen=True, slots=True)
class Lyrics:
    """The words of a song.

    Parameters
    ----------
    segments : tuple of Segment
        In time order.
    language : str
        As ISO 639-1 has it ("en"); empty when unknown.
    model : str
        Card of the model that heard them; empty when they were given.
    """

    segments: tuple[Segment, ...]
    language: str
    model: str = ""
