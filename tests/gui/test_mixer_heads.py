"""Heads write through undoable edits, show what the mixer says, and have a keyboard way for everything."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.controls.slide import Slide
from app.edits import Edits
from app.loop_state import LoopState
from app.mixer_state import MASTER, MIN_GAIN_DB, MixerState, Strip
from app.panels.mixer import HEAD_WIDTH_PX, LaneHead, MasterStrip, OriginalHead
from app.theme import apply_theme, tokens

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
STEMS = ("vocals", "drums", "bass")


class Desk:
    """A mixer with a head for each stem."""

    def __init__(self, qtbot: QtBot) -> None:
        self.mixer = MixerState()
        self.mixer.set_stems(STEMS)
        self.edits = Edits(self.mixer, LoopState())
        self.heads = {name: LaneHead(name, self.mixer, self.edits) for name in STEMS}
        self.window = QWidget()
        for row, head in enumerate(self.heads.values()):
            head.setParent(self.window)
            head.setGeometry(0, 300 * row, HEAD_WIDTH_PX, 104)
        qtbot.addWidget(self.window)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.window.activateWindow()

    def values(self, name: str) -> Strip:
        return self.mixer.strip(name)


@pytest.fixture
def desk(qtbot: QtBot, qapp: QApplication) -> Desk:
    apply_theme(qapp)
    return Desk(qtbot)


def drag(slide: Slide, by_px: int) -> None:
    start = slide.knob().toPoint()
    QTest.mousePress(slide, LEFT, NONE, start)
    QTest.mouseMove(slide, start + QPoint(by_px // 2, 0))
    QTest.mouseMove(slide, start + QPoint(by_px, 0))
    QTest.mouseRelease(slide, LEFT, NONE, start + QPoint(by_px, 0))


def test_a_drag_of_the_fader_is_one_step_of_undo(desk: Desk):
    head = desk.heads["vocals"]
    drag(head.fader, -30)
    assert desk.values("vocals").gain_db < -5
    assert head.gain_label.text == head.fader.accessibleDescription()
    assert desk.edits.stack.count() == 1
    desk.edits.stack.undo()
    assert desk.values("vocals").gain_db == head.fader.amount == 0.0
    assert head.gain_label.text == "0.0 dB"


def test_the_lowest_step_is_silence(desk: Desk):
    head = desk.heads["drums"]
    QTest.keyClick(head.fader, Qt.Key.Key_Home)
    assert desk.values("drums").gain_db == MIN_GAIN_DB
    assert head.gain_label.text == "\N{MINUS SIGN}\N{INFINITY} dB"


def test_a_gain_is_typed_from_the_fader_and_the_focus_comes_back(desk: Desk, qtbot: QtBot):
    head = desk.heads["bass"]
    head.fader.setFocus()
    QTest.keyClick(head.fader, Qt.Key.Key_Return)
    QTest.keyClicks(head.gain_label.field, "-4,5")
    QTest.keyClick(head.gain_label.field, Qt.Key.Key_Return)
    assert desk.values("bass").gain_db == -4.5
    qtbot.waitUntil(head.fader.hasFocus, timeout=1000)
    desk.edits.stack.undo()
    assert desk.values("bass").gain_db == 0.0


def test_a_balance_is_dragged_and_typed(desk: Desk):
    head = desk.heads["bass"]
    drag(head.pan, 20)
    assert desk.values("bass").pan > 0.2
    QTest.mouseClick(head.pan_label, LEFT)
    QTest.keyClicks(head.pan_label.field, "L30")
    QTest.keyClick(head.pan_label.field, Qt.Key.Key_Return)
    assert desk.values("bass").pan == -0.3
    assert head.pan_label.text == "L30"
    assert desk.edits.stack.count() == 2


def test_mute_and_solo_light_up_and_can_be_undone(desk: Desk):
    head = desk.heads["vocals"]
    QTest.mouseClick(head.mute, LEFT)
    assert desk.values("vocals").mute
    assert head.mute.isChecked()
    QTest.mouseClick(head.solo, LEFT)
    assert desk.values("vocals").solo
    desk.edits.stack.undo()
    desk.edits.stack.undo()
    assert not head.mute.isChecked()
    assert not head.solo.isChecked()


def soloed(desk: Desk) -> list[str]:
    return [name for name in STEMS if desk.values(name).solo]


def test_ctrl_click_solos_alone_and_once_alone_releases(desk: Desk):
    QTest.mouseClick(desk.heads["drums"].solo, LEFT)
    QTest.mouseClick(desk.heads["bass"].solo, LEFT)
    assert soloed(desk) == ["drums", "bass"]
    QTest.mouseClick(desk.heads["vocals"].solo, LEFT, CTRL)
    assert soloed(desk) == ["vocals"]
    QTest.mouseClick(desk.heads["drums"].solo, LEFT)
    QTest.mouseClick(desk.heads["vocals"].solo, LEFT, CTRL)
    assert soloed(desk) == ["vocals"]
    QTest.mouseClick(desk.heads["vocals"].solo, LEFT, CTRL)
    assert soloed(desk) == []
    # Each of it was one step.
    for _ in range(6):
        desk.edits.stack.undo()
    assert soloed(desk) == []
    assert not desk.edits.stack.canUndo()


def test_a_silenced_lane_is_drawn_faintly(desk: Desk):
    head = desk.heads["vocals"]
    left = QPoint(4, head.fader.height() // 2)
    colour = tokens().lane_colour("vocals")
    assert head.fader.grab().toImage().pixelColor(left) == colour
    desk.edits.set_solo("drums", True)
    assert head.fader.grab().toImage().pixelColor(left) != colour
    desk.edits.set_solo("drums", False)
    assert head.fader.grab().toImage().pixelColor(left) == colour


def test_what_waits_for_the_separation_is_lit_in_outline(desk: Desk):
    head = desk.heads["vocals"]
    desk.edits.set_mute("vocals", True)
    inside = QPoint(4, 10)
    assert head.mute.grab().toImage().pixelColor(inside) == tokens().warning
    head.show_waiting(True)
    assert head.mute.grab().toImage().pixelColor(inside) != tokens().warning
    assert head.toolTip()
    head.show_waiting(False)
    assert not head.toolTip()


def test_heads_follow_other_stems(desk: Desk):
    desk.mixer.set_stems(("vocals", "accompaniment"))
    desk.mixer.set_strip("vocals", Strip(gain_db=-3.0))
    assert desk.heads["vocals"].fader.amount == -3.0


def test_a_click_on_the_head_gives_its_fader_the_keys(desk: Desk):
    head = desk.heads["drums"]
    QTest.mouseClick(head, LEFT, NONE, QPoint(8, 98))
    assert head.fader.hasFocus()


@pytest.mark.parametrize("height", [88, 104, 160, 300])
def test_nothing_overlaps_or_is_cut_off_at_any_height(desk: Desk, height: int):
    head = desk.heads["vocals"]
    head.resize(HEAD_WIDTH_PX, height)
    controls: tuple[QWidget, ...] = (
        head.title,
        head.mute,
        head.solo,
        head.fader,
        head.gain_label,
        head.pan,
        head.pan_label,
        head.meter,
    )
    places = [control.rect().translated(control.mapTo(head, QPoint(0, 0))) for control in controls]
    assert all(head.rect().contains(place) for place in places)
    assert not any(a.intersects(b) for i, a in enumerate(places) for b in places[i + 1 :])


@pytest.mark.parametrize("name", ["vocals", "accompaniment"])
def test_titles_fit(qtbot: QtBot, qapp: QApplication, name: str):
    apply_theme(qapp)
    mixer = MixerState()
    mixer.set_stems((name,))
    head = LaneHead(name, mixer, Edits(mixer, LoopState()))
    qtbot.addWidget(head)
    head.show()
    qtbot.waitExposed(head)
    assert head.title.width() >= head.title.sizeHint().width()


def named(widget: QWidget) -> list[tuple[str, str]]:
    """Names and tips of everything that can have the focus."""
    return [
        (child.accessibleName(), child.toolTip())
        for child in widget.findChildren(QWidget)
        if child.focusPolicy() & Qt.FocusPolicy.TabFocus and child.isVisibleTo(widget)
    ]


@pytest.mark.parametrize("make", [lambda d: d.heads["vocals"], lambda d: MasterStrip(d.mixer, d.edits)])
def test_every_control_has_a_name_and_a_tip(desk: Desk, qtbot: QtBot, make: Callable[[Desk], QWidget]):
    widget = make(desk)
    qtbot.addWidget(widget)
    found = named(widget)
    assert len(found) >= 2
    assert [pair for pair in found if not all(pair)] == []
    assert len({name for name, _tip in found}) == len(found)


def test_the_tab_key_walks_a_head_from_top_to_bottom(desk: Desk):
    head = desk.heads["vocals"]
    head.mute.setFocus()
    seen = [QApplication.focusWidget()]
    for _ in range(5):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        seen.append(QApplication.focusWidget())
    assert seen == [head.mute, head.solo, head.fader, head.gain_label, head.pan, head.pan_label]


def test_the_original_tells_whether_it_is_heard(qtbot: QtBot, qapp: QApplication):
    apply_theme(qapp)
    head = OriginalHead()
    qtbot.addWidget(head)
    untouched = head.note.text()
    head.show_stems_heard(True)
    assert head.note.text() != untouched
    head.show_stems_heard(False)
    assert head.note.text() == untouched
    head.show_peak(-6.0, -9.0, 0.01)
    assert head.meter.levels_db == (-6.0, -9.0)


def test_the_master_is_levelled_and_shows_the_limiter(desk: Desk, qtbot: QtBot):
    strip = MasterStrip(desk.mixer, desk.edits)
    qtbot.addWidget(strip)
    strip.show()
    QTest.keyClick(strip.fader, Qt.Key.Key_PageDown)
    assert desk.values(MASTER).gain_db == -6.0
    strip.show_peak(-3.0, -3.0, 0.0, 0.01)
    assert not strip.meter.clipped
    strip.show_peak(-0.5, -0.5, -2.0, 0.01)
    assert strip.meter.clipped
