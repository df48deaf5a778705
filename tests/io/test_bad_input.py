"""Whatever a user may drop: one line that says what is wrong, or what decodes and a warning."""

import multiprocessing
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.errors import CharonWarning, DecodeError
from engine.io.decode import content_hash, decode_blocks, probe, read_song

RATE_HZ = 44_100
N = 20 * RATE_HZ


def _text(folder: Path) -> Path:
    path = folder / "song.mp3"
    path.write_text("Dear diary, this is not a song at all.\n" * 500)
    return path


def _playlist(folder: Path) -> Path:
    path = folder / "list.mp3"
    path.write_text("#EXTM3U\n#EXTINF:10,\n/etc/hostname\n")
    return path


def _empty(folder: Path) -> Path:
    path = folder / "song.wav"
    path.touch()
    return path


def _zeros(folder: Path) -> Path:
    path = folder / "song.mp3"
    path.write_bytes(bytes(100_000))
    return path


def _wav_without_sound(folder: Path) -> Path:
    path = folder / "song.wav"
    path.write_bytes(
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\2\0\x44\xac\0\0\x10\xb1\2\0\4\0\x10\0data\0\0\0\0"
    )
    return path


def _pipe(folder: Path) -> Path:
    path = folder / "pipe.wav"
    os.mkfifo(path)
    return path


def _socket(folder: Path) -> Path:
    path = folder / "s.wav"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def _link_loop(folder: Path) -> Path:
    path = folder / "loop.wav"
    path.symlink_to(path)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "nowhere.wav", "does not exist"),
        (_empty, "is empty"),
        (_text, "is not a sound file"),
        (_playlist, "is not a sound file"),
        (_zeros, "no sound that decodes"),
        (_wav_without_sound, "no sound that decodes"),
        (lambda folder: folder, "is a folder"),
        (_pipe, "is not an ordinary file"),
        (_socket, "is not an ordinary file"),
        (_link_loop, "cannot be read"),
        (lambda folder: _text(folder) / "below.wav", "cannot be read: not a directory"),
        (lambda folder: folder / ("n" * 300), "cannot be read: file name too long"),
        (lambda folder: folder / "a\0b.wav", "cannot be read"),
        (lambda folder: Path("/proc/self/mem"), "cannot be read|is not a sound file|is empty"),
    ],
)
@pytest.mark.parametrize("use", [probe, read_song, lambda path: next(decode_blocks(path))])
def test_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], Path], says: str, use: Callable[[Path], object]
) -> None:
    path = make(tmp_path)
    with pytest.raises(DecodeError, match=says) as caught:
        use(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("make", [lambda folder: folder / "nowhere.wav", _empty, lambda folder: folder])
def test_hash_refuses_the_same(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    with pytest.raises(DecodeError):
        content_hash(make(tmp_path))


def _probe_as_nobody(path: Path, answer: "multiprocessing.connection.Connection") -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65_534)
        os.setuid(65_534)
    try:
        probe(path)
        answer.send("was read")
    except DecodeError as err:
        answer.send(str(err))


def test_unreadable_file(tmp_path: Path, music, write_pcm) -> None:
    # Root reads everything, so a child process gives up being root before it tries.
    path = write_pcm(tmp_path / "a.wav", music(1000), RATE_HZ)
    path.chmod(0)
    for folder in [tmp_path, *tmp_path.parents][:-1]:
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(0o755)
    here, there = multiprocessing.get_context("spawn").Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_probe_as_nobody, args=(path, there))
    child.start()
    assert here.poll(60)
    said = here.recv()
    child.join(10)
    assert said == f"{path} may not be read by this user; check its permissions"


def test_video_without_sound(tmp_path: Path) -> None:
    import av

    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            image = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(picture.encode(image.reformat(format="yuv420p")))
        container.mux(picture.encode(None))
    with pytest.raises(DecodeError, match="has no sound in it"):
        probe(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("at", [0, 70_000, 99_999])
def test_not_a_number(tmp_path: Path, music, write_pcm, bad: float, channels: int, at: int) -> None:
    x = music(100_000, channels)
    x[channels - 1, at] = bad
    path = write_pcm(tmp_path / "a.wav", x, RATE_HZ, "FLOAT")
    with pytest.raises(DecodeError, match=rf"at {at / RATE_HZ:.3f} s"):
        for _ in decode_blocks(path, 30_000):
            pass


def _decode_with_warnings(path: Path) -> tuple[np.ndarray, list[str]]:
    with pytest.warns(CharonWarning) as said:
        y, _ = read_song(path)
    return y, [str(one.message) for one in said]


@pytest.mark.parametrize("kind", ["flac", "mp3", "ogg", "wav"])
def test_cut_off_keeps_what_decodes(tmp_path: Path, music, write_pcm, kind: str) -> None:
    x = music(N)
    whole = write_pcm(tmp_path / f"whole.{kind}", x, RATE_HZ)
    expected, _ = read_song(whole)
    data = whole.read_bytes()
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(data[: len(data) * 6 // 10])
    y, said = _decode_with_warnings(path)
    assert len(said) == 1
    assert re.fullmatch(rf"cut\.{kind} is cut off at 0:\d\d( of 0:20)?; kept what decodes", said[0])
    assert 0.5 * N < y.shape[1] < 0.7 * N
    assert y.shape[1] <= probe(path).max_frames
    # All but the last codec frame is what the whole file gives.
    n = y.shape[1] - 8192
    assert np.array_equal(y[:, :n], expected[:, :n])


def test_m4a_cut_off_with_its_index_in_front(tmp_path: Path, music, encode) -> None:
    whole = encode(tmp_path / "whole.m4a", music(N), RATE_HZ, "aac", movflags="faststart")
    data = whole.read_bytes()
    path = tmp_path / "cut.m4a"
    path.write_bytes(data[: len(data) * 6 // 10])
    y, said = _decode_with_warnings(path)
    assert any("is cut off at 0:1" in line for line in said)
    assert 0.5 * N < y.shape[1] < 0.7 * N


@pytest.mark.parametrize("kind", ["flac", "ogg", "m4a"])
def test_damage_in_the_middle_stays_in_time(tmp_path: Path, music, write_pcm, encode, kind: str) -> None:
    x = music(N)
    path = tmp_path / f"a.{kind}"
    if kind == "m4a":
        encode(path, x, RATE_HZ, "aac")
    else:
        write_pcm(path, x, RATE_HZ)
    expected, _ = read_song(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = np.random.default_rng(0).bytes(20_000)
    path.write_bytes(data)
    y, said = _decode_with_warnings(path)
    assert any("is damaged in" in line for line in said)
    assert y.shape == expected.shape
    assert y.shape[1] <= probe(path).max_frames
    quarter = N // 4
    # Before and well behind the damage nothing has moved.
    assert np.array_equal(y[:, :quarter], expected[:, :quarter])
    if kind == "m4a":
        # Its decoder draws noise bands from a generator that the damage has moved on.
        error = np.sum(np.square(y[:, -quarter:] - expected[:, -quarter:]))
        assert error < 1e-4 * np.sum(np.square(expected[:, -quarter:]))
    else:
        assert np.array_equal(y[:, -quarter:], expected[:, -quarter:])


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_never_raises_anything_else(
    tmp_path: Path, music, encode, write_pcm, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kind = ("flac", "mp3", "ogg", "m4a", "wav")[seed % 5]
    path = tmp_path / f"a.{kind}"
    if kind == "m4a":
        encode(path, music(RATE_HZ), RATE_HZ, "aac")
    else:
        write_pcm(path, music(RATE_HZ), RATE_HZ)
    data = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 30)):
        start = int(rng.integers(len(data)))
        data[start : start + 20] = rng.bytes(min(20, len(data) - start))
    path.write_bytes(data[: int(rng.integers(len(data) // 2, len(data)))])
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CharonWarning)
        try:
            y, _ = read_song(path)
        except DecodeError:
            return
        assert np.isfinite(y).all()
        assert y.shape[1] <= probe(path).max_frames
