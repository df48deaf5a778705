"""Scenes: how the Julia set is lit and framed, from `resources/visual/scenes.toml`. Any thread; no OpenGL."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from engine.errors import ParameterError, name_hint


@dataclass(frozen=True, slots=True)
class Scene:
    """One way to look at the set.

    Parameters
    ----------
    name, title : str
        What settings know it by, and what the user reads.
    palette : str
        The one it was made for.
    height : float
        Units of the plane from bottom to top at magnification 1.
    density : float
        Turns of the palette for every doubling of the iteration count, or halving of the distance.
    count : float, 0 to 1
        How much of the colour is the count's; the rest is the distance's.
    spark : float, turns
        From the palette's start to the colour of the filaments.
    relief : float, 0 to 1
        Light and shade as on a carved surface.
    edge : float, 0 to 1
        Light of the filaments where the set is.
    halo : float
        How far it reaches, in 1/720 of the picture's height.
    ground : float, 0 to 1
        How dark it gets away from the set.
    trap : float, 0 to 1
        Light where orbits pass near the axes and a ring.
    stripe : float, 0 to 1
        Silky bands along the orbits' angles.
    inside : float, 0 to 2
        Light inside the set.
    exposure : float
        Brightness of the whole.
    """

    name: str
    title: str
    palette: str
    height: float
    density: float
    count: float
    spark: float
    relief: float
    edge: float
    halo: float
    ground: float
    trap: float
    stripe: float
    inside: float
    exposure: float = 1.0


@cache
def scenes() -> Mapping[str, Scene]:
    """All scenes by name, in the order of their file."""
    text = (files("resources") / "visual" / "scenes.toml").read_text(encoding="utf-8")
    return {name: Scene(name=name, **values) for name, values in tomllib.loads(text).items()}


def scene(name: str) -> Scene:
    """The scene of that name.

    Raises
    ------
    ParameterError
        There is none.
    """
    if name not in scenes():
        raise ParameterError(f"no scene {name!r}; {name_hint(name, scenes())}")
    return scenes()[name]
