"""Where playback stands, as one value that any thread may ask for."""

from dataclasses import dataclass

from engine.realtime.memory import Counters


@dataclass(frozen=True, slots=True)
class PlaybackStatus:
    """Where playback stands.

    Parameters
    ----------
    position_s : float
        Song time that is *heard* now, by the converter's clock.
    duration_s : float or None
        None until the song is decoded.
    playing, ended, waiting : bool
        `waiting`: a seek waits for its first frames.
    stems_ready : bool
        Every stem is there at the play-head.
    segments_done, segments_total : int
        Progress of the separation; total is 0 until it is known.
    pending : tuple of str
        Stems whose mute, solo or gain waits for the separation to reach the play-head.
    device : str or None
        None while the device is gone.
    worker_restarts : int
    counters : Counters
    """

    position_s: float
    duration_s: float | None
    playing: bool
    ended: bool
    waiting: bool
    stems_ready: bool
    segments_done: int
    segments_total: int
    pending: tuple[str, ...]
    device: str | None
    worker_restarts: int
    counters: Counters
