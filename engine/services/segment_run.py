"""Runs a model over the segments of one song and lands each in the store.

Two threads: the network's runs the model (`Architecture` belongs to one thread), the caller's brings
a finished segment to the song's rate and writes it while the next one is in the network. It exists
apart from `engine.services.separation` because that is about songs, and this about segments.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_futures
from dataclasses import dataclass

import numpy as np

from engine.errors import JobCancelled
from engine.inference.architecture import Architecture
from engine.io.stem_store import SongWriter
from engine.kernels.resample import resample_frames
from engine.services.decoding import Decoding
from engine.services.segment_plan import SegmentPlan, Window
from engine.units import F32

LOOK_S = 0.01
"""How often the listener is looked at while the network works: a hundredth of what a seek may cost."""
SLOW_SEGMENT_S = 1.0
"""A network that needs longer for a segment is overtaken by the play-head: it works on the place where
the listener will be when it is done, or no stem would ever be in time."""
JUMP_S = 1.5
"""A play-head that is this far from where playing would have brought it has been moved."""
STOP_TRIES = 10


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished piece of a song.

    Parameters
    ----------
    index : int
        Position in the song's plan.
    start_frame, stop_frame : int
        Song frames that it covers, cross-fades included.
    n_done, n_total : int
        Segments finished so far, of how many (an upper bound until the song is decoded).
    """

    index: int
    start_frame: int
    stop_frame: int
    n_done: int
    n_total: int


class SegmentRun:
    """The segments of one song on their way through a model.

    Parameters
    ----------
    store : SongWriter
        Gives the original and takes the stems.
    model : Architecture
        Loaded.
    plan : SegmentPlan
        For this model at the store's rate.
    decoding : Decoding
        Fills the original lane.
    """

    def __init__(self, store: SongWriter, model: Architecture, plan: SegmentPlan, decoding: Decoding) -> None:
        self.store = store
        self.model = model
        self.decoding = decoding
        self.plan = plan
        self.residual = model.stems.index(model.residual_stem)
        n_valid = model.valid_stop - model.valid_start
        self._whole = np.empty((len(model.stems), 2, n_valid if len(plan.offsets) > 1 else 0), np.float32)
        self._settled = False
        self._busy: Future[F32] | None = None
        # HTDemucs: 4 stems x 2 x 343,980 frames x 4 bytes = 11 MB, twice: one is being landed while
        # the other is being filled.
        self._results = [
            np.empty((len(model.stems), 2, self.plan.valid_frames), np.float32) for _ in range(2)
        ]

    def segments(
        self,
        network: ThreadPoolExecutor,
        playhead: Callable[[], int] | None,
        interrupted: Callable[[], bool] | None = None,
    ) -> Iterator[Segment]:
        """Keep one segment in the network and land the one before.

        Parameters
        ----------
        network : ThreadPoolExecutor
            The one thread that may use the model.
        playhead, interrupted : callable or None
            See `Separation.segments`.

        Yields
        ------
        Segment
            Each as soon as its frames are in the store.
        """
        self._forget_other_plans()
        listener = None if playhead is None else Listener(playhead, self.store.rate_hz)
        turn = 0
        window: Window | None = None
        began_s = time.monotonic()
        while True:
            result = None if window is None else self._result(window, listener, interrupted)
            if listener is not None and result is not None:
                listener.lead_s = time.monotonic() - began_s
            if interrupted is not None and interrupted():
                return
            # Chosen as late as can be, when the network is free, and before the last one is landed,
            # so that the network has work meanwhile.
            before, window = window, self._choose(listener, window if result is not None else None)
            self._busy = None
            began_s = time.monotonic()
            if window is not None:
                self._busy = network.submit(self._separate, window, self._results[turn])
                turn ^= 1
            if before is not None and result is not None:
                yield self._land(before, result)
            if window is None:
                return

    def _result(
        self, window: Window, listener: "Listener | None", interrupted: Callable[[], bool] | None
    ) -> F32 | None:
        """Wait for the network; None when the segment was given up because the listener went elsewhere."""
        assert self._busy is not None  # noqa: S101 - for the type checker
        given_up = False
        while True:
            wait_for_futures([self._busy], LOOK_S if listener or interrupted else None)
            if self._busy.done():
                with contextlib.suppress(JobCancelled):
                    return self._busy.result()
                return None
            given_up = given_up or (interrupted is not None and interrupted())
            given_up = given_up or (listener is not None and self._is_misplaced(window, listener))
            if given_up:  # said again until it is heard: the network may just be about to begin
                self.model.stop()

    def _is_misplaced(self, window: Window, listener: "Listener") -> bool:
        """Whether the listener has jumped to a segment that could be separated now instead."""
        if not listener.has_jumped():
            return False
        wanted = self.plan.segment_at(listener.frame, self._n_segments())
        return (
            wanted != window.span.index
            and wanted not in self.store.done
            and (self.decoding.finished or self.plan.is_available(wanted, self.decoding.decoded_frames))
        )

    def abandon(self) -> None:
        """Stop what is in the network; where its provider cannot be stopped, nobody waits for it."""
        if self._busy is not None:
            for _ in range(STOP_TRIES):
                if self._busy.cancel() or self._busy.done():
                    return
                self.model.stop()
                wait_for_futures([self._busy], LOOK_S)

    def _n_segments(self) -> int:
        total_frames = self.store.total_frames
        return self.plan.n_segments(self.store.capacity_frames if total_frames is None else total_frames)

    def _choose(self, listener: "Listener | None", landing: Window | None) -> Window | None:
        """Wait for the decoder until the best next segment can be separated; None when all are done."""
        while True:
            self.decoding.check()
            decoded_frames = self.decoding.decoded_frames
            total_frames = self.store.total_frames if self.decoding.finished else None
            if total_frames is not None and not self._settled:
                self._settle(total_frames)
            taken = set(self.store.done) | ({landing.span.index} if landing is not None else set())
            here = 0 if listener is None else listener.look_ahead()
            index = self.plan.next_segment(here, self._n_segments(), taken)
            if index is None and total_frames is not None:
                return None
            if index is not None and (
                total_frames is not None or self.plan.is_available(index, decoded_frames)
            ):
                return self.plan.window(index, total_frames)
            self.decoding.wait_for_more(decoded_frames)

    def _settle(self, total_frames: int) -> None:
        """The song's length is known: say how many segments there are, drop what is not in the plan."""
        n_segments = self.plan.n_segments(total_frames)
        done = self.store.done
        wrong = {
            index
            for index, span in done.items()
            if index >= n_segments or span != self.plan.window(index, total_frames).span
        }
        self.store.forget_segments(wrong)
        self.store.set_total_segments(n_segments)
        self._settled = True

    def _forget_other_plans(self) -> None:
        fade_frames = self.plan.fade_frames
        done = self.store.done
        self.store.forget_segments({i for i, span in done.items() if span.fade_frames != fade_frames})

    def _separate(self, window: Window, out: F32) -> F32:
        """Run the network on one window (its own thread); the mean over shifts goes to `out`."""
        plan, model = self.plan, self.model
        n_read = window.read_stop_frame - window.read_start_frame
        song = self.store.read_original(window.read_start_frame, n_read)
        if model.mirrors_ends:
            song = self._mirrored(song, window.read_start_frame)
        n_frames = model.window_frames + plan.offsets[-1]
        start = window.valid_start_frame - model.valid_start - plan.offsets[-1]
        if plan.song_hz != plan.model_hz:
            x = np.empty((2, n_frames), np.float32)
            to = plan.to_model
            resample_frames(song, window.read_start_frame, to, start, x)
            song = x
        for i, offset in enumerate(plan.offsets):
            first = plan.offsets[-1] - offset
            given = np.ascontiguousarray(song[:, first : first + model.window_frames])
            if len(plan.offsets) == 1:
                model.separate(given, out)
                return out
            model.separate(given, self._whole)
            shifted = self._whole[:, :, offset : offset + plan.valid_frames]
            np.copyto(out, shifted) if i == 0 else np.add(out, shifted, out)
        out *= np.float32(1.0 / len(plan.offsets))
        return out

    def _mirrored(self, song: F32, start_frame: int) -> F32:
        """Frames of the original, the silence outside of it replaced by its mirror image."""
        n_frames, total_frames = song.shape[1], self.store.total_frames
        before = max(0, -start_frame)
        after = 0 if total_frames is None else max(0, start_frame + n_frames - total_frames)
        if (before or after) and before + after < n_frames:
            song = np.pad(song[:, before : n_frames - after], ((0, 0), (before, after)), "reflect")
        return song

    def _land(self, window: Window, stems: F32) -> Segment:
        """Bring a segment to the song's rate, fold the rest of the song in, store it."""
        plan, span = self.plan, window.span
        n_frames = span.stop_frame - span.start_frame
        if plan.song_hz == plan.model_hz:
            first = span.start_frame - window.valid_start_frame
            landed = stems[:, :, first : first + n_frames]
        else:
            landed = np.empty((len(stems), 2, n_frames), np.float32)
            to = plan.to_song
            for i, stem in enumerate(stems):
                if i != self.residual:
                    resample_frames(stem, window.valid_start_frame, to, span.start_frame, landed[i])
        fold_residual(landed, self.store.read_original(span.start_frame, n_frames), self.residual)
        self.store.write_segment(span, landed)
        return Segment(
            span.index, span.start_frame, span.stop_frame, len(self.store.done), self._n_segments()
        )


class Listener:
    """Where the listener is, and whether the play-head was moved since a segment was chosen for it."""

    def __init__(self, playhead: Callable[[], int], rate_hz: int) -> None:
        self._playhead = playhead
        self._rate_hz = rate_hz
        self.frame = 0
        self.lead_s = 0.0
        self._looked_s = 0.0

    def look(self) -> int:
        """Song frame that is heard now; jumps are counted from here."""
        self.frame, self._looked_s = self._playhead(), time.monotonic()
        return self.frame

    def look_ahead(self) -> int:
        """Where the listener will be when a slow network is done; for a quick one, and at rest, here."""
        before = self.frame
        here = self.look()
        if here <= before or self.lead_s < SLOW_SEGMENT_S:
            return here
        return here + round(self.lead_s * self._rate_hz)

    def has_jumped(self) -> bool:
        """Whether it is somewhere that playing on cannot have led to; true once for a jump."""
        before, looked_s = self.frame, self._looked_s
        moved_s = (self.look() - before) / self._rate_hz
        return not -JUMP_S < moved_s < self._looked_s - looked_s + JUMP_S


def fold_residual(stems: F32, original: F32, residual_index: int) -> None:
    """Make stems sum to the song: one of them becomes what the others leave of it.

    Parameters
    ----------
    stems : float32 array, shape (n_stems, 2, frames)
        Changed in place. Adding `original - sum(stems)` to a stem leaves nothing of its own
        estimate, so that is not even looked at.
    original : float32 array, shape (2, frames)
        The song.
    residual_index : int
        The stem that takes the rest.
    """
    rest = stems[residual_index]
    np.copyto(rest, original)
    for i, stem in enumerate(stems):
        if i != residual_index:
            np.subtract(rest, stem, out=rest)
