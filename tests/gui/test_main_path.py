"""The path every user takes, through the window on a real engine: drop, hear, mute, seek, loop, export."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.desktop import Desktop
from app.panels.export_dialog import ExportDialog
from app.panels.messages import MessagesDialog
from app.panels.mixer import LaneHead
from engine.io.home import Home
from engine.io.stem_store import StemStore
from engine.services.separation import Separator
from tests.gui.conftest import rms_db
from tests.gui.turntable import RATE_HZ, Turntable

SETTLE_S = 0.1
"""Ramps of the mixer take 5 ms, blocks on their way some more."""


def drop(desktop: Desktop, *paths: Path) -> None:
    """What the desktop sends when files are let go over the middle of the window."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    window = desktop.window
    where = QPointF(window.width() / 2, window.height() / 2)
    keys, buttons = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(where.toPoint(), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    fall = QDropEvent(where, Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(window, fall)
    assert fall.isAccepted()


def head(desktop: Desktop, name: str) -> LaneHead:
    return next(h for h in desktop.window.findChildren(LaneHead) if h.name == name)


def play(desktop: Desktop, qtbot: QtBot, song: Path) -> None:
    """Drop a song, and wait until all its stems are there and it is heard."""
    drop(desktop, song)
    qtbot.waitUntil(lambda: desktop.bridge.tick.position_s > 0.3, timeout=30_000)
    qtbot.waitUntil(lambda: _is_separated(desktop), timeout=30_000)


def _is_separated(desktop: Desktop) -> bool:
    tick = desktop.bridge.tick
    return 0 < tick.segments_total == tick.segments_done and tick.stems_ready


def test_a_dropped_song_plays_untouched(
    desktop: Desktop, qtbot: QtBot, turntable: Turntable, tone: Path
) -> None:
    play(desktop, qtbot, tone)
    heard = turntable.listen(qtbot, 0.5)
    assert rms_db(heard[0]) == pytest.approx(-20.0, abs=0.02)
    assert desktop.bridge.tick.title == "chord"
    assert desktop.bridge.tick.song_rate_hz == RATE_HZ
    assert desktop.window.windowTitle().startswith("chord")
    assert desktop.transport.isVisible()
    assert desktop.queue.rowCount() == 1


def test_a_muted_stem_is_gone_and_comes_back(
    desktop: Desktop, qtbot: QtBot, turntable: Turntable, tone: Path
) -> None:
    play(desktop, qtbot, tone)
    whole = turntable.listen(qtbot, 0.5)
    qtbot.mouseClick(head(desktop, "vocals").solo, Qt.MouseButton.LeftButton)
    turntable.listen(qtbot, SETTLE_S)
    vocals = turntable.listen(qtbot, 0.5)
    # The model makes the vocals a quarter of the song.
    assert rms_db(vocals) - rms_db(whole) == pytest.approx(20 * np.log10(0.25), abs=0.05)
    qtbot.mouseClick(head(desktop, "vocals").mute, Qt.MouseButton.LeftButton)
    turntable.listen(qtbot, SETTLE_S)
    nothing = turntable.listen(qtbot, 0.5)
    assert rms_db(nothing) <= rms_db(vocals) - 60.0
    # Undo twice, by the keys.
    for _ in range(2):
        qtbot.keyClick(desktop.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert desktop.mixer.strip("vocals").mute is False
    assert desktop.mixer.strip("vocals").solo is False
    turntable.listen(qtbot, SETTLE_S)
    assert rms_db(turntable.listen(qtbot, 0.5)) == pytest.approx(rms_db(whole), abs=0.02)


def test_keys_mute_solo_and_fade_the_chosen_lane(
    desktop: Desktop, qtbot: QtBot, turntable: Turntable, tone: Path
) -> None:
    play(desktop, qtbot, tone)
    window = desktop.window
    qtbot.keyClick(window, Qt.Key.Key_2)
    assert head(desktop, "accompaniment").isAncestorOf(window.focusWidget())
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_M)
    accompaniment = "accompaniment"
    assert desktop.mixer.strip(accompaniment).mute
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_M)
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_S)
    assert desktop.mixer.strip(accompaniment).solo
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_1)
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_S)
    assert desktop.mixer.strip("vocals").solo
    before_db = desktop.mixer.strip("vocals").gain_db
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Down)
    assert desktop.mixer.strip("vocals").gain_db < before_db


def test_space_pauses_and_arrows_seek(
    desktop: Desktop, qtbot: QtBot, turntable: Turntable, tone: Path
) -> None:
    play(desktop, qtbot, tone)
    window = desktop.window
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not desktop.bridge.tick.playing)
    turntable.listen(qtbot, SETTLE_S)
    assert rms_db(turntable.listen(qtbot, 0.3)) < -120.0
    here_s = desktop.bridge.tick.position_s
    window.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: desktop.bridge.tick.position_s == pytest.approx(here_s + 5.0, abs=0.1))
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: desktop.bridge.tick.playing)
    turntable.listen(qtbot, SETTLE_S)
    assert rms_db(turntable.listen(qtbot, 0.5)[0]) == pytest.approx(-20.0, abs=0.05)


def test_the_first_key_goes_to_the_song_and_not_to_a_fader(
    desktop: Desktop, qtbot: QtBot, tone: Path
) -> None:
    play(desktop, qtbot, tone)
    qtbot.waitUntil(lambda: desktop.bridge.tick.position_s > 0.5)
    assert desktop.rooms is not None
    assert desktop.window.focusWidget() is desktop.rooms.lanes.waves
    before_db = desktop.mixer.strip("master").gain_db
    qtbot.keyClick(desktop.window.focusWidget(), Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: desktop.bridge.tick.position_s < 0.5)
    assert desktop.mixer.strip("master").gain_db == before_db


def test_a_loop_is_dragged_and_repeats(
    desktop: Desktop, qtbot: QtBot, turntable: Turntable, tone: Path
) -> None:
    play(desktop, qtbot, tone)
    assert desktop.rooms is not None
    waves = desktop.rooms.lanes.waves
    y = waves.height() // 2
    # A fifth of the song in the middle of it, by the mouse.
    a, b = (int(waves.width() * part) for part in (0.4, 0.5))
    qtbot.mousePress(waves, Qt.MouseButton.LeftButton, pos=QPoint(a, y))
    for x in range(a, b + 1, 4):
        QTest.mouseMove(waves, QPoint(x, y))
    qtbot.mouseMove(waves, QPoint(b, y))
    qtbot.mouseRelease(waves, Qt.MouseButton.LeftButton, pos=QPoint(b, y))
    span_s = desktop.loop.span_s
    assert span_s is not None
    assert desktop.loop.enabled
    assert span_s[1] - span_s[0] == pytest.approx(0.1 * 20.0, abs=0.4)
    desktop.bridge.seek(span_s[0])
    qtbot.waitUntil(lambda: desktop.bridge.tick.position_s >= span_s[0] - 0.01)
    seen: list[float] = []
    desktop.bridge.ticked.connect(lambda tick: seen.append(tick.position_s))
    turntable.listen(qtbot, 1.5 * (span_s[1] - span_s[0]))
    assert max(seen) <= span_s[1] + 0.05
    assert min(np.diff(seen)) < -0.8 * (span_s[1] - span_s[0])  # it went back
    assert rms_db(turntable.listen(qtbot, 0.5)[0]) == pytest.approx(-20.0, abs=0.1)


def test_an_export_equals_the_offline_result(
    desktop: Desktop, qtbot: QtBot, tone: Path, tmp_path: Path, home: Home
) -> None:
    play(desktop, qtbot, tone)
    desktop.settings.change("export", bits="32f", folder=str(tmp_path / "out"))
    qtbot.keyClick(desktop.window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    dialog = desktop.window.findChild(ExportDialog)
    button = dialog.findChild(QPushButton, "export")
    qtbot.waitUntil(button.isEnabled)
    with qtbot.waitSignal(dialog.exported, timeout=30_000):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    dialog.close()

    # Separated once more from nothing, without window or playback, into a store of its own.
    offline = tmp_path / "offline"
    with (
        Separator("quarter", home=home, stems=StemStore(tmp_path / "stems")) as separator,
        separator.separate_file(tone) as separation,
    ):
        separation.save_all(offline)
    files = sorted(path.relative_to(offline) for path in offline.rglob("*.wav"))
    assert [path.name for path in files] == ["accompaniment.wav", "vocals.wav"]
    for file in files:
        got, _ = soundfile.read(tmp_path / "out" / file, dtype="float32")
        expected, _ = soundfile.read(offline / file, dtype="float32")
        assert np.array_equal(got, expected), file


def test_what_cannot_be_read_is_listed_while_the_rest_plays(
    desktop: Desktop, qtbot: QtBot, tone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "album" / "disc 1"
    folder.mkdir(parents=True)
    (folder / "01 fine.wav").write_bytes(tone.read_bytes())
    (folder / "02 broken.mp3").write_bytes(b"this is no music" * 100)
    (folder / "03 empty.flac").write_bytes(b"")
    (folder / "cover.jpg").write_bytes(b"no song, and not tried")
    drop(desktop, folder.parent)
    qtbot.waitUntil(lambda: desktop.bridge.tick.title == "01 fine", timeout=30_000)
    qtbot.waitUntil(lambda: desktop.window.findChild(MessagesDialog) is not None, timeout=30_000)
    dialog = desktop.window.findChild(MessagesDialog)
    assert [problem.path.name for problem in dialog.problems] == ["02 broken.mp3", "03 empty.flac"]
    assert all(problem.reason for problem in dialog.problems)
    dialog.close()
    qtbot.waitUntil(lambda: desktop.bridge.tick.position_s > 0.3, timeout=30_000)
