"""A view of the Julia set: in the dock, on the whole screen, or behind other widgets.

GUI thread. A plain widget: children that are laid over it are painted over the picture.
"""

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QHideEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from app.theme import font, tokens
from app.visual.picture_thread import Picture
from app.visual.pictures import Pictures
from app.visual.surface import JuliaSurface

LEAST_PX = 120


class JuliaView(QWidget):
    """Shows the pictures while it is visible.

    Parameters
    ----------
    pictures : Pictures
    parent : QWidget or None

    Attributes
    ----------
    double_clicked : Signal()
    """

    double_clicked = Signal()

    def __init__(self, pictures: Pictures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self._picture: Picture | None = None
        self._surface: JuliaSurface | None = None
        self.setMinimumSize(LEAST_PX, LEAST_PX)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("Julia set"))
        self.setAccessibleDescription(self.tr("A picture that moves with the music"))
        pictures.drawn.connect(self._take)
        pictures.kind_found.connect(self._follow_kind)
        self._follow_kind()

    @property
    def pixels(self) -> tuple[int, int]:
        """Size in pixels of the screen."""
        ratio = self.devicePixelRatioF()
        return max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))

    def _follow_kind(self) -> None:
        if self._pictures.kind == "surface" and self._surface is None:
            self._surface = JuliaSurface(self._pictures, self)
            self._surface.refused.connect(self._pictures.refuse_surface, Qt.ConnectionType.QueuedConnection)
            self._surface.setGeometry(self.rect())
            self._surface.lower()
            self._surface.show()
        elif self._pictures.kind != "surface":
            self.release()
        self.update()

    def release(self) -> None:
        """Give the driver its memory back, before the view goes; safe to call twice.

        Its context shares everything with those of the other windows: with it alone nothing would end.
        """
        if self._surface is not None:
            self._surface.hide()
            self._surface.release()
            self._surface.deleteLater()
            self._surface = None

    def _take(self) -> None:
        if self._pictures.is_shown_on(self):
            self._picture = self._pictures.picture
            self.update()

    def showEvent(self, event: QShowEvent) -> None:
        """Take the pictures."""
        super().showEvent(event)
        self._pictures.show_on(self, self.pixels)

    def hideEvent(self, event: QHideEvent) -> None:
        """Give them back."""
        super().hideEvent(event)
        self._pictures.leave(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw for another size."""
        super().resizeEvent(event)
        if self._surface is not None:
            self._surface.setGeometry(self.rect())
        if self.isVisible():
            self._pictures.show_on(self, self.pixels)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Say so."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.double_clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Copy the newest picture, or say why there is none."""
        del event
        if self._surface is not None:
            return
        with QPainter(self) as painter:
            if self._pictures.kind == "none":
                self._paint_reason(painter)
            elif self._picture is None:
                painter.fillRect(self.rect(), tokens().window)
            else:
                self._paint_picture(painter, self._picture)

    def _paint_picture(self, painter: QPainter, picture: Picture) -> None:
        height, width = picture.pixels.shape[:2]
        image = QImage(picture.pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        if (width, height) == self.pixels:
            # Pixel for pixel, whatever the scale factor: nothing is resampled.
            image.setDevicePixelRatio(self.devicePixelRatioF())
            painter.drawImage(0, 0, image)
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self.rect(), image)

    def _paint_reason(self, painter: QPainter) -> None:
        look = tokens()
        painter.fillRect(self.rect(), look.window)
        place = QRect(self.rect()).adjusted(20, 20, -20, -20)
        painter.setFont(font(look.text_body_px))
        painter.setPen(look.dim)
        words = self.tr("No picture: {}").format(self._pictures.reason)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap), words)
