"""The lanes of a live input: a head for every stem beside its rolling waveform, the input itself below.

GUI thread. The heads are those of a song's lanes, on a mixer of their own: what is muted here is not muted in
the song that comes back.
"""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QMouseEvent, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.controls.meter import PeakMeter
from app.edits import Edits
from app.live_tick import LiveTick
from app.mixer_state import MixerState
from app.panels.live_waves import LiveWaves
from app.panels.mixer import HEAD_WIDTH_PX, MIN_HEAD_PX, MIN_ORIGINAL_PX, LaneHead, paint_ground
from app.panels.wave_backdrop import RULER_PX, share_height
from app.theme import font, tokens

INPUT = "original"
"""What the engine calls the lane of the input itself."""
_SILENT = (-200.0, -200.0)


class InputHead(QWidget):
    """Head of the input itself: its name, its level, and what is the matter with it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(HEAD_WIDTH_PX)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.setAccessibleName(self.tr("Input"))
        title = QLabel(self.tr("Input"))
        title.setFont(font(tokens().text_title_px, 600))
        title.setProperty("class", "dim")
        self.note = QLabel()
        self.note.setProperty("class", "small")
        self.meter = PeakMeter(Qt.Orientation.Vertical)
        self.meter.setAccessibleName(self.tr("Level of the input"))
        self.meter.setToolTip(self.tr("What comes in, before it is separated"))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        words.addWidget(title)
        words.addWidget(self.note)
        words.addStretch(1)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(18, 10, 8, 10)
        whole.setSpacing(8)
        whole.addLayout(words, 1)
        whole.addWidget(self.meter)

    def show_source(self, name: str) -> None:
        """Name the device."""
        metrics = self.note.fontMetrics()
        self.note.setText(metrics.elidedText(name, Qt.TextElideMode.ElideRight, HEAD_WIDTH_PX - 60))
        self.note.setToolTip(name)
        self.setAccessibleDescription(name)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the ground and the stripe."""
        del event
        paint_ground(self, INPUT)


class LiveLanes(QWidget):
    """Heads and waveforms.

    Parameters
    ----------
    mixer : MixerState
        Of the input's stems.
    edits : Edits
    parent : QWidget or None

    Attributes
    ----------
    heads : dict of str to LaneHead
    waves : LiveWaves
    """

    def __init__(self, mixer: MixerState, edits: Edits, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mixer = mixer
        self._edits = edits
        self._source = ""
        self.heads: dict[str, LaneHead] = {}
        self.input = InputHead(self)
        self.waves = LiveWaves(self)
        self.setAccessibleName(self.tr("Lanes of the input"))
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, tokens().window)
        self.setPalette(palette)
        self.setAutoFillBackground(True)
        mixer.stems_changed.connect(self._make_heads)
        mixer.changed.connect(self._show_silenced)
        self._make_heads()

    def _make_heads(self) -> None:
        for head in self.heads.values():
            head.hide()
            head.deleteLater()
        self.heads = {name: LaneHead(name, self._mixer, self._edits, self) for name in self._mixer.stems}
        before: QWidget = self
        for head in self.heads.values():
            head.show()
            for control in head.findChildren(QWidget):
                if control.focusPolicy() & Qt.FocusPolicy.TabFocus:
                    QWidget.setTabOrder(before, control)
                    before = control
        self._arrange()
        self._show_silenced()

    def _arrange(self) -> None:
        names = [*self.heads, INPUT]
        least = {name: MIN_ORIGINAL_PX if name == INPUT else MIN_HEAD_PX for name in names}
        rows = share_height(names, self.height(), least)
        for row in rows:
            head = self.heads.get(row.lane, self.input)
            head.setGeometry(0, row.top_px, HEAD_WIDTH_PX, row.height_px)
        bottom = rows[-1].top_px + rows[-1].height_px
        self.setMinimumHeight(RULER_PX + sum(least.values()) + 4 * (len(names) - 1))
        self.waves.setGeometry(HEAD_WIDTH_PX, 0, max(1, self.width() - HEAD_WIDTH_PX), bottom)
        self.waves.set_rows(rows, (INPUT, *self.heads))

    def _show_silenced(self) -> None:
        self.waves.set_silenced(name for name in self._mixer.stems if self._mixer.is_silenced(name))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the height."""
        super().resizeEvent(event)
        self._arrange()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the keys away from whatever had them."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        super().mousePressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Draw for another screen's pixels."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self.waves.update()

    def show_tick(self, tick: LiveTick) -> None:
        """Move meters and waveforms on."""
        if tick.source != self._source:
            self._source = tick.source
            self.input.show_source(tick.source)
        self.waves.show_scope(tick.scope)
        for name, head in self.heads.items():
            head.show_peak(*tick.peaks_db.get(name, _SILENT), tick.dt_s)
        self.input.meter.show_peak(*tick.peaks_db.get(INPUT, _SILENT), tick.dt_s)
