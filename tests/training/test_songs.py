"""Songs are found, heard once each, split without an overlap, and cut the same way by the same seed."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import DecodeError, ParameterError
from engine.stream.orbit_features import OrbitFeatures, windows_of
from models.training.orbit.songs import (
    STRETCH_ROWS,
    Song,
    dataset_hash,
    find_songs,
    listen,
    listen_to_all,
    split_songs,
    stretches,
)
from tests.training.conftest import RATE_HZ, make_song


def named(name: str, n_rows: int = 600) -> Song:
    rows = np.random.default_rng(len(name)).standard_normal((n_rows, 6)).astype(np.float32)
    return Song(name, name, rows)


def test_songs_are_found_once_and_in_order(music: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no sound")
    link = tmp_path / "link.wav"
    link.symlink_to(music / "song-1.wav")
    found = find_songs([music, music / "song-0.wav", link])
    assert [path.name for path in found] == ["song-0.wav", "song-1.wav"]
    assert len(find_songs([music], 1)) == 1
    link.unlink()
    for place in (tmp_path / "none", tmp_path):
        with pytest.raises(ParameterError, match=place.name):
            find_songs([place])


def test_what_is_heard_is_what_the_visuals_hear(music: Path, songs: tuple[Song, ...]) -> None:
    sound, _ = soundfile.read(music / "song-0.wav", dtype="float32")
    assert np.allclose(songs[0].rows, OrbitFeatures().push(sound), atol=1e-5)
    assert len(songs[0].sha256) == 64


def test_what_cannot_be_heard_is_told_and_left_out(music: Path, tmp_path: Path) -> None:
    short = make_song(tmp_path / "short.wav", 3, seconds=2.0)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(DecodeError, match=r"shorter than 11\.\d s"):
        listen(short)
    problems: list[str] = []
    seen: list[int] = []

    def heard(n_done: int, problem: str | None) -> None:
        seen.append(n_done)
        problems.extend([problem] if problem is not None else [])

    copy = tmp_path / "copy.wav"
    copy.write_bytes((music / "song-0.wav").read_bytes())
    kept = listen_to_all([short, music / "song-0.wav", broken, copy], 0, heard)
    assert [song.name for song in kept] == ["song-0.wav"]
    assert seen == [1, 2, 3, 4]
    assert len(problems) == 2
    assert "short.wav" in problems[0]
    assert "broken.wav" in problems[1]
    with pytest.raises(ParameterError, match="none of the songs"):
        listen_to_all([short, broken], 0, heard)


def test_other_rates_and_channels_are_heard_alike(
    songs: tuple[Song, ...], music: Path, tmp_path: Path
) -> None:
    sound, _ = soundfile.read(music / "song-0.wav", dtype="float32")
    soundfile.write(tmp_path / "stereo.wav", np.stack([sound, sound], axis=1), RATE_HZ)
    assert np.allclose(listen(tmp_path / "stereo.wav").rows, songs[0].rows, atol=1e-3)


def test_no_song_is_learned_from_and_judged_by() -> None:
    songs = [named("x" * n) for n in range(1, 9)]
    split = split_songs(songs, 0.25, 0)
    names = [song.name for song in split.training], [song.name for song in split.validation]
    assert not set(names[0]) & set(names[1])
    assert sorted(names[0] + names[1]) == sorted(song.name for song in songs)
    assert len(split.validation) == 2
    assert split_songs(songs, 0.25, 0).validation == split.validation


def test_of_few_songs_the_ends_are_kept() -> None:
    song = named("long", 3000)
    split = split_songs([song], 0.2, 0)
    head, tail = split.training[0].rows, split.validation[0].rows
    assert np.array_equal(np.concatenate((head, tail)), song.rows)
    assert len(tail) == 600
    short = split_songs([named("short", 700)], 0.2, 0)
    assert len(short.training[0].rows) >= STRETCH_ROWS
    assert len(short.validation[0].rows) >= STRETCH_ROWS


def test_a_stretch_is_cut_from_a_song_and_the_seed_decides_which() -> None:
    songs = [named("a", 600), named("bb", 900)]
    seen, heard = stretches(songs, 6, np.random.default_rng(1))
    again, _ = stretches(songs, 6, np.random.default_rng(1))
    other, _ = stretches(songs, 6, np.random.default_rng(2))
    assert seen.shape == (6, STRETCH_ROWS, 60)
    assert np.array_equal(seen, again)
    assert not np.array_equal(seen, other)
    whole = [windows_of(song.rows) for song in songs]
    for stretch, rows in zip(seen, heard, strict=True):
        places = [
            (i, int(at))
            for i, windows in enumerate(whole)
            for at in np.flatnonzero((windows == stretch[0]).all(axis=1))
        ]
        ((which, start),) = places
        assert np.array_equal(stretch, whole[which][start : start + STRETCH_ROWS])
        assert np.array_equal(rows, songs[which].rows[start : start + STRETCH_ROWS])


def test_the_hash_is_of_what_the_songs_hold() -> None:
    one, two = named("a"), named("bb")
    assert dataset_hash([one, two]) == dataset_hash([two, one])
    assert dataset_hash([Song("other name", one.sha256, one.rows), two]) == dataset_hash([one, two])
    assert dataset_hash([one]) != dataset_hash([one, two])
