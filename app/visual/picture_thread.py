"""Draws pictures on a thread of its own, in an OpenGL context of its own, into memory.

Why not in the window's paint event: a software renderer takes 10 to 30 ms for a picture, and the window has
16 ms for everything; and one QOpenGLWidget makes Qt compose the *whole* window through OpenGL, which a
processor then pays for at every blinking caret. So the picture is drawn here, at the size of the screen's
pixels, while the GIL is free, and the window only copies it. Where a graphics card draws, this thread ends
at once and says so: then a QOpenGLWidget is the better way (`app.visual.surface`).

Three buffers: one is drawn into, one is shown, one lies between, so that neither side waits.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.visual.budget import FrameBudget
from app.visual.offscreen import U8, Canvas, Offscreen
from app.visual.renderer import JuliaRenderer, Look, Shot
from app.visual.targets import Size
from engine.errors import CharonError
from engine.services.visual_frame import VisualFrame

_log = logging.getLogger(__name__)

RATE_HZ = 30.0
ALLOWED_SHARE = 0.6
"""Of a frame's time that drawing may take: the rest is for sound, window and separation."""
STILL_RATE_HZ = 5.0
"""How often a picture that stands still is looked after."""
STILL_AFTER = 24
"""Equal frames after which it stands still: anti-aliasing over time is done by then."""
LARGEST_PIXELS = 1920 * 1200
"""More than this is drawn smaller and stretched by the window: 9 MB a picture are enough to copy."""
N_BUFFERS = 3

Kind = Literal["", "memory", "surface", "none"]
"""Where pictures are drawn: not known yet, here, by a graphics card in the window, nowhere."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in memory.

    Parameters
    ----------
    pixels : uint8 array, shape (height, width, 4)
        Rows from the top; blue, green, red, unused. Overwritten two pictures later.
    frame : VisualFrame
        What it was drawn from.
    """

    pixels: U8
    frame: VisualFrame


class PictureThread:
    """Draws while there is somebody to look.

    Parameters
    ----------
    source : callable
        The newest frame; called on this thread.
    look : Look
    tell_drawn : callable
        A picture is there; called on this thread.
    tell_kind : callable
        Given the kind and the reason once it is known; called on this thread.
    insists : bool
        Draw here even where a graphics card would.

    Attributes
    ----------
    picture : Picture or None
        The newest; any thread.
    rate_hz : float
        Pictures a second, lately; any thread.
    """

    def __init__(
        self,
        source: Callable[[], VisualFrame],
        look: Look,
        tell: "tuple[Callable[[], object], Callable[[Kind, str], object]]",
        *,
        insists: bool = False,
    ) -> None:
        self._source = source
        self._tell_drawn, self._tell_kind = tell
        self._insists = insists
        self.look = look
        self.picture: Picture | None = None
        self.rate_hz = 0.0
        self.budget = FrameBudget(ALLOWED_SHARE / RATE_HZ)
        self.times_s: list[float] = []
        """When pictures were done, while somebody collects: `collects` is set."""
        self.collects = False
        self._size: Size | None = None
        self._wanted = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)
        self._thread.start()

    def show(self, size: Size) -> None:
        """Draw for this size, in pixels of the screen, until `hide`."""
        width, height = max(16, size[0]), max(16, size[1])
        shrink = min(1.0, (LARGEST_PIXELS / (width * height)) ** 0.5)
        self._size = (round(width * shrink), round(height * shrink))
        self._wanted.set()

    def hide(self) -> None:
        """Nobody looks."""
        self._size = None
        self._wanted.clear()

    def close(self) -> None:
        """End the thread; returns when its context is gone."""
        self._ended = True
        self._wanted.set()
        self._thread.join()

    # --- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        self._wanted.wait()
        if self._ended:
            return
        try:
            offscreen = Offscreen(live=True)
        except CharonError as err:
            self._tell_kind("none", str(err))
            return
        try:
            if not offscreen.is_software and not self._insists:
                self._tell_kind("surface", offscreen.renderer)
                return
            self._tell_kind("memory", offscreen.renderer)
            self._draw_all(offscreen)
        except Exception as err:  # noqa: BLE001 - whatever the driver or its binding raises
            # A driver that fails must cost the picture only.
            _log.exception("the pictures ended")
            self._tell_kind("none", f"the picture stopped ({err}); `charon doctor` says more")
        finally:
            offscreen.release()

    def _draw_all(self, offscreen: Offscreen) -> None:
        size = self._size or (320, 320)
        renderer = JuliaRenderer(offscreen.context, size, offscreen.finish)
        canvas = Canvas(offscreen, size)
        buffers = _buffers(size)
        n_drawn, n_still = 0, 0
        last, last_s, due_s = None, 0.0, time.monotonic()
        while not self._ended:
            wanted = self._size
            if wanted is None:
                self._wanted.wait()
                due_s = time.monotonic()
                last_s = 0.0
                continue
            if wanted != size:
                size = wanted
                canvas.release()
                canvas, buffers = Canvas(offscreen, size), _buffers(size)
                renderer.resize(size)
            frame = self._source()
            n_still = n_still + 1 if (frame, self.look, size) == last else 0
            last = (frame, self.look, size)
            if n_still > STILL_AFTER:
                time.sleep(1.0 / STILL_RATE_HZ)
                last_s, due_s = 0.0, time.monotonic()
                continue
            start_s = time.monotonic()
            since_s = start_s - last_s if last_s else 1.0 / RATE_HZ
            last_s = start_s
            pixels = buffers[n_drawn % N_BUFFERS]
            renderer.draw(frame, canvas.frame, Shot(self.look, since_s, self.budget.fineness, to_memory=True))
            canvas.read_into(pixels)
            n_drawn += 1
            now_s = time.monotonic()
            self.budget.note(now_s - start_s)
            self._publish(Picture(pixels, frame), since_s, now_s)
            due_s = max(due_s + 1.0 / RATE_HZ, now_s)
            time.sleep(max(0.0, due_s - time.monotonic()))
        canvas.release()
        renderer.release()

    def _publish(self, picture: Picture, since_s: float, now_s: float) -> None:
        self.picture = picture
        rate_hz = 1.0 / max(since_s, 1e-3)
        self.rate_hz = self.rate_hz + 0.1 * (rate_hz - self.rate_hz) if self.rate_hz else rate_hz
        if self.collects:
            self.times_s.append(now_s)
        self._tell_drawn()


def _buffers(size: Size) -> list[U8]:
    return [np.zeros((size[1], size[0], 4), np.uint8) for _ in range(N_BUFFERS)]
