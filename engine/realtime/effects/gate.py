"""Gate: closes between phrases, so that room, breath and headphones stay out of the take.

It opens when the side-chain passes the threshold and closes when it has stayed below a lower one, by the
hysteresis, for the length of the hold; a level that hovers about one threshold does not make it flutter.
Both channels together. Runs on the device thread; no latency.
"""

from typing import Final

import numpy as np

from engine.kernels.dynamics import fast_gain, fast_level_db, keep_factor
from engine.kernels.jit import kernel
from engine.kernels.side_chain import N_SIDE_CHAIN, linked_power, rest_side_chain, tune_side_chain
from engine.realtime.effects.kind import N_READOUTS, S_GAIN_REDUCTION_DB, EffectKind, Parameter
from engine.realtime.effects.targets import (
    T_PHASE,
    T_STARTED,
    T_VALUES,
    follow_targets,
    n_target_cells,
    prepare_targets,
    to_grid_point,
)
from engine.realtime.layout import CHUNK_FRAMES
from engine.units import F32, F64

P_THRESHOLD: Final = 0
P_HYSTERESIS: Final = 1
P_RANGE: Final = 2
P_ATTACK: Final = 3
P_HOLD: Final = 4
P_RELEASE: Final = 5
P_SIDE_CHAIN: Final = 6
PARAMETERS: Final = (
    Parameter("threshold_db", -80.0, 0.0, -48.0, "linear", "It opens above this level"),
    Parameter("hysteresis_db", 0.0, 24.0, 6.0, "linear", "It closes this much below the threshold"),
    Parameter("range_db", 0.0, 90.0, 40.0, "linear", "How far a closed gate turns the sound down"),
    Parameter("attack_ms", 0.1, 100.0, 1.0, "log", "How fast it opens"),
    Parameter("hold_ms", 0.0, 2000.0, 100.0, "linear", "How long it stays open below the threshold"),
    Parameter("release_ms", 5.0, 4000.0, 150.0, "log", "How fast it closes"),
    Parameter("side_chain_hz", 20.0, 2000.0, 100.0, "log", "Lower tones do not open it"),
)

PEAK_MS: Final = 10.0
"""How slowly the level falls between the peaks of a low tone."""
_SILENT_POWER: Final = 1e-24
_NEAR: Final = 1e-9  # a gain this near to where it goes is there: exactly open, exactly closed

_S_TARGETS: Final = N_READOUTS
_S_SIDE_CHAIN: Final = _S_TARGETS + n_target_cells(len(PARAMETERS))
_S_OPEN_AT: Final = _S_SIDE_CHAIN + N_SIDE_CHAIN  # powers
_S_CLOSE_AT: Final = _S_OPEN_AT + 1
_S_FLOOR: Final = _S_CLOSE_AT + 1  # gain of the closed gate
_S_HOLD: Final = _S_FLOOR + 1  # frames
_S_ATTACK: Final = _S_HOLD + 1
_S_RELEASE: Final = _S_ATTACK + 1
_S_PEAK_KEEP: Final = _S_RELEASE + 1
_S_LEVEL: Final = _S_PEAK_KEEP + 1
_S_LEFT: Final = _S_LEVEL + 1  # frames until it closes; it is open while there are any
_S_GAIN: Final = _S_LEFT + 1
_N_STATE: Final = _S_GAIN + 1


def prepare_gate(rate_hz: float, state: F64, memory: F32) -> None:
    """Make zeroed cells a gate, closed.

    Parameters
    ----------
    rate_hz : float
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (CHUNK_FRAMES,)
    """
    prepare_targets(PARAMETERS, rate_hz, state, _S_TARGETS)
    state[_S_PEAK_KEEP] = keep_factor(PEAK_MS / 2.0, rate_hz)  # a power falls twice as fast


@kernel
def _take_settings(rate_hz: float, params: F64, state: F64) -> None:
    """At a grid point."""
    values = _S_TARGETS + T_VALUES
    first = state[_S_TARGETS + T_STARTED] == 0.0
    if follow_targets(params, state, _S_TARGETS):
        threshold_db = state[values + P_THRESHOLD]
        state[_S_OPEN_AT] = fast_gain(2.0 * threshold_db)
        state[_S_CLOSE_AT] = fast_gain(2.0 * (threshold_db - state[values + P_HYSTERESIS]))
        state[_S_FLOOR] = fast_gain(-state[values + P_RANGE])
        # One more than the hold: the frame that opens it counts down too.
        state[_S_HOLD] = 1.0 + np.floor(0.001 * state[values + P_HOLD] * rate_hz + 0.5)
        state[_S_ATTACK] = 1.0 - keep_factor(state[values + P_ATTACK], rate_hz)
        state[_S_RELEASE] = 1.0 - keep_factor(state[values + P_RELEASE], rate_hz)
        tune_side_chain(state[values + P_SIDE_CHAIN], rate_hz, state, _S_SIDE_CHAIN)
        if first:
            state[_S_GAIN] = state[_S_FLOOR]
    rest_side_chain(state, _S_SIDE_CHAIN)
    if state[_S_LEVEL] < _SILENT_POWER:
        state[_S_LEVEL] = 0.0
    goal = 1.0 if state[_S_LEFT] > 0.0 else state[_S_FLOOR]
    if abs(state[_S_GAIN] - goal) < _NEAR:
        state[_S_GAIN] = goal


@kernel
def _decide(row: F32, state: F64) -> None:
    """From powers of the side-chain to gains."""
    open_at, close_at, floor, hold = state[_S_OPEN_AT], state[_S_CLOSE_AT], state[_S_FLOOR], state[_S_HOLD]
    attack, release, keep = state[_S_ATTACK], state[_S_RELEASE], state[_S_PEAK_KEEP]
    level, left, gain = state[_S_LEVEL], state[_S_LEFT], state[_S_GAIN]
    for i in range(row.shape[0]):
        power = np.float64(row[i])
        fallen = level * keep
        level = power if power > fallen else fallen
        # A closed gate listens to the upper threshold, an open one to the lower.
        opening = level >= (close_at if left > 0.0 else open_at)
        left = hold if opening else left - 1.0
        is_open = left > 0.0
        gain += ((1.0 if is_open else floor) - gain) * (attack if is_open else release)
        row[i] = gain
    state[_S_LEVEL], state[_S_LEFT], state[_S_GAIN] = level, max(left, 0.0), gain


@kernel
def process_gate(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Open and close in place; see `EffectKind.process`.

    Parameters
    ----------
    audio : float32 array, shape (2, frames)
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (CHUNK_FRAMES,)
    """
    n = audio.shape[1]
    done = 0
    while done < n:
        if state[_S_TARGETS + T_PHASE] == 0.0:
            _take_settings(rate_hz, params, state)
        stop = done + to_grid_point(state, _S_TARGETS, n - done)
        row = memory[done:stop]
        linked_power(audio[0, done:stop], audio[1, done:stop], state, _S_SIDE_CHAIN, row)
        _decide(row, state)
        done = stop
    left, right, gains = audio[0], audio[1], memory[:n]
    for i in range(n):
        left[i] *= gains[i]
        right[i] *= gains[i]
    state[S_GAIN_REDUCTION_DB] = max(0.0, -fast_level_db(state[_S_GAIN]))


KIND: Final = EffectKind(
    name="gate",
    title="Gate",
    parameters=PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=lambda _rate_hz: CHUNK_FRAMES,
    latency_frames=lambda _rate_hz: 0,
    prepare=prepare_gate,
    process=process_gate,
)
