"""Fills the original lane of a song's store while separation and playing already use it.

One thread a song, in the process that separates. It exists because nobody should wait for a decoder:
the player starts at the first block, and separation as soon as a window is there.
"""

import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

from engine.errors import CharonWarning, JobCancelled
from engine.io.decode import decode_blocks
from engine.io.stem_store import SongWriter
from engine.units import F32

BLOCK_FRAMES = 65_536
"""1.5 s, 512 kB: large enough that Python costs nothing, and decoded in a few milliseconds."""


class Decoding:
    """A song on its way from its file into the original lane.

    Parameters
    ----------
    path : Path
        The file.
    store : SongWriter
        Its store; nothing happens when that holds the whole song already.
    """

    def __init__(self, path: Path, store: SongWriter) -> None:
        self._path = path
        self._store = store
        self._changed = threading.Condition()
        self._decoded_frames = 0
        self._finished = store.total_frames is not None
        self._error: BaseException | None = None
        self._cancelled = False
        self._thread: threading.Thread | None = None
        if not self._finished:
            self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
            self._thread.start()

    @property
    def finished(self) -> bool:
        """Whether the lane is whole."""
        return self._finished

    @property
    def decoded_frames(self) -> int:
        """Frames decoded in this run."""
        return self._decoded_frames

    def check(self) -> None:
        """Raise what stopped the decoder, if anything did."""
        if self._error is not None:
            raise self._error

    def wait_for_more(self, decoded_frames: int, timeout_s: float = 1.0) -> None:
        """Wait until more than `decoded_frames` are there, the song is whole, or the time is over.

        Raises
        ------
        DecodeError, StoreError
            What stopped the decoder.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._finished or self._error is not None or self._decoded_frames > decoded_frames,
                timeout_s,
            )
        self.check()

    def close(self) -> None:
        """Stop decoding; what is decoded stays in the lane but will be decoded again."""
        self._cancelled = True
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        said: list[str] = []
        try:
            self._store.begin_original()
            n_frames = 0
            for block in _blocks(self._path, said):
                if self._cancelled:
                    self._error = JobCancelled(f"decoding {self._path} was stopped")
                    return
                self._store.write_original(n_frames, block)
                n_frames += block.shape[1]
                with self._changed:
                    self._decoded_frames = n_frames
                    self._changed.notify_all()
            self._store.finish_original(n_frames, said)
        except BaseException as err:  # noqa: BLE001  raised again by whoever waits
            self._error = err
        with self._changed:
            self._finished = self._error is None
            self._changed.notify_all()


def _blocks(path: Path, said: list[str]) -> Iterator[F32]:
    """Blocks of a song; what the decoder warns of goes to `said`."""
    blocks = decode_blocks(path, BLOCK_FRAMES)
    while True:
        # Only around one step: catching warnings is a state of the whole process.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CharonWarning)
            block = next(blocks, None)
        for warning in caught:
            if issubclass(warning.category, CharonWarning):
                said.append(str(warning.message))
            else:
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        if block is None:
            return
        yield block
