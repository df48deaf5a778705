"""The recorder: a thread of its own between the mic's tap ring and the disk.

The device thread puts every frame of the voice, dry and wet, into one ring that lasts 2.7 s, with a mark a
chunk that says where it lies in the stream and in the song. This thread empties both some twenty times a
second into files that are whole at every moment (`engine/io/growing_wav.py`). A slow disk or a held GIL
costs nothing up to the length of the ring; what is lost beyond it is filled with silence, so that the rest of
the take stays where it belongs, and counted.
"""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import CharonError, EncodeError
from engine.io.file_names import free_name
from engine.io.growing_wav import GrowingWav
from engine.realtime.layout import (
    MARK_FRAMES,
    MARK_SONG,
    MARK_STREAM,
    MIC_TAP_WIDTH,
    N_MARK,
    TAP_RING_FRAMES,
)
from engine.realtime.memory import EngineMemory
from engine.services.take import KINDS, SUFFIX, Kind, Passage, TakeHead, TakeLog, wav_path
from engine.units import F32, I64

POLL_S: Final = 0.05
JUMP_FRAMES: Final = 16
"""Song frames of rounding that are no jump: a chunk's place is exact, its length at the other rate is not."""
MAX_GAP_S: Final = 60.0
"""Longer holes are no lost frames but a device that was away."""


@dataclass(frozen=True, slots=True)
class TakeRequest:
    """What to record.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    kinds : tuple of {"dry", "wet"}
        Which of the two files.
    name : str
        What the files are called after; a number is added where the name is taken.
    mono_dry : bool
        The mic is one channel, heard on both sides: keep one.
    """

    folder: Path
    kinds: tuple[Kind, ...] = KINDS
    name: str = "take"
    mono_dry: bool = True


class Recorder:
    """One recording under way.

    Parameters
    ----------
    memory : EngineMemory
        Whose tap is recorded; nobody else may read it meanwhile.
    request : TakeRequest
    head : TakeHead
        What the take's log shall say first.
    wet_delay_frames : int
        By how much the wet voice is later than the dry one; it is moved forward by that.

    Attributes
    ----------
    log_path : Path
        The take's log; the WAV files lie beside it.
    failure : str or None
        Why the recording ended by itself; what was recorded until then is whole.
    lost_frames : int
        Frames of silence in place of what could not be fetched in time.

    Raises
    ------
    EncodeError, StoreError
        The files cannot be created; nothing is recorded.
    """

    def __init__(
        self, memory: EngineMemory, request: TakeRequest, head: TakeHead, wet_delay_frames: int = 0
    ) -> None:
        if not request.kinds:
            raise EncodeError("nothing to record: choose dry, wet or both")
        self._memory = memory
        self._head = head
        self._mono_dry = request.mono_dry
        self._skip_wet = wet_delay_frames
        self.failure: str | None = None
        self.lost_frames = 0
        self._n_frames = 0
        self._next_stream = -1
        self._next_song = -2.0
        self._log, self._files = _create(request, head)
        self.log_path = self._log.path
        self._taps: F32 = np.zeros((TAP_RING_FRAMES, MIC_TAP_WIDTH), np.float32)
        self._mark: I64 = np.zeros((1, N_MARK), np.int64)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._empty_rings()
        memory.mic.set_tap(True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Length of the take so far."""
        return self._n_frames / self._head.rate_hz

    @property
    def paths(self) -> dict[Kind, Path]:
        """The WAV files."""
        return {kind: file.path for kind, file in self._files.items()}

    @property
    def rate_hz(self) -> int:
        """Rate of the files."""
        return self._head.rate_hz

    @property
    def has_song(self) -> bool:
        """Whether it is sung to a song, whose frames its log names."""
        return self._head.song_rate_hz > 0

    @property
    def is_running(self) -> bool:
        """Whether it still records."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def stop(self, failure: str | None = None) -> None:
        """End the recording, for a reason if there is one; safe to call twice."""
        if not self._stopping.is_set():
            self.failure = self.failure or failure
            # The tap first, then one last look: what was sung before this call is in the files.
            self._memory.mic.set_tap(False)
            self._stopping.set()
        self._thread.join()

    def _empty_rings(self) -> None:
        mic = self._memory.mic
        while mic.tap.pull(self._taps):
            pass
        while mic.marks.pull(self._mark):
            pass

    def _run(self) -> None:
        try:
            while not self._stopping.wait(POLL_S):
                self._drain()
            # The chunk that was under way when the tap was closed.
            time.sleep(POLL_S)
            self._drain()
        except CharonError as err:
            self.failure = str(err)
            self._memory.mic.set_tap(False)
        finally:
            self._log.close()
            for file in self._files.values():
                file.close()

    def _drain(self) -> None:
        """Everything that lies in the rings: one append a file, however many chunks there are."""
        mic = self._memory.mic
        parts: list[F32] = []
        while mic.marks.pull(self._mark):
            stream, song, n = (int(self._mark[0, k]) for k in (MARK_STREAM, MARK_SONG, MARK_FRAMES))
            parts.append(self._hole_before(stream))
            self._follow_song(self._n_frames + sum(map(len, parts)), song, n)
            got = mic.tap.pull(self._taps[:n])
            parts.append(self._taps[:got].copy())
            self._next_stream = stream + n
        if parts:
            self._append(np.concatenate(parts))

    def _hole_before(self, stream: int) -> F32:
        """Silence for the frames that were lost between the last chunk and this one."""
        gap = stream - self._next_stream if self._next_stream >= 0 else 0
        if not 0 < gap < MAX_GAP_S * self._head.rate_hz:
            gap = 0
        self.lost_frames += gap
        return np.zeros((gap, MIC_TAP_WIDTH), np.float32)

    def _follow_song(self, take_frame: int, song: int, n: int) -> None:
        if abs(song - self._next_song) > JUMP_FRAMES or (song < 0) != (self._next_song < 0):
            self._log.add(Passage(take_frame, song))
        step = n * self._head.song_rate_hz / self._head.rate_hz
        self._next_song = -1.0 if song < 0 else song + step

    def _append(self, taps: F32) -> None:
        dry, wet = taps[:, :1] if self._mono_dry else taps[:, :2], taps[:, 2:]
        skipped = min(self._skip_wet, len(wet))
        self._skip_wet -= skipped
        for kind, frames in (("dry", dry), ("wet", wet[skipped:])):
            if kind in self._files:
                self._files[kind].append(frames)
        self._n_frames += len(taps)


def _create(request: TakeRequest, head: TakeHead) -> tuple[TakeLog, dict[Kind, GrowingWav]]:
    """The files of a new take, all of them or none."""
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise EncodeError(
            f"{request.folder} is no folder to record into: {err.strerror or err}; choose another"
        ) from err
    suffixes = [SUFFIX, *(f" ({kind}).wav" for kind in KINDS)]
    log = TakeLog(request.folder / (free_name(request.folder, request.name, suffixes) + SUFFIX), head)
    files: dict[Kind, GrowingWav] = {}
    try:
        for kind in request.kinds:
            channels = 1 if kind == "dry" and request.mono_dry else 2
            files[kind] = GrowingWav(wav_path(log.path, kind), head.rate_hz, channels)
    except EncodeError:
        log.close()
        log.path.unlink(missing_ok=True)
        for file in files.values():
            file.close()
            file.path.unlink(missing_ok=True)
        raise
    return log, files
