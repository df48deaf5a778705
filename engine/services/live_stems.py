"""An input in the song's place: separated while it comes in, mixed like a song, until the song comes back.

Playback's part of a live separation. The song pauses and steps aside, the input is opened (two channels of
the device that plays, or a device of its own: a line, a monitor of what another program plays), and its stems
take the lanes. The mic is not touched: one's own voice goes over it as it goes over a song. Called under
playback's lock, but for what says otherwise.
"""

import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from engine.errors import CharonError, DeviceError, ModelError
from engine.io.device import DuplexOpener, find_input
from engine.io.home import Home
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.realtime.memory import EngineMemory
from engine.services.capture import Capture
from engine.services.feedback_risk import refuse_own_sound
from engine.services.live_mic import LiveMic
from engine.services.live_separation import LiveSeparation, LiveState, check_live
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
        A separating model that can run live.
    mode : str
        "tight" or "clean".
    """

    device: int | str | None = None
    channel: int = 0
    model: str = "spleeter-2stems"
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
        self._look_at(choice)
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

    def _look_at(self, choice: LiveChoice) -> tuple[str | None, str, int]:
        """(device of its own or None, its name, how many channels of the own input are needed).

        Raises DeviceError before anything is touched.
        """
        opener = self._output.opener
        if self._output.stream is None or not isinstance(opener, DuplexOpener):
            raise DeviceError("there is no sound device with an input: choose one in the settings")
        output = opener.device()
        own = choice.device is None and output.inputs > 0
        source = output if own else find_input(choice.device)
        if choice.channel >= source.inputs:
            raise DeviceError(
                f"{source.name!r} has {source.inputs} input channels, there is no {choice.channel + 1}: "
                "choose a lower one"
            )
        if source.index == output.index:
            return None, source.name, min(choice.channel + 2, source.inputs)
        refuse_own_sound(source, output)
        # By name: the index changes when devices come and go.
        return f"{source.host_api}: {source.name}", source.name, 0

    def _listen(self, choice: LiveChoice) -> None:
        device, self._source_name, n_inputs = self._look_at(choice)
        if device is not None:
            self._output.source = Capture(self._memory, device, choice.channel, is_source=True)
            self._output.source.open()
            return
        self._mic.also_inputs = n_inputs
        stream, opener = self._output.stream, self._output.opener
        if stream is not None and stream.input_channels < n_inputs and isinstance(opener, DuplexOpener):
            self._output.change(opener.with_input(n_inputs))

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
        source, self._output.source = self._output.source, None
        if source is not None:
            source.close()
        had_inputs, self._mic.also_inputs = self._mic.also_inputs, 0
        opener = self._output.opener
        if had_inputs and self._mic.choice is None and isinstance(opener, DuplexOpener):
            # A device that stays in duplex would keep the system's "microphone in use" lit.
            with contextlib.suppress(DeviceError):
                self._output.change(opener.with_input(0))
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
