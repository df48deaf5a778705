"""Rows of a settings page: a label, a field, a line that says what it means.

GUI thread.
"""

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QStyledItemDelegate,
    QVBoxLayout,
    QWidget,
)

from app.live_settings import LiveSettings

LABEL_WIDTH_PX = 128


class Choice(QComboBox):
    """A combo box of (value, words) that the wheel does not turn by accident."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        # The box's own delegate ignores the style sheet's rows.
        self.setItemDelegate(QStyledItemDelegate(self))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to what is around: a setting is chosen, not brushed past."""
        event.ignore()

    def offer(self, entries: Sequence[tuple[object, str]], chosen: object) -> None:
        """Offer values.

        Parameters
        ----------
        entries : sequence of (value, words)
        chosen : object
            The value that is set now; none of them leaves the box empty.
        """
        self.clear()
        for value, words in entries:
            self.addItem(words, value)
        # Not findData, which takes 0 and False for the same.
        values = [value for value, _ in entries]
        self.setCurrentIndex(values.index(chosen) if chosen in values else -1)


class SettingsPage(QWidget):
    """A page of rows below its title, for one section of the settings.

    Parameters
    ----------
    live : LiveSettings
    section : str
        Of the settings.
    defaults : mapping of str to value
        What the page's fields are at first, by name within the section.
    parent : QWidget or None
    """

    def __init__(
        self,
        live: LiveSettings,
        section: str,
        defaults: Mapping[str, str | float],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._live = live
        self._section = section
        self._defaults = defaults
        column = QVBoxLayout(self)
        column.setContentsMargins(28, 24, 28, 12)
        column.setSpacing(20)
        self._heading = QLabel(self)
        self._heading.setProperty("class", "heading")
        column.addWidget(self._heading)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnMinimumWidth(0, LABEL_WIDTH_PX)
        self._grid.setColumnStretch(1, 1)
        column.addLayout(self._grid)
        column.addStretch(1)

    @property
    def title(self) -> str:
        """What stands above the rows."""
        return self._heading.text()

    def set_title(self, title: str) -> None:
        """Set what stands above the rows."""
        self._heading.setText(title)

    def restore_defaults(self) -> None:
        """Set everything on this page as it was at first."""
        self._live.change(self._section, **self._defaults)

    def follow(self, fill: Callable[[], None]) -> None:
        """Call `fill` now and whenever a field of the section has changed."""
        self._fill_fields = fill
        self._live.changed.connect(self._refill)
        fill()

    def _refill(self, section: str) -> None:
        if section == self._section:
            self._fill_fields()

    def add_row(self, label: str, fields: QWidget | Sequence[QWidget], meaning: str | QLabel = "") -> None:
        """Add a row at the end.

        Parameters
        ----------
        label : str
        fields : QWidget or sequence of QWidget
            Side by side, the first one takes the room. Those without an accessible name or a tooltip
            get the label and the meaning.
        meaning : str or QLabel
            The line below.
        """
        row = self._grid.rowCount()
        widgets = [fields] if isinstance(fields, QWidget) else list(fields)
        below = QLabel(meaning, self) if isinstance(meaning, str) else meaning
        name = QLabel(label, self)
        name.setBuddy(widgets[0])
        self._grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignVCenter)
        line = QHBoxLayout()
        line.setSpacing(8)
        for place, widget in enumerate(widgets):
            line.addWidget(widget, 1 if place == 0 else 0)
            if not widget.accessibleName():
                widget.setAccessibleName(label)
            if not widget.toolTip():
                widget.setToolTip(below.text() or label)
        self._grid.addLayout(line, row, 1)
        if below.text() or below is meaning:
            below.setProperty("class", "small")
            below.setWordWrap(True)
            self._grid.addWidget(below, row + 1, 1)
        self._grid.setRowMinimumHeight(row + 2, 12)
        self._grid.addWidget(QWidget(self), row + 2, 0)
