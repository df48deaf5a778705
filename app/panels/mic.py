"""The mic panel: input and level, presets, the chain as cards, where the time goes.

GUI thread. Shows a `MicState` and a `MicTick`; what the user wants leaves through `MicEdits` and signals.
"""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.mic_edits import MicEdits
from app.mic_presets import MicPresets
from app.mic_state import MicState
from app.mic_tick import MicTick
from app.panels.mic_bar import MicBar
from app.panels.mic_chain import MicChain
from app.panels.mic_head import MicHead
from app.panels.mic_latency import LatencyBar
from app.task_models import TaskModels


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
        self.head = MicHead(state, edits, self)
        self.bar = MicBar(state, edits, *shelves, self)
        self.chain = MicChain(state, edits, self)
        self.latency = LatencyBar(self)
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 0, 16, 2)
        foot.addWidget(self.latency)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self.bar)
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
