"""Measures how long the GUI thread was away from its event loop, and what it was doing meanwhile."""

import faulthandler
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PySide6.QtCore import QObject, Qt, QTimer

PULSE_MS = 4
LOOK_S = 0.005
DEPTH = 5


@dataclass
class Gap:
    """The longest absence in one phase.

    Parameters
    ----------
    phase : str
    worst_ms : float
        Without the time in which the thread was ready to run and had no processor.
    unserved_ms : float
        The longest time that the system let it wait for a processor.
    cause : str
        Where the thread was seen last; empty when nobody could look (the GIL was held).
    """

    phase: str
    worst_ms: float = 0.0
    unserved_ms: float = 0.0
    cause: str = ""
    n_pulses: int = 0


def unserved_time_s() -> float:
    """How long this thread has waited for a processor so far; 0 where the system does not say."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) * 1e-9
    except OSError:
        return 0.0


class FrameWatch(QObject):
    """A fast timer on the GUI thread, and a thread that looks at it when the timer is late.

    Parameters
    ----------
    slow_ms : float
        The cause of longer absences is looked for.
    """

    def __init__(self, slow_ms: float) -> None:
        super().__init__()
        self.gaps: list[Gap] = []
        self._slow_s = slow_ms * 1e-3
        self._beat_s = time.monotonic()
        self._unserved_s = 0.0
        self._seen = ""
        self._gui_thread = threading.get_ident()
        self._stop = threading.Event()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(PULSE_MS)
        self._looker = threading.Thread(target=self._look, name="frame-watch", daemon=True)
        self._looker.start()

    def begin(self, phase: str) -> None:
        """Count what follows to another phase."""
        self._beat_s, self._unserved_s = time.monotonic(), unserved_time_s()
        self.gaps.append(Gap(phase))

    def _beat(self) -> None:
        now_s = time.monotonic()
        unserved_s = unserved_time_s()
        unserved_ms = 1000.0 * (unserved_s - self._unserved_s)
        gap_ms = 1000.0 * (now_s - self._beat_s) - PULSE_MS - unserved_ms
        self._beat_s, self._unserved_s = now_s, unserved_s
        seen, self._seen = self._seen, ""
        if self.gaps:
            gap = self.gaps[-1]
            gap.n_pulses += 1
            gap.unserved_ms = max(gap.unserved_ms, unserved_ms)
            if gap_ms > gap.worst_ms:
                gap.worst_ms, gap.cause = gap_ms, seen

    def _look(self) -> None:
        with tempfile.TemporaryFile() as file:
            while not self._stop.wait(LOOK_S):
                if not self._seen and time.monotonic() - self._beat_s > self._slow_s / 2:
                    self._seen = self._stack(file)

    def _stack(self, file: IO[bytes]) -> str:
        """Innermost calls of the GUI thread.

        By faulthandler, because `sys._current_frames` would keep the frame alive, with the QPainter in it:
        a painter that outlives its paint event is the end of the process.
        """
        file.seek(0)
        file.truncate()
        faulthandler.dump_traceback(file)
        file.seek(0)
        threads = file.read().decode().split("\n\n")
        name = f"0x{self._gui_thread:016x}"
        lines = next((thread for thread in threads if name in thread), "").splitlines()[1 : 1 + DEPTH]
        return " < ".join(" ".join(line.replace('"', "").split("/")[-1].split()) for line in lines)

    def table(self) -> str:
        """All phases, the longest absence of each, and its cause."""
        head = "  phase                 worst ms   no processor ms   pulses   cause"
        rows = [
            f"  {g.phase:20} {g.worst_ms:9.1f} {g.unserved_ms:17.1f} {g.n_pulses:8}   {g.cause}"
            for g in self.gaps
        ]
        return "\n".join(["", "longest absences of the GUI thread from its event loop:", head, *rows])

    def close(self) -> None:
        self._stop.set()
        self._looker.join()
        self._timer.stop()
