"""The menu of the waveforms: what mouse and keys do, for whoever looks for it.

GUI thread only.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtWidgets import QMenu

from app.loop_state import LoopState

if TYPE_CHECKING:
    from app.panels.wave_view import WaveView


def open_menu(waves: "WaveView", loop: LoopState, at: QPoint, time_s: float) -> QMenu:
    """Offer what can be done at a time of the song.

    Parameters
    ----------
    waves : WaveView
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
    menu = QMenu(waves)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.addAction(_tr("Play from here"), lambda: waves.seek(time_s))
    menu.addSeparator()
    menu.addAction(_tr("Start loop here"), lambda: waves.loop_from(time_s))
    menu.addAction(_tr("End loop here"), lambda: waves.loop_to(time_s))
    if loop.span_s is not None:
        start_s, stop_s = loop.span_s
        menu.addAction(_tr("Loop off") if loop.enabled else _tr("Loop on"), waves.toggle_loop)
        menu.addAction(_tr("Remove loop"), waves.clear_loop)
        menu.addSeparator()
        menu.addAction(_tr("Zoom to loop"), lambda: waves.show_span(start_s, stop_s))
    menu.addSeparator()
    menu.addAction(_tr("Zoom in"), waves.zoom_in)
    menu.addAction(_tr("Zoom out"), waves.zoom_out)
    whole = menu.addAction(_tr("Show whole song"), waves.fit)
    whole.setEnabled(not waves.view.is_fit)
    menu.popup(at)
    return menu


def _tr(text: str) -> str:
    return QCoreApplication.translate("WaveMenu", text)
