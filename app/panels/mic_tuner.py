"""The note that is sung, how far it is off, and where pitch correction draws it to. GUI thread."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.mic_words import note_of
from app.theme import font, tokens

IN_TUNE_CENTS = 8.0
_HOLD_S = 0.6
"""A note stays for as long as it takes to breathe."""
_WIDTH_PX, _NARROW_PX, _HEIGHT_PX = 208, 160, 34


class Tuner(QWidget):
    """Sung note, a scale of cents with a needle, corrected note."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sung: tuple[str, float] | None = None
        self.corrected: tuple[str, float] | None = None
        self._quiet_s = 0.0
        self._has_correction = True
        self.setFixedSize(_WIDTH_PX, _HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._say()

    def show_pitch(self, sung_hz: float, corrected_hz: float, tuning_hz: float, dt_s: float) -> None:
        """Go on by `dt_s` seconds in which this was sung; 0 Hz is no note."""
        sung, corrected = note_of(sung_hz, tuning_hz), note_of(corrected_hz, tuning_hz)
        self._quiet_s = 0.0 if sung is not None else self._quiet_s + dt_s
        if sung is None and self._quiet_s < _HOLD_S:
            return
        if sung != self.sung or corrected != self.corrected:
            other = (sung or ("",))[0] != (self.sung or ("",))[0]
            self.sung, self.corrected = sung, corrected
            if other:
                self._say()
            self.update()

    def set_has_correction(self, has: bool) -> None:
        """Whether the chain listens to the pitch at all."""
        if has != self._has_correction:
            self._has_correction = has
            self._say()
            self.update()

    def set_narrow(self, narrow: bool) -> None:
        """Take less room."""
        self.setFixedWidth(_NARROW_PX if narrow else _WIDTH_PX)

    def _say(self) -> None:
        words = self.tr("no note") if self.sung is None else f"{self.sung[0]} {self.sung[1]:+.0f}"
        self.setAccessibleName(self.tr("Tuner: {}").format(words))
        self.setToolTip(
            self.tr("The note you sing, how many cents it is off, and the note it is drawn to")
            if self._has_correction
            else self.tr("Pitch correction is not in the chain or off: add it to see your notes")
        )

    def sizeHint(self) -> QSize:
        """Fixed."""
        return QSize(self.width(), _HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint."""
        del event
        look, sung = tokens(), self.sung
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            centre = int(Qt.AlignmentFlag.AlignCenter)
            painter.setFont(font(look.text_title_px, 600, tabular=True))
            in_tune = sung is not None and abs(sung[1]) <= IN_TUNE_CENTS
            painter.setPen(look.faint if sung is None else look.good if in_tune else look.text)
            dash = "–"  # noqa: RUF001 (what stands where there is no note)
            painter.drawText(QRectF(0, 0, 44, self.height()), centre, dash if sung is None else sung[0])
            left, right, middle = 52.0, self.width() - 56.0, self.height() / 2 - 4
            painter.setPen(QPen(look.line, 2))
            painter.drawLine(QPointF(left, middle), QPointF(right, middle))
            for part in (0.0, 0.25, 0.5, 0.75, 1.0):
                x, length = left + part * (right - left), 5 if part == 0.5 else 3
                painter.setPen(QPen(look.dim if part == 0.5 else look.faint, 1))
                painter.drawLine(QPointF(x, middle - length), QPointF(x, middle + length))
            painter.setFont(font(look.text_tiny_px, 500, tabular=True))
            painter.setPen(look.dim)
            below = QRectF(left - 10, middle + 6, right - left + 20, 14)
            if sung is None:
                painter.drawText(
                    below, centre, self.tr("sing") if self._has_correction else self.tr("tuner is off")
                )
                return
            painter.drawText(below, centre, f"{sung[1]:+.0f} ct".replace("-", "\N{MINUS SIGN}"))
            x = left + (sung[1] / 100.0 + 0.5) * (right - left)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.good if in_tune else look.warning)
            painter.drawRoundedRect(QRectF(x - 2, middle - 8, 4, 16), 2, 2)
            if self.corrected is not None:
                painter.setFont(font(look.text_title_px, 600, tabular=True))
                painter.setPen(look.accent)
                painter.drawText(
                    QRectF(self.width() - 52, 0, 52, self.height()), centre, f"→ {self.corrected[0]}"
                )
