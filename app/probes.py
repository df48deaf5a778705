"""Tries what may end a process instead of raising: the window library, OpenGL, and model providers.

Each probe is a function of this room that runs in a spawned process of its own, because a broken
graphics driver aborts and a missing Qt plug-in calls `abort()`: here that is an answer, not the end
of Charon. What a probe returns is one line for a human; what it raises, or the last words that its C
code leaves on standard error, is the reason why it does not work.
"""

import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

TIMEOUT_S = 60.0
"""A first import from a cold disk takes seconds; a driver that hangs takes for ever."""

_SAMPLE_VALUES = 8
_PICTURE_PX = (640, 360)
_PICTURES = 3
"""The first one compiles."""
_LEAST_CONTRAST = 5.0
"""Standard deviation in steps of 8 bits, below which a picture shows nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe found.

    Parameters
    ----------
    ok : bool
        Whether it works.
    detail : str
        What works, or why it does not; one line.
    """

    ok: bool
    detail: str


class Probe:
    """One probe, running in a process of its own since it was made.

    Parameters
    ----------
    function : callable
        A function of this module without arguments that returns a line, or raises.
    """

    def __init__(self, function: Callable[[], str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  closed in `answer`
        self._reader, writer = context.Pipe(duplex=False)
        descriptor = self._words.fileno()
        self._process = context.Process(target=_run, args=(function, writer), daemon=True)
        with _stderr_into(descriptor):
            self._process.start()
        writer.close()
        self._deadline_s = time.monotonic() + TIMEOUT_S

    def answer(self) -> Answer:
        """Wait for the end of the process and say how it went."""
        try:
            if not self._reader.poll(max(0.0, self._deadline_s - time.monotonic())):
                return Answer(ok=False, detail=f"no answer within {TIMEOUT_S:.0f} s")
            ok, detail = self._reader.recv()
            return Answer(ok=ok, detail=detail)
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            return Answer(ok=False, detail=self._last_words() or f"the process ended with exit code {code}")
        finally:
            if self._process.is_alive():
                self._process.terminate()
            self._process.join()
            self._reader.close()
            self._words.close()

    def _last_words(self) -> str:
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").splitlines()
        return next((" ".join(line.split())[:200] for line in lines if line.strip()), "")


@contextlib.contextmanager
def _stderr_into(descriptor: int):
    """Let a process that is started meanwhile write its standard error into a file."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        os.dup2(descriptor, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _run(function: Callable[[], str], writer: Connection) -> None:
    try:
        writer.send((True, function()))
    except Exception as error:  # noqa: BLE001  whatever it is, it is the answer
        reason = " ".join(str(error).split())[:200]
        writer.send((False, f"{type(error).__name__}: {reason}" if reason else type(error).__name__))


def has_display() -> bool:
    """Whether a window could open: a desktop on Linux is told by its environment, elsewhere it is there."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def qt_version() -> str:
    """Start Qt on the screen, or on its off-screen platform where there is none."""
    import PySide6
    from PySide6.QtGui import QGuiApplication

    arguments = ["charon"] if has_display() else ["charon", "-platform", "offscreen"]
    application = QGuiApplication(arguments)
    return f"PySide6 {PySide6.__version__} on platform {application.platformName()}"


def opengl_renderer() -> str:
    """Draw the Julia set without a window, with the programs that the window uses."""
    import numpy as np

    from app.visual.budget import FINEST
    from app.visual.offscreen import Canvas, Offscreen
    from app.visual.renderer import JuliaRenderer, Shot, look_of
    from engine.services.visual_frame import CALM_FRAME

    offscreen = Offscreen()
    canvas = Canvas(offscreen, _PICTURE_PX)
    renderer = JuliaRenderer(offscreen.context, _PICTURE_PX)
    picture = np.zeros((_PICTURE_PX[1], _PICTURE_PX[0], 4), np.uint8)
    took_s = 0.0
    for _ in range(_PICTURES):
        start_s = time.perf_counter()
        renderer.draw(CALM_FRAME, canvas.frame, Shot(look_of(), 1.0 / 60.0, FINEST, to_memory=True))
        canvas.read_into(picture)
        took_s = time.perf_counter() - start_s
    if picture[..., :3].std() < _LEAST_CONTRAST:
        raise RuntimeError(f"{offscreen.renderer} drew nothing")
    by = ", the processor draws" if offscreen.is_software else ""
    version = offscreen.context.version_code / 100
    width, height = _PICTURE_PX
    return f"{offscreen.renderer}, OpenGL {version:.1f}{by}: {width}x{height} in {1e3 * took_s:.0f} ms"


def model_providers() -> str:
    """Run a network of one node on every provider that onnxruntime is built with."""
    import onnxruntime

    from engine.inference.onnx_graph import OnnxGraph
    from engine.inference.sessions import BoundSession, available_providers

    graph = OnnxGraph("probe")
    graph.input("x", (1, _SAMPLE_VALUES))
    graph.node("Add", ["x", "x"], "y")
    graph.output("y", (1, _SAMPLE_VALUES))
    works: list[str] = []
    fails: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.onnx"
        path.write_bytes(graph.to_bytes())
        for name in available_providers():
            (works if _doubles(BoundSession, path, name) else fails).append(name)
    if not works:
        raise RuntimeError(f"onnxruntime {onnxruntime.__version__} runs nothing, not even on the CPU")
    idle = f"; built in but not usable here: {', '.join(fails)}" if fails else ""
    return f"{', '.join(works)} (onnxruntime {onnxruntime.__version__}){idle}"


def _doubles(open_session: Callable[..., Any], path: Path, provider: str) -> bool:
    """Whether a provider itself, and not the CPU in its place, computes 1 + 1."""
    from engine.errors import ModelError

    try:
        session = open_session(path, "live", provider)
        session.inputs[0].fill(1.0)
        session.run()
    except ModelError:
        return False
    return session.provider == provider and bool((session.outputs[0] == 2.0).all())
