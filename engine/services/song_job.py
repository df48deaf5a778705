"""What is known of one song in line: plain values, for whoever shows them.

Apart from `engine.services.song_jobs`, which does the work, so that a view of the line can be drawn
before numba and onnxruntime are imported.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class JobState(StrEnum):
    """Where a song stands."""

    WAITING = "waiting"
    SEPARATING = "separating"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SongJob:
    """One song in line.

    Parameters
    ----------
    path : Path
        The song.
    state : JobState
    segments_done, segments_total : int
        Total is 0 until the song is decoded.
    speed : float or None
        Seconds of song separated in a second, in this run; None before that can be said.
    seconds_left : float or None
        At that speed.
    message : str
        Why it failed, in one line.
    warnings : tuple of str
        What the user should know though it went on, such as a song that is cut off.
    provider : str
        What ran the network ("stored" when nothing had to run); empty until it is done.
    folder : Path or None
        Its folder in the stem store, as soon as there is one.
    """

    path: Path
    state: JobState = JobState.WAITING
    segments_done: int = 0
    segments_total: int = 0
    speed: float | None = None
    seconds_left: float | None = None
    message: str = ""
    warnings: tuple[str, ...] = ()
    provider: str = ""
    folder: Path | None = None
