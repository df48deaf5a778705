"""The settings: a list of pages at the left, the page at the right, every change at once.

GUI thread; not modal, so that a change of the device or the buffer can be heard while it is made.
"""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.live_settings import LiveSettings
from app.panels.settings_audio import AudioPage
from app.panels.settings_pages import ExportPage, LookPage, StemsPage
from app.theme import icon, tokens
from app.tick import DeviceLine
from engine.io.device import DeviceInfo

WIDTH_PX, HEIGHT_PX = 720, 500
LIST_WIDTH_PX = 168


class SettingsDialog(QDialog):
    """All settings.

    Parameters
    ----------
    live : LiveSettings
    models : sequence of (str, str)
        Name and title of each model that can be chosen.
    parent : QWidget or None

    Attributes
    ----------
    devices_wanted : Signal()
        Look for devices; answer with `show_devices`. Sent whenever the dialog is opened, too.
    device_chosen : Signal(object)
        Open a StreamRequest; answer with `show_trouble` when that fails.
    tone_wanted : Signal(bool)
        Play the test tone, or stop it.
    stems_emptied : Signal()
        Remove all separated songs that are not in use; answer with `show_stems_bytes`.
    """

    devices_wanted = Signal()
    device_chosen = Signal(object)
    tone_wanted = Signal(bool)
    stems_emptied = Signal()

    def __init__(
        self, live: LiveSettings, models: Sequence[tuple[str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self.setModal(False)
        self.resize(WIDTH_PX, HEIGHT_PX)
        self._audio = AudioPage(live, self)
        self._stems = StemsPage(live, models, self)
        self._export = ExportPage(live, self)
        self._look = LookPage(live, self)
        self._pages = {
            "audio": ("speaker", self._audio),
            "stems": ("models", self._stems),
            "export": ("export", self._export),
            "appearance": ("settings", self._look),
        }
        self._audio.devices_wanted.connect(self.devices_wanted)
        self._audio.device_chosen.connect(self.device_chosen)
        self._audio.tone_wanted.connect(self.tone_wanted)
        self._stems.emptied.connect(self.stems_emptied)
        self._stack = QStackedWidget(self)
        self._names = self._make_names()
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self._stack, 1)
        right.addLayout(self._make_buttons())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._names)
        row.addLayout(right, 1)
        self._names.setCurrentRow(0)

    def open_page(self, name: str = "audio") -> None:
        """Show the dialog at a page: "audio", "stems", "export" or "appearance"."""
        self._names.setCurrentRow(list(self._pages).index(name))
        if not self.isVisible():
            self.devices_wanted.emit()
        self.show()
        self.raise_()
        self.activateWindow()
        self._names.setFocus()

    def show_devices(self, devices: Sequence[DeviceInfo], error: str = "") -> None:
        """Offer the devices of this machine, or say why there are none."""
        self._audio.show_devices(devices, error)

    def show_device(self, line: DeviceLine | None) -> None:
        """Say which device is open; cheap enough for every tick."""
        self._audio.show_device(line)

    def show_trouble(self, text: str) -> None:
        """Say why the device that was chosen does not play; empty when all is well."""
        self._audio.show_trouble(text)

    def show_stems_bytes(self, used_bytes: int | None) -> None:
        """Say how much disk space the separated songs take; None while it is not known."""
        self._stems.show_bytes(used_bytes)

    def _make_names(self) -> QListWidget:
        look = tokens()
        names = QListWidget(self)
        names.setObjectName("settingsPages")
        names.setFrameShape(QFrame.Shape.NoFrame)
        names.setFixedWidth(LIST_WIDTH_PX)
        names.setIconSize(QSize(18, 18))
        names.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        names.setAccessibleName(self.tr("Pages of the settings"))
        names.setToolTip(self.tr("Pages of the settings"))
        names.setStyleSheet(
            f"#settingsPages {{ background: {look.window.name()}; padding: {5 * look.unit_px}px"
            f" {2 * look.unit_px}px; }}"
            f"#settingsPages::item {{ min-height: {6 * look.unit_px}px; }}"
        )
        for image, page in self._pages.values():
            names.addItem(QListWidgetItem(icon(image), page.title))
            self._stack.addWidget(page)
        names.currentRowChanged.connect(self._stack.setCurrentIndex)
        return names

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        # The flat button's own padding brings its text under the labels.
        row.setContentsMargins(12, 12, 28, 20)
        row.setSpacing(8)
        restore = QPushButton(self.tr("Restore defaults"), self)
        restore.setProperty("kind", "flat")
        restore.setAutoDefault(False)
        restore.setToolTip(self.tr("Set everything on this page as it was at first"))
        restore.clicked.connect(self._restore_page)
        close = QPushButton(self.tr("Close"), self)
        close.setDefault(True)
        close.setToolTip(self.tr("Close the settings; they are kept"))
        close.clicked.connect(self.accept)
        for button in (restore, close):
            button.setAccessibleName(button.text())
        row.addWidget(restore)
        row.addStretch(1)
        row.addWidget(close)
        return row

    def _restore_page(self) -> None:
        list(self._pages.values())[self._stack.currentIndex()][1].restore_defaults()
