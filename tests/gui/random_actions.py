"""Two hundred random things a user may do to the window, by mouse and keys; the same for the same seed."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.desktop import Desktop
from app.panels.mixer import LaneHead
from tests.gui.test_main_path import drop

KEYS = (
    *("Space", "L", "M", "S", "1", "2", "3", "Left", "Right", "Up", "Down", "Home", "End"),
    *("Plus", "Minus", "0", "PageUp", "PageDown", "Escape", "Return", "Tab"),
)
ACTIONS = (
    *("play", "to_start", "loop", "mute", "solo", "solo_only", "undo", "redo", "reset_mixer", "clear_loop"),
    *("mute_1", "solo_2", "lane_1", "lane_2", "full_screen", "keys", "about", "export", "settings", "save"),
)


class RandomUser:
    """Somebody at the window.

    Parameters
    ----------
    desktop : Desktop
    songs : list of Path
        What there is to drop; broken ones among them.
    seed : int
    """

    def __init__(self, desktop: Desktop, songs: list[Path], seed: int) -> None:
        self._desktop = desktop
        self._songs = songs
        self._random = Random(seed)
        self.done: list[str] = []

    def act(self) -> None:
        """Do one thing."""
        doings: tuple[tuple[int, Callable[[], str]], ...] = (
            (6, self._press_key),
            (5, self._trigger),
            (4, self._click_waves),
            (3, self._drag_waves),
            (3, self._wheel),
            (4, self._click_head),
            (3, self._drag_fader),
            (2, self._close_dialog),
            (1, self._drop),
            (1, self._resize),
            (1, self._queue),
            (1, self._toggle_dock),
        )
        weights = [weight for weight, _ in doings]
        (_, doing), *_ = self._random.choices(doings, weights)
        self.done.append(doing())

    def _point(self, widget: QWidget) -> QPoint:
        return QPoint(
            self._random.randrange(max(1, widget.width())), self._random.randrange(max(1, widget.height()))
        )

    def _press_key(self) -> str:
        name = self._random.choice(KEYS)
        target = QApplication.focusWidget() or self._desktop.window
        shift = (
            Qt.KeyboardModifier.ShiftModifier
            if self._random.random() < 0.2
            else Qt.KeyboardModifier.NoModifier
        )
        QTest.keyClick(target, getattr(Qt.Key, f"Key_{name}"), shift)
        return f"key {name} to {type(target).__name__}"

    def _trigger(self) -> str:
        name = self._random.choice(ACTIONS)
        self._desktop.window.actions_[name].trigger()
        return f"action {name}"

    def _waves(self) -> QWidget:
        assert self._desktop.rooms is not None
        return self._desktop.rooms.lanes.waves

    def _click_waves(self) -> str:
        point = self._point(self._waves())
        QTest.mouseClick(self._waves(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)
        return f"click waves at {point.x()}"

    def _drag(self, widget: QWidget) -> str:
        a, b = self._point(widget), self._point(widget)
        QTest.mousePress(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, a)
        for step in range(1, 6):
            QTest.mouseMove(widget, a + (b - a) * step / 5)
        QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, b)
        return f"drag {type(widget).__name__} from {a.x()} to {b.x()}"

    def _drag_waves(self) -> str:
        return self._drag(self._waves())

    def _wheel(self) -> str:
        waves = self._waves()
        at, steps = QPointF(self._point(waves)), self._random.choice((-2, -1, 1, 2))
        keys = self._random.choice((Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier))
        event = QWheelEvent(
            at, waves.mapToGlobal(at), QPoint(), QPoint(0, 120 * steps), Qt.MouseButton.NoButton, keys,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(waves, event)
        return f"wheel {steps}"

    def _head(self) -> LaneHead | None:
        heads = [head for head in self._desktop.window.findChildren(LaneHead) if head.isVisible()]
        return self._random.choice(heads) if heads else None

    def _click_head(self) -> str:
        head = self._head()
        if head is None:
            return "no head"
        button = self._random.choice((head.mute, head.solo))
        keys = self._random.choice((Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier))
        QTest.mouseClick(button, Qt.MouseButton.LeftButton, keys)
        return f"click {button.accessibleName()}"

    def _drag_fader(self) -> str:
        head = self._head()
        return "no head" if head is None else self._drag(self._random.choice((head.fader, head.pan)))

    def _close_dialog(self) -> str:
        for widget in QApplication.topLevelWidgets():
            if widget.isVisible() and widget is not self._desktop.window:
                widget.close()
                return f"close {type(widget).__name__}"
        return "nothing to close"

    def _drop(self) -> str:
        song = self._random.choice(self._songs)
        drop(self._desktop, song)
        return f"drop {song.name}"

    def _resize(self) -> str:
        self._desktop.window.resize(self._random.randrange(960, 1600), self._random.randrange(600, 1000))
        return "resize"

    def _queue(self) -> str:
        jobs = self._desktop.bridge.waiting_songs()
        if not jobs:
            return "no queue"
        song = self._random.choice(jobs)
        name = self._random.choice(("cancel", "retry", "remove", "play_song"))
        getattr(self._desktop.bridge, name)(song)
        return f"{name} {song.name}"

    def _toggle_dock(self) -> str:
        dock = self._desktop.window.dock(self._random.choice(("queue", "models")))
        dock.toggleViewAction().trigger()
        return f"toggle {dock.objectName()}"
