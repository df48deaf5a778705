"""Which takes are lanes of the song that is open, in order; the window's truth about it.

GUI thread only. A take's name is what mixer and session know it by and never changes; its title is the
user's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.edits import Edits
from engine.services.take import Kind


@dataclass(frozen=True, slots=True)
class TakeEntry:
    """One take among the lanes.

    Parameters
    ----------
    name : str
        "take-1", "take-2", ...
    title : str
    log : Path
        Its ``.take`` file.
    kind : {"dry", "wet"}
        Which of its recordings is heard.
    """

    name: str
    title: str
    log: Path
    kind: Kind

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a session file."""
        return {"name": self.name, "title": self.title, "log": str(self.log.absolute()), "kind": self.kind}


class TakeState(QObject):
    """The takes of the open song.

    Parameters
    ----------
    edits : Edits
        On whose stack the steps go.
    parent : QObject or None

    Attributes
    ----------
    changed : Signal()
    """

    changed = Signal()

    def __init__(self, edits: Edits, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._edits = edits
        self._entries: tuple[TakeEntry, ...] = ()
        self._highest = 0

    @property
    def entries(self) -> tuple[TakeEntry, ...]:
        """All of them, in the order of the lanes."""
        return self._entries

    def entry(self, name: str) -> TakeEntry | None:
        """The take of this name."""
        return next((entry for entry in self._entries if entry.name == name), None)

    def titles(self) -> Mapping[str, str]:
        """What the user calls each."""
        return {entry.name: entry.title for entry in self._entries}

    def set_entries(self, entries: tuple[TakeEntry, ...]) -> None:
        """Put these in force; no step of undo."""
        if entries != self._entries:
            self._entries = entries
            self._highest = max(self._highest, *(0, *map(_number, entries)))
            self.changed.emit()

    def clear(self) -> None:
        """Another song: no takes, counted from 1 again."""
        self.set_entries(())
        self._highest = 0

    def add(self, log: Path, kind: Kind) -> TakeEntry:
        """A take was made: a lane behind the others."""
        # Never a number that was used before: the mixer knows a take that was removed by its name.
        number = 1 + self._highest
        entry = TakeEntry(f"take-{number}", _tr("Take {}").format(number), log, kind)
        self._push(_tr("Add {}").format(entry.title), (*self._entries, entry))
        return entry

    def rename(self, name: str, title: str) -> None:
        """Call a take something else; an empty title leaves it."""
        entry = self.entry(name)
        if entry is not None and title.strip() and title.strip() != entry.title:
            renamed = replace(entry, title=title.strip())
            self._push(
                _tr("Rename {}").format(entry.title),
                tuple(renamed if one is entry else one for one in self._entries),
            )

    def remove(self, name: str) -> None:
        """Take it out of the lanes; its recording stays."""
        entry = self.entry(name)
        if entry is not None:
            rest = tuple(one for one in self._entries if one is not entry)
            self._push(_tr("Remove {}").format(entry.title), rest)

    def forget(self, name: str) -> None:
        """Take out what cannot be heard or is no more; no step of undo."""
        self.set_entries(tuple(entry for entry in self._entries if entry.name != name))

    def _push(self, words: str, entries: tuple[TakeEntry, ...]) -> None:
        self._edits.push(words, self.set_entries, (self._entries, entries))


def _number(entry: TakeEntry) -> int:
    number = entry.name.partition("-")[2]
    return int(number) if number.isdecimal() else 0


def _tr(text: str) -> str:
    return QCoreApplication.translate("TakeState", text)
