"""The Julia set where a graphics card draws: a QOpenGLWidget that fills its view.

GUI thread. Traps that shaped it (Qt 6.11): the framebuffer is the widget's own and may change at every
paint, so it is asked for in `paintGL`; where contexts are not shared (app/desktop.py has them shared) moving
the widget to another window ends its context and calls `initializeGL` once more, so everything is released
when the context says that it ends; sizes are those of the screen's pixels; OpenGL functions are looked up
through Qt, because a context that Qt made through EGL is invisible to GLX.
"""

import time
from typing import Any, cast

import moderngl
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QOpenGLContext, QSurfaceFormat
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QWidget

from app.visual.budget import FrameBudget
from app.visual.offscreen import is_software, reason_of
from app.visual.pictures import Pictures
from app.visual.renderer import JuliaRenderer, Shot
from engine.errors import CharonError

RATE_HZ = 60.0
LATE = 1.3
"""A frame that comes later than this many periods was too much to draw."""


class _QtFunctions:
    """OpenGL functions by name, for moderngl, from the context that is current."""

    def load_opengl_function(self, name: str) -> int:
        """Address of a function, 0 when there is none."""
        context = cast("QOpenGLContext | None", QOpenGLContext.currentContext())
        return 0 if context is None else int(context.getProcAddress(name.encode()) or 0)

    def __enter__(self) -> "_QtFunctions":
        return self

    def __exit__(self, *_what: object) -> None:
        return

    def release(self) -> None:
        """Qt owns the context."""


class JuliaSurface(QOpenGLWidget):
    """Draws on the graphics card, at the screen's own pace.

    Parameters
    ----------
    pictures : Pictures
    parent : QWidget

    Attributes
    ----------
    refused : Signal(str)
        It cannot draw, or only with the processor; why.
    """

    refused = Signal(str)

    def __init__(self, pictures: Pictures, parent: QWidget) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self._context: moderngl.Context | None = None
        self._renderer: JuliaRenderer | None = None
        self._budget = FrameBudget(LATE / RATE_HZ, rung=8)
        self._last_s = 0.0
        self._rate_hz = 0.0
        self.n_painted = 0
        form = QSurfaceFormat()
        form.setVersion(3, 3)
        form.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
        form.setSwapInterval(1)
        self.setFormat(form)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.setTimerType(Qt.TimerType.PreciseTimer)
        self._next.timeout.connect(self.update)
        self.frameSwapped.connect(self._go_on)

    def initializeGL(self) -> None:
        """Make the programs; called again when the context had to be made again."""
        context = cast("QOpenGLContext | None", QOpenGLContext.currentContext())
        if context is None:
            self.refused.emit("the window got no OpenGL context")
            return
        context.aboutToBeDestroyed.connect(self.release, Qt.ConnectionType.DirectConnection)
        try:
            self._context = self._adopted()
            self._renderer = JuliaRenderer(self._context, self._pixels())
        except CharonError as err:
            self.release()
            self.refused.emit(str(err))

    def _adopted(self) -> moderngl.Context:
        try:
            settings: dict[str, Any] = {"context": _QtFunctions()}
            adopted = moderngl.create_context(require=330, **settings)
        except Exception as err:
            raise CharonError(reason_of(err)) from err
        name = str(adopted.info["GL_RENDERER"])
        if is_software(name) and not self._pictures.insists_on_surface:
            raise CharonError(f"{name} draws with the processor")
        return adopted

    def _pixels(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(16, round(self.width() * ratio)), max(16, round(self.height() * ratio))

    def paintGL(self) -> None:
        """Draw the newest frame."""
        if self._renderer is None or self._context is None:
            return
        now_s = time.monotonic()
        since_s = now_s - self._last_s if self._last_s else 1.0 / RATE_HZ
        self._last_s = now_s
        self._renderer.resize(self._pixels())
        target = self._context.detect_framebuffer(self.defaultFramebufferObject())
        shot = Shot(self._pictures.look, since_s, self._budget.fineness)
        self._renderer.draw(self._pictures.frame(), target, shot)
        self.n_painted += 1
        # On time says nothing of how much time was left: half of what is allowed lets the budget try more.
        is_late = since_s > LATE / RATE_HZ
        self._budget.note(since_s if is_late else 0.5 * self._budget.allowed_s)
        rate_hz = 1.0 / max(since_s, 1e-3)
        self._rate_hz = self._rate_hz + 0.1 * (rate_hz - self._rate_hz) if self._rate_hz else rate_hz
        self._pictures.note_surface_rate(self._rate_hz)

    def _go_on(self) -> None:
        """The next frame: at once where the screen sets the pace, and never faster than the rate."""
        if self.isVisible() and self._renderer is not None:
            due_s = self._last_s + 0.9 / RATE_HZ - time.monotonic()
            self._next.start(max(0, round(1000.0 * due_s)))

    def release(self) -> None:
        """Give the driver its memory back; safe to call twice."""
        if self._context is None:
            return
        self.makeCurrent()
        if self._renderer is not None:
            self._renderer.release()
        self._renderer = None
        self._context.release()
        self._context = None
        self._last_s = 0.0
        self.doneCurrent()
