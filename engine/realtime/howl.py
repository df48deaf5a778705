"""The feedback guard: a howl is heard as it grows, and ducked before it is loud.

Runs on the device thread, some ten microseconds every 512 frames. A howl is one sine that holds its pitch
and grows from one trip round the loop to the next. Voices and instruments have overtones, or start and then
stand. So the spectrum of the bare mic is watched for a single peak that holds nearly all the power, does not
move, and grows (or is loud for long).

What looks like a howl may still be a whistle. The guard asks the loop itself: it turns the voice down at
once, and listens. A howl that is no longer fed dies within some trips round the loop; a whistle does not
care, and is let through again until it ends. Every howl that is found leaves the ceiling 3 dB lower, until
the loop gives less than it takes.

References
----------
.. [1] T. van Waterschoot, M. Moonen, "Fifty years of acoustic feedback control: state of the art and future
   challenges", Proc. IEEE 99(2), 2011: section IV, howling detection.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.fft import PAD, fft_tables, rfft_frame
from engine.kernels.jit import kernel
from engine.kernels.windows import hann
from engine.stream.atomics import array_address, f32_at, f64_at
from engine.units import F32, F64, I64

N_FFT: Final = 1024
HOP_FRAMES: Final = 512
"""Half a frame: 10.7 ms at 48 kHz."""
LOW_BIN: Final = 4
"""190 Hz at 48 kHz: below it even a voice is one peak."""
PURITY: Final = 0.9
"""Share of the power within two bins of the peak: a Hann window puts 99.9 % of a sine there, and a sung vowel
has overtones."""
QUIET_DB: Final = -50.0
RISE_DB: Final = 0.25
"""A hop: a loop with 0.25 dB too much and 10 ms round trip."""
N_RISING: Final = 6
LOUD_DB: Final = -20.0
LONG_S: Final = 0.3
"""A pure tone this loud and this long is asked even if it stands: a limiter may hold it."""
LOUDER_DB: Final = -8.0
SHORT_S: Final = 0.08
"""The same where the loop was too fast to be seen growing, and stands against the limiter."""
STEADY_DB: Final = 0.3
"""A hop: no voice stands so still."""
ASK_S: Final = 0.2
"""Time for the loop's answer: longer than any usable round trip."""
FALL_DB: Final = 6.0
DEFIANT_DB: Final = 15.0
"""What grows by so much although it was turned down by 24 dB is a loop beyond help; a crescendo is slower."""
HOLD_S: Final = 1.0
DUCK_GAIN: Final = 0.063
"""-24 dB."""
CEILING_STEP: Final = 0.708
LOUD_CEILING_STEP: Final = 0.355
"""-3 dB a howl, -9 dB where it was loud before it was found."""
LOWEST_CEILING: Final = 0.063
REGAIN: Final = 0.0116
"""A second: 0.1 dB, so that a ceiling lowered by 3 dB is back after half a minute without a howl."""
DOWN_S: Final = 0.005
BACK_S: Final = 0.02
"""A whistle is let through again in this time, what was a howl in a hundred times it."""

# --- table ------------------------------------------------------------------------------------------
G_STATE: Final = 0
G_HISTORY: Final = 1
G_WINDOW: Final = 2
G_PASSES: Final = 3
G_N_PASSES: Final = 4
G_JOIN: Final = 5
G_N_JOIN: Final = 6
G_SPLIT: Final = 7
G_N_SPLIT: Final = 8
G_WORK: Final = 9
G_SPECTRUM: Final = 10
N_GUARD: Final = 11

# --- state: float64 ---------------------------------------------------------------------------------
Q_GAIN: Final = 0
Q_TARGET: Final = 1
Q_UP: Final = 2
"""Gain a frame on the way up."""
Q_CEILING: Final = 3
Q_PHASE: Final = 4
Q_HOPS: Final = 5
"""Hops since the phase began."""
Q_FRAMES: Final = 6
"""Frames of history since the last look."""
Q_BIN: Final = 7
Q_RUN: Final = 8
"""Hops for which one pure tone has held its place."""
Q_RISING: Final = 9
Q_LEVEL_DB: Final = 10
Q_ASKED_DB: Final = 11
Q_HOWLS: Final = 12
Q_STEADY: Final = 13
"""Hops for which the tone's level has stood still."""
N_STATE: Final = 16

WATCHING: Final = 0.0
ASKING: Final = 1.0
HOLDING: Final = 2.0
EXEMPT: Final = 3.0
"""A tone that is not ours sounds on."""


@kernel
def _spectrum_peak(spectrum: F32) -> tuple[int, float, float]:
    """Bin of the greatest power, the share of all power around it, and all power."""
    total = 0.0
    best = 0.0
    at = LOW_BIN
    for k in range(1, N_FFT // 2):
        power = float(spectrum[2 * k]) ** 2 + float(spectrum[2 * k + 1]) ** 2
        total += power
        if k >= LOW_BIN and power > best:
            best = power
            at = k
    near = 0.0
    for k in range(at - 2, min(at + 3, N_FFT // 2)):
        near += float(spectrum[2 * k]) ** 2 + float(spectrum[2 * k + 1]) ** 2
    return at, near / total if total > 0.0 else 0.0, total


@kernel
def _follow_tone(state: F64, peak_bin: int, share: float, level_db: float) -> None:
    """Count for how long one pure tone has stood, and for how long it has grown."""
    pure = share > PURITY and level_db > QUIET_DB
    same = abs(peak_bin - state[Q_BIN]) <= 1.0
    if pure and same:
        state[Q_RUN] += 1.0
        grew = level_db - state[Q_LEVEL_DB] >= RISE_DB
        state[Q_RISING] = state[Q_RISING] + 1.0 if grew else 0.0
        stood = abs(level_db - state[Q_LEVEL_DB]) < STEADY_DB
        state[Q_STEADY] = state[Q_STEADY] + 1.0 if stood else 0.0
    else:
        state[Q_RUN] = 1.0 if pure else 0.0
        state[Q_RISING] = state[Q_STEADY] = 0.0
    state[Q_BIN] = float(peak_bin)
    state[Q_LEVEL_DB] = level_db


@kernel
def _decide(state: F64, rate_hz: float) -> None:
    """Once a hop: what to do about the tone."""
    hop_s = HOP_FRAMES / rate_hz
    phase = state[Q_PHASE]
    state[Q_HOPS] += 1.0
    waited_s = state[Q_HOPS] * hop_s
    if phase == WATCHING:
        grows = state[Q_RISING] >= N_RISING
        stands = state[Q_RUN] * hop_s >= LONG_S and state[Q_LEVEL_DB] > LOUD_DB
        stands = stands or (state[Q_STEADY] * hop_s >= SHORT_S and state[Q_LEVEL_DB] > LOUDER_DB)
        if grows or stands:
            state[Q_PHASE], state[Q_HOPS] = ASKING, 0.0
            state[Q_ASKED_DB] = state[Q_LEVEL_DB]
            state[Q_TARGET] = DUCK_GAIN * state[Q_CEILING]
    elif phase == ASKING and waited_s >= ASK_S:
        state[Q_HOPS] = 0.0
        if state[Q_LEVEL_DB] >= state[Q_ASKED_DB] + DEFIANT_DB:
            # Even a voice turned down so far still feeds it: away with it altogether.
            state[Q_PHASE], state[Q_TARGET] = HOLDING, 0.0
            state[Q_HOWLS] += 1.0
            state[Q_CEILING] = LOWEST_CEILING
        elif state[Q_LEVEL_DB] <= state[Q_ASKED_DB] - FALL_DB or state[Q_RUN] == 0.0:
            state[Q_PHASE] = HOLDING
            state[Q_HOWLS] += 1.0
            step = LOUD_CEILING_STEP if state[Q_ASKED_DB] > LOUDER_DB else CEILING_STEP
            state[Q_CEILING] = max(LOWEST_CEILING, state[Q_CEILING] * step)
        else:
            state[Q_PHASE] = EXEMPT
            state[Q_TARGET] = state[Q_CEILING]
            state[Q_UP] = 1.0 / (BACK_S * rate_hz)
    elif phase == HOLDING and waited_s >= HOLD_S:
        state[Q_PHASE] = WATCHING
        state[Q_RUN] = state[Q_RISING] = state[Q_STEADY] = 0.0
        state[Q_TARGET] = state[Q_CEILING]
        state[Q_UP] = 1.0 / (100.0 * BACK_S * rate_hz)
    elif phase == EXEMPT and state[Q_RUN] == 0.0:
        state[Q_PHASE] = WATCHING
    if phase in (WATCHING, EXEMPT) and state[Q_PHASE] == phase:
        state[Q_CEILING] = min(1.0, state[Q_CEILING] * (1.0 + REGAIN * hop_s))
        state[Q_TARGET] = state[Q_CEILING]


@kernel
def _look(table: I64, state: F64, rate_hz: float) -> None:
    """One spectrum of the newest N_FFT frames."""
    history = f32_at(table[G_HISTORY], N_FFT)
    spectrum = f32_at(table[G_SPECTRUM], N_FFT + 2)
    rfft_frame(
        history,
        f32_at(table[G_WINDOW], N_FFT),
        f32_at(table[G_PASSES], table[G_N_PASSES]),
        f32_at(table[G_JOIN], table[G_N_JOIN]),
        f32_at(table[G_SPLIT], table[G_N_SPLIT]),
        f32_at(table[G_WORK], 4 * (N_FFT // 2 + PAD)).reshape((4, N_FFT // 2 + PAD)),
        spectrum,
    )
    peak_bin, share, total = _spectrum_peak(spectrum)
    # A full-scale sine under a Hann window has a power of N^2 / 16 at its peak and 1.5 times that in all.
    level_db = 10.0 * math.log10(total / (1.5 * N_FFT * N_FFT / 16.0) + 1e-20)
    _follow_tone(state, peak_bin, share, level_db)
    _decide(state, rate_hz)


@kernel
def guard_voice(table: I64, rate_hz: float, bare: F32, voice: F32) -> int:
    """Watch the bare mic, and turn the voice down where it howls.

    Parameters
    ----------
    table : int64 array, shape (N_GUARD,)
        Of `HowlGuard`.
    rate_hz : float
    bare : float32 array, shape (at least 2 * n,)
        The mic as it came in, interleaved stereo.
    voice : float32 array, shape (2 * n,)
        The voice on its way into the mix, interleaved stereo; changed in place.

    Returns
    -------
    int
        Frames, 0..n, that were turned down.

    Notes
    -----
    Looks and decides every HOP_FRAMES frames wherever blocks end, so the result does not depend on them.
    """
    state = f64_at(table[G_STATE], N_STATE)
    history = f32_at(table[G_HISTORY], N_FFT)
    down = 1.0 / (DOWN_S * rate_hz)
    gain = state[Q_GAIN]
    fill = int(state[Q_FRAMES])
    ducked = 0
    for i in range(voice.shape[0] // 2):
        history[N_FFT - HOP_FRAMES + fill] = np.float32(0.5) * (bare[2 * i] + bare[2 * i + 1])
        fill += 1
        if fill == HOP_FRAMES:
            _look(table, state, rate_hz)
            for k in range(N_FFT - HOP_FRAMES):
                history[k] = history[k + HOP_FRAMES]
            fill = 0
        target = state[Q_TARGET]
        gain = max(target, gain - down) if gain > target else min(target, gain + state[Q_UP])
        if gain < 1.0:
            voice[2 * i] *= np.float32(gain)
            voice[2 * i + 1] *= np.float32(gain)
            ducked += 1
    state[Q_GAIN] = gain
    state[Q_FRAMES] = float(fill)
    return ducked


class HowlGuard:
    """The guard's memory.

    Attributes
    ----------
    table : int64 array, shape (N_GUARD,)
        What the callback is given.
    """

    def __init__(self) -> None:
        tables = fft_tables(N_FFT)
        self._state: F64 = np.zeros(N_STATE)
        self._history: F32 = np.zeros(N_FFT, np.float32)
        self._arrays: dict[int, F32] = {
            G_HISTORY: self._history,
            G_WINDOW: np.float32(0.5) * hann(N_FFT),
            G_PASSES: tables.passes,
            G_JOIN: tables.join,
            G_SPLIT: tables.split,
            G_WORK: np.zeros((4, N_FFT // 2 + PAD), np.float32),
            G_SPECTRUM: np.zeros(N_FFT + 2, np.float32),
        }
        self.table: I64 = np.zeros(N_GUARD, np.int64)
        self.table[G_STATE] = array_address(self._state)
        for cell, array in self._arrays.items():
            self.table[cell] = array_address(array)
        self.table[G_N_PASSES] = tables.passes.size
        self.table[G_N_JOIN] = tables.join.size
        self.table[G_N_SPLIT] = tables.split.size
        self.reset()

    @property
    def howls(self) -> int:
        """Howls found since the last reset."""
        return int(self._state[Q_HOWLS])

    @property
    def ceiling(self) -> float:
        """Gain that the voice is held to after the howls so far, 0 to 1."""
        return float(self._state[Q_CEILING])

    @property
    def gain(self) -> float:
        """Gain now, 0 to 1."""
        return float(self._state[Q_GAIN])

    def reset(self) -> None:
        """As new: unity, no tone known. Only while no callback uses it."""
        self._state[:] = 0.0
        self._history[:] = 0.0
        self._state[[Q_GAIN, Q_TARGET, Q_CEILING]] = 1.0
        self._state[Q_UP] = 1.0

    def process(self, rate_hz: float, bare: F32, voice: F32) -> int:
        """`guard_voice` on one block.

        Parameters
        ----------
        rate_hz : float
        bare, voice : float32 arrays, shape (2 * n,)
            Interleaved; `voice` is changed in place.

        Returns
        -------
        int
            Frames that were turned down.
        """
        return guard_voice(self.table, rate_hz, bare, voice)
