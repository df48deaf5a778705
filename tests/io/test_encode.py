"""Stems on disk: exact sums, honest dither, whole files or none, refusals before the work."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import EncodeError, ParameterError
from engine.io.decode import read_song
from engine.io.encode import OutputFormat, SoundFileWriter, check_output, quantise, quantise_stems

RATE_HZ = 44_100
N = 3 * RATE_HZ + 17


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system with 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("fmt", "limit_db"),
    [
        (OutputFormat(), -199.0),
        (OutputFormat("wav", "24"), -118.0),
        (OutputFormat("wav", "16"), -68.0),
        (OutputFormat("flac"), -118.0),
        (OutputFormat("flac", "16"), -68.0),
        (OutputFormat("mp3"), -20.0),
    ],
)
def test_what_is_written_reads_back(tmp_path, music, aligned_error_db, fmt: OutputFormat, limit_db) -> None:
    x = music(N)
    path = tmp_path / f"stem{fmt.suffix}"
    with SoundFileWriter(path, fmt, RATE_HZ) as writer:
        for start in range(0, N, 10_000):
            writer.write(x[:, start : start + 10_000])
        writer.commit()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    y, rate_hz = read_song(path)
    assert rate_hz == RATE_HZ
    assert aligned_error_db(x, y) < limit_db
    assert writer.n_frames == N
    assert writer.peak == np.abs(x).max()
    assert writer.n_clipped == 0


@pytest.mark.parametrize(
    ("fmt", "subtype"), [(OutputFormat("wav", "16"), "PCM_16"), (OutputFormat(), "FLOAT")]
)
def test_subtypes(tmp_path, music, fmt: OutputFormat, subtype: str) -> None:
    with SoundFileWriter(tmp_path / "a.wav", fmt, 192_000) as writer:
        writer.write(music(100))
        writer.commit()
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.subtype, info.samplerate, info.channels) == (subtype, 192_000, 2)


def test_same_input_same_bytes_whatever_the_blocks(tmp_path, music) -> None:
    x = music(N)
    files = []
    for name, step in (("a", 1000), ("b", 77_777)):
        path = tmp_path / f"{name}.flac"
        with SoundFileWriter(path, OutputFormat("flac", "16"), RATE_HZ) as writer:
            for start in range(0, N, step):
                writer.write(x[:, start : start + step])
            writer.commit()
        files.append(soundfile.read(path, dtype="int16")[0])
    assert np.array_equal(*files)


def test_dither_makes_the_error_independent_of_the_signal() -> None:
    # A sine of a third of a step: rounding alone would make it vanish; dither keeps its level.
    n = 400_000
    sine = np.sin(2 * np.pi * 997 * np.arange(n) / RATE_HZ)
    x = np.stack([sine, sine]).astype(np.float32) * np.float32(0.33 / 2**15)
    assert not np.rint(x * 2**15).any()
    steps = quantise(x, 16, np.random.default_rng(0))
    level = 2 * np.mean(steps[0] * sine)
    assert level == pytest.approx(0.33, rel=0.03)
    # Triangular dither of 2 steps plus rounding: variance 1/4 of a squared step, whatever the signal.
    error = steps[0] - x[0].astype(np.float64) * 2**15
    assert np.var(error) == pytest.approx(0.25, rel=0.03)
    assert abs(np.mean(error)) < 0.01
    # Both channels have their own.
    assert abs(np.corrcoef(steps[0] - x[0] * 2**15, steps[1] - x[1] * 2**15)[0, 1]) < 0.01


def test_silence_and_16_bit_songs_stay_themselves() -> None:
    rng = np.random.default_rng(0)
    integers = rng.integers(-(2**15), 2**15, (2, 10_000))
    x = (integers / 2**15).astype(np.float32)
    assert np.array_equal(quantise(x, 16, rng), integers)
    assert not quantise(np.zeros((2, 10_000), np.float32), 16, rng).any()


def test_clipping_is_counted_and_does_not_wrap(tmp_path) -> None:
    x = np.array([[1.5, -1.5, 0.5, 1.0], [0.0, 0.0, 2.0, -1.0]], np.float32)
    with SoundFileWriter(tmp_path / "a.wav", OutputFormat("wav", "16"), RATE_HZ) as writer:
        writer.write(x)
        writer.commit()
    assert writer.n_clipped == 3
    assert writer.peak == 2.0
    y, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert y.T.tolist() == [[32767, -32768, 16384, 32767], [0, 0, 32767, -32768]]


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("n_stems", [2, 4])
def test_integer_stems_sum_to_the_integer_song(tmp_path, music, bits: int, n_stems: int) -> None:
    stems = np.stack([music(N, seed=seed) for seed in range(n_stems)]) * np.float32(0.5)
    original = stems.sum(axis=0, dtype=np.float32)
    rng = np.random.default_rng(0)
    integers = quantise_stems(stems, original, bits, n_stems - 1, rng)
    expected = quantise(original, bits, np.random.default_rng(0))
    assert np.array_equal(integers.sum(axis=0), expected)
    assert np.abs(integers - stems * 2.0 ** (bits - 1)).max() <= 0.5 + 1.5 * n_stems
    # And from the files.
    total = 0
    for index in range(n_stems):
        fmt = OutputFormat("flac", "16" if bits == 16 else "24")
        with SoundFileWriter(tmp_path / f"{index}.flac", fmt, RATE_HZ) as writer:
            writer.write_steps(integers[index])
            writer.commit()
        total = total + soundfile.read(tmp_path / f"{index}.flac", dtype="int32")[0].astype(np.int64)
    assert np.array_equal(total.T >> (32 - bits), expected)


def test_steps_into_a_float_file_are_refused(tmp_path) -> None:
    with (
        SoundFileWriter(tmp_path / "a.wav", OutputFormat(), RATE_HZ) as writer,
        pytest.raises(ParameterError, match="float"),
    ):
        writer.write_steps(np.zeros((2, 4), np.int32))


def _break_off(path: Path, x: np.ndarray) -> None:
    with SoundFileWriter(path, OutputFormat(), RATE_HZ) as writer:
        writer.write(x)
        assert [entry.name for entry in path.parent.iterdir()] == ["a.wav.part"]
        raise KeyboardInterrupt


def test_an_error_leaves_nothing(tmp_path, music) -> None:
    with pytest.raises(KeyboardInterrupt):
        _break_off(tmp_path / "a.wav", music(1000))
    assert not list(tmp_path.iterdir())


def test_leaving_without_commit_leaves_nothing_and_keeps_the_old_file(tmp_path, music) -> None:
    (tmp_path / "a.wav").write_text("old")
    with SoundFileWriter(tmp_path / "a.wav", OutputFormat(), RATE_HZ) as writer:
        writer.write(music(1000))
    assert (tmp_path / "a.wav").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(EncodeError, match="is finished"):
        writer.write(music(1000))


@pytest.mark.parametrize("fmt", [OutputFormat(), OutputFormat("flac"), OutputFormat("mp3")])
def test_full_disk(small_disk: Path, music, fmt: OutputFormat) -> None:
    x = music(60 * RATE_HZ)
    path = small_disk / f"a{fmt.suffix}"

    def fill() -> None:
        with SoundFileWriter(path, fmt, RATE_HZ) as writer:
            for start in range(0, x.shape[1], 65_536):
                writer.write(x[:, start : start + 65_536])
            writer.commit()

    with pytest.raises(EncodeError, match="is the disk full") as caught:
        fill()
    assert "\n" not in str(caught.value)
    assert not list(small_disk.iterdir())


def test_full_disk_is_seen_before_the_work(small_disk: Path) -> None:
    with pytest.raises(EncodeError, match=r"has 1\.0 MB free and 2 files need about 21\.2 MB"):
        check_output(small_disk, OutputFormat(), RATE_HZ, 30 * RATE_HZ, 2)
    check_output(small_disk, OutputFormat(), RATE_HZ, RATE_HZ, 2)


def test_a_completely_full_disk_is_seen_before_the_work(small_disk: Path) -> None:
    # In small pieces and through the bare system call, or the last page stays half free.
    ballast = os.open(small_disk / "ballast", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while os.write(ballast, bytes(1024)):
            pass
    os.close(ballast)
    with pytest.raises(EncodeError, match="output folder"):
        check_output(small_disk, OutputFormat(), RATE_HZ, 1, 1)


def test_read_only_disk(small_disk: Path) -> None:
    # Permission bits do not stop root; a disk mounted read-only does.
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(EncodeError, match="read-only"):
        check_output(small_disk, OutputFormat(), RATE_HZ, 1, 1)
    with pytest.raises(EncodeError, match="cannot be created"):
        SoundFileWriter(small_disk / "a.wav", OutputFormat(), RATE_HZ)


def test_folder_through_a_file(tmp_path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(EncodeError, match="is not a folder"):
            check_output(folder, OutputFormat(), RATE_HZ, 1, 1)


def test_folder_is_created(tmp_path) -> None:
    check_output(tmp_path / "a" / "b", OutputFormat(), RATE_HZ, 1, 1)
    assert not list((tmp_path / "a" / "b").iterdir())


@pytest.mark.parametrize(
    ("fmt", "rate_hz", "ok"),
    [
        (OutputFormat("mp3"), 48_000, True),
        (OutputFormat("mp3"), 96_000, False),
        (OutputFormat("mp3"), 37_800, False),
        (OutputFormat("flac"), 192_000, True),
        (OutputFormat("flac"), 768_000, False),
        (OutputFormat(), 768_000, True),
    ],
)
def test_rates(tmp_path, music, fmt: OutputFormat, rate_hz: int, ok: bool) -> None:
    if not ok:
        with pytest.raises(EncodeError, match=f"cannot hold {rate_hz} Hz") as caught:
            check_output(tmp_path, fmt, rate_hz, 1, 1)
        assert "\n" not in str(caught.value)
        return
    check_output(tmp_path, fmt, rate_hz, 1, 1)
    with SoundFileWriter(tmp_path / f"a{fmt.suffix}", fmt, rate_hz) as writer:
        writer.write(music(5000))
        writer.commit()
    assert soundfile.info(tmp_path / f"a{fmt.suffix}").samplerate == rate_hz


@pytest.mark.parametrize(
    ("container", "bits"), [("ogg", None), ("wav", "8"), ("flac", "32f"), ("mp3", "16"), ("mp3", "24")]
)
def test_impossible_formats_are_refused(container, bits) -> None:
    with pytest.raises(ParameterError):
        OutputFormat(container, bits)


def test_long_wav_is_written_as_rf64(tmp_path, music) -> None:
    x = music(1000)
    with SoundFileWriter(tmp_path / "a.wav", OutputFormat(), 192_000, expected_frames=2**30) as writer:
        writer.write(x)
        writer.commit()
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    assert np.array_equal(read_song(tmp_path / "a.wav")[0], x)


@pytest.mark.parametrize("name", ["Ünïcödé 日本語 🎵.flac", "n" * 245 + ".flac", 'it\'s $HOME & "more".flac'])
def test_odd_names(tmp_path, music, name: str) -> None:
    with SoundFileWriter(tmp_path / name, OutputFormat("flac"), RATE_HZ) as writer:
        writer.write(music(1000))
        writer.commit()
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_folder_that_vanishes(tmp_path, music) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    writer = SoundFileWriter(folder / "a.wav", OutputFormat(), RATE_HZ)
    writer.write(music(1000))
    shutil.rmtree(folder)
    with pytest.raises(EncodeError):
        writer.commit()


def test_files_get_the_usual_permissions(tmp_path, music) -> None:
    with SoundFileWriter(tmp_path / "a.wav", OutputFormat(), RATE_HZ) as writer:
        writer.write(music(10))
        writer.commit()
    (tmp_path / "b").touch()
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "b").stat().st_mode
    assert os.access(tmp_path / "a.wav", os.R_OK)
