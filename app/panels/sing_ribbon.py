"""The melody as a ribbon, the singer's voice upon it, and the score. GUI thread.

The ribbon moves through the middle, where it is heard now: what comes is right of it, what was sung left.
High notes stand high; the voice is drawn in the octave of the melody, because every voice may sing it.
"""

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.panels.play_head import PlayHead
from app.sing_along import SingAlong
from app.theme import font, icon, tokens
from app.tick import Tick
from engine.services.sing_score import cents_off
from engine.units import F32, F64

BEFORE_S, AFTER_S = 4.0, 4.0
LEAST_SEMITONES = 10.0
_PAD_SEMITONES = 2.0
_GAP_S = 0.06
"""A hole this long ends a stroke."""
_SCORE_PX = 104
_HEIGHT_PX = 96
_EASE = 0.08
_MELODY_PX, _VOICE_PX = 7.0, 3.0


class SingRibbon(QWidget):
    """The ribbon.

    Parameters
    ----------
    along : SingAlong
    parent : QWidget or None

    Attributes
    ----------
    mic_wanted : Signal()
        Hear the mic, too.
    """

    mic_wanted = Signal()

    def __init__(self, along: SingAlong, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._along = along
        self._head = PlayHead()
        self._middle: float | None = None
        self._reach = LEAST_SEMITONES / 2
        self._mic_is_open = False
        self._said = -1
        self.setFixedHeight(_HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Melody"))
        self.setToolTip(
            self.tr("The melody of the song; your voice is drawn on it, in whatever octave you sing")
        )
        self.mic = QPushButton(icon("mic"), self.tr("Mic on"), self)
        self.mic.setAutoDefault(True)
        self.mic.setAccessibleName(self.tr("Mic on"))
        self.mic.setToolTip(self.tr("Hear and see your voice. Wear headphones"))
        self.mic.clicked.connect(self.mic_wanted)
        self.number = QLabel(self)
        self.number.setFont(font(tokens().text_huge_px, 600, tabular=True))
        self.words = QLabel(self)
        self.words.setProperty("class", "small")
        for label in (self.number, self.words):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addStretch(1)
        column.addWidget(self.mic)
        column.addWidget(self.number)
        column.addWidget(self.words)
        column.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 12, 0)
        row.addStretch(1)
        side = QWidget(self)
        side.setFixedWidth(_SCORE_PX)
        side.setLayout(column)
        column.setContentsMargins(0, 0, 0, 0)
        row.addWidget(side)
        along.changed.connect(self.update)
        self.show_mic(False)

    @property
    def time_s(self) -> float:
        """Song time in the middle."""
        return self._head.position_s

    def sizeHint(self) -> QSize:
        """A strip."""
        return QSize(480, _HEIGHT_PX)

    def show_mic(self, is_open: bool) -> None:
        """Show whether the voice is heard."""
        self._mic_is_open = is_open
        self.mic.setVisible(not is_open)
        self.number.setVisible(is_open)
        self.words.setVisible(is_open)
        self._said = -1
        self._show_score()

    def show_tick(self, tick: Tick) -> None:
        """Move on."""
        self._head.take(tick)
        if self.isVisible():
            self._show_score()
            self.update()

    def _show_score(self) -> None:
        score = self._along.sung().score
        said = -2 if score is None else round(score)
        if said == self._said:
            return
        self._said = said
        self.number.setText("" if score is None else str(said))
        self.words.setText(self.tr("Sing!") if score is None else score_words(score))
        colour = tokens().good if score is not None and score >= 75.0 else tokens().text
        self.number.setStyleSheet(f"color: {colour.name()}")
        self.number.setAccessibleName(self.tr("Score"))
        self.number.setAccessibleDescription(str(said) if score is not None else "")

    # --- painting ----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Nothing is kept of another size."""
        super().resizeEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint."""
        del event
        look, melody = tokens(), self._along.melody
        area = QRectF(12, 6, self.width() - _SCORE_PX - 36, self.height() - 12)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if melody is None:
                painter.setFont(font(look.text_body_px))
                painter.setPen(look.dim)
                painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self._along.why_none)
                return
            first = max(0, int((self.time_s - BEFORE_S) * melody.rows_per_s))
            last = max(first, int((self.time_s + AFTER_S) * melody.rows_per_s) + 1)
            rows = melody.pitch_hz[first:last]
            times_s = (first + np.arange(rows.size)) / melody.rows_per_s
            self._suit_range(rows)
            middle_x = area.left() + area.width() * BEFORE_S / (BEFORE_S + AFTER_S)
            painter.setPen(QPen(look.line, 1.0))
            painter.drawLine(QPointF(middle_x, area.top()), QPointF(middle_x, area.bottom()))
            painter.setClipRect(QRectF(area.left(), 0, area.width(), self.height()))
            colour = QColor(look.lane_colour("vocals"))
            colour.setAlphaF(0.55)
            self._draw(painter, area, QPen(colour, _MELODY_PX), times_s, rows)
            sung = self._along.sung()
            if self._mic_is_open and sung.song_s.size:
                near = np.abs(sung.song_s - self.time_s) <= BEFORE_S + AFTER_S
                voice = folded(sung.song_s[near], sung.pitch_hz[near], times_s, rows, self._centre_hz)
                self._draw(painter, area, QPen(look.text, _VOICE_PX), sung.song_s[near], voice)

    @property
    def _centre_hz(self) -> float:
        return 440.0 * 2.0 ** ((self._middle or 0.0) / 12.0)

    def _suit_range(self, rows: F32) -> None:
        """Let the notes that are seen have room, without a start."""
        notes = rows[rows > 0.0]
        if not notes.size:
            return
        semitones = 12.0 * np.log2(notes / 440.0)
        low, high = float(np.percentile(semitones, 2)), float(np.percentile(semitones, 98))
        reach = max(LEAST_SEMITONES, high - low + 2 * _PAD_SEMITONES) / 2
        middle = (low + high) / 2
        if self._middle is None or abs(self._middle - middle) > 2 * LEAST_SEMITONES:
            self._middle, self._reach = middle, reach
        self._middle += _EASE * (middle - self._middle)
        self._reach += _EASE * (reach - self._reach)

    def _draw(self, painter: QPainter, area: QRectF, pen: QPen, times_s: F64, pitch_hz: F32) -> None:
        """Strokes through all rows that have a pitch."""
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        path = QPainterPath()
        before: tuple[float, float] | None = None
        per_s = area.width() / (BEFORE_S + AFTER_S)
        for time_s, hz in zip(times_s.tolist(), pitch_hz.tolist(), strict=True):
            if hz <= 0.0 or math.isnan(time_s):
                before = None
                continue
            semitone = 12.0 * math.log2(hz / 440.0)
            x = area.left() + (time_s - self.time_s + BEFORE_S) * per_s
            y = area.center().y() - (semitone - (self._middle or 0.0)) / self._reach * area.height() / 2
            if not area.top() <= y <= area.bottom():
                before = None
                continue
            leaps = (
                before is None or not 0.0 <= time_s - before[0] <= _GAP_S or abs(semitone - before[1]) > 4.0
            )
            if leaps:
                path.moveTo(x, y)
                path.lineTo(x + 0.01, y)
            else:
                path.lineTo(x, y)
            before = (time_s, semitone)
        painter.drawPath(path)


def folded(song_s: F64, sung_hz: F32, times_s: F64, melody_hz: F32, centre_hz: float) -> F32:
    """A voice in the octave of the melody.

    Parameters
    ----------
    song_s : float64 array, shape (n,)
    sung_hz : float32 array, shape (n,)
        0 for silence.
    times_s : float64 array, shape (m,)
        Rising.
    melody_hz : float32 array, shape (m,)
        0 for rests.
    centre_hz : float
        Where there is no note to fold to.

    Returns
    -------
    float32 array, shape (n,)
    """
    wanted = np.full(song_s.shape, centre_hz, np.float32)
    known = melody_hz > 0.0
    if known.any():
        # The note that sounds, or else the one that sounded last.
        places = np.clip(np.searchsorted(times_s[known], song_s, side="right") - 1, 0, None)
        wanted = melody_hz[known][places]
    out = np.zeros_like(sung_hz)
    for i in np.flatnonzero(sung_hz > 0.0):
        cents = cents_off(float(sung_hz[i]), wanted[i : i + 1])[0]
        out[i] = wanted[i] * 2.0 ** (cents / 1200.0)
    return out


def score_words(score: float) -> str:
    """A score in a kind word.

    Parameters
    ----------
    score : float, 0 to 100
    """
    for least, words in ((90.0, "Wonderful"), (75.0, "Lovely"), (55.0, "Good"), (30.0, "Go on")):
        if score >= least:
            return words
    return "Sing!"
