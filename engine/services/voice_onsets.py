"""When a voice sets in: word times drawn to the moments at which something begins to sound.

Pure functions, any thread. Whisper's attention tells the time of a word to a tenth of a second; the sound
itself tells it to some milliseconds, but not which word it is. So all words of a stretch look for their
onsets together: each near to where the network put it, the stronger the better, and none so soon after the
word before that this one could not have been said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.lyrics import Word
from engine.services.voice_track import RATE_HZ
from engine.units import F32, F64, I64

HOP_S = 0.005
_HOP_FRAMES = round(HOP_S * RATE_HZ)
_WINDOW_FRAMES = 512
_BAND_EDGES_HZ = (100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150)
_UPPER_EDGES_HZ = (3700, 4400, 5300, 6400, 7700)
"""Critical bands: a vowel that follows a nasal is no louder, but it is elsewhere."""
_SPAN_HOPS = 6
"""30 ms on both sides of a moment are compared."""
BAND_DB = 45.0
"""Below the loudest band: not heard beside it."""
RISE_DB = 3.0
"""Mean over the bands of what each gains: what counts as an onset at all."""
_FOOT_PART, _FOOT_HOPS = 0.7, 14
"""A word begins where the rise does, not where it is steepest: where it is 0.7 as steep, at most 70 ms
before."""
REST_DB = 30.0
"""Below the loudest of a stretch: nobody sings."""
FLOOR_DB = -60.0
REACH_S = 0.16
"""How far a word may be drawn."""
REACH_OVER_REST_S = 0.6
"""How far ahead, at least, when it was put into silence; else as far as the word was said to last."""
LEAST_WORD_S = 0.03

# Costs of a choice, found on two synthetic voices, none held out; half or twice of most of them changes the
# median error by less than 5 ms.
_PER_S = 1.0 / 0.13
_STRONG_DB, _STRONG = 12.0, 2.0
_NO_ONSET = 1.0
_WORD_S, _LETTER_S = 0.03, 0.045
"""A word of so many letters takes this long when it is said fast."""
_HURRY = 8.0
_IMPOSSIBLE = 50.0


@dataclass(frozen=True, slots=True)
class _Choice:
    """Where a word may begin, and what speaks against each moment."""

    times_s: F64
    costs: F64


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


def onsets(sound: F32) -> tuple[F64, F64]:
    """Moments at which something begins.

    Parameters
    ----------
    sound : float32 array, shape (n,), 16 kHz mono

    Returns
    -------
    times_s, rises_db : float64 arrays, shape (m,)
        Seconds, and how much the bands gain there, in the mean.
    """
    rise = _rise_db(sound)
    if len(rise) < 3:
        return np.zeros(0), np.zeros(0)
    is_peak = (rise >= RISE_DB) & (rise >= np.roll(rise, 1)) & (rise > np.roll(rise, -1))
    found = np.flatnonzero(is_peak)
    feet = [_foot(rise, int(peak)) for peak in found]
    return np.array(feet, np.float64) * HOP_S, rise[found]


def _rise_db(sound: F32) -> F64:
    """How much the bands gain at each moment, losses left out; float64, shape (n // 80 + 1,)."""
    half = _WINDOW_FRAMES // 2
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, half), _WINDOW_FRAMES)[::_HOP_FRAMES]
    spectra = np.fft.rfft(frames * np.hanning(_WINDOW_FRAMES).astype(np.float32), axis=1)
    edges_hz = np.array((*_BAND_EDGES_HZ, *_UPPER_EDGES_HZ), np.float64)
    bins = np.round(edges_hz * _WINDOW_FRAMES / RATE_HZ).astype(np.int64)
    power = np.add.reduceat(np.abs(spectra) ** 2, bins, axis=1)[:, :-1]
    level_db = 10.0 * np.log10(power + 1e-9)
    level_db = np.maximum(level_db, np.percentile(level_db, 99) - BAND_DB)
    n = len(level_db)
    rise = np.zeros(n)
    if n > 2 * _SPAN_HOPS:
        sums = np.concatenate([np.zeros((1, level_db.shape[1])), np.cumsum(level_db, axis=0)])
        at = np.arange(_SPAN_HOPS, n - _SPAN_HOPS)
        gained = sums[at + _SPAN_HOPS] - 2.0 * sums[at] + sums[at - _SPAN_HOPS]
        rise[at] = np.maximum(gained, 0.0).mean(axis=1) / _SPAN_HOPS
    return rise


def _foot(rise_db: F64, peak: int) -> int:
    """Where the rise that is steepest at `peak` begins."""
    at = peak
    while at > 0 and peak - at < _FOOT_HOPS and _FOOT_PART * rise_db[peak] <= rise_db[at - 1] <= rise_db[at]:
        at -= 1
    return at


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
    if not len(level_db) or not words:
        return list(words)
    times_s, rises_db = onsets(sound)
    rest_db = max(FLOOR_DB, float(level_db.max()) - REST_DB)
    choices: list[_Choice] = []
    for word in words:
        at_s = _out_of_rest(word.start_s - offset_s, word.end_s - offset_s, level_db, rest_db)
        choices.append(_choice(at_s, times_s, rises_db))
    starts_s = _cheapest(choices, words)
    snapped = [replace(w, start_s=offset_s + s) for w, s in zip(words, starts_s, strict=True)]
    for i, word in enumerate(snapped):
        limit_s = snapped[i + 1].start_s if i + 1 < len(snapped) else offset_s + len(sound) / RATE_HZ
        end_s = min(max(word.end_s, word.start_s + LEAST_WORD_S), max(limit_s, word.start_s))
        end_s = _last_sound(level_db, word.start_s - offset_s, end_s - offset_s, rest_db) + offset_s
        snapped[i] = replace(word, end_s=max(word.start_s, end_s))
    return snapped


def _out_of_rest(at_s: float, end_s: float, level_db: F32, rest_db: float) -> float:
    """Where it next sounds, for a word that was put into silence: there the attention runs ahead."""
    first = min(len(level_db) - 1, max(0, round(at_s / HOP_S)))
    last = first + round(max(REACH_OVER_REST_S, end_s - at_s) / HOP_S)
    if level_db[first] >= rest_db:
        return at_s
    audible = np.flatnonzero(level_db[first:last] >= rest_db)
    return (first + int(audible[0])) * HOP_S if len(audible) else at_s


def _choice(at_s: float, times_s: F64, rises_db: F64) -> _Choice:
    near = np.abs(times_s - at_s) <= REACH_S
    costs = np.abs(times_s[near] - at_s) * _PER_S
    costs -= _STRONG * np.minimum(rises_db[near], _STRONG_DB) / _STRONG_DB
    return _Choice(np.append(times_s[near], at_s), np.append(costs, _NO_ONSET))


def _cheapest(choices: Sequence[_Choice], words: Sequence[Word]) -> list[float]:
    """The beginnings, one of every choice, that together cost least; seconds, in order."""
    totals = choices[0].costs
    ways: list[I64] = []
    for i in range(1, len(choices)):
        n_letters = sum(map(str.isalnum, words[i - 1].text))
        fast_s = 0.9 * (_WORD_S + _LETTER_S * n_letters)
        gap_s = choices[i].times_s[None, :] - choices[i - 1].times_s[:, None]
        hurry = _HURRY * (np.maximum(0.0, fast_s - gap_s) / (fast_s / 0.9)) ** 2
        hurry[gap_s < LEAST_WORD_S] += _IMPOSSIBLE
        paths = totals[:, None] + hurry
        best = np.argmin(paths, axis=0)
        ways.append(best)
        totals = paths[best, np.arange(len(best))] + choices[i].costs
    at = int(np.argmin(totals))
    starts_s = [float(choices[-1].times_s[at])]
    for i in range(len(choices) - 2, -1, -1):
        at = int(ways[i][at])
        # Where no way was possible, the order counts more than any onset.
        starts_s.append(min(starts_s[-1], float(choices[i].times_s[at])))
    return starts_s[::-1]


def _last_sound(level_db: F32, start_s: float, end_s: float, rest_db: float) -> float:
    """The end of a word without the rest behind it."""
    first, last = round(start_s / HOP_S), min(len(level_db), round(end_s / HOP_S))
    audible = np.flatnonzero(level_db[max(0, first) : last] >= rest_db)
    if not len(audible):
        return end_s
    return min(end_s, start_s + (int(audible[-1]) + 2) * HOP_S)
