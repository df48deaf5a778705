"""The host's side of the separation worker: a spawned process, so that a model's crash is not the music's.

It starts the process, sends it songs and the play-head, fetches its events, and starts it again when
it dies; a song in work is resumed from what the stem store already holds.
"""

import json
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import numpy as np

from engine.io.home import Home
from engine.io.stem_store import DEFAULT_LIMIT_BYTES
from engine.services.spawned import MAX_DEATHS, Spawned
from engine.services.worker_channel import Channel
from engine.services.worker_process import worker_main


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
    stems_limit_bytes : int
        Disk space for the stems of all songs, from the next song on.
    """

    def __init__(self, home: Home, model: str, provider: str | None = None) -> None:
        self.stems_limit_bytes = DEFAULT_LIMIT_BYTES
        self.model = model
        self._home = home
        self._provider = provider
        self._job = 0
        self._request: dict[str, Any] | None = None
        self._block = shared_memory.SharedMemory(create=True, size=Channel.n_bytes())
        self._channel: Channel | None = Channel(self._block, fresh=True)
        self._process = Spawned(worker_main, "charon-separation")
        self._playhead = np.zeros(1, np.int64)

    @property
    def pid(self) -> int | None:
        """Process id, or None when it is not running."""
        return self._process.pid

    @property
    def restarts(self) -> int:
        """How often the process had to be started again."""
        return self._process.restarts

    def start(self) -> None:
        """Start the process; it announces itself with a "ready" event."""
        self._channel = Channel(self._block, fresh=True)
        self._channel.playhead.publish(self._playhead)
        self._process.start(self._block.name, str(self._home.root), self.model, self._provider)
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
        if self._process.pid is None:
            # Given up after too many deaths.
            self._process.forgive()
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
            limit_bytes = self.stems_limit_bytes
            request = {"job": self._job, "model": self.model, "limit_bytes": limit_bytes, **self._request}
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
        if (exit_code := self._process.look()) is not None:
            events.append(self._revive(exit_code))
        return [e for e in events if e.get("job", self._job) == self._job]

    def _revive(self, exit_code: int) -> dict[str, Any]:
        if not self._process.is_worth_a_start():
            return {
                "event": "lost",
                "message": f"separation failed {MAX_DEATHS} times in a minute (exit code {exit_code}): "
                "the original plays on; choose another model, or see 'charon doctor'",
            }
        self.start()
        return {
            "event": "restarted",
            "message": f"separation stopped (exit code {exit_code}) and was started again",
        }

    def close(self) -> None:
        """End the process and free the shared block."""
        self._process.close()
        # The arrays over the block must be gone before it can be unmapped.
        self._channel = None
        self._block.close()
        self._block.unlink()
