"""The frame of a dockable panel: its name among those that share its place, float and close buttons.

GUI thread. The tabs of a place stand in the title itself, where one row says what there is and what can be
done with it; Qt's own tab bar is as low as nothing. Later panels need nothing but `Window.add_panel`;
their place, size and whether they float are kept by Qt under the dock's object name.
"""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QCoreApplication, QObject, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QTabBar,
    QToolButton,
    QWidget,
)

from app.theme import font, icon, tokens

TITLE_PX = 44
TAB_PX = 30
BUTTON_PX = 24
UNDERLINE_PX = 2


class DockTab(QAbstractButton):
    """The name of a panel, underlined in the accent colour while it is in front.

    Parameters
    ----------
    title : str
    parent : QWidget
    front : bool
        Its panel is the one that is seen.
    """

    def __init__(self, title: str, parent: QWidget, *, front: bool) -> None:
        super().__init__(parent)
        self._front = front
        self.setText(title)
        self.setAccessibleName(title)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFont(font(tokens().text_title_px, 600))
        self.setFixedHeight(TAB_PX)
        if front:
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            # Pressed and moved, the title drags its dock.
            self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        else:
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.setToolTip(_tr("Show {} in front").format(title))

    def sizeHint(self) -> QSize:
        """As wide as its name."""
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 2, TAB_PX)

    def minimumSizeHint(self) -> QSize:
        """Cut off before it makes the dock wider."""
        return QSize(24, TAB_PX)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter brings its panel to the front; space belongs to the window."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.click()
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the name, and the line below it."""
        look = tokens()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(self.font())
            lit = self._front or self.underMouse() or self.hasFocus()
            painter.setPen(look.text if lit else look.dim)
            text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
            place = QRectF(0, 0, self.width(), self.height() - 2)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)
            if self._front or self.hasFocus():
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(look.accent)
                width = min(self.width(), self.fontMetrics().horizontalAdvance(text))
                painter.drawRoundedRect(QRectF(0, self.height() - UNDERLINE_PX, width, UNDERLINE_PX), 1, 1)


class DockTitle(QWidget):
    """Title bar of a dock: the panels of its place as tabs, then float and close.

    Parameters
    ----------
    dock : QDockWidget
        Whose title it is; it can still be dragged by it.
    """

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        self._dock = dock
        self._beside: tuple[QDockWidget, ...] = ()
        self.setObjectName("dockTitle")
        self.setFixedHeight(TITLE_PX)
        self._tabs = QHBoxLayout()
        self._tabs.setSpacing(20)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 8, 8, 6)
        row.setSpacing(4)
        row.addLayout(self._tabs)
        row.addStretch(1)
        name = dock.windowTitle()
        floating = self._button("float", _tr("Take {} out of the window, or put it back").format(name))
        floating.clicked.connect(lambda: dock.setFloating(not dock.isFloating()))
        closing = self._button("cancel", _tr("Close {} (View opens it again)").format(name))
        closing.clicked.connect(dock.close)
        row.addWidget(floating)
        row.addWidget(closing)
        self.show_tabs((dock,))

    @property
    def tabs(self) -> list[DockTab]:
        """From left to right."""
        items = (self._tabs.itemAt(i) for i in range(self._tabs.count()))
        return [tab for item in items if item is not None and isinstance(tab := item.widget(), DockTab)]

    def show_tabs(self, docks: Sequence[QDockWidget]) -> None:
        """Name the docks that share this place.

        Parameters
        ----------
        docks : sequence of QDockWidget
            From left to right, its own among them.
        """
        if tuple(docks) == self._beside:
            return
        self._beside = tuple(docks)
        while (item := self._tabs.takeAt(0)) is not None:
            tab = item.widget()
            if tab is not None:
                tab.hide()
                tab.deleteLater()
        for dock in docks:
            tab = DockTab(dock.windowTitle(), self, front=dock is self._dock)
            tab.clicked.connect(partial(_bring, dock))
            self._tabs.addWidget(tab)
            tab.show()

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
        self._in_front = True
        self.setWidget(panel)
        self.title = DockTitle(self)
        self.setTitleBarWidget(self.title)
        self.visibilityChanged.connect(self._come_or_go)

    def setWidget(self, widget: QWidget) -> None:
        """Take another panel in; it is seen when the dock is."""
        # Its measures count while another tab is in front, or the tabs would jump.
        policy = widget.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        widget.setSizePolicy(policy)
        super().setWidget(widget)
        widget.setVisible(self._in_front)

    def _come_or_go(self, in_front: bool) -> None:
        """Hide what lies behind another tab: Qt only moves it away, and Tab would walk through it."""
        self._in_front = in_front
        for part in (self.widget(), self.title):
            part.setVisible(in_front)


class DockTabs(QObject):
    """Keeps the titles of docks in step with who shares a place with whom.

    Parameters
    ----------
    window : QMainWindow

    Attributes
    ----------
    changed : Signal()
        There are other tabs, or another one is in front.
    """

    changed = Signal()

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._docks: list[Dock] = []
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.refresh)

    def add(self, dock: Dock) -> None:
        """Watch one more."""
        self._docks.append(dock)
        for signal in (dock.visibilityChanged, dock.dockLocationChanged, dock.topLevelChanged):
            # Once Qt has moved what it moves together.
            signal.connect(self._refresh_soon)
        self._refresh_soon()

    def _refresh_soon(self) -> None:
        self._soon.start(0)

    def refresh(self) -> None:
        """Look who shares a place with whom."""
        for dock in self._docks:
            sharing = [*self._window.tabifiedDockWidgets(dock), dock]
            shown = [other for other in self._docks if other in sharing and not other.isHidden()]
            dock.title.show_tabs(shown or [dock])
        for bar in self._window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
            # The style sheet makes Qt's own tabs as low as nothing; Tab must not stop there either.
            for part in (bar, *bar.findChildren(QToolButton)):
                part.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.changed.emit()


def _bring(dock: QDockWidget, _checked: bool = False) -> None:
    """Bring a panel to the front, with the keys."""
    dock.raise_()
    dock.widget().setFocus(Qt.FocusReason.OtherFocusReason)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Dock", text)
