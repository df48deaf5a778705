"""What stands in place of the songs while there are none: what the library is for, or why nothing is found.

GUI thread.
"""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.theme import icon, tokens

PICTURE_PX = 40


class LibraryEmpty(QWidget):
    """A picture, two sentences, one button.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    pressed : Signal()
        The button.
    """

    pressed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._picture = QLabel(self)
        self._title = QLabel(self)
        self._title.setProperty("class", "title")
        self._title.setWordWrap(True)
        self._words = QLabel(self)
        self._words.setProperty("class", "dim")
        self._words.setWordWrap(True)
        self.button = QPushButton(self)
        self.button.setAutoDefault(True)  # Enter presses it; space belongs to the window
        self.button.clicked.connect(self.pressed)
        for label in (self._picture, self._title, self._words):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setTextFormat(Qt.TextFormat.PlainText)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 0, 24, 24)
        column.setSpacing(8)
        column.addStretch(2)
        for widget in (self._picture, self._title, self._words):
            column.addWidget(widget)
        column.addSpacing(8)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def say(self, picture: str, title: str, words: str, button: str) -> None:
        """Show something else.

        Parameters
        ----------
        picture : str
            Name of an icon.
        title, words : str
        button : str
            What it does, in two or three words.
        """
        pixmap = icon(picture, tokens().faint).pixmap(QSize(PICTURE_PX, PICTURE_PX), self.devicePixelRatioF())
        self._picture.setPixmap(pixmap)
        self._title.setText(title)
        self._words.setText(words)
        self.button.setText(button)
        self.button.setAccessibleName(button)
        self.button.setToolTip(button)

    @property
    def text(self) -> str:
        """What is said."""
        return f"{self._title.text()} {self._words.text()}".strip()
