"""What stands in place of the words while there are none, and what can be done about it. GUI thread."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

LEAST_WIDTH_PX, ALL_BUTTONS_PX = 340, 520


class LyricsEmpty(QWidget):
    """Two lines and three buttons in the middle.

    Attributes
    ----------
    first_pressed, paste_wanted, open_wanted : Signal()
        The first button does what its words say.
    """

    first_pressed = Signal()
    paste_wanted = Signal()
    open_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = QLabel(self)
        self._title.setProperty("class", "title")
        self._line = QLabel(self)
        self._line.setProperty("class", "dim")
        for label in (self._title, self._line):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self.first = QPushButton(self)
        self.first.setProperty("kind", "primary")
        self.paste = QPushButton(self.tr("Paste lyrics"), self)
        self.open = QPushButton(self.tr("Open a file…"), self)
        self.first.clicked.connect(self.first_pressed)
        self.paste.clicked.connect(self.paste_wanted)
        self.open.clicked.connect(self.open_wanted)
        self.paste.setToolTip(self.tr("Take the copied text; it is put in time with the song (Ctrl+Shift+V)"))
        self.open.setToolTip(self.tr("Lyrics from a .lrc, .srt, .vtt, .txt or .json file"))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for button in (self.first, self.paste, self.open):
            button.setAutoDefault(True)  # Enter presses it; space belongs to the window
            button.setAccessibleName(button.text())
            row.addWidget(button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 8, 24, 12)
        column.setSpacing(6)
        column.addStretch(2)
        column.addWidget(self._title)
        column.addWidget(self._line)
        column.addSpacing(10)
        column.addLayout(row)
        column.addStretch(3)
        # Less than all buttons need: where there is no room, the last one stands in the menu only.
        self.setMinimumWidth(LEAST_WIDTH_PX)
        self._others = True

    @property
    def text(self) -> str:
        """What is said."""
        return f"{self._title.text()} {self._line.text()}".strip()

    def say(
        self, title: str, line: str, first: tuple[str, str] | None = None, *, others: bool = True
    ) -> None:
        """Say something else.

        Parameters
        ----------
        title, line : str
        first : (str, str) or None
            Words and tip of the first button; None hides it.
        others : bool
            Whether lyrics can be pasted or opened now.
        """
        self._title.setText(title)
        self._line.setText(line)
        self.first.setVisible(first is not None)
        self._others = others
        self._show_others()
        if first is not None and first[0] != self.first.text():
            self.first.setText(first[0])
            self.first.setAccessibleName(first[0])
            self.first.setToolTip(first[1])

    def _show_others(self) -> None:
        self.paste.setVisible(self._others)
        self.open.setVisible(self._others and self.width() >= ALL_BUTTONS_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave a button out where there is no room for it."""
        super().resizeEvent(event)
        self._show_others()

    def buttons(self) -> Sequence[QPushButton]:
        """From left to right."""
        return self.first, self.paste, self.open
