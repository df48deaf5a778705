"""One question before something is lost, in the window's own look.

GUI thread. Qt's own box brings icons and a font of the system, and does not wait beside playing music.
"""

from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

WIDTH_PX = 400


class Question(QDialog):
    """Asks whether to go on; `accepted` is the yes. Open it with `open`, it deletes itself.

    Parameters
    ----------
    title : str
        The question.
    text : str
        What will happen, and what will not.
    yes : str
        The word on the button that does it.
    parent : QWidget
    """

    def __init__(self, title: str, text: str, yes: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(WIDTH_PX)
        heading = QLabel(title, self)
        heading.setProperty("class", "title")
        words = QLabel(text, self)
        words.setProperty("class", "dim")
        words.setWordWrap(True)
        do_it = QPushButton(yes, self)
        do_it.setProperty("kind", "danger")
        do_it.setAutoDefault(False)
        do_it.setToolTip(yes)
        do_it.clicked.connect(self.accept)
        leave = QPushButton(self.tr("Cancel"), self)
        leave.setDefault(True)
        leave.setToolTip(self.tr("Leave everything as it is"))
        leave.clicked.connect(self.reject)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for button in (do_it, leave):
            button.setAccessibleName(button.text())
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(8)
        column.addWidget(heading)
        column.addWidget(words)
        column.addSpacing(12)
        column.addLayout(row)
        leave.setFocus()
        self.finished.connect(self.deleteLater)
