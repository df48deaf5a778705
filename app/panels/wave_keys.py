"""What keys do when the waveforms have the focus.

GUI thread only.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

if TYPE_CHECKING:
    from app.panels.wave_view import WaveView

SEEK_STEP_S, SEEK_FINE_S = 5.0, 1.0


def act_on_key(waves: "WaveView", event: QKeyEvent) -> bool:
    """Do what a key asks for.

    Returns
    -------
    bool
        False when it is none of the waveforms' keys.
    """
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    fine = modifiers == Qt.KeyboardModifier.ShiftModifier
    if modifiers & ~Qt.KeyboardModifier.ShiftModifier:
        return False
    step_s = SEEK_FINE_S if fine else SEEK_STEP_S
    keys: dict[int, Callable[[], None]] = {
        Qt.Key.Key_Left: lambda: waves.seek(waves.position_s - step_s),
        Qt.Key.Key_Right: lambda: waves.seek(waves.position_s + step_s),
        Qt.Key.Key_Home: lambda: waves.seek(0.0),
        Qt.Key.Key_End: lambda: waves.seek(waves.view.duration_s),
        Qt.Key.Key_Plus: waves.zoom_in,
        Qt.Key.Key_Equal: waves.zoom_in,
        Qt.Key.Key_Minus: waves.zoom_out,
        Qt.Key.Key_0: waves.fit,
        Qt.Key.Key_I: waves.loop_from_here,
        Qt.Key.Key_BracketLeft: waves.loop_from_here,
        Qt.Key.Key_O: waves.loop_to_here,
        Qt.Key.Key_BracketRight: waves.loop_to_here,
        Qt.Key.Key_Delete: waves.clear_loop,
    }
    action = keys.get(event.key())
    if action is not None:
        action()
    return action is not None
