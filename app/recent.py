"""The songs and sessions that were opened last, newest first.

GUI thread, but for `load`; the file is written by `WriteBehind`. Whether a file is still there is not
looked at here: a disk that sleeps would hold the menu up.
"""

import json
import logging
from pathlib import Path
from typing import cast

from PySide6.QtCore import QObject, Signal

from app.paths import config_folder
from app.write_behind import WriteBehind

_log = logging.getLogger(__name__)

LIMIT = 15


class RecentSongs(QObject):
    """Paths of what was opened last.

    Parameters
    ----------
    writer : WriteBehind
    path : Path or None
        None is the user's own file.

    Attributes
    ----------
    changed : Signal()
        The list is another one.
    """

    changed = Signal()
    _read = Signal(object)

    def __init__(self, writer: WriteBehind, path: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._writer = writer
        self._path = path or config_folder() / "recent.json"
        self._entries: tuple[Path, ...] = ()
        # Queued to the GUI thread when `load` runs on another one.
        self._read.connect(self._take)

    def load(self) -> None:
        """Read the list; any thread. A file that is missing or damaged is an empty list."""
        try:
            values: object = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as err:
            _log.warning("the recent songs cannot be read: %s", err)
            return
        texts = cast("list[object]", values) if isinstance(values, list) else []
        read = [Path(text) for text in texts if isinstance(text, str) and text]
        self._read.emit(tuple(read))

    def _take(self, read: tuple[Path, ...]) -> None:
        # What was opened meanwhile is newer than anything in the file.
        self._entries = tuple(dict.fromkeys((*self._entries, *read)))[:LIMIT]
        self.changed.emit()

    def entries(self) -> tuple[Path, ...]:
        """At most LIMIT files, newest first."""
        return self._entries

    def add(self, path: Path) -> None:
        """Put a file first."""
        path = path.absolute()
        self._set((path, *(other for other in self._entries if other != path)))

    def remove(self, path: Path) -> None:
        """Forget a file, e.g. because it is gone."""
        self._set(tuple(other for other in self._entries if other != path.absolute()))

    def clear(self) -> None:
        """Forget all."""
        self._set(())

    def _set(self, entries: tuple[Path, ...]) -> None:
        entries = entries[:LIMIT]
        if entries == self._entries:
            return
        self._entries = entries
        data = json.dumps([str(path) for path in entries], indent=1).encode("ascii")
        self._writer.put(self._path, lambda: data)
        self.changed.emit()
