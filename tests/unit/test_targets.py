"""Settings on their way to the sound: held to their range, gliding, and all of it on a grid of frames."""

import numpy as np
import pytest

from engine.realtime.effects.kind import Parameter
from engine.realtime.effects.targets import (
    GLIDE_S,
    GRID_FRAMES,
    T_PHASE,
    T_VALUES,
    follow_targets,
    glide_to,
    n_target_cells,
    prepare_targets,
    to_grid_point,
)

RATE_HZ = 48_000.0
AT = 3
PARAMETERS = (
    Parameter("gain_db", -24.0, 24.0, 6.0, "linear", ""),
    Parameter("freq_hz", 20.0, 20_000.0, 100.0, "log", ""),
    Parameter("kind", 0.0, 2.0, 1.0, "choice", "", ("a", "b", "c")),
)


@pytest.fixture
def state():
    cells = np.zeros(AT + n_target_cells(len(PARAMETERS)))
    prepare_targets(PARAMETERS, RATE_HZ, cells, AT)
    return cells


def follow(state, *targets):
    moved = follow_targets(np.array(targets), state, AT)
    return moved, tuple(state[AT + T_VALUES : AT + T_VALUES + 3])


def test_the_first_step_is_the_whole_way_and_then_nothing_moves(state):
    assert follow(state, 3.0, 4000.0, 2.0) == (True, (3.0, 4000.0, 2.0))
    assert follow(state, 3.0, 4000.0, 2.0) == (False, (3.0, 4000.0, 2.0))


def test_at_first_what_is_no_number_counts_as_the_default(state):
    assert follow(state, np.nan, np.nan, np.nan)[1] == (6.0, 100.0, 1.0)


@pytest.mark.parametrize(
    ("target", "value"), [(np.inf, 24.0), (-np.inf, -24.0), (99.0, 24.0), (-24.5, -24.0)]
)
def test_beyond_the_range_is_its_end(state, target, value):
    assert follow(state, target, 100.0, 0.0)[1][0] == value


def test_a_glide_covers_its_share_in_its_time_and_ends_on_the_target(state):
    follow(state, 0.0, 100.0, 0.0)
    steps = round(GLIDE_S * RATE_HZ / GRID_FRAMES)
    for _ in range(steps):
        moved, values = follow(state, 10.0, 10_000.0, 0.0)
        assert moved
    assert values[0] == pytest.approx(10 * (1 - np.exp(-1)), rel=1e-3)
    # A frequency covers its share of the octaves.
    assert values[1] == pytest.approx(100 * 100 ** (1 - np.exp(-1)), rel=1e-3)
    for _ in range(20 * steps):
        moved, values = follow(state, 10.0, 10_000.0, 0.0)
    assert not moved
    assert values == (10.0, 10_000.0, 0.0)


def test_no_step_of_a_glide_is_larger_than_the_first(state):
    follow(state, -24.0, 20.0, 0.0)
    previous, largest = -24.0, 48.0 * GRID_FRAMES / (GLIDE_S * RATE_HZ)
    for _ in range(1000):
        value = follow(state, 24.0, 20_000.0, 0.0)[1][0]
        assert 0 <= value - previous <= largest
        previous = value


def test_a_choice_comes_whole_and_rounded(state):
    follow(state, 0.0, 100.0, 0.0)
    assert follow(state, 0.0, 100.0, 1.6) == (True, (0.0, 100.0, 2.0))
    assert follow(state, 0.0, 100.0, 1.6) == (False, (0.0, 100.0, 2.0))


def test_what_is_no_number_leaves_a_glide_where_it_is(state):
    follow(state, 0.0, 100.0, 0.0)
    _, before = follow(state, 10.0, 100.0, 0.0)
    assert follow(state, np.nan, np.nan, np.nan) == (False, before)


def test_the_grid_counts_frames_and_not_blocks(state):
    done, points = 0, []
    for block in (5, 11, 1, 40, 16, 3, 300):
        left = block
        while left:
            if state[AT + T_PHASE] == 0.0:
                points.append(done)
            frames = to_grid_point(state, AT, left)
            done += frames
            left -= frames
    assert points == list(range(0, done, GRID_FRAMES))


def test_a_switch_of_an_effects_own_arrives():
    value = 0.0
    for _ in range(1000):
        value = glide_to(value, 1.0, 0.02)
    assert value == 1.0
