"""A button that copies a text and says for a moment that it did."""

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QWidget

from app.theme import icon, tokens

SAID_MS = 2000


class CopyButton(QPushButton):
    """Copies what `text` gives when it is pressed.

    Parameters
    ----------
    label : str
        What stands on it.
    text : callable
        Gives the text to copy.
    parent : QWidget or None
    """

    def __init__(self, label: str, text: Callable[[], str], parent: QWidget | None = None) -> None:
        super().__init__(label, parent)
        self._label = label
        self._text = text
        self.setAutoDefault(False)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(SAID_MS)
        self._calm.timeout.connect(self._show_label)
        self.clicked.connect(self._copy)
        self._show_label()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text())
        # The same width, so that nothing beside it moves.
        self.setMinimumWidth(self.width())
        self.setText(self.tr("Copied"))
        self.setIcon(icon("check", tokens().good))
        self._calm.start()

    def _show_label(self) -> None:
        self.setText(self._label)
        self.setIcon(icon("copy"))
