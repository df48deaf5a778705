"""Key: the tonic and mode whose notes a song uses most like listeners expect them.

Any thread; plain numpy over twelve numbers. It takes chroma rather than sound, so that whoever has
chroma has the key for nothing.

References
----------
.. [1] C. L. Krumhansl, "Cognitive foundations of musical pitch", Oxford 1990: the profiles, and the
   algorithm of Krumhansl and Schmuckler: the highest of 24 correlations.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.errors import ParameterError
from engine.units import F32, F64

Mode = Literal["major", "minor"]

_MODES: tuple[Mode, Mode] = ("major", "minor")
PROFILES = np.array(
    [
        [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
        [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
    ]
)
"""How well each of twelve notes fits, from the tonic up, in a major and in a minor key [1]_."""

# As most often written: F sharp major has as many sharps as G flat has flats.
_NAMES = {
    "major": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "minor": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}
_FLAT = 1e-6
"""Deviation of the notes' shares below which no note stands out, as in silence."""


@dataclass(frozen=True)
class Key:
    """A song's key.

    Attributes
    ----------
    tonic : int, 0..11
        0 is C, 11 is B.
    mode : {"major", "minor"}
    correlation : float, -1..1
        Of the song's notes with the key's profile.
    clarity : float, 0..2
        How far the next best key's correlation lies below; near 0 it is a guess.
    """

    tonic: int
    mode: Mode
    correlation: float
    clarity: float

    @property
    def name(self) -> str:
        """Such as "F# minor"."""
        return f"{_NAMES[self.mode][self.tonic]} {self.mode}"


def note_shares(chroma: F32) -> F64:
    """How much of a stretch each note takes.

    Parameters
    ----------
    chroma : float32 array, shape (n, 12), >= 0
        Such as `ChromaCqt` gives.

    Returns
    -------
    float64 array, shape (12,)
        Mean squares, which favour what sounds over what leaks, together 1; 0 for silence.
    """
    if chroma.ndim != 2 or chroma.shape[1] != 12:
        raise ParameterError(f"chroma has shape (n, 12), not {chroma.shape}")
    if chroma.shape[0] == 0:
        return np.zeros(12)
    shares = np.square(chroma, dtype=np.float64).mean(axis=0)
    total = float(shares.sum())
    if not np.isfinite(total):
        raise ParameterError(f"chroma must be finite, its sum of squares is {total}")
    return shares / total if total > 0.0 else shares


def key_correlations(shares: F64) -> F64:
    """Correlation of twelve notes' shares with every key.

    Parameters
    ----------
    shares : float64 array, shape (12,)
        C to B, finite.

    Returns
    -------
    float64 array, shape (2, 12), -1..1
        Major keys and minor keys on C to B; 0 throughout when no note stands out.
    """
    if shares.shape != (12,) or not np.all(np.isfinite(shares)):
        raise ParameterError(f"shares of the twelve notes are 12 finite numbers, not {shares}")
    centred = shares - shares.mean()
    norm = float(np.linalg.norm(centred))
    if norm < _FLAT:
        return np.zeros((2, 12))
    profiles = PROFILES - PROFILES.mean(axis=1, keepdims=True)
    profiles /= np.linalg.norm(profiles, axis=1, keepdims=True)
    rotated = np.stack([np.roll(profiles, tonic, axis=1) for tonic in range(12)], axis=1)
    return rotated @ (centred / norm)


def estimate_key(chroma: F32) -> Key | None:
    """Estimate the key of a song, or of a stretch of it.

    Parameters
    ----------
    chroma : float32 array, shape (n, 12), >= 0
        Tuned: made with the song's own tuning, as `ChromaCqt.chroma` does by default.

    Returns
    -------
    Key or None
        None when no note stands out.
    """
    correlations = key_correlations(note_shares(chroma)).reshape(-1)
    order = np.argsort(-correlations, kind="stable")
    best, second = float(correlations[order[0]]), float(correlations[order[1]])
    if best <= 0.0:
        return None
    mode, tonic = divmod(int(order[0]), 12)
    return Key(tonic, _MODES[mode], best, best - second)
