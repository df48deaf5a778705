"""The peaks of a song's lanes as a file beside them, found again when the song is opened again.

One thread writes through a `PeakFile`; any other may read its arrays, which are mapped and live. Like
lanes, it is written with positioned file calls and never through the mapping, where a full disk would be
a SIGBUS. The stem store neither knows nor checks it: it counts towards the song's size and goes with it.

    header      4096 bytes: JSON that says what the file is for, padded with spaces
    state       16 int64: boot identity of the last writer; 1 when everything was flushed to the disk
    masks       2 rows (original, stems) of a uint64 a unit: a bit for each ready block that is measured
    levels      finest first, in each the lanes in order: (n_units * bins, 3) int16
"""

import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import StoreError
from engine.io.lanes import store_error
from engine.io.pieces import write_pieces
from engine.io.song_store import READY_BLOCK_FRAMES, Manifest, check_size
from engine.io.song_writer import boot_identity
from engine.kernels.peaks import BASE_FRAMES, FACTOR, I16, N_LEVELS

U64 = NDArray[np.uint64]

FILE_NAME = "peaks.i16"
FILE_VERSION = 1

UNIT_FRAMES = 64 * READY_BLOCK_FRAMES
"""What is measured at once: 65,536 frames, 1.5 s at 44.1 kHz. It is one bin of the coarsest level, so that a
unit needs no other, and its ready blocks are the bits of one uint64."""

_HEADER_BYTES = 4096
_N_STATE = 16
_BOOT, _FLUSHED = 0, 1


class PeakFile:
    """The peaks of one song.

    Parameters
    ----------
    folder : Path
        The song's folder in the stem store.
    manifest : Manifest
        What it holds.

    Attributes
    ----------
    n_units : int
        Units of UNIT_FRAMES in the lanes.
    masks : uint64 array, shape (2, n_units)
        This object's own copy: for the original and for the stems, which ready blocks of a unit are
        measured. The writer's thread only.
    in_memory : bool
        The folder cannot be written (full, read-only): peaks live as long as this object.

    Notes
    -----
    A file of other lanes, of another version, cut short, or not flushed before the machine stopped is
    thrown away and begun anew.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._n_lanes = len(manifest.lanes)
        self.n_units = -(-manifest.capacity_frames // UNIT_FRAMES)
        self.masks: U64 = np.zeros((2, self.n_units), np.uint64)
        self._path = folder / FILE_NAME
        self._header = _header(manifest)
        self.in_memory = False
        try:
            if not self._is_ours():
                self._create()
            self._file = self._path.open("r+b", buffering=0)
            self._map()
            self._mark(flushed=False)
        except (OSError, StoreError):
            self._keep_in_memory()

    def _bins(self, level: int) -> int:
        """Bins of a whole lane in a level."""
        return self.n_units * (UNIT_FRAMES // (BASE_FRAMES * FACTOR**level))

    def _offset(self, level: int, lane: int) -> int:
        """Place of a lane's bins in the file, bytes."""
        before = sum(self._bins(i) for i in range(level)) * self._n_lanes + self._bins(level) * lane
        return _HEADER_BYTES + 8 * (_N_STATE + 2 * self.n_units) + 6 * before

    def _is_ours(self) -> bool:
        """Whether the file holds these lanes and can be believed; takes its masks over."""
        try:
            check_size(self._path, self._offset(N_LEVELS, 0))
            with self._path.open("rb", buffering=0) as file:
                if file.read(_HEADER_BYTES) != self._header:
                    return False
                state = np.frombuffer(file.read(8 * _N_STATE), "<i8")
                masks = np.frombuffer(file.read(self.masks.nbytes), "<u8")
                if masks.size != self.masks.size or not (state[_FLUSHED] or state[_BOOT] == boot_identity()):
                    return False
                self.masks[:] = masks.reshape(2, -1)
                # Once through, so that whoever draws from the mapping does not wait for the disk.
                while file.read(1 << 20):
                    pass
        except (OSError, StoreError):
            return False
        return True

    def _create(self) -> None:
        self.masks[:] = 0
        draft = self._path.with_name(FILE_NAME + ".new")
        with draft.open("wb") as file:
            file.write(self._header)
            os.truncate(file.fileno(), self._offset(N_LEVELS, 0))
        draft.replace(self._path)

    def _map(self) -> None:
        self._levels: list[I16] = [
            np.memmap(self._path, "<i2", "r", self._offset(level, 0), (self._n_lanes, self._bins(level), 3))
            for level in range(N_LEVELS)
        ]

    def _keep_in_memory(self) -> None:
        # 6 bytes x 4/3 for every 64 frames of a lane: 17 MB for ten minutes of five lanes.
        self.in_memory = True
        self.masks[:] = 0
        self._levels = [
            np.zeros((self._n_lanes, self._bins(level), 3), np.int16) for level in range(N_LEVELS)
        ]

    def levels(self, lane: int) -> tuple[I16, ...]:
        """Bins of a lane by its place in the manifest, finest level first; live, not to be written.

        Returns
        -------
        tuple of int16 array, shape (n_bins, 3)
            Zeros where nothing is measured yet.
        """
        return tuple(np.asarray(level[lane]) for level in self._levels)

    def write(self, lane: int, unit: int, bins: list[I16]) -> None:
        """Store what was measured of one lane.

        Parameters
        ----------
        lane : int
            Place in the manifest.
        unit : int
            0 .. n_units - 1
        bins : list of int16 array, shape (UNIT_FRAMES / frames a bin, 3)
            A level each, finest first.

        Raises
        ------
        StoreError
            Disk full, or the folder is gone: `give_up_disk` goes on without it.
        """
        for level, values in enumerate(bins):
            if self.in_memory:
                self._levels[level][lane, unit * len(values) : (unit + 1) * len(values)] = values
            else:
                self._put(self._offset(level, lane) + unit * values.nbytes, values.tobytes())

    def write_mask(self, group: int, unit: int, mask: int) -> None:
        """Say which ready blocks of a unit are measured; after the bins, so that a kill makes it no lie."""
        self.masks[group, unit] = mask
        if not self.in_memory:
            offset = _HEADER_BYTES + 8 * (_N_STATE + group * self.n_units + unit)
            self._put(offset, self.masks[group, unit].tobytes())

    def give_up_disk(self) -> None:
        """Go on in memory, with nothing measured; arrays that were handed out stay as they are."""
        self._file.close()
        self._keep_in_memory()

    def _put(self, offset: int, content: bytes) -> None:
        try:
            self._file.seek(offset)
            write_pieces(self._file, memoryview(content))
        except OSError as err:
            raise store_error(self._folder, err) from err

    def _mark(self, *, flushed: bool) -> None:
        state = np.zeros(_N_STATE, "<i8")
        state[_BOOT], state[_FLUSHED] = boot_identity(), flushed
        self._put(_HEADER_BYTES, state.tobytes())

    def close(self) -> None:
        """Flush what was written and let go of the file; arrays that were handed out stay valid."""
        if self.in_memory or self._file.closed:
            return
        with self._file:
            os.fsync(self._file.fileno())
            self._mark(flushed=True)


def _header(manifest: Manifest) -> bytes:
    """What a file must begin with to belong to a song's lanes."""
    says = {
        "peaks": FILE_VERSION,
        "levels": [BASE_FRAMES, FACTOR, N_LEVELS],
        "song": manifest.song_hash,
        "key": manifest.key,
        "lanes": manifest.lanes,
        "rate_hz": manifest.rate_hz,
        "frames": manifest.capacity_frames,
    }
    return json.dumps(says).encode().ljust(_HEADER_BYTES)[:_HEADER_BYTES]
