"""What a long list is scrolled by: numbers in order, pages of them, and how much there is."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import JobCancelled, ParameterError
from engine.services import library_schema
from engine.services.library import Library
from engine.services.library_folders import KnownFolder, begin_folders, finish_folders, known_folders
from engine.services.library_listing import SORT_KEYS
from engine.services.library_records import AnalysisRecord, FileState, Overview, SongRecord
from engine.services.library_scan import ScanProgress, scan_folders
from tests.services.conftest import noise, write_song

QUICK = "tests.services.library_analysers:quick"
STATE = FileState(1, 1, 1)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Forty songs whose numbers, lengths, tempos and keys are in no common order; two have no tempo."""
    with Library(tmp_path / "library.db") as library:
        chance = np.random.default_rng(3)
        for i in chance.permutation(40):
            tags = {"artist": f"Ärtist {i % 7}", "album": f"100% album_{i % 3}"}
            song = SongRecord(f"{i:064x}", f"Song {chance.permutation(40)[i]}", 60.0 + i, 44_100, 2, tags)
            tempo_bpm = None if i < 2 else float(chance.uniform(60, 180))
            analysis = AnalysisRecord(1, tempo_bpm, "A minor", -14.0 - i, np.zeros(25, np.float32), {})
            library.put_song(Path(os.path.abspath(f"{i}.wav")), STATE, song, analysis)
        yield library


@pytest.mark.parametrize("sort", list(SORT_KEYS))
@pytest.mark.parametrize("descending", [False, True])
def test_numbers_and_songs_come_in_the_same_order(library: Library, sort: str, descending: bool):
    for search in ("", "ÄRTIST 3", "100% song"):
        ids = library.song_ids(search, sort=sort, descending=descending)
        songs = library.songs(search, sort=sort, descending=descending)
        assert ids.dtype == np.int64
        assert ids.tolist() == [song.song_id for song in songs]
    assert len(library.song_ids()) == 40
    assert 0 < len(library.song_ids("ÄRTIST 3")) < 40


def test_what_is_searched_for_is_taken_literally(library: Library):
    assert len(library.song_ids("100%")) == 40
    assert len(library.song_ids("1%album")) == 0
    assert len(library.song_ids("album_1")) == 13
    assert len(library.song_ids("m_1 ärtist")) == 13
    assert library.song_ids("nothing like it").shape == (0,)


def test_an_unknown_order_is_refused(library: Library):
    with pytest.raises(ParameterError, match="cannot be sorted by 'colour'"):
        library.song_ids(sort="colour")


def test_a_page_of_numbers_gives_its_songs(library: Library):
    ids = library.song_ids(sort="tempo")
    page = library.songs_of(ids[10:20].tolist())
    assert [song.song_id for song in page] == ids[10:20].tolist()


def test_how_much_there_is(library: Library):
    duration_s = float(sum(60 + i for i in range(40)))
    assert library.overview() == Overview(40, duration_s, 0, 0)
    first = library.songs(limit=2)
    library.forget_paths([path for song in first for path in song.paths])
    library.put_failure(Path(os.path.abspath("b.mp3")), FileState(1, 1, 1, "it is empty"))
    library.put_failure(Path(os.path.abspath("a.mp3")), FileState(1, 1, 1, "it holds no sound"))
    assert library.overview() == Overview(40, duration_s, 2, 2)
    assert library.failures() == [
        (Path(os.path.abspath("a.mp3")), "it holds no sound"),
        (Path(os.path.abspath("b.mp3")), "it is empty"),
    ]


def test_what_was_analysed_of_a_song(library: Library):
    song = library.songs(limit=1)[0]
    assert library.sources(song.song_id) == ("song",)
    for stem in ("vocals", "drums"):
        stem_of = AnalysisRecord(1, None, None, None, np.zeros(25, np.float32), {}, source=stem)
        library.put_analysis(song.song_id, stem_of)
    assert library.sources(song.song_id) == ("song", "drums", "vocals")
    assert library.sources(10_000) == ()


def test_a_song_is_known_by_its_path(library: Library):
    song = library.songs(limit=1)[0]
    assert library.id_at(song.paths[0]) == song.song_id
    assert library.id_at(Path(os.path.abspath("elsewhere.wav"))) is None


def test_scanned_folders_are_known_and_unfinished_until_the_end(tmp_path: Path):
    music = tmp_path / "music"
    music.mkdir()
    for i in range(3):
        write_song(music / f"{i}.wav", noise(20_000, seed=i), subtype=None)

    def stop(progress: ScanProgress) -> None:
        if progress.done == 1:
            raise JobCancelled("enough")

    with Library(tmp_path / "library.db") as library:
        assert known_folders(library) == []
        with pytest.raises(JobCancelled):
            scan_folders(library, [music], analyser=QUICK, processes=1, progress=stop)
        assert known_folders(library) == [KnownFolder(music, None)]
        scan_folders(library, [music, music / "0.wav"], analyser=QUICK, processes=1)
        (known,) = known_folders(library)
        assert known.path == music
        assert known.finished_s == pytest.approx(time.time(), abs=60.0)


def test_a_library_of_the_first_version_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "library.db"
    with monkeypatch.context() as first:
        first.setattr(library_schema, "MIGRATIONS", library_schema.MIGRATIONS[:1])
        first.setattr(library_schema, "SCHEMA_VERSION", 1)
        with Library(file) as library:
            library.put_failure(Path(os.path.abspath("a.mp3")), FileState(1, 1, 1, "it is empty"))
    with Library(file) as library:
        begin_folders(library, [tmp_path, tmp_path / "gone"])
        assert known_folders(library) == [KnownFolder(tmp_path, None)]
        finish_folders(library, [tmp_path])
        assert library.failures() == [(Path(os.path.abspath("a.mp3")), "it is empty")]
