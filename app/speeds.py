"""How fast each model separated on this machine, remembered from run to run.

GUI thread, but for `load`. A card cannot say it: it depends on this processor, this driver, this song. So
the last separation of each model is the answer, kept in a small file beside the settings.
"""

import json
import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.paths import config_folder
from app.write_behind import WriteBehind

_log = logging.getLogger(__name__)
_VERSION = 1
STORED = "stored"
"""What the engine names as provider when the stems were there already: nothing was measured."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One model's last separation.

    Parameters
    ----------
    provider : str
        What ran the network, such as "CPU".
    speed : float
        Seconds of song in a second.
    """

    provider: str
    speed: float


class MeasuredSpeeds:
    """Speeds by model.

    Parameters
    ----------
    writer : WriteBehind
        Saves them.
    path : Path or None
        File; None is the user's own.
    """

    def __init__(self, writer: WriteBehind, path: Path | None = None) -> None:
        self._writer = writer
        self._path = path or config_folder() / "speeds.json"
        self._speeds: dict[str, Measured] = {}

    def load(self) -> None:
        """Read the file; before anything else is called, on any thread. A broken one counts as none."""
        try:
            values: Any = json.loads(self._path.read_text(encoding="utf-8"))
            self._speeds = {str(name): _measured(value) for name, value in values["models"].items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
            _log.warning(
                "measured speeds in %s are not readable (%s); they are measured again", self._path, err
            )

    def get(self, model: str) -> Measured | None:
        """Speed of a model, or None while it never ran here."""
        return self._speeds.get(model)

    def note(self, model: str, provider: str, speed: float) -> bool:
        """Remember a separation; returns whether that is news."""
        measured = Measured(provider, round(speed, 2))
        if provider in {"", STORED} or not math.isfinite(speed) or speed <= 0.0:
            return False
        if self._speeds.get(model) == measured:
            return False
        self._speeds[model] = measured
        saved = {"version": _VERSION, "models": {name: asdict(m) for name, m in self._speeds.items()}}
        self._writer.put(self._path, lambda: json.dumps(saved, indent=1, sort_keys=True).encode())
        return True


def _measured(value: Any) -> Measured:
    measured = Measured(str(value["provider"]), float(value["speed"]))
    if not (math.isfinite(measured.speed) and measured.speed > 0.0):
        raise ValueError(f"speed {measured.speed} is none")
    return measured
