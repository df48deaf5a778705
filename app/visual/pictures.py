"""The pictures of the Julia set as the window sees them: one stream of them, shown by one view at a time.

GUI thread. Several views may exist (the dock, the whole screen, behind the lyrics); the one that was shown
last has the pictures, and gives them back when it is hidden. Nothing is started before the first is shown.
"""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from app.visual.picture_thread import Kind, Picture, PictureThread
from app.visual.renderer import Look, look_of
from app.visual.targets import Size
from engine.services.visual_frame import VisualFrame


class Pictures(QObject):
    """Starts, sizes and ends the thread that draws.

    Parameters
    ----------
    source : callable
        The newest `VisualFrame`; any thread, must not wait.
    kind : Kind
        Where pictures are drawn; "" finds out.
    parent : QObject or None

    Attributes
    ----------
    drawn : Signal()
        A new picture is there.
    kind_found : Signal()
        It is known now where pictures are drawn.
    look_changed : Signal()
    """

    drawn = Signal()
    kind_found = Signal()
    look_changed = Signal()
    _drawn_there = Signal()
    _found_there = Signal(str, str)

    def __init__(
        self, source: Callable[[], VisualFrame], kind: Kind = "", parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._source = source
        self._wanted_kind = kind
        self._kind: Kind = "surface" if kind == "surface" else ""
        self._reason = ""
        self._look = look_of()
        self._thread: PictureThread | None = None
        self._views: list[tuple[QWidget, Size]] = []
        self._surface_rate_hz = 0.0
        self._calm = False
        queued = Qt.ConnectionType.QueuedConnection
        self._drawn_there.connect(self.drawn, queued)
        self._found_there.connect(self._take_kind, queued)

    # --- what there is -----------------------------------------------------------------------------

    @property
    def kind(self) -> Kind:
        """Where pictures are drawn."""
        return self._kind

    @property
    def reason(self) -> str:
        """Why there are none, or the driver's name."""
        return self._reason

    @property
    def insists_on_surface(self) -> bool:
        """A QOpenGLWidget was asked for, whatever draws it."""
        return self._wanted_kind == "surface"

    @property
    def picture(self) -> Picture | None:
        """The newest in memory."""
        return None if self._thread is None else self._thread.picture

    @property
    def drawer(self) -> PictureThread | None:
        """What draws into memory, once something was shown."""
        return self._thread

    @property
    def rate_hz(self) -> float:
        """Pictures a second; 0 while none are drawn."""
        if not self._views:
            return 0.0
        if self._kind == "surface":
            return self._surface_rate_hz
        return 0.0 if self._thread is None else self._thread.rate_hz

    def frame(self) -> VisualFrame:
        """The newest frame; any thread."""
        frame = self._source()
        if self._calm:
            return replace(frame, pulse=0.0, scale=1.0, rotation=0.0)
        return frame

    def set_calm(self, calm: bool) -> None:
        """Let nothing pulse, breathe or turn: the user has asked for less motion."""
        self._calm = calm

    def set_source(self, source: Callable[[], VisualFrame]) -> None:
        """Draw from something else: another song's visuals, or none."""
        self._source = source

    @property
    def look(self) -> Look:
        """How they are drawn."""
        return self._look

    def set_look(self, look: Look) -> None:
        """Draw them like this from now on."""
        if look != self._look:
            self._look = look
            if self._thread is not None:
                self._thread.look = look
            self.look_changed.emit()

    # --- who shows them ----------------------------------------------------------------------------

    def is_shown_on(self, view: QWidget) -> bool:
        """Whether a view has the pictures."""
        return bool(self._views) and self._views[-1][0] is view

    def show_on(self, view: QWidget, size: Size) -> None:
        """Draw for a view, until another is shown or this one is hidden.

        Parameters
        ----------
        view : QWidget
        size : (int, int)
            Pixels of the screen.
        """
        others = [(other, its) for other, its in self._views if other is not view]
        is_new = len(others) == len(self._views)
        if is_new or self.is_shown_on(view):
            self._views = [*others, (view, size)]
        else:
            self._views = [(other, size if other is view else its) for other, its in self._views]
        self._serve()

    def leave(self, view: QWidget) -> None:
        """A view is hidden."""
        self._views = [(other, its) for other, its in self._views if other is not view]
        self._serve()

    def _serve(self) -> None:
        if self._kind in ("surface", "none"):
            return
        if self._views and self._thread is None:
            self._thread = PictureThread(
                self.frame,
                self._look,
                (self._drawn_there.emit, self._found_there.emit),
                insists=self._wanted_kind == "memory",
            )
        if self._thread is not None:
            if self._views:
                self._thread.show(self._views[-1][1])
            else:
                self._thread.hide()

    def _take_kind(self, kind: Kind, reason: str) -> None:
        self._kind, self._reason = kind, reason
        if kind != "memory" and self._thread is not None:
            self._thread.close()
            self._thread = None
        self.kind_found.emit()

    def refuse_surface(self, reason: str) -> None:
        """Let the thread draw after all: the window's OpenGL is worse than it looked."""
        self._wanted_kind, self._kind, self._reason = "memory", "", reason
        self._serve()
        self.kind_found.emit()

    def note_surface_rate(self, rate_hz: float) -> None:
        """How many pictures a second a QOpenGLWidget shows."""
        self._surface_rate_hz = rate_hz

    def close(self) -> None:
        """End the thread; safe to call twice."""
        self._views.clear()
        if self._thread is not None:
            self._thread.close()
            self._thread = None
