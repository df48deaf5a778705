"""The bridge between the window and the engine: ticks up, intents down.

Sixty times a second it reads the engine's mailboxes on the GUI thread (no locks, no files) and hands
one frozen `Tick` to the views; a few times a second the queue's jobs. What the user wants goes to
the control thread. Mixer values go to the engine straight away: they are single stores into its
parameter block, which the callback ramps.

There may be no engine yet (it starts behind the empty window) or no sound device: the bridge says so
in the tick, keeps what was asked for, and goes on when there is one.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.control import ControlThread
from app.loop_state import LoopState
from app.mixer_sender import MixerSender
from app.mixer_state import MixerState
from app.output_choice import GivenOutput, OutputChoice
from app.song_words import SongWords, read_words
from app.tick import Tick
from app.tick_maker import Loaded, TickMaker, device_line
from engine.errors import CharonError

if TYPE_CHECKING:
    from engine.io.device import StreamOpener
    from engine.services.playback import Playback

TICK_MS = 16
IDLE_TICK_MS = 200
"""While nothing moves: an open, paused window should cost next to nothing."""
JOBS_EVERY_S = 0.25
FALL_S = 1.5
"""Held peaks and animations are still moving this long after the last intent or sound."""
SILENCE_DB = -72.0
"""Below what a meter shows."""
RETRY_SOUND_S = 5.0


class Bridge(QObject):
    """GUI thread only, the engine's own notices excepted.

    Parameters
    ----------
    mixer : MixerState
    loop : LoopState
        Followed: every change goes to the engine.
    parent : QObject or None

    Attributes
    ----------
    ticked : Signal(Tick)
    jobs_seen : Signal(tuple of SongJob)
        The queue, a few times a second while it changes.
    notice, failed : Signal(str)
        One line for the user.
    attached : Signal()
        The engine is there.
    song_changed : Signal(Path)
        Another song was asked for.
    song_opened : Signal()
        It can be heard and looped from now on.
    model_changed : Signal(str)
    device_opened : Signal(DeviceLine)
    device_refused : Signal(str)
        How it went when the user chose another device or buffer.
    """

    ticked = Signal(object)
    jobs_seen = Signal(object)
    notice = Signal(str)
    failed = Signal(str)
    attached = Signal()
    song_changed = Signal(object)
    song_opened = Signal()
    model_changed = Signal(str)
    device_opened = Signal(object)
    device_refused = Signal(str)
    _told = Signal(str)
    _erred = Signal(str)
    _words_read = Signal(object)
    _done_on_control = Signal(object)

    def __init__(self, mixer: MixerState, loop: LoopState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mixer = mixer
        self._loop = loop
        self._playback: Playback | None = None
        self._control = ControlThread("control", self._erred.emit)
        self._reader = ControlThread("song-reader", self._erred.emit)
        self._sender = MixerSender(mixer, self)
        self._ticks = TickMaker()
        self._start_trouble = ""
        self._output: OutputChoice | None = None
        self._retry_at_s = 0.0
        self._words = SongWords()
        self._words_of: tuple[Path | None, Path | None] = (None, None)
        self._song: Path | None = None
        self._folder: Path | None = None
        self._waiting_song: tuple[Path, float, bool] | None = None
        self._loads_wanted = 0
        self._loads_done = 0
        self._start_s = 0.0
        self._waiting_queue: list[Path] = []
        self._jobs: tuple[object, ...] | None = None
        self._jobs_at_s = 0.0
        self._awake_until_s = 0.0
        self.tick = Tick()
        # Queued, whoever emits them: the engine's threads must not run the window's code.
        queued = Qt.ConnectionType.QueuedConnection
        self._told.connect(self.notice, queued)
        self._erred.connect(self.failed, queued)
        self._words_read.connect(self._take_words, queued)
        self._done_on_control.connect(self._run_on_gui, queued)
        mixer.changed.connect(self.wake)
        loop.changed.connect(self._send_loop)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._look)
        self._timer.start(TICK_MS)

    # --- the engine comes and goes -----------------------------------------------------------------

    @property
    def playback(self) -> "Playback | None":
        """The engine, or None while it starts."""
        return self._playback

    @property
    def model(self) -> str:
        """Name of the model that separates; empty while there is no engine."""
        return "" if self._playback is None else self._playback.model

    @property
    def song(self) -> Path | None:
        """The song that was asked for last."""
        return self._song

    def waiting_songs(self) -> tuple[Path, ...]:
        """Songs of the queue but the one that is loaded, in order."""
        playback = self._playback
        jobs = () if playback is None else playback.line.jobs()
        return tuple(job.path for job in jobs if job.path != self._song)

    @property
    def on_notice(self) -> Callable[[str], None]:
        """What the engine calls with a line for the user, on any thread."""
        return self._told.emit

    def attach(self, playback: "Playback", output: OutputChoice, *, no_sound: str = "") -> None:
        """Begin to drive an engine.

        Parameters
        ----------
        playback : Playback
            Ready to play.
        output : OutputChoice
            Asked every few seconds while there is no sound device.
        no_sound : str
            Why there is none, in one line; empty when there is one.
        """
        self._playback = playback
        self._start_trouble = ""
        self._output = output
        self._ticks.no_sound = no_sound
        self._ticks.restart(playback.status())
        self._retry_at_s = time.monotonic() + RETRY_SOUND_S
        self._mixer.set_stems(playback.lanes[1:])
        self._sender.attach(playback.mixer)
        self.wake()
        self.attached.emit()
        waiting, self._waiting_song = self._waiting_song, None
        queue, self._waiting_queue = self._waiting_queue, []
        if waiting is not None:
            self.play_song(waiting[0], start_s=waiting[1], play=waiting[2])
        self.enqueue(queue)

    def say_not_started(self, reason: str) -> None:
        """Show why the engine could not start."""
        self._start_trouble = reason
        self.failed.emit(reason)

    def close(self) -> None:
        """Stop ticking, finish what is being done, end the engine."""
        self._timer.stop()
        self._reader.close()
        self._control.close()
        if self._playback is not None:
            self._sender.attach(None)
            self._playback.close()
            self._playback = None

    # --- intents -----------------------------------------------------------------------------------

    def open(self, paths: Iterable[Path]) -> None:
        """Play the first of some songs at once, and put the others into the queue."""
        songs = list(paths)
        if songs:
            self.play_song(songs[0])
            self.enqueue(songs[1:])

    def play_song(self, song: Path, *, start_s: float = 0.0, play: bool = True) -> None:
        """Load a song.

        Parameters
        ----------
        song : Path
        start_s : float
            Where to begin, in seconds of the song.
        play : bool
            False loads it and stays paused.
        """
        self.wake()
        # No engine may play what is not heard: without a device the play-head would wait for ever.
        play = play and not self._ticks.no_sound
        song = song.absolute()
        if song != self._song:
            self._song = song
            self.song_changed.emit(song)
        if self._playback is None:
            self._waiting_song = (song, start_s, play)
            return
        self._folder = None
        self._start_s = start_s
        self._loads_wanted += 1
        number = self._loads_wanted

        def load(playback: "Playback") -> None:
            playback.play(song)
            if not play:
                playback.pause()
            # One store, read by the GUI thread: what the engine says of its song is about this one now.
            self._loads_done = number

        self.carry_out(load)

    def enqueue(self, songs: Iterable[Path]) -> None:
        """Separate songs after those that wait already."""
        songs = list(songs)
        if self._playback is None:
            self._waiting_queue.extend(songs)
            return
        for song in songs:
            self.carry_out(lambda playback, song=song: playback.line.enqueue(song))

    def toggle_play(self) -> None:
        """Play or pause."""
        if self._ticks.no_sound:
            self.failed.emit(self._ticks.no_sound)
        elif self._playback is not None and self._playback.live.is_on:
            # What is heard stops; the song is back, and plays at the next press.
            self.carry_out(lambda playback: playback.live.stop(), "play")
        elif self._playback is not None and self._song is not None:
            playing = self._playback.status().playing
            self.carry_out(lambda playback: playback.pause() if playing else playback.play(), "play")

    def seek(self, position_s: float) -> None:
        """Go to a place of the song; of several in one go only the last counts."""
        if self._folder is not None:
            self.carry_out(lambda playback: playback.seek(position_s), "seek")

    def to_start(self) -> None:
        """Go to the start of the loop, or of the song when we are there or there is none."""
        span = self._loop.active_s
        at_loop = span is not None and self.tick.position_s > span[0] + 1.0
        self.seek(span[0] if span is not None and at_loop else 0.0)

    def cancel(self, song: Path) -> None:
        """Stop separating a song of the queue."""
        self.carry_out(lambda playback: playback.line.cancel(song))

    def retry(self, song: Path) -> None:
        """Separate a song of the queue once more."""
        self.carry_out(lambda playback: playback.line.retry(song))

    def remove(self, song: Path) -> None:
        """Take a song out of the queue."""
        self.carry_out(lambda playback: playback.line.remove(song))

    def choose_model(self, name: str) -> None:
        """Separate with another model from now on."""

        def change(playback: "Playback") -> None:
            playback.set_model(name)
            self._done_on_control.emit(lambda: self._model_is(name))

        self.carry_out(change)

    def set_stems_limit(self, n_bytes: int) -> None:
        """How much disk space separated songs may take, from the next song on."""
        self.carry_out(lambda playback: playback.line.set_stems_limit(n_bytes), "stems-limit")

    def use_device(self, opener: "StreamOpener") -> None:
        """Play on another device, or with another buffer; `device_opened` or `failed` says how it went."""

        def change(playback: "Playback") -> None:
            try:
                playback.use_device(opener)
            except CharonError as err:
                reason = str(err)
                self._done_on_control.emit(lambda: self.device_refused.emit(reason))
                raise
            self._done_on_control.emit(self._device_is_open)

        self._output = GivenOutput(opener)
        self.carry_out(change, "device")

    def set_test_tone(self, on: bool) -> None:
        """Play a quiet tone instead of the song."""
        self.carry_out(lambda playback: playback.set_test_tone(on), "tone")

    def carry_out(self, call: "Callable[[Playback], object]", key: str = "") -> None:
        """Carry an intent out on the control thread; what it raises is shown.

        Parameters
        ----------
        call : callable
            Given the engine.
        key : str
            As in `ControlThread.put`.
        """
        self.wake()
        playback = self._playback
        if playback is not None:
            self._control.put(lambda: call(playback), key)

    def send_mix(self) -> None:
        """Tell the engine every value of the mixer: its lanes are other ones now."""
        self._sender.send_all()

    @staticmethod
    def _run_on_gui(call: Callable[[], None]) -> None:
        call()

    def _model_is(self, name: str) -> None:
        if self._playback is not None:
            self._mixer.set_stems(self._playback.lanes[1:])
            self._folder = None
            self._sender.send_all()
        self.model_changed.emit(name)

    def _device_is_open(self) -> None:
        self._ticks.no_sound = ""
        self.wake()
        if self._playback is not None:
            status = self._playback.status()
            self._ticks.restart(status)
            self.device_opened.emit(device_line(self._playback, status))

    # --- loop --------------------------------------------------------------------------------------

    def _send_loop(self) -> None:
        if self._folder is None:
            return  # sent when the song opens
        start_s, stop_s = self._loop.active_s or (None, None)
        if stop_s is not None and self.tick.duration_s is not None:
            stop_s = min(stop_s, self.tick.duration_s)
        self.carry_out(lambda playback: playback.set_loop(start_s, stop_s), "loop")

    # --- looking -----------------------------------------------------------------------------------

    def wake(self) -> None:
        """Tick fast for a while: something moves."""
        self._awake_until_s = time.monotonic() + FALL_S
        if self._timer.interval() != TICK_MS:
            self._timer.start(TICK_MS)

    def _look(self) -> None:
        """Read the engine once and tell the views."""
        now_s = time.monotonic()
        playback = self._playback
        if playback is None:
            loaded = Loaded(self._song, None, SongWords())
            self._show(Tick(song=self._song, title=loaded.title, trouble=self._start_trouble))
            return
        self._follow_song(playback)
        tick = self._ticks.make(playback, Loaded(self._song, self._folder, self._words), now_s)
        if tick.playing or tick.waiting or max(tick.master_peak_db) > SILENCE_DB:
            self._awake_until_s = now_s + FALL_S
        interval_ms = TICK_MS if now_s < self._awake_until_s else IDLE_TICK_MS
        if self._timer.interval() != interval_ms:
            self._timer.start(interval_ms)
        self._show(tick)
        if now_s >= self._jobs_at_s:
            self._jobs_at_s = now_s + JOBS_EVERY_S
            self._look_at_jobs(playback)
            self._retry_sound(now_s)

    def _show(self, tick: Tick) -> None:
        if tick.dropouts > self.tick.dropouts and not self.tick.trouble:
            # Once, in full: the engine light has room for the gist only.
            self.failed.emit(tick.trouble)
        self.tick = tick
        self.ticked.emit(tick)

    def _follow_song(self, playback: "Playback") -> None:
        """Notice that the song's store is there: from now on it can be looped and described."""
        song, folder = playback.song, playback.song_folder
        if song is None or song != self._song or self._loads_done != self._loads_wanted:
            return
        if folder is not None and folder != self._folder:
            self._folder = folder
            if self._start_s > 0.0:
                self.seek(self._start_s)
                self._start_s = 0.0
            self._send_loop()
            self.song_opened.emit()
        if (song, folder) != self._words_of:
            self._words_of = (song, folder)
            self._reader.put(lambda: self._words_read.emit(read_words(song, folder)), "words")

    def _take_words(self, words: SongWords) -> None:
        if words.song == self._song:
            self._words = words
            self.wake()

    def _look_at_jobs(self, playback: "Playback") -> None:
        jobs = playback.line.jobs()
        if jobs != self._jobs:
            self._jobs = jobs
            self.jobs_seen.emit(jobs)

    def _retry_sound(self, now_s: float) -> None:
        """Take a sound device as soon as there is one."""
        if self._ticks.no_sound and now_s >= self._retry_at_s:
            self._retry_at_s = now_s + RETRY_SOUND_S
            self._try_sound(aloud=False)

    def retry_sound(self) -> None:
        """Look for a sound device now, because the user asks; says so when there still is none."""
        self._try_sound(aloud=True)

    def _try_sound(self, *, aloud: bool) -> None:
        playback, output = self._playback, self._output
        if playback is None or output is None:
            return

        def attempt() -> None:
            try:
                playback.use_device(output.choose(afresh=True).opener)
            except CharonError as err:
                if aloud:
                    self._erred.emit(str(err))
                return
            self._done_on_control.emit(self._device_is_open)
            self._told.emit(self.tr("Sound plays on {}").format(playback.stream.name))

        # Not through carry_out: looking for a device in vain must not keep the window ticking fast.
        self._control.put(attempt, "retry-sound")
