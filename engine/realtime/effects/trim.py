"""Trim: the level at which the voice enters the chain, by hand or found by itself.

While `auto` is on, the loudness of the voice is measured as broadcasters do (K-weighted, pauses left out)
and the gain that brings it to the target is learnt; it moves slowly, stands still through pauses, and never
lets the highest peak heard so far come within HEADROOM_DB of full scale. The window shows what was learnt,
so that it can be kept as the gain by hand. Runs on the device thread; no latency.

References
----------
.. [1] ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio level", 2015.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.biquad import drop_silence
from engine.kernels.dynamics import fast_gain
from engine.kernels.jit import kernel
from engine.kernels.loudness import k_weighting
from engine.realtime.effects.kind import N_READOUTS, S_READOUT_1, EffectKind, Parameter
from engine.realtime.effects.targets import (
    GRID_FRAMES,
    T_PHASE,
    T_STARTED,
    T_STEP,
    T_VALUES,
    follow_targets,
    n_target_cells,
    prepare_targets,
    to_grid_point,
)
from engine.units import F32, F64

P_GAIN: Final = 0
P_AUTO: Final = 1
P_TARGET: Final = 2
LOWEST_DB: Final = -24.0
HIGHEST_DB: Final = 48.0
PARAMETERS: Final = (
    Parameter("gain_db", LOWEST_DB, HIGHEST_DB, 0.0, "linear", "Level at the input, while it is set by hand"),
    Parameter("auto", 0.0, 1.0, 0.0, "switch", "Find the gain from the voice"),
    Parameter("target_lufs", -40.0, -10.0, -20.0, "linear", "Loudness that the voice is brought to"),
)

WINDOW_S: Final = 0.4
"""Loudness is taken of stretches of this length, as a momentary meter does."""
MEMORY_S: Final = 6.0
"""How much singing the loudness remembers."""
GATE_LUFS: Final = -55.0
"""Quieter stretches are room, not voice."""
RELATIVE_GATE_LU: Final = 12.0
"""Nor are those voice that are this much quieter than the voice so far."""
FORGET_DB: Final = 0.2
"""What they take off it, and every stretch off the highest peak: one clap is not remembered for ever."""
HEADROOM_DB: Final = 5.0
FIRST_WINDOWS: Final = 3
"""So much voice is heard before anything is learnt from it: the first word is often a soft one."""
LEARN_S: Final = 0.3
"""Time constant with which the gain goes to where it is learnt to be."""
_OFFSET_DB: Final = -0.691  # of [1]
_NEAR_DB: Final = 1e-6
_SMALLEST_PEAK: Final = 1e-10
_HEADROOM: Final = 10.0 ** (-HEADROOM_DB / 20.0)

_S_TARGETS: Final = N_READOUTS
_S_K: Final = _S_TARGETS + n_target_cells(len(PARAMETERS))  # coefficients of the K-weighting, 2 x 5
_S_FILTER: Final = _S_K + 10  # its states, left then right, 4 each
_S_ENERGY: Final = _S_FILTER + 8  # of the open window, left and right
_S_CELLS: Final = _S_ENERGY + 2  # grid points since it opened
_S_PEAK: Final = _S_CELLS + 1
_S_VOICE: Final = _S_PEAK + 1  # mean power of the voice so far, 0 before any
_S_WINDOWS: Final = _S_VOICE + 1  # how many windows it is the mean of
_S_LEARNING: Final = _S_WINDOWS + 1  # whether `auto` was on at the last grid point
_S_LEARNT: Final = _S_LEARNING + 1  # dB
_S_LEARN_STEP: Final = _S_LEARNT + 1
_S_LEVEL: Final = _S_LEARN_STEP + 1  # dB in use
_S_GAIN: Final = _S_LEVEL + 1  # at the last grid point, at the next one
_N_STATE: Final = _S_GAIN + 2


def prepare_trim(rate_hz: float, state: F64, memory: F32) -> None:
    """Make zeroed cells a trim that has heard nothing.

    Parameters
    ----------
    rate_hz : float
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (0,)
    """
    prepare_targets(PARAMETERS, rate_hz, state, _S_TARGETS)
    state[_S_K : _S_K + 10] = k_weighting(round(rate_hz)).ravel()
    state[_S_LEARN_STEP] = 1.0 - math.exp(-GRID_FRAMES / (LEARN_S * rate_hz))


@kernel
def _weigh(x: F32, state: F64, channel: int) -> None:
    """Add one channel's energy behind the K-weighting to the window, and its highest peak."""
    b0, b1, b2, a1, a2 = state[_S_K], state[_S_K + 1], state[_S_K + 2], state[_S_K + 3], state[_S_K + 4]
    d1, d2 = state[_S_K + 8], state[_S_K + 9]
    at = _S_FILTER + 4 * channel
    s0, s1, s2, s3 = state[at], state[at + 1], state[at + 2], state[at + 3]
    energy, peak = state[_S_ENERGY + channel], state[_S_PEAK]
    for i in range(x.shape[0]):
        u = np.float64(x[i])
        peak = abs(u) if abs(u) > peak else peak
        v = b0 * u + s0
        s0 = b1 * u - a1 * v + s1
        s1 = b2 * u - a2 * v
        # The high-pass behind the shelf has the zeros 1, -2, 1.
        w = v + s2
        s2 = s3 - 2.0 * v - d1 * w
        s3 = v - d2 * w
        energy += w * w
    state[at], state[at + 1], state[at + 2], state[at + 3] = s0, s1, s2, s3
    state[_S_ENERGY + channel], state[_S_PEAK] = energy, peak


@kernel
def _close_window(target_lufs: float, state: F64) -> None:
    """Judge the window that is full, and learn from it if it was voice."""
    power = (state[_S_ENERGY] + state[_S_ENERGY + 1]) / (state[_S_CELLS] * GRID_FRAMES)
    state[_S_ENERGY] = state[_S_ENERGY + 1] = state[_S_CELLS] = 0.0
    if power <= 10.0 ** (0.1 * (GATE_LUFS - _OFFSET_DB)):
        return
    if power < state[_S_VOICE] * 10.0 ** (-0.1 * RELATIVE_GATE_LU):
        state[_S_VOICE] *= 10.0 ** (-0.1 * FORGET_DB)
    else:
        state[_S_WINDOWS] = min(state[_S_WINDOWS] + 1.0, MEMORY_S / WINDOW_S)
        state[_S_VOICE] += (power - state[_S_VOICE]) / state[_S_WINDOWS]
    if state[_S_WINDOWS] < FIRST_WINDOWS:
        return
    wanted_db = target_lufs - _OFFSET_DB - 10.0 * math.log10(state[_S_VOICE])
    state[_S_PEAK] *= 10.0 ** (-0.05 * FORGET_DB)
    state[_S_LEARNT] = min(max(min(wanted_db, _bearable_db(state)), LOWEST_DB), HIGHEST_DB)


@kernel
def _bearable_db(state: F64) -> float:
    """Gain at which the highest peak so far keeps its headroom."""
    return -HEADROOM_DB - 20.0 * math.log10(max(state[_S_PEAK], _SMALLEST_PEAK))


@kernel
def _learn(rate_hz: float, gain_db: float, target_lufs: float, state: F64) -> None:
    """At a grid point with `auto` on."""
    if state[_S_LEARNING] == 0.0:
        state[_S_LEARNING] = 1.0
        state[_S_LEARNT] = gain_db
        for k in range(_S_FILTER, _S_LEARNING):
            state[k] = 0.0
    drop_silence(state, _S_FILTER, 8)
    if state[_S_CELLS] * GRID_FRAMES >= WINDOW_S * rate_hz:
        _close_window(target_lufs, state)
    state[_S_CELLS] += 1.0


@kernel
def _take_settings(rate_hz: float, params: F64, state: F64) -> None:
    """At a grid point: what the gain is to be at the next one."""
    first = state[_S_TARGETS + T_STARTED] == 0.0
    follow_targets(params, state, _S_TARGETS)
    values = _S_TARGETS + T_VALUES
    goal_db, step = state[values + P_GAIN], state[_S_TARGETS + T_STEP]
    if state[values + P_AUTO] != 0.0:
        _learn(rate_hz, goal_db, state[values + P_TARGET], state)
        if state[_S_PEAK] * state[_S_GAIN + 1] > _HEADROOM:
            # Louder than all before: down at once, not when the window is full.
            state[_S_LEARNT] = max(min(state[_S_LEARNT], _bearable_db(state)), LOWEST_DB)
        else:
            step = state[_S_LEARN_STEP]
        goal_db = state[_S_LEARNT]
    else:
        state[_S_LEARNING] = 0.0
    level_db = state[_S_LEVEL]
    if first or abs(goal_db - level_db) < _NEAR_DB:
        level_db = goal_db
    else:
        level_db += (goal_db - level_db) * step
    state[_S_GAIN] = state[_S_GAIN + 1]
    if level_db != state[_S_LEVEL] or first:
        state[_S_LEVEL] = level_db
        state[_S_GAIN + 1] = fast_gain(level_db)
    if first:
        state[_S_GAIN] = state[_S_GAIN + 1]


@kernel
def process_trim(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Set the level in place; see `EffectKind.process`.

    Parameters
    ----------
    audio : float32 array, shape (2, frames)
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (0,)
    """
    n = audio.shape[1]
    done = 0
    while done < n:
        phase = state[_S_TARGETS + T_PHASE]
        if phase == 0.0:
            _take_settings(rate_hz, params, state)
        stop = done + to_grid_point(state, _S_TARGETS, n - done)
        left, right = audio[0, done:stop], audio[1, done:stop]
        if state[_S_LEARNING] != 0.0:
            _weigh(left, state, 0)
            _weigh(right, state, 1)
        gain, slope = state[_S_GAIN], (state[_S_GAIN + 1] - state[_S_GAIN]) / GRID_FRAMES
        if gain != 1.0 or slope != 0.0:
            for i in range(stop - done):
                level = np.float32(gain + slope * (phase + (i + 1)))
                left[i] *= level
                right[i] *= level
        done = stop
    state[S_READOUT_1] = state[_S_LEARNT]


KIND: Final = EffectKind(
    name="trim",
    title="Trim",
    parameters=PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=lambda _rate_hz: 0,
    latency_frames=lambda _rate_hz: 0,
    prepare=prepare_trim,
    process=process_trim,
    readouts=("learnt_gain_db",),
)
