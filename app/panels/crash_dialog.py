"""What went wrong that nobody foresaw, told so that the user can go on and can report it.

GUI thread. Not modal: the song plays on and the window stays usable behind it.
"""

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFont, QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.crash import describe_machine
from app.logs import log_folder
from app.panels.copy_button import CopyButton
from app.theme import icon, tokens

ICON_PX = 28
WIDTH_PX = 560
DETAILS_HEIGHT_PX = 240
KEPT = 20
"""Kinds of error whose details are kept: one fault often brings others with it."""


class CrashDialog(QDialog):
    """One dialog for as many errors as come while it is open."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Charon: something went wrong"))
        self.setModal(False)
        self._reports: dict[str, tuple[str, str]] = {}
        self._counts: dict[str, int] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 20)
        column.setSpacing(16)
        column.addLayout(self._make_head())
        self._line = self._make_line()
        self._details = self._make_details()
        column.addWidget(self._line)
        column.addWidget(self._details, 1)
        column.addLayout(self._make_buttons())
        self._details.hide()
        self.setMinimumWidth(WIDTH_PX)
        self._go_on.setFocus()

    @property
    def text(self) -> str:
        """What is copied: the machine, then every error with its details."""
        parts = [describe_machine()]
        for kind, (line, details) in self._reports.items():
            times = f" ({self._counts[kind]} times)" if self._counts[kind] > 1 else ""
            parts.append(f"{line}{times}\n{details}")
        return "\n\n".join(parts) + "\n"

    def add(self, kind: str, line: str, details: str) -> None:
        """Tell one more error.

        Parameters
        ----------
        kind : str
            Errors of one kind are told once and counted.
        line : str
            What happened.
        details : str
            Traceback or the like.
        """
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if kind not in self._reports and len(self._reports) < KEPT:
            self._reports[kind] = (line, details)
            self._details.setPlainText(self.text)
        first = next(iter(self._reports.values()))[0]
        more = sum(self._counts.values()) - 1
        if more == 0:
            self._line.setText(first)
        elif more == 1:
            self._line.setText(self.tr("{}\n… and once more").format(first))
        else:
            self._line.setText(self.tr("{}\n… and {} more").format(first, more))

    def _make_head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(16)
        picture = QLabel(self)
        picture.setPixmap(icon("warning", tokens().warning).pixmap(QSize(ICON_PX, ICON_PX)))
        picture.setAlignment(Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        title = QLabel(self.tr("Something went wrong"), self)
        title.setProperty("class", "heading")
        calm = QLabel(
            self.tr(
                "You can go on: the music plays, and what you have open is saved every few seconds. "
                "If it happens again, please report it with the details below and what you did before."
            ),
            self,
        )
        calm.setProperty("class", "dim")
        calm.setWordWrap(True)
        words.addWidget(title)
        words.addWidget(calm)
        row.addWidget(picture)
        row.addLayout(words, 1)
        return row

    def _make_line(self) -> QLabel:
        line = QLabel(self)
        line.setObjectName("crashLine")
        line.setTextFormat(Qt.TextFormat.PlainText)
        line.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        line.setWordWrap(True)
        line.setAccessibleName(self.tr("What went wrong"))
        line.setToolTip(self.tr("What went wrong"))
        look = tokens()
        line.setStyleSheet(
            f"#crashLine {{ background: {look.window.name()}; border-radius: {look.radius_small_px}px;"
            f" padding: {2 * look.unit_px}px {3 * look.unit_px}px; }}"
        )
        return line

    def _make_details(self) -> QPlainTextEdit:
        details = QPlainTextEdit(self)
        details.setReadOnly(True)
        details.setFrameShape(QFrame.Shape.NoFrame)
        details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        details.setMinimumHeight(DETAILS_HEIGHT_PX)
        details.setTabChangesFocus(True)
        details.setAccessibleName(self.tr("Details of the error"))
        details.setToolTip(self.tr("Where it happened, for whoever mends it"))
        fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        fixed.setPixelSize(tokens().text_small_px)
        fixed.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
        details.setFont(fixed)
        return details

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._more = QPushButton(self.tr("Details"), self)
        self._more.setProperty("kind", "flat")
        self._more.setAutoDefault(False)
        self._more.setIcon(icon("chevron-right"))
        self._more.setToolTip(self.tr("Show where it happened"))
        self._more.clicked.connect(self._show_or_hide_details)
        copy = CopyButton(self.tr("Copy details"), lambda: self.text, self)
        copy.setToolTip(self.tr("Copy the error with all details"))
        folder = QPushButton(icon("folder"), self.tr("Open log folder"), self)
        folder.setAutoDefault(False)
        folder.setToolTip(self.tr("Show the folder that the log is in"))
        folder.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_folder()))))
        self._go_on = QPushButton(self.tr("Go on"), self)
        self._go_on.setProperty("kind", "primary")
        self._go_on.setDefault(True)
        self._go_on.setToolTip(self.tr("Close this and go on"))
        self._go_on.clicked.connect(self.accept)
        row.addWidget(self._more)
        row.addStretch(1)
        for button in (copy, folder, self._go_on):
            row.addWidget(button)
        for button in (self._more, copy, folder, self._go_on):
            button.setAccessibleName(button.text())
            button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        return row

    def _show_or_hide_details(self) -> None:
        show = self._details.isHidden()
        self._details.setVisible(show)
        self._more.setIcon(icon("chevron" if show else "chevron-right"))
        self.adjustSize()
