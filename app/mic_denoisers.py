"""The denoisers there are: which are here, which is being fetched. GUI thread; files are handled in jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.jobs import Job, JobPool, Task
from engine.inference.cards import ModelCard
from engine.inference.model_store import ModelStore


@dataclass(frozen=True, slots=True)
class DenoiserRow:
    """One denoiser.

    Parameters
    ----------
    card : ModelCard
    present : bool
        Whether its files are here.
    """

    card: ModelCard
    present: bool


class MicDenoisers(QObject):
    """Rows of the denoiser chooser.

    Parameters
    ----------
    make_store : callable
        Gives a ModelStore; called on the job's thread.
    pool : JobPool
    parent : QObject or None

    Attributes
    ----------
    changed : Signal()
        Rows, or how far one is fetched.
    ready : Signal(str)
        A denoiser that was wanted is here.
    failed : Signal(str)
    """

    changed = Signal()
    ready = Signal(str)
    failed = Signal(str)

    def __init__(
        self, make_store: Callable[[], ModelStore], pool: JobPool, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._make_store = make_store
        self._pool = pool
        self._job: Job | None = None
        self.rows: tuple[DenoiserRow, ...] = ()
        self.fetching = ""
        self.part = 0.0

    def refresh(self) -> None:
        """Look at the store again."""
        job = self._pool.start(partial(_look, self._make_store))
        job.done.connect(self._take)
        job.failed.connect(self.failed)

    def row(self, name: str) -> DenoiserRow | None:
        """A denoiser by name."""
        return next((row for row in self.rows if row.card.name == name), None)

    def want(self, name: str) -> None:
        """Say `ready` when a denoiser is here, fetching it if it is not; "" for none."""
        self.cancel()
        row = self.row(name)
        if row is None or row.present:
            self.ready.emit(name)
            return
        self.fetching, self.part = name, 0.0
        job = self._job = self._pool.start(partial(_get, self._make_store, name))
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

    def _take(self, rows: tuple[DenoiserRow, ...]) -> None:
        self.rows = rows
        self.changed.emit()


def _look(make_store: Callable[[], ModelStore], _task: Task) -> tuple[DenoiserRow, ...]:
    store = make_store()
    cards = [card for card in store.cards.values() if card.task == "denoise"]
    return tuple(
        DenoiserRow(card, store.is_present(card.name))
        for card in sorted(cards, key=lambda card: card.size_bytes)
    )


def _get(make_store: Callable[[], ModelStore], name: str, task: Task) -> ModelCard:
    def progress(what: str, done: int, total: int | None) -> None:
        task.report(done / total if total else 0.0, what)

    return make_store().get(name, progress=progress)
