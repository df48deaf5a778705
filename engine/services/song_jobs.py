"""The songs to separate, one after another, in the one worker process.

It stands between playback and the worker: the song that plays is separated first, whatever was in work
goes back in line, and a song that failed does not hold up the next. Called by playback under its lock;
`snapshot` alone may be called from any thread, because it hands out what was last put there whole.
"""

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import CharonError
from engine.io.song_store import Progress, SongStore
from engine.services.song_job import JobState, SongJob
from engine.services.worker import SeparationWorker
from engine.units import frames_to_s

MIN_MEASURED_S = 0.5
"""A speed is stated after this long: before, it says more about the start than about the song."""


class _Watch:
    """How fast the job in work goes, read from its store."""

    def __init__(self, store: SongStore) -> None:
        self._store = store
        self._began: tuple[float, int] | None = None

    def look(self, job: SongJob) -> SongJob:
        """The job with its present figures."""
        progress = self._store.progress
        done, total = int(progress[Progress.SEGMENTS_DONE]), int(progress[Progress.TOTAL_SEGMENTS])
        frames = self._store.total_frames
        if self._began is None:
            self._began = (time.monotonic(), done)
        elapsed_s = time.monotonic() - self._began[0]
        speed = seconds_left = None
        fresh = done - self._began[1]
        if total and frames is not None and fresh > 0 and elapsed_s > MIN_MEASURED_S:
            segment_s = frames_to_s(frames, self._store.rate_hz) / total
            speed = fresh * segment_s / elapsed_s
            seconds_left = (total - done) * segment_s / speed
        return replace(
            job,
            segments_done=done,
            segments_total=total,
            speed=job.speed if speed is None else speed,
            seconds_left=seconds_left,
        )


class SongJobs:
    """Every song that was asked for, in order.

    Parameters
    ----------
    worker : SeparationWorker
        Does one song at a time.
    """

    def __init__(self, worker: SeparationWorker) -> None:
        self._worker = worker
        self._jobs: list[SongJob] = []
        self._snapshot: tuple[SongJob, ...] = ()
        self._in_work: Path | None = None
        self._watch: _Watch | None = None
        self._foreground: Path | None = None

    @property
    def in_work(self) -> Path | None:
        """The song that the worker has now."""
        return self._in_work

    def snapshot(self) -> tuple[SongJob, ...]:
        """All jobs as they were at the last poll."""
        return self._snapshot

    def find(self, path: Path) -> SongJob | None:
        """The job of a song."""
        return next((job for job in self._jobs if job.path == path), None)

    def put_first(self, path: Path) -> None:
        """Give the worker this song now; what it had goes back in line."""
        self._foreground = path
        if self.find(path) is None:
            self._jobs.append(SongJob(path))
        self._start(path)
        self._publish()

    def add(self, path: Path) -> None:
        """Put a song in line, unless it is there."""
        if self.find(path) is None:
            self._jobs.append(SongJob(path))
        self._go_on()
        self._publish()

    def cancel(self, path: Path) -> None:
        """Stop or never begin a song; what is finished of it stays in the store.

        The song that plays is decoded to its end all the same: its original is being listened to.
        """
        job = self.find(path)
        if job is None or job.state not in {JobState.WAITING, JobState.SEPARATING}:
            return
        self._set(replace(job, state=JobState.CANCELLED, seconds_left=None))
        if self._in_work == path:
            if path == self._foreground:
                self._worker.separate(path, only_decode=True)
            else:
                self._in_work = None
                self._worker.rest()
        self._go_on()
        self._publish()

    def retry(self, path: Path) -> None:
        """Put a song that failed or was cancelled back in line."""
        job = self.find(path)
        if job is not None and job.state in {JobState.FAILED, JobState.CANCELLED}:
            self._set(SongJob(path))
            if path == self._foreground:
                self._start(path)
        self._go_on()
        self._publish()

    def remove(self, path: Path) -> None:
        """Take a song out of the list; it is cancelled first."""
        self.cancel(path)
        self._jobs = [job for job in self._jobs if job.path != path]
        self._publish()

    def restart_all(self) -> None:
        """Every song is to be separated anew, because the model changed; those given up stay so."""
        self._in_work, self._watch = None, None
        kept = {JobState.CANCELLED}
        self._jobs = [job if job.state in kept else SongJob(job.path) for job in self._jobs]
        self._publish()

    def poll(self) -> list[dict[str, Any]]:
        """Events of the worker, each with the song it is about under "song"; keeps the line moving."""
        events = self._worker.poll()
        for event in events:
            event["song"] = self._in_work
            self._take(event)
        if self._in_work is not None and self._watch is not None:
            job = self.find(self._in_work)
            if job is not None and job.state is JobState.SEPARATING:
                self._set(self._watch.look(job))
        self._go_on()
        self._publish()
        return events

    def _take(self, event: dict[str, Any]) -> None:
        job = None if self._in_work is None else self.find(self._in_work)
        if self._in_work is None or job is None:
            return
        kind = event["event"]
        if kind == "store":
            folder = Path(event["folder"])
            self._set(replace(job, folder=folder))
            # A store that cannot be read fails where it is played; here it only costs the figures.
            with contextlib.suppress(CharonError):
                self._watch = _Watch(SongStore.attach(folder))
        elif kind == "done":
            if self._watch is not None:
                job = self._watch.look(job)
            warnings = tuple(str(text) for text in event.get("warnings", ()))
            if job.state is JobState.SEPARATING:
                job = replace(job, state=JobState.READY, seconds_left=None)
            self._set(replace(job, provider=str(event.get("provider", "")), warnings=warnings))
            self._let_go()
        elif kind in {"failed", "lost"}:
            if job.state is JobState.SEPARATING:
                job = replace(job, state=JobState.FAILED, seconds_left=None, message=str(event["message"]))
                self._set(job)
            self._let_go()

    def _let_go(self) -> None:
        self._in_work, self._watch = None, None

    def _start(self, path: Path) -> None:
        if self._in_work is not None and self._in_work != path:
            before = self.find(self._in_work)
            if before is not None and before.state is JobState.SEPARATING:
                self._set(replace(before, state=JobState.WAITING, speed=None, seconds_left=None))
        self._let_go()
        self._in_work = path
        self._set(SongJob(path, JobState.SEPARATING))
        self._worker.set_playhead(0)
        self._worker.separate(path)

    def _go_on(self) -> None:
        if self._in_work is None:
            waiting = [job.path for job in self._jobs if job.state is JobState.WAITING]
            if waiting:
                self._start(self._foreground if self._foreground in waiting else waiting[0])

    def _set(self, new: SongJob) -> None:
        self._jobs = [new if job.path == new.path else job for job in self._jobs]

    def _publish(self) -> None:
        self._snapshot = tuple(self._jobs)
