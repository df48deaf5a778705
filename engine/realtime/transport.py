"""The transport on the device side: takes frames out of the lane ring, with a fade at every edge.

Runs on the device thread. Sound may stop for four reasons: pause, seek, the end of the song, and a
feeder that is late. Each is a fade of `FADE_FRAMES`, never an edge; playing resumes by itself.

A seek is an *epoch*. The controller raises the epoch number; the feeder answers in the feed mailbox
with the ring index where frames of that epoch begin; until then the callback fades out what it was
playing and lets old frames go, so that a full ring can never hold up a seek.

The feeder being late is foreseen: the last `FADE_FRAMES` in the ring are kept for the fade-out, so
starving sounds like a pause, and is counted in frames.
"""

import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.realtime.layout import (
    C_EPOCH,
    C_PLAY,
    F_END_INDEX,
    F_EPOCH,
    F_START_FRAME,
    F_START_INDEX,
    FADE_FRAMES,
    FLAG_ENDED,
    FLAG_PLAYING,
    FLAG_STARVED,
    FLAG_WAITING,
    K_RESUMES,
    K_STARVED_FRAMES,
    RESUME_FRAMES,
    SF_ENVELOPE,
    SI_EPOCH,
    SI_SONG_FRAME,
    SI_STARVED,
)
from engine.stream.atomics import load_acquire, store_release
from engine.stream.latest import latest_read
from engine.stream.ring import HEAD, TAIL
from engine.units import F32, F64, I64


@kernel
def _enter_epoch(head: int, epoch: int, ring: I64, feed: I64, answered: bool, state_i: I64) -> bool:
    """Jump to the newest epoch once the feeder has answered it and filled in enough to begin.

    `head` was loaded before the mailbox was read: whatever is answered later starts at or after it, so
    old frames up to there can be let go without ever stepping over new ones.
    """
    if not answered or feed[F_EPOCH] != epoch:
        store_release(ring, TAIL, max(head, ring[TAIL]))
        return False
    start = feed[F_START_INDEX]
    store_release(ring, TAIL, start)
    if load_acquire(ring, HEAD) - start < RESUME_FRAMES + FADE_FRAMES and feed[F_END_INDEX] < 0:
        return False
    state_i[SI_EPOCH] = epoch
    state_i[SI_STARVED] = 0
    state_i[SI_SONG_FRAME] = feed[F_START_FRAME]
    return True


@kernel
def plan_chunk(
    n: int,
    control: I64,
    ring: I64,
    feed_seq: I64,
    feed: I64,
    feed_copy: I64,
    state_i: I64,
    state_f: F64,
    counter: I64,
) -> tuple[int, float, int]:
    """Decide what the next frames are: how many come from the ring, where the envelope goes, and why.

    Parameters
    ----------
    n : int, >= 1
        Frames wanted.
    control, ring, feed_seq, feed : int64 arrays, shapes (N_CONTROL,), (24,), (1,), (N_FEED,)
        Control block, header of the lane ring, feed mailbox.
    feed_copy : int64 array, shape (N_FEED,)
        Scratch for reading the mailbox.
    state_i, state_f, counter : int64, float64, int64 arrays, shapes (N_STATE_I,), (N_STATE_F,), (N_COUNTERS,)
        The callback's private state and counters.

    Returns
    -------
    frames : int
        Frames to take from the ring, 0..n, at most what remains of a fade; 0 means silence for all n.
    target : float
        Where the envelope is heading, 0 or 1.
    flags : int
        FLAG_* bits.
    """
    head = load_acquire(ring, HEAD)
    answered = latest_read(feed_seq, feed, feed_copy)
    epoch = load_acquire(control, C_EPOCH)
    if epoch == 0:
        # Nothing was ever opened: silence, and nobody is late.
        return 0, 0.0, FLAG_WAITING
    current = epoch == state_i[SI_EPOCH]
    envelope = state_f[SF_ENVELOPE]
    if not current and envelope == 0.0:
        current = _enter_epoch(head, epoch, ring, feed_copy, answered, state_i)
        if not current:
            return 0, 0.0, FLAG_WAITING
    playing = load_acquire(control, C_PLAY) != 0
    readable = load_acquire(ring, HEAD) - ring[TAIL]
    flags = FLAG_PLAYING if playing else 0
    if not current:
        flags |= FLAG_WAITING
    end = feed_copy[F_END_INDEX] if answered and feed_copy[F_EPOCH] == state_i[SI_EPOCH] else -1
    if end >= 0 and ring[TAIL] >= end:
        state_f[SF_ENVELOPE] = 0.0
        return 0, 0.0, flags | FLAG_ENDED
    usable = readable if end >= 0 else readable - FADE_FRAMES
    if playing and current:
        if state_i[SI_STARVED] != 0 and (usable >= RESUME_FRAMES or end >= 0):
            state_i[SI_STARVED] = 0
            counter[K_RESUMES] += 1
        if state_i[SI_STARVED] == 0 and usable < min(n, RESUME_FRAMES) and end < 0:
            state_i[SI_STARVED] = 1
    if state_i[SI_STARVED] != 0:
        flags |= FLAG_STARVED
    target = 1.0 if playing and current and state_i[SI_STARVED] == 0 else 0.0
    if target == 0.0 and envelope == 0.0:
        if playing and current:
            counter[K_STARVED_FRAMES] += n
        return 0, 0.0, flags
    frames = min(n, readable)
    if target != envelope:
        frames = min(frames, max(1, int(np.ceil(abs(target - envelope) * FADE_FRAMES - 1e-6))))
    if frames <= 0:
        # Not even a fade is left: the ring was drained behind our back. Silence, and start afresh.
        state_f[SF_ENVELOPE] = 0.0
        return 0, 0.0, flags
    return frames, target, flags


@fast_kernel
def take_lane(lane: F32, ring_mask: int, start: int, n: int, out: F32) -> None:
    """Copy a lane's frames out of the ring.

    Parameters
    ----------
    lane : float32 array, shape (2 * capacity,)
        Interleaved stereo of one lane.
    ring_mask : int
        Capacity - 1.
    start : int
        Ring index of the first frame.
    n : int
        Frames, at most the capacity.
    out : float32 array, shape (at least 2 * n,)
        Interleaved stereo.
    """
    at = start & ring_mask
    first = min(n, ring_mask + 1 - at)
    for i in range(2 * first):
        out[i] = lane[2 * at + i]
    for i in range(2 * (n - first)):
        out[2 * first + i] = lane[i]


@kernel
def apply_envelope(audio: F32, n: int, target: float, state_f: F64) -> None:
    """Move the pause/seek envelope towards its target along a straight line.

    Parameters
    ----------
    audio : float32 array, shape (at least 2 * n,)
        Interleaved stereo, changed in place; untouched bit by bit while the envelope rests at 1.
    n : int
        Frames.
    target : float
        0 or 1.
    state_f : float64 array, shape (N_STATE_F,)
        The callback's private state.
    """
    value = state_f[SF_ENVELOPE]
    if value == target and target == 1.0:
        return
    step = 1.0 / FADE_FRAMES if target > value else -1.0 / FADE_FRAMES
    for i in range(n):
        value += step
        # Rounding of the repeated sum must not leave the envelope a hair off its rest.
        if (step > 0.0 and value > 1.0 - 1e-9) or (step < 0.0 and value < 1e-9):
            value = target
        gain = np.float32(value)
        audio[2 * i] *= gain
        audio[2 * i + 1] *= gain
    state_f[SF_ENVELOPE] = value
