"""`charon analyze --plot`: a picture without a screen, and refusals before any work."""

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from app.cli.analysis_plot import picture_paths
from engine.errors import ParameterError
from tests.services.conftest import noise, write_song
from tests.services.test_analyze_command import tune


@pytest.fixture
def songs(tmp_path):
    return [write_song(tmp_path / f"{name}.wav", tune(6.0)) for name in ("one", "two")]


def test_a_png_and_an_svg(charon, songs, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    # What a desktop's user may have set must not matter either.
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    png, svg = tmp_path / "one.png", tmp_path / "one.svg"
    told = charon("analyze", songs[0], "--plot", png, "--json")
    assert told.code == 0, told.err
    assert told.songs[0]["plot"] == str(png)
    assert told.songs[0]["key"] == "A major"
    image = QImage(str(png))
    assert image.width() == 3200
    assert len({image.pixel(x, y) for x in range(0, 3200, 9) for y in range(0, image.height(), 9)}) > 200
    told = charon("analyze", songs[0], "--plot", svg)
    assert told.code == 0, told.err
    assert str(svg) in told.out
    words = " ".join(ET.parse(svg).getroot().itertext())  # noqa: S314 (our own)
    assert "one" in words
    assert "A maj" in words


def test_a_folder_takes_a_picture_of_each(charon, songs, tmp_path):
    folder = tmp_path / "plots"
    folder.mkdir()
    told = charon("analyze", *songs, "--plot", folder, "--json")
    assert told.code == 0, told.err
    assert [song["plot"] for song in told.songs] == [str(folder / "one.png"), str(folder / "two.png")]
    assert sorted(path.name for path in folder.iterdir()) == ["one.png", "two.png"]


def test_what_cannot_be_is_refused_before_any_work(charon, songs, tmp_path):
    song = write_song(tmp_path / "long.wav", noise(44_100))
    for plot, part in (
        (tmp_path / "a.jpg", ".png or .svg"),
        (tmp_path / "gone" / "a.png", "cannot write a picture"),
        (tmp_path / "gone", "folder must be there"),
    ):
        told = charon("analyze", song, "--plot", plot)
        assert told.code == 1, told.err
        assert len(told.error_lines) == 1
        assert part in told.err
        assert told.out == ""
    told = charon("analyze", *songs, "--plot", tmp_path / "a.png")
    assert told.code == 1
    assert "name a folder" in told.err


def test_two_songs_of_one_name_have_two_pictures(tmp_path):
    songs = (Path("a/song.mp3"), Path("b/song.mp3"), Path("a/song.mp3"), Path("song.flac"))
    found = picture_paths(songs, tmp_path)
    assert [path.name for path in found.values()] == ["song.png", "song 2.png", "song 3.png"]
    with pytest.raises(ParameterError):
        picture_paths(songs, tmp_path / "missing" / os.devnull)
