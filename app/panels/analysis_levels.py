"""Curves and rasters of a song at every zoom: halved again and again, so that a picture costs its pixels.

Plain numpy without Qt. Made once on a job's thread; reading a stretch is some microseconds on the GUI
thread, whatever the song's length. A halved curve keeps the lowest and the highest value of what it
stands for, so that no peak is lost; a halved raster keeps the mean.
"""

from dataclasses import dataclass

import numpy as np

from engine.units import F32, F64, U8, AnyArray

_LEAST = 64  # values: halving goes on to here


class CurveLevels:
    """A curve of even steps.

    Parameters
    ----------
    values : float32 array, shape (n,)
    per_s : float
        Values a second.
    first_s : float
        Time of the first.
    """

    def __init__(self, values: F32, per_s: float, first_s: float = 0.0) -> None:
        self.values = values
        self.per_s = per_s
        self.first_s = first_s
        low = high = values
        self._levels = [(low, high)]
        while low.size > _LEAST:
            low, high = _folded(low, np.minimum), _folded(high, np.maximum)
            self._levels.append((low, high))

    def stretch(self, start_s: float, stop_s: float, most: int) -> tuple[F64, F64]:
        """What lies in a stretch of time, and one value beyond on both sides.

        Parameters
        ----------
        start_s, stop_s : float
        most : int
            Steps that are wanted at most.

        Returns
        -------
        (float64 array, float64 array), both of shape (m,)
            Times and values.
        """
        k, a, b = _span(self.values.size, len(self._levels), self._at(start_s), self._at(stop_s), most)
        low, high = self._levels[k]
        # A bin of 2^k values stands at its middle.
        centre = (np.arange(a, b) + 0.5) * 2**k - 0.5
        times = self.first_s + centre / self.per_s
        if k == 0:
            return times, low[a:b].astype(np.float64)
        half_s = 0.25 * 2**k / self.per_s
        pairs = np.empty((b - a, 2))
        pairs[:, 0], pairs[:, 1] = low[a:b], high[a:b]
        # Down and up in turn: the line goes on from where it ended.
        pairs[1::2] = pairs[1::2, ::-1]
        return np.stack([times - half_s, times + half_s], axis=1).ravel(), pairs.ravel()

    def highest(self, start_s: float, stop_s: float, most: int) -> tuple[F32, float, float]:
        """Highest values of even columns.

        Parameters
        ----------
        start_s, stop_s : float
        most : int
            Columns that are wanted at most.

        Returns
        -------
        values : float32 array, shape (m,)
        start_s, stop_s : float
            What the columns stand for, from edge to edge.
        """
        k, a, b = _span(self.values.size, len(self._levels), self._at(start_s), self._at(stop_s), most)
        step_s, early_s = 2**k / self.per_s, self.first_s - 0.5 / self.per_s
        return self._levels[k][1][a:b], a * step_s + early_s, b * step_s + early_s

    def at(self, time_s: float) -> float | None:
        """The value nearest to a time, or None outside."""
        i = round(self._at(time_s))
        return float(self.values[i]) if 0 <= i < self.values.size else None

    def _at(self, time_s: float) -> float:
        return (time_s - self.first_s) * self.per_s


class PitchLevels:
    """Pitch as notes are drawn: a dash for each step that has one, joined where it glides.

    Parameters
    ----------
    pitch : float32 array, shape (n,)
        In semitones (69 is A4), NaN where there is none.
    clarity : uint8 array, shape (n,)
    per_s : float
    """

    JOIN = 0.8
    """Semitones that two neighbours may be apart and still be one line."""

    def __init__(self, pitch: F32, clarity: U8, per_s: float) -> None:
        self.pitch = _without_specks(pitch)
        self.per_s = per_s
        best = np.where(np.isnan(self.pitch), np.int16(-1), clarity.astype(np.int16))
        values = self.pitch
        self._levels = [values]
        while values.size > _LEAST:
            n = values.size // 2
            first, second = best[: 2 * n : 2], best[1 : 2 * n : 2]
            # The clearer of the two speaks for both: between two notes there is no note.
            kept = np.where(second > first, values[1 : 2 * n : 2], values[: 2 * n : 2])
            top = np.maximum(first, second)
            if values.size % 2:
                kept, top = np.append(kept, values[-1]), np.append(top, best[-1])
            values, best = kept.astype(np.float32), top
            self._levels.append(values)

    def stretch(self, start_s: float, stop_s: float, most: int) -> tuple[F64, F64, AnyArray]:
        """What lies in a stretch of time.

        Returns
        -------
        times, semitones : float64 arrays, shape (m,)
        joined : uint8 array, shape (m,)
            1 where a line leads from a point to the next.
        """
        k, a, b = _span(self.pitch.size, len(self._levels), start_s * self.per_s, stop_s * self.per_s, most)
        values = self._levels[k][a:b].astype(np.float64)
        found = np.flatnonzero(~np.isnan(values))
        step_s = 2**k / self.per_s
        middle = (found + a + 0.5) * step_s - 0.5 / self.per_s
        semitones = values[found]
        joined = np.zeros((found.size, 2), np.uint8)
        joined[:, 0] = 1
        if found.size > 1:
            near = (np.diff(found) == 1) & (np.abs(np.diff(semitones)) < self.JOIN)
            joined[:-1, 1] = near
        times = np.stack([middle - 0.45 * step_s, middle + 0.45 * step_s], axis=1).ravel()
        return times, np.repeat(semitones, 2), joined.ravel()

    def at(self, time_s: float) -> float | None:
        """Semitones at a time, or None."""
        i = round(time_s * self.per_s)
        if not 0 <= i < self.pitch.size or np.isnan(self.pitch[i]):
            return None
        return float(self.pitch[i])

    def range(self) -> tuple[float, float]:
        """Semitones that nearly all of it lies between, an octave and a half at least."""
        voiced = self.pitch[~np.isnan(self.pitch)]
        low, high = np.percentile(voiced, [1.0, 99.0]) if voiced.size else (48.0, 72.0)
        room = max(0.0, 18.0 - (high - low)) / 2.0
        return float(low - room - 1.5), float(high + room + 1.5)


@dataclass(frozen=True)
class RasterStretch:
    """A part of a raster: `values` (rows, columns) from `start_s` to `stop_s`."""

    values: U8
    start_s: float
    stop_s: float


class RasterLevels:
    """A raster over time.

    Parameters
    ----------
    values : uint8 array, shape (n, rows)
        One row of the picture a column, the lowest first.
    per_s : float
        Of the n.
    """

    def __init__(self, values: U8, per_s: float) -> None:
        self.per_s = per_s
        level = np.ascontiguousarray(values.T)
        self._levels = [level]
        while level.shape[1] > _LEAST:
            n = level.shape[1] // 2
            pairs = level[:, : 2 * n].reshape(level.shape[0], n, 2)
            halved = ((pairs[:, :, 0].astype(np.uint16) + pairs[:, :, 1] + 1) >> 1).astype(np.uint8)
            if level.shape[1] % 2:
                halved = np.concatenate([halved, level[:, -1:]], axis=1)
            level = halved
            self._levels.append(level)

    @property
    def values(self) -> U8:
        """The finest level, shape (rows, n)."""
        return self._levels[0]

    def stretch(self, start_s: float, stop_s: float, most: int) -> RasterStretch:
        """What lies in a stretch of time, a column beyond on both sides.

        Parameters
        ----------
        start_s, stop_s : float
        most : int
            Columns that are wanted at most.

        Returns
        -------
        RasterStretch
        """
        n = self.values.shape[1]
        # Column t is centred on t / per_s: its picture begins half a column before.
        k, a, b = _span(n, len(self._levels), start_s * self.per_s, stop_s * self.per_s, most)
        step_s = 2**k / self.per_s
        early_s = 0.5 / self.per_s
        return RasterStretch(self._levels[k][:, a:b], a * step_s - early_s, b * step_s - early_s)

    def column(self, time_s: float) -> U8 | None:
        """The column at a time, shape (rows,), or None outside."""
        i = round(time_s * self.per_s)
        return self.values[:, i] if 0 <= i < self.values.shape[1] else None


def _folded(values: F32, fold: np.ufunc) -> F32:
    n = values.size // 2
    folded = fold(values[: 2 * n : 2], values[1 : 2 * n : 2])
    return np.append(folded, values[-1:]) if values.size % 2 else folded


def _span(n: int, n_levels: int, start: float, stop: float, most: int) -> tuple[int, int, int]:
    """Level whose steps suffice, and the steps [a, b) of it that a stretch of the finest level touches."""
    k = 0
    while k + 1 < n_levels and (stop - start) / 2**k > most:
        k += 1
    length = -(-n // 2**k)
    a = min(max(int(start / 2**k) - 1, 0), length)
    b = min(max(int(stop / 2**k) + 2, a), length)
    return k, a, b


def _without_specks(pitch: F32) -> F32:
    """Pitch without what lasts one step only: there it is chance."""
    there = ~np.isnan(pitch)
    before, after = np.roll(there, 1), np.roll(there, -1)
    before[:1] = after[-1:] = False
    return np.where(there & (before | after), pitch, np.float32(np.nan))
