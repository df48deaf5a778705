"""The transcription worker itself: one song at a time, its lines told as soon as they are on the disk.

A process of its own, with its own GIL: a network that takes all cores for a second at a time, or that runs
out of memory, must not be the one that plays.
"""

import json
import logging
import time
import warnings
from collections import deque
from multiprocessing import shared_memory
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CharonError, CharonWarning, JobCancelled
from engine.io.home import Home
from engine.io.lyric_json import segment_to_dict
from engine.lyrics import Segment
from engine.services.spawned import end_with_parent
from engine.services.transcription_job import TranscriptionOrder
from engine.services.worker_channel import Channel

if TYPE_CHECKING:
    from engine.services.transcribe_song import SongTranscription, Transcriber

_log = logging.getLogger(__name__)

IDLE_S = 0.02
TELL_S = 0.1
"""How often progress is told: a bar that moves ten times a second moves smoothly."""
MIN_MEASURED_S = 1.0
"""A speed is stated after this long."""


class _Job:
    """What the worker says of one song while it works."""

    def __init__(self, channel: Channel, number: int, requests: deque[dict[str, Any]]) -> None:
        self._channel = channel
        self._number = number
        self._requests = requests
        self._told_s = 0.0
        self._what = ""
        self._begun = (0.0, 0.0)
        self.song: SongTranscription | None = None

    def say(self, event: str, **values: Any) -> None:
        """Send an event; when the host does not fetch them it is dropped: what counts is on the disk."""
        text = json.dumps({"event": event, "job": self._number, **values}, ensure_ascii=False)
        self._channel.events.send(text.encode())

    def report(self, what: str, part: float) -> None:
        """Tell the host how far it is, and stop when it no longer wants this."""
        while (message := self._channel.requests.receive()) is not None:
            self._requests.append(json.loads(message))
        if any(request.get("cancel") == self._number for request in self._requests):
            raise JobCancelled("cancelled")
        now_s = time.monotonic()
        if what != self._what:
            self._what, self._begun = what, (now_s, max(0.0, part))
        elif now_s - self._told_s < TELL_S or part < 0.0:
            return
        self._told_s = now_s
        elapsed_s, done = now_s - self._begun[0], part - self._begun[1]
        song = self.song
        speed = done * song.song.duration_s / elapsed_s if song and elapsed_s > MIN_MEASURED_S else None
        self.say(
            "progress",
            what=what,
            part=max(0.0, part),
            speed=speed,
            language=song.language if song else "",
            ran_on=song.ran_on if song else "",
        )

    def heard(self, segments: list[Segment]) -> None:
        """Tell lines."""
        self.say("heard", segments=[segment_to_dict(segment) for segment in segments])


class _Process:
    """The worker's side: fetches requests, runs one job at a time."""

    def __init__(self, channel: Channel, home: Home, budget_bytes: int | None) -> None:
        self._channel = channel
        self._home = home
        self._budget_bytes = budget_bytes
        self._requests: deque[dict[str, Any]] = deque()
        self._made: Transcriber | None = None

    def run(self) -> None:
        """Serve requests until the host goes away."""
        while True:
            while (message := self._channel.requests.receive()) is not None:
                self._requests.append(json.loads(message))
            request = self._requests.popleft() if self._requests else None
            if request is None:
                time.sleep(IDLE_S)
            elif "song" in request:
                self._serve(request)

    def _transcriber(self) -> "Transcriber":
        # Not at the top: the host imports this room too, for its entry point, and needs none of that.
        from engine.services.transcribe_song import Transcriber

        if self._made is None:
            self._made = Transcriber(home=self._home, budget_bytes=self._budget_bytes, profile="live")
        return self._made

    def _serve(self, request: dict[str, Any]) -> None:
        job = _Job(self._channel, int(request["job"]), self._requests)
        try:
            with warnings.catch_warnings():
                # They go to the host with the result, not to a log that nobody reads.
                warnings.simplefilter("ignore", CharonWarning)
                self._run(job, Path(request["song"]), TranscriptionOrder(**request["order"]), request["text"])
        except JobCancelled:
            job.say("cancelled")
        except CharonError as err:
            job.say("failed", message=" ".join(str(err).split()))
        except MemoryError:
            job.say("failed", message="out of memory while transcribing: close other programs")

    def _run(self, job: _Job, path: Path, order: TranscriptionOrder, text: str | None) -> None:
        job.report("preparing", 0.0)
        given = None
        if text is not None:
            from engine.services.align_lyrics import parse_given

            given = parse_given(text)
        with self._transcriber().open(path, order) as song:
            job.song = song
            if given is not None:
                from engine.services.align_lyrics import align_lyrics
                from engine.services.lyrics_store import LyricsStore

                lyrics = align_lyrics(song, given, job.report)
                LyricsStore(self._home).write(path, lyrics)
            else:
                for segment in song.segments(job.report, self._playhead_s):
                    job.heard([segment])
            transcript = song.transcript
            job.say(
                "done",
                folder=str(transcript.folder),
                key="" if given is not None else transcript.key,
                warnings=song.warnings,
                language=song.language,
                ran_on=song.ran_on,
            )

    def _playhead_s(self) -> float:
        newest = self._channel.playhead.read()
        return 0.0 if newest is None else float(newest[0]) / 1000.0


def transcription_main(block_name: str, home_root: str, budget_bytes: int | None) -> None:
    """What the worker process runs.

    Parameters
    ----------
    block_name : str
        Name of the shared memory block, a `Channel`; its play-head is in milliseconds of the song.
    home_root : str
        Root of the home folder.
    budget_bytes : int or None
        Memory for loaded models; None is half of the machine's.
    """
    end_with_parent()
    block = shared_memory.SharedMemory(block_name)
    _Process(Channel(block, fresh=False), Home(Path(home_root)), budget_bytes).run()
