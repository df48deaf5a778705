"""The presets of the mic as the window lists them; files are read and written in jobs. GUI thread."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import QObject, Signal

from app.jobs import JobPool, Task
from engine.realtime.effects.plan import EffectSetting
from engine.services.vocal_preset import PresetListing, PresetShelf, VocalPreset

NEW_CHAIN: Final = "clean-voice"
"""What a mic begins with."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The shelf at one moment.

    Parameters
    ----------
    listing : PresetListing
    users : frozenset of str
        Names of the user's own.
    """

    listing: PresetListing
    users: frozenset[str]


class MicPresets(QObject):
    """What there is on the shelf.

    Parameters
    ----------
    shelf : PresetShelf
    pool : JobPool
    parent : QObject or None

    Attributes
    ----------
    changed : Signal()
    saved : Signal(VocalPreset)
    removed : Signal(str)
        Title of what is gone.
    failed : Signal(str)
    """

    changed = Signal()
    saved = Signal(object)
    removed = Signal(str)
    failed = Signal(str)

    def __init__(self, shelf: PresetShelf, pool: JobPool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shelf = shelf
        self._pool = pool
        self._told: set[str] = set()
        self.presets: tuple[VocalPreset, ...] = ()
        self._users: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Look at the folders again."""
        job = self._pool.start(partial(_look, self._shelf))
        job.done.connect(self._take)
        job.failed.connect(self.failed)

    def _take(self, listed: object) -> None:
        if not isinstance(listed, Listed):
            return
        self.presets, self._users = listed.listing.presets, listed.users
        for problem in listed.listing.problems:
            # A file that is broken is said once, not at every look.
            if problem not in self._told:
                self._told.add(problem)
                self.failed.emit(problem)
        self.changed.emit()

    def find(self, name: str) -> VocalPreset | None:
        """A preset by name."""
        return next((preset for preset in self.presets if preset.name == name), None)

    def is_users(self, name: str) -> bool:
        """Whether a preset is the user's own."""
        return name in self._users

    def save(self, title: str, slots: tuple[EffectSetting, ...]) -> None:
        """Keep a chain under a title; a preset of the user's with this title is replaced."""
        title = " ".join(title.split())
        name = "-".join(title.casefold().split())
        old = self.find(name)
        preset = VocalPreset(name, title, old.description if old and self.is_users(name) else "", slots)
        job = self._pool.start(lambda _task: self._shelf.save(preset))
        job.done.connect(lambda _path: self.saved.emit(preset))  # pyright: ignore
        job.failed.connect(self.failed)
        job.ended.connect(self.refresh)

    def remove(self, name: str) -> None:
        """Delete a preset of the user."""
        preset = self.find(name)
        job = self._pool.start(lambda _task: self._shelf.remove(name))
        job.done.connect(lambda _: self.removed.emit(name if preset is None else preset.title))  # pyright: ignore
        job.failed.connect(self.failed)
        job.ended.connect(self.refresh)


def _look(shelf: PresetShelf, _task: Task) -> Listed:
    listing = shelf.list_presets()
    return Listed(
        listing, frozenset(preset.name for preset in listing.presets if shelf.is_users(preset.name))
    )
