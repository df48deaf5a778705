"""The processes that listen to files for a scan, from the side of the scan.

Used from one thread. A crew hands each free process the next file and gives back what came of it. A
process that dies is replaced; the file that it had in work is tried once more, then given up.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Self, cast

from engine.errors import LibraryError, ParameterError
from engine.services.library_process import Examined, crew_main

TICK_S = 0.2
"""How often somebody who waits hears that work goes on, and may cancel it."""

MAX_TRIES = 2
MAX_DEATHS_IN_A_ROW = 6
"""Processes that die without anything getting done between are not the files' fault."""


@dataclass
class _Member:
    """A process, its pipe, and the file that it has in work."""

    process: Any
    connection: Connection
    path: Path | None = None


class Crew:
    """Processes that examine files.

    Parameters
    ----------
    database : Path
        File of the library.
    analyser : str
        ``module:function``, see `engine.services.library_process`.
    n_processes : int, 1 to 64
    """

    def __init__(self, database: Path, analyser: str, n_processes: int) -> None:
        if not 1 <= n_processes <= 64:
            raise ParameterError(f"{n_processes} processes cannot scan; use 1 to 64")
        self._database = database
        self._analyser = analyser
        self._n_processes = n_processes
        self._members: list[_Member] = []
        self._deaths = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes, whatever they are doing."""
        for member in self._members:
            member.connection.close()
            member.process.terminate()
        for member in self._members:
            member.process.join(2.0)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
            member.process.close()
        self._members.clear()

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes."""
        return [member.process.pid for member in self._members]

    def examine(self, paths: Iterable[Path]) -> Iterator[tuple[Path, Examined] | None]:
        """Examine files, in about their order.

        Parameters
        ----------
        paths : iterable of Path
            Looked at as processes come free.

        Yields
        ------
        tuple of Path and Examined, or None
            Results as they come, each file once; None when nothing came for TICK_S.
        """
        waiting = deque(paths)
        tries: dict[Path, int] = {}
        while waiting or any(member.path is not None for member in self._members):
            self._hand_out(waiting)
            busy = [member for member in self._members if member.path is not None]
            ready = wait([member.connection for member in busy], TICK_S)
            if not ready:
                yield None
            for member in busy:
                if member.connection not in ready:
                    continue
                path = cast("Path", member.path)
                try:
                    examined = cast("Examined", member.connection.recv())
                except (EOFError, OSError):
                    code = self._bury(member)
                    tries[path] = tries.get(path, 0) + 1
                    if tries[path] < MAX_TRIES:
                        waiting.appendleft(path)
                        continue
                    examined = Examined(failure=f"analysing it ended the process (exit code {code})")
                else:
                    member.path = None
                    self._deaths = 0
                yield path, examined

    def _hand_out(self, waiting: deque[Path]) -> None:
        while waiting:
            free = next((member for member in self._members if member.path is None), None)
            if free is None and len(self._members) < self._n_processes:
                free = self._start()
            if free is None:
                return
            path = waiting.popleft()
            free.path = path
            try:
                free.connection.send_bytes(os.fsencode(path))
            except OSError:  # it died idle: the file was not the reason
                self._bury(free)
                waiting.appendleft(path)

    def _start(self) -> _Member:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=crew_main,
            args=(theirs, str(self._database), self._analyser),
            name="charon-library",
            daemon=True,
        )
        process.start()
        # With our copy of its end closed, the pipe ends when the process does.
        theirs.close()
        self._members.append(_Member(process, ours))
        return self._members[-1]

    def _bury(self, member: _Member) -> int | None:
        """Take a dead process out of the crew; its exit code."""
        self._members.remove(member)
        member.connection.close()
        member.process.join(2.0)
        if member.process.is_alive():
            member.process.kill()
            member.process.join()
        code: int | None = member.process.exitcode
        member.process.close()
        self._deaths += 1
        if self._deaths > MAX_DEATHS_IN_A_ROW:
            raise LibraryError(
                f"the processes that analyse songs end by themselves (exit code {code}): "
                "see 'charon doctor'; what was analysed before is kept"
            )
        return code
