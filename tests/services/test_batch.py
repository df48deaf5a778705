"""Batches on real processes and a real Dask cluster, some of which are killed with -9 in mid-work."""

import functools
import http.server
import json
import os
import signal
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.errors import BatchError, DecodeError, EncodeError, JobCancelled, ModelMissing, ParameterError
from engine.io.home import Home
from engine.io.song_address import is_url, local_song, result_name, shown, song_addresses, song_stamp
from engine.services.analysis import analyse_song
from engine.services.batch import (
    Analysing,
    BatchProgress,
    BatchReport,
    Separating,
    open_hands,
    run_batch,
)
from engine.services.crew import Crew
from tests.services.cluster import Cluster
from tests.services.conftest import REPOSITORY, command_line, environment, noise, read_files, write_song

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def cluster(home: Home, tmp_path_factory) -> Iterator[Cluster]:
    """Two workers that nobody kills."""
    with Cluster(tmp_path_factory.mktemp("cluster"), home.root, 2) as cluster:
        yield cluster


@pytest.fixture
def doomed_cluster(home: Home, tmp_path: Path) -> Iterator[Cluster]:
    """Two workers, one of which a test kills."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    with Cluster(folder, home.root, 2) as cluster:
        yield cluster


@pytest.fixture
def songs(tmp_path: Path) -> list[str]:
    """Six songs of different length and sound."""
    folder = tmp_path / "songs"
    folder.mkdir()
    return [
        str(write_song(folder / f"song {i}.wav", tune(i, 2.0 + i), RATE_HZ, subtype=None)) for i in range(6)
    ]


def tune(seed: int, length_s: float) -> np.ndarray:
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    tone = 0.2 * np.sin(2.0 * np.pi * 110.0 * 2.0 ** (seed / 12.0) * t)
    return (tone + noise(t.size, seed=seed) * (t * 2.0 % 1.0 < 0.1)).astype(np.float32)


def run(
    addresses: list[str],
    doing: Analysing | Separating,
    folder: Path,
    *,
    progress: Callable[[BatchProgress], None] = lambda now: None,
    processes: int | None = None,
    cluster: str | None = None,
) -> BatchReport:
    with open_hands(doing, len(addresses), processes=processes, cluster=cluster) as hands:
        return run_batch(addresses, doing, folder, hands, progress)


def results(report: BatchReport) -> list[dict]:
    assert all(song.file is not None for song in report.songs), report
    return [json.loads(song.file.read_text())["result"] for song in report.songs]


def expected(addresses: list[str]) -> list[dict]:
    """What one process makes of the songs, as JSON has it."""
    return [json.loads(json.dumps(analyse_song(Path(path), threads=1).to_dict())) for path in addresses]


def worker_pid(worker: str) -> int:
    return int(worker.rpartition(":")[2])


class KillOnce:
    """Kills the process that a song has come from, after the first of them."""

    def __init__(self) -> None:
        self.victim = 0
        self.done_before = 0

    def __call__(self, now: BatchProgress) -> None:
        if not self.victim and now.newest is not None:
            self.victim = worker_pid(now.newest.worker)
            self.done_before = now.done
            os.kill(self.victim, signal.SIGKILL)


# ---- on this machine


def test_many_songs_are_analysed_as_one_would_be_and_never_twice(songs: list[str], tmp_path: Path):
    report = run(songs, Analysing(), tmp_path / "out", processes=2)
    assert (report.done, report.known, report.failed) == (6, 0, 0)
    assert results(report) == expected(songs)
    assert len({song.worker for song in report.songs}) == 2
    states = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}
    assert len(states) == 6
    again = run(songs, Analysing(), tmp_path / "out")
    assert (again.done, again.known) == (0, 6)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()} == states


def test_what_has_changed_is_done_again_and_what_was_only_touched_is_not(songs: list[str], tmp_path: Path):
    run(songs[:3], Analysing(), tmp_path / "out", processes=1)
    os.utime(songs[0], (1, 1))
    write_song(Path(songs[1]), tune(9, 2.5), RATE_HZ, subtype=None)
    report = run(songs[:3], Analysing(), tmp_path / "out", processes=1)
    assert [song.state for song in report.songs] == ["known", "done", "known"]
    assert [bool(song.worker) for song in report.songs] == [True, True, False]
    assert results(report) == expected(songs[:3])
    # The touched one's new time is known now.
    assert [song.worker for song in run(songs[:3], Analysing(), tmp_path / "out").songs] == ["", "", ""]


def test_a_record_that_is_none_is_made_again(songs: list[str], tmp_path: Path):
    first = run(songs[:3], Analysing(), tmp_path / "out", processes=1)
    first.songs[0].file.write_text("{")
    first.songs[1].file.write_text('{"result": 1}')
    record = json.loads(first.songs[2].file.read_text())
    first.songs[2].file.write_text(json.dumps({**record, "settings": "analysis 0"}))
    report = run(songs[:3], Analysing(), tmp_path / "out", processes=1)
    assert report.done == 3
    assert results(report) == expected(songs[:3])


def test_songs_of_one_name_get_results_of_their_own(tmp_path: Path):
    paths = []
    for i, folder in enumerate(["a", "b"]):
        (tmp_path / folder).mkdir()
        paths.append(str(write_song(tmp_path / folder / "song.wav", tune(i, 2.0), RATE_HZ, subtype=None)))
    report = run(paths, Analysing(), tmp_path / "out", processes=1)
    assert results(report) == expected(paths)


def test_bad_songs_are_told_and_the_others_go_on(songs: list[str], tmp_path: Path):
    (tmp_path / "text.mp3").write_text("no sound")
    bad = [str(tmp_path / "missing.mp3"), str(tmp_path / "text.mp3")]
    report = run([bad[0], songs[0], bad[1]], Analysing(), tmp_path / "out", processes=1)
    assert [song.state for song in report.songs] == ["failed", "done", "failed"]
    assert all("\n" not in song.error and song.input in song.error for song in report.songs[::2])
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_process_killed_in_mid_batch_costs_nothing(songs: list[str], tmp_path: Path):
    kill = KillOnce()
    report = run(songs, Analysing(), tmp_path / "out", processes=2, progress=kill)
    assert kill.done_before < 6
    assert (report.done, report.failed) == (6, 0)
    assert results(report) == expected(songs)
    assert len({song.worker for song in report.songs}) >= 2


def test_cancelling_keeps_what_is_done_and_ends_the_processes(songs: list[str], tmp_path: Path):
    def stop(now: BatchProgress) -> None:
        if now.done == 2:
            raise JobCancelled("enough")

    with pytest.raises(JobCancelled):
        run(songs, Analysing(), tmp_path / "out", processes=1, progress=stop)
    assert not [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
    again = run(songs, Analysing(), tmp_path / "out", processes=1)
    assert (again.done, again.known) == (4, 2)


def test_parts_of_a_long_song_are_told(tmp_path: Path):
    song = str(write_song(tmp_path / "long.wav", tune(0, 150.0), RATE_HZ, subtype=None))
    parts: list[float] = []
    run([song], Analysing(), tmp_path / "out", progress=lambda now: parts.append(now.part))
    assert parts == sorted(parts)
    assert len({part for part in parts if 0.0 < part < 1.0}) >= 2


def separating(home: Home, folder: Path, model: str = "quarter", **named) -> Separating:
    return Separating(folder=str(folder), model=model, home=str(home.root), **named)


def test_stems_are_written_once_and_again_when_they_are_gone(home: Home, songs: list[str], tmp_path: Path):
    out = tmp_path / "stems"
    doing = separating(home, out)
    report = run(songs[:2], doing, out, processes=2)
    assert report.done == 2
    for path, result in zip(songs, results(report), strict=False):
        stems = read_files({name: str(out / file) for name, file in result["stems"].items()})
        song = read_files({"song": path})["song"]
        assert np.abs(stems["vocals"] - 0.25 * song).max() < 1e-6
        assert np.abs(stems["vocals"] + stems["accompaniment"] - song).max() < 1e-6
    assert run(songs[:2], doing, out).known == 2
    (out / results(report)[0]["stems"]["vocals"]).unlink()
    assert [song.state for song in run(songs[:2], doing, out).songs] == ["done", "known"]
    # Other settings: the same folders, and nothing of the old ones stays behind.
    assert run(songs[:2], separating(home, out, container="flac"), out).done == 2
    assert {file.suffix for file in out.rglob("*") if file.is_file()} == {".flac", ".json"}


def test_the_same_song_twice_at_once_is_separated_by_one_and_waited_for_by_the_other(
    home: Home, tmp_path: Path
):
    paths = [str(write_song(tmp_path / f"{name}.wav", tune(3, 8.0), RATE_HZ)) for name in "ab"]
    report = run(paths, separating(home, tmp_path / "out", "slow"), tmp_path / "out", processes=2)
    assert [song.state for song in report.songs] == ["done", "done"], report
    assert len({song.worker for song in report.songs}) == 2


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"model": "nobody"}, ModelMissing, "nobody"),
        ({"provider": "Abacus"}, Exception, "Abacus"),
        ({"container": "flac", "bits": "32f"}, ParameterError, "32"),
        ({"folder": "stems"}, ParameterError, "absolute"),
    ],
    ids=["model", "provider", "format", "folder"],
)
def test_what_would_fail_with_every_song_is_told_at_once(home, tmp_path, settings, error, words):
    with pytest.raises(error, match=words):
        open_hands(
            Separating(**{"folder": str(tmp_path), "model": "quarter", "home": str(home.root), **settings}),
            3,
        )


def test_a_folder_that_cannot_be_made_is_told(songs: list[str], tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(EncodeError, match="cannot be made"):
        run(songs, Analysing(), tmp_path / "file" / "out")


def test_processes_that_always_die_are_given_up():
    with (
        Crew("tests.services.library_analysers:dying_workshop", (), 2) as crew,
        pytest.raises(BatchError, match="end by themselves"),
    ):
        list(crew.work_through(range(40)))


# ---- addresses


def test_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "album").mkdir()
    for name in ["b.mp3", "album/a.flac", "cover.jpg"]:
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    found, failed = song_addresses([".", "b.mp3", "missing.wav", "https://x.org/a.mp3?b=c*"])
    assert found == [
        str(tmp_path / "b.mp3"),
        str(tmp_path / "album" / "a.flac"),
        str(tmp_path / "missing.wav"),
        "https://x.org/a.mp3?b=c*",
    ]
    assert failed == []
    assert not any(map(is_url, ["C:\\a.mp3", "live: take 2.mp3", "/a/b.mp3", "a.mp3"]))
    assert shown("https://me:secret@x.org/a.mp3") == "https://x.org/a.mp3"
    long = result_name(f"/music/{'ü' * 300}.wav", ".analysis.json")
    assert len(long.encode()) <= 255
    assert long.endswith(".analysis.json")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A web server of a folder `web`, and what was asked of it."""
    (tmp_path / "web").mkdir()
    asked: list[str] = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *_: object) -> None:
            asked.append(self.requestline)

    handler = functools.partial(Quiet, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_songs_by_url_are_fetched_once(server, songs: list[str], tmp_path: Path):
    url, asked = server
    (tmp_path / "web" / "one song.wav").write_bytes(Path(songs[0]).read_bytes())
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as album:
        album.write(songs[1], "disc/two.wav")
        album.write(songs[2], "disc/three.wav")
    addresses, failed = song_addresses(
        [f"{url}/one%20song.wav", f"zip://disc/*.wav::file://{tmp_path}/album.zip", f"{url}/missing.wav"]
    )
    assert failed == []
    assert len(addresses) == 4
    report = run(addresses, Analysing(), tmp_path / "out", processes=1)
    assert [song.state for song in report.songs] == ["done", "done", "done", "failed"]
    assert "is not there" in report.songs[3].error
    assert results(BatchReport(report.songs[:3], 3, 0, 0, 0.0)) == expected([songs[0], songs[2], songs[1]])
    assert {file.name.rpartition(" ")[0] for file in (tmp_path / "out").iterdir()} == {
        "one song",
        "two",
        "three",
    }
    asked.clear()
    assert run(addresses[:1], Analysing(), tmp_path / "out").known == 1
    assert [line for line in asked if line.startswith("GET")] == []


def test_a_url_that_cannot_be_read_is_one_line(server):
    url, _asked = server
    for address in [f"{url}/missing.mp3", "http://127.0.0.1:9/a.mp3", "nonsense://a/b.mp3"]:
        assert song_stamp(address) == ""
        with pytest.raises(DecodeError) as told, local_song(address):
            pass
        assert "\n" not in str(told.value)
        assert address in str(told.value)


# ---- on a cluster


def test_a_cluster_does_what_one_process_does(cluster: Cluster, songs: list[str], tmp_path: Path):
    report = run(songs, Analysing(), tmp_path / "out", cluster=cluster.address)
    assert (report.done, report.failed) == (6, 0)
    assert results(report) == expected(songs)
    assert {worker_pid(song.worker) for song in report.songs} == set(cluster.worker_pids)
    again = run(
        [*songs, str(tmp_path / "missing.mp3")], Analysing(), tmp_path / "out", cluster=cluster.address
    )
    assert (again.known, again.failed) == (6, 1)


def test_a_worker_killed_in_mid_batch_costs_nothing(
    doomed_cluster: Cluster, songs: list[str], tmp_path: Path
):
    kill = KillOnce()
    report = run(songs, Analysing(), tmp_path / "out", cluster=doomed_cluster.address, progress=kill)
    assert kill.victim in doomed_cluster.worker_pids
    assert not psutil.pid_exists(kill.victim) or psutil.Process(kill.victim).status() == "zombie"
    assert kill.done_before <= 2
    assert (report.done, report.failed) == (6, 0)
    assert results(report) == expected(songs)
    survivor = next(pid for pid in doomed_cluster.worker_pids if pid != kill.victim)
    assert survivor in {worker_pid(song.worker) for song in report.songs}


def test_a_song_whose_worker_was_killed_goes_on_where_it_was(
    doomed_cluster: Cluster, home: Home, tmp_path: Path
):
    path = str(write_song(tmp_path / "song.wav", tune(5, 26.0), RATE_HZ))
    killed: list[int] = []

    def kill(now: BatchProgress) -> None:
        if now.part > 0.2 and not killed:
            busy = [pid for pid in doomed_cluster.worker_pids if writes_stems(pid, home)]
            killed.extend(busy)
            for pid in busy:
                doomed_cluster.kill_worker(pid)

    out = tmp_path / "out"
    doing = separating(home, out, "slow")
    report = run([path], doing, out, cluster=doomed_cluster.address, progress=kill)
    assert len(killed) == 1
    assert report.done == 1, report
    result = results(report)[0]
    assert result["resumed_segments"] >= 2
    assert worker_pid(report.songs[0].worker) != killed[0]
    stems = read_files({name: str(out / file) for name, file in result["stems"].items()})
    song = read_files({"song": path})["song"]
    assert np.abs(stems["vocals"] - 0.25 * song).max() < 1e-6
    assert np.abs(stems["vocals"] + stems["accompaniment"] - song).max() < 1e-6


def writes_stems(pid: int, home: Home) -> bool:
    return any(file.path.startswith(str(home.stems)) for file in psutil.Process(pid).open_files())


def test_a_batch_taken_back_ends_in_its_worker_too(
    cluster: Cluster, home: Home, songs: list[str], tmp_path: Path
):
    path = str(write_song(tmp_path / "long.wav", tune(6, 120.0), RATE_HZ))

    def stop(now: BatchProgress) -> None:
        if now.part > 0.05:
            raise JobCancelled("enough")

    out = tmp_path / "out"
    started_s = time.monotonic()
    with pytest.raises(JobCancelled):
        run([path], separating(home, out, "slow"), out, cluster=cluster.address, progress=stop)
    until_s = time.monotonic() + 20.0
    while any(writes_stems(pid, home) for pid in cluster.worker_pids) and time.monotonic() < until_s:
        time.sleep(0.05)
    assert time.monotonic() < until_s, "the worker still separates"
    assert not [file for file in out.rglob("*") if file.is_file()]
    # And it is there for others at once.
    assert run(songs[:2], Analysing(), out, cluster=cluster.address).done == 2
    assert time.monotonic() - started_s < 40.0


def test_a_cluster_that_goes_away_is_told_and_what_is_done_is_kept(
    doomed_cluster: Cluster, songs: list[str], tmp_path: Path
):
    def kill(now: BatchProgress) -> None:
        if now.newest is not None:
            doomed_cluster.kill_scheduler()

    with pytest.raises(BatchError, match="is gone; what is done is kept"):
        run(songs, Analysing(), tmp_path / "out", cluster=doomed_cluster.address, progress=kill)
    n_kept = len(list((tmp_path / "out").iterdir()))
    assert n_kept >= 1
    assert run(songs, Analysing(), tmp_path / "out", processes=2).known == n_kept


# ---- as a user types it


def test_the_command_line(charon, songs: list[str], tmp_path: Path):
    (tmp_path / "list.txt").write_text(f"{songs[1]}\n\n{songs[2]}\n")
    told = charon("batch", "analyze", songs[0], "--list", tmp_path / "list.txt", "--json")
    assert told.code == 0, told.err
    said = json.loads(told.out)
    assert (said["done"], said["known"], said["failed"]) == (3, 0, 0)
    assert [(tmp_path / song["file"]).exists() for song in said["songs"]] == [True] * 3
    told = charon("batch", "analyze", Path(songs[0]).parent, "missing.mp3")
    assert told.code == 1
    assert len(told.error_lines) == 1
    assert "missing.mp3" in told.error_lines[0]
    assert "7 songs in analyses: 3 done, 3 known, 1 failed" in told.out


def test_separating_by_the_command_line(charon, home: Home, songs: list[str], cluster: Cluster):
    arguments = ("batch", "separate", *songs[:2], "--model", "quarter", "--dask", cluster.address, "--json")
    told = charon(*arguments)
    assert told.code == 0, told.err
    first = json.loads(told.out)
    assert first["done"] == 2
    assert json.loads(charon(*arguments).out)["known"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "no song was named"),
        (("a.mp3", "--processes", "2", "--dask", "tcp://127.0.0.1:9"), 2, "--processes"),
        (("a.mp3", "--dask", "tcp://127.0.0.1:9"), 1, "no Dask scheduler answers at tcp://127.0.0.1:9"),
        (("a.mp3", "--dask", "nonsense"), 1, "is no address of a Dask scheduler"),
        (("a.mp3", "--list", "missing.txt"), 2, "missing.txt"),
    ],
)
def test_wrong_usage_is_one_line(charon, arguments, code, words):
    told = charon("batch", "analyze", *arguments)
    assert told.code == code
    assert len(told.error_lines) == 1
    assert words in told.error_lines[0]


def test_workers_without_the_model_are_told_before_any_song(charon, songs: list[str], cluster: Cluster):
    told = charon("batch", "separate", *songs, "--model", "nobody", "--dask", cluster.address)
    assert told.code == 1
    assert len(told.error_lines) == 1
    assert "nobody" in told.error_lines[0]
    assert "cannot do this" in told.error_lines[0]


def test_a_cluster_without_workers_is_told(charon, songs: list[str], home: Home, tmp_path: Path):
    with Cluster(tmp_path, home.root, 0) as empty:
        told = charon("batch", "analyze", *songs, "--dask", empty.address)
    assert told.code == 1
    assert "has no worker" in told.error_lines[0]


def test_ctrl_c_is_130_and_a_second_run_goes_on(home: Home, songs: list[str], tmp_path: Path):
    path = write_song(tmp_path / "long.wav", tune(8, 20.0), RATE_HZ)
    command = command_line("batch", "separate", path, "--model", "slow", "-o", tmp_path / "out", "--json")
    settings = {**environment(home), "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        command, env=settings, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until_s = time.monotonic() + 60.0
    while time.monotonic() < until_s and not any(
        ready.read_bytes().count(1) > 3
        for ready in home.stems.glob("*/ready.u8")
        if ready.stat().st_mtime > path.stat().st_mtime
    ):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _out, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert not [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    done = subprocess.run(command, env=settings, cwd=tmp_path, capture_output=True, text=True, check=True)
    song = json.loads(done.stdout)["songs"][0]
    assert json.loads(Path(song["file"]).read_text())["result"]["resumed_segments"] > 0
