"""The memory of one audio engine, and the control thread's hands on it.

`EngineMemory` allocates every array the callback touches, lists their addresses in the table that
the callback is given, and offers the few operations other threads may do: set a parameter, raise an
epoch, read the meters, read the counters. It must outlive the stream that uses it.

Threads: `set_*` and `raise_epoch` from one control thread; `read_*` from any.
"""

from dataclasses import dataclass

import numpy as np

from engine.errors import ParameterError
from engine.realtime import layout as at
from engine.realtime.callback import N_SCRATCH
from engine.realtime.limiter import N_LIMITER_F, N_LIMITER_I, reset_limiter
from engine.realtime.mic_memory import MicMemory
from engine.realtime.source_memory import SourceMemory
from engine.stream.atomics import array_address, store_release
from engine.stream.latest import Latest
from engine.stream.ring import Ring
from engine.units import F32, F64, I64, U8, db_to_gain, gain_to_db, power_to_db


@dataclass(frozen=True, slots=True)
class Level:
    """What a stereo meter shows, in dBFS (MIN_DB for silence)."""

    peak_db: tuple[float, float]
    rms_db: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Meters:
    """One look at the device thread.

    Parameters
    ----------
    song_frame : int
        Song frame of the first frame of the newest block.
    dac_s : float
        When that frame reaches the converter, in seconds on the stream's clock.
    flags : int
        FLAG_* bits of `layout`.
    epoch : int
        Number of the seek that is playing.
    limiter_gain_db : float
        Deepest gain of the limiter in the last chunk, 0 or below.
    stem_weight : float, 0 to 1
        How far the stems have taken over from the original.
    master : Level
    lanes : tuple of Level
        The original first; after gain, pan, mute and solo.
    mic_in, mic_out : Level
        The mic as it comes in, and as it goes into the mix; they stand still while it is off.
    """

    song_frame: int
    dac_s: float
    flags: int
    epoch: int
    limiter_gain_db: float
    stem_weight: float
    master: Level
    lanes: tuple[Level, ...]
    mic_in: Level
    mic_out: Level


@dataclass(frozen=True, slots=True)
class Counters:
    """What the device thread has counted since `EngineMemory` was made.

    Parameters
    ----------
    callbacks, frames : int
        Callbacks run and frames written.
    xruns : int
        Callbacks that the driver marked as late (underflow or overflow).
    starved_frames : int
        Frames of silence because the feeder was late.
    worst_callback_ms : float
        Longest time inside the callback.
    tap_lost_frames : int
        Frames that a tap's consumer did not fetch in time.
    mic_lost_frames, mic_late_frames, mic_starved_frames, ducked_frames : int
        Of the mic: frames that the recorder did not fetch in time, that the worker did not answer in
        time, that a separate input device did not bring in time, and that the feedback guard turned down.
    source_starved_frames : int
        Of a live separation: frames that its input device did not bring in time.
    first_sound_ns, first_stem_ns : int
        `time.monotonic_ns` of the first callback with song frames, and with all stems; 0 for not yet.
    """

    callbacks: int
    frames: int
    xruns: int
    starved_frames: int
    worst_callback_ms: float
    tap_lost_frames: int
    mic_lost_frames: int
    mic_late_frames: int
    mic_starved_frames: int
    ducked_frames: int
    source_starved_frames: int
    first_sound_ns: int
    first_stem_ns: int


class EngineMemory:
    """Rings, parameters, mailboxes and counters of one stream.

    Parameters
    ----------
    rate_hz : int
        Rate of the device; like the channels, it may be stated again by `set_stream`, because a driver
        wants the memory's address before it says what it gives.
    channels : int
        Channels of the device's output, 1 to 64.
    """

    def __init__(self, rate_hz: int = 48_000, channels: int = 2) -> None:
        self.control: I64 = np.zeros(at.N_CONTROL, np.int64)
        self.params: F64 = np.zeros((at.N_ROWS, at.N_PARAMS))
        self.params[:, at.P_GAIN] = 1.0
        self.lane_ring = Ring(at.LANE_RING_FRAMES, 1, np.uint8)
        self.lane_audio: F32 = np.zeros((at.MAX_LANES, at.LANE_RING_FRAMES, 2), np.float32)
        self.lane_frame: I64 = np.zeros(at.LANE_RING_FRAMES, np.int64)
        self.lane_ready: U8 = np.zeros(at.LANE_RING_FRAMES, np.uint8)
        self.feed = Latest(at.N_FEED, np.int64)
        self.meter = Latest(at.N_METER, np.float64)
        self.taps = [Ring(at.TAP_RING_FRAMES, 2, np.float32) for _ in range(at.N_TAPS)]
        self.counter: I64 = np.zeros(at.N_COUNTERS, np.int64)
        self.durations_ns: I64 = np.zeros(at.N_DURATIONS, np.int64)
        self._state_i: I64 = np.zeros(at.N_STATE_I, np.int64)
        self._state_f: F64 = np.zeros(at.N_STATE_F)
        for row in range(at.N_ROWS):
            gains = self._state_f[at.SF_GAIN + 6 * row :]
            gains[[0, 2, 3, 5]] = 1.0
        # One float32 block whose tail serves as the meter row (float64) and the feed copy (int64).
        self._scratch: F32 = np.zeros(N_SCRATCH + 2 * at.N_METER + 2 * at.N_FEED, np.float32)
        self._limiter_i: I64 = np.zeros(N_LIMITER_I, np.int64)
        self._limiter_f: F32 = np.zeros(N_LIMITER_F, np.float32)
        reset_limiter(self._limiter_i, self._limiter_f)
        self.table: I64 = np.zeros(at.N_TABLE, np.int64)
        self._fill_table()
        self.mic = MicMemory(self.table, self.control)
        self.source = SourceMemory(self.table, self.control)
        self.set_n_lanes(1)
        self.set_stream(rate_hz, channels, 0.0)

    def _fill_table(self) -> None:
        addresses = {
            at.T_CONTROL: self.control,
            at.T_LANE_PARAMS: self.params,
            at.T_RING_HEADER: self.lane_ring.header,
            at.T_RING_AUDIO: self.lane_audio,
            at.T_RING_FRAME: self.lane_frame,
            at.T_RING_READY: self.lane_ready,
            at.T_FEED_SEQ: self.feed.seq,
            at.T_FEED: self.feed.values,
            at.T_METER_SEQ: self.meter.seq,
            at.T_METER: self.meter.values,
            at.T_COUNTER: self.counter,
            at.T_DURATION: self.durations_ns,
            at.T_STATE_I: self._state_i,
            at.T_STATE_F: self._state_f,
            at.T_SCRATCH: self._scratch,
            at.T_LIMITER_I: self._limiter_i,
            at.T_LIMITER_F: self._limiter_f,
        }
        for cell, array in addresses.items():
            self.table[cell] = array_address(array)
        for tap, ring in enumerate(self.taps):
            self.table[at.T_TAP + 2 * tap] = array_address(ring.header)
            self.table[at.T_TAP + 2 * tap + 1] = array_address(ring.data)
        self.table[at.T_N_TAPS] = at.N_TAPS

    @property
    def rate_hz(self) -> int:
        """Rate of the device."""
        return int(self.table[at.T_RATE_HZ])

    def set_stream(self, rate_hz: int, channels: int, output_latency_s: float) -> None:
        """State what the device turned out to be; only while no stream runs.

        Parameters
        ----------
        rate_hz : int
            Frames a second.
        channels : int, >= 1
            Channels of its buffer.
        output_latency_s : float
            For drivers that give no DAC time.
        """
        if channels < 1:
            raise ParameterError(f"an output of {channels} channels cannot play; it needs at least 1")
        self.table[at.T_RATE_HZ] = rate_hz
        self.table[at.T_CHANNELS] = channels
        self.table[at.T_LATENCY_NS] = round(output_latency_s * 1e9)

    @property
    def userdata_address(self) -> int:
        """What the stream hands to the callback."""
        return array_address(self.table)

    def set_playing(self, playing: bool) -> None:
        """Let the transport run or fade it out."""
        store_release(self.control, at.C_PLAY, int(playing))

    def set_n_lanes(self, n_lanes: int, n_takes: int = 0) -> None:
        """Number of lanes in use, 1 to MAX_LANES, and how many of them, the last ones, are takes."""
        if not 1 <= n_lanes <= at.MAX_LANES:
            raise ParameterError(
                f"{n_lanes} lanes is outside 1..{at.MAX_LANES}: choose a model with fewer stems, or take a "
                "take out of the mixer"
            )
        store_release(self.control, at.C_N_TAKES, n_takes)
        store_release(self.control, at.C_N_LANES, n_lanes)

    def set_epoch(self, epoch: int) -> None:
        """Announce a seek; the feeder must have been told first."""
        store_release(self.control, at.C_EPOCH, epoch)

    def set_tap(self, tap: int, on: bool) -> None:
        """Switch a tap ring on or off, 0 to N_TAPS - 1."""
        bits = int(self.control[at.C_TAP_ON])
        store_release(self.control, at.C_TAP_ON, bits | 1 << tap if on else bits & ~(1 << tap))

    def set_gain_db(self, row: int, gain_db: float) -> None:
        """Gain of a lane (or MASTER_ROW), -200 (silence) to +24 dB."""
        if not gain_db <= 24.0:
            raise ParameterError(f"gain {gain_db} dB is above +24 dB: turn the other lanes down instead")
        self.params[row, at.P_GAIN] = db_to_gain(gain_db)

    def set_pan(self, row: int, pan: float) -> None:
        """Balance of a lane, -1 (left) to 1 (right)."""
        if not -1.0 <= pan <= 1.0:
            raise ParameterError(f"pan {pan} is outside -1 (left) .. 1 (right)")
        self.params[row, at.P_PAN] = pan

    def set_mute(self, row: int, mute: bool) -> bool:
        """Mute of a lane; returns whether it was muted before."""
        before = bool(self.params[row, at.P_MUTE])
        self.params[row, at.P_MUTE] = float(mute)
        return before

    def set_solo(self, row: int, solo: bool) -> None:
        """Solo in place of a lane."""
        self.params[row, at.P_SOLO] = float(solo)

    def reset_lanes(self) -> None:
        """Every lane at its neutral setting, because other stems are mixed from now on."""
        for row in range(at.MAX_LANES):
            self.params[row] = (1.0, 0.0, 0.0, 0.0)

    def start_mic(self) -> None:
        """Let the mic's path run, fading in from silence to its gain; only while it does not run yet."""
        gains = self._state_f[at.SF_GAIN + 6 * at.MIC_ROW : at.SF_GAIN + 6 * at.MIC_ROW + 6]
        gains[:] = 0.0
        self._state_i[at.SI_RAMP_LEFT + at.MIC_ROW] = 0
        self.set_mute(at.MIC_ROW, False)
        self.mic.set_on(True)

    def set_tone(self, on: bool) -> None:
        """Fade the test tone in or out."""
        store_release(self.control, at.C_TONE, int(on))

    def reset_first_times(self) -> None:
        """Forget when sound and stems were first heard, before another song starts."""
        self.counter[at.K_FIRST_SOUND_NS] = 0
        self.counter[at.K_FIRST_STEM_NS] = 0

    def read_meters(self) -> Meters | None:
        """The newest meters, or None before the first callback."""
        m = self.meter.read()
        if m is None:
            return None
        n_lanes = int(self.control[at.C_N_LANES])
        return Meters(
            song_frame=int(m[at.M_SONG_FRAME]),
            dac_s=float(m[at.M_DAC_S]),
            flags=int(m[at.M_FLAGS]),
            epoch=int(m[at.M_EPOCH]),
            limiter_gain_db=gain_to_db(float(m[at.M_LIMITER_GAIN])),
            stem_weight=float(m[at.M_STEM_WEIGHT]),
            master=_level(m[at.M_MASTER : at.M_MASTER + 4]),
            lanes=tuple(_level(m[at.M_LANE + 4 * k : at.M_LANE + 4 * k + 4]) for k in range(n_lanes)),
            mic_in=_level(m[at.M_MIC_IN : at.M_MIC_IN + 4]),
            mic_out=_level(m[at.M_MIC_OUT : at.M_MIC_OUT + 4]),
        )

    def read_counters(self) -> Counters:
        """The counters as they stand."""
        c = self.counter
        return Counters(
            callbacks=int(c[at.K_CALLBACKS]),
            frames=int(c[at.K_FRAMES]),
            xruns=int(c[at.K_UNDERFLOWS] + c[at.K_OVERFLOWS]),
            starved_frames=int(c[at.K_STARVED_FRAMES]),
            worst_callback_ms=float(c[at.K_WORST_NS]) * 1e-6,
            tap_lost_frames=int(c[at.K_TAP_LOST : at.K_TAP_LOST + at.N_TAPS].sum()),
            mic_lost_frames=int(c[at.K_MIC_LOST]),
            mic_late_frames=int(c[at.K_MIC_LATE]),
            mic_starved_frames=int(c[at.K_MIC_STARVED]),
            ducked_frames=int(c[at.K_DUCKED_FRAMES]),
            source_starved_frames=int(c[at.K_SOURCE_STARVED]),
            first_sound_ns=int(c[at.K_FIRST_SOUND_NS]),
            first_stem_ns=int(c[at.K_FIRST_STEM_NS]),
        )

    def callback_times_us(self) -> F64:
        """Durations of the last callbacks (at most N_DURATIONS), in microseconds, oldest not first."""
        n = min(int(self.counter[at.K_CALLBACKS]), at.N_DURATIONS)
        return self.durations_ns[:n].astype(np.float64) * 1e-3


def _level(four: F64) -> Level:
    return Level(
        peak_db=(gain_to_db(float(four[0])), gain_to_db(float(four[1]))),
        rms_db=(power_to_db(float(four[2])), power_to_db(float(four[3]))),
    )
