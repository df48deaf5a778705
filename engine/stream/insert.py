"""A send and return between the device thread and a worker: sound goes out and comes back a fixed time later.

The callback sends every frame of the voice, and plays what the worker made of it exactly `latency_frames`
later. Whatever the worker has not answered by then is replaced by the voice itself, delayed by the same
time: a worker that is late, killed or still loading is heard as an untreated voice, in time, without a
click. It exists apart from `Ring` because here frames have numbers: an answer belongs to one frame and is
worth nothing afterwards, and the sender never waits for room.

Frame k of the return is frame k of the send with the worker's own delay taken out by the worker. Both
directions lie in one buffer, which may be shared memory; the callback's side alone allocates the rest.
"""

from typing import Any, Final

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.stream.atomics import array_address, f32_at, f64_at, i64_at, load_acquire, store_release
from engine.stream.ring import HEAD, HEADER_CELLS, TAIL, Ring
from engine.units import F32, F64, I64, U8

CAPACITY_FRAMES: Final = 16_384
"""341 ms at 48 kHz each way, 128 KiB: more than any insert may take."""
FADE_FRAMES: Final = 128
"""2.7 ms at 48 kHz, from the answer to the voice and back."""
CHANNELS: Final = 2
MAX_LATENCY_FRAMES: Final = CAPACITY_FRAMES // 2
_NEVER: Final = 1 << 62
_MASK: Final = CAPACITY_FRAMES - 1
_CELL_BYTES: Final = 64

# --- table: addresses, then plain numbers ----------------------------------------------------------
I_SEND_HEADER: Final = 0
I_SEND: Final = 1
I_RETURN_HEADER: Final = 2
I_RETURN: Final = 3
I_VALID: Final = 4
"""Address of the one cell that says from which frame on the return is an answer at all."""
I_LATENCY: Final = 5
I_STATE: Final = 6
N_INSERT: Final = 7

# --- state: float64 cells of the callback's side ---------------------------------------------------
_WEIGHT: Final = 0
"""How much of the answer is heard, 0 to 1."""
_OFFSET: Final = 1
"""Left and right: what is added to the voice so that it goes on where a lost answer ended."""
_OFFSET_LEVEL: Final = 3
_LAST: Final = 4
N_STATE: Final = 6


@kernel
def _send(header: I64, data: F32, audio: F32) -> int:
    """Append planar frames, over old ones where nobody fetched them; returns the first one's number."""
    head = header[HEAD]
    for i in range(audio.shape[1]):
        at = 2 * ((head + i) & _MASK)
        data[at] = audio[0, i]
        data[at + 1] = audio[1, i]
    store_release(header, HEAD, head + audio.shape[1])
    return head


@kernel
def exchange(table: I64, audio: F32) -> int:
    """Send a block and replace it by what was sent `latency_frames` ago and has come back.

    Parameters
    ----------
    table : int64 array, shape (N_INSERT,)
        Of `Insert`.
    audio : float32 array, shape (2, n), n <= CAPACITY_FRAMES / 2
        Changed in place.

    Returns
    -------
    int
        Frames, 0..n, whose answer should have been there and was not.

    Notes
    -----
    Device thread. A lost answer leaves a step between the last treated frame and the voice; that step is
    kept as an offset and taken down to zero over FADE_FRAMES, which costs no look-ahead.
    """
    send = f32_at(table[I_SEND], CHANNELS * CAPACITY_FRAMES)
    returned = f32_at(table[I_RETURN], CHANNELS * CAPACITY_FRAMES)
    state = f64_at(table[I_STATE], N_STATE)
    valid_from = load_acquire(i64_at(table[I_VALID], 1), 0)
    answered = load_acquire(i64_at(table[I_RETURN_HEADER], HEADER_CELLS), HEAD)
    first = _send(i64_at(table[I_SEND_HEADER], HEADER_CELLS), send, audio) - table[I_LATENCY]
    step = 1.0 / FADE_FRAMES
    late = 0
    for i in range(audio.shape[1]):
        k = first + i
        at = 2 * (k & _MASK)
        left = float(send[at]) if k >= 0 else 0.0
        right = float(send[at + 1]) if k >= 0 else 0.0
        if valid_from <= k < answered:
            weight = min(1.0, state[_WEIGHT] + step)
            state[_WEIGHT] = weight
            left += weight * (float(returned[at]) - left)
            right += weight * (float(returned[at + 1]) - right)
        else:
            late += 1 if valid_from <= k else 0
            if state[_WEIGHT] > 0.0:
                state[_WEIGHT] = 0.0
                state[_OFFSET] = state[_LAST] - left
                state[_OFFSET + 1] = state[_LAST + 1] - right
                state[_OFFSET_LEVEL] = 1.0
        if state[_OFFSET_LEVEL] > 0.0:
            state[_OFFSET_LEVEL] = max(0.0, state[_OFFSET_LEVEL] - step)
            left += state[_OFFSET] * state[_OFFSET_LEVEL]
            right += state[_OFFSET + 1] * state[_OFFSET_LEVEL]
        state[_LAST] = left
        state[_LAST + 1] = right
        audio[0, i] = np.float32(left)
        audio[1, i] = np.float32(right)
    return late


@kernel
def _fetch(header: I64, data: F32, out: F32) -> int:
    """Copy frames that were sent into `out`, shape (n, 2); -1 when they were overwritten meanwhile."""
    tail = header[TAIL]
    head = load_acquire(header, HEAD)
    n = min(out.shape[0], head - tail)
    for i in range(n):
        at = 2 * ((tail + i) & _MASK)
        out[i, 0] = data[at]
        out[i, 1] = data[at + 1]
    # The sender never waits: what it wrote over while we read is rubbish.
    if load_acquire(header, HEAD) - tail > CAPACITY_FRAMES - MAX_LATENCY_FRAMES:
        return -1
    store_release(header, TAIL, tail + n)
    return n


@kernel
def _answer(header: I64, data: F32, frames: F32) -> None:
    head = header[HEAD]
    for i in range(frames.shape[0]):
        at = 2 * ((head + i) & _MASK)
        data[at] = frames[i, 0]
        data[at + 1] = frames[i, 1]
    store_release(header, HEAD, head + frames.shape[0])


class Insert:
    """Both ends of the exchange, over its own memory or over a shared buffer.

    Parameters
    ----------
    latency_frames : int, 1..MAX_LATENCY_FRAMES
        From a frame's capture to the moment its answer is played: what the worker delays by, what it
        collects for a call, and the time a call may take.
    buffer : writable buffer or None
        At least `n_bytes()` bytes; None allocates.
    fresh : bool
        True for the side that creates the buffer (the callback's), False for the worker.

    Attributes
    ----------
    table : int64 array, shape (N_INSERT,)
        What the callback is given.
    latency_frames : int

    Raises
    ------
    ParameterError
        The latency is out of range, or the buffer too small.
    """

    def __init__(self, latency_frames: int, buffer: Any = None, fresh: bool = True) -> None:
        if not 1 <= latency_frames <= MAX_LATENCY_FRAMES:
            raise ParameterError(f"an insert of {latency_frames} frames is outside 1..{MAX_LATENCY_FRAMES}")
        memory: U8 = np.zeros(self.n_bytes(), np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)
        one = Ring.n_bytes(CAPACITY_FRAMES, CHANNELS)
        self.latency_frames = latency_frames
        self._send = Ring(CAPACITY_FRAMES, CHANNELS, buffer=memory[:one], fresh=fresh)
        self._return = Ring(CAPACITY_FRAMES, CHANNELS, buffer=memory[one : 2 * one], fresh=fresh)
        self._valid: I64 = memory[2 * one : 2 * one + _CELL_BYTES].view(np.int64)
        self._state: F64 = np.zeros(N_STATE)
        if fresh:
            store_release(self._valid, 0, _NEVER)
        self.table: I64 = np.zeros(N_INSERT, np.int64)
        for cell, array in {
            I_SEND_HEADER: self._send.header,
            I_SEND: self._send.data,
            I_RETURN_HEADER: self._return.header,
            I_RETURN: self._return.data,
            I_VALID: self._valid,
            I_STATE: self._state,
        }.items():
            self.table[cell] = array_address(array)
        self.table[I_LATENCY] = latency_frames

    @staticmethod
    def n_bytes() -> int:
        """Bytes of memory an insert needs."""
        return 2 * Ring.n_bytes(CAPACITY_FRAMES, CHANNELS) + _CELL_BYTES

    def process(self, audio: F32) -> int:
        """`exchange` on a block of shape (2, n), in place; returns the late frames."""
        return exchange(self.table, audio)

    def reset(self) -> None:
        """As a new object: nothing sent, nothing answered. No other side may be at work."""
        self._send.header[[HEAD, TAIL]] = 0
        self._return.header[[HEAD, TAIL]] = 0
        self._send.data[:] = 0
        self._return.data[:] = 0
        self._state[:] = 0.0
        store_release(self._valid, 0, _NEVER)

    # --- the worker's side --------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Frames that the worker can fetch now."""
        return self._send.readable

    def join(self) -> int:
        """Begin, or begin again, with the next frame that is sent; returns its number."""
        # In this order: the callback must never take an old frame of the return for an answer.
        store_release(self._valid, 0, _NEVER)
        now = int(self._send.header[HEAD])
        store_release(self._send.header, TAIL, now)
        store_release(self._return.header, HEAD, now)
        store_release(self._valid, 0, now)
        return now

    def fetch(self, out: F32) -> int:
        """Take the next frames that were sent.

        Parameters
        ----------
        out : float32 array, shape (n, 2), contiguous
            Its first frames are written.

        Returns
        -------
        int
            Frames taken, 0..n; -1 when the worker has slept through more than the buffer holds: frames
            were lost, `join` must be called and the model's state begun afresh.
        """
        return _fetch(self._send.header, self._send.data.reshape(-1), out)

    def answer(self, frames: F32) -> None:
        """Give back the next frames, shape (n, 2): as many in all as were fetched since `join`."""
        _answer(self._return.header, self._return.data.reshape(-1), np.ascontiguousarray(frames))
