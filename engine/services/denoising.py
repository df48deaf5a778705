"""The voice without the noise around it: a denoiser in a process of its own, beside one mic.

The host's side: it makes the shared memory, starts the process, hangs it into the mic's path and starts it
again when it dies. Meanwhile the callback plays the bare voice at the same delay, so nobody waits here for
a network. Used from the thread that looks after the mic.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import shared_memory
from typing import cast

from engine.errors import ModelError
from engine.inference.cards import ModelCard
from engine.inference.denoise import denoiser_delay_frames
from engine.inference.model_store import ModelStore
from engine.io.home import Home
from engine.services.denoise_process import (
    EVENT_BYTES,
    DenoiseRequest,
    denoise_main,
    voice_latency_frames,
)
from engine.services.spawned import MAX_DEATHS, Spawned
from engine.stream.insert import Insert
from engine.stream.message_ring import MessageRing

SLACK_S = 0.012
"""Time for a hop's network, for the worker to wake up, and for a device buffer that comes late. Measured
with a sort in every core: 8 ms lets one frame in a thousand come too late, 12 ms none."""


@dataclass(frozen=True, slots=True)
class DenoiseState:
    """How the denoiser of a mic is.

    Parameters
    ----------
    model : str
    ready : bool
        It treats the voice; before, the voice is heard as it is.
    restarts : int
    """

    model: str
    ready: bool
    restarts: int


class Denoising:
    """A denoiser on a mic.

    Parameters
    ----------
    home : Home
        Where models lie.
    model : str
        Card of the task "denoise".
    attach : callable
        Hangs an insert into the mic's path, or None: `LiveMic.attach_insert`.
    rate_hz : int
        Of the mic's device; a device with another rate needs a new object.

    Raises
    ------
    ModelMissing, ModelError
        The model is not here, or does something else; nothing was started.

    Notes
    -----
    The insert is on at once, so that the voice's delay does not change when the network is ready, half a
    second later.
    """

    def __init__(self, home: Home, model: str, attach: Callable[[Insert | None], None], rate_hz: int) -> None:
        self._card = self.check(home, model)
        self._attach = attach
        self._latency_frames = insert_latency_frames(self._card, rate_hz)
        self._ready = False
        n_insert = Insert.n_bytes()
        n_bytes = n_insert + MessageRing.n_bytes(EVENT_BYTES)
        self._block = shared_memory.SharedMemory(create=True, size=n_bytes)
        memory = cast("memoryview", self._block.buf)
        self._insert: Insert | None = Insert(self._latency_frames, memory[:n_insert])
        self._events: MessageRing | None = MessageRing(EVENT_BYTES, memory[n_insert:n_bytes])
        self._process = Spawned(denoise_main, "charon-denoise")
        self._request = DenoiseRequest(self._block.name, str(home.root), model, rate_hz, self._latency_frames)
        attach(self._insert)
        self._process.start(self._request)

    @staticmethod
    def check(home: Home, model: str) -> ModelCard:
        """Card of a denoiser that is here; raises ModelMissing or ModelError otherwise."""
        models = ModelStore(home.models, home.cards)
        models.files(model, "denoise")
        return models.card(model)

    @property
    def latency_frames(self) -> int:
        """Frames at the device's rate by which the voice is later."""
        return self._latency_frames

    @property
    def pid(self) -> int | None:
        """Process id of the worker."""
        return self._process.pid

    @property
    def state(self) -> DenoiseState:
        """How it is now."""
        return DenoiseState(self._card.name, self._ready, self._process.restarts)

    def poll(self) -> list[str]:
        """Look after the process; some ten times a second.

        Returns
        -------
        list of str
            What the user should know, a line each.

        Raises
        ------
        ModelError
            The model cannot be used: close this object.
        """
        notices: list[str] = []
        while self._events is not None and (message := self._events.receive()) is not None:
            event = json.loads(message)
            if event["event"] == "failed":
                raise ModelError(str(event["message"]))
            self._ready = True
        exit_code = self._process.look()
        if exit_code is not None:
            self._ready = False
            if not self._process.is_worth_a_start():
                raise ModelError(
                    f"{self._card.name} ended {MAX_DEATHS} times in a minute (exit code {exit_code}): "
                    "the voice goes on without it; choose another denoiser"
                )
            notices.append(f"{self._card.name} stopped (exit code {exit_code}) and was started again")
            self._process.start(self._request)
        return notices

    def close(self) -> None:
        """Take the denoiser out of the voice's path and end its process; safe to call twice."""
        if self._insert is None:
            return
        self._attach(None)
        self._process.close()
        # The mic keeps what it let go of, because a block may still run on it, until the next change.
        self._attach(None)
        self._insert = self._events = None
        self._block.close()
        self._block.unlink()


def insert_latency_frames(card: ModelCard, rate_hz: int) -> int:
    """What a denoiser's insert must wait: a hop, the network's own delay, resampling, and slack.

    Parameters
    ----------
    card : ModelCard
        Of the task "denoise".
    rate_hz : int
        Of the device.

    Returns
    -------
    int
        Frames at the device's rate.
    """
    hop = -(-card.segment.window_frames * rate_hz // card.rate_hz)
    delay = voice_latency_frames(denoiser_delay_frames(card), card.rate_hz, rate_hz)
    return hop + delay + round(SLACK_S * rate_hz)
