"""The mixer by name: gain, balance, mute and solo of each lane, written to the row that it has now.

Which row of the callback's parameters a lane has changes with the model, with the takes, and when a live
input takes the song's place. So the settings are kept here by name; what this mixer is asked for while
another one has the rows is heard when it has them again. Any thread that holds playback's lock, or the GUI's:
each value is a single store.
"""

from collections.abc import Callable, Sequence

from engine.errors import ParameterError
from engine.io.song_store import ORIGINAL
from engine.realtime.layout import FLAG_READY, MASTER_ROW
from engine.realtime.memory import EngineMemory

MASTER = "master"


class StemMixer:
    """The strips of one set of lanes.

    Parameters
    ----------
    memory : EngineMemory
        Whose rows are written.
    stems : sequence of str
        In the order of the lanes behind the original.
    has_rows : bool
        Whether its settings are heard.
    on_notice : callable or None
        Given one line when something is not heard at once.
    """

    def __init__(
        self,
        memory: EngineMemory,
        stems: Sequence[str],
        *,
        has_rows: bool = True,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self._memory = memory
        self._stems = tuple(stems)
        self._takes: tuple[str, ...] = ()
        self._has_rows = has_rows
        self._on_notice = on_notice
        self._gains_db: dict[str, float] = {}
        self._pans: dict[str, float] = {}
        self._mutes: dict[str, bool] = {}
        self._solos: dict[str, bool] = {}

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of the lanes: "original", the stems, the takes."""
        return (ORIGINAL, *self._stems, *self._takes)

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the takes, in order."""
        return self._takes

    @property
    def n_stems(self) -> int:
        """How many of them are stems."""
        return len(self._stems)

    def set_stems(self, stems: Sequence[str]) -> None:
        """Mix other stems, each at its neutral setting, and no takes."""
        self._stems, self._takes = tuple(stems), ()
        for values in (self._gains_db, self._pans, self._mutes, self._solos):
            values.clear()
        self._write()

    def set_takes(self, takes: Sequence[str]) -> None:
        """Mix these takes behind the stems; those that stay keep their settings."""
        self._takes = tuple(takes)
        for values in (self._gains_db, self._pans, self._mutes, self._solos):
            for name in set(values) - set(self.lanes):
                del values[name]
        self._write()

    def take_rows(self) -> None:
        """Be heard from now on."""
        self._has_rows = True
        self._write()

    def leave_rows(self) -> None:
        """Let another mixer have the rows."""
        self._has_rows = False

    def _write(self) -> None:
        if not self._has_rows:
            return
        self._memory.reset_lanes()
        for row, name in enumerate(self.lanes):
            self._memory.set_gain_db(row, self._gains_db.get(name, 0.0))
            self._memory.set_pan(row, self._pans.get(name, 0.0))
            self._memory.set_mute(row, self._mutes.get(name, False))
            self._memory.set_solo(row, self._solos.get(name, False))

    def _row(self, name: str) -> int:
        if name == MASTER:
            return MASTER_ROW
        lanes = self.lanes
        if name not in lanes or name == ORIGINAL:
            raise ParameterError(
                f"there is no stem {name!r} here; there are {', '.join(lanes[1:]) or 'none yet'}"
            )
        return lanes.index(name)

    def set_gain_db(self, name: str, gain_db: float) -> None:
        """Gain of a lane, or of "master": -200 to +24 dB."""
        row = self._row(name)
        if self._has_rows or row == MASTER_ROW:
            self._memory.set_gain_db(row, gain_db)
        self._gains_db[name] = gain_db

    def set_pan(self, name: str, pan: float) -> None:
        """Balance of a lane, -1 (left) to 1 (right)."""
        row = self._row(name)
        if self._has_rows or row == MASTER_ROW:
            self._memory.set_pan(row, pan)
        self._pans[name] = pan

    def set_mute(self, name: str, mute: bool = True) -> None:
        """Mute a lane; heard at once where it is separated, otherwise as soon as it is."""
        row = self._row(name)
        if self._has_rows or row == MASTER_ROW:
            self._memory.set_mute(row, mute)
        self._mutes[name] = mute
        self._tell_if_pending(name, mute)

    def set_solo(self, name: str, solo: bool = True) -> None:
        """Solo a lane in place; heard at once where it is separated, otherwise as soon as it is."""
        row = self._row(name)
        if self._has_rows:
            self._memory.set_solo(row, solo)
        self._solos[name] = solo
        self._tell_if_pending(name, solo)

    def _tell_if_pending(self, name: str, on: bool) -> None:
        if not on or self._on_notice is None or not self._has_rows or name in self._takes:
            return
        meters = self._memory.read_meters()
        if meters is None or not meters.flags & FLAG_READY:
            self._on_notice(f"{name} is still being separated here: it follows in a moment")
