"""The frame of a dockable panel: a quiet title with float and close buttons, and a name to be found by.

GUI thread. Later panels need nothing but `Window.add_panel`; their place, size and whether they float
are kept by Qt under the dock's object name.
"""

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from app.theme import icon, tokens

TITLE_PX = 44
BUTTON_PX = 24
UNDERLINE_PX = 2


class _TitleLabel(QLabel):
    """The panel's name, underlined in the accent colour like an open tab."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the text, and the line below it."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens().accent)
        width = self.fontMetrics().horizontalAdvance(self.text())
        painter.drawRoundedRect(0, self.height() - UNDERLINE_PX, width, UNDERLINE_PX, 1, 1)


class DockTitle(QWidget):
    """Title bar of a dock.

    Parameters
    ----------
    dock : QDockWidget
        Whose title it is; it can still be dragged by it.
    """

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        self.setObjectName("dockTitle")
        self.setFixedHeight(TITLE_PX)
        label = _TitleLabel(dock.windowTitle(), self)
        label.setProperty("class", "title")
        label.setFixedHeight(30)
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 8, 8, 6)
        row.setSpacing(4)
        row.addWidget(label)
        name = dock.windowTitle()
        floating = self._button("float", _tr("Take {} out of the window, or put it back").format(name))
        floating.clicked.connect(lambda: dock.setFloating(not dock.isFloating()))
        closing = self._button("cancel", _tr("Close {} (View opens it again)").format(name))
        closing.clicked.connect(dock.close)
        row.addWidget(floating)
        row.addWidget(closing)

    def _button(self, picture: str, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName("dockButton")
        button.setIcon(icon(picture, tokens().dim))
        button.setIconSize(QSize(14, 14))
        button.setFixedSize(BUTTON_PX, BUTTON_PX)
        button.setAutoRaise(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setToolTip(words)
        button.setAccessibleName(words)
        return button


class Dock(QDockWidget):
    """A panel that can be moved, floated and closed.

    Parameters
    ----------
    name : str
        Object name, which the saved layout knows it by; never translated.
    title : str
        What the user reads.
    panel : QWidget
    """

    def __init__(self, name: str, title: str, panel: QWidget, parent: QWidget) -> None:
        super().__init__(title, parent)
        self.setObjectName(f"dock-{name}")
        self.setAccessibleName(title)
        self.setWidget(panel)
        self.setTitleBarWidget(DockTitle(self))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Dock", text)
