"""The process of a training: one at a time, watched, never left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import ModelError, ParameterError, TrainingBusy, TrainingError
from engine.services import training_run
from engine.services.training_run import TrainingOrder, TrainingRun, training_trouble
from tests.services.training_rig import alive, ended, music, order, program, wait_for


@pytest.fixture
def runs(tmp_path: Path) -> Iterator["Runs"]:
    made = Runs(tmp_path / "training")
    yield made
    for run in made.all:
        run.close()


class Runs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.all: list[TrainingRun] = []

    def make(self, *words: str, keep=None) -> TrainingRun:
        run = TrainingRun(self.folder, keep, words or program())
        self.all.append(run)
        return run


def test_training_runs_to_its_end_and_the_network_is_kept(runs: Runs, tmp_path: Path) -> None:
    kept: list[tuple[Path, str]] = []
    run = runs.make(keep=lambda path, name: kept.append((path, name)) or "kept")
    assert run.status().status == "idle"
    seen = {run.start(order(tmp_path)).status}
    wait_for(lambda: seen.add(run.status().status) or run.pid is None)
    status = run.status()
    assert seen == {"running", "done"}
    assert (status.progress, status.current_epoch, status.total_epochs) == (1.0, 3, 3)
    assert [one.loss["total"] for one in status.loss_history] == [1.0, 1 / 2, 1 / 3]
    assert [one.validation["total"] for one in status.loss_history] == [1.5, 0.75, 0.5]
    assert status.loss_history[0].loss["smoothness"] is None
    assert status.error is None
    assert kept == [(status.model, f"Trained {status.folder.name}")]
    assert status.network == "kept"


def test_of_eight_starts_at_once_one_wins(runs: Runs, tmp_path: Path) -> None:
    run, wanted = runs.make(*program(epoch_s=30.0)), order(tmp_path)
    outcomes: list[str] = []
    gate = threading.Barrier(8)

    def start() -> None:
        gate.wait()
        try:
            run.start(wanted)
            outcomes.append("started")
        except TrainingBusy:
            outcomes.append("busy")

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["busy"] * 7 + ["started"]


def test_another_window_or_server_is_kept_out_until_the_end(runs: Runs, tmp_path: Path) -> None:
    first, second = runs.make(*program(epoch_s=30.0)), runs.make()
    first.start(order(tmp_path))
    with pytest.raises(TrainingBusy, match="another Charon"):
        second.start(order(tmp_path))
    first.close()
    second.start(order(tmp_path))
    assert ended(second).status == "done"


def test_killed_training_is_an_error_and_can_be_resumed(runs: Runs, tmp_path: Path) -> None:
    run = runs.make(*program(epoch_s=0.2))
    run.start(order(tmp_path, epochs=6))
    assert not run.can_resume()
    wait_for(lambda: len(run.status().loss_history) == 2)
    os.kill(run.pid, signal.SIGKILL)
    status = ended(run)
    assert status.status == "failed"
    assert "SIGKILL" in status.error
    assert "of 6" in status.error
    assert "resume" in status.error
    assert len(status.loss_history) == 2
    assert run.can_resume()
    again = runs.make()
    assert again.start(order(tmp_path, epochs=6, resume=True)).folder == status.folder
    resumed = ended(again)
    assert resumed.status == "done"
    assert [one.epoch for one in resumed.loss_history] == [3, 4, 5, 6]


def test_stop_ends_it_and_is_no_error(runs: Runs, tmp_path: Path) -> None:
    run = runs.make(*program(epoch_s=30.0))
    assert run.stop().status == "idle"
    run.start(order(tmp_path))
    assert run.stop().status == "stopping"
    assert run.stop().status == "stopping"
    status = ended(run)
    assert (status.status, status.error) == ("idle", None)


def test_training_that_does_not_listen_is_killed(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_run, "STOP_S", 0.2)
    run = runs.make(*program("deaf", epoch_s=0.05))
    run.start(order(tmp_path, epochs=10_000))
    wait_for(lambda: run.status().loss_history)
    run.stop()
    assert ended(run).status == "idle"


def test_close_leaves_neither_the_training_nor_its_own_processes(runs: Runs, tmp_path: Path) -> None:
    run = runs.make(*program("parent", epoch_s=30.0))
    folder = run.start(order(tmp_path)).folder
    wait_for(lambda: (folder / "child.pid").exists() and (folder / "child.pid").read_text())
    pids = [run.pid, int((folder / "child.pid").read_text())]
    assert all(alive(pid) for pid in pids)
    run.close()
    wait_for(lambda: not any(alive(pid) for pid in pids), 5.0)
    with pytest.raises(TrainingError, match="closed"):
        run.start(order(tmp_path))


def test_training_ends_with_a_host_that_is_killed(tmp_path: Path) -> None:
    script = f"""
        import sys, time
        from pathlib import Path
        from tests.services.training_rig import order, program
        from engine.services.training_run import TrainingRun
        folder = Path({str(tmp_path)!r})
        run = TrainingRun(folder / "training", None, program(epoch_s=0.1))
        run.start(order(folder, epochs=10_000))
        print(run.pid, flush=True)
        time.sleep(60)
    """
    words = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as host:
        pid = int(host.stdout.readline())
        assert alive(pid)
        host.kill()
    wait_for(lambda: not alive(pid), 5.0)


@pytest.mark.parametrize(
    ("manner", "words"),
    [
        ("error", "the songs are all shorter than a window"),
        ("crash", "no room on the graphics card"),
        ("modest", "without a network"),
    ],
)
def test_what_went_wrong_is_said_in_one_line(runs: Runs, tmp_path: Path, manner: str, words: str) -> None:
    run = runs.make(*program(manner))
    run.start(order(tmp_path))
    status = ended(run)
    assert status.status == "failed"
    assert words in status.error
    assert "\n" not in status.error


def test_lines_that_are_no_events_are_passed_over(runs: Runs, tmp_path: Path) -> None:
    run = runs.make(*program("noise"))
    run.start(order(tmp_path))
    assert ended(run).status == "done"


def test_network_that_cannot_be_kept_is_an_error(runs: Runs, tmp_path: Path) -> None:
    def keep(_path: Path, _name: str) -> str:
        raise ModelError("no room")

    run = runs.make(keep=keep)
    run.start(order(tmp_path))
    status = ended(run)
    assert status.status == "failed"
    assert "no room" in status.error


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"max_files": 0}, "max_files is 0"),
        ({"workers": 65}, "workers is 65"),
        ({"seed": -1}, "seed is -1"),
        ({"device": "tpu"}, "device is 'tpu'"),
        ({"resume": True}, "no interrupted training"),
    ],
)
def test_order_that_cannot_be_carried_out_is_refused(
    runs: Runs, tmp_path: Path, values: dict, words: str
) -> None:
    run = runs.make()
    with pytest.raises(ParameterError, match=words):
        run.start(order(tmp_path, **values))
    assert run.status().status == "idle"
    assert run.pid is None


def test_data_without_music_is_refused(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for data, words in (
        ((tmp_path / "texts",), "no music"),
        ((tmp_path / "none",), "neither a folder nor a file"),
        ((Path("/dev/zero"),), "neither a folder nor a file"),
        ((Path("a\0b"),), "neither a folder nor a file"),
        ((), "number of folders"),
        ((music(tmp_path / "music"),) * 65, "number of folders"),
    ):
        with pytest.raises(ParameterError, match=words):
            runs.make().start(TrainingOrder(data))


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert training_trouble() is None
    monkeypatch.setattr(training_run, "NEEDED", ("json", "no_such_package"))
    words = training_trouble()
    assert f"{sys.executable} -m pip install no_such_package" in words
    with pytest.raises(TrainingError, match="no_such_package"):
        TrainingRun(tmp_path).start(order(tmp_path))
