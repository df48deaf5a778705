"""Keyboard focus of painted controls: how it looks, and which keys it keeps from the window."""

from collections.abc import Collection
from typing import cast

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.theme import tokens

PRESSING_KEYS = frozenset((Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter))
"""What presses a button that has the focus."""


def claims_key(event: QEvent, keys: Collection[int]) -> bool:
    """Whether an event asks if a key should go to the focused widget before shortcuts, and it should.

    Arrows and space belong to the transport, by shortcuts of the window; whoever has walked to a
    control with Tab means that control.
    """
    if event.type() != QEvent.Type.ShortcutOverride:
        return False
    key = cast("QKeyEvent", event)
    others = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    return key.key() in keys and not key.modifiers() & others


def draw_focus(painter: QPainter, widget: QWidget, radius_px: float) -> None:
    """Ring around a widget that has the keyboard focus."""
    if widget.hasFocus():
        painter.setPen(QPen(tokens().accent, 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(widget.rect()).adjusted(1, 1, -1, -1), radius_px, radius_px)
