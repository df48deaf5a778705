"""What stands at the left of the status line: the model, where it runs, how fast.

GUI thread; told by the bridge's snapshots of the queue.
"""

from collections.abc import Sequence

from PySide6.QtCore import QObject

from app.status_line import StatusLine
from engine.services.song_job import JobState, SongJob

STORED = "stored"
"""What the engine names as provider when all stems were there already."""


class WorkLine(QObject):
    """Words for a status line.

    Parameters
    ----------
    line : StatusLine
    """

    def __init__(self, line: StatusLine) -> None:
        super().__init__(line)
        self._line = line
        self._model = ""
        self._provider = ""
        self._speed: float | None = None
        self._show()

    def set_model(self, title: str) -> None:
        """Another model separates."""
        self._model = title
        self._provider, self._speed = "", None
        self._show()

    def show_jobs(self, jobs: Sequence[SongJob]) -> None:
        """Take the newest speed and provider from the queue; they stay when the work is done."""
        for job in jobs:
            if job.speed is not None and job.state in (JobState.SEPARATING, JobState.READY):
                self._speed = job.speed
            if job.provider and job.provider != STORED:
                self._provider = job.provider
        self._show()

    def _show(self) -> None:
        parts = [self._model or self.tr("Starting")]
        if self._provider:
            parts.append(self._provider.removesuffix("ExecutionProvider"))
        if self._speed is not None:
            parts.append(self.tr("{}x real time").format(f"{self._speed:.3g}"))
        self._line.set_work("  ·  ".join(parts))
