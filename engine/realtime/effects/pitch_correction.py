"""Pitch correction: a voice on the notes of a scale, its vowels kept.

Runs on the device thread. Two read heads follow the voice at its own speed, so that formants stay where they
are; from one synthesis mark to the next the sound fades from one head to the other. Marks lie a period of
the *wanted* pitch apart, and each head is set so that it stands, at its mark, one period of the *sung* pitch
further in the wave than the last one did. What comes out then repeats with the wanted period, whatever the
sung one. A head that would leave the middle of the latency by more than half a period repeats one or skips
one. Where there is no pitch the heads stand still and the voice passes, delayed, bit by bit.

Mark and place in the wave may move together without touching the pitch; they move to the burst of sound with
which each period begins, so that fades happen where the wave is quiet and vowels keep their colour.

A period is found in two steps (kernels/period.py): roughly every 2.7 ms, by YIN on the thinned voice; and
exactly at each mark, by comparing the wave there with itself a period later. The cost is spread evenly:
no block has more than one rough estimate.

References
----------
.. [1] K. Lent, "An efficient method for pitch shifting digitally sampled sounds", Computer Music Journal
   13(4), 1989: a grain a period, at its own speed.
.. [2] E. Moulines, F. Charpentier, "Pitch-synchronous waveform processing techniques for text-to-speech
   synthesis using diphones", Speech Communication 9, 1990.
"""

import math
from typing import Final

import numpy as np

from engine.kernels.delay import N_TAP_CELLS, N_TAPS, between8, fraction_taps, pick_taps, slide
from engine.kernels.jit import kernel
from engine.kernels.lanes import load8, store8
from engine.kernels.period import burst_offset, exact_lag, rough_period, thinning_taps, weighted_sum
from engine.realtime.effects.kind import N_READOUTS, S_READOUT_1, S_READOUT_2, EffectKind, Parameter
from engine.realtime.effects.scales import KEYS, SCALE_NAMES, nearest_note
from engine.units import F32, F64

P_KEY: Final = 0
P_SCALE: Final = 1
P_SPEED: Final = 2
P_AMOUNT: Final = 3
P_TUNING: Final = 4
_LAST_SCALE: Final = len(SCALE_NAMES) - 1.0

_PARAMETERS: Final = (
    Parameter("key", 0.0, 11.0, 0.0, "choice", "The scale's first note", KEYS),
    Parameter("scale", 0.0, _LAST_SCALE, 0.0, "choice", "Notes that may sound", SCALE_NAMES),
    Parameter("speed_ms", 0.0, 400.0, 25.0, "linear", "How fast a note is drawn to its pitch; 0: at once"),
    Parameter("amount", 0.0, 1.0, 1.0, "linear", "How much of the error is corrected"),
    Parameter("tuning_hz", 415.0, 466.0, 440.0, "linear", "Concert pitch, the A above middle C"),
)

LOWEST_HZ: Final = 65.0
HIGHEST_HZ: Final = 1200.0
_LATENCY_S: Final = 0.012
"""More than half of the longest period, 7.7 ms, so that no head needs what is not sung yet."""
_HISTORY_S: Final = 0.056
"""A head lies 20 ms back at most; of a wave that has not come in yet, one and a half periods before that are
looked at instead, 23 ms; and some frames on both sides."""
_PIECE_FRAMES: Final = 128
_TICK_THIN: Final = 32
"""Frames of the thinned voice from one rough estimate to the next: 2.7 ms."""
_COMPARED_S: Final = 0.0167
_THRESHOLD: Final = 0.12
_VOICED: Final = 0.25
_STILL_VOICED: Final = 0.4
"""Aperiodicity up to which a voice begins to count as pitched, and goes on counting."""
_QUIET: Final = 1e-6
"""Mean square below which nothing is pitched: -60 dBFS."""
_REST_S: Final = 0.005
"""From mark to mark where there is no pitch."""
_STAY_CENTS: Final = 12.0
"""So much further than the middle a voice goes before it is drawn to the next note."""
_LEAD: Final = 0.2
"""How far a mark moves towards the burst of its period at most, as a part of the period."""
_ODD: Final = 0.01
"""So much, as a part of it, may a period lie apart from those before it and still choose the note."""
_REACH: Final = 0.06
_FAR_REACH: Final = 0.1
"""How far the exact period may lie from the rough one, as a part of it: mostly, and where a voice falls or
rises by a tone within two periods."""

_S_SUNG_HZ: Final = S_READOUT_1
_S_CORRECTED_HZ: Final = S_READOUT_2
_S_AT: Final = N_READOUTS  # place in the rows of the voice
_S_THIN_AT: Final = _S_AT + 1
_S_TICK: Final = _S_AT + 2  # frames since the last rough estimate
_S_PERIOD: Final = _S_AT + 3  # frames, 0 where there is no pitch
_S_NOTE: Final = _S_AT + 4  # note that the voice is drawn to, semitones from concert pitch; or _NO_NOTE
_S_SHIFT: Final = _S_AT + 5  # cents that it is drawn by
_S_SPACING: Final = _S_AT + 6  # frames from mark to mark, and how many of them are over (whole, and part)
_S_DONE: Final = _S_AT + 7
_S_PART: Final = _S_AT + 8
_S_HEADS: Final = _S_AT + 9  # how far both heads lie back
_S_LATENCY: Final = _S_AT + 11
_S_EVERY: Final = _S_AT + 12
_S_WORK: Final = _S_AT + 13
_N_WORK: Final = 256
"""Lags of the thinned voice, up to 12 kHz / 65 Hz and two more, or those around an exact period."""
_N_STATE: Final = _S_WORK + _N_WORK
_NO_NOTE: Final = -1000.0

_M_WEIGHTS: Final = 0
_M_OUT: Final = _PIECE_FRAMES + 8
_M_FIRST_TAPS: Final = _M_OUT + _PIECE_FRAMES + 8  # of both heads
_M_SECOND_TAPS: Final = _M_FIRST_TAPS + N_TAPS
_M_FRACTIONS: Final = _M_SECOND_TAPS + N_TAPS
_M_THIN_TAPS: Final = _M_FRACTIONS + N_TAP_CELLS
_M_ROWS: Final = _M_THIN_TAPS + 16 * 8  # the left, the right, the middle of both, the thinned voice
_ROW_PAD: Final = 32
"""Behind each row: whole vectors are read, up to seven frames and the taps beyond the newest."""


def _every(rate_hz: float) -> int:
    """One frame in so many is kept in the thinned voice: 11 to 12 kHz."""
    return 8 if rate_hz > 60000.0 else 4


def _history_frames(rate_hz: float) -> int:
    return math.ceil(_HISTORY_S * rate_hz / 16.0) * 16


def _latency_frames(rate_hz: float) -> int:
    return round(_LATENCY_S * rate_hz)


def _n_memory(rate_hz: float) -> int:
    # Rows of four histories: 10,752 frames or 43 kB at 48 kHz, moved back six times a second.
    return _M_ROWS + 4 * (4 * _history_frames(rate_hz) + _ROW_PAD)


def prepare_pitch_correction(rate_hz: float, state: F64, memory: F32) -> None:
    """Write the tables; both heads stand in the middle of the latency.

    Parameters
    ----------
    rate_hz : float
    state, memory : float64 and float32 arrays, shapes (n_state,) and (n_memory,)
        Zeroed.
    """
    every = _every(rate_hz)
    latency = _latency_frames(rate_hz)
    state[_S_AT] = state[_S_THIN_AT] = _history_frames(rate_hz)
    state[_S_NOTE] = _NO_NOTE
    state[_S_SPACING] = _REST_S * rate_hz
    state[_S_HEADS] = state[_S_HEADS + 1] = latency
    state[_S_LATENCY] = latency
    state[_S_EVERY] = every
    memory[_M_FRACTIONS:_M_THIN_TAPS] = fraction_taps()
    memory[_M_THIN_TAPS : _M_THIN_TAPS + 16 * every] = thinning_taps(rate_hz, every)
    memory[_M_FIRST_TAPS + N_TAPS // 2 - 1] = memory[_M_SECOND_TAPS + N_TAPS // 2 - 1] = 1.0


@kernel
def _listen(rate_hz: float, state: F64, thin: F32) -> None:
    """A rough estimate: is there a pitch now, and about which."""
    thin_hz = rate_hz / state[_S_EVERY]
    n = int(_COMPARED_S * thin_hz / 16.0 + 0.5) * 16
    end = int(state[_S_THIN_AT])
    lags = (int(thin_hz / HIGHEST_HZ), int(thin_hz / LOWEST_HZ) + 1)
    newest = thin[end - n : end]
    period, aperiodicity = 0.0, 1.0
    if weighted_sum(thin, end - n, newest) > _QUIET * n:
        period, aperiodicity = rough_period(thin, end, lags, n, _THRESHOLD, state[_S_WORK:_N_STATE])
    limit = _STILL_VOICED if state[_S_PERIOD] > 0.0 else _VOICED
    state[_S_PERIOD] = period * state[_S_EVERY] if aperiodicity < limit else 0.0


@kernel
def _compared_frames(period: float, state: F64) -> int:
    """A period of the wave, in whole vectors, but no more than half as much again as the latency."""
    n = min(max(int(period / 16.0 + 1.0) * 16, 64), int(state[_S_LATENCY]) * 4 // 3)
    return n - n % 16


@kernel
def _reach_frames(part: float, period: float, state: F64) -> int:
    return min(max(int(part * period), int(state[_S_EVERY]) + 1), 62)


@kernel
def _sung_period(mid: F32, now: int, back: float, state: F64) -> float:
    """The exact period at the mark that lies `back` frames before `now`."""
    period = state[_S_PERIOD]
    n = _compared_frames(period, state)
    # The wave around the mark is compared with itself a period later, as far as that has come in.
    end = now + min(math.floor(1.5 * period - back), 0)
    work = state[_S_WORK:_N_STATE]
    found = exact_lag(mid, end - n, n, (period, _reach_frames(_REACH, period, state)), work)
    if found != period:
        return found
    return exact_lag(mid, end - n, n, (period, _reach_frames(_FAR_REACH, period, state)), work)


@kernel
def _two_periods(mid: F32, now: int, back: float, period: float, state: F64) -> float:
    """From the mark that lies `back` frames before `now` to the end of the second period after it."""
    n = _compared_frames(period, state)
    end = now + min(math.floor(2.0 * period - back) + n // 2, 0)
    work = state[_S_WORK:_N_STATE]
    return exact_lag(mid, end - n, n, (2.0 * period, _reach_frames(_FAR_REACH, period, state)), work)


@kernel
def _lead(mid: F32, now: int, back: float, period: float) -> float:
    """How far the next mark should move to stand nearer to the burst of its period."""
    centre = now - int(back)
    if centre + 0.5 * period + 1.0 > now:
        centre -= int(period)
    limit = _LEAD * period
    return min(max(0.5 * burst_offset(mid, centre, period), -limit), limit)


@kernel
def _draw(params: F64, rate_hz: float, period: float, state: F64) -> float:
    """The wanted period, after the note that the voice is drawn to."""
    tuning_hz = _held(params[P_TUNING], 415.0, 466.0, 440.0)
    amount = _held(params[P_AMOUNT], 0.0, 1.0, 1.0)
    speed_ms = _held(params[P_SPEED], 0.0, 400.0, 25.0)
    key = int(_held(params[P_KEY], 0.0, 11.0, 0.0) + 0.5)
    scale = int(_held(params[P_SCALE], 0.0, _LAST_SCALE, 0.0) + 0.5)
    pitch = 12.0 * math.log2(rate_hz / (period * tuning_hz))
    # One odd period is no new note: then the middle one of this, the last and the rough period chooses.
    rough = state[_S_PERIOD]
    last = rate_hz / state[_S_SUNG_HZ] if state[_S_SUNG_HZ] > 0.0 else rough
    middle = max(min(period, last), min(max(period, last), rough))
    is_odd = abs(period - middle) > _ODD * middle
    about = 12.0 * math.log2(rate_hz / (middle * tuning_hz)) if is_odd else pitch
    near = nearest_note(about, key, scale)
    note = state[_S_NOTE]
    # A note that has left the scale, or lies further away than the nearest by more than a tremble.
    is_far = 100.0 * (abs(about - note) - abs(about - near)) > _STAY_CENTS
    if is_far or nearest_note(note, key, scale) != note:
        note = near
    state[_S_NOTE] = note
    wanted = 100.0 * amount * (note - pitch)
    share = 1.0
    if speed_ms > 0.0:
        share = 1.0 - math.exp(-1000.0 * state[_S_SPACING] / (speed_ms * rate_hz))
    state[_S_SHIFT] += share * (wanted - state[_S_SHIFT])
    return period * 2.0 ** (-state[_S_SHIFT] / 1200.0)


@kernel
def _held(value: float, low: float, high: float, fallback: float) -> float:
    """A setting inside its range; NaN becomes the fallback. No glide: heads take it at their next mark."""
    if not low <= value <= high:
        return low if value < low else high if value > high else fallback
    return value


@kernel
def _mark(params: F64, rate_hz: float, state: F64, memory: F32, mid: F32) -> None:
    """At a synthesis mark: the second head becomes the first, and the next one is set."""
    state[_S_PART] += state[_S_DONE] - state[_S_SPACING]
    state[_S_DONE] = 0.0
    back = state[_S_HEADS + 1]
    latency = state[_S_LATENCY]
    state[_S_HEADS] = back
    for k in range(N_TAPS):
        memory[_M_FIRST_TAPS + k] = memory[_M_SECOND_TAPS + k]
    if state[_S_PERIOD] > 0.0:
        period = _sung_period(mid, int(state[_S_AT]), back + state[_S_PART], state)
        wanted = _draw(params, rate_hz, period, state)
        # Both the mark and its place in the wave move towards the burst of the period: the pitch does not
        # feel it, and the fades happen where the wave is quiet.
        spacing = wanted + _lead(mid, int(state[_S_AT]), back + state[_S_PART], period)
        begun = back + state[_S_PART]
        back += wanted - period
        if back > latency + 0.5 * period:
            # The period that is skipped has a length of its own.
            back -= _two_periods(mid, int(state[_S_AT]), begun, period, state) - period
        elif back < latency - 0.5 * period:
            back += period
        state[_S_SUNG_HZ] = rate_hz / period
        state[_S_CORRECTED_HZ] = rate_hz / wanted
    else:
        spacing = _REST_S * rate_hz
        back = latency
        state[_S_NOTE] = _NO_NOTE
        state[_S_SHIFT] = state[_S_SUNG_HZ] = state[_S_CORRECTED_HZ] = 0.0
    state[_S_SPACING] = spacing
    state[_S_HEADS + 1] = back
    fractions = memory[_M_FRACTIONS:_M_THIN_TAPS]
    pick_taps(fractions, -back - math.floor(-back), memory[_M_SECOND_TAPS:_M_FRACTIONS])


@kernel
def _weigh(state: F64, weights: F32, n: int) -> None:
    """How far the fade from head to head has come, frame by frame: a raised cosine's polynomial."""
    spacing = state[_S_SPACING]
    begun = int(state[_S_DONE])
    part = state[_S_PART]
    for i in range(n):
        # From the count of frames, not from a sum: the same wherever a block begins.
        x = (begun + i + part) / spacing
        weights[i] = np.float32(x * x * (3.0 - 2.0 * x))


@kernel
def _read(row: F32, at: int, state: F64, memory: F32, n: int) -> None:
    """What both heads hear of one channel, faded, into the work row."""
    first, second = state[_S_HEADS], state[_S_HEADS + 1]
    out = memory[_M_OUT:_M_FIRST_TAPS]
    taps = memory[_M_SECOND_TAPS:_M_FRACTIONS]
    place = at + math.floor(-second)
    if first == second:
        for i in range(0, n, 8):
            store8(out, i, between8(row, place + i, taps))
        return
    old_taps = memory[_M_FIRST_TAPS:_M_SECOND_TAPS]
    old_place = at + math.floor(-first)
    for i in range(0, n, 8):
        old = between8(row, old_place + i, old_taps)
        store8(out, i, old + load8(memory, _M_WEIGHTS + i) * (between8(row, place + i, taps) - old))


@kernel
def _write(audio: F32, start: int, n: int, rows: F32, state: F64, thin_taps: F32) -> None:
    """New frames to the rows, and to the thinned voice."""
    at = int(state[_S_AT])
    left, right, mid = rows[0], rows[1], rows[2]
    for i in range(n):
        left[at + i] = audio[0, start + i]
        right[at + i] = audio[1, start + i]
        mid[at + i] = np.float32(0.5) * (audio[0, start + i] + audio[1, start + i])
    every = int(state[_S_EVERY])
    thin = rows[3]
    thin_at = int(state[_S_THIN_AT])
    since = int(state[_S_TICK])
    for i in range(every - 1 - since % every, n, every):
        thin[thin_at] = weighted_sum(mid, at + i + 1 - thin_taps.shape[0], thin_taps)
        thin_at += 1
    state[_S_THIN_AT] = thin_at


@kernel
def _make_room(rows: F32, history: int, state: F64) -> None:
    """Room for a piece behind the places of the rows."""
    at = int(state[_S_AT])
    place = at
    for r in range(3):
        place = slide(rows[r][: rows.shape[1] - _ROW_PAD], at, history, _PIECE_FRAMES)
    state[_S_AT] = place
    state[_S_THIN_AT] = slide(
        rows[3][: rows.shape[1] - _ROW_PAD], int(state[_S_THIN_AT]), history, _PIECE_FRAMES
    )


@kernel
def process_pitch_correction(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Correct in place; it comes out 12 ms later.

    Parameters
    ----------
    audio : float32 array, shape (2, n), C order
        One voice; its pitch is that of the middle of both channels.
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
        key, scale, speed_ms, amount, tuning_hz.
    state, memory : float64 and float32 arrays, shapes (n_state,) and (n_memory,)
        Read-outs: pitch sung and pitch put out, in Hz, 0 where there is none.

    Notes
    -----
    Real-time safe. One rough estimate every 2.7 ms, one exact one a period.
    """
    size = (memory.shape[0] - _M_ROWS) // 4
    rows = memory[_M_ROWS:].reshape((4, size))
    history = (size - _ROW_PAD) // 4
    every = int(state[_S_EVERY])
    thin_taps = memory[_M_THIN_TAPS : _M_THIN_TAPS + 16 * every]
    out = memory[_M_OUT:_M_FIRST_TAPS]
    n = audio.shape[1]
    start = 0
    while start < n:
        if state[_S_DONE] + state[_S_PART] >= state[_S_SPACING]:
            _mark(params, rate_hz, state, memory, rows[2])
        until_mark = math.ceil(state[_S_SPACING] - state[_S_PART]) - int(state[_S_DONE])
        until_tick = _TICK_THIN * every - int(state[_S_TICK])
        m = min(min(n - start, _PIECE_FRAMES), min(until_mark, until_tick))
        _make_room(rows, history, state)
        _write(audio, start, m, rows, state, thin_taps)
        at = int(state[_S_AT])
        _weigh(state, memory, m)
        for c in range(2):
            _read(rows[c], at, state, memory, m)
            for i in range(m):
                audio[c, start + i] = out[i]
        state[_S_AT] = at + m
        state[_S_DONE] += m
        state[_S_TICK] += m
        if m == until_tick:
            state[_S_TICK] = 0.0
            _listen(rate_hz, state, rows[3])
        start += m


KIND: Final = EffectKind(
    name="pitch_correction",
    title="Pitch correction",
    parameters=_PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=_n_memory,
    latency_frames=_latency_frames,
    prepare=prepare_pitch_correction,
    process=process_pitch_correction,
    readouts=("sung_hz", "corrected_hz"),
)
