"""Networks over HTTP: a good one is taken in and used; a stranger's file is refused without being run."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.inference.control_net import MAX_NET_BYTES
from tests.inference.graphs import save
from tests.server.conftest import Place
from tests.services.training_rig import control_network

KIND = {"Content-Type": "application/octet-stream"}


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


def upload(place: Place, data: bytes, name: str = "mine"):
    return place.client.post("/api/models", params={"name": name}, content=data, headers=KIND)


def own(place: Place) -> list[str]:
    models = place.client.get("/api/models").json()["models"]
    return [one["name"] for one in models if one["origin"] == "own"]


def in_use(place: Place) -> str:
    models = place.client.get("/api/models").json()["models"]
    (name,) = [one["name"] for one in models if one["in_use"]]
    return name


def test_a_network_is_taken_in_and_used(place: Place, tmp_path: Path) -> None:
    data = control_network(tmp_path / "net.onnx").read_bytes()
    answer = upload(place, data)
    assert answer.status_code == 201
    assert answer.json()["name"] == in_use(place) == "mine"
    assert answer.json()["size_bytes"] == len(data)
    assert place.shelf.chosen().path.read_bytes() == data
    # The same again is the same; another one of that name is counted on.
    assert upload(place, data, "again").json()["name"] == "mine"
    other = control_network(tmp_path / "other.onnx", seed=1).read_bytes()
    assert upload(place, other).json()["name"] == "mine 2"
    assert sorted(own(place)) == ["mine", "mine 2"]


def test_the_choice_is_one_of_those_there_are(place: Place, tmp_path: Path) -> None:
    upload(place, control_network(tmp_path / "net.onnx").read_bytes())
    answer = place.client.put("/api/models/current", json={"name": "rules"})
    assert answer.status_code == 200
    assert in_use(place) == "rules"
    wrong = place.client.put("/api/models/current", json={"name": "rule"})
    assert wrong.status_code == 422
    assert "rules" in wrong.json()["error"]
    assert in_use(place) == "rules"


def test_a_pickle_that_is_called_onnx_is_not_run(place: Place, tmp_path: Path) -> None:
    mark = tmp_path / "run"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        answer = upload(place, pickle.dumps(Trap(mark), protocol), "net.onnx")
        assert answer.status_code == 422
        assert "ONNX" in answer.json()["error"]
    assert not mark.exists()
    assert own(place) == []
    assert not place.shelf.folder.exists()


@pytest.mark.parametrize(
    ("n_inputs", "n_outputs", "words"),
    [(59, 9, "[1, 59]"), (60, 8, "[1, 8]"), (1, 1, "[1, 1]"), (60, 10, "[1, 10]")],
)
def test_wrong_shapes_are_named(
    place: Place, tmp_path: Path, n_inputs: int, n_outputs: int, words: str
) -> None:
    data = control_network(tmp_path / "net.onnx", n_inputs, n_outputs).read_bytes()
    answer = upload(place, data)
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert own(place) == []


def test_half_a_network_and_operators_of_others_are_refused(place: Place, tmp_path: Path) -> None:
    from onnx import helper

    data = control_network(tmp_path / "net.onnx").read_bytes()
    noise = save(
        tmp_path / "noise.onnx",
        [helper.make_node("RandomNormalLike", ["input"], ["output"])],
        {"input": (1, 60)},
        {"output": (1, 60)},
        {},
    ).read_bytes()
    # The last: four million fields of a number each, which nobody is to wait for.
    for bad in (data[: len(data) // 2], b"", b"PK\3\4", noise, b"\x08\x00" * (MAX_NET_BYTES // 2)):
        answer = upload(place, bad)
        assert answer.status_code == 422
        assert answer.json()["error"]
    assert own(place) == []


@pytest.mark.parametrize("name", ["../../escape", "a/b", ".hidden", "con", " ", "x" * 65, "a\nb\0"])
def test_a_name_stays_in_its_folder(place: Place, tmp_path: Path, name: str) -> None:
    answer = upload(place, control_network(tmp_path / "net.onnx").read_bytes(), name)
    assert answer.status_code == 422
    assert own(place) == []


def test_another_type_of_body_is_refused(place: Place) -> None:
    answer = place.client.post("/api/models", files={"file": ("net.onnx", b"x")})
    assert answer.status_code == 415
