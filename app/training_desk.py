"""Training among the rest of the window: model, panel, what is remembered.

GUI thread; built with the rooms.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.jobs import JobPool
from app.panels.training import TrainingPanel
from app.training_model import TrainingModel
from engine.io.home import Home
from engine.services.control_shelf import ControlShelf
from engine.services.training_run import TrainingRun

if TYPE_CHECKING:
    from app.desktop import Desktop


class TrainingDesk(QObject):
    """Connects them.

    Parameters
    ----------
    desktop : Desktop
    home : Home
        Where trainings and networks are.
    run : TrainingRun or None
        None trains the control network.

    Attributes
    ----------
    model : TrainingModel
        `model.network_chosen` says what the visuals are to use.
    panel : TrainingPanel
    """

    def __init__(self, desktop: "Desktop", home: Home, run: TrainingRun | None = None) -> None:
        super().__init__(desktop)
        self._desktop = desktop
        shelf = ControlShelf(home)
        run = run or TrainingRun(home.root / "training", shelf.keep_trained)
        # Of its own: a start looks through a folder of music, which must not wait for an analysis.
        self._pool = JobPool(self, n_threads=1)
        self.model = TrainingModel(run, shelf, self._pool, self)
        self.panel = TrainingPanel(self.model)
        last = desktop.settings.current.training
        self.panel.set_order(last.folder, last.epochs, last.device)
        self.panel.order_changed.connect(self._remember)
        desktop.window.dock("training").setWidget(self.panel)
        self.model.refresh()

    def _remember(self, folder: str, epochs: int, device: str) -> None:
        self._desktop.settings.change("training", folder=folder, epochs=epochs, device=device)

    def close(self) -> None:
        """End a training that runs: nobody would see it any more."""
        self.model.close()
        self._pool.close()
