"""The mic among the rest of the window: its settings, its engine, and a panel made when it is first seen.

GUI thread; built with the rooms.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QInputDialog

from app.jobs import Task
from app.mic_edits import MicEdits
from app.mic_engine import MicEngine, TakeNews
from app.mic_presets import NEW_CHAIN, MicPresets
from app.mic_state import SIDES, MicInput, MicState, Side
from app.mic_tempo import MicTempo
from app.mic_tick import MicTick
from app.mic_words import duration_words
from app.panels.mic import MicPanel
from app.panels.question import Question
from app.paths import built_in_presets, mic_chain_file, takes_folder, user_presets
from app.take_desk import TakeDesk
from app.task_models import TaskModels
from app.tick import Tick
from engine.errors import ParameterError
from engine.inference.model_store import ModelStore
from engine.io.device import list_devices
from engine.io.home import Home
from engine.services.take import KINDS, Kind
from engine.services.vocal_preset import PresetShelf, VocalPreset, load_preset, preset_text

if TYPE_CHECKING:
    from app.desktop import Desktop
    from engine.services.analysis import Analysis

LEAST_PX, OPEN_PX = 260, 440
"""A panel that is lower than the first when it is first seen is opened as high as the second."""


class MicDesk(QObject):
    """Connects them.

    Parameters
    ----------
    desktop : Desktop
    home : Home
        Where models lie.
    takes : TakeDesk
        Where what was sung to a song becomes a lane of it.

    Attributes
    ----------
    state : MicState
    edits : MicEdits
    tempo : MicTempo
    engine : MicEngine
    presets : MicPresets
    denoisers : TaskModels
    panel : MicPanel or None
        None until somebody looks at it.
    """

    def __init__(self, desktop: "Desktop", home: Home, takes: TakeDesk) -> None:
        super().__init__(desktop)
        self._desktop = desktop
        self._takes = takes
        self._window = desktop.window
        self.state = MicState(self)
        self.edits = MicEdits(self.state, desktop.edits)
        self.tempo = MicTempo(self.state, self)
        self.engine = MicEngine(self.state, desktop.bridge, desktop.pool, self)
        self._shelf = PresetShelf(built_in_presets(), user_presets())
        self.presets = MicPresets(self._shelf, desktop.pool, self)
        make_store = partial(ModelStore, home.models, home.cards)
        self.denoisers = TaskModels(make_store, desktop.pool, "denoise", self)
        self.panel: MicPanel | None = None
        self._begun = False
        self._on_wanted = False
        self._dock = self._window.dock("mic")
        self._dock.visibilityChanged.connect(self._seen)
        self._recall()
        if self._dock.isVisible():
            self._seen(True)

    # --- begin -------------------------------------------------------------------------------------

    def _recall(self) -> None:
        mic = self._desktop.settings.current.mic
        self.state.set_input(MicInput(mic.device, mic.channel))
        self.state.set_gain_db(mic.gain_db)
        self.state.set_pan(mic.pan)
        self.state.set_song_tempo(mic.song_tempo)

    def _seen(self, visible: bool) -> None:
        if not visible or self._begun:
            return
        self._begun = True
        # What a user never looks at costs neither time nor memory.
        job = self._desktop.pool.start(partial(_read_chains, self._shelf))
        job.done.connect(self._begin)
        job.failed.connect(self._window.status.warn)

    def _begin(self, chains: object) -> None:
        if not isinstance(chains, dict):
            return
        kept: dict[Side, VocalPreset] = chains
        for side, preset in kept.items():
            self.state.set_chain(side, preset.slots, preset.title)
        self.panel = panel = MicPanel(self.state, self.edits, (self.presets, self.denoisers))
        self._dock.setWidget(panel)
        self._connect(panel)
        mic = self._desktop.settings.current.mic
        panel.head.show_record(mic.record, with_song=mic.with_song)
        panel.head.set_ready(False)
        self.presets.refresh()
        self.denoisers.refresh()
        self.engine.warm()
        if mic.denoiser:
            self.denoisers.changed.connect(self._recall_denoiser, Qt.ConnectionType.SingleShotConnection)
        self._window.order_tabs()
        QTimer.singleShot(0, self, self._make_room)

    def _recall_denoiser(self) -> None:
        name = self._desktop.settings.current.mic.denoiser
        row = self.denoisers.row(name)
        if row is not None and row.present:
            self.state.set_denoiser(name)

    def _connect(self, panel: MicPanel) -> None:
        status, head, engine, state = self._window.status, panel.head, self.engine, self.state
        panel.controls_changed.connect(self._window.order_tabs)
        head.switch_wanted.connect(engine.switch)
        head.devices_wanted.connect(self._list_devices)
        head.record_toggled.connect(self._toggle_record)
        head.record_changed.connect(self._remember_record)
        panel.bar.save_wanted.connect(self._ask_title)
        panel.bar.remove_wanted.connect(self._ask_to_remove)
        panel.bar.folder_wanted.connect(self._show_presets)
        engine.ticked.connect(self._show_tick)
        engine.opened.connect(head.show_open)
        engine.refused.connect(status.warn)
        engine.failed.connect(status.warn)
        engine.risk_found.connect(self._ask_about_risk)
        engine.taken.connect(self._offer_take)
        self.presets.failed.connect(status.warn)
        self.presets.saved.connect(self._preset_saved)
        self.presets.removed.connect(lambda title: status.tell(self.tr("{} is deleted").format(title)))  # pyright: ignore
        self.denoisers.failed.connect(status.warn)
        self.denoisers.ready.connect(state.set_denoiser)
        for changed in (state.chain_changed, state.slot_changed, state.side_changed):
            changed.connect(self._keep_chains)
        for changed in (
            state.level_changed,
            state.input_changed,
            state.denoiser_changed,
            state.tempo_changed,
        ):
            changed.connect(self._remember)
        self._list_devices()

    def _make_room(self) -> None:
        """Let the cards be seen where the dock comes up as a strip; a size that the user gave it stays."""
        layout = self._window.layout()
        if layout is not None:
            layout.activate()
        if self.panel is not None and self.panel.height() < LEAST_PX:
            self._window.resizeDocks([self._dock], [OPEN_PX], Qt.Orientation.Vertical)

    # --- ticks -------------------------------------------------------------------------------------

    def show_tick(self, tick: Tick) -> None:
        """Follow the engine while somebody looks, or a take is under way."""
        panel = self.panel
        if panel is not None and (panel.isVisible() or self.engine.is_open or self._on_wanted):
            self.engine.look(tick)

    def _show_tick(self, tick: MicTick) -> None:
        panel = self.panel
        if panel is None:
            return
        if tick.has_engine and not panel.head.is_ready:
            panel.head.show_open(self.engine.is_open)
        if tick.has_engine and self._on_wanted:
            self._on_wanted = False
            self.engine.switch(True)
        if panel.isVisible():
            panel.show_tick(tick)

    def show_facts(self, found: "Analysis | None") -> None:
        """Take in what is known of the song that is open now."""
        self.tempo.show_tempo(None if found is None else found.tempo_bpm)

    def switch_on(self) -> None:
        """Hear the mic, as soon as it is ready; somebody outside its panel asks."""
        self._on_wanted = True
        self._seen(True)

    # --- inputs ------------------------------------------------------------------------------------

    def _list_devices(self) -> None:
        if self.panel is not None:
            job = self._desktop.pool.start(lambda _task: list_devices())
            job.done.connect(self.panel.head.show_devices)
            job.failed.connect(self._no_devices)

    def _no_devices(self, why: str) -> None:
        if self.panel is not None:
            self.panel.head.show_devices(())
        self._window.status.warn(why)

    def _ask_about_risk(self, why: str) -> None:
        if self.panel is None:
            return
        self.panel.head.show_open(self.engine.is_open)
        question = Question(
            self.tr("Use this microphone all the same?"),
            self.tr("{}. With headphones on there is no danger.").format(why[:1].upper() + why[1:]),
            self.tr("I wear headphones"),
            self._window,
        )
        question.accepted.connect(partial(self.engine.open, confirmed=True))
        question.open()

    # --- presets -----------------------------------------------------------------------------------

    def _ask_title(self) -> None:
        preset = self.presets.find(self.state.preset)
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(self.tr("Save as a preset"))
        dialog.setLabelText(self.tr("What shall it be called? One of yours with this name is replaced."))
        dialog.setTextValue("" if preset is None else preset.title)
        dialog.setOkButtonText(self.tr("Save"))
        dialog.textValueSelected.connect(self._save)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _save(self, title: str) -> None:
        if title.strip():
            self.presets.save(title, self.state.slots)

    def _preset_saved(self, preset: object) -> None:
        if isinstance(preset, VocalPreset):
            self.state.set_chain(self.state.side, self.state.slots, preset.name)
            self._window.status.tell(self.tr("{} is saved").format(preset.title))

    def _ask_to_remove(self, name: str) -> None:
        preset = self.presets.find(name)
        title = name if preset is None else preset.title
        question = Question(
            self.tr("Delete the preset “{}”?").format(title),
            self.tr("The chain that you hear stays as it is."),
            self.tr("Delete"),
            self._window,
        )
        question.accepted.connect(partial(self.presets.remove, name))
        question.open()

    @staticmethod
    def _show_presets() -> None:
        folder = user_presets()
        folder.mkdir(parents=True, exist_ok=True)
        _show_folder(folder)

    # --- takes -------------------------------------------------------------------------------------

    def _toggle_record(self) -> None:
        if self.engine.is_recording:
            self.engine.stop_recording()
            return
        mic = self._desktop.settings.current.mic
        kinds: dict[str, tuple[Kind, ...]] = {"dry": ("dry",), "wet": ("wet",)}
        self.engine.record(takes_folder(), kinds.get(mic.record, KINDS), with_song=mic.with_song)

    def _offer_take(self, news: object) -> None:
        if not isinstance(news, TakeNews):
            return
        words = self.tr("{} is recorded, {}").format(news.log.stem, duration_words(news.seconds))
        answers: list[tuple[str, Any]] = [
            (self.tr("Good"), lambda: None),
            (self.tr("Show the files"), partial(_show_folder, news.log.parent)),
        ]
        if news.song is not None and news.song == self._desktop.bridge.song and news.seconds > 0.0:
            entry = self._takes.add(news.log, "wet" if "wet" in news.kinds else "dry")
            if entry is not None:
                words = self.tr("{} is recorded, {}: it is a lane of the song now").format(
                    entry.title, duration_words(news.seconds)
                )
                answers.insert(1, (self.tr("Take it out"), partial(self._takes.state.remove, entry.name)))
        self._window.offers.offer(words, answers)

    # --- remembered --------------------------------------------------------------------------------

    def _remember_record(self, what: str, with_song: bool) -> None:
        self._desktop.settings.change("mic", record=what, with_song=with_song)

    def _remember(self) -> None:
        state = self.state
        self._desktop.settings.change(
            "mic",
            device=state.input.device,
            channel=state.input.channel,
            gain_db=state.gain_db,
            pan=state.pan,
            song_tempo=state.song_tempo,
            denoiser=state.denoiser,
        )

    def _keep_chains(self) -> None:
        for side in SIDES:
            chain = self.state.kept(side)
            self._desktop.writer.put(mic_chain_file(side), partial(_chain_bytes, *chain))


def _chain_bytes(preset: str, slots: Any) -> bytes:
    return preset_text(VocalPreset("", preset, "", slots)).encode()


def _read_chains(shelf: PresetShelf, _task: Task) -> dict[Side, VocalPreset]:
    """Both chains as they were left; what cannot be read, or never was, is the usual one."""
    found: dict[Side, VocalPreset] = {}
    for side in SIDES:
        path: Path = mic_chain_file(side)
        try:
            found[side] = load_preset(path)
        except ParameterError:
            usual = shelf.load(NEW_CHAIN)
            found[side] = VocalPreset(side, NEW_CHAIN, "", usual.slots)
    return found


def _show_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
