"""The visuals' thread: what plays becomes what is drawn, at the moment at which it is heard.

It empties its tap ring some 120 times a second, steers the orbit, and leaves the newest half second of the
picture's course in a mailbox. Whoever draws asks `frame()` at any time on any thread and gets the picture of
the sound that leaves the converter now: sound is known a device latency before it is heard, so that no light
comes late. Where there is no device, time goes on in silence.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol, cast

import numpy as np

from engine.errors import DeviceError, ModelError
from engine.inference.control_net import ControlNet
from engine.io.device import OutputStream
from engine.realtime import layout as at
from engine.realtime.memory import EngineMemory
from engine.realtime.mixer import METER_RMS_S
from engine.services.heard_clock import HeardClock
from engine.services.playback_status import PlaybackStatus
from engine.services.visual_frame import CALM_FRAME, VisualFrame
from engine.stream.latest import Latest
from engine.stream.ring import TAIL
from engine.stream.visual_levels import N_ROLES
from engine.stream.visual_motion import (
    N_ROW,
    ROW_C,
    ROW_CONTROL,
    ROW_GLOW,
    ROW_HUE,
    ROW_LEVEL,
    ROW_PULSE,
    ROW_ROTATION,
    ROW_SCALE,
)
from engine.stream.visual_stream import VisualStream, no_stems, role_of, rules
from engine.units import F32, F64

TAP: Final = 1
"""The visuals' own tap ring."""
POLL_S: Final = 0.008
"""Half a picture at 60 a second."""
N_HISTORY: Final = 128
"""Steps in the mailbox: 0.68 s, more than any output's latency but Bluetooth's worst."""
MAX_AHEAD_S: Final = 0.05
"""A picture is drawn on beyond the newest step for so long, should the thread be late."""
MAX_IDLE_S: Final = 0.25
"""So much silence is made up at most after the thread or the device was away."""

_log = logging.getLogger(__name__)


class Heard(Protocol):
    """What the visuals listen to; `engine.services.playback.Playback` is one."""

    memory: EngineMemory

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of the lanes, the original first."""
        ...

    @property
    def stream(self) -> OutputStream:
        """The open device; DeviceError while it is gone."""
        ...

    def status(self) -> PlaybackStatus:
        """Where playback stands."""
        ...


class Visuals:
    """The course of the picture while a song plays.

    Parameters
    ----------
    heard : Heard
        What plays. Its tap TAP belongs to this object until `close`.
    net : ControlNet or None
        Steers the orbit; None steers by rules.
    seed : int, >= 0
        Where orbit and palette begin.
    on_notice : callable or None
        Given one line when the network fails and rules take over; called on the visuals' thread.
    threaded : bool
        False starts no thread: the owner calls `step`, as tests on the virtual device do.

    Notes
    -----
    `frame` may be called from any thread and waits for nothing.
    """

    def __init__(
        self,
        heard: Heard,
        net: ControlNet | None = None,
        seed: int = 0,
        *,
        on_notice: Callable[[str], None] | None = None,
        threaded: bool = True,
    ) -> None:
        self._heard = heard
        self._memory = heard.memory
        self._on_notice = on_notice or _log.warning
        self._net = net
        self._course = VisualStream(self._memory.rate_hz, seed=seed)
        self._course.steer = self._steer
        self._rules = rules()
        self._wanted: tuple[bool, Sequence[float], float | None] | None = None
        """Whether another song plays, and its beats: from any thread to the visuals thread, taken whole."""
        self._clock = HeardClock(self._memory, self._memory.taps[TAP])
        self._stream: OutputStream | None = None
        self._rate_hz = self._memory.rate_hz
        self._pulled: F32 = np.zeros((at.TAP_RING_FRAMES, 2), np.float32)
        self._meter_before: F64 = np.zeros(at.N_METER)
        self._stems: F64 = no_stems()
        self._idle_since_s = time.monotonic()
        self._history: F64 = np.zeros((N_HISTORY, 1 + N_ROW))
        self._n_history = 0
        self._mailbox = Latest(1 + self._history.size)
        self._began_s = time.monotonic()
        self._closing = threading.Event()
        self._memory.set_tap(TAP, False)
        self._drop_tap()
        self._memory.set_tap(TAP, True)
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._run, name="visuals", daemon=True)
            self._thread.start()

    # --- any thread --------------------------------------------------------------------------------

    def set_net(self, net: ControlNet | None) -> None:
        """Steer by another network from the next window on; None steers by rules."""
        self._net = net

    @property
    def net(self) -> ControlNet | None:
        """What steers; None for the rules."""
        return self._net

    def set_song(self, beats_s: Sequence[float] = (), tempo_bpm: float | None = None) -> None:
        """Another song plays.

        Parameters
        ----------
        beats_s : sequence of float, seconds
            Its beats where they are known, to lock the orbit to.
        tempo_bpm : float or None
            Its tempo, where only that is known.
        """
        self._wanted = (True, beats_s, tempo_bpm)

    def set_beats(self, beats_s: Sequence[float] = (), tempo_bpm: float | None = None) -> None:
        """Lock the orbit to the beats of the song that plays, once they are known.

        Parameters
        ----------
        beats_s : sequence of float, seconds
        tempo_bpm : float or None
            As for `set_song`.
        """
        waiting = self._wanted
        self._wanted = (waiting is not None and waiting[0], beats_s, tempo_bpm)

    def frame(self, ahead_s: float = 0.0) -> VisualFrame:
        """The picture of what is heard `ahead_s` seconds from now; waits for nothing.

        A display shows what is drawn one or two pictures later: whoever knows by how much, says it here.
        """
        stream = self._stream
        now_s = ahead_s + (time.monotonic() if stream is None else stream.time_s())
        status = self._heard.status()
        song_s = status.position_s if status.duration_s is not None else time.monotonic() - self._began_s
        return self.frame_at(now_s, song_s)

    def frame_at(self, now_s: float, song_s: float = 0.0) -> VisualFrame:
        """The picture of what is heard at a time.

        Parameters
        ----------
        now_s : float, seconds
            On the device's clock, or `time.monotonic` where there is no device.
        song_s : float, seconds
            Song time to state in it.
        """
        values = cast("F64 | None", self._mailbox.read())
        n = 0 if values is None else int(values[0])
        if values is None or n == 0:
            return CALM_FRAME
        course = values[1:].reshape(N_HISTORY, 1 + N_ROW)
        rows = np.roll(course, -n, axis=0)[-min(n, N_HISTORY) :]
        return frame_of(between(rows[:, 0], rows[:, 1:], now_s), song_s)

    def close(self) -> None:
        """End the thread and switch the tap off; safe to call twice."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self._memory.set_tap(TAP, False)

    def __enter__(self) -> "Visuals":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- visuals thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.wait(POLL_S):
            self.step()

    def step(self) -> None:
        """Take what was played since the last call; only where there is no thread."""
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            is_new, beats_s, tempo_bpm = wanted
            if is_new:
                self._course.new_song()
            self._course.set_beats(beats_s, tempo_bpm)
        try:
            stream = self._heard.stream
        except DeviceError:
            stream = None
        if stream is not self._stream:
            self._change_clock(stream)
        if stream is None:
            self._idle()
        else:
            self._listen(stream)

    def _change_clock(self, stream: OutputStream | None) -> None:
        """Another device: its times have nothing to do with those before."""
        self._drop_tap()
        self._clock.restart()
        self._n_history = 0
        self._idle_since_s = time.monotonic()
        self._meter_before[:] = 0.0
        if self._memory.rate_hz != self._rate_hz:
            self._rate_hz = self._memory.rate_hz
            self._course.set_rate(self._rate_hz)
        self._stream = stream

    def _drop_tap(self) -> None:
        while self._memory.taps[TAP].pull(self._pulled):
            pass

    def _idle(self) -> None:
        """No device: silence, at the pace of the wall clock."""
        now_s = time.monotonic()
        n = int(min(now_s - self._idle_since_s, MAX_IDLE_S) * self._rate_hz)
        self._idle_since_s = now_s
        rows = self._course.push(np.zeros(n, np.float32))
        step_s = self._course.step_frames / self._rate_hz
        self._publish(rows, now_s - step_s * (len(rows) - 1), step_s)

    def _listen(self, stream: OutputStream) -> None:
        meter = cast("F64 | None", self._memory.meter.read())
        if meter is None or not self._clock.look(meter):
            return
        ring = self._memory.taps[TAP]
        first = int(ring.header[TAIL])
        n = ring.pull(self._pulled)
        if n == 0:
            return
        self._read_stems(meter)
        mono = np.ascontiguousarray(self._pulled[:n].mean(axis=1, dtype=np.float32))
        song_s = self._song_at(self._clock.heard_s(first), stream.time_s())
        rows = self._course.push(mono, self._stems, song_s)
        step_s = self._course.step_frames / self._rate_hz
        if len(rows):
            last_frame = first + n - self._course.n_waiting
            self._publish(rows, self._clock.heard_s(last_frame) - step_s * (len(rows) - 1), step_s)

    def _song_at(self, heard_s: float, now_s: float) -> float:
        """Song time of a frame that is heard at `heard_s`; NaN while nothing plays."""
        status = self._heard.status()
        if not status.playing or status.duration_s is None:
            return math.nan
        return status.position_s + heard_s - now_s

    def _read_stems(self, meter: F64) -> None:
        """Power of each stem since the last look, out of the meters' slow mean squares.

        A meter m follows the power p as m' = (p - m) / METER_RMS_S: from two readings and the time between
        them the mean of p comes back, weighed a little towards the end.
        """
        frames = meter[at.M_STREAM_FRAMES] - self._meter_before[at.M_STREAM_FRAMES]
        if frames <= 0.0:
            return
        lanes = self._heard.lanes
        keep = math.exp(-frames / self._rate_hz / METER_RMS_S)
        self._stems[:] = math.nan
        if int(meter[at.M_FLAGS]) & at.FLAG_READY:
            for lane in range(1, min(len(lanes), at.MAX_LANES)):
                cell = at.M_LANE + 4 * lane + 2
                now = float(meter[cell] + meter[cell + 1])
                before = float(self._meter_before[cell] + self._meter_before[cell + 1])
                power = max(0.0, 0.5 * (now - before * keep) / (1.0 - keep))
                role = role_of(lanes[lane])
                known = self._stems[role]
                self._stems[role] = power if math.isnan(known) else known + power
        self._meter_before[:] = meter

    def _publish(self, rows: F64, first_s: float, step_s: float) -> None:
        if not len(rows):
            return
        for k, row in enumerate(rows):
            cell = self._history[self._n_history % N_HISTORY]
            cell[0] = first_s + k * step_s
            cell[1:] = row
            self._n_history += 1
        self._mailbox.publish(np.concatenate([[float(self._n_history)], self._history.reshape(-1)]))

    def _steer(self, window: F32) -> F64:
        net = self._net
        if net is not None:
            try:
                return net.controls(window)
            except ModelError as err:
                if self._net is net:
                    self._net = None
                self._on_notice(f"{err}; the orbit is steered by rules from here on")
        return self._rules(window)


def between(times_s: F64, rows: F64, now_s: float) -> F64:
    """The row at a time, on the straight line between its neighbours.

    Parameters
    ----------
    times_s : float64 array, shape (n,), n >= 1
        Rising.
    rows : float64 array, shape (n, N_ROW)
    now_s : float, seconds
        Beyond the last row the line goes on for MAX_AHEAD_S.

    Returns
    -------
    float64 array, shape (N_ROW,)
    """
    n = times_s.shape[0]
    if n == 1 or now_s <= times_s[0]:
        return rows[0]
    i = min(max(int(np.searchsorted(times_s, now_s)), 1), n - 1)
    span_s = max(float(times_s[i] - times_s[i - 1]), 1e-6)
    now_s = min(now_s, float(times_s[-1]) + MAX_AHEAD_S)
    share = (now_s - float(times_s[i - 1])) / span_s
    return rows[i - 1] + share * (rows[i] - rows[i - 1])


def frame_of(row: F64, time_s: float) -> VisualFrame:
    """A row as the renderer's values, in their ranges.

    Parameters
    ----------
    row : float64 array, shape (N_ROW,)
        See ROW_* of engine.stream.visual_motion.
    time_s : float, seconds
        Song time to state in it.
    """

    def unit(value: float) -> float:
        return min(max(float(value), 0.0), 1.0)

    levels = tuple(unit(row[ROW_LEVEL + k]) for k in range(N_ROLES))
    return VisualFrame(
        time_s=time_s,
        c=complex(row[ROW_C], row[ROW_C + 1]),
        scale=min(max(float(row[ROW_SCALE]), 0.7), 1.4),
        pulse=unit(row[ROW_PULSE]),
        hue=float(row[ROW_HUE]),
        rotation=float(row[ROW_ROTATION]),
        glow=unit(row[ROW_GLOW]),
        levels=cast("tuple[float, float, float, float]", levels),
        controls=tuple(float(value) for value in row[ROW_CONTROL:]),
    )
