"""The lane mixer: gain, balance, mute and solo of every lane, ramped; the song itself while none is touched.

Runs on the device thread, on the frames that the transport took out of the lane ring. While every stem
stands at its neutral setting the original is passed on bit by bit (house.md, promise 2); once a stem is
touched, and every stem is there, the sum of the stems takes over by a linear cross-fade. Both sum to
the same song, so the change-over itself is silent. Takes are lanes behind the stems that are added to
either.

All ramps are straight lines over `RAMP_FRAMES` and are kept as (value, step, frames left), so the
result does not depend on how the driver cuts time into blocks.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.realtime.layout import (
    MASTER_ROW,
    N_PARAMS,
    P_GAIN,
    P_MUTE,
    P_PAN,
    P_SOLO,
    RAMP_FRAMES,
    SF_GAIN,
    SF_METER,
    SF_STEM_STEP,
    SF_STEM_TARGET,
    SF_STEM_WEIGHT,
    SI_RAMP_LEFT,
    SI_STEM_RAMP_LEFT,
)
from engine.units import F32, F64, I64

METER_FALL_DB_PER_S = 20.0
"""Peak meters fall 20 dB in about a second and a half on most desks; 20 dB/s reads a little livelier."""
METER_RMS_S = 0.3
"""Integration time of a VU meter."""
UNTOUCHED: Final = 0
TOUCHED: Final = 1
SILENCED: Final = 2


@kernel
def any_solo(params: F64, n_lanes: int) -> bool:
    """Whether a stem or a take (lane 1 and up) is soloed.

    Parameters
    ----------
    params : float64 array, shape (rows * N_PARAMS,)
        Gain, pan -1..1, mute 0/1, solo 0/1 of every lane, then of the master.
    n_lanes : int
        Lanes in use, the original included.
    """
    soloed = 0.0
    for lane in range(1, n_lanes):
        soloed += params[lane * N_PARAMS + P_SOLO]
    return soloed != 0.0


@kernel
def is_touched(params: F64, n_lanes: int) -> bool:
    """Whether some lane stands anywhere but at unity, centre, unmuted, unsoloed.

    Parameters
    ----------
    params : float64 array, shape (rows * N_PARAMS,)
        As in `any_solo`.
    n_lanes : int
        The original and the stems.
    """
    for lane in range(1, n_lanes):
        at = lane * N_PARAMS
        if params[at + P_GAIN] != 1.0 or params[at + P_PAN] != 0.0:
            return True
        if params[at + P_MUTE] != 0.0 or params[at + P_SOLO] != 0.0:
            return True
    return False


@kernel
def update_gain_target(params: F64, row: int, silenced: bool, state_i: I64, state_f: F64) -> None:
    """Start a ramp of one lane if its setting changed.

    Balance, not pan: the near side stays at unity and the far side falls along a quarter cosine, so that
    the neutral setting passes stereo through unchanged.

    Parameters
    ----------
    params : float64 array, shape (rows * N_PARAMS,)
        As in `any_solo`.
    row : int
        Lane, or MASTER_ROW.
    silenced : bool
        Another lane's solo silences this one.
    state_i, state_f : int64 and float64 arrays, shapes (N_STATE_I,) and (N_STATE_F,)
        The callback's private state; changed in place.
    """
    gain = params[row * N_PARAMS + P_GAIN]
    pan = params[row * N_PARAMS + P_PAN]
    if silenced or params[row * N_PARAMS + P_MUTE] != 0.0:
        gain = 0.0
    left, right = gain, gain
    if pan > 0.0:
        left = gain * math.cos(0.5 * math.pi * min(pan, 1.0))
    elif pan < 0.0:
        right = gain * math.cos(0.5 * math.pi * min(-pan, 1.0))
    at = SF_GAIN + 6 * row
    if state_f[at + 2] == left and state_f[at + 5] == right:
        return
    state_f[at + 2] = left
    state_f[at + 5] = right
    state_f[at + 1] = (left - state_f[at]) / RAMP_FRAMES
    state_f[at + 4] = (right - state_f[at + 3]) / RAMP_FRAMES
    state_i[SI_RAMP_LEFT + row] = RAMP_FRAMES


@fast_kernel
def apply_gain(audio: F32, n: int, row: int, state_i: I64, state_f: F64) -> None:
    """Multiply interleaved stereo frames by a lane's gains, along its ramp where one is under way.

    Parameters
    ----------
    audio : float32 array, shape (at least 2 * n,)
        Changed in place.
    n : int
        Frames.
    row : int
        Lane, or MASTER_ROW.
    state_i, state_f : int64 and float64 arrays, shapes (N_STATE_I,) and (N_STATE_F,)
        The callback's private state; the ramp is advanced.
    """
    at = SF_GAIN + 6 * row
    left_of_ramp = state_i[SI_RAMP_LEFT + row]
    ramped = min(n, left_of_ramp)
    if ramped > 0:
        left, right = state_f[at], state_f[at + 3]
        step_l, step_r = state_f[at + 1], state_f[at + 4]
        for i in range(ramped):
            audio[2 * i] *= np.float32(left + step_l * (i + 1))
            audio[2 * i + 1] *= np.float32(right + step_r * (i + 1))
        state_i[SI_RAMP_LEFT + row] = left_of_ramp - ramped
        if ramped == left_of_ramp:
            # Land on the target itself: a rounding error left here would keep unity from being exact.
            state_f[at] = state_f[at + 2]
            state_f[at + 3] = state_f[at + 5]
        else:
            state_f[at] = left + step_l * ramped
            state_f[at + 3] = right + step_r * ramped
    if ramped < n:
        gain_l, gain_r = np.float32(state_f[at]), np.float32(state_f[at + 3])
        if gain_l != np.float32(1.0) or gain_r != np.float32(1.0):
            for i in range(ramped, n):
                audio[2 * i] *= gain_l
                audio[2 * i + 1] *= gain_r


@fast_kernel
def update_meter(audio: F32, n: int, slot: int, rate_hz: float, state_f: F64) -> None:
    """Fold a chunk into a falling peak meter and a mean-square meter.

    Parameters
    ----------
    audio : float32 array, shape (at least 2 * n,)
        Interleaved stereo.
    n : int
        Frames.
    slot : int
        0 is the master, 1 + lane a lane.
    rate_hz : float
        Frames a second, for the ballistics.
    state_f : float64 array, shape (N_STATE_F,)
        The callback's private state; changed in place.
    """
    peak_l = np.float32(0.0)
    peak_r = np.float32(0.0)
    power_l = np.float32(0.0)
    power_r = np.float32(0.0)
    for i in range(n):
        left, right = audio[2 * i], audio[2 * i + 1]
        peak_l = max(peak_l, abs(left))
        peak_r = max(peak_r, abs(right))
        power_l += left * left
        power_r += right * right
    at = SF_METER + 4 * slot
    seconds = n / rate_hz
    fall = math.exp(-seconds * METER_FALL_DB_PER_S / 20.0 * math.log(10.0))
    keep = math.exp(-seconds / METER_RMS_S)
    state_f[at] = max(float(peak_l), state_f[at] * fall)
    state_f[at + 1] = max(float(peak_r), state_f[at + 1] * fall)
    state_f[at + 2] = float(power_l) / n + (state_f[at + 2] - float(power_l) / n) * keep
    state_f[at + 3] = float(power_r) / n + (state_f[at + 3] - float(power_r) / n) * keep


@kernel
def update_stem_weight(target: float, state_i: I64, state_f: F64) -> None:
    """Start the cross-fade between the original (0) and the sum of the stems (1) if the target changed.

    Parameters
    ----------
    target : float
        0 or 1.
    state_i, state_f : int64 and float64 arrays, shapes (N_STATE_I,) and (N_STATE_F,)
        The callback's private state; changed in place.
    """
    if state_f[SF_STEM_TARGET] == target:
        return
    state_f[SF_STEM_TARGET] = target
    state_f[SF_STEM_STEP] = (target - state_f[SF_STEM_WEIGHT]) / RAMP_FRAMES
    state_i[SI_STEM_RAMP_LEFT] = RAMP_FRAMES


@fast_kernel
def blend_stems(original: F32, stems: F32, n: int, state_i: I64, state_f: F64) -> None:
    """Cross-fade the sum of the stems into the original, in place; at weight 0 nothing is touched.

    Parameters
    ----------
    original, stems : float32 arrays, shape (at least 2 * n,)
        Interleaved stereo; `original` holds the result.
    n : int
        Frames.
    state_i, state_f : int64 and float64 arrays, shapes (N_STATE_I,) and (N_STATE_F,)
        The callback's private state; the cross-fade is advanced.
    """
    left_of_ramp = state_i[SI_STEM_RAMP_LEFT]
    ramped = min(n, left_of_ramp)
    weight, step = state_f[SF_STEM_WEIGHT], state_f[SF_STEM_STEP]
    for i in range(ramped):
        w = np.float32(weight + step * (i + 1))
        original[2 * i] += w * (stems[2 * i] - original[2 * i])
        original[2 * i + 1] += w * (stems[2 * i + 1] - original[2 * i + 1])
    if ramped > 0:
        state_i[SI_STEM_RAMP_LEFT] = left_of_ramp - ramped
        finished = ramped == left_of_ramp
        state_f[SF_STEM_WEIGHT] = state_f[SF_STEM_TARGET] if finished else weight + step * ramped
    if ramped < n and state_f[SF_STEM_WEIGHT] != 0.0:
        for i in range(2 * ramped, 2 * n):
            original[i] = stems[i]


@kernel
def update_targets(params: F64, n_lanes: int, n_takes: int, state_i: I64, state_f: F64) -> int:
    """Read every setting once a chunk.

    Parameters
    ----------
    params : float64 array, shape (rows * N_PARAMS,)
        As in `any_solo`.
    n_lanes : int
        Lanes in use, the original included.
    n_takes : int
        How many of them, the last ones, are takes.
    state_i, state_f : int64 and float64 arrays, shapes (N_STATE_I,) and (N_STATE_F,)
        The callback's private state; ramps are started.

    Returns
    -------
    int
        UNTOUCHED: the song is heard as it is. TOUCHED: the stems are to be heard. SILENCED: none of them is,
        so that they need not even be there.
    """
    n_song = n_lanes - n_takes
    solo = any_solo(params, n_lanes)
    for lane in range(1, n_lanes):
        silenced = solo and params[lane * N_PARAMS + P_SOLO] == 0.0
        update_gain_target(params, lane, silenced, state_i, state_f)
    update_gain_target(params, MASTER_ROW, False, state_i, state_f)
    # The solo of a take turns neutral stems down as well.
    if n_song < 2 or not (solo or is_touched(params, n_song)):
        return UNTOUCHED
    for lane in range(1, n_song):
        at = SF_GAIN + 6 * lane
        if state_f[at + 2] != 0.0 or state_f[at + 5] != 0.0:
            return TOUCHED
    return SILENCED
