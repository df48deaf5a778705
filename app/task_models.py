"""The models that do one task: which are here, which is fetched. GUI thread; files are handled in jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.jobs import Job, JobPool, Task
from engine.inference.cards import ModelCard
from engine.inference.cards import Task as ModelTask
from engine.inference.model_store import ModelStore


@dataclass(frozen=True, slots=True)
class TaskModel:
    """One model.

    Parameters
    ----------
    card : ModelCard
    present : bool
        Whether its files are here.
    """

    card: ModelCard
    present: bool


class TaskModels(QObject):
    """Rows of a chooser of models, the smallest first.

    Parameters
    ----------
    make_store : callable
        Gives a ModelStore; called on the job's thread.
    pool : JobPool
    task : Task of a model card
        What the models do: "denoise", "transcribe".
    parent : QObject or None

    Attributes
    ----------
    changed : Signal()
        Rows, or how far one is fetched.
    ready : Signal(str)
        A model that was wanted is here.
    failed : Signal(str)
    """

    changed = Signal()
    ready = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        make_store: Callable[[], ModelStore],
        pool: JobPool,
        task: ModelTask,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._make_store = make_store
        self._pool = pool
        self._task: ModelTask = task
        self._job: Job | None = None
        self.rows: tuple[TaskModel, ...] = ()
        self.fetching = ""
        self.part = 0.0

    def refresh(self) -> None:
        """Look at the store again."""
        job = self._pool.start(partial(_look, self._make_store, self._task))
        job.done.connect(self._take)
        job.failed.connect(self.failed)

    def row(self, name: str) -> TaskModel | None:
        """A model by name."""
        return next((row for row in self.rows if row.card.name == name), None)

    def want(self, name: str, *, accept_licence: bool = False) -> None:
        """Say `ready` when a model is here, fetching it if it is not; "" for none.

        Parameters
        ----------
        name : str
        accept_licence : bool
            The user has read its licence and accepts it, where it asks for that.
        """
        self.cancel()
        row = self.row(name)
        if row is None or row.present:
            self.ready.emit(name)
            return
        self.fetching, self.part = name, 0.0
        job = self._job = self._pool.start(partial(_get, self._make_store, name, accept_licence))
        job.progressed.connect(partial(self._progress, job))
        job.done.connect(partial(self._done, job, name))
        job.failed.connect(partial(self._stop, job))
        job.cancelled.connect(partial(self._stop, job, ""))
        job.ended.connect(self.refresh)
        self.changed.emit()

    def cancel(self) -> None:
        """Stop fetching; what is here already is kept for the next time."""
        if self._job is not None:
            self._job.cancel()
            self._stop(self._job, "")

    def _progress(self, job: Job, part: float, _what: str) -> None:
        if job is self._job:
            self.part = part
            self.changed.emit()

    def _done(self, job: Job, name: str, _card: object) -> None:
        if job is self._job:
            self._stop(job, "")
            self.ready.emit(name)

    def _stop(self, job: Job, line: str) -> None:
        if job is not self._job:
            return
        self._job, self.fetching = None, ""
        self.changed.emit()
        if line:
            self.failed.emit(line)

    def _take(self, rows: tuple[TaskModel, ...]) -> None:
        self.rows = rows
        self.changed.emit()


def _look(make_store: Callable[[], ModelStore], wanted: ModelTask, _task: Task) -> tuple[TaskModel, ...]:
    store = make_store()
    cards = [card for card in store.cards.values() if card.task == wanted]
    return tuple(
        TaskModel(card, store.is_present(card.name))
        for card in sorted(cards, key=lambda card: card.size_bytes)
    )


def _get(make_store: Callable[[], ModelStore], name: str, accept_licence: bool, task: Task) -> ModelCard:
    def progress(what: str, done: int, total: int | None) -> None:
        task.report(done / total if total else 0.0, what)

    return make_store().get(name, accept_licence=accept_licence, progress=progress)
