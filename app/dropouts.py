"""Counts the gaps in the sound since the device was opened, and says in words where they came from.

GUI thread; looked at by the bridge at every tick. The device thread only counts; reasons are worked
out here from what has grown.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

if TYPE_CHECKING:
    from engine.realtime.memory import Counters

REMEMBER_S = 12.0
"""How long the engine light stays amber after a dropout: long enough to be seen and read."""


class DropoutWatch:
    """Dropouts of one device.

    Attributes
    ----------
    count : int
        Since `restart`.
    """

    def __init__(self) -> None:
        self.count = 0
        self._xruns = 0
        self._starved_frames = 0
        self._starving = False
        self._reason = ""
        self._until_s = 0.0

    def restart(self, counters: "Counters") -> None:
        """Begin at zero: a device was opened.

        Parameters
        ----------
        counters : Counters
            As they stand now.
        """
        self.count = 0
        self._xruns, self._starved_frames = counters.xruns, counters.starved_frames
        self._starving = False
        self._reason, self._until_s = "", 0.0

    def look(
        self, counters: "Counters", rate_hz: int, now_s: float, *, audible: bool, live: bool = False
    ) -> str:
        """Take the newest counters in.

        Parameters
        ----------
        counters : Counters
        rate_hz : int
            Of the device.
        now_s : float
            Any clock that does not jump.
        audible : bool
            Whether something plays: a late block of silence is none the user would hear.
        live : bool
            Whether that is a live input, which no disk is to blame for.

        Returns
        -------
        str
            Why there was a dropout in the last seconds, in one line that begins with the cause and a
            colon; empty when there was none.
        """
        late = counters.xruns - self._xruns
        starved = counters.starved_frames - self._starved_frames
        self._xruns, self._starved_frames = counters.xruns, counters.starved_frames
        if late > 0 and audible:
            self.count += late
            self._say(
                _tr("Too busy: the sound came late; a larger buffer in Settings gives the computer time"),
                now_s,
            )
        if starved > 0:
            # A gap that spans several ticks is one dropout.
            self.count += not self._starving
            words = (
                _tr("Too busy: {ms:.0f} ms of the input came too late and were silent")
                if live
                else _tr("Disk too slow: {ms:.0f} ms were silent")
            )
            self._say(words.format(ms=1000.0 * starved / max(1, rate_hz)), now_s)
        self._starving = starved > 0
        return self._reason if now_s < self._until_s else ""

    def _say(self, reason: str, now_s: float) -> None:
        self._reason, self._until_s = reason, now_s + REMEMBER_S


def _tr(text: str) -> str:
    return QCoreApplication.translate("DropoutWatch", text)
