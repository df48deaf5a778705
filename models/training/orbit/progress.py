"""What a run says while it works: JSON lines for a program, bars for a person.

Training process. Standard output carries the JSON lines and nothing else; bars and warnings go to
standard error.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any, Literal, Protocol

Style = Literal["json", "bars", "none"]


class Progress(Protocol):
    """What the training calls; every number is plain."""

    def prepare(self, what: str, done: int, total: int) -> None:
        """Say how far the preparations are: "songs" listened to, steps of the "surrogate"."""
        ...

    def start(self, total_epochs: int, done_epochs: int) -> None:
        """Say that the first epoch begins; `done_epochs` of them were done before a resume."""
        ...

    def batch(self, epoch: int, batch: int, n_batches: int, loss: float) -> None:
        """Say that a batch is done, counted from 1."""
        ...

    def epoch(self, record: dict[str, Any], total_epochs: int) -> None:
        """Say that an epoch is done; `record` as in training_history.json."""
        ...

    def done(self, model: Path) -> None:
        """Say where the network is."""
        ...

    def error(self, message: str) -> None:
        """Say in one line why there is none."""
        ...


class JsonLines:
    """One JSON object a line on standard output, flushed at once."""

    def _say(self, event: str, **values: Any) -> None:
        print(json.dumps({"event": event, **plain(values)}), flush=True)  # noqa: T201

    def prepare(self, what: str, done: int, total: int) -> None:
        """As `Progress`."""
        self._say("prepare", what=what, done=done, total=total)

    def start(self, total_epochs: int, done_epochs: int) -> None:
        """As `Progress`."""
        self._say("start", total_epochs=total_epochs, done_epochs=done_epochs)

    def batch(self, epoch: int, batch: int, n_batches: int, loss: float) -> None:
        """As `Progress`."""
        self._say("batch", epoch=epoch, batch=batch, n_batches=n_batches, loss=loss)

    def epoch(self, record: dict[str, Any], total_epochs: int) -> None:
        """As `Progress`."""
        kept = {key: record[key] for key in ("epoch", "loss", "validation", "wall_s")}
        self._say("epoch", total_epochs=total_epochs, **kept)

    def done(self, model: Path) -> None:
        """As `Progress`."""
        self._say("done", model=str(model))

    def error(self, message: str) -> None:
        """As `Progress`."""
        self._say("error", message=message)


class Silent:
    """Says only what went wrong."""

    def prepare(self, what: str, done: int, total: int) -> None:
        """As `Progress`."""

    def start(self, total_epochs: int, done_epochs: int) -> None:
        """As `Progress`."""

    def batch(self, epoch: int, batch: int, n_batches: int, loss: float) -> None:
        """As `Progress`."""

    def epoch(self, record: dict[str, Any], total_epochs: int) -> None:
        """As `Progress`."""

    def done(self, model: Path) -> None:
        """As `Progress`."""

    def error(self, message: str) -> None:
        """As `Progress`."""
        sys.stderr.write(f"charon: error: {' '.join(message.split())}\n")


class Bars(Silent):
    """A bar for the epochs and one for the batches of this epoch, on standard error."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bars = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(stderr=True),
        )
        self._epochs = self._bars.add_task("preparing", total=None, note="")
        self._batches = self._bars.add_task("batches", total=None, note="", visible=False)
        self._bars.start()

    def prepare(self, what: str, done: int, total: int) -> None:
        """As `Progress`."""
        self._bars.update(self._epochs, description=what, completed=done, total=total)

    def start(self, total_epochs: int, done_epochs: int) -> None:
        """As `Progress`."""
        self._bars.update(self._epochs, description="epochs", completed=done_epochs, total=total_epochs)
        self._bars.update(self._batches, visible=True)

    def batch(self, epoch: int, batch: int, n_batches: int, loss: float) -> None:
        """As `Progress`."""
        self._bars.update(self._batches, completed=batch, total=n_batches, note=f"loss {loss:.3f}")

    def epoch(self, record: dict[str, Any], total_epochs: int) -> None:
        """As `Progress`."""
        validation = record["validation"]
        note = f"validation {validation['total']:.3f}, correlation {validation['correlation']:.3f}"
        self._bars.update(self._epochs, completed=record["epoch"], note=note)

    def done(self, model: Path) -> None:
        """As `Progress`."""
        self._bars.stop()
        sys.stderr.write(f"{model}\n")

    def error(self, message: str) -> None:
        """As `Progress`."""
        self._bars.stop()
        super().error(message)


def progress_of(style: Style) -> Progress:
    """Bars need a terminal; without one nothing is drawn."""
    if style == "json":
        return JsonLines()
    return Bars() if style == "bars" and sys.stderr.isatty() else Silent()


def plain(value: Any) -> Any:
    """What JSON can hold: numpy scalars as numbers, a number that is not finite as null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
