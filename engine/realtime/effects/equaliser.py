"""Equaliser: six bands, a shelf at either end and four bells between, and a level behind them.

The bands are the bilinear ones of the audio EQ cookbook. A band at 0 dB passes every bit through. Runs on
the device thread; no latency.

References
----------
.. [1] R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients", 1998.
"""

from typing import Final

import numpy as np

from engine.kernels.biquad import high_shelf, low_shelf, peak
from engine.kernels.dynamics import fast_gain
from engine.kernels.filter_bank import filter_bank, hold_bank, n_bank_cells, turn_section
from engine.kernels.jit import kernel
from engine.realtime.effects.kind import N_READOUTS, EffectKind, Parameter
from engine.realtime.effects.targets import (
    GRID_FRAMES,
    T_PHASE,
    T_STARTED,
    T_VALUES,
    follow_targets,
    n_target_cells,
    prepare_targets,
    to_grid_point,
)
from engine.units import F32, F64

N_BANDS: Final = 6
PARAMETERS_PER_BAND: Final = 3
"""Frequency, gain, Q: band k's are parameters 3 k, 3 k + 1, 3 k + 2."""
P_OUTPUT: Final = N_BANDS * PARAMETERS_PER_BAND
HIGHEST_GAIN_DB: Final = 24.0

_BANDS: Final = (
    ("low_shelf", "Low shelf", 100.0, 0.7071),
    ("bell_1", "Bell 1", 250.0, 1.0),
    ("bell_2", "Bell 2", 800.0, 1.0),
    ("bell_3", "Bell 3", 2500.0, 1.0),
    ("bell_4", "Bell 4", 5000.0, 1.0),
    ("high_shelf", "High shelf", 10_000.0, 0.7071),
)


def _band_parameters(name: str, title: str, freq_hz: float, q: float) -> tuple[Parameter, ...]:
    what = "Corner, half the gain is here" if name.endswith("shelf") else "Centre"
    # A shelf steeper than Q 1 overshoots by more than anyone wants.
    high_q = 1.0 if name.endswith("shelf") else 18.0
    return (
        Parameter(f"{name}_freq_hz", 20.0, 20_000.0, freq_hz, "log", f"{title}: {what[0].lower()}{what[1:]}"),
        Parameter(
            f"{name}_gain_db", -HIGHEST_GAIN_DB, HIGHEST_GAIN_DB, 0.0, "linear", f"{title}: boost or cut"
        ),
        Parameter(f"{name}_q", 0.3, high_q, q, "log", f"{title}: higher is narrower"),
    )


PARAMETERS: Final = (
    *(parameter for band in _BANDS for parameter in _band_parameters(*band)),
    Parameter("output_db", -HIGHEST_GAIN_DB, HIGHEST_GAIN_DB, 0.0, "linear", "Level behind the bands"),
)

_S_TARGETS: Final = N_READOUTS
_S_GAIN: Final = _S_TARGETS + n_target_cells(len(PARAMETERS))  # at the last grid point, at the next one
_S_BANK: Final = _S_GAIN + 2
_N_STATE: Final = _S_BANK + n_bank_cells(N_BANDS)


def prepare_equaliser(rate_hz: float, state: F64, memory: F32) -> None:
    """Make zeroed cells an equaliser.

    Parameters
    ----------
    rate_hz : float
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (0,)
    """
    prepare_targets(PARAMETERS, rate_hz, state, _S_TARGETS)


@kernel
def _turn(rate_hz: float, params: F64, state: F64) -> None:
    """At a grid point: take the settings over and design the bands anew if one of them moved."""
    first = state[_S_TARGETS + T_STARTED] == 0.0
    moved = follow_targets(params, state, _S_TARGETS)
    hold_bank(state, _S_BANK, N_BANDS)
    state[_S_GAIN] = state[_S_GAIN + 1]
    if not moved:
        return
    values = _S_TARGETS + T_VALUES
    for k in range(N_BANDS):
        at = values + PARAMETERS_PER_BAND * k
        freq_hz, gain_db, q = state[at], state[at + 1], state[at + 2]
        if k == 0:
            band = low_shelf(freq_hz, gain_db, q, rate_hz)
        elif k == N_BANDS - 1:
            band = high_shelf(freq_hz, gain_db, q, rate_hz)
        else:
            band = peak(freq_hz, gain_db, q, rate_hz)
        turn_section(band, k, first, state, _S_BANK)
    state[_S_GAIN + 1] = fast_gain(state[values + P_OUTPUT])
    if first:
        state[_S_GAIN] = state[_S_GAIN + 1]


@kernel
def process_equaliser(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Filter in place; see `EffectKind.process`.

    Parameters
    ----------
    audio : float32 array, shape (2, frames)
    rate_hz : float
    params : float64 array, shape (N_EFFECT_PARAMS,)
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (0,)
    """
    n = audio.shape[1]
    done = 0
    while done < n:
        phase = state[_S_TARGETS + T_PHASE]
        if phase == 0.0:
            _turn(rate_hz, params, state)
        span = (done, done + to_grid_point(state, _S_TARGETS, n - done))
        ramp = (phase / GRID_FRAMES, 1.0 / GRID_FRAMES)
        filter_bank(audio, span, ramp, state, _S_BANK, N_BANDS)
        gain, goal = state[_S_GAIN], state[_S_GAIN + 1]
        if gain != 1.0 or goal != 1.0:
            for i in range(span[0], span[1]):
                level = np.float32(gain + (goal - gain) * (ramp[0] + (i - span[0] + 1) * ramp[1]))
                audio[0, i] *= level
                audio[1, i] *= level
        done = span[1]


KIND: Final = EffectKind(
    name="equaliser",
    title="Equaliser",
    parameters=PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=lambda _rate_hz: 0,
    latency_frames=lambda _rate_hz: 0,
    prepare=prepare_equaliser,
    process=process_equaliser,
)
