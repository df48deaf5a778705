"""A slim bar that asks one question without stopping the music: restore, get the model, try again.

GUI thread. A dialog would have to be answered before anything else; this waits.
"""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from app.theme import icon, tokens

ICON_PX = 18


class OfferBar(QWidget):
    """Text and a few answers above the lanes; one offer at a time, the newest.

    Attributes
    ----------
    asked : Signal()
        There are new buttons.
    """

    asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("offerBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(f"#offerBar {{ background: {tokens().raised.name()}; }}")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(20, 8, 12, 8)
        self._row.setSpacing(8)
        picture = QLabel(self)
        picture.setPixmap(icon("info", tokens().accent).pixmap(QSize(ICON_PX, ICON_PX)))
        self._words = QLabel(self)
        self._words.setWordWrap(True)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._row.addWidget(picture)
        self._row.addWidget(self._words, 1)
        self._answers: list[QPushButton] = []
        self.hide()

    @property
    def text(self) -> str:
        """What is asked; empty when nothing is."""
        return self._words.text() if not self.isHidden() else ""

    def offer(self, text: str, answers: Sequence[tuple[str, Callable[[], object]]]) -> None:
        """Ask.

        Parameters
        ----------
        text : str
            One or two sentences.
        answers : sequence of (str, callable)
            Buttons from left to right, the first one is the usual answer. Each closes the bar.
        """
        self.withdraw()
        self._words.setText(text)
        for place, (words, call) in enumerate(answers):
            button = QPushButton(words, self)
            button.setProperty("kind", "primary" if place == 0 else "flat")
            button.setAccessibleName(words)
            button.setToolTip(words)
            button.setAutoDefault(True)
            button.clicked.connect(partial(self._answer, call))
            self._answers.append(button)
            self._row.addWidget(button)
        self.show()
        self.asked.emit()

    def withdraw(self) -> None:
        """Close the bar without an answer."""
        for button in self._answers:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._answers.clear()
        self.hide()

    def _answer(self, call: Callable[[], object], _checked: bool = False) -> None:
        self.withdraw()
        call()
