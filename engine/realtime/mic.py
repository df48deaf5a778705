"""The mic's path through the callback: from the driver's input buffer into the mix.

Runs on the device thread, in the same callback that fills the output, so that a voice is heard one driver
buffer after it was captured. In order: input meter and dry tap, the worker's insert, the effect chain, the
feedback guard, gain, balance and mute, output meter and wet tap, and then into the mix before the master
fader and the limiter. The insert stands before the chain because a denoiser must hear the bare voice and
not its reverb.

While the mic is off all this is one comparison a chunk.
"""

from typing import Final

import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.realtime.bridge import N_BRIDGE, bridge_pull
from engine.realtime.clock import monotonic_ns
from engine.realtime.effects.chain import N_CHAIN, run_chain
from engine.realtime.howl import N_GUARD, guard_voice
from engine.realtime.layout import (
    C_BRIDGE_ON,
    C_GUARD_ON,
    C_INSERT_ON,
    C_MIC_CHANNEL,
    C_MIC_TAP_ON,
    C_PROBE,
    C_SOURCE_ON,
    C_SUNG_ON,
    CHUNK_FRAMES,
    K_DUCKED_FRAMES,
    K_FRAMES,
    K_LARGEST_BLOCK,
    K_MIC_LATE,
    K_MIC_LOST,
    K_MIC_STARVED,
    K_PROBE_FRAME,
    MARK_FRAMES,
    MARK_RING_MARKS,
    MARK_SONG,
    MARK_STREAM,
    MARK_TAP,
    MI_MARK,
    MI_PROBE_AT,
    MI_PROBE_SEEN,
    MIC_IN_SLOT,
    MIC_OUT_SLOT,
    MIC_ROW,
    MIC_STEREO,
    MIC_TAP_WIDTH,
    N_CONTROL,
    N_COUNTERS,
    N_MARK,
    N_MIC_I,
    N_PARAMS,
    N_ROWS,
    N_STATE_F,
    N_STATE_I,
    PROBE_FRAMES,
    SI_SONG_FRAME,
    SI_SOUNDING,
    SOURCE_MIC,
    SUNG_RING_FRAMES,
    T_BRIDGE,
    T_CHAIN,
    T_CONTROL,
    T_COUNTER,
    T_GUARD,
    T_INPUT_CHANNELS,
    T_INSERT,
    T_LANE_PARAMS,
    T_MARK,
    T_MARK_HEADER,
    T_MIC_I,
    T_MIC_TAP,
    T_MIC_TAP_HEADER,
    T_PROBE,
    T_RATE_HZ,
    T_STATE_F,
    T_STATE_I,
    T_SUNG,
    T_SUNG_HEADER,
    T_VOICE,
    TAP_RING_FRAMES,
)
from engine.realtime.mixer import apply_gain, update_gain_target, update_meter
from engine.realtime.source import push_voice
from engine.stream.atomics import f32_at, f64_at, i64_at, load_acquire
from engine.stream.insert import N_INSERT, exchange
from engine.stream.ring import HEAD, HEADER_CELLS, ring_push, ring_writable
from engine.units import F32, I64

N_VOICE: Final = (2 + 2 + 2 + MIC_TAP_WIDTH) * CHUNK_FRAMES
"""float32 scratch: the voice planar, then interleaved, the bare mic interleaved, a chunk of tap frames."""
_LOUDEST = np.float32(1e6)
"""Beyond this an input sample is a driver's rubbish (as in the limiter)."""


@fast_kernel
def take_input(device: F32, channels: int, channel: int, at: int, voice: F32) -> None:
    """Take frames out of the driver's input buffer.

    Parameters
    ----------
    device : float32 array, shape (frames * channels,)
        Interleaved.
    channels : int, >= 1
    channel : int
        Heard on both sides; MIC_STEREO takes the first two as left and right.
    at : int
        First frame.
    voice : float32 array, shape (2, n)
        Receives them; NaN, infinity and rubbish become silence.
    """
    left = 0 if channel == MIC_STEREO else min(channel, channels - 1)
    right = min(1, channels - 1) if channel == MIC_STEREO else left
    for i in range(voice.shape[1]):
        base = (at + i) * channels
        x, y = device[base + left], device[base + right]
        voice[0, i] = x if abs(x) <= _LOUDEST else np.float32(0.0)
        voice[1, i] = y if abs(y) <= _LOUDEST else np.float32(0.0)


@fast_kernel
def _interleave(voice: F32, out: F32) -> None:
    for i in range(voice.shape[1]):
        out[2 * i] = voice[0, i]
        out[2 * i + 1] = voice[1, i]


@kernel
def _add_probe(table: I64, n: int, device_at: int, out: F32) -> None:
    """Play the next frames of the probe, if one was asked for."""
    cells = i64_at(table[T_MIC_I], N_MIC_I)
    wanted = load_acquire(i64_at(table[T_CONTROL], N_CONTROL), C_PROBE)
    if wanted != cells[MI_PROBE_SEEN]:
        cells[MI_PROBE_SEEN] = wanted
        cells[MI_PROBE_AT] = 0
        counter = i64_at(table[T_COUNTER], N_COUNTERS)
        counter[K_PROBE_FRAME] = counter[K_FRAMES] + device_at + 1
    position = cells[MI_PROBE_AT]
    if wanted == 0 or position >= PROBE_FRAMES:
        return
    probe = f32_at(table[T_PROBE], PROBE_FRAMES)
    k = min(n, PROBE_FRAMES - position)
    for i in range(k):
        out[2 * i] += probe[position + i]
        out[2 * i + 1] += probe[position + i]
    cells[MI_PROBE_AT] = position + k


@kernel
def _tap_dry(voice: F32, tap: F32) -> None:
    for i in range(voice.shape[1]):
        tap[i, 0] = voice[0, i]
        tap[i, 1] = voice[1, i]


@kernel
def _tap_wet(table: I64, wet: F32, stream_frame: int, tap: F32) -> None:
    """Complete the tap frames and push them with their mark; a chunk goes in whole or not at all."""
    n = tap.shape[0]
    for i in range(n):
        tap[i, 2] = wet[2 * i]
        tap[i, 3] = wet[2 * i + 1]
    state_i = i64_at(table[T_STATE_I], N_STATE_I)
    header = i64_at(table[T_MIC_TAP_HEADER], HEADER_CELLS)
    mark_header = i64_at(table[T_MARK_HEADER], HEADER_CELLS)
    if ring_writable(header) < n or ring_writable(mark_header) < 1:
        i64_at(table[T_COUNTER], N_COUNTERS)[K_MIC_LOST] += n
        return
    marks = i64_at(table[T_MARK], N_MARK * MARK_RING_MARKS).reshape((MARK_RING_MARKS, N_MARK))
    mark = i64_at(table[T_MIC_I], N_MIC_I)[MI_MARK:].reshape((1, N_MARK))
    mark[0, MARK_TAP] = header[HEAD]
    mark[0, MARK_STREAM] = stream_frame
    mark[0, MARK_SONG] = state_i[SI_SONG_FRAME] if state_i[SI_SOUNDING] != 0 else -1
    mark[0, MARK_FRAMES] = n
    data = f32_at(table[T_MIC_TAP], MIC_TAP_WIDTH * TAP_RING_FRAMES)
    ring_push(header, data.reshape((TAP_RING_FRAMES, MIC_TAP_WIDTH)), tap)
    # After its frames: who finds a mark finds all that it speaks of.
    ring_push(mark_header, marks, mark)


@kernel
def _push_sung(table: I64, bare: F32, n: int) -> None:
    """Hand the bare voice to whoever follows its pitch; what does not fit is lost."""
    header = i64_at(table[T_SUNG_HEADER], HEADER_CELLS)
    data = f32_at(table[T_SUNG], 2 * SUNG_RING_FRAMES).reshape((SUNG_RING_FRAMES, 2))
    ring_push(header, data, bare.reshape((n, 2)))


@kernel
def run_mic(table: I64, device: F32, device_at: int, n: int, out: F32) -> None:
    """Add the mic to a chunk of the mix.

    Parameters
    ----------
    table : int64 array, shape (N_TABLE,)
        Addresses and sizes, see `layout.py`.
    device : float32 array, shape (block frames * input channels,)
        The driver's interleaved input buffer; empty where the stream has no input.
    device_at : int
        Frame of the block that the chunk begins at.
    n : int, 1..CHUNK_FRAMES
        Frames of the chunk.
    out : float32 array, shape (at least 2 * n,)
        The mix, interleaved stereo, changed in place.
    """
    control = i64_at(table[T_CONTROL], N_CONTROL)
    counter = i64_at(table[T_COUNTER], N_COUNTERS)
    state_i = i64_at(table[T_STATE_I], N_STATE_I)
    state_f = f64_at(table[T_STATE_F], N_STATE_F)
    rate_hz = float(table[T_RATE_HZ])
    scratch = f32_at(table[T_VOICE], N_VOICE)
    voice = scratch[: 2 * n].reshape((2, n))
    wet = scratch[2 * CHUNK_FRAMES : 2 * CHUNK_FRAMES + 2 * n]
    bare = scratch[4 * CHUNK_FRAMES : 4 * CHUNK_FRAMES + 2 * n]
    tap = scratch[6 * CHUNK_FRAMES : 6 * CHUNK_FRAMES + MIC_TAP_WIDTH * n].reshape((n, MIC_TAP_WIDTH))
    if load_acquire(control, C_BRIDGE_ON) != 0:
        bridge = i64_at(table[T_BRIDGE], N_BRIDGE)
        block_frames = max(counter[K_LARGEST_BLOCK], n)
        counter[K_MIC_STARVED] += bridge_pull(bridge, monotonic_ns(), device_at, block_frames, voice)
    elif table[T_INPUT_CHANNELS] > 0:
        channel = load_acquire(control, C_MIC_CHANNEL)
        take_input(device, table[T_INPUT_CHANNELS], channel, device_at, voice)
    else:
        voice[:] = np.float32(0.0)
    _interleave(voice, bare)
    update_meter(bare, n, MIC_IN_SLOT, rate_hz, state_f)
    if load_acquire(control, C_SOURCE_ON) == SOURCE_MIC:
        push_voice(table, bare, n)
    if load_acquire(control, C_SUNG_ON) != 0:
        _push_sung(table, bare, n)
    tapped = load_acquire(control, C_MIC_TAP_ON) != 0
    if tapped:
        _tap_dry(voice, tap)
    if load_acquire(control, C_INSERT_ON) != 0:
        counter[K_MIC_LATE] += exchange(i64_at(table[T_INSERT], N_INSERT), voice)
    run_chain(i64_at(table[T_CHAIN], N_CHAIN), voice)
    _interleave(voice, wet)
    if tapped:
        _tap_wet(table, wet, counter[K_FRAMES] + device_at, tap)
    if load_acquire(control, C_GUARD_ON) != 0:
        # After the tap: a recording is of the voice, not of what the room did to it.
        counter[K_DUCKED_FRAMES] += guard_voice(i64_at(table[T_GUARD], N_GUARD), rate_hz, bare, wet)
    update_gain_target(f64_at(table[T_LANE_PARAMS], N_ROWS * N_PARAMS), MIC_ROW, False, state_i, state_f)
    apply_gain(wet, n, MIC_ROW, state_i, state_f)
    update_meter(wet, n, MIC_OUT_SLOT, rate_hz, state_f)
    for i in range(2 * n):
        out[i] += wet[i]
    _add_probe(table, n, device_at, out)
