"""Reverb: sixteen delay lines that feed each other, with the decay time set in three bands.

Runs on the device thread. What comes out is the room alone; the chain mixes it with the voice.

    voice -> pre-delay -> cuts -> three all-passes a side -> 16 lines -> damping -> out
                                                  ^------- Hadamard <------'

The Hadamard matrix keeps the energy, so that the damping alone decides how fast the room decays: each line
loses, at each frequency, what its own length costs at the wanted decay. A gain and two first-order shelves
do that; their sizes solve three equations, one for each of 125 Hz, 1 kHz and 8 kHz.

References
----------
.. [1] J.-M. Jot, A. Chaigne, "Digital delay networks for designing artificial reverberators", AES 90, 1991.
.. [2] S. J. Schlecht, E. A. P. Habets, "Accurate reverberation time control in feedback delay networks",
   DAFx-17, 2017: shelves are nearly proportional in dB, so that equations in dB may be solved linearly.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.delay import MIRROR_FRAMES, cut_share, darken, flush_cuts, line_frames
from engine.kernels.feedback_network import (
    GROUP_FRAMES,
    N_LINES,
    N_SHELF_CELLS,
    feed_lines,
    fit_losses,
    hear_lines,
    loss_solver,
    pass_all8,
    room8,
    set_damping,
)
from engine.kernels.jit import kernel
from engine.kernels.lanes import load8, splat8, store8
from engine.realtime.effects.kind import N_READOUTS, EffectKind, Parameter
from engine.realtime.effects.targets import (
    GRID_FRAMES,
    T_STARTED,
    T_VALUES,
    follow_targets,
    glide_to,
    n_target_cells,
    prepare_targets,
)
from engine.units import F32, F64

P_DECAY: Final = 0
P_BASS: Final = 1
P_TREBLE: Final = 2
P_SIZE: Final = 3
P_PRE_DELAY: Final = 4
P_LOW_CUT: Final = 5
P_HIGH_CUT: Final = 6
P_WIDTH: Final = 7

_PARAMETERS: Final = (
    Parameter("decay_s", 0.2, 20.0, 1.8, "log", "Time in which the room falls by 60 dB, at 1 kHz"),
    Parameter("bass", 0.5, 1.5, 1.1, "log", "Decay at 125 Hz, times decay_s"),
    Parameter("treble", 0.25, 1.0, 0.5, "log", "Decay at 8 kHz, times decay_s"),
    Parameter("size", 0.5, 1.5, 1.0, "log", "Size of the room: how far its walls are apart"),
    Parameter("pre_delay_ms", 0.0, 200.0, 15.0, "linear", "Silence before the room answers"),
    Parameter("low_cut_hz", 20.0, 1000.0, 120.0, "log", "The room gets nothing below"),
    Parameter("high_cut_hz", 1000.0, 20000.0, 9000.0, "log", "The room gets nothing above"),
    Parameter("width", 0.0, 1.0, 1.0, "linear", "From one point to the whole stage"),
)

_LENGTHS_MS: Final = (
    23.1, 24.9, 27.3, 29.3, 31.1, 33.7, 36.1, 38.9, 41.3, 44.9, 47.7, 51.1, 55.3, 59.9, 64.7, 70.3,
)  # fmt: skip
"""At size 1. 0.68 s in all: 0.7 resonances a hertz, too dense to be told apart."""
_DIFFUSERS_MS: Final = (1.31, 3.43, 5.61, 1.57, 3.11, 5.93)
"""Of the left channel, then of the right."""
_N_DIFFUSERS: Final = len(_DIFFUSERS_MS)
_MEAN_S: Final = 1e-3 * sum(_LENGTHS_MS) / N_LINES
_LONGEST_MS: Final = 70.3 * 1.5
_LONGEST_PRE_DELAY_MS: Final = 200.0
_BAND_HZ: Final = (125.0, 1000.0, 8000.0)
_CORNER_HZ: Final = (300.0, 3500.0)
_FADE_S: Final = 0.04

_S_TARGETS: Final = N_READOUTS
_S_AT: Final = _S_TARGETS + n_target_cells(len(_PARAMETERS))  # place in the tank, pre-delay, all-passes
_S_GROUP: Final = _S_AT + 3  # frames of the group that are there
_S_IS_ODD: Final = _S_GROUP + 1  # whether the next group is the second of its grid step
_S_STALE: Final = _S_IS_ODD + 1  # lines whose damping is older than the settings
_S_NEXT: Final = _S_STALE + 1  # line whose damping is renewed next
_S_FADE: Final = _S_NEXT + 1
_S_CUTS: Final = _S_FADE + 1
_S_SHARES: Final = _S_CUTS + 4  # of the low and the high cut
_S_SIDES: Final = _S_SHARES + 2  # gain of a side in itself and in the other: before and after the step
_S_LEVEL: Final = _S_SIDES + 4  # gain of all the room now, and where it goes
_S_PRE: Final = _S_LEVEL + 2  # pre-delay in frames: now, before the last change, asked for
_S_SIZE: Final = _S_PRE + 3  # asked for at the last grid point, and in use
_S_LENGTHS: Final = _S_SIZE + 2  # of the lines: now, and before the last change
_S_DIFFUSERS: Final = _S_LENGTHS + 2 * N_LINES
_S_SOLVER: Final = _S_DIFFUSERS + _N_DIFFUSERS
_S_TANS: Final = _S_SOLVER + 12
_S_LOSSES: Final = _S_TANS + 5
_S_CELLS: Final = _S_LOSSES + 3  # frames of a line of the tank, of the pre-delay, of an all-pass
_N_STATE: Final = _S_CELLS + 3

_M_NEW: Final = 0  # a group of input, left and right; then of output; the lines; before the network
_M_ROOM: Final = 2 * GROUP_FRAMES
_M_HEARD: Final = _M_ROOM + 2 * GROUP_FRAMES
_M_COUNT: Final = _M_HEARD + N_LINES * GROUP_FRAMES
_M_DAMPING: Final = _M_COUNT + GRID_FRAMES
_M_MEMORIES: Final = _M_DAMPING + N_SHELF_CELLS
_M_LATE: Final = _M_MEMORIES + 2 * N_LINES  # a group of the pre-delay, left and right
_M_TANK: Final = _M_LATE + 2 * GROUP_FRAMES


def _cells(rate_hz: float) -> tuple[int, int, int]:
    """Frames of a line of the tank, of the pre-delay, of an all-pass."""
    ms = 1e-3 * rate_hz
    return (
        line_frames(_LONGEST_MS * ms),
        line_frames(_LONGEST_PRE_DELAY_MS * ms),
        line_frames(max(_DIFFUSERS_MS) * ms),
    )


def _n_memory(rate_hz: float) -> int:
    # At 48 kHz: 16 lines of 5104, 2 of 9640, 6 of 328 frames: 0.4 MB.
    tank, late, all_pass = _cells(rate_hz)
    return _M_TANK + N_LINES * tank + 2 * late + _N_DIFFUSERS * all_pass


def prepare_reverb(rate_hz: float, state: F64, memory: F32) -> None:
    """Write the lengths and the equations of the damping.

    Parameters
    ----------
    rate_hz : float
    state, memory : float64 and float32 arrays, shapes (n_state,) and (n_memory,)
        Zeroed.
    """
    prepare_targets(_PARAMETERS, rate_hz, state, _S_TARGETS)
    memory[_M_COUNT:_M_DAMPING] = np.arange(1, GRID_FRAMES + 1)
    state[_S_DIFFUSERS:_S_SOLVER] = np.round(np.array(_DIFFUSERS_MS) * 1e-3 * rate_hz)
    state[_S_TANS:_S_LOSSES] = np.tan(np.pi * np.array(_BAND_HZ + _CORNER_HZ) / rate_hz)
    state[_S_SOLVER:_S_TANS] = loss_solver(state[_S_TANS:_S_LOSSES])
    state[_S_CELLS:] = _cells(rate_hz)


@kernel
def _set_line(values: F64, rate_hz: float, line: int, state: F64, damping: F32) -> None:
    """The damping of one line for the settings as they stand."""
    # While a size fades, the loss of a pass goes with it: at once, it would be a step in loudness.
    frames = state[_S_LENGTHS + line]
    frames += state[_S_FADE] * (state[_S_LENGTHS + N_LINES + line] - frames)
    middle = -60.0 * frames / (values[P_DECAY] * rate_hz)
    wanted = (middle / values[P_BASS], middle, middle / values[P_TREBLE])
    losses = state[_S_LOSSES : _S_LOSSES + 3]
    tans = state[_S_TANS:_S_LOSSES]
    fit_losses(wanted, tans, state[_S_SOLVER:_S_TANS], losses)
    # No line may gain, not even at 0 Hz, where the bass may last longer than at 125 Hz.
    losses[1] = min(losses[1], -0.05 * frames / rate_hz - losses[0])
    set_damping(damping, line, losses, tans)


@kernel
def _take_size(values: F64, rate_hz: float, state: F64, is_first: bool) -> bool:
    """Lengths and pre-delay follow their knobs by one fade, once these stand still; whether one began."""
    size = values[P_SIZE]
    late = values[P_PRE_DELAY] * 1e-3 * rate_hz
    asked = math.floor(late + 0.5)
    stands = size == state[_S_SIZE] and late == state[_S_PRE + 2]
    state[_S_SIZE] = size
    state[_S_PRE + 2] = late
    differs = size != state[_S_SIZE + 1] or asked != state[_S_PRE]
    if not is_first and not (stands and differs and state[_S_FADE] == 0.0):
        return False
    lengths = state[_S_LENGTHS : _S_LENGTHS + 2 * N_LINES]
    for k in range(N_LINES):
        lengths[N_LINES + k] = lengths[k]
        # Odd, so that few lines share a resonance.
        lengths[k] = 2.0 * math.floor(0.5e-3 * _LENGTHS_MS[k] * size * rate_hz) + 1.0
    state[_S_PRE + 1] = state[_S_PRE]
    state[_S_PRE] = asked
    state[_S_SIZE + 1] = size
    state[_S_FADE] = 0.0 if is_first else 1.0
    return True


@kernel
def _aim(params: F64, rate_hz: float, state: F64, damping: F32) -> None:
    """At a grid point: settings, levels, sizes, and which dampings are stale."""
    is_first = state[_S_TARGETS + T_STARTED] == 0.0
    moved = follow_targets(params, state, _S_TARGETS)
    values = state[_S_TARGETS + T_VALUES : _S_TARGETS + T_VALUES + 8]
    sides = state[_S_SIDES : _S_SIDES + 4]
    sides[0], sides[1] = sides[2], sides[3]
    changed = _take_size(values, rate_hz, state, is_first)
    if moved or changed:
        state[_S_STALE] = N_LINES
        state[_S_SHARES] = cut_share(values[P_LOW_CUT], rate_hz)
        state[_S_SHARES + 1] = cut_share(values[P_HIGH_CUT], rate_hz)
        # A long decay piles up more sound; so much less of it is let out that a steady sound stays as loud.
        kept = 10.0 ** (-6.0 * _MEAN_S * values[P_SIZE] / values[P_DECAY])
        state[_S_LEVEL + 1] = math.sqrt((1.0 - kept) / (8.0 * kept))
    if is_first:
        state[_S_LEVEL] = state[_S_LEVEL + 1]
    elif state[_S_LEVEL] != state[_S_LEVEL + 1]:
        # As slowly as the room itself takes to fill or to empty, or what it still holds would burst out.
        step = min(math.log(1000.0) * GRID_FRAMES / (values[P_DECAY] * rate_hz), 1.0)
        state[_S_LEVEL] = glide_to(state[_S_LEVEL], state[_S_LEVEL + 1], step)
    sides[2] = 0.5 * state[_S_LEVEL] * (1.0 + values[P_WIDTH])
    sides[3] = 0.5 * state[_S_LEVEL] * (1.0 - values[P_WIDTH])
    if is_first:
        sides[0], sides[1] = sides[2], sides[3]
        for k in range(N_LINES):
            _set_line(values, rate_hz, k, state, damping)
        state[_S_STALE] = 0
    flush_cuts(state[_S_CUTS : _S_CUTS + 4])


@kernel
def _pre_delay(new: F32, lines: F32, size: int, slope: float, state: F64, late: F32) -> None:
    """A group through the pre-delay, both channels; `slope` is what a fade loses a frame."""
    at = int(state[_S_AT + 1])
    ring = size - MIRROR_FRAMES
    fade = state[_S_FADE]
    here, before = at - int(state[_S_PRE]), at - int(state[_S_PRE + 1])
    here += ring if here < 0 else 0
    before += ring if before < 0 else 0
    for c in range(2):
        x = load8(new, c * GROUP_FRAMES)
        store8(lines, c * size + at, x)
        if at < MIRROR_FRAMES:
            store8(lines, c * size + ring + at, x)
        store8(late, c * GROUP_FRAMES, load8(lines, c * size + here))
        if fade > 0.0:
            for i in range(GROUP_FRAMES):
                share = np.float32(max(fade - slope * (i + 1), 0.0))
                place = c * GROUP_FRAMES + i
                late[place] += share * (lines[c * size + before + i] - late[place])
    at += GROUP_FRAMES
    state[_S_AT + 1] = 0 if at == ring else at


@kernel
def _diffuse(lines: F32, size: int, state: F64, late: F32) -> None:
    """A group through the all-passes, in place."""
    at = int(state[_S_AT + 2])
    ring = size - MIRROR_FRAMES
    left = load8(late, 0)
    right = load8(late, GROUP_FRAMES)
    half = _N_DIFFUSERS // 2
    for k in range(half):
        left = pass_all8(lines, k * size, ring, (at, int(state[_S_DIFFUSERS + k])), left)
        right = pass_all8(lines, (half + k) * size, ring, (at, int(state[_S_DIFFUSERS + half + k])), right)
    store8(late, 0, left)
    store8(late, GROUP_FRAMES, right)
    at += GROUP_FRAMES
    state[_S_AT + 2] = 0 if at == ring else at


@kernel
def _let_out(state: F64, count: F32, heard: F32, group: int, room: F32) -> None:
    """Both ears' share of the lines for the next group."""
    sides = state[_S_SIDES : _S_SIDES + 4]
    frames = load8(count, group)
    own = splat8(np.float32(sides[0])) + splat8(np.float32((sides[2] - sides[0]) / GRID_FRAMES)) * frames
    other = splat8(np.float32(sides[1])) + splat8(np.float32((sides[3] - sides[1]) / GRID_FRAMES)) * frames
    left = room8(heard, 0)
    right = room8(heard, 1)
    store8(room, 0, own * left + other * right)
    store8(room, GROUP_FRAMES, own * right + other * left)


@kernel
def _run_group(params: F64, rate_hz: float, state: F64, memory: F32) -> None:
    """Put the group that has just come in into the lines, and hear what they give in the next one."""
    size, late_size, all_pass_size = int(state[_S_CELLS]), int(state[_S_CELLS + 1]), int(state[_S_CELLS + 2])
    late_start = _M_TANK + N_LINES * size
    tank = memory[_M_TANK:late_start]
    late_lines = memory[late_start : late_start + 2 * late_size]
    all_passes = memory[late_start + 2 * late_size :]
    late = memory[_M_LATE:_M_TANK]
    damping = memory[_M_DAMPING:_M_MEMORIES]
    heard = memory[_M_HEARD:_M_COUNT]
    is_odd = state[_S_IS_ODD] > 0.0
    if not is_odd:
        _aim(params, rate_hz, state, damping)
    # Two lines a group: a knob that is turned costs 1 % of a block, and no block more than another.
    values = state[_S_TARGETS + T_VALUES : _S_TARGETS + T_VALUES + 8]
    for _ in range(2):
        if state[_S_STALE] > 0.0:
            state[_S_STALE] -= 1.0
            # On from where it was: always from the first line, a turning knob would never reach the last.
            line = int(state[_S_NEXT])
            state[_S_NEXT] = (line + 1) % N_LINES
            _set_line(values, rate_hz, line, state, damping)
    slope = 1.0 / (_FADE_S * rate_hz)
    _pre_delay(memory, late_lines, late_size, slope, state, late)
    rows = late.reshape((2, GROUP_FRAMES))
    cuts = state[_S_CUTS : _S_CUTS + 4]
    darken(rows, state[_S_SHARES], state[_S_SHARES + 1], cuts, rows, GROUP_FRAMES)
    _diffuse(all_passes, all_pass_size, state, late)
    at = int(state[_S_AT])
    feed_lines(tank, at, heard, late)
    at += GROUP_FRAMES
    if at == size - MIRROR_FRAMES:
        at = 0
    state[_S_AT] = at
    lengths = state[_S_LENGTHS : _S_LENGTHS + 2 * N_LINES]
    memories = memory[_M_MEMORIES:_M_LATE]
    hear_lines(tank, at, lengths, (state[_S_FADE], slope), (damping, memories), heard)
    if state[_S_FADE] > 0.0:
        state[_S_FADE] = max(state[_S_FADE] - GROUP_FRAMES * slope, 0.0)
        if state[_S_STALE] == 0.0 or state[_S_FADE] == 0.0:
            state[_S_STALE] = N_LINES
    _let_out(
        state, memory[_M_COUNT:_M_DAMPING], heard, GROUP_FRAMES if is_odd else 0, memory[_M_ROOM:_M_HEARD]
    )
    state[_S_IS_ODD] = 0.0 if is_odd else 1.0


@kernel
def process_reverb(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Replace a voice by the room's answer to it.

    Parameters
    ----------
    audio : float32 array, shape (2, n), C order
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
        decay_s, bass, treble, size, pre_delay_ms, low_cut_hz, high_cut_hz, width.
    state, memory : float64 and float32 arrays, shapes (n_state,) and (n_memory,)

    Notes
    -----
    Real-time safe, no latency of its own: the groups of eight hide in the shortest line. The room ends as
    exact silence, from -240 dB.
    """
    new = memory[:_M_ROOM]
    room = memory[_M_ROOM:_M_HEARD]
    left, right = audio[0], audio[1]
    n = audio.shape[1]
    start = 0
    while start < n:
        done = int(state[_S_GROUP])
        m = min(GROUP_FRAMES - done, n - start)
        if m == GROUP_FRAMES:
            store8(new, 0, load8(left, start))
            store8(new, GROUP_FRAMES, load8(right, start))
            store8(left, start, load8(room, 0))
            store8(right, start, load8(room, GROUP_FRAMES))
        else:
            for i in range(m):
                place = done + i
                new[place], new[GROUP_FRAMES + place] = left[start + i], right[start + i]
                left[start + i], right[start + i] = room[place], room[GROUP_FRAMES + place]
        done += m
        start += m
        if done == GROUP_FRAMES:
            _run_group(params, rate_hz, state, memory)
            done = 0
        state[_S_GROUP] = done


KIND: Final = EffectKind(
    name="reverb",
    title="Reverb",
    parameters=_PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=_n_memory,
    latency_frames=lambda _rate_hz: 0,
    prepare=prepare_reverb,
    process=process_reverb,
    default_wet=0.2,
)
