"""Settings on their way from the knob to the sound: held to their range, and gliding instead of jumping.

A setting may be rewritten at any moment by another thread, and a gain or a corner that follows at once
clicks. Every effect keeps a copy that glides after it, a step every GRID_FRAMES frames. The grid counts
frames since the effect began and not since the block began: how the device cuts the sound must not be
heard, nor be seen in a test. What a step leaves coarse, effects draw straight between grid points.

`prepare_targets` runs off the device thread, the kernels on it.
"""

import math
from typing import Final

from engine.kernels.dynamics import ROW_FRAMES
from engine.kernels.jit import kernel
from engine.realtime.effects.kind import Parameter
from engine.units import F64

GRID_FRAMES: Final = ROW_FRAMES
"""16: 0.33 ms at 48 kHz: a full glide is 45 steps, and a filter is designed 3000 times a second at most."""
GLIDE_S: Final = 0.015
"""Time constant: 90 % of the way in 35 ms."""
_SNAP: Final = 1e-6
"""Rest of the way, as a share of the range, that is done at once, so that glides end."""

# Cells, from the place that the effect gives them: frames since the last grid point, whether there was a
# first one, the share of the way of a step, the number of settings; then the gliding values, and for each
# lower end, upper end and kind.
T_PHASE: Final = 0
T_STARTED: Final = 1
T_STEP: Final = 2
T_COUNT: Final = 3
T_VALUES: Final = 4
_LINEAR, _LOG, _WHOLE = 0.0, 1.0, 2.0
_KINDS: Final = {"linear": _LINEAR, "log": _LOG, "choice": _WHOLE, "switch": _WHOLE}


def n_target_cells(n_parameters: int) -> int:
    """Cells of state that `n_parameters` gliding settings take."""
    return T_VALUES + 4 * n_parameters


def prepare_targets(parameters: tuple[Parameter, ...], rate_hz: float, state: F64, at: int) -> None:
    """Write down ranges and kinds; the first grid point takes the settings as they stand.

    Parameters
    ----------
    parameters : tuple of Parameter
        In the order of the cells that the kernels get.
    rate_hz : float
    state : float64 array, shape (at least at + n_target_cells(len(parameters)),)
        Zeroed cells of the effect.
    at : int
        Where the targets begin in it.
    """
    n = len(parameters)
    state[at + T_STEP] = 1.0 - math.exp(-GRID_FRAMES / (GLIDE_S * rate_hz))
    state[at + T_COUNT] = n
    for k, parameter in enumerate(parameters):
        base = at + T_VALUES + k
        state[base] = parameter.default
        state[base + n] = parameter.low
        state[base + 2 * n] = parameter.high
        state[base + 3 * n] = _KINDS[parameter.taper]


@kernel
def glide_to(value: float, target: float, step: float) -> float:
    """One step towards a target between 0 and 1, of an effect's own value: a switch that must not click.

    Parameters
    ----------
    value, target : float
        Where it is and where to.
    step : float
        The share of the way, of `state[at + T_STEP]`.

    Returns
    -------
    float
        The target itself once it is near.
    """
    return target if abs(target - value) <= _SNAP else value + (target - value) * step


@kernel
def _next_value(value: float, target: float, kind: float, step: float, tolerance: float) -> float:
    """One step of a glide; equal to the target once it is there."""
    if kind == _WHOLE:
        return math.floor(target + 0.5)
    if kind == _LOG:
        ratio = value / target
        return target if abs(ratio - 1.0) <= _SNAP else target * ratio ** (1.0 - step)
    return target if abs(target - value) <= tolerance else value + (target - value) * step


@kernel
def follow_targets(params: F64, state: F64, at: int) -> bool:
    """Take one step at a grid point; returns whether any value changed (true at the first).

    Parameters
    ----------
    params : float64 array, shape (N_EFFECT_PARAMS,)
        Targets. Beyond the range they count as its nearest end; NaN leaves the value where it is.
    state : float64 array, shape (n_state,)
        Values from `at + T_VALUES` on, in the order of the parameters; advanced.
    at : int
        Where the targets begin in it.

    Notes
    -----
    Call it when `state[at + T_PHASE]` is 0. Choices and switches do not glide: they come whole.
    """
    n = int(state[at + T_COUNT])
    first = state[at + T_STARTED] == 0.0
    state[at + T_STARTED] = 1.0
    moved = first
    for k in range(n):
        cell = at + T_VALUES + k
        value = state[cell]
        target = params[k]
        if target == value and not first:
            continue
        low, high, kind = state[cell + n], state[cell + 2 * n], state[cell + 3 * n]
        if not low <= target <= high:
            target = low if target < low else high if target > high else value
        if first:
            # A glide from nowhere: one step that is the whole way.
            state[cell] = math.floor(target + 0.5) if kind == _WHOLE else target
        elif target != value:
            state[cell] = _next_value(value, target, kind, state[at + T_STEP], _SNAP * (high - low))
            moved = moved or state[cell] != value
    return moved


@kernel
def to_grid_point(state: F64, at: int, frames_left: int) -> int:
    """Frames of this block until the next grid point, `frames_left` at most; counts them as done.

    Parameters
    ----------
    state : float64 array, shape (n_state,)
        As in `follow_targets`.
    at : int
        Where the targets begin in it.
    frames_left : int, >= 1
        Of the block.
    """
    phase = int(state[at + T_PHASE])
    frames = min(GRID_FRAMES - phase, frames_left)
    phase += frames
    state[at + T_PHASE] = 0.0 if phase == GRID_FRAMES else float(phase)
    return frames
