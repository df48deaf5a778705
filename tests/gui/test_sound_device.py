"""Without a sound device the window works and says so; with one it plays, and counts what it cannot play."""

import shutil
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.desktop import Desktop
from engine.errors import DeviceError
from engine.io.home import Home
from engine.io.virtual_device import VirtualOutput
from tests.gui.test_main_path import drop
from tests.gui.turntable import Turntable


def test_without_a_device_songs_are_separated_and_it_is_taken_when_it_comes(
    home: Home, qtbot: QtBot, turntable: Turntable, tone: Path
) -> None:
    there: list[bool] = []

    def open_when_there(callback_address: int, userdata_address: int, rate_hz: int | None) -> VirtualOutput:
        if not there:
            raise DeviceError("the device is not plugged in")
        return turntable.open(callback_address, userdata_address, rate_hz)

    desktop = Desktop(open_when_there, home)
    desktop.start()
    try:
        qtbot.waitUntil(lambda: desktop.bridge.playback is not None, timeout=60_000)
        window, bridge = desktop.window, desktop.bridge
        assert "not plugged in" in window.offers.text
        drop(desktop, tone)
        qtbot.waitUntil(lambda: 0 < bridge.tick.segments_total == bridge.tick.segments_done, timeout=30_000)
        assert bridge.tick.device is None
        assert "not plugged in" in bridge.tick.trouble
        assert not bridge.tick.playing
        bridge.toggle_play()
        qtbot.waitUntil(lambda: "not plugged in" in window.status.message)
        assert not bridge.tick.playing

        there.append(True)
        button = next(b for b in window.offers.findChildren(QPushButton) if b.isVisible())
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: bridge.tick.device is not None, timeout=10_000)
        assert bridge.tick.trouble == ""
        bridge.toggle_play()
        qtbot.waitUntil(lambda: bridge.tick.position_s > 0.3, timeout=10_000)
    finally:
        desktop.close()


def test_a_late_block_is_counted_explained_and_forgiven(
    desktop: Desktop, qtbot: QtBot, turntable: Turntable, tone: Path
) -> None:
    bridge = desktop.bridge
    drop(desktop, tone)
    qtbot.waitUntil(lambda: bridge.tick.position_s > 0.3, timeout=30_000)
    assert (bridge.tick.dropouts, bridge.tick.trouble) == (0, "")
    turntable.report_underflow()
    qtbot.waitUntil(lambda: bridge.tick.dropouts == 1)
    assert ":" in bridge.tick.trouble
    assert desktop.window.status.message == bridge.tick.trouble


def test_a_song_that_is_asked_for_while_the_engine_starts_plays_when_it_is_there(
    home: Home, qtbot: QtBot, turntable: Turntable, tone: Path
) -> None:
    desktop = Desktop(turntable.open, home)
    desktop.start([tone])
    try:
        assert desktop.bridge.playback is None
        qtbot.waitUntil(lambda: desktop.bridge.tick.position_s > 0.3, timeout=60_000)
    finally:
        desktop.close()


def test_a_missing_model_is_offered(home: Home, qtbot: QtBot) -> None:
    """The window opens all the same, says what is missing, and leads to the models."""
    shutil.rmtree(home.models / "quarter")
    desktop = Desktop(None, home)
    desktop.start()
    try:
        qtbot.waitUntil(lambda: "quarter" in desktop.window.offers.text, timeout=60_000)
        button = next(b for b in desktop.window.offers.findChildren(QPushButton) if b.isVisible())
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert desktop.window.dock("models").isVisible()
    finally:
        desktop.close()
