"""From levels and controls to what is drawn: the orbit, the pulse, the breath, hue and rotation.

Visuals and rendering threads; the same steps whether a song plays or is rendered from its file, so that a
video shows what the window showed. Everything but the pulse is continuous in value and slope. In silence the
network has no say: the orbit drifts calmly.
"""

import math
from typing import Final

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.kernels.orbit import C_IM, C_RE, CALM_CONTROLS, N_CONTROLS, advance_orbit, new_orbit
from engine.stream.visual_levels import N_ROLES
from engine.units import F64

# Cells of a row: everything of a picture but its time.
ROW_C: Final = 0
ROW_SCALE: Final = 2
ROW_PULSE: Final = 3
ROW_HUE: Final = 4
ROW_ROTATION: Final = 5
ROW_GLOW: Final = 6
ROW_LEVEL: Final = 7
ROW_CONTROL: Final = ROW_LEVEL + N_ROLES
N_ROW: Final = ROW_CONTROL + N_CONTROLS

# Cells of the state.
_FAST: Final = 0
_SLOW: Final = 1
"""Power of the drums over 5 and over 90 ms: their distance is a hit."""
_PULSE: Final = 2
_HUE: Final = 3
_ROTATION: Final = 4
_LOUD: Final = 5
_LOUDEST: Final = 6
_GLOW: Final = 7
"""(value, slope); likewise the two after it."""
_CALM: Final = 9
_ENVELOPE: Final = 11
_REFERENCE: Final = _ENVELOPE + N_ROLES
_SMOOTH: Final = _REFERENCE + N_ROLES
"""(value, slope) of each level as scale, hue and rotation follow it."""
_N_STATE: Final = _SMOOTH + 2 * N_ROLES

_FLOOR = 1e-6
"""Power, -60 dBFS, below which nothing counts as loud, however quiet the song."""
_BLEED = 3e-3
"""A role 25 dB below the whole is what leaked into its lane."""
_HIT_FROM_DB, _HIT_FULL_DB = 2.0, 9.0
_PULSE_RISE_S, _PULSE_FALL_S = 0.004, 0.11
_BREATH = 0.2
"""Bass at its loudest enlarges the picture by this much."""


@kernel
def _towards(state: F64, at: int, target: float, rise_s: float, fall_s: float, dt_s: float) -> None:
    """First-order follower with two time constants."""
    time_s = rise_s if target > state[at] else fall_s
    state[at] = target + (state[at] - target) * math.exp(-dt_s / time_s)


@kernel
def _glide(state: F64, at: int, target: float, rate: float, dt_s: float) -> None:
    """Critically damped follower of a (value, slope)."""
    away = state[at] - target
    push = state[at + 1] + rate * away
    decay = math.exp(-rate * dt_s)
    state[at] = target + (away + push * dt_s) * decay
    state[at + 1] = (state[at + 1] - rate * push * dt_s) * decay


@kernel
def _follow_levels(state: F64, powers: F64, dt_s: float, row: F64) -> None:
    """Level of each role against its own loudest of late, 0 to 1."""
    total = 0.0
    for k in range(N_ROLES):
        total += powers[k]
    _towards(state, _LOUD, total, 0.05, 0.4, dt_s)
    _towards(state, _LOUDEST, max(state[_LOUD], _FLOOR), 0.5, 20.0, dt_s)
    for k in range(N_ROLES):
        _towards(state, _ENVELOPE + k, powers[k], 0.008, 0.15, dt_s)
        least = max(_FLOOR, _BLEED * state[_LOUDEST])
        loudest = max(state[_ENVELOPE + k], least)
        _towards(state, _REFERENCE + k, loudest, 0.02, 10.0, dt_s)
        level = math.sqrt(state[_ENVELOPE + k] / max(state[_REFERENCE + k], least))
        row[ROW_LEVEL + k] = min(level, 1.0)
        _glide(state, _SMOOTH + 2 * k, row[ROW_LEVEL + k], 9.0, dt_s)


@kernel
def _follow_hits(state: F64, power: float, level: float, dt_s: float) -> None:
    """The pulse: up within milliseconds where the drums' power leaps, down in a quarter of a second."""
    _towards(state, _FAST, power, 0.002, 0.012, dt_s)
    _towards(state, _SLOW, power, 0.09, 0.09, dt_s)
    rise_db = 10.0 * math.log10((state[_FAST] + 0.1 * _FLOOR) / (state[_SLOW] + 0.1 * _FLOOR))
    hit = min(max((rise_db - _HIT_FROM_DB) / (_HIT_FULL_DB - _HIT_FROM_DB), 0.0), 1.0) * level
    _towards(state, _PULSE, max(hit, 0.0), _PULSE_RISE_S, _PULSE_FALL_S, dt_s)


@kernel
def _advance(
    state: F64, orbit: F64, powers: F64, controls: F64, place: tuple[float, int, float, float], row: F64
) -> None:
    """One step; `place` is its length in seconds, the lobe, beats a second and the beat."""
    dt_s, lobe, beat_hz, beat = place
    _follow_levels(state, powers, dt_s, row)
    _follow_hits(state, powers[0], row[ROW_LEVEL], dt_s)
    loud_db = 10.0 * math.log10(max(state[_LOUD], 1e-12))
    awake = min(max((loud_db + 60.0) / 15.0, 0.0), 1.0)
    _glide(state, _CALM, awake, 2.0, dt_s)
    below_db = loud_db - 10.0 * math.log10(max(state[_LOUDEST], 1e-12))
    _glide(state, _GLOW, awake * min(max(0.85 + below_db / 40.0, 0.0), 1.0), 2.5, dt_s)
    say = min(max(state[_CALM], 0.0), 1.0)
    for k in range(N_CONTROLS):
        wanted = controls[k]
        if not abs(wanted) < 1e6:
            wanted = CALM_CONTROLS[k]
        row[ROW_CONTROL + k] = CALM_CONTROLS[k] + say * (wanted - CALM_CONTROLS[k])
    advance_orbit(orbit, row[ROW_CONTROL:], dt_s, lobe, beat_hz, beat)
    state[_HUE] += dt_s * (0.008 + 0.07 * state[_SMOOTH + 4])
    state[_ROTATION] += dt_s * (0.02 + 0.22 * state[_SMOOTH + 6])
    row[ROW_C] = orbit[C_RE]
    row[ROW_C + 1] = orbit[C_IM]
    row[ROW_SCALE] = 1.0 + _BREATH * min(max(state[_SMOOTH + 2], 0.0), 1.0)
    row[ROW_PULSE] = min(max(state[_PULSE], 0.0), 1.0)
    row[ROW_HUE] = state[_HUE]
    row[ROW_ROTATION] = state[_ROTATION]
    row[ROW_GLOW] = min(max(state[_GLOW], 0.0), 1.0)


class Motion:
    """What moves the picture.

    Parameters
    ----------
    seed : int, >= 0
        Where the orbit and the palette begin.

    Notes
    -----
    About 3 us a step. One thread at a time.
    """

    def __init__(self, seed: int = 0) -> None:
        if seed < 0:
            raise ParameterError(f"seed {seed} is below 0")
        # The golden angle: neighbouring seeds begin far from each other.
        self._orbit = new_orbit(2.3 + 2.399963229728653 * seed)
        self._state = np.zeros(_N_STATE)
        self._state[_HUE] = (0.61803398875 * seed) % 1.0
        self._state[_LOUDEST] = _FLOOR
        self._row = np.zeros(N_ROW)

    def advance(
        self, powers: F64, controls: F64, dt_s: float, lobe: int, beat_hz: float = 0.0, beat: float = math.nan
    ) -> F64:
        """Go on by one step.

        Parameters
        ----------
        powers : float64 array, shape (4,)
            Mean squares of drums, bass, vocals and other in this step.
        controls : float64 array, shape (9,)
            See `engine.kernels.orbit.CONTROLS`.
        dt_s : float, seconds
        lobe : int
            Of `engine.kernels.orbit.LOBES`.
        beat_hz, beat : float
            As for `advance_orbit`.

        Returns
        -------
        float64 array, shape (N_ROW,)
            See ROW_*; the same memory every time.
        """
        place = (float(dt_s), int(lobe), float(beat_hz), float(beat))
        _advance(self._state, self._orbit, powers, controls, place, self._row)
        return self._row
