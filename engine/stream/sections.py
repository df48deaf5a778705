"""Which part of a song is playing, told while it plays: verse, chorus, and a chorus that comes back.

Visuals and rendering threads. A song's own structure is known only once it was heard to its end; the picture
cannot wait for that. So the sound of the last seconds is compared with what the present part sounded like:
far enough from it for long enough is a new part, or an older one that it is close to.
"""

from typing import Final

import numpy as np

from engine.errors import ParameterError
from engine.stream.orbit_features import HOP, N_FEATURES, RATE_HZ, SILENCE_DB, TYPICAL_DEVIATION
from engine.units import F64

ROW_S: Final = HOP / RATE_HZ
MAX_SECTIONS: Final = 6
LEAST_S: Final = 8.0
"""No part is shorter."""
LONGEST_S: Final = 36.0
"""After this long the picture moves on, whatever the song does."""
_NOW_S = 3.0
_PART_S = 12.0
_NOVEL = 0.85
"""Root mean square distance, in typical deviations, from which on the sound is another part's."""
_ALIKE = 0.6
_RMS = 2


class SectionListener:
    """Follow the parts of a song.

    Attributes
    ----------
    section : int, 0 to MAX_SECTIONS - 1
        The part that plays: the same number for parts that sound alike.

    Notes
    -----
    About 10 us a row. One thread at a time.
    """

    def __init__(self) -> None:
        self._known: F64 = np.zeros((MAX_SECTIONS, N_FEATURES))
        self._now: F64 = np.zeros(N_FEATURES)
        self.reset()

    def reset(self) -> None:
        """Another song."""
        self.section = 0
        self._n_known = 0
        self._n_rows = 0
        self._n_now = 0

    def push(self, levels: F64) -> int:
        """Hear the next rows.

        Parameters
        ----------
        levels : float64 array, shape (rows, 6)
            `OrbitFeatures.levels`.

        Returns
        -------
        int
            `section` after them.
        """
        if levels.ndim != 2 or levels.shape[1] != N_FEATURES:
            raise ParameterError(f"levels are (rows, {N_FEATURES}), not {levels.shape}")
        for row in levels:
            if row[_RMS] > SILENCE_DB:
                self._hear(row / TYPICAL_DEVIATION)
        return self.section

    def _hear(self, point: F64) -> None:
        self._n_now += 1
        self._now += (point - self._now) / min(self._n_now, _NOW_S / ROW_S)
        self._n_rows += 1
        here = self._known[self.section]
        if self._n_known == 0:
            self._n_known = 1
            here[:] = point
        away = float(np.sqrt(np.mean(np.square(self._now - here))))
        in_part_s = self._n_rows * ROW_S
        if in_part_s > LEAST_S and (away > _NOVEL or in_part_s > LONGEST_S):
            self._enter(in_part_s > LONGEST_S)
        else:
            here += (point - here) / min(self._n_rows, _PART_S / ROW_S)

    def _enter(self, moved_on: bool) -> None:
        """Another part begins: one that is known and close, a new one, or where all are taken the closest."""
        known = self._known[: self._n_known]
        away = np.sqrt(np.mean(np.square(known - self._now), axis=1))
        away[self.section] = np.inf
        nearest = int(np.argmin(away))
        if away[nearest] < _ALIKE and not moved_on:
            self.section = nearest
        elif self._n_known < MAX_SECTIONS:
            self.section = self._n_known
            self._n_known += 1
            self._known[self.section] = self._now
        elif moved_on:
            self.section = (self.section + 1) % MAX_SECTIONS
            self._known[self.section] = self._now
        else:
            self.section = nearest
        self._n_rows = 0
