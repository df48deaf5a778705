"""The field in which a line of lyrics is written, in the line's own place. GUI thread."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from app.lyric_edits import LyricEdits


class LyricField(QLineEdit):
    """Takes its words over with Enter, or when the keys go elsewhere; Esc leaves everything as it was.

    Parameters
    ----------
    line : int
    text : str
        What the line reads.
    edits : LyricEdits
    parent : QWidget

    Attributes
    ----------
    ended : Signal()
    line : int
    """

    ended = Signal()

    def __init__(self, line: int, text: str, edits: LyricEdits, parent: QWidget) -> None:
        super().__init__(text, parent)
        self.line = line
        self._edits = edits
        self._open = True
        self.setProperty("class", "inline")
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.setAccessibleName(self.tr("Words of the line"))
        self.setToolTip(self.tr("Enter takes the words, Ctrl+Enter splits the line here, Esc leaves it"))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.DefaultContextMenu)
        self.selectAll()

    def event(self, event: QEvent) -> bool:
        """Every key is for the words: none of them is the window's shortcut here."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take, split, or leave."""
        if event.key() == Qt.Key.Key_Escape:
            self._end()
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._open = not self._edits.split(self.line, self.cursorPosition(), self.text())
                if not self._open:
                    self.ended.emit()
            else:
                self._take()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the words over, unless it is only the menu that has the keys."""
        super().focusOutEvent(event)
        if event.reason() not in {Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason}:
            self._take()

    def _take(self) -> None:
        if self._open:
            self._open = False
            self._edits.rewrite(self.line, self.text())
            self.ended.emit()

    def _end(self) -> None:
        self._open = False
        self.ended.emit()
