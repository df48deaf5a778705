"""The list of keys (F1): everything that can be done without a mouse.

GUI thread. Made from the actions themselves; the keys of the panels are added by hand.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.theme import tokens


class KeysDialog(QDialog):
    """Two columns: a key, what it does.

    Parameters
    ----------
    keyed : sequence of (str, str, str)
        Keys, title and words of the actions, see `Actions.keyed`.
    parent : QWidget or None
    """

    def __init__(self, keyed: Sequence[tuple[str, str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard"))
        self.resize(620, 640)
        content = QWidget(self)
        grid = QGridLayout(content)
        grid.setContentsMargins(24, 20, 24, 20)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        row = self._section(grid, 0, self.tr("Anywhere"))
        for keys, _title, words in keyed:
            row = self._line(grid, row, keys, words)
        for heading, lines in self._panels():
            row = self._section(grid, row, heading)
            for keys, words in lines:
                row = self._line(grid, row, keys, words)
        grid.setRowStretch(row, 1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setWidget(content)
        area.setAccessibleName(self.tr("List of keys"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setIcon(QIcon())
        close.setToolTip(self.tr("Close this list"))
        close.setAccessibleName(self.tr("Close"))
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area)
        column.addWidget(buttons)
        buttons.setContentsMargins(16, 8, 16, 16)

    def _section(self, grid: QGridLayout, row: int, text: str) -> int:
        if row:
            grid.setRowMinimumHeight(row, 12)
            row += 1
        heading = QLabel(text, self)
        heading.setProperty("class", "title")
        grid.addWidget(heading, row, 0, 1, 2)
        return row + 1

    def _line(self, grid: QGridLayout, row: int, keys: str, words: str) -> int:
        key = QLabel(keys, self)
        key.setStyleSheet(f"color: {tokens().accent.name()};")
        what = QLabel(words, self)
        what.setProperty("class", "dim")
        what.setWordWrap(True)
        grid.addWidget(key, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(what, row, 1)
        return row + 1

    def _panels(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        return (
            (
                self.tr("Lanes"),
                (
                    ("1-6", self.tr("Choose a lane; its fader takes the keys")),
                    ("Alt+1-6", self.tr("Mute a lane")),
                    ("Ctrl+1-6", self.tr("Solo a lane")),
                    (self.tr("Arrows"), self.tr("On a fader: a step; with Shift a fine one")),
                    (self.tr("Digits"), self.tr("On a value: Enter, type it, Enter")),
                ),
            ),
            (
                self.tr("Waves"),
                (
                    (self.tr("Left, Right"), self.tr("5 seconds back or on; with Shift 1 second")),
                    ("+  -  0", self.tr("Zoom in, zoom out, the whole song")),
                    (self.tr("Click, drag"), self.tr("Go there, loop that part")),
                    (self.tr("Wheel"), self.tr("Zoom around the pointer; with Shift scroll")),
                ),
            ),
            (
                self.tr("Queue"),
                (
                    (self.tr("Enter"), self.tr("Play the chosen song")),
                    (self.tr("Delete"), self.tr("Take it out of the queue")),
                ),
            ),
        )
