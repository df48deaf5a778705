"""The training panel on a real service whose process is a stand-in: orders, losses, ends, networks."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app import training_model
from app.desktop import Desktop
from app.jobs import JobPool
from app.panels.training import TrainingPanel
from app.settings import load_settings
from app.training_model import TrainingModel
from app.training_words import duration_text, loss_text
from engine.io.home import Home
from engine.services.control_shelf import RULES, SHIPPED, ControlShelf
from engine.services.training_run import TrainingRun
from tests.gui.turntable import Turntable
from tests.services.training_rig import alive, control_network, music, program


class Room:
    """A panel, and everything behind it."""

    def __init__(self, qtbot: QtBot, folder: Path, words: tuple[str, ...]) -> None:
        self.qtbot, self.folder = qtbot, folder
        self.home = Home(folder / "home")
        self.home.root.mkdir()
        self.shelf = ControlShelf(self.home, control_network(folder / "shipped.onnx"))
        self.run = TrainingRun(self.home.root / "training", self.shelf.keep_trained, words)
        self.pool = JobPool(n_threads=1)
        self.model = TrainingModel(self.run, self.shelf, self.pool)
        self.chosen: list[Path | None] = []
        self.model.network_chosen.connect(self.chosen.append)
        self.panel = TrainingPanel(self.model)
        qtbot.addWidget(self.panel)
        self.panel.resize(1100, 280)
        self.panel.show()
        self.model.refresh()
        qtbot.waitUntil(lambda: self.panel.network.count() > 0 and self.panel.start_button.isEnabled())

    @property
    def words(self) -> str:
        """All that the right side says."""
        view = self.panel._view
        return " ".join((view._title.text(), view._figures.text(), view._legend.text()))

    @property
    def trouble(self) -> str:
        label = self.panel._view._trouble
        return label.text() if label.isVisible() else ""

    def order(self, epochs: int = 3) -> None:
        self.panel.set_order(str(music(self.folder / "music")), epochs, "cpu")

    def start(self, epochs: int = 3) -> None:
        self.order(epochs)
        self.panel.start_button.click()

    def wait_for(self, status: str) -> None:
        self.qtbot.waitUntil(lambda: self.model.status.status == status, timeout=20_000)

    def close(self) -> None:
        self.model.close()
        self.pool.close()


@pytest.fixture
def make_room(qtbot: QtBot, tmp_path: Path) -> Iterator[Callable[..., Room]]:
    made: list[Room] = []

    def make(*words: str) -> Room:
        network = control_network(tmp_path / "trained.onnx", seed=5)
        made.append(Room(qtbot, tmp_path, words or program(network=network)))
        return made[-1]

    yield make
    for room in made:
        room.close()


@pytest.fixture
def room(make_room: Callable[..., Room]) -> Room:
    return make_room()


def test_an_empty_panel_says_what_to_do(room: Room) -> None:
    assert "No training yet" in room.words
    assert room.trouble == ""
    assert not room.panel.stop_button.isEnabled()
    assert not room.panel.resume_button.isEnabled()
    assert not room.panel._view._bar.isVisible()
    room.panel.start_button.click()
    assert "Choose a folder" in room.trouble
    room.panel.set_order(str(room.folder / "none"), 3, "cpu")
    room.panel.start_button.click()
    room.qtbot.waitUntil(lambda: "neither a folder nor a file" in room.trouble)
    assert room.panel.start_button.isEnabled()


def test_a_training_is_seen_from_start_to_end(room: Room) -> None:
    with room.qtbot.waitSignal(room.panel.order_changed) as told:
        room.start()
    assert told.args == [str(room.folder / "music"), 3, "cpu"]
    room.wait_for("done")
    assert "Trained" in room.words
    assert "epoch 3 of 3" in room.words
    assert "100 %" in room.words
    name = room.model.status.network
    assert f"“{name}”" in room.words
    view = room.panel._view
    assert view.chart._lines["loss"].getData()[1].tolist() == pytest.approx([1.0, 1 / 2, 1 / 3])
    assert view.chart._lines["validation"].getData()[1].tolist() == pytest.approx([1.5, 0.75, 0.5])
    assert [view._part.itemText(i) for i in range(view._part.count())] == ["Whole loss", "Smoothness"]
    # Of a part that was never a number there is no line, and no complaint.
    view._part.setCurrentIndex(1)
    assert "training -" in view._legend.text()
    view._part.setCurrentIndex(0)
    # Another network is there; what the visuals follow is the user's to choose.
    room.qtbot.waitUntil(lambda: room.panel.network.findData(name) >= 0)
    assert room.panel.network.currentData() == SHIPPED
    assert room.chosen == [room.folder / "shipped.onnx"]


def test_the_pointer_asks_the_chart_for_an_epoch(room: Room) -> None:
    room.start()
    room.wait_for("done")
    chart = room.panel._view.chart
    box = chart._box.sceneBoundingRect()
    for epoch in (1, 2):
        place = chart._box.mapViewToScene(chart._box.viewRect().center())
        place.setX(chart._box.mapViewToScene(QPoint(epoch, 0)).x())
        QTest.mouseMove(chart.viewport(), chart.mapFromScene(place))
        room.qtbot.waitUntil(lambda epoch=epoch: f"Epoch {epoch}<" in room.words)
    assert box.width() > 300


def test_stop_and_resume(make_room: Callable[..., Room]) -> None:
    room = make_room(*program(epoch_s=0.3))
    room.panel.start_button.setFocus()
    room.start(epochs=8)
    room.wait_for("running")
    room.qtbot.waitUntil(lambda: len(room.model.status.loss_history) == 1, timeout=20_000)
    assert room.panel.stop_button.isEnabled()
    assert not room.panel.start_button.isEnabled()
    pid = room.run.pid
    assert pid is not None
    room.panel.stop_button.click()
    room.wait_for("idle")
    assert "Stopped" in room.words
    assert room.trouble == ""
    assert not alive(pid)
    room.qtbot.waitUntil(room.panel.resume_button.isEnabled)
    folder = room.model.status.folder
    room.panel.resume_button.click()
    room.wait_for("running")
    assert room.model.status.folder == folder


def test_a_training_that_is_killed_says_so(make_room: Callable[..., Room]) -> None:
    room = make_room(*program(epoch_s=0.3))
    room.start()
    room.qtbot.waitUntil(lambda: bool(room.model.status.loss_history), timeout=20_000)
    pid = room.run.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    room.wait_for("failed")
    assert "killed (SIGKILL)" in room.trouble
    assert "Failed" in room.words
    room.qtbot.waitUntil(room.panel.resume_button.isEnabled)


def test_the_visuals_are_told_which_network_to_follow(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = room.panel.network
    assert [box.itemText(i) for i in range(box.count())] == ["Fixed rules", "Charon's own"]
    box.activated.emit(box.findData(RULES))
    room.qtbot.waitUntil(lambda: room.chosen[-1] is None)
    room.panel._add_file(str(control_network(tmp_path / "mine.onnx", seed=3)))
    room.qtbot.waitUntil(lambda: room.chosen[-1] is not None)
    assert room.chosen[-1].name == "mine.onnx"
    assert room.chosen[-1].is_relative_to(room.home.root)
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    room.panel._add_file(str(tmp_path / "bad.onnx"))
    room.qtbot.waitUntil(lambda: "ONNX" in room.trouble)
    assert len(room.chosen) == 3
    # A server that runs beside the window is asked for another one.
    room.model._choice_timer.setInterval(50)
    ControlShelf(room.home, tmp_path / "shipped.onnx").choose(SHIPPED)
    room.qtbot.waitUntil(lambda: room.chosen[-1] == tmp_path / "shipped.onnx")
    assert box.currentData() == SHIPPED


def test_without_the_packages_it_says_what_helps(
    make_room: Callable[..., Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room()
    monkeypatch.setattr(training_model, "training_trouble", lambda: "training needs torch: run pip")
    room.model.refresh()
    room.qtbot.waitUntil(lambda: "training needs torch" in room.trouble)
    assert not room.panel.start_button.isEnabled()


def test_enter_in_the_folder_starts(room: Room) -> None:
    room.order()
    QTest.keyClick(room.panel.folder, Qt.Key.Key_Return)
    room.wait_for("done")


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (61.0, "1:01"), (3725.0, "1:02:05")])
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_losses_in_three_figures() -> None:
    assert [loss_text(value) for value in (None, 1.23456, 0.000123456)] == ["-", "1.23", "0.000123"]


def test_the_window_follows_the_choice_remembers_the_order_and_takes_the_training_along(
    qtbot: QtBot, home: Home, turntable: Turntable, tmp_path: Path
) -> None:
    # Its rooms without its engine, which nothing here needs.
    desktop = Desktop(turntable.open, home)
    desktop._build_rooms()
    assert desktop.rooms is not None
    desk, picture = desktop.rooms.training, desktop.rooms.visual
    desktop.window.show()
    desktop.window.open_panel("training")
    qtbot.waitUntil(lambda: desk.panel.isVisible() and desk.panel.network.count() > 0, timeout=60_000)
    network = control_network(tmp_path / "net.onnx")
    desk.panel._add_file(str(network))
    wanted = network.read_bytes()
    qtbot.waitUntil(
        lambda: picture._net is not None and picture._net.path.read_bytes() == wanted, timeout=60_000
    )
    desk.panel.network.activated.emit(desk.panel.network.findData(RULES))
    qtbot.waitUntil(lambda: picture._net is None, timeout=60_000)
    desk.panel.set_order(str(music(tmp_path / "music")), 7, "cpu")
    # The real program: it is asked to end while it imports torch.
    desk.panel.start_button.click()
    qtbot.waitUntil(lambda: desk.model.status.status == "running", timeout=60_000)
    pid = desk.model._run.pid
    assert pid is not None
    desktop.close()
    assert not alive(pid)
    kept = load_settings()[0].training
    assert (kept.folder, kept.epochs) == (str(tmp_path / "music"), 7)
