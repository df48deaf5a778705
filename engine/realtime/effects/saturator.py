"""Saturator: a smooth curve that bends loud samples, at four times the rate.

Runs on the device thread. It makes a voice denser and brighter; an asymmetric curve adds the even overtones
of a tube. At the sound's own rate the overtones would fold back into the band (kernels/oversample.py).

The curve is the hyperbolic tangent, as a ratio of two polynomials: an odd one of degree 7 over an even one
of degree 6, equal to it within 1e-6 up to 5, where both end. Its overtones fall by 3 dB each at 12 dB of
drive, so that at four times the rate none above -100 dB folds.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.kernels.lanes import Vector, load8, max8, min8, splat8, store8
from engine.kernels.oversample import (
    HISTORY_FRAMES,
    LATENCY_FRAMES,
    N_CELLS,
    N_PHASES,
    PHASE_ROW,
    PIECE_FRAMES,
    input_row,
    lower_rate,
    prepare_oversampling,
    raise_rate,
    rows_of,
)
from engine.realtime.effects.kind import N_READOUTS, EffectKind, Parameter
from engine.realtime.effects.targets import (
    GRID_FRAMES,
    T_PHASE,
    T_STARTED,
    T_VALUES,
    follow_targets,
    n_target_cells,
    prepare_targets,
    to_grid_point,
)
from engine.units import F32, F64

P_DRIVE: Final = 0
P_BIAS: Final = 1
P_OUTPUT: Final = 2
P_AUTO_LEVEL: Final = 3

_PARAMETERS: Final = (
    Parameter("drive_db", 0.0, 36.0, 6.0, "linear", "How hard the sound is pushed into the curve"),
    Parameter("bias", 0.0, 1.0, 0.0, "linear", "Asymmetry: even overtones, as of a tube"),
    Parameter("output_db", -24.0, 12.0, 0.0, "linear", "Level after the curve"),
    Parameter("auto_level", 0.0, 1.0, 1.0, "switch", "Keep the loudness of a voice whatever the drive"),
)

_S_TARGETS: Final = N_READOUTS
_S_KEEP: Final = _S_TARGETS + n_target_cells(len(_PARAMETERS))
_S_LINES: Final = _S_KEEP + 1  # drive, bias, output gain: at the last grid point and at the next one
_S_MEAN: Final = _S_LINES + 6  # of the left and of the right channel
_S_POSITION: Final = _S_MEAN + 2  # frames since the last whole piece
_N_STATE: Final = _S_POSITION + 1

# A number a frame: drive, bias, output gain, the curve at the bias, the result left and right. What is
# written sixteen frames at a time may overrun a piece.
_ROW_FRAMES: Final = PIECE_FRAMES + GRID_FRAMES
_N_ROWS: Final = 6
_M_ROWS: Final = N_CELLS
_M_COUNT: Final = _M_ROWS + _N_ROWS * _ROW_FRAMES  # 1, 2, .. 32: a step, from any frame of it on
_N_COUNT: Final = 2 * GRID_FRAMES
_N_MEMORY: Final = _M_COUNT + _N_COUNT

_BLOCKER_HZ: Final = 5.0
_SILENCE: Final = 1e-12
"""A mean below, -240 dB, ends as zero instead of in denormal numbers."""
_LEVEL: Final = 0.25
"""The level that `auto_level` keeps: -12 dBFS, peaks of a voice with room above."""
_END: Final = np.float32(5.0)
_P0, _P1, _P2, _P3 = (np.float32(p) for p in (0.99999994, 0.12548272, 2.5090574e-3, 5.1833206e-6))
_Q1, _Q2, _Q3 = (np.float32(q) for q in (0.45881545, 2.2115200e-2, 1.6904510e-4))


@kernel
def _curve8(x: Vector) -> Vector:
    """The hyperbolic tangent of eight numbers, within 1e-6; NaN becomes 1."""
    x = max8(min8(x, splat8(_END)), splat8(-_END))
    z = x * x
    above = splat8(_P2) + z * splat8(_P3)
    above = splat8(_P1) + z * above
    above = splat8(_P0) + z * above
    below = splat8(_Q2) + z * splat8(_Q3)
    below = splat8(_Q1) + z * below
    below = splat8(np.float32(1.0)) + z * below
    return x * above / below


@kernel
def _bend(rows: F32, bias: F32, rest: F32, n: int) -> None:
    """The curve on all four phases, around the bias of each frame; what it makes of silence is taken off."""
    for p in range(N_PHASES):
        row = rows[PHASE_ROW + p]
        for i in range(0, n, 8):
            bent = _curve8(load8(row, HISTORY_FRAMES + i) + load8(bias, i)) - load8(rest, i)
            store8(row, HISTORY_FRAMES + i, bent)


@kernel
def _bend_evenly(rows: F32, n: int) -> None:
    """`_bend` without a bias."""
    for p in range(N_PHASES):
        row = rows[PHASE_ROW + p]
        for o in range(HISTORY_FRAMES, HISTORY_FRAMES + n, 8):
            store8(row, o, _curve8(load8(row, o)))


@kernel
def _output_gain(drive_db: float, bias: float, output_db: float, is_level: bool) -> float:
    """Gain after the curve; with `is_level` a tone of _LEVEL comes out as loud as it was."""
    gain = 10.0 ** (0.05 * output_db)
    if is_level:
        push = _LEVEL * 10.0 ** (0.05 * drive_db)
        gain *= 2.0 * _LEVEL / (math.tanh(push + bias) + math.tanh(push - bias))
    return gain


@fast_kernel
def _block_dc(bent: F32, gains: F32, keep: float, cells: F64, out: F32) -> None:
    """Take off what the asymmetry leaves at 0 Hz: the slow mean of both channels, `cells`."""
    left, right = cells[0], cells[1]
    share = 1.0 - keep
    for i in range(out.shape[1]):
        new_left = np.float64(bent[0, i] * gains[i])
        new_right = np.float64(bent[1, i] * gains[i])
        out[0, i] = np.float32(new_left - left)
        out[1, i] = np.float32(new_right - right)
        left = keep * left + share * new_left
        right = keep * right + share * new_right
    cells[0], cells[1] = left, right


@kernel
def _aim(params: F64, state: F64) -> None:
    """At a grid point: where the three lines go next."""
    lines = state[_S_LINES : _S_LINES + 6]
    is_first = state[_S_TARGETS + T_STARTED] == 0.0
    moved = follow_targets(params, state, _S_TARGETS)
    lines[0], lines[2], lines[4] = lines[1], lines[3], lines[5]
    if moved:
        values = state[_S_TARGETS + T_VALUES : _S_TARGETS + T_VALUES + 4]
        drive_db, bias = values[P_DRIVE], values[P_BIAS]
        lines[1] = 10.0 ** (0.05 * drive_db)
        lines[3] = bias
        lines[5] = _output_gain(drive_db, bias, values[P_OUTPUT], values[P_AUTO_LEVEL] >= 0.5)
        if is_first:
            lines[0], lines[2], lines[4] = lines[1], lines[3], lines[5]


@kernel
def _draw_lines(params: F64, state: F64, count: F32, rows: F32, n: int) -> bool:
    """Drive, bias and output gain frame by frame into three rows; whether there is no bias at all."""
    lines = state[_S_LINES : _S_LINES + 6]
    is_even = True
    i = 0
    while i < n:
        phase = int(state[_S_TARGETS + T_PHASE])
        if phase == 0:
            _aim(params, state)
        low = load8(count, phase)
        high = load8(count, phase + 8)
        for r in range(3):
            slope = splat8(np.float32((lines[2 * r + 1] - lines[2 * r]) / GRID_FRAMES))
            start = splat8(np.float32(lines[2 * r]))
            store8(rows[r], i, start + slope * low)
            store8(rows[r], i + 8, start + slope * high)
        is_even = is_even and lines[2] == 0.0 and lines[3] == 0.0
        i += to_grid_point(state, _S_TARGETS, n - i)
    return is_even


def prepare_saturator(rate_hz: float, state: F64, memory: F32) -> None:
    """Write the filters and the time constants.

    Parameters
    ----------
    rate_hz : float
    state, memory : float64 and float32 arrays, shapes (n_state,) and (n_memory,)
        Zeroed.
    """
    prepare_oversampling(memory[:N_CELLS])
    prepare_targets(_PARAMETERS, rate_hz, state, _S_TARGETS)
    memory[_M_COUNT:_N_MEMORY] = np.arange(1, _N_COUNT + 1)
    state[_S_KEEP] = math.exp(-2.0 * math.pi * _BLOCKER_HZ / rate_hz)


@kernel
def process_saturator(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Saturate in place; it comes out LATENCY_FRAMES later.

    Parameters
    ----------
    audio : float32 array, shape (2, n), C order
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
        drive_db, bias, output_db, auto_level.
    state, memory : float64 and float32 arrays, shapes (n_state,) and (n_memory,)

    Notes
    -----
    Real-time safe. Linear phase but for the high-pass of 5 Hz at the end.
    """
    cells = memory[:N_CELLS]
    scratch = memory[_M_ROWS:_M_COUNT].reshape((_N_ROWS, _ROW_FRAMES))
    drives, biases, gains, rest, bent = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4:]
    count = memory[_M_COUNT:_N_MEMORY]
    mean = state[_S_MEAN : _S_MEAN + 2]
    n = audio.shape[1]
    start = 0
    while start < n:
        # Pieces end where they would in a whole song, so that silence is found at the same frame.
        position = int(state[_S_POSITION])
        if position == 0 and abs(mean[0]) + abs(mean[1]) < _SILENCE:
            mean[:] = 0.0
        m = min(PIECE_FRAMES - position, n - start)
        state[_S_POSITION] = (position + m) % PIECE_FRAMES
        is_even = _draw_lines(params, state, count, scratch, m)
        if not is_even:
            for i in range(0, m, 8):
                store8(rest, i, _curve8(load8(biases, i)))
        for c in range(2):
            rows = rows_of(cells, c)
            new = input_row(rows)
            sound = audio[c]
            for i in range(m):
                new[i] = sound[start + i] * drives[i]
            raise_rate(rows, cells, m)
            if is_even:
                _bend_evenly(rows, m)
            else:
                _bend(rows, biases, rest, m)
            lower_rate(rows, cells, m, bent[c])
        _block_dc(bent, gains, state[_S_KEEP], mean, audio[:, start : start + m])
        start += m


KIND: Final = EffectKind(
    name="saturator",
    title="Saturator",
    parameters=_PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=lambda _rate_hz: _N_MEMORY,
    latency_frames=lambda _rate_hz: LATENCY_FRAMES,
    prepare=prepare_saturator,
    process=process_saturator,
)
