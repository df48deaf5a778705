"""The lyrics of the song that is loaded: found, heard, put in time, and kept when somebody changes them.

GUI thread. Files are read and written in jobs; the words are heard by a process of their own
(`Transcription`), whose snapshot is looked at ten times a second while it works.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs import Job, JobPool, Task
from app.lyric_edits import LyricEdits
from app.lyrics_finding import FoundLyrics, find_lyrics, keep_lyrics
from app.lyrics_state import LyricsState, Origin
from engine.errors import CharonError
from engine.io.home import Home
from engine.io.lyric_files import LyricFile, format_lyrics, parse_lyrics, read_lyrics
from engine.lyrics import Lyrics, Segment
from engine.services.lyrics_store import LyricsStore
from engine.services.transcription_job import JobState, TranscriptionJob, TranscriptionOrder

if TYPE_CHECKING:
    from engine.services.transcription import Transcription

_log = logging.getLogger(__name__)

LOOK_MS = 100
KEEP_MS = 600
"""After the last change of the words; a row of quick ones is one write."""


class LyricsModel(QObject):
    """Fills a `LyricsState`.

    Parameters
    ----------
    state : LyricsState
    edits : LyricEdits
    pool : JobPool
    home : Home
    parent : QObject or None

    Attributes
    ----------
    changed : Signal()
        Where lyrics come from, or how far the work on them is.
    failed, notice : Signal(str)
        One line.
    order : TranscriptionOrder
        What is asked of the next transcription.
    can_hear : bool
        Whether the model that it asks for is here.
    """

    changed = Signal()
    failed = Signal(str)
    notice = Signal(str)

    def __init__(
        self,
        state: LyricsState,
        edits: LyricEdits,
        pool: JobPool,
        home: Home,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._edits = edits
        self._pool = pool
        self._home = home
        self.order = TranscriptionOrder()
        self.can_hear = False
        self._song: Path | None = None
        self._finding: Job | None = None
        self._service: Transcription | None = None
        self._job: TranscriptionJob | None = None
        self._before: tuple[Lyrics | None, Origin, str] = (None, Origin.NONE, "")
        self._unkept: tuple[Path, Lyrics | None] | None = None
        self._loading = False
        self._look = _timer(self, LOOK_MS, self._look_at_job)
        self._keep = _timer(self, KEEP_MS, self._keep_now, single=True)
        self._keep_offset = _timer(self, KEEP_MS, self._keep_offset_now, single=True)
        state.changed.connect(self._note_change)
        state.offset_changed.connect(self._note_offset)

    # --- what there is -----------------------------------------------------------------------------

    @property
    def song(self) -> Path | None:
        """The song whose lyrics these are."""
        return self._song

    @property
    def is_finding(self) -> bool:
        """Whether files are still being looked for."""
        return self._finding is not None

    @property
    def job(self) -> TranscriptionJob | None:
        """The work on this song's words; None when none was asked for."""
        return self._job

    @property
    def is_working(self) -> bool:
        """Whether it is being heard or put in time."""
        return self._job is not None and not self._job.state.is_over

    @property
    def worker_pid(self) -> int | None:
        """Process that hears; None while there is none."""
        return None if self._service is None else self._service.pid

    # --- the song ----------------------------------------------------------------------------------

    def set_song(self, song: Path | None) -> None:
        """Another song is loaded: look for its lyrics."""
        if song == self._song:
            return
        self._keep_now()
        self._keep_offset_now()
        self._song = song
        self._job = None
        self._before = (None, Origin.NONE, "")
        self._state.set_growing(False)
        self._show(None, Origin.NONE, "", offset_s=0.0)
        if self._finding is not None:
            self._finding.cancel()
            self._finding = None
        if song is not None:
            job = self._finding = self._pool.start(lambda _task: find_lyrics(self._home, song))
            job.done.connect(partial(self._found, job))
            job.failed.connect(partial(self._not_found, job))
        if self._service is not None and song is not None:
            self._take_job(self._service.job(song))
        self.changed.emit()

    def _found(self, job: Job, found: object) -> None:
        if job is not self._finding or not isinstance(found, FoundLyrics):
            return
        self._finding = None
        if self.is_working:
            self._before = (found.lyrics, found.origin, found.source)
        else:
            self._show(found.lyrics, found.origin, found.source, offset_s=found.offset_s)
        if found.trouble:
            self.failed.emit(found.trouble)
        self.changed.emit()

    def _not_found(self, job: Job, why: str) -> None:
        if job is self._finding:
            self._finding = None
            self.failed.emit(why)
            self.changed.emit()

    def _show(
        self, lyrics: Lyrics | None, origin: Origin, source: str, *, offset_s: float | None = None
    ) -> None:
        """Show what is kept already, or is not to be kept."""
        self._loading = True
        try:
            if offset_s is not None:
                self._state.set_offset_s(offset_s)
            self._state.show(lyrics, origin, source)
        finally:
            self._loading = False

    # --- hearing -----------------------------------------------------------------------------------

    def transcribe(self) -> None:
        """Hear the words of the song, or go on where that was stopped."""
        song = self._song
        if song is not None and not self.is_working:
            self._begin(lambda service: service.start(song, self.order))

    def align(self, text: str) -> None:
        """Put given words in time with the song.

        Parameters
        ----------
        text : str
            A line a row.
        """
        try:
            lines = parse_lyrics(text, "txt").lyrics
        except CharonError as err:
            self.failed.emit(str(err))
            return
        if not self.can_hear:
            self._edits.show(self.tr("Import lyrics"), lines, Origin.FILE)
            self.notice.emit(self.tr("The words have no times yet: get the model, and they are put in time"))
        elif self._align(text):
            # To be read at once; their times come.
            self._show(lines, Origin.FILE, "")

    def align_again(self) -> None:
        """Put the lines that are shown in time with the song; their own times say where to look."""
        lyrics = self._state.lyrics
        if lyrics is not None:
            self._align(format_lyrics(lyrics, "lrc" if self._state.is_timed else "txt"))

    def _align(self, text: str) -> bool:
        song = self._song
        if song is None:
            return False
        self.cancel()
        try:
            self._begin(lambda service: service.align(song, text, self.order))
        except CharonError as err:
            self.failed.emit(str(err))
            return False
        self._state.set_growing(True)
        return True

    def _begin(self, ask: "Callable[[Transcription], TranscriptionJob]") -> None:
        if self._service is None:
            from engine.services.transcription import Transcription

            self._service = Transcription(self._home)
        job = ask(self._service)
        self._before = (self._state.lyrics, self._state.origin, self._state.source)
        self._take_job(job)

    def cancel(self) -> None:
        """Stop; what was heard is gone on with the next time."""
        if self._service is not None and self._song is not None and self.is_working:
            self._service.cancel(self._song)
            self._look_at_job()

    def set_playhead(self, position_s: float) -> None:
        """What is heard now goes first."""
        if self._service is not None and self.is_working:
            self._service.set_playhead(position_s)

    def _look_at_job(self) -> None:
        service, song = self._service, self._song
        job = None if service is None or song is None else service.job(song)
        if job is not self._job:
            self._take_job(job)
        elif not self.is_working:
            self._look.stop()

    def _take_job(self, job: TranscriptionJob | None) -> None:
        before, self._job = self._job, job
        if job is None:
            self._look.stop()
            return
        if not job.state.is_over:
            self._look.start()
            self._grow(job, () if before is None else before.segments)
        elif before is not None and not before.state.is_over:
            self._look.stop()
            self._end(job)
        self.changed.emit()

    def _grow(self, job: TranscriptionJob, before: tuple[Segment, ...]) -> None:
        """Show the lines as they come."""
        if job.state is JobState.TRANSCRIBING and job.segments and job.segments != before:
            self._state.set_growing(True)
            self._show(Lyrics(job.segments, job.language, job.model), Origin.HEARD, job.model)

    def _end(self, job: TranscriptionJob) -> None:
        self._state.set_growing(False)
        lyrics, origin, source = self._before
        if job.state is JobState.READY and job.lyrics is not None:
            given = any(segment.source == "given" for segment in job.lyrics.segments)
            self._finish(job.lyrics, Origin.ALIGNED if given else Origin.HEARD)
        elif lyrics is not None:
            # Half a song of words in place of a whole one would be a loss.
            self._show(lyrics, origin, source)
        elif self._state.lyrics is not None and not self._state.is_timed:
            self._note_change()
        if job.state is JobState.FAILED:
            self.failed.emit(job.message)
        for line in job.warnings:
            self.notice.emit(line)

    def _finish(self, heard: Lyrics, origin: Origin) -> None:
        before, before_origin, before_source = self._before
        if not heard.segments:
            self._show(before, before_origin, before_source)
            self.notice.emit(self.tr("No words are sung in this song"))
            return
        if before is None:
            self._show(heard, origin, heard.model)
            return
        # What was there before is one Ctrl+Z away.
        self._show(before, before_origin, before_source)
        words = self.tr("Align lyrics") if origin is Origin.ALIGNED else self.tr("Transcribe")
        self._edits.show(words, heard, origin, heard.model)

    # --- given -------------------------------------------------------------------------------------

    def import_file(self, path: Path) -> None:
        """Take lyrics out of a file; those without times are put in time with the song."""
        if self._song is None:
            self.failed.emit(self.tr("Open a song first: lyrics belong to one"))
            return
        job = self._pool.start(lambda _task: read_lyrics(path))
        job.done.connect(partial(self._imported, path.name))
        job.failed.connect(self.failed)

    def import_text(self, text: str) -> None:
        """Take pasted lyrics, with times or without."""
        if self._song is None:
            self.failed.emit(self.tr("Open a song first: lyrics belong to one"))
            return
        for kind in ("lrc", "vtt", "srt", "txt"):
            try:
                self._imported("", parse_lyrics(text, kind))
            except CharonError:
                continue
            return
        self.failed.emit(self.tr("There are no lyrics in what was copied: a line a row is wanted"))

    def _imported(self, name: str, file: object) -> None:
        if not isinstance(file, LyricFile) or self._song is None:
            return
        if file.timing == "none":
            self.align("\n".join(segment.text for segment in file.lyrics.segments))
            return
        self.cancel()
        self._edits.show(self.tr("Import lyrics"), file.lyrics, Origin.FILE, name)
        if file.timing == "lines" and self.can_hear:
            self.align_again()

    # --- kept --------------------------------------------------------------------------------------

    def _note_change(self) -> None:
        if self._loading or self._song is None or self._state.is_growing:
            return
        self._unkept = (self._song, self._state.lyrics)
        self._keep.start()
        self.changed.emit()

    def _note_offset(self) -> None:
        if not self._loading and self._song is not None:
            self._keep_offset.start()

    def _keep_now(self) -> None:
        self._keep.stop()
        unkept, self._unkept = self._unkept, None
        if unkept is not None:
            self._start(partial(_keep_lyrics, self._home, *unkept))

    def _keep_offset_now(self) -> None:
        if self._keep_offset.isActive() and self._song is not None:
            self._start(partial(_keep_offset, self._home, self._song, self._state.offset_s))
        self._keep_offset.stop()

    def _start(self, work: Callable[[Task], object]) -> None:
        self._pool.start(work).failed.connect(self.failed)

    def close(self) -> None:
        """Keep what is not kept yet, end the worker."""
        # Here and now: the pool that would do it is being closed.
        unkept, self._unkept = self._unkept, None
        try:
            if unkept is not None:
                _keep_lyrics(self._home, *unkept, None)
            if self._keep_offset.isActive() and self._song is not None:
                _keep_offset(self._home, self._song, self._state.offset_s, None)
        except CharonError as err:
            _log.warning("the lyrics could not be kept: %s", err)
        for timer in (self._look, self._keep, self._keep_offset):
            timer.stop()
        if self._service is not None:
            self._service.close()


def _timer(parent: QObject, ms: int, call: Callable[[], None], *, single: bool = False) -> QTimer:
    timer = QTimer(parent)
    timer.setInterval(ms)
    timer.setSingleShot(single)
    timer.timeout.connect(call)
    return timer


def _keep_lyrics(home: Home, song: Path, lyrics: Lyrics | None, _task: Task | None) -> None:
    keep_lyrics(home, song, lyrics)


def _keep_offset(home: Home, song: Path, offset_s: float, _task: Task | None) -> None:
    LyricsStore(home).write_offset_s(song, offset_s)
