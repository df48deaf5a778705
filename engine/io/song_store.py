"""One song's folder in the stem store, as its readers see it.

Any thread of any process: the player maps the lanes while the worker writes them. A frame may be
read as soon as its byte in the ready map says so (stems) or the decoder has passed it (original);
nothing here locks, and nothing here writes.

The folder holds, every lane at the song's own rate:

    original.f32, <stem>.f32   (capacity_frames, 2) float32, interleaved; holes until written
    progress.i64               16 counters, see `Progress`
    ready.u8                   a byte for each READY_BLOCK_FRAMES: 1 when every stem is final there
    seams.f32, journal.jsonl   the writer's own: ends of segments before they are cross-faded, and
                               what is finished
    manifest.json              what the folder is for
"""

import json
import re
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Self, cast

import numpy as np

from engine.errors import ParameterError, StoreError
from engine.io.lanes import FRAME_BYTES, LANE_DTYPE, LaneFile
from engine.units import F32, I64, U8

READY_BLOCK_FRAMES = 1024
"""23 ms at 44.1 kHz: finer than any seek shows, and 10 kB of map for a four-minute song."""

ORIGINAL = "original"
"""Name of the lane that holds the decoded song."""

STORE_VERSION = 1

N_PROGRESS_CELLS = 16

_LANE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Progress(IntEnum):
    """Cells of progress.i64."""

    DECODED_FRAMES = 0
    DECODE_FINISHED = 1
    TOTAL_SEGMENTS = 2
    SEGMENTS_DONE = 3
    TOTAL_FRAMES = 4
    BOOT = 15


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a song's folder is for.

    Parameters
    ----------
    version : int
        STORE_VERSION of the writer.
    song_hash, key : str
        Content hash of the song; everything else that changes the stems.
    stems : tuple of str
        Lane names, in the model's order.
    rate_hz : int
        Rate of the song and of every lane.
    capacity_frames : int
        Length of every lane file, at least that of the song.
    """

    version: int
    song_hash: str
    key: str
    stems: tuple[str, ...]
    rate_hz: int
    capacity_frames: int

    def __post_init__(self) -> None:
        if not self.stems or len(set(self.stems)) != len(self.stems):
            raise ParameterError(f"stem names {self.stems} are empty or repeated")
        for name in self.stems:
            if name == ORIGINAL or not _LANE_NAME.fullmatch(name):
                raise ParameterError(f"{name!r} cannot name a stem: use a-z, 0-9, _ and -, not 'original'")
        if self.capacity_frames < 1 or self.rate_hz < 1:
            raise ParameterError(f"a lane of {self.capacity_frames} frames at {self.rate_hz} Hz")

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of all lanes, the original first."""
        return (ORIGINAL, *self.stems)

    @property
    def n_ready_blocks(self) -> int:
        """Bytes in the ready map."""
        return -(-self.capacity_frames // READY_BLOCK_FRAMES)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read back what `to_dict` gave; KeyError, TypeError or ValueError when it is not that."""
        return cls(
            version=int(values["version"]),
            song_hash=str(values["song_hash"]),
            key=str(values["key"]),
            stems=tuple(str(name) for name in values["stems"]),
            rate_hz=int(values["rate_hz"]),
            capacity_frames=int(values["capacity_frames"]),
        )


def read_manifest(folder: Path) -> dict[str, Any]:
    """Content of a folder's manifest.json.

    Raises
    ------
    FileNotFoundError
        There is none: the folder was never finished being made.
    ValueError
        It is not a JSON object.
    """
    values: object = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError("manifest.json is not an object")  # noqa: TRY004 (damage, not a type error)
    return cast("dict[str, Any]", values)


class SongStore:
    """A song's lanes and how far they are, for reading.

    Parameters
    ----------
    folder : Path
        The song's folder.
    manifest : Manifest
        What `folder` holds.
    mode : "r" or "r+"
        How the two maps are opened; writers say "r+".

    Attributes
    ----------
    progress : int64 array, shape (16,)
        Mapped and live, see `Progress`; each cell is written whole.
    ready : uint8 array, shape (ceil(capacity_frames / READY_BLOCK_FRAMES),)
        Mapped and live.
    """

    def __init__(self, folder: Path, manifest: Manifest, mode: str = "r") -> None:
        self.folder = folder
        self.manifest = manifest
        self.progress: I64 = _map(folder / "progress.i64", "<i8", mode, (N_PROGRESS_CELLS,))
        self.ready: U8 = _map(folder / "ready.u8", "u1", mode, (manifest.n_ready_blocks,))

    @classmethod
    def attach(cls, folder: Path) -> "SongStore":
        """Read a song's folder that another object writes, or nobody any more.

        Raises
        ------
        StoreError
            No whole store there.
        """
        try:
            manifest = Manifest.from_dict(read_manifest(folder))
            return SongStore(folder, manifest)
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise StoreError(f"no readable stems in {folder}: {err}; separate the song again") from err

    @property
    def stems(self) -> tuple[str, ...]:
        """Stem names, in the model's order."""
        return self.manifest.stems

    @property
    def rate_hz(self) -> int:
        """Frames a second of every lane."""
        return self.manifest.rate_hz

    @property
    def capacity_frames(self) -> int:
        """Frames in every lane file; the song may be shorter, see `total_frames`."""
        return self.manifest.capacity_frames

    @property
    def total_frames(self) -> int | None:
        """Length of the song, or None until it is decoded."""
        return int(self.progress[Progress.TOTAL_FRAMES]) if self.progress[Progress.DECODE_FINISHED] else None

    @property
    def is_complete(self) -> bool:
        """True when every stem of the whole song is final."""
        n_total = int(self.progress[Progress.TOTAL_SEGMENTS])
        return (
            self.total_frames is not None
            and n_total > 0
            and int(self.progress[Progress.SEGMENTS_DONE]) == n_total
        )

    def lane_path(self, name: str) -> Path:
        """File of the lane `name` ("original" or a stem)."""
        if name not in self.manifest.lanes:
            raise ParameterError(f"no lane {name!r} here, only {', '.join(self.manifest.lanes)}")
        return self.folder / f"{name}.f32"

    def map_lane(self, name: str) -> F32:
        """Map a lane for reading.

        Parameters
        ----------
        name : str
            "original" or a stem.

        Returns
        -------
        float32 array, shape (capacity_frames, 2)
            Read-only, live; zeros where nothing is written yet.
        """
        return _map(self.lane_path(name), LANE_DTYPE, "r", (self.capacity_frames, 2))

    def open_lane(self, name: str) -> LaneFile:
        """Open a lane for positioned reads, which leave no mapped pages behind."""
        return LaneFile(self.lane_path(name))

    def close(self) -> None:
        """Let go of the maps; arrays that the caller still holds stay valid."""
        self.progress = self.progress.copy()
        self.ready = self.ready.copy()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_size(path: Path, n_bytes: int) -> None:
    """Raise StoreError unless a file has this size."""
    found_bytes = path.stat().st_size
    if found_bytes != n_bytes:
        raise StoreError(f"{path.name} has {found_bytes} bytes instead of {n_bytes}")


def _map(path: Path, dtype: str, mode: str, shape: tuple[int, ...]) -> Any:
    # A shorter file would be a bus error at the first look behind its end, so it is refused here.
    check_size(path, int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return np.memmap(path, dtype, cast("Any", mode), 0, shape)


__all__ = [
    "FRAME_BYTES",
    "N_PROGRESS_CELLS",
    "ORIGINAL",
    "READY_BLOCK_FRAMES",
    "STORE_VERSION",
    "Manifest",
    "Progress",
    "SongStore",
    "check_size",
    "read_manifest",
]
