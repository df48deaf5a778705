"""Every way of moving a control, what it emits, and what it shows."""

from collections.abc import Iterator
from itertools import count, pairwise
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QKeySequence, QMouseEvent, QShortcut, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.controls.fader import Fader, db_of_fraction, db_text, fraction_of_db, parse_db
from app.controls.pan import PanSlider, pan_text, parse_pan
from app.controls.slide import Slide
from app.controls.toggle import Toggle
from app.controls.value_label import ValueLabel
from app.mixer_state import MAX_GAIN_DB, MIN_GAIN_DB
from app.theme import apply_theme, tokens

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier


W = TypeVar("W", bound=QWidget)


class Heard:
    """What a slide has emitted."""

    def __init__(self, slide: Slide) -> None:
        self.all: list[tuple[float, int]] = []
        slide.value_edited.connect(lambda value, gesture: self.all.append((value, gesture)))

    @property
    def value(self) -> float:
        return self.all[-1][0]

    @property
    def gestures(self) -> list[int]:
        return sorted({gesture for _value, gesture in self.all})


@pytest.fixture
def fader(qtbot: QtBot, qapp: QApplication) -> Fader:
    apply_theme(qapp)
    return shown(qtbot, Fader(count(1).__next__, tokens().accent))


@pytest.fixture
def pan(qtbot: QtBot, qapp: QApplication) -> PanSlider:
    apply_theme(qapp)
    return shown(qtbot, PanSlider(count(1).__next__))


def shown(qtbot: QtBot, widget: W) -> W:
    qtbot.addWidget(widget)
    widget.resize(134, 20)
    widget.show()
    qtbot.waitExposed(widget)
    widget.activateWindow()
    widget.setFocus()
    return widget


def knob(slide: Slide) -> QPoint:
    return slide.knob().toPoint()


def drag(slide: Slide, by_px: int, modifiers: Qt.KeyboardModifier = NONE) -> None:
    start = knob(slide)
    QTest.mousePress(slide, LEFT, modifiers, start)
    move(slide, start + QPoint(by_px // 2, 0), modifiers)
    move(slide, start + QPoint(by_px, 0), modifiers)
    QTest.mouseRelease(slide, LEFT, modifiers, start + QPoint(by_px, 0))


def move(slide: QWidget, to: QPoint, modifiers: Qt.KeyboardModifier) -> None:
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(to),
        QPointF(slide.mapToGlobal(to)),
        Qt.MouseButton.NoButton,
        LEFT,
        modifiers,
    )
    QApplication.sendEvent(slide, event)


def turn(slide: QWidget, eighths: int, modifiers: Qt.KeyboardModifier = NONE) -> None:
    place = QPointF(slide.rect().center())
    event = QWheelEvent(
        place,
        slide.mapToGlobal(place),
        QPoint(),
        QPoint(0, eighths),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(slide, event)


# --- the taper -------------------------------------------------------------------------------------


@given(st.floats(MIN_GAIN_DB, MAX_GAIN_DB))
def test_taper_and_its_inverse_agree(gain_db: float):
    assert db_of_fraction(fraction_of_db(gain_db)) == pytest.approx(gain_db, abs=1e-9)


def test_taper_gives_its_way_to_the_gains_of_a_mix():
    assert fraction_of_db(MIN_GAIN_DB) == pytest.approx(0.0)
    assert fraction_of_db(MAX_GAIN_DB) == pytest.approx(1.0)
    assert fraction_of_db(0.0) == pytest.approx(0.72, abs=0.01)
    # Two thirds of the way for the range from -24 dB up; the rest for all that is softer.
    assert fraction_of_db(-24.0) < 0.36
    steps = [db_of_fraction(place / 100) for place in range(101)]
    assert all(later > earlier for earlier, later in pairwise(steps))


@pytest.mark.parametrize(
    ("text", "gain_db"),
    [
        ("-6", -6.0),
        ("-6 dB", -6.0),
        ("\N{MINUS SIGN}6.5dB", -6.5),
        ("+3,5", 3.5),
        ("0", 0.0),
        ("-inf", MIN_GAIN_DB),
        ("\N{MINUS SIGN}\N{INFINITY} dB", MIN_GAIN_DB),
        ("99", MAX_GAIN_DB),
        ("-900", MIN_GAIN_DB),
        ("loud", None),
        ("", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_typed_gains(text: str, gain_db: float | None):
    assert parse_db(text) == gain_db


@given(st.integers(round(MIN_GAIN_DB * 10), round(MAX_GAIN_DB * 10)))
def test_a_gain_is_read_as_it_is_written(tenths: int):
    assert parse_db(db_text(tenths / 10)) == tenths / 10


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("L30", -0.3),
        ("30 l", -0.3),
        ("-30", -0.3),
        ("r5", 0.05),
        ("R 100", 1.0),
        ("c", 0.0),
        ("0", 0.0),
        ("250", 1.0),
        ("L30R", None),
        ("x5", None),
        ("", None),
        ("left", None),
    ],
)
def test_typed_balances(text: str, value: float | None):
    assert parse_pan(text) == value


@given(st.integers(-100, 100))
def test_a_balance_is_read_as_it_is_written(hundredths: int):
    assert parse_pan(pan_text(hundredths / 100)) == hundredths / 100


# --- slides ----------------------------------------------------------------------------------------


def test_a_drag_is_one_gesture_and_follows_the_pointer(fader: Fader):
    heard = Heard(fader)
    start = knob(fader)
    drag(fader, -30)
    assert abs(knob(fader).x() - (start.x() - 30)) <= 1
    assert heard.value == fader.amount < -5
    assert len(heard.all) >= 2
    assert len(heard.gestures) == 1
    drag(fader, 10)
    assert len(heard.gestures) == 2


def test_shift_drags_a_tenth_as_far(fader: Fader):
    drag(fader, -40, SHIFT)
    fine = fader.amount
    fader.show_value(0.0)
    drag(fader, -40)
    coarse = fader.amount
    assert -3.0 < fine < -1.0
    assert coarse < 8 * fine


def test_beyond_the_end_the_knob_waits_for_the_pointer(fader: Fader):
    fader.show_value(MAX_GAIN_DB)
    start = knob(fader)
    QTest.mousePress(fader, LEFT, NONE, start)
    move(fader, start + QPoint(50, 0), NONE)
    move(fader, start + QPoint(5, 0), NONE)
    assert fader.amount == MAX_GAIN_DB
    move(fader, start + QPoint(-20, 0), NONE)
    QTest.mouseRelease(fader, LEFT, NONE, start)
    assert fader.amount < MAX_GAIN_DB


def test_a_drag_sticks_at_unity(fader: Fader):
    fader.show_value(-10.0)
    target = round(fader.groove().left() + fraction_of_db(0.0) * fader.groove().width()) + 1
    drag(fader, target - knob(fader).x())
    assert fader.amount == 0.0


def test_a_click_beside_the_knob_brings_it_there(fader: Fader):
    QTest.mouseClick(fader, LEFT, NONE, QPoint(30, 10))
    assert abs(knob(fader).x() - 30) <= 1


def test_double_click_resets_within_the_gesture_of_its_first_click(fader: Fader):
    fader.show_value(-20.0)
    heard = Heard(fader)
    QTest.mouseClick(fader, LEFT, NONE, QPoint(20, 10))
    QTest.mouseDClick(fader, LEFT, NONE, QPoint(20, 10))
    assert fader.amount == 0.0
    assert len(heard.gestures) == 1


def test_other_buttons_do_nothing(fader: Fader):
    heard = Heard(fader)
    QTest.mouseClick(fader, Qt.MouseButton.RightButton, NONE, QPoint(20, 10))
    assert heard.all == []


def test_the_wheel_steps_and_shift_steps_finely(fader: Fader):
    heard = Heard(fader)
    turn(fader, 120)
    assert fader.amount == 1.0
    turn(fader, -240)
    assert fader.amount == -1.0
    turn(fader, 120, SHIFT)
    assert fader.amount == pytest.approx(-0.9)
    assert len(heard.gestures) == 1


def test_a_fine_wheel_loses_nothing(fader: Fader):
    for _ in range(80):
        turn(fader, 3)
    assert fader.amount == pytest.approx(2.0)


def test_a_wheel_against_the_end_turns_back_at_once(fader: Fader):
    for _ in range(30):
        turn(fader, 120)
    assert fader.amount == MAX_GAIN_DB
    turn(fader, -120)
    assert fader.amount == MAX_GAIN_DB - 1.0


@pytest.mark.parametrize(
    ("key", "modifiers", "gain_db"),
    [
        (Qt.Key.Key_Right, NONE, -9.0),
        (Qt.Key.Key_Up, NONE, -9.0),
        (Qt.Key.Key_Left, NONE, -11.0),
        (Qt.Key.Key_Down, SHIFT, -10.1),
        (Qt.Key.Key_PageUp, NONE, -4.0),
        (Qt.Key.Key_PageDown, NONE, -16.0),
        (Qt.Key.Key_Home, NONE, MIN_GAIN_DB),
        (Qt.Key.Key_End, NONE, MAX_GAIN_DB),
        (Qt.Key.Key_Backspace, NONE, 0.0),
    ],
)
def test_keys(fader: Fader, key: Qt.Key, modifiers: Qt.KeyboardModifier, gain_db: float):
    fader.show_value(-10.0)
    QTest.keyClick(fader, key, modifiers)
    assert fader.amount == pytest.approx(gain_db)


def test_enter_asks_to_type(fader: Fader, qtbot: QtBot):
    with qtbot.waitSignal(fader.typing_wanted, timeout=1000):
        QTest.keyClick(fader, Qt.Key.Key_Return)


def test_keys_in_a_row_are_one_gesture_and_later_ones_another(fader: Fader, qtbot: QtBot):
    heard = Heard(fader)
    for _ in range(3):
        QTest.keyClick(fader, Qt.Key.Key_Right)
    assert len(heard.gestures) == 1
    qtbot.wait(800)
    QTest.keyClick(fader, Qt.Key.Key_Right)
    assert len(heard.gestures) == 2


def test_a_focused_fader_has_its_keys_before_the_window_and_no_others(qtbot: QtBot, qapp: QApplication):
    apply_theme(qapp)
    window = QWidget()
    fader = Fader(count(1).__next__, tokens().accent)
    QVBoxLayout(window).addWidget(fader)
    hits: list[str] = []
    for keys in ("Left", "Space", "Ctrl+Left"):
        QShortcut(QKeySequence(keys), window).activated.connect(lambda keys=keys: hits.append(keys))
    shown(qtbot, window)
    fader.setFocus()
    # Keys given to the system's window, unlike those given to a widget, meet the shortcuts first.
    system = window.windowHandle()
    QTest.keyClick(system, Qt.Key.Key_Left)
    assert (hits, fader.amount) == ([], -1.0)
    QTest.keyClick(system, Qt.Key.Key_Space)
    QTest.keyClick(system, Qt.Key.Key_Left, CTRL)
    assert hits == ["Space", "Ctrl+Left"]


def test_what_is_shown_is_not_emitted(fader: Fader):
    heard = Heard(fader)
    fader.show_value(-12.0)
    assert fader.amount == -12.0
    assert heard.all == []


def test_screen_readers_get_role_value_and_words_and_may_move_it(fader: Fader):
    interface = QAccessible.queryAccessibleInterface(fader)
    assert interface.role() == QAccessible.Role.Slider
    fader.show_value(-6.0)
    assert fader.accessibleDescription() == "\N{MINUS SIGN}6.0 dB"
    heard = Heard(fader)
    fader.triggerAction(Slide.SliderAction.SliderSingleStepAdd)
    assert heard.value == fader.amount > -6.0


def test_pan_moves_in_its_own_steps(pan: PanSlider):
    QTest.keyClick(pan, Qt.Key.Key_Left)
    assert pan.amount == pytest.approx(-0.1)
    QTest.keyClick(pan, Qt.Key.Key_Right, SHIFT)
    assert pan.amount == pytest.approx(-0.09)
    QTest.keyClick(pan, Qt.Key.Key_End)
    assert pan.amount == 1.0
    QTest.mouseDClick(pan, LEFT, NONE, knob(pan))
    assert pan.amount == 0.0
    assert pan.accessibleDescription() == "C"


# --- typed values ----------------------------------------------------------------------------------


@pytest.fixture
def label(qtbot: QtBot, qapp: QApplication) -> Iterator[ValueLabel]:
    apply_theme(qapp)
    window = QWidget()
    column = QVBoxLayout(window)
    label = ValueLabel(db_text, parse_db, "-88.8 dB")
    column.addWidget(label)
    column.addWidget(Fader(count(1).__next__, tokens().accent))
    shown(qtbot, window)
    label.setFocus()
    yield label
    # Without a name for it Python would have let the window go.
    window.close()


def typed(label: ValueLabel) -> list[float]:
    values: list[float] = []
    label.value_typed.connect(values.append)
    return values


def test_click_type_enter(label: ValueLabel):
    values = typed(label)
    QTest.mouseClick(label, LEFT)
    assert label.field.isVisible()
    assert label.field.selectedText() == "0.0 dB"
    QTest.keyClicks(label.field, "-7.5")
    QTest.keyClick(label.field, Qt.Key.Key_Return)
    assert values == [-7.5]
    assert not label.field.isVisible()
    assert label.hasFocus()


def test_escape_leaves_the_value(label: ValueLabel):
    values = typed(label)
    QTest.keyClick(label, Qt.Key.Key_Return)
    QTest.keyClicks(label.field, "-7")
    QTest.keyClick(label.field, Qt.Key.Key_Escape)
    assert values == []
    assert not label.field.isVisible()


def test_nonsense_stays_open_and_is_marked_until_corrected(label: ValueLabel):
    values = typed(label)
    QTest.keyClick(label, Qt.Key.Key_F2)
    QTest.keyClicks(label.field, "loud")
    QTest.keyClick(label.field, Qt.Key.Key_Return)
    assert label.field.isVisible()
    assert label.field.property("invalid") is True
    QTest.keyClicks(label.field, "3")
    assert label.field.property("invalid") is False
    QTest.keyClick(label.field, Qt.Key.Key_Return)
    assert values == [3.0]


def test_leaving_the_field_takes_what_is_typed_once(label: ValueLabel):
    values = typed(label)
    label.start_typing()
    QTest.keyClicks(label.field, "-3")
    QTest.keyClick(label.field, Qt.Key.Key_Tab)
    assert values == [-3.0]
    assert not label.field.isVisible()


# --- M and S ---------------------------------------------------------------------------------------


def test_a_toggle_asks_and_leaves_the_switching_to_others(qtbot: QtBot, qapp: QApplication):
    apply_theme(qapp)
    toggle = shown(qtbot, Toggle("S", tokens().accent))
    asked: list[tuple[bool, bool]] = []
    toggle.switch_wanted.connect(lambda on, alone: asked.append((on, alone)))
    QTest.mouseClick(toggle, LEFT)
    assert not toggle.isChecked()
    toggle.setChecked(True)
    QTest.mouseClick(toggle, LEFT, CTRL)
    QTest.keyClick(toggle, Qt.Key.Key_Space)
    QTest.keyClick(toggle, Qt.Key.Key_Return)
    toggle.setChecked(False)
    QTest.keyClick(toggle, Qt.Key.Key_Return, CTRL)
    assert asked == [(True, False), (False, True), (False, False), (False, False), (True, True)]


def test_a_lit_toggle_is_painted_in_its_colour(qtbot: QtBot, qapp: QApplication):
    apply_theme(qapp)
    toggle = shown(qtbot, Toggle("M", tokens().warning))
    toggle.clearFocus()
    corner = QPoint(4, 10)
    assert toggle.grab().toImage().pixelColor(corner) != tokens().warning
    toggle.setChecked(True)
    assert toggle.grab().toImage().pixelColor(corner) == tokens().warning
    toggle.set_waiting(True)
    assert toggle.grab().toImage().pixelColor(corner) != tokens().warning
