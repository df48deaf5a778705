"""High-pass: takes rumble, steps and breath under the voice away.

Butterworth of second or fourth order. Runs on the device thread; no latency.
"""

from typing import Final

from engine.kernels.biquad import section, warp
from engine.kernels.filter_bank import filter_bank, hold_bank, n_bank_cells, turn_section
from engine.kernels.jit import kernel
from engine.realtime.effects.kind import N_READOUTS, EffectKind, Parameter
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
from engine.units import F32, F64

P_FREQ: Final = 0
P_SLOPE: Final = 1
PARAMETERS: Final = (
    Parameter("freq_hz", 20.0, 1000.0, 80.0, "log", "What lies below is taken away"),
    Parameter(
        "slope", 0.0, 1.0, 0.0, "choice", "How steeply it falls below the corner", ("12 dB/oct", "24 dB/oct")
    ),
)

_BUTTERWORTH_2: Final = 0.5**0.5
# Q of the two sections of a fourth-order Butterworth: 1 / (2 cos(pi / 8)) and 1 / (2 cos(3 pi / 8)).
_BUTTERWORTH_4: Final = (0.541196100146197, 1.3065629648763764)
_N_SECTIONS: Final = 2
_S_TARGETS: Final = N_READOUTS
_S_STEEP: Final = _S_TARGETS + n_target_cells(len(PARAMETERS))  # 0 for 12 dB, 1 for 24, between: turning
_S_BANK: Final = _S_STEEP + 1
_N_STATE: Final = _S_BANK + n_bank_cells(_N_SECTIONS)


def prepare_high_pass(rate_hz: float, state: F64, memory: F32) -> None:
    """Make zeroed cells a high-pass.

    Parameters
    ----------
    rate_hz : float
    state : float64 array, shape (n_state,)
    memory : float32 array, shape (0,)
    """
    prepare_targets(PARAMETERS, rate_hz, state, _S_TARGETS)


@kernel
def _turn(rate_hz: float, params: F64, state: F64) -> None:
    """At a grid point: take the settings over and design what they changed."""
    first = state[_S_TARGETS + T_STARTED] == 0.0
    moved = follow_targets(params, state, _S_TARGETS)
    hold_bank(state, _S_BANK, _N_SECTIONS)
    target = state[_S_TARGETS + T_VALUES + P_SLOPE]
    steep = state[_S_STEEP]
    if steep != target:
        steep = target if first else glide_to(steep, target, state[_S_TARGETS + T_STEP])
        state[_S_STEEP] = steep
        moved = True
    if moved:
        g = warp(state[_S_TARGETS + T_VALUES + P_FREQ], rate_hz)
        k = 1.0 / (_BUTTERWORTH_2 + steep * (_BUTTERWORTH_4[0] - _BUTTERWORTH_2))
        turn_section(section(g, k, 1.0, -k, -1.0), 0, first, state, _S_BANK)
        # The second section fades in: all of the input, less what a high-pass would take away.
        k = 1.0 / _BUTTERWORTH_4[1]
        turn_section(section(g, k, 1.0, -steep * k, -steep), 1, first, state, _S_BANK)


@kernel
def process_high_pass(audio: F32, rate_hz: float, params: F64, state: F64, memory: F32) -> None:
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
        n_sections = 1 if state[_S_STEEP] == 0.0 and state[_S_BANK] == 0.0 else _N_SECTIONS
        filter_bank(audio, span, ramp, state, _S_BANK, n_sections)
        done = span[1]


KIND: Final = EffectKind(
    name="high_pass",
    title="High-pass",
    parameters=PARAMETERS,
    n_state=lambda _rate_hz: _N_STATE,
    n_memory=lambda _rate_hz: 0,
    latency_frames=lambda _rate_hz: 0,
    prepare=prepare_high_pass,
    process=process_high_pass,
)
