"""The line at the bottom: what separates and how fast at the left, what just happened at the right.

GUI thread.
"""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from app.theme import tokens

HEIGHT_PX = 28
NOTICE_MS = 6_000
TROUBLE_MS = 15_000
"""Longer than a notice: it has to be read, and perhaps acted on."""


class StatusLine(QWidget):
    """Two lines of text that never push each other around."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statusLine")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT_PX)
        self._work = self._label(self.tr("What separates"))
        self._told = self._label(self.tr("Messages"))
        self._told.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        # As much room as there is, but a long message never makes the window wider.
        self._told.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(self)
        # The theme pads labels of a status bar by 8.
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(24)
        row.addWidget(self._work)
        row.addWidget(self._told, 1)
        self._text = ""
        self._fade = QTimer(self)
        self._fade.setSingleShot(True)
        self._fade.timeout.connect(self.clear)

    def _label(self, name: str) -> QLabel:
        label = QLabel(self)
        label.setProperty("class", "small")
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setAccessibleName(name)
        return label

    @property
    def message(self) -> str:
        """What is said at the right now."""
        return self._text

    def set_work(self, text: str) -> None:
        """Say what separates: model, provider, speed."""
        if text != self._work.text():
            self._work.setText(text)

    def tell(self, text: str) -> None:
        """Say what happened."""
        self._say(text, NOTICE_MS, trouble=False)

    def warn(self, text: str) -> None:
        """Say what went wrong."""
        self._say(text, TROUBLE_MS, trouble=True)

    def clear(self) -> None:
        """Take the message away."""
        self._say("", 0, trouble=False)

    def _say(self, text: str, show_ms: int, *, trouble: bool) -> None:
        self._text = " ".join(text.split())
        colour = tokens().warning if trouble else tokens().dim
        self._told.setStyleSheet(f"color: {colour.name()}")
        self._told.setToolTip(self._text)
        self._elide()
        if text:
            self._fade.start(show_ms)
        else:
            self._fade.stop()

    def _elide(self) -> None:
        metrics = self._told.fontMetrics()
        self._told.setText(metrics.elidedText(self._text, Qt.TextElideMode.ElideMiddle, self._told.width()))

    def resizeEvent(self, event: object) -> None:
        """Fit the message into the new width."""
        del event
        self._elide()
