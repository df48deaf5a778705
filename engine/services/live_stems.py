"""An input in the song's place: separated while it comes in, mixed like a song, until the song comes back.

Playback's part of a live separation. The song pauses and steps aside, the input is opened (two channels of
the device that plays, or a device of its own: a line, a monitor of what another program plays), and its stems
take the lanes. The mic is not touched: one's own voice goes over it as it goes over a song. Called under
playback's lock, but for what says otherwise.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from engine.errors import CharonError, ModelError
from engine.io.home import Home
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.realtime.memory import EngineMemory
from engine.services.live_mic import LiveMic
from engine.services.live_separation import LiveSeparation, LiveState, check_live
from engine.services.live_source import close_source, find_source, open_source
from engine.services.output import Output
from engine.services.song_player import SongPlayer
from engine.services.stem_mixer import StemMixer


@dataclass(frozen=True, slots=True)
class LiveChoice:
    """What to listen to, and how.

    Parameters
    ----------
    device : int, str or None
        Index or part of a name of an input; None takes the output's own input, or else the system's default.
    channel : int
        First of two input channels, from 0; an input with one is heard on both sides.
    model : str
        A separating model that can run live; empty is `ModelStore.default`.
    mode : str
        "tight" or "clean".
    """

    device: int | str | None = None
    channel: int = 0
    model: str = ""
    mode: str = "tight"


@dataclass(frozen=True, slots=True)
class LiveLatency:
    """From the input to the ear, by stage, in seconds.

    Parameters
    ----------
    input_s, output_s : float
        As the drivers report them; the first with the bridge where the input is a device of its own.
    separation_s : float
        Of the model, its time to compute, and what the mixer is fed ahead; as measured.
    limiter_s : float
        The look-ahead of the master's limiter.
    """

    input_s: float
    separation_s: float
    limiter_s: float
    output_s: float

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.input_s + self.separation_s + self.limiter_s + self.output_s


class LiveStems:
    """The live separation of a playback.

    Parameters
    ----------
    memory : EngineMemory
    output : Output
    home : Home
        Where models lie.
    player : SongPlayer
        The song that steps aside.
    mic : LiveMic
        With which the input may share a device.
    changing_device : callable
        Makes a context in which nothing sounds and the device may be opened again.

    Attributes
    ----------
    mixer : StemMixer
        Of its lanes; settings stay for the next time.
    choice : LiveChoice or None
        What is listened to; None while it is off. Replaced whole, so that any thread may look.
    separation : LiveSeparation or None
        Replaced whole, as well.
    """

    def __init__(
        self,
        memory: EngineMemory,
        output: Output,
        home: Home,
        player: SongPlayer,
        mic: LiveMic,
        changing_device: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._memory = memory
        self._output = output
        self._home = home
        self._player = player
        self._mic = mic
        self._changing_device = changing_device
        self._rate_hz = 0
        self.mixer = StemMixer(memory, (), has_rows=False)
        self.choice: LiveChoice | None = None
        self.separation: LiveSeparation | None = None
        self._source_name = ""
        self._news: list[str] = []

    @property
    def is_on(self) -> bool:
        """Whether the lanes are an input's; any thread may ask."""
        return self.choice is not None

    @property
    def source_name(self) -> str:
        """The input's name; empty while it is off. Any thread may ask."""
        return self._source_name

    @property
    def state(self) -> LiveState | None:
        """How the separation is; None while it is off. Any thread may ask."""
        separation = self.separation
        return None if separation is None else separation.state

    @property
    def trouble(self) -> str:
        """Why the input is silent, in one line; empty while it comes in. Any thread may ask."""
        source = self._output.source
        return "" if source is None else source.refusal

    def latency(self) -> LiveLatency:
        """Where the time goes; zero for a device that is gone. Any thread may ask."""
        stream, source, state = self._output.stream, self._output.source, self.state
        input_s = 0.0 if stream is None else stream.input_latency_s
        return LiveLatency(
            input_s=input_s if source is None else source.latency_s,
            separation_s=0.0 if state is None else state.latency_s,
            limiter_s=LOOKAHEAD_FRAMES / self._memory.rate_hz,
            output_s=0.0 if stream is None else stream.output_latency_s,
        )

    # --- on and off --------------------------------------------------------------------------------

    def start(self, choice: LiveChoice) -> None:
        """Listen to an input in the song's place; the song pauses. A change of choice is a start as well.

        Raises
        ------
        ModelError, ParameterError
            The model is not here or cannot run live, or there is no such mode; all is as it was.
        DeviceError
            There is no such input, or it refuses, or it is what we play: the song is back, paused.
        """
        stems = check_live(self._home, choice.model, choice.mode).stems
        self._memory.source.prepare()
        find_source(self._output, choice.device, choice.channel)
        recorder = self._mic.recorder
        if recorder is not None and recorder.is_running and recorder.has_song:
            # From here on the frames beside it are an input's, and no place in any song.
            recorder.stop("the take ended where a live input took the song's place")
        with self._changing_device():
            self._end()
            self._player.step_aside()
            try:
                self._listen(choice)
                self._separate(choice)
            except CharonError:
                self._end()
                raise
            self.choice = choice
            if self.mixer.lanes[1:] != stems:
                self.mixer.set_stems(stems)
            self.mixer.take_rows()

    def stop(self) -> None:
        """Let go of the input; the song is back where it was, paused."""
        if self.is_on:
            with self._changing_device():
                self._end()

    def _listen(self, choice: LiveChoice) -> None:
        source = find_source(self._output, choice.device, choice.channel)
        self._source_name = source.name
        open_source(self._memory, self._output, self._mic, source, choice.channel)

    def _separate(self, choice: LiveChoice) -> None:
        self._rate_hz = self._memory.rate_hz
        self.separation = LiveSeparation(
            self._memory,
            self._home,
            choice.model,
            choice.mode,
            channel=choice.channel,
            apart=self._output.source is not None,
        )

    def _end(self) -> None:
        """Let go of everything; the song has its lanes again."""
        separation, self.separation = self.separation, None
        self.choice, self._source_name = None, ""
        if separation is not None:
            separation.close()
        close_source(self._output, self._mic)
        self.mixer.leave_rows()
        self._player.come_back()

    # --- while it runs -----------------------------------------------------------------------------

    def go_on(self) -> None:
        """The device is open again, perhaps at another rate."""
        choice = self.choice
        if choice is None or self.separation is None:
            return
        if self._memory.rate_hz != self._rate_hz:
            self.separation.close()
            try:
                self._separate(choice)
            except CharonError as err:
                self._news.append(str(err))
                self._end()
                return
            self.mixer.take_rows()
        self._memory.set_playing(True)

    def poll(self) -> list[str]:
        """Look after worker and input, some ten times a second; returns what the user should know."""
        separation, source = self.separation, self._output.source
        notices, self._news = self._news, []
        if separation is None:
            return notices
        try:
            notices += separation.poll()
        except ModelError as err:
            self.stop()
            return [*notices, str(err)]
        if source is not None and self._output.stream is not None:
            notice = source.watch(time.monotonic())
            if notice is not None:
                notices.append(notice)
        return notices

    def close(self) -> None:
        """Before the device is closed for good."""
        separation, self.separation = self.separation, None
        self.choice = None
        if separation is not None:
            separation.close()
