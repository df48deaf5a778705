"""The library in the window: found by letters, by figures and by sound; never in the way of anything else."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.desktop import Desktop
from app.jobs import JobPool
from app.library_columns import NAMES, fitting_widths
from app.library_keeper import LibraryKeeper
from app.library_model import KEPT_ROWS, SONGS_MIME, LibraryModel, LibraryRole, LibraryRow
from app.library_scans import LibraryScans, ScanNews, ScanState
from app.library_steps import steps_between
from app.panels.library import LibraryPanel
from app.song_words import key_text, loudness_text, note_names, tempo_text
from engine.services.library import Library, library_file
from engine.services.library_records import AnalysisRecord, FileState, Song, SongRecord
from tests.gui.test_main_path import play
from tests.services.conftest import noise, write_song

QUICK = "tests.services.library_analysers:quick"
SLOW = "tests.services.library_analysers:slow"
N_SONGS = 240
WORDS = ("Amber", "Falcon", "River", "Night", "Glass", "Winter", "Öde")


@dataclass
class Shelf:
    """A panel on a library of its own."""

    library: Library
    music: Path
    model: LibraryModel
    keeper: LibraryKeeper
    scans: LibraryScans
    panel: LibraryPanel

    def titles(self) -> list[str | None]:
        return [self.model.index(row, 0).data() for row in range(self.model.rowCount())]


def put(library: Library, number: int, path: Path, **figures: Any) -> None:
    """A song whose sound is told by its number."""
    chance = np.random.default_rng(number)
    title = f"{WORDS[number % 7]} {number:04}"
    song = SongRecord(f"{number:064x}", title, 60.0 + number, 44_100, 2, {"artist": f"Band {number % 5}"})
    values: dict[str, Any] = {"tempo_bpm": 60.0 + number % 97, "key": "F# minor", "lufs": -10.0 - number % 9}
    values |= figures
    print_ = chance.normal(number % 7, 0.1, 25).astype(np.float32)
    library.put_song(
        path, FileState(1, 1, 1), song, AnalysisRecord(1, **values, fingerprint=print_, measures={})
    )


@contextmanager
def made(qtbot: QtBot, folder: Path, n_songs: int, analyser: str = QUICK) -> Generator[Shelf]:
    music = folder / "music"
    music.mkdir()
    library = Library(folder / "library.db")
    for number in range(n_songs):
        (music / f"{number}.wav").touch()
        put(library, number, music / f"{number}.wav")
    pool = JobPool(n_threads=3)
    model = LibraryModel()
    keeper = LibraryKeeper(folder / "library.db", model, pool)
    scans = LibraryScans(keeper.library, pool, analyser)
    panel = LibraryPanel(model, keeper, scans)
    panel.resize(256, 600)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    shelf = Shelf(library, music, model, keeper, scans, panel)
    with qtbot.waitSignal(keeper.listed):
        panel.set_look("title", False, ())
    yield shelf
    keeper.close()
    library.close()


@pytest.fixture
def shelf(qtbot: QtBot, tmp_path: Path) -> Iterator[Shelf]:
    """Two hundred and forty songs."""
    with made(qtbot, tmp_path, N_SONGS) as shelf:
        yield shelf


@pytest.fixture
def bare(qtbot: QtBot, tmp_path: Path) -> Iterator[Shelf]:
    """None."""
    with made(qtbot, tmp_path, 0) as shelf:
        yield shelf


def see(qtbot: QtBot, shelf: Shelf, first: str) -> None:
    """Wait until a song is the first of the list, and has been read."""
    qtbot.waitUntil(lambda: shelf.model.rowCount() > 0 and shelf.model.index(0, 0).data() == first)


def opened(shelf: Shelf) -> list[tuple[list[str], bool]]:
    said: list[tuple[list[str], bool]] = []

    def hear(paths: list[Path], queue: bool) -> None:
        said.append(([path.stem for path in paths], queue))

    shelf.keeper.opened.connect(hear)
    return said


# --- rows ------------------------------------------------------------------------------------------


def test_songs_are_listed_with_their_figures(qtbot: QtBot, shelf: Shelf) -> None:
    see(qtbot, shelf, "Amber 0000")
    row = [shelf.model.index(0, column).data() for column in range(len(NAMES))]
    assert row[:7] == ["Amber 0000", "Band 0", "", "60.0", "F♯ min", "1:00", "-10.0"]
    assert shelf.model.rowCount() == N_SONGS
    story = shelf.model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert str(shelf.music / "0.wav") in story
    assert "BPM 60.0" in story


@pytest.mark.parametrize("seed", range(3))
def test_any_list_may_follow_any_other(qapp: QApplication, seed: int) -> None:
    chance = Random(seed)
    model = LibraryModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for _ in range(25):
        before = model.ids
        if chance.random() < 0.7:  # a scan adds some, somebody takes some out
            stays = [i for i in before.tolist() if chance.random() < 0.9]
            for song_id in chance.sample(range(1000, 2000), 4):
                if song_id not in stays:
                    stays.insert(chance.randrange(len(stays) + 1), song_id)
            after = np.array(stays, np.int64)
        else:
            after = np.array(chance.sample(range(40), chance.randrange(40)), np.int64)
        model.set_songs(after, steps_between(before, after))
        assert model.ids.tolist() == after.tolist()
        assert model.rowCount() == len(after)
    del tester


def test_few_changes_are_few_steps() -> None:
    before = np.arange(0, 1000, 2)
    steps = steps_between(before, np.sort(np.append(before, [7, 9, 501])))
    assert steps is not None
    assert [(step.first, step.last) for step in steps] == [(4, 4), (6, 6), (253, 253)]
    assert steps_between(before, before[::-1]) is None
    assert steps_between(before, before) == ()


def test_a_scan_in_the_background_moves_nothing_that_is_looked_at(qtbot: QtBot, shelf: Shelf) -> None:
    table = shelf.panel.table
    table.scrollTo(shelf.model.index(120, 0), table.ScrollHint.PositionAtTop)
    table.setCurrentIndex(shelf.model.index(124, 0))
    chosen, top = table.current_song(), table.top_song()
    assert top is not None
    for number in (1000, 1001, 1400):
        put(shelf.library, number, shelf.music / f"{number}.wav")
    with qtbot.waitSignal(shelf.keeper.listed):
        shelf.keeper.refresh()
    assert shelf.model.rowCount() == N_SONGS + 3
    assert table.current_song() == chosen
    assert table.chosen() == [chosen]
    # Songs that came in above push the list down, and it is put back.
    assert abs((table.row_of(top[0]) or 0) * table.rowHeight(0) - table.verticalScrollBar().value()) <= 3 * 46


def test_figures_come_in_as_they_are_measured(qtbot: QtBot, shelf: Shelf) -> None:
    see(qtbot, shelf, "Amber 0000")
    put(shelf.library, 0, shelf.music / "0.wav", tempo_bpm=171.25)
    shelf.keeper.refresh()
    tempo = shelf.model.index(0, NAMES.index("tempo"))
    qtbot.waitUntil(lambda: tempo.data() == "171.2")


def test_of_a_long_list_only_what_is_looked_at_is_read(qtbot: QtBot) -> None:
    model = LibraryModel()
    asked: list[list[int]] = []
    model.rows_wanted.connect(asked.append)
    model.set_songs(np.arange(100_000), None)
    for row in range(0, 100_000, 100):  # the scroll bar is pulled to the end
        assert model.index(row, 0).data() is None
    qtbot.waitUntil(lambda: len(asked) == 1)
    assert len(asked[0]) <= 256
    assert 99_900 in asked[0]
    assert 0 not in asked[0]
    model.put_rows(asked[0], [LibraryRow(song(i), None) for i in asked[0]])
    assert model.index(99_900, 0).data() == "Song 99900"
    # What came is not asked for again; what did not come is.
    model.index(99_900, 0).data()
    model.index(5, 0).data()
    qtbot.waitUntil(lambda: len(asked) == 2)
    assert 5 in asked[1]
    assert 99_900 not in asked[1]
    for first in range(0, 30_000, 200):
        model.put_rows([], [LibraryRow(song(i), None) for i in range(first, first + 200)])
    kept = sum(model.index(row, 0).data() is not None for row in range(0, 100_000))
    assert kept == KEPT_ROWS


def song(number: int) -> Song:
    return Song(number, "0" * 64, f"Song {number}", "", "", 60.0, None, None, None, 0.0, ())


def test_what_cannot_be_read_is_asked_for_again(qtbot: QtBot) -> None:
    model = LibraryModel()
    asked: list[list[int]] = []
    model.rows_wanted.connect(asked.append)
    model.set_songs(np.arange(5), None)
    model.index(0, 0).data()
    qtbot.waitUntil(lambda: len(asked) == 1)
    model.give_up_rows("the disk is away")
    model.index(0, 0).data()
    qtbot.waitUntil(lambda: len(asked) == 2)


def test_a_song_whose_file_is_gone_says_so(qtbot: QtBot, shelf: Shelf) -> None:
    (shelf.music / "0.wav").unlink()
    shelf.keeper.refresh()
    index = shelf.model.index(0, 0)
    qtbot.waitUntil(lambda: index.data(LibraryRole.ROW) is not None)
    qtbot.waitUntil(lambda: index.data(LibraryRole.ROW).path is None)
    assert "file is gone" in index.data(Qt.ItemDataRole.ToolTipRole)
    assert "file is gone" in index.data(Qt.ItemDataRole.AccessibleTextRole)
    said: list[str] = []
    shelf.keeper.failed.connect(said.append)
    shelf.panel.table.choose(index.data(LibraryRole.SONG_ID), scroll=True)
    qtbot.keyClick(shelf.panel.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(said))
    assert "Amber 0000" in said[0]
    assert str(shelf.music / "0.wav") in said[0]


# --- search and order ------------------------------------------------------------------------------


def test_letters_narrow_the_list_and_escape_widens_it(qtbot: QtBot, shelf: Shelf) -> None:
    shelf.panel.search.setFocus()
    qtbot.keyClicks(shelf.panel.search, "winter 3")
    qtbot.waitUntil(lambda: 0 < shelf.model.rowCount() < 30)
    qtbot.waitUntil(lambda: None not in shelf.titles())
    rows = [shelf.model.index(row, 0).data(LibraryRole.ROW) for row in range(shelf.model.rowCount())]
    assert all(row.song.title.startswith("Winter") for row in rows)
    assert all("3" in row.song.title + row.song.artist for row in rows)
    qtbot.keyClicks(shelf.panel.search, " nothing has this")
    qtbot.waitUntil(lambda: "Nothing found for “winter 3 nothing has this”" in shelf.panel.empty.text)
    assert shelf.panel.empty.isVisible()
    qtbot.keyClick(shelf.panel.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: shelf.model.rowCount() == N_SONGS)
    assert shelf.panel.table.isVisible()


def test_enter_in_the_search_plays_what_was_typed_not_what_was_listed(qtbot: QtBot, shelf: Shelf) -> None:
    said = opened(shelf)
    shelf.panel.search.setFocus()
    qtbot.keyClicks(shelf.panel.search, "glass 0039")
    qtbot.keyClick(shelf.panel.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(said))
    assert said == [(["39"], False)]
    qtbot.keyClick(shelf.panel.search, Qt.Key.Key_Down)
    assert shelf.panel.table.hasFocus()
    qtbot.keyClick(shelf.panel.table, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(said) == 2)
    assert said[1] == (["39"], True)


def test_a_heading_sorts_and_sorts_back(qtbot: QtBot, shelf: Shelf) -> None:
    header = shelf.panel.table.horizontalHeader()
    column = NAMES.index("tempo")
    place = QPoint(header.sectionViewportPosition(column) + 10, 10)
    said: list[tuple[str, bool]] = []
    shelf.panel.order_changed.connect(lambda name, descending: said.append((name, descending)))  # pyright: ignore
    for descending in (False, True):
        with qtbot.waitSignal(shelf.keeper.listed):
            qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
        expected = shelf.library.song_ids(sort="tempo", descending=descending)
        assert shelf.model.ids.tolist() == expected.tolist()
        assert (header.sortIndicatorSection(), header.sortIndicatorOrder()) == (
            column,
            Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder,
        )
    assert said == [("tempo", False), ("tempo", True)]


def test_the_menu_sorts_by_what_has_no_room(qtbot: QtBot, shelf: Shelf) -> None:
    assert "loudness" not in shelf.panel.table.shown_columns
    menu = shelf.panel.menu_button.menu()
    shelf.panel.fill_menu(menu)
    with qtbot.waitSignal(shelf.keeper.listed):
        next(action for action in menu.actions() if action.text() == "Sort by LUFS").trigger()
    assert shelf.model.ids.tolist() == shelf.library.song_ids(sort="loudness").tolist()


def test_columns_come_as_there_is_room(qtbot: QtBot, shelf: Shelf) -> None:
    assert shelf.panel.table.shown_columns == ("title", "tempo", "key")
    shelf.panel.resize(1000, 600)
    qtbot.waitUntil(lambda: shelf.panel.table.shown_columns == NAMES[:-1])
    assert shelf.panel.table.rowHeight(0) < 40
    shelf.panel.set_look("title", False, ("album", "key"))
    qtbot.waitUntil(lambda: "key" not in shelf.panel.table.shown_columns)
    shelf.panel.resize(256, 600)
    qtbot.waitUntil(lambda: shelf.panel.table.rowHeight(0) > 40)


@pytest.mark.parametrize("match", [False, True])
def test_columns_fill_the_width_exactly(match: bool) -> None:
    before = 0
    for width_px in range(200, 1400, 7):
        widths = fitting_widths(width_px, (), match=match)
        assert sum(widths.values()) == width_px
        assert widths["title"] >= 116
        assert ("match" in widths) is match
        assert len(widths) >= before
        before = len(widths)


def test_figures_in_words() -> None:
    assert [key_text(key) for key in ("F# minor", "Bb major", "B minor", None)] == [
        "F♯ min",
        "B♭ maj",
        "B min",
        "",
    ]
    assert [
        note_names(key)[10] for key in ("F# minor", "Bb major", "F major", "C minor", "B minor", None)
    ] == [
        "A♯",
        "B♭",
        "B♭",
        "B♭",
        "A♯",
        "A♯",
    ]
    assert (tempo_text(118.24), tempo_text(None)) == ("118.2", "")
    assert (loudness_text(-13.76), loudness_text(None)) == ("-13.8", "")


# --- keys, drags, sounds like ----------------------------------------------------------------------


def test_double_click_and_enter_play_what_is_chosen(qtbot: QtBot, shelf: Shelf) -> None:
    see(qtbot, shelf, "Amber 0000")
    said = opened(shelf)
    table = shelf.panel.table
    place = table.visualRect(shelf.model.index(2, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: said == [(["14"], False)])
    qtbot.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: said[1:] == [(["14", "21"], False)])


def test_letters_and_sideways_arrows_are_left_to_the_window(qtbot: QtBot, shelf: Shelf) -> None:
    table = shelf.panel.table
    table.setCurrentIndex(shelf.model.index(3, 0))
    for key in (Qt.Key.Key_F, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_M):
        qtbot.keyClick(table, key)
        assert table.currentIndex().row() == 3
        assert table.currentIndex().column() == 0


def test_chosen_songs_are_dragged_as_files(qtbot: QtBot, shelf: Shelf) -> None:
    see(qtbot, shelf, "Amber 0000")
    table = shelf.panel.table
    table.selectRow(1)
    data = shelf.model.mimeData(table.selectionModel().selectedRows())
    assert [url.toLocalFile() for url in data.urls()] == [str(shelf.music / "7.wav")]
    assert data.hasFormat(SONGS_MIME)
    # A choice that was made far from where the list stands is read before it can be dragged.
    table.selectAll()
    qtbot.waitUntil(
        lambda: len(shelf.model.mimeData(table.selectionModel().selectedRows()).urls()) == N_SONGS
    )


def drop_on(panel: LibraryPanel, data: QMimeData) -> QDropEvent:
    where, none = QPointF(60, 200), Qt.KeyboardModifier.NoModifier
    left, copy = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    enter = QDragEnterEvent(where.toPoint(), copy, data, left, none)
    QApplication.sendEvent(panel, enter)
    assert enter.isAccepted()  # or the window behind would take it
    fall = QDropEvent(where, copy, data, left, none)
    QApplication.sendEvent(panel, fall)
    return fall


def test_its_own_songs_are_not_taken_in_again(qtbot: QtBot, shelf: Shelf) -> None:
    see(qtbot, shelf, "Amber 0000")
    drop = drop_on(shelf.panel, shelf.model.mimeData([shelf.model.index(0, 0)]))
    assert drop.dropAction() is Qt.DropAction.IgnoreAction
    assert not shelf.scans.running


def test_delete_asks_and_takes_out(qtbot: QtBot, shelf: Shelf) -> None:
    wanted: list[list[int]] = []
    shelf.panel.remove_wanted.connect(wanted.append)
    shelf.panel.table.selectRow(0)
    qtbot.keyClick(shelf.panel.table, Qt.Key.Key_Delete)
    assert len(wanted) == 1
    shelf.keeper.remove(wanted[0])
    qtbot.waitUntil(lambda: shelf.model.rowCount() == N_SONGS - 1)
    assert (shelf.music / "0.wav").exists()


def test_more_like_this_lists_the_nearest_first(qtbot: QtBot, shelf: Shelf) -> None:
    see(qtbot, shelf, "Amber 0000")
    song_id = shelf.model.index(0, 0).data(LibraryRole.SONG_ID)
    with qtbot.waitSignal(shelf.keeper.listed, timeout=60_000):
        shelf.panel.show_similar(song_id)
    assert song_id not in shelf.model.ids
    n_like = sum(number % 7 == 0 for number in range(N_SONGS)) - 1
    qtbot.waitUntil(lambda: None not in shelf.titles()[:n_like])
    # Songs of one word sound alike here.
    assert all(title and title.startswith("Amber") for title in shelf.titles()[:n_like])
    closeness = [shelf.model.index(row, 0).data(LibraryRole.CLOSENESS) for row in range(n_like)]
    assert closeness == sorted(closeness, reverse=True)
    assert shelf.panel.table.shown_columns[-1] == "match"
    assert shelf.panel.similar.isVisible()
    qtbot.keyClicks(shelf.panel.search, "amber 01")
    qtbot.waitUntil(lambda: 0 < shelf.model.rowCount() < n_like)
    shelf.panel.sort_by("tempo")
    wanted = [i for i in shelf.library.song_ids("amber 01", sort="tempo").tolist() if i != song_id]
    qtbot.waitUntil(lambda: shelf.model.ids.tolist() == wanted)
    for _ in range(2):  # out of the search, then out of the likeness
        qtbot.keyClick(shelf.panel.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: shelf.model.rowCount() == N_SONGS)
    assert not shelf.panel.similar.isVisible()


def test_songs_are_compared_by_a_stem_where_it_was_analysed(qtbot: QtBot, shelf: Shelf) -> None:
    ids = shelf.library.song_ids().tolist()
    for number, song_id in enumerate(ids[:6]):
        drums = np.full(25, number, np.float32)
        shelf.library.put_analysis(song_id, AnalysisRecord(1, None, None, None, drums, {}, source="drums"))
    with qtbot.waitSignal(shelf.keeper.listed, timeout=60_000):
        shelf.panel.show_similar(ids[0])
    source = shelf.panel.similar.source
    assert [source.itemText(i) for i in range(source.count())] == ["Song", "Drums"]
    with qtbot.waitSignal(shelf.keeper.listed):
        source.setCurrentIndex(1)
        source.activated.emit(1)
    assert shelf.model.ids.tolist() == ids[1:6]


def test_a_song_without_a_newest_analysis_is_not_compared(qtbot: QtBot, shelf: Shelf) -> None:
    newer = AnalysisRecord(2, None, None, None, np.zeros(25, np.float32), {})
    shelf.library.put_analysis(int(shelf.model.ids[1]), newer)
    said: list[str] = []
    shelf.keeper.failed.connect(said.append)
    shelf.panel.show_similar(int(shelf.model.ids[0]))
    qtbot.waitUntil(lambda: bool(said), timeout=60_000)
    assert "analysis" in said[0]
    qtbot.waitUntil(lambda: not shelf.panel.similar.isVisible())
    assert shelf.panel.table.isVisible()


# --- scans -----------------------------------------------------------------------------------------


def music_in(folder: Path, n_songs: int) -> Path:
    folder.mkdir()
    for number in range(n_songs):
        write_song(folder / f"song {number}.wav", noise(20_000, seed=number), subtype=None)
    (folder / "broken.mp3").write_bytes(b"no music" * 64)
    return folder


def told(shelf: Shelf) -> list[ScanNews]:
    news: list[ScanNews] = []
    shelf.scans.told.connect(news.append)
    return news


def test_an_empty_library_says_what_to_do_and_fills(qtbot: QtBot, bare: Shelf, tmp_path: Path) -> None:
    assert bare.panel.empty.isVisible()
    assert "No songs yet" in bare.panel.empty.text
    with qtbot.waitSignal(bare.panel.add_folder_wanted):
        bare.panel.empty.button.click()
    news = told(bare)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(music_in(tmp_path / "new", 4)))])
    drop_on(bare.panel, data)
    assert "Listening" in bare.panel.empty.text
    qtbot.waitUntil(lambda: bool(news) and news[-1].state is ScanState.DONE, timeout=60_000)
    assert news[-1].text == "4 new  ·  1 unreadable"
    assert bare.panel.strip.show_problems.isVisible()
    qtbot.waitUntil(lambda: bare.model.rowCount() == 4)
    assert bare.panel.table.isVisible()
    with qtbot.waitSignal(bare.keeper.failures_read) as failures:
        bare.panel.strip.show_problems.click()
    assert failures.args is not None
    ((path, reason),) = failures.args[0]
    assert path.name == "broken.mp3"
    assert reason
    assert max(piece.part for piece in news) == 1.0


def test_a_stopped_scan_goes_on_and_a_moved_folder_is_known(qtbot: QtBot, tmp_path: Path) -> None:
    with made(qtbot, tmp_path, 0, SLOW) as shelf:
        news = told(shelf)
        music = music_in(tmp_path / "new", 8)
        shelf.scans.scan([music])
        qtbot.waitUntil(lambda: shelf.library.overview().songs > 0, timeout=60_000)
        shelf.panel.strip.cancel.click()
        qtbot.waitUntil(lambda: news[-1].state is ScanState.STOPPED, timeout=60_000)
        kept = shelf.library.overview().songs
        assert 0 < kept < 8
        shelf.scans.begin()  # as the next start of the window does
        qtbot.waitUntil(lambda: news[-1].state is ScanState.UNFINISHED)
        assert shelf.panel.strip.text == "new was not heard to its end"
        shelf.panel.strip.go_on.click()
        qtbot.waitUntil(lambda: news[-1].state is ScanState.DONE, timeout=60_000)
        assert shelf.library.overview().songs == 8
        shutil.move(music, tmp_path / "moved")
        shelf.scans.scan([tmp_path / "moved"])
        qtbot.waitUntil(lambda: news[-1].text == "8 moved  ·  1 unreadable", timeout=60_000)
        # Folders are remembered; the one that is gone is said, and costs no song.
        shelf.scans.look_for_changes()
        qtbot.waitUntil(lambda: news[-1].state is ScanState.RUNNING)
        qtbot.waitUntil(lambda: news[-1].state is ScanState.DONE, timeout=60_000)
        assert shelf.library.overview().songs == 8
        assert shelf.library.overview().missing == 0


def test_a_library_that_cannot_be_read_says_why_and_is_tried_again(qtbot: QtBot, tmp_path: Path) -> None:
    with made(qtbot, tmp_path, 3) as shelf:
        spare = tmp_path / "spare"
        spare.mkdir()
        (spare / "library.db").write_bytes(b"this is no data base, but long enough to look like one " * 40)
        model, pool = LibraryModel(), JobPool()
        keeper = LibraryKeeper(spare / "library.db", model, pool)
        panel = LibraryPanel(model, keeper, LibraryScans(keeper.library, pool))
        qtbot.addWidget(panel)
        panel.show()
        with qtbot.waitSignal(keeper.troubled):
            panel.set_look("title", False, ())
        assert "damaged" in panel.empty.text
        (spare / "library.db").unlink()
        files = (shelf.library.file, spare / "library.db")
        with closing(sqlite3.connect(files[0])) as good, closing(sqlite3.connect(files[1])) as copy:
            good.backup(copy)
        with qtbot.waitSignal(keeper.listed):
            panel.empty.button.click()
        qtbot.waitUntil(lambda: panel.table.isVisible())
        keeper.close()


# --- in the window ---------------------------------------------------------------------------------


@pytest.fixture
def stocked(desktop: Desktop, tone: Path) -> Desktop:
    """The window, with the tone and a silent neighbour in its library."""
    assert desktop.home is not None
    with Library(library_file(desktop.home)) as library:
        put(library, 7, tone)
        put(library, 14, Path(os.path.abspath("gone.wav")))
    return desktop


def panel_of(desktop: Desktop) -> LibraryPanel:
    assert desktop.rooms is not None
    return desktop.rooms.library.panel


def test_a_song_of_the_library_plays_and_is_marked(stocked: Desktop, qtbot: QtBot, tone: Path) -> None:
    panel = panel_of(stocked)
    assert not panel.isVisible()
    stocked.window.actions_["find_songs"].trigger()
    assert panel.isVisible()
    qtbot.waitUntil(panel.search.hasFocus)
    qtbot.keyClicks(panel.search, "amber 0007")
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: stocked.bridge.tick.position_s > 0.2, timeout=30_000)
    assert stocked.bridge.song == tone
    index = panel.table.model().index(0, 0)
    assert index.data(LibraryRole.CURRENT)


def test_songs_are_dragged_onto_the_lanes(stocked: Desktop, qtbot: QtBot, tone: Path) -> None:
    assert stocked.rooms is not None
    stocked.window.open_panel("library")
    model = stocked.rooms.library.model
    qtbot.waitUntil(lambda: model.rowCount() == 2 and model.index(0, 0).data() is not None)
    data = model.mimeData([model.index(0, 0)])
    window = stocked.window
    where, none = QPointF(window.width() - 200, window.height() / 2), Qt.KeyboardModifier.NoModifier
    left, copy = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    QApplication.sendEvent(window, QDragEnterEvent(where.toPoint(), copy, data, left, none))
    QApplication.sendEvent(window, QDropEvent(where, copy, data, left, none))
    qtbot.waitUntil(lambda: stocked.bridge.song == tone, timeout=30_000)


def test_more_like_what_plays(stocked: Desktop, qtbot: QtBot, tone: Path) -> None:
    play(stocked, qtbot, tone)
    stocked.window.actions_["similar"].trigger()
    panel = panel_of(stocked)
    qtbot.waitUntil(lambda: panel.similar.isVisible(), timeout=60_000)
    assert stocked.rooms is not None
    model = stocked.rooms.library.model
    qtbot.waitUntil(lambda: model.rowCount() == 1 and model.index(0, 0).data() is not None, timeout=60_000)
    assert model.index(0, 0).data() == "Amber 0014"


def test_a_song_that_the_library_does_not_have_is_said(desktop: Desktop, qtbot: QtBot, tone: Path) -> None:
    play(desktop, qtbot, tone)
    desktop.window.actions_["similar"].trigger()
    qtbot.waitUntil(lambda: "is not in the library" in desktop.window.status.message)


def test_order_columns_and_place_are_remembered(make_desktop: Callable[[], Desktop], qtbot: QtBot) -> None:
    first = make_desktop()
    first.window.open_panel("library")
    panel = panel_of(first)
    panel.sort_by("added")
    menu = panel.menu_button.menu()
    panel.fill_menu(menu)
    columns = next(action.menu() for action in menu.actions() if action.text() == "Columns")
    assert isinstance(columns, QMenu)
    next(action for action in columns.actions() if action.text() == "Key").trigger()
    first.close()
    second = make_desktop()
    panel = panel_of(second)
    assert panel.isVisible()
    assert second.settings.current.library.sort == "added"
    assert "key" not in panel.table.shown_columns
    assert second.rooms is not None
    assert second.rooms.library.keeper.query.sort == "added"


def test_taking_out_is_asked_first(stocked: Desktop, qtbot: QtBot) -> None:
    stocked.window.open_panel("library")
    panel = panel_of(stocked)
    qtbot.waitUntil(lambda: panel.table.model().rowCount() == 2)
    panel.table.selectRow(0)
    qtbot.keyClick(panel.table, Qt.Key.Key_Delete)
    dialog = QApplication.activeModalWidget() or QApplication.activeWindow()
    assert dialog is not None
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "Take out").click()
    qtbot.waitUntil(lambda: panel.table.model().rowCount() == 1)


def test_what_lies_behind_another_tab_is_out_of_the_way(desktop: Desktop, qtbot: QtBot) -> None:
    window, panel = desktop.window, panel_of(desktop)
    assert desktop.queue_panel.isVisible()
    assert not panel.isVisible()
    queue, library = window.dock("queue"), window.dock("library")
    tabs = [tab for tab in queue.title.findChildren(QWidget) if tab.accessibleName() == "Library"]
    tabs[0].setFocus()
    qtbot.keyClick(tabs[0], Qt.Key.Key_Return)
    qtbot.waitUntil(panel.isVisible)
    assert not desktop.queue_panel.isVisible()
    assert not queue.title.isVisible()
    assert window.focusWidget() is panel.search
    library.setFloating(True)
    qtbot.waitUntil(desktop.queue_panel.isVisible)
    assert panel.isVisible()
    qtbot.waitUntil(lambda: [t.accessibleName() for t in library.title.tabs] == ["Library"])
    library.setFloating(False)
    library.close()
    qtbot.waitUntil(lambda: [t.accessibleName() for t in queue.title.tabs] == ["Queue"])
    assert desktop.queue_panel.isVisible()
    window.open_panel("library")
    qtbot.waitUntil(panel.isVisible)
