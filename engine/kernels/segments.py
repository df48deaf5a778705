"""Segments compared with all others of their length: by what happens in them, or moment by moment.

Any thread. A segment is a run of moments (rows of numbers); those of one length overlap, so that sums of one
are those of its neighbour but for two rows. Every segment is looked at: the nearest are the nearest.
"""

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import kernel
from engine.units import F32, F64


def segment_figures(rows: F32, length: int) -> F64:
    """Mean and deviation of every segment of one length.

    Parameters
    ----------
    rows : float32 array, shape (n, dimensions)
        Finite moments.
    length : int, >= 1
        Moments in a segment.

    Returns
    -------
    float64 array, shape (n - length + 1, 2 * dimensions)
        Segment i begins at row i; no row when there are fewer moments than that.
    """
    _check(rows, length)
    n_segments = max(0, rows.shape[0] - length + 1)
    out = np.empty((n_segments, 2 * rows.shape[1]))
    if n_segments:
        _figures(rows, length, out)
    return out


def aligned_distances(rows: F32, segment: F32) -> F64:
    """How far a segment is from every run of rows as long as it, moment by moment.

    Parameters
    ----------
    rows : float32 array, shape (n, dimensions)
        Finite moments.
    segment : float32 array, shape (length, dimensions)
        Finite, at least one moment.

    Returns
    -------
    float64 array, shape (n - length + 1,)
        Root mean over the moments of squared Euclidean distances; empty when there are fewer moments.
    """
    _check(rows, segment.shape[0])
    if segment.ndim != 2 or segment.shape[1] != rows.shape[1]:
        raise ParameterError(f"a segment of shape {segment.shape} does not fit moments of {rows.shape}")
    out = np.empty(max(0, rows.shape[0] - segment.shape[0] + 1))
    if out.size:
        _aligned(rows, np.ascontiguousarray(segment), out)
    return out


def _check(rows: F32, length: int) -> None:
    if rows.ndim != 2 or rows.dtype != np.float32:
        raise ParameterError(
            f"moments are float32 of shape (n, dimensions), not {rows.dtype} of {rows.shape}"
        )
    if length < 1:
        raise ParameterError(f"a segment of {length} moments is none; take 1 or more")


@kernel
def _figures(rows: F32, length: int, out: F64) -> None:
    n_segments, n_dimensions = out.shape[0], rows.shape[1]
    total = np.zeros(n_dimensions)
    squares = np.zeros(n_dimensions)
    for i in range(n_segments + length - 1):
        for d in range(n_dimensions):
            value = np.float64(rows[i, d])
            total[d] += value
            squares[d] += value * value
            if i >= length:
                gone = np.float64(rows[i - length, d])
                total[d] -= gone
                squares[d] -= gone * gone
        if i >= length - 1:
            target = out[i - length + 1]
            for d in range(n_dimensions):
                mean = total[d] / length
                target[d] = mean
                # Rounding may leave less than nothing of equal moments.
                target[n_dimensions + d] = np.sqrt(max(squares[d] / length - mean * mean, 0.0))


@kernel
def _aligned(rows: F32, segment: F32, out: F64) -> None:
    length, n_dimensions = segment.shape
    for i in range(out.shape[0]):
        total = 0.0
        for j in range(length):
            for d in range(n_dimensions):
                difference = np.float64(rows[i + j, d]) - np.float64(segment[j, d])
                total += difference * difference
        out[i] = np.sqrt(total / length)
