"""The Julia set on the whole screen. GUI thread.

A window of its own, on the screen that the main window is on; made when it is wanted and gone when it is
left. The keys of the main window work in it.
"""

from collections.abc import Iterable

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.theme import font, tokens
from app.visual.pictures import Pictures
from app.visual.view import JuliaView

HINT_MS = 2500
"""How long pointer and hint stay after the pointer was moved."""


class Stage(QWidget):
    """The whole screen.

    Parameters
    ----------
    pictures : Pictures
    actions : iterable of QAction
        Of the main window.
    parent : QWidget

    Attributes
    ----------
    left : Signal()
        The user has left it.
    """

    left = Signal()

    def __init__(self, pictures: Pictures, actions: Iterable[QAction], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Julia set — Charon"))
        self.setMouseTracking(True)
        self.addActions(list(actions))
        self.view = JuliaView(pictures, self)
        self.view.setMouseTracking(True)
        self.view.installEventFilter(self)
        self.view.double_clicked.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        look = tokens()
        self._hint = QLabel(self.tr("Esc, F11 or a double-click: back to the window"), self.view)
        self._hint.setFont(font(look.text_title_px))
        self._hint.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._hint.setStyleSheet(
            f"color: {look.text.name()}; background: {look.panel.name()};"
            f"border-radius: {look.radius_large_px}px; padding: 8px 20px;"
        )
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(HINT_MS)
        self._quiet.timeout.connect(self._hide_hint)
        self._show_hint()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """A moved pointer is wanted to be seen."""
        if event.type() == QEvent.Type.MouseMove and isinstance(event, QMouseEvent):
            self._show_hint()
        elif event.type() == QEvent.Type.Resize:
            self._place_hint()
        return False

    def _show_hint(self) -> None:
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self._hint.show()
        self._place_hint()
        self._quiet.start()

    def _hide_hint(self) -> None:
        self._hint.hide()
        self.setCursor(Qt.CursorShape.BlankCursor)

    def _place_hint(self) -> None:
        self._hint.adjustSize()
        left = (self.view.width() - self._hint.width()) // 2
        self._hint.move(max(0, left), max(0, self.view.height() - self._hint.height() - 40))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape leaves."""
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Say so."""
        super().closeEvent(event)
        self.view.release()
        self.left.emit()
