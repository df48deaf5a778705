"""The bar above the lanes that puts an input in the song's place: which one, how it is separated, how late.

GUI thread. Shows a `LiveChoice` and a `LiveTick`; what the user wants leaves through signals.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QToolButton, QWidget

from app.controls.toggle import WordToggle
from app.live_tick import LiveTick
from app.theme import icon, tokens
from engine.io.device import DeviceInfo
from engine.services.live_stems import LiveChoice, LiveLatency

HEIGHT_PX = 48
MOST_CHANNELS = 32
_NAME_CHARS, _FEW_CHARS = 30, 14
LEAST_WIDTH_PX, _COMPACT_PX = 640, 820
"""Below the second, what the rest explains is left out; the smallest window leaves 700."""


class LiveBar(QWidget):
    """The bar.

    Parameters
    ----------
    parent : QWidget or None

    Attributes
    ----------
    switch_wanted : Signal(bool)
        The input in the song's place, or the song back.
    choice_changed : Signal(LiveChoice)
    devices_wanted : Signal()
        The list of inputs is about to be shown.
    close_wanted : Signal()
        The bar is to go, and the input with it.
    """

    switch_wanted = Signal(bool)
    choice_changed = Signal(object)
    devices_wanted = Signal()
    close_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choice = LiveChoice()
        self._devices: tuple[DeviceInfo, ...] = ()
        self._models: dict[str, str] = {}
        self._is_on, self._ready_words, self._compact, self._has_keys = False, "", False, False
        self.power = QPushButton(icon("live"), self.tr("Listen"), self)
        self.input = QPushButton(self)
        self.channel = QPushButton(self)
        self.model = QPushButton(self)
        self.modes = {
            name: WordToggle(words, tokens().accent, self) for name, words in self._mode_words().items()
        }
        self.words = QLabel(self)
        self.close_button = QToolButton(self)
        self.words.setProperty("class", "small")
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._name_parts()
        self._make_menus()
        self._lay_out()
        self.show_choice(self._choice)
        self.show_tick(LiveTick())

    def _mode_words(self) -> dict[str, str]:
        return {"tight": self.tr("Tight"), "clean": self.tr("Clean")}

    def _name_parts(self) -> None:
        self.power.setCheckable(True)
        self.close_button.setIcon(icon("cancel"))
        for widget, name, tip in (
            (
                self.power,
                self.tr("Listen to an input"),
                self.tr("Separate what comes in while it plays; a song pauses until you stop"),
            ),
            (
                self.input,
                self.tr("Input that is separated"),
                self.tr("A line, a microphone, or the monitor of what another program plays"),
            ),
            (self.channel, self.tr("Channels of the input"), self.tr("Which two channels are heard")),
            (self.model, self.tr("Model for the input"), self.tr("What separates it")),
            (self.close_button, self.tr("Close the live input"), self.tr("Stop listening and hide this bar")),
            (
                self.modes["tight"],
                self.tr("Tight: as little delay as can be"),
                self.tr("About 190 ms later: to play or sing along"),
            ),
            (
                self.modes["clean"],
                self.tr("Clean: better separated"),
                self.tr("About 280 ms later, and cleaner: to listen"),
            ),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        for button in (self.power, self.input, self.channel, self.model):
            button.setAutoDefault(True)  # Enter presses it; space belongs to the window
        for button in (self.input, self.channel, self.model):
            button.setProperty("kind", "flat")

    def _make_menus(self) -> None:
        for button, fill in (
            (self.input, self.devices_wanted.emit),
            (self.channel, self._fill_channels),
            (self.model, self._fill_models),
        ):
            menu = QMenu(button)
            menu.aboutToShow.connect(fill)
            button.setMenu(menu)
        self.show_devices(())
        self.power.clicked.connect(self._ask_power)
        self.close_button.clicked.connect(self.close_wanted)
        for name, toggle in self.modes.items():
            toggle.switch_wanted.connect(partial(self._choose_mode, name))

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 8, 6)
        row.setSpacing(6)
        for widget in (self.power, self.input, self.channel, self.model):
            row.addWidget(widget)
        row.addSpacing(4)
        for toggle in self.modes.values():
            row.addWidget(toggle)
        row.addSpacing(8)
        row.addWidget(self.words, 1)
        row.addWidget(self.close_button)
        self.setFixedHeight(HEIGHT_PX)
        # Less than all the words need: in a small window they go.
        self.setMinimumWidth(LEAST_WIDTH_PX)

    # --- what is asked -----------------------------------------------------------------------------

    def _ask_power(self) -> None:
        # The button shows what is, not what is wished: opening a device takes a moment, or fails.
        wanted = self.power.isChecked()
        self.power.setChecked(not wanted)
        self._has_keys = self.power.hasFocus()
        self.power.setEnabled(False)
        self.switch_wanted.emit(wanted)

    def _choose(self, choice: LiveChoice) -> None:
        if choice != self._choice:
            self.show_choice(choice)
            self.choice_changed.emit(choice)

    def _choose_mode(self, name: str, _on: bool, _alone: bool) -> None:
        self._choose(replace(self._choice, mode=name))

    def _choose_device(self, device: str) -> None:
        self._choose(replace(self._choice, device=device or None, channel=0))

    # --- what is shown -----------------------------------------------------------------------------

    @property
    def choice(self) -> LiveChoice:
        """What the bar is set to."""
        return self._choice

    def show_choice(self, choice: LiveChoice) -> None:
        """Show another setting; nothing is emitted."""
        self._choice = choice
        name = str(choice.device or "").partition(": ")[2] or self.tr("Usual input")
        n_chars = _FEW_CHARS if self._compact else _NAME_CHARS
        self.input.setText(name if len(name) <= n_chars else name[: n_chars - 1] + "…")
        self.input.setAccessibleDescription(name)
        self.channel.setText(_pair(choice.channel))
        # Until the models are listed, the first of a name like "charon-4stems" says enough.
        self.model.setText(self._models.get(choice.model) or choice.model.partition("-")[0].capitalize())
        for mode, toggle in self.modes.items():
            toggle.setChecked(mode == choice.mode)

    def show_devices(self, devices: Sequence[DeviceInfo]) -> None:
        """List the inputs there are."""
        self._devices = tuple(device for device in devices if device.inputs > 0)
        menu = self.input.menu()
        menu.clear()
        self._add_device(self.tr("The device that plays, or the system's"), "")
        if self._devices:
            menu.addSeparator()
        for device in self._devices:
            self._add_device(f"{device.name}  ·  {device.host_api}", f"{device.host_api}: {device.name}")

    def _add_device(self, words: str, device: str) -> None:
        action = self.input.menu().addAction(words)
        action.setCheckable(True)
        action.setChecked(device == (self._choice.device or ""))
        action.triggered.connect(partial(self._choose_device, device))

    def _fill_channels(self) -> None:
        menu, wanted = self.channel.menu(), self._choice
        menu.clear()
        known = [d.inputs for d in self._devices if f"{d.host_api}: {d.name}" == wanted.device]
        n_channels = min(known[0] if known else 2, MOST_CHANNELS)
        for first in range(0, max(1, n_channels), 2):
            action = menu.addAction(self.tr("Channels {}").format(_pair(first)))
            action.setCheckable(True)
            action.setChecked(first == wanted.channel)
            action.triggered.connect(partial(self._choose, replace(wanted, channel=first)))

    def show_models(self, titles: dict[str, str]) -> None:
        """Which models can separate live: names with their titles."""
        self._models = dict(titles)
        self.show_choice(self._choice)

    def _fill_models(self) -> None:
        menu = self.model.menu()
        menu.clear()
        for name, title in self._models.items():
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setChecked(name == self._choice.model)
            action.triggered.connect(partial(self._choose, replace(self._choice, model=name)))

    def set_ready(self, ready: bool) -> None:
        """Whether there is an engine that answers."""
        self.power.setEnabled(ready)
        if ready and self._has_keys:
            # A button that is disabled hands the keys on: back to where the hand was.
            self._has_keys = False
            self.power.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_tick(self, tick: LiveTick) -> None:
        """Say how it is."""
        if tick.is_on != self._is_on or not self.power.text():
            self._is_on = tick.is_on
            self.power.setChecked(tick.is_on)
            self.power.setText(self.tr("Stop") if tick.is_on else self.tr("Listen"))
            self.power.setIcon(icon("live", tokens().window if tick.is_on else tokens().dim))
        words, kind, tip = self._say(tick)
        if words != self._ready_words:
            self._ready_words = words
            self.words.setText(words)
            self.words.setToolTip(tip)
            self.words.setProperty("class", kind)
            self.words.style().polish(self.words)

    def _say(self, tick: LiveTick) -> tuple[str, str, str]:
        """Words, their kind, and what they mean in full."""
        if tick.trouble:
            return tick.trouble[:1].upper() + tick.trouble[1:], "warning", tick.trouble
        if not tick.is_on or tick.latency is None:
            words = self.tr("Separates what comes in, while it plays")
            return words, "small", self.tr("The song that is open pauses, and is back when you stop")
        whole = self.tr("Heard {:.0f} ms after it comes in").format(1000.0 * tick.latency.total_s)
        if not tick.is_ready:
            return (
                self.tr("{}; the stems are being prepared").format(whole),
                "small",
                self._stages(tick.latency),
            )
        return whole, "small", self._stages(tick.latency)

    def _stages(self, latency: LiveLatency) -> str:
        rows = (
            (self.tr("Input"), latency.input_s),
            (self.tr("Separation"), latency.separation_s),
            (self.tr("Limiter"), latency.limiter_s),
            (self.tr("Output"), latency.output_s),
        )
        return "\n".join(self.tr("{}: {:.1f} ms").format(name, 1000.0 * seconds) for name, seconds in rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave words out where there is no room for them."""
        super().resizeEvent(event)
        compact = self.width() < _COMPACT_PX
        if compact != self._compact:
            self._compact = compact
            self.show_choice(self._choice)


def _pair(first: int) -> str:
    return f"{first + 1} + {first + 2}"
