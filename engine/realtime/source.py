"""What a live separation listens to, numbered frame by frame.

Two channels of the device, an input device of its own, or the mic's input.

Device thread. The sender never waits: a ring that nobody reads is written over, and whoever reads knows by
the numbers what is lost. It lies in shared memory, because a worker process reads it.
"""

from typing import Final

import numpy as np

from engine.kernels.jit import kernel
from engine.realtime.bridge import N_BRIDGE, bridge_pull
from engine.realtime.clock import monotonic_ns
from engine.realtime.layout import (
    C_SOURCE_CHANNEL,
    C_SOURCE_ON,
    CHUNK_FRAMES,
    K_LARGEST_BLOCK,
    K_SOURCE_STARVED,
    N_CONTROL,
    N_COUNTERS,
    SOURCE_BRIDGE,
    T_CONTROL,
    T_COUNTER,
    T_INPUT_CHANNELS,
    T_SOURCE,
    T_SOURCE_BRIDGE,
    T_SOURCE_HEADER,
    T_SOURCE_SCRATCH,
)
from engine.stream.atomics import f32_at, i64_at, load_acquire, store_release
from engine.stream.ring import HEAD, HEADER_CELLS
from engine.units import F32, I64

SOURCE_FRAMES: Final = 65_536
"""1.37 s at 48 kHz, 512 KiB: four times what the slowest mode looks back."""
_MASK: Final = SOURCE_FRAMES - 1
_LOUDEST = np.float32(1e6)
"""Beyond this an input sample is a driver's rubbish (as in the limiter)."""


@kernel
def run_source(table: I64, device: F32, device_at: int, n: int, out: F32) -> None:
    """Append a block of what is listened to; called from afar, see `far_call.py`.

    Parameters
    ----------
    table : int64 array, shape (N_TABLE,)
        Addresses and sizes, see `layout.py`.
    device : float32 array, shape (n * input channels,)
        The driver's interleaved input buffer.
    device_at : int
        0: the whole block at once.
    n : int
        Frames of the block.
    out : float32 array, any shape
        Not touched.
    """
    if load_acquire(i64_at(table[T_CONTROL], N_CONTROL), C_SOURCE_ON) == SOURCE_BRIDGE:
        _push_bridge(table, n)
    else:
        _push_channels(table, device, n)


@kernel
def _push_channels(table: I64, device: F32, n: int) -> None:
    """Two channels of the driver's input; a mono one is heard on both sides, none as silence."""
    channels = table[T_INPUT_CHANNELS]
    header = i64_at(table[T_SOURCE_HEADER], HEADER_CELLS)
    data = f32_at(table[T_SOURCE], 2 * SOURCE_FRAMES)
    head = header[HEAD]
    left = min(load_acquire(i64_at(table[T_CONTROL], N_CONTROL), C_SOURCE_CHANNEL), max(0, channels - 1))
    right = min(left + 1, channels - 1)
    for i in range(n):
        at = 2 * ((head + i) & _MASK)
        x = device[i * channels + left] if channels > 0 else np.float32(0.0)
        y = device[i * channels + right] if channels > 0 else np.float32(0.0)
        data[at] = x if abs(x) <= _LOUDEST else np.float32(0.0)
        data[at + 1] = y if abs(y) <= _LOUDEST else np.float32(0.0)
    store_release(header, HEAD, head + n)


@kernel
def _push_bridge(table: I64, n: int) -> None:
    """What the input device of its own has heard, on this device's clock."""
    header = i64_at(table[T_SOURCE_HEADER], HEADER_CELLS)
    data = f32_at(table[T_SOURCE], 2 * SOURCE_FRAMES)
    scratch = f32_at(table[T_SOURCE_SCRATCH], 2 * CHUNK_FRAMES)
    counter = i64_at(table[T_COUNTER], N_COUNTERS)
    now_ns, block_frames = monotonic_ns(), max(counter[K_LARGEST_BLOCK], n)
    head = header[HEAD]
    done = 0
    while done < n:
        k = min(n - done, CHUNK_FRAMES)
        heard = scratch[: 2 * k].reshape((2, k))
        if table[T_SOURCE_BRIDGE] == 0:
            heard[:] = np.float32(0.0)
        else:
            bridge = i64_at(table[T_SOURCE_BRIDGE], N_BRIDGE)
            counter[K_SOURCE_STARVED] += bridge_pull(bridge, now_ns, done, block_frames, heard)
        for i in range(k):
            at = 2 * ((head + done + i) & _MASK)
            data[at] = heard[0, i]
            data[at + 1] = heard[1, i]
        done += k
    store_release(header, HEAD, head + n)


@kernel
def push_voice(table: I64, voice: F32, n: int) -> None:
    """Append a chunk of what the mic's path hears.

    Parameters
    ----------
    table : int64 array, shape (N_TABLE,)
        Addresses and sizes, see `layout.py`.
    voice : float32 array, shape (at least 2 * n,)
        Interleaved stereo, without rubbish.
    n : int
        Frames of the chunk.
    """
    header = i64_at(table[T_SOURCE_HEADER], HEADER_CELLS)
    data = f32_at(table[T_SOURCE], 2 * SOURCE_FRAMES)
    head = header[HEAD]
    for i in range(n):
        at = 2 * ((head + i) & _MASK)
        data[at] = voice[2 * i]
        data[at + 1] = voice[2 * i + 1]
    store_release(header, HEAD, head + n)
