"""The worker process itself: decodes, separates and writes the stem store, nearest the play-head first."""

import json
import logging
import time
from multiprocessing import shared_memory
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CharonError
from engine.io.home import Home
from engine.services.spawned import end_with_parent
from engine.services.worker_channel import Channel

if TYPE_CHECKING:
    from engine.services.separation import Separator

_log = logging.getLogger(__name__)

IDLE_S = 0.01


class _Process:
    """The worker's side: fetches requests, runs one job at a time."""

    def __init__(self, channel: Channel, home: Home, provider: str | None) -> None:
        self._channel = channel
        self._home = home
        self._provider = provider
        self._separators: dict[str, Separator] = {}

    def playhead(self) -> int:
        """Song frame the listener is at."""
        newest = self._channel.playhead.read()
        return 0 if newest is None else int(newest[0])

    def say(self, event: str, **values: Any) -> None:
        """Send an event; when the host does not fetch them, it is dropped (state lies in the store)."""
        self._channel.events.send(json.dumps({"event": event, **values}).encode())

    def separator(self, model: str) -> "Separator":
        """The loaded model, kept between songs."""
        # Not at the top: the host imports this room too, for its entry point, and needs none of that.
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
            separator = self.separator(str(request["model"]))
            separator.stems.limit_bytes = int(request["limit_bytes"])
            separation = separator.separate_file(Path(request["song"]))
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
    """What the worker process runs.

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
    end_with_parent()
    block = shared_memory.SharedMemory(block_name)
    _Process(Channel(block, fresh=False), Home(Path(home_root)), provider).run(model)
