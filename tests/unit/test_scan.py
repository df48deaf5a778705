"""What was dropped, as songs and reasons."""

from pathlib import Path

import numpy as np
import soundfile

from app.scan import Found, Unreadable, scan


def song(path: Path, n_frames: int = 2000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * np.random.default_rng(1).standard_normal((n_frames, 2))
    # The kind of file is told by its content, so any name will do.
    soundfile.write(path, noise, 44_100, format="FLAC", subtype="PCM_16")
    return path


def songs(paths: list[Path]) -> list[Path]:
    return [item.path for item in scan(paths) if isinstance(item, Found)]


def refusals(paths: list[Path]) -> dict[str, str]:
    return {item.path.name: item.reason for item in scan(paths) if isinstance(item, Unreadable)}


def test_a_folder_is_searched_to_its_end_in_the_order_of_a_listing(tmp_path: Path) -> None:
    names = ["2 Intro.flac", "10 Outro.FLAC", "Live/1.wav", "Live/encore/B.mp3"]
    made = [song(tmp_path / name) for name in reversed(names)]
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "list.m3u8").write_text("2 Intro.flac")
    song(tmp_path / "._2 Intro.flac")
    song(tmp_path / ".hidden" / "3.flac")
    assert songs([tmp_path]) == list(reversed(made))
    assert refusals([tmp_path]) == {}


def test_a_dropped_file_is_always_tried_and_counts_once(tmp_path: Path) -> None:
    strange = song(tmp_path / "take 2.bak")
    inside = song(tmp_path / "in" / "a.flac")
    assert songs([strange, inside, tmp_path / "in", strange]) == [strange, inside]


def test_what_cannot_be_read_is_said_without_repeating_its_path(tmp_path: Path) -> None:
    song(tmp_path / "good.flac")
    (tmp_path / "empty.mp3").write_bytes(b"")
    (tmp_path / "text.mp3").write_text("this is not music\n" * 50)
    (tmp_path / "none").mkdir()
    told = refusals([tmp_path, tmp_path / "none", tmp_path / "gone.wav"])
    assert set(told) == {"empty.mp3", "text.mp3", "none", "gone.wav"}
    assert told["none"] == "holds no sound files"
    for reason in told.values():
        assert reason
        assert str(tmp_path) not in reason
        assert "\n" not in reason


def test_links_that_lead_back_up_end(tmp_path: Path) -> None:
    made = song(tmp_path / "album" / "1.flac")
    (tmp_path / "album" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "album" / "broken.flac").symlink_to(tmp_path / "nowhere.flac")
    assert songs([tmp_path]) == [made]
    assert set(refusals([tmp_path])) == {"broken.flac"}


def test_the_first_song_comes_before_the_rest_is_looked_at(tmp_path: Path) -> None:
    first = song(tmp_path / "1.flac")
    later = song(tmp_path / "2.flac")
    found = scan([tmp_path])
    assert next(found) == Found(first)
    later.write_bytes(b"no sound any more")
    assert isinstance(next(found), Unreadable)
