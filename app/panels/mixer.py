"""Heads of the lanes and the master's strip: where a stem is named, levelled, placed, muted, soloed.

GUI thread only. They write through `app.edits`, so that everything can be undone, and show what
`app.mixer_state` says, whoever has changed it.
"""

from functools import partial

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.controls.fader import Fader, db_text, parse_db
from app.controls.meter import PeakMeter
from app.controls.pan import PanSlider, pan_text, parse_pan
from app.controls.toggle import Toggle
from app.controls.value_label import ValueLabel
from app.edits import Edits
from app.mixer_state import MASTER, MixerState
from app.theme import font, lane_title, tokens

HEAD_WIDTH_PX = 212
MIN_HEAD_PX = 88
MAX_ROWS_PX = 92
MIN_ORIGINAL_PX = 68
_BAR_PX = 4
"""The stripe in the lane's colour at the left of its head."""
_WIDEST_DB = "\N{MINUS SIGN}88.8 dB"


class LaneHead(QWidget):
    """Head of a stem: name, mute, solo, gain, balance, meter.

    Parameters
    ----------
    name : str
        Of the stem.
    mixer : MixerState
    edits : Edits
    """

    def __init__(self, name: str, mixer: MixerState, edits: Edits, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._mixer = mixer
        self._edits = edits
        look = tokens()
        self.title = QLabel(mixer.title(name))
        self.title.setFont(font(look.text_title_px, 600))
        self.mute = Toggle("M", look.warning)
        self.solo = Toggle("S", look.accent)
        self.fader = Fader(edits.begin_gesture, look.lane_colour(name))
        self.gain_label = ValueLabel(db_text, parse_db, _WIDEST_DB)
        self.pan = PanSlider(edits.begin_gesture)
        self.pan_label = ValueLabel(pan_text, parse_pan, _WIDEST_DB)
        self.meter = PeakMeter(Qt.Orientation.Vertical)
        self.setFixedWidth(HEAD_WIDTH_PX)
        self.setMinimumHeight(MIN_HEAD_PX)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self._lay_out()
        self._name_controls()
        self._connect()
        self._follow()

    @property
    def name(self) -> str:
        """The stem's name."""
        return self._name

    def show_peak(self, left_db: float, right_db: float, dt_s: float) -> None:
        """Move the meter on by `dt_s` seconds."""
        self.meter.show_peak(left_db, right_db, dt_s)

    def show_waiting(self, waiting: bool) -> None:
        """Show that mute, solo and gain are set but wait for the separation to be heard."""
        self.mute.set_waiting(waiting)
        self.solo.set_waiting(waiting)
        self.gain_label.set_colour(tokens().warning if waiting else None)
        self.setToolTip(self.tr("Heard as soon as this part of the song is separated") if waiting else "")

    def sizeHint(self) -> QSize:
        """As drawn."""
        return QSize(HEAD_WIDTH_PX, 104)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Give the keys to this lane."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.fader.setFocus(Qt.FocusReason.MouseFocusReason)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the ground and the stripe."""
        paint_ground(self, self._name)

    def _lay_out(self) -> None:
        first = self._first_row = QHBoxLayout()
        first.setSpacing(4)
        first.addWidget(self.title, 1)
        first.addWidget(self.mute)
        first.addWidget(self.solo)
        second = QHBoxLayout()
        second.setSpacing(0)
        second.addWidget(self.fader, 1)
        second.addWidget(self.gain_label)
        third = QHBoxLayout()
        third.setSpacing(0)
        left, right = (_side_label(side) for side in (self.tr("L"), self.tr("R")))
        third.addWidget(left)
        third.addWidget(self.pan, 1)
        third.addWidget(right)
        third.addWidget(self.pan_label)
        block = QWidget()
        # In a tall lane the rows stay together, in its middle.
        block.setMaximumHeight(MAX_ROWS_PX)
        rows = QVBoxLayout(block)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(first)
        rows.addStretch(1)
        rows.addLayout(second)
        rows.addStretch(1)
        rows.addLayout(third)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(_BAR_PX + 14, 10, 8, 10)
        whole.setSpacing(8)
        whole.addWidget(block, 1)
        whole.addWidget(self.meter)

    def _name_controls(self) -> None:
        title = self._mixer.title(self._name)
        self.setAccessibleName(title)
        words = (
            (self.mute, self.tr("Mute {}"), self.tr("Mute (M)")),
            (self.solo, self.tr("Solo {}"), self.tr("Solo (S). Ctrl+click: this one alone")),
            (
                self.fader,
                self.tr("Gain of {}"),
                self.tr("Gain. Shift for fine steps, double-click for 0 dB, Enter to type"),
            ),
            (self.gain_label, self.tr("Gain of {} in decibels"), self.tr("Click to type a gain")),
            (
                self.pan,
                self.tr("Balance of {}"),
                self.tr("Balance. Shift for fine steps, double-click for the centre, Enter to type"),
            ),
            (
                self.pan_label,
                self.tr("Balance of {} in figures"),
                self.tr("Click to type a balance: L30, C, R5"),
            ),
            (
                self.meter,
                self.tr("Level of {}"),
                self.tr("Level after the fader. Click the red light to put it out"),
            ),
        )
        for control, name, tip in words:
            control.setAccessibleName(name.format(title))
            control.setToolTip(tip)

    def _connect(self) -> None:
        edits, name = self._edits, self._name
        self.fader.value_edited.connect(partial(edits.set_gain_db, name))
        self.fader.typing_wanted.connect(lambda: self.gain_label.start_typing(self.fader))
        self.gain_label.value_typed.connect(self.fader.edit_value)
        self.pan.value_edited.connect(partial(edits.set_pan, name))
        self.pan.typing_wanted.connect(lambda: self.pan_label.start_typing(self.pan))
        self.pan_label.value_typed.connect(self.pan.edit_value)
        self.mute.switch_wanted.connect(self._on_mute)
        self.solo.switch_wanted.connect(self._on_solo)
        self._mixer.changed.connect(self._follow)
        self._mixer.stems_changed.connect(self._follow)

    def _on_mute(self, on: bool, alone: bool) -> None:
        # "Mute only this one" is what a solo of the others would be: Ctrl means nothing here.
        self._edits.set_mute(self._name, on)

    def _on_solo(self, on: bool, alone: bool) -> None:
        # Alone means "only this one", also when others are soloed beside it; once it is, it means "no more".
        strip = self._mixer.strip
        others = any(strip(stem).solo for stem in self._mixer.lanes if stem != self._name)
        self._edits.set_solo(self._name, on or (alone and others), exclusive=alone)

    def _follow(self) -> None:
        # Any strip's solo may silence this one. A head may outlive its stem by a turn of the event loop.
        if self._name not in self._mixer.lanes:
            return
        strip = self._mixer.strip(self._name)
        silenced = self._mixer.is_silenced(self._name)
        self.fader.show_value(strip.gain_db)
        self.gain_label.show_value(strip.gain_db)
        self.pan.show_value(strip.pan)
        self.pan_label.show_value(strip.pan)
        self.mute.setChecked(strip.mute)
        self.solo.setChecked(strip.solo)
        self.fader.set_muffled(silenced)
        self.meter.set_muffled(silenced)


class OriginalHead(QWidget):
    """Head of the original: it has nothing to set, it tells when it is heard."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        look = tokens()
        self.setFixedWidth(HEAD_WIDTH_PX)
        self.setMinimumHeight(MIN_ORIGINAL_PX)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.setAccessibleName(lane_title("original"))
        self.title = QLabel(lane_title("original"))
        self.title.setFont(font(look.text_title_px, 600))
        self.title.setProperty("class", "dim")
        self.note = QLabel()
        self.note.setProperty("class", "small")
        self.meter = PeakMeter(Qt.Orientation.Vertical)
        self.meter.setAccessibleName(self.tr("Level of the original"))
        self.meter.setToolTip(self.tr("Level of the song itself"))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        words.addWidget(self.title)
        words.addWidget(self.note)
        words.addStretch(1)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(_BAR_PX + 14, 10, 8, 10)
        whole.setSpacing(8)
        whole.addLayout(words, 1)
        whole.addWidget(self.meter)
        self.show_stems_heard(False)

    def show_peak(self, left_db: float, right_db: float, dt_s: float) -> None:
        """Move the meter on by `dt_s` seconds."""
        self.meter.show_peak(left_db, right_db, dt_s)

    def show_stems_heard(self, heard: bool) -> None:
        """Tell whether the stems are heard in place of the original."""
        text = self.tr("The stems are heard now") if heard else self.tr("Heard until a stem is touched")
        self.note.setText(text)
        self.meter.set_muffled(heard)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the ground and the stripe."""
        paint_ground(self, "original")


class MasterStrip(QWidget):
    """Level of what goes to the device, above the fader for it.

    Parameters
    ----------
    mixer : MixerState
    edits : Edits
    """

    def __init__(self, mixer: MixerState, edits: Edits, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mixer = mixer
        self.meter = PeakMeter(Qt.Orientation.Horizontal, 4)
        self.fader = Fader(edits.begin_gesture, tokens().dim)
        self.gain_label = ValueLabel(db_text, parse_db, _WIDEST_DB)
        below = QHBoxLayout()
        below.setSpacing(0)
        below.addWidget(self.fader, 1)
        below.addWidget(self.gain_label)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(4)
        whole.addWidget(self.meter)
        whole.addLayout(below)
        self.setFixedWidth(184)
        words = (
            (
                self.meter,
                self.tr("Master level"),
                self.tr("What goes to the device. Red: the limiter had to step in; click to put it out"),
            ),
            (
                self.fader,
                self.tr("Master gain"),
                self.tr("Master gain. Shift for fine steps, double-click for 0 dB, Enter to type"),
            ),
            (self.gain_label, self.tr("Master gain in decibels"), self.tr("Click to type a gain")),
        )
        for control, name, tip in words:
            control.setAccessibleName(name)
            control.setToolTip(tip)
        self.fader.value_edited.connect(partial(edits.set_gain_db, MASTER))
        self.fader.typing_wanted.connect(lambda: self.gain_label.start_typing(self.fader))
        self.gain_label.value_typed.connect(self.fader.edit_value)
        mixer.changed.connect(self._follow)
        mixer.stems_changed.connect(self._follow)
        self._follow()

    def show_peak(self, left_db: float, right_db: float, limiter_gain_db: float, dt_s: float) -> None:
        """Move the meter on by `dt_s` seconds; a limiter at work is an overload."""
        self.meter.show_peak(left_db, right_db, dt_s)
        if limiter_gain_db < -0.1:
            self.meter.light_clip()

    def _follow(self) -> None:
        gain_db = self._mixer.strip(MASTER).gain_db
        self.fader.show_value(gain_db)
        self.gain_label.show_value(gain_db)


def paint_ground(widget: QWidget, lane: str) -> None:
    """Paint the ground of a head and the stripe in its lane's colour."""
    look = tokens()
    painter = QPainter(widget)
    painter.fillRect(widget.rect(), look.panel)
    painter.fillRect(QRectF(0, 0, _BAR_PX, widget.height()), look.lane_colour(lane))


def _side_label(text: str) -> QLabel:
    label = QLabel(text)
    label.setFont(font(tokens().text_tiny_px))
    label.setProperty("class", "tiny")
    return label
