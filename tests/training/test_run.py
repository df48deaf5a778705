"""A run from songs to a file: everything it leaves, the kill that costs nothing, the stop, the early end."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from engine.errors import ParameterError
from engine.inference.control_net import load_control_net
from engine.services.training_report import TrainingStatus, fold
from models.training.orbit import learner
from models.training.orbit.checkpoint import CheckpointError
from models.training.orbit.progress import Silent
from models.training.orbit.train import train
from tests.training.conftest import make_song, order_of, run_training, told

PARTS = {"total", "correlation", "range_use", "smoothness", "jerk", "collapse"}
EPOCHS = 4


@pytest.fixture(scope="module")
def finished(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("undisturbed")
    return train(order_of(music, out, epochs=EPOCHS, checkpoint_epochs=2), Silent()).parent


def history(folder: Path) -> list[dict]:
    """Without the times, which are those of the clock."""
    epochs = json.loads((folder / "training_history.json").read_text())["epochs"]
    return [{name: value for name, value in one.items() if name != "wall_s"} for one in epochs]


def test_a_run_leaves_network_metadata_checkpoints_history_and_log(finished: Path) -> None:
    about = load_control_net(finished / "orbit-control.onnx").metadata
    assert [path.name for path in sorted((finished / "checkpoints").iterdir())] == [
        "epoch-0002.pt",
        "epoch-0004.pt",
    ]
    records = history(finished)
    assert [one["epoch"] for one in records] == [1, 2, 3, 4]
    assert set(records[0]["loss"]) == PARTS
    assert set(records[0]["validation"]) == PARTS | {"drawn_correlation"}
    assert records[0]["learning_rate"] == learner.LEARNING_RATE
    assert list((finished / "tensorboard").glob("events.*"))
    assert about["dataset"]["songs"] == ["song-0.wav", "song-1.wav"]
    assert about["training"]["best_epoch"] in {1, 2, 3, 4}
    assert about["training"]["surrogate"]["n_pictures"] > 0
    rows = {row["steering"]: row for row in about["scores"]["rows"]}
    assert list(rows) == ["rules", "random", "network"]
    assert about["scores"]["never_seen"] is False
    for row in rows.values():
        assert 0.0 <= row["correlation"] <= 1.0
        assert row["jerk_99"] > 0.0


def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(
    music: Path, finished: Path, tmp_path: Path
) -> None:
    words = ("--data", music, "--out", tmp_path, "--epochs", EPOCHS, "--surrogate-steps", 20)
    with run_training(*words, "--checkpoint-epochs", 2) as process:
        events = []
        for line in process.stdout:
            events += told([line])
            if events[-1]["event"] == "epoch" and events[-1]["epoch"] == 3:
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait(20) == -signal.SIGKILL
    assert not (tmp_path / "orbit-control.onnx").exists()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["epoch-0002.pt"]
    train(order_of(music, tmp_path, epochs=EPOCHS, checkpoint_epochs=2, resume=True), Silent())
    assert history(tmp_path) == history(finished)
    one, other = (folder / "orbit-control.onnx" for folder in (tmp_path, finished))
    assert one.read_bytes() == other.read_bytes()
    # What it said is what a window or a page would show.
    status = TrainingStatus("running")
    for event in events:
        status = fold(status, event)
    assert (status.current_epoch, status.total_epochs) == (3, EPOCHS)
    assert [part.epoch for part in status.loss_history] == [1, 2, 3]
    assert status.loss_history[0].loss == history(finished)[0]["loss"]
    prepared = {event["what"] for event in events if event["event"] == "prepare"}
    assert prepared == {"songs", "surrogate"}


def test_a_run_that_is_told_to_stop_keeps_its_last_epoch(music: Path, tmp_path: Path) -> None:
    words = ("--data", music, "--out", tmp_path, "--epochs", 500, "--surrogate-steps", 20)
    with run_training(*words) as process:
        for line in process.stdout:
            if told([line])[0]["event"] == "epoch":
                process.send_signal(signal.SIGTERM)
                break
        assert process.wait(30) == 130
    (kept,) = (tmp_path / "checkpoints").iterdir()
    assert kept.name == f"epoch-{len(history(tmp_path)):04d}.pt"


def test_more_epochs_can_be_asked_for_afterwards(music: Path, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    train(order_of(music, tmp_path / "run", epochs=EPOCHS + 1, resume=True), Silent())
    records = history(tmp_path / "run")
    assert [one["epoch"] for one in records] == [1, 2, 3, 4, 5]
    assert records[:EPOCHS] == history(finished)


def test_it_ends_when_nothing_gets_better(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learner, "LEARNING_RATE", 0.0)
    train(order_of(music, tmp_path, epochs=50, patience_epochs=2), Silent())
    # The first is the best, the next two are not better.
    assert [one["epoch"] for one in history(tmp_path)] == [1, 2, 3]
    about = json.loads((tmp_path / "orbit-control.json").read_text())
    assert about["training"]["best_epoch"] == 1


def test_a_new_run_keeps_the_old_one_apart_and_a_resume_refuses_other_music(
    music: Path, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    other = make_song(tmp_path / "other.wav", 7)
    with pytest.raises(CheckpointError, match="another songs"):
        train(order_of(other, run, resume=True), Silent())
    with pytest.raises(CheckpointError, match="another seed"):
        train(order_of(music, run, resume=True, seed=5), Silent())
    train(order_of(music, run, epochs=1, tests=(other,)), Silent())
    assert [one["epoch"] for one in history(run)] == [1]
    assert (run / "checkpoints-1" / "epoch-0004.pt").is_file()
    scores = json.loads((run / "orbit-control.json").read_text())["scores"]
    assert (scores["songs"], scores["never_seen"]) == (["other.wav"], True)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epochs": 0}, "--epochs 0"),
        ({"workers": 65}, "--workers 65"),
        ({"max_files": 0}, "--max-files 0"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"data": ()}, "no songs"),
    ],
)
def test_an_order_that_cannot_be_is_refused(music: Path, tmp_path: Path, values: dict, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        order_of(music, tmp_path, **values)


def test_what_is_missing_is_said_before_any_work(music: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ParameterError, match="cannot be written"):
        train(order_of(music, tmp_path / "file" / "out"), Silent())
    with pytest.raises(ParameterError, match="no sound file"):
        train(order_of(tmp_path, tmp_path / "out"), Silent())
    if not torch.cuda.is_available():
        with pytest.raises(ParameterError, match="no CUDA device"):
            train(order_of(music, tmp_path / "out", device="cuda"), Silent())


def test_a_wrong_word_costs_one_line_and_no_torch(tmp_path: Path) -> None:
    with run_training("--data", tmp_path, "--epochs", 0, progress="none") as process:
        assert process.wait(30) == 1
        assert process.stderr.read() == "charon: error: --epochs 0 is outside 1..10000\n"
    with run_training("--data", tmp_path, "--out", tmp_path / "out", progress="json") as process:
        (event,) = told(process.stdout.read().splitlines())
        assert process.wait(30) == 1
    assert event["event"] == "error"
    assert "no sound file" in event["message"]
    assert os.listdir(tmp_path) == ["out"]
