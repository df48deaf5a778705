"""The list of files that could not be opened grows, names each file once, and can be copied."""

from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QListView

from app.panels.messages import MessagesDialog

LONG = "no sound in it that can be decoded: its header is damaged, " * 4


@pytest.fixture
def dialog(qtbot) -> MessagesDialog:
    dialog = MessagesDialog()
    qtbot.addWidget(dialog)
    dialog.add_problems([(Path("a/empty.wav"), "the file is empty")])
    dialog.show()
    return dialog


def title(dialog: MessagesDialog) -> str:
    return next(label.text() for label in dialog.findChildren(QLabel) if "could not" in label.text())


def test_it_counts_while_it_grows(dialog: MessagesDialog):
    assert title(dialog) == "1 file could not be opened"
    dialog.add_problems([(Path("a/notes.mp3"), "text, not sound"), (Path("a/empty.wav"), "again")])
    assert title(dialog) == "2 files could not be opened"
    assert [problem.reason for problem in dialog.problems] == ["the file is empty", "text, not sound"]


def test_the_list_is_copied_by_button_and_key(qtbot, dialog: MessagesDialog):
    dialog.add_problems([(Path("b.mp3"), LONG)])
    expected = f"{Path('a/empty.wav')}: the file is empty\nb.mp3: {LONG}\n"
    view = dialog.findChild(QListView)
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == expected
    assert dialog.text == expected


def test_a_screen_reader_hears_file_and_reason(dialog: MessagesDialog):
    model = dialog.findChild(QListView).model()
    assert model.data(model.index(0), Qt.ItemDataRole.AccessibleTextRole) == "empty.wav: the file is empty"


def test_a_long_reason_is_readable_whole(qtbot, dialog: MessagesDialog):
    dialog.add_problems([(Path("b.mp3"), LONG), (Path("c.mp3"), "x" * 300)])
    view = dialog.findChild(QListView)
    qtbot.waitUntil(lambda: view.visualRect(view.model().index(2)).height() > 0)
    heights = [view.visualRect(view.model().index(row)).height() for row in range(3)]
    assert heights[1] > heights[0] + 20
    assert heights[2] > heights[0] + 20
    dialog.resize(QSize(1200, 420))
    qtbot.waitUntil(lambda: view.visualRect(view.model().index(1)).height() < heights[1])


def test_thousands_are_taken_without_a_stop(qtbot, dialog: MessagesDialog):
    dialog.add_problems((Path(f"{number}.mp3"), LONG) for number in range(3000))
    view = dialog.findChild(QListView)
    view.scrollToBottom()
    qtbot.waitUntil(lambda: view.verticalScrollBar().maximum() > 3000 * 20, timeout=10_000)
    assert title(dialog) == "3001 files could not be opened"
