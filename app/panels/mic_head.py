"""The upper row of the mic panel: on, which input, how loud, and recording. GUI thread."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QWidget

from app.controls.fader import Fader, db_text, parse_db
from app.controls.meter import PeakMeter
from app.controls.toggle import Toggle
from app.controls.value_label import ValueLabel
from app.mic_edits import MicEdits
from app.mic_state import MicInput, MicState
from app.mic_tick import MicTick
from app.mic_words import duration_text, duration_words
from app.theme import icon, tokens
from engine.io.device import DeviceInfo

HEIGHT_PX, _SPACING_PX = 44, 6
_METER_PX, _LEAST_METER_PX = 72, 38
LEAST_WIDTH_PX, COMPACT_PX = 656, 880
"""Below the second, what the rest explains is left out; the smallest window leaves 700."""
_NAME_CHARS, _FEW_CHARS = 24, 11
MOST_CHANNELS = 16
"""In the menu: desks with more are set in the settings file."""


class MicHead(QWidget):
    """The row.

    Parameters
    ----------
    state : MicState
    edits : MicEdits
    parent : QWidget or None

    Attributes
    ----------
    switch_wanted : Signal(bool)
        The mic on or off.
    devices_wanted : Signal()
        The list of inputs is about to be shown.
    record_toggled : Signal()
    record_changed : Signal(str, bool)
        What a take holds, and whether the song plays along.
    """

    switch_wanted = Signal(bool)
    devices_wanted = Signal()
    record_toggled = Signal()
    record_changed = Signal(str, bool)

    def __init__(self, state: MicState, edits: MicEdits, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._edits = edits
        self._devices: tuple[DeviceInfo, ...] = ()
        self._record, self._with_song = "both", True
        self._said_s = -1
        self.is_ready = self._has_keys = False
        self.power = QPushButton(icon("mic"), self.tr("Mic off"), self)
        self.power.setCheckable(True)
        self.input = QPushButton(self)
        self.channel = QPushButton(self)
        self.input_meter = PeakMeter(Qt.Orientation.Horizontal, 4)
        self.fader = Fader(edits.begin_gesture, tokens().lane_colour("vocals"))
        self.gain_label = ValueLabel(db_text, parse_db, db_text(-72.0))
        self.mute = Toggle("M", tokens().warning)
        self.output_meter = PeakMeter(Qt.Orientation.Horizontal, 4)
        self.what = QPushButton(self)
        self.record = QPushButton(icon("dot", tokens().error), self.tr("Record"), self)
        self._captions = (_caption(self.tr("In")), _caption(self.tr("Out")))
        self._compact = False
        self._name_parts()
        self._make_menus()
        self._lay_out()
        self._connect()
        self._show_input()
        self._show_level()
        self.show_open(False)
        self.show_record("both", with_song=True)

    # --- building ----------------------------------------------------------------------------------

    def _name_parts(self) -> None:
        for widget, name, tip in (
            (self.power, self.tr("Microphone"), self.tr("Hear your voice through the effects below, or not")),
            (self.input, self.tr("Input of the mic"), self.tr("Which microphone or line is heard")),
            (self.channel, self.tr("Channel of the input"), self.tr("Which channel of the input is heard")),
            (
                self.input_meter,
                self.tr("Level of the mic"),
                self.tr("The voice as it comes in. Red: too loud"),
            ),
            (
                self.fader,
                self.tr("Gain of the mic"),
                self.tr("How loud the voice is in the mix. Shift for fine steps, Enter to type"),
            ),
            (self.gain_label, self.tr("Gain of the mic in decibels"), self.tr("Click to type a gain")),
            (self.mute, self.tr("Mute the mic"), self.tr("Keep the voice out of the mix; takes go on")),
            (self.output_meter, self.tr("Level of the voice"), self.tr("The voice as it goes into the mix")),
            (
                self.what,
                self.tr("What is recorded"),
                self.tr("Bare or finished voice, and the song along with it"),
            ),
            (self.record, self.tr("Record"), self.tr("Record the voice, and stop")),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        for button in (self.power, self.input, self.channel, self.what, self.record):
            button.setAutoDefault(True)  # Enter presses it; space belongs to the window
        for button in (self.input, self.channel, self.what):
            button.setProperty("kind", "flat")
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def _make_menus(self) -> None:
        self._input_menu = QMenu(self.input)
        self._input_menu.aboutToShow.connect(self.devices_wanted)
        self.input.setMenu(self._input_menu)
        self._channel_menu = QMenu(self.channel)
        self._channel_menu.aboutToShow.connect(self._fill_channels)
        self.channel.setMenu(self._channel_menu)
        menu = QMenu(self.what)
        menu.setToolTipsVisible(True)
        self._kinds = {}
        for name, words, tip in (
            ("both", self.tr("Dry and wet"), self.tr("Two files: the bare voice, and the finished one")),
            ("wet", self.tr("Wet only"), self.tr("The voice with its effects")),
            ("dry", self.tr("Dry only"), self.tr("The bare voice, to be treated later")),
        ):
            action = self._kinds[name] = menu.addAction(words)
            action.setCheckable(True)
            action.setToolTip(tip)
            action.triggered.connect(partial(self._choose_record, name))
        menu.addSeparator()
        self._along = menu.addAction(self.tr("With the song"))
        self._along.setCheckable(True)
        self._along.setToolTip(self.tr("Play the song along, so that the take can become a lane of it"))
        self._along.triggered.connect(self._choose_along)
        self.what.setMenu(menu)

    def _lay_out(self) -> None:
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(_SPACING_PX)
        for meter in (self.input_meter, self.output_meter):
            meter.setMinimumWidth(_LEAST_METER_PX)
            meter.setMaximumWidth(2 * _METER_PX)
        self.fader.setMinimumWidth(_LEAST_METER_PX)
        self.fader.setMaximumWidth(2 * _METER_PX)
        row.addWidget(self.power)
        row.addWidget(self.input)
        row.addWidget(self.channel)
        row.addSpacing(8)
        row.addWidget(self._captions[0])
        row.addWidget(self.input_meter, 3)
        row.addSpacing(8)
        row.addWidget(self.fader, 3)
        row.addWidget(self.gain_label)
        row.addWidget(self.mute)
        row.addSpacing(8)
        row.addWidget(self._captions[1])
        row.addWidget(self.output_meter, 3)
        row.addStretch(1)
        row.addWidget(self.what)
        row.addWidget(self.record)
        # As wide with a clock in it: nothing moves while one sings.
        self.record.setMinimumWidth(self.record.sizeHint().width() + 8)
        self.setFixedHeight(HEIGHT_PX)
        # Less than all the words need: in a small window they go.
        self.setMinimumWidth(LEAST_WIDTH_PX)

    def _connect(self) -> None:
        self.power.clicked.connect(self._ask_power)
        self.record.clicked.connect(self.record_toggled)
        self.fader.value_edited.connect(self._edits.set_gain_db)
        self.fader.typing_wanted.connect(lambda: self.gain_label.start_typing(self.fader))
        self.gain_label.value_typed.connect(self.fader.edit_value)
        self.mute.switch_wanted.connect(self._ask_mute)
        self._state.level_changed.connect(self._show_level)
        self._state.input_changed.connect(self._show_input)

    # --- what is asked -----------------------------------------------------------------------------

    def _ask_power(self) -> None:
        # The button shows what is, not what is wished: opening a device takes a moment, or fails.
        wanted = self.power.isChecked()
        self.power.setChecked(not wanted)
        self._has_keys = self.power.hasFocus()
        self.power.setEnabled(False)
        self.power.setText(self.tr("Mic…"))
        self.switch_wanted.emit(wanted)

    def _ask_mute(self, on: bool, _alone: bool) -> None:
        self._edits.set_mute(on)

    def _choose_record(self, name: str) -> None:
        self.show_record(name, with_song=self._with_song)
        self.record_changed.emit(self._record, self._with_song)

    def _choose_along(self, on: bool) -> None:
        self.show_record(self._record, with_song=on)
        self.record_changed.emit(self._record, self._with_song)

    # --- what is shown -----------------------------------------------------------------------------

    def show_open(self, is_open: bool) -> None:
        """Show whether the mic is heard."""
        self.is_ready = True
        self.power.setEnabled(True)
        if self._has_keys:
            # A button that is disabled hands the keys on: back to where the hand was.
            self._has_keys = False
            self.power.setFocus(Qt.FocusReason.OtherFocusReason)
        self.power.setChecked(is_open)
        self.power.setText(self.tr("Mic on") if is_open else self.tr("Mic off"))
        self.power.setIcon(icon("mic", tokens().window if is_open else tokens().dim))
        self.record.setEnabled(is_open)
        for meter in (self.input_meter, self.output_meter):
            meter.set_muffled(not is_open)

    def set_ready(self, ready: bool) -> None:
        """Wait for the engine."""
        self.is_ready = ready
        self.power.setEnabled(ready)
        if not ready:
            self.power.setText(self.tr("Mic…"))

    def show_devices(self, devices: Sequence[DeviceInfo]) -> None:
        """List the inputs there are."""
        self._devices = tuple(device for device in devices if device.inputs > 0)
        menu = self._input_menu
        menu.clear()
        self._add_input(self.tr("The device that plays, or the system's"), "")
        if self._devices:
            menu.addSeparator()
        for device in self._devices:
            self._add_input(f"{device.name}  ·  {device.host_api}", f"{device.host_api}: {device.name}")

    def _add_input(self, words: str, device: str) -> None:
        action = self._input_menu.addAction(words)
        action.setCheckable(True)
        action.setChecked(device == self._state.input.device)
        action.triggered.connect(lambda: self._state.set_input(MicInput(device, 0)))

    def _fill_channels(self) -> None:
        menu, wanted = self._channel_menu, self._state.input
        menu.clear()
        known = [d.inputs for d in self._devices if f"{d.host_api}: {d.name}" == wanted.device]
        n_channels = min(known[0] if known else 2, MOST_CHANNELS)
        for channel in (*range(n_channels), *((-1,) if n_channels > 1 else ())):
            action = menu.addAction(self._channel_words(channel))
            action.setCheckable(True)
            action.setChecked(channel == wanted.channel)
            action.triggered.connect(partial(self._choose_channel, channel))

    def _choose_channel(self, channel: int) -> None:
        self._state.set_input(MicInput(self._state.input.device, channel))

    def _channel_words(self, channel: int) -> str:
        return self.tr("Channels 1 and 2") if channel < 0 else self.tr("Channel {}").format(channel + 1)

    def _show_input(self) -> None:
        wanted = self._state.input
        name = wanted.device.partition(": ")[2] or wanted.device or self.tr("Usual input")
        n_chars = _FEW_CHARS if self._compact else _NAME_CHARS
        self.input.setText(name if len(name) <= n_chars else name[: n_chars - 1] + "…")
        self.input.setAccessibleDescription(name)
        self.channel.setText(self.tr("1 + 2") if wanted.channel < 0 else str(wanted.channel + 1))
        self.channel.setAccessibleDescription(self._channel_words(wanted.channel))

    def _show_level(self) -> None:
        self.fader.show_value(self._state.gain_db)
        self.gain_label.show_value(self._state.gain_db)
        self.mute.setChecked(self._state.mute)

    def show_record(self, what: str, *, with_song: bool) -> None:
        """Show what a take will hold."""
        self._record, self._with_song = what, with_song
        for name, action in self._kinds.items():
            action.setChecked(name == what)
        self._along.setChecked(with_song)
        words = {"both": self.tr("Dry + wet"), "wet": self.tr("Wet"), "dry": self.tr("Dry")}[what]
        self.what.setText(self.tr("{}, song").format(words) if with_song and not self._compact else words)
        self.what.setAccessibleDescription(self.tr("{}, song").format(words) if with_song else words)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave words out where there is no room for them."""
        super().resizeEvent(event)
        compact = self.width() < COMPACT_PX
        if compact != self._compact:
            self._compact = compact
            for widget in (*self._captions, self.output_meter):
                widget.setVisible(not compact)
            self._row.setSpacing(3 if compact else _SPACING_PX)
            self._show_input()
            self.show_record(self._record, with_song=self._with_song)

    def show_recording(self, seconds: float | None) -> None:
        """Show how long the take is; None while nothing is recorded."""
        second = -1 if seconds is None else int(seconds)
        if second == self._said_s:
            return
        before, self._said_s = self._said_s, second
        self.record.setText(self.tr("Record") if seconds is None else duration_text(seconds))
        self.record.setAccessibleDescription("" if seconds is None else duration_words(seconds))
        if (before < 0) != (second < 0):
            recording = seconds is not None
            self.record.setIcon(icon("stop" if recording else "dot", tokens().error))
            self.record.setToolTip(self.tr("Stop recording") if recording else self.tr("Record the voice"))
            self.record.setAccessibleName(self.tr("Stop recording") if recording else self.tr("Record"))
            self.what.setEnabled(not recording)

    def show_tick(self, tick: MicTick) -> None:
        """Move the meters on."""
        self.input_meter.show_peak(*tick.input_db, tick.dt_s)
        self.output_meter.show_peak(*tick.output_db, tick.dt_s)
        self.show_recording(tick.recording_s)


def _caption(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("class", "tiny")
    return label
