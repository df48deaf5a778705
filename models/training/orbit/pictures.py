"""What a walk of c looks like: numbers measured on Julia sets that are really drawn.

Training process and benchmarks; numpy and numba only. A picture here is plain: how far a point is along the
palette is its lightness and its hue, whatever palette the window shows, so that a network is not taught the
taste of one palette.
"""

import math

import numpy as np

from engine.errors import ParameterError
from engine.kernels.jit import RowPool, kernel, run_rows
from engine.kernels.julia import BAILOUT, smooth_julia
from engine.units import F64, AnyArray

SIZE = 48
SPAN = 3.0
FADE = 2.0 * SPAN / SIZE
"""Within this distance of the set a point fades into its colour, as in a picture that is anti-aliased.
Without it chance decides which filaments the pixels' centres meet: the change of the mean lightness on 48 and
on 256 pixels a side then has a Spearman correlation of 0.06 to 0.6; with it, measurements on 48 and on 192
pixels have 0.94 to 1.0."""
ITERATIONS = 64
FILL_COUNT = 16.0
"""Points that stay this many squarings fill the picture."""
HUE_RANGE = 0.75
"""Turns from the far outside to the inside; less than one, so that the two ends differ."""

BRIGHTNESS, EDGES, FILL, HUE, MOTION, PULSE = range(6)
METRICS = ("brightness", "edges", "fill", "hue", "motion", "pulse")
"""Columns of `measure_walk`. `brightness` is the mean lightness, `edges` the mean slope of the lightness (a
picture height has slope 1), `fill` the share of points that stay `FILL_COUNT` squarings, `hue` the mean hue
in turns, unwrapped; `motion` is the mean change of a pixel's lightness since the picture before, `pulse` the
change of the mean lightness: how much the picture moves, and how much all of it moves together."""


@kernel
def _lightness(c: complex, light: F64, distance: F64) -> None:
    """Palette position, 0 to 1, of every point, into `light`."""
    smooth_julia(c, SPAN, ITERATIONS, BAILOUT, light, distance)
    scale = 1.0 / math.log2(ITERATIONS + 2.0)
    for row in range(light.shape[0]):
        for column in range(light.shape[1]):
            far = min(distance[row, column] / FADE, 1.0)
            share = far * far * (3.0 - 2.0 * far)
            palette = scale * math.log2(1.0 + max(light[row, column], 0.0))
            light[row, column] = 1.0 + (palette - 1.0) * share


@kernel
def _measure(light: F64, out: F64) -> None:
    """Brightness, edges, fill and (wrapped) hue of one picture."""
    height, width = light.shape
    bound = math.log2(1.0 + FILL_COUNT) / math.log2(ITERATIONS + 2.0)
    total = 0.0
    slope = 0.0
    full = 0
    hue_x = 0.0
    hue_y = 0.0
    for row in range(height):
        for column in range(width):
            here = light[row, column]
            total += here
            full += here >= bound
            turn = 2.0 * math.pi * HUE_RANGE * here
            hue_x += here * math.cos(turn)
            hue_y += here * math.sin(turn)
            right = light[row, min(column + 1, width - 1)] - here
            below = light[min(row + 1, height - 1), column] - here
            slope += math.sqrt(right * right + below * below)
    n = height * width
    out[BRIGHTNESS] = total / n
    out[EDGES] = slope / n * height
    out[FILL] = full / n
    out[HUE] = math.atan2(hue_y, hue_x) / (2.0 * math.pi)


@kernel
def _measure_rows(row_start: int, row_stop: int, c: AnyArray, out: F64) -> None:
    light = np.empty((2, SIZE, SIZE))
    distance = np.empty((SIZE, SIZE))
    if row_start > 0:
        _lightness(c[row_start - 1], light[(row_start - 1) % 2], distance)
    for t in range(row_start, row_stop):
        now = light[t % 2]
        _lightness(c[t], now, distance)
        _measure(now, out[t])
        out[t, MOTION] = 0.0
        out[t, PULSE] = 0.0
        if t > 0:
            before = light[(t - 1) % 2]
            change = 0.0
            rise = 0.0
            for row in range(SIZE):
                for column in range(SIZE):
                    step = now[row, column] - before[row, column]
                    change += abs(step)
                    rise += step
            out[t, MOTION] = change / (SIZE * SIZE)
            out[t, PULSE] = abs(rise) / (SIZE * SIZE)


def measure_walk(c: AnyArray, threads: RowPool | None = None) -> F64:
    """Draw a Julia set for every point of a walk, and measure the pictures.

    Parameters
    ----------
    c : complex128 array, shape (n,)
        Parameter of z -> z**2 + c, one a frame; |c| <= 4.
    threads : RowPool or None
        Shares the pictures.

    Returns
    -------
    float64 array, shape (n, 6)
        Columns `METRICS`; motion and pulse of the first are 0.

    Raises
    ------
    ParameterError
        A point is not finite or beyond 4.
    """
    c = np.ascontiguousarray(c, np.complex128)
    if not np.all(np.abs(c) <= 4.0):  # so that a NaN is refused too
        raise ParameterError("a walk leaves |c| <= 4: its controls are out of range")
    out = np.empty((len(c), len(METRICS)))
    run_rows(_measure_rows, len(c), c, out, threads=threads)
    if len(c):
        out[:, HUE] = np.unwrap(out[:, HUE], period=1.0)
    return out
