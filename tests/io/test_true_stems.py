"""Songs with true stems: MUSDB18's form and folders, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import DecodeError, ParameterError
from engine.io.true_stems import read_true_song, stem_of, true_songs
from engine.units import energy_ratio_db

RATE_HZ = 44_100


def write(path: Path, seconds: float, seed: int, rate_hz: int = RATE_HZ) -> np.ndarray:
    x = 0.1 * np.random.default_rng(seed).standard_normal((int(seconds * rate_hz), 2))
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, x, rate_hz, subtype="FLOAT")
    return x.T.astype(np.float32)


@pytest.fixture
def folder(tmp_path) -> tuple[Path, dict[str, np.ndarray]]:
    song = tmp_path / "a song"
    names = ("Drum kit", "Bass Guitar", "lead guitar", "horns")
    return song, {name: write(song / f"{name}.wav", 1.0 + 0.25 * k, k) for k, name in enumerate(names)}


def test_a_stem_file_has_four_stems_that_sum_to_its_mixture(stem_mp4):
    song = read_true_song(stem_mp4)
    assert song.name == "The Easton Ellises - Falcon 69"
    assert list(song.tracks) == ["drums", "bass", "other", "vocals"]
    total = np.sum(list(song.tracks.values()), axis=0)
    # Each stream is coded with loss of its own: alike, not the same. Two streams exchanged would be 3 dB.
    assert energy_ratio_db(song.mixture, song.mixture - total) > 14.0
    assert 6.0 < song.mixture.shape[1] / song.rate_hz < 6.3


def test_tracks_become_the_stems_that_a_model_has(folder):
    path, sounds = folder
    song = read_true_song(path)
    stems = song.stems(("drums", "bass", "other", "vocals"), "other")
    n = song.mixture.shape[1]
    assert n == sounds["horns"].shape[1]
    np.testing.assert_array_equal(stems["drums"][:, : sounds["Drum kit"].shape[1]], sounds["Drum kit"])
    expected = sounds["horns"].copy()
    expected[:, : sounds["lead guitar"].shape[1]] += sounds["lead guitar"]
    np.testing.assert_allclose(stems["other"], expected, atol=1e-7)
    assert not stems["vocals"].any()
    two = song.stems(("vocals", "accompaniment"), "accompaniment")
    np.testing.assert_allclose(two["accompaniment"], song.mixture, atol=1e-6)


@pytest.mark.parametrize(
    ("track", "stem"),
    [
        ("Lead Vocals", "vocals"),
        ("bass drum", "drums"),
        ("BassGuitar", "bass"),
        ("horns", None),
        ("other", "other"),
    ],
)
def test_a_track_is_told_by_its_name(track, stem):
    assert stem_of(track, ("drums", "bass", "other", "vocals")) == stem


def test_a_stretch_and_a_mixture_of_its_own(folder):
    path, sounds = folder
    mixture = write(path / "mix.wav", 1.6, 9)
    song = read_true_song(path, 0.5, 0.75)
    start, stop = RATE_HZ // 2, RATE_HZ // 2 + round(0.75 * RATE_HZ)
    np.testing.assert_array_equal(song.mixture, mixture[:, start:stop])
    np.testing.assert_array_equal(song.tracks["horns"], sounds["horns"][:, start:stop])
    assert "mix" not in song.tracks


def test_a_folder_of_songs(folder, tmp_path):
    path, _ = folder
    write(tmp_path / "another" / "drums.wav", 0.5, 1)
    write(tmp_path / "another" / "bass.wav", 0.5, 2)
    (tmp_path / "empty").mkdir()
    assert true_songs(tmp_path) == [path, tmp_path / "another"]
    assert true_songs(path) == [path]


def test_what_cannot_be_judged_is_refused(folder, tmp_path, stem_mp4):
    path, _ = folder
    with pytest.raises(ParameterError, match="nothing of it from 9"):
        read_true_song(path, 9.0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DecodeError, match="no song with true stems"):
        true_songs(tmp_path / "empty")
    write(path / "flute.wav", 0.5, 3, rate_hz=48_000)
    with pytest.raises(DecodeError, match="differ in rate"):
        read_true_song(path)
    plain = tmp_path / "plain.wav"
    write(plain, 0.5, 4)
    with pytest.raises(DecodeError, match="has 1 streams"):
        read_true_song(plain)
    broken = tmp_path / "broken.stem.mp4"
    broken.write_bytes(stem_mp4.read_bytes()[:20_000])
    with pytest.raises(DecodeError, match=r"broken\.stem\.mp4"):
        read_true_song(broken)
