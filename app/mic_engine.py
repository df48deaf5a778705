"""Between the mic's settings and the engine: every change goes to the control thread, meters come back.

GUI thread, but for what is handed to the control thread; its answers cross over in queued signals.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from app.bridge import Bridge
from app.jobs import JobPool, Task
from app.mic_state import MicState
from app.mic_tick import MicTick
from app.tick import Tick
from engine.errors import CharonError
from engine.realtime.effects.plan import EffectPlan, EffectSetting
from engine.services.feedback_risk import FeedbackRisk
from engine.services.live_mic import LiveMic, MicChoice, MicLatency
from engine.services.process_vocal import warm_effects
from engine.services.take import KINDS, Kind

if TYPE_CHECKING:
    from engine.services.playback import Playback
    from engine.services.recorder import Recorder

LATENCY_EVERY_S = 0.25
WHOLE_S = 1.0
"""A longer pause between two looks is no time in which meters should fall."""


@dataclass(frozen=True, slots=True)
class TakeNews:
    """A take that is over.

    Parameters
    ----------
    log : Path
        Its ``.take`` file.
    files : tuple of Path
        The recordings.
    kinds : tuple of {"dry", "wet"}
        What they hold.
    seconds : float
    song : Path or None
        The song that it was sung to, which it can become a lane of.
    failure : str
        Why it ended by itself; empty when it did not.
    """

    log: Path
    files: tuple[Path, ...]
    kinds: tuple[Kind, ...]
    seconds: float
    song: Path | None
    failure: str = ""


class MicEngine(QObject):
    """Hands the mic's settings to the engine.

    Parameters
    ----------
    state : MicState
    bridge : Bridge
    pool : JobPool
        Compiles the effects, beside the control thread.
    parent : QObject or None

    Attributes
    ----------
    ticked : Signal(MicTick)
    opened : Signal(bool)
        The mic is heard, or no longer.
    refused : Signal(str)
        It could not be opened, in one line.
    risk_found : Signal(str)
        It would howl, in one line; `open(confirmed=True)` opens it all the same.
    taken : Signal(TakeNews)
    failed : Signal(str)
    """

    ticked = Signal(object)
    opened = Signal(bool)
    refused = Signal(str)
    risk_found = Signal(str)
    taken = Signal(object)
    failed = Signal(str)
    _answered = Signal(object)

    def __init__(self, state: MicState, bridge: Bridge, pool: JobPool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._bridge = bridge
        self._pool = pool
        self._ready = self._warming = False
        self._is_open = False
        self._confirmed = False
        self._denoised = False
        self._howls = 0
        self._sent: tuple[EffectSetting, ...] = ()
        self._seen_s = 0.0
        self._latency_at_s = 0.0
        self._latency: tuple[MicLatency | None, tuple[float, ...]] = (None, ())
        self._take: tuple[Recorder, Path | None] | None = None
        self.tick = MicTick()
        self._answered.connect(_run, Qt.ConnectionType.QueuedConnection)
        state.chain_changed.connect(self._send_chain)
        state.slot_changed.connect(self._send_slot)
        state.level_changed.connect(self._send_level)
        state.input_changed.connect(self._input_changed)
        state.denoiser_changed.connect(self._send_denoiser)
        bridge.attached.connect(self.warm)

    # --- the engine --------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the mic is heard."""
        return self._is_open

    @property
    def _live(self) -> LiveMic | None:
        playback = self._bridge.playback
        return None if playback is None or not self._ready else playback.mic.live

    def warm(self) -> None:
        """Get the effects ready; half a second, or a minute on a machine that was never set up."""
        if self._ready or self._warming or self._bridge.playback is None:
            return
        self._warming = True
        mic = self._bridge.playback.mic

        def warm(_task: Task) -> None:
            warm_effects()
            mic.live.prepare()

        job = self._pool.start(warm)
        job.done.connect(self._begin)
        job.failed.connect(self.failed)

    def _begin(self, _nothing: object) -> None:
        self._ready = True
        self._send_chain()
        self._send_level()
        self._send_denoiser()

    def _carry_out(self, call: "Callable[[Playback], object]", key: str = "") -> None:
        if self._ready:
            self._bridge.carry_out(call, key)

    def _answer(self, call: Callable[[], object]) -> None:
        """Run something on the GUI thread; called on the control thread."""
        self._answered.emit(call)

    # --- open and closed ---------------------------------------------------------------------------

    def switch(self, on: bool) -> None:
        """Listen to the mic, or no longer."""
        if on:
            self.open()
        else:
            self._carry_out(self._close, "mic-open")

    def open(self, *, confirmed: bool = False) -> None:
        """Listen to the mic that is wanted.

        Parameters
        ----------
        confirmed : bool
            The user knows that it may howl.
        """
        self._confirmed = self._confirmed or confirmed
        wanted, confirmed = self._state.input, self._confirmed
        channel = None if wanted.channel < 0 else wanted.channel
        choice = MicChoice(wanted.device or None, channel, confirmed)
        gain_db, pan, mute = self._state.engine_gain_db, self._state.pan, self._state.mute

        def change(playback: "Playback") -> None:
            try:
                playback.mic.live.set_gain_db(gain_db)
                playback.mic.live.set_pan(pan)
                playback.mic.open(choice)
            except FeedbackRisk as err:
                self._answer(partial(self.risk_found.emit, str(err)))
            except CharonError as err:
                self._answer(partial(self.refused.emit, str(err)))
            else:
                playback.mic.live.set_mute(mute)
            is_open = playback.mic.live.choice is not None
            self._answer(lambda: self._opened(is_open))

        self._carry_out(change, "mic-open")

    def _close(self, playback: "Playback") -> None:
        playback.mic.close()
        self._answer(lambda: self._opened(False))

    def _opened(self, is_open: bool) -> None:
        self._is_open = is_open
        self._bridge.wake()
        self.opened.emit(is_open)

    def _input_changed(self) -> None:
        self._confirmed = False
        if self._is_open:
            self.open()

    # --- settings ----------------------------------------------------------------------------------

    def _send_chain(self) -> None:
        self._sent = slots = self._state.slots
        self._carry_out(lambda playback: playback.mic.live.set_chain(slots), "mic-chain")

    def _send_slot(self, number: int) -> None:
        before, after = self._sent[number], self._state.slots[number]
        self._sent = (*self._sent[:number], after, *self._sent[number + 1 :])
        if before.wet != after.wet:
            wet = after.wet
            self._turn(f"{number}-wet", lambda plan: plan.set_wet(number, wet))
        if before.bypass != after.bypass:
            bypass = after.bypass
            self._turn(f"{number}-bypass", lambda plan: plan.set_bypass(number, bypass))
        for name in {*before.values, *after.values}:
            value = after.value(name)
            if value != before.value(name):
                self._turn(
                    f"{number}-{name}",
                    lambda plan, name=name, value=value: plan.set_value(number, name, value),
                )

    def _turn(self, key: str, call: Callable[[EffectPlan], None]) -> None:
        def turn(playback: "Playback") -> None:
            plan = playback.mic.live.plan
            if plan is not None:
                call(plan)

        self._carry_out(turn, f"mic-{key}")

    def _send_level(self) -> None:
        gain_db, pan, mute = self._state.engine_gain_db, self._state.pan, self._state.mute

        def change(playback: "Playback") -> None:
            live = playback.mic.live
            live.set_pan(pan)
            if live.choice is not None:
                live.set_mute(mute)
            try:
                live.set_gain_db(gain_db)
            except FeedbackRisk as err:
                self._answer(partial(self.risk_found.emit, str(err)))

        self._carry_out(change, "mic-level")

    def _send_denoiser(self) -> None:
        name = self._state.denoiser
        if name or self._denoised:
            self._denoised = bool(name)

            def change(playback: "Playback") -> None:
                try:
                    playback.mic.live.set_denoiser(name or None)
                except CharonError as err:
                    self._answer(partial(self._denoiser_refused, str(err)))

            self._carry_out(change, "mic-denoiser")

    def _denoiser_refused(self, why: str) -> None:
        self._denoised = False
        self._state.set_denoiser("")
        self.failed.emit(why)

    # --- recording ---------------------------------------------------------------------------------

    @property
    def is_recording(self) -> bool:
        """Whether a take is under way, or being begun."""
        return self._take is not None

    def record(self, folder: Path, kinds: tuple[Kind, ...] = KINDS, *, with_song: bool) -> None:
        """Begin a take.

        Parameters
        ----------
        folder : Path
        kinds : tuple of {"dry", "wet"}
        with_song : bool
            Play the loaded song along, from where it is.
        """

        def begin(playback: "Playback") -> None:
            is_there = playback.song_folder is not None and not playback.live.is_on
            song = playback.song if with_song and is_there else None
            recorder = playback.mic.record(folder, song, kinds)
            if song is not None and not playback.status().playing:
                playback.play()
            self._answer(lambda: self._recording(recorder, song))

        self._carry_out(begin, "mic-record")

    def stop_recording(self) -> None:
        """End the take; `taken` follows."""

        def end(playback: "Playback") -> None:
            playback.mic.live.stop_recording()
            self._answer(self._look_for_end)

        self._carry_out(end, "mic-record")

    def _recording(self, recorder: "Recorder", song: Path | None) -> None:
        self._take = (recorder, song)
        self._bridge.wake()

    def _look_for_end(self) -> None:
        """Tell of a take that is over, whoever ended it."""
        if self._take is None or self._take[0].is_running:
            return
        (recorder, song), self._take = self._take, None
        paths = recorder.paths
        self.taken.emit(
            TakeNews(
                recorder.log_path,
                tuple(paths.values()),
                tuple(paths),
                recorder.seconds,
                song,
                recorder.failure or "",
            )
        )

    # --- looking -----------------------------------------------------------------------------------

    def look(self, _tick: Tick | None = None) -> None:
        """Read the meters and tell the views; with the bridge's ticks. Waits for nothing."""
        now_s = time.monotonic()
        dt_s = min(now_s - self._seen_s, WHOLE_S)
        self._seen_s = now_s
        live, playback = self._live, self._bridge.playback
        if live is None or playback is None:
            self.tick = MicTick(dt_s=dt_s)
            self.ticked.emit(self.tick)
            return
        self._look_for_end()
        meters = playback.meters() if self._is_open else None
        plan = self._fitting_plan(live)
        if now_s >= self._latency_at_s:
            self._latency_at_s = now_s + LATENCY_EVERY_S
            self._latency = self._read_latency(live, plan)
        recorder = None if self._take is None else self._take[0]
        silent = MicTick()
        self.tick = MicTick(
            has_engine=True,
            is_open=self._is_open,
            input_db=silent.input_db if meters is None else meters.mic_in.peak_db,
            output_db=silent.output_db if meters is None else meters.mic_out.peak_db,
            effects=() if plan is None or not self._is_open else plan.read_meters(),
            latency=self._latency[0],
            effect_latencies_s=self._latency[1],
            denoising=live.denoising,
            recording_s=None if recorder is None else recorder.seconds,
            dt_s=dt_s,
        )
        if self._is_open:
            self._bridge.wake()
        if live.howls != self._howls:
            self._howls = live.howls
            self.failed.emit(
                self.tr("The mic began to howl and was ducked: turn it down, or wear headphones")
            )
        self.ticked.emit(self.tick)

    def _fitting_plan(self, live: LiveMic) -> EffectPlan | None:
        """The plan, if it has the effects that the cards show: another one may be on its way."""
        plan, slots = live.plan, self._state.slots
        if plan is None or len(plan.slots) != len(slots):
            return None
        same = all(
            (one.kind, one.enabled) == (other.kind, other.enabled)
            for one, other in zip(plan.slots, slots, strict=True)
        )
        return plan if same else None

    def _read_latency(
        self, live: LiveMic, plan: EffectPlan | None
    ) -> tuple[MicLatency | None, tuple[float, ...]]:
        if not self._is_open:
            return None, ()
        slots = () if plan is None else range(len(plan.slots))
        rate_hz = 1 if plan is None else plan.rate_hz
        return live.latency(), tuple(0.0 if plan is None else plan.latency_of(k) / rate_hz for k in slots)


def _run(call: Callable[[], object]) -> None:
    call()
