"""Delay: echoes in the song's tempo, each darker than the one before.

Runs on the device thread. What comes out are the echoes alone; the chain mixes them with the voice. The
echo that goes round again passes a low and a high cut, as on tape. In ping-pong the voice enters on the
left and every turn changes sides.

A change of time fades from the old place in the line to the new one: a place that moved would bend the
pitch of what is still sounding.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.delay import (
    SILENCE,
    cut_share,
    darken,
    flush_cuts,
    line_frames,
    look_back,
    next_place,
    write_line,
)
from engine.kernels.jit import kernel
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

P_DIVISION: Final = 0
P_TEMPO: Final = 1
P_TIME: Final = 2
P_FEEDBACK: Final = 3
P_LOW_CUT: Final = 4
P_HIGH_CUT: Final = 5
P_PING_PONG: Final = 6

# Quarter notes from one echo to the next, in the order of the choices.
_QUARTERS: Final = (0.0, 2.0, 1.5, 1.0, 2.0 / 3.0, 0.75, 0.5, 1.0 / 3.0, 0.25)
_DIVISIONS: Final = (
    "free",
    "1/2",
    "1/4 dotted",
    "1/4",
    "1/4 triplet",
    "1/8 dotted",
    "1/8",
    "1/8 triplet",
    "1/16",
)

_PARAMETERS: Final = (
    Parameter("division", 0.0, 8.0, 0.0, "choice", "Note from echo to echo; free: by time_ms", _DIVISIONS),
    Parameter("tempo_bpm", 40.0, 240.0, 120.0, "linear", "Tempo of the song, for the note values"),
    Parameter("time_ms", 10.0, 2000.0, 350.0, "log", "Time from echo to echo when it is free"),
    Parameter("feedback", 0.0, 0.95, 0.35, "linear", "How much of an echo goes round again"),
    Parameter("low_cut_hz", 20.0, 2000.0, 120.0, "log", "Echoes lose what is below, turn by turn"),
    Parameter("high_cut_hz", 500.0, 20000.0, 6000.0, "log", "Echoes lose what is above, turn by turn"),
    Parameter("ping_pong", 0.0, 1.0, 0.0, "switch", "Echoes change sides"),
)

_LONGEST_S: Final = 2.0
_FADE_S: Final = 0.03

_S_TARGETS: Final = N_READOUTS
_S_AT: Final = _S_TARGETS + n_target_cells(len(_PARAMETERS))
_S_DELAY: Final = _S_AT + 1  # frames now; frames before the fade; frames asked for at the last grid point
_S_FADE: Final = _S_DELAY + 3  # 1 the old place, 0 the new one
_S_PING_PONG: Final = _S_FADE + 1
_S_LOW: Final = _S_PING_PONG + 1  # shares that the cuts let through a frame, and the feedback
_S_HIGH: Final = _S_LOW + 1
_S_CUTS: Final = _S_HIGH + 1  # high and low cut, left then right
_N_STATE: Final = _S_CUTS + 4

_M_LINES: Final = 4 * GRID_FRAMES  # before them: the echoes and what goes round, left and right


def _line_cells(rate_hz: float) -> int:
    return line_frames(_LONGEST_S * rate_hz)


def _n_memory(rate_hz: float) -> int:
    # At 48 kHz: 2 x 96,064 frames, 0.8 MB.
    return _M_LINES + 2 * _line_cells(rate_hz)


def prepare_delay(rate_hz: float, state: F64, memory: F32) -> None:
    """Write the settings' ranges; the lines stay silent.

    Parameters
    ----------
    rate_hz : float
    state, memory : float64 and float32 arrays, shapes (n_state,) and (n_memory,)
        Zeroed.
    """
    prepare_targets(_PARAMETERS, rate_hz, state, _S_TARGETS)


@kernel
def _asked_frames(values: F64, rate_hz: float) -> float:
    """Frames from echo to echo, with a fraction; a note too long for the line is halved until it fits."""
    division = int(values[P_DIVISION])
    if division == 0:
        return values[P_TIME] * 1e-3 * rate_hz
    time_s = _QUARTERS[division] * 60.0 / values[P_TEMPO]
    while time_s > _LONGEST_S:
        time_s *= 0.5
    return time_s * rate_hz


@kernel
def _aim(params: F64, rate_hz: float, state: F64) -> None:
    """At a grid point: settings, the cuts, and whether the place in the line changes."""
    is_first = state[_S_TARGETS + T_STARTED] == 0.0
    moved = follow_targets(params, state, _S_TARGETS)
    values = state[_S_TARGETS + T_VALUES : _S_TARGETS + T_VALUES + 7]
    if moved:
        state[_S_LOW] = cut_share(values[P_LOW_CUT], rate_hz)
        state[_S_HIGH] = cut_share(values[P_HIGH_CUT], rate_hz)
    if is_first:
        state[_S_PING_PONG] = values[P_PING_PONG]
    state[_S_PING_PONG] = glide_to(state[_S_PING_PONG], values[P_PING_PONG], state[_S_TARGETS + T_STEP])
    delays = state[_S_DELAY : _S_DELAY + 3]
    asked = _asked_frames(values, rate_hz)
    frames = math.floor(asked + 0.5)
    if is_first:
        delays[0] = frames
    # A knob that is still being turned is waited for: one fade, not a hundred.
    elif asked == delays[2] and frames != delays[0] and state[_S_FADE] == 0.0:
        delays[1] = delays[0]
        delays[0] = frames
        state[_S_FADE] = 1.0
    delays[2] = asked
    flush_cuts(state[_S_CUTS : _S_CUTS + 4])


@kernel
def _read_echoes(lines: F32, at: int, state: F64, echoes: F32, rate_hz: float, n: int) -> None:
    """The frames that come back now, left and right."""
    now, before = int(state[_S_DELAY]), int(state[_S_DELAY + 1])
    fade = state[_S_FADE]
    for c in range(2):
        place = look_back(lines[c], at, now)
        line = lines[c]
        for i in range(n):
            echoes[c, i] = line[place + i]
    if fade > 0.0:
        slope = 1.0 / (_FADE_S * rate_hz)
        for c in range(2):
            line = lines[c]
            place = look_back(line, at, before)
            for i in range(n):
                share = np.float32(max(fade - slope * (i + 1), 0.0))
                echoes[c, i] += share * (line[place + i] - echoes[c, i])
        state[_S_FADE] = max(fade - slope * n, 0.0)


@kernel
def _feed(audio: F32, start: int, n: int, feedback: float, side: float, turned: F32) -> None:
    """What is written down: the voice and what goes round, each on its side; into `turned`."""
    back = np.float32(feedback)
    across = np.float32(side)
    stay = np.float32(1.0 - side)
    silence = np.float32(SILENCE)
    for i in range(n):
        left, right = audio[0, start + i], audio[1, start + i]
        mid = np.float32(0.5) * (left + right)
        round_left, round_right = turned[0, i], turned[1, i]
        new_left = stay * left + across * mid + back * (stay * round_left + across * round_right)
        new_right = stay * right + back * (stay * round_right + across * round_left)
        turned[0, i] = new_left if abs(new_left) > silence else np.float32(0.0)
        turned[1, i] = new_right if abs(new_right) > silence else np.float32(0.0)


@kernel
def process_delay(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Replace a voice by its echoes.

    Parameters
    ----------
    audio : float32 array, shape (2, n), C order
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
        division, tempo_bpm, time_ms, feedback, low_cut_hz, high_cut_hz, ping_pong.
    state, memory : float64 and float32 arrays, shapes (n_state,) and (n_memory,)

    Notes
    -----
    Real-time safe, no latency of its own. Echoes end as exact silence, from -240 dB.
    """
    size = (memory.shape[0] - _M_LINES) // 2
    lines = memory[_M_LINES : _M_LINES + 2 * size].reshape((2, size))
    echoes = memory[: 2 * GRID_FRAMES].reshape((2, GRID_FRAMES))
    turned = memory[2 * GRID_FRAMES : _M_LINES].reshape((2, GRID_FRAMES))
    cuts = state[_S_CUTS : _S_CUTS + 4]
    n = audio.shape[1]
    start = 0
    while start < n:
        if state[_S_TARGETS + T_PHASE] == 0.0:
            _aim(params, rate_hz, state)
        m = to_grid_point(state, _S_TARGETS, n - start)
        at = int(state[_S_AT])
        _read_echoes(lines, at, state, echoes, rate_hz, m)
        darken(echoes, state[_S_LOW], state[_S_HIGH], cuts, turned, m)
        _feed(audio, start, m, state[_S_TARGETS + T_VALUES + P_FEEDBACK], state[_S_PING_PONG], turned)
        for c in range(2):
            write_line(lines[c], at, turned[c], 0, m)
            for i in range(m):
                audio[c, start + i] = echoes[c, i]
        state[_S_AT] = next_place(lines[0], at, m)
        start += m


KIND: Final = EffectKind(
    name="delay",
    title="Delay",
    parameters=_PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=_n_memory,
    latency_frames=lambda _rate_hz: 0,
    prepare=prepare_delay,
    process=process_delay,
    default_wet=0.25,
)
