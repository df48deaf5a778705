"""Beats: the even chain of onsets that a foot would tap to; and which of them begin a bar.

Analysis workers run it; a few hundred microseconds a minute of music. Dynamic programming: the best
chain that ends at a moment is the best one that ends about a beat earlier, and this moment.

References
----------
.. [1] D. P. W. Ellis, "Beat tracking by dynamic programming", J. New Music Research 36, 2007.
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.kernels.tempogram import checked_onset
from engine.units import F32, F64, I64

TIGHTNESS = 100.0
"""How much an interval's squared logarithm costs; onsets are counted in standard deviations."""

_FIRST_PART = 0.01  # of the best local score: below it, before any onset, no beat is set
_SMOOTH = np.hanning(5)
_METERS = (4, 3)
_UNUSUAL = 0.8
"""Weight of a meter of three: four is what most songs are in, and chance favours fewer beats a bar."""


@dataclass(frozen=True)
class Bars:
    """Where the bars begin.

    Attributes
    ----------
    beats_per_bar : int
        4 or 3; 0 when there are fewer than two bars of beats.
    first : int
        Index of the beat that the first whole bar begins with.
    clarity : float
        How many standard errors the downbeats stand out from the other beats by; below 2 it is a guess.
    """

    beats_per_bar: int
    first: int
    clarity: float

    def downbeats(self, beats: I64) -> I64:
        """Those of `beats`, int64 array of shape (n,), that begin a bar; shape (m,)."""
        return beats[self.first :: self.beats_per_bar] if self.beats_per_bar else beats[:0]


@kernel
def _local_score(onset: F64, reach: int, width: float, out: F64) -> None:
    """Onsets smeared by a narrow bell, so that a beat may be a little early or late."""
    bell = np.empty(reach + 1)
    for k in range(reach + 1):
        bell[k] = math.exp(-0.5 * (k / width) ** 2)
    n = onset.shape[0]
    for i in range(n):
        total = onset[i]
        for k in range(1, reach + 1):
            before = onset[i - k] if i >= k else 0.0
            after = onset[i + k] if i + k < n else 0.0
            total += bell[k] * (before + after)
        out[i] = total


@kernel
def _best_chain(local: F64, nearest: int, costs: F64, links: I64, totals: F64) -> None:
    """Best total of a chain that ends at every moment; `costs[d]` is of `nearest + d` since the last."""
    threshold = _FIRST_PART * local.max()
    started = False
    for i in range(local.shape[0]):
        best = -np.inf
        link = -1
        for d in range(min(costs.shape[0], i - nearest + 1)):
            total = totals[i - nearest - d] - costs[d]
            if total > best:
                best = total
                link = i - nearest - d
        totals[i] = local[i] + best if link >= 0 else local[i]
        if not started and local[i] < threshold:
            links[i] = -1
        else:
            links[i] = link
            started = True


def track_beats(onset: F32, onsets_per_s: float, tempo_bpm: float, tightness: float = TIGHTNESS) -> I64:
    """Find the beats of a song whose tempo is known.

    Parameters
    ----------
    onset : float32 array, shape (n,), n >= 1
        Onset strength, finite.
    onsets_per_s : float, > 0
        Envelope values a second.
    tempo_bpm : float, >= 0
        0, which stands for none, has no beats.
    tightness : float, > 0
        See TIGHTNESS.

    Returns
    -------
    int64 array, shape (n_beats,)
        Indices into `onset`, ascending. Beats without an onset at either end of the song are left out.
    """
    onset = checked_onset(onset)
    if not onsets_per_s > 0 or not tempo_bpm >= 0 or not tightness > 0:
        raise ParameterError(
            f"{tempo_bpm} bpm at {onsets_per_s} values a second with tightness {tightness}: "
            "rate and tightness must be above 0, the tempo not below"
        )
    period = 60.0 * onsets_per_s / tempo_bpm if tempo_bpm > 0 else math.inf
    deviation = float(onset.std(ddof=1)) if onset.shape[0] > 1 else 0.0
    if deviation <= 1e-9 or not 2.0 <= period <= onset.shape[0]:
        return np.zeros(0, np.int64)
    local = np.empty(onset.shape[0])
    _local_score(onset.astype(np.float64) / deviation, round(period), period / 32.0, local)
    nearest = max(1, round(period / 2))
    intervals = np.arange(nearest, round(2 * period) + 1)
    costs = tightness * (np.log(intervals) - math.log(period)) ** 2
    links = np.empty(onset.shape[0], np.int64)
    totals = np.empty(onset.shape[0])
    _best_chain(local, nearest, costs, links, totals)
    beat = _last_beat(totals)
    chain: list[int] = []
    while beat >= 0:
        chain.append(beat)
        beat = int(links[beat])
    return _without_silent_ends(np.array(chain[::-1], np.int64), local)


def _last_beat(totals: F64) -> int:
    """The last peak of the totals that reaches half their peaks' median."""
    padded = np.concatenate([totals[:1], totals, totals[-1:]])
    peaks = np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]))
    if peaks.size == 0:
        return totals.shape[0] - 1
    high = peaks[totals[peaks] >= 0.5 * np.median(totals[peaks])]
    return int(high[-1]) if high.size else totals.shape[0] - 1


def _without_silent_ends(beats: I64, local: F64) -> I64:
    """Beats from the first to the last moment whose onset reaches half the effective value of all."""
    smooth = np.convolve(local[beats], _SMOOTH)[_SMOOTH.size // 2 :][: local.shape[0]]
    loud = np.flatnonzero(local > 0.5 * math.sqrt(float(np.square(smooth).mean())))
    if loud.size == 0:
        return beats[:0]
    return beats[(beats >= loud[0]) & (beats <= loud[-1])]


def find_bars(beats: I64, onset: F32, chroma: F32 | None = None) -> Bars:
    """Tell which beats begin a bar: they are struck harder, and chords change on them.

    Parameters
    ----------
    beats : int64 array, shape (n_beats,)
        Indices into `onset`, ascending.
    onset : float32 array, shape (n,)
        Onset strength; that of the bass alone is clearer than that of the whole.
    chroma : float32 array, shape (n, 12), or None
        Of the same moments, >= 0.

    Returns
    -------
    Bars
        Of the meter and phase whose downbeats stand out most.
    """
    onset = checked_onset(onset)
    if beats.ndim != 1 or (beats.size and not 0 <= beats.min() <= beats.max() < onset.shape[0]):
        raise ParameterError(f"beats must lie within the {onset.shape[0]} values of the envelope")
    if chroma is not None and (chroma.ndim != 2 or chroma.shape[0] != onset.shape[0]):
        raise ParameterError(f"chroma of shape {chroma.shape} does not fit {onset.shape[0]} values")
    if beats.size < 2 * max(_METERS):
        return Bars(0, 0, 0.0)
    accents = _standardised(np.array([onset[max(0, b - 1) : b + 2].max() for b in beats], np.float64))
    if chroma is not None:
        accents = accents + _standardised(_chord_changes(beats, chroma))
    accents = _standardised(accents)
    best = Bars(_METERS[0], 0, 0.0)
    for meter in _METERS:
        for first in range(meter):
            struck = accents[first::meter]
            clarity = float(struck.mean()) * math.sqrt(struck.size * meter / (meter - 1))
            clarity *= 1.0 if meter == _METERS[0] else _UNUSUAL
            if clarity > best.clarity:
                best = Bars(meter, first, clarity)
    return best


def _standardised(x: F64) -> F64:
    deviation = float(x.std())
    return (x - x.mean()) / deviation if deviation > 1e-9 else np.zeros_like(x)


def _chord_changes(beats: I64, chroma: F32) -> F64:
    """One less the cosine of what sounds in the beat before and in the beat after every beat."""
    edges = np.concatenate([[max(0, 2 * beats[0] - beats[1])], beats, [chroma.shape[0]]])
    sums = np.concatenate([np.zeros((1, chroma.shape[1])), np.cumsum(chroma, axis=0, dtype=np.float64)])
    spans = sums[edges[1:]] - sums[edges[:-1]]
    norms = np.linalg.norm(spans, axis=1)
    products = norms[1:] * norms[:-1]
    cosines = np.sum(spans[1:] * spans[:-1], axis=1) / np.where(products > 1e-9, products, 1.0)
    return np.where(products > 1e-9, 1.0 - cosines, 0.0)
