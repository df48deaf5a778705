"""The song in the player: its lanes fed to the callback, its loop, its epochs, and the frame that is heard.

Called by playback under its lock; `heard_frame`, `store` and `is_current` alone may be asked from any
thread, because each replaces its values whole. It exists apart so that playback is about who wants
what, and this room about where in the song the sound is.
"""

from collections.abc import Mapping

from engine.errors import ParameterError
from engine.io.song_store import SongStore
from engine.realtime.layout import C_EPOCH, LANE_RING_FRAMES
from engine.realtime.memory import EngineMemory, Meters
from engine.services.feeder import Feeder
from engine.services.output import Output
from engine.services.stem_mixer import StemMixer
from engine.units import F32, frames_to_s, s_to_frames

MIN_LOOP_S = 0.02
MAX_CLOCK_S = 1.0
"""A block lasts some milliseconds; anything this far from it is a clock that cannot be trusted."""


class SongPlayer:
    """Feeds at most one song into one engine.

    Parameters
    ----------
    memory : EngineMemory
        Whose lane ring is fed.
    output : Output
        Whose clock says what is heard.
    mixer : StemMixer
        Of the song's lanes.

    Attributes
    ----------
    mixer : StemMixer
    store : SongStore or None
        The song; None until one is attached.
    playing : bool
        What the user wants; a device that is gone changes nothing about it.
    """

    def __init__(self, memory: EngineMemory, output: Output, mixer: StemMixer) -> None:
        self._memory = memory
        self._output = output
        self.mixer = mixer
        self._feeder: Feeder | None = None
        self.store: SongStore | None = None
        self.playing = False
        self._takes: tuple[F32, ...] = ()
        self._is_aside = False
        self._epoch = 0
        self._loop_s: tuple[float, float] | None = None
        self._resume_frame = 0

    # --- which song --------------------------------------------------------------------------------

    def expect(self, resume_frame: int = 0) -> None:
        """Fall silent and wait for a song, to begin at song frame `resume_frame`; the loop is gone."""
        self._memory.set_playing(False)
        self.stop()
        self.store = None
        self.set_takes({})
        self._loop_s = None
        self._resume_frame = resume_frame
        # An epoch that no feeder answers yet: the callback waits for the song instead of starving.
        self._epoch += 1
        self._memory.set_epoch(self._epoch)

    def attach(self, store: SongStore) -> None:
        """Play this song from where it is expected.

        Raises
        ------
        DeviceError
            The device's rate is too low for it.
        """
        self.store = store
        if not self._is_aside:
            self._start_feeder(store)
            self.seek_frame(self._resume_frame)

    def stop(self) -> None:
        """End the feeder's thread."""
        if self._feeder is not None:
            self._feeder.stop()
            self._feeder = None

    def step_aside(self) -> None:
        """Leave the lane ring and the callback's transport to somebody else; the song pauses where it is."""
        if not self._is_aside:
            self._resume_frame = self.heard_frame()
            self.playing = False
            self._is_aside = True
            self.stop()
            self.mixer.leave_rows()

    def come_back(self) -> None:
        """Take them again; the song stays paused where it was."""
        if self._is_aside:
            self._is_aside = False
            # Whoever had the ring has counted on.
            self._epoch = max(self._epoch, int(self._memory.control[C_EPOCH]))
            self.mixer.take_rows()
            if self.store is not None:
                self._start_feeder(self.store)
                self.seek_frame(self._resume_frame)

    def set_takes(self, takes: Mapping[str, F32]) -> None:
        """Play these lanes behind the stems; while nothing sounds, between `hold` and `go_on`.

        Parameters
        ----------
        takes : mapping of str to float32 array, shape (capacity_frames, 2)
            By name, in order, each as long as the song's own lanes.
        """
        if tuple(takes) == () == self._takes:
            return
        self._takes = tuple(takes.values())
        self.mixer.set_takes(tuple(takes))
        if self.store is not None and not self._is_aside:
            self._start_feeder(self.store)

    def _start_feeder(self, store: SongStore) -> None:
        self.stop()
        self._memory.set_n_lanes(1 + len(store.stems) + len(self._takes), len(self._takes))
        self._feeder = Feeder(self._memory, store, self._takes)
        self._feeder.set_loop(self._loop_frames())
        self._feeder.start()

    # --- device ------------------------------------------------------------------------------------

    def hold(self, frame: int | None = None) -> None:
        """Remember the heard frame, or `frame`, to go on from it with another device."""
        self._resume_frame = self.heard_frame() if frame is None else frame

    def go_on(self, old_rate_hz: int) -> None:
        """Go on where `hold` was called, on a device that may have another rate than before."""
        if self._is_aside:
            return
        if self.store is not None:
            if self._memory.rate_hz != old_rate_hz:
                self._start_feeder(self.store)
            self.seek_frame(self._resume_frame)
        self.play_or_pause(self.playing)

    def play_or_pause(self, playing: bool) -> None:
        """Fade in from, or out at, where the song is."""
        self.playing = playing
        if not self._is_aside:
            self._memory.set_playing(playing)

    # --- where -------------------------------------------------------------------------------------

    def frame_at(self, position_s: float) -> int:
        """The song frame at a time, clipped to the song.

        Raises
        ------
        ParameterError
            No song is open yet.
        """
        store = self._need_store()
        frame = max(0, s_to_frames(position_s, store.rate_hz))
        return frame if store.total_frames is None else min(frame, max(0, store.total_frames - 1))

    def seek_frame(self, frame: int) -> None:
        """Go to a song frame, at once or as soon as a song is attached."""
        self._resume_frame = frame
        if self._feeder is None:
            return
        self._epoch += 1
        # The feeder first: its answer must be on the way before the callback begins to wait for it.
        self._feeder.seek(self._epoch, frame)
        self._memory.set_epoch(self._epoch)

    def is_current(self, meters: Meters) -> bool:
        """Whether these meters come from the place that was last sought."""
        return not self._is_aside and meters.epoch == self._epoch

    def heard_frame(self) -> int:
        """Song frame that leaves the converter now."""
        # Each is read once: other threads replace them whole.
        meters, store, stream = self._memory.read_meters(), self.store, self._output.stream
        if meters is None or store is None or not self.is_current(meters):
            return self._resume_frame
        if not self.playing or stream is None:
            return meters.song_frame
        elapsed_s = min(max(stream.time_s() - meters.dac_s, -MAX_CLOCK_S), MAX_CLOCK_S)
        return max(0, meters.song_frame + s_to_frames(elapsed_s, store.rate_hz))

    # --- loop --------------------------------------------------------------------------------------

    @property
    def loop_s(self) -> tuple[float, float] | None:
        """Start and stop of the loop."""
        return self._loop_s

    @loop_s.setter
    def loop_s(self, loop_s: tuple[float, float] | None) -> None:
        """Take over a loop for a song that is expected."""
        self._loop_s = loop_s

    def set_loop(self, start_s: float | None, stop_s: float | None) -> None:
        """Repeat [start_s, stop_s), at least 20 ms long; None and None play on.

        Raises
        ------
        ParameterError
            The loop is too short, upside down or outside the song.
        """
        store = self._need_store()
        before = self._loop_frames()
        if start_s is None or stop_s is None:
            self._loop_s = None
        else:
            if not 0.0 <= start_s < stop_s or stop_s - start_s < MIN_LOOP_S:
                raise ParameterError(
                    f"loop {start_s:.3f}..{stop_s:.3f} s is not at least {MIN_LOOP_S} s of the song"
                )
            total = store.total_frames
            if total is not None and stop_s > frames_to_s(total, store.rate_hz) + 1e-6:
                end_s = frames_to_s(total, store.rate_hz)
                raise ParameterError(f"the loop ends at {stop_s:.3f} s, after the song's {end_s:.3f} s")
            self._loop_s = (start_s, stop_s)
        if self._feeder is not None:
            self._feeder.set_loop(self._loop_frames())
        self._refeed_for_loop(before)

    def _loop_frames(self) -> tuple[int, int] | None:
        if self._loop_s is None or self.store is None:
            return None
        rate_hz = self.store.rate_hz
        return s_to_frames(self._loop_s[0], rate_hz), s_to_frames(self._loop_s[1], rate_hz)

    def _refeed_for_loop(self, before: tuple[int, int] | None) -> None:
        """Read again what the ring already holds, but only if an old or new loop edge lies in it."""
        if self._feeder is None or self.store is None:
            return
        now = self.heard_frame()
        ahead = LANE_RING_FRAMES * self.store.rate_hz // self._memory.rate_hz + 4096
        edges = [loop[1] for loop in (before, self._loop_frames()) if loop is not None]
        if any(now <= edge <= now + ahead for edge in edges):
            self.seek_frame(now)

    def release_pages(self) -> None:
        """Give back the lanes' pages that were read."""
        if self._feeder is not None:
            self._feeder.release_pages()

    def _need_store(self) -> SongStore:
        if self.store is None:
            raise ParameterError("the song is not open yet: wait until its first frames are decoded")
        return self.store
