"""Jobs: off the GUI thread, heard of on it, stopped when asked."""

import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.jobs import Job, JobPool, Task
from engine.errors import DecodeError


@pytest.fixture
def pool(qapp: object) -> Iterator[JobPool]:
    pool = JobPool()
    yield pool
    pool.close()


def told(job: Job) -> list[tuple[str, object]]:
    """Everything a job says, with the threads that it is heard on checked."""
    said: list[tuple[str, object]] = []
    gui = threading.get_ident()

    def hear(kind: str, *values: object) -> None:
        assert threading.get_ident() == gui
        said.append((kind, *values))

    for kind in ("progressed", "found", "done", "failed", "cancelled", "ended"):
        getattr(job, kind).connect(lambda *values, kind=kind: hear(kind, *values))
    return said


def test_work_runs_elsewhere_and_is_heard_here(qtbot: QtBot, pool: JobPool) -> None:
    def work(task: Task) -> int:
        task.post("one")
        task.report(0.5, "half")
        task.post("two")
        return threading.get_ident()

    job = pool.start(work)
    said = told(job)
    with qtbot.waitSignal(job.ended):
        pass
    assert [item for item in said if item[0] != "progressed"][:2] == [("found", "one"), ("found", "two")]
    assert ("progressed", 0.5, "half") in said
    assert said[-2][0] == "done"
    assert said[-2][1] != threading.get_ident()
    assert said[-1] == ("ended",)
    assert not job.running


def test_much_progress_is_thinned_out_and_nothing_found_is_lost(qtbot: QtBot, pool: JobPool) -> None:
    def work(task: Task) -> None:
        for i in range(20_000):
            task.report(i / 20_000)
            if i % 100 == 0:
                task.post(i)

    job = pool.start(work)
    said = told(job)
    with qtbot.waitSignal(job.ended, timeout=20_000):
        pass
    assert [item[1] for item in said if item[0] == "found"] == list(range(0, 20_000, 100))
    assert sum(item[0] == "progressed" for item in said) < 500


def test_a_cancelled_job_stops_and_says_so(qtbot: QtBot, pool: JobPool) -> None:
    began = threading.Event()

    def work(task: Task) -> None:
        began.set()
        while True:
            task.check()
            time.sleep(0.001)

    job = pool.start(work)
    said = told(job)
    assert began.wait(5.0)
    job.cancel()
    with qtbot.waitSignal(job.ended):
        pass
    assert said == [("cancelled",), ("ended",)]


def test_a_refusal_comes_as_one_line(qtbot: QtBot, pool: JobPool) -> None:
    def work(task: Task) -> None:
        raise DecodeError("this is\nno song")

    job = pool.start(work)
    said = told(job)
    with qtbot.waitSignal(job.ended):
        pass
    assert said == [("failed", "this is no song"), ("ended",)]


def test_a_mistake_of_ours_goes_where_crashes_go(
    qtbot: QtBot, pool: JobPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: crashes.append(args.exc_value))

    def work(task: Task) -> None:
        raise KeyError("stem")

    job = pool.start(work)
    said = told(job)
    with qtbot.waitSignal(job.ended):
        pass
    assert said[0][0] == "failed"
    qtbot.waitUntil(lambda: len(crashes) == 1)
    assert isinstance(crashes[0], KeyError)


def test_closing_ends_what_runs(qtbot: QtBot, pool: JobPool) -> None:
    def work(task: Task) -> None:
        while True:
            task.check()
            time.sleep(0.001)

    for _ in range(10):
        pool.start(work)
    began_s = time.monotonic()
    pool.close()
    assert time.monotonic() - began_s < 2.0
    late = pool.start(work)
    said = told(late)
    with qtbot.waitSignal(late.ended):
        pass
    assert said == [("cancelled",), ("ended",)]


def test_a_job_is_gone_when_it_has_ended(qtbot: QtBot, pool: JobPool) -> None:
    job = pool.start(lambda task: None)
    heard: list[Job] = []
    ended: list[bool] = []
    job.done.connect(lambda _, job=job: heard.append(job))
    job.ended.connect(lambda: ended.append(True))
    gone = weakref.ref(job)
    del job
    qtbot.waitUntil(lambda: bool(ended))
    assert heard.pop() is gone()
    qtbot.waitUntil(lambda: gc.collect() >= 0 and gone() is None)
