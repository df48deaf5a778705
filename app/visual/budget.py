"""How fine a picture may be drawn, so that drawing it takes no longer than it may.

The thread that draws. Every frame says how long it took; the budget answers with a rung of a ladder of
sizes, iterations and points a pixel. It goes down at once and up with patience: a picture that pumps
between two rungs is worse than one that stays on the lower.
"""

from dataclasses import dataclass

STEADY_FRAMES = 24
"""Frames that a rung is kept before a higher one is tried."""
LONGEST_WAIT_FRAMES = 24 * 32
"""After failed tries the wait doubles up to here: about 25 s at 30 frames a second."""
RAISE_BELOW = 0.55
"""Share of the time that a frame may take below which the next rung is likely to fit: it costs up to
1.7 times as much."""


@dataclass(frozen=True, slots=True)
class Fineness:
    """One rung.

    Parameters
    ----------
    share : float, 0 to 1
        Pixels that are computed, of those that are shown; the others are interpolated.
    iterations : int
        Squarings before a point counts as one of the set.
    samples : int
        Points a pixel on the edges of the set.
    """

    share: float
    iterations: int
    samples: int


LADDER = (
    Fineness(0.08, 48, 1),
    Fineness(0.12, 56, 1),
    Fineness(0.18, 64, 1),
    Fineness(0.27, 72, 1),
    Fineness(0.40, 80, 1),
    Fineness(0.60, 96, 1),
    Fineness(0.80, 112, 1),
    Fineness(1.00, 128, 1),
    Fineness(1.00, 176, 1),
    Fineness(1.00, 256, 1),
    Fineness(1.00, 256, 2),
    Fineness(1.00, 256, 4),
)
FINEST = LADDER[-1]


class FrameBudget:
    """Walks the ladder.

    Parameters
    ----------
    allowed_s : float
        What a frame may take.
    rung : int
        Where to begin.
    """

    def __init__(self, allowed_s: float, rung: int = 3) -> None:
        self.allowed_s = allowed_s
        self._rung = rung
        self._mean_s = 0.0
        self._n_kept = 0
        self._n_late = 0
        self._wait_frames = STEADY_FRAMES
        self._came_up = False

    @property
    def fineness(self) -> Fineness:
        """What to draw the next frame with."""
        return LADDER[self._rung]

    @property
    def rung(self) -> int:
        """Its number, 0 for the coarsest."""
        return self._rung

    def note(self, took_s: float) -> None:
        """Say how long a frame took, in seconds.

        Notes
        -----
        One slow frame among fast ones (another program had the processor) changes nothing: what counts is
        a mean over about six frames, in which a frame weighs no more than three times what is allowed, and
        that more than one was late.
        """
        took_s = min(took_s, 3.0 * self.allowed_s)
        self._n_kept += 1
        self._mean_s = took_s if self._n_kept == 1 else self._mean_s + (took_s - self._mean_s) / 6.0
        self._n_late = self._n_late + 1 if took_s > self.allowed_s else max(0, self._n_late - 1)
        if self._mean_s > self.allowed_s and self._n_late >= 2 and self._n_kept >= 3:
            self._lower()
        elif self._n_kept >= self._wait_frames and self._rung < len(LADDER) - 1:
            if self._came_up:
                # It stayed: the next try need not wait longer.
                self._wait_frames, self._came_up = STEADY_FRAMES, False
            if self._mean_s < RAISE_BELOW * self.allowed_s:
                self._go(self._rung + 1)
                self._came_up = True

    def _lower(self) -> None:
        if self._rung == 0:
            return
        if self._came_up:
            self._wait_frames = min(2 * self._wait_frames, LONGEST_WAIT_FRAMES)
            self._came_up = False
        # Far too slow: as many rungs as it takes, each being about a third cheaper.
        excess, steps = self._mean_s / self.allowed_s, 1
        while excess > 1.5 and steps < self._rung:
            excess /= 1.5
            steps += 1
        self._go(self._rung - steps)

    def _go(self, rung: int) -> None:
        self._rung = rung
        self._n_kept = 0
        self._n_late = 0
        self._mean_s = 0.0
