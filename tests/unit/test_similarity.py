"""Nearest neighbours against brute force in double precision: the same indices, equals by index."""

import json
import threading

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cli.bench_similarity import command
from engine.errors import ParameterError
from engine.kernels.jit import RowPool
from engine.kernels.similarity import BLOCK_POINTS, MAX_COORDINATE, NeighbourIndex


def brute_force(points, queries, k):
    difference = points[None].astype(np.float64) - queries[:, None].astype(np.float64)
    squares = np.zeros(difference.shape[:2])
    for d in range(points.shape[1]):
        squares += difference[:, :, d] ** 2
    rows = np.broadcast_to(np.arange(points.shape[0]), squares.shape)
    order = np.lexsort((rows, squares))[:, :k]
    return order, np.sqrt(np.take_along_axis(squares, order, axis=1))


def cloud(n, dimensions, seed=0):
    return np.random.default_rng(seed).standard_normal((n, dimensions), np.float32)


def check(points, queries, k, threads=None):
    found = NeighbourIndex(points).nearest(queries, k, threads=threads)
    indices, distances = brute_force(points, queries, k)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12, atol=0)


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 3 * BLOCK_POINTS),
    dimensions=st.integers(1, 40),
    k=st.integers(1, 30),
    n_queries=st.integers(1, 4),
    scale=st.sampled_from([1e-30, 1e-6, 1.0, 1e9]),
    seed=st.integers(0, 1000),
)
def test_the_same_as_brute_force(n, dimensions, k, n_queries, scale, seed):
    points = np.float32(scale) * cloud(n, dimensions, seed)
    check(points, np.float32(scale) * cloud(n_queries, dimensions, seed + 1), k)


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 4 * BLOCK_POINTS),
    k=st.integers(1, 40),
    side=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_equals_are_ordered_by_index_whoever_searches(n, k, side, seed):
    rng = np.random.default_rng(seed)
    points = rng.integers(0, side, (n, 3)).astype(np.float32)  # a lattice: most distances are shared
    queries = rng.integers(0, side, (2, 3)).astype(np.float32)
    check(points, queries, k)
    with RowPool(3) as pool:
        check(points, queries, k, pool)


def test_what_single_precision_cannot_tell_apart_is_ordered_exactly():
    # Around 1000, steps of 6e-5 disappear in a sum of squares of single precision.
    rng = np.random.default_rng(3)
    points = (1000 + 6.1e-5 * rng.integers(0, 50, (5000, 25))).astype(np.float32)
    check(points, np.zeros((1, 25), np.float32), 50)
    check(points, points[:3], 50)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(1, 6 * BLOCK_POINTS), dimensions=st.integers(1, 30), seed=st.integers(0, 1000))
def test_points_beyond_the_codes_and_dimensions_of_any_width(n, dimensions, seed):
    rng = np.random.default_rng(seed)
    widths = 10.0 ** rng.uniform(-6, 6, dimensions)
    points = (widths * rng.standard_cauchy((n, dimensions))).astype(np.float32)
    queries = (widths * 100 * rng.standard_cauchy((3, dimensions))).astype(np.float32)
    check(points, np.concatenate([queries, points[:1]]), 10)


def test_a_point_finds_itself_first():
    points = cloud(1000, 25)
    found = NeighbourIndex(points).nearest(points, 1)
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(1000))
    assert np.all(found.distances == 0)


def test_a_million_points_with_two_threads():
    points = cloud(1_000_000, 25)
    queries = cloud(2, 25, 1)
    with RowPool(2) as pool:
        found = NeighbourIndex(points).nearest(queries, 10, threads=pool)
    for query, indices in zip(queries, found.indices, strict=True):
        squares = np.square(points.astype(np.float64) - query).sum(axis=1)
        np.testing.assert_array_equal(indices, np.argsort(squares, kind="stable")[:10])


def test_no_more_neighbours_than_points():
    found = NeighbourIndex(cloud(3, 25)).nearest(cloud(2, 25, 1), 10)
    assert found.indices.shape == found.distances.shape == (2, 3)
    empty = NeighbourIndex(np.empty((0, 25), np.float32)).nearest(cloud(2, 25), 10)
    assert empty.indices.shape == (2, 0)
    assert NeighbourIndex(cloud(3, 25)).nearest(np.empty((0, 25), np.float32), 2).indices.shape == (0, 2)


def test_the_largest_coordinates_do_not_overflow():
    points = np.full((2, 1024), MAX_COORDINATE, np.float32)
    points[1] = -MAX_COORDINATE
    found = NeighbourIndex(points).nearest(points[:1], 2)
    assert found.indices.tolist() == [[0, 1]]
    assert np.all(np.isfinite(found.distances))


def test_threads_may_share_an_index():
    points, queries = cloud(20_000, 25), cloud(8, 25, 1)
    index = NeighbourIndex(points)
    expected = index.nearest(queries, 5).indices
    found = [None] * 4

    def search(i):
        found[i] = index.nearest(queries, 5).indices

    with RowPool(2) as pool:
        threads = [threading.Thread(target=search, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        np.testing.assert_array_equal(index.nearest(queries, 5, threads=pool).indices, expected)
        for thread in threads:
            thread.join()
    for indices in found:
        np.testing.assert_array_equal(indices, expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e16])
def test_what_is_no_distance_is_refused(bad):
    points = cloud(300, 25)
    index = NeighbourIndex(points.copy())
    points[299, 24] = bad
    with pytest.raises(ParameterError, match="finite"):
        NeighbourIndex(points)
    with pytest.raises(ParameterError, match="finite"):
        index.nearest(points, 1)


def test_wrong_shapes_are_refused():
    index = NeighbourIndex(cloud(10, 25))
    with pytest.raises(ParameterError, match="24 dimensions"):
        index.nearest(cloud(1, 24), 1)
    with pytest.raises(ParameterError, match="0 neighbours"):
        index.nearest(cloud(1, 25), 0)
    with pytest.raises(ParameterError, match=r"\(25,\)"):
        index.nearest(cloud(1, 25)[0], 1)
    with pytest.raises(ParameterError, match="float64"):
        NeighbourIndex(np.zeros((3, 2)))


def test_the_bench_compares_equal_results():
    told = CliRunner().invoke(command, ["--points", "3000", "--repeats", "2", "--threads", "2", "--json"])
    assert told.exit_code == 0, told.output
    rows = json.loads(told.stdout)["rows"]
    assert [set(row) for row in rows] == [{"name", "ours_s", "reference", "reference_s", "ratio"}] * 2
    assert all(row["ratio"] == row["reference_s"] / row["ours_s"] for row in rows)
