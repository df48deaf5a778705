"""The audio callback: a C function that PortAudio calls on its own thread, and that never meets Python.

It takes lane frames out of the ring (transport), mixes them (mixer), adds the mic, limits the sum, writes
the driver's buffer and the tap rings, publishes meters and counts. It allocates, locks, raises and logs
nothing; all its memory is listed in `layout.py` and belongs to `memory.EngineMemory`.

Why machine code: with the GIL held inside C for a whole sort, a Python callback comes through three
times in a hundred; this one does not notice.
"""

from typing import Any, cast

import numba
import numpy as np

from engine.kernels.jit import fast_kernel, kernel
from engine.realtime.clock import flush_denormals, monotonic_ns, restore_float_mode
from engine.realtime.far_call import far_call
from engine.realtime.layout import (
    C_MIC_ON,
    C_N_LANES,
    C_N_TAKES,
    C_SOURCE_ON,
    C_TAP_ON,
    C_TONE,
    CHUNK_FRAMES,
    FLAG_READY,
    FLAG_TOUCHED,
    K_CALLBACKS,
    K_FIRST_SOUND_NS,
    K_FIRST_STEM_NS,
    K_FRAMES,
    K_LARGEST_BLOCK,
    K_OVERFLOWS,
    K_TAP_LOST,
    K_UNDERFLOWS,
    K_WORST_NS,
    LANE_RING_FRAMES,
    M_DAC_S,
    M_EPOCH,
    M_FLAGS,
    M_LIMITER_GAIN,
    M_MASTER,
    M_SONG_FRAME,
    M_STEM_WEIGHT,
    M_STREAM_FRAMES,
    MASTER_ROW,
    MAX_LANES,
    METER_SLOTS,
    MI_RUN,
    N_CONTROL,
    N_COUNTERS,
    N_DURATIONS,
    N_FEED,
    N_METER,
    N_MIC_I,
    N_PARAMS,
    N_ROWS,
    N_STATE_F,
    N_STATE_I,
    N_TABLE,
    SF_METER,
    SF_STEM_WEIGHT,
    SI_EPOCH,
    SI_SONG_FRAME,
    SI_SOUNDING,
    SOURCE_MIC,
    SOURCE_OFF,
    T_CHANNELS,
    T_CONTROL,
    T_COUNTER,
    T_DURATION,
    T_FEED,
    T_FEED_SEQ,
    T_INPUT_CHANNELS,
    T_LANE_PARAMS,
    T_LATENCY_NS,
    T_LIMITER_F,
    T_LIMITER_I,
    T_METER,
    T_METER_SEQ,
    T_MIC_I,
    T_N_TAPS,
    T_RATE_HZ,
    T_RING_AUDIO,
    T_RING_FRAME,
    T_RING_HEADER,
    T_RING_READY,
    T_SCRATCH,
    T_SOURCE_RUN,
    T_STATE_F,
    T_STATE_I,
    T_TAP,
    TAP_RING_FRAMES,
)
from engine.realtime.limiter import LF_GAIN, N_LIMITER_F, N_LIMITER_I, limit
from engine.realtime.mixer import (
    SILENCED,
    UNTOUCHED,
    apply_gain,
    blend_stems,
    update_meter,
    update_stem_weight,
    update_targets,
)
from engine.realtime.signature import CALLBACK_SIGNATURE
from engine.realtime.tone import add_tone
from engine.realtime.transport import apply_envelope, plan_chunk, take_lane
from engine.stream.atomics import f32_at, f64_at, i64_at, load_acquire, store_release, u8_at
from engine.stream.latest import latest_publish
from engine.stream.ring import HEADER_CELLS, TAIL, ring_push
from engine.units import F32, F64, I64

_carray: Any = cast("Any", numba).carray
SCRATCH_FRAMES = CHUNK_FRAMES
N_SCRATCH = 3 * 2 * SCRATCH_FRAMES
"""Original, one stem, sum of the stems: stereo chunks."""
_UNDERFLOW_BIT, _OVERFLOW_BIT, _INPUT_UNDERFLOW_BIT, _INPUT_OVERFLOW_BIT = 4, 8, 1, 2
_RING_MASK = LANE_RING_FRAMES - 1


@kernel
def _mix_lanes(table: I64, n: int, start: int, settings: int, state_i: I64, state_f: F64) -> bool:
    """Mix `n` ring frames into the first scratch chunk; returns whether all stems were there."""
    control = i64_at(table[T_CONTROL], N_CONTROL)
    n_lanes = control[C_N_LANES]
    n_song = n_lanes - control[C_N_TAKES]
    rate_hz = float(table[T_RATE_HZ])
    audio = f32_at(table[T_RING_AUDIO], MAX_LANES * LANE_RING_FRAMES * 2)
    ready_map = u8_at(table[T_RING_READY], LANE_RING_FRAMES)
    scratch = f32_at(table[T_SCRATCH], N_SCRATCH)
    original = scratch[: 2 * SCRATCH_FRAMES]
    stem = scratch[2 * SCRATCH_FRAMES : 4 * SCRATCH_FRAMES]
    total = scratch[4 * SCRATCH_FRAMES :]
    ready = n_song > 1
    for i in range(n):
        ready = ready and ready_map[(start + i) & _RING_MASK] != 0
    take_lane(audio, _RING_MASK, start, n, original)
    update_meter(original, n, 1, rate_hz, state_f)
    stems_heard = settings == SILENCED or (ready and settings != UNTOUCHED)
    update_stem_weight(1.0 if stems_heard else 0.0, state_i, state_f)
    total[: 2 * n] = np.float32(0.0)
    for lane in range(1, n_lanes):
        if lane == n_song:
            blend_stems(original, total, n, state_i, state_f)
            total = original
        at = lane * LANE_RING_FRAMES * 2
        take_lane(audio[at : at + 2 * LANE_RING_FRAMES], _RING_MASK, start, n, stem)
        apply_gain(stem, n, lane, state_i, state_f)
        update_meter(stem, n, 1 + lane, rate_hz, state_f)
        for i in range(2 * n):
            total[i] += stem[i]
    if n_song == n_lanes:
        blend_stems(original, total, n, state_i, state_f)
    return ready


@kernel
def _silent_meters(table: I64, n: int, state_f: F64) -> None:
    """Let every lane's meter fall while nothing plays."""
    rate_hz = float(table[T_RATE_HZ])
    n_lanes = i64_at(table[T_CONTROL], N_CONTROL)[C_N_LANES]
    stem = f32_at(table[T_SCRATCH], N_SCRATCH)[2 * SCRATCH_FRAMES : 4 * SCRATCH_FRAMES]
    stem[: 2 * n] = np.float32(0.0)
    for lane in range(n_lanes):
        update_meter(stem, n, 1 + lane, rate_hz, state_f)


@kernel
def _render_chunk(table: I64, n: int, feed_copy: I64) -> tuple[int, int]:
    """Fill the first scratch chunk with up to `n` frames of output before the limiter.

    Returns the frames rendered and the FLAG_* bits.
    """
    control = i64_at(table[T_CONTROL], N_CONTROL)
    ring = i64_at(table[T_RING_HEADER], HEADER_CELLS)
    counter = i64_at(table[T_COUNTER], N_COUNTERS)
    params = f64_at(table[T_LANE_PARAMS], N_ROWS * N_PARAMS)
    state_i = i64_at(table[T_STATE_I], N_STATE_I)
    state_f = f64_at(table[T_STATE_F], N_STATE_F)
    out = f32_at(table[T_SCRATCH], N_SCRATCH)[: 2 * SCRATCH_FRAMES]
    feed_seq = i64_at(table[T_FEED_SEQ], 1)
    feed = i64_at(table[T_FEED], N_FEED)
    frames, target, flags = plan_chunk(n, control, ring, feed_seq, feed, feed_copy, state_i, state_f, counter)
    settings = update_targets(params, control[C_N_LANES], control[C_N_TAKES], state_i, state_f)
    if settings != UNTOUCHED:
        flags |= FLAG_TOUCHED
    state_i[SI_SOUNDING] = 0
    if frames == 0:
        out[: 2 * n] = np.float32(0.0)
        _silent_meters(table, n, state_f)
        return n, flags
    start = ring[TAIL]
    state_i[SI_SONG_FRAME] = i64_at(table[T_RING_FRAME], LANE_RING_FRAMES)[start & _RING_MASK]
    if _mix_lanes(table, frames, start, settings, state_i, state_f):
        flags |= FLAG_READY
        if counter[K_FIRST_STEM_NS] == 0:
            counter[K_FIRST_STEM_NS] = monotonic_ns()
    if counter[K_FIRST_SOUND_NS] == 0:
        counter[K_FIRST_SOUND_NS] = monotonic_ns()
    state_i[SI_SOUNDING] = 1
    store_release(ring, TAIL, start + frames)
    apply_envelope(out, frames, target, state_f)
    return frames, flags


@fast_kernel
def _write_device(audio: F32, n: int, at: int, channels: int, device: F32) -> None:
    """Interleave stereo into the driver's buffer: left and right first, silence on further channels."""
    for i in range(n):
        base = (at + i) * channels
        if channels == 1:
            device[base] = np.float32(0.5) * (audio[2 * i] + audio[2 * i + 1])
        else:
            device[base] = audio[2 * i]
            device[base + 1] = audio[2 * i + 1]
            for c in range(2, channels):
                device[base + c] = np.float32(0.0)


@kernel
def _write_taps(table: I64, audio: F32, n: int) -> None:
    """Hand the limited output to every tap that is switched on; what does not fit is counted."""
    switched_on = i64_at(table[T_CONTROL], N_CONTROL)[C_TAP_ON]
    counter = i64_at(table[T_COUNTER], N_COUNTERS)
    frames = audio[: 2 * n].reshape((n, 2))
    for tap in range(table[T_N_TAPS]):
        if switched_on & (1 << tap):
            header = i64_at(table[T_TAP + 2 * tap], HEADER_CELLS)
            data = f32_at(table[T_TAP + 2 * tap + 1], 2 * TAP_RING_FRAMES).reshape((TAP_RING_FRAMES, 2))
            counter[K_TAP_LOST + tap] += n - ring_push(header, data, frames)


@kernel
def _publish_meters(table: I64, song_frame: int, dac_s: float, flags: int, meter: F64) -> None:
    """Publish play-head, clock and meters of the block that was just written."""
    counter = i64_at(table[T_COUNTER], N_COUNTERS)
    state_i = i64_at(table[T_STATE_I], N_STATE_I)
    state_f = f64_at(table[T_STATE_F], N_STATE_F)
    meter[M_SONG_FRAME] = float(song_frame)
    meter[M_DAC_S] = dac_s
    meter[M_FLAGS] = float(flags)
    meter[M_EPOCH] = float(state_i[SI_EPOCH])
    meter[M_STREAM_FRAMES] = float(counter[K_FRAMES])
    meter[M_LIMITER_GAIN] = float(f32_at(table[T_LIMITER_F], N_LIMITER_F)[LF_GAIN])
    meter[M_STEM_WEIGHT] = state_f[SF_STEM_WEIGHT]
    for k in range(4 * METER_SLOTS):
        meter[M_MASTER + k] = state_f[SF_METER + k]
    latest_publish(i64_at(table[T_METER_SEQ], 1), f64_at(table[T_METER], N_METER), meter)


@kernel
def process_block(table: I64, recorded: F32, device: F32, n: int, dac_s: float, status: int) -> None:
    """Everything one callback does.

    Parameters
    ----------
    table : int64 array, shape (N_TABLE,)
        Addresses and sizes, see `layout.py`.
    recorded : float32 array, shape (n * input channels,)
        The driver's interleaved input buffer; empty where the stream has no input.
    device : float32 array, shape (n * channels,)
        The driver's interleaved output buffer.
    n : int
        Frames the driver wants.
    dac_s : float
        When the first of them reaches the converter, on the stream's clock.
    status : int
        PortAudio's callback flags.
    """
    began_ns = monotonic_ns()
    float_mode = flush_denormals()
    control = i64_at(table[T_CONTROL], N_CONTROL)
    counter = i64_at(table[T_COUNTER], N_COUNTERS)
    state_i = i64_at(table[T_STATE_I], N_STATE_I)
    state_f = f64_at(table[T_STATE_F], N_STATE_F)
    scratch = f32_at(table[T_SCRATCH], N_SCRATCH + 2 * N_METER + 2 * N_FEED)
    out = scratch[: 2 * SCRATCH_FRAMES]
    # Behind the float32 chunks lie a float64 and an int64 scratch row (see EngineMemory).
    meter = f64_at(table[T_SCRATCH] + 4 * N_SCRATCH, N_METER)
    feed_copy = i64_at(table[T_SCRATCH] + 4 * N_SCRATCH + 8 * N_METER, N_FEED)
    rate_hz = float(table[T_RATE_HZ])
    channels = table[T_CHANNELS]
    done = 0
    flags = 0
    song_frame = -1
    source = load_acquire(control, C_SOURCE_ON)
    if source not in (SOURCE_OFF, SOURCE_MIC):
        far_call(table[T_SOURCE_RUN], table, recorded, 0, n, out)
    while done < n:
        wanted = min(n - done, CHUNK_FRAMES)
        frames, chunk_flags = _render_chunk(table, wanted, feed_copy)
        if song_frame < 0:
            song_frame = state_i[SI_SONG_FRAME]
        flags |= chunk_flags
        if load_acquire(control, C_MIC_ON) != 0:
            run_mic = i64_at(table[T_MIC_I], N_MIC_I)[MI_RUN]
            far_call(run_mic, table, recorded, done, frames, out)
        apply_gain(out, frames, MASTER_ROW, state_i, state_f)
        add_tone(out, frames, rate_hz, control[C_TONE], state_f)
        limit(
            out,
            frames,
            rate_hz,
            i64_at(table[T_LIMITER_I], N_LIMITER_I),
            f32_at(table[T_LIMITER_F], N_LIMITER_F),
        )
        update_meter(out, frames, 0, rate_hz, state_f)
        _write_device(out, frames, done, channels, device)
        _write_taps(table, out, frames)
        done += frames
    _publish_meters(table, song_frame, dac_s, flags, meter)
    counter[K_FRAMES] += n
    counter[K_LARGEST_BLOCK] = max(counter[K_LARGEST_BLOCK], n)
    if status & (_UNDERFLOW_BIT | _INPUT_UNDERFLOW_BIT):
        counter[K_UNDERFLOWS] += 1
    if status & (_OVERFLOW_BIT | _INPUT_OVERFLOW_BIT):
        counter[K_OVERFLOWS] += 1
    restore_float_mode(float_mode)
    took_ns = monotonic_ns() - began_ns
    i64_at(table[T_DURATION], N_DURATIONS)[counter[K_CALLBACKS] & (N_DURATIONS - 1)] = took_ns
    counter[K_WORST_NS] = max(counter[K_WORST_NS], took_ns)
    counter[K_CALLBACKS] += 1


def _pa_callback(
    recorded: Any, output: Any, frame_count: int, time_info: Any, status: int, userdata: Any
) -> int:
    """PaStreamCallback; its docstring is PortAudio's."""
    table = _carray(userdata, (N_TABLE,))
    n = int(frame_count)
    # Without input channels the driver passes no buffer, and none is looked at.
    voice = _carray(recorded, (n * table[T_INPUT_CHANNELS],))
    device = _carray(output, (n * table[T_CHANNELS],))
    times = _carray(time_info, (3,))
    # Input ADC, current, output DAC: some drivers leave the last one at zero.
    dac_s = times[2]
    if dac_s <= 0.0:
        dac_s = times[1] + table[T_LATENCY_NS] * 1e-9
    process_block(table, voice, device, n, dac_s, status)
    return 0


def compile_callback() -> Any:
    """The C function, around kernels that are compiled or loaded from the cache.

    Returns
    -------
    numba CFunc
        `.address` is what PortAudio wants, `.ctypes` calls it from a test.

    Notes
    -----
    Takes about a second once the kernels are cached, some fifteen the very first time: call it before
    a device opens. The thin outer function itself is not cached, because numba would go on using it
    after a change in the kernels that it calls.
    """
    return numba.cfunc(CALLBACK_SIGNATURE, error_model="numpy")(_pa_callback)
