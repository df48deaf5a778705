"""The menu over a song's time: what mouse and keys do, for whoever looks for it.

GUI thread only.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtWidgets import QMenu

from app.loop_state import LoopState

if TYPE_CHECKING:
    from app.panels.time_canvas import TimeCanvas


def open_menu(canvas: "TimeCanvas", loop: LoopState, at: QPoint, time_s: float) -> QMenu:
    """Offer what can be done at a time of the song.

    Parameters
    ----------
    canvas : TimeCanvas
    loop : LoopState
    at : QPoint
        Place on the screen.
    time_s : float
        Under the pointer.

    Returns
    -------
    QMenu
        Open; it goes when it is closed.
    """
    menu = QMenu(canvas)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.addAction(_tr("Play from here"), lambda: canvas.seek(time_s))
    menu.addSeparator()
    menu.addAction(_tr("Start loop here"), lambda: canvas.loop_from(time_s))
    menu.addAction(_tr("End loop here"), lambda: canvas.loop_to(time_s))
    if loop.span_s is not None:
        start_s, stop_s = loop.span_s
        menu.addAction(_tr("Loop off") if loop.enabled else _tr("Loop on"), canvas.toggle_loop)
        menu.addAction(_tr("Remove loop"), canvas.clear_loop)
        menu.addSeparator()
        menu.addAction(_tr("Zoom to loop"), lambda: canvas.show_span(start_s, stop_s))
        menu.addActions(canvas.actions())  # what the window can do with a loop
    menu.addSeparator()
    menu.addAction(_tr("Zoom in"), canvas.zoom_in)
    menu.addAction(_tr("Zoom out"), canvas.zoom_out)
    whole = menu.addAction(_tr("Show whole song"), canvas.fit)
    whole.setEnabled(not canvas.view.is_fit)
    menu.popup(at)
    return menu


def _tr(text: str) -> str:
    return QCoreApplication.translate("WaveMenu", text)
