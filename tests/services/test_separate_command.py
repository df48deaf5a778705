"""`charon separate` as a user types it: bad input, odd names, full disks, several songs, cancelling."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.io.home import Home
from engine.units import energy_ratio_db
from tests.services.conftest import (
    QUARTER_FRAMES,
    REPOSITORY,
    command_line,
    environment,
    noise,
    read_files,
    write_song,
)

AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
# Permission bits bind root as well once it has given up the right to ignore them.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=777", "charon-test", str(folder)]
    subprocess.run([*AS_ROOT, *mount], check=True)
    yield folder
    subprocess.run([*AS_ROOT, "umount", "-l", str(folder)], check=True)


def final_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def fill_up(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def make_missing(folder):
    return folder / "nothing.mp3"


def make_empty(folder):
    (folder / "empty.wav").touch()
    return folder / "empty.wav"


def make_text(folder):
    (folder / "text.mp3").write_text("this is a shopping list\n" * 200)
    return folder / "text.mp3"


def make_nan(folder):
    x = noise(60_000)
    x[1, 40_000] = np.nan
    return write_song(folder / "nan.wav", x)


def make_infinite(folder):
    x = noise(60_000)
    x[0, 100] = np.inf
    return write_song(folder / "infinite.wav", x)


def make_slow(folder):
    return write_song(folder / "slow.wav", noise(4000), 4000)


def make_folder(folder):
    (folder / "album.mp3").mkdir()
    return folder / "album.mp3"


BAD = {
    "missing": (make_missing, "nothing.mp3"),
    "empty": (make_empty, "empty"),
    "text renamed .mp3": (make_text, "text.mp3"),
    "NaN": (make_nan, "no number"),
    "infinity": (make_infinite, "no number"),
    "folder": (make_folder, "folder"),
    "4 kHz": (make_slow, "8000"),
}


@pytest.mark.parametrize(("make", "says"), BAD.values(), ids=BAD.keys())
def test_bad_song_is_one_line_and_leaves_nothing(charon, tmp_path, make, says):
    told = charon("separate", make(tmp_path), "-o", "out", "--model", "quarter")
    assert told.code == 1
    assert told.err.count("\n") == 1
    assert len(told.error_lines) == 1
    assert says in told.err
    assert told.out == ""
    assert final_files(tmp_path / "out") == []


def test_unreadable_song(charon, tmp_path):
    song = write_song(tmp_path / "secret.wav", noise(1000))
    song.chmod(0)
    told = charon("separate", song, "--model", "quarter", before=BOUND)
    assert told.code == 1
    assert len(told.error_lines) == 1
    assert "secret.wav" in told.err


def test_unwritable_output_folder(charon, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(1000))
    (tmp_path / "locked").mkdir(mode=0o555)
    started_s = time.monotonic()
    told = charon("separate", song, "-o", "locked", "--model", "quarter", before=BOUND)
    assert time.monotonic() - started_s < 30
    assert told.code == 1
    assert "may not be written" in told.err
    assert final_files(tmp_path / "locked") == []


def test_output_is_a_file(charon, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(1000))
    (tmp_path / "out").write_text("mine")
    told = charon("separate", song, "-o", "out", "--model", "quarter")
    assert told.code == 1
    assert "not a folder" in told.err
    assert (tmp_path / "out").read_text() == "mine"


def test_full_output_disk_is_refused_before_the_work(charon, tmp_path, small_disk):
    song = write_song(tmp_path / "song.wav", noise(44_100 * 20))
    told = charon("separate", song, "-o", small_disk, "--model", "quarter")
    assert told.code == 1
    assert len(told.error_lines) == 1
    assert "MB free" in told.err
    assert final_files(small_disk) == []


def test_full_store_disk_is_refused_before_the_work(charon, home, tmp_path, small_disk):
    song = write_song(tmp_path / "song.wav", noise(44_100 * 20))
    (small_disk / "cards").symlink_to(home.root / "cards")
    (small_disk / "models").symlink_to(home.models)
    told = charon("separate", song, "-o", "out", "--model", "quarter", home_root=small_disk)
    assert told.code == 1
    assert len(told.error_lines) == 1
    assert "not enough disk space" in told.err
    assert final_files(tmp_path / "out") == []


def test_disk_that_fills_up_in_the_middle(charon, home, tmp_path, small_disk):
    """The store fits when it is made; then somebody else takes the room."""
    song = write_song(tmp_path / "song.wav", noise(20_000))
    (small_disk / "cards").symlink_to(home.root / "cards")
    (small_disk / "models").symlink_to(home.models)
    arguments = ("separate", song, "-o", "out", "--model", "quarter")
    with subprocess.Popen(
        command_line(*arguments),
        cwd=REPOSITORY,
        env=environment(Home(small_disk)),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not list((small_disk / "stems").glob("*/original.f32")):
            assert process.poll() is None
        fill_up(small_disk / "greedy")
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.count("\n") == 1
    assert "disk full" in err
    (small_disk / "greedy").unlink()
    told = charon(*arguments, "--json", home_root=small_disk)
    assert told.code == 0, told.err
    assert told.songs[0]["sum_error_db"] < -130


def test_store_that_cannot_be_made(charon, home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(1000))
    root = tmp_path / "home"
    root.mkdir()
    (root / "cards").symlink_to(home.root / "cards")
    (root / "models").symlink_to(home.models)
    (root / "stems").write_text("a file in the way")
    told = charon("separate", song, "--model", "quarter", home_root=root)
    assert told.code == 1
    assert len(told.error_lines) == 1
    assert "stem store" in told.err


def test_truncated_flac_keeps_what_decodes_and_says_so(charon, tmp_path):
    whole = write_song(tmp_path / "whole.flac", noise(44_100 * 4), subtype="PCM_16")
    song = tmp_path / "song.flac"
    song.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    told = charon("separate", song, "-o", tmp_path / "out", "--model", "quarter", "--json")
    assert told.code == 0
    assert len(told.warning_lines) == 1
    assert "cut off" in told.warning_lines[0]
    (result,) = told.songs
    assert len(result["warnings"]) == 1
    assert 1.5 < result["seconds"] < 2.5
    x = soundfile.read(whole, dtype="float32")[0].T
    vocals = read_files(result["stems"])["vocals"]
    assert np.array_equal(vocals, x[:, : vocals.shape[1]] / 4)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "n_frames"),
    [(44_100, 2, 2205), (192_000, 2, 192_000), (48_000, 8, 96_000), (44_100, 1, 44_100), (8_000, 1, 400)],
    ids=["0.05 s", "192 kHz", "8 channels", "mono", "0.05 s at 8 kHz"],
)
def test_unusual_but_good_songs(charon, tmp_path, rate_hz, channels, n_frames):
    song = write_song(tmp_path / "song.wav", noise(n_frames, channels), rate_hz)
    told = charon("separate", song, "-o", tmp_path / "out", "--model", "quarter", "--json")
    assert told.code == 0, told.err
    assert told.err == ""
    (result,) = told.songs
    assert result["seconds"] == pytest.approx(n_frames / rate_hz)
    assert result["sum_error_db"] < -130
    for path in result["stems"].values():
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.frames) == (rate_hz, 2, n_frames)


@pytest.mark.parametrize("name", ["Дождь 雨 ☂ é.wav", "x" * 200 + ".wav", "a:b*?.wav", "-o.wav"])
def test_names(charon, tmp_path, name):
    song = write_song(tmp_path / name, noise(2000))
    told = charon("separate", "-o", "out", "--model", "quarter", "--json", "--", song)
    assert told.code == 0, told.err
    folder = Path(told.songs[0]["stems"]["vocals"]).parent
    assert folder.parent == Path("out")
    assert sorted(path.name for path in (tmp_path / folder).iterdir()) == ["accompaniment.wav", "vocals.wav"]
    if ":" not in name:
        assert folder.name == song.stem


def test_collisions_get_a_number_and_overwrite_does_not(charon, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = write_song(tmp_path / "a" / "song.wav", noise(2000, seed=1))
    second = write_song(tmp_path / "b" / "song.flac", noise(2000, seed=2), subtype="PCM_24")
    told = charon("separate", first, second, "--model", "quarter", "--json")
    assert told.code == 0, told.err
    folders = [Path(song["stems"]["vocals"]).parent for song in told.songs]
    assert folders == [Path("stems/song"), Path("stems/song (2)")]
    before = (tmp_path / folders[0] / "vocals.wav").read_bytes()
    told = charon("separate", second, "--model", "quarter", "--overwrite", "--json")
    assert Path(told.songs[0]["stems"]["vocals"]).parent == folders[0]
    assert (tmp_path / folders[0] / "vocals.wav").read_bytes() != before
    assert len(list((tmp_path / "stems").iterdir())) == 2


def test_one_bad_song_does_not_stop_the_others(charon, tmp_path):
    good = write_song(tmp_path / "good.wav", noise(2000))
    told = charon(
        "separate", make_text(tmp_path), good, make_missing(tmp_path), "--model", "quarter", "--json"
    )
    assert told.code == 1
    assert len(told.error_lines) == 2
    assert ["error" in song for song in told.songs] == [True, False, True]


def test_corrupt_network_file(charon, home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(2000))
    root = tmp_path / "home"
    (root / "models" / "quarter").mkdir(parents=True)
    (root / "cards").symlink_to(home.root / "cards")
    whole = (home.models / "quarter" / "quarter.onnx").read_bytes()
    (root / "models" / "quarter" / "quarter.onnx").write_bytes(whole[:60] + b"\xff" * (len(whole) - 60))
    told = charon("separate", song, "-o", "out", "--model", "quarter", home_root=root)
    assert told.code == 1
    assert len(told.error_lines) == 1
    assert final_files(tmp_path / "out") == []


def test_network_that_returns_nan(charon, tmp_path):
    song = write_song(tmp_path / "song.wav", np.zeros((2, 60_000), np.float32))
    told = charon("separate", song, "-o", "out", "--model", "not-a-number")
    assert told.code == 1
    assert len(told.error_lines) == 1
    assert "NaN" in told.err
    assert final_files(tmp_path / "out") == []


def test_unknown_model(charon, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(2000))
    told = charon("separate", song, "--model", "quartet")
    assert told.code == 1
    assert "did you mean" in told.err


@pytest.mark.parametrize(
    "options",
    [
        ("--format", "mp3", "--bits", "16"),
        ("--format", "flac", "--bits", "32f"),
        ("--format", "ogg"),
        ("--bits", "8"),
        ("--shifts", "0"),
        ("--overlap", "1.5"),
        (),
    ],
)
def test_wrong_usage(charon, tmp_path, options):
    songs = [write_song(tmp_path / "song.wav", noise(1000))] if options else []
    told = charon("separate", *songs, *options)
    assert told.code == 2
    assert told.err.count("\n") == 1


def test_rate_that_the_format_cannot_hold(charon, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(96_000), 96_000)
    told = charon("separate", song, "-o", "out", "--format", "mp3", "--model", "quarter")
    assert told.code == 1
    assert "MP3 cannot hold 96000 Hz" in told.err
    assert final_files(tmp_path / "out") == []


def test_the_table_of_a_terminal(charon, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(44_100))
    told = charon("separate", song, "-o", "out", "--model", "quarter")
    assert told.code == 0
    for word in ("stem", "peak dBFS", "loudness LUFS", "file", "vocals", "times real time"):
        assert word in told.out
    assert str(Path("out/song/vocals.wav")) in told.out


def test_help_has_an_example(charon):
    told = charon("separate", "--help")
    assert told.code == 0
    assert "Example: charon separate" in told.out


# ---- killed and cancelled


def start(home: Home, folder: Path, song: Path, root: Path) -> subprocess.Popen[str]:
    arguments = ("separate", song, "-o", folder, "--model", "quarter", "--overlap", "0.5", "--json")
    root.mkdir(exist_ok=True)
    for room in ("cards", "models"):
        if not (root / room).exists():
            (root / room).symlink_to(home.root / room)
    return subprocess.Popen(
        command_line(*arguments),
        cwd=REPOSITORY,
        env=environment(Home(root)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def n_finished(root: Path) -> int:
    journals = list((root / "stems").glob("*/journal.jsonl"))
    return journals[0].read_text().count('"segment":') if journals else 0


def test_killed_at_random_moments_it_ends_with_the_same_bits(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(44_100 * 300), subtype="PCM_16")
    process = start(home, tmp_path / "whole", song, tmp_path / "home-whole")
    assert process.communicate(timeout=120)[1] == ""
    rng = np.random.default_rng(5)
    n_segments = n_finished(tmp_path / "home-whole")
    assert n_segments > 200
    root, folder = tmp_path / "home-killed", tmp_path / "killed"
    kills = 0
    for moment in sorted(rng.uniform(0.02, 0.9, 4)):
        process = start(home, folder, song, root)
        while n_finished(root) < moment * n_segments and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        kills += process.returncode == -signal.SIGKILL
        assert not [path for path in final_files(folder) if path.suffix != ".part"]
    assert kills >= 3
    process = start(home, folder, song, root)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert '"resumed_segments": 0' not in out
    for stem in ("vocals", "accompaniment"):
        expected = (tmp_path / "whole" / "song" / f"{stem}.wav").read_bytes()
        assert (folder / "song" / f"{stem}.wav").read_bytes() == expected


def test_ctrl_c_exits_130_and_keeps_finished_segments(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(44_100 * 300), subtype="PCM_16")
    root = tmp_path / "home"
    process = start(home, tmp_path / "out", song, root)
    while n_finished(root) < 20:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "charon: cancelled"
    assert final_files(tmp_path / "out") == []
    process = start(home, tmp_path / "out", song, root)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert int(out.split('"resumed_segments": ')[1].split(",")[0]) >= 20


def test_default_bits_of_flac_and_tags(charon, tmp_path):
    song = write_song(tmp_path / "song.flac", noise(QUARTER_FRAMES), subtype="PCM_16")
    told = charon("separate", song, "-o", "out", "--format", "flac", "--model", "quarter", "--json")
    stems = {name: tmp_path / path for name, path in told.songs[0]["stems"].items()}
    assert soundfile.info(stems["vocals"]).subtype == "PCM_24"
    x = soundfile.read(song, dtype="float64")[0].T
    written = read_files({name: str(path) for name, path in stems.items()})
    assert energy_ratio_db(x, x - written["vocals"].astype(np.float64) - written["accompaniment"]) >= 130
