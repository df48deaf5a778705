"""Songs that sound like a song: the nearest of all in the library, by sound, notes and rhythm.

Any thread. Fingerprints and portraits have units of their own (dB, Hz, shares); divided by how much each
differs over the library, a step in one counts as much as a usual step in another. Then three things
weigh the same: how it sounds (fingerprint and timbre), which notes it is made of, and how its rhythm
goes. What only tells how loud a copy is, or how much of a song was cut off, is left out.

The three equal weights were compared with others on songs rendered for that purpose, and never on those
that tests/benchmarks/similar_halves.py is run on.
"""

from dataclasses import dataclass

import numpy as np

from engine.errors import LibraryError
from engine.kernels.jit import RowPool
from engine.kernels.similarity import NeighbourIndex
from engine.services.fingerprint import FINGERPRINT_NAMES
from engine.services.library import Library
from engine.services.library_records import WHOLE_SONG, Song
from engine.services.library_sounds import SongSounds, song_sounds
from engine.services.portrait import N_PORTRAIT, PORTRAIT_NOTES, PORTRAIT_RHYTHM, PORTRAIT_TIMBRE
from engine.units import F32, F64

OUTLIER = 4.0
"""A number this many standard deviations off counts as this far: one odd measure is not the whole song."""

LEVELS = (*FINGERPRINT_NAMES[:7], "flatness", "width")
"""Shares, compared in dB: from 1 % to 2 % is as far as from 10 % to 20 %."""
OCTAVES = ("centroid", "rolloff")
"""Frequencies, compared in octaves."""
NOT_COMPARED = ("lufs", "tempo_bpm", "silence_ratio", "dynamic_range_variation", "loudness_variation")
"""The gain of a copy, what fades and pauses do, and a tempo whose double is the same: rhythm has it."""

_LEAST_SHARE, _LEAST_HZ = 1e-4, 50.0
_HALF = 0.5**0.5  # fingerprint and timbre share one part of three


@dataclass(frozen=True, slots=True)
class SimilarSong:
    """A song and how far it is from the one that was asked for.

    Attributes
    ----------
    song : Song
    distance : float
        0 sounds the same; two songs of the library differ by about 2.4.
    """

    song: Song
    distance: float


def standardise(points: F32) -> F32:
    """Bring every column to mean 0 and standard deviation 1, outliers to +-OUTLIER.

    Parameters
    ----------
    points : float32 array, shape (rows, dimensions)
        Finite.

    Returns
    -------
    float32 array, shape (rows, dimensions)
        A column whose numbers are all equal is 0.
    """
    if points.shape[0] == 0:
        return points.copy()
    x = points.astype(np.float64)
    x -= x.mean(axis=0)
    scale = x.std(axis=0)
    # Equal numbers leave rounding behind, which must not become a difference.
    flat = scale <= 1e-6 * np.abs(points).max(axis=0)
    x /= np.where(flat, 1.0, scale)
    x[:, flat] = 0.0
    return np.clip(x, -OUTLIER, OUTLIER).astype(np.float32)


def comparable(sounds: SongSounds) -> F32:
    """Put songs into the space where distance is difference in sound.

    Parameters
    ----------
    sounds : SongSounds

    Returns
    -------
    float32 array, shape (songs, n)
        In the order of `sounds`; by fingerprints alone when portraits are missing.
    """
    parts = [_HALF * _shared(standardise(_fingerprints(sounds.fingerprints)))]
    if sounds.portraits.shape[1] == N_PORTRAIT:
        parts.append(_HALF * _shared(standardise(sounds.portraits[:, PORTRAIT_TIMBRE])))
        parts += [_shared(sounds.portraits[:, part]) for part in (PORTRAIT_NOTES, PORTRAIT_RHYTHM)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _fingerprints(points: F32) -> F32:
    """The columns that are compared, on the scales they are compared on."""
    if points.shape[1] != len(FINGERPRINT_NAMES):
        return points
    columns: list[F64] = []
    for name, column in zip(FINGERPRINT_NAMES, points.T.astype(np.float64), strict=True):
        if name in LEVELS:
            columns.append(10.0 * np.log10(np.maximum(column, _LEAST_SHARE)))
        elif name in OCTAVES:
            columns.append(np.log2(np.maximum(column, _LEAST_HZ)))
        elif name not in NOT_COMPARED:
            columns.append(column)
    return np.stack(columns, axis=1).astype(np.float32)


def _shared(x: F32) -> F64:
    """Numbers about their means, all together of variance 1: two songs differ by sqrt(2) in them."""
    points = x.astype(np.float64)
    points -= points.mean(axis=0) if points.shape[0] else 0.0
    variance = float(np.square(points).sum()) / max(points.shape[0], 1)
    return points / variance**0.5 if variance > 1e-12 else np.zeros_like(points)


class SongIndex:
    """The songs of a library at one time, ready to be searched.

    Parameters
    ----------
    sounds : SongSounds
        As `song_sounds` gives them.
    """

    def __init__(self, sounds: SongSounds) -> None:
        self._song_ids = sounds.song_ids
        self._points = comparable(sounds)
        self._index = NeighbourIndex(self._points) if self._song_ids.size else None

    def nearest(self, song_id: int, k: int, *, threads: RowPool | None = None) -> list[tuple[int, float]]:
        """Numbers and distances of the k songs nearest to one, without itself; [] when it is not known.

        Parameters
        ----------
        song_id : int
        k : int, >= 1
        threads : RowPool or None
        """
        row = int(np.searchsorted(self._song_ids, song_id))
        if self._index is None or row >= self._song_ids.size or self._song_ids[row] != song_id:
            return []
        found = self._index.nearest(self._points[row : row + 1], k + 1, threads=threads)
        pairs = zip(self._song_ids[found.indices[0]], found.distances[0], strict=True)
        return [(int(other), float(distance)) for other, distance in pairs if other != song_id][:k]


def similar_songs(
    library: Library, song_id: int, k: int = 10, *, source: str = WHOLE_SONG
) -> list[SimilarSong]:
    """Find the songs that sound most like one of the library's songs.

    Parameters
    ----------
    library : Library
    song_id : int
    k : int, >= 1
        How many; fewer when there are fewer.
    source : str
        WHOLE_SONG, or a stem: songs with drums like these.

    Returns
    -------
    list of SimilarSong
        Nearest first.

    Raises
    ------
    LibraryError
        The song, or this stem of it, has not been analysed by the newest formulas.
    """
    sounds = song_sounds(library, source)
    if song_id not in sounds.song_ids:
        what = "" if source == WHOLE_SONG else f"the {source} of "
        raise LibraryError(
            f"{what}song {song_id} has no newest analysis to compare by; add its folder to the library again"
        )
    pairs = SongIndex(sounds).nearest(song_id, k)
    distances = dict(pairs)
    songs = library.songs_of([other for other, _ in pairs])
    return [SimilarSong(song, distances[song.song_id]) for song in songs]
