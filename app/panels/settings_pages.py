"""The settings that are not about the device: stems, export, appearance.

GUI thread; every change is set at once, there is nothing to confirm.
"""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from app.live_settings import LiveSettings
from app.panels.question import Question
from app.panels.settings_form import Choice, SettingsPage
from app.settings import ExportSettings, StemSettings, WindowSettings
from app.theme import icon

LIMITS_GB = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
"""A four-minute song in four stems takes 0.4 GB."""


class StemsPage(SettingsPage):
    """Default model, and disk space for separated songs.

    Parameters
    ----------
    live : LiveSettings
    models : sequence of (str, str)
        Name and title of each model that can be chosen.
    parent : QWidget or None

    Attributes
    ----------
    emptied : Signal()
        Remove all separated songs that are not in use; answer with `show_bytes`.
    """

    emptied = Signal()

    def __init__(
        self, live: LiveSettings, models: Sequence[tuple[str, str]], parent: QWidget | None = None
    ) -> None:
        plain = StemSettings()
        super().__init__(live, "stems", {"model": plain.model, "limit_gb": plain.limit_gb}, parent)
        self.set_title(self.tr("Stems"))
        self._models = list(models)
        self._model = Choice(self)
        self._model.activated.connect(lambda: live.change("stems", model=self._model.currentData()))
        self.add_row(
            self.tr("&Model"),
            self._model,
            self.tr("Separates the songs that you open from now on."),
        )
        self._limit = Choice(self)
        self._limit.activated.connect(lambda: live.change("stems", limit_gb=self._limit.currentData()))
        self._empty = QPushButton(icon("remove"), self.tr("Empty…"), self)
        self._empty.setAutoDefault(False)
        self._empty.setAccessibleName(self.tr("Empty the stem store"))
        self._empty.setToolTip(self.tr("Remove all separated songs from this disk"))
        self._empty.clicked.connect(self._ask)
        self._used = QLabel(self)
        self.add_row(self.tr("&Disk space"), (self._limit, self._empty), self._used)
        self._limit.setToolTip(self.tr("Separated songs may take this much; those not used longest go first"))
        self.show_bytes(None)
        self.follow(self._fill)

    def show_bytes(self, used_bytes: int | None) -> None:
        """Say how much the separated songs take; None while it is not known."""
        rule = self.tr("Songs not opened for longest make room.")
        if used_bytes is not None:
            rule = self.tr("{:.1f} GB used. {}").format(used_bytes / 1000**3, rule)
        self._used.setText(rule)
        self._empty.setEnabled(used_bytes != 0)

    def _fill(self) -> None:
        stems = self._live.current.stems
        models = self._models
        if stems.model not in dict(models):
            models = [*models, (stems.model, stems.model)]
        self._model.offer(models, stems.model)
        sizes = sorted({*LIMITS_GB, stems.limit_gb})
        self._limit.offer([(gb, self.tr("{:g} GB").format(gb)) for gb in sizes], stems.limit_gb)

    def _ask(self) -> None:
        question = Question(
            self.tr("Remove all separated songs?"),
            self.tr("Your songs and exported files stay. A song is separated again when it is opened."),
            self.tr("Remove"),
            self,
        )
        question.accepted.connect(self.emptied)
        question.open()


class ExportPage(SettingsPage):
    """What the export dialog starts with.

    Parameters
    ----------
    live : LiveSettings
    parent : QWidget or None
    """

    def __init__(self, live: LiveSettings, parent: QWidget | None = None) -> None:
        plain = ExportSettings()
        defaults = {"container": plain.container, "bits": plain.bits, "folder": plain.folder}
        super().__init__(live, "export", defaults, parent)
        self.set_title(self.tr("Export"))
        self._container = Choice(self)
        self._container.activated.connect(self._choose_container)
        self.add_row(
            self.tr("&Format"),
            self._container,
            self.tr("WAV is plain, FLAC is smaller and as good, MP3 is for sending."),
        )
        self._bits = Choice(self)
        self._bits.activated.connect(lambda: live.change("export", bits=self._bits.currentData()))
        self.add_row(
            self.tr("&Bits"),
            self._bits,
            self.tr("24 bits suit any ear; 32-bit float keeps peaks above full scale."),
        )
        self._folder = QLineEdit(self)
        self._folder.setReadOnly(True)
        choose = QPushButton(icon("folder"), self.tr("Choose…"), self)
        choose.setAutoDefault(False)
        choose.setAccessibleName(self.tr("Choose the export folder"))
        choose.setToolTip(self.tr("Choose the folder that exported files go to"))
        choose.clicked.connect(self._ask)
        self.add_row(
            self.tr("F&older"),
            (self._folder, choose),
            self.tr("Where exported files go unless you say otherwise."),
        )
        self.follow(self._fill)

    def _choose_container(self) -> None:
        container = self._container.currentData()
        # FLAC holds no float: the best that it does hold.
        float_flac = container == "flac" and self._live.current.export.bits == "32f"
        values = {"bits": "24"} if float_flac else {}
        self._live.change("export", container=container, **values)

    def _fill(self) -> None:
        export = self._live.current.export
        containers = [("wav", self.tr("WAV")), ("flac", self.tr("FLAC")), ("mp3", self.tr("MP3"))]
        self._container.offer(containers, export.container)
        bits = [("16", self.tr("16 bits")), ("24", self.tr("24 bits")), ("32f", self.tr("32-bit float"))]
        self._bits.setEnabled(export.container != "mp3")
        if export.container == "mp3":
            self._bits.offer([(export.bits, self.tr("MP3 has none"))], export.bits)
        else:
            self._bits.offer(bits[:2] if export.container == "flac" else bits, export.bits)
        self._folder.setText(export.folder or self.tr("Beside the song"))
        self._folder.setCursorPosition(0)

    def _ask(self) -> None:
        box = QFileDialog(self, self.tr("Folder for exported files"), self._live.current.export.folder)
        box.setFileMode(QFileDialog.FileMode.Directory)
        box.setOption(QFileDialog.Option.ShowDirsOnly)
        box.fileSelected.connect(self._set_folder)
        box.finished.connect(box.deleteLater)
        box.open()

    def _set_folder(self, folder: str) -> None:
        self._live.change("export", folder=folder)


class LookPage(SettingsPage):
    """How the window moves.

    Parameters
    ----------
    live : LiveSettings
    parent : QWidget or None
    """

    def __init__(self, live: LiveSettings, parent: QWidget | None = None) -> None:
        super().__init__(live, "window", {"motion": WindowSettings().motion}, parent)
        self.set_title(self.tr("Appearance"))
        self._motion = Choice(self)
        self._motion.activated.connect(lambda: live.change("window", motion=self._motion.currentData()))
        self.add_row(
            self.tr("&Motion"),
            self._motion,
            self.tr("Of menus and panels. Play-head and meters always move."),
        )
        self.follow(self._fill)

    def _fill(self) -> None:
        entries = [
            ("system", self.tr("As the system says")),
            ("full", self.tr("Always")),
            ("none", self.tr("None")),
        ]
        self._motion.offer(entries, self._live.current.window.motion)
