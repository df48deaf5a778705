"""A take as a lane beside the stems: every passage where it was sung, at the song's rate and length.

Runs on a job's thread. The lane is a file in the song's folder of the stem store, made anew from the take
when it is not there: the recording itself is what must not be lost, and lies elsewhere. What is not sung
takes no disk space.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import StoreError
from engine.io.lanes import FRAME_BYTES, LANE_DTYPE, LaneFile, create_sparse, store_error
from engine.io.song_store import SongStore
from engine.services.take import Kind, read_take
from engine.services.take_export import place_take
from engine.units import F32


@dataclass(frozen=True, slots=True)
class TakeLane:
    """Where a take lies as a lane.

    Parameters
    ----------
    log : Path
        The take.
    kind : {"dry", "wet"}
        Which of its recordings.
    folder : Path
        Of the song in the stem store.
    path : Path
        The lane's file, `n_frames` long.
    n_frames : int
        Of every lane of the song's folder.
    rate_hz : int
        Of the song.
    """

    log: Path
    kind: Kind
    folder: Path
    path: Path
    n_frames: int
    rate_hz: int

    def map(self) -> F32:
        """Map the lane for reading, shape (n_frames, 2).

        Raises
        ------
        StoreError
            The file is gone.
        """
        try:
            return np.memmap(self.path, LANE_DTYPE, "r", 0, (self.n_frames, 2))
        except (OSError, ValueError) as err:
            raise StoreError(f"the take {self.log.stem!r} cannot be played: {err}; add it again") from err


def make_take_lane(log: Path, kind: Kind, folder: Path) -> TakeLane:
    """Put a take where it was sung, unless that was done already.

    Parameters
    ----------
    log : Path
        The ``.take`` file; not of a recording under way.
    kind : {"dry", "wet"}
    folder : Path
        Of the song in the stem store.

    Raises
    ------
    StoreError
        The take cannot be read, was recorded without a song or beside one of another rate; or the disk is
        full.
    """
    take = read_take(log)
    with SongStore.attach(folder) as store:
        n_frames, rate_hz = store.capacity_frames, store.rate_hz
        if take.head.song_rate_hz <= 0:
            raise StoreError(f"{log.stem!r} was recorded without a song: it has no place in this one")
        if take.head.song_rate_hz != rate_hz:
            raise StoreError(
                f"{log.stem!r} was sung to a song of {take.head.song_rate_hz} Hz, this one has {rate_hz} Hz: "
                "open the song that it belongs to"
            )
    name = hashlib.sha256(f"{kind}:{log.absolute()}".encode()).hexdigest()[:16]
    path = folder / f"take-{name}.f32"
    lane = TakeLane(log, kind, folder, path, n_frames, rate_hz)
    if not _is_fresh(lane, take.path(kind)):
        part = path.with_suffix(".part")
        try:
            create_sparse(part, n_frames)
            with LaneFile(part, writable=True) as file:
                place_take(take, kind, file, n_frames)
            os.replace(part, path)
        except OSError as err:
            raise store_error(folder, err) from err
        finally:
            part.unlink(missing_ok=True)
    return lane


def _is_fresh(lane: TakeLane, recording: Path) -> bool:
    """Whether the file is there, whole, and younger than the take."""
    try:
        state = lane.path.stat()
        newest_ns = max(lane.log.stat().st_mtime_ns, recording.stat().st_mtime_ns)
    except OSError:
        return False
    return state.st_size == lane.n_frames * FRAME_BYTES and state.st_mtime_ns >= newest_ns
