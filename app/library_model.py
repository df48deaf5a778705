"""The songs of the library as a table: a window over a list that may be very long.

GUI thread. The list itself is an array of numbers; what a row says is read from the library by a job
when the row comes into view, and kept for as long as it is likely to come back. A row that has not been
read yet is empty for a frame or two; nothing ever waits for the disk.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    QUrl,
    Signal,
)

from app.library_columns import COLUMNS, NAMES
from app.library_steps import Step
from engine.services.library_records import Song
from engine.units import I64

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()

ASK_ROWS = 128
"""Read at once: some screens full, a few milliseconds of a job."""
AROUND_ROWS = 48
"""Read beyond what is in view, so that a turn of the wheel finds its rows there."""
KEPT_ROWS = 8192
"""About 1 kB each."""
MOST_DRAGGED = 1000

SONGS_MIME = "application/x-charon-library"
"""Marks a drag that comes from the library, so that the library does not take it in again."""


class LibraryRole(IntEnum):
    """What a cell tells besides its text."""

    ROW = Qt.ItemDataRole.UserRole + 1
    SONG_ID = ROW + 1
    CURRENT = ROW + 2
    """Whether it is the song that plays."""
    CLOSENESS = ROW + 3
    """How much it sounds like the song that was asked for, 0 to 1; None when none was."""


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """A song, and where it lies now.

    Parameters
    ----------
    song : Song
    path : Path or None
        The first of its places where there is a file; None when there is none.
    """

    song: Song
    path: Path | None


class LibraryModel(QAbstractTableModel):
    """Rows of the library, columns of `app.library_columns`.

    Parameters
    ----------
    parent : QObject or None

    Attributes
    ----------
    rows_wanted : Signal(list of int)
        Numbers of songs to be read for `put_rows`; the next are asked for when these have come.
    """

    rows_wanted = Signal(list)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: I64 = np.empty(0, np.int64)
        self._rows: OrderedDict[int, LibraryRow] = OrderedDict()
        self._stale: set[int] = set()
        self._closeness: Mapping[int, float] = {}
        self._wanted: dict[int, None] = {}
        self._asked = False
        self._current: Path | None = None
        self._asking = QTimer(self)
        self._asking.setSingleShot(True)
        self._asking.timeout.connect(self._ask)

    # --- what Qt asks ------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Songs in the list."""
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = _ROOT) -> int:
        """Always the same; the table hides those that do not fit."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """What stands above a column."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.heading
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return column.explanation
        if role == Qt.ItemDataRole.TextAlignmentRole:
            edge = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
            return edge | Qt.AlignmentFlag.AlignVCenter
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Rows can be chosen and dragged out."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren
        return flags | Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else Qt.ItemFlag.NoItemFlags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's text, or one of `LibraryRole`."""
        if not index.isValid() or index.row() >= len(self._ids):
            return None
        if role == LibraryRole.SONG_ID:
            return int(self._ids[index.row()])
        row = self._row(index.row())
        if row is None:
            return None
        return self._say(row, COLUMNS[index.column()].name, role)

    def _say(self, row: LibraryRow, column: str, role: int) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[NAMES.index(column)].text(row.song)
        if role == LibraryRole.ROW:
            return row
        if role == LibraryRole.CURRENT:
            return self.is_current(row)
        if role == LibraryRole.CLOSENESS:
            return self.closeness_of(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._story(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(row) if column == "title" else COLUMNS[NAMES.index(column)].text(row.song)
        return None

    def _story(self, row: LibraryRow) -> str:
        song = row.song
        lines = [song.title, "  ·  ".join(text for text in (song.artist, song.album) if text)]
        figures = [
            f"{column.heading} {column.text(song)}"
            for column in COLUMNS
            if column.name in ("duration", "tempo", "key", "loudness") and column.text(song)
        ]
        lines.append("  ·  ".join(figures))
        lines += [str(path) for path in song.paths]
        if row.path is None:
            lines.append(self.tr("Its file is gone. Add the folder that it moved to, and it is known again."))
        closeness = self._closeness.get(song.song_id)
        if closeness is not None:
            lines.append(self.tr("Match: {} %").format(round(100 * closeness)))
        return "\n".join(line for line in lines if line)

    def _spoken(self, row: LibraryRow) -> str:
        song = row.song
        words = [song.title, song.artist, self.tr("file is gone") if row.path is None else ""]
        words.append(self.tr("playing") if self._current in song.paths else "")
        return ", ".join(word for word in words if word)

    # --- rows come and go --------------------------------------------------------------------------

    def row_at(self, number: int) -> LibraryRow | None:
        """A row of the list if it has been read; if not, it is asked for.

        Parameters
        ----------
        number : int
            0 to `rowCount` - 1.
        """
        return self._row(number)

    def is_current(self, row: LibraryRow) -> bool:
        """Whether it is the song that plays."""
        return self._current is not None and self._current in row.song.paths

    def closeness_of(self, row: LibraryRow) -> float | None:
        """As `LibraryRole.CLOSENESS`."""
        return self._closeness.get(row.song.song_id)

    def look_ahead(self, first: int, last: int) -> None:
        """Have rows beyond those in view read before they come into view.

        Parameters
        ----------
        first, last : int
            In view.
        """
        for number in (first - AROUND_ROWS // 2, last + AROUND_ROWS // 2):
            if 0 <= number < len(self._ids) and int(self._ids[number]) not in self._rows:
                self._row(number)

    def _row(self, number: int) -> LibraryRow | None:
        """A row if it has been read; asked for when it has not, or might have changed."""
        song_id = int(self._ids[number])
        row = self._rows.get(song_id)
        if row is None or song_id in self._stale:
            # The newest last: of a long way scrolled only the end is worth reading.
            self._wanted.pop(number, None)
            self._wanted[number] = None
            if not self._asking.isActive():
                self._asking.start(0)
        else:
            self._rows.move_to_end(song_id)
        return row

    def _ask(self) -> None:
        """Ask for what came into view last, and its surroundings."""
        if self._asked or not self._wanted:
            return
        wanted = list(self._wanted)[-ASK_ROWS:]
        self._wanted.clear()
        near = range(max(0, min(wanted) - AROUND_ROWS), min(len(self._ids), max(wanted) + AROUND_ROWS + 1))
        numbers = near if len(near) <= 2 * ASK_ROWS else [n for n in wanted if n < len(self._ids)]
        ids = [int(self._ids[n]) for n in numbers]
        ids = [song_id for song_id in ids if song_id not in self._rows or song_id in self._stale]
        if ids:
            self._asked = True
            self.rows_wanted.emit(ids)

    def put_rows(self, ids: Iterable[int], rows: Iterable[LibraryRow]) -> None:
        """Take in what was asked for.

        Parameters
        ----------
        ids : iterable of int
            What was asked for.
        rows : iterable of LibraryRow
            Those that the library has.
        """
        self._asked = False
        self._stale.difference_update(ids)
        for row in rows:
            self._rows[row.song.song_id] = row
            self._rows.move_to_end(row.song.song_id)
        while len(self._rows) > KEPT_ROWS:
            self._stale.discard(self._rows.popitem(last=False)[0])
        if len(self._ids):
            # Where they stand may have changed since; the table repaints no more than it shows.
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, len(COLUMNS) - 1))

    def give_up_rows(self, _reason: str = "") -> None:
        """What was asked for could not be read; it is asked for again when it is painted again."""
        self._asked = False

    def want(self, numbers: Sequence[int]) -> None:
        """Have rows read that are about to be needed, such as chosen ones.

        Parameters
        ----------
        numbers : sequence of int
        """
        for number in numbers[:MOST_DRAGGED]:
            if 0 <= number < len(self._ids):
                self._row(number)

    @property
    def ids(self) -> I64:
        """Numbers of the songs in the list; not to be changed."""
        return self._ids

    def set_songs(
        self, ids: I64, steps: Sequence[Step] | None, closeness: Mapping[int, float] | None = None
    ) -> None:
        """Show another list.

        Parameters
        ----------
        ids : int64 array, shape (songs,)
        steps : sequence of Step, or None
            How the list that is shown becomes this one; None shows it as a new one.
        closeness : mapping of int to float, or None
            How much songs sound like the one that was asked for, 0 to 1.
        """
        self._wanted.clear()
        self._stale.update(self._rows)
        self._closeness = closeness or {}
        if steps is None:
            self.beginResetModel()
            self._ids = ids
            self.endResetModel()
            return
        for step in steps:
            if step.ids is None:
                self.beginRemoveRows(_ROOT, step.first, step.last)
                self._ids = np.delete(self._ids, slice(step.first, step.last + 1))
                self.endRemoveRows()
            else:
                self.beginInsertRows(_ROOT, step.first, step.last)
                self._ids = np.insert(self._ids, step.first, step.ids)
                self.endInsertRows()
        if len(ids):
            self.dataChanged.emit(self.index(0, 0), self.index(len(ids) - 1, len(COLUMNS) - 1))

    def set_current(self, path: Path | None) -> None:
        """Mark the song that plays."""
        if path != self._current:
            self._current = path
            if len(self._ids):
                self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, len(COLUMNS) - 1))

    # --- drags -------------------------------------------------------------------------------------

    def mimeTypes(self) -> list[str]:
        """Files, as every program knows them, and our own mark."""
        return ["text/uri-list", SONGS_MIME]

    def supportedDragActions(self) -> Qt.DropAction:
        """Files stay where they are."""
        return Qt.DropAction.CopyAction

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """Files of the chosen rows, in the order of the list."""
        data = QMimeData()
        numbers = sorted({index.row() for index in indexes})[:MOST_DRAGGED]
        rows = [self._row(number) for number in numbers]
        paths = [row.path for row in rows if row is not None and row.path is not None]
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        data.setData(SONGS_MIME, b"")
        return data
