"""The settings dialog: each control changes its setting at once, and a refused device is taken back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QWidget,
)

from app.live_settings import LiveSettings
from app.panels.question import Question
from app.panels.settings_dialog import SettingsDialog
from app.settings import Settings, load_settings
from app.tick import DeviceLine
from app.write_behind import WriteBehind
from engine.io.device import DeviceInfo, StreamRequest

DEVICES = [
    DeviceInfo(0, "mic", "ALSA", 2, 0, 44_100, 0.0, 5.0, False, True),
    DeviceInfo(1, "system", "JACK", 2, 2, 48_000, 5.0, 5.0, True, False),
    DeviceInfo(2, "USB", "ALSA", 0, 2, 44_100, 8.0, 0.0, False, False),
]
MODELS = [("spleeter-2stems", "Spleeter, 2 stems"), ("htdemucs-4stems", "HTDemucs, 4 stems")]


@pytest.fixture
def writer() -> Iterator[WriteBehind]:
    writer = WriteBehind()
    yield writer
    writer.close()


@pytest.fixture
def live(qapp: QApplication, writer: WriteBehind, tmp_path: Path) -> LiveSettings:
    return LiveSettings(Settings(), writer, tmp_path / "settings.toml")


@pytest.fixture
def dialog(qtbot, live: LiveSettings) -> SettingsDialog:
    dialog = SettingsDialog(live, MODELS)
    qtbot.addWidget(dialog)
    dialog.show_devices(DEVICES)
    dialog.open_page("audio")
    return dialog


def box(dialog: SettingsDialog, name: str) -> QComboBox:
    """The combo box beside the label `name`."""
    return next(
        box for box in dialog.findChildren(QComboBox) if box.accessibleName().replace("&", "") == name
    )


def button(dialog: SettingsDialog, name: str) -> QAbstractButton:
    return next(found for found in dialog.findChildren(QAbstractButton) if found.accessibleName() == name)


def choose(qtbot, dialog: SettingsDialog, name: str, words: str) -> None:
    """Choose an entry with the keyboard, as a user does."""
    field = box(dialog, name)
    row = field.findText(words, Qt.MatchFlag.MatchStartsWith)
    assert row >= 0, [field.itemText(n) for n in range(field.count())]
    field.setFocus()
    while field.currentIndex() != row:
        before = field.currentIndex()
        qtbot.keyClick(field, Qt.Key.Key_Down if row > before else Qt.Key.Key_Up)
        assert field.currentIndex() != before


def test_the_devices_with_outputs_are_offered(dialog: SettingsDialog):
    field = box(dialog, "Output")
    assert [field.itemText(n) for n in range(field.count())] == [
        "System default (system)",
        "JACK: system",
        "ALSA: USB",
    ]
    assert box(dialog, "Rate").currentText() == "Device's own (48 kHz)"


def test_opening_asks_for_devices_once(qtbot, dialog: SettingsDialog):
    asked: list[None] = []
    dialog.devices_wanted.connect(lambda: asked.append(None))
    dialog.open_page("export")
    assert asked == []
    dialog.close()
    dialog.open_page("audio")
    assert len(asked) == 1
    button(dialog, "Look for devices again").click()
    assert len(asked) == 2


def test_a_device_is_chosen_and_kept(qtbot, dialog: SettingsDialog, live: LiveSettings, writer, tmp_path):
    wanted: list[StreamRequest] = []
    dialog.device_chosen.connect(wanted.append)
    choose(qtbot, dialog, "Output", "ALSA: USB")
    assert wanted[-1] == StreamRequest("ALSA: USB", None, 0)
    assert box(dialog, "Rate").currentText() == "Device's own (44.1 kHz)"
    choose(qtbot, dialog, "Buffer", "256 frames")
    choose(qtbot, dialog, "Rate", "96 kHz")
    assert wanted[-1] == StreamRequest("ALSA: USB", 96_000, 256)
    writer.flush()
    assert load_settings(tmp_path / "settings.toml")[0].audio == live.current.audio


def test_a_refused_device_is_taken_back_and_told(qtbot, dialog: SettingsDialog, live: LiveSettings):
    before = live.current.audio
    choose(qtbot, dialog, "Output", "JACK: system")
    dialog.show_trouble("device 'system' is busy")
    assert live.current.audio == before
    assert box(dialog, "Output").currentText() == "System default (system)"
    assert any(label.text() == "device 'system' is busy" for label in dialog.findChildren(QLabel))


def test_a_device_that_is_away_stays_chosen(dialog: SettingsDialog, live: LiveSettings):
    live.change("audio", device="ALSA: gone", block_frames=300, rate_hz=22_050)
    assert box(dialog, "Output").currentText() == "ALSA: gone (not connected)"
    assert box(dialog, "Buffer").currentText().startswith("300 frames")
    assert box(dialog, "Rate").currentText() == "22.05 kHz"


def test_without_devices_it_says_so(dialog: SettingsDialog):
    dialog.show_devices([], "the audio library PortAudio is not on this machine")
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    assert "the audio library PortAudio is not on this machine" in texts
    dialog.show_devices(DEVICES[:1])
    assert "No output was found: connect one and look again." in [
        label.text() for label in dialog.findChildren(QLabel)
    ]
    assert box(dialog, "Output").count() == 1


def test_the_open_device_is_shown(dialog: SettingsDialog):
    tone = button(dialog, "Play test tone")
    assert not tone.isEnabled()
    dialog.show_device(DeviceLine("JACK: system", 48_000, 128, 5.33))
    assert tone.isEnabled()
    assert any("48 kHz · 128 frames · 5.3 ms" in label.text() for label in dialog.findChildren(QLabel))
    dialog.show_device(None)
    assert any(label.text() == "No device is open" for label in dialog.findChildren(QLabel))


def test_the_tone_stops_when_asked_when_left_and_by_itself(qtbot, dialog: SettingsDialog):
    said: list[bool] = []
    dialog.tone_wanted.connect(said.append)
    dialog.show_device(DeviceLine("JACK: system", 48_000, 128, 5.33))
    tone = button(dialog, "Play test tone")
    tone.click()
    tone.click()
    assert said == [True, False]
    tone.click()
    dialog.open_page("stems")
    assert said == [True, False, True, False]
    dialog.open_page("audio")
    tone.click()
    dialog.close()
    assert said[-2:] == [True, False]
    dialog.open_page("audio")
    tone.click()
    qtbot.waitUntil(lambda: len(said) == 8, timeout=8000)
    assert said[-1] is False


def test_the_wheel_changes_nothing_in_passing(dialog: SettingsDialog, live: LiveSettings):
    field = box(dialog, "Buffer")
    event = QWheelEvent(
        QPointF(5, 5),
        field.mapToGlobal(QPointF(5, 5)),
        QPoint(0, -120),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(field, event)
    assert live.current == Settings()


def test_stems_export_and_look(qtbot, dialog: SettingsDialog, live: LiveSettings):
    dialog.open_page("stems")
    choose(qtbot, dialog, "Model", "HTDemucs")
    choose(qtbot, dialog, "Disk space", "50 GB")
    assert (live.current.stems.model, live.current.stems.limit_bytes) == ("htdemucs-4stems", 50_000_000_000)
    dialog.open_page("export")
    choose(qtbot, dialog, "Bits", "32-bit float")
    choose(qtbot, dialog, "Format", "FLAC")
    assert (live.current.export.container, live.current.export.bits) == ("flac", "24")
    assert box(dialog, "Bits").count() == 2
    choose(qtbot, dialog, "Format", "MP3")
    assert not box(dialog, "Bits").isEnabled()
    live.change("export", folder="stems of mine")
    assert [line.text() for line in dialog.findChildren(QLineEdit)] == ["stems of mine"]
    dialog.open_page("appearance")
    choose(qtbot, dialog, "Motion", "None")
    assert live.current.window.reduced_motion is True


def test_a_model_that_is_not_offered_stays_chosen(qtbot, live: LiveSettings):
    live.change("stems", model="my-own")
    dialog = SettingsDialog(live, MODELS)
    qtbot.addWidget(dialog)
    assert box(dialog, "Model").currentText() == "my-own"


@pytest.mark.parametrize("page", ["audio", "stems", "export", "appearance"])
def test_a_page_goes_back_to_its_defaults(dialog: SettingsDialog, live: LiveSettings, page: str):
    live.change("audio", device="ALSA: USB", block_frames=64)
    live.change("stems", model="my-own", limit_gb=5.0)
    live.change("export", container="mp3", bits="16", folder="there")
    live.change("window", motion="none", help_seen=True)
    before = live.current
    dialog.open_page(page)
    wanted: list[StreamRequest] = []
    dialog.device_chosen.connect(wanted.append)
    button(dialog, "Restore defaults").click()
    section = {"appearance": "window"}.get(page, page)
    plain = getattr(Settings(), section)
    if page == "appearance":
        plain = replace(plain, help_seen=True)
    assert live.current == replace(before, **{section: plain})
    assert wanted == ([StreamRequest()] if page == "audio" else [])


@pytest.mark.parametrize(("answer", "emptied"), [("Remove", 1), ("Cancel", 0)])
def test_the_store_is_emptied_only_after_a_question(qtbot, dialog: SettingsDialog, answer: str, emptied: int):
    asked: list[None] = []
    dialog.stems_emptied.connect(lambda: asked.append(None))
    dialog.show_stems_bytes(12_300_000_000)
    dialog.open_page("stems")
    assert any(label.text().startswith("12.3 GB used.") for label in dialog.findChildren(QLabel))
    button(dialog, "Empty the stem store").click()
    question = dialog.findChild(Question)
    assert question.isVisible()
    assert question.focusWidget().text() == "Cancel"
    next(found for found in question.findChildren(QPushButton) if found.text() == answer).click()
    assert len(asked) == emptied
    dialog.show_stems_bytes(0)
    assert not button(dialog, "Empty the stem store").isEnabled()


def test_the_keyboard_reaches_everything_and_everything_has_a_name(qtbot, dialog: SettingsDialog):
    dialog.show_device(DeviceLine("JACK: system", 48_000, 128, 5.33))
    pages = dialog.findChild(QListWidget)
    for row in range(pages.count()):
        pages.setCurrentRow(row)
        pages.setFocus()
        reached: list[QWidget] = []
        while QApplication.focusWidget() not in reached:
            reached.append(QApplication.focusWidget())
            qtbot.keyClick(reached[-1], Qt.Key.Key_Tab)
        wanted = [
            widget
            for widget in dialog.findChildren(QWidget)
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible() and widget.isEnabled()
        ]
        assert set(reached) == set(wanted)
        assert [widget for widget in wanted if not widget.accessibleName() or not widget.toolTip()] == []
