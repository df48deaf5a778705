"""The orbit: a parameter c of z -> z^2 + c that walks along the boundary of the Mandelbrot set.

Pure functions on one small state array; visuals and training threads. Julia sets are rich where c is close to
that boundary: inside they fill up, far outside they fall to dust. So c walks along a *lobe*, the main
cardioid or one of its bulbs, at s times the lobe's distance from its nucleus, with a residual of six circles
on top that turn in whole fractions of a beat. Whatever the controls, the lobe and the tempo do, c has no jump
and no corner: each of them passes a critically damped low-pass of second order, and those are advanced by
their exact solution, so that one step of 40 ms ends where ten of 4 ms do.

Lobes touch the cardioid at their roots. One is left for another only where both touch: the walker hurries to
the root on the shorter way, and crosses over while both lobes are at one place.

References
----------
.. [1] A. Douady, J. H. Hubbard, "Etude dynamique des polynomes complexes", Orsay 1984: the cardioid is the
   image of the unit circle under mu/2 - mu^2/4, and the bulb p/q touches it at mu = exp(2 pi i p/q).
"""

import math
from typing import Final

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.units import F64

CONTROLS: Final = (
    "s_target",
    "alpha",
    "omega_scale",
    "gate_0",
    "gate_1",
    "gate_2",
    "gate_3",
    "gate_4",
    "gate_5",
)
"""What steers the orbit: distance from the nucleus (1 is the boundary), weight of the residual, speed along
the lobe, and the share of each of the residual's circles, the slowest first."""
N_GATES: Final = 6
N_CONTROLS: Final = len(CONTROLS)
CONTROL_LOW: F64 = np.array([1.01, 0.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
CONTROL_HIGH: F64 = np.array([1.09, 1.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
CALM_CONTROLS: F64 = np.array([1.03, 0.15, 0.5, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0])
"""What silence is steered by: a slow drift."""

LOBES: Final = ("cardioid", "half", "third", "two_fifths", "two_thirds", "quarter")
N_LOBES: Final = len(LOBES)
CARDIOID: Final = 0
BEATS_A_TURN: Final = 128.0
"""A turn along a lobe at omega_scale 1: 64 s at 120 beats a minute."""
FREE_BEAT_HZ: Final = 1.9
"""Beats a second where no tempo is known."""
FASTEST_BEAT_HZ: Final = 8.0
CIRCLE_BEATS: Final = (32.0, 16.0, 8.0, 4.0, 2.0, 1.0)
"""Beats that each circle of the residual takes for a turn."""
CIRCLE_RADII: Final = (0.42, 0.25, 0.15, 0.09, 0.06, 0.03)
"""Of the circles, where the whole residual is 1: the quicker the smaller, so that none outruns the eye."""
CIRCLE_SHARE: Final = 0.12
"""The whole residual at alpha 1, in sizes of the lobe."""
MAX_STEP_S: Final = 1.0 / 30.0
MAX_TIME_S: Final = 10.0
"""Longer steps are taken as this long: a machine that slept does not owe the time."""

# Cells of the state. Smoothed values come as (value, slope).
S: Final = 0
ALPHA: Final = 2
GATE: Final = 4
OMEGA: Final = GATE + 2 * N_GATES
"""Angular speed along the lobe, radians a second, negative on the way back."""
WEIGHT: Final = OMEGA + 2
"""Share of each lobe in c; together 1."""
THETA: Final = WEIGHT + 2 * N_LOBES
BEAT: Final = THETA + 1
"""Beats so far, and then their speed in Hz."""
LOBE: Final = BEAT + 2
"""The lobe that is walked on."""
NEXT: Final = LOBE + 1
"""The lobe that is gone to; LOBE where there is none."""
GOAL: Final = NEXT + 1
"""Angle of the root on the way there."""
WAY: Final = GOAL + 1
"""Direction of the walk, 1 or -1."""
C_RE: Final = WAY + 1
C_IM: Final = C_RE + 1
N_STATE: Final = C_IM + 1

S_HZ: Final = 16.0
ALPHA_HZ: Final = 12.0
GATE_HZ: Final = 16.0
OMEGA_HZ: Final = 12.0
WEIGHT_HZ: Final = 1.6
BEAT_HZ: Final = 2.5
"""Rates of the low-passes, in 1/s: a step is half done after 1.7 / rate. Controls answer within a tenth of a
second, or what is seen would belong to the sound before; a change of lobe takes its time."""
BEYOND: Final = 0.5
"""How far beyond a bulb s - 1 = 1 would lead: as far as on the cardioid, whose boundary is 0.25 to 0.75 from
its nucleus."""
_LEAD_RAD = 0.25
"""So far before a root a lobe is left: crossing takes about 1.2 s."""
_HURRY = 3.0
"""Speed towards a root, where omega_scale asks for less."""

_NUCLEI = (
    0j,
    -1 + 0j,
    -0.122561166876654 + 0.744861766619744j,
    -0.504340175446244 + 0.562765761452982j,
    -0.122561166876654 - 0.744861766619744j,
    0.282271390766914 + 0.530060617578525j,
)
_TURNS = (0.0, 1 / 2, 1 / 3, 2 / 5, 2 / 3, 1 / 4)
"""p/q: where on the cardioid each bulb's root lies."""
_SPEEDS = (1.0, 1.0, 2.0, 3.0, 2.0, 3.0)
"""Turns about a bulb for one about the cardioid, so that c moves about as fast on the small ones."""


def _lobe_table() -> F64:
    """Rows of nucleus (re, im), root's angle on the cardioid, radius, direction of the root, turns, size."""
    rows: list[tuple[float, ...]] = []
    for nucleus, turns, speed in zip(_NUCLEI, _TURNS, _SPEEDS, strict=True):
        mu = np.exp(2j * np.pi * turns)
        arm = mu / 2 - mu * mu / 4 - nucleus
        size = 0.25 if nucleus == 0j else float(abs(arm))
        rows.append(
            (nucleus.real, nucleus.imag, 2 * np.pi * turns, abs(arm), float(np.angle(arm)), speed, size)
        )
    return np.array(rows)


LOBE_TABLE: F64 = _lobe_table()
"""A row a lobe: nucleus (re, im), the root's angle on the cardioid, radius, direction of the root from the
nucleus, turns for one about the cardioid, size. The cardioid's own nucleus is 0; its other cells but the size
are not used."""
_LOW: F64 = CONTROL_LOW.copy()
_HIGH: F64 = CONTROL_HIGH.copy()
_BEATS = np.array(CIRCLE_BEATS)
_RADII = np.array(CIRCLE_RADII)


def new_orbit(theta: float = 2.3) -> F64:
    """A state at rest on the cardioid.

    Parameters
    ----------
    theta : float, radians
        Where on it.

    Returns
    -------
    float64 array, shape (N_STATE,)
        `state[C_RE]` and `state[C_IM]` are c.
    """
    if not math.isfinite(theta):
        raise ParameterError(f"an orbit cannot begin at the angle {theta}")
    state = np.zeros(N_STATE)
    state[S] = CALM_CONTROLS[0]
    state[ALPHA] = CALM_CONTROLS[1]
    state[GATE : GATE + 2 * N_GATES : 2] = CALM_CONTROLS[3:]
    state[OMEGA] = 2.0 * np.pi * FREE_BEAT_HZ / BEATS_A_TURN * CALM_CONTROLS[2]
    state[WEIGHT] = 1.0
    state[THETA] = theta
    state[BEAT + 1] = FREE_BEAT_HZ
    state[WAY] = 1.0
    _place(state)
    return state


def orbit_c(state: F64) -> complex:
    """C of a state, float64 of shape (N_STATE,)."""
    return complex(state[C_RE], state[C_IM])


@kernel
def _follow(state: F64, at: int, target: float, rate: float, dt_s: float) -> None:
    """Advance a (value, slope) towards `target`: the exact solution of the critically damped spring."""
    away = state[at] - target
    push = state[at + 1] + rate * away
    decay = math.exp(-rate * dt_s)
    state[at] = target + (away + push * dt_s) * decay
    state[at + 1] = (state[at + 1] - rate * push * dt_s) * decay


@kernel
def _travelled(speed: float, slope: float, target: float, dt_s: float) -> float:
    """Integral over `dt_s` of a speed that `_follow`s its target."""
    away = speed - target
    push = slope + OMEGA_HZ * away
    decay = math.exp(-OMEGA_HZ * dt_s)
    first = away * (1.0 - decay) / OMEGA_HZ
    return target * dt_s + first + push * (1.0 - (1.0 + OMEGA_HZ * dt_s) * decay) / OMEGA_HZ**2


@kernel
def lobe_point(lobe: int, theta: float, s: float) -> tuple[float, float]:
    """Point of a lobe, enlarged about its nucleus.

    Parameters
    ----------
    lobe : int, 0 to N_LOBES - 1
    theta : float, radians
        Angle on the cardioid. All lobes are driven by one angle, and a bulb is at its root when the cardioid
        is; it turns the other way round, so that the way across has no corner.
    s : float
        1 is the boundary; what is more leads about as far beyond it on a bulb as on the cardioid, so that it
        is seen as much. On a bulb it counts by how far c is from the root: beyond the root lies not the open
        plane but the cardioid.

    Returns
    -------
    (float, float)
        Real and imaginary part.
    """
    row = LOBE_TABLE[lobe]
    if lobe == CARDIOID:
        re = 0.5 * math.cos(theta) - 0.25 * math.cos(2.0 * theta)
        im = 0.5 * math.sin(theta) - 0.25 * math.sin(2.0 * theta)
        return s * re, s * im
    away = row[5] * (theta - row[2])
    radius = row[3] + BEYOND * (s - 1.0) * 0.5 * (1.0 - math.cos(away))
    return row[0] + radius * math.cos(row[4] - away), row[1] + radius * math.sin(row[4] - away)


@kernel
def _place(state: F64) -> None:
    """C from the rest of the state."""
    re = 0.0
    im = 0.0
    size = 0.0
    for lobe in range(N_LOBES):
        weight = state[WEIGHT + 2 * lobe]
        if weight != 0.0:
            x, y = lobe_point(lobe, state[THETA], state[S])
            re += weight * x
            im += weight * y
            size += weight * LOBE_TABLE[lobe, 6]
    reach = state[ALPHA] * CIRCLE_SHARE * size
    for k in range(N_GATES):
        angle = 2.0 * math.pi * (state[BEAT] / _BEATS[k]) + 2.4 * k
        re += reach * state[GATE + 2 * k] * _RADII[k] * math.cos(angle)
        im += reach * state[GATE + 2 * k] * _RADII[k] * math.sin(angle)
    state[C_RE] = re
    state[C_IM] = im


@kernel
def _within(x: float, low: float, high: float) -> float:
    """`x` in its range; NaN is the lower end."""
    return min(x, high) if x > low else low


@kernel
def _head_for(state: F64, wanted: int) -> None:
    """Choose the next lobe on the way to `wanted`, all ways lead over the cardioid; and the shorter way."""
    lobe = int(state[LOBE])
    ahead = lobe
    if wanted != lobe:
        ahead = wanted if lobe == CARDIOID else CARDIOID
    if ahead == int(state[NEXT]):
        return
    state[NEXT] = ahead
    if ahead != lobe:
        bulb = max(ahead, lobe)
        away = LOBE_TABLE[bulb, 2] - state[THETA]
        away -= 2.0 * math.pi * math.floor(away / (2.0 * math.pi) + 0.5)
        state[GOAL] = state[THETA] + away
        if abs(away) > _LEAD_RAD:
            state[WAY] = 1.0 if away > 0.0 else -1.0


@kernel
def _advance_beat(state: F64, dt_s: float, beat_hz: float, beat: float) -> None:
    """Let the beats run: freely at `beat_hz`, or towards a known place in the bar."""
    speed = state[BEAT + 1] - beat_hz
    decay = math.exp(-BEAT_HZ * dt_s)
    if beat != beat:
        state[BEAT] += beat_hz * dt_s + speed * (1.0 - decay) / BEAT_HZ
        state[BEAT + 1] = beat_hz + speed * decay
        return
    early = state[BEAT] - beat
    early -= math.floor(early + 0.5)
    push = speed + BEAT_HZ * early
    state[BEAT] += beat_hz * dt_s - early + (early + push * dt_s) * decay
    state[BEAT + 1] = beat_hz + (speed - BEAT_HZ * push * dt_s) * decay


@kernel
def _step(state: F64, controls: F64, dt_s: float, beat_hz: float, omega: float) -> None:
    """Advance everything but the choice of lobe."""
    _follow(state, S, _within(controls[0], _LOW[0], _HIGH[0]), S_HZ, dt_s)
    _follow(state, ALPHA, _within(controls[1], _LOW[1], _HIGH[1]), ALPHA_HZ, dt_s)
    for k in range(N_GATES):
        _follow(state, GATE + 2 * k, _within(controls[3 + k], _LOW[3 + k], _HIGH[3 + k]), GATE_HZ, dt_s)
    state[THETA] += _travelled(state[OMEGA], state[OMEGA + 1], omega, dt_s)
    _follow(state, OMEGA, omega, OMEGA_HZ, dt_s)
    for lobe in range(N_LOBES):
        _follow(state, WEIGHT + 2 * lobe, 1.0 if lobe == int(state[LOBE]) else 0.0, WEIGHT_HZ, dt_s)


@kernel
def _time_to_root(state: F64, omega: float, dt_s: float) -> float:
    """When within `dt_s` the walker is near enough to the root to leave; `dt_s` when not yet."""
    if abs(state[GOAL] - state[THETA]) <= _LEAD_RAD:
        return 0.0
    far = state[THETA] + _travelled(state[OMEGA], state[OMEGA + 1], omega, dt_s)
    if abs(state[GOAL] - far) > _LEAD_RAD:
        return dt_s
    low = 0.0
    high = dt_s
    for _ in range(40):
        middle = 0.5 * (low + high)
        there = state[THETA] + _travelled(state[OMEGA], state[OMEGA + 1], omega, middle)
        if abs(state[GOAL] - there) > _LEAD_RAD:
            low = middle
        else:
            high = middle
    return high


@kernel
def _walk(state: F64, controls: F64, dt_s: float, wanted: int, beat_hz: float) -> None:
    """Advance by at most MAX_STEP_S, over a change of lobe where one falls into it."""
    left_s = dt_s
    for _ in range(3):
        _head_for(state, wanted)
        pending = int(state[NEXT]) != int(state[LOBE])
        scale = _within(controls[2], _LOW[2], _HIGH[2])
        if pending:
            scale = max(scale, _HURRY)
        omega = state[WAY] * scale * 2.0 * math.pi * beat_hz / BEATS_A_TURN
        part_s = _time_to_root(state, omega, left_s) if pending else left_s
        if part_s > 0.0:
            _step(state, controls, part_s, beat_hz, omega)
            left_s -= part_s
        if not pending or left_s <= 0.0:
            break
        state[LOBE] = state[NEXT]
    if left_s > 0.0:
        _step(state, controls, left_s, beat_hz, state[OMEGA])


@kernel
def advance_orbit(state: F64, controls: F64, dt_s: float, lobe: int, beat_hz: float, beat: float) -> None:
    """Let the orbit walk on, and leave c in `state[C_RE]` and `state[C_IM]`.

    Parameters
    ----------
    state : float64 array, shape (N_STATE,)
        From `new_orbit`; changed in place.
    controls : float64 array, shape (9,)
        See CONTROLS; held within CONTROL_LOW .. CONTROL_HIGH, NaN counts as the lower end.
    dt_s : float, seconds
        Time since the last call; below 0 and NaN count as 0, above MAX_TIME_S as that.
    lobe : int
        Index into LOBES (modulo their number) that the walk should be on.
    beat_hz : float
        Beats a second; 0, negative or NaN where no tempo is known.
    beat : float, beats
        Place in the song's beats when the step begins; NaN where unknown. Only its fraction counts.

    Notes
    -----
    Independent of the frame rate as long as the controls stand still: the low-passes are advanced by their
    exact solution, and a lobe is left at the same instant whatever the steps. About 1 us.
    """
    time_s = _within(dt_s, 0.0, MAX_TIME_S)
    hz = _within(beat_hz, 0.0, FASTEST_BEAT_HZ)
    if hz == 0.0:
        hz = FREE_BEAT_HZ
    if not abs(beat) < 1e9:
        beat = np.nan
    _advance_beat(state, time_s, hz, beat)
    n = math.ceil(time_s / MAX_STEP_S - 1e-9)
    for _ in range(n):
        _walk(state, controls, time_s / n, lobe % N_LOBES, hz)
    _place(state)
