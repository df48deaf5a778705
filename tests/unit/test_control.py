"""The control thread: in order, the newest of a kind only, and never ended by one intent that fails."""

import threading
import time
from collections.abc import Iterator

import pytest

from app.control import ControlThread
from engine.errors import ParameterError


@pytest.fixture
def errors() -> list[str]:
    return []


@pytest.fixture
def control(errors: list[str]) -> Iterator[ControlThread]:
    thread = ControlThread("control", errors.append)
    yield thread
    thread.close()


def finish(control: ControlThread) -> None:
    deadline_s = time.monotonic() + 5.0
    while not control.is_idle():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


def test_intents_are_done_in_order_on_one_other_thread(control: ControlThread) -> None:
    done: list[tuple[int, int]] = []
    for n in range(100):
        control.put(lambda n=n: done.append((n, threading.get_ident())))
    finish(control)
    assert [n for n, _ in done] == list(range(100))
    assert len({thread for _, thread in done}) == 1
    assert done[0][1] != threading.get_ident()


def test_of_those_that_wait_only_the_newest_of_a_kind_is_done(control: ControlThread) -> None:
    gate = threading.Event()
    done: list[object] = []
    control.put(gate.wait)
    for n in range(50):
        control.put(lambda n=n: done.append(("seek", n)), "seek")
    control.put(lambda: done.append("play"))
    control.put(lambda: done.append(("seek", "last")), "seek")
    gate.set()
    finish(control)
    # The last seek came after "play", and does not overtake it.
    assert done == ["play", ("seek", "last")]


def test_a_refusal_is_told_and_the_next_is_done(control: ControlThread, errors: list[str]) -> None:
    def refuse() -> None:
        raise ParameterError("there is no song")

    done: list[int] = []
    control.put(refuse)
    control.put(lambda: done.append(1))
    finish(control)
    assert errors == ["there is no song"]
    assert done == [1]


def test_a_bug_reaches_the_hook_and_the_next_is_done(
    control: ControlThread, errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_type))
    done: list[int] = []
    control.put(lambda: 1 // 0)
    control.put(lambda: done.append(1))
    finish(control)
    assert seen == [ZeroDivisionError]
    assert errors == []
    assert done == [1]


def test_closing_drops_what_waits(control: ControlThread) -> None:
    gate = threading.Event()
    done: list[int] = []
    control.put(gate.wait)
    control.put(lambda: done.append(1))
    threading.Timer(0.05, gate.set).start()
    control.close()
    control.put(lambda: done.append(2))
    assert done == []
