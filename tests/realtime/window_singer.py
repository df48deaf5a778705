"""A window in a process of its own that sings: plays a song, opens the mic, records, tells what happens.

`python -m tests.realtime.window_singer SONG`, on the sound system's default device. A line of JSON on
standard output for each thing that happens; a line on standard input ends the take, and with it the window.
A process of its own, because libjack ends one whose server was killed under it.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication

from app.desktop import Desktop
from app.theme import apply_theme
from app.tick import Tick

LOOK_MS = 50


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


class Singer(QObject):
    """Goes on to the next step as soon as the last one is done."""

    asked = Signal()

    def __init__(self, song: Path) -> None:
        super().__init__()
        self.desktop = Desktop()
        self._steps = [self._play, self._show_mic, self._open_mic, self._record, self._tell_recording]
        self._song = song
        self._was_there = True
        self.asked.connect(self._stop)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self._timer.start(LOOK_MS)
        self.desktop.start()
        status = self.desktop.window.status
        self.desktop.bridge.notice.connect(lambda line: tell(notice=line))
        self.desktop.bridge.ticked.connect(self._follow)
        threading.Thread(target=self._wait_for_line, daemon=True).start()
        tell(started=True, message=status.message)

    def _wait_for_line(self) -> None:
        sys.stdin.readline()
        self.asked.emit()

    def _look(self) -> None:
        if self._steps and self._steps[0]():
            self._steps.pop(0)

    def _follow(self, tick: Tick) -> None:
        is_there = tick.device is not None
        if is_there != self._was_there:
            self._was_there = is_there
            tell(device=is_there)

    # --- steps: each says whether it is done ------------------------------------------------------

    def _play(self) -> bool:
        if self.desktop.rooms is None or self.desktop.bridge.playback is None:
            return False
        self.desktop.bridge.play_song(self._song)
        return True

    def _show_mic(self) -> bool:
        if self.desktop.bridge.tick.position_s < 0.3:
            return False
        self.desktop.window.open_panel("mic")
        return True

    def _open_mic(self) -> bool:
        assert self.desktop.rooms is not None
        mic = self.desktop.rooms.mic
        if mic.panel is None or not mic.engine.tick.has_engine:
            return False
        # What the loop brings back stays out of the mix, or it would come round again.
        mic.state.set_mute(True)
        mic.engine.taken.connect(self._taken)
        mic.panel.head.power.click()
        return True

    def _record(self) -> bool:
        assert self.desktop.rooms is not None
        mic = self.desktop.rooms.mic
        if not mic.engine.is_open or mic.panel is None:
            return False
        mic.panel.head.record.click()
        return True

    def _tell_recording(self) -> bool:
        assert self.desktop.rooms is not None
        mic = self.desktop.rooms.mic
        if not mic.engine.is_recording:
            return False
        tell(recording=True, position_s=self.desktop.bridge.tick.position_s)
        return True

    # --- the end ----------------------------------------------------------------------------------

    def _stop(self) -> None:
        assert self.desktop.rooms is not None
        tell(
            playing=self.desktop.bridge.tick.playing,
            still_recording=self.desktop.rooms.mic.engine.is_recording,
        )
        self.desktop.rooms.mic.engine.stop_recording()

    def _taken(self, news: Any) -> None:
        tell(log=str(news.log), seconds=news.seconds, failure=news.failure)
        assert self.desktop.rooms is not None
        self.desktop.rooms.takes.heard.connect(self._heard)

    def _heard(self) -> None:
        assert self.desktop.rooms is not None
        tell(lanes=[str(lane.path) for lane in self.desktop.rooms.takes.lanes().values()])
        QTimer.singleShot(0, QApplication.quit)


def main() -> None:
    app = QApplication(sys.argv[:1])
    apply_theme(app)
    singer = Singer(Path(sys.argv[1]))
    app.exec()
    singer.desktop.close()


if __name__ == "__main__":
    main()
