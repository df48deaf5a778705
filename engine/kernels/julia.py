"""Julia sets on the CPU: how soon every point of the plane leaves, and how far it lies from the set.

Small pictures in double precision: training measures what the controls do to them, and tests hold the
shader against them. The window draws with the graphics card instead.

References
----------
.. [1] L. Vepstas, "Renormalizing the Mandelbrot escape", 1997 (the fractional iteration count).
.. [2] H.-O. Peitgen, D. Saupe (eds.), "The Science of Fractal Images", 1988, appendix D (the distance
   estimator).
"""

import math

from engine.kernels.jit import kernel
from engine.units import F64

BAILOUT = 256.0
"""Radius beyond which a point has left. Far beyond the 2 that would do: the fractional part of the count is
exact only in the limit, and is off by about |c| / radius**2 here."""


@kernel
def smooth_julia(
    c: complex, span: float, iterations: int, bailout: float, smooth: F64, distance: F64
) -> None:
    """Draw the Julia set of z -> z**2 + c.

    Parameters
    ----------
    c : complex
        |c| <= 4.
    span : float, > 0
        Height of the picture in the plane, centred on 0. Pixels are square, and points stand at their
        centres: x = (column + 0.5 - width / 2) * span / height, y = (height / 2 - row - 0.5) * span / height.
    iterations : int, 1 to 500
        Squarings before a point counts as one of the set.
    bailout : float, >= 16
        Radius B beyond which a point has left; `BAILOUT` where nothing speaks against it.
    smooth : float64 array, shape (height, width)
        Takes the smooth iteration count n + 1 - log2(log|z_n| / log(B)) [1]_, z_0 the point itself and n the
        first index with |z_n| > B: continuous, 0 to iterations + 1. Points that never leave have
        iterations + 1, the limit from outside. (Points that begin beyond B may come below 0.)
    distance : float64 array, shape (height, width)
        Takes the estimated distance |z_n| log|z_n| / |dz_n/dz_0| from the set in units of the plane [2]_,
        true within a factor of 2 near the set; 0 for points that never leave.

    Notes
    -----
    The picture is the same turned by half, so one half is computed: about 5 ns a squaring. No allocation.
    """
    height, width = smooth.shape
    pixel = span / height
    for row in range((height + 1) // 2):
        # Twice the place in pixels is an integer, so that a point and its mirror image are exact opposites.
        y = (height - 1 - 2 * row) * 0.5 * pixel
        for column in range(width):
            x = (2 * column + 1 - width) * 0.5 * pixel
            count, far = _escape(x, y, c, iterations, bailout)
            smooth[row, column] = count
            distance[row, column] = far
            smooth[height - 1 - row, width - 1 - column] = count
            distance[height - 1 - row, width - 1 - column] = far


@kernel
def _escape(x: float, y: float, c: complex, iterations: int, bailout: float) -> tuple[float, float]:
    """Smooth count and distance of one point."""
    c_re = c.real
    c_im = c.imag
    beyond = bailout * bailout
    slope_re = 1.0
    slope_im = 0.0
    for n in range(iterations + 1):
        xx = x * x
        yy = y * y
        size = xx + yy
        if size > beyond:
            log_size = 0.5 * math.log(size)
            slope = math.sqrt(slope_re * slope_re + slope_im * slope_im)
            count = n + 1.0 - math.log2(log_size / math.log(bailout))
            return count, math.sqrt(size) * log_size / slope
        # |2z| <= 4 on every orbit that stays: 4**500 is within a double, so the slope never overflows.
        slope_re, slope_im = 2.0 * (x * slope_re - y * slope_im), 2.0 * (x * slope_im + y * slope_re)
        y = 2.0 * x * y + c_im
        x = xx - yy + c_re
    return iterations + 1.0, 0.0
