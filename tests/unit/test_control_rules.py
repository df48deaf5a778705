import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.kernels.control_rules import N_COLUMNS, N_ROWS, ONSET, RMS, rule_controls
from engine.kernels.orbit import CONTROL_HIGH, CONTROL_LOW
from engine.stream.orbit_features import FEATURES, N_CONTEXT, N_INPUTS


def _controls(window):
    out = np.empty(9)
    rule_controls(window.astype(np.float32).reshape(-1), out)
    return out


def _window(column, value):
    window = np.zeros((N_ROWS, N_COLUMNS))
    window[:, column] = value
    return window


@settings(deadline=None)
@given(window=arrays(np.float32, N_INPUTS, elements=st.floats(width=32)))
def test_controls_keep_their_ranges_whatever_the_window_holds(window):
    out = _controls(window)
    assert (out >= CONTROL_LOW).all()
    assert (out <= CONTROL_HIGH).all()


def test_what_is_heard_moves_what_it_should():
    loud, quiet = _controls(_window(RMS, 1.5)), _controls(_window(RMS, -1.5))
    assert loud[2] > 1.5 * quiet[2]
    hit, none = _controls(_window(ONSET, 2.0)), _controls(_window(ONSET, -1.0))
    assert hit[8] > none[8] + 0.3


def test_the_columns_are_the_features():
    assert (N_CONTEXT, len(FEATURES)) == (N_ROWS, N_COLUMNS)
    assert FEATURES[RMS] == "rms"
    assert FEATURES[ONSET] == "onset"
