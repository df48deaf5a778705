"""De-esser: turns the s sounds down while they last, and nothing else.

One state-variable filter a channel gives the band that is listened to and, from the same states, the shelf
or bell that turns it down: with g the gain of the band, the output is

    input + (sqrt(g) - 1) * k * band + (g - 1) * high     shelf: |.|^2 = (1 + g^2 w^4) / (1 + w^4), no bump
    input + (g - 1) * k * band                            bell: unity everywhere but around the centre

so what moves is only how the outputs of a fixed filter are mixed. Both channels together. Runs on the
device thread; no latency.

References
----------
.. [1] A. Simper, "Linear trapezoidal integrated state variable filter with low noise optimisation", 2013.
"""

from typing import Final

import numpy as np

from engine.kernels.biquad import drop_silence, section, warp
from engine.kernels.dynamics import (
    DB_PER_OCTAVE,
    draw_levels,
    draw_reductions,
    drop_reduction,
    fast_exp2,
    keep_factor,
)
from engine.kernels.jit import fast_kernel, kernel
from engine.realtime.effects.kind import N_READOUTS, S_GAIN_REDUCTION_DB, EffectKind, Parameter
from engine.realtime.effects.targets import (
    GRID_FRAMES,
    T_PHASE,
    T_STARTED,
    T_STEP,
    T_VALUES,
    follow_targets,
    glide_to,
    n_target_cells,
    prepare_targets,
    to_grid_point,
)
from engine.realtime.layout import CHUNK_FRAMES
from engine.units import F32, F64

P_FREQ: Final = 0
P_THRESHOLD: Final = 1
P_RANGE: Final = 2
P_ATTACK: Final = 3
P_RELEASE: Final = 4
P_SHAPE: Final = 5
PARAMETERS: Final = (
    Parameter("freq_hz", 2000.0, 12_000.0, 5500.0, "log", "Where the s sounds are"),
    Parameter("threshold_db", -60.0, 0.0, -30.0, "linear", "Level of the s sounds that is let through"),
    Parameter("range_db", 0.0, 24.0, 8.0, "linear", "They are never turned down further than this"),
    Parameter("attack_ms", 0.1, 20.0, 1.0, "log", "How fast they are turned down"),
    Parameter("release_ms", 5.0, 500.0, 50.0, "log", "How fast it is over"),
    Parameter(
        "shape", 0.0, 1.0, 0.0, "choice", "Turn down all above, or a band around it", ("shelf", "bell")
    ),
)

RATIO: Final = 4.0
KNEE_DB: Final = 6.0
BELL_Q: Final = 1.2
_SHELF_K: Final = 2.0**0.5  # Butterworth: the Q at which the shelf has no bump

_S_TARGETS: Final = N_READOUTS
_S_BELL: Final = _S_TARGETS + n_target_cells(len(PARAMETERS))  # 0 for a shelf, 1 for a bell
_S_FILTER: Final = _S_BELL + 1  # a, b, c of `biquad`, k, then two states of the left and two of the right
_S_STATES: Final = _S_FILTER + 4
_S_ATTACK: Final = _S_STATES + 4
_S_RELEASE: Final = _S_ATTACK + 1
_S_REDUCTION: Final = _S_RELEASE + 1  # after the release, after the attack
_N_STATE: Final = _S_REDUCTION + 2

# Memory: a row of powers; then for a chunk the gain in octaves, how much of band and of high to add, and
# band and high themselves, left and right.
_R_OCTAVES, _R_BAND_SHARE, _R_HIGH_SHARE, _R_BANDS, _R_HIGHS = 0, 1, 2, 3, 5
_N_CHUNK_ROWS: Final = 7
_N_MEMORY: Final = GRID_FRAMES + _N_CHUNK_ROWS * CHUNK_FRAMES


def prepare_de_esser(rate_hz: float, state: F64, memory: F32) -> None:
    """Make zeroed cells a de-esser.

    Parameters
    ----------
    rate_hz : float
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (n_memory,)
    """
    prepare_targets(PARAMETERS, rate_hz, state, _S_TARGETS)


@kernel
def _take_settings(rate_hz: float, params: F64, state: F64) -> None:
    """At a grid point."""
    first = state[_S_TARGETS + T_STARTED] == 0.0
    moved = follow_targets(params, state, _S_TARGETS)
    values = _S_TARGETS + T_VALUES
    shape = state[values + P_SHAPE]
    if state[_S_BELL] != shape:
        state[_S_BELL] = shape if first else glide_to(state[_S_BELL], shape, state[_S_TARGETS + T_STEP])
        moved = True
    if moved:
        k = _SHELF_K + state[_S_BELL] * (1.0 / BELL_Q - _SHELF_K)
        filtering = section(warp(state[values + P_FREQ], rate_hz), k, 1.0, 0.0, 0.0)
        state[_S_FILTER], state[_S_FILTER + 1], state[_S_FILTER + 2] = (
            filtering[0],
            filtering[1],
            filtering[2],
        )
        state[_S_FILTER + 3] = k
        state[_S_ATTACK] = keep_factor(state[values + P_ATTACK], rate_hz)
        state[_S_RELEASE] = keep_factor(state[values + P_RELEASE], rate_hz)
    drop_reduction(state, _S_REDUCTION)
    drop_silence(state, _S_STATES, 4)


@fast_kernel
def _split(x: F32, state: F64, at: int, band: F32, high: F32) -> None:
    """One channel's band (of peak one) and what lies above it."""
    a, b, c, k = state[_S_FILTER], state[_S_FILTER + 1], state[_S_FILTER + 2], state[_S_FILTER + 3]
    s1, s2 = state[at], state[at + 1]
    for i in range(x.shape[0]):
        d = np.float64(x[i]) - s2
        next_1 = a * s1 + b * d
        next_2 = s2 + (b * s1 + c * d)
        # An integrator's output is the mean of its states before and after.
        heard = 0.5 * k * (s1 + next_1)
        band[i] = heard
        high[i] = np.float64(x[i]) - heard - 0.5 * (s2 + next_2)
        s1, s2 = next_1, next_2
    state[at], state[at + 1] = s1, s2


@kernel
def _draw_powers(bands: F32, highs: F32, bell: float, powers: F32) -> None:
    """Power of what is listened to: the band of a bell, all above of a shelf; the louder channel's."""
    share = np.float32(bell)
    for i in range(bands.shape[1]):
        left = highs[0, i] + share * (bands[0, i] - highs[0, i])
        right = highs[1, i] + share * (bands[1, i] - highs[1, i])
        left, right = left * left, right * right
        powers[i] = left if left > right else right


@kernel
def _draw_shares(octaves: F32, bell: float, range_db: float, band_share: F32, high_share: F32) -> None:
    """From octaves of gain, held to the range, to how much of band and of high to add."""
    lowest = np.float32(-range_db / DB_PER_OCTAVE)
    share, one = np.float32(bell), np.float32(1.0)
    for i in range(octaves.shape[0]):
        held = octaves[i] if octaves[i] > lowest else lowest
        root = fast_exp2(np.float32(0.5) * held)
        gain = root * root
        band_share[i] = (one - share) * (root - one) + share * (gain - one)
        high_share[i] = (one - share) * (gain - one)


@kernel
def _mix(audio: F32, rows: F32) -> None:
    """Add the shares of band and high."""
    n = audio.shape[1]
    for channel in range(2):
        x = audio[channel]
        band, high = rows[_R_BANDS + channel][:n], rows[_R_HIGHS + channel][:n]
        band_share, high_share = rows[_R_BAND_SHARE][:n], rows[_R_HIGH_SHARE][:n]
        for i in range(n):
            x[i] += band_share[i] * band[i] + high_share[i] * high[i]


@kernel
def process_de_esser(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Turn s sounds down in place; see `EffectKind.process`.

    Parameters
    ----------
    audio : float32 array, shape (2, frames)
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (n_memory,)
    """
    n = audio.shape[1]
    powers, values = memory[:GRID_FRAMES], _S_TARGETS + T_VALUES
    rows = memory[GRID_FRAMES:].reshape((_N_CHUNK_ROWS, CHUNK_FRAMES))
    octaves = rows[_R_OCTAVES]
    done = 0
    while done < n:
        if state[_S_TARGETS + T_PHASE] == 0.0:
            _take_settings(rate_hz, params, state)
        stop = done + to_grid_point(state, _S_TARGETS, n - done)
        bell, range_db = state[_S_BELL], state[values + P_RANGE]
        for channel in range(2):
            band, high = rows[_R_BANDS + channel, done:stop], rows[_R_HIGHS + channel, done:stop]
            _split(audio[channel, done:stop], state, _S_STATES + 2 * channel, band, high)
        bands, highs = rows[_R_BANDS : _R_BANDS + 2, done:stop], rows[_R_HIGHS : _R_HIGHS + 2, done:stop]
        _draw_powers(bands, highs, bell, powers)
        draw_reductions(powers, state[values + P_THRESHOLD], 1.0 - 1.0 / RATIO, KNEE_DB)
        factors = (state[_S_ATTACK], state[_S_RELEASE])
        draw_levels(powers, (0.0, 0.0), factors, state, _S_REDUCTION, octaves[done:stop])
        band_share, high_share = rows[_R_BAND_SHARE, done:stop], rows[_R_HIGH_SHARE, done:stop]
        _draw_shares(octaves[done:stop], bell, range_db, band_share, high_share)
        done = stop
    _mix(audio, rows)
    state[S_GAIN_REDUCTION_DB] = min(state[_S_REDUCTION + 1], state[values + P_RANGE])


KIND: Final = EffectKind(
    name="de_esser",
    title="De-esser",
    parameters=PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=lambda _rate_hz: _N_MEMORY,
    latency_frames=lambda _rate_hz: 0,
    prepare=prepare_de_esser,
    process=process_de_esser,
)
