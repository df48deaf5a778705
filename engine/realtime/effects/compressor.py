"""Compressor: what is loud comes down, so that the whole can come up.

Feed-forward, in decibels, both channels together: side-chain, peak or RMS level, soft knee, the smooth
decoupled detector of [1]_ (release first, then attack, so that a steady tone settles at exactly what the
curve says), make-up. Runs on the device thread; no latency.

References
----------
.. [1] D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design - a tutorial and
   analysis", JAES 60(6), 2012.
"""

from typing import Final

from engine.kernels.dynamics import (
    draw_levels,
    draw_reductions,
    drop_reduction,
    fast_exp2,
    keep_factor,
    reduction_db,
)
from engine.kernels.jit import kernel
from engine.kernels.side_chain import N_SIDE_CHAIN, linked_power, rest_side_chain, tune_side_chain
from engine.realtime.effects.kind import N_READOUTS, S_GAIN_REDUCTION_DB, EffectKind, Parameter
from engine.realtime.effects.targets import (
    GRID_FRAMES,
    T_PHASE,
    T_STARTED,
    T_STEP,
    T_VALUES,
    follow_targets,
    glide_to,
    n_target_cells,
    prepare_targets,
    to_grid_point,
)
from engine.realtime.layout import CHUNK_FRAMES
from engine.units import F32, F64

P_THRESHOLD: Final = 0
P_RATIO: Final = 1
P_KNEE: Final = 2
P_ATTACK: Final = 3
P_RELEASE: Final = 4
P_MAKEUP: Final = 5
P_AUTO_MAKEUP: Final = 6
P_DETECTOR: Final = 7
P_SIDE_CHAIN: Final = 8
PARAMETERS: Final = (
    Parameter("threshold_db", -60.0, 0.0, -18.0, "linear", "Level from which the sound is turned down"),
    Parameter("ratio", 1.0, 20.0, 3.0, "log", "How many dB more at the input make one dB more at the output"),
    Parameter("knee_db", 0.0, 24.0, 6.0, "linear", "Width over which turning down sets in"),
    Parameter("attack_ms", 0.1, 200.0, 5.0, "log", "How fast it is turned down"),
    Parameter("release_ms", 5.0, 2000.0, 120.0, "log", "How fast it comes back"),
    Parameter("makeup_db", -12.0, 24.0, 0.0, "linear", "Level behind the compressor"),
    Parameter("auto_makeup", 0.0, 1.0, 0.0, "switch", "Give back half of what a full-scale tone loses"),
    Parameter("detector", 0.0, 1.0, 0.0, "choice", "Follow peaks or the mean power", ("peak", "RMS")),
    Parameter("side_chain_hz", 20.0, 500.0, 60.0, "log", "Lower tones do not turn the sound down"),
)

RMS_S: Final = 0.01
"""Time constant of the mean power."""
_SILENT_POWER: Final = 1e-20

_S_TARGETS: Final = N_READOUTS
_S_SIDE_CHAIN: Final = _S_TARGETS + n_target_cells(len(PARAMETERS))
_S_AUTO: Final = _S_SIDE_CHAIN + N_SIDE_CHAIN  # share of the automatic make-up, 0 to 1
_S_MAKEUP: Final = _S_AUTO + 1  # dB at the last grid point, at the next one
_S_SLOPE: Final = _S_MAKEUP + 2
_S_ATTACK: Final = _S_SLOPE + 1
_S_RELEASE: Final = _S_ATTACK + 1
_S_POWER: Final = _S_RELEASE + 1
_S_REDUCTION: Final = _S_POWER + 1  # after the release, after the attack
_S_RMS_KEEP: Final = _S_REDUCTION + 2
_N_STATE: Final = _S_RMS_KEEP + 1


def prepare_compressor(rate_hz: float, state: F64, memory: F32) -> None:
    """Make zeroed cells a compressor.

    Parameters
    ----------
    rate_hz : float
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (n_memory,)
    """
    prepare_targets(PARAMETERS, rate_hz, state, _S_TARGETS)
    state[_S_RMS_KEEP] = keep_factor(1000.0 * RMS_S, rate_hz)


@kernel
def _take_settings(rate_hz: float, params: F64, state: F64) -> None:
    """At a grid point."""
    first = state[_S_TARGETS + T_STARTED] == 0.0
    moved = follow_targets(params, state, _S_TARGETS)
    values = _S_TARGETS + T_VALUES
    auto = state[values + P_AUTO_MAKEUP]
    if state[_S_AUTO] != auto:
        state[_S_AUTO] = auto if first else glide_to(state[_S_AUTO], auto, state[_S_TARGETS + T_STEP])
        moved = True
    state[_S_MAKEUP] = state[_S_MAKEUP + 1]
    if moved:
        slope = 1.0 - 1.0 / state[values + P_RATIO]
        lost_db = reduction_db(0.0, state[values + P_THRESHOLD], slope, state[values + P_KNEE])
        state[_S_MAKEUP + 1] = state[values + P_MAKEUP] + 0.5 * lost_db * state[_S_AUTO]
        state[_S_SLOPE] = slope
        state[_S_ATTACK] = keep_factor(state[values + P_ATTACK], rate_hz)
        state[_S_RELEASE] = keep_factor(state[values + P_RELEASE], rate_hz)
        tune_side_chain(state[values + P_SIDE_CHAIN], rate_hz, state, _S_SIDE_CHAIN)
        if first:
            state[_S_MAKEUP] = state[_S_MAKEUP + 1]
    rest_side_chain(state, _S_SIDE_CHAIN)
    if state[_S_POWER] < _SILENT_POWER:
        state[_S_POWER] = 0.0
    drop_reduction(state, _S_REDUCTION)


@kernel
def _mean_power(row: F32, state: F64) -> None:
    """From powers to twice their mean, which for a sine is the power of its peaks."""
    power, keep = state[_S_POWER], state[_S_RMS_KEEP]
    share = 2.0 * (1.0 - keep)
    for i in range(row.shape[0]):
        power = keep * power + share * row[i]
        row[i] = power
    state[_S_POWER] = power


@kernel
def _apply(octaves: F32, audio: F32) -> None:
    """Multiply both channels by two to the power of `octaves`."""
    for i in range(octaves.shape[0]):
        octaves[i] = fast_exp2(octaves[i])
    left, right = audio[0], audio[1]
    for i in range(octaves.shape[0]):
        left[i] *= octaves[i]
        right[i] *= octaves[i]


@kernel
def process_compressor(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Compress in place; see `EffectKind.process`.

    Parameters
    ----------
    audio : float32 array, shape (2, frames)
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (n_memory,)
    """
    n = audio.shape[1]
    levels, octaves = memory[:GRID_FRAMES], memory[GRID_FRAMES : GRID_FRAMES + n]
    values = _S_TARGETS + T_VALUES
    done = 0
    while done < n:
        phase = state[_S_TARGETS + T_PHASE]
        if phase == 0.0:
            _take_settings(rate_hz, params, state)
        stop = done + to_grid_point(state, _S_TARGETS, n - done)
        row = levels[: stop - done]
        linked_power(audio[0, done:stop], audio[1, done:stop], state, _S_SIDE_CHAIN, row)
        if state[values + P_DETECTOR] != 0.0:
            _mean_power(row, state)
        draw_reductions(levels, state[values + P_THRESHOLD], state[_S_SLOPE], state[values + P_KNEE])
        slope_db = (state[_S_MAKEUP + 1] - state[_S_MAKEUP]) / GRID_FRAMES
        line = (state[_S_MAKEUP] + slope_db * phase, slope_db)
        factors = (state[_S_ATTACK], state[_S_RELEASE])
        draw_levels(levels, line, factors, state, _S_REDUCTION, octaves[done:stop])
        done = stop
    _apply(octaves, audio)
    state[S_GAIN_REDUCTION_DB] = state[_S_REDUCTION + 1]


KIND: Final = EffectKind(
    name="compressor",
    title="Compressor",
    parameters=PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=lambda _rate_hz: GRID_FRAMES + CHUNK_FRAMES,
    latency_frames=lambda _rate_hz: 0,
    prepare=prepare_compressor,
    process=process_compressor,
)
