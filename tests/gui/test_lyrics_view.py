"""The words as they are sung: which is lit and how far, clicked, walked through, written anew; no engine."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from app.edits import Edits
from app.loop_state import LoopState
from app.lyric_edits import LyricEdits
from app.lyrics_state import LyricsState, Origin
from app.mixer_state import MixerState
from app.panels.lyrics_view import LyricsView, Mark
from app.theme import set_reduced_motion, tokens
from app.tick import Tick
from engine.lyrics import Lyrics, Segment, Word
from engine.units import F64


def line(text: str, start_s: float) -> Segment:
    """A line whose words are sung for half a second each, one after the other."""
    words = tuple(Word(start_s + i / 2, start_s + i / 2 + 0.5, word) for i, word in enumerate(text.split()))
    return Segment(start_s, words[-1].end_s, text, words, source="given")


LYRICS = Lyrics(
    (
        line("we could take the boat", 1.0),
        line("come on let's go", 4.0),
        line("in the middle of the day", 8.0),
    ),
    "en",
)


class Sheet:
    """A view with its state and its undo stack."""

    def __init__(self, qtbot: QtBot) -> None:
        # A window that was opened before has set it as its settings say.
        set_reduced_motion(True)
        self.state = LyricsState()
        self.stack = Edits(MixerState(), LoopState())
        self.view = LyricsView(self.state, LyricEdits(self.state, self.stack))
        qtbot.addWidget(self.view)
        self.view.resize(800, 300)
        self.state.show(LYRICS, Origin.FILE, "song.lrc")
        self.view.show()
        qtbot.waitExposed(self.view)

    def hear(self, position_s: float) -> None:
        """The song stands at a place."""
        self.view.show_tick(Tick(position_s=position_s))

    @property
    def lines(self) -> list[str]:
        assert self.state.lyrics is not None
        return [segment.text for segment in self.state.lyrics.segments]

    def pixels(self) -> F64:
        """What is painted, float64 (height, width, 3)."""
        image = self.view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        return flat[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(np.float64)

    def sung_part(self, place: QRectF) -> float:
        """How much of a place's letters, from the left, have the colour of what is sung."""
        area = self.pixels()[int(place.top()) : int(place.bottom()), int(place.left()) : int(place.right())]
        colour = tokens().lane_colour("vocals")
        near = np.abs(area - [colour.red(), colour.green(), colour.blue()]).sum(axis=2) < 120
        columns = np.flatnonzero(near.any(axis=0))
        return 0.0 if not columns.size else float(columns[-1] + 1) / area.shape[1]


@pytest.fixture
def sheet(qtbot: QtBot) -> Sheet:
    return Sheet(qtbot)


@pytest.mark.parametrize(
    ("position_s", "mark"),
    [
        (0.0, Mark(-1, -1, 0.0)),
        (1.0, Mark(0, 0, 0.0)),
        (1.75, Mark(0, 1, 0.5)),
        (3.75, Mark(0, 4, 1.0)),
        (4.0, Mark(1, 0, 0.0)),
        (10.9, Mark(2, 5, 0.8)),
        (99.0, Mark(2, 5, 1.0)),
    ],
)
def test_the_word_that_sounds_is_marked(sheet: Sheet, position_s: float, mark: Mark) -> None:
    sheet.hear(position_s)
    assert sheet.view.mark[:2] == mark[:2]
    assert sheet.view.mark.part == pytest.approx(mark.part, abs=1e-6)


def test_a_word_is_painted_as_far_as_it_is_sung(sheet: Sheet) -> None:
    sheet.hear(4.75)
    sheet.view.grab()
    assert sheet.view.shown == sheet.view.mark == Mark(1, 1, 0.5)
    assert sheet.sung_part(sheet.view.places.place_of(1, 0)) > 0.9
    assert sheet.sung_part(sheet.view.places.place_of(1, 1)) == pytest.approx(0.5, abs=0.12)
    assert sheet.sung_part(sheet.view.places.place_of(1, 2)) == 0.0
    assert sheet.sung_part(sheet.view.places.place_of(0, 0)) == 0.0


def test_an_offset_moves_the_words_later(sheet: Sheet) -> None:
    sheet.hear(4.75)
    sheet.state.set_offset_s(0.5)
    assert sheet.view.mark == Mark(1, 0, 0.5)
    sheet.state.set_offset_s(-0.5)
    assert sheet.view.mark == Mark(1, 2, 0.5)


def test_a_clicked_word_is_gone_to_as_it_is_shown(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.hear(1.0)
    sheet.state.set_offset_s(0.25)
    place = sheet.view.places.place_of(1, 2).center().toPoint()
    with qtbot.waitSignal(sheet.view.seek_wanted) as wanted:
        qtbot.mouseClick(sheet.view, Qt.MouseButton.LeftButton, pos=place)
    assert wanted.args == [5.25]
    assert sheet.view.mark == Mark(1, 2, 0.0)


def test_the_line_that_sounds_stands_still_in_the_middle(sheet: Sheet) -> None:
    for position_s, number in ((1.0, 0), (5.0, 1), (8.5, 2)):
        sheet.hear(position_s)
        assert sheet.view.places.place_of(number, 0).center().y() == pytest.approx(138.0, abs=2.0)
    # In the pause behind a line the next one is there already.
    sheet.hear(6.5)
    assert sheet.view.places.place_of(2, 0).center().y() == pytest.approx(138.0, abs=2.0)


def test_arrows_walk_and_enter_goes_there(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.hear(1.0)
    sheet.view.setFocus()
    qtbot.keyClick(sheet.view, Qt.Key.Key_Down)
    qtbot.keyClick(sheet.view, Qt.Key.Key_Down)
    assert sheet.view.chosen == 2
    with qtbot.waitSignal(sheet.view.seek_wanted) as wanted:
        qtbot.keyClick(sheet.view, Qt.Key.Key_Return)
    assert wanted.args == [8.0]
    qtbot.keyClick(sheet.view, Qt.Key.Key_Up)
    assert sheet.view.chosen == 1
    qtbot.keyClick(sheet.view, Qt.Key.Key_Escape)
    assert sheet.view.chosen == 2


def written(sheet: Sheet) -> QLineEdit:
    field = QApplication.focusWidget()
    assert isinstance(field, QLineEdit)
    return field


def test_a_line_is_written_anew_in_its_place_and_taken_back(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.hear(4.0)
    sheet.view.activateWindow()
    place = sheet.view.places.place_of(1, 0).center().toPoint()
    qtbot.mouseDClick(sheet.view, Qt.MouseButton.LeftButton, pos=place)
    field = written(sheet)
    assert field.text() == "come on let's go"
    field.setText("come on, let us go")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert sheet.lines[1] == "come on, let us go"
    assert sheet.state.lyrics is not None
    assert sheet.state.lyrics.segments[1].words[0] == LYRICS.segments[1].words[0]
    assert sheet.state.origin is Origin.EDITED
    sheet.stack.stack.undo()
    assert sheet.state.lyrics == LYRICS
    assert (sheet.state.origin, sheet.state.source) == (Origin.FILE, "song.lrc")
    sheet.stack.stack.redo()
    assert sheet.lines[1] == "come on, let us go"


def test_escape_leaves_a_line_as_it_was(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.view.activateWindow()
    sheet.view.edit(0)
    field = written(sheet)
    field.setText("something else")
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert sheet.state.lyrics == LYRICS
    assert sheet.stack.stack.count() == 0


def test_ctrl_enter_splits_a_line_and_the_menu_joins_it(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.view.activateWindow()
    sheet.view.edit(2)
    field = written(sheet)
    field.setCursorPosition(len("in the "))
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert sheet.lines[2:] == ["in the", "middle of the day"]
    LyricEdits(sheet.state, sheet.stack).join(2)
    assert sheet.lines[2:] == ["in the middle of the day"]


def test_an_empty_line_is_removed_and_delete_removes_the_chosen_one(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.view.activateWindow()
    sheet.view.edit(0)
    field = written(sheet)
    field.clear()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert len(sheet.lines) == 2
    sheet.view.setFocus()
    qtbot.keyClick(sheet.view, Qt.Key.Key_Down)
    qtbot.keyClick(sheet.view, Qt.Key.Key_Delete)
    assert sheet.lines == ["come on let's go"]
    sheet.stack.stack.undo()
    sheet.stack.stack.undo()
    assert sheet.state.lyrics == LYRICS


def test_nobody_edits_lines_that_are_still_coming(sheet: Sheet) -> None:
    edits = LyricEdits(sheet.state, sheet.stack)
    sheet.state.set_growing(True)
    edits.rewrite(0, "nothing")
    edits.remove(1)
    assert sheet.state.lyrics == LYRICS
    sheet.state.set_growing(False)
    edits.remove(1)
    assert len(sheet.lines) == 2


def test_words_without_times_stand_still(sheet: Sheet, qtbot: QtBot) -> None:
    sheet.state.show(Lyrics((Segment(0.0, 0.0, "one"), Segment(0.0, 0.0, "two")), ""))
    for position_s in (0.0, 10.0):
        sheet.hear(position_s)
        assert sheet.view.mark == Mark(-1, -1, 0.0)
    with qtbot.assertNotEmitted(sheet.view.seek_wanted):
        qtbot.mouseClick(sheet.view, Qt.MouseButton.LeftButton, pos=QPoint(400, 138))


def test_a_long_rest_is_counted_out(sheet: Sheet) -> None:
    sheet.state.show(Lyrics((line("one", 2.0), line("two", 10.0)), "en"))
    for position_s, dots in ((0.5, 0), (5.0, 0), (6.5, 0), (7.2, 3), (8.2, 2), (9.9, 1), (10.0, 0)):
        sheet.hear(position_s)
        assert sheet.view.dots == dots, position_s
    sheet.hear(7.2)
    first = sheet.view.places.place_of(1, 0)
    above = QRectF(300.0, first.top() - 15.0, 200.0, 15.0)
    assert sheet.sung_part(above) > 0.5
    sheet.hear(6.5)
    assert sheet.sung_part(above) == 0.0


def test_ten_thousand_lines_cost_what_ten_do(sheet: Sheet) -> None:
    many = Lyrics(tuple(line("la la la", 2.0 * i) for i in range(10_000)), "en")
    sheet.state.show(many)
    sheet.hear(2.0 * 5000 + 0.75)
    assert sheet.view.mark == Mark(5000, 1, 0.5)
    sheet.view.grab()
    assert len(sheet.view.places.laid_out) < 40


def test_wrapped_and_backwards_lines_are_hit_where_they_stand(sheet: Sheet) -> None:
    sheet.view.resize(220, 400)
    sheet.hear(8.0)
    first, last = sheet.view.places.place_of(2, 0), sheet.view.places.place_of(2, 5)
    assert last.top() > first.bottom() - 4
    sheet.state.show(Lyrics((line("שלום עולם", 1.0),), "he"))
    sheet.hear(1.0)
    assert sheet.view.places.place_of(0, 0).left() > sheet.view.places.place_of(0, 1).left()
    assert QPointF(110, 0).x() < sheet.view.places.place_of(0, 0).right()
