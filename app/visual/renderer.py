"""Draws the Julia set of a `VisualFrame`: the same passes in the dock, on the whole screen and in files.

The thread that owns the context. A picture depends on the frames drawn before it (anti-aliasing over time,
the flash limiter) and on nothing else: no clock, no random numbers.

Passes, each a stage of `resources/shaders/julia.glsl`: the set at the fineness that the budget allows; joined
with the pictures before; limited; stretched to the screen.
"""

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass

import moderngl
import numpy as np

from app.visual.budget import FINEST, Fineness
from app.visual.flash_limiter import FlashLimiter
from app.visual.palettes import Palette, palette
from app.visual.program import Stage, Uniform
from app.visual.scenes import Scene, scene
from app.visual.targets import Pair, Size, Target
from engine.services.visual_frame import VisualFrame

N_JITTERS = 16
LIGHT = (-0.55, 0.835)
"""From the upper left, as on every carved surface one has seen."""
DRIFT = 0.05
"""Units of the plane that the middle wanders, over a minute or two."""
FIRST_PALETTE = "charon"
FIRST_SCENE = "lagoon"


@dataclass(frozen=True, slots=True)
class Look:
    """What the user chooses.

    Parameters
    ----------
    scene : Scene
    palette : Palette
    limited : bool
        The photosensitivity limiter is on.
    """

    scene: Scene
    palette: Palette
    limited: bool = True


def look_of(scene_name: str = FIRST_SCENE, palette_name: str = "", *, limited: bool = True) -> Look:
    """A look by names; without a palette, the scene's own.

    Raises
    ------
    ParameterError
        There is no such scene or palette.
    """
    chosen = scene(scene_name)
    return Look(chosen, palette(palette_name or chosen.palette), limited)


@dataclass(frozen=True, slots=True)
class Shot:
    """How one frame is drawn.

    Parameters
    ----------
    look : Look
    dt_s : float
        Since the frame before.
    fineness : Fineness
    to_memory : bool
        The target is read back: rows from the top, blue first, as `QImage.Format_RGB32` has them.
    """

    look: Look
    dt_s: float
    fineness: Fineness = FINEST
    to_memory: bool = False


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a picture lies in the plane.

    Parameters
    ----------
    axis : complex
        Plane per pixel, turned.
    middle : complex
    height_px : int
    """

    axis: complex
    middle: complex
    height_px: int


def camera_of(frame: VisualFrame, height: float, size: Size) -> Camera:
    """Where a frame is seen from; the scene's height fits into the shorter side.

    Parameters
    ----------
    frame : VisualFrame
    height : float
        Plane units of the shorter side at magnification 1.
    size : (int, int)
        Pixels.
    """
    pixel = height / min(size) / frame.scale
    t = frame.time_s
    middle = DRIFT * complex(math.sin(0.071 * t), math.sin(0.053 * t + 1.0))
    return Camera(cmath.rect(pixel, frame.rotation), middle, size[1])


class JuliaRenderer:
    """All passes, with the pictures in between.

    Parameters
    ----------
    context : moderngl.Context
        Current on this thread whenever a method is called.
    size : (int, int)
        Of the picture on the screen, pixels.
    wait : callable
        Waits until the graphics card is done, without the GIL; nothing where it need not be waited for.

    Raises
    ------
    CharonError
        The driver refuses a program.
    """

    def __init__(
        self, context: moderngl.Context, size: Size, wait: Callable[[], object] = lambda: None
    ) -> None:
        self._context = context
        self._wait = wait
        self._size = size
        self._set = Stage(context, "julia", "JULIA")
        self._resolve = Stage(context, "julia", "RESOLVE")
        self._present = Stage(context, "julia", "PRESENT")
        self._now = Target(context, size)
        self._joined = Pair(context, size)
        self._limiter = FlashLimiter(context, size)
        self._palette: moderngl.Texture | None = None
        self._palette_name = ""
        self._last: Camera | None = None
        self._n_drawn = 0

    @property
    def size(self) -> Size:
        """Of the picture on the screen, pixels."""
        return self._size

    def resize(self, size: Size) -> None:
        """Draw for another size from now on; what is shown stays, stretched."""
        self._size = size

    def forget(self) -> None:
        """Begin afresh: what was drawn last was not seen, or belongs to something else."""
        self._last = None
        self._n_drawn = 0
        self._limiter.forget()

    def draw(self, frame: VisualFrame, target: moderngl.Framebuffer, shot: Shot) -> None:
        """Draw a frame.

        Parameters
        ----------
        frame : VisualFrame
        target : moderngl.Framebuffer
            Of the renderer's size; all of it is filled.
        shot : Shot
        """
        self._take_size(shot.fineness)
        self._take_palette(shot.look.palette)
        camera = camera_of(frame, shot.look.scene.height, self._now.size)
        self._draw_set(frame, camera, shot)
        # The slow pass: the rest is soon done, and may be done with the GIL.
        self._wait()
        self._join(camera, shot.fineness)
        picture = self._joined.old.texture
        if shot.look.limited:
            picture = self._limiter.limit(picture, shot.dt_s)
        else:
            self._limiter.forget()
        width, height = self._size
        self._present.draw(
            target,
            {"u_picture": picture},
            {
                "u_size": (float(width), float(height)),
                "u_flip": shot.to_memory,
                "u_swap": shot.to_memory,
                "u_linear": False,
            },
        )
        self._last = camera
        self._n_drawn += 1

    def _take_size(self, fineness: Fineness) -> None:
        share = math.sqrt(fineness.share)
        size = (max(16, round(self._size[0] * share)), max(16, round(self._size[1] * share)))
        if size == self._now.size:
            return
        self._now.release()
        self._now = Target(self._context, size)
        self._joined.resize(size, self._present)
        self._limiter.resize(size, self._present)

    def _take_palette(self, wanted: Palette) -> None:
        if wanted.name == self._palette_name:
            return
        if self._palette is not None:
            self._palette.release()
        colours = np.ones((len(wanted.colours), 4), np.float16)
        colours[:, :3] = wanted.colours
        self._palette = self._context.texture((len(colours), 1), 4, colours.tobytes(), dtype="f2")
        self._palette.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._palette.repeat_x = True
        self._palette_name = wanted.name

    def _draw_set(self, frame: VisualFrame, camera: Camera, shot: Shot) -> None:
        if self._palette is None:
            return
        width, height = self._now.size
        look = shot.look.scene
        jitter = halton(self._n_drawn % N_JITTERS + 1)
        values: dict[str, Uniform] = {
            "u_size": (float(width), float(height)),
            "u_axis": (camera.axis.real, camera.axis.imag),
            "u_middle": (camera.middle.real, camera.middle.imag),
            "u_jitter": (jitter[0] - 0.5, jitter[1] - 0.5),
            "u_c": (frame.c.real, frame.c.imag),
            "u_iterations": shot.fineness.iterations,
            "u_samples": shot.fineness.samples,
            "u_light": LIGHT,
            "u_unit": abs(camera.axis) * min(width, height) / 720.0,
            # Whole turns are none; single precision would lose the place in a long song.
            "u_hue": frame.hue % 1.0,
            "u_pulse": frame.pulse,
            "u_glow": frame.glow,
            "u_density": look.density,
            "u_count": look.count,
            "u_spark": look.spark,
            "u_relief": look.relief,
            "u_edge": look.edge,
            "u_halo": look.halo,
            "u_ground": look.ground,
            "u_trap": look.trap,
            "u_stripe": look.stripe,
            "u_inside": look.inside,
            "u_exposure": look.exposure,
        }
        self._set.draw(self._now.frame, {"u_palette": self._palette}, values)

    def _join(self, camera: Camera, fineness: Fineness) -> None:
        """Anti-aliasing over time: the pictures before, moved to where their points are now."""
        width, height = self._now.size
        turn, shift, share = 1.0 + 0.0j, 0.0j, 1.0
        if self._last is not None:
            before = self._last.axis * (self._last.height_px / height)
            turn = camera.axis / before
            shift = (camera.middle - self._last.middle) / before
            share = 0.3 if fineness.samples == 1 else 0.5
        self._resolve.draw(
            self._joined.new.frame,
            {"u_now": self._now.texture, "u_before": self._joined.old.texture},
            {
                "u_size": (float(width), float(height)),
                "u_turn": (turn.real, turn.imag),
                "u_shift": (shift.real, shift.imag),
                "u_share": share,
            },
        )
        self._joined.swap()

    def release(self) -> None:
        """Give the driver its memory back; the context must be current."""
        for part in (self._set, self._resolve, self._present, self._now, self._joined, self._limiter):
            part.release()
        if self._palette is not None:
            self._palette.release()
            self._palette, self._palette_name = None, ""


def halton(index: int) -> tuple[float, float]:
    """A point of the Halton sequence in bases 2 and 3, in the unit square; `index` from 1."""
    place: list[float] = []
    for base in (2, 3):
        rest, weight, value = index, 1.0, 0.0
        while rest:
            rest, digit = divmod(rest, base)
            weight /= base
            value += digit * weight
        place.append(value)
    return place[0], place[1]
