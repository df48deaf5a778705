"""A real server on a port of its own, whose trainings are played by a stand-in program."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.server.api import Api
from app.server.guard import Access
from app.server.serving import LocalServer
from engine.io.home import Home
from engine.services.control_shelf import ControlShelf
from engine.services.training_run import TrainingRun
from tests.services.training_rig import control_network, music, program


@dataclass
class Place:
    """A server, what it works with, and a caller."""

    server: LocalServer
    client: httpx.Client
    run: TrainingRun
    shelf: ControlShelf
    music: Path

    def order(self, **values: object) -> dict[str, object]:
        """What a start sends."""
        return {"data": [str(self.music)], "epochs": 3} | values

    def status(self) -> dict:
        return self.client.get("/api/train/status").json()

    @property
    def port(self) -> int:
        return int(self.server.url.rstrip("/").rpartition(":")[2])


@pytest.fixture
def make_place(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Serve; with words, these are run instead of the stand-in."""
    made: list[Place] = []

    def make(*words: str, access: Access | None = None) -> Place:
        home = Home(tmp_path / f"home-{len(made)}")
        home.root.mkdir()
        shelf = ControlShelf(home)
        network = control_network(tmp_path / f"trained-{len(made)}.onnx")
        run = TrainingRun(home.root / "training", shelf.keep_trained, words or program(network=network))
        server = LocalServer(Api(run, shelf), access or Access(), port=0)
        client = httpx.Client(base_url=server.url, timeout=20.0, trust_env=False)
        place = Place(server, client, run, shelf, music(tmp_path / "music"))
        made.append(place)
        return place

    yield make
    for place in made:
        place.client.close()
        place.server.close()
        place.run.close()


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    """A server for this machine, without a token."""
    return make_place()
