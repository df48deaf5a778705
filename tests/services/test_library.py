"""The library and its scans, on real files, real processes and real (small) disks."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.errors import JobCancelled, LibraryError, ParameterError
from engine.io.home import Home
from engine.services import library_schema
from engine.services.library import Library, library_file
from engine.services.library_records import AnalysisRecord, FileState, SongRecord
from engine.services.library_scan import ScanReport, scan_folders
from engine.services.library_sounds import all_moments, song_moments, song_sounds
from engine.services.song_similarity import similar_songs, standardise
from tests.services.conftest import REPOSITORY, environment, noise, write_song

QUICK = "tests.services.library_analysers:quick"
SLOW = "tests.services.library_analysers:slow"
DEADLY = "tests.services.library_analysers:deadly"
NOT_A_NUMBER = "tests.services.library_analysers:not_a_number"
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "home" / "library.db") as library:
        yield library


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Five songs, two of them in folders below, and what is no song."""
    folder = tmp_path / "music"
    for i, name in enumerate(["a.wav", "b.flac", "album/c.wav", "album/live/d.wav", "e.ogg"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_song(folder / name, noise(20_000, seed=i), subtype=None)
    (folder / "cover.jpg").write_bytes(b"\xff\xd8")
    (folder / ".hidden.wav").write_bytes(b"")
    return folder


def scan(library: Library, *folders: Path, analyser: str = QUICK, processes: int = 1, **named) -> ScanReport:
    return scan_folders(library, folders, analyser=analyser, processes=processes, **named)


def names(library: Library) -> list[str]:
    return [song.title for song in library.songs()]


def is_whole(library: Library) -> bool:
    with contextlib.closing(sqlite3.connect(library.file)) as db:
        return (
            db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            and not db.execute("PRAGMA foreign_key_check").fetchall()
        )


def wait_until(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


# -- scanning


def test_a_folder_is_taken_in_and_then_left_as_it_is(library: Library, music: Path):
    seen = []
    report = scan(library, music, processes=2, progress=seen.append)
    assert (report.found, report.added, report.analysed, report.failed) == (5, 5, 5, ())
    assert seen[-1].done == seen[-1].total == 5
    assert names(library) == ["a", "b", "c", "d", "e"]
    again = scan(library, music)
    assert (again.found, again.unchanged, again.analysed) == (5, 5, 0)
    assert names(library) == ["a", "b", "c", "d", "e"]


def test_a_moved_song_keeps_its_number_and_is_not_analysed_again(library: Library, music: Path):
    scan(library, music)
    before = library.find(str(music / "a.wav"))
    (music / "a.wav").rename(music / "album" / "renamed.wav")
    report = scan(library, music)
    assert (report.moved, report.analysed, report.missing, report.unchanged) == (1, 0, 0, 4)
    after = library.find(str(music / "album" / "renamed.wav"))
    assert after == replace(before, paths=(music / "album" / "renamed.wav",))


def test_a_whole_folder_that_moved_is_found_again(library: Library, music: Path):
    scan(library, music)
    moved = music.rename(music.parent / "elsewhere")
    report = scan(library, moved)
    assert (report.moved, report.analysed, report.found) == (5, 0, 5)
    assert all(len(song.paths) == 1 and song.paths[0].is_relative_to(moved) for song in library.songs())


def test_a_copy_is_another_place_of_one_song(library: Library, music: Path):
    scan(library, music)
    (music / "copy.wav").write_bytes((music / "a.wav").read_bytes())
    report = scan(library, music)
    assert (report.copies, report.analysed) == (1, 0)
    assert library.find("a").paths == (music / "a.wav", music / "copy.wav")
    (music / "a.wav").unlink()
    assert scan(library, music).missing == 1
    assert library.find("a").paths == (music / "copy.wav",)


def test_a_changed_song_takes_the_place_of_the_old_one(library: Library, music: Path):
    scan(library, music)
    old = library.find("a")
    write_song(music / "a.wav", noise(30_000, seed=77))
    report = scan(library, music)
    assert (report.changed, report.analysed, report.unchanged) == (1, 1, 4)
    new = library.find(str(music / "a.wav"))
    assert new.content_hash != old.content_hash
    assert len(library.songs()) == 5


def test_a_touched_song_is_hashed_and_nothing_more(library: Library, music: Path):
    scan(library, music)
    os.utime(music / "a.wav", (1, 1))
    assert scan(library, music).analysed == 0
    assert scan(library, music).unchanged == 5


def test_a_song_whose_file_is_gone_stays_until_it_comes_back(library: Library, music: Path):
    scan(library, music)
    kept = (music / "b.flac").read_bytes()
    (music / "b.flac").unlink()
    assert scan(library, music).missing == 1
    assert library.find("b").paths == ()
    (music / "back.flac").write_bytes(kept)
    report = scan(library, music)
    assert (report.moved, report.analysed) == (1, 0)
    assert library.find("b").paths == (music / "back.flac",)


def test_a_disk_that_is_not_there_takes_nothing_with_it(library: Library, music: Path):
    scan(library, music)
    away = music.rename(music.parent / "unplugged")
    report = scan(library, music)
    assert report.found == 0
    assert [path for path, _ in report.failed] == [music]
    assert all(song.paths for song in library.songs())
    away.rename(music)
    assert scan(library, music).unchanged == 5


def test_new_formulas_analyse_everything_once(library: Library, music: Path):
    scan(library, music)
    # As after an update: what the data base holds is older than the analyser.
    with contextlib.closing(sqlite3.connect(library.file)) as db:
        db.execute("UPDATE analyses SET version = 0")
        db.execute("UPDATE paths SET version = 0")
        db.commit()
    assert scan(library, music).analysed == 5
    assert scan(library, music).unchanged == 5


def test_one_bad_file_never_stops_it(library: Library, music: Path):
    (music / "0 text.mp3").write_text("this is a shopping list\n" * 200)
    (music / "0 empty.wav").touch()
    write_song(music / "0 deadly.wav", noise(1000, seed=50))
    write_song(music / "0 odd.wav", noise(1000, seed=51))
    report = scan(library, music, analyser=DEADLY)
    assert (report.found, report.added) == (9, 5)
    reasons = {path.name: reason for path, reason in report.failed}
    assert set(reasons) == {"0 text.mp3", "0 empty.wav", "0 deadly.wav", "0 odd.wav"}
    assert "exit code -9" in reasons["0 deadly.wav"]
    assert "ZeroDivisionError" in reasons["0 odd.wav"]
    assert all(reason and "\n" not in reason for reason in reasons.values())
    # What was read to its end is not tried again, and repaired files are.
    write_song(music / "0 empty.wav", noise(1000, seed=52))
    again = scan(library, music, analyser=QUICK)
    assert {path.name for path, _ in again.failed} == {"0 text.mp3", "0 odd.wav"}
    assert (again.added, again.unchanged) == (2, 5)


def test_names_that_are_no_text_are_kept(library: Library, tmp_path: Path):
    folder = os.fsencode(tmp_path / "music")
    os.mkdir(folder)
    path = Path(os.fsdecode(folder + b"/caf\xe9 \xf0\x9f\x8e\xb5.wav"))
    write_song(tmp_path / "plain.wav", noise(5000)).rename(path)
    assert scan(library, tmp_path / "music").added == 1
    assert scan(library, tmp_path / "music").unchanged == 1
    (song,) = library.songs()
    assert song.paths == (path,)
    assert library.find(str(path)) == song
    assert song.title.startswith("caf")


def test_links_that_lead_back_up_end(library: Library, music: Path):
    (music / "album" / "again").symlink_to(music, target_is_directory=True)
    report = scan(library, music)
    assert report.found == 5
    assert scan(library, music).unchanged == report.found


def test_cancelling_keeps_what_is_finished_and_ends_the_processes(library: Library, music: Path):
    def stop_after_two(now):
        if now.done == 2:
            raise JobCancelled("enough")

    with pytest.raises(JobCancelled):
        scan(library, music, analyser=SLOW, progress=stop_after_two)
    assert len(library.songs()) == 2
    assert [
        p for p in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(p.cmdline())
    ] == []
    assert scan(library, music).analysed == 3


def test_a_scan_gives_way_to_music(library: Library, music: Path):
    priorities: set[int] = set()

    def look(_now) -> None:
        priorities.update(process.nice() for process in psutil.Process().children())

    before = psutil.Process().nice()
    scan(library, music, analyser=SLOW, progress=look)
    lower = psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else before + 10
    assert lower in priorities
    assert psutil.Process().nice() == before


def test_kill_9_in_mid_scan_and_resume(tmp_path: Path):
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(40):
        write_song(folder / f"{i:02d}.wav", noise(4000, seed=i))
    file = tmp_path / "home" / "library.db"
    program = (
        "import sys; from pathlib import Path\n"
        "from engine.services.library import Library\n"
        "from engine.services.library_scan import scan_folders\n"
        "if __name__ == '__main__':\n"
        f"    scan_folders(Library(Path(sys.argv[1])), [Path(sys.argv[2])], processes=2, analyser={SLOW!r})\n"
    )
    (tmp_path / "scan.py").write_text(program)
    command = [sys.executable, str(tmp_path / "scan.py"), str(file), str(folder)]
    settings = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(command, env=settings, stderr=subprocess.PIPE)
    with Library(file) as library:
        wait_until(lambda: len(library.songs()) >= 5 or process.poll() is not None, 60)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        _out, told = process.communicate()
        assert process.returncode == -signal.SIGKILL, told
        n_done = len(library.songs())
        assert 5 <= n_done < 40
        assert len(children) >= 2
        wait_until(lambda: not any(map(runs, children)), 10)
        assert is_whole(library)
        report = scan(library, folder, processes=2)
        assert (report.unchanged, report.analysed, report.failed) == (n_done, 40 - n_done, ())
        assert len(library.songs()) == 40


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=777", "charon-test", str(folder)]
    subprocess.run([*AS_ROOT, *mount], check=True)
    yield folder
    subprocess.run([*AS_ROOT, "umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_one_clear_line_and_costs_nothing(small_disk: Path, music: Path):
    file = small_disk / "library.db"
    with Library(file) as library:
        scan(library, music / "album")
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as full, contextlib.suppress(OSError):
            while full.write(bytes(4096)):
                pass
        with pytest.raises(LibraryError, match="is full: free some space") as told:
            put_many(library)
        assert "\n" not in str(told.value)
        kept = len(library.songs())
        assert {"c", "d"} <= set(names(library))
        assert library.songs(limit=1)  # reading goes on
        filler.unlink()
        assert len(library.songs()) == kept
        assert scan(library, music).added == 3
        assert is_whole(library)


def test_a_library_on_a_disk_that_was_full_from_the_start(small_disk: Path):
    with (small_disk / "filler").open("wb", buffering=0) as full, contextlib.suppress(OSError):
        while full.write(bytes(4096)):
            pass
    with pytest.raises(LibraryError, match="is full"):
        Library(small_disk / "library.db")


# -- the data base


def record(i: int) -> SongRecord:
    tags = {"artist": f"Artist {i % 3}", "album": "Übermut", "title": f"Song {i}"}
    return SongRecord(f"{i:064x}", f"Song {i}", 60.0 + i, 44_100, 2, tags)


def analysis(i: int, **changes) -> AnalysisRecord:
    numbers = np.random.default_rng(i).standard_normal(25).astype(np.float32)
    return AnalysisRecord(1, 100.0 + i, "C major", -14.0, numbers, {"i": i, "beats_s": [0.5]}, **changes)


def put_many(library: Library) -> None:
    for i in range(200):  # what SQLite has reserved already may still take some
        put(library, i)


def put(library: Library, i: int) -> int:
    library.put_song(Path(f"/music/{i}.wav"), FileState(1, 2, 1), record(i), analysis(i))
    return library.find(f"{i:064x}").song_id


def test_songs_are_searched_and_sorted(library: Library):
    for i in range(12):
        put(library, i)
    assert len(library.songs()) == 12
    assert [song.title for song in library.songs("7 ARTIST")] == ["Song 7"]
    assert len(library.songs("ÜBERMUT song artist")) == 12
    assert library.songs("100%") == library.songs("_") == library.songs("\\") == []
    assert library.songs(sort="tempo", descending=True)[0].title == "Song 11"
    assert [song.title for song in library.songs(sort="duration", limit=2)] == ["Song 0", "Song 1"]
    with pytest.raises(ParameterError, match=r"'colour'.*title"):
        library.songs(sort="colour")


def test_a_song_is_found_in_many_ways_and_only_when_it_is_one(library: Library):
    ids = [put(library, i) for i in range(12)]
    assert library.find("/music/7.wav").title == "Song 7"
    assert library.find(str(ids[7])).title == "Song 7"
    assert library.find("song 7").title == "Song 7"
    assert library.find("song 1").title == "Song 1"  # exactly, though 10 and 11 begin so
    with pytest.raises(LibraryError, match="more than one song"):
        library.find("song")
    with pytest.raises(LibraryError, match="not in the library"):
        library.find("a song nobody has")


def test_what_is_removed_takes_everything_of_it_along(library: Library):
    song_id = put(library, 1)
    moments = np.arange(16, dtype=np.float32).reshape(2, 8)
    library.put_analysis(song_id, replace(analysis(1, source="drums"), moments=moments))
    assert library.tags(song_id)["album"] == "Übermut"
    assert library.measures(song_id) == {"i": 1, "beats_s": [0.5]}
    assert np.array_equal(song_moments(library, song_id, "drums"), moments)
    library.remove(song_id)
    with contextlib.closing(sqlite3.connect(library.file)) as db:
        for table in ("songs", "paths", "tags", "analyses", "segments"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608
    with pytest.raises(LibraryError, match="not in the library"):
        library.remove(song_id)


def test_a_new_analysis_takes_the_segments_of_the_old_one_along(library: Library):
    song_id = put(library, 1)
    library.put_analysis(song_id, replace(analysis(1), moments=np.ones((3, 8), np.float32)))
    assert song_moments(library, song_id).shape == (3, 8)
    library.put_analysis(song_id, analysis(2))
    assert song_moments(library, song_id).shape[0] == 0
    assert list(all_moments(library)) == []


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_no_number_that_is_none_gets_in(library: Library, bad: float):
    with pytest.raises(ParameterError):
        replace(analysis(1), tempo_bpm=bad)
    with pytest.raises(ParameterError):
        replace(analysis(1), fingerprint=np.full(25, bad, np.float32))
    with pytest.raises(ParameterError):
        replace(analysis(1), measures={"nested": [{"x": bad}]})
    with pytest.raises(ParameterError):
        replace(analysis(1), moments=np.full((1, 3), bad, np.float32))
    with pytest.raises(ParameterError):
        replace(analysis(1), portrait=np.full(3, bad, np.float32))


def test_an_analyser_that_gives_nan_fails_its_file_only(library: Library, music: Path):
    write_song(music / "nan.wav", noise(1000, seed=60))
    write_song(music / "infinite.wav", noise(1000, seed=61))
    report = scan(library, music, analyser=NOT_A_NUMBER)
    assert {path.name for path, _ in report.failed} == {"nan.wav", "infinite.wav"}
    assert report.added == 5
    assert np.all(np.isfinite(song_sounds(library).fingerprints))


def test_odd_sounds_are_numbers_in_the_data_base(library: Library, tmp_path: Path):
    folder = tmp_path / "odd"
    folder.mkdir()
    click = np.zeros((2, 44_100), np.float32)
    click[:, 20_000] = 1.0
    sounds = {
        "silence": np.zeros((2, 44_100), np.float32),
        "dc": np.full((2, 44_100), 0.5, np.float32),
        "click": click,
        "one frame": np.full((2, 1), 0.5, np.float32),
        "a tenth": noise(4410),
        "noise": noise(10 * 44_100),
    }
    for name, x in sounds.items():
        write_song(folder / f"{name}.wav", x)
    report = scan_folders(library, [folder], processes=2)  # by the real analysis
    assert report.added + len(report.failed) == len(sounds)
    assert all(reason for _, reason in report.failed)
    sounds = song_sounds(library)
    ids, points = sounds.song_ids, sounds.fingerprints
    assert points.shape == (report.added, 25)
    assert np.all(np.isfinite(points))
    for song_id in ids.tolist():
        json.dumps(library.measures(song_id), allow_nan=False)
    with contextlib.closing(sqlite3.connect(library.file)) as db:
        for (text,) in db.execute("SELECT measures FROM analyses"):
            assert "NaN" not in text
            assert "Infinity" not in text


def test_threads_read_while_a_scan_writes(library: Library, music: Path):
    stop = threading.Event()
    wrong: list[Exception] = []

    def read():
        try:
            while not stop.is_set():
                songs = library.songs()
                assert all(song.paths and song.tempo_bpm == 120.0 for song in songs)
        except (AssertionError, LibraryError) as err:
            wrong.append(err)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    report = scan(library, music, processes=2)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert report.added == 5


def test_a_library_without_tables_is_brought_up_to_date_once(tmp_path: Path):
    file = tmp_path / "library.db"
    sqlite3.connect(file).close()
    barrier, wrong = threading.Barrier(4), []

    def start():
        barrier.wait()
        try:
            with Library(file) as library:
                assert library.songs() == []
        except (AssertionError, LibraryError) as err:
            wrong.append(err)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_update_that_fails_leaves_the_old_library(library: Library, monkeypatch):
    song_id = put(library, 1)
    library.close()
    scripts = (*library_schema.MIGRATIONS, "ALTER TABLE songs ADD COLUMN mood TEXT; DROP TABLE nothing")
    monkeypatch.setattr(library_schema, "MIGRATIONS", scripts)
    monkeypatch.setattr(library_schema, "SCHEMA_VERSION", len(scripts))
    with pytest.raises(LibraryError, match="nothing"):
        Library(library.file)
    scripts = (*scripts[:-1], "ALTER TABLE songs ADD COLUMN mood TEXT")
    monkeypatch.setattr(library_schema, "MIGRATIONS", scripts)
    with Library(library.file) as newer:
        assert newer.find("Song 1").song_id == song_id
    monkeypatch.undo()
    with pytest.raises(LibraryError, match="newer Charon"):
        Library(library.file)


def test_what_is_no_library_is_said(tmp_path: Path):
    (tmp_path / "library.db").write_text("this is a shopping list\n" * 200)
    with pytest.raises(LibraryError, match=r"damaged.*move it away"):
        Library(tmp_path / "library.db")
    (tmp_path / "file").touch()
    with pytest.raises(LibraryError, match="cannot be made"):
        Library(tmp_path / "file" / "library.db")


# -- similarity


def test_standardised_numbers_weigh_the_same_and_equal_ones_nothing():
    points = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    points *= np.array([1e-6, 1.0, 1e6], np.float32)
    points = np.concatenate([points, np.full((200, 1), 0.1, np.float32)], axis=1)
    x = standardise(points)
    np.testing.assert_allclose(x[:, :3].std(axis=0), 1.0, atol=0.02)
    assert np.all(x[:, 3] == 0)
    assert np.all(np.isfinite(standardise(points[:1])))
    assert standardise(points[:0]).shape == (0, 4)


def test_the_song_nearest_by_fingerprint_comes_first(library: Library):
    for i in range(30):
        put(library, i)
    near = replace(analysis(7), fingerprint=analysis(7).fingerprint + np.float32(0.01))
    library.put_song(Path("/music/near.wav"), FileState(1, 2, 1), record(99), near)
    asked = library.find("Song 7")
    found = similar_songs(library, asked.song_id, 5)
    assert len(found) == 5
    assert found[0].song.title == "Song 99"
    assert asked.song_id not in [other.song.song_id for other in found]
    assert [other.distance for other in found] == sorted(other.distance for other in found)
    with pytest.raises(LibraryError, match="drums of song"):
        similar_songs(library, asked.song_id, source="drums")
    for i in (1, 2, 3):
        library.put_analysis(library.find(f"Song {i}").song_id, analysis(i, source="drums"))
    song_id = library.find("Song 2").song_id
    assert {other.song.title for other in similar_songs(library, song_id, source="drums")} == {
        "Song 1",
        "Song 3",
    }


# -- the command line


def test_the_commands(charon, tmp_path: Path, music: Path):
    home = tmp_path / "own home"
    (music / "bad.mp3").write_text("no music")
    added = charon("library", "add", music, "--json", home_root=home)
    assert added.code == 0, added.err
    told = json.loads(added.out)
    assert (told["found"], told["added"]) == (6, 5)
    assert [Path(item["path"]).name for item in told["failed"]] == ["bad.mp3"]
    assert (home / "library.db").exists()

    again = charon("library", "add", music, home_root=home)
    assert "5 known already" in again.out
    assert len(again.warning_lines) == 1

    listed = charon("library", "list", "--sort", "title", "--json", home_root=home).songs
    assert [song["title"] for song in listed] == ["a", "b", "c", "d", "e"]
    assert {"tempo_bpm", "key", "lufs", "paths", "duration_s"} <= set(listed[0])
    assert str(music / "a.wav") in charon("library", "list", home_root=home).out

    near = json.loads(charon("library", "similar", music / "a.wav", "-n", 2, "--json", home_root=home).out)
    assert near["song"]["title"] == "a"
    assert len(near["similar"]) == 2
    assert near["similar"][0]["distance"] <= near["similar"][1]["distance"]
    assert near["similar"][0]["song"]["title"] != "a"

    gone = charon("library", "remove", "b", "--json", home_root=home)
    assert json.loads(gone.out)["removed"]["title"] == "b"
    assert (music / "b.flac").exists()
    unknown = charon("library", "similar", "b", home_root=home)
    assert (unknown.code, len(unknown.error_lines)) == (1, 1)
    assert charon("library", "add", tmp_path / "nowhere", home_root=home).code == 2
    for name in ("add", "list", "similar", "remove"):
        assert "Example: charon library" in charon("library", name, "--help").out


def test_ctrl_c_stops_a_scan_and_the_next_goes_on(tmp_path: Path):
    folder, home = tmp_path / "many", Home(tmp_path / "home")
    folder.mkdir()
    for i in range(30):
        write_song(folder / f"{i:02d}.wav", noise(10 * 44_100, seed=i))
    command = [sys.executable, "-m", "app", "library", "add", str(folder), "--processes", "1"]
    settings = {**environment(home), "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(command, env=settings, stderr=subprocess.PIPE, text=True)
    with Library(library_file(home)) as library:
        wait_until(lambda: len(library.songs()) >= 2 or process.poll() is not None, 60)
        process.send_signal(signal.SIGINT)
        _out, told = process.communicate(timeout=20)
        assert (process.returncode, told.strip()) == (130, "charon: cancelled")
        n_done = len(library.songs())
        assert 2 <= n_done < 30
        assert is_whole(library)
