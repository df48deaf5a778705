"""What drives the picture: a row a stem, what it moves, and how much it does now. GUI thread."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.theme import font, lane_title, tokens

ROW_PX, LEAST_ROW_PX = 32, 24
DRIVES = ("drums", "bass", "vocals", "other")
_NAME_PX, _DRIVE_PX, _BAR_PX = 20, 100, 198
"""Where name, what it moves, and the bar begin."""
_BAR_HEIGHT_PX = 4


class StemDrives(QWidget):
    """Four rows.

    Parameters
    ----------
    parent : QWidget or None
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._levels = (0.0, 0.0, 0.0, 0.0)
        self._words = {
            "drums": self.tr("pulse"),
            "bass": self.tr("scale"),
            "vocals": self.tr("hue"),
            "other": self.tr("rotation"),
        }
        self.setMinimumHeight(LEAST_ROW_PX * len(DRIVES))
        self.setMaximumHeight(ROW_PX * len(DRIVES))
        self.setMinimumWidth(_BAR_PX + 40)
        self.setAccessibleName(self.tr("What drives the picture"))
        self.setToolTip(
            self.tr(
                "Each stem moves its own part of the picture.\nUntil there are stems, bands of the mix do"
            )
        )

    def sizeHint(self) -> QSize:
        """As wide as a side dock."""
        return QSize(340, ROW_PX * len(DRIVES))

    @property
    def levels(self) -> tuple[float, float, float, float]:
        """What is shown: drums, bass, vocals, other, 0 to 1."""
        return self._levels

    def show_levels(self, levels: tuple[float, float, float, float]) -> None:
        """Show how much each drives, 0 to 1."""
        if any(abs(new - old) > 0.004 for new, old in zip(levels, self._levels, strict=True)):
            self._levels = levels
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows."""
        del event
        look, row_px = tokens(), self.height() / len(DRIVES)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(font(look.text_body_px))
            for k, (name, level) in enumerate(zip(DRIVES, self._levels, strict=True)):
                middle = row_px * (k + 0.5)
                colour = look.lane_colour(name)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour)
                painter.drawEllipse(QRectF(1, middle - 4, 8, 8))
                flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
                painter.setPen(look.text)
                painter.drawText(QRectF(_NAME_PX, middle - 12, 80, 24), flags, lane_title(name))
                painter.setPen(look.dim)
                painter.drawText(QRectF(_DRIVE_PX, middle - 12, 96, 24), flags, f"→ {self._words[name]}")
                room = self.width() - _BAR_PX
                groove = QRectF(_BAR_PX, middle - _BAR_HEIGHT_PX / 2, room, _BAR_HEIGHT_PX)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(look.line)
                painter.drawRoundedRect(groove, 2, 2)
                if level > 0.0:
                    groove.setWidth(max(float(_BAR_HEIGHT_PX), room * min(level, 1.0)))
                    painter.setBrush(colour)
                    painter.drawRoundedRect(groove, 2, 2)
