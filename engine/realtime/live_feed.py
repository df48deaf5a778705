"""The feeder of a live separation: what came in goes to the lane ring a fixed time later, with its stems.

Runs on a thread of its own that enters `run_live_feed` once and stays there without the GIL, as the song's
feeder does. The original is taken from the source ring itself, so that it is there whatever becomes of the
worker; the stems come from the worker. Where they are late, the residual stem plays the original and the
others fall silent: the step is kept as an offset and taken down over FADE_FRAMES, so nothing clicks, and
at every frame the stems still sum to the original.

Frame k of the lanes is frame k of the source. A start, and every slip of the delay (a callback that missed
its time, a device that came back), is a new epoch: the callback fades out and in again at the right delay.
"""

from typing import Final

import numpy as np

from engine.kernels.jit import kernel
from engine.realtime.clock import sleep_us
from engine.realtime.layout import (
    C_EPOCH,
    F_END_INDEX,
    F_EPOCH,
    F_START_FRAME,
    F_START_INDEX,
    K_LARGEST_BLOCK,
    LANE_RING_FRAMES,
    MAX_LANES,
    N_CONTROL,
    N_COUNTERS,
    N_FEED,
    N_STATE_F,
    RESUME_FRAMES,
    SF_ENVELOPE,
    T_CONTROL,
    T_COUNTER,
    T_FEED,
    T_FEED_SEQ,
    T_RING_AUDIO,
    T_RING_FRAME,
    T_RING_HEADER,
    T_RING_READY,
    T_STATE_F,
)
from engine.realtime.layout import FADE_FRAMES as ENVELOPE_FRAMES
from engine.realtime.scope import N_SCOPE, scope_frame, scope_step
from engine.realtime.source import SOURCE_FRAMES
from engine.stream.atomics import f32_at, f64_at, i64_at, load_acquire, store_release, u8_at
from engine.stream.latest import latest_publish
from engine.stream.ring import HEAD, HEADER_CELLS, TAIL, ring_writable
from engine.units import F32, F64, I64

FADE_FRAMES: Final = 256
"""5.3 ms at 48 kHz, from the stems to what stands in for them and back."""
SPARE_FRAMES: Final = 384
"""8 ms at 48 kHz that this thread may oversleep."""
SLEEP_US: Final = 1_000
_NEVER: Final = 1 << 62
_SOURCE_MASK: Final = SOURCE_FRAMES - 1
_RING_MASK: Final = LANE_RING_FRAMES - 1

# --- what the loop is told, and where it stands: int64 cells ---------------------------------------
L_STOP: Final = 0
L_N_STEMS: Final = 1
L_RESIDUAL: Final = 2
"""Index of the stem that plays the original where the others are missing."""
L_DELAY: Final = 3
"""Frames from a frame's capture to its turn in the callback."""
L_SOURCE_HEADER: Final = 4
L_SOURCE: Final = 5
L_RETURN_HEADER: Final = 6
"""The worker's ring: HEAD is the frame after the newest whose stems are there."""
L_RETURN: Final = 7
L_VALID: Final = 8
"""Address of the one cell that says from which frame on the return holds stems at all."""
L_STATE: Final = 9
L_NEXT: Final = 10
"""Frame to push next, or -1 before the first epoch."""
L_LATE: Final = 11
"""Frames whose stems should have been there and were not."""
L_EPOCHS: Final = 12
L_MEASURED: Final = 13
"""The delay as it is, at the last look; 0 before the first."""
L_START: Final = 14
"""Ring index at which the newest epoch starts: before the callback is there, no delay can be measured."""
L_SCOPE: Final = 15
"""Address of the cells of a `Scope`, for a picture of what goes by."""
N_LIVE: Final = 16

# --- state: float64 cells ------------------------------------------------------------------------
_WEIGHT: Final = 0
_LEVEL: Final = 1
_OFFSET: Final = 2
"""Left and right of each stem; then by how much its last frame was off what stands in for it. Both sum to
zero over the stems."""
_LAST: Final = _OFFSET + 2 * MAX_LANES
N_LIVE_STATE: Final = _LAST + 2 * MAX_LANES


@kernel
def _push_frame(cells: I64, state: F64, k: int, slot: int, audio: F32, there: bool) -> None:
    """Write frame `k` of every lane into a slot of the ring."""
    source = f32_at(cells[L_SOURCE], 2 * SOURCE_FRAMES)
    returned = f32_at(cells[L_RETURN], 2 * cells[L_N_STEMS] * SOURCE_FRAMES)
    scope = i64_at(cells[L_SCOPE], N_SCOPE)
    n_stems = cells[L_N_STEMS]
    step = 1.0 / FADE_FRAMES
    at = k & _SOURCE_MASK
    if there:
        state[_WEIGHT] = min(1.0, state[_WEIGHT] + step)
    lost = not there and state[_WEIGHT] > 0.0
    if lost:
        state[_WEIGHT] = 0.0
        state[_LEVEL] = 1.0
    elif state[_LEVEL] > 0.0:
        state[_LEVEL] = max(0.0, state[_LEVEL] - step)
    for c in range(2):
        original = float(source[2 * at + c])
        audio[2 * slot + c] = np.float32(original)
        for stem in range(n_stems):
            stand_in = original if stem == cells[L_RESIDUAL] else 0.0
            place = 2 * stem + c
            off = 0.0
            if there:
                off = state[_WEIGHT] * (float(returned[(at * n_stems + stem) * 2 + c]) - stand_in)
            if lost:
                state[_OFFSET + place] = state[_LAST + place]
            off += state[_LEVEL] * state[_OFFSET + place]
            state[_LAST + place] = off
            audio[(stem + 1) * 2 * LANE_RING_FRAMES + 2 * slot + c] = np.float32(stand_in + off)
    for lane in range(1 + n_stems):
        place = lane * 2 * LANE_RING_FRAMES + 2 * slot
        scope_frame(scope, lane, float(audio[place]), float(audio[place + 1]))
    scope_step(scope)


@kernel
def _push(cells: I64, table: I64, n: int) -> None:
    """Write the next `n` frames into the lane ring."""
    ring = i64_at(table[T_RING_HEADER], HEADER_CELLS)
    audio = f32_at(table[T_RING_AUDIO], MAX_LANES * LANE_RING_FRAMES * 2)
    frame = i64_at(table[T_RING_FRAME], LANE_RING_FRAMES)
    ready = u8_at(table[T_RING_READY], LANE_RING_FRAMES)
    state = f64_at(cells[L_STATE], N_LIVE_STATE)
    valid_from = load_acquire(i64_at(cells[L_VALID], 1), 0)
    answered = load_acquire(i64_at(cells[L_RETURN_HEADER], HEADER_CELLS), HEAD)
    head = load_acquire(ring, HEAD)
    first = cells[L_NEXT]
    for i in range(n):
        k = first + i
        slot = (head + i) & _RING_MASK
        there = valid_from <= k < answered
        if valid_from <= k and not there:
            cells[L_LATE] += 1
        _push_frame(cells, state, k, slot, audio, there)
        frame[slot] = k
        ready[slot] = 1 if valid_from <= k else 0
    cells[L_NEXT] = first + n
    store_release(ring, HEAD, head + n)


@kernel
def _begin(cells: I64, table: I64, captured: int, ahead: int) -> None:
    """Start an epoch so that the callback's next block plays what was captured L_DELAY frames before it."""
    ring = i64_at(table[T_RING_HEADER], HEADER_CELLS)
    control = i64_at(table[T_CONTROL], N_CONTROL)
    block = i64_at(table[T_COUNTER], N_COUNTERS)[K_LARGEST_BLOCK]
    epoch = load_acquire(control, C_EPOCH) + 1
    # What sounds now is faded out first, and the epoch begins where that ends.
    envelope = f64_at(table[T_STATE_F], N_STATE_F)[SF_ENVELOPE]
    cells[L_NEXT] = captured + int(np.ceil(envelope * ENVELOPE_FRAMES)) - cells[L_DELAY]
    answer = np.empty(N_FEED, np.int64)
    answer[F_EPOCH] = epoch
    cells[L_START] = load_acquire(ring, HEAD)
    answer[F_START_INDEX] = cells[L_START]
    answer[F_END_INDEX] = -1
    answer[F_START_FRAME] = cells[L_NEXT]
    _push(cells, table, max(ahead, RESUME_FRAMES + ENVELOPE_FRAMES + block))
    cells[L_EPOCHS] += 1
    # The answer first: it must be on the way before the callback begins to wait for it.
    latest_publish(i64_at(table[T_FEED_SEQ], 1), i64_at(table[T_FEED], N_FEED), answer)
    store_release(control, C_EPOCH, epoch)


@kernel
def _delay_now(cells: I64, table: I64, captured: int) -> int:
    """Age of the frame that the callback plays next; 0 while it has none."""
    ring = i64_at(table[T_RING_HEADER], HEADER_CELLS)
    tail = load_acquire(ring, TAIL)
    if tail <= cells[L_START] or tail >= load_acquire(ring, HEAD):
        return 0
    return captured - i64_at(table[T_RING_FRAME], LANE_RING_FRAMES)[tail & _RING_MASK]


@kernel
def feed_live_once(cells: I64, table: I64) -> None:
    """Push what is due; begin anew where the delay has slipped.

    Parameters
    ----------
    cells : int64 array, shape (N_LIVE,)
    table : int64 array, shape (N_TABLE,)
        The engine's memory (`layout.py`).
    """
    counter = i64_at(table[T_COUNTER], N_COUNTERS)
    ring = i64_at(table[T_RING_HEADER], HEADER_CELLS)
    block = counter[K_LARGEST_BLOCK]
    source = i64_at(cells[L_SOURCE_HEADER], HEADER_CELLS)
    captured = load_acquire(source, HEAD)
    if captured < cells[L_DELAY] or block == 0:
        return
    ahead = ENVELOPE_FRAMES + 2 * block + SPARE_FRAMES
    due = captured - cells[L_DELAY] + ahead
    if cells[L_NEXT] < 0 or due - cells[L_NEXT] > LANE_RING_FRAMES // 2:
        _begin(cells, table, captured, ahead)
        return
    n = min(due - cells[L_NEXT], ring_writable(ring))
    if n > 0:
        _push(cells, table, n)
    captured = load_acquire(source, HEAD)
    delay = _delay_now(cells, table, captured)
    # An epoch may begin a block late, and a look into the middle of a callback, which moves one ring before
    # the other, is wrong by another.
    if delay > 0 and load_acquire(source, HEAD) == captured:
        cells[L_MEASURED] = delay
        if abs(delay - cells[L_DELAY]) > 2 * block + block // 4:
            _begin(cells, table, captured, ahead)


@kernel
def run_live_feed(cells: I64, table: I64) -> None:
    """Feed until told to stop.

    Parameters
    ----------
    cells : int64 array, shape (N_LIVE,)
        What to feed from and where it stands (`L_*`); `cells[L_STOP]` ends the loop.
    table : int64 array, shape (N_TABLE,)
        The engine's memory (`layout.py`).

    Notes
    -----
    Releases the GIL for its whole life.
    """
    while load_acquire(cells, L_STOP) == 0:
        feed_live_once(cells, table)
        sleep_us(SLEEP_US)
