"""Training and the control networks for the window: what the panel shows and asks for.

GUI thread. Whatever looks at a disk or starts a process runs on the job pool; the status of a training is
one reference, which a timer compares ten times a second while one runs.
"""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs import JobPool
from engine.services.control_shelf import ControlNetwork, ControlShelf
from engine.services.training_report import TrainingStatus
from engine.services.training_run import TrainingOrder, TrainingRun, training_trouble

LOOK_MS = 100
CHOICE_LOOK_MS = 2000
"""A server that runs beside the window may be given another network."""
ACTIVE = ("running", "stopping")


class TrainingModel(QObject):
    """One training, and the networks there are.

    Parameters
    ----------
    run : TrainingRun
    shelf : ControlShelf
    pool : JobPool
    parent : QObject or None

    Attributes
    ----------
    status_changed : Signal(TrainingStatus)
    networks_changed : Signal()
        See `networks` and `chosen`.
    network_chosen : Signal(object)
        Path of the network the visuals are to use, or None for the rules; also once at the beginning.
    looked : Signal()
        See `trouble` and `can_resume`.
    failed : Signal(str)
        Why something could not be done, in one line.
    """

    status_changed = Signal(object)
    networks_changed = Signal()
    network_chosen = Signal(object)
    looked = Signal()
    failed = Signal(str)

    def __init__(
        self, run: TrainingRun, shelf: ControlShelf, pool: JobPool, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._run = run
        self._shelf = shelf
        self._pool = pool
        self._told_chosen: tuple[str, str] | None = None
        self._stamp_ns = -1
        self.status = run.status()
        self.networks: list[ControlNetwork] = []
        self.chosen: ControlNetwork | None = None
        self.trouble: str | None = None
        self.can_resume = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self._choice_timer = QTimer(self)
        self._choice_timer.timeout.connect(self._look_at_choice)
        self._choice_timer.start(CHOICE_LOOK_MS)

    def refresh(self) -> None:
        """Look what is there: networks, packages, an interrupted training."""
        self._do(lambda: (self._shelf.networks(), self._shelf.chosen()), self._show_networks)
        self._do(lambda: (training_trouble(), self._run.can_resume()), self._show_abilities)

    def start(self, order: TrainingOrder) -> None:
        """Begin a training; `failed` says why not."""
        self._do(lambda: self._run.start(order), self._show_status)

    def stop(self) -> None:
        """End the training with a checkpoint."""
        self._show_status(self._run.stop())

    def choose(self, name: str) -> None:
        """Let the visuals follow another network, or the rules."""
        self._do(lambda: self._shelf.choose(name), self._refresh_after)

    def add_file(self, path: Path) -> None:
        """Take a network in, and use it."""

        def take_in() -> ControlNetwork:
            return self._shelf.choose(self._shelf.add_file(path, path.stem).name)

        self._do(take_in, self._refresh_after)

    def close(self) -> None:
        """End the training, if one runs; waits for its process, at most some seconds."""
        self._timer.stop()
        self._choice_timer.stop()
        self._run.close()

    def _do(self, work: Callable[[], object], then: Callable[[object], None]) -> None:
        job = self._pool.start(lambda _task: work())
        job.done.connect(then)
        job.failed.connect(self.failed)

    def _look(self) -> None:
        self._show_status(self._run.status())

    def _show_status(self, status: object) -> None:
        if not isinstance(status, TrainingStatus) or status is self.status:
            return
        was, self.status = self.status, status
        if status.status in ACTIVE:
            self._timer.start(LOOK_MS)
        elif was.status in ACTIVE:
            self._timer.stop()
            self.refresh()
        self.status_changed.emit(status)

    def _refresh_after(self, _network: object) -> None:
        self.refresh()

    def _show_networks(self, found: object) -> None:
        if isinstance(found, tuple):
            self.networks, chosen = found
            self.chosen = chosen
            self._stamp_ns = self._shelf.choice_stamp_ns()
            self.networks_changed.emit()
            told = (chosen.name, chosen.sha256)
            if told != self._told_chosen:
                self._told_chosen = told
                self.network_chosen.emit(chosen.path)

    def _show_abilities(self, found: object) -> None:
        if isinstance(found, tuple):
            self.trouble, self.can_resume = found
            self.looked.emit()

    def _look_at_choice(self) -> None:
        if self._stamp_ns not in {-1, self._shelf.choice_stamp_ns()}:
            self.refresh()
