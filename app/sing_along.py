"""Singing along: the melody of the vocal stem, the singer's voice beside it, and a score.

GUI thread; the melody is found in a job, the voice is followed by a thread of the engine (`Singing`).
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.bridge import Bridge
from app.jobs import Job, JobPool, Task
from app.tick import Tick
from engine.services.sing_score import NOTHING_SUNG, Melody, Sung, melody_of

if TYPE_CHECKING:
    from engine.services.playback import Playback
    from engine.services.singing import Singing

VOCALS = "vocals"


class SingAlong(QObject):
    """Knows what is to be sung, and what is.

    Parameters
    ----------
    bridge : Bridge
    pool : JobPool
    parent : QObject or None

    Attributes
    ----------
    switched : Signal(bool)
        It is on, or no longer.
    changed : Signal()
        The melody, or why there is none.
    failed : Signal(str)
    melody : Melody or None
    why_none : str
        Why there is no melody, in one line; empty when there is one.
    """

    switched = Signal(bool)
    changed = Signal()
    failed = Signal(str)

    def __init__(self, bridge: Bridge, pool: JobPool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._pool = pool
        self._on = False
        self._folder: Path | None = None
        self._job: Job | None = None
        self._singing: Singing | None = None
        self.melody: Melody | None = None
        self.why_none = ""

    @property
    def is_on(self) -> bool:
        """Whether the melody is shown."""
        return self._on

    def switch(self, on: bool) -> None:
        """Show the melody and follow the voice, or no longer."""
        if on == self._on:
            return
        self._on = on
        if on:
            self._follow()
        else:
            self._close_singing()
        self.switched.emit(on)

    def sung(self) -> Sung:
        """What the mic has heard of late."""
        return NOTHING_SUNG if self._singing is None else self._singing.sung()

    def start_over(self) -> None:
        """Score from the beginning."""
        if self._singing is not None:
            self._singing.set_melody(self.melody)

    def show_tick(self, tick: Tick) -> None:
        """Follow the song."""
        if tick.folder != self._folder:
            self._folder = tick.folder
            self._job = None
            self._take_melody(None)
        if self._on:
            self._follow()
            if self.melody is None and self._job is None:
                self._look_for_melody(tick)

    def close(self) -> None:
        """End the thread."""
        self._close_singing()

    # --- the voice ---------------------------------------------------------------------------------

    def _follow(self) -> None:
        playback = self._bridge.playback
        if playback is not None and self._singing is None:
            from engine.services.singing import Singing

            self._singing = Singing(playback, partial(_round_trip_s, playback))
            self._singing.set_melody(self.melody)

    def _close_singing(self) -> None:
        if self._singing is not None:
            self._singing.close()
            self._singing = None

    # --- the melody --------------------------------------------------------------------------------

    def _look_for_melody(self, tick: Tick) -> None:
        playback = self._bridge.playback
        if tick.folder is None or playback is None:
            self._say(_tr("Open a song, and its melody stands here"))
        elif VOCALS not in playback.lanes:
            self._say(_tr("This model makes no vocals: choose another in Models"))
        elif not 0 < tick.segments_total <= tick.segments_done:
            percent = int(100 * tick.segments_done / max(1, tick.segments_total))
            self._say(_tr("The vocals are being separated, {} %").format(percent))
        else:
            self._say(_tr("Listening for the melody…"))
            job = self._job = self._pool.start(partial(_find_melody, tick.folder))
            job.done.connect(partial(self._found, job))
            job.failed.connect(partial(self._not_found, job))

    def _say(self, why: str) -> None:
        if why != self.why_none:
            self.why_none = why
            self.changed.emit()

    def _found(self, job: Job, melody: object) -> None:
        if job is self._job and isinstance(melody, Melody):
            self._take_melody(melody)

    def _not_found(self, job: Job, why: str) -> None:
        if job is self._job:
            # The job stays: what failed once is not tried again sixty times a second.
            self._say(why)
            self.failed.emit(why)

    def _take_melody(self, melody: Melody | None) -> None:
        self.melody, self.why_none = melody, ""
        self.start_over()
        self.changed.emit()


def _find_melody(folder: Path, task: Task) -> Melody:
    """The melody of a song's vocal stem; on a job's thread."""
    from engine.services.curve_file import load_curves, save_curves
    from engine.services.curves import lane_curves

    curves = load_curves(folder, VOCALS)
    if curves is None:
        # One thread: the rest of the machine plays.
        curves = lane_curves(folder, VOCALS, task.report, 1)
        save_curves(folder, VOCALS, curves)
    return melody_of(curves.pitch_hz, curves.rows_per_s)


def _round_trip_s(playback: "Playback") -> float:
    live = playback.mic.live
    if live.measured is not None and live.measured.rate_hz == playback.memory.rate_hz:
        return live.measured.seconds
    latency = live.latency()
    return latency.input_s + latency.output_s + latency.limiter_s


def _tr(text: str) -> str:
    return QCoreApplication.translate("SingAlong", text)
