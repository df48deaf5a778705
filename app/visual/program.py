"""Shader programs: the stages of one `.glsl` file, each compiled with its name defined.

The thread that owns the context. One file holds a whole program, so that what stages share stands there
once; a driver's complaint is turned into one line.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import moderngl

from engine.errors import CharonError

Uniform = float | int | bool | tuple[float, ...]


@cache
def source(name: str) -> str:
    """Text of `resources/shaders/NAME.glsl`."""
    return (files("resources") / "shaders" / f"{name}.glsl").read_text(encoding="utf-8")


class Stage:
    """One pass over a whole picture.

    Parameters
    ----------
    context : moderngl.Context
        Current on this thread.
    name : str
        Of the shader file.
    stage : str
        Which of its stages.

    Raises
    ------
    CharonError
        The driver refuses it.
    """

    def __init__(self, context: moderngl.Context, name: str, stage: str) -> None:
        text = source(name)
        try:
            self._program = context.program(
                vertex_shader=f"#version 330\n#define VERTEX\n{text}",
                fragment_shader=f"#version 330\n#define {stage}\n{text}",
            )
        except moderngl.Error as err:
            said = next((line for line in str(err).splitlines() if ":" in line), str(err).splitlines()[0])
            raise CharonError(
                f"the graphics driver refuses the {stage.lower()} stage of {name}.glsl ({said.strip()}); "
                "see `charon doctor`"
            ) from err
        self._triangle = context.vertex_array(self._program, [])
        # What a driver found without use is not there to be set.
        self._uniforms: dict[str, Any] = {
            member: self._program[member]
            for member in self._program
            if isinstance(self._program[member], moderngl.Uniform)
        }

    def draw(
        self,
        target: moderngl.Framebuffer,
        textures: Mapping[str, moderngl.Texture],
        values: Mapping[str, Uniform],
    ) -> None:
        """Fill a target.

        Parameters
        ----------
        target : moderngl.Framebuffer
        textures : dict of str to moderngl.Texture
            By the uniform that reads them.
        values : dict of str to number or tuple
            All other uniforms; those that the stage does not use are passed over.
        """
        target.use()
        for unit, (name, texture) in enumerate(textures.items()):
            texture.use(unit)
            self._uniforms[name].value = unit
        for name, value in values.items():
            uniform = self._uniforms.get(name)
            if uniform is not None:
                uniform.value = value
        self._triangle.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Give the driver its memory back."""
        self._triangle.release()
        self._program.release()
