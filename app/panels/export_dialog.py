"""The export dialog: stems or the current mix, which, how, where; refuses early and in words.

GUI thread; what touches a disk runs in jobs. The window stays alive below it, and the song plays on.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.export_order import (
    Exported,
    ExportOrder,
    ExportSource,
    Room,
    look_at_room,
    make_format,
    rate_refusal,
    run_export,
    take_mix,
)
from app.jobs import Job, JobPool
from app.models_model import size_text
from app.panels.export_form import ExportForm
from app.theme import icon
from app.tick import Tick

WIDTH_PX = 520
LOOK_AFTER_MS = 150
"""A path is being typed: the disk is asked when the fingers rest."""
NEWS_PX = 60
"""Room for one line of summary and two of refusal, so that the dialog does not jump between them."""
SPARE_BYTES = 50_000_000
"""Left free in any case, for whatever else the disk is used for."""


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What the user chose, to begin with the next time.

    Parameters
    ----------
    container : str
        "wav", "flac" or "mp3".
    bits : str
        "16", "24" or "32f".
    folder : str
        Empty is beside the song.
    """

    container: str = "wav"
    bits: str = "24"
    folder: str = ""


class ExportDialog(QDialog):
    """Exports one song.

    Parameters
    ----------
    source : ExportSource
    choice : ExportChoice
        What to begin with.
    pool : JobPool
    parent : QWidget or None

    Attributes
    ----------
    choice_changed : Signal(ExportChoice)
        An export was started with this.
    exported : Signal(Path)
        Folder that the files are in.
    """

    choice_changed = Signal(object)
    exported = Signal(object)

    def __init__(
        self, source: ExportSource, choice: ExportChoice, pool: JobPool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._source = source
        self._pool = pool
        self._duration_s = source.duration_s
        self._progress: tuple[int, int] | None = None
        self._room: tuple[Path, Room] | None = None
        self._job: Job | None = None
        self._finished: Exported | None = None
        self._trouble = ""
        self._stopping = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOK_AFTER_MS)
        self._timer.timeout.connect(self._look_at_folder)
        self.setWindowTitle(self.tr("Export"))
        self.setMinimumWidth(WIDTH_PX)
        self.form = ExportForm(source, self)
        self.form.show_choice(choice.container, choice.bits, choice.folder or str(source.song.parent))
        self._build()
        self.form.changed.connect(self._changed)
        self.form.browse_wanted.connect(self._browse)
        self._changed()
        self.form.focus_first()

    def _build(self) -> None:
        heading = QLabel(self.tr("Export"), self)
        heading.setProperty("class", "heading")
        title = QLabel(self._source.name, self)
        title.setProperty("class", "dim")
        title.setWordWrap(True)
        self._summary = QLabel(self)
        self._summary.setProperty("class", "small")
        self._summary.setWordWrap(True)
        self._refusal = QLabel(self)
        self._refusal.setProperty("class", "warning")
        self._refusal.setWordWrap(True)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(self.tr("Progress of the export"))
        line = QFrame(self)
        line.setFrameShape(QFrame.Shape.HLine)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(4)
        column.addWidget(heading)
        column.addWidget(title)
        column.addSpacing(12)
        column.addWidget(self.form)
        column.addSpacing(12)
        column.addStretch(1)
        column.addWidget(line)
        column.addSpacing(8)
        news = QWidget(self)
        news.setMinimumHeight(NEWS_PX)
        lines = QVBoxLayout(news)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(4)
        for widget in (self._summary, self._refusal, self._bar):
            lines.addWidget(widget)
        lines.addStretch(1)
        column.addWidget(news)
        column.addSpacing(8)
        column.addLayout(self._make_buttons())

    def _make_buttons(self) -> QHBoxLayout:
        self._show_folder = QPushButton(icon("folder"), self.tr("Show files"), self)
        self._show_folder.setToolTip(self.tr("Open the folder that the files are in"))
        self._show_folder.clicked.connect(self._open_folder)
        self._close = QPushButton(self.tr("Close"), self)
        self._close.setToolTip(self.tr("Close this dialog (Esc)"))
        self._close.setAutoDefault(False)
        self._close.clicked.connect(self.reject)
        self._export = QPushButton(self.tr("Export"), self)
        self._export.setObjectName("export")
        self._export.setProperty("kind", "primary")
        self._export.setToolTip(self.tr("Write the files (Enter)"))
        self._export.setDefault(True)
        self._export.clicked.connect(self.start)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._show_folder)
        row.addStretch(1)
        for button in (self._close, self._export):
            row.addWidget(button)
        for button in (self._show_folder, self._close, self._export):
            button.setAccessibleName(button.text())
            button.setMinimumWidth(96)
        return row

    # --- what is chosen ----------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether files are being written."""
        return self._job is not None

    def order(self) -> ExportOrder:
        """What the form asks for."""
        source = self._source
        return ExportOrder(
            source=source,
            what=self.form.what,
            stems=self.form.stems,
            fmt=make_format(self.form.container, self.form.bits),
            folder=self.form.folder,
            mix=take_mix(source.mixer, source.takes),
            takes=tuple((source.mixer.title(name), source.takes[name]) for name in self.form.takes),
            with_lyrics=self.form.with_lyrics,
        )

    def refusal(self) -> str:
        """Why nothing can be exported like this, in words; empty when something can."""
        order = self.order()
        if self._trouble:
            return self._trouble
        if self._progress is None:
            return self.tr("Waiting for the stems of this song")
        done, total = self._progress
        if not total or done < total:
            percent = 100 * done // total if total else 0
            return self.tr("{} % separated: it can be exported when the stems are complete").format(percent)
        if not order.n_files:
            return self.tr("Choose at least one stem")
        if not self.form.folder_text:
            return self.tr("Choose a folder")
        return rate_refusal(order.fmt, self._source.rate_hz) or self._room_refusal(order)

    def _room_refusal(self, order: ExportOrder) -> str:
        if self._room is None or self._room[0] != order.folder:
            return ""  # not known yet; the work looks again before it begins
        room = self._room[1]
        if room.refusal:
            return self.tr("{}: choose another folder").format(room.refusal)
        needed = order.needed_bytes(self._duration_s or 0.0)
        if needed + SPARE_BYTES > room.free_bytes:
            return self.tr("{} are needed and {} are free: free some space or choose another folder").format(
                size_text(needed), size_text(room.free_bytes)
            )
        return ""

    def _summary_text(self) -> str:
        order = self.order()
        n_files = order.n_files
        words = [self.tr("1 file") if n_files == 1 else self.tr("{} files").format(n_files)]
        if self._duration_s:
            words.append(self.tr("about {}").format(size_text(order.needed_bytes(self._duration_s))))
        if self._room is not None and self._room[0] == order.folder and self._room[1].free_bytes:
            words.append(self.tr("{} free").format(size_text(self._room[1].free_bytes)))
        return "  ·  ".join(words)

    def _changed(self) -> None:
        """Something in the form is different."""
        self._finished = None
        self._trouble = ""
        if self._room is None or self._room[0] != self.form.folder:
            self._timer.start()
        self._show()

    def _look_at_folder(self) -> None:
        if self.form.folder_text:
            folder = self.form.folder
            # To a method of ours: the answer to a dialog that is closed meanwhile goes nowhere.
            self._pool.start(lambda task: (folder, look_at_room(folder, task))).done.connect(self._take_room)

    def _take_room(self, answer: tuple[Path, Room]) -> None:
        # Answers to what has been typed over since are of no use.
        if answer[0] == self.form.folder:
            self._room = answer
            self._show()

    def show_tick(self, tick: Tick) -> None:
        """Follow the separation of this song."""
        if tick.folder != self._source.folder:
            return
        progress = (tick.segments_done, tick.segments_total)
        if progress != self._progress or tick.duration_s != self._duration_s:
            self._progress = progress
            self._duration_s = tick.duration_s or self._duration_s
            self._show()

    def _browse(self) -> None:
        dialog = QFileDialog(self, self.tr("Folder for exported files"), self.form.folder_text)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self.form.set_folder)
        dialog.open()

    # --- the work ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Write the files, unless something speaks against it."""
        if self.busy or self.refusal():
            return
        folder = "" if self.form.folder == self._source.song.parent else self.form.folder_text
        self.choice_changed.emit(ExportChoice(self.form.container, self.form.bits, folder))
        self._bar.setValue(0)
        self._stopping = False
        job = self._job = self._pool.start(partial(run_export, self.order()))
        job.progressed.connect(self._show_part)
        job.done.connect(self._take_result)
        job.failed.connect(self._take_failure)
        job.ended.connect(self._end)
        self._show()

    def _show_part(self, part: float, _text: str) -> None:
        self._bar.setValue(int(1000 * part))
        self._show_writing()

    def _show_writing(self) -> None:
        percent = self._bar.value() // 10
        self._summary.setText(
            self.tr("Stopping") if self._stopping else self.tr("Writing  ·  {} %").format(percent)
        )

    def _take_result(self, result: Exported) -> None:
        self._finished = result
        self.exported.emit(result.files[0].parent)

    def _take_failure(self, text: str) -> None:
        self._trouble = text

    def _end(self) -> None:
        self._job = None
        # What was free before is not free any more.
        self._room = None
        self._timer.start()
        self._show()

    def _open_folder(self) -> None:
        if self._finished is not None:
            folder = self._finished.files[0].parent
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _show(self) -> None:
        """Bring words, bar and buttons in line with where things stand."""
        finished = self._finished
        self.form.setEnabled(not self.busy)
        self.form.show_mix(take_mix(self._source.mixer, self._source.takes))
        self._bar.setVisible(self.busy)
        self._show_folder.setVisible(finished is not None)
        self._close.setText(self.tr("Cancel") if self.busy else self.tr("Close"))
        self._close.setAccessibleName(self._close.text())
        refusal = "" if self.busy else self.refusal()
        self._export.setEnabled(not self.busy and not refusal)
        if self.busy:
            self._show_writing()
        elif finished is not None:
            n_files = len(finished.files)
            files = self.tr("1 file") if n_files == 1 else self.tr("{} files").format(n_files)
            self._summary.setText(self.tr("{} written to {}").format(files, finished.files[0].parent))
            refusal = "\n".join(finished.warnings)
        else:
            self._summary.setText(self._summary_text())
        self._refusal.setText(refusal)
        self._refusal.setVisible(bool(refusal))
        # Words that wrap do not make a window taller by themselves.
        needed_px = self._column.totalHeightForWidth(self.width())
        if self.isVisible() and needed_px > self.height():
            self.resize(self.width(), needed_px)

    def reject(self) -> None:
        """Cancel the work when there is some, close otherwise."""
        if self._job is not None:
            self._job.cancel()
            self._stopping = True
            self._show_writing()
            return
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Do not vanish while files are being written: the first try cancels."""
        if self._job is not None:
            self.reject()
            event.ignore()
            return
        super().closeEvent(event)
