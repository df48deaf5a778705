"""A painted button that the keyboard presses: what M, S, the transport and the engine light share."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QWidget

from app.controls.focus import PRESSING_KEYS, claims_key


class KeyButton(QAbstractButton):
    """Reached by Tab, pressed by Space or Enter; subclasses paint it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def event(self, event: QEvent) -> bool:
        """Keep the keys that press the button from the window's shortcuts."""
        if claims_key(event, PRESSING_KEYS):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space or Enter: click."""
        if event.key() in PRESSING_KEYS and not event.isAutoRepeat():
            self.click()
        else:
            event.ignore()
