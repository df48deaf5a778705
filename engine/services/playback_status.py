"""Where playback stands, as one value that any thread may ask for."""

from dataclasses import dataclass

from engine.io.song_store import Progress
from engine.realtime.layout import FLAG_ENDED, FLAG_READY, FLAG_TOUCHED, FLAG_WAITING
from engine.realtime.memory import Counters, EngineMemory
from engine.services.song_player import SongPlayer
from engine.units import frames_to_s


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


def read_status(
    memory: EngineMemory, player: SongPlayer, device: str | None, worker_restarts: int
) -> PlaybackStatus:
    """Look at the mailboxes once; waits for nothing.

    Parameters
    ----------
    memory : EngineMemory
    player : SongPlayer
    device : str or None
        Name of the open device.
    worker_restarts : int
    """
    store, meters = player.store, memory.read_meters()
    flags = meters.flags if meters is not None and player.is_current(meters) else 0
    rate_hz = 1 if store is None else store.rate_hz
    total = None if store is None else store.total_frames
    heard = player.heard_frame() if store is not None else 0
    ready = bool(flags & FLAG_READY)
    mixer = player.mixer
    return PlaybackStatus(
        position_s=frames_to_s(heard if total is None else min(heard, total), rate_hz),
        duration_s=None if total is None else frames_to_s(total, rate_hz),
        playing=player.playing,
        ended=bool(flags & FLAG_ENDED),
        waiting=bool(flags & FLAG_WAITING) or store is None,
        stems_ready=ready,
        segments_done=0 if store is None else int(store.progress[Progress.SEGMENTS_DONE]),
        segments_total=0 if store is None else int(store.progress[Progress.TOTAL_SEGMENTS]),
        pending=mixer.lanes[1 : 1 + mixer.n_stems] if flags & FLAG_TOUCHED and not ready else (),
        device=device,
        worker_restarts=worker_restarts,
        counters=memory.read_counters(),
    )
