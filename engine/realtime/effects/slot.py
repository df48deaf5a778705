"""One effect in its place in the chain: wet and dry, bypass, meters, and what happens when it blows up.

Runs on the device thread. Effects know only their own sound; what they have in common is here, once:

- the dry sound, late by the effect's own latency, so that mixing wet and dry does not comb;
- one weight between both, ramped in a straight line over 10 ms, for the wet knob and for bypass alike;
- a check of every block that leaves the effect. One that turns infinite, NaN or absurdly loud is taken out
  of the sound without a click, reset from the image of its first moment, and faded back in. The reset
  goes on in slices over several blocks, because a reverb's memory is too much for one.
"""

from typing import Final

import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.realtime.effects.kind import N_EFFECT_PARAMS
from engine.realtime.effects.native import call_effect
from engine.stream.atomics import f32_at, f64_at, i64_at
from engine.units import F32, F64, I64

# --- one row of the op table: addresses (of float64 unless said otherwise) and sizes ---------------
O_PROCESS: Final = 0
O_KIND: Final = 1
"""Tells kinds apart: checksum of the name."""
O_NTH: Final = 2
"""How many of the same kind stand before it."""
O_LATENCY: Final = 3
O_N_STATE: Final = 4
O_N_MEMORY: Final = 5
O_PARAMS: Final = 6
O_TARGETS: Final = 7
O_STATE: Final = 8
O_STATE_IMAGE: Final = 9
O_MEMORY: Final = 10
"""float32, as are its image and the dry delay line."""
O_MEMORY_IMAGE: Final = 11
O_DRY: Final = 12
"""Left, then right: `latency` cells each."""
O_SLOT_I: Final = 13
"""int64."""
O_SLOT_F: Final = 14
N_OP: Final = 16

# --- targets, written by the control thread --------------------------------------------------------
W_WET: Final = 0
W_BYPASS: Final = 1
N_TARGETS: Final = 2

# --- the slot's own state --------------------------------------------------------------------------
I_DRY_POSITION: Final = 0
I_RAMP_LEFT: Final = 1
I_RESET_AT: Final = 2
"""Next cell of the memory to be reset, -1 while the effect runs."""
I_OFFSET_LEFT: Final = 3
I_BLOWN: Final = 4
"""How often it was reset."""
N_SLOT_I: Final = 8

F_WEIGHT: Final = 0
"""Weight of the wet sound, its step a frame, where it goes."""
F_STEP: Final = 1
F_TARGET: Final = 2
F_LAST: Final = 3
"""Last frame that went out, left and right: where the sound goes on from when the effect is taken out."""
F_OFFSET: Final = 5
F_PEAK: Final = 8
"""Falling peak after the effect, left and right."""
N_SLOT_F: Final = 12

RESET_CELLS: Final = 16_384
"""Memory reset a block: 64 KiB, some 5 us. A second of stereo at 48 kHz is done after six blocks."""
BLOWN_LEVEL: Final = 1e8
"""+160 dBFS: more than all gains of a chain together, so only a broken filter gets there."""
_MAX_OFFSET: Final = 2.0
_SIGN_OFF = np.int32(0x7FFFFFFF)
_BLOWN_BITS = np.int32(np.float32(BLOWN_LEVEL).view(np.int32))


@kernel
def peak_bits(row: F32) -> int:
    """Bits of the largest magnitude; NaN and infinity count as larger than any number.

    Whole numbers, because a maximum of floats that minds NaN does not vectorise; magnitudes and their
    bits are in the same order.

    Parameters
    ----------
    row : float32 array, shape (n,)
    """
    bits = row.view(np.int32)
    top = np.int32(0)
    for i in range(bits.shape[0]):
        top = max(top, np.int32(bits[i] & _SIGN_OFF))
    return int(top)


@kernel
def copy_stereo(source: F32, target: F32) -> None:
    """Copy frames; assigning one array to another would first look for overlap, frame by frame.

    Parameters
    ----------
    source, target : float32 arrays, shape (2, n)
        Must not overlap.
    """
    for channel in range(2):
        for i in range(target.shape[1]):
            target[channel, i] = source[channel, i]


@fast_kernel
def delay_dry(dry: F32, line: F32, latency_frames: int, position: int) -> int:
    """Make the dry sound as late as the effect; returns the new position in the line.

    Parameters
    ----------
    dry : float32 array, shape (2, n)
        Changed in place.
    line : float32 array, shape (2 * latency_frames,)
        The last frames, left then right.
    latency_frames : int
    position : int
        Where the oldest frame lies.
    """
    n = dry.shape[1]
    start = position
    for channel in range(2):
        at = channel * latency_frames
        position = start
        for i in range(n):
            late = line[at + position]
            line[at + position] = dry[channel, i]
            dry[channel, i] = late
            position += 1
            if position == latency_frames:
                position = 0
    return position


@kernel
def _aim(target: float, fade_frames: int, slot_i: I64, slot_f: F64) -> None:
    """Start a ramp of the weight if it shall go elsewhere; NaN is no wish."""
    if np.isnan(target):
        return
    target = min(max(target, 0.0), 1.0)
    if target == slot_f[F_TARGET]:
        return
    slot_f[F_TARGET] = target
    slot_f[F_STEP] = (target - slot_f[F_WEIGHT]) / fade_frames
    slot_i[I_RAMP_LEFT] = fade_frames


@fast_kernel
def _mix(audio: F32, dry: F32, slot_i: I64, slot_f: F64) -> None:
    """Wet and dry by weight, along the ramp where one is under way."""
    n = audio.shape[1]
    ramped = min(n, slot_i[I_RAMP_LEFT])
    if ramped > 0:
        weight, step = slot_f[F_WEIGHT], slot_f[F_STEP]
        for channel in range(2):
            for i in range(ramped):
                w = np.float32(weight + step * (i + 1))
                audio[channel, i] = dry[channel, i] + w * (audio[channel, i] - dry[channel, i])
        slot_i[I_RAMP_LEFT] -= ramped
        # Land on the target itself: full weight must pass the effect's own samples.
        slot_f[F_WEIGHT] = slot_f[F_TARGET] if slot_i[I_RAMP_LEFT] == 0 else weight + step * ramped
    w = np.float32(slot_f[F_WEIGHT])
    if ramped < n and w != np.float32(1.0):
        for channel in range(2):
            for i in range(ramped, n):
                audio[channel, i] = dry[channel, i] + w * (audio[channel, i] - dry[channel, i])


@kernel
def _take_out(dry: F32, fade_frames: int, slot_i: I64, slot_f: F64) -> None:
    """Begin to mute an effect that blew up: the sound goes on from the last good frame towards the dry."""
    slot_i[I_RESET_AT] = 0
    slot_i[I_BLOWN] += 1
    slot_i[I_RAMP_LEFT] = 0
    slot_i[I_OFFSET_LEFT] = fade_frames
    slot_f[F_WEIGHT] = 0.0
    slot_f[F_TARGET] = 0.0
    for channel in range(2):
        gap = slot_f[F_LAST + channel] - float(dry[channel, 0])
        slot_f[F_OFFSET + channel] = min(max(gap, -_MAX_OFFSET), _MAX_OFFSET)


@kernel
def _reset_slice(op: I64, slot_i: I64) -> None:
    """Copy the next slice of the first moment's image; the state goes with the last one."""
    n_memory = op[O_N_MEMORY]
    start = slot_i[I_RESET_AT]
    stop = min(n_memory, start + RESET_CELLS)
    memory = f32_at(op[O_MEMORY], n_memory)
    image = f32_at(op[O_MEMORY_IMAGE], n_memory)
    for i in range(start, stop):
        memory[i] = image[i]
    slot_i[I_RESET_AT] = stop
    if stop == n_memory:
        f64_at(op[O_STATE], op[O_N_STATE])[:] = f64_at(op[O_STATE_IMAGE], op[O_N_STATE])
        slot_i[I_RESET_AT] = -1


@kernel
def _add_offset(audio: F32, fade_frames: int, slot_i: I64, slot_f: F64) -> None:
    """Let the step between the last good frame and the dry sound shrink to nothing."""
    left = slot_i[I_OFFSET_LEFT]
    n = min(audio.shape[1], left)
    for channel in range(2):
        offset = slot_f[F_OFFSET + channel] / fade_frames
        for i in range(n):
            audio[channel, i] += np.float32(offset * (left - i))
    slot_i[I_OFFSET_LEFT] = left - n


@kernel
def _run_effect(
    op: I64, rate_hz: float, fade_frames: int, audio: F32, dry: F32, slot_i: I64, slot_f: F64
) -> bool:
    """The effect itself, then the check of what it made; False where it is muted and `audio` is the dry."""
    if slot_i[I_RESET_AT] >= 0:
        _reset_slice(op, slot_i)
        copy_stereo(dry, audio)
        return False
    call_effect(
        op[O_PROCESS],
        audio,
        rate_hz,
        f64_at(op[O_PARAMS], N_EFFECT_PARAMS),
        f64_at(op[O_STATE], op[O_N_STATE]),
        f32_at(op[O_MEMORY], op[O_N_MEMORY]),
    )
    if max(peak_bits(audio[0]), peak_bits(audio[1])) > _BLOWN_BITS:
        _take_out(dry, fade_frames, slot_i, slot_f)
        copy_stereo(dry, audio)
        return False
    return True


@kernel
def run_slot(op: I64, rate_hz: float, fade_frames: int, audio: F32, dry: F32, fall: float) -> None:
    """One effect with its wet and dry mix, in place.

    Parameters
    ----------
    op : int64 array, shape (N_OP,)
        Its row of the op table.
    rate_hz : float
    fade_frames : int
        Length of ramps: 10 ms.
    audio : float32 array, shape (2, n), C order
        Finite; changed in place and left finite.
    dry : float32 array, shape (2, n)
        Scratch.
    fall : float, 0 to 1
        What is left of a meter's peak after n frames.
    """
    n = audio.shape[1]
    slot_i = i64_at(op[O_SLOT_I], N_SLOT_I)
    slot_f = f64_at(op[O_SLOT_F], N_SLOT_F)
    targets = f64_at(op[O_TARGETS], N_TARGETS)
    copy_stereo(audio, dry)
    latency_frames = op[O_LATENCY]
    if latency_frames > 0:
        # Late first: an effect that fails must find the dry sound where its own would have been.
        line = f32_at(op[O_DRY], 2 * latency_frames)
        slot_i[I_DRY_POSITION] = delay_dry(dry, line, latency_frames, slot_i[I_DRY_POSITION])
    if _run_effect(op, rate_hz, fade_frames, audio, dry, slot_i, slot_f):
        wet = 0.0 if targets[W_BYPASS] != 0.0 else targets[W_WET]
        _aim(wet, fade_frames, slot_i, slot_f)
    _mix(audio, dry, slot_i, slot_f)
    if slot_i[I_OFFSET_LEFT] > 0:
        _add_offset(audio, fade_frames, slot_i, slot_f)
    for channel in range(2):
        slot_f[F_LAST + channel] = audio[channel, n - 1]
        peak = float(np.int32(peak_bits(audio[channel])).view(np.float32))
        slot_f[F_PEAK + channel] = max(peak, slot_f[F_PEAK + channel] * fall)
