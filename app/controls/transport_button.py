"""The buttons of the transport: an icon on a rounded square."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.controls.focus import draw_focus
from app.controls.key_button import KeyButton
from app.theme import mixed, paint_icon, tokens

_ICON_PX = 22


class TransportButton(KeyButton):
    """A button of 40 by 38.

    Parameters
    ----------
    name : str
        Of the icon.
    primary : bool
        Filled with the accent: the one that is pressed most.
    """

    def __init__(self, name: str, *, primary: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._primary = primary
        self.setFixedSize(self.sizeHint())

    @property
    def icon_name(self) -> str:
        """Name of the icon."""
        return self._name

    def show_icon(self, name: str) -> None:
        """Bear another icon."""
        if name != self._name:
            self._name = name
            self.update()

    def sizeHint(self) -> QSize:
        """As drawn."""
        return QSize(40, 38)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint."""
        look = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(self.rect())
        filled = self._primary and self.isEnabled()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._ground(filled=filled))
        painter.drawRoundedRect(place, look.radius_medium_px, look.radius_medium_px)
        if not self.isEnabled():
            stroke = look.faint
        elif filled:
            stroke = look.window
        else:
            stroke = look.accent if self.isChecked() else look.text
        icon_place = QRectF(0, 0, _ICON_PX, _ICON_PX)
        icon_place.moveCenter(place.center())
        paint_icon(painter, self._name, stroke, icon_place)
        if self.hasFocus() and filled:
            painter.setPen(QPen(look.text, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(
                place.adjusted(1, 1, -1, -1), look.radius_medium_px, look.radius_medium_px
            )
        else:
            draw_focus(painter, self, look.radius_medium_px)

    def _ground(self, *, filled: bool) -> QColor:
        look = tokens()
        ground = look.accent if filled else look.raised
        if self.isChecked():
            ground = mixed(look.raised, look.accent, 0.22)
        if self.isDown():
            return mixed(ground, look.window, 0.25)
        if self.underMouse() and self.isEnabled():
            return mixed(ground, look.text, 0.2 if filled else 0.07)
        return ground
