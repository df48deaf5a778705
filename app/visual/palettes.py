"""Palettes: closed rings of colours, from `resources/visual/palettes.toml`, as rows of linear light.

Any thread; no OpenGL. All blending is done in OKLab, where equal steps look equal, so that the count of
iterations reads as depth and not as stripes.

References
----------
.. [1] B. Ottosson, "A perceptual color space for image processing", 2020 (OKLab).
.. [2] I. Quilez, "Simple color palettes", 2015 (cosine palettes; here in OKLCh instead of RGB).
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from engine.errors import ParameterError, name_hint
from engine.units import F32, F64

N_STEPS = 512
"""Steps of a ring: at 12 bytes 6 KB, and finer than 8 bits of lightness."""

_LMS_OF_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB_OF_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_RGB_OF_LMS = np.linalg.inv(_LMS_OF_RGB)
_LMS_OF_LAB = np.linalg.inv(_LAB_OF_LMS)


@dataclass(frozen=True, slots=True)
class Palette:
    """One ring of colours.

    Parameters
    ----------
    name : str
        What settings and scenes know it by.
    title : str
        What the user reads.
    colours : float32 array, shape (N_STEPS, 3)
        Linear red, green, blue, 0 to 1; the last step leads to the first.
    """

    name: str
    title: str
    colours: F32


def oklab_of_linear(rgb: F64) -> F64:
    """OKLab of linear light.

    Parameters
    ----------
    rgb : float64 array, shape (n, 3)
        0 to 1.

    Returns
    -------
    float64 array, shape (n, 3)
        Lightness 0 to 1, and the two axes of colour.
    """
    return np.cbrt(rgb @ _LMS_OF_RGB.T) @ _LAB_OF_LMS.T


def linear_of_oklab(lab: F64) -> F64:
    """Linear light of OKLab; what no screen can show is made less colourful until one can.

    Parameters
    ----------
    lab : float64 array, shape (n, 3)

    Returns
    -------
    float64 array, shape (n, 3)
        0 to 1.
    """
    low, high = np.zeros(len(lab)), np.ones(len(lab))
    # Halving the chroma's share twelve times finds it to 1/4096.
    for _ in range(12):
        middle = 0.5 * (low + high)
        rgb = _plain_linear(lab * np.stack([np.ones_like(middle), middle, middle], axis=1))
        fits = ((rgb >= -1e-4) & (rgb <= 1.0 + 1e-4)).all(axis=1)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    whole = _plain_linear(lab)
    fits = ((whole >= -1e-4) & (whole <= 1.0 + 1e-4)).all(axis=1)
    share = np.where(fits, 1.0, low)
    result = _plain_linear(lab * np.stack([np.ones_like(share), share, share], axis=1))
    return np.clip(result, 0.0, 1.0)


def _plain_linear(lab: F64) -> F64:
    return (lab @ _LMS_OF_LAB.T) ** 3 @ _RGB_OF_LMS.T


def linear_of_hex(text: str) -> F64:
    """Linear light of "#RRGGBB", shape (3,)."""
    parts = np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def blended(stops: Sequence[str], n_steps: int = N_STEPS) -> F32:
    """A ring through colours at equal distances, smooth at each of them.

    Parameters
    ----------
    stops : sequence of str
        "#RRGGBB", two or more.
    n_steps : int

    Returns
    -------
    float32 array, shape (n_steps, 3)
        Linear light.
    """
    lab = oklab_of_linear(np.stack([linear_of_hex(stop) for stop in stops]))
    n = len(lab)
    place = np.arange(n_steps) * n / n_steps
    index = place.astype(int)
    t = (place - index)[:, None]
    # Catmull and Rom's cubic through four neighbours of the ring, no steeper than they are at dark stops.
    p0, p1, p2, p3 = (lab[(index + k) % n] for k in (-1, 0, 1, 2))
    a, b, c = 2 * p0 - 5 * p1 + 4 * p2 - p3, 3 * (p1 - p2) + p3 - p0, p2 - p0
    curve = p1 + 0.5 * t * (c + t * (a + t * b))
    curve[:, 0] = np.clip(curve[:, 0], lab[:, 0].min(), lab[:, 0].max())
    return linear_of_oklab(curve).astype(np.float32)


def waves(values: Mapping[str, Mapping[str, float]], n_steps: int = N_STEPS) -> F32:
    """A ring of three cosines in OKLCh.

    Parameters
    ----------
    values : mapping
        "lightness", "chroma" and "hue", each with base, swing, n and phase; hue with whole `turns` too.
    n_steps : int

    Returns
    -------
    float32 array, shape (n_steps, 3)
        Linear light.
    """
    t = np.arange(n_steps) / n_steps
    wave = {
        name: part["base"] + part["swing"] * np.cos(2 * np.pi * (part["n"] * t + part["phase"]))
        for name, part in values.items()
    }
    angle = 2 * np.pi * (wave["hue"] + values["hue"]["turns"] * t)
    chroma = np.maximum(wave["chroma"], 0.0)
    lab = np.stack([wave["lightness"], chroma * np.cos(angle), chroma * np.sin(angle)], axis=1)
    return linear_of_oklab(lab).astype(np.float32)


@cache
def palettes() -> Mapping[str, Palette]:
    """All palettes by name, in the order of their file."""
    text = (files("resources") / "visual" / "palettes.toml").read_text(encoding="utf-8")
    return {name: _made(name, table) for name, table in tomllib.loads(text).items()}


def palette(name: str) -> Palette:
    """The palette of that name.

    Raises
    ------
    ParameterError
        There is none.
    """
    if name not in palettes():
        raise ParameterError(f"no palette {name!r}; {name_hint(name, palettes())}")
    return palettes()[name]


def _made(name: str, table: dict[str, Any]) -> Palette:
    if table.get("kind", "oklab") == "cosine":
        colours = waves({part: table[part] for part in ("lightness", "chroma", "hue")})
    else:
        colours = blended(table["stops"])
    return Palette(name, table["title"], colours)
