"""Loaded models, kept for the next request, within a budget of memory.

Any thread. Requests are served in the order they came, each alone with its model; models that nobody
uses leave, the one used longest ago first, before another is loaded. So memory never passes the budget,
whoever asks for what, and a model that could never fit is refused before anything is loaded.
"""

import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from engine.errors import ModelError
from engine.inference.model_store import ModelStore
from engine.inference.whisper import Whisper, WhisperPlan, needed_bytes

LEAST_BUDGET_BYTES = 500_000_000
"""Base in float32 fits: 290 MB of weights and what the libraries need."""


def default_budget_bytes() -> int:
    """Half of this machine's memory: the song, the stems and everybody else's programs need the rest."""
    return max(LEAST_BUDGET_BYTES, int(psutil.virtual_memory().total) // 2)


@dataclass(slots=True)
class _Entry:
    model: Whisper | None
    n_bytes: int
    in_use: bool
    used_at: int


class WhisperCache:
    """Models by name and plan.

    Parameters
    ----------
    models : ModelStore
        Where their files are.
    budget_bytes : int or None, > 0
        Memory for all loaded models together; None is half of the machine's.
    threads : int
        Of a model on the CPU; 0 is one a core.

    Attributes
    ----------
    loads : int
        Models loaded so far.
    highest_bytes : int
        The most that was reserved at once.
    """

    def __init__(self, models: ModelStore, budget_bytes: int | None = None, threads: int = 0) -> None:
        self.budget_bytes = default_budget_bytes() if budget_bytes is None else budget_bytes
        self.loads = 0
        self.highest_bytes = 0
        self._models = models
        self._threads = threads
        self._entries: dict[tuple[str, WhisperPlan], _Entry] = {}
        self._line: deque[object] = deque()
        self._changed = threading.Condition()
        self._clock = 0

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the models in memory, the one used longest ago first."""
        with self._changed:
            entries = sorted(self._entries.items(), key=lambda item: item[1].used_at)
            return tuple(name for (name, _plan), entry in entries if entry.model is not None)

    @property
    def used_bytes(self) -> int:
        """What is reserved for the models in memory."""
        with self._changed:
            return self._reserved()

    @contextmanager
    def use(self, name: str, plan: WhisperPlan) -> Generator[Whisper]:
        """A model for as long as the block runs; waits its turn.

        Parameters
        ----------
        name : str
            Of the card.
        plan : WhisperPlan
            Where and how precisely it runs.

        Yields
        ------
        Whisper
            Nobody else has it meanwhile.

        Raises
        ------
        ModelMissing
            It is not on this machine.
        ModelError
            It would not fit in the budget, or cannot be loaded.
        """
        card = self._models.card(name)
        files = self._models.files(name, "transcribe")
        n_bytes = needed_bytes(card, plan)
        if n_bytes > self.budget_bytes:
            raise ModelError(
                f"{card.title.partition(':')[0]} in {plan.precision} needs {n_bytes / 1e6:.0f} MB of memory, "
                f"{self.budget_bytes / 1e6:.0f} MB are allowed: choose a smaller model or a coarser precision"
            )
        key = (name, plan)
        entry = self._take(key, n_bytes)
        try:
            if entry.model is None:
                entry.model = Whisper(card, files, plan, self._threads)
                with self._changed:
                    self.loads += 1
            yield entry.model
        finally:
            self._give(key, entry)

    def clear(self) -> None:
        """Let go of every model that nobody uses."""
        with self._changed:
            for key in [key for key, entry in self._entries.items() if not entry.in_use]:
                self._drop(key)
            self._changed.notify_all()

    def _take(self, key: tuple[str, WhisperPlan], n_bytes: int) -> _Entry:
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            try:
                self._changed.wait_for(lambda: self._line[0] is ticket and self._make_room(key, n_bytes))
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()
            entry = self._entries.setdefault(key, _Entry(None, n_bytes, in_use=True, used_at=0))
            entry.in_use = True
            self._clock += 1
            entry.used_at = self._clock
            self.highest_bytes = max(self.highest_bytes, self._reserved())
            return entry

    def _give(self, key: tuple[str, WhisperPlan], entry: _Entry) -> None:
        with self._changed:
            entry.in_use = False
            if entry.model is None:  # it could not be loaded
                self._entries.pop(key, None)
            self._changed.notify_all()

    def _make_room(self, key: tuple[str, WhisperPlan], n_bytes: int) -> bool:
        """Whether the model is free, or there is room for it once idle ones have left."""
        entry = self._entries.get(key)
        if entry is not None:
            return not entry.in_use
        busy_bytes = sum(other.n_bytes for other in self._entries.values() if other.in_use)
        if busy_bytes + n_bytes > self.budget_bytes:
            return False
        while self._reserved() + n_bytes > self.budget_bytes:
            idle = {k: e for k, e in self._entries.items() if not e.in_use}
            self._drop(min(idle, key=lambda k: idle[k].used_at))
        return True

    def _drop(self, key: tuple[str, WhisperPlan]) -> None:
        entry = self._entries.pop(key)
        if entry.model is not None:
            entry.model.close()

    def _reserved(self) -> int:
        return sum(entry.n_bytes for entry in self._entries.values())
