"""The terms of a model, shown before it is fetched; nothing happens unless they are accepted.

GUI thread.
"""

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.models_model import short_title, size_text
from engine.inference.cards import ModelCard

WIDTH_PX = 460


class LicenceDialog(QDialog):
    """Asks whether a licence is accepted.

    Parameters
    ----------
    card : ModelCard
    parent : QWidget or None
    """

    def __init__(self, card: ModelCard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Licence"))
        self.setFixedWidth(WIDTH_PX)
        self.setAccessibleName(self.tr("Licence of {}").format(short_title(card)))
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(8)
        for text, kind in (
            (short_title(card), "heading"),
            (card.licence.name, "warning"),
            (card.licence.text, ""),
            (card.attribution, "small"),
        ):
            if text:
                label = QLabel(text, self)
                label.setProperty("class", kind)
                label.setWordWrap(True)
                label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                column.addWidget(label)
        column.addSpacing(12)
        column.addLayout(self._make_buttons(card))

    def showEvent(self, event: QShowEvent) -> None:
        """Be as high as the words are at this width, which is known once they have their fonts."""
        self.setFixedHeight(self._column.totalHeightForWidth(WIDTH_PX))
        super().showEvent(event)

    def _make_buttons(self, card: ModelCard) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        later = QPushButton(self.tr("Not now"), self)
        later.setObjectName("later")
        later.setToolTip(self.tr("Fetch nothing"))
        later.setAccessibleName(later.text())
        later.clicked.connect(self.reject)
        accept = QPushButton(self.tr("Accept and get {}").format(size_text(card.size_bytes)), self)
        accept.setObjectName("accept")
        accept.setProperty("kind", "primary")
        accept.setToolTip(self.tr("I have read these terms and accept them"))
        accept.setAccessibleName(accept.text())
        accept.clicked.connect(self.accept)
        # Terms are not accepted by pressing Enter once too often.
        accept.setAutoDefault(False)
        later.setDefault(True)
        row.addWidget(later)
        row.addWidget(accept)
        return row
