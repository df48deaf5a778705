"""A checkpoint is whole or not there, belongs to one run, and cannot run anybody's code."""

import pickle
from pathlib import Path

import pytest
import torch

from models.training.orbit.checkpoint import (
    Checkpoint,
    CheckpointError,
    newest_checkpoint,
    read_checkpoint,
    set_aside,
    write_checkpoint,
)

IDENTITY = {"seed": 0, "songs": "abc"}


def checkpoint(epoch: int = 10) -> Checkpoint:
    return Checkpoint(
        epoch, IDENTITY, {"weights": torch.arange(4.0)}, [{"epoch": epoch, "loss": {"total": 1.0}}]
    )


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for epoch in (9990, 10, 10_000):
        path = write_checkpoint(tmp_path, checkpoint(epoch))
        assert path.is_file()
    newest = newest_checkpoint(tmp_path)
    assert newest is not None
    assert newest.name == "epoch-10000.pt"
    found = read_checkpoint(newest, IDENTITY)
    assert found.epoch == 10_000
    assert torch.equal(found.state["weights"], torch.arange(4.0))
    assert found.history == checkpoint(10_000).history
    assert not list((tmp_path / "checkpoints").glob("*.part"))


def test_that_of_another_run_is_refused_by_name(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, checkpoint())
    with pytest.raises(CheckpointError, match=r"another songs \(abc, now def\)"):
        read_checkpoint(path, IDENTITY | {"songs": "def"})


def test_half_a_file_and_a_stranger_s_are_refused_and_not_run(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, checkpoint())
    whole = path.read_bytes()
    mark = tmp_path / "run"
    for data in (whole[: len(whole) // 2], b"", b"text", pickle.dumps(Trap(mark))):
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match="cannot be read"):
            read_checkpoint(path, IDENTITY)
    torch.save({"format": 99}, path)
    with pytest.raises(CheckpointError, match="another version"):
        read_checkpoint(path, IDENTITY)
    assert not mark.exists()


def test_an_earlier_run_is_kept_beside(tmp_path: Path) -> None:
    set_aside(tmp_path, "checkpoints")
    for n in range(3):
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / str(n)).touch()
        set_aside(tmp_path, "checkpoints")
    assert newest_checkpoint(tmp_path) is None
    kept = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*"))
    assert kept == ["checkpoints-1/0", "checkpoints-2/1", "checkpoints-3/2"]
