"""The analysis panel: what happens in the song or in a stem, over time, below the lanes.

GUI thread. Shows an `AnalysisModel`; says through signals where to go. The plots are built when they are
first seen: what they are drawn with is imported on a job's thread until then.
"""

import importlib
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QColor, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QScrollBar,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.analysis_model import ORIGINAL, AnalysisModel, Phase
from app.edits import Edits
from app.jobs import JobPool, Task
from app.loop_state import LoopState
from app.panels.analysis_song import PLOTS, facts_line, plot_title
from app.panels.analysis_state import AnalysisState
from app.panels.analysis_view import MIN_PLOT_PX, AnalysisHeads, AnalysisView
from app.panels.mixer import HEAD_WIDTH_PX
from app.panels.transport import LineLabel
from app.panels.wave_backdrop import RULER_PX
from app.theme import font, icon, lane_title, tokens
from app.tick import Tick
from app.write_behind import replace_file
from engine.errors import CharonError

BAR_PX = 40
BAR_WIDTH_PX = 10
_STACK = "app.panels.analysis_stack"


class AnalysisPanel(QWidget):
    """Plots with their heads, and a bar that says of what.

    Parameters
    ----------
    model : AnalysisModel
    states : (LoopState, Edits)
    pool : JobPool
    parent : QWidget or None

    Attributes
    ----------
    opened : Signal()
        It is seen for the first time.
    seek_wanted : Signal(float)
        Song time in seconds.
    plots_chosen : Signal(tuple of str)
        The user wants to see these plots.
    notice, failed : Signal(str)
        One line.
    """

    opened = Signal()
    seek_wanted = Signal(float)
    plots_chosen = Signal(object)
    notice = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        model: AnalysisModel,
        states: tuple[LoopState, Edits],
        pool: JobPool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._pool = pool
        self._drawn: tuple[object, ...] = ()
        self._is_built = self._is_building = False
        self._folder = ""
        self.view = AnalysisView(*states, self)
        self.heads = AnalysisHeads(self.view, self)
        self.state = AnalysisState(self)
        # Over the plots' edge and not beside it: they are as wide as the waveforms above them.
        self._down = QScrollBar(Qt.Orientation.Vertical, self.view)
        self.source = QPushButton(self)
        self.plots = QPushButton(self.tr("Plots"), self)
        self.export = QPushButton(icon("export"), self.tr("Export"), self)
        self.facts = LineLabel(font(tokens().text_body_px, tabular=True), tokens().dim)
        self._plot_actions: dict[str, QAction] = {}
        self._make_bar()
        self._lay_out()
        self._connect()
        self._fill_sources()
        self._show()

    # --- building ----------------------------------------------------------------------------------

    def _make_bar(self) -> None:
        for button, name, tip in (
            (self.source, self.tr("What is analysed"), self.tr("Analyse the song or one of its stems")),
            (self.plots, self.tr("Plots that are shown"), self.tr("Choose which plots are shown")),
            (self.export, self.tr("Export"), self.tr("Keep the plots as a picture, a drawing or a table")),
        ):
            menu = QMenu(button)
            menu.setAccessibleName(name)
            menu.setToolTipsVisible(True)
            button.setMenu(menu)
            button.setAccessibleName(name)
            button.setToolTip(tip)
            button.setAutoDefault(True)  # Enter opens it; space belongs to the window
            button.setProperty("kind", "flat")
        for plot in PLOTS:
            action = self.plots.menu().addAction(plot_title(plot))
            action.setCheckable(True)
            action.setChecked(True)
            action.triggered.connect(self._choose_plots)
            self._plot_actions[plot] = action
        for title, tip, call in (
            (self.tr("Picture (PNG)…"), self.tr("What is shown, at twice its size"), self._ask_png),
            (self.tr("Drawing (SVG)…"), self.tr("What is shown, sharp at any size"), self._ask_svg),
            (
                self.tr("Table (CSV)…"),
                self.tr("All curves of the song, a row each 23 ms"),
                self._ask_csv,
            ),
        ):
            action = self.export.menu().addAction(title)
            action.setToolTip(tip)
            action.triggered.connect(call)

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 0, 12, 0)
        bar.setSpacing(4)
        left = QHBoxLayout()
        left.addWidget(self.source)
        left.addStretch(1)
        holder = QWidget()
        holder.setLayout(left)
        left.setContentsMargins(0, 0, 0, 0)
        holder.setFixedWidth(HEAD_WIDTH_PX - 8)
        bar.addWidget(holder)
        bar.addWidget(self.facts, 1)
        bar.addWidget(self.plots)
        bar.addWidget(self.export)
        shown = QWidget()
        grid = QGridLayout(shown)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(self.heads, 0, 0)
        grid.addWidget(self.view, 0, 1)
        grid.setColumnStretch(1, 1)
        self._down.setAccessibleName(self.tr("Scroll plots"))
        # Plots that are out of sight are scrolled to by the wheel over the heads: no stop for Tab.
        self._down.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._down.hide()
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.state)
        self._pages.addWidget(shown)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QWidget()
        head.setFixedHeight(BAR_PX)
        head.setLayout(bar)
        column.addWidget(head)
        column.addWidget(self._pages, 1)
        self.setMinimumHeight(BAR_PX + RULER_PX + MIN_PLOT_PX)
        self.setFocusProxy(self.view)
        for before, after in (
            (self.source, self.plots),
            (self.plots, self.export),
            (self.export, self.state.button),
            (self.state.button, self.view),
        ):
            QWidget.setTabOrder(before, after)

    def _connect(self) -> None:
        model = self._model
        model.changed.connect(self._show)
        model.song_changed.connect(self._song_changed)
        self.view.seek_wanted.connect(self.seek_wanted)
        self.view.arranged.connect(self._show_bar)
        self._down.valueChanged.connect(self.view.set_scroll)
        self.heads.scrolled.connect(self._scroll)
        self.state.cancel_wanted.connect(model.cancel)
        self.state.start_wanted.connect(model.retry)

    def showEvent(self, event: QShowEvent) -> None:
        """Analyse what is looked at."""
        super().showEvent(event)
        self._model.watch(True)
        if not (self._is_built or self._is_building):
            self._is_building = True
            self.opened.emit()
            job = self._pool.start(lambda _task: importlib.import_module(_STACK).AnalysisStack)
            job.done.connect(self._build)
            job.failed.connect(self.failed)
        self._show()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks any more."""
        super().hideEvent(event)
        self._model.watch(False)

    def _build(self, make_stack: object) -> None:
        if callable(make_stack):
            self._is_built = True
            self.view.set_stack(make_stack())  # pyright: ignore[reportArgumentType]
            self._show()

    # --- what is shown -----------------------------------------------------------------------------

    def show_tick(self, tick: Tick) -> None:
        """Know the song's length; move the play-head while somebody looks."""
        self.view.set_duration(tick.duration_s or 0.0)
        if self.isVisible():
            self.view.show_tick(tick)

    def show_plots(self, plots: tuple[str, ...]) -> None:
        """Show these plots, at least one."""
        for plot, action in self._plot_actions.items():
            action.setChecked(plot in plots)
        self.view.show_plots(tuple(plot for plot in PLOTS if plot in plots) or PLOTS[:1])

    def _choose_plots(self) -> None:
        chosen = tuple(plot for plot, action in self._plot_actions.items() if action.isChecked())
        if not chosen:
            # An empty panel would look broken: the last one stays.
            self.show_plots(tuple(row.lane for row in self.view.rows))
            return
        self.show_plots(chosen)
        self.plots_chosen.emit(chosen)

    def _song_changed(self) -> None:
        self.view.start_over()
        self._fill_sources()
        self._show()

    def _fill_sources(self) -> None:
        menu = self.source.menu()
        menu.clear()
        for lane in self._model.lanes:
            action = menu.addAction(icon("dot", _colour(lane)), self._lane_title(lane))
            action.triggered.connect(partial(self._model.choose, lane))

    def _lane_title(self, lane: str) -> str:
        return self.tr("Whole song") if lane == ORIGINAL else lane_title(lane)

    def _show(self) -> None:
        model = self._model
        lane, picture = model.lane, model.picture
        self.source.setText(self._lane_title(lane))
        colour = _colour(lane)
        self.source.setIcon(icon("dot", colour))
        self.source.setEnabled(model.phase is not Phase.NO_SONG)
        self.facts.set_line("" if picture is None else facts_line(picture.analysis))
        self.export.setEnabled(picture is not None)
        if (picture, lane) != self._drawn:
            self._drawn = (picture, lane)
            self.view.show_song(picture, colour)
        ready = picture is not None and self._is_built
        self._pages.setCurrentIndex(1 if ready else 0)
        if not ready:
            self.state.show_state(model, self._lane_title(lane))

    def _scroll(self, by_px: int) -> None:
        self._down.setValue(self._down.value() + by_px)

    def _show_bar(self) -> None:
        view = self.view
        room = max(0, view.content_px + RULER_PX - view.height())
        self._down.setRange(0, room)
        self._down.setPageStep(max(1, view.height() - RULER_PX))
        self._down.setSingleStep(MIN_PLOT_PX // 2)
        self._down.setGeometry(view.width() - BAR_WIDTH_PX, RULER_PX, BAR_WIDTH_PX, view.height() - RULER_PX)
        self._down.setVisible(room > 0)

    # --- export ------------------------------------------------------------------------------------

    def _ask_png(self) -> None:
        self._ask(self.tr("Save the picture"), "png", self.tr("Pictures (*.png)"))

    def _ask_svg(self) -> None:
        self._ask(self.tr("Save the drawing"), "svg", self.tr("Drawings (*.svg)"))

    def _ask_csv(self) -> None:
        self._ask(self.tr("Save the table"), "csv", self.tr("Tables (*.csv)"))

    def _ask(self, title: str, ending: str, kind: str) -> None:
        song = self._model.song
        if song is None or self._model.picture is None:
            return
        lane = "" if self._model.lane == ORIGINAL else f" {self._model.lane}"
        folder = Path(self._folder) if self._folder else song.parent
        dialog = QFileDialog(self, title, str(folder), kind)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(ending)
        dialog.selectFile(f"{song.stem}{lane} analysis.{ending}")
        dialog.fileSelected.connect(lambda name: self.save(Path(name)))  # pyright: ignore
        dialog.open()

    def save(self, path: Path) -> None:
        """Write what is shown to a file, as its ending says: png, svg or csv."""
        from app.panels.analysis_export import Sheet, csv_bytes, draw_image, draw_svg, png_bytes

        picture = self._model.picture
        if picture is None:
            return
        self._folder = str(path.parent)
        title = self._model.title
        if self._model.lane != ORIGINAL:
            title = f"{title}  ·  {self._lane_title(self._model.lane)}"
        names = tuple(row.lane for row in self.view.rows)
        sheet = Sheet(picture, title, names, self.view.colour, self.view.view.goal)
        ending = path.suffix.lower()
        if ending == ".csv":
            make = partial(csv_bytes, picture.curves)
        elif ending == ".svg":
            make = partial(bytes, draw_svg(sheet))
        else:
            make = partial(png_bytes, draw_image(sheet))

        def write(_task: Task) -> Path:
            try:
                replace_file(path, make())
            except OSError as err:
                raise CharonError(f"{path} cannot be written: {err.strerror or err}") from err
            return path

        job = self._pool.start(write)
        job.done.connect(lambda _path: self.notice.emit(self.tr("Saved {}").format(path)))  # pyright: ignore
        job.failed.connect(self.failed)


def _colour(lane: str) -> QColor:
    return tokens().accent if lane == ORIGINAL else tokens().lane_colour(lane)
