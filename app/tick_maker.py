"""Makes the frozen `Tick` that every view is drawn from, out of the engine's mailboxes.

GUI thread, up to sixty times a second: nothing here waits, and nothing reads a file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app.dropouts import DropoutWatch
from app.song_words import SongWords
from app.tick import DeviceLine, Tick
from engine.errors import CharonError

if TYPE_CHECKING:
    from engine.realtime.memory import Meters
    from engine.services.playback import Playback
    from engine.services.playback_status import PlaybackStatus

SILENT = (-200.0, -200.0)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The song as the bridge knows it.

    Parameters
    ----------
    song : Path or None
        Asked for last.
    folder : Path or None
        Its folder in the stem store, once there is one.
    words : SongWords
        Perhaps still those of another song.
    """

    song: Path | None
    folder: Path | None
    words: SongWords

    @property
    def title(self) -> str:
        """From its tags, or from its file."""
        if self.words.song == self.song:
            return self.words.title
        return "" if self.song is None else self.song.stem


class TickMaker:
    """Ticks of one engine.

    Attributes
    ----------
    no_sound : str
        Why there is no sound device, in one line that begins with the gist and a colon; empty while there
        is one.
    """

    def __init__(self) -> None:
        self.no_sound = ""
        self._dropouts = DropoutWatch()
        self._device_name: str | None = None

    def restart(self, status: "PlaybackStatus") -> None:
        """Count dropouts from now on: a device was opened."""
        self._dropouts.restart(status.counters)

    def make(self, playback: "Playback", loaded: Loaded, now_s: float) -> Tick:
        """Look at the engine once.

        Parameters
        ----------
        playback : Playback
        loaded : Loaded
        now_s : float
            Any clock that does not jump.
        """
        status, meters = playback.status(), playback.meters()
        device = None if self.no_sound else device_line(playback, status)
        if device is not None and device.name != self._device_name:
            self._device_name = device.name
            self.restart(status)
        rate_hz = 0 if device is None else device.rate_hz
        live = playback.live.is_on
        dropout = self._dropouts.look(
            status.counters, rate_hz, now_s, audible=status.playing or live, live=live
        )
        opened = loaded.song is not None and playback.song == loaded.song
        known = loaded.words.song == loaded.song
        return Tick(
            song=loaded.song,
            title=loaded.title,
            artist=loaded.words.artist if known else "",
            song_rate_hz=loaded.words.rate_hz if known else 0,
            folder=loaded.folder,
            position_s=status.position_s if opened else 0.0,
            duration_s=status.duration_s if opened else None,
            playing=status.playing,
            live=playback.live.source_name,
            ended=status.ended,
            waiting=status.waiting and loaded.song is not None and playback.failure is None,
            stems_ready=status.stems_ready,
            pending=status.pending,
            segments_done=status.segments_done,
            segments_total=status.segments_total,
            lane_peaks_db=_lane_peaks(playback, meters),
            master_peak_db=SILENT if meters is None else meters.master.peak_db,
            master_rms_db=SILENT if meters is None else meters.master.rms_db,
            limiter_gain_db=0.0 if meters is None else meters.limiter_gain_db,
            device=device,
            dropouts=self._dropouts.count,
            trouble=self.no_sound
            or (_tr("Device gone: waiting for it to come back") if device is None else dropout),
        )


def device_line(playback: "Playback", status: "PlaybackStatus") -> DeviceLine | None:
    """The open device, or None while there is none."""
    if status.device is None:
        return None
    try:
        stream = playback.stream
    except CharonError:
        return None
    counters = status.counters
    return DeviceLine(
        name=stream.name,
        rate_hz=stream.rate_hz,
        block_frames=stream.block_frames or round(counters.frames / max(1, counters.callbacks)),
        latency_ms=1000.0 * stream.output_latency_s,
    )


def _lane_peaks(playback: "Playback", meters: "Meters | None") -> dict[str, tuple[float, float]]:
    if meters is None or playback.live.is_on:
        return {}
    return {name: level.peak_db for name, level in zip(playback.mixer.lanes, meters.lanes, strict=False)}


def _tr(text: str) -> str:
    return QCoreApplication.translate("TickMaker", text)
