"""The mic on one engine: which input, through which effects, how loud, and what that costs in time.

A control room: it opens and closes streams, builds effect plans and publishes them. The voice itself never
comes here; it stays on the device thread (`engine/realtime/mic.py`). One control thread at a time, which
playback's lock sees to.

A device that has the mic too is opened as one full-duplex stream: voice in and out by one clock, in one
callback. A mic on another device gets a stream of its own (`capture.py`).
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace

from engine.errors import DeviceError
from engine.io.device import DeviceInfo, DuplexOpener, StreamOpener, find_input
from engine.io.home import Home, default_home
from engine.realtime.effects.plan import EffectPlan, EffectSetting
from engine.realtime.far_call import kernel_address
from engine.realtime.layout import MIC_ROW
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.realtime.memory import EngineMemory
from engine.realtime.mic import run_mic
from engine.services.capture import Capture
from engine.services.denoising import DenoiseState
from engine.services.feedback_risk import refuse_feedback
from engine.services.latency_probe import RoundTrip, measure_round_trip
from engine.services.mic_choice import MicChoice as MicChoice
from engine.services.mic_choice import MicLatency as MicLatency
from engine.services.mic_denoiser import MicDenoiser
from engine.services.output import Output
from engine.services.recorder import Recorder, TakeRequest
from engine.services.take import TakeHead
from engine.stream.insert import Insert

INPUT_CHANNELS = 2
"""Asked of a duplex device: one mic, or a stereo pair."""


class LiveMic:
    """The microphone of one engine.

    Parameters
    ----------
    memory : EngineMemory
        Whose callback hears it.
    output : Output
        The device that plays; opened again when the mic is on it too.
    home : Home or None
        Where denoisers lie; None is the user's own.

    Attributes
    ----------
    also_inputs : int
        Channels of the output's own device that somebody else listens to (`LiveStems`): whenever the device
        is opened, it brings them along.

    Notes
    -----
    Starts closed, with the chain empty and the voice at 0 dB.
    """

    def __init__(self, memory: EngineMemory, output: Output, home: Home | None = None) -> None:
        self._memory = memory
        self._denoiser = MicDenoiser(home or default_home(), memory, output, self.attach_insert)
        self._output = output
        self._choice: MicChoice | None = None
        self.also_inputs = 0
        self._slots: tuple[EffectSetting, ...] = ()
        self._gain_db = 0.0
        self._insert: Insert | None = None
        self._recorder: Recorder | None = None
        self._measured: RoundTrip | None = None
        self._told_of: Recorder | None = None
        self._pair: tuple[DeviceInfo, DeviceInfo] | None = None
        output.before_start = self._suit_device
        memory.mic.set_guard(True)

    # --- which input -------------------------------------------------------------------------------

    @property
    def choice(self) -> MicChoice | None:
        """The mic that is open; None when it is closed."""
        return self._choice

    def prepare(self) -> None:
        """Load the mic's code before it is needed: a song need not be silent meanwhile."""
        kernel_address(run_mic)

    def open(self, choice: MicChoice) -> None:
        """Listen to a microphone; the output may fall silent for a moment.

        Raises
        ------
        DeviceError
            There is no such input, it refuses, or it would howl; everything is as it was.
        """
        self._change(self._output.opener, choice)

    def close(self) -> None:
        """Fade the voice out and let go of the input."""
        if self._choice is None:
            return
        self._memory.set_mute(MIC_ROW, True)
        self._output.wait_for_fade()
        opener = self._output.opener
        self._choice = None
        self._memory.mic.set_on(False)
        self._take_companion(None)
        if isinstance(opener, DuplexOpener):
            self._output.change(opener.with_input(self.also_inputs))

    def change_output(self, opener: StreamOpener) -> None:
        """Play on another device, or in another way, and keep the mic if it is open.

        Raises
        ------
        DeviceError
            The device refuses, or the mic would howl there; the old one is open again, if it can be.
        """
        if self._choice is None:
            also = self.also_inputs
            self._output.change(opener.with_input(also) if isinstance(opener, DuplexOpener) else opener)
        else:
            self._change(opener, self._choice)

    def _change(self, opener: StreamOpener, choice: MicChoice) -> None:
        wanted, companion = self._with_input(opener, choice)
        before, before_companion, before_opener = self._choice, self._output.companion, self._output.opener
        self._choice, self._measured = choice, None
        try:
            self._memory.mic.set_channel(choice.channel)
            self._take_companion(companion)
            if before is None:
                self._memory.start_mic()
            self._output.change(wanted)
            if companion is not None and companion.refusal:
                raise DeviceError(companion.refusal)  # noqa: TRY301 (undone below, as any other refusal)
        except DeviceError:
            self._choice = before
            self._memory.mic.set_on(before is not None)
            self._take_companion(before_companion)
            if before is not None:
                self._memory.mic.set_channel(before.channel)
            if self._output.opener is not before_opener and self._output.stream is not None:
                with contextlib.suppress(DeviceError):
                    self._output.change(before_opener)
            raise

    def _take_companion(self, companion: Capture | None) -> None:
        """From now on the voice comes from this device, or from the output's own input."""
        old = self._output.companion
        if old is not None and old is not companion:
            old.close()
        self._output.companion = companion
        self._memory.mic.attach_bridge(None)

    def _with_input(self, opener: StreamOpener, choice: MicChoice) -> tuple[StreamOpener, Capture | None]:
        """The opener that brings the mic along, or a device for it beside the output."""
        if not isinstance(opener, DuplexOpener):
            raise DeviceError("this output has no input: choose a device with one in the settings")
        output = opener.device()
        microphone = self._find(output, choice)
        if choice.channel is not None and choice.channel >= microphone.inputs:
            raise DeviceError(
                f"{microphone.name!r} has {microphone.inputs} input channels, "
                f"there is no {choice.channel + 1}: choose a lower one"
            )
        refuse_feedback(microphone, output, self._gain_db, choice.confirmed)
        self._pair = microphone, output
        if microphone.index != output.index:
            # By name: the index changes when devices come and go.
            device = f"{microphone.host_api}: {microphone.name}"
            return opener.with_input(self.also_inputs), Capture(self._memory, device, choice.channel)
        needed = max(INPUT_CHANNELS, self.also_inputs, 0 if choice.channel is None else choice.channel + 1)
        return opener.with_input(min(needed, max(1, microphone.inputs))), None

    @staticmethod
    def _find(output: DeviceInfo, choice: MicChoice) -> DeviceInfo:
        if choice.device is None and output.inputs > 0:
            return output
        return find_input(choice.device)

    # --- how it sounds -----------------------------------------------------------------------------

    @property
    def plan(self) -> EffectPlan | None:
        """The chain as it runs, to turn knobs on and to read meters of; None before `set_chain`."""
        return self._memory.mic.chain.plan

    def set_chain(self, slots: Sequence[EffectSetting]) -> EffectPlan:
        """Put the voice through these effects from the next block on, cross-faded over 10 ms.

        Parameters
        ----------
        slots : sequence of EffectSetting
            In the order of the sound; none lets the bare voice through.

        Returns
        -------
        EffectPlan
            For turning knobs; good until the next change of chain or device.
        """
        self._slots = tuple(slots)
        plan = EffectPlan(self._memory.rate_hz, self._slots)
        self._memory.mic.chain.publish(plan)
        return plan

    def _suit_device(self) -> None:
        """Between opening and starting a stream: filters belong to a rate."""
        plan, rate_hz = self.plan, self._memory.rate_hz
        if plan is not None and plan.rate_hz != rate_hz:
            self.set_chain(plan.slots)
        recorder = self._recorder
        if recorder is not None and recorder.is_running and recorder.rate_hz != rate_hz:
            recorder.stop(f"the recording ended: the device came back at {rate_hz} Hz")

    @property
    def gain_db(self) -> float:
        """Gain of the voice in the mix."""
        return self._gain_db

    def set_gain_db(self, gain_db: float) -> None:
        """Gain of the voice in the mix, -200 (silence) to +24 dB.

        Raises
        ------
        DeviceError
            A built-in pair would howl at it, and nobody confirmed that.
        """
        if self._choice is not None and gain_db > self._gain_db and self._pair is not None:
            refuse_feedback(*self._pair, gain_db, self._choice.confirmed)
        self._memory.set_gain_db(MIC_ROW, gain_db)
        self._gain_db = gain_db

    def set_pan(self, pan: float) -> None:
        """Balance of the voice, -1 (left) to 1 (right)."""
        self._memory.set_pan(MIC_ROW, pan)

    def set_mute(self, mute: bool) -> None:
        """Keep the voice out of the mix; it is still metered and recorded."""
        self._memory.set_mute(MIC_ROW, mute)

    def set_guard(self, on: bool) -> None:
        """Duck a howl while it grows, which is how a mic begins, or let it happen."""
        self._memory.mic.set_guard(on)

    @property
    def howls(self) -> int:
        """Howls that the guard has ducked."""
        return self._memory.mic.guard.howls

    def set_denoiser(self, model: str | None) -> None:
        """Take the noise out of the voice with this model before the chain, or do not.

        Raises
        ------
        ModelMissing, ModelError
            It is not here, or does something else; all is as it was.
        """
        self._denoiser.set(model)

    @property
    def denoising(self) -> DenoiseState | None:
        """How the denoiser is; None without one. Any thread may ask."""
        return self._denoiser.state

    def attach_insert(self, insert: Insert | None) -> None:
        """Send the voice through a worker before the chain, or not."""
        self._insert = insert
        self._memory.mic.attach_insert(insert)

    # --- recording ---------------------------------------------------------------------------------

    @property
    def recorder(self) -> Recorder | None:
        """The recording under way, or the last one; None before the first."""
        return self._recorder

    def record(self, request: TakeRequest, song: str = "", song_rate_hz: int = 0) -> Recorder:
        """Begin a take.

        Parameters
        ----------
        request : TakeRequest
        song : str
            Path of the song beside it; empty without one.
        song_rate_hz : int
            Its rate; 0 without one.

        Raises
        ------
        DeviceError
            The mic is closed, or recorded already.
        EncodeError, StoreError
            The files cannot be created.
        """
        if self._choice is None:
            raise DeviceError("the mic is closed: open it before recording")
        if self._recorder is not None and self._recorder.is_running:
            raise DeviceError("the mic is being recorded already: stop that first")
        latency, rate_hz = self.latency(), self._memory.rate_hz
        heard_s = latency.input_s + latency.output_s + latency.limiter_s
        if self._measured is not None and self._measured.rate_hz == rate_hz:
            heard_s = self._measured.seconds
        head = TakeHead(rate_hz, round(heard_s * rate_hz), song, song_rate_hz)
        wet_delay_frames = round((latency.insert_s + latency.chain_s) * rate_hz)
        request = replace(request, mono_dry=self._choice.channel is not None)
        self._recorder = Recorder(self._memory, request, head, wet_delay_frames)
        return self._recorder

    def stop_recording(self) -> None:
        """End the take, if one is under way."""
        if self._recorder is not None:
            self._recorder.stop()

    # --- looking -----------------------------------------------------------------------------------

    def latency(self) -> MicLatency:
        """Where the time goes; zero for the device while it is gone."""
        stream, plan, rate_hz = self._output.stream, self.plan, self._memory.rate_hz
        companion = self._output.companion
        input_s = 0.0 if stream is None else stream.input_latency_s
        if companion is not None:
            input_s = companion.latency_s
        return MicLatency(
            input_s=input_s,
            output_s=0.0 if stream is None else stream.output_latency_s,
            insert_s=0.0 if self._insert is None else self._insert.latency_frames / rate_hz,
            chain_s=0.0 if plan is None else plan.latency_frames / rate_hz,
            limiter_s=LOOKAHEAD_FRAMES / rate_hz,
        )

    @property
    def measured(self) -> RoundTrip | None:
        """The round trip of the last `measure_latency` with this mic; None before."""
        return self._measured

    def measure_latency(self) -> RoundTrip:
        """Time chirps through a loop from an output to the mic's input; takes some three seconds.

        Returns
        -------
        RoundTrip
            From the mix to the mic's input: it includes the limiter, not the insert and the chain. From now
            on takes are placed in their song by it rather than by what the driver reports.

        Raises
        ------
        DeviceError
            The mic is closed or being recorded, or no chirp came back.
        """
        if self._choice is None:
            raise DeviceError("the mic is closed: open it before measuring its latency")
        if self._recorder is not None and self._recorder.is_running:
            raise DeviceError("the mic is being recorded: stop that before measuring its latency")
        muted = self._memory.set_mute(MIC_ROW, True)
        try:
            self._measured = measure_round_trip(self._memory)
        finally:
            self._memory.set_mute(MIC_ROW, muted)
        return self._measured

    def hush(self) -> None:
        """Before the device is closed for good: end the recording, fade the voice out."""
        self.stop_recording()
        self.set_mute(True)
        self._denoiser.close()

    def poll(self) -> str | None:
        """Look after what the device thread has handed back; some ten times a second.

        Returns
        -------
        str or None
            What the user should know, once.
        """
        self._memory.mic.chain.collect()
        if notices := self._denoiser.poll():
            return "; ".join(notices)
        companion = self._output.companion
        if companion is not None and self._output.stream is not None:
            notice = companion.watch(time.monotonic())
            if notice is not None:
                return notice
        recorder = self._recorder
        if recorder is None or recorder.failure is None or recorder is self._told_of:
            return None
        self._told_of = recorder
        return recorder.failure
