"""The form of the export dialog: what, how and where, as widgets.

GUI thread. It knows what may be chosen together and nothing about files.
"""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.export_order import ExportSource, What
from app.theme import icon, tokens
from engine.services.mixdown import LaneSetting, Mix

LABEL_PX = 72


class ExportForm(QWidget):
    """Choices of an export.

    Parameters
    ----------
    source : ExportSource
    parent : QWidget or None

    Attributes
    ----------
    changed : Signal()
    browse_wanted : Signal()
    """

    changed = Signal()
    browse_wanted = Signal()

    def __init__(self, source: ExportSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bits_wanted = "24"
        self._mixer = source.mixer
        # Made from the top down, because that is the order in which Tab visits them.
        self._what = QButtonGroup(self)
        self._what.setExclusive(True)
        self._switch = self._make_switch()
        self._stems = {name: self._make_stem(name) for name in source.stems}
        self._takes = {name: self._make_stem(name) for name in source.takes if name in source.mixer.takes}
        self._mix_words = QLabel(self)
        self._mix_words.setProperty("class", "small")
        self._mix_words.setWordWrap(True)
        self._mix_words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._format = QComboBox(self)
        self._bits = QComboBox(self)
        self._folder = QLineEdit(self)
        self._lyrics = QCheckBox(self.tr("Lyrics in the files"), self)
        self._lyrics.setToolTip(self.tr("Write the words and their times into the tags of every file"))
        self._lyrics.setAccessibleName(self._lyrics.text())
        self._lyrics.setVisible(source.lyrics is not None)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self._make_stems_page())
        self._pages.addWidget(self._mix_words)
        self._pages.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._fill_combos()
        self._build()
        self._what.idToggled.connect(self._show_what)

    def _make_stem(self, name: str) -> QCheckBox:
        title = self._mixer.title(name)
        box = QCheckBox(title, self)
        box.setIcon(icon("dot", tokens().lane_colour(name)))
        box.setIconSize(QSize(18, 18))
        box.setChecked(True)
        box.setToolTip(self.tr("Write {} to a file of its own").format(title))
        box.setAccessibleName(title)
        box.toggled.connect(self.changed)
        return box

    def _make_stems_page(self) -> QWidget:
        page = QWidget(self)
        grid = QGridLayout(page)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        columns = 4 if len(self._stems) == 4 else 3
        for number, box in enumerate((*self._stems.values(), *self._takes.values())):
            grid.addWidget(box, number // columns, number % columns)
        for number in range(columns):
            grid.setColumnStretch(number, 1)
        return page

    def _make_switch(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        told = (
            (self.tr("Stems"), self.tr("A file for each stem; together they are the song")),
            (self.tr("Current mix"), self.tr("One file that sounds as the mixer stands now")),
        )
        for number, (words, tip) in enumerate(told):
            button = QPushButton(words, self)
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setToolTip(tip)
            button.setAccessibleName(words)
            self._what.addButton(button, number)
            row.addWidget(button, 1)
        self._what.button(0).setChecked(True)
        return row

    def _fill_combos(self) -> None:
        for words, name in (("WAV", "wav"), ("FLAC", "flac"), ("MP3", "mp3")):
            self._format.addItem(words, name)
        self._format.setToolTip(self.tr("Kind of file: WAV is exact, FLAC exact and smaller, MP3 smallest"))
        self._format.setAccessibleName(self.tr("Format"))
        self._format.currentIndexChanged.connect(self._offer_bits)
        self._bits.setToolTip(self.tr("Sample format; 32-bit float keeps everything"))
        self._bits.setAccessibleName(self.tr("Bits"))
        self._bits.activated.connect(self._want_bits)
        self._folder.setToolTip(self.tr("Folder for the files; it is made when it is not there"))
        self._folder.setAccessibleName(self.tr("Folder"))
        self._folder.textChanged.connect(self.changed)
        self._offer_bits()

    def _build(self) -> None:
        browse = QPushButton(self.tr("Choose…"), self)
        browse.setAutoDefault(False)
        browse.setToolTip(self.tr("Choose a folder"))
        browse.setAccessibleName(self.tr("Choose a folder"))
        browse.clicked.connect(self.browse_wanted)
        formats = QHBoxLayout()
        formats.setSpacing(8)
        formats.addWidget(self._format, 1)
        formats.addWidget(self._bits, 1)
        where = QHBoxLayout()
        where.setSpacing(8)
        where.addWidget(self._folder, 1)
        where.addWidget(browse)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(self._switch)
        column.addWidget(self._pages)
        column.addSpacing(4)
        column.addLayout(_row(self, self.tr("Format"), formats, self._format))
        column.addLayout(_row(self, self.tr("Folder"), where, self._folder))
        column.addWidget(self._lyrics)

    # --- what is chosen ----------------------------------------------------------------------------

    @property
    def what(self) -> What:
        """Stems or mix."""
        return "mix" if self._what.checkedId() == 1 else "stems"

    @property
    def stems(self) -> tuple[str, ...]:
        """Stems to write, in the model's order."""
        return tuple(name for name, box in self._stems.items() if box.isChecked())

    @property
    def takes(self) -> tuple[str, ...]:
        """Takes to write beside them, by the mixer's names."""
        return tuple(name for name, box in self._takes.items() if box.isChecked())

    @property
    def container(self) -> str:
        """Kind of file."""
        return str(self._format.currentData())

    @property
    def bits(self) -> str:
        """Sample format that the user wants, also while the kind of file has none."""
        return self._bits_wanted

    @property
    def folder_text(self) -> str:
        """Folder as it is written."""
        return self._folder.text().strip()

    @property
    def folder(self) -> Path:
        """Folder for the files."""
        return Path(self.folder_text).expanduser()

    @property
    def with_lyrics(self) -> bool:
        """Whether the files carry the lyrics."""
        return self._lyrics.isChecked()

    def set_with_lyrics(self, on: bool) -> None:
        """Choose whether the files carry the lyrics."""
        self._lyrics.setChecked(on)

    def focus_first(self) -> None:
        """Begin at the top."""
        self._what.button(0).setFocus()

    # --- what is shown -----------------------------------------------------------------------------

    def set_what(self, what: What) -> None:
        """Choose stems or mix."""
        self._what.button(1 if what == "mix" else 0).setChecked(True)

    def set_stem(self, name: str, on: bool) -> None:
        """Choose a stem, or leave it out."""
        self._stems[name].setChecked(on)

    def set_folder(self, folder: str) -> None:
        """Write a folder into its field."""
        self._folder.setText(folder)

    def show_choice(self, container: str, bits: str, folder: str) -> None:
        """Show what was chosen the last time."""
        self._bits_wanted = bits
        self._format.setCurrentIndex(max(0, self._format.findData(container)))
        self._offer_bits()
        self._folder.setText(folder)

    def show_mix(self, mix: Mix) -> None:
        """Say in words what the mix will be."""
        told = [f"{self._mixer.title(name)} {words}" for name, words in self._words_of(mix).items()]
        plain = self.tr("Every stem is at its neutral setting: the mix is the song itself.")
        self._mix_words.setText(
            self.tr("As the mixer stands when you press Export: {}.").format(", ".join(told))
            if told
            else plain
        )

    def _words_of(self, mix: Mix) -> dict[str, str]:
        """What each strip does; a take is told of whatever it does, because it is no part of the song."""
        names = [name for name in self._mixer.takes if name in self._takes]
        sung = dict(zip(names, (setting for _, setting in mix.takes), strict=False))
        told = _strip_words((*mix.stems.items(), *sung.items(), ("master", mix.master)), self)
        plain = self.tr("as it was sung")
        return told | {name: plain for name in sung if name not in told}

    def _show_what(self, _number: int, on: bool) -> None:
        if on:
            self._pages.setCurrentIndex(self._what.checkedId())
            self.changed.emit()

    def _offer_bits(self) -> None:
        """Offer the bits that the kind of file has."""
        names = {"16": self.tr("16 bit"), "24": self.tr("24 bit"), "32f": self.tr("32-bit float")}
        offered = {"wav": ("16", "24", "32f"), "flac": ("16", "24"), "mp3": ()}[self.container]
        self._bits.clear()
        for name in offered:
            self._bits.addItem(names[name], name)
        if not offered:
            self._bits.addItem(self.tr("best quality"), "")
        self._bits.setEnabled(bool(offered))
        wanted = self._bits.findData(self._bits_wanted)
        self._bits.setCurrentIndex(wanted if wanted >= 0 else self._bits.count() - 1)
        self.changed.emit()

    def _want_bits(self) -> None:
        self._bits_wanted = str(self._bits.currentData())
        self.changed.emit()


def _strip_words(strips: Iterable[tuple[str, LaneSetting]], form: ExportForm) -> dict[str, str]:
    """What each strip that is not neutral does."""
    told: dict[str, str] = {}
    for name, strip in strips:
        if strip == LaneSetting():
            continue
        words: list[str] = []
        if strip.mute:
            words.append(form.tr("muted"))
        if strip.solo:
            words.append(form.tr("solo"))
        if not strip.mute and strip.gain_db != 0.0:
            words.append(form.tr("{:+.1f} dB").format(strip.gain_db))
        if not strip.mute and strip.pan != 0.0:
            side = form.tr("left") if strip.pan < 0.0 else form.tr("right")
            words.append(f"{abs(100 * strip.pan):.0f} % {side}")
        told[name] = " ".join(words)
    return told


def _row(parent: QWidget, words: str, content: QHBoxLayout, buddy: QWidget) -> QHBoxLayout:
    label = QLabel(words, parent)
    label.setProperty("class", "dim")
    label.setFixedWidth(LABEL_PX)
    label.setBuddy(buddy)
    row = QHBoxLayout()
    row.setSpacing(0)
    row.addWidget(label)
    row.addLayout(content, 1)
    return row
