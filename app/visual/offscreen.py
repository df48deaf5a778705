"""OpenGL without a window: a context of its own, and a canvas that is read back.

The thread that opens it is the only one that may use it. On Linux it is made through EGL and needs no
display. Waiting for the picture happens outside the GIL: moderngl would hold it, and a software renderer
takes milliseconds for a picture, in which neither the window nor any other Python could go on.
"""

import ctypes
import os
import sys
import threading
from ctypes.util import find_library
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from app.visual.targets import Size
from engine.errors import CharonError

U8 = NDArray[np.uint8]

NICE = 10
"""How far a live picture stands back behind sound and window where the processor draws it."""

_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software", "swiftshader", "gdi generic", "basic render")


def is_software(renderer: str) -> bool:
    """Whether the processor draws, by the driver's own name for itself."""
    return any(word in renderer.lower() for word in _SOFTWARE)


class Offscreen:
    """A context of this thread.

    Parameters
    ----------
    live : bool
        Sound plays meanwhile: on Linux this thread, and with it the driver's own, is made to stand back,
        and a software renderer gets all cores but one.

    Raises
    ------
    CharonError
        There is no OpenGL 3.3.

    Attributes
    ----------
    context : moderngl.Context
    renderer : str
        The driver's name.
    """

    def __init__(self, *, live: bool = False) -> None:
        if live:
            _stand_back()
        # EGL is how Linux makes a context without a display; the others have one way only.
        options: dict[str, Any] = {"backend": "egl"} if sys.platform.startswith("linux") else {}
        try:
            self.context = moderngl.create_context(standalone=True, require=330, **options)
        except Exception as err:
            raise CharonError(f"{reason_of(err)}; `charon doctor` says more") from err
        self.renderer = str(self.context.info["GL_RENDERER"])
        self._finish = _finish_function()

    @property
    def is_software(self) -> bool:
        """Whether the processor draws."""
        return is_software(self.renderer)

    def finish(self) -> None:
        """Wait until everything is drawn, without the GIL."""
        self._finish()

    def release(self) -> None:
        """End the context."""
        self.context.release()


class Canvas:
    """A picture of 8 bits a colour that is drawn, then read.

    Parameters
    ----------
    offscreen : Offscreen
    size : (int, int)
        Pixels.
    """

    def __init__(self, offscreen: Offscreen, size: Size) -> None:
        self._offscreen = offscreen
        self.size = size
        self._buffer = offscreen.context.renderbuffer(size, 4)
        self.frame = offscreen.context.framebuffer([self._buffer])

    def read_into(self, out: U8) -> None:
        """Copy the picture.

        Parameters
        ----------
        out : uint8 array, shape (height, width, 4), C order
            Rows from the bottom, as OpenGL has them.
        """
        self._offscreen.finish()
        self.frame.read_into(out, components=4)

    def release(self) -> None:
        """Give the driver its memory back."""
        self.frame.release()
        self._buffer.release()


def reason_of(err: Exception) -> str:
    """Why there is no OpenGL, in one line."""
    words = " ".join(str(err).split()) or type(err).__name__
    return f"there is no OpenGL 3.3 here ({words[:120]})"


def _stand_back() -> None:
    """Leave the processor to sound and window first; the threads that a driver starts inherit it."""
    if not sys.platform.startswith("linux"):
        return
    n_cores = len(os.sched_getaffinity(0))
    # Read by llvmpipe when its first context is made.
    os.environ.setdefault("LP_NUM_THREADS", str(max(1, n_cores - 1)))
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def _finish_function() -> Any:
    """The C function glFinish, called through ctypes because that lets go of the GIL."""
    if sys.platform == "win32":
        return ctypes.WinDLL("opengl32").glFinish
    name = find_library("OpenGL" if sys.platform == "darwin" else "GL")
    function = ctypes.CDLL(name).glFinish
    function.restype = None
    function.argtypes = []
    return function
