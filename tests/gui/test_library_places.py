"""A loop is drawn, and the window lists where it comes again and what sounds like it."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.desktop import Desktop
from app.library_desk import LibraryDesk
from app.library_places import Place, Places
from app.panels.library_places import PlacesPanel, span_text
from engine.services.library import Library, library_file
from tests.gui.test_main_path import play
from tests.services.conftest import write_song
from tests.services.test_segment_search import LOOP_S, bar, put, song_with_a_loop

SONG_RATE_HZ = 22_050


@pytest.fixture
def shown(qtbot: QtBot) -> PlacesPanel:
    """The panel alone."""
    panel = PlacesPanel()
    panel.resize(256, 500)
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def texts(panel: PlacesPanel) -> list[str]:
    model = panel.list.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def desk_of(desktop: Desktop) -> LibraryDesk:
    assert desktop.rooms is not None
    return desktop.rooms.library


def test_places_are_listed_and_played_by_key_and_mouse(shown: PlacesPanel, qtbot: QtBot) -> None:
    here = Place("Night Train", Path("night.wav"), 61.25, 65.25, 0.9)
    gone = Place("Amber", None, 3.0, 7.0, 0.4)
    shown.show_places(Places("Night Train", (12.0, 16.0), again=False, found=(here, gone)))
    assert texts(shown) == [
        f"Night Train, {span_text(61.25, 65.25)}",
        f"Amber, {span_text(3.0, 7.0)}",
    ]
    assert shown.list.hasFocus()
    with qtbot.waitSignal(shown.place_wanted) as wanted:
        qtbot.keyClick(shown.list, Qt.Key.Key_Return)
    assert wanted.args == [here]
    second = shown.list.visualRect(shown.list.model().index(1, 0)).center()
    qtbot.mouseClick(shown.list.viewport(), Qt.MouseButton.LeftButton, pos=second)
    with qtbot.waitSignal(shown.place_wanted) as wanted:
        qtbot.mouseDClick(shown.list.viewport(), Qt.MouseButton.LeftButton, pos=second)
    assert wanted.args == [gone]
    assert "Its file is gone" in shown.list.model().index(1, 0).data(Qt.ItemDataRole.ToolTipRole)
    with qtbot.waitSignal(shown.closed):
        qtbot.keyClick(shown.list, Qt.Key.Key_Escape)


@pytest.mark.parametrize(("again", "words"), [(True, "does not come again"), (False, "Nothing to compare")])
def test_nothing_found_is_said(shown: PlacesPanel, qtbot: QtBot, again: bool, words: str) -> None:
    shown.show_places(Places("Amber", (1.0, 3.0), again=again, found=()))
    assert words in shown.empty.text
    with qtbot.waitSignal(shown.closed):
        qtbot.keyClick(shown.empty.button, Qt.Key.Key_Return)


def test_a_loop_is_found_again_in_the_window(desktop: Desktop, qtbot: QtBot, tmp_path: Path) -> None:
    window, desk = desktop.window, desk_of(desktop)
    again, like = window.actions_["loop_again"], window.actions_["loop_like"]
    again.trigger()
    assert "Drag over the waveforms first" in window.status.message
    x, starts = song_with_a_loop(2, bar(52))
    song = write_song(tmp_path / "song.wav", x, SONG_RATE_HZ)
    play(desktop, qtbot, song)
    desktop.edits.set_loop((starts[0], starts[0] + LOOP_S), enabled=True)
    again.trigger()
    qtbot.waitUntil(lambda: "is not in the library" in window.status.message)

    assert desktop.home is not None
    with Library(library_file(desktop.home)) as library:
        put(library, song)
        other = write_song(tmp_path / "other.wav", song_with_a_loop(3, bar(52))[0], SONG_RATE_HZ)
        put(library, other)
    again.trigger()
    qtbot.waitUntil(desk.places.isVisible, timeout=30_000)
    found = [text.split(", ")[1] for text in texts(desk.places)]
    assert len(found) >= 2
    assert not desk.panel.isVisible()
    # The first of them is heard: the loop no longer calls the play-head back.
    qtbot.keyClick(desk.places.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: abs(desktop.bridge.tick.position_s - starts[1]) < 2.0, timeout=30_000)
    assert not desktop.loop.enabled
    assert desktop.loop.span_s is not None

    like.trigger()
    qtbot.waitUntil(lambda: any("other" in text for text in texts(desk.places)), timeout=30_000)
    row = next(i for i, text in enumerate(texts(desk.places)) if text.startswith("other"))
    desk.places.list.setCurrentIndex(desk.places.list.model().index(row, 0))
    qtbot.keyClick(desk.places.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: desktop.bridge.song == other)
    qtbot.keyClick(desk.places.list, Qt.Key.Key_Escape)
    assert desk.panel.isVisible()

    desktop.loop.set((1.0, 1.2), True)
    again.trigger()
    qtbot.waitUntil(lambda: "0.2 s cannot be compared" in window.status.message)
    assert desk.panel.isVisible()


def test_the_menu_over_a_loop_offers_it(desktop: Desktop) -> None:
    assert desktop.rooms is not None
    offered = {action.objectName() for action in desktop.rooms.lanes.waves.actions()}
    assert {"action-loop_again", "action-loop_like"} <= offered
