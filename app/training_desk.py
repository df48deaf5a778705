"""Training among the rest of the window: model, panel, what is remembered.

GUI thread; built with the rooms.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.jobs import JobPool
from app.training_model import TrainingModel
from engine.io.home import Home
from engine.services.control_shelf import ControlShelf
from engine.services.training_run import TrainingRun

if TYPE_CHECKING:
    from app.desktop import Desktop
    from app.panels.training import TrainingPanel


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
    panel : TrainingPanel or None
        None until somebody looks at it.
    """

    def __init__(self, desktop: "Desktop", home: Home, run: TrainingRun | None = None) -> None:
        super().__init__(desktop)
        self._desktop = desktop
        shelf = ControlShelf(home)
        run = run or TrainingRun(home.root / "training", shelf.keep_trained)
        # Of its own: a start looks through a folder of music, which must not wait for an analysis.
        self._pool = JobPool(self, n_threads=1)
        self.model = TrainingModel(run, shelf, self._pool, self)
        self.panel: TrainingPanel | None = None
        self._dock = desktop.window.dock("training")
        self._dock.visibilityChanged.connect(self._seen)
        if self._dock.isVisible():
            self._seen(True)
        self.model.refresh()

    def _seen(self, visible: bool) -> None:
        if not visible or self.panel is not None:
            return
        # What draws its curves takes a fifth of a second to import, which a start must not wait for.
        from app.panels.training import TrainingPanel

        self.panel = panel = TrainingPanel(self.model)
        last = self._desktop.settings.current.training
        panel.set_order(last.folder, last.epochs, last.device)
        panel.order_changed.connect(self._remember)
        self._dock.setWidget(panel)
        self._desktop.window.order_tabs()

    def _remember(self, folder: str, epochs: int, device: str) -> None:
        self._desktop.settings.change("training", folder=folder, epochs=epochs, device=device)

    def close(self) -> None:
        """End a training that runs: nobody would see it any more."""
        self.model.close()
        self._pool.close()
