"""The settings of the running window: one current value, told when it changes, saved behind its back.

GUI thread only; the file is written by `WriteBehind`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.settings import Settings, checked, settings_file, to_toml
from app.write_behind import WriteBehind


class LiveSettings(QObject):
    """Current settings.

    Parameters
    ----------
    settings : Settings
        As they were read.
    writer : WriteBehind
        Saves every change.
    path : Path or None
        None is the user's own file.

    Attributes
    ----------
    changed : Signal(str)
        Name of the section that has new values.
    """

    changed = Signal(str)

    def __init__(
        self, settings: Settings, writer: WriteBehind, path: Path | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._current = settings
        self._writer = writer
        self._path = path or settings_file()

    @property
    def current(self) -> Settings:
        """All settings; frozen, so it may be handed to any thread."""
        return self._current

    def change(self, section: str, **values: Any) -> None:
        """Set some values of a section.

        Parameters
        ----------
        section : str
            "audio", "stems", "export", "window", "mixer", "library", "analysis" or "mic".
        **values
            By the name of the setting.

        Raises
        ------
        ValueError
            A value is out of range, or there is no such setting.
        """
        before = getattr(self._current, section)
        after = checked(before, section, **values)
        if after == before:
            return
        self._current = replace(self._current, **{section: after})
        # Whatever is newest when the writer comes round to it: a drag of a splitter is one write.
        self._writer.put(self._path, lambda: to_toml(self._current).encode())
        self.changed.emit(section)
