"""`charon evaluate`, as a shell meets it: figures that can be said beforehand, its plot, its refusals."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage

from engine.io.home import default_home
from engine.io.true_stems import TrueSong
from engine.services.bss_metrics import HOW_TO_ADD, has_bss_metrics
from engine.services.evaluation import Evaluator
from engine.units import energy_ratio_db
from tests.services.conftest import noise, write_song

N = 3 * 44_100


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    folder = tmp_path_factory.mktemp("songs") / "a song"
    folder.mkdir()
    sounds = {"vocals": 2.0 * noise(N, seed=1), "drums": noise(N, seed=2), "bass": noise(N, seed=3)}
    for name, x in sounds.items():
        write_song(folder / f"{name}.wav", x)
    return folder, sounds


def test_figures_are_those_of_the_difference(charon, song, tmp_path):
    folder, sounds = song
    plot = tmp_path / "scores.png"
    told = charon("evaluate", folder, "--model", "quarter", "--plot", plot, "--json")
    assert told.code == 0, told.err
    rows = {row["stem"]: row for row in json.loads(told.out)["rows"]}
    assert list(rows) == ["vocals", "accompaniment"]
    mixture = sum(sounds.values())
    rest = sounds["drums"] + sounds["bass"]
    expected = energy_ratio_db(sounds["vocals"], 0.25 * mixture - sounds["vocals"])
    assert rows["vocals"]["sdr_db"] == pytest.approx(expected, abs=0.01)
    # The model leaves a quarter of the mix to nobody: the accompaniment takes it.
    expected = energy_ratio_db(rest, 0.75 * mixture - rest)
    assert rows["accompaniment"]["sdr_db"] == pytest.approx(expected, abs=0.01)
    assert all(rows["vocals"]["leakage"][name] == pytest.approx(1 / 16, abs=0.002) for name in rows)
    assert len(rows["vocals"]["bands_db"]) == 5
    assert rows["vocals"]["model"] == "quarter"
    image = QImage(str(plot))
    assert image.width() == 2000
    assert len({image.pixel(x, y) for x in range(0, 2000, 7) for y in range(0, image.height(), 7)}) > 5


def test_a_table_and_a_drawing(charon, song, tmp_path):
    plot = tmp_path / "scores.svg"
    told = charon("evaluate", song[0].parent, "--model", "halves", "--plot", plot)
    assert told.code == 0, told.err
    assert "halves on CPU" in told.out
    assert "500-2000 Hz" in told.out
    words = " ".join(ET.parse(plot).getroot().itertext())  # noqa: S314 (our own)
    assert "a song" in words
    assert "halves" in words


def test_what_cannot_be_is_refused_before_any_work(charon, song):
    for arguments, part in (
        ((song[0], "--model", "quarter", "--plot", "a.jpg"), ".png or .svg"),
        ((song[0], "--model", "quartr"), "did you mean 'quarter'"),
        ((song[0], "--model", "baseline"), "spleeter-2stems"),
    ):
        told = charon("evaluate", *arguments)
        assert told.code == 1, told.err
        assert len(told.error_lines) == 1
        assert part in told.error_lines[0]


def test_one_bad_song_among_others_is_told_and_left_out(charon, song, tmp_path):
    broken = tmp_path / "broken.stem.mp4"
    broken.write_bytes(b"no film at all")
    told = charon("evaluate", broken, song[0], "--model", "quarter", "--json")
    assert told.code == 1
    result = json.loads(told.out)
    assert len(result["rows"]) == 2
    assert [error["input"] for error in result["errors"]] == [str(broken)]


def test_the_baseline_splits_what_spleeter_leaves():
    """A click track, a low tone and a chord: signal processing alone tells them apart."""
    t = np.arange(N) / 44_100
    clicks = np.zeros((2, N), np.float32)
    rng = np.random.default_rng(0)
    for at in range(2000, N - 3000, 11_025):
        clicks[:, at : at + 2000] += 0.5 * rng.standard_normal(2000) * np.exp(-np.arange(2000) / 300)
    bass = np.stack([0.2 * np.sin(2 * np.pi * 55.0 * t)] * 2).astype(np.float32)
    chord = sum(0.06 * np.sin(2 * np.pi * hz * t) for hz in (440.0, 554.4, 659.3))
    other = np.stack([chord, chord]).astype(np.float32)
    tracks = {"drums": clicks, "bass": bass, "other": other}
    true_song = TrueSong("three", 44_100, clicks + bass + other, tracks)
    with Evaluator(["baseline"], home=default_home()) as evaluator:
        found = evaluator.evaluate(true_song, "baseline")
        notices = list(evaluator.notices)
    sdr = {score.stem: score.sdr_db for score in found.scores}
    assert sdr["vocals"] is None
    for name, least_db in (("drums", 3.0), ("bass", 10.0), ("other", 1.0)):
        value = sdr[name]
        assert value is not None
        assert value > least_db, name
    assert (HOW_TO_ADD in notices) != has_bss_metrics()
