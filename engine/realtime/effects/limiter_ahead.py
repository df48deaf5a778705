"""Limiter: nothing louder than the ceiling comes out, between the samples neither.

The true peak of what enters is found at eight points a sample, seven of them interpolated; the gain has
come down, along a smooth slope, when the peak arrives. Both channels are turned down together, so the image
stays. Below the ceiling and without drive it is a pure delay, bit by bit.

The reduction that each frame needs passes through a running maximum that is wider than all that follows
it, an exponential release, and two running means, one behind the other. A mean of values that were all at
least the needed one is not below it either: the ceiling holds without a clipper. The running sums are of
whole numbers in float64, so they never drift and end at exactly nothing.

Runs on the device thread; about 1.3 ms of latency.

References
----------
.. [1] ITU-R BS.1770-4, annex 2, 2015: what a true peak is.
.. [2] D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design", JAES 60(6), 2012.
"""

from typing import Any, Final

import numpy as np

from engine.kernels.dynamics import fast_gain, fast_level_db, keep_factor
from engine.kernels.jit import kernel
from engine.kernels.lanes import N_LANES, load8, max8, splat8, store8
from engine.kernels.true_peak import N_TAPS, taps_between
from engine.realtime.effects.kind import N_READOUTS, S_GAIN_REDUCTION_DB, EffectKind, Parameter
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
from engine.realtime.layout import CHUNK_FRAMES
from engine.units import F32, F64

P_DRIVE: Final = 0
P_CEILING: Final = 1
P_RELEASE: Final = 2
PARAMETERS: Final = (
    Parameter("drive_db", 0.0, 24.0, 0.0, "linear", "Level before the limiter: more is denser"),
    Parameter("ceiling_db", -24.0, 0.0, -1.0, "linear", "No true peak is higher than this"),
    Parameter("release_ms", 10.0, 1000.0, 80.0, "log", "How fast the level comes back"),
)

POINTS: Final = 8
"""Points a sample at which the true peak is looked for."""
MEAN_S: Final = 0.0005
"""Length of each of the two running means: the gain comes down within a millisecond."""
_NEIGHBOURS: Final = 4
# Frames on either side of a peak that are turned down as much as the peak itself: a point between samples
# is made of its neighbours, and grows if they are turned down unequally.
_MARGIN: Final = 10.0 ** (-0.4 / 20.0)
# 0.4 dB: what meters of other designs see above this one's peaks in noise that reaches up to half the rate,
# where no two interpolations agree, and what is left of that inequality.
_UNIT: Final = 2.0**30  # reductions are whole multiples of 1 / _UNIT from the first sum on
_RELEASE_END: Final = 1e-9  # taken off at each frame, so that a release ends and leaves no denormals

_S_TARGETS: Final = N_READOUTS
_S_DRIVE: Final = _S_TARGETS + n_target_cells(len(PARAMETERS))  # at the last grid point, at the next one
_S_CEILING: Final = _S_DRIVE + 2
_S_KEEP: Final = _S_CEILING + 1
_S_REDUCTION: Final = _S_KEEP + 1
_S_SUMS: Final = _S_REDUCTION + 1
_S_ROWS: Final = _S_SUMS + 2  # whole reductions, then their sums, each behind a history of one mean


@kernel
def _mean_frames(rate_hz: float) -> int:
    """Length of one running mean."""
    return int(MEAN_S * rate_hz + 0.5) + 1


@kernel
def latency_frames(rate_hz: float) -> int:
    """Both means, less the frame they share; the neighbours; half of the interpolation."""
    return 2 * _mean_frames(rate_hz) - 1 + _NEIGHBOURS + N_TAPS // 2 - 1


@kernel
def _held_frames(mean_frames: int) -> int:
    """Length of the running maximum.

    For every value of both means the peak, its neighbours on both sides and the sample before an
    interpolated point lie within it.
    """
    return 2 * mean_frames - 1 + 2 * _NEIGHBOURS + 1


def _n_state(rate_hz: float) -> int:
    return _S_ROWS + 2 * (_mean_frames(rate_hz) + CHUNK_FRAMES)


# Memory: the weights of each pair of mirrored neighbours; what entered, left then right, each
# behind a history of the latency; five rows of a chunk; needed reductions behind their history, and two
# rows that the running maximum goes between. Rows are longer by a vector, which may stand over their end.
_M_TAPS: Final = 0
_N_WEIGHTS: Final = POINTS - 1
_M_INPUT: Final = _M_TAPS + N_TAPS // 2 * _N_WEIGHTS
_ROW_FRAMES: Final = CHUNK_FRAMES + N_LANES
_R_DRIVES, _R_CEILINGS, _R_KEEPS, _R_PEAKS, _R_GAINS = range(5)
_N_CHUNK_ROWS: Final = 5


def _n_memory(rate_hz: float) -> int:
    late, held = latency_frames(rate_hz), _held_frames(_mean_frames(rate_hz))
    return _M_INPUT + 2 * late + 3 * (held - 1) + (2 + _N_CHUNK_ROWS + 3) * _ROW_FRAMES


def prepare_limiter_ahead(rate_hz: float, state: F64, memory: F32) -> None:
    """Make zeroed cells a limiter.

    Parameters
    ----------
    rate_hz : float
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (n_memory,)
    """
    prepare_targets(PARAMETERS, rate_hz, state, _S_TARGETS)
    weights = memory[_M_TAPS:_M_INPUT].reshape(N_TAPS // 2, _N_WEIGHTS)
    between = taps_between(POINTS)[:, : N_TAPS // 2]
    weights[:, 0] = between[POINTS // 2 - 1]
    for j in range(POINTS // 2 - 1):
        # The point j from the older sample weighs neighbours as its mirror image weighs theirs.
        mirrored = between[POINTS - 2 - j]
        weights[:, 1 + 2 * j] = (between[j] + mirrored) / 2
        weights[:, 2 + 2 * j] = (between[j] - mirrored) / 2


@kernel
def _take_settings(rate_hz: float, params: F64, state: F64) -> None:
    """At a grid point."""
    first = state[_S_TARGETS + T_STARTED] == 0.0
    moved = follow_targets(params, state, _S_TARGETS)
    state[_S_DRIVE] = state[_S_DRIVE + 1]
    if moved:
        values = _S_TARGETS + T_VALUES
        state[_S_DRIVE + 1] = fast_gain(state[values + P_DRIVE])
        state[_S_CEILING] = _MARGIN * 10.0 ** (0.05 * state[values + P_CEILING])
        state[_S_KEEP] = keep_factor(state[values + P_RELEASE], rate_hz)
        if first:
            state[_S_DRIVE] = state[_S_DRIVE + 1]


@kernel
def _draw_settings(chunk: F32, n: int, rate_hz: float, params: F64, state: F64) -> None:
    """Write drive, ceiling and release factor of `n` frames into their rows."""
    done = 0
    while done < n:
        phase = state[_S_TARGETS + T_PHASE]
        if phase == 0.0:
            _take_settings(rate_hz, params, state)
        stop = done + to_grid_point(state, _S_TARGETS, n - done)
        gain = np.float32(state[_S_DRIVE])
        slope = np.float32((state[_S_DRIVE + 1] - state[_S_DRIVE]) / GRID_FRAMES)
        ceiling, keep = np.float32(state[_S_CEILING]), np.float32(state[_S_KEEP])
        drives, ceilings = chunk[_R_DRIVES, done:stop], chunk[_R_CEILINGS, done:stop]
        keeps = chunk[_R_KEEPS, done:stop]
        for i in range(stop - done):
            drives[i] = gain + slope * (np.float32(phase) + np.float32(i + 1))
            ceilings[i] = ceiling
            keeps[i] = keep
        done = stop


@kernel
def _multiply(x: F32, gains: F32, out: F32) -> None:
    """Multiply as many frames as `out` has."""
    for i in range(out.shape[0]):
        out[i] = x[i] * gains[i]


@kernel
def _size8(vector: Any) -> Any:
    """Magnitudes of eight floats."""
    return max8(vector, splat8(np.float32(0.0)) - vector)


@kernel
def _between8(x: F32, at: int, taps: F32) -> Any:
    """Highest of the points that belong to eight frames, the samples themselves included; a vector.

    The points p and 8 - p of the way lie as mirror images among the same neighbours. Sum and difference of
    mirrored neighbours, once weighed, serve both: little more than half the work.
    """
    zero = splat8(np.float32(0.0))
    half = zero
    e1, e2, e3 = zero, zero, zero
    o1, o2, o3 = zero, zero, zero
    for k in range(N_TAPS // 2):
        older, newer = load8(x, at + k), load8(x, at + N_TAPS - 1 - k)
        total, difference = older + newer, older - newer
        w = k * _N_WEIGHTS
        half = half + splat8(taps[w]) * total
        e1 = e1 + splat8(taps[w + 1]) * total
        o1 = o1 + splat8(taps[w + 2]) * difference
        e2 = e2 + splat8(taps[w + 3]) * total
        o2 = o2 + splat8(taps[w + 4]) * difference
        e3 = e3 + splat8(taps[w + 5]) * total
        o3 = o3 + splat8(taps[w + 6]) * difference
    sample = load8(x, at + N_TAPS // 2 - 1)
    # The larger of |e + o| and |e - o| is |e| + |o|.
    top = max8(_size8(e1) + _size8(o1), _size8(e2) + _size8(o2))
    return max8(max8(top, _size8(e3) + _size8(o3)), max8(_size8(half), _size8(sample)))


@kernel
def _find_peaks(entered: tuple[F32, F32], n: int, taps: F32, peaks: F32) -> None:
    """Highest of the eight points of each frame, in either channel.

    Eight frames at a time; those behind the last one are left from an earlier chunk, worked out in vain and
    not read. No frame is computed differently because a block ends behind it.
    """
    left, right = entered
    start = left.shape[0] - _ROW_FRAMES - (N_TAPS - 1)
    for i in range(0, n, N_LANES):
        store8(peaks, i, max8(_between8(left, start + i, taps), _between8(right, start + i, taps)))


@kernel
def _find_needed(peaks: F32, ceilings: F32, n: int, needed: F32) -> None:
    """Reduction (1 less gain) that brings each frame's peak under its ceiling."""
    one = np.float32(1.0)
    for i in range(n):
        # A frame under the ceiling divides the ceiling by itself: exactly no reduction.
        needed[i] = one - ceilings[i] / (peaks[i] if peaks[i] > ceilings[i] else ceilings[i])


@kernel
def _highest_of_pairs(source: F32, distance: int, stop: int, out: F32) -> None:
    """The larger of every frame and the one `distance` before it, eight at a time."""
    for i in range(distance, stop, N_LANES):
        store8(out, i, max8(load8(source, i), load8(source, i - distance)))


@kernel
def _hold_highest(needed: F32, rows: tuple[F32, F32], stop: int, width: int) -> F32:
    """Running maximum over `width` frames, by doubling; the row it ended in, whole from width - 1 on."""
    source, out = rows
    _highest_of_pairs(needed, 1, stop, out)
    reach = 2
    while reach < width:
        source, out = out, source
        step = min(reach, width - reach)
        _highest_of_pairs(source, step, stop, out)
        reach += step
    return out


@kernel
def _release(held: F32, keeps: F32, n: int, reduction: float, out: F64) -> float:
    """Let reductions go slowly, as whole numbers of `_UNIT`; returns the last one."""
    for i in range(n):
        reduction = reduction * keeps[i] - _RELEASE_END
        reduction = held[i] if held[i] > reduction else reduction
        out[i] = np.ceil(reduction * _UNIT)
    return reduction


@kernel
def _mean_twice(rows: tuple[F64, F64], n: int, mean_frames: int, totals: F64, gains: F32) -> None:
    """Two running means, one behind the other, and from reductions to gains."""
    whole, sums = rows
    first, second = totals
    scale = 1.0 / (_UNIT * mean_frames * mean_frames)
    for i in range(n):
        first += whole[mean_frames + i] - whole[i]
        sums[mean_frames + i] = first
        second += first - sums[i]
        gains[i] = np.float32(1.0 - second * scale)
    totals[0], totals[1] = first, second


@kernel
def _age(row: F64 | F32, n: int, history: int) -> None:
    """Make the newest frames of a row the history of the next chunk."""
    for i in range(history):
        row[i] = row[n + i]


@kernel
def process_limiter_ahead(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Limit in place; see `EffectKind.process`.

    Parameters
    ----------
    audio : float32 array, shape (2, frames)
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (n_memory,)
    """
    n = audio.shape[1]
    mean_frames, late = _mean_frames(rate_hz), latency_frames(rate_hz)
    past = _held_frames(mean_frames) - 1
    at, size = _M_INPUT, late + _ROW_FRAMES
    left, right = memory[at : at + size], memory[at + size : at + 2 * size]
    at, size = at + 2 * size, _N_CHUNK_ROWS * _ROW_FRAMES
    chunk = memory[at : at + size].reshape((_N_CHUNK_ROWS, _ROW_FRAMES))
    at, size = at + size, 3 * (past + _ROW_FRAMES)
    rows = memory[at : at + size].reshape((3, past + _ROW_FRAMES))
    size = mean_frames + CHUNK_FRAMES
    whole, sums = state[_S_ROWS : _S_ROWS + size], state[_S_ROWS + size : _S_ROWS + 2 * size]

    _draw_settings(chunk, n, rate_hz, params, state)
    _multiply(audio[0], chunk[_R_DRIVES], left[late : late + n])
    _multiply(audio[1], chunk[_R_DRIVES], right[late : late + n])
    _find_peaks((left, right), n, memory[_M_TAPS:_M_INPUT], chunk[_R_PEAKS])
    _find_needed(chunk[_R_PEAKS], chunk[_R_CEILINGS], n, rows[0][past:])
    held = _hold_highest(rows[0], (rows[1], rows[2]), past + n, past + 1)[past:]
    state[_S_REDUCTION] = _release(held, chunk[_R_KEEPS], n, state[_S_REDUCTION], whole[mean_frames:])
    _mean_twice((whole, sums), n, mean_frames, state[_S_SUMS : _S_SUMS + 2], chunk[_R_GAINS])
    _multiply(left, chunk[_R_GAINS], audio[0])
    _multiply(right, chunk[_R_GAINS], audio[1])
    _age(left, n, late)
    _age(right, n, late)
    _age(rows[0], n, past)
    _age(whole, n, mean_frames)
    _age(sums, n, mean_frames)
    state[S_GAIN_REDUCTION_DB] = max(0.0, -fast_level_db(chunk[_R_GAINS, n - 1]))


KIND: Final = EffectKind(
    name="limiter_ahead",
    title="Limiter",
    parameters=PARAMETERS,
    n_state=_n_state,
    n_memory=_n_memory,
    latency_frames=latency_frames,
    prepare=prepare_limiter_ahead,
    process=process_limiter_ahead,
)
