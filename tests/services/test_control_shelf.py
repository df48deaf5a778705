"""The shelf of control networks: what is on it, what is used, and that it is checked before it gets there."""

import json
import os
import shutil
from pathlib import Path

import pytest

from engine.errors import ModelError, ParameterError
from engine.inference.control_net import load_control_net, required_metadata
from engine.io.home import Home
from engine.services.control_shelf import MAX_NAME_LENGTH, RULES, SHIPPED, ControlShelf
from tests.services.training_rig import control_network


@pytest.fixture
def shelf(tmp_path: Path) -> ControlShelf:
    """With a shipped network."""
    return ControlShelf(Home(tmp_path / "home"), control_network(tmp_path / "shipped.onnx"))


def names(shelf: ControlShelf) -> list[str]:
    return [network.name for network in shelf.networks()]


def test_the_shipped_network_is_used_until_another_is_chosen(shelf: ControlShelf, tmp_path: Path) -> None:
    assert names(shelf) == [RULES, SHIPPED]
    assert shelf.chosen().name == SHIPPED
    bare = ControlShelf(Home(tmp_path / "bare"), tmp_path / "none.onnx")
    assert names(bare) == [RULES]
    assert bare.chosen().name == RULES
    own = shelf.add_file(control_network(tmp_path / "own.onnx", seed=1), "own")
    assert shelf.chosen().name == SHIPPED
    assert shelf.choose("own") == own == shelf.chosen()
    assert shelf.choose(RULES).path is None


def test_a_choice_is_seen_by_another_program(shelf: ControlShelf, tmp_path: Path) -> None:
    other = ControlShelf(Home(tmp_path / "home"), tmp_path / "shipped.onnx")
    assert other.choice_stamp_ns() == 0
    shelf.choose(RULES)
    assert other.choice_stamp_ns() > 0
    assert other.chosen().name == RULES


def test_a_choice_that_is_gone_or_broken_falls_back(shelf: ControlShelf, tmp_path: Path) -> None:
    own = shelf.add_file(control_network(tmp_path / "own.onnx", seed=1), "own")
    shelf.choose("own")
    own.path.unlink()
    assert shelf.chosen().name == SHIPPED
    for text in ("", "[]", '{"name": 3}', "\xff"):
        (shelf.folder / "chosen.json").write_text(text)
        assert shelf.chosen().name == SHIPPED


def test_metadata_comes_along_and_must_fit(shelf: ControlShelf, tmp_path: Path) -> None:
    path = control_network(tmp_path / "own.onnx", seed=1)
    path.with_suffix(".json").write_text(json.dumps(required_metadata() | {"note": 1}))
    kept = shelf.add_file(path, "own")
    assert load_control_net(kept.path).metadata["note"] == 1
    path = control_network(tmp_path / "other.onnx", seed=2)
    path.with_suffix(".json").write_text(json.dumps(required_metadata() | {"hop_frames": 512}))
    with pytest.raises(ModelError, match="hop_frames"):
        shelf.add_file(path, "other")
    assert names(shelf) == [RULES, SHIPPED, "own"]


def test_names_do_not_collide(shelf: ControlShelf, tmp_path: Path) -> None:
    networks = [control_network(tmp_path / f"{seed}.onnx", seed=seed) for seed in range(1, 4)]
    assert shelf.keep_trained(networks[0], "a") == "a"
    assert shelf.keep_trained(networks[0], "b") == "a"
    assert shelf.keep_trained(networks[1], "a") == "a 2"
    assert shelf.keep_trained(networks[2], SHIPPED) == f"{SHIPPED} 2"


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".a", "x" * (MAX_NAME_LENGTH + 1), "a:b", "nul"])
def test_a_name_that_is_no_file_s_is_refused(shelf: ControlShelf, tmp_path: Path, name: str) -> None:
    path = control_network(tmp_path / "own.onnx", seed=1)
    with pytest.raises(ParameterError, match="no name"):
        shelf.add_file(path, name)
    assert not shelf.folder.exists()


def test_what_is_not_there_is_said(shelf: ControlShelf, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="orbit-control"):
        shelf.choose("orbit-contro")
    with pytest.raises(ModelError, match="cannot be read"):
        shelf.add_file(tmp_path / "none.onnx", "none")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.models.mkdir(parents=True)
    (home.models / "control").write_text("in the way")
    shelf = ControlShelf(home, tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="cannot be written"):
        shelf.add_file(control_network(tmp_path / "own.onnx"), "own")


def test_nothing_half_written_is_listed(shelf: ControlShelf, tmp_path: Path) -> None:
    shelf.add_file(control_network(tmp_path / "own.onnx", seed=1), "own")
    shutil.copy(tmp_path / "own.onnx", shelf.folder / f".half.onnx.{os.getpid()}")
    assert names(shelf) == [RULES, SHIPPED, "own"]
