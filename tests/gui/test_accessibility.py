"""Every control can be reached by Tab and says what it is: a walk through every panel and dialog.

The walk is printed as a table (`pytest -s`); a control without a name, without a tool tip or out of reach
fails it.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QApplication, QComboBox, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.about import show_about
from app.desktop import Desktop
from app.library_scans import ScanNews, ScanState
from app.theme import contrast, tokens
from engine.realtime.effects.catalogue import KINDS
from engine.realtime.effects.plan import EffectSetting
from engine.services.library import Library, library_file
from engine.services.library_records import AnalysisRecord
from tests.gui.test_library_panel import put
from tests.gui.test_main_path import play

MAX_STEPS = 400


def focusable(root: QWidget) -> list[QWidget]:
    """Visible controls that take the keys."""
    return [
        widget
        for widget in root.findChildren(QWidget)
        if widget.isVisible()
        and widget.isEnabled()
        and widget.window() is root.window()
        and widget.focusProxy() is None
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not isinstance(widget, QMenu)
    ]


def tab_walk(root: QWidget, qtbot: QtBot) -> list[QWidget]:
    """Controls in the order in which Tab comes to them."""
    root.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is root)
    first = focusable(root)[0]
    first.setFocus(Qt.FocusReason.TabFocusReason)
    walked: list[QWidget] = []
    for _ in range(MAX_STEPS):
        widget = QApplication.focusWidget()
        assert widget is not None
        if widget in walked:
            return walked
        walked.append(widget)
        root.focusNextPrevChild(True) if widget is root else widget.focusNextPrevChild(True)
    raise AssertionError(f"Tab does not come round within {MAX_STEPS} steps")


def spoken_name(widget: QWidget) -> str:
    """What a screen reader says of a control; a box that only says its value does not say what it is."""
    if isinstance(widget, QComboBox):
        return widget.accessibleName().strip()
    interface = QAccessible.queryAccessibleInterface(widget)
    return "" if interface is None else interface.text(QAccessible.Text.Name).strip()


def has_tip(widget: QWidget) -> bool:
    """Whether hovering explains it; what scrolls is explained by what is in it, a field by its owner."""
    owner = widget.parentWidget()
    return (
        bool(widget.toolTip())
        or isinstance(widget, QAbstractScrollArea)
        or (owner is not None and bool(owner.toolTip()))
    )


def by_arrows(button: QAbstractButton, walked: list[QWidget]) -> bool:
    """Whether it is one of a group of choices that Tab comes to, inside which the arrows lead on."""
    group = button.group()
    return group is not None and group.exclusive() and any(other in walked for other in group.buttons())


def gaps(root: QWidget, qtbot: QtBot, title: str) -> list[str]:
    """Walk one window, print it, and say what is wrong with it."""
    walked = tab_walk(root, qtbot)
    print(f"\n{title}: {len(walked)} stops")
    found: list[str] = []
    for number, widget in enumerate(walked, start=1):
        name, kind = spoken_name(widget), type(widget).__name__
        print(f"  {number:3}  {kind:22}  {name or '-- no name --'}")
        if not name:
            found.append(f"{title}: {kind} {widget.objectName()!r} has no accessible name")
        if not has_tip(widget):
            found.append(f"{title}: {kind} {name or widget.objectName()!r} has no tool tip")
    # What only the mouse can reach, unless it is a part of something that Tab reaches.
    for widget in focusable(root):
        if widget in walked or not isinstance(widget, QAbstractButton) or by_arrows(widget, walked):
            continue
        found.append(f"{title}: {type(widget).__name__} {spoken_name(widget)!r} is not reached by Tab")
    return found


def dialogs(desktop: Desktop) -> dict[str, Callable[[], object]]:
    assert desktop.rooms is not None
    rooms = desktop.rooms
    return {
        "Keys": desktop.window.show_keys,
        "About": lambda: show_about(desktop.window),
        "Export": rooms.open_export,
        "Settings, audio": lambda: rooms.open_settings("audio"),
        "Settings, stems": lambda: rooms.open_settings("stems"),
        "Settings, export": lambda: rooms.open_settings("export"),
        "Settings, appearance": lambda: rooms.open_settings("appearance"),
        "Messages": lambda: desktop.opening.show_problems([(Path("x.mp3"), "is empty")]),
    }


def test_every_control_has_a_name_and_is_reached_by_tab(desktop: Desktop, qtbot: QtBot, tone: Path) -> None:
    window = desktop.window
    found = gaps(window, qtbot, "Empty window")
    play(desktop, qtbot, tone)
    desktop.edits.set_loop((1.0, 2.0), True)
    window.dock("analysis").show()
    found += gaps(window, qtbot, "Window with the analysis in front")
    window.open_panel("mic")
    assert desktop.rooms is not None
    mic = desktop.rooms.mic
    qtbot.waitUntil(lambda: mic.panel is not None and mic.engine.tick.has_engine, timeout=60_000)
    assert mic.panel is not None
    mic.edits.load("All", "", tuple(EffectSetting(kind) for kind in KINDS))
    qtbot.waitUntil(lambda: mic.panel is not None and len(mic.panel.chain.cards) == len(KINDS))
    found += gaps(window, qtbot, "Window with the mic in front, every effect in its chain")
    lyrics = desktop.rooms.lyrics
    window.open_panel("lyrics")
    found += gaps(window, qtbot, "Window with the lyrics in front, and none")
    lyrics.model.import_text("[00:01.00]one line\n[00:03.00]and another")
    window.actions_["sing"].trigger()
    qtbot.waitUntil(lambda: lyrics.panel.view.isVisible() and lyrics.ribbon.isVisible())
    found += gaps(window, qtbot, "Window with lyrics, sung along with")
    window.open_panel("training")
    found += gaps(window, qtbot, "Window with the training in front")
    window.dock("models").show()
    window.offers.offer("A question?", (("Yes", lambda: None), ("No", lambda: None)))
    found += gaps(window, qtbot, "Window with a song")
    for title, show in dialogs(desktop).items():
        show()
        qtbot.waitUntil(lambda: QApplication.activeWindow() not in (None, window))
        dialog = QApplication.activeWindow()
        assert dialog is not None
        found += gaps(dialog, qtbot, title)
        dialog.close()
        window.activateWindow()
        qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    assert not found, "\n".join(found)


def test_every_control_of_the_library_is_reached_by_tab(desktop: Desktop, qtbot: QtBot, tone: Path) -> None:
    assert desktop.rooms is not None
    assert desktop.home is not None
    room = desktop.rooms.library
    desktop.window.open_panel("library")
    qtbot.waitUntil(lambda: room.panel.empty.isVisible())
    found = gaps(desktop.window, qtbot, "Empty library")
    with Library(library_file(desktop.home)) as library:
        for number in (7, 14):
            put(library, number, tone.with_name(f"{number}.wav"))
            for stem in ("song", "drums"):
                figures = np.full(25, number, np.float32)
                analysis = AnalysisRecord(9, None, None, None, figures, {}, source=stem)
                library.put_analysis(library.song_ids(sort="added").tolist()[-1], analysis)
    room.panel.show_similar(1)
    room.panel.strip.show_news(ScanNews(ScanState.UNFINISHED, "music was not heard to its end", n_failed=1))
    qtbot.waitUntil(lambda: room.panel.similar.source.isVisible(), timeout=60_000)
    found += gaps(desktop.window, qtbot, "Library with songs")
    room.panel.strip.show_news(ScanNews(ScanState.RUNNING, "1 of 2", "song.wav", 0.5))
    found += gaps(desktop.window, qtbot, "Library while it is scanned")
    assert not found, "\n".join(found)


def test_every_action_is_explained(desktop: Desktop) -> None:
    for action in desktop.window.actions_.all():
        assert action.text(), action.objectName()
        assert action.toolTip(), action.text()


def test_no_key_means_two_things(desktop: Desktop) -> None:
    keys = [key.toString() for action in desktop.window.actions_.all() for key in action.shortcuts()]
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("ground", ["window", "panel", "raised"])
@pytest.mark.parametrize("text", ["text", "dim", "accent", "warning", "error", "good"])
def test_text_has_contrast(themed: QApplication, ground: str, text: str) -> None:
    assert contrast(getattr(tokens(), ground), getattr(tokens(), text)) >= 4.5
