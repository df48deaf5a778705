"""Opens the peaks of the song that is shown, off the GUI thread.

Opening reads files, imports the engine and loads compiled code; closing waits for a thread. Both happen
on one thread of this object's own, in order. The object itself lives on the GUI thread.
"""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from engine.services.peaks import LanePeaks

_log = logging.getLogger(__name__)

RETRY_S = 0.5
"""A store that is just being made, or made again, is asked once more after this."""


class PeakSource(QObject):
    """The peaks of one song at a time.

    Attributes
    ----------
    changed : Signal()
        `peaks` is another one, or gone.
    """

    changed = Signal()
    _opened = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.peaks: LanePeaks | None = None
        self._wish = 0
        self._open: LanePeaks | None = None
        self._closing = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="peak-source")
        self._opened.connect(self._take)

    def show(self, folder: Path | None) -> None:
        """Open the song in a folder of the stem store; None shows nothing."""
        self._wish += 1
        self._set(None)
        if not self._closing.is_set():
            self._thread.submit(self._swap, self._wish, folder)

    def _take(self, wish: int, peaks: "LanePeaks") -> None:
        if wish == self._wish:
            self._set(peaks)

    def _set(self, peaks: "LanePeaks | None") -> None:
        if peaks is not self.peaks:
            self.peaks = peaks
            self.changed.emit()

    def _swap(self, wish: int, folder: Path | None) -> None:
        """Close the last song and open the next; on the own thread."""
        # Not before the window is visible: numba takes its time to import.
        from engine.errors import CharonError
        from engine.services.peaks import LanePeaks

        if self._open is not None:
            self._open.close()
            self._open = None
        told = ""
        while folder is not None and wish == self._wish and not self._closing.is_set():
            try:
                self._open = LanePeaks(folder)
                self._opened.emit(wish, self._open)
            except CharonError as err:
                if str(err) != told:
                    told = str(err)
                    _log.info("no waveforms yet: %s", err)
                self._closing.wait(RETRY_S)
            else:
                return

    def close(self) -> None:
        """Let go of everything; waits for files to be flushed."""
        if not self._closing.is_set():
            self.show(None)
            self._closing.set()
            self._thread.shutdown()
