"""The queue: rows change as little as they must, and every row says and does the right thing."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app.jobs import JobPool
from app.panels.queue import QueuePanel
from app.panels.queue_row import button_rects
from app.queue_model import QueueModel, QueueRole, duration_text, speed_text
from engine.services.song_job import JobState, SongJob

FISHIN = Path("/music/Let's Go Fishin'.flac")
VIBE = Path("/music/Vibe Ace.mp3")
SEPARATING = SongJob(FISHIN, JobState.SEPARATING, 31, 50, 31.2, 2.1)


@pytest.fixture
def model(qapp: QApplication) -> QueueModel:
    model = QueueModel()
    model.set_n_stems(4)
    model.tester = QAbstractItemModelTester(  # kept for as long as the model
        model, QAbstractItemModelTester.FailureReportingMode.Fatal
    )
    return model


@pytest.fixture
def panel(qtbot: QtBot, model: QueueModel) -> QueuePanel:
    panel = QueuePanel(model)
    qtbot.addWidget(panel)
    panel.resize(260, 500)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def detail(model: QueueModel, job: SongJob) -> tuple[str, str]:
    model.update([job])
    index = model.index(0)
    return index.data(QueueRole.DETAIL), index.data(QueueRole.TONE)


def test_the_second_line_says_where_a_song_stands(model: QueueModel) -> None:
    assert detail(model, SEPARATING) == ("62 %  ·  31x  ·  3 s left", "")
    assert model.index(0).data(QueueRole.PART) == pytest.approx(0.62)
    assert detail(model, SongJob(FISHIN, JobState.SEPARATING)) == ("decoding", "")
    assert detail(model, SongJob(FISHIN)) == ("waiting", "")
    assert detail(model, SongJob(FISHIN, JobState.CANCELLED)) == ("cancelled", "")
    assert detail(model, SongJob(FISHIN, JobState.READY)) == ("4 stems ready", "")
    assert model.index(0).data(QueueRole.PART) is None
    cut = SongJob(FISHIN, JobState.READY, warnings=(f"{FISHIN} is cut off at 2:10",))
    assert detail(model, cut) == ("cut off at 2:10", "warning")
    broken = SongJob(FISHIN, JobState.FAILED, message=f"{FISHIN} is not a sound file")
    assert detail(model, broken) == ("not a sound file", "error")
    assert str(FISHIN) in model.index(0).data(Qt.ItemDataRole.ToolTipRole)


def test_durations_and_speeds_read_well() -> None:
    assert [duration_text(s) for s in (0.2, 58.4, 80.0, 3723.0)] == ["1 s", "59 s", "1:20", "1:02:03"]
    assert [speed_text(x) for x in (0.84, 1.1, 31.2)] == ["0.8x", "1.1x", "31x"]


def test_only_the_row_that_differs_is_announced(qtbot: QtBot, model: QueueModel) -> None:
    jobs = [SEPARATING, SongJob(VIBE)]
    model.update(jobs)
    changed: list[int] = []
    model.dataChanged.connect(lambda first, last: changed.extend(range(first.row(), last.row() + 1)))
    resets: list[object] = []
    for signal in (model.modelReset, model.rowsInserted, model.rowsRemoved, model.rowsMoved):
        signal.connect(lambda *_: resets.append(1))
    model.update(list(jobs))
    assert changed == []
    model.update([replace(SEPARATING, segments_done=32), jobs[1]])
    assert changed == [0]
    model.set_current(VIBE)
    assert changed == [0, 1]
    assert resets == []


def test_any_snapshot_may_follow_any_other(model: QueueModel) -> None:
    chance = random.Random(5)
    states = list(JobState)
    for _ in range(300):
        paths = chance.sample(range(12), chance.randrange(12))
        jobs = [SongJob(Path(f"/music/{n}.mp3"), chance.choice(states), chance.randrange(3)) for n in paths]
        model.update(jobs)
        assert [model.index(row).data(QueueRole.JOB) for row in range(model.rowCount())] == jobs


def test_a_chosen_row_stays_chosen_when_others_move(panel: QueuePanel, model: QueueModel) -> None:
    others = [SongJob(Path(f"/music/{n}.mp3")) for n in range(3)]
    model.update([*others, SongJob(VIBE)])
    panel.view.setCurrentIndex(model.index(3))
    model.update([SongJob(VIBE), others[2], SEPARATING, others[0]])
    assert panel.view.currentIndex().data(QueueRole.PATH) == VIBE


def test_titles_come_from_the_tags(qtbot: QtBot, tmp_path: Path) -> None:
    pool = JobPool()
    path = tmp_path / "01 track.flac"
    with soundfile.SoundFile(path, "w", 44_100, 2, "PCM_16", format="FLAC") as file:
        file.title, file.artist = "Falcon 69", "The Falcons"
        file.write(np.zeros((4000, 2)))
    model = QueueModel(pool)
    model.update([SongJob(path), SongJob(tmp_path / "gone.mp3", JobState.FAILED, message="gone")])
    assert model.index(0).data() == "01 track"
    qtbot.waitUntil(lambda: model.index(0).data() == "Falcon 69", timeout=10_000)
    assert "The Falcons" in model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    pool.close()


def wanted(panel: QueuePanel) -> list[tuple[str, Path]]:
    said: list[tuple[str, Path]] = []
    for name in ("play", "cancel", "retry", "remove"):
        getattr(panel, f"{name}_wanted").connect(lambda path, name=name: said.append((name, path)))
    return said


def test_keys_play_cancel_and_remove(qtbot: QtBot, panel: QueuePanel, model: QueueModel) -> None:
    said = wanted(panel)
    model.update([SEPARATING, SongJob(VIBE, JobState.READY)])
    panel.view.setCurrentIndex(model.index(0))
    qtbot.keyClick(panel.view, Qt.Key.Key_Delete)
    qtbot.keyClick(panel.view, Qt.Key.Key_Down)
    qtbot.keyClick(panel.view, Qt.Key.Key_Return)
    qtbot.keyClick(panel.view, Qt.Key.Key_Delete)
    assert said == [("cancel", FISHIN), ("play", VIBE), ("remove", VIBE)]


def test_letters_are_left_to_the_window(qtbot: QtBot, panel: QueuePanel, model: QueueModel) -> None:
    model.update([SEPARATING, SongJob(VIBE)])
    panel.view.selectionModel().setCurrentIndex(
        model.index(0), QItemSelectionModel.SelectionFlag.ClearAndSelect
    )
    qtbot.keyClick(panel.view, Qt.Key.Key_V)
    assert panel.view.currentIndex().row() == 0


def press(qtbot: QtBot, panel: QueuePanel, index: QModelIndex, name: str) -> None:
    view = panel.view
    place = button_rects(view.visualRect(index), index.data(QueueRole.JOB))[name].center()
    qtbot.mouseMove(view.viewport(), place)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_buttons_of_a_row(qtbot: QtBot, panel: QueuePanel, model: QueueModel) -> None:
    said = wanted(panel)
    failed = SongJob(VIBE, JobState.FAILED, message="no sound")
    model.update([SEPARATING, failed])
    press(qtbot, panel, model.index(0), "cancel")
    press(qtbot, panel, model.index(1), "retry")
    press(qtbot, panel, model.index(1), "remove")
    assert said == [("cancel", FISHIN), ("retry", VIBE), ("remove", VIBE)]


def test_a_button_that_is_let_go_elsewhere_does_nothing(
    qtbot: QtBot, panel: QueuePanel, model: QueueModel
) -> None:
    said = wanted(panel)
    model.update([SEPARATING, SongJob(VIBE)])
    viewport = panel.view.viewport()
    place = button_rects(panel.view.visualRect(model.index(0)), SEPARATING)["cancel"].center()
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseMove(viewport, QPoint(20, 20))
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    assert said == []


def test_the_menu_offers_what_the_state_allows(qtbot: QtBot, panel: QueuePanel, model: QueueModel) -> None:
    said = wanted(panel)
    model.update([SongJob(VIBE, JobState.FAILED, message="no sound")])
    panel.view.setCurrentIndex(model.index(0))
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), QPoint())
    QApplication.sendEvent(panel.view.viewport(), event)
    menu = panel.view.findChild(QMenu)
    assert menu is not None
    enabled = {action.text(): action.isEnabled() for action in menu.actions() if action.text()}
    assert enabled == {
        "Play": True,
        "Cancel separation": False,
        "Try again": True,
        "Remove from the queue": True,
        "Show file in its folder": True,
    }
    next(action for action in menu.actions() if action.text() == "Try again").trigger()
    assert said == [("retry", VIBE)]
    menu.close()


def test_the_drop_box_opens_files_by_mouse_and_enter(qtbot: QtBot, panel: QueuePanel) -> None:
    box = next(child for child in panel.children() if getattr(child, "accessibleName", str)() == "Open songs")
    with qtbot.waitSignal(panel.open_wanted):
        qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(panel.open_wanted):
        qtbot.keyClick(box, Qt.Key.Key_Return)
