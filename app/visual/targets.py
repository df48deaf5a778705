"""Pictures that a renderer draws into and reads again: half floats in linear light, in pairs.

The thread that owns the context.
"""

import moderngl

from app.visual.program import Stage

Size = tuple[int, int]


class Target:
    """A texture with the framebuffer that fills it.

    Parameters
    ----------
    context : moderngl.Context
    size : (int, int)
        Width and height, pixels.
    n_bytes : int
        Of a number: 2 for half floats (8 bytes a pixel), 4 for floats.
    """

    def __init__(self, context: moderngl.Context, size: Size, n_bytes: int = 2) -> None:
        self.size = size
        self.texture = context.texture(size, 4, dtype=f"f{n_bytes}")
        self.texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self.texture.repeat_x = self.texture.repeat_y = False
        self.frame = context.framebuffer([self.texture])

    def release(self) -> None:
        """Give the driver its memory back."""
        self.frame.release()
        self.texture.release()


class Pair:
    """What is, and what was: `new` is drawn while `old` is read, then they change places.

    Parameters
    ----------
    context : moderngl.Context
    size : (int, int)
    n_bytes : int
    """

    def __init__(self, context: moderngl.Context, size: Size, n_bytes: int = 2) -> None:
        self._context = context
        self._n_bytes = n_bytes
        self.new = Target(context, size, n_bytes)
        self.old = Target(context, size, n_bytes)

    @property
    def size(self) -> Size:
        """Width and height, pixels."""
        return self.new.size

    def swap(self) -> None:
        """What was drawn is `old` now."""
        self.new, self.old = self.old, self.new

    def resize(self, size: Size, copier: Stage) -> None:
        """Take another size; what was is kept, stretched to it.

        Parameters
        ----------
        size : (int, int)
        copier : Stage
            The stage PRESENT.
        """
        kept = Target(self._context, size, self._n_bytes)
        copier.draw(
            kept.frame,
            {"u_picture": self.old.texture},
            {
                "u_size": (float(size[0]), float(size[1])),
                "u_flip": False,
                "u_swap": False,
                "u_linear": True,
            },
        )
        self.release()
        self.old = kept
        self.new = Target(self._context, size, self._n_bytes)

    def release(self) -> None:
        """Give the driver its memory back."""
        self.new.release()
        self.old.release()
