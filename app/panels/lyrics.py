"""The lyrics panel: what hears them above, the words in the middle, the melody below while one sings.

GUI thread. Shows a `LyricsState` and a `LyricsModel`; what the user wants leaves through signals.
"""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.lyric_edits import LyricEdits
from app.lyric_words import origin_text, work_text
from app.lyrics_model import LyricsModel
from app.lyrics_state import LYRIC_SUFFIXES, LyricsState
from app.models_model import short_title, size_text
from app.panels.lyrics_empty import LyricsEmpty
from app.panels.lyrics_head import LyricsHead
from app.panels.lyrics_view import LyricsView
from app.task_models import TaskModels
from app.tick import Tick
from engine.services.transcription_job import JobState


class LyricsPanel(QWidget):
    """All of it.

    Parameters
    ----------
    state : LyricsState
    edits : LyricEdits
    sources : (LyricsModel, TaskModels)
        Where lyrics come from, and the models that hear them.
    entries : sequence of QAction or None
        As of `LyricsHead`.
    parent : QWidget or None

    Attributes
    ----------
    head : LyricsHead
    view : LyricsView
    empty : LyricsEmpty
    first_wanted : Signal()
        What the button of the empty page says: fetch the model, stop, or transcribe.
    file_dropped : Signal(Path)
    """

    first_wanted = Signal()
    file_dropped = Signal(object)

    def __init__(
        self,
        state: LyricsState,
        edits: LyricEdits,
        sources: tuple[LyricsModel, TaskModels],
        entries: Sequence[QAction | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._model, self._models = sources
        self.head = LyricsHead(self._models, entries, self)
        self.view = LyricsView(state, edits, self)
        self.empty = LyricsEmpty(self)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.view)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.head)
        self._column.addWidget(self._pages, 1)
        self.setAcceptDrops(True)
        self.setMinimumHeight(150)
        self.setFocusProxy(self.view)
        self.empty.first_pressed.connect(self.first_wanted)
        state.changed.connect(self.show_state)
        state.offset_changed.connect(lambda: self.head.show_offset(state.offset_s))
        self._model.changed.connect(self.show_state)
        self._models.changed.connect(self.show_state)
        self.show_state()

    def add_below(self, widget: QWidget) -> None:
        """Take something in below the words."""
        self._column.addWidget(widget)

    def show_tick(self, tick: Tick) -> None:
        """Follow what is heard."""
        self.view.show_tick(tick)

    # --- how far it is -----------------------------------------------------------------------------

    @property
    def is_model_missing(self) -> bool:
        """Whether the chosen model must be fetched first."""
        row = self._models.row(self._model.order.model)
        return row is not None and not row.present

    def show_state(self) -> None:
        """Show where the lyrics come from, or what can be done to have some."""
        model, job = self._model, self._model.job
        self._pages.setCurrentWidget(self.view if self._state.lyrics is not None else self.empty)
        working = model.is_working
        words = self.tr("Stop") if working else self.tr("Transcribe")
        if job is not None and job.state is JobState.CANCELLED:
            words = self.tr("Go on")
        part = 0.0 if job is None else job.part
        self.head.show_state(words, enabled=model.song is not None, working=working, part=part)
        title = self._title(self._state.source or model.order.model)
        line = origin_text(self._state, title)
        if job is not None and (working or job.state in (JobState.FAILED, JobState.CANCELLED)):
            line = work_text(job)
        elif job is not None and job.ran_on and line:
            line = f"{line}  ·  {job.ran_on}"
        self.head.line.set_line(line)
        if self._state.lyrics is None:
            self._say_why_empty(working)

    def _title(self, name: str) -> str:
        row = self._models.row(name)
        return name if row is None else short_title(row.card)

    def _say_why_empty(self, working: bool) -> None:
        model, empty, job = self._model, self.empty, self._model.job
        title = self._title(model.order.model)
        row = self._models.row(model.order.model)
        if model.song is None:
            line = self.tr("Open a song, and its words stand here as they are sung.")
            empty.say(self.tr("No song yet"), line, others=False)
        elif self._models.fetching:
            percent = self.tr("{} %").format(int(100 * self._models.part))
            stop = (self.tr("Stop"), self.tr("Stop fetching; what is here is kept"))
            empty.say(self.tr("Fetching {}").format(self._title(self._models.fetching)), percent, stop)
        elif working and job is not None:
            line = self.tr("The words come line by line, nearest the play-head first.")
            stop = (self.tr("Stop"), self.tr("Stop; what was heard is kept and gone on with"))
            empty.say(work_text(job, short=True), line, stop, others=False)
        elif job is not None and job.state is JobState.FAILED:
            again = (self.tr("Try again"), self.tr("Hear the words once more"))
            empty.say(self.tr("The words could not be heard"), job.message, again)
        elif row is not None and not row.present:
            size = size_text(row.card.size_bytes)
            licence = f"{row.card.licence.name}: {row.card.licence.text}"
            fetch = (self.tr("Get {}, {}").format(title, size), licence)
            line = self.tr("{} hears them. {}").format(title, licence)
            empty.say(self.tr("No lyrics yet"), line, fetch)
        elif model.is_finding:
            empty.say(self.tr("Looking for lyrics…"), "", others=False)
        elif job is not None and job.state is JobState.CANCELLED:
            go_on = (self.tr("Go on"), self.tr("Hear the rest of the words"))
            empty.say(self.tr("Stopped"), self.tr("What was heard is kept."), go_on)
        elif job is not None and job.state is JobState.READY:
            line = self.tr("Nobody seems to sing here. You can write lyrics yourself: paste them.")
            again = (self.tr("Transcribe again"), self.tr("Hear the song once more"))
            empty.say(self.tr("No words were heard"), line, again)
        else:
            line = self.tr("{} hears them, or paste or drop a text: it is put in time with the song.")
            start = (self.tr("Transcribe"), self.tr("Hear the words of the song (Ctrl+T)"))
            empty.say(self.tr("No lyrics yet"), line.format(title), start)

    # --- drag and drop -----------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take lyrics; everything else is the window's."""
        if _lyric_file(event.mimeData()) is not None:
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Anywhere."""
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand it on."""
        path = _lyric_file(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.file_dropped.emit(path)


def _lyric_file(data: QMimeData) -> Path | None:
    """The first file of lyrics in what is dragged."""
    paths = (Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile())
    return next((path for path in paths if path.suffix.lower() in LYRIC_SUFFIXES), None)
