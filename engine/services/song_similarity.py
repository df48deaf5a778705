"""Songs that sound like a song: the nearest of all standardised fingerprints in the library.

Any thread. A fingerprint's numbers have units of their own (LUFS, beats a minute, shares); divided by
how much each differs over the library, a step in one counts as much as a usual step in another.
"""

from dataclasses import dataclass

import numpy as np

from engine.errors import LibraryError
from engine.kernels.jit import RowPool
from engine.kernels.similarity import NeighbourIndex
from engine.services.library import Library
from engine.services.library_records import WHOLE_SONG, Song
from engine.units import F32, I64

OUTLIER = 4.0
"""A number this many standard deviations off counts as this far: one odd measure is not the whole song."""


@dataclass(frozen=True, slots=True)
class SimilarSong:
    """A song and how far it is from the one that was asked for.

    Attributes
    ----------
    song : Song
    distance : float
        In standard deviations, over all numbers of a fingerprint together; 0 sounds the same.
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


class SongIndex:
    """The fingerprints of a library at one time, ready to be searched.

    Parameters
    ----------
    song_ids : int64 array, shape (songs,)
        Rising.
    points : float32 array, shape (songs, dimensions)
        As `Library.fingerprints` gives them.
    """

    def __init__(self, song_ids: I64, points: F32) -> None:
        self._song_ids = song_ids
        self._points = standardise(points)
        self._index = NeighbourIndex(self._points) if song_ids.size else None

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
    song_ids, points = library.fingerprints(source)
    if song_id not in song_ids:
        what = "" if source == WHOLE_SONG else f"the {source} of "
        raise LibraryError(
            f"{what}song {song_id} has no newest analysis to compare by; add its folder to the library again"
        )
    pairs = SongIndex(song_ids, points).nearest(song_id, k)
    distances = dict(pairs)
    songs = library.songs_of([other for other, _ in pairs])
    return [SimilarSong(song, distances[song.song_id]) for song in songs]
