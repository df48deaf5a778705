"""`charon visualize`: pictures counted and varied, the pulse in step with the sound, the same film twice."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PySide6.QtGui import QImage

from app.cli.frame import run
from engine.errors import CharonError
from engine.io.decode import read_song
from tests.services.conftest import write_song

RATE_HZ = 48_000
FPS = 30
FIRST_CLICK_S, EVERY_S = 0.51, 0.513
"""Off the pictures' own grid, each click at another place in its picture."""


def clicks(seconds: float) -> np.ndarray:
    """Bursts of 30 ms over a quiet chord."""
    n = round(seconds * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    x = 0.02 * np.sin(2 * np.pi * 330 * t)
    rng = np.random.default_rng(0)
    for at in range(round(FIRST_CLICK_S * RATE_HZ), n - 2000, round(EVERY_S * RATE_HZ)):
        x[at : at + 1440] += 0.6 * rng.standard_normal(1440) * np.exp(-np.arange(1440) / 300)
    return np.stack([x, x]).astype(np.float32)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_song(tmp_path / "clicks.wav", clicks(4.0), RATE_HZ)


def light_of(path: Path) -> np.ndarray:
    """Mean luma of every picture of a film."""
    with av.open(str(path)) as container:
        return np.array([frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)])


def test_a_film_has_its_pictures_and_its_sound_in_step(charon, song, tmp_path) -> None:
    path = tmp_path / "film.mp4"
    options = ("--size", "160x90", "--fps", FPS, "--scene", "furnace", "--network", "rules")
    options = (*options, "--allow-flashes", "--json")
    told = charon("visualize", song, "-o", path, *options)
    assert told.code == 0, told.err
    result = json.loads(told.out)
    assert (result["frames"], result["fps"], result["size"]) == (4 * FPS, FPS, [160, 90])
    assert result["wall_s"] > 0.0
    assert result["renderer"]
    assert (result["scene"], result["palette"], result["encoder"]) == ("furnace", "ember", "libx264")
    light = light_of(path)
    assert light.size == 4 * FPS
    assert light.min() > 16.0
    # The pulse lights the filaments in the first picture that begins after its click: the mean course of the
    # light around all clicks, the rise into that picture being the sixth.
    rise, sound = np.diff(light), read_song(path)
    courses = []
    for k in range(1, 7):
        click_s = FIRST_CLICK_S + k * EVERY_S
        part = sound[0][0, round((click_s - 0.1) * sound[1]) : round((click_s + 0.1) * sound[1])]
        heard_s = click_s - 0.1 + np.flatnonzero(np.abs(part) > 0.15)[0] / sound[1]
        assert abs(heard_s - click_s) < 0.004
        shown = int(heard_s * FPS)
        courses.append(rise[shown - 5 : shown + 6])
    course = np.mean(courses, axis=0)
    assert int(np.argmax(course)) == 5
    assert course[5] > 2.0 * np.delete(course, 5).max()
    again = tmp_path / "again.mp4"
    assert charon("visualize", song, "-o", again, *options).code == 0
    assert again.read_bytes() == path.read_bytes()
    # Another seed is another walk.
    other = charon("visualize", song, "-o", tmp_path / "other.png", "--size", "64x48", "--seed", "1")
    same = charon("visualize", song, "-o", tmp_path / "same.png", "--size", "64x48")
    assert (other.code, same.code) == (0, 0), other.err + same.err
    assert (tmp_path / "other.png").read_bytes() != (tmp_path / "same.png").read_bytes()


def test_a_picture_and_a_sheet(charon, song, tmp_path) -> None:
    one, sheet = tmp_path / "one.png", tmp_path / "sheet.png"
    told = charon("visualize", song, "-o", one, "--size", "128x72", "--at", "2.5", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out)["frames"] == 1
    image = QImage(str(one))
    assert (image.width(), image.height()) == (128, 72)
    assert len({image.pixel(x, y) for x in range(128) for y in range(72)}) > 500
    told = charon("visualize", song, "-o", sheet, "--size", "96x54", "--sheet", "6", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out)["frames"] == 6
    assert QImage(str(sheet)).width() > 2 * 96
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["one.png", "sheet.png"]


def test_stems_draw_what_the_mix_alone_does_not(charon, song, tmp_path) -> None:
    """The clicks as drums, the chord as bass: the picture is another one."""
    x, _ = read_song(song)
    loud = np.abs(x) > 0.05
    folder = tmp_path / "stems"
    folder.mkdir()
    for name, stem in (("drums", x * loud), ("bass", x * ~loud), ("other", 0 * x), ("vocals", 0 * x)):
        write_song(folder / f"{name}.wav", stem.astype(np.float32), RATE_HZ)
    options = ("--size", "96x54", "--at", "2.1", "--json")
    for name, more in (("mix", ()), ("split", ("--stems", folder))):
        told = charon("visualize", song, "-o", tmp_path / f"{name}.png", *options, *more)
        assert told.code == 0, told.err
    assert (tmp_path / "split.png").read_bytes() != (tmp_path / "mix.png").read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-o", "film.avi"), ".mp4"),
        (("-o", "film.mp4", "--size", "big"), "1280x720"),
        (("-o", "film.mp4", "--at", "1"), ".png"),
        (("-o", "one.png", "--at", "1", "--sheet", "4"), "one of them"),
    ],
)
def test_wrong_usage_is_said_in_one_line(song, tmp_path, monkeypatch, capsys, options, words) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["visualize", str(song), *options]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert len(told.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-o", "film.mp4", "--size", "161x90"), "162x90"),
        (("-o", "one.png", "--at", "99"), "4.0 s"),
        (("-o", "film.mp4", "--scene", "lagun"), "lagoon"),
        (("-o", "film.mp4", "--palette", "embr"), "ember"),
        (("-o", "film.mp4", "--network", "rule"), "rules"),
        (("-o", "gone/film.mp4"), "folder gone"),
        (("-o", "film.mp4", "--stems", "nowhere"), "no stems"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_any_work(song, tmp_path, monkeypatch, options, words) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CharonError, match=words):
        run(["visualize", str(song), *options])
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".mp4", ".png", ".part")] == []
