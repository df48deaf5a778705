"""The mic chain: the effects of a plan one after the other, and the change from one plan to the next.

Runs on the device thread, or on whichever thread renders a file: the sound is the same, because every effect
is indifferent to how time is cut into blocks. The chain sees only addresses (see `chain_memory.py`).

A new plan is taken at the edge of a block. Whatever effect both plans have goes on with its state and its
memory, so that a reverb's tail, a learnt gain or a compressor's detector survive a change of order; then
both plans run while one fades into the other in 10 ms, and the old one is handed back.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.realtime.clock import flush_denormals, restore_float_mode
from engine.realtime.effects.slot import (
    N_OP,
    N_SLOT_F,
    N_SLOT_I,
    O_DRY,
    O_KIND,
    O_LATENCY,
    O_MEMORY,
    O_N_MEMORY,
    O_N_STATE,
    O_NTH,
    O_SLOT_F,
    O_SLOT_I,
    O_STATE,
    copy_stereo,
    peak_bits,
    run_slot,
)
from engine.realtime.layout import CHUNK_FRAMES
from engine.realtime.mixer import METER_FALL_DB_PER_S
from engine.stream.atomics import exchange, f32_at, i64_at, store_release
from engine.units import F32, I64

# --- a plan's table --------------------------------------------------------------------------------
P_N_OPS: Final = 0
P_RATE_HZ: Final = 1
P_FADE_FRAMES: Final = 2
P_LATENCY_FRAMES: Final = 3
P_OPS: Final = 4
"""From here on N_OP cells an effect."""

# --- the chain's table -----------------------------------------------------------------------------
H_MAILBOX: Final = 0
"""Address of the plan that shall run next, 0 for none: handed over by `exchange`."""
H_CURRENT: Final = 1
"""Address of the plan that runs; 0 lets the sound through."""
H_NEXT: Final = 2
"""Address of the plan that fades in, 0 for none."""
H_FADE_LEFT: Final = 3
H_BAD_SAMPLES: Final = 4
"""Samples that came in as NaN, infinity or absurdly loud."""
H_SCRATCH: Final = 5
H_RETIRED_HEAD: Final = 6
"""How many plans have been handed back so far."""
H_RETIRED: Final = 8
N_RETIRED: Final = 8
"""At most four plans live at once: running, fading in, in the mailbox, being built."""
N_CHAIN: Final = H_RETIRED + N_RETIRED

N_CHAIN_SCRATCH: Final = 2 * 2 * CHUNK_FRAMES
"""The dry sound of the effect at work, and the old plan's sound during a change."""
MAX_INPUT: Final = 16.0
"""+24 dBFS: no converter gives more, so more is a fault."""
_INPUT_BITS = np.int32(np.float32(MAX_INPUT).view(np.int32))


@kernel
def clean_input(audio: F32) -> int:
    """Replace NaN and infinity by silence and hold the rest to +-MAX_INPUT; returns how many were bad.

    Parameters
    ----------
    audio : float32 array, shape (2, n)
        Changed in place.
    """
    if max(peak_bits(audio[0]), peak_bits(audio[1])) <= _INPUT_BITS:
        return 0
    bad = 0
    limit = np.float32(MAX_INPUT)
    for channel in range(2):
        for i in range(audio.shape[1]):
            value = audio[channel, i]
            if not abs(value) <= limit:
                bad += 1
                audio[channel, i] = min(max(value, -limit), limit) if np.isfinite(value) else np.float32(0.0)
    return bad


@kernel
def run_plan(plan: int, audio: F32, dry: F32) -> None:
    """Every effect of a plan in its order, in place.

    Parameters
    ----------
    plan : int
        Address of its table; 0 leaves the sound as it is.
    audio : float32 array, shape (2, n), C order
        Changed in place.
    dry : float32 array, shape (2, n)
        Scratch.
    """
    if plan == 0:
        return
    head = i64_at(plan, P_OPS)
    n_ops = head[P_N_OPS]
    rate_hz = float(head[P_RATE_HZ])
    ops = i64_at(plan, P_OPS + n_ops * N_OP)
    fall = math.exp(-audio.shape[1] / rate_hz * METER_FALL_DB_PER_S / 20.0 * math.log(10.0))
    for k in range(n_ops):
        at = P_OPS + k * N_OP
        run_slot(ops[at : at + N_OP], rate_hz, head[P_FADE_FRAMES], audio, dry, fall)


@kernel
def _copy_bytes(source: int, target: int, n_bytes: int) -> None:
    """Copy cells of 4 or 8 bytes, bit by bit, from one address to another; they do not overlap."""
    of, to = f32_at(source, n_bytes // 4), f32_at(target, n_bytes // 4)
    for i in range(n_bytes // 4):
        to[i] = of[i]


@kernel
def _carry(old: int, new: int) -> None:
    """Let every effect that both plans have go on where it is.

    1.3 MiB at 48 kHz with all effects: 0.15 ms once a change.
    """
    if old == 0:
        return
    n_old, n_new = i64_at(old, P_OPS)[P_N_OPS], i64_at(new, P_OPS)[P_N_OPS]
    if i64_at(old, P_OPS)[P_RATE_HZ] != i64_at(new, P_OPS)[P_RATE_HZ]:
        return
    old_ops = i64_at(old, P_OPS + n_old * N_OP)
    new_ops = i64_at(new, P_OPS + n_new * N_OP)
    for k in range(n_new):
        to = new_ops[P_OPS + k * N_OP : P_OPS + (k + 1) * N_OP]
        for j in range(n_old):
            of = old_ops[P_OPS + j * N_OP : P_OPS + (j + 1) * N_OP]
            if of[O_KIND] == to[O_KIND] and of[O_NTH] == to[O_NTH]:
                _copy_bytes(of[O_STATE], to[O_STATE], 8 * to[O_N_STATE])
                _copy_bytes(of[O_SLOT_I], to[O_SLOT_I], 8 * N_SLOT_I)
                _copy_bytes(of[O_SLOT_F], to[O_SLOT_F], 8 * N_SLOT_F)
                _copy_bytes(of[O_MEMORY], to[O_MEMORY], 4 * to[O_N_MEMORY])
                _copy_bytes(of[O_DRY], to[O_DRY], 4 * 2 * to[O_LATENCY])


@fast_kernel
def _fade(old: F32, new: F32, left: int, fade_frames: int) -> None:
    """Fade from `old` into `new`, in place, `left` frames before the end of the fade."""
    n = min(new.shape[1], left)
    for channel in range(2):
        for i in range(n):
            w = min(np.float32(1.0), np.float32(left - 1 - i) / np.float32(fade_frames))
            new[channel, i] += w * (old[channel, i] - new[channel, i])


@kernel
def _take_plan(chain: I64) -> None:
    """Take a new plan out of the mailbox, if there is one.

    Before the fade it runs unheard for as long as it delays: what comes out until then is silence, and the
    first sound after it would be a step.
    """
    plan = exchange(chain, H_MAILBOX, 0)
    if plan == 0:
        return
    _carry(chain[H_CURRENT], plan)
    chain[H_NEXT] = plan
    head = i64_at(plan, P_OPS)
    chain[H_FADE_LEFT] = head[P_FADE_FRAMES] + head[P_LATENCY_FRAMES]


@kernel
def _retire(chain: I64, plan: int) -> None:
    """Hand a plan back to whoever made it."""
    head = chain[H_RETIRED_HEAD]
    chain[H_RETIRED + head % N_RETIRED] = plan
    store_release(chain, H_RETIRED_HEAD, head + 1)


@kernel
def run_chain(chain: I64, audio: F32) -> None:
    """The chain over one block, in place.

    Parameters
    ----------
    chain : int64 array, shape (N_CHAIN,)
        `ChainMemory.table`.
    audio : float32 array, shape (2, n), C order, 1 <= n <= CHUNK_FRAMES
        Changed in place; whatever comes in, what goes out is finite.

    Notes
    -----
    Device thread: no allocation, no lock, no Python. Late by the plan's `latency_frames`.
    """
    n = audio.shape[1]
    scratch = f32_at(chain[H_SCRATCH], N_CHAIN_SCRATCH)
    dry = scratch[: 2 * n].reshape((2, n))
    chain[H_BAD_SAMPLES] += clean_input(audio)
    if chain[H_NEXT] == 0:
        _take_plan(chain)
    if chain[H_NEXT] == 0:
        run_plan(chain[H_CURRENT], audio, dry)
        return
    old = scratch[2 * CHUNK_FRAMES : 2 * CHUNK_FRAMES + 2 * n].reshape((2, n))
    copy_stereo(audio, old)
    run_plan(chain[H_CURRENT], old, dry)
    run_plan(chain[H_NEXT], audio, dry)
    left = chain[H_FADE_LEFT]
    _fade(old, audio, left, i64_at(chain[H_NEXT], P_OPS)[P_FADE_FRAMES])
    chain[H_FADE_LEFT] = max(0, left - n)
    if chain[H_FADE_LEFT] == 0:
        if chain[H_CURRENT] != 0:
            _retire(chain, chain[H_CURRENT])
        chain[H_CURRENT] = chain[H_NEXT]
        chain[H_NEXT] = 0


@kernel
def run_blocks(chain: I64, audio: F32, block_frames: int, block: F32) -> None:
    """The chain over any length, in place, as the callback would do it block by block.

    Parameters
    ----------
    chain : int64 array, shape (N_CHAIN,)
        `ChainMemory.table`.
    audio : float32 array, shape (2, frames)
        Changed in place.
    block_frames : int, 1 to CHUNK_FRAMES
        Frames of a block, the last one shorter.
    block : float32 array, shape (2 * CHUNK_FRAMES,)
        Scratch.
    """
    float_mode = flush_denormals()
    n = audio.shape[1]
    for start in range(0, n, block_frames):
        stop = min(n, start + block_frames)
        part = block[: 2 * (stop - start)].reshape((2, stop - start))
        copy_stereo(audio[:, start:stop], part)
        run_chain(chain, part)
        copy_stereo(part, audio[:, start:stop])
    restore_float_mode(float_mode)
