"""Where a model's windows lie in a song, and which one comes next.

Pure arithmetic on frame numbers, any thread. It exists so that the plan is a function of the model,
the two rates and the song's length alone: a second run, or a run that began somewhere else in the
song, cuts the same segments at the same frames.

    song      |--------------------------------------------------------------|
    valid 0   |=======================|
    valid 1                    |=======================|
    valid 2                                      |=======================|   (moved back to end
    seams                        ><                 ><                        with the song)

Valid parts overlap by much more than the cross-fade in the middle of each overlap, so nearly every
frame comes from one segment that saw the song on both sides of it. Cutting without fades clicks,
and fading over the whole overlap would average two estimates that differ.
"""

from collections.abc import Collection
from dataclasses import dataclass

from engine.errors import ParameterError
from engine.inference.architecture import Architecture
from engine.io.journal import Span
from engine.kernels.resample import design, needed_input
from engine.units import rescale_frames

PLAN_VERSION = 3
"""Raised when a change here moves a seam, so that stores of the old plan are not continued."""

MAX_FADE_FRAMES = 2048
"""Cross-fade in song frames: 46 ms at 44.1 kHz, far longer than any click, and short because a play-head
in it has to wait for both neighbours."""

MIN_OVERLAP_FRAMES = 2048
"""Of valid parts, in model frames, whatever overlap is asked for: seams are never hard cuts."""

MAX_SHIFT_S = 0.5
"""`shifts` move the windows by up to this much, as far as the valid part allows."""

BEHIND_WEIGHT = 4
"""A segment behind the play-head waits as if it were this many times as far: playing goes forward."""


@dataclass(frozen=True, slots=True)
class Window:
    """One run of a model.

    Parameters
    ----------
    span : Span
        What it brings, in song frames.
    valid_start_frame : int
        Model frame at which its valid part starts; may reach beyond the end of a short song.
    read_start_frame, read_stop_frame : int
        Song frames that it looks at; outside the song they count as silence.
    """

    span: Span
    valid_start_frame: int
    read_start_frame: int
    read_stop_frame: int


class SegmentPlan:
    """Segments of any song at one rate, for one model.

    Parameters
    ----------
    model : Architecture
        Gives rate, window and valid part.
    song_hz : int
        Rate of the song.
    overlap : float, 0 to 0.9
        Part of the valid frames that neighbours share.
    shifts : int, 1 to 20
        Runs a segment, at evenly spaced offsets, of which the mean is taken.

    Attributes
    ----------
    valid_frames : int
        Model frames that a segment may use, all shifts considered.
    hop_frames : int
        Model frames from one segment to the next.
    fade_frames : int
        Cross-fade at a seam, in song frames, even.
    offsets : tuple of int
        Model frames by which each run of a segment starts earlier.
    """

    def __init__(self, model: Architecture, song_hz: int, overlap: float, shifts: int = 1) -> None:
        if not 0.0 <= overlap <= 0.9:
            raise ParameterError(f"overlap {overlap} is outside 0..0.9")
        if not 1 <= shifts <= 20:
            raise ParameterError(f"{shifts} shifts is outside 1..20")
        self.song_hz = song_hz
        self.model_hz = model.rate_hz
        self.to_model = design(song_hz, model.rate_hz)
        self.to_song = design(model.rate_hz, song_hz)
        self._window_frames = model.window_frames
        self._lead_frames = model.valid_start
        n_valid = model.valid_stop - model.valid_start
        reach = min(round(MAX_SHIFT_S * model.rate_hz), n_valid // 4)
        self.offsets = tuple(reach * i // shifts for i in range(shifts))
        self.valid_frames = n_valid - self.offsets[-1]
        # Frames at both ends of a valid part that the way back to the song's rate would mix with
        # what lies outside of it.
        margin = 0 if song_hz == model.rate_hz else self.to_song.half_width + 2
        least = min(self.valid_frames // 2, MIN_OVERLAP_FRAMES + 2 * margin)
        shared = max(round(self.valid_frames * overlap), least)
        self.hop_frames = self.valid_frames - shared
        fade = max(0, shared - 2 * margin) * song_hz // model.rate_hz
        # No longer than a hop either, or three segments would meet (overlaps beyond a half).
        hop = self.hop_frames * song_hz // model.rate_hz - 2
        self.fade_frames = max(0, min(fade, hop, MAX_FADE_FRAMES)) // 2 * 2

    def n_segments(self, total_frames: int) -> int:
        """Segments of a song of `total_frames` (song frames, >= 1)."""
        beyond = rescale_frames(total_frames, self.song_hz, self.model_hz) - self.valid_frames
        return 1 if beyond <= 0 else -(-beyond // self.hop_frames) + 1

    def window(self, index: int, total_frames: int | None) -> Window:
        """Place of a segment.

        Parameters
        ----------
        index : int, >= 0
        total_frames : int or None
            Length of the song; None while that is not known, for a segment that is surely not the
            last one (see `is_available`).
        """
        is_last = total_frames is not None and index == self.n_segments(total_frames) - 1
        valid_start = index * self.hop_frames
        right = self._seam(index + 1)
        if is_last and total_frames is not None:
            total_model = rescale_frames(total_frames, self.song_hz, self.model_hz)
            # Real song before it rather than silence after it.
            valid_start = max(0, total_model - self.valid_frames)
            right = total_frames
        span = Span(index, self._seam(index) if index else 0, right, self.fade_frames, is_last)
        start = valid_start - self._lead_frames - self.offsets[-1]
        n_frames = self._window_frames + self.offsets[-1]
        if self.song_hz != self.model_hz:
            return Window(span, valid_start, *needed_input(self.to_model, start, n_frames))
        return Window(span, valid_start, start, start + n_frames)

    def is_available(self, index: int, decoded_frames: int) -> bool:
        """Whether a segment can be separated before the end of the song is known."""
        regular = self.window(index, None)
        end = rescale_frames(regular.valid_start_frame + self.valid_frames + 1, self.model_hz, self.song_hz)
        return decoded_frames > max(end, regular.read_stop_frame)

    def segment_at(self, frame: int, n_segments: int) -> int:
        """Segment from which a song frame comes (in a seam: the nearer one)."""
        index = max(0, frame * self.model_hz // self.song_hz) // self.hop_frames
        if index and frame < self._seam(index):
            index -= 1
        return min(index, n_segments - 1)

    def next_segment(self, playhead_frame: int, n_segments: int, done: Collection[int]) -> int | None:
        """Segment to separate next: the one under the play-head, then outward, ahead first.

        Parameters
        ----------
        playhead_frame : int
            Song frame that is heard now.
        n_segments : int
            Segments of the song.
        done : collection of int
            Those not to choose any more.

        Returns
        -------
        int or None
            None when all are done.
        """
        here = self.segment_at(playhead_frame, n_segments)
        best: tuple[int, int] | None = None
        for index in range(n_segments):
            if index not in done:
                distance = index - here if index >= here else (here - index) * BEHIND_WEIGHT + 1
                if best is None or distance < best[0]:
                    best = (distance, index)
        return None if best is None else best[1]

    def _seam(self, index: int) -> int:
        """Song frame in the middle of the overlap of segments `index - 1` and `index`."""
        shared = self.valid_frames - self.hop_frames
        return (index * self.hop_frames + shared // 2) * self.song_hz // self.model_hz
