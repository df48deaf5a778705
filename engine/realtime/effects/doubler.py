"""Doubler: two or four more singers who are never quite in time or in tune.

Runs on the device thread. What comes out are the added voices alone; the chain mixes them with the first.
Each voice is a delay that wanders, by two slow sines whose periods have no common multiple; where a delay
grows the pitch falls, so that `detune_cents` is the furthest that a voice strays.

Within eight frames a delay moves by less than half a frame, so eight neighbouring points of the line serve
eight frames, each a little further along (kernels/delay.py, `cubic8`).
"""

import math
from typing import Final

import numpy as np

from engine.kernels.delay import SILENCE, cubic8, line_frames, look_back, next_place, write_line
from engine.kernels.jit import kernel
from engine.kernels.lanes import load8, splat8, store8
from engine.realtime.effects.kind import N_READOUTS, EffectKind, Parameter
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
from engine.units import F32, F64

P_VOICES: Final = 0
P_DELAY: Final = 1
P_DETUNE: Final = 2
P_WANDER: Final = 3
P_WIDTH: Final = 4

_PARAMETERS: Final = (
    Parameter("voices", 0.0, 1.0, 0.0, "choice", "How many voices join in", ("2", "4")),
    Parameter("delay_ms", 8.0, 50.0, 22.0, "log", "How late they are"),
    Parameter("detune_cents", 0.0, 30.0, 8.0, "linear", "How far they stray from the pitch"),
    Parameter("wander_hz", 0.05, 3.0, 0.35, "log", "How fast they wander"),
    Parameter("width", 0.0, 1.0, 0.9, "linear", "How far apart they stand"),
)

N_VOICES: Final = 4
_SPREAD: Final = (1.0, 1.31, 0.83, 1.13)
"""Each voice's part of `delay_ms`."""
_TURNS: Final = (0.0, 0.29, 0.57, 0.81)
"""Where each one's wandering begins, as part of a period."""
_OTHER_RATE: Final = 0.5 * (1.0 + math.sqrt(5.0))
_OTHER_SHARE: Final = 0.4
# Of 0.6 sin(wt) + 0.4 sin(1.618 wt), over w: the steepest that the sum can be.
_STEEPEST: Final = 1.0 - _OTHER_SHARE + _OTHER_SHARE * _OTHER_RATE
_DEEPEST: Final = 0.3
"""A voice wanders by this part of its delay at most, however slowly."""
_LONGEST_S: Final = 0.050 * 1.31 * (1.0 + _DEEPEST)
_FASTEST: Final = 0.03
"""How many frames a frame a delay may follow its knob: half a semitone, while it is turned."""

_S_TARGETS: Final = N_READOUTS
_S_AT: Final = _S_TARGETS + n_target_cells(len(_PARAMETERS))
_S_ROTORS: Final = _S_AT + 1  # cosine and sine of both wanderings, then of their turns a grid step
_S_DEPTH: Final = _S_ROTORS + 8  # frames
_S_PAIR: Final = _S_DEPTH + 1  # level of the second pair of voices: before and after the step
_S_SIDES: Final = _S_PAIR + 2  # gain of a voice on its own side and on the other: before and after
_S_BASE: Final = _S_SIDES + 4  # each voice's delay without wandering
_S_DELAY: Final = _S_BASE + N_VOICES  # each voice's delay: before and after the step
_N_STATE: Final = _S_DELAY + 2 * N_VOICES

_M_MID: Final = 0
_M_VOICES: Final = GRID_FRAMES  # left and right of a grid step
_M_COUNT: Final = 3 * GRID_FRAMES  # 1, 2, .. 16
_M_TURNS: Final = 4 * GRID_FRAMES  # cosine and sine of _TURNS, and of twice that
_M_LINE: Final = _M_TURNS + 4 * N_VOICES


def _n_memory(rate_hz: float) -> int:
    return _M_LINE + line_frames(_LONGEST_S * rate_hz)


def prepare_doubler(rate_hz: float, state: F64, memory: F32) -> None:
    """Write the settings' ranges and where the voices begin to wander.

    Parameters
    ----------
    rate_hz : float
    state, memory : float64 and float32 arrays, shapes (n_state,) and (n_memory,)
        Zeroed.
    """
    prepare_targets(_PARAMETERS, rate_hz, state, _S_TARGETS)
    state[_S_ROTORS] = state[_S_ROTORS + 2] = 1.0
    memory[_M_COUNT:_M_TURNS] = np.arange(1, GRID_FRAMES + 1)
    angle = 2.0 * np.pi * np.array(_TURNS)
    turns = np.stack([np.cos(angle), np.sin(angle), np.cos(2.0 * angle), np.sin(2.0 * angle)], axis=1)
    memory[_M_TURNS:_M_LINE] = turns.reshape(-1)


@kernel
def _turn(rotors: F64) -> None:
    """Both wanderings one grid step on."""
    for k in range(0, 4, 2):
        c, s = rotors[k], rotors[k + 1]
        turn_c, turn_s = rotors[4 + k], rotors[4 + k + 1]
        # Rounding must not let them grow or die over hours.
        mend = 1.5 - 0.5 * (c * c + s * s)
        rotors[k] = mend * (c * turn_c - s * turn_s)
        rotors[k + 1] = mend * (s * turn_c + c * turn_s)


@kernel
def _set_turns(rotors: F64, wander_hz: float, rate_hz: float) -> None:
    for k in range(2):
        angle = 2.0 * math.pi * GRID_FRAMES * wander_hz * (_OTHER_RATE if k == 1 else 1.0) / rate_hz
        rotors[4 + 2 * k] = math.cos(angle)
        rotors[5 + 2 * k] = math.sin(angle)


@kernel
def _aim_levels(values: F64, state: F64, is_first: bool) -> None:
    """Where the levels go in the next step; the sum of the voices' powers stays."""
    pair = state[_S_PAIR : _S_PAIR + 2]
    sides = state[_S_SIDES : _S_SIDES + 4]
    wanted = 1.0 if values[P_VOICES] >= 0.5 else 0.0
    pair[0] = pair[1]
    pair[1] = wanted if is_first else glide_to(pair[0], wanted, state[_S_TARGETS + T_STEP])
    sides[0], sides[1] = sides[2], sides[3]
    level = 1.0 / math.sqrt(1.0 + pair[1] * pair[1])
    sides[2] = 0.5 * level * (1.0 + values[P_WIDTH])
    sides[3] = 0.5 * level * (1.0 - values[P_WIDTH])
    if is_first:
        pair[0] = pair[1]
        sides[0], sides[1] = sides[2], sides[3]


@kernel
def _aim(params: F64, rate_hz: float, state: F64, turns: F32) -> None:
    """At a grid point: where delays and levels go in the next step."""
    is_first = state[_S_TARGETS + T_STARTED] == 0.0
    moved = follow_targets(params, state, _S_TARGETS)
    values = state[_S_TARGETS + T_VALUES : _S_TARGETS + T_VALUES + 5]
    rotors = state[_S_ROTORS : _S_ROTORS + 8]
    late = values[P_DELAY] * 1e-3 * rate_hz
    if moved:
        _set_turns(rotors, values[P_WANDER], rate_hz)
        slope = 2.0 ** (values[P_DETUNE] / 1200.0) - 1.0
        state[_S_DEPTH] = slope * rate_hz / (2.0 * math.pi * values[P_WANDER] * _STEEPEST)
    _aim_levels(values, state, is_first)
    _turn(rotors)
    furthest = _FASTEST * GRID_FRAMES
    for v in range(N_VOICES):
        base = late * _SPREAD[v]
        wander = (1.0 - _OTHER_SHARE) * (rotors[1] * turns[4 * v] + rotors[0] * turns[4 * v + 1])
        wander += _OTHER_SHARE * (rotors[3] * turns[4 * v + 2] + rotors[2] * turns[4 * v + 3])
        wanted = base + min(state[_S_DEPTH], _DEEPEST * base) * wander
        cell = _S_DELAY + 2 * v
        if is_first:
            state[cell + 1] = wanted
        state[cell] = state[cell + 1]
        state[cell + 1] += min(max(wanted - state[cell], -furthest), furthest)


@kernel
def _sing8(line: F32, at: int, state: F64, count: F32, group: int, voices: F32) -> None:
    """Eight frames of all voices, `group` frames after the grid point at place `at`, into two rows."""
    sides = state[_S_SIDES : _S_SIDES + 4]
    own_slope = splat8(np.float32((sides[2] - sides[0]) / GRID_FRAMES))
    other_slope = splat8(np.float32((sides[3] - sides[1]) / GRID_FRAMES))
    frames = load8(count, group)
    own = splat8(np.float32(sides[0])) + own_slope * frames
    other = splat8(np.float32(sides[1])) + other_slope * frames
    left = splat8(np.float32(0.0))
    right = splat8(np.float32(0.0))
    pair = state[_S_PAIR : _S_PAIR + 2]
    n_voices = 2 if pair[0] == 0.0 and pair[1] == 0.0 else N_VOICES
    for v in range(n_voices):
        start, end = state[_S_DELAY + 2 * v], state[_S_DELAY + 2 * v + 1]
        slope = (end - start) / GRID_FRAMES
        # The place of lane 0 and lane 7, without what both move on by, meet near the middle of a gap.
        middle = -(start + slope * (group + 4.5))
        whole = math.floor(middle)
        # From the first voice's line to lane k: group + k - start - slope (group + k + 1).
        t = splat8(np.float32(-start - whole)) - splat8(np.float32(slope)) * frames
        heard = cubic8(line, look_back(line, at, -whole - group + 1), t)
        if v >= 2:
            level_slope = splat8(np.float32((pair[1] - pair[0]) / GRID_FRAMES))
            heard = heard * (splat8(np.float32(pair[0])) + level_slope * frames)
        if v % 2 == 0:
            left = left + own * heard
            right = right + other * heard
        else:
            left = left + other * heard
            right = right + own * heard
    store8(voices, group, left)
    store8(voices, GRID_FRAMES + group, right)


@kernel
def process_doubler(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Replace a voice by its doubles.

    Parameters
    ----------
    audio : float32 array, shape (2, n), C order
        Both channels are heard together: a double stands where `width` puts it.
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
        voices, delay_ms, detune_cents, wander_hz, width.
    state, memory : float64 and float32 arrays, shapes (n_state,) and (n_memory,)

    Notes
    -----
    Real-time safe, no latency of its own. The voices lie more than a grid step back, so that a whole step
    is known at its beginning and a block may end anywhere in it.
    """
    mid = memory[_M_MID:_M_VOICES]
    voices = memory[_M_VOICES:_M_COUNT]
    count = memory[_M_COUNT:_M_TURNS]
    turns = memory[_M_TURNS:_M_LINE]
    line = memory[_M_LINE:]
    n = audio.shape[1]
    start = 0
    while start < n:
        phase = int(state[_S_TARGETS + T_PHASE])
        at = int(state[_S_AT])
        if phase == 0:
            _aim(params, rate_hz, state, turns)
            _sing8(line, at, state, count, 0, voices)
            _sing8(line, at, state, count, 8, voices)
        m = to_grid_point(state, _S_TARGETS, n - start)
        for i in range(m):
            new = np.float32(0.5) * (audio[0, start + i] + audio[1, start + i])
            mid[i] = new if abs(new) > np.float32(SILENCE) else np.float32(0.0)
            audio[0, start + i] = voices[phase + i]
            audio[1, start + i] = voices[GRID_FRAMES + phase + i]
        write_line(line, at + phase, mid, 0, m)
        if phase + m == GRID_FRAMES:
            state[_S_AT] = next_place(line, at, GRID_FRAMES)
        start += m


KIND: Final = EffectKind(
    name="doubler",
    title="Doubler",
    parameters=_PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=_n_memory,
    latency_frames=lambda _rate_hz: 0,
    prepare=prepare_doubler,
    process=process_doubler,
    default_wet=0.4,
)
