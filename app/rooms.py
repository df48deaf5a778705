"""The rooms of the window that need the engine's modules: lanes, sessions, models, export, settings.

GUI thread; built once those modules are imported, about a second after the window is shown.
"""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.analysis_desk import AnalysisDesk
from app.engine_start import Started
from app.jobs import Task
from app.library_desk import LibraryDesk
from app.live_desk import LiveDesk
from app.lyrics_desk import LyricsDesk
from app.mic_desk import MicDesk
from app.models_model import ModelsModel
from app.panels.export_dialog import ExportChoice, ExportDialog, ExportSource
from app.panels.lanes import LanesPanel
from app.panels.models import ModelsPanel
from app.panels.settings_dialog import SettingsDialog
from app.session_keeper import SessionKeeper
from app.take_desk import TakeDesk
from app.tick import Tick
from app.training_desk import TrainingDesk
from app.visual_desk import VisualDesk
from engine.inference.model_store import ModelStore
from engine.io.device import StreamRequest, list_devices, portaudio_opener
from engine.io.home import default_home
from engine.io.stem_store import StemStore

if TYPE_CHECKING:
    from app.desktop import Desktop


class Rooms(QObject):
    """Everything that was not in the first window.

    Parameters
    ----------
    desktop : Desktop
        Whose states, jobs and bridge they share.

    Attributes
    ----------
    lanes : LanesPanel
    takes : TakeDesk
    sessions : SessionKeeper
    models : ModelsModel
    library : LibraryDesk
    analysis : AnalysisDesk
    mic : MicDesk
    live : LiveDesk
    visual : VisualDesk
    lyrics : LyricsDesk
    training : TrainingDesk
    """

    def __init__(self, desktop: "Desktop") -> None:
        super().__init__(desktop)
        self._desktop = desktop
        self._home = desktop.home or default_home()
        self._titles: dict[str, str] = {}
        self._settings: SettingsDialog | None = None
        window, bridge = desktop.window, desktop.bridge
        self.lanes = LanesPanel(desktop.mixer, desktop.loop, desktop.edits)
        self.lanes.seek_wanted.connect(bridge.seek)
        window.set_lanes(self.lanes, self.lanes.waves)
        # The heads are made anew at the same signal, perhaps after this.
        desktop.mixer.stems_changed.connect(lambda: QTimer.singleShot(0, window.order_tabs))
        desktop.lane_keys.follow(self.lanes)
        home = self._home
        self.models = ModelsModel(
            lambda: ModelStore(home.models, home.cards), desktop.pool, desktop.speeds, self
        )
        self.models.set_current(self._wanted_model())
        panel = ModelsPanel(self.models)
        window.dock("models").setWidget(panel)
        panel.model_chosen.connect(self._choose_model)
        self.models.notice.connect(window.status.tell)
        self.models.failed.connect(window.status.warn)
        self.models.fetched.connect(self._model_fetched)
        self.models.refresh()
        self.takes = TakeDesk(desktop, self.lanes)
        states = (desktop.mixer, desktop.loop, self.takes.state)
        self.sessions = SessionKeeper(window, bridge, states, desktop.pool, desktop.recent, desktop.writer)
        self.sessions.notice.connect(window.status.tell)
        self.sessions.failed.connect(window.status.warn)
        self.library = LibraryDesk(desktop, home)
        self.analysis = AnalysisDesk(desktop, self.lanes.waves)
        for canvas in (self.lanes.waves, self.analysis.panel.view):
            # In the menu over a loop: what the library knows about it.
            canvas.addActions([window.actions_["loop_again"], window.actions_["loop_like"]])
        self.mic = MicDesk(desktop, home, self.takes)
        self.analysis.model.facts_changed.connect(self.mic.show_facts)
        self.live = LiveDesk(desktop, home, self.lanes)
        self.visual = VisualDesk(desktop)
        self.analysis.model.facts_changed.connect(self.visual.take_facts)
        self.lyrics = LyricsDesk(desktop, home, (self.mic, self.visual))
        self.training = TrainingDesk(desktop, home)
        self.training.model.network_chosen.connect(self.visual.use_net)
        desktop.settings.changed.connect(self._use_stem_settings)
        bridge.ticked.connect(self._show_tick)
        bridge.model_changed.connect(self._model_changed)
        bridge.jobs_seen.connect(self._note_jobs)
        lanes = self.lanes
        for name, call in (
            ("zoom_in", lanes.zoom_in),
            ("zoom_out", lanes.zoom_out),
            ("zoom_fit", lanes.fit),
            ("loop_from", lanes.loop_from_here),
            ("loop_to", lanes.loop_to_here),
        ):
            window.actions_[name].triggered.connect(call)
        window.actions_["export"].triggered.connect(self.open_export)
        window.actions_["settings"].triggered.connect(lambda: self.open_settings("audio"))
        self.sessions.begin()

    def engine_started(self, started: Started) -> None:
        """Take in what only the running engine knows."""
        self._titles = dict(started.titles)
        self.models.set_current(started.playback.model)
        self._desktop.bridge.set_stems_limit(self._desktop.settings.current.stems.limit_bytes)
        self.visual.engine_started()

    def _show_tick(self, tick: Tick) -> None:
        self.lanes.show_song(tick.folder)
        self.lanes.show_tick(tick)
        self.analysis.show_tick(tick)
        self.mic.show_tick(tick)
        self.lyrics.show_tick(tick)
        self.live.look()
        self.visual.show_tick(tick)
        if self._settings is not None and self._settings.isVisible():
            self._settings.show_device(tick.device)

    # --- models ------------------------------------------------------------------------------------

    def _choose_model(self, name: str) -> None:
        self._desktop.settings.change("stems", model=name)
        self._use_stem_settings("stems")

    def _use_stem_settings(self, section: str) -> None:
        if section != "stems":
            return
        bridge, stems = self._desktop.bridge, self._desktop.settings.current.stems
        model = self._wanted_model()
        bridge.set_stems_limit(stems.limit_bytes)
        if model == bridge.model:
            return
        if bridge.playback is None:
            self._desktop.start_engine()
        else:
            bridge.choose_model(model)

    def _wanted_model(self) -> str:
        home = self._home
        return self._desktop.settings.current.stems.model or ModelStore(home.models, home.cards).default

    def _model_fetched(self, name: str) -> None:
        """The engine may have been waiting for just this one."""
        wanted = self._wanted_model()
        card = ModelStore(self._home.models, self._home.cards).card(wanted)
        if self._desktop.bridge.playback is None and name in (wanted, card.builds_on):
            self._desktop.start_engine()

    def _model_changed(self, name: str) -> None:
        self.models.set_current(name)
        self._desktop.work_line.set_model(self._titles.get(name, name))

    def _note_jobs(self, jobs: object) -> None:
        if isinstance(jobs, tuple):
            self.models.note_jobs(self._desktop.bridge.model, jobs)

    # --- export ------------------------------------------------------------------------------------

    def open_export(self) -> None:
        """Ask what to write where, for the song that is loaded."""
        desktop, tick = self._desktop, self._desktop.bridge.tick
        if tick.song is None or tick.folder is None:
            desktop.window.status.tell(self.tr("There is nothing to export yet: open a song first"))
            return
        source = ExportSource(
            song=tick.song,
            title=tick.title,
            folder=tick.folder,
            model=desktop.bridge.model,
            stems=desktop.mixer.stems,
            rate_hz=tick.song_rate_hz,
            duration_s=tick.duration_s,
            mixer=desktop.mixer,
            takes=self.takes.lanes(),
            home=self._home,
            lyrics=self.lyrics.shown,
        )
        export = desktop.settings.current.export
        choice = ExportChoice(export.container, export.bits, export.folder)
        dialog = ExportDialog(source, choice, desktop.pool, desktop.window)
        desktop.bridge.ticked.connect(dialog.show_tick)
        dialog.choice_changed.connect(self._remember_export)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _remember_export(self, choice: object) -> None:
        if isinstance(choice, ExportChoice):
            self._desktop.settings.change(
                "export", container=choice.container, bits=choice.bits, folder=choice.folder
            )

    # --- settings ----------------------------------------------------------------------------------

    def open_settings(self, page: str) -> None:
        """Open the settings at a page."""
        if self._settings is None:
            self._settings = self._make_settings()
        self._settings.open_page(page)
        self._measure_stems()

    def _make_settings(self) -> SettingsDialog:
        desktop = self._desktop
        model = self._wanted_model()
        titles = {"": self.tr("The best that is here"), **(self._titles or {model: model})}
        dialog = SettingsDialog(desktop.settings, list(titles.items()), desktop.window)
        dialog.devices_wanted.connect(self._list_devices)
        dialog.device_chosen.connect(self._choose_device)
        dialog.tone_wanted.connect(desktop.bridge.set_test_tone)
        dialog.stems_emptied.connect(self._empty_stems)
        desktop.bridge.device_opened.connect(lambda: dialog.show_trouble(""))
        desktop.bridge.device_refused.connect(dialog.show_trouble)
        return dialog

    def _list_devices(self) -> None:
        dialog = self._settings
        if dialog is not None:
            job = self._desktop.pool.start(lambda _task: list_devices())
            job.done.connect(dialog.show_devices)
            job.failed.connect(partial(dialog.show_devices, []))

    def _choose_device(self, request: object) -> None:
        if isinstance(request, StreamRequest):
            self._desktop.bridge.use_device(portaudio_opener(request))

    def _measure_stems(self) -> None:
        stems = StemStore(self._home.stems)

        def measure(_task: Task) -> int:
            return stems.used_bytes()

        self._desktop.pool.start(measure).done.connect(self._show_stems)

    def _show_stems(self, n_bytes: object) -> None:
        if self._settings is not None and isinstance(n_bytes, int):
            self._settings.show_stems_bytes(n_bytes)

    def _empty_stems(self) -> None:
        stems = StemStore(self._home.stems)
        job = self._desktop.pool.start(lambda _task: stems.evict(0))
        job.failed.connect(self._desktop.window.status.warn)
        job.ended.connect(self._measure_stems)

    def close(self) -> None:
        """End what has threads or files of its own."""
        self.sessions.end()
        self.library.close()
        self.analysis.close()
        self.lyrics.close()
        self.visual.close()
        self.training.close()
        self.lanes.shutdown()
