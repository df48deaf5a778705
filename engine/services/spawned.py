"""Processes that serve this one: started, watched, started again when they die, never outliving it.

Host and child each have their part here. A service that owns a process polls it from its own thread;
nothing here waits for a child but `close`.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

MAX_DEATHS = 6
DEATH_WINDOW_S = 60.0
"""A process that dies more often than this will not be helped by another start."""
END_S = 2.0


def end_with_parent() -> None:
    """Begin a child: Ctrl+C is the host's to decide on, and without a host there is nothing to do.

    Ctrl+C goes to the whole terminal group; a host that is killed takes nobody along by itself.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_for_parent, name="parent-watch", daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(0)


class Spawned:
    """One child process at a time.

    Parameters
    ----------
    target : callable
        A function of a module, which is imported anew in the child.
    name : str

    Attributes
    ----------
    restarts : int
        How often `start` was called after a death.
    """

    def __init__(self, target: Callable[..., None], name: str) -> None:
        self.restarts = 0
        self._target = target
        self._name = name
        self._process: Any = None
        self._deaths_s: list[float] = []

    @property
    def pid(self) -> int | None:
        """Process id, or None when it is not running."""
        return None if self._process is None else self._process.pid

    def start(self, *arguments: object) -> None:
        """Start the process."""
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=self._target, args=arguments, name=self._name, daemon=True)
        self._process.start()

    def look(self) -> int | None:
        """Exit code of a process that has ended since the last look; None while all is well."""
        if self._process is None or self._process.is_alive():
            return None
        code = int(self._process.exitcode or 0)
        self._process = None
        now_s = time.monotonic()
        self._deaths_s = [t for t in self._deaths_s if now_s - t < DEATH_WINDOW_S] + [now_s]
        return code

    def is_worth_a_start(self) -> bool:
        """Whether it has not died too often lately; counts a restart."""
        if len(self._deaths_s) > MAX_DEATHS:
            return False
        self.restarts += 1
        return True

    def forgive(self) -> None:
        """Forget the deaths: a new wish is a new chance."""
        self._deaths_s.clear()

    def close(self) -> None:
        """End the process and wait for it."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = None
