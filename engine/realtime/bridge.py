"""A mic on another device than the speaker: two clocks made one by adaptive resampling.

Runs on the output's device thread. Two sound cards that both say 48 kHz differ by some ten to a hundred parts
in a million; without correction the ring between them runs full or empty within minutes. The bridge looks how
far behind the newest input it reads, and reads a little faster or slower, so slowly that no ear finds it.

How far behind is not how full the ring is: that jumps by a block whenever one comes. The input's callback
leaves the time of its last block, and between blocks its clock is extrapolated, so that what is measured is
smooth but for the threads' jitter; a low-pass of a second takes care of that. A proportional-integral
controller then finds the ratio of the clocks.

The interpolator is a windowed sinc at 256 positions between two frames, straight lines in between: 90 dB.

References
----------
.. [1] F. Adriaensen, "Using a DLL to filter time", Linux Audio Conference 2005.
.. [2] F. Adriaensen, "Controlling adaptive resampling", Linux Audio Conference 2012.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.realtime.capture import (
    A_DATA,
    A_HEADER,
    A_LARGEST_BLOCK,
    A_PUSHED,
    A_PUSHED_SEQ,
    N_CAPTURE,
    N_PUSHED,
    PUSHED_HEAD,
    PUSHED_NS,
    RING_FRAMES,
    CaptureMemory,
)
from engine.stream.atomics import array_address, f32_at, f64_at, i64_at, load_acquire, store_release
from engine.stream.latest import latest_read
from engine.stream.ring import HEAD, HEADER_CELLS, TAIL
from engine.units import F32, F64, I64

N_PHASES: Final = 256
BASE_TAPS: Final = 48
FADE_S: Final = 0.003
SMOOTH_S: Final = 0.7
"""Low-pass on the measured distance."""
BANDWIDTH_HZ: Final = 0.05
"""Of the controller: a tenth of what the ear hears as wavering, and settled within ten seconds."""
MAX_CORRECTION: Final = 0.003
"""0.3 %, five cents: thirty times what crystals differ by."""
JITTER_S: Final = 0.0015
"""How late either callback may run before a frame is missing."""

# --- table ------------------------------------------------------------------------------------------
B_CAPTURE: Final = 0
B_STATE: Final = 1
B_TAPS: Final = 2
B_N_TAPS: Final = 3
B_PUSHED_COPY: Final = 4
"""Scratch for the mailbox, N_PUSHED cells."""
N_BRIDGE: Final = B_PUSHED_COPY + N_PUSHED

# --- state: float64 ---------------------------------------------------------------------------------
Z_RUNNING: Final = 0
Z_POSITION: Final = 1
"""Input frame, with its fraction, that the next output frame lies at."""
Z_ERROR: Final = 2
"""Smoothed distance to where it should lie, in input frames; positive: too far behind."""
Z_INTEGRAL: Final = 3
"""What the clocks differ by, as far as is known: relative."""
Z_IN_HZ: Final = 4
Z_OUT_HZ: Final = 5
Z_LEVEL: Final = 6
"""Fade, 0 to 1."""
Z_TARGET: Final = 7
"""Frames to stay behind the newest input."""
Z_LAST: Final = 8
"""Last output frame, left and right: what a loss fades away from."""
Z_EVER: Final = 10
"""It has run before: silence is a loss from now on."""
N_STATE: Final = 12


def bridge_taps(in_hz: int, out_hz: int) -> F32:
    """The interpolator: sinc under a Kaiser window, shape (N_PHASES + 1, n_taps).

    Parameters
    ----------
    in_hz, out_hz : int
        The lower one's band is kept.

    Notes
    -----
    Row p lies p / N_PHASES of a frame after the frame under tap n_taps / 2 - 1; the last row is the first
    of the next frame, so that straight lines need no exception.
    """
    scale = min(1.0, out_hz / in_hz)
    n_taps = 2 * math.ceil(BASE_TAPS / scale / 2)
    centre = n_taps // 2 - 1
    offset = np.arange(n_taps) - centre - np.arange(N_PHASES + 1)[:, None] / N_PHASES
    window = np.i0(9.0 * np.sqrt(np.maximum(0.0, 1.0 - (offset / (n_taps / 2)) ** 2)))
    rows = np.sinc(0.92 * scale * offset) * window
    return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


@fast_kernel
def _interpolate(data: F32, taps: F32, n_taps: int, position: float, step: float, voice: F32) -> None:
    """Read `voice.shape[1]` frames from the ring's memory, `step` apart."""
    mask = RING_FRAMES - 1
    for i in range(voice.shape[1]):
        whole = math.floor(position)
        exact = (position - whole) * N_PHASES
        row = int(exact)
        part = np.float32(exact - row)
        base = row * n_taps
        left = np.float32(0.0)
        right = np.float32(0.0)
        first = whole - n_taps // 2 + 1
        for k in range(n_taps):
            weight = taps[base + k] + part * (taps[base + n_taps + k] - taps[base + k])
            at = 2 * ((first + k) & mask)
            left += weight * data[at]
            right += weight * data[at + 1]
        voice[0, i] = left
        voice[1, i] = right
        position += step


@kernel
def _target_frames(capture: I64, state: F64, n_taps: int, block_frames: int) -> float:
    """How far behind the newest input to read: two blocks, half a filter, and the threads' jitter."""
    ratio = state[Z_IN_HZ] / state[Z_OUT_HZ]
    return capture[A_LARGEST_BLOCK] + block_frames * ratio + n_taps // 2 + JITTER_S * state[Z_IN_HZ]


@kernel
def _correct(state: F64, behind: float, n: int) -> float:
    """Fold in one measurement; returns the step in input frames an output frame."""
    seconds = n / state[Z_OUT_HZ]
    error = behind - state[Z_TARGET]
    state[Z_ERROR] += (error - state[Z_ERROR]) * min(1.0, seconds / SMOOTH_S)
    speed = 2.0 * math.pi * BANDWIDTH_HZ
    relative = state[Z_ERROR] / state[Z_IN_HZ]
    state[Z_INTEGRAL] += speed * speed * relative * seconds
    state[Z_INTEGRAL] = min(max(state[Z_INTEGRAL], -MAX_CORRECTION), MAX_CORRECTION)
    correction = 2.0 * speed * relative + state[Z_INTEGRAL]
    correction = min(max(correction, -MAX_CORRECTION), MAX_CORRECTION)
    return state[Z_IN_HZ] / state[Z_OUT_HZ] * (1.0 + correction)


@kernel
def _fade_away(state: F64, voice: F32) -> None:
    """Silence, reached from the last frame along a straight line."""
    step = 1.0 / (FADE_S * state[Z_OUT_HZ])
    level = 1.0 if state[Z_RUNNING] != 0.0 else state[Z_LEVEL]
    for i in range(voice.shape[1]):
        level = max(0.0, level - step)
        voice[0, i] = np.float32(state[Z_LAST] * level)
        voice[1, i] = np.float32(state[Z_LAST + 1] * level)
    state[Z_RUNNING] = 0.0
    state[Z_LEVEL] = level


@kernel
def _fade_in(state: F64, voice: F32) -> None:
    step = 1.0 / (FADE_S * state[Z_OUT_HZ])
    level = state[Z_LEVEL]
    for i in range(voice.shape[1]):
        if level >= 1.0:
            break
        level = min(1.0, level + step)
        voice[0, i] *= np.float32(level)
        voice[1, i] *= np.float32(level)
    state[Z_LEVEL] = level


@kernel
def bridge_pull(table: I64, now_ns: int, at: int, block_frames: int, voice: F32) -> int:
    """Take the next frames of the other device's voice.

    Parameters
    ----------
    table : int64 array, shape (N_BRIDGE,)
        Of `Bridge`.
    now_ns : int
        Monotonic time, on the clock of `capture_block`.
    at : int
        How far into the output's block these frames lie: they are due so much later.
    block_frames : int
        The largest block that the output asks for.
    voice : float32 array, shape (2, n)
        Receives them.

    Returns
    -------
    int
        Frames of silence because the input was late, 0..n; before the first sound, 0.
    """
    n = voice.shape[1]
    state = f64_at(table[B_STATE], N_STATE)
    capture = i64_at(table[B_CAPTURE], N_CAPTURE)
    pushed = table[B_PUSHED_COPY : B_PUSHED_COPY + N_PUSHED]
    header = i64_at(capture[A_HEADER], HEADER_CELLS)
    n_taps = table[B_N_TAPS]
    seq, mailbox = i64_at(capture[A_PUSHED_SEQ], 1), i64_at(capture[A_PUSHED], N_PUSHED)
    known = latest_read(seq, mailbox, pushed)
    if not known and load_acquire(seq, 0) == 0:
        voice[:] = np.float32(0.0)
        return 0
    # Between two blocks the input's clock runs on; a block that does not come stops it.
    since_s = min(max((now_ns - pushed[PUSHED_NS]) * 1e-9, 0.0), 0.25)
    newest = pushed[PUSHED_HEAD] + min(since_s * state[Z_IN_HZ], 2.0 * capture[A_LARGEST_BLOCK])
    newest += at * state[Z_IN_HZ] / state[Z_OUT_HZ]
    head = load_acquire(header, HEAD)
    state[Z_TARGET] = _target_frames(capture, state, n_taps, block_frames)
    if state[Z_RUNNING] == 0.0:
        enough = head - header[TAIL] >= state[Z_TARGET] + n_taps
        if not known or not enough or state[Z_LEVEL] > 0.0:
            _fade_away(state, voice)
            return n if state[Z_EVER] != 0.0 else 0
        state[Z_POSITION] = math.floor(newest - state[Z_TARGET])
        state[Z_ERROR] = 0.0
        state[Z_RUNNING] = 1.0
        state[Z_EVER] = 1.0
    step = state[Z_IN_HZ] / state[Z_OUT_HZ] * (1.0 + state[Z_INTEGRAL])
    if known:
        step = _correct(state, newest - state[Z_POSITION], n)
    last = state[Z_POSITION] + step * (n - 1) + n_taps // 2 + 1
    if last >= head or head - state[Z_POSITION] > RING_FRAMES - 4 * n_taps:
        _fade_away(state, voice)
        store_release(header, TAIL, max(header[TAIL], head - int(state[Z_TARGET])))
        return n
    taps = f32_at(table[B_TAPS], (N_PHASES + 1) * n_taps)
    _interpolate(f32_at(capture[A_DATA], 2 * RING_FRAMES), taps, n_taps, state[Z_POSITION], step, voice)
    state[Z_POSITION] += step * n
    store_release(header, TAIL, max(header[TAIL], int(state[Z_POSITION]) - n_taps))
    _fade_in(state, voice)
    state[Z_LAST] = voice[0, n - 1]
    state[Z_LAST + 1] = voice[1, n - 1]
    return 0


class Bridge:
    """The output's side of a separate input device.

    Parameters
    ----------
    capture : CaptureMemory
        The input's side.
    in_hz, out_hz : int
        Rates of the two devices as they state them.

    Attributes
    ----------
    table : int64 array, shape (N_BRIDGE,)
        What the callback is given.
    """

    def __init__(self, capture: CaptureMemory, in_hz: int, out_hz: int) -> None:
        self.capture = capture
        self._taps = bridge_taps(in_hz, out_hz)
        self._state: F64 = np.zeros(N_STATE)
        self._state[Z_IN_HZ], self._state[Z_OUT_HZ] = in_hz, out_hz
        self.table: I64 = np.zeros(N_BRIDGE, np.int64)
        self.table[B_CAPTURE] = array_address(capture.table)
        self.table[B_STATE] = array_address(self._state)
        self.table[B_TAPS] = array_address(self._taps)
        self.table[B_N_TAPS] = self._taps.shape[1]

    @property
    def drift_ppm(self) -> float:
        """What the clocks differ by, in parts in a million; positive: the input is faster."""
        return 1e6 * float(self._state[Z_INTEGRAL])

    @property
    def latency_s(self) -> float:
        """From a block's coming in to its being read, as it is kept up."""
        return float(self._state[Z_TARGET] / self._state[Z_IN_HZ])

    def pull(self, now_ns: int, voice: F32) -> int:
        """`bridge_pull` of a whole block into `voice`, shape (2, n)."""
        return bridge_pull(self.table, now_ns, 0, voice.shape[1], voice)
