"""A WAV file that is whole at every moment: a recording survives whatever ends the program.

Called by the recorder's thread. Frames are appended first; then the one small block that holds every size is
written again in a single call. A kill between the two costs the last append, never the file: what lies
behind the stated size is ignored by every reader, and the size never states what is not there.

Beyond 4 GiB the same block becomes an RF64 header (the room for its 64-bit sizes is kept from the start),
so a recording has no length at which it ends.

References
----------
.. [1] EBU Tech 3306, "RF64: an extended file format for audio data", 2009: JUNK becomes ds64.
"""

import errno
import struct
from pathlib import Path
from typing import Final, Self

import numpy as np

from engine.errors import EncodeError
from engine.io.pieces import write_pieces
from engine.units import F32

_FLOAT: Final = 3
"""WAVE_FORMAT_IEEE_FLOAT."""
_DS64_BYTES: Final = 28
_LIMIT_32: Final = 0xFFFF_FFFF
HEADER_BYTES: Final = 12 + (8 + _DS64_BYTES) + (8 + 18) + (8 + 4) + 8


def wav_header(rate_hz: int, channels: int, n_frames: int) -> bytes:
    """The first HEADER_BYTES of a float32 WAV of so many frames; RF64 where 32 bits do not hold its size.

    Parameters
    ----------
    rate_hz, channels, n_frames : int
    """
    frame_bytes = 4 * channels
    data_bytes = n_frames * frame_bytes
    riff_bytes = HEADER_BYTES - 8 + data_bytes
    big = riff_bytes > _LIMIT_32
    ds64 = struct.pack("<QQQI", riff_bytes, data_bytes, n_frames, 0) if big else bytes(_DS64_BYTES)
    return b"".join(
        (
            struct.pack("<4sI4s", b"RF64" if big else b"RIFF", _LIMIT_32 if big else riff_bytes, b"WAVE"),
            struct.pack("<4sI", b"ds64" if big else b"JUNK", _DS64_BYTES),
            ds64,
            struct.pack("<4sIHHIIHHH", b"fmt ", 18, _FLOAT, channels, rate_hz, rate_hz * frame_bytes,
                        frame_bytes, 32, 0),
            struct.pack("<4sII", b"fact", 4, _LIMIT_32 if big else n_frames),
            struct.pack("<4sI", b"data", _LIMIT_32 if big else data_bytes),
        )
    )  # fmt: skip


class GrowingWav:
    """A float32 WAV file that grows.

    Parameters
    ----------
    path : Path
        Must not exist; its folder must.
    rate_hz : int
    channels : int, 1 to 64

    Attributes
    ----------
    n_frames : int
        Frames that the file states.

    Raises
    ------
    EncodeError
        The file exists already, or cannot be created.
    """

    def __init__(self, path: Path, rate_hz: int, channels: int) -> None:
        self.path = path
        self.n_frames = 0
        self._rate_hz = rate_hz
        self._channels = channels
        try:
            # No buffer: what was written must not die with the process.
            self._file = path.open("xb", buffering=0)
        except FileExistsError as err:
            raise EncodeError(f"{path} exists already: record under another name") from err
        except OSError as err:
            raise EncodeError(
                f"{path} cannot be created: {err.strerror or err}; choose another folder"
            ) from err
        self._state_size()

    def append(self, frames: F32) -> None:
        """Add frames and state the new size.

        Parameters
        ----------
        frames : float32 array, shape (n, channels)
            Interleaved.

        Raises
        ------
        EncodeError
            The disk is full or the file is gone; everything appended before stays.
        """
        view = memoryview(np.ascontiguousarray(frames, "<f4").tobytes())
        try:
            self._file.seek(HEADER_BYTES + self.n_frames * 4 * self._channels)
            write_pieces(self._file, view)
        except OSError as err:
            raise self._refused(err) from err
        self.n_frames += len(frames)
        self._state_size()

    def _state_size(self) -> None:
        try:
            self._file.seek(0)
            self._file.write(wav_header(self._rate_hz, self._channels, self.n_frames))
        except OSError as err:
            raise self._refused(err) from err

    def _refused(self, err: OSError) -> EncodeError:
        if err.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            seconds = self.n_frames / self._rate_hz
            return EncodeError(
                f"disk full: the recording {self.path} ends after {seconds:.1f} s and is whole"
            )
        return EncodeError(f"{self.path} cannot be written: {err.strerror or err}; what was recorded stays")

    def close(self) -> None:
        """Let go of the file; it is whole already."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
