"""Processes that work through many things, one after the other each, from the side of who wants it done.

Used from one thread, by the library's scan and by batches. A file that ends a decoder ends one process
and nothing else: the process is replaced, what it had in work is tried once more, then given up. Each
process has its next item in its pipe already, so that it never waits for what is done with its results.
"""

import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, Generic, Self, TypeVar

from engine.errors import BatchError, CharonError, ParameterError
from engine.services.priority import give_way
from engine.services.spawned import end_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")

Report = Callable[[float], None]
"""Told the finished part of an item, 0 to 1, as often as its work likes."""

Work = Callable[[Any, Report], Any]
"""Makes the result of an item; what it raises ends its process, so it catches what songs can cause."""

Workshop = Callable[..., AbstractContextManager[Work]]
"""Sets a process up for its items and cleans up after them."""

TICK_S = 0.2
"""How often somebody who waits hears that work goes on, and may cancel it; and how often a process tells
how far an item is."""

MAX_TRIES = 2
MAX_DEATHS_IN_A_ROW = 6
"""Processes that die without anything getting done between are not the items' fault."""


@dataclass(frozen=True, slots=True)
class Part(Generic[Item]):
    """An item is done to this part, 0 to 1."""

    item: Item
    part: float


@dataclass(frozen=True, slots=True)
class Done(Generic[Item, Result]):
    """What came of an item."""

    item: Item
    result: Result


@dataclass(frozen=True, slots=True)
class Lost(Generic[Item]):
    """An item that ended two processes; nothing came of it."""

    item: Item
    exit_code: int | None


@dataclass(eq=False)
class _Member(Generic[Item]):
    """A process, its pipe, and its items: the first is in work, a second lies ready in the pipe."""

    process: Any
    connection: Connection
    items: deque[Item] = field(default_factory=lambda: deque[Item]())


class Crew(Generic[Item, Result]):
    """Processes that do the same for many items.

    Parameters
    ----------
    workshop : str
        ``module:function`` of a `Workshop`, imported by each process; its module should import little.
    arguments : tuple
        What the function is called with; can be pickled.
    n_processes : int, 1 to 64
    low_priority : bool
        Give way to everything else on this machine.
    """

    def __init__(
        self, workshop: str, arguments: tuple[Any, ...], n_processes: int, *, low_priority: bool = False
    ) -> None:
        if not 1 <= n_processes <= 64:
            raise ParameterError(f"{n_processes} processes cannot work together; use 1 to 64")
        self._arguments = (workshop, arguments, low_priority)
        self._n_processes = n_processes
        self._members: list[_Member[Item]] = []
        self._deaths = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes, whatever they are doing."""
        for member in self._members:
            member.connection.close()
            member.process.terminate()
        for member in self._members:
            _end(member.process)
        self._members.clear()

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes."""
        return [member.process.pid for member in self._members]

    def work_through(
        self, items: Iterable[Item]
    ) -> Iterator[Done[Item, Result] | Lost[Item] | Part[Item] | None]:
        """Have all items done, begun in about their order.

        Parameters
        ----------
        items : iterable
            Can be pickled and hashed; looked at once, at the beginning.

        Yields
        ------
        Done, Lost, Part or None
            Each item is done or lost once; None when nothing came for TICK_S.

        Raises
        ------
        BatchError
            The processes die whatever they are given.
        CharonError
            What the workshop raised when it was set up.
        """
        waiting = deque(items)
        tries: Counter[Item] = Counter()
        while waiting or any(member.items for member in self._members):
            self._hand_out(waiting)
            busy = [member for member in self._members if member.items]
            ready = wait([member.connection for member in busy], TICK_S)
            if not ready:
                yield None
            for member in busy:
                if member.connection not in ready:
                    continue
                try:
                    kind, value = member.connection.recv()
                except (EOFError, OSError):
                    code, items_left = self._bury(member)
                    item = items_left.popleft()
                    waiting.extendleft(reversed(items_left))
                    tries[item] += 1
                    if tries[item] < MAX_TRIES:
                        waiting.appendleft(item)
                    else:
                        yield Lost(item, code)
                    continue
                if kind == "refused":
                    raise value
                if kind == "part":
                    yield Part(member.items[0], value)
                else:
                    self._deaths = 0
                    yield Done(member.items.popleft(), value)

    def _hand_out(self, waiting: deque[Item]) -> None:
        """One item for everybody, then one to have ready; near the end, none: another might be free first."""
        while waiting:
            member = min(self._members, key=lambda member: len(member.items), default=None)
            if (member is None or member.items) and len(self._members) < self._n_processes:
                member = self._start()
            assert member is not None  # noqa: S101 - for the type checker
            n_items = len(member.items)
            if n_items > 1 or (n_items == 1 and len(waiting) <= self._n_processes):
                return
            try:
                member.connection.send(waiting[0])
            except OSError:
                if not n_items:  # it died idle: no item was the reason
                    self._bury(member)
                    continue
                return  # its item is waited for, and will find it dead
            member.items.append(waiting.popleft())

    def _start(self) -> _Member[Item]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=crew_main, args=(theirs, *self._arguments), name="charon-crew", daemon=True
        )
        process.start()
        # With our copy of its end closed, the pipe ends when the process does.
        theirs.close()
        self._members.append(_Member(process, ours))
        return self._members[-1]

    def _bury(self, member: _Member[Item]) -> tuple[int | None, deque[Item]]:
        """Take a dead process out of the crew; its exit code, and its items."""
        self._members.remove(member)
        member.connection.close()
        code = _end(member.process)
        self._deaths += 1
        if self._deaths > MAX_DEATHS_IN_A_ROW:
            raise BatchError(
                f"the processes that listen to songs end by themselves (exit code {code}): "
                "see 'charon doctor'; what was finished before is kept"
            )
        return code, member.items


def _end(process: Any) -> int | None:
    """Wait for a process that should be ending, then kill it; its exit code."""
    process.join(2.0)
    if process.is_alive():
        process.kill()
        process.join()
    code: int | None = process.exitcode
    process.close()
    return code


def crew_main(
    connection: Connection, workshop: str, arguments: tuple[Any, ...], low_priority: bool = False
) -> None:
    """What each process runs: receives items, sends what comes of them, until the pipe is closed.

    Parameters
    ----------
    connection : Connection
        Its end of the pipe.
    workshop, arguments, low_priority
        As for `Crew`.
    """
    # Files that are half written are cleaned up on the way out.
    signal.signal(signal.SIGTERM, _leave)
    end_with_parent()
    if low_priority:
        give_way()
    # One process a core already: threads inside each would only be in each other's way.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    module, _, function = workshop.partition(":")
    set_up: Workshop = getattr(importlib.import_module(module), function)
    try:
        with set_up(*arguments) as work:
            report = _Reporter(connection)
            while True:
                item = connection.recv()
                connection.send(("done", work(item, report)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except CharonError as err:
        connection.send(("refused", err))


class _Reporter:
    """Sends how far an item is, no more often than somebody looks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told_s = time.monotonic()

    def __call__(self, part: float) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= TICK_S:
            self._told_s = now_s
            self._connection.send(("part", part))


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(1)
