"""The models chooser on a real store: what it tells, and what its buttons do to files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.jobs import JobPool
from app.models_model import ModelRole, ModelsModel, short_title, size_text
from app.panels.licence_dialog import LicenceDialog
from app.panels.models import ModelsPanel
from app.panels.question import Question
from app.speeds import MeasuredSpeeds
from app.write_behind import WriteBehind
from engine.inference.cards import CardFigures, Licence, write_card
from engine.inference.model_store import ModelStore
from engine.io.home import Home
from engine.services.song_job import JobState, SongJob
from tests.inference.graphs import gains_model

OWN, CLOSED = "quarter", "closed"
SONG = Path("/music/song.mp3")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Two cards: `quarter` is here, `closed` has a licence to accept and lies in a file beside."""
    home = Home(tmp_path / "home")
    stems = {"stems": "vocals,accompaniment", "residual_stem": "accompaniment"}
    network = gains_model(tmp_path / "quarter.onnx", [0.25, 0.5], 16_384, **stems)
    store = ModelStore(home.models, home.cards)
    card = store.add_file(network)
    terms = Licence("Not for sale", "Ask first.", requires_acceptance=True)
    figures = (CardFigures("Falcon 69", (("vocals", 4.92), ("accompaniment", 11.1))),)
    closed = replace(card, name=CLOSED, title="Closed, 2 stems", licence=terms, figures=figures)
    write_card(closed, home.cards[-1] / f"{CLOSED}.toml")
    return home


@pytest.fixture
def pool(qapp: object) -> Iterator[JobPool]:
    pool = JobPool()
    yield pool
    pool.close()


@pytest.fixture
def speeds(tmp_path: Path) -> Iterator[MeasuredSpeeds]:
    writer = WriteBehind()
    yield MeasuredSpeeds(writer, tmp_path / "config" / "speeds.json")
    writer.close()


@pytest.fixture
def model(qtbot: QtBot, home: Home, pool: JobPool, speeds: MeasuredSpeeds) -> ModelsModel:
    cards = home.cards[-1:]
    model = ModelsModel(lambda: ModelStore(home.models, cards), pool, speeds)
    model.tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.set_current(OWN)
    model.refresh()
    qtbot.waitUntil(lambda: model.rowCount() == 2, timeout=10_000)
    return model


@pytest.fixture
def panel(qtbot: QtBot, model: ModelsModel) -> ModelsPanel:
    panel = ModelsPanel(model)
    qtbot.addWidget(panel)
    panel.resize(780, 250)
    panel.show()
    return panel


def choose(panel: ModelsPanel, model: ModelsModel, name: str) -> None:
    panel.view.setCurrentIndex(model.index_of(name))


def button(panel: ModelsPanel, name: str) -> QPushButton:
    return panel.findChild(QPushButton, name)


def press(qtbot: QtBot, panel: ModelsPanel, name: str) -> None:
    qtbot.mouseClick(button(panel, name), Qt.MouseButton.LeftButton)


def words(panel: ModelsPanel) -> str:
    return "\n".join(label.text() for label in panel.details.findChildren(QLabel) if label.isVisible())


def test_everything_about_a_model_is_told(panel: ModelsPanel, model: ModelsModel) -> None:
    choose(panel, model, CLOSED)
    for text in ("Closed", "Not for sale", "Ask first.", "not run yet", "not measured yet"):
        assert text in words(panel)
    assert "Falcon 69: vocals 4.9, accompaniment 11.1 dB" in words(panel)
    assert "not fetched" in model.index_of(CLOSED).data(ModelRole.DETAIL)
    assert button(panel, "get").isVisible()
    assert not button(panel, "use").isVisible()
    choose(panel, model, OWN)
    assert "Falcon 69" not in words(panel)
    assert button(panel, "use").text() == "In use"
    assert not button(panel, "use").isEnabled()
    assert not button(panel, "remove").isVisible()
    assert "in use" in model.index_of(OWN).data(Qt.ItemDataRole.AccessibleTextRole)


def test_a_licence_is_accepted_before_anything_is_fetched(
    qtbot: QtBot, panel: ModelsPanel, model: ModelsModel, home: Home
) -> None:
    choose(panel, model, CLOSED)
    press(qtbot, panel, "get")
    dialog = panel.findChild(LicenceDialog)
    assert dialog.findChild(QPushButton, "later").isDefault()
    qtbot.mouseClick(dialog.findChild(QPushButton, "later"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.findChild(LicenceDialog) is None)
    assert not (home.models / CLOSED).exists()
    press(qtbot, panel, "get")
    accept = panel.findChild(LicenceDialog).findChild(QPushButton, "accept")
    with qtbot.waitSignal(model.fetched, timeout=20_000) as fetched:
        qtbot.mouseClick(accept, Qt.MouseButton.LeftButton)
    assert fetched.args == [CLOSED]
    qtbot.waitUntil(lambda: model.row(CLOSED).present and not model.row(CLOSED).busy, timeout=10_000)
    with qtbot.waitSignal(panel.model_chosen) as chosen:
        press(qtbot, panel, "use")
    assert chosen.args == [CLOSED]


def test_damage_is_found_and_said(qtbot: QtBot, panel: ModelsPanel, model: ModelsModel, home: Home) -> None:
    choose(panel, model, OWN)
    with qtbot.waitSignal(model.notice, timeout=10_000) as told:
        press(qtbot, panel, "verify")
    assert "every byte" in told.args[0]
    qtbot.waitUntil(lambda: not model.row(OWN).busy)
    file = next((home.models / OWN).iterdir())
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with qtbot.waitSignal(model.failed, timeout=10_000):
        press(qtbot, panel, "verify")
    qtbot.waitUntil(lambda: not model.row(OWN).busy)
    assert "sha256" in words(panel)


def test_a_model_that_is_not_in_use_can_be_removed(
    qtbot: QtBot, panel: ModelsPanel, model: ModelsModel, home: Home
) -> None:
    model.set_current("another")
    choose(panel, model, OWN)
    press(qtbot, panel, "remove")
    question = panel.findChild(Question)
    remove = next(b for b in question.findChildren(QPushButton) if b.text() == "Remove")
    assert not remove.isDefault()
    with qtbot.waitSignal(model.notice, timeout=10_000):
        qtbot.mouseClick(remove, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: model.row(OWN) is None, timeout=10_000)
    assert not (home.models / OWN).exists()
    assert model.rowCount() == 1


def test_a_users_own_file_is_taken_in(
    qtbot: QtBot, panel: ModelsPanel, model: ModelsModel, tmp_path: Path
) -> None:
    stems = {"stems": "vocals,drums,accompaniment", "residual_stem": "accompaniment"}
    model.add_file(gains_model(tmp_path / "third.onnx", [0.25, 0.25, 0.5], 16_384, **stems))
    qtbot.waitUntil(lambda: model.row("third") is not None, timeout=10_000)
    choose(panel, model, "third")
    assert list(model.row("third").card.stems) == ["vocals", "drums", "accompaniment"]
    with qtbot.waitSignal(model.failed, timeout=10_000) as told:
        model.add_file(tmp_path / "gone.onnx")
    assert "gone.onnx" in told.args[0]


def test_enter_uses_a_model_that_is_here(qtbot: QtBot, panel: ModelsPanel, model: ModelsModel) -> None:
    model.set_current("another")
    choose(panel, model, OWN)
    with qtbot.waitSignal(panel.model_chosen) as chosen:
        qtbot.keyClick(panel.view, Qt.Key.Key_Return)
    assert chosen.args == [OWN]


def test_the_speed_of_the_last_finished_song_is_told_and_kept(
    panel: ModelsPanel, model: ModelsModel, speeds: MeasuredSpeeds, tmp_path: Path
) -> None:
    choose(panel, model, OWN)
    model.note_jobs(OWN, [SongJob(SONG, JobState.SEPARATING, speed=9.0)])
    assert "not measured yet" in words(panel)
    first = SongJob(SONG, JobState.READY, speed=31.24, provider="CPU")
    second = SongJob(Path("/music/2.mp3"), JobState.READY, speed=12.0, provider="CUDA")
    stored = SongJob(Path("/music/3.mp3"), JobState.READY, speed=900.0, provider="stored")
    model.note_jobs(OWN, [first])
    assert "31x real time" in words(panel)
    for _ in range(3):
        model.note_jobs(OWN, [first, second, stored])
    assert "12x real time" in words(panel)
    assert "CUDA" in words(panel)
    writer = WriteBehind()
    speeds._writer.flush()
    again = MeasuredSpeeds(writer, tmp_path / "config" / "speeds.json")
    again.load()
    assert again.get(OWN) == speeds.get(OWN)
    writer.close()


@pytest.mark.parametrize("content", ["", "[]", '{"models": {"quarter": {"speed": "fast"}}}', '{"models": 3}'])
def test_a_broken_file_of_speeds_counts_as_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "speeds.json"
    path.write_text(content)
    writer = WriteBehind()
    speeds = MeasuredSpeeds(writer, path)
    speeds.load()
    assert speeds.get(OWN) is None
    writer.close()


def test_titles_and_sizes_read_well(model: ModelsModel) -> None:
    assert short_title(model.row(CLOSED).card) == "Closed"
    assert [size_text(n) for n in (500_000, 39_388_030, 1_200_000_000)] == ["0.5 MB", "39 MB", "1.2 GB"]
