"""How well somebody sings along: the melody of a song, and a gentle score against it.

Pure values and arithmetic, any thread. The melody is the pitch of the vocal stem. Every 10 ms or so of
the singer's voice is worth something as soon as the melody has a note there:

    d = 1200 log2(sung / melody) cents, less whole octaves: -600 <= d <= 600
    credit = 1                                           |d| <= 50     in tune
             1 - 0.8 (|d| - 50) / 250              50 < |d| <= 300     near
             0.2                                         |d| > 300     sung, but another note
             0                                       silent

and of the notes within 0.1 s around it the one that suits best counts. The score is 100 times the mean
credit of all rows at which the melody sounds. Octaves do not count, so that every voice can sing every
song; a breath costs little, silence everything.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.units import F32, F64

IN_TUNE_CENTS: Final = 50.0
"""A quarter tone: what a listener takes for the note itself."""
NEAR_CENTS: Final = 300.0
SUNG_CREDIT: Final = 0.2
TOLERANCE_S: Final = 0.1
LEAST_NOTE_S: Final = 0.08
"""What is shorter is a consonant, or the band."""
_OCTAVE_CENTS: Final = 1200.0


@dataclass(frozen=True, slots=True)
class Melody:
    """What is to be sung.

    Parameters
    ----------
    pitch_hz : float32 array, shape (n,)
        0 where there is no note.
    rows_per_s : float
        Row t stands for the time t / rows_per_s of the song.
    """

    pitch_hz: F32
    rows_per_s: float

    def at(self, time_s: float) -> float:
        """Pitch at a time of the song, Hz; 0 for none."""
        row = round(time_s * self.rows_per_s)
        return float(self.pitch_hz[row]) if 0 <= row < self.pitch_hz.size else 0.0

    def around(self, time_s: float) -> F32:
        """Notes within TOLERANCE_S of a time, Hz, float32 array of shape (n,) without rests."""
        reach = round(TOLERANCE_S * self.rows_per_s)
        middle = round(time_s * self.rows_per_s)
        rows = self.pitch_hz[max(0, middle - reach) : max(0, middle + reach + 1)]
        return rows[rows > 0.0]


def melody_of(pitch_hz: F32, rows_per_s: float) -> Melody:
    """The melody that a voice's pitch makes: without slips of the estimator and without grunts.

    Parameters
    ----------
    pitch_hz : float32 array, shape (n,)
        Of the vocal stem, 0 where there is none.
    rows_per_s : float

    Returns
    -------
    Melody
        Every note lasts LEAST_NOTE_S at least; a row that leaps from all its neighbours is as they are.
    """
    cleaned = pitch_hz.copy()
    sounding = pitch_hz > 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], sounding, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2):
        if last - first < LEAST_NOTE_S * rows_per_s:
            cleaned[first:last] = 0.0
            continue
        run = pitch_hz[first:last]
        padded = np.concatenate([run[:1], run[:1], run, run[-1:], run[-1:]])
        cleaned[first:last] = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    return Melody(cleaned, rows_per_s)


def cents_off(sung_hz: float, melody_hz: F32) -> F64:
    """How far a sung pitch is from others, less whole octaves.

    Parameters
    ----------
    sung_hz : float, > 0
    melody_hz : float32 array, shape (n,)
        Above 0.

    Returns
    -------
    float64 array, shape (n,)
        Cents, -600 to 600; above 0 is sharp.
    """
    cents = _OCTAVE_CENTS * np.log2(sung_hz / melody_hz.astype(np.float64))
    return cents - _OCTAVE_CENTS * np.round(cents / _OCTAVE_CENTS)


def credit(off_cents: float) -> float:
    """What a sung note is worth, SUNG_CREDIT to 1.

    Parameters
    ----------
    off_cents : float
        As `cents_off` gives it.
    """
    away = abs(off_cents)
    if away <= IN_TUNE_CENTS:
        return 1.0
    share = (away - IN_TUNE_CENTS) / (NEAR_CENTS - IN_TUNE_CENTS)
    return max(SUNG_CREDIT, 1.0 - (1.0 - SUNG_CREDIT) * share)


@dataclass(frozen=True, slots=True)
class Sung:
    """What was sung of late.

    Parameters
    ----------
    song_s : float64 array, shape (n,)
        Where in the song each row was sung, seconds; NaN while the song stood.
    pitch_hz : float32 array, shape (n,)
        0 where nothing was sung.
    score : float or None
        0 to 100; None before the melody's first note.
    """

    song_s: F64
    pitch_hz: F32
    score: float | None = None

    @property
    def now_hz(self) -> float:
        """Pitch of the newest row; 0 for none."""
        return float(self.pitch_hz[-1]) if self.pitch_hz.size else 0.0


NOTHING_SUNG: Final = Sung(np.zeros(0), np.zeros(0, np.float32))


class SingScore:
    """The score of one singing.

    Parameters
    ----------
    melody : Melody
    """

    def __init__(self, melody: Melody) -> None:
        self._melody = melody
        self._sum = 0.0
        self._n = 0

    @property
    def n_rows(self) -> int:
        """Rows at which the melody sounded."""
        return self._n

    @property
    def score(self) -> float | None:
        """0 to 100; None before the first note of the melody."""
        return 100.0 * self._sum / self._n if self._n else None

    def add(self, song_s: float, sung_hz: float) -> None:
        """Hear one row of the voice.

        Parameters
        ----------
        song_s : float
            Where in the song it was sung; NaN while the song stands.
        sung_hz : float
            0 for silence.
        """
        if math.isnan(song_s) or self._melody.at(song_s) <= 0.0:
            return
        self._n += 1
        if sung_hz > 0.0:
            off = np.abs(cents_off(sung_hz, self._melody.around(song_s)))
            self._sum += credit(float(off.min()))
