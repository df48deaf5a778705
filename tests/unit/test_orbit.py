"""The orbit goes where it should, without a jump or a corner, at any frame rate."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.orbit import (
    BEAT,
    BEYOND,
    C_IM,
    C_RE,
    CALM_CONTROLS,
    CIRCLE_BEATS,
    CIRCLE_RADII,
    CIRCLE_SHARE,
    CONTROL_HIGH,
    CONTROL_LOW,
    CONTROLS,
    GATE,
    LOBE,
    LOBE_TABLE,
    LOBES,
    N_LOBES,
    N_STATE,
    THETA,
    WEIGHT,
    S,
    advance_orbit,
    lobe_point,
    new_orbit,
    orbit_c,
)

FREE = (0.0, math.nan)
ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True, width=64)
CONTROL_ROWS = st.lists(
    st.tuples(
        st.lists(st.floats(-2.0, 5.0), min_size=9, max_size=9),
        st.integers(0, N_LOBES - 1),
        st.floats(0.0, 8.0),
        st.one_of(st.just(math.nan), st.floats(0.0, 64.0)),
    ),
    min_size=2,
    max_size=12,
)
MOST_BEND = 60.0
"""Greatest |c''| in 1/s^2 that the rates of the low-passes allow; measured under the wildest controls: 24."""


def _walk(state, row, seconds, dt_s):
    """c after every step."""
    values, lobe, beat_hz, beat = row
    controls = np.array(values, np.float64)
    n = round(seconds / dt_s)
    out = np.empty(n, np.complex128)
    for k in range(n):
        now = beat + k * dt_s * beat_hz
        advance_orbit(state, controls, dt_s, lobe, beat_hz, now)
        out[k] = orbit_c(state)
    return out


@settings(max_examples=60, deadline=None)
@given(rows=CONTROL_ROWS)
def test_c_is_continuous_in_value_and_slope_whatever_the_controls_do(rows):
    dt_s = 1.0 / 480.0
    state = new_orbit()
    path = np.concatenate([_walk(state, row, 0.25, dt_s) for row in rows])
    speed = np.diff(path) / dt_s
    assert np.isfinite(path).all()
    assert np.abs(np.diff(speed)).max() / dt_s < MOST_BEND
    assert np.abs(path).max() < 1.6


def test_the_bend_does_not_grow_when_one_looks_closer():
    """A jump would make it grow with the square of the rate, a corner with the rate."""
    rng = np.random.default_rng(3)
    rows = [(rng.uniform(CONTROL_LOW, CONTROL_HIGH), int(rng.integers(6)), 3.0, math.nan) for _ in range(40)]
    bends = []
    for dt_s in (1 / 240, 1 / 960):
        state = new_orbit()
        path = np.concatenate([_walk(state, row, 0.5, dt_s) for row in rows])
        bends.append(np.abs(np.diff(path, 2)).max() / dt_s**2)
    assert bends[1] < 1.3 * bends[0]


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.floats(0.0, 1.0), min_size=9, max_size=9),
    lobe=st.integers(0, N_LOBES - 1),
    theta=st.floats(-10.0, 10.0),
    beat_hz=st.floats(0.5, 4.0),
)
def test_the_frame_rate_changes_nothing(values, lobe, theta, beat_hz):
    controls = CONTROL_LOW + np.array(values) * (CONTROL_HIGH - CONTROL_LOW)
    ends = []
    for fps in (30, 60, 187.5, 240):
        state = new_orbit(theta)
        _walk(state, (controls, lobe, beat_hz, 0.25), 16.0, 1.0 / fps)
        ends.append(orbit_c(state))
    assert np.abs(np.diff(ends)).max() < 1e-6


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(ANY_NUMBER, min_size=9, max_size=9),
    dt_s=ANY_NUMBER,
    lobe=st.integers(-(2**40), 2**40),
    beat_hz=ANY_NUMBER,
    beat=ANY_NUMBER,
)
def test_no_input_makes_it_lose_its_way(values, dt_s, lobe, beat_hz, beat):
    state = new_orbit()
    for _ in range(3):
        advance_orbit(state, np.array(values), dt_s, lobe, beat_hz, beat)
    assert np.isfinite(state).all()
    assert abs(orbit_c(state)) < 1.6


@pytest.mark.parametrize("lobe", range(N_LOBES))
def test_it_arrives_at_every_lobe_and_comes_back(lobe):
    state = new_orbit()
    _walk(state, (CALM_CONTROLS, lobe, 2.0, math.nan), 60.0, 1 / 60)
    assert state[LOBE] == lobe
    assert state[WEIGHT + 2 * lobe] == pytest.approx(1.0, abs=1e-6)
    _walk(state, (CALM_CONTROLS, (lobe + 1) % N_LOBES, 2.0, math.nan), 90.0, 1 / 60)
    assert state[LOBE] == (lobe + 1) % N_LOBES


def test_a_change_of_lobe_stays_near_the_boundary():
    """It crosses where the lobes touch: never through the middle of one, where every picture is a disc."""
    rng = np.random.default_rng(5)
    controls = np.array([1.01, 0.0, 1.0, *np.zeros(6)])
    closest = np.inf
    for _ in range(12):
        state = new_orbit(float(rng.uniform(0, 6.28)))
        for lobe in rng.permutation(N_LOBES):
            for c in _walk(state, (controls, int(lobe), 2.0, math.nan), 20.0, 1 / 30):
                closest = min(closest, *(np.abs(c - complex(*row[:2])) / row[3] for row in LOBE_TABLE[1:]))
                # |1 - sqrt(1 - 4c)| is the multiplier of the fixed point: 1 on the cardioid, 0 in its middle.
                inside = min(abs(1 - np.sqrt(1 - 4 * c)), abs(4 * (c + 1)))
                assert inside > 0.85
    assert closest > 0.6


def test_lobes_are_where_douady_and_hubbard_put_them():
    for theta in np.linspace(0, 6.28, 17):
        mu = np.exp(1j * theta)
        assert complex(*lobe_point(0, theta, 1.0)) == pytest.approx(mu / 2 - mu**2 / 4, abs=1e-15)
        beyond = BEYOND * 0.02 * (1 + np.cos(theta)) / 2
        assert abs(complex(*lobe_point(1, theta, 1.02)) + 1) == pytest.approx(0.25 + beyond, abs=1e-12)
    for lobe in range(1, N_LOBES):
        root = LOBE_TABLE[lobe, 2]
        # At its root a bulb is where the cardioid is.
        assert complex(*lobe_point(lobe, root, 1.0)) == pytest.approx(complex(*lobe_point(0, root, 1.0)))
        # The orbit of 0 comes back to 0 under c = the nucleus.
        nucleus, z = complex(*LOBE_TABLE[lobe, :2]), 0j
        for _ in range((2, 3, 5, 3, 4)[lobe - 1]):
            z = z * z + nucleus
        assert abs(z) < 1e-12


def test_the_residual_turns_with_the_beats():
    state = new_orbit()
    controls = CALM_CONTROLS.copy()
    controls[1] = 1.0
    controls[3:] = (0, 0, 0, 0, 0, 1)
    rows = [(controls, 0, 2.0, math.nan)] * 3
    for row in rows:
        _walk(state, row, 3.0, 1 / 60)
    beat = state[BEAT]
    advance_orbit(state, controls, 0.5, 0, 2.0, math.nan)
    assert state[BEAT] - beat == pytest.approx(1.0, abs=1e-6)
    base = complex(*lobe_point(0, state[THETA], state[S]))
    reach = CIRCLE_SHARE * 0.25 * CIRCLE_RADII[5]
    angle = 2 * math.pi * state[BEAT] / CIRCLE_BEATS[5] + 2.4 * 5
    assert orbit_c(state) - base == pytest.approx(reach * np.exp(1j * angle), abs=1e-6)


def test_a_known_beat_is_fallen_in_with():
    state = new_orbit()
    for k in range(600):
        advance_orbit(state, CALM_CONTROLS, 1 / 60, 0, 2.5, 17.3 + 2.5 * k / 60)
    assert (state[BEAT] - (17.3 + 2.5 * 10.0) + 0.5) % 1.0 - 0.5 == pytest.approx(0.0, abs=1e-6)
    assert state[BEAT + 1] == pytest.approx(2.5)


def test_the_tempo_sets_the_pace():
    turned = []
    for beat_hz in (1.0, 2.0):
        state = new_orbit()
        _walk(state, (CALM_CONTROLS, 0, beat_hz, math.nan), 20.0, 1 / 60)
        before = state[THETA]
        _walk(state, (CALM_CONTROLS, 0, beat_hz, math.nan), 10.0, 1 / 60)
        turned.append(state[THETA] - before)
    assert turned[1] == pytest.approx(2 * turned[0], rel=1e-6)


def test_names_and_ranges_belong_together():
    assert len(CONTROLS) == CONTROL_LOW.size == CONTROL_HIGH.size == CALM_CONTROLS.size == 9
    assert (CONTROL_LOW <= CALM_CONTROLS).all()
    assert (CALM_CONTROLS <= CONTROL_HIGH).all()
    assert len(LOBES) == N_LOBES
    assert new_orbit().shape == (N_STATE,)
    assert state_is_at_rest(new_orbit())
    with pytest.raises(ParameterError, match="nan"):
        new_orbit(math.nan)


def state_is_at_rest(state):
    moved = state.copy()
    advance_orbit(moved, CALM_CONTROLS, 0.0, 0, *FREE)
    return np.array_equal(moved[[C_RE, C_IM]], state[[C_RE, C_IM]]) and moved[GATE] == state[GATE]
