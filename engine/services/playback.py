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
from engine.io.song_store import SongStore
from engine.realtime.layout import FLAG_ENDED
from engine.realtime.memory import EngineMemory, Meters
from engine.services.feeder import warm_feeder
from engine.services.live_mic import LiveMic
from engine.services.live_stems import LiveStems
from engine.services.output import DeviceEvent, Output
from engine.services.playback_status import PlaybackStatus, read_status
from engine.services.song_line import SongLine
from engine.services.song_mic import SongMic
from engine.services.song_player import SongPlayer
from engine.services.song_takes import SongTakes
from engine.services.stem_mixer import StemMixer
from engine.services.worker import SeparationWorker
from engine.units import s_to_frames

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
    model : str or None
        Model that separates; None or empty is `ModelStore.default`.
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
    mixer : StemMixer
        Gain, balance, mute and solo of the song's lanes, and the master's.
    mic : SongMic
        The microphone beside the song; closed at first.
    line : SongLine
        The songs that wait to be separated.
    takes : SongTakes
        What was sung to the song, as lanes of it.
    live : LiveStems
        Stems of an input in the song's place; off at first.

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
        model: str | None = None,
        provider: str | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self._home = home or default_home()
        self._models = ModelStore(self._home.models, self._home.cards)
        self._model = model = model or self._models.default
        self._models.files(model)
        self._on_notice = on_notice or _log.info
        stems = self._models.card(model).stems
        self._lock = threading.RLock()
        self.memory = EngineMemory()
        self.mixer = StemMixer(self.memory, stems, on_notice=self._on_notice)
        self._output = Output(self.memory, opener)
        warm_feeder(self.memory)
        self._player = SongPlayer(self.memory, self._output, self.mixer)
        mic = LiveMic(self.memory, self._output, self._home)
        self.mic = SongMic(mic, self._player, self._lock, self._changing_device)
        self.takes = SongTakes(self._player, self._changing_device)
        self.live = LiveStems(self.memory, self._output, self._home, self._player, mic, self._changing_device)
        self._complete = False
        self._release_at_s = 0.0
        self._play_called_ns = 0
        self._closing = threading.Event()
        self._wanted = threading.Event()
        self._worker_ready = threading.Event()
        self._worker = SeparationWorker(self._home, model, provider)
        self.line = SongLine(self._worker, self._lock, self._wanted)
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
        self.live.go_on()
        self._player.go_on(old_rate_hz)
        self._tell_worker(self._player.heard_frame())

    # --- song --------------------------------------------------------------------------------------

    def wait_until_warm(self, timeout_s: float = 60.0) -> bool:
        """Wait until the worker has loaded its model; playing does not need it."""
        return self._worker_ready.wait(timeout_s)

    def play(self, song: Path | None = None) -> None:
        """Play `song` from its start, or go on with the one that is loaded, and not with a live input.

        Raises
        ------
        ParameterError
            Nothing is loaded.
        """
        with self._lock:
            self.live.stop()
            if song is not None:
                self._load(song)
            elif self.line.loaded is None:
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
        self.line.loaded = song.absolute()
        self.line.failure = None
        self._complete = False
        self.memory.reset_first_times()
        self.line.work.put_first(self.line.loaded)
        self._worker.set_playhead(resume_frame)

    @property
    def song(self) -> Path | None:
        """The song that is loaded."""
        return self.line.loaded

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
            self.live.stop()
            frame, loop_s = self._player.heard_frame(), self._player.loop_s
            self._model = self._worker.model = model
            self.mixer.set_stems(self._models.card(model).stems)
            self.line.work.restart_all()
            if self.line.loaded is not None:
                self._load(self.line.loaded, frame)
                self._player.loop_s = loop_s
                self._player.play_or_pause(self._player.playing)

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
        if self.line.work.in_work == self.line.loaded:
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

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of the song's own lanes, "original" first, then the model's stems."""
        return self.mixer.lanes[: 1 + self.mixer.n_stems]

    # --- looking -----------------------------------------------------------------------------------

    def meters(self) -> Meters | None:
        """The newest meters; None before the first callback."""
        return self.memory.read_meters()

    def status(self) -> PlaybackStatus:
        """Where playback stands; waits for nothing, so that a window can ask sixty times a second."""
        stream = self._output.stream
        device = None if stream is None else stream.name
        return read_status(self.memory, self._player, device, self._worker.restarts)

    @property
    def failure(self) -> str | None:
        """Why the song could not be opened or separated, in one line; None while all is well."""
        return self.line.failure

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
            self._wanted.wait(POLL_S if self.line.work.in_work is not None else IDLE_POLL_S)
            self._wanted.clear()
            with self._lock:
                now_s = time.monotonic()
                for event in self.line.work.poll():
                    self._handle(event)
                self._watch_device(now_s)
                for notice in (self.mic.live.poll(), *self.live.poll()):
                    if notice is not None:
                        self._on_notice(notice)
                if self._player.store is not None:
                    self._tell_worker(self._player.heard_frame())
                    if now_s >= self._release_at_s:
                        self._release_at_s = now_s + RELEASE_PAGES_S
                        self._player.release_pages()

    def _handle(self, event: dict[str, Any]) -> None:
        kind, is_loaded = event["event"], event["song"] == self.line.loaded
        if kind == "ready":
            self._worker_ready.set()
        elif kind == "restarted":
            self._on_notice(str(event["message"]))
        elif kind == "store" and is_loaded:
            try:
                self._attach(Path(event["folder"]))
            except CharonError as err:
                self.line.failure = str(err)
                self._on_notice(self.line.failure)
        elif kind == "done" and is_loaded:
            store = self._player.store
            self._complete = store is not None and store.is_complete
        elif kind == "lost" or (kind == "failed" and is_loaded):
            self.line.failure = str(event["message"])
            self._on_notice(self.line.failure)

    def close(self) -> None:
        """Fade out, release the device, end the worker; safe to call twice."""
        if self._closing.is_set():
            return
        with self._lock:
            self.memory.set_playing(False)
            self.mic.live.hush()
        self._output.wait_for_fade()
        with self._lock:
            self.live.close()
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
