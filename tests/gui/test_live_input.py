"""A live input in the window: its bar, its lanes, its mixer, and the song that comes back untouched."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.desktop import Desktop
from app.live_desk import LiveDesk
from app.live_tick import LiveTick
from app.mixer_state import Strip
from app.panels.live_bar import LiveBar
from app.panels.live_waves import LiveWaves
from app.panels.wave_backdrop import Row
from app.settings import load_settings, save_settings
from engine.inference.model_store import ModelStore
from engine.io.device import DeviceInfo
from engine.io.home import Home, default_home
from engine.realtime.scope import COLUMNS_PER_S, Scope
from engine.services.live_stems import LiveChoice, LiveLatency
from tests.gui.conftest import rms_db
from tests.gui.test_accessibility import gaps
from tests.gui.test_main_path import play
from tests.gui.test_mic_panel import hiss
from tests.gui.turntable import RATE_HZ, MicTable, Turntable

MODEL = "spleeter-2stems"
HISS_DB = -23.0


# --- the bar, by itself -----------------------------------------------------------------------------


@pytest.fixture
def bar(qtbot: QtBot) -> LiveBar:
    bar = LiveBar()
    qtbot.addWidget(bar)
    bar.resize(1100, bar.height())
    bar.show()
    bar.show_choice(LiveChoice(model=MODEL))
    bar.show_models({MODEL: "Spleeter", "other": "Other"})
    bar.set_ready(True)
    return bar


def entries(button: QPushButton) -> dict[str, QAction]:
    menu = button.menu()
    menu.aboutToShow.emit()
    return {action.text(): action for action in menu.actions() if action.text()}


def device(name: str, inputs: int) -> DeviceInfo:
    return DeviceInfo(0, name, "ALSA", inputs, 2, RATE_HZ, 3.0, 3.0, False, False)


def test_every_choice_of_the_bar_is_told_and_shown(bar: LiveBar, qtbot: QtBot) -> None:
    told: list[LiveChoice] = []
    bar.choice_changed.connect(told.append)
    bar.show_devices((device("Monitor of HDMI", 4), device("Speaker", 0)))
    assert set(entries(bar.input)) == {
        "The device that plays, or the system's",
        "Monitor of HDMI  ·  ALSA",
    }
    entries(bar.input)["Monitor of HDMI  ·  ALSA"].trigger()
    assert told[-1] == LiveChoice("ALSA: Monitor of HDMI", 0, MODEL, "tight")
    assert bar.input.text() == "Monitor of HDMI"
    assert list(entries(bar.channel)) == ["Channels 1 + 2", "Channels 3 + 4"]
    entries(bar.channel)["Channels 3 + 4"].trigger()
    assert bar.channel.text() == "3 + 4"
    qtbot.mouseClick(bar.modes["clean"], Qt.MouseButton.LeftButton)
    entries(bar.model)["Other"].trigger()
    assert told[-1] == bar.choice == LiveChoice("ALSA: Monitor of HDMI", 2, "other", "clean")
    assert bar.modes["clean"].isChecked()
    assert not bar.modes["tight"].isChecked()
    # Another device begins at its first channel again.
    entries(bar.input)["The device that plays, or the system's"].trigger()
    assert told[-1].channel == 0
    assert told[-1].device is None


def test_the_bar_says_how_late_it_is_and_what_is_the_matter(bar: LiveBar) -> None:
    latency = LiveLatency(input_s=0.005, separation_s=0.19, limiter_s=0.002, output_s=0.006)
    bar.show_tick(LiveTick(is_on=True, is_ready=True, latency=latency))
    assert bar.words.text() == "Heard 203 ms after it comes in"
    assert "Separation: 190.0 ms" in bar.words.toolTip()
    assert bar.power.text() == "Stop"
    bar.show_tick(LiveTick(is_on=True, latency=latency))
    assert "being prepared" in bar.words.text()
    bar.show_tick(LiveTick(is_on=True, latency=latency, trouble="the input 'x' went away"))
    assert bar.words.text() == "The input 'x' went away"
    assert bar.words.property("class") == "warning"
    bar.show_tick(LiveTick())
    assert bar.power.text() == "Listen"
    assert not bar.power.isChecked()


def test_the_button_shows_what_is_and_keeps_the_keys(bar: LiveBar, qtbot: QtBot) -> None:
    bar.activateWindow()
    bar.power.setFocus()
    qtbot.waitUntil(bar.power.hasFocus)
    with qtbot.waitSignal(bar.switch_wanted) as asked:
        qtbot.keyClick(bar.power, Qt.Key.Key_Return)
    assert asked.args == [True]
    assert not bar.power.isChecked()
    assert not bar.power.isEnabled()
    bar.set_ready(True)
    assert bar.power.hasFocus()


@pytest.mark.parametrize("width", [700, 800, 1100])
def test_nothing_of_the_bar_overlaps(bar: LiveBar, qtbot: QtBot, width: int) -> None:
    bar.show_choice(LiveChoice("ALSA: Monitor of a device whose name is far too long", 0, MODEL, "tight"))
    bar.resize(width, bar.height())
    qtbot.waitUntil(lambda: bar.width() == width)
    parts = [bar.power, bar.input, bar.channel, bar.model, *bar.modes.values(), bar.words, bar.close_button]
    for left, right in pairwise(parts):
        assert left.geometry().right() < right.geometry().left()
    assert parts[-1].geometry().right() < width


# --- waveforms that roll ----------------------------------------------------------------------------


def test_what_came_last_is_drawn_at_the_right_edge(qtbot: QtBot) -> None:
    waves = LiveWaves()
    qtbot.addWidget(waves)
    waves.resize(400, 140)
    waves.set_rows((Row("vocals", 28, 100),), ("original", "vocals"))
    scope = Scope(2, RATE_HZ)
    waves.show_scope(scope)
    waves.show()
    assert waves.seconds == pytest.approx(4.0)
    still = waves.grab().toImage()
    # Half a second at full scale in the second lane, made as the feeder makes it.
    data = scope._data  # pyright: ignore[reportPrivateUsage]
    data[1, 0, :50], data[1, 1, :50], data[1, 2, :50] = -0.9, 0.9, 0.6
    scope.cells[0] = COLUMNS_PER_S // 2
    waves.show_scope(scope)
    moved = waves.grab().toImage()
    ratio = moved.devicePixelRatio()
    y = round(60 * ratio)
    assert moved.pixelColor(round(390 * ratio), y) != still.pixelColor(round(390 * ratio), y)
    assert moved.pixelColor(round(200 * ratio), y) == still.pixelColor(round(200 * ratio), y)


# --- the window -------------------------------------------------------------------------------------


class Stage:
    """The window with its live input's bar open."""

    def __init__(self, desktop: Desktop, qtbot: QtBot, table: Turntable) -> None:
        assert desktop.rooms is not None
        self.desktop, self.qtbot, self.table = desktop, qtbot, table
        self.desk: LiveDesk = desktop.rooms.live

    def listen(self) -> None:
        self.qtbot.mouseClick(self.desk.bar.power, Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: self.desk.engine.is_on, timeout=20_000)
        self.qtbot.waitUntil(lambda: self.desk.engine.tick.is_ready, timeout=60_000)

    def stop(self) -> None:
        self.qtbot.mouseClick(self.desk.bar.power, Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: not self.desk.engine.is_on, timeout=20_000)

    def hears(self, level_db: float, tolerance_db: float = 1.0) -> None:
        """Wait until this is heard: a live input has gaps where the machine is busy."""
        levels_db: list[float] = []
        for _ in range(40):
            levels_db.append(rms_db(self.table.listen(self.qtbot, 0.3)[0]))
            if abs(levels_db[-1] - level_db) <= tolerance_db or max(level_db, levels_db[-1]) < -80.0:
                return
        raise AssertionError(f"{level_db} dB, not {levels_db}")


@pytest.fixture(scope="module")
def spleeter() -> Path:
    """Folder of the model, in the home that outlives the test run."""
    kept = default_home()
    ModelStore(kept.models, kept.cards).get(MODEL)
    return kept.models / MODEL


@pytest.fixture
def stage(qtbot: QtBot, home: Home, turntable: Turntable, spleeter: Path) -> Iterator[Stage]:
    (home.models / MODEL).symlink_to(spleeter)
    settings, _notes = load_settings()
    save_settings(replace(settings, live=replace(settings.live, model=MODEL)))
    turntable.voice = hiss()
    desktop = Desktop(MicTable(turntable), home)
    desktop.start()
    qtbot.waitUntil(lambda: desktop.bridge.playback is not None and desktop.rooms is not None, timeout=60_000)
    yield Stage(desktop, qtbot, turntable)
    desktop.close()


def test_an_input_takes_the_songs_place_and_gives_it_back(stage: Stage, tone: Path) -> None:
    desktop, qtbot, desk = stage.desktop, stage.qtbot, stage.desk
    play(desktop, qtbot, tone)
    desktop.edits.set_gain_db("vocals", -3.0)
    desktop.window.actions_["live"].trigger()
    assert desk.bar.isVisible()
    stage.listen()
    assert desk.lanes.isVisible()
    assert list(desk.lanes.heads) == ["vocals", "accompaniment"]
    assert desk.lanes.input.note.text() == "USB interface"
    assert "ms after it comes in" in desk.bar.words.text()
    assert desktop.bridge.tick.live == "USB interface"
    assert not desktop.bridge.tick.playing
    stage.hears(HISS_DB)
    qtbot.waitUntil(lambda: desk.lanes.input.meter.levels_db[0] > -30.0)
    # Keys and clicks act on the input's strips, and are undone there; the song's stay as they are.
    qtbot.keyClick(desktop.window, Qt.Key.Key_2)
    assert desk.lanes.heads["accompaniment"].isAncestorOf(desktop.window.focusWidget())
    qtbot.keyClick(desktop.window.focusWidget(), Qt.Key.Key_M)
    qtbot.mouseClick(desk.lanes.heads["vocals"].mute, Qt.MouseButton.LeftButton)
    strip = desk.mixer.strip
    assert strip("accompaniment").mute
    stage.hears(-300.0)
    song_strip = desktop.mixer.strip
    assert song_strip("accompaniment") == Strip()
    for _ in range(2):
        desktop.edits.stack.undo()
    assert strip("vocals") == Strip()
    stage.hears(HISS_DB)
    where_s = desktop.bridge.tick.position_s
    stage.stop()
    assert not desk.lanes.isVisible()
    assert desktop.rooms is not None
    assert desktop.rooms.lanes.isVisible()
    assert desktop.mixer.strip("vocals").gain_db == -3.0
    assert desktop.bridge.tick.position_s == pytest.approx(where_s, abs=0.1)
    qtbot.keyClick(desktop.window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: desktop.bridge.tick.playing, timeout=10_000)
    stage.table.listen(qtbot, 0.2)
    heard = stage.table.listen(qtbot, 0.5)[0]
    # 480 Hz is the 240th of the half hertz of half a second.
    assert int(np.argmax(np.abs(np.fft.rfft(heard)))) in (240, 480)


def test_without_a_song_it_works_as_well_and_space_ends_it(stage: Stage) -> None:
    desktop, qtbot, desk = stage.desktop, stage.qtbot, stage.desk
    desktop.window.actions_["live"].trigger()
    stage.listen()
    desk.edits.set_solo("vocals", True)
    qtbot.mouseClick(desk.bar.modes["clean"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: (latency := desk.engine.tick.latency) is not None and latency.separation_s > 0.25,
        timeout=20_000,
    )
    # Another separation, the same strips.
    playback = desktop.bridge.playback
    assert playback is not None
    assert desk.mixer.strip("vocals").solo
    assert playback.memory.params[1, 3] == 1.0
    assert desktop.settings.current.live.mode == "clean"
    assert not gaps(desktop.window, qtbot, "Window with a live input")
    qtbot.keyClick(desktop.window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not desk.engine.is_on, timeout=10_000)
    assert desktop.window.empty.isVisible()


def test_closing_the_bar_ends_it_and_a_song_that_is_opened_does(stage: Stage, tone: Path) -> None:
    desktop, qtbot, desk = stage.desktop, stage.qtbot, stage.desk
    action = desktop.window.actions_["live"]
    qtbot.mouseClick(desktop.window.empty.live_button, Qt.MouseButton.LeftButton)
    assert action.isChecked()
    stage.listen()
    qtbot.mouseClick(desk.bar.close_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not desk.engine.is_on, timeout=10_000)
    assert not desk.bar.isVisible()
    assert not action.isChecked()
    action.trigger()
    stage.listen()
    play(desktop, qtbot, tone)
    assert not desk.engine.is_on
    assert desktop.rooms is not None
    assert desktop.rooms.lanes.isVisible()


def test_a_refusal_is_said_and_the_song_plays_on(
    desktop: Desktop, qtbot: QtBot, turntable: Turntable, tone: Path
) -> None:
    qtbot.waitUntil(lambda: desktop.rooms is not None, timeout=60_000)
    play(desktop, qtbot, tone)
    stage = Stage(desktop, qtbot, turntable)
    desktop.window.actions_["live"].trigger()
    with qtbot.waitSignal(stage.desk.engine.refused, timeout=20_000) as why:
        qtbot.mouseClick(stage.desk.bar.power, Qt.MouseButton.LeftButton)
    assert "charon-4stems" in why.args[0] or "input" in why.args[0]
    qtbot.waitUntil(stage.desk.bar.power.isEnabled)
    assert not stage.desk.engine.is_on
    assert desktop.bridge.tick.playing


def test_the_smallest_window_shows_the_whole_bar(stage: Stage) -> None:
    window, bar = stage.desktop.window, stage.desk.bar
    window.actions_["live"].trigger()
    window.resize(960, 600)
    stage.qtbot.waitUntil(lambda: window.width() == 960)
    edge = bar.close_button
    stage.qtbot.waitUntil(lambda: edge.mapTo(window, QPoint(edge.width(), 0)).x() <= 960)
