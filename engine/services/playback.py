"""Playback: a song is heard at once, and its stems can be mixed as soon as they are separated.

It ties together the device with its compiled callback, the feeder of the song that plays, and the
separation worker. Three threads meet here: the caller's (intents), a supervisor that polls the worker
and the device fifty times a second, and the feeder, which needs no Python. Intents and supervisor
share one lock; neither the feeder nor the callback ever sees it.

A control call takes effect within one block of the device; nothing here waits for the disk or a model.
"""

import contextlib
import gc
import logging
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from engine.errors import CharonError, DeviceError, ParameterError
from engine.inference.model_store import ModelStore
from engine.io.device import OutputStream, StreamOpener
from engine.io.home import Home, default_home
from engine.io.song_store import ORIGINAL, Progress, SongStore
from engine.realtime.layout import (
    FLAG_ENDED,
    FLAG_READY,
    FLAG_TOUCHED,
    FLAG_WAITING,
    MASTER_ROW,
)
from engine.realtime.memory import EngineMemory, Meters
from engine.services.feeder import warm_feeder
from engine.services.live_mic import LiveMic
from engine.services.output import DeviceEvent, Output
from engine.services.playback_status import PlaybackStatus
from engine.services.song_job import SongJob
from engine.services.song_jobs import SongJobs
from engine.services.song_mic import SongMic
from engine.services.song_player import SongPlayer
from engine.services.worker import SeparationWorker
from engine.units import frames_to_s, s_to_frames

_log = logging.getLogger(__name__)

POLL_S = 0.02
IDLE_POLL_S = 0.1
"""While nothing is separated: each look takes the GIL, and moves whoever held it to another core."""
RELEASE_PAGES_S = 10.0
PLAYHEAD_LEAD_S = 0.7
"""The worker is told a place this far ahead: just before a seam between two segments the later one is
wanted first, because the play-head will be in it by the time that any segment is ready."""


class Playback:
    """One device, one song at a time.

    Parameters
    ----------
    opener : StreamOpener
        Opens the device (`engine.io.device.portaudio_opener`, or a virtual one in tests).
    home : Home or None
        Where models and stems lie; None is the user's own.
    model : str
        Model that separates.
    provider : str or None
        Execution provider for it; None chooses.
    on_notice : callable or None
        Given one line whenever something happens that the user should know. Called on the supervisor's
        or the caller's thread.

    Raises
    ------
    DeviceError
        No device, or it refuses.
    ModelMissing
        The model is unknown or not fetched.

    Attributes
    ----------
    memory : EngineMemory
        What the callback works on.
    mic : SongMic
        The microphone beside the song; closed at first.

    Notes
    -----
    The constructor compiles (or loads) all real-time code, opens the device and starts it on silence,
    so that `play` is heard within a few blocks.
    """

    def __init__(
        self,
        opener: StreamOpener,
        home: Home | None = None,
        *,
        model: str = "spleeter-2stems",
        provider: str | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self._home = home or default_home()
        self._models = ModelStore(self._home.models, self._home.cards)
        self._models.files(model)
        self._model = model
        self._on_notice = on_notice or _log.info
        self._stems = self._models.card(model).stems
        self._lock = threading.RLock()
        self.memory = EngineMemory()
        self._output = Output(self.memory, opener)
        warm_feeder(self.memory)
        self._player = SongPlayer(self.memory, self._output)
        self.mic = SongMic(
            LiveMic(self.memory, self._output, self._home), self._player, self._lock, self._changing_device
        )
        self._song: Path | None = None
        self._failed: str | None = None
        self._complete = False
        self._release_at_s = 0.0
        self._play_called_ns = 0
        self._closing = threading.Event()
        self._wanted = threading.Event()
        self._worker_ready = threading.Event()
        self._worker = SeparationWorker(self._home, model, provider)
        self._jobs = SongJobs(self._worker)
        self._worker.start()
        try:
            self._output.open()
        except CharonError:
            self._worker.close()
            raise
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._supervisor.start()

    # --- device ------------------------------------------------------------------------------------

    @property
    def stream(self) -> OutputStream:
        """The open device; DeviceError while it is gone."""
        stream = self._output.stream
        if stream is None:
            raise DeviceError("the audio device is gone: connect it again or choose another one")
        return stream

    def use_device(self, opener: StreamOpener) -> None:
        """Go over to another device, rate or block; the song goes on where it is.

        Raises
        ------
        DeviceError
            The new one refuses; the old one is open again, if it can be.
        """
        with self._changing_device():
            self.mic.live.change_output(opener)

    @contextlib.contextmanager
    def _changing_device(self) -> Generator[None]:
        """A stretch in which the device may be opened again; the song goes on where it was."""
        with self._lock:
            self._player.hold()
            self.memory.set_playing(False)
            self._output.wait_for_fade()
            old_rate_hz = self.memory.rate_hz
            try:
                yield
            finally:
                self._go_on(old_rate_hz)

    def set_test_tone(self, on: bool) -> None:
        """A quiet sine beside whatever plays, to hear that a device works."""
        self.memory.set_tone(on)

    def _watch_device(self, now_s: float) -> None:
        heard_frame, old_rate_hz = self._player.heard_frame(), self.memory.rate_hz
        event = self._output.watch(now_s)
        if event is DeviceEvent.BACK:
            self._go_on(old_rate_hz)
            self._on_notice(f"playing on {self.stream.name!r} again")
        elif event is not None:
            if event is DeviceEvent.LOST:
                self._player.hold(heard_frame)
            self._on_notice(self._output.refusal)

    def _go_on(self, old_rate_hz: int) -> None:
        self._player.go_on(old_rate_hz)
        self._tell_worker(self._player.heard_frame())

    # --- song --------------------------------------------------------------------------------------

    def wait_until_warm(self, timeout_s: float = 60.0) -> bool:
        """Wait until the worker has loaded its model; playing does not need it."""
        return self._worker_ready.wait(timeout_s)

    def play(self, song: Path | None = None) -> None:
        """Play `song` from its start, or go on with the one that is loaded.

        Raises
        ------
        ParameterError
            Nothing is loaded.
        """
        with self._lock:
            if song is not None:
                self._load(song)
            elif self._song is None:
                raise ParameterError("there is no song to play: open one first")
            elif (meters := self.memory.read_meters()) is not None and meters.flags & FLAG_ENDED:
                self._seek_frame(0)
            self._player.play_or_pause(True)
        self._wanted.set()

    def forget_worker_ready(self) -> None:
        """Let `wait_until_warm` wait for the next announcement of a worker, e.g. after a restart."""
        self._worker_ready.clear()

    def _load(self, song: Path, resume_frame: int = 0) -> None:
        self._play_called_ns = time.monotonic_ns()
        self._player.expect(resume_frame)
        self._song = song.absolute()
        self._failed = None
        self._complete = False
        self.memory.reset_first_times()
        self._jobs.put_first(self._song)
        self._worker.set_playhead(resume_frame)

    @property
    def song(self) -> Path | None:
        """The song that is loaded."""
        return self._song

    @property
    def song_folder(self) -> Path | None:
        """Where the lanes of the loaded song lie; None until it is open."""
        store = self._player.store
        return None if store is None else store.folder

    @property
    def model(self) -> str:
        """Name of the model that separates."""
        return self._model

    def set_model(self, model: str) -> None:
        """Separate with another model from now on; a loaded song goes on where it is.

        Raises
        ------
        ModelError
            It is unknown or not fetched; nothing changed.
        """
        with self._lock:
            if model == self._model:
                return
            self._models.files(model)
            frame, loop_s = self._player.heard_frame(), self._player.loop_s
            self._model, self._stems = model, self._models.card(model).stems
            self._worker.model = model
            self.memory.reset_lanes()
            self._jobs.restart_all()
            if self._song is not None:
                self._load(self._song, frame)
                self._player.loop_s = loop_s
                self._player.play_or_pause(self._player.playing)

    # --- songs in line -----------------------------------------------------------------------------

    def enqueue(self, song: Path) -> None:
        """Separate a song after those that came before it."""
        with self._lock:
            self._jobs.add(song.absolute())
        self._wanted.set()

    def cancel(self, song: Path) -> None:
        """Stop separating a song, or never begin; what is finished of it is kept."""
        with self._lock:
            self._jobs.cancel(song.absolute())

    def retry(self, song: Path) -> None:
        """Put a song that failed or was cancelled back in line."""
        with self._lock:
            song = song.absolute()
            if song == self._song:
                self._failed = None
            self._jobs.retry(song)

    def remove(self, song: Path) -> None:
        """Take a song out of the line; the one that is loaded plays on."""
        with self._lock:
            self._jobs.remove(song.absolute())

    def set_stems_limit(self, limit_bytes: int) -> None:
        """Bound the disk space for the stems of all songs (> 0), from the next song on."""
        self._worker.stems_limit_bytes = limit_bytes

    def jobs(self) -> tuple[SongJob, ...]:
        """Every song in line and how far it is; waits for nothing."""
        return self._jobs.snapshot()

    def _attach(self, folder: Path) -> None:
        store = self._player.store
        if store is None or store.folder != folder:
            self._player.attach(SongStore.attach(folder))
            self._tell_worker(self._player.heard_frame())

    def pause(self) -> None:
        """Fade out and stay where we are."""
        with self._lock:
            self._player.play_or_pause(False)

    def seek(self, position_s: float) -> None:
        """Go to a song time in seconds; clipped to the song."""
        with self._lock:
            self._seek_frame(self._player.frame_at(position_s))

    def _seek_frame(self, frame: int) -> None:
        self._tell_worker(frame)
        self._player.seek_frame(frame)

    def _tell_worker(self, frame: int) -> None:
        if self._jobs.in_work == self._song:
            store = self._player.store
            rate_hz = 0 if store is None else store.rate_hz
            self._worker.set_playhead(frame + s_to_frames(PLAYHEAD_LEAD_S, rate_hz))

    def set_loop(self, start_s: float | None, stop_s: float | None) -> None:
        """Repeat [start_s, stop_s), at least 20 ms long; None and None play on.

        Raises
        ------
        ParameterError
            The loop is too short, upside down or outside the song.
        """
        with self._lock:
            self._player.set_loop(start_s, stop_s)

    # --- mixer -------------------------------------------------------------------------------------

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of the lanes, "original" first, then the model's stems."""
        return (ORIGINAL, *self._stems)

    def _row(self, stem: str) -> int:
        if stem == "master":
            return MASTER_ROW
        lanes = self.lanes
        if stem not in lanes or stem == ORIGINAL:
            raise ParameterError(
                f"there is no stem {stem!r} here; there are {', '.join(lanes[1:]) or 'none yet'}"
            )
        return lanes.index(stem)

    def set_gain_db(self, stem: str, gain_db: float) -> None:
        """Gain of a stem, or of "master": -200 to +24 dB."""
        self.memory.set_gain_db(self._row(stem), gain_db)

    def set_pan(self, stem: str, pan: float) -> None:
        """Balance of a stem, -1 (left) to 1 (right)."""
        self.memory.set_pan(self._row(stem), pan)

    def set_mute(self, stem: str, mute: bool = True) -> None:
        """Mute a stem; heard at once where it is separated, otherwise as soon as it is."""
        self.memory.set_mute(self._row(stem), mute)
        self._tell_if_pending(stem, mute)

    def set_solo(self, stem: str, solo: bool = True) -> None:
        """Solo a stem in place; heard at once where it is separated, otherwise as soon as it is."""
        self.memory.set_solo(self._row(stem), solo)
        self._tell_if_pending(stem, solo)

    def _tell_if_pending(self, stem: str, on: bool) -> None:
        meters = self.memory.read_meters()
        if on and (meters is None or not meters.flags & FLAG_READY):
            self._on_notice(f"{stem} is still being separated here: it follows in a moment")

    # --- looking -----------------------------------------------------------------------------------

    def meters(self) -> Meters | None:
        """The newest meters; None before the first callback."""
        return self.memory.read_meters()

    def status(self) -> PlaybackStatus:
        """Where playback stands; waits for nothing, so that a window can ask sixty times a second."""
        store, stream = self._player.store, self._output.stream
        meters = self.memory.read_meters()
        flags = meters.flags if meters is not None and self._player.is_current(meters) else 0
        rate_hz = 1 if store is None else store.rate_hz
        total = None if store is None else store.total_frames
        heard = self._player.heard_frame() if store is not None else 0
        ready = bool(flags & FLAG_READY)
        return PlaybackStatus(
            position_s=frames_to_s(heard if total is None else min(heard, total), rate_hz),
            duration_s=None if total is None else frames_to_s(total, rate_hz),
            playing=self._player.playing,
            ended=bool(flags & FLAG_ENDED),
            waiting=bool(flags & FLAG_WAITING) or store is None,
            stems_ready=ready,
            segments_done=0 if store is None else int(store.progress[Progress.SEGMENTS_DONE]),
            segments_total=0 if store is None else int(store.progress[Progress.TOTAL_SEGMENTS]),
            pending=self.lanes[1:] if flags & FLAG_TOUCHED and not ready else (),
            device=None if stream is None else stream.name,
            worker_restarts=self._worker.restarts,
            counters=self.memory.read_counters(),
        )

    @property
    def failure(self) -> str | None:
        """Why the song could not be opened or separated, in one line; None while all is well."""
        return self._failed

    @property
    def separated(self) -> bool:
        """Whether every stem of the song is there."""
        return self._complete

    @property
    def worker_pid(self) -> int | None:
        """Process id of the separation worker."""
        return self._worker.pid

    @property
    def play_called_s(self) -> float:
        """When the song was asked for, in seconds of `time.monotonic`."""
        return self._play_called_ns * 1e-9

    def first_sound_s(self) -> float | None:
        """Seconds from the play call to the first song frame in a callback; None until then."""
        return self._since_play(self.memory.read_counters().first_sound_ns)

    def first_stem_s(self) -> float | None:
        """Seconds from the play call to the first callback with every stem; None until then."""
        return self._since_play(self.memory.read_counters().first_stem_ns)

    def _since_play(self, when_ns: int) -> float | None:
        return (when_ns - self._play_called_ns) * 1e-9 if when_ns > self._play_called_ns else None

    # --- supervisor --------------------------------------------------------------------------------

    def _supervise(self) -> None:
        while not self._closing.is_set():
            self._wanted.wait(POLL_S if self._jobs.in_work is not None else IDLE_POLL_S)
            self._wanted.clear()
            with self._lock:
                now_s = time.monotonic()
                for event in self._jobs.poll():
                    self._handle(event)
                self._watch_device(now_s)
                notice = self.mic.live.poll()
                if notice is not None:
                    self._on_notice(notice)
                if self._player.store is not None:
                    self._tell_worker(self._player.heard_frame())
                    if now_s >= self._release_at_s:
                        self._release_at_s = now_s + RELEASE_PAGES_S
                        self._player.release_pages()

    def _handle(self, event: dict[str, Any]) -> None:
        kind, is_loaded = event["event"], event["song"] == self._song
        if kind == "ready":
            self._worker_ready.set()
        elif kind == "restarted":
            self._on_notice(str(event["message"]))
        elif kind == "store" and is_loaded:
            try:
                self._attach(Path(event["folder"]))
            except CharonError as err:
                self._failed = str(err)
                self._on_notice(self._failed)
        elif kind == "done" and is_loaded:
            store = self._player.store
            self._complete = store is not None and store.is_complete
        elif kind == "lost" or (kind == "failed" and is_loaded):
            self._failed = str(event["message"])
            self._on_notice(self._failed)

    def close(self) -> None:
        """Fade out, release the device, end the worker; safe to call twice."""
        if self._closing.is_set():
            return
        with self._lock:
            self.memory.set_playing(False)
            self.mic.live.hush()
        self._output.wait_for_fade()
        self._closing.set()
        self._wanted.set()
        self._supervisor.join()
        self._output.close()
        self._player.stop()
        self._worker.close()
        gc.unfreeze()

    def __enter__(self) -> "Playback":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(CharonError):
            self.close()
