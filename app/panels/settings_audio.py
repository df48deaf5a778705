"""The audio page of the settings: which device, at which rate, in blocks of what size, and a test tone.

GUI thread; nothing here touches a device. What is chosen is told by signals, and what came of it is
shown when the bridge says so. A choice that the device refuses is taken back.
"""

from collections.abc import Sequence

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from app.live_settings import LiveSettings
from app.panels.settings_form import Choice, SettingsPage
from app.settings import AudioSettings
from app.theme import icon, tokens
from app.tick import DeviceLine
from engine.io.device import DeviceInfo

RATES_HZ = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
BLOCKS_FRAMES = (32, 64, 128, 256, 512, 1024, 2048)
TONE_MS = 4000
DOT_PX = 14


class AudioPage(SettingsPage):
    """Device, rate, block and test tone.

    Parameters
    ----------
    live : LiveSettings
    parent : QWidget or None

    Attributes
    ----------
    devices_wanted : Signal()
        Look for devices; answer with `show_devices`.
    device_chosen : Signal(object)
        Open a StreamRequest; answer with `show_trouble` when that fails.
    tone_wanted : Signal(bool)
        Play the test tone, or stop it.
    """

    devices_wanted = Signal()
    device_chosen = Signal(object)
    tone_wanted = Signal(bool)

    def __init__(self, live: LiveSettings, parent: QWidget | None = None) -> None:
        super().__init__(live, "audio", _values(AudioSettings()), parent)
        self.set_title(self.tr("Audio"))
        self._devices: Sequence[DeviceInfo] = ()
        self._line: DeviceLine | None = None
        self._before = live.current.audio
        self._device = Choice(self)
        self._rate = Choice(self)
        self._block = Choice(self)
        self._tone_end = QTimer(self)
        self._tone_end.setSingleShot(True)
        self._tone_end.setInterval(TONE_MS)
        self._add_rows()
        self._tone_end.timeout.connect(self.stop_tone)
        self._device.activated.connect(self._choose)
        self._rate.activated.connect(self._choose)
        self._block.activated.connect(self._choose)
        self.follow(self._fill)
        self.show_device(None)

    def _add_rows(self) -> None:
        look_again = QToolButton(self)
        look_again.setIcon(icon("retry"))
        look_again.setIconSize(QSize(18, 18))
        look_again.setAccessibleName(self.tr("Look for devices again"))
        look_again.setToolTip(self.tr("Look for devices again"))
        look_again.clicked.connect(self.devices_wanted)
        self._found = QLabel(self)
        self.add_row(self.tr("&Output"), (self._device, look_again), self._found)
        self.add_row(
            self.tr("&Rate"),
            self._rate,
            self.tr("Songs of another rate are converted as they play."),
        )
        self.add_row(
            self.tr("&Buffer"),
            self._block,
            self.tr("Smaller answers faster, larger is safer against dropouts."),
        )
        self._tone = QPushButton(self.tr("Play test tone"), self)
        self._tone.setIcon(icon("tone"))
        self._tone.setAutoDefault(False)
        self._tone.setCheckable(True)
        self._tone.setAccessibleName(self.tr("Play test tone"))
        self._tone.setToolTip(self.tr("A soft tone for a few seconds, to hear that the device plays"))
        self._tone.toggled.connect(self._play_tone)
        self._state = QLabel(self)
        self._state.setWordWrap(True)
        self._dot = QLabel(self)
        now = QWidget(self)
        row = QHBoxLayout(now)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._dot)
        row.addWidget(self._state, 1)
        self._trouble = QLabel(self)
        self.add_row(self.tr("Playing on"), (now, self._tone), self._trouble)
        now.setToolTip("")
        self._trouble.setProperty("class", "error")

    # --- what the bridge says ----------------------------------------------------------------------

    def show_devices(self, devices: Sequence[DeviceInfo], error: str = "") -> None:
        """Offer the devices of this machine.

        Parameters
        ----------
        devices : sequence of DeviceInfo
            All; those without outputs are left out.
        error : str
            Why there are none, in one line.
        """
        self._devices = [device for device in devices if device.outputs > 0]
        count = len(self._devices)
        if error:
            self._found.setText(error)
        elif count == 0:
            self._found.setText(self.tr("No output was found: connect one and look again."))
        else:
            self._found.setText(
                self.tr("1 output found.") if count == 1 else self.tr("{} outputs found.").format(count)
            )
        self._fill()

    def show_device(self, line: DeviceLine | None) -> None:
        """Say what is open; cheap when nothing is new."""
        if line == self._line and self._state.text():
            return
        self._line = line
        look = tokens()
        self._dot.setPixmap(icon("dot", look.good if line else look.warning).pixmap(QSize(DOT_PX, DOT_PX)))
        self._tone.setEnabled(line is not None)
        if line is None:
            self._state.setText(self.tr("No device is open"))
        else:
            block = self.tr(" · {} frames").format(line.block_frames) if line.block_frames else ""
            self._state.setText(
                self.tr("{}\n{:g} kHz{} · {:.1f} ms").format(
                    line.name, line.rate_hz / 1000, block, line.latency_ms
                )
            )
        self._fill()

    def show_trouble(self, text: str) -> None:
        """Say why the device that was chosen does not play, and go back to the one before.

        Parameters
        ----------
        text : str
            One line; empty when all is well.
        """
        self._trouble.setText(text)
        if text:
            self._live.change("audio", **_values(self._before))

    # --- what the user does ------------------------------------------------------------------------

    def _choose(self) -> None:
        self._before = self._live.current.audio
        self._trouble.clear()
        self._live.change(
            "audio",
            device=self._device.currentData(),
            rate_hz=self._rate.currentData(),
            block_frames=self._block.currentData(),
        )
        if self._live.current.audio != self._before:
            self.device_chosen.emit(self._live.current.audio.request)

    def restore_defaults(self) -> None:
        """The system's device with its own rate and block."""
        self._before = self._live.current.audio
        super().restore_defaults()
        if self._live.current.audio != self._before:
            self.device_chosen.emit(self._live.current.audio.request)

    def _play_tone(self, on: bool) -> None:
        self._tone.setText(self.tr("Stop test tone") if on else self.tr("Play test tone"))
        self._tone.setIcon(icon("tone", tokens().window if on else None))
        if on:
            self._tone_end.start()
        else:
            self._tone_end.stop()
        self.tone_wanted.emit(on)

    def stop_tone(self) -> None:
        """Let the tone end."""
        self._tone.setChecked(False)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody leaves a tone on behind a closed dialog."""
        self.stop_tone()
        super().hideEvent(event)

    # --- boxes -------------------------------------------------------------------------------------

    def _fill(self) -> None:
        audio = self._live.current.audio
        self._device.offer(self._device_entries(audio.device), audio.device)
        own_hz = self._own_rate_hz(audio.device)
        own = self.tr("Device's own ({:g} kHz)").format(own_hz / 1000) if own_hz else self.tr("Device's own")
        rates = sorted({*RATES_HZ, audio.rate_hz} - {0})
        self._rate.offer(
            [(0, own), *((hz, self.tr("{:g} kHz").format(hz / 1000)) for hz in rates)], audio.rate_hz
        )
        now_hz = audio.rate_hz or (self._line.rate_hz if self._line else own_hz) or 48_000
        blocks = sorted({*BLOCKS_FRAMES, audio.block_frames} - {0})
        sizes = [(n, self.tr("{} frames · {:.1f} ms").format(n, 1000 * n / now_hz)) for n in blocks]
        self._block.offer([(0, self.tr("Automatic")), *sizes], audio.block_frames)

    def _device_entries(self, chosen: str) -> list[tuple[str, str]]:
        default = next((device.name for device in self._devices if device.is_default_output), "")
        words = self.tr("System default ({})").format(default) if default else self.tr("System default")
        entries = [("", words)]
        entries += [(_key(device), _key(device)) for device in self._devices]
        if chosen not in dict(entries):
            entries.append((chosen, self.tr("{} (not connected)").format(chosen)))
        return entries

    def _own_rate_hz(self, chosen: str) -> int:
        for device in self._devices:
            if _key(device) == chosen or (not chosen and device.is_default_output):
                return device.default_rate_hz
        return 0


def _key(device: DeviceInfo) -> str:
    """What a device is remembered by: its number changes whenever another one comes or goes."""
    return f"{device.host_api}: {device.name}"


def _values(audio: AudioSettings) -> dict[str, str | int]:
    return {"device": audio.device, "rate_hz": audio.rate_hz, "block_frames": audio.block_frames}
