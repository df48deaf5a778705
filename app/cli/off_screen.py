"""Pictures that commands draw without a screen.

Main thread. Qt draws on its off-screen platform, so that a server without a display does as well as a
desktop.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import CharonError

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

ENDINGS = (".png", ".svg")


def check_folders(folders: Iterable[Path]) -> None:
    """Refuse before any work what could not be written after.

    Raises
    ------
    CharonError
        A folder is missing or cannot be written, or Qt cannot be used here.
    """
    for folder in folders:
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as err:
            raise CharonError(f"cannot write a picture into {folder}: {err.strerror or err}") from err
    application()


def write_picture(path: Path, data: bytes) -> None:
    """Write a picture, replacing it whole.

    Raises
    ------
    CharonError
        The file cannot be written.
    """
    from app.write_behind import replace_file

    try:
        replace_file(path, data)
    except OSError as err:
        raise CharonError(f"{path} cannot be written: {err.strerror or err}") from err


def application() -> "QApplication":
    """Qt without a screen; made once, and kept by Qt itself until the process ends."""
    global _qt
    if _qt is not None:
        return _qt
    # Whatever the desktop's own platform is: nothing is shown, and it may not be there.
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    try:
        from PySide6.QtWidgets import QApplication
    except ImportError as err:
        raise CharonError(
            f"cannot draw: Qt does not load ({err}); on Debian and Ubuntu: apt install libegl1 libgl1"
        ) from err
    from app.theme import apply_theme

    app = QApplication.instance()
    _qt = app if isinstance(app, QApplication) else QApplication(["charon"])
    apply_theme(_qt)
    return _qt


_qt: "QApplication | None" = None
