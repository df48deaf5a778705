"""The transport bar shows ticks, asks by signals, and says what the engine runs on and why it stumbled."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.edits import Edits
from app.loop_state import LoopState
from app.mixer_state import MixerState
from app.panels.transport import TransportBar, clock_text
from app.theme import apply_theme, reduced_motion, set_reduced_motion, tokens
from app.tick import DeviceLine, Tick

LEFT = Qt.MouseButton.LeftButton
DEVICE = DeviceLine("ALSA: HDA Intel PCH", 44_100, 256, 5.82)
PLAYING = Tick(
    song=Path("fishin.ogg"),
    title="Let's Go Fishin'",
    artist="Karissa Hobbs",
    song_rate_hz=44_100,
    position_s=83.44,
    duration_s=225.0,
    playing=True,
    master_peak_db=(-7.0, -9.5),
    device=DEVICE,
)


@pytest.fixture
def loop() -> LoopState:
    return LoopState()


@pytest.fixture
def bar(qtbot: QtBot, qapp: QApplication, loop: LoopState) -> TransportBar:
    apply_theme(qapp)
    mixer = MixerState()
    bar = TransportBar(Edits(mixer, loop), loop, mixer)
    qtbot.addWidget(bar)
    bar.resize(1280, 64)
    bar.show()
    qtbot.waitExposed(bar)
    return bar


@pytest.mark.parametrize(
    ("seconds", "tenths", "text"),
    [
        (0.0, False, "0:00"),
        (83.44, True, "1:23.4"),
        (59.99, True, "0:59.9"),
        (59.99, False, "0:59"),
        (0.3, True, "0:00.3"),
        (3600.0, False, "1:00:00"),
        (36_061.5, True, "10:01:01.5"),
        (-1.0, True, "0:00.0"),
    ],
)
def test_clock(seconds: float, tenths: bool, text: str):
    assert clock_text(seconds, tenths=tenths) == text


def test_without_a_song_there_is_nothing_to_play(bar: TransportBar):
    assert not bar.play.isEnabled()
    assert not bar.to_start.isEnabled()
    assert not bar.loop.isEnabled()
    assert bar.position.text == "0:00.0"


def test_a_tick_is_shown(bar: TransportBar):
    bar.show_tick(PLAYING)
    assert bar.position.text == "1:23.4 / 3:45"
    assert bar.title.line == "Let's Go Fishin'"
    assert bar.artist.line == "Karissa Hobbs  ·  44.1 kHz"
    assert bar.play.icon_name == "pause"
    assert bar.play.accessibleName() == "Pause"
    assert bar.master.meter.levels_db == (-7.0, -9.5)
    bar.show_tick(replace(PLAYING, playing=False))
    assert bar.play.icon_name == "play"
    assert bar.play.accessibleName() == "Play"


def test_a_song_that_is_not_decoded_yet_has_no_length(bar: TransportBar):
    bar.show_tick(replace(PLAYING, duration_s=None, song_rate_hz=0, artist=""))
    assert bar.position.text == "1:23.4"
    assert bar.artist.line == ""
    assert not bar.loop.isEnabled()


def test_the_buttons_ask(bar: TransportBar, qtbot: QtBot):
    bar.show_tick(PLAYING)
    for button, signal in (
        (bar.play, bar.play_toggled),
        (bar.to_start, bar.start_wanted),
        (bar.loop, bar.loop_wanted),
    ):
        with qtbot.waitSignal(signal, timeout=1000):
            QTest.mouseClick(button, LEFT)
        with qtbot.waitSignal(signal, timeout=1000):
            QTest.keyClick(button, Qt.Key.Key_Space)


def test_the_loop_button_shows_the_loop_and_nothing_else(bar: TransportBar, loop: LoopState):
    bar.show_tick(PLAYING)
    QTest.mouseClick(bar.loop, LEFT)
    assert not bar.loop.isChecked()
    loop.set((10.0, 20.5), True)
    assert bar.loop.isChecked()
    assert "0:10.0" in bar.loop.toolTip()
    assert "0:20.5" in bar.loop.toolTip()
    loop.set((10.0, 20.5), False)
    assert not bar.loop.isChecked()


def test_the_position_does_not_move_its_neighbours(bar: TransportBar):
    bar.show_tick(PLAYING)
    bar.layout().activate()
    before = bar.title.x()
    for position_s in (0.0, 111.1, 188.8, 224.9):
        bar.show_tick(replace(PLAYING, position_s=position_s))
        bar.layout().activate()
        assert bar.title.x() == before
    bar.show_tick(replace(PLAYING, position_s=4000.0, duration_s=7000.0))
    bar.layout().activate()
    assert bar.title.x() > before


@pytest.mark.parametrize("width", [960, 1280, 1920])
def test_nothing_overlaps_at_any_width(bar: TransportBar, width: int):
    bar.show_tick(replace(PLAYING, title="A very long title " * 20, artist="Somebody " * 30))
    bar.resize(width, 64)
    bar.layout().activate()
    parts = (bar.name, bar.to_start, bar.play, bar.loop, bar.position, bar.title, bar.master, bar.light)
    shown: list[QWidget] = [part for part in parts if part.isVisible()]
    assert all(bar.rect().contains(part.geometry()) for part in shown)
    assert not any(a.geometry().intersects(b.geometry()) for i, a in enumerate(shown) for b in shown[i + 1 :])
    assert bar.title.toolTip() == bar.title.line


def test_the_light_is_good_while_the_device_runs(bar: TransportBar):
    assert bar.light.colour == tokens().faint
    assert bar.light.state_text == ""
    bar.show_tick(PLAYING)
    assert bar.light.colour == tokens().good
    assert bar.light.device_text == "44.1 kHz · 256 · 5.8 ms"
    assert bar.light.state_text == "0 dropouts"
    bar.show_tick(replace(PLAYING, dropouts=1))
    assert bar.light.state_text == "1 dropout"
    assert DEVICE.name in bar.light.toolTip()


def test_the_light_turns_amber_and_says_why(bar: TransportBar):
    bar.show_tick(PLAYING)
    reason = "Disk too slow: 12 ms were silent"
    bar.show_tick(replace(PLAYING, dropouts=2, trouble=reason))
    assert bar.light.colour == tokens().warning
    assert bar.light.state_text == "Disk too slow"
    assert reason in bar.light.toolTip()
    assert reason in bar.light.accessibleDescription()
    bar.show_tick(replace(PLAYING, dropouts=2))
    assert bar.light.colour == tokens().good
    assert bar.light.state_text == "2 dropouts"


def test_a_device_that_is_gone_is_named_as_such(bar: TransportBar):
    bar.show_tick(replace(PLAYING, device=None, trouble="USB headset was unplugged"))
    assert bar.light.colour == tokens().warning
    assert bar.light.device_text == "No audio device"


@pytest.mark.parametrize("reduced", [True, False])
def test_a_dropout_pulses_once_unless_less_motion_is_wanted(bar: TransportBar, qtbot: QtBot, reduced: bool):
    before = reduced_motion()
    set_reduced_motion(reduced)
    try:
        bar.show_tick(PLAYING)
        bar.show_tick(replace(PLAYING, trouble="late"))
        assert bar.light.pulsing is not reduced
        qtbot.waitUntil(lambda: not bar.light.pulsing, timeout=2000)
    finally:
        set_reduced_motion(before)


def test_the_light_opens_the_details_and_the_choice_of_devices(bar: TransportBar, qtbot: QtBot):
    bar.show_tick(replace(PLAYING, dropouts=3, trouble="late"))
    QTest.mouseClick(bar.light, LEFT)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    lines = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert lines[0] == "late"
    assert DEVICE.name in lines
    assert any("44100" in line and "256" in line for line in lines)
    with qtbot.waitSignal(bar.device_wanted, timeout=1000):
        menu.actions()[-1].trigger()
    menu.close()


def test_every_control_of_the_bar_has_a_name_and_a_tip(bar: TransportBar):
    bar.show_tick(PLAYING)
    found = [
        (child.accessibleName(), child.toolTip())
        for child in bar.findChildren(QWidget)
        if child.focusPolicy() & Qt.FocusPolicy.TabFocus and child.isVisible()
    ]
    assert len(found) == 6
    assert [pair for pair in found if not all(pair)] == []
