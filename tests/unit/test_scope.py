"""The rolling picture of a live input: columns of any block size, read while they are written."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernels.jit import kernel
from engine.realtime.layout import MAX_LANES
from engine.realtime.scope import COLUMNS_PER_S, SCOPE_COLUMNS, Scope, scope_frame, scope_step
from engine.units import F32, I64

RATE_HZ = 8_000
COLUMN = RATE_HZ // COLUMNS_PER_S


@kernel
def _push(cells: I64, lanes: F32, start: int, stop: int) -> None:
    """Frames [start, stop) of lanes, shape (lanes, 2, frames), as a feeder brings them."""
    for i in range(start, stop):
        for lane in range(lanes.shape[0]):
            scope_frame(cells, lane, lanes[lane, 0, i], lanes[lane, 1, i])
        scope_step(cells)


def noise(n_lanes: int, n: int) -> F32:
    rng = np.random.default_rng(7)
    return rng.normal(0.0, 0.2, (n_lanes, 2, n)).astype(np.float32)


def columns_of(x: F32) -> F32:
    """Lowest, highest and RMS of one lane, shape (2, frames), a column at a time, with numpy.

    Both ends reach at least to the middle line, as a waveform's do.
    """
    n = x.shape[1] // COLUMN
    parts = x[:, : n * COLUMN].reshape(2, n, COLUMN)
    low = np.minimum(parts.min(axis=(0, 2)), 0.0)
    high = np.maximum(parts.max(axis=(0, 2)), 0.0)
    rms = np.sqrt(np.square(parts, dtype=np.float64).mean(axis=(0, 2)))
    return np.stack([low, high, rms]).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 900), max_size=12), n_lanes=st.integers(1, 3))
def test_any_partition_gives_the_columns_of_the_whole(cuts: list[int], n_lanes: int) -> None:
    x = noise(n_lanes, 3_000)
    scope = Scope(n_lanes, RATE_HZ)
    at = 0
    for cut in (*cuts, x.shape[2]):
        stop = min(x.shape[2], at + cut)
        _push(scope.cells, x, at, stop)
        at = stop
    _push(scope.cells, x, at, x.shape[2])
    n = x.shape[2] // COLUMN
    assert scope.n_columns == n
    for lane in range(n_lanes):
        out = np.empty((3, n), np.float32)
        scope.read(lane, n, out)
        np.testing.assert_allclose(out, columns_of(x[lane]), rtol=1e-5, atol=1e-7)


def test_what_was_not_there_yet_is_silence() -> None:
    scope = Scope(1, RATE_HZ)
    x = noise(1, 3 * COLUMN)
    _push(scope.cells, x, 0, x.shape[2])
    out = np.full((3, 10), np.nan, np.float32)
    scope.read(0, scope.n_columns, out)
    assert not out[:, :7].any()
    np.testing.assert_allclose(out[:, 7:], columns_of(x[0]), rtol=1e-5)


def test_it_rolls_on_after_its_memory_is_full() -> None:
    scope = Scope(2, COLUMNS_PER_S)  # a column a frame
    x = noise(2, SCOPE_COLUMNS + 700)
    _push(scope.cells, x, 0, x.shape[2])
    assert scope.n_columns == SCOPE_COLUMNS + 700
    shown = 3 * SCOPE_COLUMNS // 4
    out = np.empty((3, shown), np.float32)
    scope.read(1, scope.n_columns, out)
    np.testing.assert_allclose(out[1], np.maximum(x[1, :, -shown:].max(axis=0), 0.0))


@pytest.mark.parametrize("n_lanes", [1, MAX_LANES])
def test_a_new_one_is_empty(n_lanes: int) -> None:
    scope = Scope(n_lanes, 48_000)
    out = np.ones((3, 5), np.float32)
    scope.read(n_lanes - 1, scope.n_columns, out)
    assert scope.n_columns == 0
    assert not out.any()
