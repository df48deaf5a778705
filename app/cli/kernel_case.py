"""What one comparison of `charon bench kernels` is made of, for the rooms that list them.

Main thread. The references are test dependencies, imported only when a case is made; the engine
never sees them.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import CharonError
from engine.units import F32, AnyArray

ANALYSIS_RATE_HZ = 22050
"""Analysis kernels are compared at the rate that their reference takes when none is given."""

LENGTHS_S = (1.0, 10.0, 60.0)
"""Lengths that analysis kernels are compared at: a phrase, a passage, a short song."""

Call = Callable[[], AnyArray]


@dataclass(frozen=True)
class KernelCase:
    """One comparison, made when its turn comes.

    Attributes
    ----------
    name : str
    seconds : float
        Length of the sound worked on.
    reference_name : str
        The function it is compared with.
    tolerance_db : float
        The results may be this far apart: energy of the difference over that of the reference's result.
    make : callable
        Builds the arrays and gives two calls, ours and the reference's, whose results have the same
        shape.
    """

    name: str
    seconds: float
    reference_name: str
    tolerance_db: float
    make: Callable[[], tuple[Call, Call]]


def library(name: str) -> Any:
    """A reference library, or one clear line."""
    try:
        return importlib.import_module(name)
    except ImportError as err:
        raise CharonError(
            f"charon bench kernels compares with {name}, which is not installed; "
            "`python3 bootstrap.py test` installs it"
        ) from err


def bench_sound(seconds: float) -> F32:
    """Notes with overtones, a click every half second and a little noise, float32, shape (frames,)."""
    rate_hz = ANALYSIS_RATE_HZ
    rng = np.random.default_rng(0)
    n = round(seconds * rate_hz)
    x = 0.005 * rng.standard_normal(n)
    step = rate_hz // 2
    decay = np.exp(-np.arange(step) / (0.2 * rate_hz))
    click = 0.3 * np.exp(-np.arange(step) / (0.004 * rate_hz))
    for start in range(0, n, step):
        t = np.arange(min(step, n - start)) / rate_hz
        f0_hz = 110.0 * 2.0 ** (rng.integers(0, 25) / 12.0)
        for overtone in range(1, 9):
            x[start : start + step] += (
                0.2 / overtone * np.sin(2 * np.pi * overtone * f0_hz * t) * decay[: t.size]
            )
        x[start : start + step] += click[: t.size] * rng.standard_normal(t.size)
    return x.astype(np.float32)
