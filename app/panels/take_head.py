"""Head of a take: a lane's head with what else can be done to a recording of one's own. GUI thread."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from app.edits import Edits
from app.mixer_state import MixerState
from app.panels.mixer import LaneHead
from app.theme import icon

_BUTTON_PX = 24


class TakeHead(LaneHead):
    """Head of a take.

    Parameters
    ----------
    name : str
        Of the take.
    mixer : MixerState
    edits : Edits

    Attributes
    ----------
    rename_wanted, remove_wanted, delete_wanted : Signal()
    """

    rename_wanted = Signal()
    remove_wanted = Signal()
    delete_wanted = Signal()

    def __init__(self, name: str, mixer: MixerState, edits: Edits, parent: QWidget | None = None) -> None:
        super().__init__(name, mixer, edits, parent)
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        for words, tip, wish in (
            (self.tr("Rename…"), self.tr("Call this take something else"), self.rename_wanted),
            (
                self.tr("Remove from the mixer"),
                self.tr("The recording stays where it is; this can be undone"),
                self.remove_wanted,
            ),
            (
                self.tr("Delete the recording…"),
                self.tr("Delete its files as well"),
                self.delete_wanted,
            ),
        ):
            action = self.menu.addAction(words)
            action.setToolTip(tip)
            action.triggered.connect(wish)
        self.more = QToolButton(self)
        self.more.setIcon(icon("more"))
        self.more.setFixedSize(_BUTTON_PX, _BUTTON_PX)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(self.menu)
        self.more.setProperty("kind", "more")
        self.more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.more.setToolTip(self.tr("Rename, remove or delete this take"))
        self.more.setAccessibleName(self.tr("More for {}").format(mixer.title(name)))
        self._first_row.insertWidget(1, self.more)
        QWidget.setTabOrder(self.more, self.mute)
        self.title.setToolTip(self.tr("{}. Double-click to rename").format(mixer.title(name)))
        self.title.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Rename on a double-click on the name."""
        if watched is self.title and event.type() == QEvent.Type.MouseButtonDblClick:
            self.rename_wanted.emit()
            return True
        return super().eventFilter(watched, event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The same as the button's."""
        self.menu.popup(event.globalPos())
