"""The singer's pitch while a song plays: a thread of its own between the mic's ring and whoever draws.

It empties the ring of the bare voice fifty times a second, finds the pitch of each 10 ms, and says at which
place of the song it was sung: the singer hears the song an output's latency after the callback wrote it, and
is heard an input's latency after singing. Whoever draws asks `sung()` at any time, on any thread.
"""

import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, cast

import numpy as np

from engine.errors import DeviceError
from engine.io.device import OutputStream
from engine.realtime import layout as at
from engine.realtime.memory import EngineMemory
from engine.services.heard_clock import HeardClock
from engine.services.playback_status import PlaybackStatus
from engine.services.sing_score import NOTHING_SUNG, Melody, SingScore, Sung
from engine.stream.pitch import PitchStream
from engine.stream.ring import TAIL
from engine.units import F32, F64

POLL_S: Final = 0.02
VOICE_HZ: Final = (65.40639, 1046.5)
"""C2 to C6."""
FRAME_FRAMES: Final = 2048
"""43 ms at 48 kHz: nearly three periods of the lowest note."""
HOP_FRAMES: Final = 512
CLEAR: Final = 0.2
"""Aperiodicity above this is breath, a consonant or the band in the loudspeakers."""
QUIET_RMS: Final = 10.0 ** (-55.0 / 20.0)
HISTORY_S: Final = 12.0


class HeardSong(Protocol):
    """What is sung to; `engine.services.playback.Playback` is one."""

    memory: EngineMemory

    @property
    def stream(self) -> OutputStream:
        """The open device; DeviceError while it is gone."""
        ...

    def status(self) -> PlaybackStatus:
        """Where playback stands."""
        ...


class Singing:
    """Follows the voice.

    Parameters
    ----------
    heard : HeardSong
        The mic's ring of its memory belongs to this object until `close`.
    round_trip_s : callable
        Seconds from the mix to the mic's input: what is sung to a frame comes so much later.
    threaded : bool
        False starts no thread: the owner calls `step`.

    Notes
    -----
    `sung` may be called from any thread and waits for nothing. A row costs some 0.1 ms.
    """

    def __init__(self, heard: HeardSong, round_trip_s: Callable[[], float], *, threaded: bool = True) -> None:
        self._heard = heard
        self._memory = heard.memory
        self._ring = self._memory.mic.sung
        self._round_trip_s = round_trip_s
        self._clock = HeardClock(self._memory, self._ring)
        self._pulled: F32 = np.zeros((at.SUNG_RING_FRAMES, 2), np.float32)
        self._stream: OutputStream | None = None
        self._rate_hz = 0
        self._pitch: PitchStream | None = None
        self._n_pushed = 0
        self._n_rows = 0
        self._rows: deque[tuple[float, float]] = deque()
        self._melody: Melody | None = None
        self._score: SingScore | None = None
        self._sung = NOTHING_SUNG
        self._closing = threading.Event()
        self._memory.mic.set_sung(True)
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._run, name="singing", daemon=True)
            self._thread.start()

    # --- any thread --------------------------------------------------------------------------------

    def sung(self) -> Sung:
        """What was sung of late."""
        return self._sung

    def set_melody(self, melody: Melody | None) -> None:
        """Judge by this melody from now on, from the beginning."""
        self._melody = melody
        # One store each: the thread takes the newest.
        self._score = None if melody is None else SingScore(melody)

    def close(self) -> None:
        """End the thread; the ring is not filled any more. Safe to call twice."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._memory.mic.set_sung(False)

    # --- the singer's thread -----------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.wait(POLL_S):
            self.step()

    def step(self) -> None:
        """Hear what was sung since the last call; only where there is no thread."""
        try:
            stream = self._heard.stream
        except DeviceError:
            stream = None
        if stream is not self._stream or self._memory.rate_hz != self._rate_hz:
            self._start_over(stream)
        meter = cast("F64 | None", self._memory.meter.read())
        if stream is None or meter is None or not self._clock.look(meter):
            return
        first = int(self._ring.header[TAIL])
        n = self._ring.pull(self._pulled)
        if n == 0 or self._pitch is None:
            return
        mono = np.ascontiguousarray(self._pulled[:n].mean(axis=1, dtype=np.float32)[None])
        quiet = float(np.sqrt(np.mean(np.square(mono)))) < QUIET_RMS
        found = self._pitch.push(mono)
        # Row t begins at frame t * HOP_FRAMES of what was pushed and stands for its own middle.
        pushed_first, self._n_pushed = self._n_pushed, self._n_pushed + n
        status, now_s, late_s = self._heard.status(), stream.time_s(), self._round_trip_s()
        for f0_hz, aperiodicity in zip(found.f0_hz[0], found.aperiodicity[0], strict=True):
            frame = first + self._n_rows * HOP_FRAMES + FRAME_FRAMES // 2 - pushed_first
            self._n_rows += 1
            heard_s = self._clock.heard_s(frame) - late_s
            playing = status.playing and not status.waiting
            song_s = status.position_s + heard_s - now_s if playing else math.nan
            self._add(song_s, 0.0 if quiet or aperiodicity > CLEAR else float(f0_hz))
        self._publish()

    def _start_over(self, stream: OutputStream | None) -> None:
        """Another device: its clock has nothing to do with the one before."""
        self._stream, self._rate_hz = stream, self._memory.rate_hz
        self._clock.restart()
        while self._ring.pull(self._pulled):
            pass
        self._pitch = PitchStream(self._rate_hz, VOICE_HZ, FRAME_FRAMES, HOP_FRAMES)
        self._n_pushed = self._n_rows = 0

    def _add(self, song_s: float, sung_hz: float) -> None:
        self._rows.append((song_s, sung_hz))
        while len(self._rows) > HISTORY_S * self._rate_hz / HOP_FRAMES:
            self._rows.popleft()
        score = self._score
        if score is not None:
            score.add(song_s, sung_hz)

    def _publish(self) -> None:
        rows = np.array(self._rows)
        if rows.size:
            score = None if self._score is None else self._score.score
            self._sung = Sung(rows[:, 0].copy(), rows[:, 1].astype(np.float32), score)
