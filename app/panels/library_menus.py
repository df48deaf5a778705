"""The menus of the library panel: what can be done with songs, the order of the list, its columns.

GUI thread; every entry is made when the menu opens.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu

from app.library_columns import COLUMNS, MATCH
from app.library_keeper import Query
from app.theme import icon


def fill_song_menu(menu: QMenu, doings: Mapping[str, tuple[Callable[[], object], bool]]) -> None:
    """Offer what can be done with the chosen songs; the menu frees itself when it closes.

    Parameters
    ----------
    menu : QMenu
    doings : mapping of str to (callable, bool)
        By the name of its icon: what does it, and whether it can be done now.
    """
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    words = {
        "play": _tr("Play"),
        "queue": _tr("Put into the queue"),
        "similar": _tr("More like this"),
        "folder": _tr("Show file in its folder"),
        "remove": _tr("Take out of the library…"),
    }
    for name, (call, enabled) in doings.items():
        if name == "folder":
            menu.addSeparator()
        action = menu.addAction(icon(name), words[name])
        action.setEnabled(enabled)
        action.triggered.connect(partial(_do, call))


def add_order(menu: QMenu, query: Query, order: Callable[[str, bool], object]) -> None:
    """Offer every order of the list.

    Parameters
    ----------
    menu : QMenu
    query : Query
        What is listed now.
    order : callable
        Told a column's name and whether the list is turned round.
    """
    group = QActionGroup(menu)
    for column in COLUMNS:
        if column.name == MATCH and query.like is None:
            continue
        action = menu.addAction(_tr("Sort by {}").format(column.heading))
        action.setCheckable(True)
        action.setChecked(column.name == query.sort)
        action.triggered.connect(lambda _=False, name=column.name: order(name, query.descending))
        group.addAction(action)
    menu.addSeparator()
    turned = menu.addAction(_tr("Turn the order round"))
    turned.setCheckable(True)
    turned.setChecked(query.descending)
    turned.triggered.connect(lambda: order(query.sort, not query.descending))
    menu.addSeparator()


def add_columns(menu: QMenu, hidden: Collection[str], want: Callable[[str, bool], object]) -> None:
    """Offer every column to be shown or not.

    Parameters
    ----------
    menu : QMenu
    hidden : collection of str
        Those that are not wanted.
    want : callable
        Told a column's name and whether it is wanted from now on.
    """
    menu.setToolTipsVisible(True)
    for column in COLUMNS:
        if column.name in ("title", MATCH):
            continue
        action = menu.addAction(column.heading)
        action.setCheckable(True)
        action.setChecked(column.name not in hidden)
        action.setToolTip(_tr("{}; shown where there is room").format(column.explanation))
        action.triggered.connect(lambda on=False, name=column.name: want(name, on))


def _do(call: Callable[[], object], _checked: bool = False) -> None:
    call()


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryMenus", text)
