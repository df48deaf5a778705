"""Which song or stem is analysed, how far that is, and what came out of it.

GUI thread; the work runs on the job pool, one lane after the other. The song itself is analysed as soon
as it is decoded, because its tempo, key and loudness stand in the transport; a stem only while somebody
looks at it. What was analysed once lies beside the stems and is there at once the next time.
"""

from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.jobs import Job, JobPool, Task
from app.tick import Tick

if TYPE_CHECKING:
    from app.panels.analysis_song import SongPicture

ORIGINAL = "original"


class Phase(Enum):
    """How far a lane is."""

    NO_SONG = auto()
    DECODING = auto()
    SEPARATING = auto()
    WORKING = auto()
    READY = auto()
    CANCELLED = auto()
    FAILED = auto()


class AnalysisModel(QObject):
    """The analyses of the song that is loaded.

    Parameters
    ----------
    pool : JobPool
    parent : QObject or None

    Attributes
    ----------
    changed : Signal()
        Phase, progress or result of the chosen lane.
    song_changed : Signal()
        Another song, or none: `lanes` and `picture` are others.
    facts_changed : Signal(object)
        The `Analysis` of the song, or None while it is not known.
    failed : Signal(str)
        One line.
    """

    changed = Signal()
    song_changed = Signal()
    facts_changed = Signal(object)
    failed = Signal(str)

    def __init__(self, pool: JobPool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = pool
        self._tick = Tick()
        self._stems: tuple[str, ...] = ()
        self._watched = False
        self._pictures: dict[str, SongPicture] = {}
        self._stopped: dict[str, str] = {}
        self._job: Job | None = None
        self._working_on = ""
        self.lane = ORIGINAL
        self.part = 0.0

    # --- what there is -----------------------------------------------------------------------------

    @property
    def lanes(self) -> tuple[str, ...]:
        """The song, and its stems."""
        return (ORIGINAL, *self._stems)

    @property
    def title(self) -> str:
        """Of the song."""
        return self._tick.title

    @property
    def song(self) -> Path | None:
        """File of the song."""
        return self._tick.song

    @property
    def picture(self) -> "SongPicture | None":
        """Of the chosen lane, once it is analysed."""
        return self._pictures.get(self.lane)

    @property
    def phase(self) -> Phase:
        """How far the chosen lane is."""
        if self._tick.song is None:
            return Phase.NO_SONG
        if self.lane in self._pictures:
            return Phase.READY
        if self.lane in self._stopped:
            return Phase.FAILED if self._stopped[self.lane] else Phase.CANCELLED
        if not self._is_there(self.lane):
            return Phase.DECODING if self._tick.duration_s is None else Phase.SEPARATING
        return Phase.WORKING

    @property
    def separated_part(self) -> float:
        """How much of the song is separated, 0 to 1."""
        return self._tick.segments_done / max(self._tick.segments_total, 1)

    @property
    def trouble(self) -> str:
        """Why the chosen lane could not be analysed, in one line."""
        return self._stopped.get(self.lane, "")

    def _is_there(self, lane: str) -> bool:
        tick = self._tick
        if tick.folder is None or tick.duration_s is None:
            return False
        return lane == ORIGINAL or 0 < tick.segments_total <= tick.segments_done

    # --- what is wanted ----------------------------------------------------------------------------

    def set_stems(self, stems: tuple[str, ...]) -> None:
        """Know the stems that the song is separated into."""
        self._stems = stems
        if self.lane not in self.lanes:
            self.lane = ORIGINAL
        self.song_changed.emit()
        self._go_on()

    def watch(self, on: bool) -> None:
        """Analyse what is chosen; False when nobody looks any more."""
        self._watched = on
        self._go_on()

    def choose(self, lane: str) -> None:
        """Look at another lane."""
        if lane != self.lane:
            self.lane, self.part = lane, 0.0
            self._go_on()
            self.changed.emit()

    def cancel(self) -> None:
        """Stop analysing the chosen lane."""
        if self.phase is Phase.WORKING:
            self._stopped[self.lane] = ""
            if self._job is not None and self._working_on == self.lane:
                self._job.cancel()
            self.changed.emit()

    def retry(self) -> None:
        """Analyse the chosen lane after all."""
        self._stopped.pop(self.lane, None)
        self.part = 0.0
        self._go_on()
        self.changed.emit()

    def show_tick(self, tick: Tick) -> None:
        """Follow the song."""
        before, self._tick = self._tick, tick
        if (tick.song, tick.folder) != (before.song, before.folder):
            self._forget()
        elif _stage(tick) != _stage(before):
            self._go_on()
            self.changed.emit()

    def _forget(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job, self._working_on = None, ""
        self._pictures.clear()
        self._stopped.clear()
        self.part = 0.0
        self.facts_changed.emit(None)
        self._go_on()
        self.song_changed.emit()
        self.changed.emit()

    # --- the work ----------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Begin with what comes next, unless something is being analysed."""
        folder = self._tick.folder
        if self._job is not None or folder is None:
            return
        wanted = (self.lane, ORIGINAL) if self._watched else (ORIGINAL,)
        for lane in wanted:
            if lane not in self._pictures and lane not in self._stopped and self._is_there(lane):
                self._begin(folder, lane)
                return

    def _begin(self, folder: Path, lane: str) -> None:
        self._working_on = lane
        job = self._job = self._pool.start(partial(_analyse, folder, lane))
        job.progressed.connect(partial(self._progress, job))
        job.done.connect(partial(self._take, job, lane))
        job.failed.connect(partial(self._stop, job, lane))
        job.cancelled.connect(partial(self._stop, job, lane, ""))

    def _progress(self, job: Job, part: float, _text: str) -> None:
        if job is self._job and self._working_on == self.lane:
            self.part = part
            self.changed.emit()

    def _take(self, job: Job, lane: str, picture: object) -> None:
        from app.panels.analysis_song import SongPicture

        if job is not self._job or not isinstance(picture, SongPicture):
            return  # of another song
        self._job, self._working_on = None, ""
        self._pictures[lane] = picture
        if lane == ORIGINAL:
            self.facts_changed.emit(picture.analysis)
        self._go_on()
        self.changed.emit()

    def _stop(self, job: Job, lane: str, line: str) -> None:
        if job is not self._job:
            return
        self._job, self._working_on = None, ""
        # Asked for again between cancelling and hearing of it: then it is not stopped.
        if line or lane in self._stopped:
            self._stopped[lane] = line
        if line and lane == ORIGINAL:
            self.failed.emit(line)
        self._go_on()
        self.changed.emit()


def _stage(tick: Tick) -> tuple[object, ...]:
    """What of a tick decides how far lanes are."""
    return tick.duration_s is not None, tick.segments_done, tick.segments_total, tick.title


def _analyse(folder: Path, lane: str, task: Task) -> "SongPicture":
    """Read what is kept, or listen; on a job's thread."""
    from app.panels.analysis_song import prepare
    from engine.services.curve_file import load_curves, save_curves
    from engine.services.curves import lane_curves

    task.report(0.0)
    curves = load_curves(folder, lane)
    if curves is None:
        # One thread: the rest of the machine separates and plays.
        curves = lane_curves(folder, lane, task.report, 1)
        save_curves(folder, lane, curves)
    return prepare(curves)
