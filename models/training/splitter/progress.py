"""What a run says while it works: as the orbit's, with its own figures in the bars."""

import sys
from typing import Any

from models.training.orbit.progress import Bars, JsonLines, Progress, Silent, Style


class SplitBars(Bars):
    """Bars whose note is the score."""

    def epoch(self, record: dict[str, Any], total_epochs: int) -> None:
        """As `Progress`."""
        self._bars.update(
            self._epochs, completed=record["epoch"], note=f"score {record['validation']['score']:.2f} dB"
        )


def progress_of(style: Style) -> Progress:
    """Bars need a terminal; without one nothing is drawn."""
    if style == "json":
        return JsonLines()
    return SplitBars() if style == "bars" and sys.stderr.isatty() else Silent()
