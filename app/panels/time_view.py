"""Which part of a song is shown: a start, a length, and how both move.

Plain numbers without Qt, GUI thread only. Every wish (zoom, scroll, follow) sets a goal; `step` brings
what is shown nearer to it, so that wishes may come faster than frames and a new one never has to wait for
the last.
"""

import math
from dataclasses import dataclass

MIN_SPAN_S = 0.5
"""Closest zoom: at 1000 pixels 22 frames a pixel, below the finest peaks (64), which are interpolated."""
GLIDE_S = 0.045
"""Time constant of the way to a goal: 95 % of it within 135 ms."""
FOLLOW_FROM, FOLLOW_TO = 0.92, 0.08
"""A play-head beyond the first part of the view turns the page so that it stands at the second."""

_STEPS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


class TimeView:
    """The window onto a song's time.

    Attributes
    ----------
    duration_s : float
        Of the song; 0 while there is none.
    start_s, span_s : float
        What is shown now.
    """

    def __init__(self) -> None:
        self.duration_s = 0.0
        self.start_s = 0.0
        self.span_s = 1.0
        self._goal = (0.0, 1.0)

    @property
    def goal(self) -> tuple[float, float]:
        """Start and length that the view is on its way to, in seconds."""
        return self._goal

    @property
    def is_fit(self) -> bool:
        """Whether the whole song is shown, or about to be."""
        return self._goal[1] >= self.duration_s

    @property
    def is_still(self) -> bool:
        """Whether the goal is reached."""
        return (self.start_s, self.span_s) == self._goal

    def set_duration(self, duration_s: float) -> None:
        """Show another song, or know this one's length better; a whole view stays whole."""
        if duration_s != self.duration_s:
            fit = self.is_fit
            self.duration_s = duration_s
            self._aim(*((0.0, duration_s) if fit else self._goal))
            self.jump()

    def fit(self) -> None:
        """Show the whole song."""
        self._aim(0.0, self.duration_s)

    def show(self, start_s: float, span_s: float) -> None:
        """Show a stretch; as much of it as there is."""
        self._aim(start_s, min(span_s, self.duration_s))

    def zoom(self, factor: float, anchor_s: float) -> None:
        """Show 1/factor of the time, with `anchor_s` where it is."""
        start_s, span_s = self._goal
        new_s = min(max(span_s / factor, MIN_SPAN_S), self.duration_s)
        self._aim(anchor_s - (anchor_s - start_s) * new_s / span_s, new_s)

    def scroll_to(self, start_s: float) -> None:
        """Show as much from another start."""
        self._aim(start_s, self._goal[1])

    def scroll(self, by_s: float) -> None:
        """Move by some seconds."""
        self._aim(self._goal[0] + by_s, self._goal[1])

    def follow(self, position_s: float) -> None:
        """Turn the page when a position leaves the view."""
        start_s, span_s = self._goal
        if not self.is_fit and not start_s <= position_s <= start_s + FOLLOW_FROM * span_s:
            self._aim(position_s - FOLLOW_TO * span_s, span_s)

    def shows(self, position_s: float) -> bool:
        """Whether a position is in view once the goal is reached."""
        return self._goal[0] <= position_s <= self._goal[0] + self._goal[1]

    def _aim(self, start_s: float, span_s: float) -> None:
        span_s = max(span_s, min(MIN_SPAN_S, self.duration_s), 1e-3)
        self._goal = (min(max(start_s, 0.0), max(0.0, self.duration_s - span_s)), span_s)

    def jump(self) -> None:
        """Be at the goal at once."""
        self.start_s, self.span_s = self._goal

    def step(self, elapsed_s: float) -> None:
        """Go on towards the goal for some time.

        Notes
        -----
        Start and length take the same share of their way, which keeps the anchor of a zoom in its place.
        """
        share = 1.0 - math.exp(-elapsed_s / GLIDE_S)
        start_s, span_s = self._goal
        self.start_s += (start_s - self.start_s) * share
        self.span_s += (span_s - self.span_s) * share
        # A thousandth of the view is about a pixel.
        if abs(start_s - self.start_s) + abs(span_s - self.span_s) < 1e-3 * span_s:
            self.jump()

    def to_x(self, time_s: float, width: float) -> float:
        """Place of a time in a picture of some width."""
        return (time_s - self.start_s) / self.span_s * width

    def to_s(self, x: float, width: float) -> float:
        """Time at a place, within the song."""
        return min(max(self.start_s + x / max(width, 1.0) * self.span_s, 0.0), self.duration_s)


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of the ruler; `label` is empty for a minor one."""

    time_s: float
    label: str


def ruler_marks(view: TimeView, width: float, label_width: float) -> list[Mark]:
    """Lines of a ruler over what is shown.

    Parameters
    ----------
    view : TimeView
    width, label_width : float
        Of the ruler, and what a label with its room needs; logical pixels.
    """
    room_s = view.span_s * label_width / max(width, 1.0)
    i = next((i for i, step in enumerate(_STEPS_S) if step >= room_s), len(_STEPS_S) - 1)
    major_s = _STEPS_S[i]
    minor_s = next(step for step in _STEPS_S if step * 5 >= major_s and _divides(step, major_s))
    n_minor = round(major_s / minor_s)
    first = math.floor(view.start_s / minor_s)
    last = math.ceil(min(view.start_s + view.span_s, view.duration_s) / minor_s)
    return [
        Mark(k * minor_s, time_text(k * minor_s, major_s) if k % n_minor == 0 else "")
        for k in range(first, last + 1)
        if k * minor_s <= view.duration_s
    ]


def _divides(step: float, whole: float) -> bool:
    return abs(whole / step - round(whole / step)) < 1e-6


def time_text(time_s: float, step_s: float = 1.0) -> str:
    """Minutes and seconds, with hours if there are any and as many decimals as `step_s` needs."""
    decimals = 0 if step_s >= 1 else 1 if step_s >= 0.1 else 2 if step_s >= 0.01 else 3
    ticks = round(time_s * 10**decimals)
    whole, fraction = divmod(ticks, 10**decimals)
    minutes, seconds = divmod(whole, 60)
    tail = f".{fraction:0{decimals}d}" if decimals else ""
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{seconds:02d}{tail}"
