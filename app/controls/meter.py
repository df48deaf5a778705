"""Peak meters: level, the highest peak of late, and a light for clipping that stays until clicked.

They move by time, not by the number of frames painted, so a window that stutters shows the same.
"""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QLinearGradient, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.controls.focus import PRESSING_KEYS, claims_key, draw_focus
from app.theme import tokens

FLOOR_DB = -60.0
CLIP_DB = 0.0
FALL_DB_PER_S = 24.0
"""A little faster than the engine's own meters fall (20 dB/s), so theirs are shown as they are."""
HOLD_S = 1.5
HOLD_FALL_DB_PER_S = 18.0
_WARM_DB = -9.0
# Bars of 3 px with 2 px between them, and a light of 5 px before 2 px of air.
_BAR_PX, _GAP_PX, _LIGHT_PX, _AIR_PX = 3, 2, 5, 2


def meter_fraction(level_db: float) -> float:
    """Place of a level on a meter, 0 (FLOOR_DB or less) to 1 (full scale).

    A power of 1.6 on decibels gives the upper 20 dB half of the length.
    """
    place = (min(level_db, 0.0) - FLOOR_DB) / -FLOOR_DB
    return max(place, 0.0) ** 1.6


class Ballistics:
    """One channel of a meter in time.

    Attributes
    ----------
    level_db, hold_db : float
        What the bar and the line show.
    """

    def __init__(self) -> None:
        self.level_db = FLOOR_DB
        self.hold_db = FLOOR_DB
        self._held_s = 0.0

    def step(self, peak_db: float, dt_s: float) -> None:
        """Go on by a time in which the peak was `peak_db`; up at once, down in dB a second."""
        self.level_db = max(peak_db, self.level_db - FALL_DB_PER_S * dt_s, FLOOR_DB)
        if self.level_db >= self.hold_db:
            self.hold_db, self._held_s = self.level_db, 0.0
            return
        falling_s = max(0.0, self._held_s + dt_s - HOLD_S) - max(0.0, self._held_s - HOLD_S)
        self._held_s += dt_s
        self.hold_db = max(self.level_db, self.hold_db - HOLD_FALL_DB_PER_S * falling_s)


class PeakMeter(QWidget):
    """Left and right as two bars, standing or lying.

    Parameters
    ----------
    orientation : Qt.Orientation
    bar_px : int
        Thickness of a bar.

    Attributes
    ----------
    cleared : Signal()
        The user has put out the clip light.
    """

    cleared = Signal()

    def __init__(
        self, orientation: Qt.Orientation, bar_px: int = _BAR_PX, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._upright = orientation == Qt.Orientation.Vertical
        self._bar_px = bar_px
        self._channels = (Ballistics(), Ballistics())
        self._clipped = False
        self._muffled = False
        self._drawn: tuple[int, ...] = ()
        thickness = 2 * bar_px + _GAP_PX + 2
        if self._upright:
            self.setFixedWidth(thickness)
            self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        else:
            self.setFixedHeight(thickness)
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # Only the light can be pressed, and only while it is lit.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    @property
    def clipped(self) -> bool:
        """Whether the light is lit."""
        return self._clipped

    @property
    def levels_db(self) -> tuple[float, float]:
        """What the bars show."""
        return self._channels[0].level_db, self._channels[1].level_db

    @property
    def holds_db(self) -> tuple[float, float]:
        """What the lines show."""
        return self._channels[0].hold_db, self._channels[1].hold_db

    def show_peak(self, left_db: float, right_db: float, dt_s: float) -> None:
        """Go on by `dt_s` seconds in which these were the peaks, in dBFS."""
        for channel, peak_db in zip(self._channels, (left_db, right_db), strict=True):
            channel.step(peak_db, dt_s)
        if max(left_db, right_db) > CLIP_DB:
            self.light_clip()
        # Sixty times a second, but mostly by less than a pixel.
        length = (self.height() if self._upright else self.width()) * 2
        places = [p for c in self._channels for p in (c.level_db, c.hold_db)]
        drawn = tuple(round(meter_fraction(place) * length) for place in places)
        if drawn != self._drawn:
            self._drawn = drawn
            self.update()

    def light_clip(self) -> None:
        """Light the clip light."""
        if not self._clipped:
            self._clipped = True
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.setAccessibleDescription(self.tr("Clipped"))
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.update()

    def clear_clip(self) -> None:
        """Put the clip light out."""
        if self._clipped:
            self._clipped = False
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self.setAccessibleDescription("")
            self.unsetCursor()
            self.update()
            self.cleared.emit()

    def set_muffled(self, muffled: bool) -> None:
        """Draw the bars faintly, because the lane is not heard."""
        if muffled != self._muffled:
            self._muffled = muffled
            self.update()

    def sizeHint(self) -> QSize:
        """Long enough to read."""
        thickness = 2 * self._bar_px + _GAP_PX + 2
        return QSize(thickness, 64) if self._upright else QSize(140, thickness)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Put the light out."""
        if self._clipped and event.button() == Qt.MouseButton.LeftButton:
            self.clear_clip()
        else:
            event.ignore()

    def event(self, event: QEvent) -> bool:
        """Keep the keys that put the light out from the window's shortcuts."""
        if claims_key(event, PRESSING_KEYS):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space or Enter: put the light out."""
        if event.key() in PRESSING_KEYS:
            self.clear_clip()
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint: along a line from the floor to the light, whichever way the meter lies."""
        look = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_focus(painter, self, 2)
        if self._upright:
            painter.translate(0, self.height())
            painter.rotate(-90)
        length = self.height() if self._upright else self.width()
        run = length - _LIGHT_PX - _AIR_PX
        colours = QLinearGradient(0, 0, run, 0)
        if self._muffled:
            colours.setColorAt(0, look.faint)
            colours.setColorAt(1, look.faint)
        else:
            colours.setColorAt(0, look.good)
            colours.setColorAt(meter_fraction(_WARM_DB), look.good)
            colours.setColorAt(1, look.warning)
        painter.setPen(Qt.PenStyle.NoPen)
        for row, channel in enumerate(self._channels):
            top = 1 + row * (self._bar_px + _GAP_PX)
            radius = self._bar_px / 2
            painter.setBrush(look.line)
            painter.drawRoundedRect(QRectF(0, top, run, self._bar_px), radius, radius)
            lit = meter_fraction(channel.level_db) * run
            if lit > 0:
                painter.setBrush(colours)
                painter.drawRoundedRect(QRectF(0, top, lit, self._bar_px), radius, radius)
            if channel.hold_db > FLOOR_DB:
                painter.setBrush(look.dim if self._muffled else look.text)
                place = meter_fraction(channel.hold_db) * run
                painter.drawRect(QRectF(max(place - 1.5, 0), top - 0.5, 1.5, self._bar_px + 1))
        painter.setBrush(look.error if self._clipped else look.line)
        painter.drawRoundedRect(QRectF(run + _AIR_PX, 1, _LIGHT_PX, 2 * self._bar_px + _GAP_PX), 1.5, 1.5)
