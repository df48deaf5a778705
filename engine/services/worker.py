"""The separation worker: a spawned process of its own, so that a model's crash is not the music's.

Two sides live here. `SeparationWorker` belongs to the host: it starts the process, sends it songs and the
play-head, fetches its events, and starts it again when it dies; a song in work is resumed from what
the stem store already holds. `worker_main` is the process: it decodes, separates and writes the stem
store, nearest the play-head first.

Between them lies one block of shared memory with two message rings and a play-head mailbox; sound
itself goes through the stem store. No lock is shared, so a killed worker can never hold one.
"""

import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any, cast

import numpy as np

from engine.errors import CharonError
from engine.io.home import Home
from engine.stream.latest import Latest
from engine.stream.message_ring import MessageRing

_log = logging.getLogger(__name__)

REQUEST_BYTES = 65_536
"""Requests carry a path: 64 KiB hold some dozens of the longest ones."""
EVENT_BYTES = 262_144
"""A progress event is about 100 bytes and is fetched at 50 Hz; 256 KiB hold those of a whole album."""
MAX_DEATHS = 6
DEATH_WINDOW_S = 60.0
"""A worker that dies more often than this will not be helped by another start."""
IDLE_S = 0.01


class _Channel:
    """The shared block as both sides see it."""

    def __init__(self, block: shared_memory.SharedMemory, fresh: bool) -> None:
        memory = cast("memoryview", block.buf)
        a = MessageRing.n_bytes(REQUEST_BYTES)
        b = a + MessageRing.n_bytes(EVENT_BYTES)
        self.requests = MessageRing(REQUEST_BYTES, memory[:a], fresh)
        self.events = MessageRing(EVENT_BYTES, memory[a:b], fresh)
        self.playhead = Latest(1, np.int64, memory[b : b + Latest.n_bytes(1, np.int64)], fresh)

    @staticmethod
    def n_bytes() -> int:
        rings = MessageRing.n_bytes(REQUEST_BYTES) + MessageRing.n_bytes(EVENT_BYTES)
        return rings + Latest.n_bytes(1, np.int64)


class SeparationWorker:
    """Host side of the worker process; used from one thread.

    Parameters
    ----------
    home : Home
        Where models and stems lie.
    model : str
        Name of the model's card.
    provider : str or None
        Execution provider, or None for the best one here.

    Attributes
    ----------
    restarts : int
        How often the process had to be started again.
    """

    def __init__(self, home: Home, model: str, provider: str | None = None) -> None:
        self.restarts = 0
        self.model = model
        self._home = home
        self._provider = provider
        self._job = 0
        self._request: dict[str, Any] | None = None
        self._deaths_s: list[float] = []
        self._block = shared_memory.SharedMemory(create=True, size=_Channel.n_bytes())
        self._channel: _Channel | None = _Channel(self._block, fresh=True)
        self._process: Any = None
        self._playhead = np.zeros(1, np.int64)

    @property
    def pid(self) -> int | None:
        """Process id, or None when it is not running."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process; it announces itself with a "ready" event."""
        self._channel = _Channel(self._block, fresh=True)
        self._channel.playhead.publish(self._playhead)
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(
            target=worker_main,
            args=(self._block.name, str(self._home.root), self.model, self._provider),
            name="charon-separation",
            daemon=True,
        )
        self._process.start()
        self._send()

    def separate(self, song: Path, *, only_decode: bool = False) -> None:
        """Replace whatever is in work by this song.

        Parameters
        ----------
        song : Path
        only_decode : bool
            Bring its original lane to the end and leave its stems alone.
        """
        self._request = {"song": str(song), "only_decode": only_decode}
        self._job += 1
        if self._process is None:
            # Given up after too many deaths: a new wish is a new chance.
            self._deaths_s.clear()
            self.start()
        else:
            self._send()

    def rest(self) -> None:
        """Give up what is in work; what is finished stays in the store."""
        self._request = {"song": None}
        self._job += 1
        self._send()

    def _send(self) -> None:
        if self._channel is not None and self._request is not None:
            request = {"job": self._job, "model": self.model, **self._request}
            self._channel.requests.send(json.dumps(request).encode())

    def set_playhead(self, song_frame: int) -> None:
        """Tell the worker where the listener is; read before every segment."""
        self._playhead[0] = song_frame
        if self._channel is not None:
            self._channel.playhead.publish(self._playhead)

    def poll(self) -> list[dict[str, Any]]:
        """Events since the last call; also notices a dead process and starts it again.

        Returns
        -------
        list of dict
            Each has "event": "ready", "store" (folder), "done" (provider, warnings), "failed" (message),
            "restarted" (message) or "lost" (message: it will not be started again by itself).
        """
        events: list[dict[str, Any]] = []
        channel = self._channel
        while channel is not None and (message := channel.events.receive()) is not None:
            events.append(json.loads(message))
        if self._process is not None and not self._process.is_alive():
            code = self._process.exitcode
            self._process = None
            events.append(self._revive(code))
        return [e for e in events if e.get("job", self._job) == self._job]

    def _revive(self, exit_code: int | None) -> dict[str, Any]:
        now_s = time.monotonic()
        self._deaths_s = [t for t in self._deaths_s if now_s - t < DEATH_WINDOW_S] + [now_s]
        if len(self._deaths_s) > MAX_DEATHS:
            return {
                "event": "lost",
                "message": f"separation failed {MAX_DEATHS} times in a minute (exit code {exit_code}): "
                "the original plays on; choose another model, or see 'charon doctor'",
            }
        self.restarts += 1
        self.start()
        return {
            "event": "restarted",
            "message": f"separation stopped (exit code {exit_code}) and was started again",
        }

    def close(self) -> None:
        """End the process and free the shared block."""
        if self._process is not None:
            self._process.terminate()
            self._process.join(2.0)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            self._process = None
        # The arrays over the block must be gone before it can be unmapped.
        self._channel = None
        self._block.close()
        self._block.unlink()


def _exit_with_parent() -> None:
    """End this process when the host is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(0)


class _Process:
    """The worker's side: fetches requests, runs one job at a time."""

    def __init__(self, channel: _Channel, home: Home, provider: str | None) -> None:
        self._channel = channel
        self._home = home
        self._provider = provider
        self._separators: dict[str, Any] = {}

    def playhead(self) -> int:
        """Song frame the listener is at."""
        newest = self._channel.playhead.read()
        return 0 if newest is None else int(newest[0])

    def say(self, event: str, **values: Any) -> None:
        """Send an event; when the host does not fetch them, it is dropped (state lies in the store)."""
        self._channel.events.send(json.dumps({"event": event, **values}).encode())

    def separator(self, model: str) -> Any:
        """The loaded model, kept between songs."""
        from engine.services.separation import Separator

        if model not in self._separators:
            for other in self._separators.values():
                other.close()
            self._separators.clear()
            self._separators[model] = Separator(
                model, home=self._home, profile="live", provider=self._provider
            )
        return self._separators[model]

    def run(self, model: str) -> None:
        """Serve requests until the host goes away."""
        try:
            self.separator(model).load()
        except CharonError as err:
            _log.warning("%s", err)
        self.say("ready")
        request: dict[str, Any] | None = None
        while True:
            request = request or self._next_request()
            if request is None:
                time.sleep(IDLE_S)
                continue
            request = self._serve(request)

    def _next_request(self) -> dict[str, Any] | None:
        newest: dict[str, Any] | None = None
        while (message := self._channel.requests.receive()) is not None:
            newest = json.loads(message)
        return newest

    def _serve(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Separate one song; returns the request that interrupted it, if any."""
        job = int(request["job"])
        if request["song"] is None:
            return None
        newer: list[dict[str, Any]] = []

        def interrupted() -> bool:
            request = None if newer else self._next_request()
            if request is not None:
                newer.append(request)
            return bool(newer)

        try:
            separation = self.separator(str(request["model"])).separate_file(Path(request["song"]))
            with separation:
                self.say("store", job=job, folder=str(separation.store.folder))
                if request["only_decode"]:
                    separation.decode(interrupted)
                else:
                    for _segment in separation.segments(self.playhead, interrupted):
                        pass
                if not newer:
                    warnings = separation.warnings
                    self.say("done", job=job, provider=separation.provider, warnings=warnings)
        except CharonError as err:
            self.say("failed", job=job, message=str(err))
        except MemoryError:
            self.say("failed", job=job, message="out of memory while separating: close other programs")
        return newer[0] if newer else None


def worker_main(block_name: str, home_root: str, model: str, provider: str | None) -> None:
    """Entry point of the worker process.

    Parameters
    ----------
    block_name : str
        Name of the shared memory block.
    home_root : str
        Root of the home folder.
    model : str
        Card to load at once.
    provider : str or None
        Execution provider wanted.
    """
    # Ctrl+C goes to the whole terminal group: the host decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, name="parent-watch", daemon=True).start()
    block = shared_memory.SharedMemory(block_name)
    _Process(_Channel(block, fresh=False), Home(Path(home_root)), provider).run(model)
