"""Pixels of a waveform: columns of peaks become a smooth shape in a picture.

Pure loops; called by whoever paints, on its own thread. It exists because a vector painter needs some
milliseconds for a lane that these loops fill in a fraction of one.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.kernels.jit import kernel
from engine.units import F32

U32 = NDArray[np.uint32]
I32 = NDArray[np.int32]


@kernel
def draw_wave(columns: F32, curve: float, body: U32, core: U32, out: U32) -> None:
    """Draw a waveform over a plain background.

    Parameters
    ----------
    columns : float32 array, shape (3, width)
        Lowest, highest and RMS of each pixel column, full scale 1.0.
    curve : float, > 0
        Exponent from amplitude to height: 1 is linear, less lifts what is quiet.
    body : uint32 array, shape (height + 1,)
        Colour (0xffRRGGBB) of the shape between lowest and highest in each pixel row; the last entry is the
        background.
    core : uint32 array, shape (height,)
        Colour of the part within the RMS.
    out : uint32 array, shape (height, width)
        Every pixel is written. Edges are smoothed by how much of a pixel they cover.
    """
    height = out.shape[0]
    width = out.shape[1]
    edges = np.empty((4, width), np.float32)
    rows = np.empty((4, width), np.int32)
    for x in range(width):
        _edges(columns, curve, x, 0.5 * height, edges)
        for e in range(4):
            rows[e, x] = int(edges[e, x])
    for y in range(height):
        _fill_row(rows, y, body[height], body[y], core[y], out[y])
    # Only the pixels that an edge crosses are mixed: four a column instead of all.
    for e in range(4):
        for x in range(width):
            y = rows[e, x]
            if y < height:
                out[y, x] = _mixed_pixel(edges, x, y, body, core)


@kernel
def _fill_row(rows: I32, y: int, ground: Any, body: Any, core: Any, out: U32) -> None:
    """One pixel row without smoothing; nothing but comparisons, so that it vectorises."""
    for x in range(out.shape[0]):
        colour = body if rows[0, x] <= y and y < rows[1, x] else ground
        out[x] = core if rows[2, x] <= y and y < rows[3, x] else colour


@kernel
def _mixed_pixel(edges: F32, x: int, y: int, body: U32, core: U32) -> int:
    top = np.float32(y)
    bottom = np.float32(y + 1)
    outer = max(min(bottom, edges[1, x]) - max(top, edges[0, x]), 0.0)
    inner = max(min(bottom, edges[3, x]) - max(top, edges[2, x]), 0.0)
    return _blend(_blend(body[body.shape[0] - 1], body[y], outer), core[y], inner)


@kernel
def _edges(columns: F32, curve: float, x: int, half: float, out: F32) -> None:
    """Pixel rows at which the shape and its core begin and end in one column."""
    low = _height(columns[0, x], curve)
    high = _height(columns[1, x], curve)
    rms = _height(columns[2, x], curve)
    # Silence is a hairline and not nothing, and a shape that lies on one side still touches the middle.
    out[0, x] = half - max(high * half, 0.5)
    out[1, x] = half - min(low * half, -0.5)
    out[2, x] = max(half - rms * half, out[0, x])
    out[3, x] = min(half + rms * half, out[1, x])


@kernel
def _height(amplitude: float, curve: float) -> float:
    size = min(abs(amplitude), 1.0) ** curve
    return size if amplitude >= 0.0 else -size


@kernel
def _blend(under: Any, over: Any, weight: Any) -> int:
    """Mix two colours; `weight` of `over`, 0..1."""
    share = math.floor(weight * 256.0 + 0.5)
    mixed = 0xFF000000
    for shift in (0, 8, 16):
        a = (under >> shift) & 0xFF
        b = (over >> shift) & 0xFF
        mixed |= ((a * (256 - share) + b * share) >> 8) << shift
    return mixed
