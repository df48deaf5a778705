"""A WAV that is whole at every moment."""

import os
import resource
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import EncodeError
from engine.io.growing_wav import HEADER_BYTES, GrowingWav, wav_header


def noise(n: int, channels: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.2, (n, channels)).astype(np.float32)


def read(path: Path) -> tuple[np.ndarray, int]:
    return soundfile.read(path, dtype="float32", always_2d=True)


@pytest.mark.parametrize("channels", [1, 2])
def test_it_can_be_read_after_every_append_while_it_is_open(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.wav"
    x = noise(5000, channels)
    with GrowingWav(path, 44_100, channels) as wav:
        assert soundfile.info(path).frames == 0
        for stop in (1, 700, 701, 5000):
            wav.append(x[wav.n_frames : stop])
            y, rate_hz = read(path)
            assert rate_hz == 44_100
            assert np.array_equal(y, x[:stop])


def test_frames_without_their_header_are_not_there_yet(tmp_path: Path) -> None:
    """A kill between the two writes leaves exactly this file."""
    path = tmp_path / "a.wav"
    x = noise(900)
    with GrowingWav(path, 48_000, 2) as wav:
        wav.append(x[:600])
    header = path.read_bytes()[:HEADER_BYTES]
    with GrowingWav(tmp_path / "b.wav", 48_000, 2) as wav:
        wav.append(x)
    torn = tmp_path / "torn.wav"
    torn.write_bytes(header + (tmp_path / "b.wav").read_bytes()[HEADER_BYTES:])
    y, _ = read(torn)
    assert np.array_equal(y, x[:600])


def test_beyond_four_gigabytes_it_is_rf64(tmp_path: Path) -> None:
    frames = 2**32 // 8 + 1000
    header = wav_header(48_000, 2, frames)
    assert len(header) == HEADER_BYTES == len(wav_header(48_000, 2, 0))
    assert header[:4] == b"RF64"
    riff, data, samples = struct.unpack_from("<QQQ", header, 20)
    assert (riff, data, samples) == (HEADER_BYTES - 8 + 8 * frames, 8 * frames, frames)
    path = tmp_path / "big.wav"
    with path.open("wb") as file:
        file.write(header)
        file.truncate(HEADER_BYTES + 8 * frames)
    assert soundfile.info(path).frames == frames


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"mine")
    with pytest.raises(EncodeError, match=r"exists already: record under another name"):
        GrowingWav(path, 48_000, 2)
    assert path.read_bytes() == b"mine"


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="cannot be created"):
        GrowingWav(tmp_path / "no" / "a.wav", 48_000, 2)


def test_a_full_disk_leaves_what_was_recorded(tmp_path: Path) -> None:
    """In a process of its own, because its limit on file sizes cannot be taken back."""
    path = tmp_path / "a.wav"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            import signal

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (HEADER_BYTES + 8 * 1500, resource.RLIM_INFINITY))
            wav = GrowingWav(path, 48_000, 2)
            wav.append(noise(1000))
            try:
                wav.append(noise(1000, seed=1))
            except EncodeError as err:
                code = 0 if "what was recorded stays" in str(err) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    y, _ = read(path)
    assert np.array_equal(y, noise(1000))
