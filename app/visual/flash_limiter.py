"""The photosensitivity limiter: no picture may flash more often than WCAG 2.3.1 allows.

The thread that owns the context; all of it runs on the graphics card. A flash is a pair of opposing changes
of relative luminance by 0.1 or more, and at most three of them may fall into any second on more than a
quarter of any third-by-third part of the picture [1]_. Here every cell of a 16 x 9 grid, a quarter of that
area, has a number of *turns*: changes of direction of its luminance by `LUMINANCE_STEP` or more, and likewise
of its saturated red. `TURNS` may be taken at once and `RATE_A_SECOND` more every second: four in any second,
whatever the music does, and a flash takes two of them. A way that goes on in one direction is free, and so is
what trembles by less than a step: a picture that only moves is shown as it is.

A cell without turns is held near the furthest point of its way: shown is a cross-fade from the picture
before. Turns are counted in what was really shown, measured, and a point takes no more than any of the cells
around it may: neighbours and rounding cannot cheat it.

References
----------
.. [1] W3C, "Web Content Accessibility Guidelines 2.2", success criterion 2.3.1, definition of "general flash
   and red flash thresholds".
"""

import moderngl

from app.visual.program import Stage
from app.visual.targets import Pair, Size, Target

CELLS = (16, 9)
TURNS = 2.0
RATE_A_SECOND = 2.0
LUMINANCE_STEP = 0.08
"""A fifth below the 0.1 that counts."""
RED_STEP = 0.8 * 20.0 / 320.0
"""The same of the change of (R - G - B) that counts."""
FREE_SHARE = 0.85
LONGEST_STEP_S = 1.0


class FlashLimiter:
    """Keeps the last picture that was shown, and lets the next one in as far as it may.

    Parameters
    ----------
    context : moderngl.Context
    size : (int, int)
        Of the pictures, pixels.
    """

    def __init__(self, context: moderngl.Context, size: Size) -> None:
        self._judge = Stage(context, "julia", "LIMIT")
        self._spread = Stage(context, "julia", "SPREAD")
        self._blend = Stage(context, "julia", "BLEND")
        self._cells = Pair(context, CELLS, n_bytes=4)
        self._shares = Target(context, CELLS, n_bytes=4)
        self._shown = Pair(context, size)
        self._is_first = True

    @property
    def shown(self) -> moderngl.Texture:
        """The last picture that was let through."""
        return self._shown.old.texture

    def resize(self, size: Size, copier: Stage) -> None:
        """Go on with pictures of another size."""
        self._shown.resize(size, copier)

    def forget(self) -> None:
        """Let the next picture in whole: nobody saw the last one."""
        self._is_first = True

    def limit(self, now: moderngl.Texture, dt_s: float) -> moderngl.Texture:
        """The picture to show for this one.

        Parameters
        ----------
        now : moderngl.Texture
            Linear light, of the limiter's size.
        dt_s : float, > 0
            Since the last one.

        Returns
        -------
        moderngl.Texture
            Valid until the next call.
        """
        cells = self._cells
        self._judge.draw(
            cells.new.frame,
            {"u_now": now, "u_shown": self.shown, "u_state": cells.old.texture},
            {
                "u_cells": (float(CELLS[0]), float(CELLS[1])),
                "u_dt": min(dt_s, LONGEST_STEP_S),
                "u_turns": TURNS,
                "u_rate": RATE_A_SECOND,
                "u_step": (LUMINANCE_STEP, RED_STEP),
                "u_free": FREE_SHARE,
                "u_first": self._is_first,
            },
        )
        cells.swap()
        self._spread.draw(self._shares.frame, {"u_state": cells.old.texture}, {})
        width, height = self._shown.size
        self._blend.draw(
            self._shown.new.frame,
            {"u_now": now, "u_shown": self.shown, "u_share": self._shares.texture},
            {"u_size": (float(width), float(height))},
        )
        self._shown.swap()
        self._is_first = False
        return self.shown

    def release(self) -> None:
        """Give the driver its memory back."""
        for part in (self._judge, self._spread, self._blend, self._cells, self._shares, self._shown):
            part.release()
