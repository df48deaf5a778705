"""The mic panel on a real engine whose virtual device has a mic: what is turned, dragged, heard and kept."""

import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.controls.choice import Choice
from app.controls.knob import Knob
from app.desktop import Desktop
from app.mic_desk import MicDesk
from app.mic_state import spelt_out
from app.mic_words import fraction_of, note_of, parse_value, value_at, value_text
from app.panels.mic import MicPanel
from app.panels.mic_card import EffectCard
from app.panels.question import Question
from app.paths import mic_chain_file, takes_folder, user_presets
from engine.inference.model_store import ModelStore
from engine.io.home import Home, default_home
from engine.realtime.effects.catalogue import KINDS
from engine.realtime.effects.plan import EffectSetting
from engine.units import F32
from tests.gui.conftest import rms_db
from tests.gui.test_main_path import play
from tests.gui.turntable import RATE_HZ, MicTable, Turntable


class Room:
    """The window with the mic panel in front."""

    def __init__(self, desktop: Desktop, qtbot: QtBot, table: Turntable) -> None:
        assert desktop.rooms is not None
        self.desktop, self.qtbot, self.table = desktop, qtbot, table
        self.desk: MicDesk = desktop.rooms.mic
        desktop.window.open_panel("mic")
        qtbot.waitUntil(
            lambda: self.desk.panel is not None and self.desk.engine.tick.has_engine, timeout=60_000
        )
        qtbot.waitUntil(lambda: len(self.cards) == len(self.desk.state.slots) > 0, timeout=10_000)
        qtbot.waitUntil(lambda: bool(self.desk.presets.presets), timeout=10_000)

    @property
    def panel(self) -> MicPanel:
        assert self.desk.panel is not None
        return self.desk.panel

    @property
    def cards(self) -> list[EffectCard]:
        return self.panel.chain.cards

    @property
    def kinds(self) -> list[str]:
        return [slot.kind for slot in self.desk.state.slots]

    @property
    def heard_slots(self) -> tuple[EffectSetting, ...]:
        """What the engine runs."""
        playback = self.desktop.bridge.playback
        assert playback is not None
        plan = playback.mic.live.plan
        return () if plan is None else plan.slots

    def set_chain(self, *slots: EffectSetting) -> None:
        self.desk.edits.load("Test", "test", slots)
        self.wait_for_engine()

    def wait_for_engine(self) -> None:
        """Until the engine and the cards are as the state says."""
        wanted = self.desk.state.slots
        self.qtbot.waitUntil(lambda: spelt_out(self.heard_slots) == wanted, timeout=10_000)
        self.qtbot.waitUntil(lambda: [c.kind.name for c in self.cards] == self.kinds, timeout=10_000)

    def switch(self, on: bool) -> None:
        self.qtbot.mouseClick(self.panel.head.power, Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: self.desk.engine.is_open == on, timeout=10_000)

    def listen_db(self, seconds: float = 0.3) -> float:
        self.table.listen(self.qtbot, 0.15)
        return rms_db(self.table.listen(self.qtbot, seconds)[0])


def sine(freq_hz: float, level: float = 0.1) -> F32:
    return (level * np.sin(2 * np.pi * freq_hz * np.arange(RATE_HZ) / RATE_HZ)).astype(np.float32)


def hiss() -> F32:
    """Noise at -23 dB with a period of a tenth of a second: no howl for the guard, and every whole number of
    periods has the same energy."""
    period = np.random.default_rng(5).standard_normal(RATE_HZ // 10)
    return np.tile(period * 10 ** (-23 / 20) / np.sqrt(np.mean(period**2)), 10).astype(np.float32)


@pytest.fixture
def make_room(qtbot: QtBot, home: Home, turntable: Turntable) -> Iterator[Callable[..., Room]]:
    made: list[Desktop] = []

    def make(device: str = "USB interface") -> Room:
        desktop = Desktop(MicTable(turntable, device), home)
        made.append(desktop)
        desktop.start()
        qtbot.waitUntil(
            lambda: desktop.bridge.playback is not None and desktop.rooms is not None, timeout=60_000
        )
        return Room(desktop, qtbot, turntable)

    yield make
    for desktop in made:
        desktop.close()


@pytest.fixture
def room(make_room: Callable[..., Room]) -> Room:
    return make_room()


# --- words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_of_every_knob_is_read_back_as_it_is_written(kind: str) -> None:
    for parameter in KINDS[kind].parameters:
        if parameter.is_whole:
            continue
        for place in np.linspace(0.0, 1.0, 41):
            value = value_at(parameter, float(place))
            assert parameter.low <= value <= parameter.high
            assert abs(fraction_of(parameter, value) - place) < 0.03, parameter.name
            typed = parse_value(parameter, value_text(parameter, value))
            assert typed is not None
            assert abs(fraction_of(parameter, typed) - fraction_of(parameter, value)) < 0.01, parameter.name
        assert value_at(parameter, fraction_of(parameter, parameter.default)) == pytest.approx(
            parameter.default, 0.005
        )


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("freq_hz", "2,5k", 1000.0), ("freq_hz", "250 Hz", 250.0), ("freq_hz", "0.5 kHz", 500.0)],
)
def test_a_typed_value_is_held_to_the_range(name: str, text: str, value: float) -> None:
    kind = KINDS["high_pass"]
    assert parse_value(kind.parameters[kind.index(name)], text) == value
    assert parse_value(kind.parameters[kind.index(name)], "loud") is None


@pytest.mark.parametrize(
    ("freq_hz", "note", "cents"),
    [(440.0, "A4", 0.0), (261.63, "C4", 0.0), (450.0, "A4", 38.9), (430.0, "A4", -39.8), (65.41, "C2", 0.0)],
)
def test_a_pitch_is_named(freq_hz: float, note: str, cents: float) -> None:
    found = note_of(freq_hz)
    assert found is not None
    assert found[0] == note
    assert found[1] == pytest.approx(cents, abs=0.1)
    assert note_of(0.0) is None


# --- the mic ----------------------------------------------------------------------------------------


def test_the_panel_is_built_when_somebody_looks(desktop: Desktop, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: desktop.rooms is not None)
    assert desktop.rooms is not None
    desk = desktop.rooms.mic
    qtbot.wait(200)
    assert desk.panel is None
    # From the menu it comes before the docks that lie in the same place.
    desktop.window.dock("mic").toggleViewAction().trigger()
    qtbot.waitUntil(lambda: desk.panel is not None, timeout=10_000)
    qtbot.waitUntil(lambda: desk.panel is not None and desk.panel.isVisible(), timeout=10_000)


def test_a_device_without_input_says_so(desktop: Desktop, qtbot: QtBot, turntable: Turntable) -> None:
    room = Room(desktop, qtbot, turntable)
    with qtbot.waitSignal(room.desk.engine.refused) as said:
        qtbot.mouseClick(room.panel.head.power, Qt.MouseButton.LeftButton)
    assert "no input" in said.args[0]
    qtbot.waitUntil(room.panel.head.power.isEnabled)
    assert not room.panel.head.power.isChecked()


def test_the_mic_is_off_until_it_is_switched_on_and_then_heard(room: Room) -> None:
    room.table.voice = hiss()
    room.set_chain()
    assert room.listen_db() < -100.0
    assert "off" in room.panel.latency.text
    room.switch(True)
    assert room.listen_db() == pytest.approx(-23.0, abs=0.2)
    assert room.panel.head.power.isChecked()
    room.qtbot.waitUntil(lambda: room.desk.engine.tick.input_db[0] > -14.0)
    room.qtbot.waitUntil(lambda: room.panel.head.output_meter.levels_db[0] > -25.0)
    room.switch(False)
    assert room.listen_db() < -100.0


def test_gain_and_mute_are_heard_and_can_be_undone(room: Room) -> None:
    room.table.voice = hiss()
    room.set_chain()
    room.switch(True)
    whole_db = room.listen_db()
    room.panel.head.fader.edit_value(-12.0)
    assert room.listen_db() == pytest.approx(whole_db - 12.0, abs=0.1)
    room.qtbot.mouseClick(room.panel.head.mute, Qt.MouseButton.LeftButton)
    assert room.listen_db() < -100.0
    assert room.panel.head.mute.isChecked()
    room.desktop.edits.stack.undo()
    room.desktop.edits.stack.undo()
    assert room.listen_db() == pytest.approx(whole_db, abs=0.1)
    assert not room.panel.head.mute.isChecked()


def test_the_voice_is_panned_and_that_can_be_undone_and_is_kept(
    room: Room, make_room: Callable[..., Room]
) -> None:
    room.table.voice = hiss()
    room.set_chain(EffectSetting("equaliser"))
    room.switch(True)
    room.panel.bar.pan.edit_value(-1.0)
    room.table.listen(room.qtbot, 0.15)
    left, right = room.table.listen(room.qtbot, 0.3)
    assert rms_db(left) == pytest.approx(-23.0, abs=0.2)
    assert rms_db(right) < -100.0
    assert room.panel.bar.pan_label.text == "L100"
    room.desktop.edits.stack.undo()
    room.table.listen(room.qtbot, 0.15)
    assert rms_db(room.table.listen(room.qtbot, 0.3)[1]) == pytest.approx(-23.0, abs=0.2)
    room.panel.bar.pan.edit_value(0.5)
    room.desktop.close()
    again = make_room()
    assert again.desk.state.pan == 0.5
    assert again.panel.bar.pan_label.text == "R50"


def test_the_delay_beats_with_the_song_until_it_is_told_not_to(room: Room) -> None:
    bar, state = room.panel.bar, room.desk.state
    room.set_chain(EffectSetting("gate"))
    assert not bar.tempo.isVisible()
    room.desk.tempo.show_tempo(300.0)  # more than a delay has: half of it
    room.set_chain(EffectSetting("gate"), EffectSetting("delay"))
    assert bar.tempo.isVisible()
    room.qtbot.waitUntil(lambda: state.slots[1].value("tempo_bpm") == 150.0)
    room.wait_for_engine()
    room.desk.tempo.show_tempo(88.5)
    assert state.slots[1].value("tempo_bpm") == 88.5
    room.wait_for_engine()
    # Off: what the knob says stands, whatever song comes.
    room.qtbot.mouseClick(bar.tempo, Qt.MouseButton.LeftButton)
    assert not room.desktop.settings.current.mic.song_tempo
    room.desk.tempo.show_tempo(120.0)
    room.desk.edits.set_value(1, "tempo_bpm", 99.0)
    assert state.slots[1].value("tempo_bpm") == 99.0
    room.desktop.edits.stack.undo()
    room.desktop.edits.stack.undo()
    room.qtbot.waitUntil(lambda: state.slots[1].value("tempo_bpm") == 120.0)


def test_a_preset_is_not_called_changed_because_a_song_has_another_tempo(room: Room) -> None:
    preset = next(one for one in room.desk.presets.presets if any(s.kind == "delay" for s in one.slots))
    room.desk.edits.load(preset.title, preset.name, preset.slots)
    room.desk.tempo.show_tempo(93.0)
    room.wait_for_engine()
    delay = next(slot for slot in room.desk.state.slots if slot.kind == "delay")
    assert delay.value("tempo_bpm") == 93.0
    assert room.panel.bar.preset.text() == preset.title


def test_a_mic_that_would_howl_asks_in_words_first(
    make_room: Callable[..., Room], turntable: Turntable
) -> None:
    turntable.voice = hiss()
    room = make_room("Built-in Audio Speakers")
    room.set_chain()
    room.qtbot.mouseClick(room.panel.head.power, Qt.MouseButton.LeftButton)
    room.qtbot.waitUntil(lambda: bool(questions(room)), timeout=10_000)
    assert not room.desk.engine.is_open
    questions(room)[0].accept()
    room.qtbot.waitUntil(lambda: room.desk.engine.is_open, timeout=10_000)
    assert room.listen_db() == pytest.approx(-23.0, abs=0.2)


def questions(room: Room) -> list[Question]:
    return [one for one in room.desktop.window.findChildren(Question) if one.isVisible()]


def test_the_smallest_window_shows_the_whole_panel(room: Room) -> None:
    window, head = room.desktop.window, room.panel.head
    window.resize(960, 600)
    room.qtbot.waitUntil(lambda: window.width() == 960)
    beside = window.dock("visual")
    room.qtbot.waitUntil(lambda: room.panel.mapTo(window, QPoint(room.panel.width(), 0)).x() <= beside.x())
    # Between its neighbours the row is wider than its place: what has the keys is brought into view.
    for control in (head.power, head.mute, head.input):
        control.setFocus(Qt.FocusReason.TabFocusReason)
        place = control.mapTo(room.panel, QPoint(0, 0)).x()
        assert 0 <= place <= room.panel.width() - control.width()
    # Without them all of it is seen at once.
    beside.hide()
    room.qtbot.waitUntil(lambda: room.panel.width() >= 680)
    controls = (
        head.power,
        head.input,
        head.channel,
        head.fader,
        head.gain_label,
        head.mute,
        head.what,
        head.record,
    )
    room.qtbot.waitUntil(lambda: head.record.geometry().right() < head.width())
    for control in (head.power, head.input, head.what, head.record):
        assert control.width() >= control.sizeHint().width() - 1
    for left, right in pairwise(controls):
        assert left.geometry().right() <= right.geometry().left()
    room.qtbot.waitUntil(
        lambda: room.panel.mapTo(window, QPoint(0, room.panel.height())).y() <= window.statusBar().y() + 1
    )


# --- knobs ------------------------------------------------------------------------------------------


def knob(card: EffectCard, name: str) -> Knob:
    control = card.controls[name]
    assert isinstance(control, Knob)
    return control


def test_a_knob_is_dragged_heard_and_undone_as_one_step(room: Room) -> None:
    room.table.voice = hiss()
    room.set_chain(EffectSetting("saturator", values={"drive_db": 0.0}), EffectSetting("equaliser"))
    room.switch(True)
    whole_db = room.listen_db()
    n_steps = room.desktop.edits.stack.count()
    output = knob(room.cards[1], "output_db")
    room.panel.chain.ensureWidgetVisible(output)
    QTest.mousePress(output.dial, Qt.MouseButton.LeftButton, pos=QPoint(30, 18))
    for y in range(18, -22, -4):
        QTest.mouseMove(output.dial, QPoint(30, y))
    QTest.mouseRelease(output.dial, Qt.MouseButton.LeftButton, pos=QPoint(30, -22))
    raised_db = room.desk.state.slots[1].value("output_db")
    assert raised_db > 6.0
    assert output.label.text == value_text(room.cards[1].kind.parameters[-1], raised_db)
    assert room.listen_db() == pytest.approx(whole_db + raised_db, abs=0.1)
    assert room.desktop.edits.stack.count() == n_steps + 1
    room.desktop.edits.stack.undo()
    assert room.listen_db() == pytest.approx(whole_db, abs=0.1)
    assert output.dial.real == 0.0


def test_a_knob_is_turned_by_wheel_keys_and_typing(room: Room) -> None:
    room.set_chain(EffectSetting("compressor"))
    threshold = knob(room.cards[0], "threshold_db")
    threshold.dial.setFocus()
    room.qtbot.keyClick(threshold.dial, Qt.Key.Key_Up)
    after_arrow = room.desk.state.slots[0].value("threshold_db")
    assert after_arrow == pytest.approx(-18.0 + 1.2)
    room.qtbot.keyClick(threshold.dial, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert room.desk.state.slots[0].value("threshold_db") == pytest.approx(after_arrow + 0.1)
    for _ in range(10):  # fine steps below what is written add up
        room.qtbot.keyClick(threshold.dial, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert room.desk.state.slots[0].value("threshold_db") == pytest.approx(after_arrow + 0.12 - 1.2, abs=0.1)
    room.qtbot.keyClick(threshold.dial, Qt.Key.Key_Return)
    assert threshold.label.field.isVisible()
    threshold.label.field.setText("-31,5 dB")
    room.qtbot.keyClick(threshold.label.field, Qt.Key.Key_Return)
    assert room.desk.state.slots[0].value("threshold_db") == pytest.approx(-31.5, abs=0.05)
    room.wait_for_engine()
    room.qtbot.keyClick(threshold.dial, Qt.Key.Key_Backspace)
    assert room.desk.state.slots[0].value("threshold_db") == -18.0
    assert "dB" in threshold.dial.accessibleDescription()


def test_choices_and_switches_go_to_the_engine(room: Room) -> None:
    room.set_chain(EffectSetting("pitch_correction"), EffectSetting("compressor"))
    detector, auto = (room.cards[1].controls[name] for name in ("detector", "auto_makeup"))
    key = room.cards[0].controls["key"]
    assert isinstance(detector, Choice)
    assert isinstance(key, Choice)
    room.qtbot.mouseClick(detector, Qt.MouseButton.LeftButton)
    room.qtbot.mouseClick(auto, Qt.MouseButton.LeftButton)
    key.setFocus()
    room.qtbot.keyClick(key, Qt.Key.Key_Down)
    assert detector.accessibleDescription() == "RMS"
    assert key.index == 1
    room.wait_for_engine()
    assert room.heard_slots[1].value("auto_makeup") == 1.0
    room.qtbot.mouseClick(room.cards[1].bypass, Qt.MouseButton.LeftButton)
    room.cards[1].mix.dial.edit_real(0.4)
    room.wait_for_engine()
    assert room.heard_slots[1].bypass
    assert room.heard_slots[1].wet == pytest.approx(0.4)


# --- the chain --------------------------------------------------------------------------------------


THREE = (EffectSetting("gate"), EffectSetting("equaliser"), EffectSetting("reverb", values={"decay_s": 3.0}))


def test_a_card_is_dragged_to_another_place(room: Room) -> None:
    room.set_chain(*THREE)
    gate, reverb = room.cards[0], room.cards[2]
    start = gate.title.rect().center()
    QTest.mousePress(gate.title, Qt.MouseButton.LeftButton, pos=start)
    end = gate.title.mapFromGlobal(reverb.mapToGlobal(QPoint(reverb.width() - 4, 20)))
    for part in (0.1, 0.5, 1.0):
        QTest.mouseMove(gate.title, start + (end - start) * part)
    QTest.mouseRelease(gate.title, Qt.MouseButton.LeftButton, pos=end)
    assert room.kinds == ["equaliser", "reverb", "gate"]
    room.wait_for_engine()
    assert room.cards[2] is gate  # the same card with its knobs, elsewhere
    assert gate.x() > reverb.x() or room.qtbot.waitUntil(lambda: gate.x() > reverb.x()) is None
    room.desktop.edits.stack.undo()
    assert room.kinds == ["gate", "equaliser", "reverb"]
    room.wait_for_engine()


def test_a_card_is_moved_and_removed_by_keys(room: Room) -> None:
    room.set_chain(*THREE)
    reverb = room.cards[2]
    reverb.title.setFocus()
    room.qtbot.keyClick(reverb.title, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    assert room.kinds == ["gate", "reverb", "equaliser"]
    assert QApplication.focusWidget() is reverb.title
    room.qtbot.keyClick(reverb.title, Qt.Key.Key_Delete)
    assert room.kinds == ["gate", "equaliser"]
    assert QApplication.focusWidget() is room.cards[1].title
    room.desktop.edits.stack.undo()
    assert room.desk.state.slots[1].value("decay_s") == 3.0
    room.wait_for_engine()


def test_an_effect_that_is_off_costs_no_time(room: Room) -> None:
    room.set_chain(EffectSetting("pitch_correction"), EffectSetting("gate"))
    room.switch(True)
    room.qtbot.waitUntil(lambda: "effects 12.0" in room.panel.latency.text, timeout=5_000)
    assert "limiter" in room.panel.latency.text
    room.qtbot.mouseClick(room.cards[0].power, Qt.MouseButton.LeftButton)
    room.qtbot.waitUntil(lambda: "effects 0.0" in room.panel.latency.text, timeout=5_000)
    assert not room.cards[0].mix.isVisible()


def test_effects_are_added_before_the_limiter_that_guards_the_chain(room: Room) -> None:
    room.set_chain(EffectSetting("gate"), EffectSetting("limiter_ahead"))
    actions = room.panel.chain.add.menu().actions()
    assert len(actions) == len(KINDS)
    actions[list(KINDS).index("delay")].trigger()
    assert room.kinds == ["gate", "delay", "limiter_ahead"]
    room.wait_for_engine()


def test_meters_and_the_tuner_follow_the_voice(room: Room) -> None:
    room.table.voice = sine(445.0, 0.5)  # 19.6 cents above A4, a whole number of periods
    room.set_chain(
        EffectSetting("pitch_correction"),
        EffectSetting("compressor", values={"threshold_db": -40.0, "ratio": 8.0}),
    )
    room.switch(True)
    tuner = room.panel.bar.tuner

    def in_tune() -> None:
        assert tuner.sung is not None
        assert tuner.corrected is not None
        assert (tuner.sung[0], tuner.corrected[0]) == ("A4", "A4")
        assert tuner.sung[1] == pytest.approx(19.6, abs=2.0)
        assert abs(tuner.corrected[1]) < 2.0

    room.qtbot.waitUntil(in_tune, timeout=10_000)
    reduction = room.cards[1].reduction
    assert reduction is not None
    room.qtbot.waitUntil(lambda: reduction.reduction_db > 10.0, timeout=10_000)
    room.qtbot.waitUntil(
        lambda: room.cards[0].level.levels_db[0] == pytest.approx(-6.0, abs=1.0), timeout=10_000
    )
    room.switch(False)
    room.qtbot.waitUntil(lambda: tuner.sung is None, timeout=5_000)


# --- denoisers --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def rnnoise() -> Path:
    """Folder of the model, in the home that outlives the test run."""
    kept = default_home()
    ModelStore(kept.models, kept.cards).get("rnnoise")
    return kept.models / "rnnoise"


def denoiser_action(room: Room, title: str) -> QAction:
    """An entry of the denoiser's menu."""
    button = room.panel.bar.denoiser
    button.menu().aboutToShow.emit()
    return next(action for action in button.menu().actions() if action.text().startswith(title))


@pytest.mark.alone
def test_a_denoiser_takes_the_hiss_away_and_its_delay_is_shown(
    rnnoise: Path, home: Home, make_room: Callable[..., Room]
) -> None:
    shutil.copytree(rnnoise, home.models / "rnnoise")
    room = make_room()
    room.table.voice = 0.1 * hiss()
    room.set_chain()
    room.switch(True)
    noisy_db = room.listen_db()
    room.qtbot.waitUntil(lambda: len(room.desk.denoisers.rows) == 3, timeout=10_000)
    denoiser_action(room, "RNNoise").trigger()
    assert room.desk.state.denoiser == "rnnoise"
    room.qtbot.waitUntil(lambda: denoising_is_ready(room), timeout=60_000)
    assert room.panel.bar.denoiser.text() == "RNNoise"
    room.qtbot.waitUntil(lambda: "denoiser 0.0" not in room.panel.latency.text, timeout=5_000)
    room.table.listen(room.qtbot, 1.0)
    assert room.listen_db() < noisy_db - 10.0
    denoiser_action(room, "Off").trigger()
    room.qtbot.waitUntil(lambda: room.desk.engine.tick.denoising is None, timeout=10_000)
    assert room.listen_db() == pytest.approx(noisy_db, abs=0.3)


def denoising_is_ready(room: Room) -> bool:
    state = room.desk.engine.tick.denoising
    return state is not None and state.ready


def test_a_denoiser_that_cannot_be_fetched_is_said_and_changes_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = "http://127.0.0.1:9"
    for name in ("PIP_INDEX_URL", "HF_ENDPOINT", "NPM_CONFIG_REGISTRY"):
        monkeypatch.setenv(name, nobody)
    room.qtbot.waitUntil(lambda: len(room.desk.denoisers.rows) == 3, timeout=10_000)
    action = denoiser_action(room, "RNNoise")
    assert "fetch" in action.text()
    with room.qtbot.waitSignal(room.desk.denoisers.failed, timeout=60_000) as said:
        action.trigger()
        assert room.panel.bar.progress.isVisible()
    assert "rnnoise" in said.args[0].casefold()
    assert not room.panel.bar.progress.isVisible()
    assert room.desk.state.denoiser == ""
    assert room.panel.bar.denoiser.text() == "Off"


# --- presets ----------------------------------------------------------------------------------------


def test_presets_are_chosen_saved_and_deleted(room: Room) -> None:
    button = room.panel.bar.preset
    button.menu().aboutToShow.emit()
    names = [action.text() for action in button.menu().actions()]
    assert {"Rap", "Choir", "Megaphone"} <= set(names)
    next(action for action in button.menu().actions() if action.text() == "Rap").trigger()
    room.wait_for_engine()
    assert button.text() == "Rap"
    room.cards[0].mix.dial.edit_real(0.5)
    assert button.text() == "Rap *"
    room.desk.presets.save("My own  rap", room.desk.state.slots)
    room.qtbot.waitUntil(lambda: room.desk.presets.is_users("my-own-rap"), timeout=10_000)
    assert (user_presets() / "my-own-rap.toml").exists()
    room.qtbot.waitUntil(lambda: button.text() == "My own rap")
    button.menu().aboutToShow.emit()
    next(action for action in button.menu().actions() if "Delete" in action.text()).trigger()
    room.qtbot.waitUntil(lambda: bool(questions(room)))
    questions(room)[0].accept()
    room.qtbot.waitUntil(lambda: not room.desk.presets.is_users("my-own-rap"), timeout=10_000)
    assert not (user_presets() / "my-own-rap.toml").exists()


def test_two_chains_are_compared_and_kept(
    room: Room, make_room: Callable[..., Room], turntable: Turntable
) -> None:
    room.table.voice = hiss()
    loud = EffectSetting("equaliser", values={"output_db": 6.0})
    room.set_chain(EffectSetting("equaliser"))
    room.qtbot.mouseClick(room.panel.bar.copy, Qt.MouseButton.LeftButton)
    room.switch(True)
    room.set_chain(loud)
    louder_db = room.listen_db()
    room.qtbot.mouseClick(room.panel.bar.sides["B"], Qt.MouseButton.LeftButton)
    room.wait_for_engine()
    assert room.listen_db() == pytest.approx(louder_db - 6.0, abs=0.1)
    room.qtbot.mouseClick(room.panel.bar.sides["A"], Qt.MouseButton.LeftButton)
    room.wait_for_engine()
    assert room.listen_db() == pytest.approx(louder_db, abs=0.1)
    room.desktop.close()
    assert mic_chain_file("A").exists()
    again = make_room()
    assert again.desk.state.slots == spelt_out((loud,))
    assert not again.desk.engine.is_open  # a mic is never on by itself


def test_a_broken_preset_is_said_once_and_hides_no_other(room: Room) -> None:
    said: list[str] = []
    room.desk.presets.failed.connect(said.append)
    user_presets().mkdir(parents=True)
    (user_presets() / "mine.toml").write_text('[[effect]]\nkind = "compresor"\n')
    for _ in range(2):
        with room.qtbot.waitSignal(room.desk.presets.changed):
            room.desk.presets.refresh()
    assert len(said) == 1
    assert "compressor" in said[0]
    assert len(room.desk.presets.presets) > 5


# --- takes ------------------------------------------------------------------------------------------


def test_a_take_beside_the_song_becomes_a_lane_of_it(room: Room, tone: Path) -> None:
    room.table.voice = hiss()
    room.set_chain()
    play(room.desktop, room.qtbot, tone)
    room.switch(True)
    room.qtbot.waitUntil(room.panel.head.record.isEnabled)
    room.qtbot.mouseClick(room.panel.head.record, Qt.MouseButton.LeftButton)
    # The lane lacks what the devices' latency cut off the take's end, so one second would not be enough.
    room.qtbot.waitUntil(lambda: room.panel.head.record.text() == "0:02", timeout=15_000)
    assert room.panel.head.record.accessibleName() == "Stop recording"
    room.qtbot.mouseClick(room.panel.head.record, Qt.MouseButton.LeftButton)
    room.qtbot.waitUntil(lambda: "recorded" in room.desktop.window.offers.text, timeout=10_000)
    assert sorted(path.suffix for path in takes_folder().iterdir()) == [".take", ".wav", ".wav"]
    assert room.desktop.rooms is not None
    takes = room.desktop.rooms.takes
    room.qtbot.waitUntil(lambda: "take-1" in takes.lanes(), timeout=20_000)
    assert "it is a lane of the song now" in room.desktop.window.offers.text
    lane = np.array(takes.lanes()["take-1"].map())
    sung = lane[np.abs(lane).max(axis=1) > 0]
    assert len(sung) > RATE_HZ
    assert rms_db(sung[1000:][:RATE_HZ].T) == pytest.approx(-23.0, abs=0.3)
    # A click takes it out of the mixer again; the recording stays.
    answers = room.desktop.window.offers.findChildren(QPushButton)
    next(button for button in answers if button.text() == "Take it out").click()
    assert room.desktop.mixer.takes == ()
    assert len(list(takes_folder().iterdir())) == 3


def test_recording_waits_for_the_mic_and_keeps_what_was_chosen(room: Room) -> None:
    head = room.panel.head
    assert not head.record.isEnabled()
    next(action for action in head.what.menu().actions() if action.text() == "Wet only").trigger()
    next(action for action in head.what.menu().actions() if action.text() == "With the song").trigger()
    assert room.desktop.settings.current.mic.record == "wet"
    assert not room.desktop.settings.current.mic.with_song
    room.switch(True)
    room.qtbot.mouseClick(head.record, Qt.MouseButton.LeftButton)
    room.qtbot.waitUntil(lambda: head.record.text() == "0:00", timeout=10_000)
    room.switch(False)  # ends the take, too
    room.qtbot.waitUntil(lambda: "recorded" in room.desktop.window.offers.text, timeout=10_000)
    assert sorted(path.suffix for path in takes_folder().iterdir()) == [".take", ".wav"]
