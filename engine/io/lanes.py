"""A lane on disk: raw float32 frames, interleaved, reached by frame number.

Any thread, one at a time a `LaneFile`. Lanes are written and read here with positioned file calls
and never through a mapping: a full disk must come back as an error (through a mapping it is a
SIGBUS that ends the process), and mapped pages would count as this process's memory and grow with
the song. The player, which only reads what is already there, maps them instead.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from engine.errors import StoreError
from engine.io.pieces import read_pieces, write_pieces
from engine.units import F32

FRAME_BYTES = 8
"""2 channels x 4 bytes."""

LANE_DTYPE = "<f4"


def interleave(block: F32) -> F32:
    """Frames as a lane stores them.

    Parameters
    ----------
    block : float32 array, shape (2, frames)
        Full scale +-1.0.

    Returns
    -------
    float32 array, shape (frames, 2), C order
    """
    out = np.empty((block.shape[1], 2), LANE_DTYPE)
    out[:, 0] = block[0]
    out[:, 1] = block[1]
    return out


def frame_bytes(frames: F32) -> memoryview:
    """Bytes of interleaved frames (C order, shape (n, 2)) as they lie in a lane, without a copy."""
    return frames.data.cast("B") if frames.size else memoryview(b"")


def store_error(folder: Path, err: OSError) -> StoreError:
    """The line a user sees when the stem store cannot be written or read."""
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(f"disk full while writing stems in {folder}: free some space or set CHARON_HOME")
    return StoreError(f"cannot use the stem store in {folder}: {err.strerror or err}; check the folder")


class LaneFile:
    """Positioned reads and writes of interleaved stereo frames.

    Parameters
    ----------
    path : Path
        File of `frames * FRAME_BYTES` bytes; it must exist.
    writable : bool
        Open for writing too.
    """

    def __init__(self, path: Path, writable: bool = False) -> None:
        self.path = path
        try:
            self._file = path.open("r+b" if writable else "rb", buffering=0)
        except OSError as err:
            raise store_error(path.parent, err) from err

    def write(self, start_frame: int, frames: F32) -> None:
        """Write frames at a position.

        Parameters
        ----------
        start_frame : int, >= 0
            Position of the first frame.
        frames : float32 array, shape (n, 2), C order
            Interleaved.

        Raises
        ------
        StoreError
            Disk full or file gone; what was written stays.
        """
        view = frame_bytes(np.ascontiguousarray(frames, LANE_DTYPE))
        try:
            self._file.seek(start_frame * FRAME_BYTES)
            write_pieces(self._file, view)
        except OSError as err:
            raise store_error(self.path.parent, err) from err

    def read(self, start_frame: int, n_frames: int) -> F32:
        """Frames [start_frame, start_frame + n_frames).

        Returns
        -------
        float32 array, shape (n_frames, 2)
            Zeros after the end of the file.
        """
        out = np.zeros((n_frames, 2), LANE_DTYPE)
        view = frame_bytes(out)
        try:
            self._file.seek(start_frame * FRAME_BYTES)
            read_pieces(self._file, view)
        except OSError as err:
            raise store_error(self.path.parent, err) from err
        return out

    def blocks(self, n_frames: int, block_frames: int = 65_536) -> Iterator[F32]:
        """Frames [0, n_frames) one block after the other, as a decoder gives them.

        Parameters
        ----------
        n_frames, block_frames : int
            Of all of it, and of every block but the last.

        Yields
        ------
        float32 array, shape (2, n), C order
        """
        for start in range(0, n_frames, block_frames):
            frames = self.read(start, min(block_frames, n_frames - start))
            yield np.ascontiguousarray(frames.T, np.float32)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def create_sparse(path: Path, n_frames: int) -> None:
    """Make a lane of `n_frames` silent frames that takes no disk space until it is written."""
    with path.open("wb") as file:
        os.truncate(file.fileno(), n_frames * FRAME_BYTES)
