"""What can be done with one line of lyrics, as a menu. GUI thread."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtWidgets import QMenu

from app.lyric_edits import LyricEdits

if TYPE_CHECKING:
    from app.panels.lyrics_view import LyricsView


def open_line_menu(view: "LyricsView", edits: LyricEdits, line: int, place: QPoint) -> None:
    """Open it.

    Parameters
    ----------
    view : LyricsView
    edits : LyricEdits
    line : int
    place : QPoint
        Of the screen.
    """
    menu = QMenu(view)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)

    def start_now(number: int) -> None:
        edits.start_at(number, max(0.0, view.time_s))

    for words, tip, call in (
        (
            _tr("Change the words\tF2"),
            _tr("Write into the line; words that stay keep their times"),
            view.edit,
        ),
        (
            _tr("Starts now"),
            _tr("Let the line begin at what is heard now, its words with it"),
            start_now,
        ),
        (_tr("Join with the next line"), _tr("One line of the two"), edits.join),
        (_tr("Remove\tDel"), _tr("Take the line away"), edits.remove),
    ):
        action = menu.addAction(words)
        action.setToolTip(tip)
        action.triggered.connect(partial(_call_with, call, line))
    menu.popup(place)


def _call_with(call: Callable[[int], None], line: int, _checked: bool = False) -> None:
    call(line)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LyricMenu", text)
