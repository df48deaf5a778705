"""The transport along the top: play, loop, position, what is playing, the master, the engine light.

GUI thread only. It asks by signals (the bridge does) and shows the ticks it is given.
"""

from PySide6.QtCore import QElapsedTimer, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QVBoxLayout, QWidget

from app.controls.engine_light import EngineLight
from app.controls.transport_button import TransportButton
from app.edits import Edits
from app.loop_state import LoopState
from app.mixer_state import MixerState
from app.panels.mixer import MasterStrip
from app.panels.song_figures import SongFigures
from app.theme import font, icon, tokens
from app.tick import Tick

BAR_HEIGHT_PX = 64
_NAMED_FROM_PX = 1340
_FIGURES_FROM_PX = 1100


def clock_text(seconds: float, *, tenths: bool = False) -> str:
    """A time of a song as m:ss, or h:mm:ss from an hour on; never rounded up into the next figure."""
    tenths_s = max(0, int(seconds * 10 + 1e-6))
    whole, tenth = divmod(tenths_s, 10)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{tenth}" if tenths else text


class TransportBar(QWidget):
    """The bar.

    Parameters
    ----------
    edits : Edits
    loop : LoopState
    mixer : MixerState

    Attributes
    ----------
    play_toggled, start_wanted, loop_wanted, device_wanted : Signal()
        Play or pause; go to the start; loop or not; choose an audio device.
    """

    play_toggled = Signal()
    start_wanted = Signal()
    loop_wanted = Signal()
    device_wanted = Signal()

    def __init__(
        self, edits: Edits, loop: LoopState, mixer: MixerState, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._loop = loop
        self._tick = Tick()
        self._since_tick = QElapsedTimer()
        look = tokens()
        self.setFixedHeight(BAR_HEIGHT_PX)
        self.name = QLabel("Charon")
        self.name.setFont(font(look.text_large_px, 600))
        self.to_start = TransportButton("to-start")
        self.play = TransportButton("play", primary=True)
        self.loop = TransportButton("loop")
        self.loop.setCheckable(True)
        self.position = PositionLabel()
        self.title = LineLabel(font(look.text_title_px, 600), look.text)
        self.artist = LineLabel(font(look.text_small_px), look.dim)
        self.figures = SongFigures()
        self.master = MasterStrip(mixer, edits)
        self.light = EngineLight()
        self._lay_out()
        self._name_controls()
        self.to_start.clicked.connect(self.start_wanted)
        self.play.clicked.connect(self.play_toggled)
        self.loop.clicked.connect(self._ask_for_loop)
        self.light.clicked.connect(self._show_details)
        loop.changed.connect(self._follow_loop)
        self._show(self._tick)
        self._follow_loop()

    def show_tick(self, tick: Tick) -> None:
        """Follow the engine."""
        dt_s = self._since_tick.restart() / 1000 if self._since_tick.isValid() else 0.0
        if not self._since_tick.isValid():
            self._since_tick.start()
        # A window that slept (minimised, or a laptop) does not owe its meters the time.
        dt_s = min(dt_s, 1.0)
        before, self._tick = self._tick, tick
        self.master.show_peak(*tick.master_peak_db, tick.limiter_gain_db, dt_s)
        self.light.show_tick(tick)
        self.position.show_time(tick.position_s, tick.duration_s)
        if _words(before) != _words(tick):
            self._show(tick)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave our own name out, then the figures, where the song's name would not fit."""
        super().resizeEvent(event)
        self.name.setVisible(self.width() >= _NAMED_FROM_PX)
        self._show_figures()

    def _lay_out(self) -> None:
        song = QVBoxLayout()
        song.setSpacing(2)
        song.addStretch(1)
        song.addWidget(self.title)
        song.addWidget(self.artist)
        song.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.to_start, self.play, self.loop):
            buttons.addWidget(button)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(16, 0, 16, 0)
        whole.setSpacing(20)
        whole.addWidget(self.name)
        whole.addLayout(buttons)
        whole.addWidget(self.position)
        whole.addLayout(song, 1)
        whole.addWidget(self.figures, 0, Qt.AlignmentFlag.AlignVCenter)
        whole.addWidget(self.master, 0, Qt.AlignmentFlag.AlignVCenter)
        whole.addWidget(self.light)

    def _name_controls(self) -> None:
        self.setAccessibleName(self.tr("Transport"))
        self.to_start.setAccessibleName(self.tr("To the start"))
        self.to_start.setToolTip(self.tr("To the start (Home)"))
        self.loop.setAccessibleName(self.tr("Loop"))
        self.position.setAccessibleName(self.tr("Position"))
        self.position.setToolTip(self.tr("What is heard now, and the length of the song"))

    def _show(self, tick: Tick) -> None:
        loaded = tick.song is not None
        self.play.setEnabled(loaded or bool(tick.live))
        self.to_start.setEnabled(loaded and not tick.live)
        self.loop.setEnabled(tick.duration_s is not None and not tick.live)
        self._show_figures()
        if tick.live:
            self.play.show_icon("stop")
            self.play.setAccessibleName(self.tr("Stop the live input"))
            self.play.setToolTip(self.tr("Stop the live input (Space)"))
            self.title.set_line(self.tr("Live: {}").format(tick.live))
            self.artist.set_line(self.tr("{} is paused").format(tick.title) if loaded else "")
            return
        self.play.show_icon("pause" if tick.playing else "play")
        self.play.setAccessibleName(self.tr("Pause") if tick.playing else self.tr("Play"))
        self.play.setToolTip(self.tr("Pause (Space)") if tick.playing else self.tr("Play (Space)"))
        self.title.set_line(tick.title)
        rate = self.tr("{} kHz").format(f"{tick.song_rate_hz / 1000:g}") if tick.song_rate_hz else ""
        self.artist.set_line("  ·  ".join(part for part in (tick.artist, rate) if part))

    def _show_figures(self) -> None:
        self.figures.setVisible(self._tick.song is not None and self.width() >= _FIGURES_FROM_PX)

    def _follow_loop(self) -> None:
        self.loop.setChecked(self._loop.enabled)
        span_s = self._loop.span_s
        if span_s is None:
            tip = self.tr("Loop (L). Drag along the lanes to say from where to where")
        else:
            tip = self.tr("Loop {} to {} (L)").format(*(clock_text(at_s, tenths=True) for at_s in span_s))
        self.loop.setToolTip(tip)

    def _ask_for_loop(self) -> None:
        # The click has switched the button already; what is true comes back through the loop's state.
        self.loop.setChecked(self._loop.enabled)
        self.loop_wanted.emit()

    def _show_details(self) -> None:
        menu = engine_menu(self._tick, self)
        settings = menu.addAction(icon("settings"), self.tr("Choose device…"))
        settings.triggered.connect(self.device_wanted)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setMinimumWidth(self.light.width())
        below = self.light.mapToGlobal(QPoint(self.light.width() - menu.sizeHint().width(), 0))
        menu.popup(below + QPoint(0, self.light.height() + 4))


def engine_menu(tick: Tick, parent: TransportBar) -> QMenu:
    """Menu that spells the engine light out, a line a fact."""
    menu = QMenu(parent)
    menu.setAccessibleName(parent.tr("Audio engine"))
    lines: list[str] = []
    if tick.trouble:
        lines.append(tick.trouble)
    if tick.device is None:
        lines.append(parent.tr("No audio device is open"))
    else:
        line = tick.device
        lines.append(line.name)
        lines.append(parent.tr("{} Hz, blocks of {} frames").format(line.rate_hz, line.block_frames))
        lines.append(parent.tr("Output latency {:.1f} ms").format(line.latency_ms))
        lines.append(parent.tr("Dropouts since it was opened: {}").format(tick.dropouts))
    for text in lines:
        action = menu.addAction(text)
        # Read, not chosen; disabled ones would be too faint to read.
        action.setToolTip(text)
    if tick.trouble:
        menu.actions()[0].setIcon(icon("warning", tokens().warning))
    menu.addSeparator()
    return menu


class PositionLabel(QWidget):
    """The position in large figures that do not tremble, and the length behind it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        look = tokens()
        self._large = font(look.text_huge_px, 600, tabular=True)
        self._small = font(look.text_title_px, tabular=True)
        self._position = clock_text(0, tenths=True)
        self._length = ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def text(self) -> str:
        """What it reads."""
        return self._position + self._length

    def show_time(self, position_s: float, duration_s: float | None) -> None:
        """Read a position and a length, in seconds."""
        position = clock_text(position_s, tenths=True)
        length = "" if duration_s is None else f" / {clock_text(duration_s)}"
        # Sixty ticks a second, ten of which read differently.
        if (position, length) != (self._position, self._length):
            wider = (len(position), len(length)) != (len(self._position), len(self._length))
            self._position, self._length = position, length
            self.setAccessibleDescription(self.text)
            if wider:
                self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Room for what it reads, and for a song of some minutes at least."""
        position = max(self._position, "0:00.0", key=len)
        length = max(self._length, " / 0:00", key=len)
        wide = QFontMetricsF(self._large).horizontalAdvance("0" * len(position))
        # Colon and point are narrower than a figure; so much is air before the next block.
        return QSize(round(wide + QFontMetricsF(self._small).horizontalAdvance(length)), 38)

    def minimumSizeHint(self) -> QSize:
        """All of it: a position is never cut off."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both on one base line."""
        look = tokens()
        painter = QPainter(self)
        metrics = QFontMetricsF(self._large)
        base = (self.height() + metrics.capHeight()) / 2
        painter.setFont(self._large)
        painter.setPen(look.text)
        painter.drawText(0, round(base), self._position)
        painter.setFont(self._small)
        painter.setPen(look.dim)
        painter.drawText(round(metrics.horizontalAdvance(self._position)) + 2, round(base), self._length)


class LineLabel(QWidget):
    """One line that ends in an ellipsis where it does not fit, and is whole in its tip.

    Parameters
    ----------
    face : QFont
    colour : QColor
    """

    def __init__(self, face: QFont, colour: QColor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._line = ""
        self._colour = colour
        self.setFont(face)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def line(self) -> str:
        """The whole line."""
        return self._line

    def set_line(self, line: str) -> None:
        """Read another line."""
        if line != self._line:
            self._line = line
            self.setToolTip(line)
            self.setAccessibleName(line)
            self.update()

    def sizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(160, round(QFontMetricsF(self.font()).height()))

    def minimumSizeHint(self) -> QSize:
        """A word or so."""
        return QSize(72, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint."""
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self._colour)
        shown = QFontMetricsF(self.font()).elidedText(self._line, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


def _words(tick: Tick) -> tuple[object, ...]:
    """What of a tick is shown in words or pictures."""
    known = tick.duration_s is not None
    return tick.song, tick.title, tick.artist, tick.song_rate_hz, tick.playing, tick.live, known
