"""What a long list is scrolled by: numbers in order, pages of them, and how much there is."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.services.library import Library
from engine.services.library_listing import SORT_KEYS
from engine.services.library_records import AnalysisRecord, FileState, Overview, SongRecord

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
