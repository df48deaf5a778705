"""The test tone: a quiet sine beside whatever plays, for finding out whether a device works.

Runs on the device thread.
"""

import math

import numpy as np

from engine.kernels.jit import kernel
from engine.realtime.layout import SF_TONE_LEVEL, SF_TONE_PHASE
from engine.units import F32, F64

TONE_HZ = 440.0
TONE_LEVEL = 0.1259
"""-18 dBFS: the usual alignment level, well heard and never loud."""
_FADE_S = 0.02


@kernel
def add_tone(audio: F32, n: int, rate_hz: float, on: int, state_f: F64) -> None:
    """Add the tone, fading towards on or off.

    Parameters
    ----------
    audio : float32 array, shape (>= 2 n,)
        Interleaved stereo, changed in place.
    n : int
        Frames.
    rate_hz : float
    on : int
        1 or 0.
    state_f : float64 array, shape (N_STATE_F,)
        Holds level and phase (in turns).
    """
    level = state_f[SF_TONE_LEVEL]
    if on == 0 and level == 0.0:
        return
    phase = state_f[SF_TONE_PHASE]
    step = TONE_LEVEL / (_FADE_S * rate_hz)
    for i in range(n):
        level = min(TONE_LEVEL, level + step) if on != 0 else max(0.0, level - step)
        value = np.float32(level * math.sin(2.0 * math.pi * phase))
        audio[2 * i] += value
        audio[2 * i + 1] += value
        phase += TONE_HZ / rate_hz
        phase -= math.floor(phase)
    state_f[SF_TONE_LEVEL] = level
    state_f[SF_TONE_PHASE] = phase if level > 0.0 else 0.0
