"""Waveforms, loop and zoom under a real mouse and real keys, on a real store."""

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from app import theme
from app.edits import Edits
from app.loop_state import LoopState
from app.mixer_state import MixerState
from app.panels.lanes import LanesPanel
from app.panels.play_head import PlayHead
from app.panels.time_view import MIN_SPAN_S, TimeView, ruler_marks, time_text
from app.panels.wave_backdrop import RULER_PX, share_height
from app.panels.wave_menu import open_menu
from app.tick import Tick
from engine.io.journal import Span
from engine.io.stem_store import StemStore
from tests.services.test_stem_store import Shape

RATE_HZ = 8000
SONG_S = 60.0
STEMS = ("vocals", "drums")
WAVE_PX = 600
"""Width of the waveforms: a tenth of a second a pixel when the whole song is shown."""


class Room:
    """The lanes with their states, and a finger for each thing a user does."""

    def __init__(self, qtbot) -> None:
        theme.apply_theme(QApplication.instance())
        theme.set_reduced_motion(True)
        self.qtbot = qtbot
        self.mixer, self.loop = MixerState(), LoopState()
        self.mixer.set_stems(STEMS)
        self.edits = Edits(self.mixer, self.loop)
        self.panel = LanesPanel(self.mixer, self.loop, self.edits)
        qtbot.addWidget(self.panel)
        self.panel.resize(212 + WAVE_PX, 420)
        with qtbot.waitExposed(self.panel):
            self.panel.show()
        self.waves = self.panel.waves
        self.seeks: list[float] = []
        self.panel.seek_wanted.connect(self.seeks.append)

    def open(self, folder: Path, *, until_ready: bool = True) -> None:
        self.panel.show_song(folder)
        self.tick(0.0)
        self.qtbot.waitUntil(lambda: self.waves.peaks is not None, timeout=20_000)
        if until_ready:
            self.qtbot.waitUntil(lambda: bool(self.waves.peaks.ready_spans("vocals")), timeout=20_000)
        self.tick(0.0)

    def tick(self, position_s: float, **more) -> None:
        self.panel.show_tick(Tick(position_s=position_s, duration_s=SONG_S, **more))
        QApplication.processEvents()

    def at(self, time_s: float, y: int | None = None) -> QPoint:
        return QPoint(
            round(self.waves.view.to_x(time_s, self.waves.width())), RULER_PX + 40 if y is None else y
        )

    def drag(self, from_s: float, to_s: float, y: int | None = None) -> None:
        begin, end = self.at(from_s, y), self.at(to_s, y)
        self.move(begin)
        self.qtbot.mousePress(self.waves, Qt.MouseButton.LeftButton, pos=begin)
        for part in (0.3, 0.7, 1.0):
            self.move(
                QPoint(round(begin.x() + (end.x() - begin.x()) * part), end.y()), Qt.MouseButton.LeftButton
            )
        self.qtbot.mouseRelease(self.waves, Qt.MouseButton.LeftButton, pos=end)

    def move(self, to: QPoint, held: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
        place = QPointF(to)
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            place,
            QPointF(self.waves.mapToGlobal(to)),
            Qt.MouseButton.NoButton,
            held,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(self.waves, event)

    def wheel(self, at: QPoint, angle: QPoint, shift: bool = False) -> None:
        modifiers = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        event = QWheelEvent(
            QPointF(at),
            QPointF(self.waves.mapToGlobal(at)),
            QPoint(),
            angle,
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(self.waves, event)

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        self.qtbot.keyClick(self.waves, key, modifier)

    def picture(self) -> np.ndarray:
        """Pixels of the waveforms as (height, width, RGB)."""
        image = self.waves.grab().toImage().convertToFormat(self.waves.grab().toImage().Format.Format_RGB32)
        pixels = np.frombuffer(image.bits(), np.uint8).reshape(image.height(), image.width(), 4)
        return pixels[:, :, 2::-1].copy()

    def middle_of(self, lane: str) -> int:
        row = next(row for row in self.waves.rows if row.lane == lane)
        return row.top_px + row.height_px // 2


def make_song(folder: Path, n_done: int) -> Path:
    """A song of SONG_S seconds in six segments, some of them done."""
    n = round(SONG_S * RATE_HZ)
    rng = np.random.default_rng(0)
    with StemStore(folder / "stems").open(Shape(n + 100, RATE_HZ), "song", "key", STEMS) as store:
        store.begin_original()
        store.write_original(0, (0.3 * rng.standard_normal((2, n))).astype(np.float32))
        store.finish_original(n, [])
        store.set_total_segments(6)
        for i in range(n_done):
            span = Span(i, i * n // 6, (i + 1) * n // 6, 0, i == 5)
            stems = 0.3 * rng.standard_normal((2, 2, span.stop_frame - span.start_frame))
            store.write_segment(span, stems.astype(np.float32))
        return store.folder


@pytest.fixture
def room(qtbot):
    room = Room(qtbot)
    yield room
    room.panel.shutdown()
    theme.set_reduced_motion(None)


@pytest.fixture
def opened(room, tmp_path):
    room.open(make_song(tmp_path, 6))
    return room


def near(a: float, b: float, within: float) -> bool:
    return abs(a - b) <= within


# --- seeing ----------------------------------------------------------------------------------------


def test_lanes_are_drawn_in_their_colours_and_hatched_where_nothing_is_separated(room, tmp_path):
    room.open(make_song(tmp_path, 3))
    room.tick(0.0)
    pixels = room.picture().astype(int)
    colour = theme.tokens().lane_colour("vocals")
    middle = pixels[room.middle_of("vocals")]
    done, waiting = middle[20 : WAVE_PX // 2 - 20], middle[WAVE_PX // 2 + 20 : WAVE_PX - 4]
    assert np.abs(done - [colour.red(), colour.green(), colour.blue()]).max() < 12
    assert waiting.max() < 120
    assert len(np.unique(waiting, axis=0)) > 1  # stripes, not a plain ground
    assert np.abs(pixels[room.middle_of("original")][WAVE_PX - 20] - 150).max() < 40


def test_parts_fill_in_as_they_arrive(room, tmp_path):
    folder = make_song(tmp_path, 1)
    room.open(folder)
    before = room.picture()
    n = round(SONG_S * RATE_HZ)
    with StemStore(tmp_path / "stems").open(Shape(n + 100, RATE_HZ), "song", "key", STEMS) as store:
        span = Span(1, n // 6, 2 * n // 6, 0, False)
        store.write_segment(span, np.full((2, 2, span.stop_frame - span.start_frame), 0.5, np.float32))
        room.qtbot.waitUntil(lambda: room.waves.peaks.ready_spans("drums")[-1][1] > n // 4, timeout=10_000)
    room.tick(0.0)
    changed = (before != room.picture()).any(axis=2)
    assert changed[room.middle_of("drums"), 110:190].all()
    assert not changed[room.middle_of("drums"), 220:580].any()


def test_a_silenced_lane_is_faint_and_the_rows_stand_beside_their_heads(opened):
    loud = opened.picture().astype(int)[opened.middle_of("drums"), 300].sum()
    opened.edits.set_solo("vocals", True)
    faint = opened.picture().astype(int)[opened.middle_of("drums"), 300].sum()
    assert faint < 0.55 * loud
    for row in opened.waves.rows:
        head = next(h for name, h in opened.panel.heads.items() if name == row.lane)
        assert head.mapTo(opened.panel, QPoint(0, 0)).y() == opened.waves.y() + row.top_px
        assert head.height() == row.height_px
        assert row.height_px >= (68 if row.lane == "original" else 88)


def test_only_strips_are_repainted_while_the_play_head_moves(opened):
    class Seen(QObject):
        """Widths that paint events cover."""

        def __init__(self):
            super().__init__()
            self.widths: list[int] = []

        def eventFilter(self, watched, event):
            if event.type() == QEvent.Type.Paint:
                self.widths.append(sum(rect.width() for rect in event.region()))
            return False

    opened.tick(10.0, playing=True)
    opened.picture()
    QApplication.processEvents()
    seen = Seen()
    opened.waves.installEventFilter(seen)
    began_s = time.monotonic()
    while (passed_s := time.monotonic() - began_s) < 1.0:
        opened.tick(10.0 + passed_s, playing=True)
        time.sleep(0.01)
    # A pixel is 0.1 s: about ten moves in a second, whatever the number of ticks.
    assert 5 <= len(seen.widths) <= 20
    assert max(seen.widths) < 60


# --- seeking and looping ---------------------------------------------------------------------------


def test_a_click_seeks_and_the_play_head_is_there_at_once(opened):
    opened.qtbot.mouseClick(opened.waves, Qt.MouseButton.LeftButton, pos=opened.at(30.0))
    assert len(opened.seeks) == 1
    assert near(opened.seeks[0], 30.0, 0.11)
    # Until the engine has followed, old positions do not pull it back.
    opened.tick(2.0, playing=True)
    assert near(opened.waves.position_s, 30.0, 0.2)
    assert opened.loop.span_s is None


def test_a_drag_makes_a_loop_as_one_step_of_undo(opened):
    opened.drag(40.0, 20.0)
    assert opened.seeks == []
    assert opened.loop.enabled
    assert near(opened.loop.span_s[0], 20.0, 0.11)
    assert near(opened.loop.span_s[1], 40.0, 0.11)
    assert opened.edits.stack.count() == 1
    opened.edits.stack.undo()
    assert opened.loop.span_s is None


def test_a_loop_that_is_drawn_behind_the_play_head_pulls_it_in(opened):
    opened.tick(50.0, playing=True)
    opened.drag(20.0, 40.0)
    assert near(opened.seeks[-1], 20.0, 0.11)
    opened.tick(5.0, playing=True)
    opened.seeks.clear()
    opened.drag(25.0, 35.0)
    assert opened.seeks == []  # playing on leads into it


def test_edges_and_body_of_the_loop_can_be_dragged(opened):
    opened.drag(20.0, 40.0)
    opened.drag(20.0, 10.0)
    assert near(opened.loop.span_s[0], 10.0, 0.2)
    assert near(opened.loop.span_s[1], 40.0, 0.2)
    opened.drag(40.0, 30.0)
    assert near(opened.loop.span_s[1], 30.0, 0.2)
    opened.drag(20.0, 55.0, y=RULER_PX - 4)
    assert near(opened.loop.span_s[0], 40.0, 0.2)  # kept inside the song, and as long as it was
    assert near(opened.loop.span_s[1], 60.0, 0.01)
    assert opened.edits.stack.count() == 4


def test_inside_a_loop_a_click_still_seeks_and_a_drag_begins_a_new_one(opened):
    opened.drag(20.0, 40.0)
    opened.qtbot.mouseClick(opened.waves, Qt.MouseButton.LeftButton, pos=opened.at(30.0))
    assert near(opened.seeks[-1], 30.0, 0.11)
    opened.drag(25.0, 35.0)
    assert near(opened.loop.span_s[0], 25.0, 0.11)
    assert near(opened.loop.span_s[1], 35.0, 0.11)


def test_a_double_click_on_the_loops_bar_switches_it(opened):
    opened.drag(20.0, 40.0)
    place = opened.at(30.0, RULER_PX - 4)
    opened.move(place)
    opened.qtbot.mouseDClick(opened.waves, Qt.MouseButton.LeftButton, pos=place)
    assert not opened.loop.enabled
    assert opened.loop.span_s is not None


# --- zooming ---------------------------------------------------------------------------------------


def test_the_wheel_zooms_around_the_pointer(opened):
    place = opened.at(24.0)
    for _ in range(12):
        opened.wheel(place, QPoint(0, 120))
        assert near(opened.waves.view.to_s(place.x(), opened.waves.width()), 24.0, 0.06)
    assert opened.waves.view.span_s < SONG_S / 10
    for _ in range(40):
        opened.wheel(place, QPoint(0, -120))
    assert opened.waves.view.is_fit
    assert (opened.waves.view.start_s, opened.waves.view.span_s) == (0.0, SONG_S)


def test_shift_and_the_sideways_wheel_scroll(opened):
    for _ in range(10):
        opened.wheel(opened.at(30.0), QPoint(0, 120))
    start_s, span_s = opened.waves.view.start_s, opened.waves.view.span_s
    opened.wheel(QPoint(300, 100), QPoint(0, -120), shift=True)
    assert near(opened.waves.view.start_s, start_s + 0.1 * span_s, 0.01)
    opened.wheel(QPoint(300, 100), QPoint(120, 0))
    assert near(opened.waves.view.start_s, start_s, 0.01)
    assert near(opened.waves.view.span_s, span_s, 1e-6)


def test_the_view_follows_by_pages_until_the_user_scrolls_away(opened):
    opened.waves.view.zoom(6.0, 0.0)
    opened.waves.view.jump()
    opened.tick(1.0, playing=True)
    opened.tick(9.0, playing=True)
    assert opened.waves.view.start_s == 0.0
    opened.tick(9.3, playing=True)
    assert near(opened.waves.view.start_s, 9.3 - 0.8, 0.3)
    opened.waves.scroll_to(40.0)
    opened.tick(9.35, playing=True)
    assert opened.waves.view.start_s == 40.0
    opened.key(Qt.Key.Key_Home)
    opened.tick(0.0, playing=True)
    assert opened.waves.view.start_s == 0.0


def test_zooming_while_drawing_a_long_song_stays_within_a_frame_or_two(opened):
    opened.picture()
    worst_s = 0.0
    for i in range(60):
        began_s = time.perf_counter()
        opened.wheel(QPoint(10 * i % WAVE_PX, 100), QPoint(0, 120 if i % 40 < 25 else -120))
        opened.waves.repaint()
        worst_s = max(worst_s, time.perf_counter() - began_s)
    assert worst_s < 0.05


# --- keys ------------------------------------------------------------------------------------------


def test_keys_seek(opened):
    opened.tick(20.0)
    opened.key(Qt.Key.Key_Right)
    opened.key(Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    opened.key(Qt.Key.Key_End)
    opened.key(Qt.Key.Key_Right)
    opened.key(Qt.Key.Key_Home)
    assert opened.seeks == pytest.approx([25.0, 24.0, 60.0, 60.0, 0.0])


def test_keys_zoom_and_loop(opened):
    opened.tick(20.0)
    opened.key(Qt.Key.Key_Plus)
    assert opened.waves.view.span_s < SONG_S
    assert opened.waves.view.shows(20.0)
    opened.key(Qt.Key.Key_Minus)
    opened.key(Qt.Key.Key_Plus)
    opened.key(Qt.Key.Key_0)
    assert opened.waves.view.is_fit
    opened.key(Qt.Key.Key_I)
    assert opened.loop.span_s == (20.0, SONG_S)
    opened.tick(30.0)
    opened.key(Qt.Key.Key_O)
    assert opened.loop.span_s == (20.0, 30.0)
    opened.key(Qt.Key.Key_Delete)
    assert opened.loop.span_s is None


def test_the_menu_offers_the_loop_and_zooms_to_it(opened):
    opened.drag(20.0, 40.0)
    menu = open_menu(opened.waves, opened.loop, QPoint(0, 0), 22.0)
    by_name = {action.text(): action for action in menu.actions()}
    by_name["Zoom to loop"].trigger()
    start_s, span_s = opened.waves.view.goal
    assert near(start_s, 19.0, 0.2)
    assert near(span_s, 22.0, 0.4)
    by_name["Loop off"].trigger()
    assert not opened.loop.enabled
    by_name["Start loop here"].trigger()
    assert opened.loop.span_s[0] == 22.0
    by_name["Play from here"].trigger()
    assert opened.seeks[-1] == 22.0
    menu.close()


def test_the_play_head_runs_evenly_under_a_trembling_clock():
    head = PlayHead()
    began_s = time.monotonic()
    head.put(10.0)
    rng = np.random.default_rng(0)
    errors, leaps = [], 0
    for _ in range(60):
        time.sleep(0.005)
        true_s = 10.0 + time.monotonic() - began_s
        leaps += head.take(Tick(position_s=true_s + rng.uniform(-0.01, 0.01), playing=True))
        errors.append(head.position_s - true_s)
    assert leaps == 0
    assert max(abs(error) for error in errors) < 0.008
    assert head.take(Tick(position_s=3.0, playing=True))
    assert near(head.position_s, 3.0, 1e-6)
    # The way back in a loop that is shorter than a leap.
    assert not head.take(Tick(position_s=2.9, playing=True))
    assert near(head.position_s, 2.9, 1e-6)


def test_lanes_give_their_faders_the_keys(opened):
    opened.panel.activateWindow()
    opened.panel.focus_lane(1)
    opened.qtbot.waitUntil(lambda: opened.panel.lane_of(QApplication.focusWidget()) == 1)
    opened.panel.focus_lane(7)
    assert opened.panel.lane_of(QApplication.focusWidget()) == 1
    assert opened.panel.lane_of(opened.waves) is None


def test_tab_goes_down_the_heads_and_then_to_the_waveforms(opened):
    opened.mixer.set_stems(("vocals", "bass"))
    chain = [opened.panel.heads["vocals"].mute]
    while chain[-1] is not opened.waves:
        chain.append(chain[-1].nextInFocusChain())
    stops = [w for w in chain if w.focusPolicy() & Qt.FocusPolicy.TabFocus]
    lanes = [opened.panel.lane_of(w) for w in stops if w.isVisible()]
    assert lanes == [*sorted(lanes[:-1]), None]
    assert set(lanes) == {0, 1, None}


# --- songs -----------------------------------------------------------------------------------------


def test_without_a_song_nothing_happens(room):
    room.qtbot.mouseClick(room.waves, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    room.wheel(QPoint(100, 100), QPoint(0, 120))
    room.key(Qt.Key.Key_Right)
    room.picture()
    assert room.seeks == []


def test_a_store_that_is_just_being_made_is_shown_as_soon_as_it_is_there(room, tmp_path):
    folder = StemStore(tmp_path / "stems").song_folder("song", "key")
    room.panel.show_song(folder)
    room.qtbot.wait(100)
    assert room.waves.peaks is None
    assert make_song(tmp_path, 2) == folder
    room.qtbot.waitUntil(lambda: room.waves.peaks is not None, timeout=10_000)


def test_another_song_takes_the_place_of_the_first(opened, tmp_path):
    for _ in range(10):
        opened.wheel(opened.at(30.0), QPoint(0, 120))
    first = opened.waves.peaks
    other = make_song(tmp_path / "other", 2)
    opened.open(other)
    assert opened.waves.peaks is not first
    assert opened.waves.view.is_fit
    opened.panel.show_song(None)
    assert opened.waves.peaks is None
    opened.picture()


def test_other_stems_get_their_own_lanes(opened):
    opened.mixer.set_stems(("vocals", "drums", "bass", "other", "guitar", "piano"))
    QApplication.processEvents()
    assert [row.lane for row in opened.waves.rows][-1] == "original"
    assert len(opened.waves.rows) == 7
    # Too many for this height: heads and waveforms scroll together.
    opened.panel.focus_lane(5)
    QApplication.processEvents()
    head = opened.panel.heads["piano"]
    row = next(row for row in opened.waves.rows if row.lane == "piano")
    assert (
        head.mapTo(opened.panel, QPoint(0, 0)).y() == opened.waves.y() + row.top_px - opened.waves.scroll_px
    )
    assert opened.waves.scroll_px > 0
    opened.picture()


# --- numbers ---------------------------------------------------------------------------------------


def test_a_glide_ends_at_its_goal_and_keeps_its_anchor():
    view = TimeView()
    view.set_duration(600.0)
    view.zoom(20.0, 200.0)
    x = view.to_x(200.0, 1000.0)
    for _ in range(200):
        view.step(1 / 60)
        assert near(view.to_x(200.0, 1000.0), x, 1.5)
        if view.is_still:
            break
    assert view.is_still
    view.zoom(1e9, 200.0)
    assert view.goal[1] == MIN_SPAN_S


@pytest.mark.parametrize("span_s", [0.5, 2.0, 9.0, 61.0, 600.0, 7000.0])
def test_ruler_labels_never_touch(span_s):
    view = TimeView()
    view.set_duration(7200.0)
    view.zoom(7200.0 / span_s, 100.0)
    view.jump()
    marks = [mark for mark in ruler_marks(view, 800.0, 84.0) if mark.label]
    places = [view.to_x(mark.time_s, 800.0) for mark in marks]
    assert marks
    assert all(b - a >= 84.0 for a, b in pairwise(places))
    assert len({mark.label for mark in marks}) == len(marks)


def test_times_are_told_as_musicians_write_them():
    assert [time_text(s) for s in (0, 5, 65, 3725)] == ["0:00", "0:05", "1:05", "1:02:05"]
    assert time_text(83.46, 0.1) == "1:23.5"
    assert time_text(59.999, 0.01) == "1:00.00"


def test_rows_share_the_height_and_never_get_less_than_they_need():
    need = {"vocals": 88, "drums": 88, "original": 68}
    rows = share_height(list(need), 600, need)
    assert rows[0].top_px == RULER_PX
    assert rows[-1].top_px + rows[-1].height_px == 600
    assert all(b.top_px - (a.top_px + a.height_px) == 4 for a, b in pairwise(rows))
    small = share_height(list(need), 100, need)
    assert [row.height_px for row in small] == [88, 88, 68]
