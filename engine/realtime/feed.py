"""The feeder's compiled loop: from lanes on disk into the lane ring, at the device's rate.

Runs on the feeder thread, which is a Python thread that enters `run_feeder` once and stays there
without the GIL until the song is closed: neither a long sort in another thread nor a garbage
collection can make it late. Lanes are read through mappings, so a page fault is the only wait.

What it does to the song on the way: follows seeks (epochs) and the A-B loop to the frame, joins the
loop's end to its start with a short cross-fade, resamples, and marks from where on every stem is
there. The order "ready flag first, samples second" matters: the writer does it the other way round.

The loop reads a *virtual* stream of song frames, numbered from the seek on, in which the loop is already
unrolled; `S_*` cells hold where that stream and its staging buffer stand.
"""

from typing import Final

import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.realtime.clock import sleep_us
from engine.realtime.layout import (
    C_PLAY,
    F_END_INDEX,
    F_EPOCH,
    F_START_FRAME,
    F_START_INDEX,
    FADE_FRAMES,
    K_LARGEST_BLOCK,
    LANE_RING_FRAMES,
    MAX_LANES,
    N_CONTROL,
    N_COUNTERS,
    N_FEED,
    RAMP_FRAMES,
    RESUME_FRAMES,
    T_CONTROL,
    T_COUNTER,
    T_FEED,
    T_FEED_SEQ,
    T_RING_AUDIO,
    T_RING_FRAME,
    T_RING_HEADER,
    T_RING_READY,
)
from engine.stream.atomics import f32_at, i64_at, load_acquire, store_release, u8_at
from engine.stream.latest import latest_publish, latest_read
from engine.stream.ring import HEAD, HEADER_CELLS, TAIL, ring_writable
from engine.units import F32, I64, U8

STAGE_FRAMES: Final = 8_192
"""Song frames held for the resampler: 16 lanes x 2 x 8192 x 4 bytes = 1 MiB. At 192 kHz into 44.1 kHz a
chunk needs 256 * 4.36 = 1115 new frames and the filter some hundreds beside them."""
FEED_CHUNK_FRAMES: Final = 256
LOOP_FADE_FRAMES: Final = 192
"""4 ms at 48 kHz."""
IDLE_US: Final = 4_000
"""Sleep while the ring is full and plays: it lasts eighty times as long."""
PAUSED_US: Final = 10_000
"""Sleep while nothing plays: still short to the hand that seeks, and a window left open costs nothing."""
"""Sleep while the ring is full (341 ms deep) or the song is not decoded yet."""

# --- request mailbox: int64, controller -> feeder -------------------------------------------------
R_EPOCH: Final = 0
R_TARGET_FRAME: Final = 1
R_LOOP_ON: Final = 2
R_LOOP_A: Final = 3
R_LOOP_B: Final = 4
R_LOOP_COUNT: Final = 5
"""Raised with every change of the loop."""
N_REQUEST: Final = 6

# --- what the loop is told once: int64 cells ------------------------------------------------------
S_STOP: Final = 0
S_N_LANES: Final = 1
S_CAPACITY: Final = 2
S_PROGRESS: Final = 3
"""Address of the song's progress cells: decoded frames, finished, ..., total frames at [4]."""
S_READY: Final = 4
S_READY_BLOCK: Final = 5
S_REQUEST_SEQ: Final = 6
S_REQUEST: Final = 7
S_UP: Final = 8
S_DOWN: Final = 9
S_N_TAPS: Final = 10
S_BEFORE: Final = 11
"""Song frames the filter reaches back."""
S_READY_LOOK: Final = 12
"""Song frames that a cross-fade back to the original needs."""
S_CHUNK: Final = 13
"""Device frames made at a time, so few that what they need fits the staging buffer."""
S_LANE: Final = 16
"""Addresses of the mapped lanes, original first."""
# --- where it stands --------------------------------------------------------------------------
S_EPOCH: Final = 32
S_CURSOR: Final = 33
"""Song frame to fetch next; may be negative before the song's start."""
S_STAGE_START: Final = 34
"""Virtual frame that lies first in the staging buffer."""
S_STAGE_N: Final = 35
S_OUT: Final = 36
"""Device frames made since the seek."""
S_VIRTUAL_END: Final = 37
"""Virtual frame at which the song ended, or -1."""
S_LOOP_LIVE: Final = 38
S_LOOP_COUNT: Final = 39
S_START_INDEX: Final = 40
S_TARGET: Final = 41
S_ENDED: Final = 42
N_FEEDER: Final = 48

P_DECODED: Final = 0
P_FINISHED: Final = 1
P_TOTAL: Final = 4
N_PROGRESS: Final = 16


@kernel
def _begin_epoch(cells: I64, request: I64, ring: I64, feed_seq: I64, feed: I64) -> None:
    """Start the virtual stream afresh at the wanted frame and tell the callback where it begins."""
    cells[S_EPOCH] = request[R_EPOCH]
    cells[S_TARGET] = request[R_TARGET_FRAME]
    cells[S_CURSOR] = request[R_TARGET_FRAME] - cells[S_BEFORE]
    cells[S_STAGE_START] = -cells[S_BEFORE]
    cells[S_STAGE_N] = 0
    cells[S_OUT] = 0
    cells[S_VIRTUAL_END] = -1
    cells[S_ENDED] = 0
    cells[S_LOOP_COUNT] = request[R_LOOP_COUNT]
    cells[S_LOOP_LIVE] = 1 if request[R_LOOP_ON] != 0 and request[R_TARGET_FRAME] < request[R_LOOP_B] else 0
    cells[S_START_INDEX] = load_acquire(ring, HEAD)
    _publish(cells, -1, feed_seq, feed)


@kernel
def _publish(cells: I64, end_index: int, feed_seq: I64, feed: I64) -> None:
    """Answer the callback: where this epoch starts in the ring, and ends if that is known."""
    new = np.empty(N_FEED, np.int64)
    new[F_EPOCH] = cells[S_EPOCH]
    new[F_START_INDEX] = cells[S_START_INDEX]
    new[F_END_INDEX] = end_index
    new[F_START_FRAME] = cells[S_TARGET]
    latest_publish(feed_seq, feed, new)


@kernel
def _is_ready(frame: int, block: int, n_blocks: int, ready: U8) -> bool:
    """Whether all stems are on disk at a song frame."""
    b = frame // block
    return 0 <= b < n_blocks and ready[b] != 0


@fast_kernel
def _copy_frames(lane: F32, start: int, n: int, stage: F32, at: int) -> None:
    for i in range(2 * n):
        stage[2 * at + i] = lane[2 * start + i]


@fast_kernel
def _fade_into_loop(lane: F32, into: int, position: int, length: int, n: int, stage: F32, at: int) -> None:
    """Cross-fade `n` staged frames towards what precedes the loop's start, so that B runs into A.

    `position` of `length` is how far into the fade the first frame is; `into` its partner before A.
    """
    for i in range(n):
        w = np.float32((position + i + 1) / length)
        for c in range(2):
            partner = lane[2 * (into + i) + c] if into + i >= 0 else np.float32(0.0)
            held = stage[2 * (at + i) + c]
            stage[2 * (at + i) + c] = held + w * (partner - held)


@kernel
def _stems_are_there(cells: I64, request: I64, progress: I64, frame: int) -> bool:
    """Whether every stem is there at a song frame, and still when the callback has faded back from it."""
    block = cells[S_READY_BLOCK]
    n_blocks = -(-cells[S_CAPACITY] // block)
    ready = u8_at(cells[S_READY], n_blocks)
    last = progress[P_TOTAL] - 1 if load_acquire(progress, P_FINISHED) != 0 else cells[S_CAPACITY] - 1
    ahead = min(frame + cells[S_READY_LOOK], last)
    if cells[S_LOOP_LIVE] != 0 and frame < request[R_LOOP_B] <= ahead:
        ahead = min(request[R_LOOP_A] + ahead - request[R_LOOP_B], last)
    return _is_ready(frame, block, n_blocks, ready) and _is_ready(ahead, block, n_blocks, ready)


@kernel
def _fetchable(cells: I64, request: I64, progress: I64, room: int) -> int:
    """How many frames can be fetched in one straight piece, 0 while the decoder is behind."""
    cursor = cells[S_CURSOR]
    if cursor < 0:
        return min(room, -cursor)
    finished = load_acquire(progress, P_FINISHED) != 0
    limit = progress[P_TOTAL] if finished else load_acquire(progress, P_DECODED)
    if cells[S_LOOP_LIVE] != 0 and cursor < request[R_LOOP_B]:
        limit = min(limit, request[R_LOOP_B])
    return max(0, min(room, limit - cursor))


@kernel
def _fetch(cells: I64, request: I64, stage: F32, stage_frame: I64, stage_ready: U8, room: int) -> int:
    """Append one straight piece of the virtual stream to the staging buffer; returns its frames."""
    progress = i64_at(cells[S_PROGRESS], N_PROGRESS)
    if cells[S_LOOP_LIVE] != 0 and cells[S_CURSOR] == request[R_LOOP_B]:
        cells[S_CURSOR] = request[R_LOOP_A]
    n = _fetchable(cells, request, progress, room)
    at = cells[S_STAGE_N]
    cursor = cells[S_CURSOR]
    if n == 0:
        if load_acquire(progress, P_FINISHED) == 0 or cursor < progress[P_TOTAL]:
            return 0
        # Past the end: silence for the filter's tail.
        if cells[S_VIRTUAL_END] < 0:
            cells[S_VIRTUAL_END] = cells[S_STAGE_START] + at
        n = room
        _stage_silence(cells, stage, stage_frame, stage_ready, at, n)
        return n
    if cursor < 0:
        _stage_silence(cells, stage, stage_frame, stage_ready, at, n)
        cells[S_CURSOR] = cursor + n
        return n
    looping = cells[S_LOOP_LIVE] != 0 and cursor < request[R_LOOP_B]
    for i in range(n):
        stage_ready[at + i] = 1 if _stems_are_there(cells, request, progress, cursor + i) else 0
        stage_frame[at + i] = cursor + i
    fade = 0
    if looping:
        fade = min(LOOP_FADE_FRAMES, (request[R_LOOP_B] - request[R_LOOP_A]) // 2)
    fade_from = request[R_LOOP_B] - fade
    for lane in range(cells[S_N_LANES]):
        samples = f32_at(cells[S_LANE + lane], 2 * cells[S_CAPACITY])
        row = stage[lane * 2 * STAGE_FRAMES : (lane + 1) * 2 * STAGE_FRAMES]
        _copy_frames(samples, cursor, n, row, at)
        if looping and cursor + n > fade_from:
            skip = max(0, fade_from - cursor)
            done = cursor + skip - fade_from
            into = request[R_LOOP_A] - fade + done
            _fade_into_loop(samples, into, done, fade, n - skip, row, at + skip)
    cells[S_STAGE_N] = at + n
    cells[S_CURSOR] = cursor + n
    return n


@kernel
def _stage_silence(cells: I64, stage: F32, frame: I64, ready: U8, at: int, n: int) -> None:
    for lane in range(cells[S_N_LANES]):
        base = lane * 2 * STAGE_FRAMES
        stage[base + 2 * at : base + 2 * (at + n)] = np.float32(0.0)
    for i in range(n):
        frame[at + i] = max(0, cells[S_CURSOR])
        ready[at + i] = 0
    cells[S_STAGE_N] = at + n


@kernel
def _drop_used(cells: I64, keep_from: int, stage: F32, frame: I64, ready: U8) -> None:
    """Move the staged frames that the filter still needs to the front."""
    gone = min(keep_from - cells[S_STAGE_START], cells[S_STAGE_N])
    if gone <= 0:
        return
    left = cells[S_STAGE_N] - gone
    for lane in range(cells[S_N_LANES]):
        base = lane * 2 * STAGE_FRAMES
        for i in range(2 * left):
            stage[base + i] = stage[base + 2 * gone + i]
    for i in range(left):
        frame[i] = frame[gone + i]
        ready[i] = ready[gone + i]
    cells[S_STAGE_START] += gone
    cells[S_STAGE_N] = left


@fast_kernel
def _filter_lane(
    row: F32, first: int, phase: int, step: tuple[int, int], taps: F32, n: int, out: F32, at: int
) -> None:
    """Polyphase filter of one staged lane into its ring, `at` being a frame index of the ring.

    `first` is the staged frame under tap 0 of the first output, `phase` its phase; `step` = (up, down).
    """
    up, down = step
    n_taps = taps.shape[1]
    position = first
    mask = LANE_RING_FRAMES - 1
    for k in range(n):
        left = np.float32(0.0)
        right = np.float32(0.0)
        h = taps[phase]
        for j in range(n_taps):
            left += h[j] * row[2 * (position + j)]
            right += h[j] * row[2 * (position + j) + 1]
        slot = (at + k) & mask
        out[2 * slot] = left
        out[2 * slot + 1] = right
        phase += down
        position += phase // up
        phase %= up


@kernel
def _push_chunk(
    cells: I64, table: I64, taps: F32, stage: F32, stage_frame: I64, stage_ready: U8, n: int
) -> None:
    """Write `n` device frames of every lane into the ring; all they need is staged."""
    ring = i64_at(table[T_RING_HEADER], HEADER_CELLS)
    audio = f32_at(table[T_RING_AUDIO], MAX_LANES * LANE_RING_FRAMES * 2)
    frame = i64_at(table[T_RING_FRAME], LANE_RING_FRAMES)
    ready = u8_at(table[T_RING_READY], LANE_RING_FRAMES)
    up, down = cells[S_UP], cells[S_DOWN]
    head = load_acquire(ring, HEAD)
    out = cells[S_OUT]
    centre = out * down // up
    phase = out * down % up
    first = centre - cells[S_BEFORE] - cells[S_STAGE_START]
    mask = LANE_RING_FRAMES - 1
    for lane in range(cells[S_N_LANES]):
        row = stage[lane * 2 * STAGE_FRAMES : (lane + 1) * 2 * STAGE_FRAMES]
        lane_ring = audio[lane * 2 * LANE_RING_FRAMES : (lane + 1) * 2 * LANE_RING_FRAMES]
        if up == down:
            for k in range(n):
                slot = (head + k) & mask
                lane_ring[2 * slot] = row[2 * (first + k)]
                lane_ring[2 * slot + 1] = row[2 * (first + k) + 1]
        else:
            _filter_lane(row, first, phase, (up, down), taps, n, lane_ring, head)
    for k in range(n):
        staged = (out + k) * down // up - cells[S_STAGE_START]
        slot = (head + k) & mask
        frame[slot] = stage_frame[staged]
        ready[slot] = stage_ready[staged]
    store_release(ring, HEAD, head + n)
    cells[S_OUT] = out + n


@kernel
def _feed_once(
    cells: I64, table: I64, taps: F32, request: I64, stage: F32, stage_frame: I64, stage_ready: U8
) -> bool:
    """Make one chunk if there is room and material; returns whether it did."""
    ring = i64_at(table[T_RING_HEADER], HEADER_CELLS)
    if cells[S_ENDED] != 0 or ring_writable(ring) < cells[S_CHUNK]:
        return False
    up, down = cells[S_UP], cells[S_DOWN]
    after = cells[S_N_TAPS] - cells[S_BEFORE]
    n = cells[S_CHUNK]
    _drop_used(cells, cells[S_OUT] * down // up - cells[S_BEFORE], stage, stage_frame, stage_ready)
    needed = (cells[S_OUT] + n - 1) * down // up + max(after, 1)
    while cells[S_STAGE_START] + cells[S_STAGE_N] < needed:
        room = needed - cells[S_STAGE_START] - cells[S_STAGE_N]
        if _fetch(cells, request, stage, stage_frame, stage_ready, room) == 0:
            return False
    end = cells[S_VIRTUAL_END]
    if end >= 0:
        # Device frames whose centre lies before the end: ceil(end * up / down).
        n = min(n, max(0, -(-end * up // down) - cells[S_OUT]))
    if n > 0:
        _push_chunk(cells, table, taps, stage, stage_frame, stage_ready, n)
    if end >= 0 and n < cells[S_CHUNK]:
        cells[S_ENDED] = 1
        feed_seq = i64_at(table[T_FEED_SEQ], 1)
        _publish(cells, load_acquire(ring, HEAD), feed_seq, i64_at(table[T_FEED], N_FEED))
    return True


@kernel
def _take_back(cells: I64, table: I64, request: I64) -> bool:
    """Step back in the ring where stems have arrived that were not there when it was filled.

    Without this, stems would be heard as late as the ring is deep. Only frames well ahead of the
    callback are taken back (two of its blocks and what it needs not to call itself starved), so it
    never reads a frame that is being written again, and it merely finds less in the ring for a moment.
    """
    ring = i64_at(table[T_RING_HEADER], HEADER_CELLS)
    head = load_acquire(ring, HEAD)
    largest_block = i64_at(table[T_COUNTER], N_COUNTERS)[K_LARGEST_BLOCK]
    back_to = load_acquire(ring, TAIL) + 2 * FADE_FRAMES + 2 * max(RESUME_FRAMES, largest_block)
    if cells[S_N_LANES] < 2 or back_to <= cells[S_START_INDEX] or back_to >= head:
        return False
    slot = back_to & (LANE_RING_FRAMES - 1)
    if u8_at(table[T_RING_READY], LANE_RING_FRAMES)[slot] != 0:
        return False
    frame = i64_at(table[T_RING_FRAME], LANE_RING_FRAMES)[slot]
    if not _stems_are_there(cells, request, i64_at(cells[S_PROGRESS], N_PROGRESS), frame):
        return False
    out = back_to - cells[S_START_INDEX]
    centre = out * cells[S_DOWN] // cells[S_UP]
    gone_by = cells[S_STAGE_START] + cells[S_STAGE_N] - centre
    cursor = frame - cells[S_BEFORE]
    if cells[S_LOOP_LIVE] != 0 and (cursor < request[R_LOOP_A] or frame + gone_by > request[R_LOOP_B]):
        # Across the loop's seam the song is not one straight piece: let that stretch be.
        return False
    if cells[S_VIRTUAL_END] >= 0:
        return False
    cells[S_OUT] = out
    cells[S_CURSOR] = cursor
    cells[S_STAGE_START] = centre - cells[S_BEFORE]
    cells[S_STAGE_N] = 0
    store_release(ring, HEAD, back_to)
    return True


@kernel
def run_feeder(cells: I64, table: I64, taps: F32) -> None:
    """Feed until told to stop.

    Parameters
    ----------
    cells : int64 array, shape (N_FEEDER,)
        What to feed from and where it stands (`S_*`); `cells[S_STOP]` ends the loop.
    table : int64 array, shape (N_TABLE,)
        The engine's memory (`layout.py`).
    taps : float32 array, shape (phases, n_taps)
        Polyphase filter from the song's rate to the device's; not used when they agree.

    Notes
    -----
    Feeder thread only. Releases the GIL for its whole life; sleeps when there is nothing to do.
    """
    stage = np.zeros(MAX_LANES * 2 * STAGE_FRAMES, np.float32)
    stage_frame = np.zeros(STAGE_FRAMES, np.int64)
    stage_ready = np.zeros(STAGE_FRAMES, np.uint8)
    request = np.zeros(N_REQUEST, np.int64)
    newest = np.zeros(N_REQUEST, np.int64)
    ring = i64_at(table[T_RING_HEADER], HEADER_CELLS)
    feed_seq = i64_at(table[T_FEED_SEQ], 1)
    feed = i64_at(table[T_FEED], N_FEED)
    request_seq = i64_at(cells[S_REQUEST_SEQ], 1)
    request_cells = i64_at(cells[S_REQUEST], N_REQUEST)
    while load_acquire(cells, S_STOP) == 0:
        if latest_read(request_seq, request_cells, newest):
            request[:] = newest
            if request[R_EPOCH] != cells[S_EPOCH]:
                _begin_epoch(cells, request, ring, feed_seq, feed)
            elif request[R_LOOP_COUNT] != cells[S_LOOP_COUNT]:
                cells[S_LOOP_COUNT] = request[R_LOOP_COUNT]
                inside = cells[S_CURSOR] <= request[R_LOOP_B]
                cells[S_LOOP_LIVE] = 1 if request[R_LOOP_ON] != 0 and inside else 0
        if cells[S_EPOCH] != 0:
            _take_back(cells, table, request)
        if cells[S_EPOCH] == 0 or not _feed_once(
            cells, table, taps, request, stage, stage_frame, stage_ready
        ):
            playing = load_acquire(i64_at(table[T_CONTROL], N_CONTROL), C_PLAY) != 0
            sleep_us(IDLE_US if playing else PAUSED_US)


def chunk_frames(n_taps: int, up: int, down: int) -> int:
    """Device frames that can be made at once from STAGE_FRAMES staged song frames, at most FEED_CHUNK_FRAMES.

    0 when not even the filter fits: the device's rate is too far below the song's.
    """
    return max(0, min(FEED_CHUNK_FRAMES, (STAGE_FRAMES - n_taps - 2) * up // down - 1))


def ready_look_frames(song_rate_hz: int, device_rate_hz: int) -> int:
    """Song frames that the callback's cross-fade back to the original takes, rounded up."""
    return -(-(RAMP_FRAMES + 1) * song_rate_hz // device_rate_hz) + 1
