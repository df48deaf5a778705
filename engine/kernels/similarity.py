"""Exact nearest neighbours among points of a few dozen dimensions, by looking at every one of them.

Any thread; used by the library to find songs and segments that sound alike. A million songs of 25
numbers are 100 MB, which two cores read in a few milliseconds: an approximate index would cost
memory, a build, and answers, and save nothing (facts.md: FAISS / HNSW).

Points are stored in blocks, dimension by dimension inside a block, so that a distance to 256 points
at a time is plain vector arithmetic over memory read once from front to back. Single precision only
rules out: whatever may be among the nearest is measured again in double precision, hence the order
is that of exact distances, and equals are ordered by their index.
"""

from dataclasses import dataclass

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import RowPool, fast_kernel, kernel, run_rows
from engine.units import F32, F64, I64

BLOCK_POINTS = 256
"""A block of 25 dimensions is 25.6 kB: it stays in the first-level cache while all queries look at it."""

MAX_DIMENSIONS = 1024
MAX_COORDINATE = 1e15
"""1024 squares of twice this are 4e33, within single precision (3.4e38)."""


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
    Takes as much memory as `points`. Any number of threads may search one index at once.
    """

    def __init__(self, points: F32) -> None:
        _check(points, "points")
        self.n_points, self.n_dimensions = points.shape
        n_blocks = -(-self.n_points // BLOCK_POINTS)
        self._blocks = np.zeros((n_blocks, self.n_dimensions, BLOCK_POINTS), np.float32)
        whole = self.n_points // BLOCK_POINTS
        split = points[: whole * BLOCK_POINTS].reshape(whole, BLOCK_POINTS, self.n_dimensions)
        self._blocks[:whole] = split.transpose(0, 2, 1)
        if n_blocks > whole:
            rest = points[whole * BLOCK_POINTS :]
            self._blocks[whole, :, : rest.shape[0]] = rest.T

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
        Releases the GIL. 1,000,000 x 25, one query: 100 MB are read once, bound by memory.
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
        n_shares = 1 if threads is None else min(threads.threads, self._blocks.shape[0])
        squares = np.full((n_shares, n_queries, k), np.inf)
        # Unfilled places lose against every point.
        indices = np.full((n_shares, n_queries, k), self.n_points, np.int64)
        queries = np.ascontiguousarray(queries)
        run_rows(
            _search,
            n_shares,
            n_shares,
            self._blocks,
            self.n_points,
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


@fast_kernel
def _block_squares(block: F32, query: F32, out: F32) -> float:
    """Squared distances of a block's points from a query into `out`, and the least of them."""
    n_dimensions, n_points = block.shape
    for j in range(n_points):
        out[j] = np.float32(0.0)
    for d in range(n_dimensions):
        q = query[d]
        row = block[d]
        for j in range(n_points):
            difference = row[j] - q
            out[j] += difference * difference
    least = out[0]
    for j in range(1, n_points):
        least = min(least, out[j])
    return least


@kernel
def _exact_square(block: F32, j: int, query: F32) -> float:
    total = 0.0
    for d in range(block.shape[0]):
        difference = np.float64(block[d, j]) - np.float64(query[d])
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
def _search(
    start: int,
    stop: int,
    n_shares: int,
    blocks: F32,
    n_points: int,
    queries: F32,
    squares: F64,
    indices: I64,
) -> None:
    """Keep the nearest of each query over the blocks of shares [start, stop)."""
    n_blocks, n_dimensions, block_points = blocks.shape
    # A sum of n squared differences in single precision is off by at most (n + 2) roundings of 2^-24
    # each, relatively, as no term is negative; what underflows adds 2^-126 a term. Twice that is safe.
    slack = 1.0 + 2.0 * (n_dimensions + 4) * 2.0**-24
    lost = 2.0 * n_dimensions * 2.0**-126
    near = np.empty(block_points, np.float32)
    for share in range(start, stop):
        for b in range(n_blocks * share // n_shares, n_blocks * (share + 1) // n_shares):
            block = blocks[b]
            n_here = min(block_points, n_points - b * block_points)
            for q in range(queries.shape[0]):
                kept = squares[share, q]
                limit = kept[-1] * slack + lost
                # The last block is padded with zeros, which may only cost a look.
                if _block_squares(block, queries[q], near) > limit:
                    continue
                for j in range(n_here):
                    if near[j] <= limit:
                        square = _exact_square(block, j, queries[q])
                        if square < kept[-1]:
                            _take(kept, indices[share, q], square, b * block_points + j)
                            limit = kept[-1] * slack + lost
