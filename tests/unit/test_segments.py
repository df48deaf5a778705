"""Segments against all others of their length, compared with the same by plain numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.segments import aligned_distances, segment_figures
from engine.kernels.similarity import NeighbourIndex


def moments(n: int, dimensions: int, seed: int, offset: float = 0.0):
    return (np.random.default_rng(seed).standard_normal((n, dimensions)) + offset).astype(np.float32)


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 20), st.sampled_from([0.0, 100.0]))
def test_figures_are_those_of_every_segment(n: int, dimensions: int, length: int, offset: float):
    rows = moments(n, dimensions, n, offset)
    out = segment_figures(rows, length)
    assert out.shape == (max(0, n - length + 1), 2 * dimensions)
    for i in range(out.shape[0]):
        part = rows[i : i + length].astype(np.float64)
        np.testing.assert_allclose(out[i, :dimensions], part.mean(axis=0), atol=1e-9)
        np.testing.assert_allclose(out[i, dimensions:], part.std(axis=0), atol=1e-5)


@settings(deadline=None)  # the first call compiles
@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 20))
def test_aligned_distances_are_those_moment_by_moment(n: int, dimensions: int, length: int):
    rows, segment = moments(n, dimensions, n), moments(length, dimensions, 99)
    out = aligned_distances(rows, segment)
    assert out.shape == (max(0, n - length + 1),)
    for i in range(out.size):
        squares = np.square(rows[i : i + length].astype(np.float64) - segment).sum(axis=1)
        assert out[i] == pytest.approx(squares.mean() ** 0.5)


def test_the_nearest_segments_are_those_of_the_exact_index():
    rows = moments(3000, 30, 1)
    figures = segment_figures(rows, 16)
    distances = np.sqrt(np.square(figures - figures[1234]).sum(axis=1))
    found = NeighbourIndex(figures.astype(np.float32)).nearest(figures[1234:1235].astype(np.float32), 10)
    assert np.array_equal(np.argsort(distances, kind="stable")[:10], found.indices[0])
    np.testing.assert_allclose(np.sort(distances)[:10], found.distances[0], atol=1e-5)


def test_wrong_shapes_are_refused():
    rows = moments(10, 3, 0)
    with pytest.raises(ParameterError, match="0 moments"):
        segment_figures(rows, 0)
    with pytest.raises(ParameterError, match="float64"):
        segment_figures(rows.astype(np.float64), 2)
    with pytest.raises(ParameterError, match="does not fit"):
        aligned_distances(rows, moments(2, 4, 0))
