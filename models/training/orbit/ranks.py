"""Rank correlation, in numpy."""

import numpy as np

from engine.units import F64, AnyArray


def ranks(x: AnyArray) -> F64:
    """Ranks from 0; equal values share the mean of theirs.

    Parameters
    ----------
    x : array, shape (n,)
    """
    _, place, counts = np.unique(np.asarray(x), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - 0.5 * (counts + 1))[place.reshape(-1)]


def spearman(x: AnyArray, y: AnyArray) -> float:
    """Spearman's correlation of ranks; 0 where one of the two stands still.

    Parameters
    ----------
    x, y : arrays, shape (n,)

    References
    ----------
    .. [1] C. Spearman, "The proof and measurement of association between two things", 1904.
    """
    a = ranks(x)
    b = ranks(y)
    a -= a.mean() if len(a) else 0.0
    b -= b.mean() if len(b) else 0.0
    norm = np.sqrt(np.dot(a, a) * np.dot(b, b))
    return float(np.dot(a, b) / norm) if norm > 0.0 else 0.0
