"""Films: as many pictures as were given, the sound in step with them, whole or not there, the same twice."""

from pathlib import Path

import av
import numpy as np
import pytest

from engine.errors import EncodeError, ParameterError
from engine.io.decode import read_song
from engine.io.video_writer import VideoWriter, check_size

SIZE = (64, 48)
FPS = 30.0
CLICK_S = 0.7


def film(path: Path, rate_hz: int = 44_100, n: int = 45) -> None:
    """A second and a half: one white picture, and a click in the sound, at CLICK_S."""
    sound = np.zeros((2, round(n / FPS * rate_hz)), np.float32)
    at = round(CLICK_S * rate_hz)
    sound[:, at : at + 400] = 0.9 * np.sin(2 * np.pi * 3000 * np.arange(400) / rate_hz)
    with VideoWriter(path, SIZE, FPS, rate_hz) as writer:
        for k in range(n):
            picture = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
            picture[...] = (200, 30, 90, 255)
            if k == round(CLICK_S * FPS):
                picture[...] = 255
            writer.write(picture)
            first, end = (round(m / FPS * rate_hz) for m in (k, k + 1))
            writer.write_sound(sound[:, first:end])
        writer.commit()
        assert (writer.n_pictures, writer.n_frames) == (n, sound.shape[1])


def decoded(path: Path) -> tuple[np.ndarray, list[float]]:
    """Pictures, uint8 (n, height, width, 3) red first, and their times in seconds."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return np.stack([frame.to_ndarray(format="rgb24") for frame in frames]), [frame.time for frame in frames]


@pytest.mark.parametrize("rate_hz", [44_100, 192_000])
def test_pictures_and_sound_come_back_in_step(tmp_path: Path, rate_hz: int) -> None:
    film(tmp_path / "film.mp4", rate_hz)
    pictures, times_s = decoded(tmp_path / "film.mp4")
    assert pictures.shape == (45, SIZE[1], SIZE[0], 3)
    assert times_s == pytest.approx([k / FPS for k in range(45)], abs=1e-4)
    # Blue, green, red went in; H.264 keeps colours within a few steps.
    assert np.abs(pictures[0].mean(axis=(0, 1)) - (90, 30, 200)).max() < 6
    lit = int(np.argmax(pictures.mean(axis=(1, 2, 3))))
    assert lit == round(CLICK_S * FPS)
    sound, sound_hz = read_song(tmp_path / "film.mp4")
    heard_s = np.flatnonzero(np.abs(sound[0]) > 0.2)[0] / sound_hz
    assert abs(heard_s - CLICK_S) < 0.004
    assert sound.shape[1] / sound_hz == pytest.approx(1.5, abs=0.05)


def test_the_same_film_is_the_same_file(tmp_path: Path) -> None:
    film(tmp_path / "first.mp4")
    for _ in range(5):
        # Another film in between, so that memory that an encoder forgot to clear would be seen.
        film(tmp_path / "other.mp4", 192_000)
        film(tmp_path / "again.mp4")
        assert (tmp_path / "first.mp4").read_bytes() == (tmp_path / "again.mp4").read_bytes()


def test_what_is_not_committed_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"mine")

    def begin() -> None:
        with VideoWriter(path, SIZE, FPS, 44_100) as writer:
            writer.write(np.zeros((SIZE[1], SIZE[0], 4), np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert path.read_bytes() == b"mine"
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="64x50"):
        check_size((63, 50))
    with pytest.raises(ParameterError, match="8192"):
        check_size((9000, 50))
    with pytest.raises(EncodeError, match="cannot be created"):
        VideoWriter(tmp_path / "gone" / "film.mp4", SIZE, FPS, 44_100)
    with VideoWriter(tmp_path / "film.mp4", SIZE, FPS, 44_100) as writer:
        writer.write(np.zeros((SIZE[1], SIZE[0], 4), np.uint8))
        writer.commit()
        with pytest.raises(EncodeError, match="finished"):
            writer.write(np.zeros((SIZE[1], SIZE[0], 4), np.uint8))
