"""The network that comes with Charon: loaded as the visuals load it, and still as good as its table says."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.inference.control_net import load_control_net
from engine.io.home import Home
from engine.services.control_shelf import SHIPPED, ControlShelf
from models.training.orbit.scores import Score, score_song, steer_by_rules
from models.training.orbit.songs import listen
from tests.training.conftest import REPOSITORY, make_song

WEIGHTS = REPOSITORY / "models" / "weights"
SHARED = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="module")
def about() -> dict:
    return json.loads((WEIGHTS / "orbit-control.json").read_text())


def test_it_is_what_the_visuals_follow_by_default(tmp_path: Path) -> None:
    shelf = ControlShelf(Home(tmp_path))
    assert shelf.chosen().name == SHIPPED
    assert shelf.chosen().path == WEIGHTS / "orbit-control.onnx"
    assert shelf.chosen().size_bytes < 400_000


def test_its_table_says_that_it_wins_and_is_no_jerkier(about: dict) -> None:
    scores = about["scores"]
    rows = {row["steering"]: row for row in scores["rows"]}
    assert scores["never_seen"] is True
    assert not set(scores["songs"]) & set(about["dataset"]["songs"])
    assert rows["network"]["correlation"] > rows["rules"]["correlation"]
    assert rows["network"]["correlation"] > rows["random"]["correlation"]
    assert rows["network"]["jerk_99"] < rows["rules"]["jerk_99"]
    assert min(about["training"]["surrogate"]["spearman"].values()) > 0.7
    licences = {source["licence"] for source in about["dataset"]["sources"]}
    assert licences <= {"MIT", "CC0-1.0"}


def test_it_is_as_good_as_that_here(tmp_path: Path) -> None:
    """On a song it has never heard: of the table where it is at hand, else one that is made here."""
    known = SHARED / "vibeace.ogg"
    song = listen(known if known.is_file() else make_song(tmp_path / "song.wav", 11, seconds=20.0))
    net = load_control_net(WEIGHTS / "orbit-control.onnx")

    def steer(windows: np.ndarray) -> np.ndarray:
        return np.stack([net.controls(window).copy() for window in windows])

    network, rules = score_song(song, steer), score_song(song, steer_by_rules)
    assert isinstance(network, Score)
    assert network.jerk < rules.jerk
    assert network.range_use > 0.2
