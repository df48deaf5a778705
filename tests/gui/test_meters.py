"""Meters move by time, their light waits to be clicked, and at rest they cost nothing."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.controls.meter import FALL_DB_PER_S, FLOOR_DB, HOLD_S, Ballistics, PeakMeter, meter_fraction
from app.theme import apply_theme, tokens

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier


def shown(qtbot: QtBot, orientation: Qt.Orientation) -> PeakMeter:
    meter = PeakMeter(orientation)
    qtbot.addWidget(meter)
    meter.resize(12, 90) if orientation == Qt.Orientation.Vertical else meter.resize(90, 12)
    meter.show()
    qtbot.waitExposed(meter)
    meter.activateWindow()
    return meter


@pytest.mark.parametrize("dt_s", [1 / 240, 1 / 60, 1 / 24, 0.1])
def test_a_meter_moves_by_time_whatever_the_frame_rate(dt_s: float):
    channel = Ballistics()
    channel.step(-6.0, dt_s)
    assert (channel.level_db, channel.hold_db) == (-6.0, -6.0)
    elapsed_s = 0.0
    while elapsed_s < 1.0:
        channel.step(-200.0, dt_s)
        elapsed_s += dt_s
    assert channel.level_db == pytest.approx(-6.0 - FALL_DB_PER_S * elapsed_s, abs=1e-6)
    assert channel.hold_db == -6.0
    while elapsed_s < HOLD_S + 0.5:
        channel.step(-200.0, dt_s)
        elapsed_s += dt_s
    assert channel.hold_db == pytest.approx(-6.0 - 18.0 * (elapsed_s - HOLD_S), abs=0.05)
    while elapsed_s < 10:
        channel.step(-200.0, dt_s)
        elapsed_s += dt_s
    assert (channel.level_db, channel.hold_db) == (FLOOR_DB, FLOOR_DB)


def test_a_higher_peak_takes_the_hold_line_along():
    channel = Ballistics()
    channel.step(-20.0, 0.01)
    channel.step(-3.0, 0.01)
    assert channel.hold_db == -3.0


def test_the_scale_of_a_meter_ends_at_full_scale():
    assert meter_fraction(-200.0) == meter_fraction(FLOOR_DB) == 0.0
    assert meter_fraction(0.0) == meter_fraction(6.0) == 1.0
    assert meter_fraction(-20.0) == pytest.approx(0.52, abs=0.01)
    assert meter_fraction(-30.0) == pytest.approx(0.33, abs=0.01)


@pytest.mark.parametrize("orientation", list(Qt.Orientation))
def test_the_clip_light_stays_until_clicked(qtbot: QtBot, qapp: QApplication, orientation: Qt.Orientation):
    apply_theme(qapp)
    meter = shown(qtbot, orientation)
    meter.show_peak(-0.01, -3.0, 0.02)
    assert not meter.clipped
    meter.show_peak(0.5, -3.0, 0.02)
    for _ in range(600):
        meter.show_peak(-200.0, -200.0, 0.1)
    assert meter.clipped
    end = QPoint(5, 2) if orientation == Qt.Orientation.Vertical else QPoint(meter.width() - 3, 5)
    assert meter.grab().toImage().pixelColor(end) == tokens().error
    with qtbot.waitSignal(meter.cleared, timeout=1000):
        QTest.mouseClick(meter, LEFT, NONE, end)
    assert not meter.clipped
    assert meter.grab().toImage().pixelColor(end) == tokens().line


def test_the_light_can_be_put_out_by_keys_only_while_it_is_lit(qtbot: QtBot, qapp: QApplication):
    apply_theme(qapp)
    meter = shown(qtbot, Qt.Orientation.Vertical)
    assert meter.focusPolicy() == Qt.FocusPolicy.NoFocus
    meter.show_peak(1.0, 1.0, 0.02)
    meter.setFocus()
    QTest.keyClick(meter, Qt.Key.Key_Space)
    assert not meter.clipped


def test_a_meter_at_rest_is_not_painted(qtbot: QtBot, qapp: QApplication, monkeypatch: pytest.MonkeyPatch):
    apply_theme(qapp)
    painted: list[int] = []
    original: Callable[..., None] = PeakMeter.paintEvent
    monkeypatch.setattr(
        PeakMeter, "paintEvent", lambda self, event: (painted.append(1), original(self, event))[1]
    )
    meter = shown(qtbot, Qt.Orientation.Vertical)
    meter.show_peak(-200.0, -200.0, 0.02)
    qtbot.wait(50)
    painted.clear()
    for _ in range(10):
        meter.show_peak(-200.0, -200.0, 0.02)
    qtbot.wait(50)
    assert painted == []
    meter.show_peak(-10.0, -10.0, 0.02)
    qtbot.waitUntil(lambda: painted != [], timeout=1000)
