"""The callback of a separate input device: it fills a ring, and says when.

Runs on that device's own thread; allocates, locks, raises and logs nothing. Where mic and speaker are two
devices they run by two clocks: this side writes down what came and at what moment, the output's callback
takes it out at its own pace (`bridge.py`). The two meet in the ring and in one mailbox.

Whoever wants a second sound card's input for another purpose (a worker that separates what it hears) reads
the same ring; its memory may be shared.
"""

from typing import Any, Final, cast

import numba
import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.realtime.clock import monotonic_ns
from engine.realtime.layout import MIC_STEREO
from engine.realtime.signature import CALLBACK_SIGNATURE
from engine.stream.atomics import array_address, f32_at, i64_at, load_acquire
from engine.stream.latest import Latest, latest_publish
from engine.stream.ring import CAPACITY, HEAD, HEADER_CELLS, Ring, ring_push
from engine.units import F32, I64

_carray: Any = cast("Any", numba).carray
RING_FRAMES: Final = 32_768
"""0.68 s at 48 kHz: an output that is opened again loses no more than that."""
SCRATCH_FRAMES: Final = 512

# --- table ------------------------------------------------------------------------------------------
A_HEADER: Final = 0
A_DATA: Final = 1
A_PUSHED_SEQ: Final = 2
A_PUSHED: Final = 3
A_CHANNELS: Final = 4
A_CHANNEL: Final = 5
"""Input channel for both sides; MIC_STEREO for the first two, one less for every channel that the pair lies
further up."""
A_SCRATCH: Final = 6
A_LOST: Final = 7
"""Frames that the ring had no room for."""
A_LARGEST_BLOCK: Final = 8
A_CALLBACKS: Final = 9
A_MARK: Final = 10
"""Scratch for the mailbox."""
N_CAPTURE: Final = 12

# --- mailbox: int64 ---------------------------------------------------------------------------------
PUSHED_HEAD: Final = 0
"""Frames ever pushed."""
PUSHED_NS: Final = 1
"""Monotonic time at which the last of them had come."""
N_PUSHED: Final = 2


@fast_kernel
def _take(device: F32, at: int, channels: int, channel: int, out: F32) -> None:
    """Frames of the driver's buffer as stereo, shape (n, 2); rubbish becomes silence."""
    first = channel if channel >= 0 else MIC_STEREO - channel
    left = min(first, channels - 1)
    right = min(first + 1, channels - 1) if channel < 0 else left
    loudest = np.float32(1e6)
    for i in range(out.shape[0]):
        x = device[(at + i) * channels + left]
        y = device[(at + i) * channels + right]
        out[i, 0] = x if abs(x) <= loudest else np.float32(0.0)
        out[i, 1] = y if abs(y) <= loudest else np.float32(0.0)


@kernel
def capture_block(table: I64, device: F32, n: int, now_ns: int) -> None:
    """Push one block of the input.

    Parameters
    ----------
    table : int64 array, shape (N_CAPTURE,)
        Of `CaptureMemory`.
    device : float32 array, shape (n * channels,)
        The driver's interleaved buffer.
    n : int
        Frames.
    now_ns : int
        Monotonic time.
    """
    header = i64_at(table[A_HEADER], HEADER_CELLS)
    capacity = header[CAPACITY]
    data = f32_at(table[A_DATA], 2 * capacity).reshape((capacity, 2))
    done = 0
    while done < n:
        k = min(n - done, SCRATCH_FRAMES)
        frames = f32_at(table[A_SCRATCH], 2 * k).reshape((k, 2))
        _take(device, done, table[A_CHANNELS], load_acquire(table, A_CHANNEL), frames)
        table[A_LOST] += k - ring_push(header, data, frames)
        done += k
    table[A_LARGEST_BLOCK] = max(table[A_LARGEST_BLOCK], n)
    table[A_CALLBACKS] += 1
    mark = table[A_MARK : A_MARK + N_PUSHED]
    mark[PUSHED_HEAD] = header[HEAD]
    mark[PUSHED_NS] = now_ns
    latest_publish(i64_at(table[A_PUSHED_SEQ], 1), i64_at(table[A_PUSHED], N_PUSHED), mark)


def _pa_callback(
    recorded: Any, _output: Any, frame_count: int, _time_info: Any, _status: int, userdata: Any
) -> int:
    """PaStreamCallback; its docstring is PortAudio's."""
    table = _carray(userdata, (N_CAPTURE,))
    n = int(frame_count)
    capture_block(table, _carray(recorded, (n * table[A_CHANNELS],)), n, monotonic_ns())
    return 0


def compile_capture_callback() -> Any:
    """The C function of an input stream; compiled or loaded before the device opens.

    Returns
    -------
    numba CFunc
        `.address` is what PortAudio wants.
    """
    return numba.cfunc(CALLBACK_SIGNATURE, error_model="numpy")(_pa_callback)


class CaptureMemory:
    """What the input's callback works on.

    Parameters
    ----------
    ring_buffer : writable buffer or None
        Memory for the ring, `Ring.n_bytes(RING_FRAMES, 2)` bytes, to be shared with a worker; None allocates.

    Attributes
    ----------
    ring : Ring of width 2
        Stereo frames at the input's rate.
    pushed : Latest of N_PUSHED int64
        How many frames have come, and when.
    table : int64 array, shape (N_CAPTURE,)
    """

    def __init__(self, ring_buffer: Any = None) -> None:
        self.ring = Ring(RING_FRAMES, 2, np.float32, ring_buffer)
        self.pushed = Latest(N_PUSHED, np.int64)
        self._scratch: F32 = np.zeros(2 * SCRATCH_FRAMES, np.float32)
        self.table: I64 = np.zeros(N_CAPTURE, np.int64)
        for cell, array in {
            A_HEADER: self.ring.header,
            A_DATA: self.ring.data,
            A_PUSHED_SEQ: self.pushed.seq,
            A_PUSHED: self.pushed.values,
            A_SCRATCH: self._scratch,
        }.items():
            self.table[cell] = array_address(array)
        self.table[A_CHANNELS] = 1

    @property
    def userdata_address(self) -> int:
        """What the stream hands to the callback."""
        return array_address(self.table)

    @property
    def callbacks(self) -> int:
        """Blocks that have come."""
        return int(self.table[A_CALLBACKS])

    @property
    def lost_frames(self) -> int:
        """Frames that nobody fetched in time."""
        return int(self.table[A_LOST])

    def set_input(self, channels: int, channel: int | None) -> None:
        """State the input's channels, and which of them is heard; None is stereo. Only while it is closed."""
        self.table[A_CHANNELS] = channels
        self.table[A_CHANNEL] = MIC_STEREO if channel is None else channel

    def set_pair(self, channels: int, first: int) -> None:
        """State the input's channels, and that two of them are heard, from `first` on."""
        self.table[A_CHANNELS] = channels
        self.table[A_CHANNEL] = MIC_STEREO - first
