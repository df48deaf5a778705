"""The Julia set among the rest of the window: its course, its pictures, its panel, the whole screen.

GUI thread; built with the rooms. The course (`Visuals`) begins when the engine is there, the pictures when
somebody looks.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.jobs import Task
from app.panels.stage import Stage
from app.panels.visual import VisualPanel
from app.theme import reduced_motion
from app.tick import Tick
from app.visual.picture_thread import Kind
from app.visual.pictures import Pictures
from app.visual.renderer import look_of
from engine.errors import ParameterError
from engine.inference.control_net import ControlNet, load_control_net
from engine.services.analysis import Analysis
from engine.services.visual_frame import CALM_FRAME, VisualFrame
from engine.services.visuals import Visuals

if TYPE_CHECKING:
    from app.desktop import Desktop


class VisualDesk(QObject):
    """Connects them.

    Parameters
    ----------
    desktop : Desktop
    kind : Kind
        Where pictures are drawn; "" finds out.

    Attributes
    ----------
    pictures : Pictures
        For every view of the set.
    panel : VisualPanel
    stage : Stage or None
        The whole screen, while it is shown.
    visuals : Visuals or None
        None until the engine is there.
    stage_shown : Signal(object)
        The `Stage` that was opened: what belongs on the whole screen, over the picture, may be laid into it.
    """

    stage_shown = Signal(object)

    def __init__(self, desktop: "Desktop", kind: Kind = "") -> None:
        super().__init__(desktop)
        self._desktop = desktop
        self._window = desktop.window
        self.visuals: Visuals | None = None
        self._net: ControlNet | None = None
        self._song: Path | None = None
        self.stage: Stage | None = None
        self.pictures = Pictures(lambda: CALM_FRAME, kind, parent=self)
        self.pictures.set_calm(reduced_motion())
        self._recall()
        self.panel = panel = VisualPanel(self.pictures)
        self._window.dock("visual").setWidget(panel)
        panel.scene_chosen.connect(self._choose_scene)
        panel.palette_chosen.connect(self._choose_palette)
        panel.limit_wanted.connect(self._choose_limit)
        panel.full_screen_wanted.connect(self._window.actions_["picture"].trigger)
        self._window.actions_["picture"].toggled.connect(self._show_stage)
        desktop.settings.changed.connect(self._settings_changed)
        self.pictures.kind_found.connect(self._say_kind)

    # --- the engine --------------------------------------------------------------------------------

    def engine_started(self) -> None:
        """Follow what plays from now on."""
        playback = self._desktop.bridge.playback
        if playback is None or self.visuals is not None:
            return
        self.visuals = Visuals(playback, self._net, on_notice=self._desktop.bridge.on_notice)
        self.pictures.set_source(self.visuals.frame)

    def use_net(self, path: object) -> None:
        """Steer by another network, a Path, or by rules, None; read on the job pool."""
        if not isinstance(path, Path):
            self._take_net(None)
            return
        job = self._desktop.pool.start(partial(_read_net, path))
        job.done.connect(self._take_net)
        job.failed.connect(self._window.status.warn)

    def _take_net(self, net: object) -> None:
        self._net = net if isinstance(net, ControlNet) else None
        if self.visuals is not None:
            self.visuals.set_net(self._net)

    def show_tick(self, tick: Tick) -> None:
        """Another song begins its course anew."""
        if tick.song != self._song:
            self._song = tick.song
            if self.visuals is not None:
                self.visuals.set_song()

    def take_facts(self, analysis: object) -> None:
        """Lock to the beats of the song that plays: its `Analysis`, or None while it is not known."""
        if self.visuals is not None and isinstance(analysis, Analysis):
            self.visuals.set_beats(analysis.beats_s, analysis.tempo_bpm)

    def frame(self) -> VisualFrame:
        """What is drawn now."""
        return self.pictures.frame()

    # --- how it looks ------------------------------------------------------------------------------

    def _recall(self) -> None:
        visual = self._desktop.settings.current.visual
        try:
            look = look_of(visual.scene, visual.palette, limited=visual.limit_flashes)
        except ParameterError as err:
            self._window.status.warn(str(err))
            look = look_of(limited=visual.limit_flashes)
        self.pictures.set_look(look)

    def _choose_scene(self, name: str) -> None:
        self._desktop.settings.change("visual", scene=name)

    def _choose_palette(self, name: str) -> None:
        self._desktop.settings.change("visual", palette=name)

    def _choose_limit(self, limited: bool) -> None:
        self._desktop.settings.change("visual", limit_flashes=limited)

    def _settings_changed(self, section: str) -> None:
        if section == "visual":
            self._recall()
        elif section == "window":
            self.pictures.set_calm(reduced_motion())

    def _say_kind(self) -> None:
        if self.pictures.kind == "none":
            self._window.status.warn(self.tr("No Julia set: {}").format(self.pictures.reason))

    # --- the whole screen --------------------------------------------------------------------------

    def _show_stage(self, shown: bool) -> None:
        if shown and self.stage is None:
            stage = Stage(self.pictures, self._window.actions(), self._window)
            stage.left.connect(self._stage_left)
            stage.setGeometry(self._window.screen().geometry())
            self.stage = stage
            self.stage_shown.emit(stage)
            stage.showFullScreen()
        elif not shown and self.stage is not None:
            self.stage.close()

    def _stage_left(self) -> None:
        self.stage = None
        self._window.actions_["picture"].setChecked(False)

    def close(self) -> None:
        """End what has threads: the pictures first, they ask the course."""
        if self.stage is not None:
            self.stage.close()
        self.pictures.close()
        if self.visuals is not None:
            self.visuals.close()
            self.visuals = None


def _read_net(path: Path, _task: Task) -> ControlNet:
    return load_control_net(path)
