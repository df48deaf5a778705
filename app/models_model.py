"""The models that separate songs, as rows: which there are, which are here, what is being done with them.

GUI thread; the store's files are looked at, fetched, verified and removed in jobs. One piece of work a
model at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from app.jobs import Job, JobPool, Task
from app.queue_model import speed_text
from app.speeds import Measured, MeasuredSpeeds
from app.theme import lane_title
from engine.inference.cards import ModelCard
from engine.inference.model_store import ModelStore
from engine.services.song_job import JobState, SongJob

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class ModelRole(IntEnum):
    """What a row tells besides its title."""

    ROW = Qt.ItemDataRole.UserRole + 1
    NAME = ROW + 1
    DETAIL = ROW + 2
    CURRENT = ROW + 3


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model.

    Parameters
    ----------
    card : ModelCard
    present : bool
        Whether its files are here.
    measured : Measured or None
        Its speed on this machine.
    busy : str
        What is being done with it; empty while nothing is.
    part : float
        Finished part of that, 0 to 1.
    trouble : str
        Why the last piece of work failed, in one line.
    """

    card: ModelCard
    present: bool
    measured: Measured | None = None
    busy: str = ""
    part: float = 0.0
    trouble: str = ""


class ModelsModel(QAbstractListModel):
    """Rows of the models chooser.

    Parameters
    ----------
    make_store : callable
        Gives a ModelStore; called on the job's thread.
    pool : JobPool
    speeds : MeasuredSpeeds
    parent : QObject or None

    Attributes
    ----------
    notice : Signal(str)
        One line for the user about work that went well.
    failed : Signal(str)
        Why some work did not.
    fetched : Signal(str)
        Name of a model that is here now.
    """

    notice = Signal(str)
    failed = Signal(str)
    fetched = Signal(str)

    def __init__(
        self,
        make_store: Callable[[], ModelStore],
        pool: JobPool,
        speeds: MeasuredSpeeds,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._make_store = make_store
        self._pool = pool
        self._speeds = speeds
        self._rows: list[ModelRow] = []
        self._current = ""
        self._work: dict[str, Job] = {}
        self._heard: set[tuple[Path, str, float]] = set()

    # --- what Qt asks ------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Known models."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A model's short title, or one of `ModelRole`."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        current = row.card.name == self._current
        if role == Qt.ItemDataRole.AccessibleTextRole:
            words = [short_title(row.card), self._detail(row), self.tr("in use") if current else ""]
            return ", ".join(word for word in words if word)
        values: dict[int, Any] = {
            Qt.ItemDataRole.DisplayRole: short_title(row.card),
            Qt.ItemDataRole.ToolTipRole: row.card.title,
            ModelRole.ROW: row,
            ModelRole.NAME: row.card.name,
            ModelRole.DETAIL: self._detail(row),
            ModelRole.CURRENT: current,
        }
        return values.get(role)

    def _detail(self, row: ModelRow) -> str:
        if row.busy:
            return self.tr("{}, {} %").format(row.busy, int(100 * row.part))
        stems = self.tr("{} stems").format(len(row.card.stems))
        if not row.present:
            return "  ·  ".join((stems, self.tr("not fetched"), size_text(row.card.size_bytes)))
        speed = "" if row.measured is None else speed_text(row.measured.speed)
        return "  ·  ".join(word for word in (stems, speed, row.card.licence.name) if word)

    # --- what the window tells ---------------------------------------------------------------------

    @property
    def current(self) -> str:
        """Name of the model in use."""
        return self._current

    def row(self, name: str) -> ModelRow | None:
        """A model by name."""
        return next((row for row in self._rows if row.card.name == name), None)

    def index_of(self, name: str) -> QModelIndex:
        """Index of a model; not valid when there is none of that name."""
        for number, row in enumerate(self._rows):
            if row.card.name == name:
                return self.index(number)
        return QModelIndex()

    def set_current(self, name: str) -> None:
        """Mark the model in use."""
        before, self._current = self._current, name
        self._announce(before)
        self._announce(name)

    def note_jobs(self, model: str, jobs: Sequence[SongJob]) -> None:
        """Learn a model's speed from songs that are finished.

        Parameters
        ----------
        model : str
            That made them.
        jobs : sequence of SongJob
            The queue.
        """
        for job in jobs:
            if job.state is not JobState.READY or job.speed is None:
                continue
            # Each finished song speaks once: the newest one is what a model's speed is.
            heard = (job.path, model, job.speed)
            if heard not in self._heard:
                self._heard.add(heard)
                if self._speeds.note(model, job.provider, job.speed):
                    self._change(model, measured=self._speeds.get(model))

    def refresh(self) -> None:
        """Look at the store again."""
        job = self._pool.start(partial(_look, self._make_store))
        job.done.connect(self._take)
        job.failed.connect(self.failed)

    def get(self, name: str, *, accept_licence: bool = False) -> None:
        """Fetch a model."""
        work = partial(_get, self._make_store, name, accept_licence)
        done = partial(self._say_fetched, name)
        self._start(name, self.tr("fetching"), work, done)

    def verify(self, name: str) -> None:
        """Compare every byte of a model with its card."""
        work = partial(_verify, self._make_store, name)
        text = self.tr("{}: every byte is as its card says")
        self._start(name, self.tr("verifying"), work, lambda: self.notice.emit(text.format(name)))

    def remove(self, name: str) -> None:
        """Delete a model's files; not those of the model in use."""
        if name != self._current:
            work = partial(_remove, self._make_store, name)
            text = self.tr("{} was removed")
            self._start(name, self.tr("removing"), work, lambda: self.notice.emit(text.format(name)))

    def add_file(self, path: Path) -> None:
        """Take a user's own ONNX file into the store."""
        job = self._pool.start(partial(_add_file, self._make_store, path))
        job.done.connect(self._say_fetched)
        job.failed.connect(self.failed)
        job.ended.connect(self.refresh)

    def cancel(self, name: str) -> None:
        """Stop what is being done with a model; what was downloaded is kept for the next time."""
        if name in self._work:
            self._work[name].cancel()

    # --- work --------------------------------------------------------------------------------------

    def _start(self, name: str, busy: str, work: Callable[[Task], None], done: Callable[[], None]) -> None:
        if name in self._work or self.row(name) is None:
            return
        job = self._pool.start(work)
        self._work[name] = job
        self._change(name, busy=busy, part=0.0, trouble="")
        job.progressed.connect(partial(self._set_part, name))
        job.failed.connect(partial(self._say_failed, name))
        job.done.connect(partial(_call, done))
        job.ended.connect(partial(self._end, name))

    def _set_part(self, name: str, part: float, _what: str) -> None:
        self._change(name, part=part)

    def _end(self, name: str) -> None:
        del self._work[name]
        self._change(name, busy="", part=0.0)
        self.refresh()

    def _say_failed(self, name: str, text: str) -> None:
        self._change(name, trouble=text)
        self.failed.emit(text)

    def _say_fetched(self, name: str) -> None:
        self.notice.emit(self.tr("{} is here").format(name))
        self.fetched.emit(name)

    def _take(self, found: list[tuple[ModelCard, bool]]) -> None:
        before = {row.card.name: row for row in self._rows}
        rows: list[ModelRow] = []
        for card, present in found:
            old = before.get(card.name)
            measured = self._speeds.get(card.name)
            if old is None:
                rows.append(ModelRow(card, present, measured))
            else:
                rows.append(replace(old, card=card, present=present, measured=measured))
        if [row.card.name for row in rows] == [row.card.name for row in self._rows]:
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def _change(self, name: str, **values: Any) -> None:
        for number, row in enumerate(self._rows):
            if row.card.name == name:
                self._rows[number] = replace(row, **values)
                self._announce(name)

    def _announce(self, name: str) -> None:
        index = self.index_of(name)
        if index.isValid():
            self.dataChanged.emit(index, index)


def short_title(card: ModelCard) -> str:
    """A model's name without the list of its stems."""
    return card.title.partition(",")[0].partition(":")[0].strip() or card.name


def stem_titles(card: ModelCard) -> list[tuple[str, str]]:
    """Name and title of every stem, in the model's order."""
    return [(name, lane_title(name)) for name in card.stems]


def size_text(n_bytes: int) -> str:
    """A size to read: "39 MB", "1.2 GB"."""
    if n_bytes >= 10**9:
        return f"{n_bytes / 1e9:.1f} GB"
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 10**7 else f"{n_bytes / 1e6:.1f} MB"


def _call(done: Callable[[], None], _result: object) -> None:
    done()


def _look(make_store: Callable[[], ModelStore], _task: Task) -> list[tuple[ModelCard, bool]]:
    store = make_store()
    return [(card, store.is_present(name)) for name, card in store.cards.items() if card.task == "separate"]


def _reporter(task: Task) -> Callable[[str, int, int | None], None]:
    return lambda what, done, total: task.report(done / total if total else 0.0, what)


def _get(make_store: Callable[[], ModelStore], name: str, accept_licence: bool, task: Task) -> None:
    make_store().get(name, accept_licence=accept_licence, progress=_reporter(task))


def _verify(make_store: Callable[[], ModelStore], name: str, task: Task) -> None:
    make_store().verify(name, _reporter(task))


def _remove(make_store: Callable[[], ModelStore], name: str, _task: Task) -> None:
    make_store().remove(name)


def _add_file(make_store: Callable[[], ModelStore], path: Path, task: Task) -> str:
    return make_store().add_file(path, progress=_reporter(task)).name
