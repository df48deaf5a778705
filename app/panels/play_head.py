"""Where the play-head is drawn: what the engine says, without its trembling and without old news.

Plain numbers, GUI thread only.
"""

import time

from app.tick import Tick

_HOLD_S = 0.3
"""For this long after a seek, ticks that still tell the old position are not believed."""
_LEAP_S = 0.25
"""A position farther than this from where the play-head should be is a seek, or a loop's end."""
_TREMBLE_S = 0.03
"""The converter's clock is told a block at a time; within this, position is corrected by a tenth a tick."""


class PlayHead:
    """The position that is shown.

    Attributes
    ----------
    position_s : float
    """

    def __init__(self) -> None:
        self.position_s = 0.0
        self._told_at_s = 0.0
        self._held_until_s = 0.0

    def put(self, position_s: float, *, hold: bool = False) -> None:
        """Stand somewhere; `hold` after a seek that the engine has still to follow."""
        self.position_s = position_s
        self._told_at_s = time.monotonic()
        self._held_until_s = self._told_at_s + _HOLD_S if hold else 0.0

    def take(self, tick: Tick) -> bool:
        """Go on as the engine says.

        Parameters
        ----------
        tick : Tick

        Returns
        -------
        bool
            True when this was a leap: a seek, or the way back to a loop's start.
        """
        now_s = time.monotonic()
        runs = tick.playing and not tick.waiting
        expected_s = self.position_s + (now_s - self._told_at_s if runs else 0.0)
        error_s = tick.position_s - expected_s
        leaps = abs(error_s) > _LEAP_S
        if leaps and now_s < self._held_until_s:
            return False
        smooth = runs and abs(error_s) < _TREMBLE_S
        self.put(expected_s + 0.1 * error_s if smooth else tick.position_s)
        return leaps
