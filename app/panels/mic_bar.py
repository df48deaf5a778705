"""The second row of the mic panel: presets, A and B, the denoiser, the tuner. GUI thread."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QProgressBar, QPushButton, QToolButton, QWidget

from app.controls.pan import PanSlider, pan_text, parse_pan
from app.controls.toggle import Toggle, WordToggle
from app.controls.value_label import ValueLabel
from app.mic_edits import MicEdits
from app.mic_presets import MicPresets
from app.mic_state import SIDES, MicState, Side, spelt_out
from app.mic_tempo import DELAY, without_tempo
from app.mic_tick import MicTick
from app.models_model import short_title, size_text
from app.panels.mic_tuner import Tuner
from app.task_models import TaskModels
from app.theme import icon, tokens
from engine.realtime.effects.plan import EffectSetting

HEIGHT_PX = 44
_PROGRESS_PX = 72
_PAN_PX, _LEAST_PAN_PX = 72, 40
_PRESET_PX, _LEAST_PRESET_PX = 150, 108
_COMPACT_PX = 900
"""Below this, captions and what else says twice is left out."""
_PITCH = "pitch_correction"
_TUNING_HZ = 440.0


class MicBar(QWidget):
    """The row.

    Parameters
    ----------
    state : MicState
    edits : MicEdits
    presets : MicPresets
    denoisers : TaskModels
    parent : QWidget or None

    Attributes
    ----------
    save_wanted : Signal()
    remove_wanted : Signal(str)
        A preset of the user, by name.
    folder_wanted : Signal()
        Show where the user's presets lie.
    """

    save_wanted = Signal()
    remove_wanted = Signal(str)
    folder_wanted = Signal()

    def __init__(
        self,
        state: MicState,
        edits: MicEdits,
        presets: MicPresets,
        denoisers: TaskModels,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._edits = edits
        self._presets = presets
        self._denoisers = denoisers
        self._starting = False
        self.preset = QPushButton(self)
        self.save = QToolButton(self)
        self.sides: dict[Side, Toggle] = {side: Toggle(side, tokens().accent, self) for side in SIDES}
        self.copy = QToolButton(self)
        self.denoiser = QPushButton(self)
        self.progress = QProgressBar(self)
        self.pan = PanSlider(edits.begin_gesture, self)
        self.pan_label = ValueLabel(pan_text, parse_pan, pan_text(-1.0), self)
        self.tempo = WordToggle(self.tr("Song tempo"), tokens().accent, self)
        self._captions = tuple(_caption(words, self) for words in (self.tr("Noise"), self.tr("Pan")))
        self._compact = False
        self.tuner = Tuner(self)
        self._name_parts()
        self._lay_out()
        self._connect()
        self._show_preset()
        self._show_denoiser()
        self._show_sides()
        self._show_level()
        self._follow_chain()

    def _name_parts(self) -> None:
        self.save.setIcon(icon("plus"))
        self.copy.setIcon(icon("copy"))
        for widget, name, tip in (
            (self.preset, self.tr("Preset"), self.tr("Choose how the voice sounds")),
            (self.save, self.tr("Save as a preset"), self.tr("Keep this chain as a preset of your own")),
            (
                self.copy,
                self.tr("Copy to the other side"),
                self.tr("Make the other side the same, to change one thing"),
            ),
            (self.denoiser, self.tr("Denoiser"), self.tr("Take the room's noise away before the effects")),
            (self.pan, self.tr("Pan of the mic"), self.tr("Where the voice stands, left to right")),
            (self.pan_label, self.tr("Pan of the mic, as a value"), self.tr("Click to type a balance")),
            (
                self.tempo,
                self.tr("Delay in the song's tempo"),
                self.tr("Let the echoes of the delay beat with the song that is open"),
            ),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        for side, toggle in self.sides.items():
            toggle.setAccessibleName(self.tr("Chain {}").format(side))
            toggle.setToolTip(self.tr("Hear chain {}: two settings to compare while you sing").format(side))
        for button in (self.preset, self.denoiser):
            button.setAutoDefault(True)
        self.denoiser.setProperty("kind", "flat")
        self.progress.setAccessibleName(self.tr("Fetching the denoiser"))
        self.progress.setFixedWidth(_PROGRESS_PX)
        self.progress.setRange(0, 100)
        self.preset.setMinimumWidth(_PRESET_PX)
        self.pan.setFixedWidth(_PAN_PX)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(6)
        row.addWidget(self.preset)
        row.addWidget(self.save)
        row.addSpacing(10)
        for toggle in self.sides.values():
            row.addWidget(toggle)
        row.addWidget(self.copy)
        row.addSpacing(10)
        row.addWidget(self._captions[0])
        row.addWidget(self.denoiser)
        row.addWidget(self.progress)
        row.addSpacing(4)
        row.addWidget(self._captions[1])
        row.addWidget(self.pan)
        row.addWidget(self.pan_label)
        row.addSpacing(4)
        row.addWidget(self.tempo)
        row.addStretch(1)
        row.addWidget(self.tuner)
        self.setFixedHeight(HEIGHT_PX)

    def _connect(self) -> None:
        state = self._state
        for button, fill in ((self.preset, self._fill_presets), (self.denoiser, self._fill_denoisers)):
            menu = QMenu(button)
            menu.setToolTipsVisible(True)
            menu.aboutToShow.connect(fill)
            button.setMenu(menu)
        self.save.clicked.connect(self.save_wanted)
        self.copy.clicked.connect(self._edits.copy_side)
        for side, toggle in self.sides.items():
            toggle.clicked.connect(partial(state.show_side, side))
        state.side_changed.connect(self._show_sides)
        state.side_changed.connect(self._show_preset)
        state.chain_changed.connect(self._show_preset)
        state.chain_changed.connect(self._follow_chain)
        state.slot_changed.connect(self._show_preset)
        state.denoiser_changed.connect(self._show_denoiser)
        state.level_changed.connect(self._show_level)
        state.tempo_changed.connect(self._follow_chain)
        self.pan.value_edited.connect(self._edits.set_pan)
        self.pan.typing_wanted.connect(lambda: self.pan_label.start_typing(self.pan))
        self.pan_label.value_typed.connect(self.pan.edit_value)
        self.tempo.switch_wanted.connect(self._ask_tempo)
        self._presets.changed.connect(self._show_preset)
        self._denoisers.changed.connect(self._show_denoiser)

    # --- presets -----------------------------------------------------------------------------------

    def _fill_presets(self) -> None:
        menu, presets = self.preset.menu(), self._presets
        menu.clear()
        own = [preset for preset in presets.presets if presets.is_users(preset.name)]
        for title, group in (
            (self.tr("Yours"), own),
            (self.tr("Charon's"), [preset for preset in presets.presets if preset not in own]),
        ):
            if not group:
                continue
            menu.addSection(title)
            for preset in group:
                action = menu.addAction(preset.title)
                action.setToolTip(preset.description or preset.title)
                action.setCheckable(True)
                action.setChecked(preset.name == self._state.preset)
                action.triggered.connect(partial(self._edits.load, preset.title, preset.name, preset.slots))
        menu.addSeparator()
        menu.addAction(self.tr("Save as…")).triggered.connect(self.save_wanted)
        current = self._state.preset
        if presets.is_users(current):
            found = presets.find(current)
            words = self.tr("Delete “{}”…").format(found.title if found else current)
            menu.addAction(words).triggered.connect(partial(self.remove_wanted.emit, current))
        menu.addAction(self.tr("Show the folder of your presets")).triggered.connect(self.folder_wanted)

    def _show_preset(self) -> None:
        state = self._state
        preset = self._presets.find(state.preset)
        if preset is None:
            title = state.preset.replace("-", " ").capitalize() if state.preset else self.tr("Own chain")
            changed = False
        else:
            title, changed = preset.title, not self._is_like(preset.slots)
        self.preset.setText(self.tr("{} *").format(title) if changed else title)
        self.preset.setAccessibleDescription(self.tr("{}, changed").format(title) if changed else title)

    def _is_like(self, slots: tuple[EffectSetting, ...]) -> bool:
        """Whether the chain is this one; a tempo that is the song's says nothing about it."""
        wanted, heard = spelt_out(slots), self._state.slots
        if self._state.song_tempo:
            wanted, heard = without_tempo(wanted), without_tempo(heard)
        return wanted == heard

    def _show_sides(self) -> None:
        for side, toggle in self.sides.items():
            toggle.setChecked(side == self._state.side)
        self.copy.setEnabled(self._state.differs)

    # --- denoiser ----------------------------------------------------------------------------------

    def _fill_denoisers(self) -> None:
        menu = self.denoiser.menu()
        menu.clear()
        self._add_denoiser(menu, "", self.tr("Off"), self.tr("The voice as the microphone hears it"))
        for row in self._denoisers.rows:
            words = short_title(row.card)
            if not row.present:
                words = self.tr("{}  ·  fetch, {}").format(words, size_text(row.card.size_bytes))
            self._add_denoiser(menu, row.card.name, words, row.card.title)
        if self._denoisers.fetching:
            menu.addSeparator()
            menu.addAction(self.tr("Stop fetching")).triggered.connect(self._denoisers.cancel)

    def _add_denoiser(self, menu: QMenu, name: str, words: str, tip: str) -> None:
        action = menu.addAction(words)
        action.setToolTip(tip)
        action.setCheckable(True)
        action.setChecked(name == self._state.denoiser)
        action.triggered.connect(partial(self._denoisers.want, name))

    def _show_denoiser(self) -> None:
        name, fetching = self._state.denoiser, self._denoisers.fetching
        row = self._denoisers.row(fetching or name)
        words = self.tr("Off") if not (fetching or name) else fetching or name
        if row is not None:
            words = short_title(row.card)
        if self._starting and name and not fetching:
            words = self.tr("{}…").format(words)
        self.denoiser.setText(words)
        self.denoiser.setAccessibleDescription(words)
        self.progress.setVisible(bool(fetching))
        self.progress.setValue(round(100 * self._denoisers.part))

    # --- balance and tempo -------------------------------------------------------------------------

    def _show_level(self) -> None:
        self.pan.show_value(self._state.pan)
        self.pan_label.show_value(self._state.pan)

    def _ask_tempo(self, on: bool, _alone: bool) -> None:
        self._edits.set_song_tempo(on)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave words out where there is no room for them."""
        super().resizeEvent(event)
        compact = self.width() < _COMPACT_PX
        if compact != self._compact:
            self._compact = compact
            for widget in (*self._captions, self.pan_label):
                widget.setVisible(not compact)
            self.pan.setFixedWidth(_LEAST_PAN_PX if compact else _PAN_PX)
            self.tuner.set_narrow(compact)
            self.preset.setMinimumWidth(_LEAST_PRESET_PX if compact else _PRESET_PX)
            self.tempo.set_words(self.tr("Tempo") if compact else self.tr("Song tempo"))

    # --- tuner -------------------------------------------------------------------------------------

    def _follow_chain(self) -> None:
        state = self._state
        self.tuner.set_has_correction(any(s.kind == _PITCH and s.enabled for s in state.slots))
        self.tempo.setVisible(any(s.kind == DELAY for s in state.slots))
        self.tempo.setChecked(state.song_tempo)

    def show_tick(self, tick: MicTick) -> None:
        """Follow the denoiser, and the voice's pitch."""
        starting = tick.denoising is not None and not tick.denoising.ready
        if starting != self._starting:
            self._starting = starting
            self._show_denoiser()
        slots = self._state.slots
        if len(tick.effects) == len(slots):
            for slot, meters in zip(slots, tick.effects, strict=True):
                if slot.kind == _PITCH and meters is not None:
                    read = meters.readouts
                    self.tuner.show_pitch(
                        read["sung_hz"], read["corrected_hz"], slot.value("tuning_hz"), tick.dt_s
                    )
                    return
        self.tuner.show_pitch(0.0, 0.0, _TUNING_HZ, tick.dt_s)


def _caption(words: str, parent: QWidget) -> QLabel:
    label = QLabel(words, parent)
    label.setProperty("class", "tiny")
    return label
