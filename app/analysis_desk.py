"""The analysis among the rest of the window: model, panel, figures of the transport, view of the lanes.

GUI thread; built with the rooms.
"""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer

from app.analysis_model import AnalysisModel
from app.panels.analysis import AnalysisPanel
from app.panels.analysis_song import PLOTS
from app.panels.time_canvas import TimeCanvas
from app.tick import Tick

if TYPE_CHECKING:
    from app.desktop import Desktop


LEAST_PX, OPEN_PX = 180, 360
"""A panel that is lower than the first when it is first seen is opened as high as the second."""


class AnalysisDesk(QObject):
    """Connects them.

    Parameters
    ----------
    desktop : Desktop
    waves : TimeCanvas
        The view of the lanes: where it goes the plots go, and the other way round.

    Attributes
    ----------
    model : AnalysisModel
    panel : AnalysisPanel
    """

    def __init__(self, desktop: "Desktop", waves: TimeCanvas) -> None:
        super().__init__(desktop)
        self._desktop = desktop
        self.model = AnalysisModel(desktop.pool, self)
        self.panel = AnalysisPanel(self.model, (desktop.loop, desktop.edits), desktop.pool)
        desktop.window.dock("analysis").setWidget(self.panel)
        self.panel.opened.connect(lambda: QTimer.singleShot(0, self, self._make_room))
        self.panel.seek_wanted.connect(desktop.bridge.seek)
        self.panel.notice.connect(desktop.window.status.tell)
        self.panel.failed.connect(desktop.window.status.warn)
        self.model.failed.connect(desktop.window.status.warn)
        self.model.facts_changed.connect(desktop.transport.figures.show_analysis)
        desktop.mixer.stems_changed.connect(self._set_stems)
        self._set_stems()
        hidden = set(desktop.settings.current.analysis.hidden_plots.split(","))
        self.panel.show_plots(tuple(plot for plot in PLOTS if plot not in hidden))
        self.panel.plots_chosen.connect(self._remember)
        for one, other in ((waves, self.panel.view), (self.panel.view, waves)):
            one.view_changed.connect(partial(_follow, one, other))

    def show_tick(self, tick: Tick) -> None:
        """Follow the engine."""
        self.model.show_tick(tick)
        self.panel.show_tick(tick)

    def close(self) -> None:
        """Let go of what is drawn with."""
        self.panel.view.shutdown()

    def _make_room(self) -> None:
        """Let the plots be seen where the dock comes up as a strip; a size that the user gave it stays."""
        window = self._desktop.window
        layout = window.layout()
        if layout is not None:
            layout.activate()
        if self.panel.height() < LEAST_PX:
            window.resizeDocks([window.dock("analysis")], [OPEN_PX], Qt.Orientation.Vertical)

    def _set_stems(self) -> None:
        self.model.set_stems(self._desktop.mixer.stems)

    def _remember(self, plots: tuple[str, ...]) -> None:
        hidden = ",".join(plot for plot in PLOTS if plot not in plots)
        self._desktop.settings.change("analysis", hidden_plots=hidden)


def _follow(one: TimeCanvas, other: TimeCanvas) -> None:
    """Show the same stretch, once both show the same song."""
    if 0.0 < one.view.duration_s == other.view.duration_s:
        other.show_stretch(*one.view.goal)
