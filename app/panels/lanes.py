"""The lanes: a head at the left of every waveform, the original below the stems.

GUI thread only. Lays heads (`app.panels.mixer`) and the rows of the `WaveView` on the same lines, shares
the height among them, and scrolls both together where it is too small.
"""

import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPalette, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QScrollBar, QWidget

from app import theme
from app.edits import Edits
from app.loop_state import LoopState
from app.mixer_state import MASTER, MixerState, Strip
from app.panels.mixer import HEAD_WIDTH_PX, MIN_HEAD_PX, MIN_ORIGINAL_PX, LaneHead, OriginalHead
from app.panels.take_head import TakeHead
from app.panels.wave_backdrop import RULER_PX, Row, share_height
from app.panels.wave_view import WaveView
from app.tick import Tick

ORIGINAL = "original"
_BAR_STEPS = 10_000
"""Positions of the horizontal scroll bar over a whole song."""


class LanesPanel(QWidget):
    """Heads and waveforms of all lanes.

    Parameters
    ----------
    mixer : MixerState
        Says which stems there are, and which are silenced.
    loop : LoopState
    edits : Edits

    Attributes
    ----------
    seek_wanted : Signal(float)
        Song time in seconds.
    rename_wanted, remove_wanted, delete_wanted : Signal(str)
        A take, by its name: call it something else, take it out of the mixer, delete its recording.
    waves : WaveView
    """

    seek_wanted = Signal(float)
    rename_wanted = Signal(str)
    remove_wanted = Signal(str)
    delete_wanted = Signal(str)

    def __init__(
        self, mixer: MixerState, loop: LoopState, edits: Edits, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._mixer = mixer
        self._edits = edits
        self._heads: dict[str, LaneHead | OriginalHead] = {}
        self._folder: Path | None = None
        self._pending: tuple[str, ...] = ()
        self._stems_heard = False
        self._told_at_s = 0.0
        self.waves = WaveView(loop, edits, self)
        self.waves.seek_wanted.connect(self.seek_wanted)
        self._column = QWidget()
        self._scroller = _HeadScroller(self._column)
        self._down = self._scroller.verticalScrollBar()
        self._down_bar = QScrollBar(Qt.Orientation.Vertical)
        self._across_bar = QScrollBar(Qt.Orientation.Horizontal)
        self._lay_out()
        self._connect()
        self._make_heads()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        corner = _ground(QWidget())
        corner.setFixedSize(HEAD_WIDTH_PX, RULER_PX)
        grid.addWidget(corner, 0, 0)
        grid.addWidget(self._scroller, 1, 0)
        grid.addWidget(self.waves, 0, 1, 2, 1)
        grid.addWidget(self._down_bar, 1, 2)
        grid.addWidget(self._across_bar, 2, 1)
        grid.setRowStretch(1, 1)
        grid.setColumnStretch(1, 1)
        self._down_bar.setAccessibleName(self.tr("Scroll lanes"))
        self._across_bar.setAccessibleName(self.tr("Scroll through the song"))
        self._across_bar.setMaximum(0)
        for bar in (self._down_bar, self._across_bar):
            # The wheel and the keys of the lanes do the same: no stop for Tab.
            bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            policy = bar.sizePolicy()
            policy.setRetainSizeWhenHidden(bar is self._across_bar)
            bar.setSizePolicy(policy)
            bar.hide()
        _ground(self)
        self.setAutoFillBackground(True)

    def _connect(self) -> None:
        self._mixer.stems_changed.connect(self._make_heads)
        self._mixer.changed.connect(self._show_silenced)
        self._down.valueChanged.connect(self.waves.set_scroll)
        self._down.valueChanged.connect(self._down_bar.setValue)
        self._down.rangeChanged.connect(self._show_down_bar)
        self._down_bar.valueChanged.connect(self._down.setValue)
        self._across_bar.valueChanged.connect(self._scroll_across)
        self.waves.view_changed.connect(self._show_across_bar)
        self._scroller.resized.connect(self._arrange)

    # --- heads and rows ----------------------------------------------------------------------------

    def _make_heads(self) -> None:
        for head in self._heads.values():
            head.hide()
            head.deleteLater()
        self._heads = {name: self._make_head(name) for name in self._mixer.lanes}
        self._heads[ORIGINAL] = OriginalHead()
        # New heads come last in the order of Tab, behind every dock: bring them before the waveforms.
        before: QWidget = self._scroller
        for head in self._heads.values():
            head.setParent(self._column)
            head.show()
            for control in head.findChildren(QWidget):
                if control.focusPolicy() & Qt.FocusPolicy.TabFocus:
                    QWidget.setTabOrder(before, control)
                    before = control
        QWidget.setTabOrder(before, self.waves)
        self._pending, self._stems_heard = (), False
        self._arrange()
        self._show_silenced(MASTER)

    def _make_head(self, name: str) -> LaneHead:
        if name not in self._mixer.takes:
            return LaneHead(name, self._mixer, self._edits)
        head = TakeHead(name, self._mixer, self._edits)
        head.rename_wanted.connect(partial(self.rename_wanted.emit, name))
        head.remove_wanted.connect(partial(self.remove_wanted.emit, name))
        head.delete_wanted.connect(partial(self.delete_wanted.emit, name))
        return head

    def _arrange(self) -> None:
        minimum = {name: MIN_ORIGINAL_PX if name == ORIGINAL else MIN_HEAD_PX for name in self._heads}
        rows = share_height(list(self._heads), RULER_PX + self._scroller.viewport().height(), minimum)
        self._place(rows)
        self.waves.set_rows(rows)

    def _place(self, rows: Iterable[Row]) -> None:
        bottom = RULER_PX
        for row in rows:
            self._heads[row.lane].setGeometry(0, row.top_px - RULER_PX, HEAD_WIDTH_PX, row.height_px)
            bottom = row.top_px + row.height_px
        self._column.resize(HEAD_WIDTH_PX, bottom - RULER_PX)

    @property
    def heads(self) -> Mapping[str, QWidget]:
        """Heads by lane, from the top down."""
        return self._heads

    def focus_lane(self, index: int) -> None:
        """Give the keys to a stem's fader, and scroll to it.

        Parameters
        ----------
        index : int
            Number of the stem from 0; one that is not there changes nothing.
        """
        if 0 <= index < len(self._mixer.lanes):
            head = self._heads[self._mixer.lanes[index]]
            if isinstance(head, LaneHead):
                head.fader.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self._scroller.ensureWidgetVisible(head, 0, 0)

    def lane_of(self, widget: QWidget | None) -> int | None:
        """Number of the stem that a widget belongs to, or None."""
        for index, name in enumerate(self._mixer.lanes):
            head = self._heads[name]
            if widget is not None and (head is widget or head.isAncestorOf(widget)):
                return index
        return None

    def _show_silenced(self, _name: str) -> None:
        self.waves.set_silenced(name for name in self._mixer.lanes if self._mixer.is_silenced(name))

    # --- scrolling ---------------------------------------------------------------------------------

    def _show_down_bar(self, minimum: int, maximum: int) -> None:
        self._down_bar.setRange(minimum, maximum)
        self._down_bar.setPageStep(self._down.pageStep())
        self._down_bar.setSingleStep(MIN_HEAD_PX // 2)
        self._down_bar.setVisible(maximum > minimum)

    def _show_across_bar(self) -> None:
        view = self.waves.view
        start_s, span_s = view.goal
        bar = self._across_bar
        bar.setVisible(not view.is_fit and view.duration_s > 0.0)
        if bar.isVisibleTo(self) and not bar.isSliderDown():
            page = max(1, round(_BAR_STEPS * span_s / view.duration_s))
            bar.blockSignals(True)
            bar.setRange(0, max(1, _BAR_STEPS - page))
            bar.setPageStep(page)
            bar.setSingleStep(max(1, page // 10))
            bar.setValue(round(_BAR_STEPS * start_s / view.duration_s))
            bar.blockSignals(False)

    def _scroll_across(self, value: int) -> None:
        self.waves.scroll_to(value / _BAR_STEPS * self.waves.view.duration_s)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Over the heads, outside their controls: scroll down and up."""
        self._down.setValue(self._down.value() - event.angleDelta().y() // 2)
        event.accept()

    # --- what is shown -----------------------------------------------------------------------------

    def show_song(self, folder: Path | None) -> None:
        """Show the song in a folder of the stem store; None shows none."""
        if folder != self._folder:
            self._folder = folder
            self.waves.show_song(folder)

    def show_tick(self, tick: Tick) -> None:
        """Move play-head and meters."""
        now_s = time.monotonic()
        elapsed_s = min(now_s - self._told_at_s, 1.0)
        self._told_at_s = now_s
        self.waves.show_tick(tick)
        for name, head in self._heads.items():
            left_db, right_db = tick.lane_peaks_db.get(name, (-200.0, -200.0))
            head.show_peak(left_db, right_db, elapsed_s)
        if tick.pending != self._pending:
            self._pending = tick.pending
            for name, head in self._heads.items():
                if isinstance(head, LaneHead):
                    head.show_waiting(name in tick.pending)
        self._show_stems_heard(tick.stems_ready and self._is_touched)

    @property
    def _is_touched(self) -> bool:
        """Whether a stem is not as it was at first: only then the mixer lets the original go."""
        strips = self._mixer.strip
        return any(strips(name) != Strip() for name in self._mixer.stems) or any(
            strips(name).solo for name in self._mixer.takes
        )

    def _show_stems_heard(self, heard: bool) -> None:
        original = self._heads[ORIGINAL]
        if heard is not self._stems_heard and isinstance(original, OriginalHead):
            self._stems_heard = heard
            original.show_stems_heard(heard)

    def zoom_in(self) -> None:
        """Closer, around the play-head."""
        self.waves.zoom_in()

    def zoom_out(self) -> None:
        """Farther away."""
        self.waves.zoom_out()

    def fit(self) -> None:
        """The whole song."""
        self.waves.fit()

    def loop_from_here(self) -> None:
        """Start the loop at the play-head."""
        self.waves.loop_from_here()

    def loop_to_here(self) -> None:
        """End the loop at the play-head."""
        self.waves.loop_to_here()

    def clear_loop(self) -> None:
        """Take the loop away."""
        self.waves.clear_loop()

    def shutdown(self) -> None:
        """Let go of the song's files; waits for a thread."""
        self.waves.shutdown()


class _HeadScroller(QScrollArea):
    """The heads' column; its own scroll bar is never seen, the panel has one beside the waveforms.

    Attributes
    ----------
    resized : Signal()
    """

    resized = Signal()

    def __init__(self, column: QWidget) -> None:
        super().__init__()
        self.setWidget(_ground(column))
        self.setFixedWidth(HEAD_WIDTH_PX)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        _ground(self.viewport())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say so, once the viewport has its new size."""
        super().resizeEvent(event)
        self.resized.emit()

    def sizeHint(self) -> QSize:
        """As the waveforms."""
        return QSize(HEAD_WIDTH_PX, 400)

    def minimumSizeHint(self) -> QSize:
        """One lane."""
        return QSize(HEAD_WIDTH_PX, MIN_HEAD_PX)


def _ground(widget: QWidget) -> QWidget:
    """Fill a widget with the colour between the rows."""
    palette = widget.palette()
    palette.setColor(QPalette.ColorRole.Window, theme.tokens().window)
    widget.setPalette(palette)
    widget.setAutoFillBackground(True)
    return widget
