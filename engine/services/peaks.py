"""Peaks of a song's lanes, measured as they are written, for whoever draws them.

One thread a song, started here: it looks at the ready map and the decoder's progress twenty times a
second and measures what is new, in compiled code without the GIL. Readers (the GUI thread) take no lock:
they look at `version`, and at arrays that only ever get better. It outlives a worker that is killed, and
a song that is opened again has its peaks at once (`engine.io.peak_file`).
"""

import logging
import threading
import time
from pathlib import Path

import numpy as np

from engine.errors import CharonError, ParameterError, StoreError
from engine.io.peak_file import UNIT_FRAMES, PeakFile
from engine.io.song_store import READY_BLOCK_FRAMES, Progress, SongStore
from engine.kernels.peaks import BASE_FRAMES, FACTOR, I16, N_LEVELS, bin_frames, fold_bins, gather_columns
from engine.kernels.wave_image import U32, draw_wave
from engine.units import F32, U8

_log = logging.getLogger(__name__)

POLL_S = 0.05
IDLE_POLL_S = 0.5
"""Once all is measured; a store that is repaired takes ready blocks back and gives them again."""
SLICE_S = 0.1
"""Longest work between two looks at the ready map and two steps of `version`."""

_BLOCKS = UNIT_FRAMES // READY_BLOCK_FRAMES

Spans = tuple[tuple[int, int], ...]


class LanePeaks:
    """Peaks of every lane of one song.

    Parameters
    ----------
    folder : Path
        The song's folder in the stem store; a worker may still be writing it.

    Attributes
    ----------
    lanes : tuple of str
        "original" first, then the stems.
    rate_hz : int
        Of the lanes.
    version : int
        Grows whenever there is more to draw; any thread may read it.

    Raises
    ------
    StoreError
        There is no whole store in `folder`.

    Notes
    -----
    The constructor reads files and compiles kernels: not for the GUI thread, and neither is `close`.
    Everything else may be called from there.
    """

    def __init__(self, folder: Path) -> None:
        warm_peaks()
        self._store = SongStore.attach(folder)
        self.lanes = self._store.manifest.lanes
        self.rate_hz = self._store.rate_hz
        self.version = 1
        self._files = [self._store.open_lane(name) for name in self.lanes]
        self._file = PeakFile(folder, self._store.manifest)
        self._levels = self._all_levels()
        self._spans: tuple[Spans, Spans] = ((), ())
        self._publish()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peaks", daemon=True)
        self._thread.start()

    # --- reading -----------------------------------------------------------------------------------

    @property
    def n_frames(self) -> int:
        """Length of the song; until it is decoded, the most that it may have."""
        return self._store.total_frames or self._store.capacity_frames

    def levels(self, lane: str) -> tuple[I16, ...]:
        """Bins of a lane, finest level (`BASE_FRAMES`) first, each next one FACTOR times coarser.

        Returns
        -------
        tuple of int16 array, shape (n_bins, 3)
            Lowest, highest and RMS, see `engine.kernels.peaks`; live, zeros where nothing is measured.
        """
        return self._levels[self._index(lane)]

    def ready_spans(self, lane: str) -> Spans:
        """Stretches of a lane that are measured: (start, stop) in frames, in order, apart."""
        return self._spans[min(self._index(lane), 1)]

    def draw(
        self, lane: str, view: tuple[int, float], curve: float, shades: tuple[U32, U32], out: U32
    ) -> None:
        """Draw a lane into a picture.

        Parameters
        ----------
        lane : str
            One of `lanes`.
        view : (int, float)
            Number of the first pixel column, counted from the start of the song, and frames a column.
        curve : float
            See `engine.kernels.wave_image.draw_wave`.
        shades : (uint32 array, uint32 array), shapes (height + 1,) and (height,)
            `body` and `core` of `engine.kernels.wave_image.draw_wave`.
        out : uint32 array, shape (height, width), C order
            0xffRRGGBB.
        """
        draw_levels(self.levels(lane), view, curve, shades, out)

    def _index(self, lane: str) -> int:
        if lane not in self.lanes:
            raise ParameterError(f"no lane {lane!r} here, only {', '.join(self.lanes)}")
        return self.lanes.index(lane)

    # --- measuring, on this object's thread --------------------------------------------------------

    def _run(self) -> None:
        # Buffers of one unit: 512 KB of frames, 8 KB of bins.
        bins = [
            np.zeros((UNIT_FRAMES // (BASE_FRAMES * FACTOR**level), 3), np.int16) for level in range(N_LEVELS)
        ]
        wait_s = 0.0
        while not self._closing.wait(wait_s):
            try:
                worked = self._measure_for(SLICE_S, bins)
            except StoreError as err:
                if self._file.in_memory:
                    _log.warning("no waveforms: %s", err)
                    return
                _log.warning("waveforms are not kept: %s", err)
                self._file.give_up_disk()
                self._levels = self._all_levels()
                worked = True
            if worked:
                self._publish()
            wait_s = 0.0 if worked else IDLE_POLL_S if self._store.is_complete else POLL_S

    def _measure_for(self, seconds: float, bins: list[I16]) -> bool:
        """Measure what is new, for some time at most; False when nothing was."""
        until_s = time.monotonic() + seconds
        worked = False
        for group, ready in enumerate((self._original_blocks(), self._stem_blocks())):
            masks = _masks(ready)
            for unit in np.flatnonzero(masks != self._file.masks[group]):
                worked = True
                blocks = ready[unit * _BLOCKS : (unit + 1) * _BLOCKS]
                for lane in (0,) if group == 0 else range(1, len(self.lanes)):
                    self._measure_unit(lane, int(unit), blocks, bins)
                self._file.write_mask(group, int(unit), int(masks[unit]))
                if time.monotonic() > until_s or self._closing.is_set():
                    return True
        return worked

    def _measure_unit(self, lane: int, unit: int, blocks: U8, bins: list[I16]) -> None:
        frames = self._files[lane].read(unit * UNIT_FRAMES, UNIT_FRAMES)
        if not blocks.all():
            frames.reshape(_BLOCKS, -1)[blocks == 0] = 0.0
        bin_frames(frames, bins[0])
        for level in range(1, N_LEVELS):
            fold_bins(bins[level - 1], bins[level])
        self._file.write(lane, unit, bins)

    def _original_blocks(self) -> U8:
        """A byte a ready block, as the stems' ready map, of how far the song is decoded."""
        decoded = int(self._store.progress[Progress.DECODED_FRAMES])
        whole = decoded // READY_BLOCK_FRAMES
        if self._store.total_frames is not None:
            whole = -(-decoded // READY_BLOCK_FRAMES)
        blocks = np.zeros(self._file.n_units * _BLOCKS, np.uint8)
        blocks[:whole] = 1
        return blocks

    def _stem_blocks(self) -> U8:
        blocks = np.zeros(self._file.n_units * _BLOCKS, np.uint8)
        blocks[: len(self._store.ready)] = self._store.ready
        return blocks

    def _publish(self) -> None:
        end = self._store.total_frames or self._store.capacity_frames
        original, stems = (_spans(row, end) for row in self._file.masks)
        self._spans = (original, stems)
        self.version += 1

    def _all_levels(self) -> tuple[tuple[I16, ...], ...]:
        return tuple(self._file.levels(lane) for lane in range(len(self.lanes)))

    def close(self) -> None:
        """End the thread and keep what it measured; arrays that were handed out stay valid."""
        self._closing.set()
        self._thread.join()
        try:
            self._file.close()
        except (CharonError, OSError) as err:
            _log.warning("waveforms may have to be measured again: %s", err)
        for file in self._files:
            file.close()
        self._store.close()


def draw_levels(
    levels: tuple[I16, ...], view: tuple[int, float], curve: float, shades: tuple[U32, U32], out: U32
) -> None:
    """Draw a lane from its bins.

    Parameters
    ----------
    levels : tuple of int16 array, shape (n_bins, 3)
        As `LanePeaks.levels` gives them.
    view : (int, float)
        Number of the first pixel column, counted from the start of the song, and frames a column.
    curve : float
        See `engine.kernels.wave_image.draw_wave`.
    shades : (uint32 array, uint32 array), shapes (height + 1,) and (height,)
        `body` and `core` of `engine.kernels.wave_image.draw_wave`.
    out : uint32 array, shape (height, width), C order
        0xffRRGGBB.
    """
    first_column, frames_per_column = view
    k = N_LEVELS - 1
    while k and BASE_FRAMES * FACTOR**k > frames_per_column:
        k -= 1
    columns = np.empty((3, out.shape[1]), np.float32)
    gather_columns(levels[k], first_column, frames_per_column / (BASE_FRAMES * FACTOR**k), columns)
    draw_wave(columns, curve, *shades, out)


def _masks(ready: U8) -> np.ndarray:
    """Ready blocks as the bits of a uint64 a unit, the first block in the lowest bit."""
    return np.packbits(ready, bitorder="little").view("<u8")


def _spans(masks: np.ndarray, end_frame: int) -> Spans:
    blocks = np.unpackbits(masks.astype("<u8").view(np.uint8), bitorder="little").astype(np.int8)
    steps = np.diff(blocks, prepend=np.int8(0), append=np.int8(0))
    starts = np.flatnonzero(steps == 1) * READY_BLOCK_FRAMES
    stops = np.flatnonzero(steps == -1) * READY_BLOCK_FRAMES
    return tuple(
        (int(a), min(int(b), end_frame)) for a, b in zip(starts, stops, strict=True) if a < end_frame
    )


def warm_peaks() -> None:
    """Compile (or load) what measuring and drawing need, with the very types they are called with."""
    frames: F32 = np.zeros((4 * BASE_FRAMES, 2), np.float32)
    fine, coarse = np.zeros((FACTOR, 3), np.int16), np.zeros((1, 3), np.int16)
    bin_frames(frames, fine)
    fold_bins(fine, coarse)
    columns: F32 = np.zeros((3, 2), np.float32)
    body, core = np.zeros(3, np.uint32), np.zeros(2, np.uint32)
    # A mapped level is read-only, one in memory is not; to numba these are two types.
    mapped = fine.view()
    mapped.flags.writeable = False
    for level in (fine, mapped):
        gather_columns(level, 0, 1.0, columns)
    draw_wave(columns, 1.0, body, core, np.zeros((2, 2), np.uint32))
