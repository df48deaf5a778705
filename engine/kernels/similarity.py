"""Exact nearest neighbours among points of a few dozen dimensions, by looking at every one of them.

Any thread; used by the library to find songs and segments that sound alike. What a search costs is
reading memory, so it reads a copy of the points in one byte a number: a million songs of 25 numbers are
25 MB, which two cores read in about a millisecond. An approximate index would cost memory, a build, and
answers, and save nothing.

Bytes are stored in blocks, dimension by dimension inside a block, so that a distance to 256 points at a
time is plain vector arithmetic over memory read once from front to back. They only rule out: whatever
may be among the nearest is measured again on the points themselves, in double precision, hence the order
is that of exact distances, and equals are ordered by their index.

References
----------
.. [1] R. Weber, H.-J. Schek, S. Blott, "A quantitative analysis and performance study for
   similarity-search methods in high-dimensional spaces", VLDB 1998: scanning approximations that bound
   the distance from below (the VA-file).
"""

import math
from dataclasses import dataclass

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import RowPool, fast_kernel, kernel, run_rows
from engine.units import F32, F64, I64, U8

BLOCK_POINTS = 256
"""A block of 25 dimensions is 6.4 kB: it stays in the first-level cache while all queries look at it."""

MAX_DIMENSIONS = 1024
MAX_COORDINATE = 1e15

HIGHEST_CODE = 255
SPREAD = 4.0
"""Codes reach this many standard deviations, of the widest dimension, to both sides of each mean."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest points of each query, nearest first.

    Attributes
    ----------
    indices : int64 array, shape (queries, k)
        Rows of the points.
    distances : float64 array, shape (queries, k)
        Euclidean.
    """

    indices: I64
    distances: F64


class NeighbourIndex:
    """Points, laid out to be searched.

    Parameters
    ----------
    points : float32 array, shape (rows, dimensions)
        Finite, within +-MAX_COORDINATE; 1 to MAX_DIMENSIONS dimensions. Copied.

    Notes
    -----
    Takes 1.25 times the memory of `points`. Any number of threads may search one index at once.
    """

    def __init__(self, points: F32) -> None:
        _check(points, "points")
        self.n_points, self.n_dimensions = points.shape
        self._points = np.array(points, np.float32, order="C")
        self._centre = points.mean(axis=0, dtype=np.float64) if self.n_points else np.zeros(self.n_dimensions)
        widest = float(points.std(axis=0, dtype=np.float64).max()) if self.n_points else 0.0
        self._step = 2.0 * SPREAD * widest / HIGHEST_CODE or 1.0
        n_blocks = -(-self.n_points // BLOCK_POINTS)
        self._codes = np.zeros((n_blocks, self.n_dimensions, BLOCK_POINTS), np.uint8)
        _encode_blocks(self._points, self._centre, self._step, self._codes)

    def nearest(self, queries: F32, k: int, *, threads: RowPool | None = None) -> Neighbours:
        """Find the k nearest points of each query.

        Parameters
        ----------
        queries : float32 array, shape (queries, dimensions)
            Finite, within +-MAX_COORDINATE.
        k : int, >= 1
            Neighbours wanted; no more than there are points are given.
        threads : RowPool or None
            Shares the points.

        Returns
        -------
        Neighbours
            Ordered by exact distance, then by index. A query that is one of the points finds itself.

        Notes
        -----
        Releases the GIL. 1,000,000 x 25, one query: 25 MB are read once, and some hundred points again.
        """
        _check(queries, "queries")
        if queries.shape[1] != self.n_dimensions:
            raise ParameterError(
                f"queries have {queries.shape[1]} dimensions, the points {self.n_dimensions}; give the same"
            )
        if k < 1:
            raise ParameterError(f"{k} neighbours cannot be found; ask for 1 or more")
        n_queries, k = queries.shape[0], min(k, self.n_points)
        if n_queries == 0 or k == 0:
            return Neighbours(np.empty((n_queries, k), np.int64), np.empty((n_queries, k)))
        n_shares = 1 if threads is None else min(threads.threads, self._codes.shape[0])
        squares = np.full((n_shares, n_queries, k), np.inf)
        # Unfilled places lose against every point.
        indices = np.full((n_shares, n_queries, k), self.n_points, np.int64)
        queries = np.ascontiguousarray(queries)
        run_rows(
            _search,
            n_shares,
            n_shares,
            self._codes,
            self._points,
            self._centre,
            self._step,
            queries,
            squares,
            indices,
            threads=threads,
        )
        found = squares.transpose(1, 0, 2).reshape(n_queries, -1)
        rows = indices.transpose(1, 0, 2).reshape(n_queries, -1)
        order = np.lexsort((rows, found))[:, :k]
        distances = np.sqrt(np.take_along_axis(found, order, axis=1))
        return Neighbours(np.take_along_axis(rows, order, axis=1), distances)


def _check(x: F32, what: str) -> None:
    if x.ndim != 2 or x.dtype != np.float32 or not 1 <= x.shape[1] <= MAX_DIMENSIONS:
        raise ParameterError(
            f"{what} are float32 of shape (n, dimensions) with 1..{MAX_DIMENSIONS} dimensions, "
            f"not {x.dtype} of shape {x.shape}"
        )
    # The largest and the smallest tell of NaN as well, without an array of their comparisons.
    if x.size and not (x.max() <= MAX_COORDINATE and x.min() >= -MAX_COORDINATE):
        raise ParameterError(f"{what} must be finite and within +-{MAX_COORDINATE:g}; drop what is not")


@kernel
def _code(x: float, centre: float, step: float) -> float:
    """The whole number of steps that stands for x, in 0..HIGHEST_CODE."""
    return np.floor(min(max((x - centre) / step + 0.5 * HIGHEST_CODE, 0.0), HIGHEST_CODE) + 0.5)


@kernel
def _encode_blocks(points: F32, centre: F64, step: float, codes: U8) -> None:
    for i in range(points.shape[0]):
        block = codes[i // BLOCK_POINTS]
        for d in range(points.shape[1]):
            block[d, i % BLOCK_POINTS] = np.uint8(_code(np.float64(points[i, d]), centre[d], step))


@fast_kernel
def _block_squares(codes: U8, query: F32, out: F32) -> float:
    """Squared distances, in steps, of a block's codes from a query's into `out`, and the least of them.

    Exact up to 258 dimensions: whole numbers below 2^24. Beyond, a sum is off by its roundings.
    """
    n_dimensions, n_points = codes.shape
    for j in range(n_points):
        out[j] = np.float32(0.0)
    for d in range(n_dimensions):
        q = query[d]
        row = codes[d]
        for j in range(n_points):
            difference = np.float32(row[j]) - q
            out[j] += difference * difference
    least = out[0]
    for j in range(1, n_points):
        least = min(least, out[j])
    return least


@kernel
def _exact_square(point: F32, query: F32) -> float:
    total = 0.0
    for d in range(point.shape[0]):
        difference = np.float64(point[d]) - np.float64(query[d])
        total += difference * difference
    return total


@kernel
def _take(squares: F64, indices: I64, square: float, index: int) -> None:
    """Replace the worst of the kept, which lies last; the rest is in order (square, then index)."""
    i = squares.shape[0] - 1
    # Points come by rising index: an equal one belongs behind those that are kept already.
    while i > 0 and squares[i - 1] > square:
        squares[i] = squares[i - 1]
        indices[i] = indices[i - 1]
        i -= 1
    squares[i] = square
    indices[i] = index


@kernel
def _code_limit(square: float, step: float, n_dimensions: int) -> float:
    """What a squared distance of codes may be, at most, when that of the points is `square`.

    Clipping brings points no farther apart, and a code lies half a step from what it stands for, in each
    dimension and on either side: by the triangle inequality the codes are at most sqrt(n) steps farther
    apart than the points. The factors cover the roundings of codes and of sums in single precision.
    """
    farthest = math.sqrt(square) / step + 1.001 * math.sqrt(n_dimensions)
    return farthest * farthest * (1.0 + 2.0 * (n_dimensions + 4) * 2.0**-24)


@kernel
def _search(
    start: int,
    stop: int,
    n_shares: int,
    codes: U8,
    points: F32,
    centre: F64,
    step: float,
    queries: F32,
    squares: F64,
    indices: I64,
) -> None:
    """Keep the nearest of each query over the blocks of shares [start, stop)."""
    n_blocks, n_dimensions, block_points = codes.shape
    n_queries, n_points = queries.shape[0], points.shape[0]
    coded = np.empty((n_queries, n_dimensions), np.float32)
    for q in range(n_queries):
        for d in range(n_dimensions):
            coded[q, d] = np.float32(_code(np.float64(queries[q, d]), centre[d], step))
    near = np.empty(block_points, np.float32)
    limits = np.empty(n_queries)
    for share in range(start, stop):
        limits[:] = np.inf
        for b in range(n_blocks * share // n_shares, n_blocks * (share + 1) // n_shares):
            first = b * block_points
            n_here = min(block_points, n_points - first)
            for q in range(n_queries):
                # The last block is padded with codes of nothing, which may only cost a look.
                if _block_squares(codes[b], coded[q], near) > limits[q]:
                    continue
                kept = squares[share, q]
                for j in range(n_here):
                    if near[j] <= limits[q]:
                        square = _exact_square(points[first + j], queries[q])
                        if square < kept[-1]:
                            _take(kept, indices[share, q], square, first + j)
                            limits[q] = _code_limit(kept[-1], step, n_dimensions)
