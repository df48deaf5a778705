"""Files that could not be opened, each with its reason, while the rest goes on.

GUI thread; not modal, and grows while files are still being looked at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QKeySequence, QPainter, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.copy_button import CopyButton
from app.theme import font, icon, paint_icon, tokens

Index = QModelIndex | QPersistentModelIndex

WIDTH_PX, HEIGHT_PX = 560, 420
HEAD_ICON_PX = 28
ROW_ICON_PX = 16
_WORDS = int(Qt.TextFlag.TextWordWrap)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file and why it is not played."""

    path: Path
    reason: str

    @property
    def line(self) -> str:
        """For copying."""
        return f"{self.path}: {self.reason}"


class ProblemsModel(QAbstractListModel):
    """Problems in the order they came, each file once."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.problems: list[Problem] = []

    def add(self, problems: Iterable[Problem]) -> None:
        """Take more in; a file that is there already keeps its first reason."""
        known = {problem.path for problem in self.problems}
        new: dict[Path, Problem] = {}
        for problem in problems:
            if problem.path not in known:
                new.setdefault(problem.path, problem)
        if new:
            first = len(self.problems)
            self.beginInsertRows(QModelIndex(), first, first + len(new) - 1)
            self.problems += new.values()
            self.endInsertRows()

    def rowCount(self, parent: Index | None = None) -> int:
        """One row a problem."""
        return 0 if parent is not None and parent.isValid() else len(self.problems)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The file's name, its path as a tooltip, and both with the reason for a screen reader."""
        problem = self.problems[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return problem.path.name or str(problem.path)
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(problem.path)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{problem.path.name}: {problem.reason}"
        if role == Qt.ItemDataRole.UserRole:
            return problem
        return None


class _Rows(QStyledItemDelegate):
    """Name over reason, the reason wrapped so that all of it can be read."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        look, state, rect = tokens(), _state(option), _rect(option)
        problem: Problem = index.data(Qt.ItemDataRole.UserRole)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.raised)
            radius = look.radius_small_px
            painter.drawRoundedRect(rect.adjusted(4, 2, -4, -2), radius, radius)
        unit = look.unit_px
        place = QRect(rect.left() + 3 * unit, rect.top() + 2 * unit + 1, ROW_ICON_PX, ROW_ICON_PX)
        paint_icon(painter, "warning", look.warning, place.toRectF())
        name_rect, reason_rect = self._places(rect, problem)
        painter.setFont(font(look.text_body_px, 500))
        painter.setPen(look.text)
        name = str(index.data(Qt.ItemDataRole.DisplayRole))
        name = QFontMetrics(painter.font()).elidedText(name, Qt.TextElideMode.ElideMiddle, name_rect.width())
        painter.drawText(name_rect, int(Qt.AlignmentFlag.AlignLeft), name)
        painter.setFont(font(look.text_small_px))
        painter.setPen(look.dim)
        painter.drawText(
            reason_rect, _wrapping(painter.fontMetrics(), reason_rect, problem.reason), problem.reason
        )
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        view = self.parent()
        width = view.viewport().width() if isinstance(view, QListView) else WIDTH_PX
        problem: Problem = index.data(Qt.ItemDataRole.UserRole)
        _, reason = self._places(QRect(0, 0, width, 0), problem)
        return QSize(width, reason.bottom() + 1 + 2 * tokens().unit_px)

    def _places(self, rect: QRect, problem: Problem) -> tuple[QRect, QRect]:
        look = tokens()
        unit = look.unit_px
        left = rect.left() + 3 * unit + ROW_ICON_PX + 3 * unit
        width = max(50, rect.right() - left - 3 * unit)
        name = QRect(
            left, rect.top() + 2 * unit, width, QFontMetrics(font(look.text_body_px, 500)).lineSpacing()
        )
        room = QRect(left, name.bottom() + 3, width, 10_000)
        metrics = QFontMetrics(font(look.text_small_px))
        reason = metrics.boundingRect(room, _wrapping(metrics, room, problem.reason), problem.reason)
        reason.setWidth(width)
        return name, reason


def _wrapping(metrics: QFontMetrics, room: QRect, text: str) -> int:
    """Break between words, and inside one only when it is wider than the room, like a path."""
    fits = metrics.boundingRect(room, _WORDS, text).width() <= room.width()
    return _WORDS if fits else _WORDS | int(Qt.TextFlag.TextWrapAnywhere)


def _rect(option: Any) -> QRect:
    # PySide's stubs leave out the inherited fields of style options.
    return option.rect


def _state(option: Any) -> QStyle.StateFlag:
    return option.state


class MessagesDialog(QDialog):
    """A list of files that could not be opened."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Files that could not be opened"))
        self.setModal(False)
        self.resize(WIDTH_PX, HEIGHT_PX)
        self._model = ProblemsModel(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 20)
        column.setSpacing(16)
        column.addLayout(self._make_head())
        self._list = self._make_list()
        column.addWidget(self._list, 1)
        column.addLayout(self._make_buttons())
        copy = QShortcut(QKeySequence.StandardKey.Copy, self._list)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self._copy.click)

    @property
    def problems(self) -> Sequence[Problem]:
        """What is listed."""
        return self._model.problems

    @property
    def text(self) -> str:
        """What is copied: a line a file."""
        return "".join(f"{problem.line}\n" for problem in self._model.problems)

    def add_problems(self, problems: Iterable[tuple[Path, str]]) -> None:
        """List more files.

        Parameters
        ----------
        problems : iterable of (Path, str)
            The file and the reason in words.
        """
        self._model.add(Problem(path, reason) for path, reason in problems)
        count = len(self._model.problems)
        one = self.tr("1 file could not be opened")
        self._title.setText(one if count == 1 else self.tr("{} files could not be opened").format(count))
        self._list.setAccessibleDescription(self._title.text())

    def _make_head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(16)
        picture = QLabel(self)
        picture.setPixmap(icon("warning", tokens().warning).pixmap(QSize(HEAD_ICON_PX, HEAD_ICON_PX)))
        picture.setAlignment(Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        self._title = QLabel(self)
        self._title.setProperty("class", "heading")
        rest = QLabel(self.tr("Everything else was taken. Nothing was changed on your disk."), self)
        rest.setProperty("class", "dim")
        rest.setWordWrap(True)
        words.addWidget(self._title)
        words.addWidget(rest)
        row.addWidget(picture)
        row.addLayout(words, 1)
        return row

    def _make_list(self) -> QListView:
        view = QListView(self)
        view.setModel(self._model)
        view.setItemDelegate(_Rows(view))
        view.setProperty("class", "boxed")
        view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setResizeMode(QListView.ResizeMode.Adjust)
        # Thousands of rows are laid out a few at a time, between frames.
        view.setLayoutMode(QListView.LayoutMode.Batched)
        view.setTabKeyNavigation(False)
        view.setAccessibleName(self.tr("Files and reasons"))
        view.setToolTip(self.tr("Files that could not be opened, with the reason"))
        return view

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._copy = CopyButton(self.tr("Copy list"), lambda: self.text, self)
        self._copy.setToolTip(self.tr("Copy all files with their reasons (Ctrl+C)"))
        close = QPushButton(self.tr("Close"), self)
        close.setProperty("kind", "primary")
        close.setDefault(True)
        close.setToolTip(self.tr("Close this list"))
        close.clicked.connect(self.accept)
        row.addWidget(self._copy)
        row.addStretch(1)
        row.addWidget(close)
        for button in (self._copy, close):
            button.setAccessibleName(button.text())
        close.setFocus()
        return row
