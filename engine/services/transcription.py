"""Transcription for the window: songs in line, one worker process, and what is known of each at any time.

A thread of its own sends the worker one song after another, takes what it tells, and starts it again when
it dies: the song in work goes on from its last stored window. The window reads snapshots, which are handed
over whole, and never waits.

    transcription = Transcription(home)
    transcription.start(song)
    ...
    job = transcription.job(song)   # job.segments grow; job.lyrics when it is ready
"""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import CharonError, ParameterError
from engine.io.home import Home
from engine.io.lyric_json import segment_from_dict
from engine.lyrics import Lyrics, Segment
from engine.services.lyrics_store import LyricsStore, read_transcript
from engine.services.spawned import MAX_DEATHS, Spawned
from engine.services.transcription_job import JobState, TranscriptionJob, TranscriptionOrder
from engine.services.transcription_process import transcription_main
from engine.services.worker_channel import Channel

LOOK_S = 0.03
"""How often the worker is looked at while it works."""
MAX_TEXT_BYTES = 40_000
"""Lyrics of a song have some thousands; a request must fit in its ring of 64 KiB."""

_STATES = {
    "preparing": JobState.PREPARING,
    "transcribing": JobState.TRANSCRIBING,
    "aligning": JobState.ALIGNING,
}


class _Wish:
    """A song in line."""

    def __init__(self, number: int, song: Path, order: TranscriptionOrder, text: str | None) -> None:
        self.number = number
        self.song = song
        self.order = order
        self.text = text

    def request(self) -> bytes:
        values = {"job": self.number, "song": str(self.song), "order": asdict(self.order), "text": self.text}
        return json.dumps(values, ensure_ascii=False).encode()


class Transcription:
    """All songs whose words were asked for.

    Parameters
    ----------
    home : Home
        Where models, stems and lyrics are.
    budget_bytes : int or None
        Memory for loaded models; None is half of the machine's.

    Notes
    -----
    Any thread may call anything. The process starts with the first wish.
    """

    def __init__(self, home: Home, budget_bytes: int | None = None) -> None:
        self._home = home
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._closed = False
        self._numbers = 0
        self._line: list[_Wish] = []
        self._in_work: _Wish | None = None
        self._jobs: dict[Path, TranscriptionJob] = {}
        self._process = Spawned(transcription_main, "charon-transcription")
        self._block: shared_memory.SharedMemory | None = None
        self._channel: Channel | None = None
        self._playhead_ms = 0
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the worker, or None when it is not running."""
        return self._process.pid

    @property
    def restarts(self) -> int:
        """How often the worker had to be started again."""
        return self._process.restarts

    def start(self, song: Path, order: TranscriptionOrder | None = None) -> TranscriptionJob:
        """Put a song in line, or the present job when it is in line already.

        Parameters
        ----------
        song : Path
        order : TranscriptionOrder or None
            None is the default model on everything.

        Returns
        -------
        TranscriptionJob
            As it is now; ask `job` for what becomes of it.
        """
        return self._put(song, order or TranscriptionOrder(), None)

    def align(self, song: Path, text: str, order: TranscriptionOrder | None = None) -> TranscriptionJob:
        """Put given lyrics in time with a song.

        Parameters
        ----------
        song : Path
        text : str
            A line a row, or the contents of an .lrc file, whose times show where to look.
        order : TranscriptionOrder or None
            As for `start`: the song is transcribed first unless it was.

        Returns
        -------
        TranscriptionJob
            As `start`; when it is ready, its lyrics are kept as edited ones.

        Raises
        ------
        ParameterError
            There is no word in the text, or it is longer than the lyrics of any song.
        """
        if not text.strip():
            raise ParameterError("there are no lyrics to align: the text is empty")
        if (n_bytes := len(text.encode())) > MAX_TEXT_BYTES:
            raise ParameterError(f"lyrics of {n_bytes:,} bytes are too long: {MAX_TEXT_BYTES:,} are allowed")
        return self._put(song, order or TranscriptionOrder(), text)

    def job(self, song: Path) -> TranscriptionJob | None:
        """What is known of a song; never waits. The same object as before when nothing is new."""
        return self._jobs.get(song)

    def jobs(self) -> tuple[TranscriptionJob, ...]:
        """What is known of all songs, in the order in which they were asked for."""
        return tuple(self._jobs.copy().values())

    def cancel(self, song: Path) -> None:
        """Stop or never begin a song; what is heard of it stays and is gone on with later."""
        with self._lock:
            self._line = [wish for wish in self._line if wish.song != song]
            job = self._jobs.get(song)
            if job is not None and not job.state.is_over:
                self._jobs[song] = replace(job, state=JobState.CANCELLED)
            wish = self._in_work
            if wish is not None and wish.song == song and self._channel is not None:
                self._channel.requests.send(json.dumps({"cancel": wish.number}).encode())

    def set_playhead(self, song_s: float) -> None:
        """Tell where the listener is in the song in work: that window goes next.

        Parameters
        ----------
        song_s : float
        """
        self._playhead_ms = round(song_s * 1000.0)
        channel = self._channel
        if channel is not None:
            channel.playhead.publish(np.array([self._playhead_ms], np.int64))

    def close(self) -> None:
        """End the worker and wait for the thread; what is heard stays. Safe to call twice."""
        self._closed = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._process.close()
        self._channel = None
        if self._block is not None:
            self._block.close()
            self._block.unlink()
            self._block = None

    def _put(self, song: Path, order: TranscriptionOrder, text: str | None) -> TranscriptionJob:
        with self._lock:
            job = self._jobs.get(song)
            if job is not None and not job.state.is_over and text is None:
                return job
            self._line = [wish for wish in self._line if wish.song != song]
            self._numbers += 1
            self._line.append(_Wish(self._numbers, song, order, text))
            job = TranscriptionJob(song, model=order.model, language=order.language)
            self._jobs.pop(song, None)
            self._jobs[song] = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="transcription", daemon=True)
                self._thread.start()
        self._woken.set()
        return job

    def _run(self) -> None:
        """The service's own thread."""
        while not self._closed:
            self._look()
            busy = self._in_work is not None or self._line
            self._woken.wait(LOOK_S if busy else None)
            self._woken.clear()

    def _look(self) -> None:
        """One look at the worker: news, its death, the next song."""
        with self._lock:
            while self._channel is not None and (message := self._channel.events.receive()) is not None:
                self._take(json.loads(message))
            if (exit_code := self._process.look()) is not None:
                self._revive(exit_code)
            if self._in_work is None and self._line:
                self._in_work = self._line.pop(0)
                if self._process.pid is None:
                    # Also after it was given up: a new wish is a new chance.
                    self._process.forgive()
                    self._start_worker()
                else:
                    self._send()

    def _start_worker(self) -> None:
        if self._block is None:
            self._block = shared_memory.SharedMemory(create=True, size=Channel.n_bytes())
        self._channel = Channel(self._block, fresh=True)
        self._channel.playhead.publish(np.array([self._playhead_ms], np.int64))
        self._process.start(self._block.name, str(self._home.root), self._budget_bytes)
        self._send()

    def _send(self) -> None:
        if self._channel is not None and self._in_work is not None:
            self._channel.requests.send(self._in_work.request())

    def _revive(self, exit_code: int) -> None:
        """The worker died: start it again, and with it the song in work."""
        if self._process.is_worth_a_start():
            wish = self._in_work
            job = None if wish is None else self._jobs.get(wish.song)
            if wish is not None and (job is None or job.state is JobState.CANCELLED):
                self._in_work = None
            self._start_worker()
            return
        self._over(
            JobState.FAILED,
            message=f"transcription failed {MAX_DEATHS} times in a minute (exit code {exit_code}): choose "
            "a smaller model, or see 'charon doctor'",
        )

    def _take(self, event: dict[str, Any]) -> None:
        """News of the worker."""
        wish = self._in_work
        if wish is None or event.get("job") != wish.number:
            return
        job = self._jobs.get(wish.song)
        takers: dict[str, Callable[[dict[str, Any]], None]] = {
            "done": self._done,
            "failed": lambda news: self._over(JobState.FAILED, message=str(news["message"])),
            "cancelled": lambda _news: self._over(JobState.CANCELLED),
        }
        if event["event"] in takers:
            takers[event["event"]](event)
        elif job is None or job.state.is_over:
            return
        elif event["event"] == "heard":
            found = {*job.segments, *(segment_from_dict(values) for values in event["segments"])}
            self._jobs[wish.song] = replace(job, segments=tuple(sorted(found, key=_begins)))
        elif event["event"] == "progress":
            self._jobs[wish.song] = replace(
                job,
                state=_STATES[event["what"]],
                part=float(event["part"]),
                speed=event["speed"],
                language=event["language"] or job.language,
                ran_on=event["ran_on"],
            )

    def _done(self, event: dict[str, Any]) -> None:
        wish = self._in_work
        assert wish is not None  # noqa: S101  it was this one's news
        try:
            lyrics = self._written(wish.song, Path(event["folder"]), str(event["key"]))
        except CharonError as err:
            self._over(JobState.FAILED, message=" ".join(str(err).split()))
            return
        self._over(
            JobState.READY,
            part=1.0,
            lyrics=lyrics,
            segments=lyrics.segments,
            language=lyrics.language,
            ran_on=str(event["ran_on"]),
            warnings=tuple(str(text) for text in event["warnings"]),
        )

    def _written(self, song: Path, folder: Path, key: str) -> Lyrics:
        """What the worker put on the disk: a transcript, or aligned lyrics."""
        if key:
            return read_transcript(folder, key).lyrics
        lyrics = LyricsStore(self._home).read(song)
        return lyrics if lyrics is not None else Lyrics((), "")

    def _over(self, state: JobState, **values: Any) -> None:
        """The song in work is over; a cancelled one stays so whatever comes late."""
        wish, self._in_work = self._in_work, None
        job = None if wish is None else self._jobs.get(wish.song)
        if wish is None or job is None or any(other.song == wish.song for other in self._line):
            return
        if job.state is not JobState.CANCELLED:
            self._jobs[wish.song] = replace(job, state=state, **values)


def _begins(segment: Segment) -> float:
    return segment.start_s
