"""What is said of a scan, below the songs: how far it is, what came of it, and what can be done about it.

GUI thread; shows what `app.library_scans` tells.
"""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QToolButton, QVBoxLayout, QWidget

from app.library_scans import ScanNews, ScanState
from app.theme import icon, tokens

BUTTON_PX = 24
ICON_PX = 14

_ENDED = {ScanState.DONE, ScanState.STOPPED, ScanState.FAILED, ScanState.UNFINISHED}


class ScanStrip(QFrame):
    """One or two lines, a bar while it runs, buttons.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    cancel_wanted, go_on_wanted, problems_wanted : Signal()
    buttons_changed : Signal()
        There are other buttons than before.
    """

    cancel_wanted = Signal()
    go_on_wanted = Signal()
    problems_wanted = Signal()
    buttons_changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("scanStrip")
        radius = tokens().radius_medium_px
        ground = tokens().raised.name()
        self.setStyleSheet(f"#scanStrip {{ background: {ground}; border-radius: {radius}px; }}")
        self._news = ScanNews(ScanState.DONE, "")
        self._title = self._label(self.tr("Scan"))
        self._detail = self._label(self.tr("File that is listened to"))
        self._below = QWidget(self)
        self._bar = QProgressBar(self._below)
        below = QVBoxLayout(self._below)
        below.setContentsMargins(0, 4, 6, 4)
        below.addWidget(self._bar)
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress of the scan"))
        self.show_problems = self._button("warning", self.tr("Show which files are no songs, and why"))
        self.show_problems.clicked.connect(self.problems_wanted)
        self.go_on = self._button("retry", self.tr("Go on with the scan"))
        self.go_on.clicked.connect(self.go_on_wanted)
        self.cancel = self._button("cancel", "")
        self.cancel.clicked.connect(self._cancel)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self._title, 1)
        for button in (self.show_problems, self.go_on, self.cancel):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 6, 6)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self._detail)
        column.addWidget(self._below)
        self.hide()

    def _label(self, name: str) -> QLabel:
        label = QLabel(self)
        label.setProperty("class", "small")
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setAccessibleName(name)
        label.setMinimumWidth(20)
        return label

    def _button(self, picture: str, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(icon(picture))
        button.setIconSize(QSize(ICON_PX, ICON_PX))
        button.setFixedSize(BUTTON_PX, BUTTON_PX)
        button.setAutoRaise(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setToolTip(words)
        button.setAccessibleName(words)
        return button

    @property
    def text(self) -> str:
        """What it says now; empty while it is not there."""
        return "" if self.isHidden() else self._news.text

    def show_news(self, news: ScanNews) -> None:
        """Say how it stands."""
        before, self._news = self._news, news
        running = news.state is ScanState.RUNNING
        self._below.setVisible(running)
        # No end is known while folders are still listed.
        self._bar.setMaximum(1000 if news.detail or news.part else 0)
        self._bar.setValue(round(1000 * news.part))
        self._detail.setVisible(running and bool(news.detail))
        self.show_problems.setVisible(news.n_failed > 0)
        self.go_on.setVisible(news.state in _ENDED - {ScanState.DONE})
        words = self.tr("Stop the scan; what was heard is kept") if running else self.tr("Close this message")
        self.cancel.setToolTip(words)
        self.cancel.setAccessibleName(words)
        colour = tokens().error if news.state is ScanState.FAILED else tokens().text
        self._title.setStyleSheet(f"color: {colour.name()}")
        self._title.setWordWrap(news.state is ScanState.FAILED)
        self._title.setToolTip(news.text)
        self._elide()
        if self.isHidden() or before.state is not news.state:
            self.show()
            self.buttons_changed.emit()

    def _cancel(self) -> None:
        if self._news.state is ScanState.RUNNING:
            self.cancel_wanted.emit()
        else:
            self.hide()

    def _elide(self) -> None:
        for label, text in ((self._title, self._news.text), (self._detail, self._news.detail)):
            if label.wordWrap():
                label.setText(text)
                continue
            metrics = label.fontMetrics()
            label.setText(metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, label.width()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the words into the new width."""
        super().resizeEvent(event)
        self._elide()
