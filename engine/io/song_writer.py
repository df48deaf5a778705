"""One song's folder in the stem store, as its only writer sees it.

Runs in the process that separates, which holds the song's lock: the decoder's thread writes the
original, one other thread writes segments. It exists so that a kill at any instant costs at most
the segment in work, and so that the second run ends with the very bits of an uninterrupted one:

- a segment brings its frames once; the part that no neighbour touches goes to the lanes, the ends
  go to `seams.f32`, and a seam is computed from the two stored ends when both are there. Nothing is
  ever added onto what a lane already holds, so writing twice changes nothing;
- the journal gets its line after that, the ready map last.
"""

import json
import os
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.errors import ParameterError, StoreError
from engine.io.file_lock import FileLock
from engine.io.journal import Journal, Record, Span, replace_file
from engine.io.lanes import FRAME_BYTES, LaneFile, create_sparse, frame_bytes, interleave, store_error
from engine.io.song_store import (
    N_PROGRESS_CELLS,
    ORIGINAL,
    READY_BLOCK_FRAMES,
    Manifest,
    Progress,
    SongStore,
    check_size,
)
from engine.kernels.windows import fade_in
from engine.units import F32

VERIFY_BLOCK_FRAMES = 1 << 17
"""1 MB a read while checksums are compared."""


class SongWriter(SongStore):
    """A song's store, open for writing.

    Parameters
    ----------
    folder : Path
        Holds everything that `make_folder` made.
    manifest : Manifest
        What it holds.
    lock : FileLock
        Held by the caller, released by `close`.
    seal : dict or None
        State of the lanes when they were last closed in order.

    Attributes
    ----------
    damage : list of str
        What was found damaged and thrown away, in words; empty for a sound store.
    """

    def __init__(self, folder: Path, manifest: Manifest, lock: FileLock, seal: dict[str, Any] | None) -> None:
        super().__init__(folder, manifest, "r+")
        for name in manifest.lanes:
            check_size(self.lane_path(name), manifest.capacity_frames * FRAME_BYTES)
        self._lock = lock
        self._seal = seal
        self._guard = threading.RLock()
        self._journal = Journal(folder / "journal.jsonl")
        self._record = self._journal.read()
        self._files = {name: LaneFile(folder / f"{name}.f32", writable=True) for name in manifest.lanes}
        self._seams = LaneFile(folder / "seams.f32", writable=True)
        self._crc = 0
        self.damage: list[str] = []
        if seal is None or not _is_sealed(folder, manifest, seal):
            self._verify()
            self._seal = None
        self._restore_progress()

    # ---- the original

    @property
    def warnings(self) -> list[str]:
        """What the decoder had to say about the song."""
        return list(self._record.warnings)

    def begin_original(self) -> None:
        """Start writing the original from its first frame."""
        self._unseal()
        self._crc = 0

    def write_original(self, start_frame: int, block: F32) -> None:
        """Write decoded frames, one block after the other.

        Parameters
        ----------
        start_frame : int
            Position of the block, where the one before ended.
        block : float32 array, shape (2, n)
            At the song's rate.
        """
        stop_frame = start_frame + block.shape[1]
        if stop_frame > self.capacity_frames:
            raise StoreError(
                f"the song decodes to more than the {self.capacity_frames} frames its file declares; "
                "convert it to WAV or FLAC first"
            )
        frames = interleave(block)
        self._files[ORIGINAL].write(start_frame, frames)
        self._crc = zlib.crc32(frame_bytes(frames), self._crc)
        # After a restart the lane already holds these very frames: readers do not step back.
        cell = Progress.DECODED_FRAMES
        self.progress[cell] = max(int(self.progress[cell]), stop_frame)

    def finish_original(self, total_frames: int, warnings: list[str]) -> None:
        """Say that the original lane is whole.

        Parameters
        ----------
        total_frames : int
            Length of the song.
        warnings : list of str
            Kept with the store, so that opening it again says them again.
        """
        with self._guard:
            self._record.total_frames = total_frames
            self._record.original_crc = self._crc
            self._record.warnings = list(warnings)
            self._journal.append_decoded(total_frames, self._crc, warnings)
        self.progress[Progress.DECODED_FRAMES] = total_frames
        self.progress[Progress.TOTAL_FRAMES] = total_frames
        self.progress[Progress.DECODE_FINISHED] = 1

    def read_original(self, start_frame: int, n_frames: int) -> F32:
        """Frames of the original; zeros before the song and after what is written of it.

        Returns
        -------
        float32 array, shape (2, n_frames)
        """
        out = np.zeros((2, n_frames), np.float32)
        skip = min(max(0, -start_frame), n_frames)
        if skip < n_frames:
            with LaneFile(self.lane_path(ORIGINAL)) as lane:  # its own position: the decoder writes beside
                out[:, skip:] = lane.read(start_frame + skip, n_frames - skip).T
        return out

    # ---- the stems

    @property
    def done(self) -> dict[int, Span]:
        """Finished segments by index."""
        with self._guard:
            return {index: span for index, (span, _) in self._record.segments.items()}

    def set_total_segments(self, total_segments: int) -> None:
        """Say how many segments the whole song has."""
        with self._guard:
            if self._record.total_segments != total_segments:
                self._unseal()
                self._record.total_segments = total_segments
                self._journal.append_total_segments(total_segments)
            self.progress[Progress.TOTAL_SEGMENTS] = total_segments

    def forget_segments(self, indices: set[int]) -> None:
        """Take finished segments back, for instance because the plan is another one now."""
        with self._guard:
            if indices & self._record.segments.keys():
                self._unseal()
                for index in indices:
                    self._record.segments.pop(index, None)
                self._journal.rewrite(self._record)
                self._restore_progress()

    def write_segment(self, span: Span, stems: F32) -> None:
        """Land a finished segment.

        Parameters
        ----------
        span : Span
            Where it lies.
        stems : float32 array, shape (n_stems, 2, span.stop_frame - span.start_frame)
            At the song's rate, in the order of `self.stems`.

        Raises
        ------
        StoreError
            Disk full; the segment counts as not done.
        """
        shape = (len(self.stems), 2, span.stop_frame - span.start_frame)
        if stems.shape != shape or span.core_stop_frame < span.core_start_frame:
            raise ParameterError(f"segment {span} brings {stems.shape}, not {shape}")
        self._unseal()
        crcs: list[int] = []
        head = span.core_start_frame - span.start_frame
        tail = span.stop_frame - span.core_stop_frame
        for i, name in enumerate(self.stems):
            frames = interleave(stems[i])
            self._files[name].write(span.core_start_frame, frames[head : len(frames) - tail])
            if head:
                self._seams.write(self._seam_frame(span.index, 1, i, head), frames[:head])
            if tail:
                self._seams.write(self._seam_frame(span.index + 1, 0, i, tail), frames[len(frames) - tail :])
            crcs.append(zlib.crc32(frame_bytes(frames)))
        with self._guard:
            others = self._record.segments
            if head and span.index - 1 in others:
                self._cross_fade(span.index, span.start_frame, head)
            if tail and span.index + 1 in others:
                self._cross_fade(span.index + 1, span.core_stop_frame, tail)
            self._journal.append_segment(span, tuple(crcs))
            others[span.index] = (span, tuple(crcs))
            start_frame, stop_frame = self._final_run(span.index)
            self._mark_ready(start_frame, stop_frame)
            self.progress[Progress.SEGMENTS_DONE] = len(others)

    def _seam_frame(self, seam: int, side: int, stem: int, fade_frames: int) -> int:
        """Place in seams.f32 of one end of one stem: seam 1 lies between segments 0 and 1."""
        return (((seam - 1) * 2 + side) * len(self.stems) + stem) * fade_frames

    def _cross_fade(self, seam: int, start_frame: int, fade_frames: int) -> None:
        rise: F32 = fade_in(fade_frames).reshape(-1, 1)
        for i, name in enumerate(self.stems):
            left = self._seams.read(self._seam_frame(seam, 0, i, fade_frames), fade_frames)
            right = self._seams.read(self._seam_frame(seam, 1, i, fade_frames), fade_frames)
            frames = (left + (right - left) * rise).astype(np.float32, copy=False)
            self._files[name].write(start_frame, frames)

    def _final_run(self, index: int) -> tuple[int, int]:
        """Frames around a finished segment that no later segment will touch."""
        segments = self._record.segments
        first = last = index
        while first - 1 in segments:
            first -= 1
        while last + 1 in segments:
            last += 1
        return segments[first][0].core_start_frame, segments[last][0].core_stop_frame

    def _mark_ready(self, start_frame: int, stop_frame: int) -> None:
        first, stop = self._ready_range(start_frame, stop_frame)
        self.ready[first:stop] = 1

    def _ready_range(self, start_frame: int, stop_frame: int) -> tuple[int, int]:
        whole = stop_frame == self._record.total_frames
        stop = -(-stop_frame // READY_BLOCK_FRAMES) if whole else stop_frame // READY_BLOCK_FRAMES
        return -(-start_frame // READY_BLOCK_FRAMES), stop

    # ---- opening and closing

    def _restore_progress(self) -> None:
        """Bring the two maps to what the journal says, touching only what differs.

        A player may be reading: what was ready before a worker died stays ready throughout.
        """
        record = self._record
        ready = np.zeros_like(self.ready)
        for index in record.segments:
            if index - 1 not in record.segments:
                first, stop = self._ready_range(*self._final_run(index))
                ready[first:stop] = 1
        np.copyto(self.ready, ready, where=self.ready != ready)
        cells = np.zeros(N_PROGRESS_CELLS, np.int64)
        cells[Progress.BOOT] = boot_identity()
        cells[Progress.TOTAL_SEGMENTS] = record.total_segments or 0
        cells[Progress.SEGMENTS_DONE] = len(record.segments)
        if record.total_frames is not None:
            cells[[Progress.DECODED_FRAMES, Progress.TOTAL_FRAMES]] = record.total_frames
            cells[Progress.DECODE_FINISHED] = 1
        elif self.progress[Progress.BOOT] == cells[Progress.BOOT]:
            # Same boot: what a killed decoder had written is still there for a reader.
            cells[Progress.DECODED_FRAMES] = self.progress[Progress.DECODED_FRAMES]
        np.copyto(self.progress, cells, where=self.progress != cells)

    def _verify(self) -> None:
        """Compare every finished frame with its checksum; forget what does not match."""
        record = self._record
        if record.total_frames is not None and self._original_crc(record.total_frames) != record.original_crc:
            self.damage.append("the decoded song")
            self._record = record = Record()
        lost = {
            index
            for index, (span, crcs) in record.segments.items()
            if len(crcs) != len(self.stems)
            or any(self._segment_crc(span, i) != crc for i, crc in enumerate(crcs))
        }
        if lost:
            self.damage.append(f"{len(lost)} of {len(record.segments)} segments")
            for index in lost:
                del record.segments[index]
        if self.damage:
            self._journal.rewrite(record)
        for index, (span, _) in record.segments.items():
            if span.fade_frames and index - 1 in record.segments:
                self._cross_fade(index, span.start_frame, span.fade_frames)

    def _original_crc(self, n_frames: int) -> int:
        return _crc(self._files[ORIGINAL], 0, n_frames, 0)

    def _segment_crc(self, span: Span, stem: int) -> int:
        head = span.core_start_frame - span.start_frame
        tail = span.stop_frame - span.core_stop_frame
        crc = _crc(self._seams, self._seam_frame(span.index, 1, stem, head), head, 0)
        lane = self._files[self.stems[stem]]
        crc = _crc(lane, span.core_start_frame, span.core_stop_frame - span.core_start_frame, crc)
        return _crc(self._seams, self._seam_frame(span.index + 1, 0, stem, tail), tail, crc)

    def _unseal(self) -> None:
        """Before the first write: from here on only checksums vouch for the lanes."""
        with self._guard:
            if self._seal is not None:
                write_manifest(self.folder, self.manifest, None)
                self._seal = None

    def close(self) -> None:
        """Seal the lanes and release the lock; what is finished stays."""
        if self._files:
            for file in (*self._files.values(), self._seams):
                file.close()
            self._files = {}
            try:
                if self._seal is None:
                    write_manifest(self.folder, self.manifest, seal_of(self.folder, self.manifest))
            finally:
                super().close()
                self._lock.release()


def make_folder(folder: Path, manifest: Manifest) -> None:
    """Create an empty song store; the manifest comes last and makes it one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in manifest.lanes:
            create_sparse(folder / f"{name}.f32", manifest.capacity_frames)
        create_sparse(folder / "seams.f32", 0)
        # Really written, not sparse: a mapped page without a block on a full disk is a SIGBUS.
        (folder / "progress.i64").write_bytes(bytes(8 * N_PROGRESS_CELLS))
        (folder / "ready.u8").write_bytes(bytes(manifest.n_ready_blocks))
    except OSError as err:
        raise store_error(folder, err) from err
    write_manifest(folder, manifest, None)


def write_manifest(folder: Path, manifest: Manifest, seal: dict[str, Any] | None) -> None:
    """Replace manifest.json in one step."""
    replace_file(folder / "manifest.json", json.dumps(manifest.to_dict() | {"seal": seal}, indent=1))


def seal_of(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """State of the lanes, to see later whether anybody touched them.

    Notes
    -----
    Lanes are not flushed to the disk (a song's worth would take seconds), so a seal vouches for
    them only until the machine starts again; after that the checksums are compared once.
    """
    names = (*manifest.lanes, "seams")
    states = {name: os.stat(folder / f"{name}.f32") for name in names}
    return {
        "boot": boot_identity(),
        "lanes": {name: [state.st_size, state.st_mtime_ns] for name, state in states.items()},
    }


def boot_identity() -> int:
    """Number that changes when the machine starts again, 0 .. 2^32 - 1."""
    if sys.platform == "linux":
        return zlib.crc32(Path("/proc/sys/kernel/random/boot_id").read_bytes())
    # Its clock is corrected by fractions of a second while the machine runs.
    return zlib.crc32(str(round(psutil.boot_time() / 60)).encode())


def _is_sealed(folder: Path, manifest: Manifest, seal: dict[str, Any]) -> bool:
    return seal == seal_of(folder, manifest)


def _crc(lane: LaneFile, start_frame: int, n_frames: int, crc: int) -> int:
    for offset in range(0, n_frames, VERIFY_BLOCK_FRAMES):
        frames = lane.read(start_frame + offset, min(VERIFY_BLOCK_FRAMES, n_frames - offset))
        crc = zlib.crc32(frame_bytes(frames), crc)
    return crc
