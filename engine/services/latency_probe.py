"""The round trip as it is, not as it is declared: a chirp goes out and is looked for in what comes in.

The device thread plays the chirp into the mix and says in which frame of the stream it began; the mic's tap
says in which frame each sample came in. The matched filter tells where the chirp lies, to a part of a frame.
That needs a loop: a cable from an output to an input, a mic before a speaker, or a connection inside the
sound server. Called on a control thread, takes about a second a chirp; the voice should be muted meanwhile,
or it goes round.

References
----------
.. [1] A. Farina, "Simultaneous measurement of impulse response and distortion with a swept-sine technique",
   AES 108, 2000.
"""

import math
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.errors import DeviceError
from engine.realtime.layout import K_PROBE_FRAME, MARK_STREAM, MIC_TAP_WIDTH, N_MARK, PROBE_FRAMES
from engine.realtime.memory import EngineMemory
from engine.units import F32, F64, I64

LOW_HZ, HIGH_HZ = 300.0, 8_000.0
"""What a telephone headset and a laptop's speaker both let through."""
LEVEL: Final = 0.25
SETTLE_S: Final = 0.15
LISTEN_S: Final = 0.9
"""Bluetooth takes up to 0.4 s each way."""
CLEARNESS: Final = 8.0
"""The chirp's peak in the matched filter over the rest's rms: noise alone reaches about 4.5."""
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What the chirps told.

    Parameters
    ----------
    frames : float
        From the mix to the mic's input, in frames of the device; the median of the chirps.
    spread_frames : float
        Between the earliest and the latest of them.
    rate_hz : int
    """

    frames: float
    spread_frames: float
    rate_hz: int

    @property
    def seconds(self) -> float:
        """The round trip in seconds."""
        return self.frames / self.rate_hz


def chirp(rate_hz: int) -> F32:
    """The probe: a rising sweep under a Hann window, shape (PROBE_FRAMES,).

    Parameters
    ----------
    rate_hz : int
    """
    t = np.arange(PROBE_FRAMES) / rate_hz
    length_s = PROBE_FRAMES / rate_hz
    high_hz = min(HIGH_HZ, 0.4 * rate_hz)
    phase = 2.0 * math.pi * (LOW_HZ * t + 0.5 * (high_hz - LOW_HZ) / length_s * t * t)
    return (LEVEL * np.hanning(PROBE_FRAMES) * np.sin(phase)).astype(np.float32)


def find_chirp(heard: F32, probe: F32) -> float | None:
    """Where a chirp begins in what was heard, in frames; None where it is not clearly there.

    Parameters
    ----------
    heard : float32 array, shape (n,), n >= PROBE_FRAMES
    probe : float32 array, shape (PROBE_FRAMES,)
    """
    n = 1 << (heard.size + probe.size).bit_length()
    spectrum = np.fft.rfft(heard, n) * np.conj(np.fft.rfft(probe, n))
    match: F64 = np.abs(np.fft.irfft(spectrum, n)[: heard.size - probe.size + 1])
    at = int(np.argmax(match))
    peak = float(match[at])
    rest = np.concatenate([match[: max(0, at - 256)], match[at + 256 :]])
    if rest.size == 0 or peak <= CLEARNESS * float(np.sqrt(np.mean(rest**2))) or peak <= 0.0:
        return None
    if not 0 < at < match.size - 1:
        return float(at)
    # The vertex of the parabola through the peak and its neighbours.
    left, right = float(match[at - 1]), float(match[at + 1])
    return at + 0.5 * (left - right) / (left - 2.0 * peak + right)


def measure_round_trip(memory: EngineMemory, *, tries: int = TRIES) -> RoundTrip:
    """Send chirps through a running engine whose mic is on, and time them.

    Parameters
    ----------
    memory : EngineMemory
        Nobody else may read its mic tap meanwhile.
    tries : int, >= 1

    Raises
    ------
    DeviceError
        No chirp came back.
    """
    probe = chirp(memory.rate_hz)
    memory.mic.probe[:] = probe
    found: list[float] = []
    for _ in range(tries):
        heard, first_frame = _play_and_listen(memory)
        start = int(memory.counter[K_PROBE_FRAME]) - 1 - first_frame
        # Nothing can come back before it went out.
        at = find_chirp(heard[max(0, start) :], probe) if heard.size - start > 2 * PROBE_FRAMES else None
        if at is not None:
            found.append(at)
    if len(found) < (tries + 1) // 2:
        raise DeviceError(
            "no chirp came back: connect an output to an input with a cable, or hold the mic to the speaker "
            "and turn both up"
        )
    return RoundTrip(float(np.median(found)), max(found) - min(found), memory.rate_hz)


def _play_and_listen(memory: EngineMemory) -> tuple[F32, int]:
    """The dry voice around one chirp, shape (n,), and the stream frame of its first sample."""
    mic = memory.mic
    taps: F32 = np.zeros((mic.tap.capacity, MIC_TAP_WIDTH), np.float32)
    marks: I64 = np.zeros((mic.marks.capacity, N_MARK), np.int64)
    mic.tap.pull(taps)
    mic.marks.pull(marks)
    mic.set_tap(True)
    try:
        time.sleep(SETTLE_S)
        mic.play_probe()
        time.sleep(PROBE_FRAMES / memory.rate_hz + LISTEN_S)
    finally:
        mic.set_tap(False)
    n_marks, n = mic.marks.pull(marks), mic.tap.pull(taps)
    if n_marks == 0:
        raise DeviceError("the device does not run: nothing came in while listening for the chirp")
    return taps[:n, 0].copy(), int(marks[0, MARK_STREAM])
