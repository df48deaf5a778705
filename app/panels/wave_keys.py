"""What keys do when a view of a song's time has the focus.

GUI thread only.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

if TYPE_CHECKING:
    from app.panels.time_canvas import TimeCanvas

SEEK_STEP_S, SEEK_FINE_S = 5.0, 1.0


def act_on_key(canvas: "TimeCanvas", event: QKeyEvent) -> bool:
    """Do what a key asks for.

    Returns
    -------
    bool
        False when it is none of its keys.
    """
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    fine = modifiers == Qt.KeyboardModifier.ShiftModifier
    if modifiers & ~Qt.KeyboardModifier.ShiftModifier:
        return False
    step_s = SEEK_FINE_S if fine else SEEK_STEP_S
    keys: dict[int, Callable[[], None]] = {
        Qt.Key.Key_Left: lambda: canvas.seek(canvas.position_s - step_s),
        Qt.Key.Key_Right: lambda: canvas.seek(canvas.position_s + step_s),
        Qt.Key.Key_Home: lambda: canvas.seek(0.0),
        Qt.Key.Key_End: lambda: canvas.seek(canvas.view.duration_s),
        Qt.Key.Key_Plus: canvas.zoom_in,
        Qt.Key.Key_Equal: canvas.zoom_in,
        Qt.Key.Key_Minus: canvas.zoom_out,
        Qt.Key.Key_0: canvas.fit,
        Qt.Key.Key_I: canvas.loop_from_here,
        Qt.Key.Key_BracketLeft: canvas.loop_from_here,
        Qt.Key.Key_O: canvas.loop_to_here,
        Qt.Key.Key_BracketRight: canvas.loop_to_here,
        Qt.Key.Key_Delete: canvas.clear_loop,
    }
    action = keys.get(event.key())
    if action is not None:
        action()
    return action is not None
