"""Karaoke: the words large over a picture, the melody below them, the vocals at hand. GUI thread.

A sheet that is laid over whatever shows the picture and goes with it. It shades what is behind it, so that
words can be read on any picture.
"""

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.controls.fader import Fader, db_text, parse_db
from app.controls.value_label import ValueLabel
from app.edits import Edits
from app.lyrics_state import LyricsState
from app.panels.lyrics_view import LyricsView
from app.panels.sing_ribbon import SingRibbon
from app.sing_along import SingAlong
from app.theme import font, tokens
from app.tick import Tick

SHADES = ((0.0, 0.30), (0.35, 0.58), (0.65, 0.62), (1.0, 0.74))
"""From the top down: how much darker the picture is."""
CONTROLS_MS = 3000
"""How long the controls stay after the pointer was moved."""
RIBBON_PX = 150


class KaraokeSheet(QWidget):
    """The sheet; as large as what it lies on.

    Parameters
    ----------
    state : LyricsState
    along : SingAlong
    edits : Edits
        Counts the gestures of the fader.
    ground : QWidget
        What it lies on.

    Attributes
    ----------
    view : LyricsView
    ribbon : SingRibbon
    fader : Fader
        Of the vocals.
    vocals_wanted : Signal(float)
        Gain, dB.
    """

    vocals_wanted = Signal(float)

    def __init__(self, state: LyricsState, along: SingAlong, edits: Edits, ground: QWidget) -> None:
        super().__init__(ground)
        look = tokens()
        self._state = state
        self._ground = ground
        self.view = LyricsView(state, None, self)
        self.view.set_on_picture(True)
        self.ribbon = SingRibbon(along, self)
        self.ribbon.setFixedHeight(RIBBON_PX)
        self.ribbon.setVisible(along.is_on)
        along.switched.connect(self.ribbon.setVisible)
        self._title = QLabel(self)
        self._title.setFont(font(look.text_large_px, 600))
        self._artist = QLabel(self)
        self._artist.setFont(font(look.text_title_px))
        self._nothing = QLabel(self.tr("No lyrics yet: transcribe, paste or drop them in the window"), self)
        self._nothing.setFont(font(look.text_large_px))
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.fader = Fader(edits.begin_gesture, look.lane_colour("vocals"))
        self.gain = ValueLabel(db_text, parse_db, db_text(-72.0))
        self._controls = QWidget(self)
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(CONTROLS_MS)
        self._quiet.timeout.connect(self._hide_controls)
        self._lay_out()
        self.fader.value_edited.connect(self._ask_vocals)
        self.fader.typing_wanted.connect(lambda: self.gain.start_typing(self.fader))
        self.gain.value_typed.connect(self.vocals_wanted)
        state.changed.connect(self._show_whether)
        self._show_whether()
        self.setMouseTracking(True)
        for widget in (ground, self.view, self):
            widget.installEventFilter(self)
        self.setGeometry(ground.rect())
        self.show_controls()
        self.setFocusProxy(self.view)

    def _lay_out(self) -> None:
        self._caption = QLabel(self.tr("Vocals"), self._controls)
        hint = QLabel(self.tr("Esc or K: back"), self._controls)
        hint.setProperty("class", "dim")
        self.fader.setAccessibleName(self.tr("Vocals of the song"))
        self.fader.setToolTip(self.tr("How loud the singer of the song is beside you"))
        self.gain.setAccessibleName(self.tr("Vocals of the song in decibels"))
        self.gain.setToolTip(self.tr("Click to type a gain"))
        self.fader.setFixedWidth(160)
        controls = QHBoxLayout(self._controls)
        controls.setContentsMargins(0, 0, 0, 0)
        controls.setSpacing(8)
        for widget in (self._caption, self.fader, self.gain, hint):
            controls.addWidget(widget)
        names = QVBoxLayout()
        names.setSpacing(2)
        names.addWidget(self._title)
        names.addWidget(self._artist)
        head = QHBoxLayout()
        head.addLayout(names)
        head.addStretch(1)
        head.addWidget(self._controls, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(48, 36, 48, 36)
        column.setSpacing(16)
        column.addLayout(head)
        column.addWidget(self._nothing)
        column.addWidget(self.view, 1)
        column.addWidget(self.ribbon)

    def _ask_vocals(self, gain_db: float, _gesture: int) -> None:
        self.vocals_wanted.emit(gain_db)

    # --- what is shown -----------------------------------------------------------------------------

    def show_tick(self, tick: Tick) -> None:
        """Follow what is heard."""
        self.view.show_tick(tick)
        self.ribbon.show_tick(tick)
        if self._title.text() != tick.title:
            self._title.setText(tick.title)
        if self._artist.text() != tick.artist:
            self._artist.setText(tick.artist)

    def show_vocals(self, gain_db: float) -> None:
        """Show how loud the vocals are."""
        self.fader.show_value(gain_db)
        self.gain.show_value(gain_db)

    def set_has_vocals(self, has: bool) -> None:
        """Whether there are vocals to be turned down."""
        for widget in (self.fader, self.gain, self._caption):
            widget.setVisible(has)

    def _show_whether(self) -> None:
        self._nothing.setVisible(self._state.lyrics is None)

    def show_controls(self) -> None:
        """Show the fader for a while."""
        self._controls.setVisible(True)
        self._quiet.start()

    def _hide_controls(self) -> None:
        if self._controls.underMouse() or self.fader.hasFocus():
            self._quiet.start()
        else:
            self._controls.setVisible(False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Be as large as the ground; a moved pointer brings the controls."""
        if event.type() == QEvent.Type.Resize and watched is self._ground:
            self.setGeometry(self._ground.rect())
        elif event.type() == QEvent.Type.MouseMove:
            self.show_controls()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Shade the picture."""
        shade = QLinearGradient(QPointF(0, 0), QPointF(0, self.height()))
        for place, alpha in SHADES:
            colour = QColor(tokens().window)
            colour.setAlphaF(alpha)
            shade.setColorAt(place, colour)
        with QPainter(self) as painter:
            painter.fillRect(event.rect(), shade)
