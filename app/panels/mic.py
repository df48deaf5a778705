"""The mic panel: input and level, presets, the chain as cards, where the time goes.

GUI thread. Shows a `MicState` and a `MicTick`; what the user wants leaves through `MicEdits` and signals.
"""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.mic_edits import MicEdits
from app.mic_presets import MicPresets
from app.mic_state import MicState
from app.mic_tick import MicTick
from app.panels.mic_bar import MicBar
from app.panels.mic_chain import MicChain
from app.panels.mic_head import MicHead
from app.panels.mic_latency import LatencyBar
from app.task_models import TaskModels

LEAST_WIDTH_PX = 380
"""As much as a small window leaves between its other docks."""


class MicPanel(QWidget):
    """All of it.

    Parameters
    ----------
    state : MicState
    edits : MicEdits
    shelves : (MicPresets, TaskModels)
    parent : QWidget or None

    Attributes
    ----------
    head : MicHead
    bar : MicBar
    chain : MicChain
    latency : LatencyBar
    controls_changed : Signal()
        Tab has another way to go.
    """

    controls_changed = Signal()

    def __init__(
        self,
        state: MicState,
        edits: MicEdits,
        shelves: tuple[MicPresets, TaskModels],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.head = MicHead(state, edits)
        self.bar = MicBar(state, edits, *shelves)
        self.chain = MicChain(state, edits, self)
        self.latency = LatencyBar(self)
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 0, 16, 2)
        foot.addWidget(self.latency)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(_Sideways(self.head, self))
        column.addWidget(_Sideways(self.bar, self))
        column.addWidget(self.chain, 1)
        column.addLayout(foot)
        self.setFocusProxy(self.head.power)
        self.chain.controls_changed.connect(self.controls_changed)

    def show_tick(self, tick: MicTick) -> None:
        """Go on by a tick."""
        self.head.show_tick(tick)
        self.bar.show_tick(tick)
        self.chain.show_tick(tick)
        self.latency.show_latency(tick.latency)


class _Sideways(QScrollArea):
    """A row that scrolls sideways where there is less room than it needs, to what has the keys."""

    def __init__(self, row: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self._row = row
        self.setWidget(row)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(LEAST_WIDTH_PX)
        for ground in (self, self.viewport()):
            ground.setAutoFillBackground(False)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._follow_focus)
        self._fit()

    def _follow_focus(self, _old: QWidget | None, widget: QWidget | None) -> None:
        if widget is not None and self._row.isAncestorOf(widget):
            self.ensureWidgetVisible(widget, 12, 0)

    def _fit(self) -> None:
        bar_px = self.horizontalScrollBar().sizeHint().height() if self._is_too_wide() else 0
        self.setFixedHeight(self._row.height() + bar_px)

    def _is_too_wide(self) -> bool:
        return self.width() < (self._row.minimumWidth() or self._row.minimumSizeHint().width())

    def sizeHint(self) -> QSize:
        """The row's."""
        return self._row.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Make room for the scroll bar, where there is one."""
        super().resizeEvent(event)
        self._fit()
