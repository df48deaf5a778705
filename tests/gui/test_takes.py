"""Takes as lanes of the song in the window: heard, mixed, undone, named, kept, exported, deleted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QInputDialog, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from app.desktop import Desktop
from app.panels.export_dialog import ExportDialog
from app.panels.question import Question
from app.panels.take_head import TakeHead
from app.session import load_session, save_session
from app.take_state import TakeEntry
from engine.realtime.layout import MAX_LANES
from engine.services.take import Passage, TakeLog, wav_path
from engine.services.take import TakeHead as LogHead
from tests.gui.conftest import rms_db
from tests.gui.test_accessibility import gaps
from tests.gui.test_main_path import head, play
from tests.gui.turntable import RATE_HZ, Turntable

SETTLE_S = 0.15
SUNG_DB = -26.0


def record(folder: Path, seconds: float = 19.0, name: str = "chord") -> Path:
    """A take that was sung to the chord from its beginning: a sine that is none of its tones."""
    log = TakeLog(folder / f"{name}.take", LogHead(RATE_HZ, 0, "chord.wav", RATE_HZ))
    log.add(Passage(0, 0))
    log.close()
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    voice = 10 ** (SUNG_DB / 20) * np.sqrt(2) * np.sin(2 * np.pi * 1440 * t)
    soundfile.write(wav_path(log.path, "wet"), np.stack([voice, voice], axis=1), RATE_HZ, subtype="FLOAT")
    return log.path


class Stage:
    """The window with a song and what is sung to it."""

    def __init__(self, desktop: Desktop, qtbot: QtBot, table: Turntable, song: Path) -> None:
        assert desktop.rooms is not None
        self.desktop, self.qtbot, self.table = desktop, qtbot, table
        self.desk = desktop.rooms.takes
        play(desktop, qtbot, song)

    def add(self, log: Path) -> str:
        with self.qtbot.waitSignal(self.desk.heard, timeout=20_000):
            entry = self.desk.state.add(log, "wet")
        return entry.name

    def sung_db(self) -> float:
        """Level of the take's own tone in what is heard at the left."""
        self.table.listen(self.qtbot, SETTLE_S)
        return tone_db(self.table.listen(self.qtbot, 0.3)[0])

    @property
    def heard(self) -> tuple[str, ...]:
        """Lanes of the engine."""
        playback = self.desktop.bridge.playback
        return () if playback is None else playback.mixer.lanes


def tone_db(x: np.ndarray) -> float:
    """Level of 1440 Hz in a block of whole periods, dB."""
    phase = 2 * np.pi * 1440 * np.arange(x.size) / RATE_HZ
    size = abs(np.mean(x * np.exp(-1j * phase)))
    return float(20 * np.log10(np.sqrt(2) * size + 1e-15))


@pytest.fixture
def stage(desktop: Desktop, qtbot: QtBot, turntable: Turntable, tone: Path) -> Stage:
    qtbot.waitUntil(lambda: desktop.rooms is not None, timeout=60_000)
    return Stage(desktop, qtbot, turntable, tone)


def test_a_take_is_a_lane_with_gain_mute_and_solo(stage: Stage, tmp_path: Path) -> None:
    name = stage.add(record(tmp_path))
    assert stage.heard == ("original", "vocals", "accompaniment", name)
    lane = head(stage.desktop, name)
    assert isinstance(lane, TakeHead)
    assert lane.title.text() == "Take 1"
    assert lane.accessibleName() == "Take 1"
    assert not gaps(stage.desktop.window, stage.qtbot, "Window with a take")
    assert stage.sung_db() == pytest.approx(SUNG_DB, abs=0.1)
    lane.fader.edit_value(-6.0)
    assert stage.sung_db() == pytest.approx(SUNG_DB - 6.0, abs=0.1)
    stage.qtbot.mouseClick(lane.mute, Qt.MouseButton.LeftButton)
    assert stage.sung_db() < -80.0
    # The song itself is as before.
    assert rms_db(stage.table.listen(stage.qtbot, 0.3)[0]) == pytest.approx(-20.0, abs=0.05)
    stage.qtbot.mouseClick(lane.mute, Qt.MouseButton.LeftButton)
    stage.qtbot.mouseClick(lane.solo, Qt.MouseButton.LeftButton)
    assert stage.sung_db() == pytest.approx(SUNG_DB - 6.0, abs=0.1)
    assert rms_db(stage.table.listen(stage.qtbot, 0.3)[0]) == pytest.approx(SUNG_DB - 6.0, abs=0.1)
    stage.qtbot.waitUntil(lambda: lane.meter.levels_db[0] > -40.0)


def test_adding_mixing_and_removing_are_undone_in_their_order(stage: Stage, tmp_path: Path) -> None:
    stack, mixer, state = stage.desktop.edits.stack, stage.desktop.mixer, stage.desk.state
    name = stage.add(record(tmp_path))
    stage.desktop.edits.set_gain_db(name, -9.0)
    state.remove(name)
    assert mixer.takes == ()
    stage.qtbot.waitUntil(lambda: name not in stage.heard, timeout=10_000)
    assert stage.sung_db() < -80.0
    with stage.qtbot.waitSignal(stage.desk.heard, timeout=10_000):
        stack.undo()
    assert mixer.strip(name).gain_db == -9.0
    assert stage.sung_db() == pytest.approx(SUNG_DB - 9.0, abs=0.1)
    stack.undo()
    assert stage.sung_db() == pytest.approx(SUNG_DB, abs=0.1)
    with stage.qtbot.waitSignal(stage.desk.heard, timeout=10_000):
        stack.undo()
    assert mixer.takes == ()
    with stage.qtbot.waitSignal(stage.desk.heard, timeout=10_000):
        stack.redo()
    assert stage.sung_db() == pytest.approx(SUNG_DB, abs=0.1)
    # Another one gets a number of its own.
    assert state.add(record(tmp_path, 1.0, "other"), "wet").name == "take-2"


def test_it_is_renamed_by_a_double_click_and_deleted_with_a_question(stage: Stage, tmp_path: Path) -> None:
    log = record(tmp_path)
    name = stage.add(log)
    lane = head(stage.desktop, name)
    QTest.mouseDClick(lane.title, Qt.MouseButton.LeftButton, pos=QPoint(4, 4))
    stage.qtbot.waitUntil(lambda: bool(stage.desktop.window.findChildren(QInputDialog)))
    dialog = stage.desktop.window.findChildren(QInputDialog)[0]
    dialog.findChildren(QLineEdit)[0].setText("Second voice")
    dialog.accept()
    stage.qtbot.waitUntil(lambda: head(stage.desktop, name).title.text() == "Second voice")
    assert stage.sung_db() == pytest.approx(SUNG_DB, abs=0.1)
    made = stage.desk.lanes()[name].path
    lane = head(stage.desktop, name)
    assert isinstance(lane, TakeHead)
    actions = {action.text(): action for action in lane.menu.actions()}
    actions["Delete the recording…"].trigger()
    question = next(q for q in stage.desktop.window.findChildren(Question) if q.isVisible())
    question.accept()
    stage.qtbot.waitUntil(lambda: not log.exists() and not made.exists(), timeout=10_000)
    assert not wav_path(log, "wet").exists()
    assert stage.desktop.mixer.takes == ()
    stage.qtbot.waitUntil(lambda: name not in stage.heard, timeout=10_000)


def test_a_take_that_cannot_be_placed_is_said_and_not_shown(stage: Stage, tmp_path: Path) -> None:
    log = record(tmp_path)
    wav_path(log, "wet").unlink()
    stage.desk.state.add(log, "wet")
    stage.qtbot.waitUntil(lambda: stage.desk.state.entries == (), timeout=10_000)
    assert "missing" in stage.desktop.window.status.message


def test_a_session_keeps_takes_and_their_strips(
    stage: Stage, make_desktop: Callable[[], Desktop], tmp_path: Path
) -> None:
    assert stage.desktop.rooms is not None
    name = stage.add(record(tmp_path))
    stage.desk.state.rename(name, "Second voice")
    stage.desktop.edits.set_gain_db(name, -12.0)
    session = stage.desktop.rooms.sessions.snapshot()
    assert session is not None
    path = save_session(tmp_path / "evening", session)
    assert [entry.title for entry in load_session(path).takes] == ["Second voice"]
    stage.desktop.close()
    again = make_desktop()
    stage.qtbot.waitUntil(lambda: again.rooms is not None, timeout=60_000)
    assert again.rooms is not None
    with stage.qtbot.waitSignal(again.rooms.takes.heard, timeout=30_000):
        again.rooms.sessions.open(path)
    assert again.mixer.title(name) == "Second voice"
    playback = again.bridge.playback
    assert playback is not None
    stage.qtbot.waitUntil(lambda: name in playback.mixer.lanes, timeout=10_000)
    again.bridge.toggle_play()
    stage.qtbot.waitUntil(lambda: again.bridge.tick.position_s > 0.1, timeout=10_000)
    assert stage.sung_db() == pytest.approx(SUNG_DB - 12.0, abs=0.1)


def test_another_song_has_no_takes_and_the_same_one_keeps_them(
    stage: Stage, tmp_path: Path, tone: Path
) -> None:
    name = stage.add(record(tmp_path))
    stage.desktop.edits.set_gain_db(name, -12.0)
    with stage.qtbot.waitSignal(stage.desk.heard, timeout=20_000):
        stage.desktop.bridge.play_song(tone)
    assert stage.sung_db() == pytest.approx(SUNG_DB - 12.0, abs=0.1)
    other = tmp_path / "other.wav"
    soundfile.write(other, np.zeros((RATE_HZ, 2)), RATE_HZ)
    stage.desktop.bridge.play_song(other)
    assert stage.desktop.mixer.takes == ()
    stage.qtbot.waitUntil(lambda: name not in stage.heard, timeout=10_000)


def test_takes_are_in_the_exported_mix_and_beside_the_exported_stems(stage: Stage, tmp_path: Path) -> None:
    rooms = stage.desktop.rooms
    assert rooms is not None
    name = stage.add(record(tmp_path))
    rooms.open_export()
    dialog = next(d for d in stage.desktop.window.findChildren(ExportDialog) if d.isVisible())
    assert dialog.form.takes == (name,)
    dialog.form.set_stem("accompaniment", False)
    sung: dict[str, np.ndarray] = {}
    for what in ("mix", "stems"):
        folder = tmp_path / what
        dialog.form.set_what("mix" if what == "mix" else "stems")
        dialog.form.set_folder(str(folder))
        stage.qtbot.waitUntil(lambda: dialog.refusal() == "", timeout=10_000)
        if what == "mix":
            labels = " ".join(label.text() for label in dialog.findChildren(QLabel))
            assert "Take 1 as it was sung" in labels
        with stage.qtbot.waitSignal(dialog.exported, timeout=30_000):
            dialog.start()
        stage.qtbot.waitUntil(lambda: not dialog.busy, timeout=10_000)
        for path in folder.rglob("*.wav"):
            sung[path.stem] = soundfile.read(path, dtype="float32")[0].T
    assert sorted(sung) == ["Take 1", "chord (mix)", "vocals"]
    assert {audio.shape for audio in sung.values()} == {(2, 20 * RATE_HZ)}
    middle = slice(2 * RATE_HZ, 4 * RATE_HZ)
    levels_db = {title: tone_db(audio[0, middle]) for title, audio in sung.items()}
    assert levels_db["chord (mix)"] == pytest.approx(SUNG_DB, abs=0.1)
    assert levels_db["Take 1"] == pytest.approx(SUNG_DB, abs=0.1)
    assert levels_db["vocals"] < -80.0


def test_more_takes_than_fit_are_refused_in_words(stage: Stage, tmp_path: Path) -> None:
    entries = tuple(TakeEntry(f"take-{k}", f"Take {k}", tmp_path / f"{k}.take", "wet") for k in range(1, 14))
    most = MAX_LANES - 1 - len(stage.desktop.mixer.stems)
    assert len(entries) == most
    stage.desk.state.set_entries(entries)
    assert stage.desk.add(record(tmp_path), "wet") is None
    assert f"{most} takes are all that fit" in stage.desktop.window.status.message
    assert len(stage.desk.state.entries) <= most
