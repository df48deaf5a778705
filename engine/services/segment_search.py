"""Segments that sound like a segment: "more like this bar", "find this loop again".

Any thread. A segment is any stretch of a song, of any length; every other stretch of that length, a step of
0.19 s apart, is compared with it, exactly. "More like this" compares what happens in a segment (mean and
deviation of timbre, notes and onsets), in whichever order; "again" compares moment by moment, and gives
only what is the same music. One song is in memory at a time.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import LibraryError, ParameterError
from engine.kernels.segments import aligned_distances, segment_figures
from engine.services.library import Library
from engine.services.library_records import WHOLE_SONG
from engine.services.library_sounds import all_moments, song_moments
from engine.services.portrait import MOMENT_S, N_MOMENT, NOTES, ONSET
from engine.units import F32, F64

Bool = npt.NDArray[np.bool_]

MIN_SEGMENT_S = 0.5
MAX_SEGMENT_S = 60.0

SAME_BELOW = 0.57
"""Distance below which a stretch is the same music as another; stretches of two songs differ by 1.4."""

SAME_PART = 0.7
"""The same music is also nearer than this part of what a stretch of the song usually is."""

# An onset lies in one moment or in the next, as the grid falls: moment by moment it says little.
_ALIGNED_WEIGHTS = np.ones(N_MOMENT, np.float32)
_ALIGNED_WEIGHTS[ONSET] = 0.25


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a song, and how far it is from the one that was asked for.

    Attributes
    ----------
    song_id : int
    start_s, stop_s : float
        Exact to about 0.1 s.
    distance : float
        0 sounds the same; stretches of two songs differ by 1 to 2.
    """

    song_id: int
    start_s: float
    stop_s: float
    distance: float


def more_like_this(
    library: Library,
    song_id: int,
    span_s: tuple[float, float],
    k: int = 10,
    *,
    source: str = WHOLE_SONG,
    within: int | None = None,
) -> list[Segment]:
    """Find the segments, of all songs, that sound most like one segment.

    Parameters
    ----------
    library : Library
    song_id : int
    span_s : tuple of float
        Start and length of the segment; MIN_SEGMENT_S to MAX_SEGMENT_S long, inside the song.
    k : int, >= 1
        How many; fewer when there are fewer.
    source : str
        WHOLE_SONG, or a stem: drums like these.
    within : int or None
        Look through this song only.

    Returns
    -------
    list of Segment
        Nearest first; no two of one song overlap by more than a quarter, nor one the segment itself.

    Raises
    ------
    ParameterError
        The segment is too short, too long or outside of the song.
    LibraryError
        The song, or this stem of it, has not been analysed by the newest formulas; or the segment is silent.
    """
    if k < 1:
        raise ParameterError(f"{k} segments cannot be found; ask for 1 or more")
    query = _Query(library, song_id, span_s, source)
    asked = segment_figures(query.segment, query.length)[0]
    songs = [(within, song_moments(library, within, source))] if within is not None else None
    best: list[Segment] = []
    for number, moments in songs or all_moments(library, source):
        if moments.shape[0] < query.length:
            continue
        figures = segment_figures(moments, query.length)
        distances = np.sqrt(np.square(figures - asked).sum(axis=1))
        distances[~_sounding(moments, query.length)] = np.inf
        query.hide(distances, number)
        limit = best[k - 1].distance if len(best) >= k else math.inf
        best += query.nearest(number, distances, k, limit)
        best = sorted(best, key=lambda found: (found.distance, found.song_id, found.start_s))[:k]
    return best


def find_again(
    library: Library, song_id: int, span_s: tuple[float, float], *, source: str = WHOLE_SONG
) -> list[Segment]:
    """Find where a loop, a bar, a line of a song comes again in it.

    Parameters
    ----------
    library : Library
    song_id : int
    span_s : tuple of float
        Start and length of the segment; MIN_SEGMENT_S to MAX_SEGMENT_S long, inside the song.
    source : str
        WHOLE_SONG or a stem.

    Returns
    -------
    list of Segment
        By time, without the segment itself; empty when it does not come again.

    Raises
    ------
    ParameterError, LibraryError
        As `more_like_this`.
    """
    query = _Query(library, song_id, span_s, source)
    rows = query.moments * _ALIGNED_WEIGHTS
    distances = np.min(
        [aligned_distances(rows, shape * _ALIGNED_WEIGHTS) for shape in query.shifted()], axis=0
    )
    limit = min(SAME_BELOW, SAME_PART * float(np.median(distances)))
    query.hide(distances, song_id)
    found = query.nearest(song_id, distances, distances.size, limit)
    return sorted(found, key=lambda segment: segment.start_s)


class _Query:
    """A segment that others are compared with."""

    def __init__(self, library: Library, song_id: int, span_s: tuple[float, float], source: str) -> None:
        start_s, length_s = span_s
        if not MIN_SEGMENT_S <= length_s <= MAX_SEGMENT_S:
            raise ParameterError(
                f"a segment of {length_s:g} s cannot be compared; "
                f"take {MIN_SEGMENT_S:g} to {MAX_SEGMENT_S:g} s"
            )
        self.moments: F32 = song_moments(library, song_id, source)
        if not self.moments.shape[0]:
            what = "" if source == WHOLE_SONG else f"the {source} of "
            raise LibraryError(
                f"{what}song {song_id} has no newest analysis to compare by; "
                "add its folder to the library again"
            )
        self.song_id, self.start_s, self.length_s = song_id, start_s, length_s
        n_moments = self.moments.shape[0]
        # The last moment may be a part of one: a segment that ends with the song is still inside it.
        if not start_s >= 0.0 or start_s + length_s > (n_moments + 1) * MOMENT_S:
            raise ParameterError(
                f"{start_s:g} to {start_s + length_s:g} s is not inside the song, "
                f"which is {n_moments * MOMENT_S:.1f} s long"
            )
        self.length = min(max(1, round(length_s / MOMENT_S)), n_moments)
        self.first = min(round(start_s / MOMENT_S), n_moments - self.length)
        self.segment = self.moments[self.first : self.first + self.length]
        if not _sounding(self.segment, self.length)[0]:
            raise LibraryError(
                f"{start_s:g} to {start_s + length_s:g} s is silent there: point at some sound"
            )

    def shifted(self) -> list[F32]:
        """The segment, and how it would look on grids of moments that lie up to half of one beside."""
        rows = np.arange(self.first, self.first + self.length)
        shapes = [self.segment]
        for part in (0.25, 0.5):
            for step in (-1, 1):
                beside = self.moments[np.clip(rows + step, 0, self.moments.shape[0] - 1)]
                mixed = (1.0 - part) * self.segment + part * beside
                shapes.append(mixed.astype(np.float32))
        return shapes

    @property
    def apart(self) -> int:
        """Moments that two segments must be apart."""
        return max(1, 3 * self.length // 4)

    def hide(self, distances: F64, song_id: int) -> None:
        """Leave the segment itself out, and what overlaps it by more than a quarter."""
        if song_id == self.song_id:
            distances[max(0, self.first - self.apart + 1) : self.first + self.apart] = np.inf

    def nearest(self, song_id: int, distances: F64, k: int, limit: float) -> list[Segment]:
        """The k nearest below a limit that do not overlap by more than a quarter; `distances` is used up."""
        found: list[Segment] = []
        for i in np.argsort(distances, kind="stable").tolist():
            distance = float(distances[i])
            if math.isinf(distance):
                continue  # hidden, maybe since they were sorted
            if len(found) == k or distance >= limit:
                break
            start_s = self._start_s(i)
            found.append(Segment(song_id, start_s, start_s + self.length_s, distance))
            distances[max(0, i - self.apart + 1) : i + self.apart] = np.inf
        return found

    def _start_s(self, i: int) -> float:
        """Where segment i begins, as far from the grid as the one that was asked for."""
        return max(0.0, i * MOMENT_S + self.start_s - round(self.start_s / MOMENT_S) * MOMENT_S)


def _sounding(moments: F32, length: int) -> Bool:
    """Whether at least half of each segment sounds, bool array, shape (n - length + 1,)."""
    sounds = np.any(moments[:, NOTES] != 0.0, axis=1)
    counts = np.concatenate([[0], np.cumsum(sounds)])
    return counts[length:] - counts[:-length] >= 0.5 * length
