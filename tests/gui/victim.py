"""A window in a process of its own, that plays, mixes, loops, and then waits to be killed."""

import os
import sys
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtWidgets import QApplication

from app.desktop import Desktop
from app.theme import apply_theme
from engine.io.home import default_home
from tests.gui.turntable import Turntable


def main(song: Path) -> None:
    app = QApplication([])
    apply_theme(app)
    desktop = Desktop(Turntable().open, default_home())

    def mix() -> None:
        desktop.edits.set_gain_db("vocals", -7.5)
        desktop.edits.set_solo("accompaniment", True)
        desktop.edits.set_loop((2.0, 4.0), True)
        desktop.bridge.seek(3.0)

    desktop.bridge.song_opened.connect(mix)
    desktop.start([song])
    app.exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
