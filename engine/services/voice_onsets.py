"""When a voice sets in: word times drawn to the moments at which something begins to sound.

Pure functions, any thread. Whisper's attention tells the time of a word to some tenths of a second; the
sound itself tells it to some milliseconds, but not which word it is. So each word keeps its place in the
order and looks for the nearest strong onset around where the network put it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.lyrics import Word
from engine.services.voice_track import RATE_HZ
from engine.units import F32

HOP_S = 0.005
_HOP_FRAMES = round(HOP_S * RATE_HZ)
_SPAN_HOPS = 6
"""30 ms on both sides of a moment are compared."""
RISE_DB = 6.0
"""What counts as an onset at all."""
REST_DB = 30.0
"""Below the loudest of a stretch: nobody sings."""
FLOOR_DB = -60.0
REACH_S = 0.18
"""How far a word may be drawn."""
REACH_OVER_REST_S = 0.6
"""How far, when it was put into silence."""
LEAST_WORD_S = 0.04


def envelope_db(sound: F32) -> F32:
    """How loud it is, every 5 ms.

    Parameters
    ----------
    sound : float32 array, shape (n,), 16 kHz mono

    Returns
    -------
    float32 array, shape (n // 80,)
        dB of the mean power over 20 ms around each moment; full scale is 0.
    """
    n_hops = len(sound) // _HOP_FRAMES
    if not n_hops:
        return np.zeros(0, np.float32)
    # The first difference keeps hum and bass out, and lets consonants count.
    bright = np.diff(sound[: n_hops * _HOP_FRAMES], prepend=sound[:1])
    power = np.mean(bright.reshape(n_hops, _HOP_FRAMES).astype(np.float64) ** 2, axis=1)
    smooth = np.convolve(power, np.ones(4) / 4.0, "same")
    return (10.0 * np.log10(smooth + 1e-9)).astype(np.float32)


def onsets(level_db: F32) -> tuple[F32, F32]:
    """Moments at which something begins.

    Parameters
    ----------
    level_db : float32 array, shape (n,)
        As `envelope_db`.

    Returns
    -------
    times_s, rises_db : float32 arrays, shape (m,)
        Seconds, and how much louder it is after than before.
    """
    n = len(level_db)
    if n < 3 * _SPAN_HOPS:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    floor = np.maximum(level_db, max(FLOOR_DB, float(level_db.max()) - REST_DB - 10.0))
    sums = np.concatenate([[0.0], np.cumsum(floor, dtype=np.float64)])
    at = np.arange(_SPAN_HOPS, n - _SPAN_HOPS)
    after = (sums[at + _SPAN_HOPS] - sums[at]) / _SPAN_HOPS
    before = (sums[at] - sums[at - _SPAN_HOPS]) / _SPAN_HOPS
    rise = np.zeros(n, np.float32)
    rise[at] = after - before
    peak = (rise >= RISE_DB) & (rise >= np.roll(rise, 1)) & (rise > np.roll(rise, -1))
    found = np.flatnonzero(peak)
    return (found * HOP_S).astype(np.float32), rise[found]


def snap_words(words: Sequence[Word], sound: F32, offset_s: float) -> list[Word]:
    """Draw words to the onsets of a voice.

    Parameters
    ----------
    words : sequence of Word
        In time order, in seconds of the song.
    sound : float32 array, shape (n,), 16 kHz mono
        The voice around them.
    offset_s : float
        Where in the song it begins.

    Returns
    -------
    list of Word
        The same words in the same order; none begins before the one before it has begun.
    """
    level_db = envelope_db(sound)
    times_s, rises_db = onsets(level_db)
    if not len(times_s):
        return list(words)
    rest_db = max(FLOOR_DB, float(level_db.max()) - REST_DB)
    starts_s = [_snap(word.start_s - offset_s, level_db, times_s, rises_db, rest_db) for word in words]
    snapped: list[Word] = []
    for i, word in enumerate(words):
        start_s = starts_s[i]
        if i and start_s < snapped[-1].start_s - offset_s + LEAST_WORD_S:
            start_s = max(word.start_s - offset_s, snapped[-1].start_s - offset_s + LEAST_WORD_S)
        snapped.append(replace(word, start_s=offset_s + start_s))
    for i, word in enumerate(snapped):
        limit_s = snapped[i + 1].start_s if i + 1 < len(snapped) else offset_s + len(sound) / RATE_HZ
        end_s = min(max(word.end_s, word.start_s + LEAST_WORD_S), max(limit_s, word.start_s))
        end_s = _last_sound(level_db, word.start_s - offset_s, end_s - offset_s, rest_db) + offset_s
        snapped[i] = replace(word, end_s=max(word.start_s, end_s))
    return snapped


def _snap(at_s: float, level_db: F32, times_s: F32, rises_db: F32, rest_db: float) -> float:
    """The onset that a word most likely begins at; where it was put when there is none near."""
    at = min(len(level_db) - 1, max(0, round(at_s / HOP_S)))
    silent = bool(level_db[at] < rest_db)
    # Into silence the attention runs ahead, never behind.
    first_s, last_s = at_s - REACH_S, at_s + (REACH_OVER_REST_S if silent else REACH_S)
    near = np.flatnonzero((times_s >= first_s) & (times_s <= last_s))
    if not len(near):
        return at_s
    distance_s = np.abs(times_s[near] - at_s)
    # 20 dB of rise outweigh a tenth of a second.
    score = np.minimum(rises_db[near], 25.0) - 200.0 * distance_s * (0.5 if silent else 1.0)
    return float(times_s[near[int(np.argmax(score))]])


def _last_sound(level_db: F32, start_s: float, end_s: float, rest_db: float) -> float:
    """The end of a word without the rest behind it."""
    first, last = round(start_s / HOP_S), min(len(level_db), round(end_s / HOP_S))
    audible = np.flatnonzero(level_db[first:last] >= rest_db)
    if not len(audible):
        return end_s
    return min(end_s, start_s + (int(audible[-1]) + 2) * HOP_S)
