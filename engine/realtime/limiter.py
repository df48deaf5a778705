"""The look-ahead safety limiter at the very end: nothing above full scale reaches a converter.

Runs on the device thread. Below the ceiling it is a pure delay, bit by bit; above it, the gain has
already come down along a smooth slope when the peak arrives. Stereo-linked, so the image stays.

The gain that each frame needs passes through a running minimum over the look-ahead, a slow
exponential release, and a mean over the look-ahead. The mean of values that were all at most the
needed gain cannot exceed it, so the ceiling holds exactly, without a clipper behind it.

References
----------
.. [1] D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design", JAES 60(6), 2012.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.jit import kernel
from engine.units import F32, I64

LOOKAHEAD_FRAMES: Final = 64
"""1.3 ms at 48 kHz; also the limiter's latency."""
CEILING: Final = 1.0
"""Full scale itself: a song mastered to 0 dBFS passes untouched."""
RELEASE_S: Final = 0.08

# int64 state: write position, frames for which the limiter is still at work
LI_POSITION: Final = 0
LI_BUSY: Final = 1
N_LIMITER_I: Final = 4
# float32 state: delay line (stereo), needed gains, smoothed gains, then the release state
LF_DELAY: Final = 0
LF_NEEDED: Final = 2 * LOOKAHEAD_FRAMES
LF_HELD: Final = LF_NEEDED + 2 * LOOKAHEAD_FRAMES
LF_RELEASED: Final = LF_HELD + LOOKAHEAD_FRAMES
LF_GAIN: Final = LF_RELEASED + 1
N_LIMITER_F: Final = LF_GAIN + 1
BUSY_FRAMES_FACTOR: Final = 12.0
"""The release is over (below -100 dB of change) after about 12 time constants."""


@kernel
def reset_limiter(state_i: I64, state_f: F32) -> None:
    """Silence in the delay line and unity gain everywhere.

    Parameters
    ----------
    state_i : int64 array, shape (N_LIMITER_I,)
        Cleared in place.
    state_f : float32 array, shape (N_LIMITER_F,)
        Cleared in place.
    """
    state_i[:] = 0
    state_f[:] = np.float32(0.0)
    state_f[LF_NEEDED:] = np.float32(1.0)


@kernel
def _limited_gain(needed: float, position: int, release: float, state_f: F32) -> float:
    """Gain for the frame that leaves the delay line now, given what the entering frame needs.

    Two windows of look-ahead are kept: the minimum runs over LOOKAHEAD_FRAMES + 1 frames, so that
    every value inside the mean still knows of the peak that is about to leave.
    """
    window = 2 * LOOKAHEAD_FRAMES
    state_f[LF_NEEDED + position % window] = needed
    lowest = needed
    for k in range(1, LOOKAHEAD_FRAMES + 1):
        lowest = min(lowest, state_f[LF_NEEDED + (position - k) % window])
    released = state_f[LF_RELEASED]
    released = min(lowest, 1.0 - (1.0 - released) * release)
    state_f[LF_RELEASED] = released
    state_f[LF_HELD + position % LOOKAHEAD_FRAMES] = released
    total = 0.0
    for k in range(LOOKAHEAD_FRAMES):
        total += state_f[LF_HELD + k]
    return total / LOOKAHEAD_FRAMES


@kernel
def limit(audio: F32, n: int, rate_hz: float, state_i: I64, state_f: F32) -> None:
    """Limit interleaved stereo in place; it comes out LOOKAHEAD_FRAMES later.

    Parameters
    ----------
    audio : float32 array, shape (at least 2 * n,)
        Any level; NaN becomes silence rather than a bang.
    n : int
        Frames.
    rate_hz : float
        Frames a second, for the release.
    state_i, state_f : int64 and float32 arrays, shapes (N_LIMITER_I,) and (N_LIMITER_F,)
        State, changed in place.

    Notes
    -----
    Real-time safe. While nothing exceeds the ceiling, and for as long as the gain is back at unity,
    a frame costs one comparison and the delay; at work it costs about 130 operations.
    """
    release = math.exp(-1.0 / (RELEASE_S * rate_hz))
    busy_after = int(BUSY_FRAMES_FACTOR * RELEASE_S * rate_hz) + 2 * LOOKAHEAD_FRAMES
    lowest_gain = np.float32(1.0)
    for i in range(n):
        position = state_i[LI_POSITION]
        left, right = audio[2 * i], audio[2 * i + 1]
        if not (abs(left) <= 1e6 and abs(right) <= 1e6):
            left = right = np.float32(0.0)
        slot = LF_DELAY + 2 * (position % LOOKAHEAD_FRAMES)
        delayed_l, delayed_r = state_f[slot], state_f[slot + 1]
        state_f[slot], state_f[slot + 1] = left, right
        peak = max(abs(left), abs(right))
        if peak > CEILING:
            if state_i[LI_BUSY] == 0:
                # Idle frames need unity and were not written down one by one.
                state_f[LF_NEEDED:] = np.float32(1.0)
            state_i[LI_BUSY] = busy_after
        if state_i[LI_BUSY] > 0:
            needed = CEILING / float(peak) if peak > CEILING else 1.0
            gain = np.float32(_limited_gain(needed, position, release, state_f))
            delayed_l *= gain
            delayed_r *= gain
            lowest_gain = min(lowest_gain, gain)
            # The last bit: float rounding of the mean may exceed the ceiling by 1e-7.
            delayed_l = min(max(delayed_l, np.float32(-CEILING)), np.float32(CEILING))
            delayed_r = min(max(delayed_r, np.float32(-CEILING)), np.float32(CEILING))
            state_i[LI_BUSY] -= 1
        audio[2 * i], audio[2 * i + 1] = delayed_l, delayed_r
        state_i[LI_POSITION] = position + 1
    state_f[LF_GAIN] = lowest_gain
