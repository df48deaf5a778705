"""What an empty window says: drop a song, open one, hear the demo, take an input; at first, how it works.

GUI thread. Also the page that is seen while the engine starts, so nothing of the engine is needed.
"""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.theme import icon, tokens

N_RECENT = 4
ZONE_WIDTH_PX = 560
ZONE_HEIGHT_PX = 240
ICON_PX = 44
RADIUS_PX = 17


class _DropZone(QWidget):
    """A dashed field that one wants to drop something on."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedHeight(ZONE_HEIGHT_PX)
        self.setMaximumWidth(ZONE_WIDTH_PX)
        self.setMinimumWidth(480)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._lit = False

    def set_lit(self, lit: bool) -> None:
        """Show that what is being dragged may be dropped."""
        if lit != self._lit:
            self._lit = lit
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the field and its dashes."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = tokens().raised if self._lit else tokens().panel
        pen = QPen(tokens().accent if self._lit else tokens().line, 1.5)
        pen.setDashPattern([5.0, 5.0])
        painter.setPen(pen)
        painter.setBrush(ground)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_PX, RADIUS_PX)


class FirstSteps(QFrame):
    """How Charon is used, in four lines, until it is sent away.

    Attributes
    ----------
    closed : Signal()
    """

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("firstSteps")
        ground, radius = tokens().panel.name(), tokens().radius_medium_px
        self.setStyleSheet(f"#firstSteps {{ background: {ground}; border-radius: {radius}px; }}")
        self.setMaximumWidth(ZONE_WIDTH_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        grid = QGridLayout(self)
        grid.setContentsMargins(24, 16, 16, 16)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        heading = QLabel(self.tr("First steps"), self)
        heading.setProperty("class", "title")
        grid.addWidget(heading, 0, 0, 1, 2)
        close = QPushButton(self.tr("Got it"), self)
        close.setProperty("kind", "flat")
        close.setToolTip(self.tr("Close this; Help shows it again"))
        close.setAccessibleName(self.tr("Close first steps"))
        close.setAutoDefault(True)
        close.clicked.connect(self.closed)
        grid.addWidget(close, 0, 2)
        for row, (keys, words) in enumerate(self._lines(), start=1):
            key = QLabel(keys, self)
            key.setStyleSheet(f"color: {tokens().accent.name()}; font-weight: 600;")
            text = QLabel(words, self)
            text.setProperty("class", "dim")
            text.setWordWrap(True)
            grid.addWidget(key, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, row, 1, 1, 2)

    def _lines(self) -> tuple[tuple[str, str], ...]:
        return (
            (self.tr("Ctrl+O"), self.tr("Open or drop a song. It plays at once; its stems follow.")),
            (self.tr("1-6"), self.tr("Choose a lane. M mutes it, S solos it, its fader mixes it.")),
            (
                self.tr("Drag"),
                self.tr("Drag over the waves to loop a part, click to go there, wheel to zoom."),
            ),
            (self.tr("Ctrl+E"), self.tr("Write the stems, or your mix, to files. F1 lists every key.")),
        )


class EmptyPage(QScrollArea):
    """The first thing a user sees.

    Attributes
    ----------
    open_wanted, demo_wanted, live_wanted : Signal()
    song_wanted : Signal(Path)
        One of the recent songs.
    help_closed : Signal()
    """

    open_wanted = Signal()
    demo_wanted = Signal()
    live_wanted = Signal()
    song_wanted = Signal(object)
    help_closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("emptyPage")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        page = QWidget(self)
        page.setObjectName("emptyGround")
        page.setStyleSheet(f"#emptyGround {{ background: {tokens().window.name()}; }}")
        self.setWidget(page)
        column = QVBoxLayout(page)
        column.setContentsMargins(32, 24, 32, 24)
        column.setSpacing(20)
        self._zone = _DropZone(page)
        self._fill_zone()
        self._steps = FirstSteps(page)
        self._steps.closed.connect(self._close_steps)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(2)
        self._state = QLabel(page)
        self._state.setProperty("class", "dim")
        self._state.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._state.setWordWrap(True)
        column.addStretch(2)
        for part in (self._zone, self._state, self._steps):
            row = QHBoxLayout()
            row.addStretch(1)
            row.addWidget(part, 100)
            row.addStretch(1)
            column.addLayout(row)
        self._state.setMaximumWidth(ZONE_WIDTH_PX)
        centred = QHBoxLayout()
        centred.addStretch(1)
        centred.addLayout(self._recent, 100)
        centred.addStretch(1)
        column.addLayout(centred)
        column.addStretch(3)

    def _fill_zone(self) -> None:
        column = QVBoxLayout(self._zone)
        column.setContentsMargins(24, 28, 24, 28)
        column.setSpacing(4)
        picture = QLabel(self._zone)
        picture.setPixmap(icon("drop", tokens().accent).pixmap(QSize(ICON_PX, ICON_PX)))
        heading = QLabel(self.tr("Drop a song"), self._zone)
        heading.setProperty("class", "heading")
        words = QLabel(self.tr("or a whole folder. It plays at once, its stems follow."), self._zone)
        words.setProperty("class", "dim")
        column.addStretch(1)
        for label in (picture, heading, words):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
            column.addSpacing(4)
        column.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        buttons.addStretch(1)
        self.demo_button = self._button(
            self.tr("Play the demo song"), "primary", self.tr("Hear a song that comes with Charon")
        )
        self.demo_button.clicked.connect(self.demo_wanted)
        self.open_button = self._button(self.tr("Open songs…"), "", self.tr("Choose sound files (Ctrl+O)"))
        self.open_button.clicked.connect(self.open_wanted)
        buttons.addWidget(self.demo_button)
        buttons.addWidget(self.open_button)
        self.live_button = self._button(
            self.tr("Live input"),
            "",
            self.tr("Separate a line, or another program's sound, while it plays (Ctrl+Shift+I)"),
        )
        self.live_button.clicked.connect(self.live_wanted)
        buttons.addWidget(self.live_button)
        buttons.addStretch(1)
        column.addLayout(buttons)

    def _button(self, text: str, kind: str, words: str) -> QPushButton:
        button = QPushButton(text, self._zone)
        if kind:
            button.setProperty("kind", kind)
        button.setToolTip(words)
        button.setAccessibleName(text.rstrip("…"))
        button.setAutoDefault(True)
        return button

    def set_lit(self, lit: bool) -> None:
        """Show that what is being dragged may be dropped."""
        self._zone.set_lit(lit)

    def say(self, text: str) -> None:
        """Say below the field how the start goes; nothing when all is well."""
        if text != self._state.text():
            self._state.setText(text)
            self._state.setVisible(bool(text))

    def show_steps(self, shown: bool) -> None:
        """Show or hide the first steps; they take the place of the songs that were played last."""
        self._steps.setVisible(shown)
        for place in range(self._recent.count()):
            item = self._recent.itemAt(place)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.setVisible(not shown)

    def _close_steps(self) -> None:
        self.show_steps(False)
        self.help_closed.emit()

    def show_recent(self, songs: Sequence[Path]) -> None:
        """List the songs that were played last.

        Parameters
        ----------
        songs : sequence of Path
            The newest first.
        """
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        if not songs:
            return
        heading = QLabel(self.tr("Played last"), self.widget())
        heading.setProperty("class", "small")
        heading.setContentsMargins(16, 0, 0, 4)
        self._recent.addWidget(heading)
        for song in songs[:N_RECENT]:
            button = QPushButton(icon("note", tokens().dim), song.stem, self.widget())
            button.setProperty("kind", "flat")
            button.setStyleSheet("text-align: left;")
            button.setMaximumWidth(ZONE_WIDTH_PX)
            button.setToolTip(str(song))
            button.setAccessibleName(self.tr("Play {}").format(song.stem))
            button.setAutoDefault(True)
            button.clicked.connect(lambda _checked=False, song=song: self.song_wanted.emit(song))
            self._recent.addWidget(button)
        self.show_steps(not self._steps.isHidden())
