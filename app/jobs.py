"""Work that the window asks for and must not do itself: a few threads, and news on the GUI thread.

The GUI thread starts jobs and hears of them through signals; the work runs on a thread of the pool with
nothing but its `Task` to speak through. What happens there crosses over in one queued signal, and
progress is thinned out on the way: a job that reports ten thousand times costs the window sixty looks a
second at most.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from engine.errors import CharonError, JobCancelled

_log = logging.getLogger(__name__)

DELIVER_MS = 15
DELIVER_BUDGET_S = 0.006
"""What a scan that found ten thousand files may take of the GUI thread at once."""
N_THREADS = max(2, min(4, (os.cpu_count() or 2) // 2))
"""Jobs wait for disks and encoders more than they compute; two at least, so that a scan of a slow
folder does not hold up an export."""


class Task:
    """The side of a job that its work sees; used on the job's thread alone.

    Parameters
    ----------
    cancelled : threading.Event
        Set from the GUI thread.
    tell : callable
        Takes (kind, values) from any thread.
    """

    def __init__(self, cancelled: threading.Event, tell: Callable[[str, tuple[Any, ...]], None]) -> None:
        self._cancelled = cancelled
        self._tell = tell

    def check(self) -> None:
        """Raise JobCancelled when the user no longer wants this."""
        if self._cancelled.is_set():
            raise JobCancelled("cancelled")

    def report(self, part: float, text: str = "") -> None:
        """Say how far the work is, 0 to 1, and what is being done; also a place to be cancelled at."""
        self.check()
        self._tell("progressed", (part, text))

    def post(self, item: object) -> None:
        """Hand over a result before the end; also a place to be cancelled at."""
        self.check()
        self._tell("found", (item,))


class Job(QObject):
    """One piece of work; GUI thread. Connect before the event loop runs again: it goes when it has ended.

    Parameters
    ----------
    forget : callable
        Told once it has ended.

    Attributes
    ----------
    progressed : Signal(float, str)
        Finished part, 0 to 1, and what is being done; only the newest of each delivery.
    found : Signal(object)
        What the work handed over with `Task.post`, each once and in order.
    done : Signal(object)
        What the work returned.
    failed : Signal(str)
        Why it could not, in one line.
    cancelled : Signal()
    ended : Signal()
        After any of the last three.
    """

    progressed = Signal(float, str)
    found = Signal(object)
    done = Signal(object)
    failed = Signal(str)
    cancelled = Signal()
    ended = Signal()
    _news = Signal()

    def __init__(self, forget: Callable[["Job"], None]) -> None:
        super().__init__()
        self._forget = forget
        self._cancel = threading.Event()
        self._messages: deque[tuple[str, tuple[Any, ...]]] = deque()
        self._knocked = threading.Event()
        self.running = True
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._deliver)
        # The work's thread emits, this thread receives.
        self._news.connect(self._wait_a_moment, Qt.ConnectionType.QueuedConnection)

    @property
    def task(self) -> Task:
        """What the work speaks through."""
        return Task(self._cancel, self.tell)

    def cancel(self) -> None:
        """Ask the work to stop at its next step; `cancelled` follows."""
        self._cancel.set()

    def tell(self, kind: str, values: tuple[Any, ...]) -> None:
        """Pass a message on to the GUI thread; any thread.

        Parameters
        ----------
        kind : str
            Name of the signal.
        values : tuple
            What it carries.
        """
        self._messages.append((kind, values))
        if not self._knocked.is_set():
            self._knocked.set()
            self._news.emit()

    def _wait_a_moment(self) -> None:
        """Let news of the next milliseconds come along."""
        if not self._timer.isActive():
            self._timer.start(DELIVER_MS)

    def _deliver(self) -> None:
        # First the flag, then the messages: one that is appended meanwhile knocks again.
        self._knocked.clear()
        until_s = time.monotonic() + DELIVER_BUDGET_S
        progress: tuple[Any, ...] | None = None
        while self._messages:
            if time.monotonic() > until_s:
                self._timer.start(0)
                break
            kind, values = self._messages.popleft()
            if kind == "progressed":
                progress = values
                continue
            if progress is not None and kind != "found":
                self.progressed.emit(*progress)
                progress = None
            if kind in {"done", "failed", "cancelled"}:
                self.running = False
            getattr(self, kind).emit(*values)
            if kind == "ended":
                self._forget(self)
                # Slots that hold on to their job would keep it, and each other, for ever.
                self.deleteLater()
                return
        if progress is not None:
            self.progressed.emit(*progress)


class JobPool(QObject):
    """The threads, and the jobs that are not over.

    Parameters
    ----------
    parent : QObject or None
    n_threads : int
        So much work can go on at once; more waits.
    """

    def __init__(self, parent: QObject | None = None, *, n_threads: int = N_THREADS) -> None:
        super().__init__(parent)
        self._threads = ThreadPoolExecutor(n_threads, "job")
        self._jobs: set[Job] = set()
        self._closed = False

    def start(self, work: Callable[[Task], object]) -> Job:
        """Run some work on one of the threads.

        Parameters
        ----------
        work : callable
            Takes its `Task`; runs on another thread and touches no Qt object.

        Returns
        -------
        Job
            Nothing has been signalled yet: connect first, hear everything.
        """
        # Kept here, so that the job lives until its last signal is out.
        job = Job(self._jobs.discard)
        self._jobs.add(job)
        if self._closed:
            # A timer that fires while the window is being taken down finds nobody to work for it.
            job.tell("cancelled", ())
            job.tell("ended", ())
            return job
        future = self._threads.submit(_run, work, job.task)
        future.add_done_callback(partial(_tell_end, job))
        return job

    def close(self) -> None:
        """Cancel everything and wait for the threads; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        for job in self._jobs:
            job.cancel()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._jobs.clear()


def _run(work: Callable[[Task], object], task: Task) -> object:
    task.check()
    return work(task)


def _tell_end(job: Job, future: "Future[object]") -> None:
    """Tell how a job ended; on its own thread."""
    error = None if future.cancelled() else future.exception()
    if future.cancelled() or isinstance(error, JobCancelled):
        job.tell("cancelled", ())
    elif error is None:
        job.tell("done", (future.result(),))
    elif isinstance(error, CharonError):
        _log.info("job failed: %s", error)
        job.tell("failed", (" ".join(str(error).split()),))
    else:
        # A mistake of ours, or a system in trouble: reported like any other thread's crash.
        job.tell("failed", (f"{type(error).__name__}: {error}",))
        threading.excepthook(
            threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
        )
    job.tell("ended", ())


__all__ = ["Job", "JobPool", "Task"]
