"""What the mixer is set to: one strip a stem and a take, one for the master; the window's truth about it.

GUI thread only. Views read it and follow `changed`; `app.edits` writes it (so that it can be undone);
the bridge follows `changed` too and hands the values to the engine, which ramps them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.theme import lane_title

MASTER = "master"
MIN_GAIN_DB = -72.0
"""The lowest step of a fader; it means silence."""
MAX_GAIN_DB = 12.0
SILENCE_DB = -200.0


@dataclass(frozen=True, slots=True)
class Strip:
    """Settings of one channel strip.

    Parameters
    ----------
    gain_db : float
        MIN_GAIN_DB (silence) to MAX_GAIN_DB.
    pan : float
        -1 (left) to 1 (right).
    mute, solo : bool
    """

    gain_db: float = 0.0
    pan: float = 0.0
    mute: bool = False
    solo: bool = False

    @property
    def engine_gain_db(self) -> float:
        """What the engine is told: the fader's lowest step is silence."""
        return SILENCE_DB if self.gain_db <= MIN_GAIN_DB else self.gain_db


class MixerState(QObject):
    """All strips.

    Attributes
    ----------
    changed : Signal(str)
        Name of the strip that has new values ("master" included).
    stems_changed : Signal()
        Other lanes are mixed now (another model or song, another take); every strip may be new.
    """

    changed = Signal(str)
    stems_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stems: tuple[str, ...] = ()
        self._takes: dict[str, str] = {}
        self._strips: dict[str, Strip] = {MASTER: Strip()}
        self._parked: dict[str, Strip] = {}

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the stems, in the model's order."""
        return self._stems

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the takes, which stand behind the stems."""
        return tuple(self._takes)

    @property
    def lanes(self) -> tuple[str, ...]:
        """Names of all that has a strip and is not the master: stems, then takes."""
        return (*self._stems, *self._takes)

    def title(self, name: str) -> str:
        """What the user calls a lane."""
        return self._takes.get(name) or lane_title(name)

    def strip(self, name: str) -> Strip:
        """Settings of a stem, of a take, or of "master"."""
        return self._strips[name]

    def set_stems(self, names: Sequence[str]) -> None:
        """Mix other stems; strips of names that stay keep their settings."""
        if tuple(names) == self._stems:
            return
        self._stems = tuple(names)
        self._keep_strips()

    def set_takes(self, titles: Mapping[str, str]) -> None:
        """Mix these takes: names with what the user calls each.

        Those that stay keep their settings, and so do those that were there before and come back.
        """
        if list(titles.items()) != list(self._takes.items()):
            self._parked.update({name: self._strips[name] for name in self._takes})
            self._takes = dict(titles)
            self._keep_strips()

    def drop_takes(self) -> None:
        """Mix no takes, and forget how they were set: those of another song have the same names."""
        self.set_takes({})
        self._parked.clear()

    def _keep_strips(self) -> None:
        kept = self._parked | self._strips
        self._strips = {name: kept.get(name, Strip()) for name in (*self.lanes, MASTER)}
        self.stems_changed.emit()

    def set_strip(self, name: str, strip: Strip) -> None:
        """Set a strip whole; values out of range are clipped."""
        strip = replace(
            strip,
            gain_db=min(max(strip.gain_db, MIN_GAIN_DB), MAX_GAIN_DB),
            pan=min(max(strip.pan, -1.0), 1.0),
        )
        if self._strips[name] != strip:
            self._strips[name] = strip
            self.changed.emit(name)

    def is_silenced(self, name: str) -> bool:
        """Whether a stem is not heard: muted, or another one is solo."""
        strip = self._strips[name]
        any_solo = any(self._strips[lane].solo for lane in self.lanes)
        return strip.mute or (any_solo and not strip.solo)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain values, for a session file."""
        return {name: asdict(strip) for name, strip in self._strips.items()}

    def load_dict(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the strips of a session file; names that are not mixed here are left out.

        Raises
        ------
        TypeError, ValueError
            A value is not what a strip holds.
        """
        for name, strip in values.items():
            if name in self._strips:
                self.set_strip(
                    name,
                    Strip(
                        float(strip.get("gain_db", 0.0)),
                        float(strip.get("pan", 0.0)),
                        bool(strip.get("mute", False)),
                        bool(strip.get("solo", False)),
                    ),
                )
