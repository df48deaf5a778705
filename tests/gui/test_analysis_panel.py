"""The analysis panel on a real store: what is drawn, read, kept and exported, and what it says meanwhile."""

import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.analysis_model import AnalysisModel, Phase
from app.desktop import Desktop
from app.edits import Edits
from app.jobs import JobPool
from app.loop_state import LoopState
from app.mixer_state import MixerState
from app.panels.analysis import AnalysisPanel
from app.panels.analysis_song import BEATS, LOUDNESS, NOTES, PITCH, PLOTS, SPECTRUM
from app.panels.mixer import HEAD_WIDTH_PX
from app.panels.song_figures import SongFigures
from app.panels.transport import TransportBar
from app.panels.wave_backdrop import RULER_PX
from app.theme import set_reduced_motion
from app.tick import Tick
from engine.io.stem_store import StemStore
from engine.services import curves as curves_room
from engine.services.curve_file import curve_path, load_curves
from engine.units import F32
from tests.gui.test_main_path import play
from tests.services.test_fingerprint import both, clicks, sine
from tests.services.test_stem_store import Shape, spans_of

RATE_HZ = 44_100
SONG_S = 8.0
N_FRAMES = round(SONG_S * RATE_HZ)
BPM = 120.0


def song() -> F32:
    """A4 with a click on every beat."""
    return both(0.4 * sine(440.0, SONG_S) + 0.6 * clicks(BPM, SONG_S)[:N_FRAMES])


class Room:
    """The panel, the song's store, and ticks as the bridge would give them."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot = qtbot
        self.pool = JobPool()
        self.loop = LoopState()
        mixer = MixerState()
        self.store = StemStore(folder / "stems").open(Shape(N_FRAMES + 99, RATE_HZ), "s", "k", ("vocals",))
        self.model = AnalysisModel(self.pool)
        self.panel = AnalysisPanel(self.model, (self.loop, Edits(mixer, self.loop)), self.pool)
        self.view = self.panel.view
        qtbot.addWidget(self.panel)
        self.panel.resize(HEAD_WIDTH_PX + 600, 480)
        self.seeks: list[float] = []
        self.panel.seek_wanted.connect(self.seeks.append)
        self.tick = Tick(song=folder / "song.wav", title="A song", folder=self.store.folder)
        self.model.set_stems(("vocals",))

    def tell(self, **values: object) -> None:
        self.tick = replace(self.tick, **values)
        self.model.show_tick(self.tick)
        self.panel.show_tick(self.tick)

    def decode(self) -> None:
        self.store.begin_original()
        self.store.write_original(0, song())
        self.store.finish_original(N_FRAMES, [])
        self.tell(duration_s=SONG_S, segments_total=1)

    def separate(self) -> None:
        self.store.set_total_segments(1)
        self.store.write_segment(spans_of(N_FRAMES, 1, 0)[0], both(0.3 * sine(659.26, SONG_S))[None])
        self.tell(segments_done=1)

    def show(self) -> None:
        with self.qtbot.waitExposed(self.panel):
            self.panel.show()

    def wait_for(self, phase: Phase) -> None:
        self.qtbot.waitUntil(lambda: self.model.phase is phase, timeout=30_000)

    def open(self) -> None:
        """Everything ready and drawn."""
        self.decode()
        self.show()
        self.wait_for(Phase.READY)
        self.qtbot.waitUntil(self.view.isVisible, timeout=30_000)
        self.tell(position_s=0.0)
        QApplication.processEvents()

    def at(self, time_s: float, plot: str = LOUDNESS) -> QPoint:
        row = next(row for row in self.view.rows if row.lane == plot)
        x = round(self.view.view.to_x(time_s, self.view.width()))
        return QPoint(x, row.top_px + row.height_px // 2 - self.view.scroll_px)

    def point(self, place: QPoint) -> None:
        none = Qt.MouseButton.NoButton
        where = QPointF(self.view.mapToGlobal(place))
        event = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(place), where, none, none, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(self.view, event)

    def says(self, plot: str) -> str:
        reading = self.view.reading(plot)
        return f"{reading.value} | {reading.detail}"

    def picture(self) -> np.ndarray:
        image = self.view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        return (
            np.frombuffer(image.bits(), np.uint8).reshape(image.height(), image.width(), 4)[:, :, :3].copy()
        )


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    set_reduced_motion(True)
    room = Room(qtbot, tmp_path)
    yield room
    room.pool.close()
    room.store.close()


# --- what is analysed when -------------------------------------------------------------------------


def test_each_phase_is_said_in_words(room: Room) -> None:
    line = room.panel.state.line
    assert room.model.phase is Phase.NO_SONG
    assert "Open a song" in line.text()
    room.show()
    room.tell(position_s=0.0)
    assert room.model.phase is Phase.DECODING
    assert "being read" in line.text()
    room.decode()
    room.wait_for(Phase.READY)
    room.model.choose("vocals")
    assert room.model.phase is Phase.SEPARATING
    assert "Vocals" in line.text()
    assert "0 %" in line.text()
    assert not room.panel.export.isEnabled()
    room.separate()
    room.wait_for(Phase.READY)
    room.qtbot.waitUntil(room.view.isVisible, timeout=30_000)
    assert room.panel.export.isEnabled()


def test_the_song_is_analysed_unseen_and_a_stem_only_while_somebody_looks(room: Room) -> None:
    facts: list[object] = []
    room.model.facts_changed.connect(facts.append)
    room.decode()
    room.separate()
    room.wait_for(Phase.READY)
    assert facts[-1].tempo_bpm == pytest.approx(BPM, rel=0.02)
    room.model.choose("vocals")
    room.qtbot.wait(200)
    assert room.model.picture is None
    room.show()
    room.wait_for(Phase.READY)
    assert room.model.picture.analysis.pitch_hz == pytest.approx(659.26, rel=0.01)
    room.tell(song=Path("another.wav"), folder=None, duration_s=None)
    assert facts[-1] is None
    assert room.model.picture is None


def test_what_was_analysed_once_is_kept_beside_the_stems(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.open()
    folder = room.store.folder
    assert load_curves(folder, "original").duration_s == SONG_S
    made = curve_path(folder, "original").stat().st_mtime_ns

    def never(*_: object) -> None:
        raise AssertionError("it was heard twice")

    monkeypatch.setattr(curves_room, "lane_curves", never)
    room.tell(folder=None)
    room.tell(folder=folder)
    room.wait_for(Phase.READY)
    assert curve_path(folder, "original").stat().st_mtime_ns == made


def test_it_can_be_cancelled_and_taken_up_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    real = curves_room.lane_curves

    def slow(folder: Path, lane: str, progress: object, threads: int) -> object:
        for part in range(1000):
            progress(part / 1000)
            time.sleep(0.005)
        return real(folder, lane, progress, threads)

    monkeypatch.setattr(curves_room, "lane_curves", slow)
    room.show()
    room.decode()
    assert room.model.phase is Phase.WORKING
    room.qtbot.waitUntil(lambda: room.panel.state.bar.value() > 5, timeout=10_000)
    room.qtbot.mouseClick(room.panel.state.button, Qt.MouseButton.LeftButton)
    assert room.model.phase is Phase.CANCELLED
    room.qtbot.wait(100)
    assert "not analysed" in room.panel.state.line.text()
    monkeypatch.setattr(curves_room, "lane_curves", real)
    room.qtbot.mouseClick(room.panel.state.button, Qt.MouseButton.LeftButton)
    room.wait_for(Phase.READY)


def test_what_goes_wrong_is_said_and_can_be_tried_again(room: Room) -> None:
    room.show()
    with room.qtbot.waitSignal(room.model.failed, timeout=10_000) as told:
        room.tell(duration_s=SONG_S)  # nothing is decoded yet
    assert "not finished" in told.args[0]
    assert room.model.phase is Phase.FAILED
    assert "not finished" in room.panel.state.line.text()
    room.decode()
    room.qtbot.mouseClick(room.panel.state.button, Qt.MouseButton.LeftButton)
    room.wait_for(Phase.READY)


# --- what is seen and read -------------------------------------------------------------------------


def test_every_plot_draws_something(room: Room) -> None:
    room.open()
    assert tuple(row.lane for row in room.view.rows) == PLOTS
    picture = room.picture()
    for row in room.view.rows:
        part = picture[row.top_px : row.top_px + row.height_px]
        assert len(np.unique(part.reshape(-1, 3), axis=0)) > 8, row.lane


def test_the_pointer_and_the_play_head_are_read(room: Room) -> None:
    room.open()
    room.tell(position_s=4.1)
    assert room.says(PITCH).startswith("A4 ")
    assert room.says(NOTES).startswith("A |")
    assert room.says(BEATS).startswith("Bar ")
    assert "LUFS" in room.says(LOUDNESS)
    assert "440" in room.says(SPECTRUM) or "44" in room.says(SPECTRUM)
    at_head = room.says(BEATS)
    room.point(room.at(1.1))
    assert room.says(BEATS) != at_head
    spectrum = next(row for row in room.view.rows if row.lane == SPECTRUM)
    room.point(QPoint(100, spectrum.top_px + 2 - room.view.scroll_px))
    assert "kHz" in room.says(SPECTRUM)
    QApplication.sendEvent(room.view, QEvent(QEvent.Type.Leave))
    assert room.says(BEATS) == at_head
    assert all(title in room.panel.heads.text() for title in ("Pitch", "Notes", "Loudness", "Beats"))


def test_a_click_seeks_a_drag_loops_and_keys_do_both(room: Room) -> None:
    room.open()
    room.qtbot.mouseClick(room.view, Qt.MouseButton.LeftButton, pos=room.at(3.0))
    assert room.seeks == [pytest.approx(3.0, abs=0.05)]
    room.view.setFocus()
    room.qtbot.keyClick(room.view, Qt.Key.Key_Home)
    assert room.seeks[-1] == 0.0
    room.qtbot.wait(350)  # after a seek, ticks of before are not believed for 0.3 s
    room.tell(position_s=2.0)
    room.qtbot.keyClick(room.view, Qt.Key.Key_I)
    assert room.loop.span_s == (pytest.approx(2.0, abs=0.05), SONG_S)
    room.qtbot.keyClick(room.view, Qt.Key.Key_Plus)
    assert room.view.view.span_s < SONG_S
    room.qtbot.keyClick(room.view, Qt.Key.Key_0)
    assert room.view.view.is_fit


def test_plots_share_one_time(room: Room) -> None:
    room.open()
    room.view.zoom_in()
    room.picture()
    spans = {tuple(plot.box.viewRange()[0]) for plot in room.view._stack._plots.values()}
    assert spans == {(room.view.view.start_s, room.view.view.start_s + room.view.view.span_s)}


def test_plots_can_be_left_out_but_not_all(room: Room) -> None:
    room.open()
    chosen: list[tuple[str, ...]] = []
    room.panel.plots_chosen.connect(chosen.append)
    actions = {action.text(): action for action in room.panel.plots.menu().actions()}
    actions["Pitch"].trigger()
    assert chosen == [PLOTS[1:]]
    assert tuple(row.lane for row in room.view.rows) == PLOTS[1:]
    room.picture()
    for title in ("Notes", "Loudness", "Spectrum", "Beats"):
        actions[title].trigger()
    assert [row.lane for row in room.view.rows] == [BEATS]
    assert actions["Beats"].isChecked()
    actions["Pitch"].trigger()
    assert [row.lane for row in room.view.rows] == [PITCH, BEATS]
    assert len(np.unique(room.picture().reshape(-1, 3), axis=0)) > 8


def test_a_low_panel_scrolls(room: Room) -> None:
    room.open()
    bar = room.panel._down
    room.panel.resize(700, 900)
    QApplication.processEvents()
    assert not bar.isVisible()
    room.panel.resize(700, 220)
    QApplication.processEvents()
    assert bar.isVisible()
    assert room.view.content_px + RULER_PX - room.view.height() == bar.maximum()
    before = room.picture()
    bar.setValue(bar.maximum())
    after = room.picture()
    assert not np.array_equal(before[RULER_PX:], after[RULER_PX:])
    # But for the pointer's own marks the ruler stays.
    np.testing.assert_array_equal(before[: RULER_PX - 12], after[: RULER_PX - 12])


def test_the_play_head_costs_no_drawing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.open()
    room.picture()
    drawn: list[float] = []
    monkeypatch.setattr(type(room.view), "_draw", lambda *_: drawn.append(0.0))
    for i in range(50):
        room.tell(position_s=0.1 * i, playing=True)
        room.view.repaint()
    assert drawn == []


@pytest.mark.parametrize("name", ["silence", "one frame"])
def test_odd_songs_are_drawn_too(room: Room, name: str) -> None:
    n = N_FRAMES if name == "silence" else 1
    room.store.begin_original()
    room.store.write_original(0, np.zeros((2, n), np.float32))
    room.store.finish_original(n, [])
    room.show()
    room.tell(duration_s=n / RATE_HZ, segments_total=1)
    room.wait_for(Phase.READY)
    room.qtbot.waitUntil(room.view.isVisible, timeout=30_000)
    room.picture()
    for plot in PLOTS:
        assert "nan" not in room.says(plot).casefold()
        assert room.says(plot)


# --- export ----------------------------------------------------------------------------------------


def save(room: Room, path: Path) -> Path:
    with room.qtbot.waitSignal(room.panel.notice, timeout=20_000) as told:
        room.panel.save(path)
    assert str(path) in told.args[0]
    return path


def test_a_picture_a_drawing_and_a_table(room: Room, tmp_path: Path) -> None:
    room.open()
    image = QImage(str(save(room, tmp_path / "a.png")))
    assert image.width() == 3200
    assert len({image.pixel(x, y) for x in range(0, 3200, 7) for y in range(0, image.height(), 7)}) > 100
    drawing = ET.parse(save(room, tmp_path / "a.svg")).getroot()  # noqa: S314 (our own)
    assert drawing.tag.endswith("svg")
    words = " ".join(text for element in drawing.iter() for text in element.itertext())
    for part in ("A song", "Pitch", "Loudness", "BPM", "LUFS"):
        assert part in words
    rows = (save(room, tmp_path / "a.csv")).read_text().splitlines()
    header = rows[0].split(",")
    assert header[:2] == ["time_s", "pitch_hz"]
    assert header[-12:] == ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
    table = [row.split(",") for row in rows[1:]]
    assert len(table) == len(room.model.picture.curves.pitch_hz)
    assert {len(row) for row in table} == {len(header)}
    middle = table[round(len(table) * 3.75 / SONG_S)]  # between two clicks
    assert float(middle[0]) == pytest.approx(3.75, abs=0.05)
    assert float(middle[1]) == pytest.approx(440.0, rel=0.01)
    assert float(middle[header.index("A")]) == 1.0
    beats = [row for row in table if row[header.index("beat")] != "0"]
    assert len(beats) == len(room.model.picture.beats_s)


def test_a_file_that_cannot_be_written_is_said(room: Room, tmp_path: Path) -> None:
    room.open()
    (tmp_path / "file").write_text("in the way")
    with room.qtbot.waitSignal(room.panel.failed, timeout=20_000) as told:
        room.panel.save(tmp_path / "file" / "a.csv")
    assert "cannot be written" in told.args[0]


# --- in the window ---------------------------------------------------------------------------------


def test_the_panel_among_the_rest_of_the_window(desktop: Desktop, qtbot: QtBot, tone: Path) -> None:
    play(desktop, qtbot, tone)
    desktop.window.open_panel("analysis")
    desk = desktop.rooms.analysis
    qtbot.waitUntil(lambda: desk.model.phase is Phase.READY, timeout=60_000)
    qtbot.waitUntil(desk.panel.view.isVisible, timeout=60_000)
    # The figures of the transport.
    figures = desktop.transport.figures
    assert figures.isVisible()
    assert float(figures.loudness.value) == pytest.approx(-20.3, abs=1.5)
    assert figures.loudness.value in figures.loudness.accessibleName()
    # Where the lanes go the plots go, and the other way round.
    waves, plots = desktop.rooms.lanes.waves, desk.panel.view
    waves.zoom_in()
    assert plots.view.goal == waves.view.goal
    assert plots.view.goal[1] < 20.0
    plots.fit()
    assert waves.view.is_fit
    qtbot.waitUntil(lambda: plots.view.is_still, timeout=5000)
    qtbot.mouseClick(plots, Qt.MouseButton.LeftButton, pos=QPoint(plots.width() // 2, RULER_PX + 30))
    qtbot.waitUntil(lambda: desktop.bridge.tick.position_s > 9.0, timeout=10_000)
    # What is chosen is remembered, and every button says what it does.
    next(a for a in desk.panel.plots.menu().actions() if a.text() == "Spectrum").trigger()
    assert desktop.settings.current.analysis.hidden_plots == SPECTRUM
    buttons = [button for button in desk.panel.findChildren(QPushButton) if button.isVisible()]
    assert len(buttons) == 3
    assert all(button.toolTip() and button.accessibleName() for button in buttons)


def test_a_figure_that_is_not_known_says_why(room: Room) -> None:
    room.decode()
    room.wait_for(Phase.READY)
    why = "nothing repeats clearly enough to be a beat"
    found = room.model.picture.analysis
    figures = SongFigures()
    room.qtbot.addWidget(figures)
    figures.show_analysis(replace(found, tempo_bpm=None, key="F# minor", reasons={"tempo_bpm": why}))
    assert figures.tempo.value == ""
    assert why in figures.tempo.toolTip()
    assert figures.key.value == "F♯ min"
    figures.show_analysis(None)
    assert figures.key.value == ""


def test_the_figures_give_way_in_a_narrow_window(qtbot: QtBot) -> None:
    mixer, loop = MixerState(), LoopState()
    bar = TransportBar(Edits(mixer, loop), loop, mixer)
    qtbot.addWidget(bar)
    bar.show()
    bar.show_tick(Tick(song=Path("song.mp3"), title="Song", duration_s=10.0))
    for width, shown in ((1280, True), (960, False)):
        bar.resize(width, 64)
        assert bar.figures.isVisible() is shown
    bar.resize(1280, 64)
    bar.show_tick(Tick())
    assert not bar.figures.isVisible()


def test_the_window_starts_without_what_plots_are_drawn_with() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys, app.desktop, app.rooms; print('pyqtgraph' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.strip() == "False"
