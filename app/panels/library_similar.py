"""Says what the listed songs sound like, and by what they are compared.

GUI thread.
"""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from app.theme import icon, lane_title
from engine.services.library_records import WHOLE_SONG, Song

BUTTON_PX = 24


class SimilarBar(QFrame):
    """The song, a choice of stems where there are any, and a button that goes back to all songs.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    closed : Signal()
        Back to all songs.
    source_chosen : Signal(str)
        Compare by the whole song, or by this stem.
    """

    closed = Signal()
    source_chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._title = ""
        self._head = QLabel(self.tr("Sounds like"), self)
        self._head.setProperty("class", "small")
        self._name = QLabel(self)
        self._name.setProperty("class", "title")
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._name.setMinimumWidth(20)
        self.source = QComboBox(self)
        self.source.setAccessibleName(self.tr("Compare by"))
        self.source.setToolTip(self.tr("What is compared: the whole songs, or one of their stems"))
        self.source.activated.connect(self._choose)
        self.back = QToolButton(self)
        self.back.setIcon(icon("cancel"))
        self.back.setIconSize(QSize(14, 14))
        self.back.setFixedSize(BUTTON_PX, BUTTON_PX)
        self.back.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.back.setAccessibleName(self.tr("Back to all songs"))
        self.back.setToolTip(self.tr("Back to all songs (Escape)"))
        self.back.clicked.connect(self.closed)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._head)
        words.addWidget(self._name)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 0, 12, 0)
        row.setSpacing(8)
        row.addLayout(words, 1)
        row.addWidget(self.source)
        row.addWidget(self.back)
        self.hide()

    def show_waiting(self, title: str) -> None:
        """Say what is being compared, until the songs are there.

        Parameters
        ----------
        title : str
            Of the song; "" when it is not known yet.
        """
        self.show_words(self.tr("Comparing with"), title)

    def show_words(self, head: str, title: str) -> None:
        """Say what is listed in words; there is nothing to choose.

        Parameters
        ----------
        head : str
            In small letters above the title.
        title : str
        """
        self._title = title
        self._head.setText(head)
        self._name.setToolTip(title)
        self._elide()
        self.source.hide()
        self.show()

    def show_song(self, song: Song | None, sources: Sequence[str], source: str) -> None:
        """Say what is listed.

        Parameters
        ----------
        song : Song or None
            None lists all songs, and the bar goes.
        sources : sequence of str
            By what it can be compared.
        source : str
            By what it is.
        """
        self.setVisible(song is not None)
        if song is None:
            return
        self._title = song.title
        self._head.setText(self.tr("Sounds like"))
        self._name.setToolTip(" · ".join(text for text in (song.title, song.artist) if text))
        self._elide()
        names = [self.source.itemData(i) for i in range(self.source.count())]
        if names != list(sources):
            self.source.clear()
            for name in sources:
                self.source.addItem(self.tr("Song") if name == WHOLE_SONG else lane_title(name), name)
        self.source.setCurrentIndex(max(0, self.source.findData(source)))
        self.source.setVisible(len(sources) > 1)

    def _choose(self, number: int) -> None:
        self.source_chosen.emit(self.source.itemData(number))

    def _elide(self) -> None:
        metrics = QFontMetrics(self._name.font())
        self._name.setText(
            metrics.elidedText(self._title, Qt.TextElideMode.ElideRight, max(20, self._name.width()))
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the name into the new width."""
        super().resizeEvent(event)
        self._elide()
