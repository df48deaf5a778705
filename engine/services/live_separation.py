"""Separating whatever comes in: two inputs of the device become stems in the mixer, a fixed time later.

The host's side of it: shared memory, the worker process, the feeder's thread. Nothing here touches sound;
the callback fills the source ring, the worker makes stems of it, the feeder brings both to the lane ring,
and the mixer mutes, solos and balances them like a song's. Used from the thread that looks after the mic.

A worker that is late or dead is heard as the input itself; see `engine/realtime/live_feed.py`.
"""

import json
import threading
from dataclasses import dataclass
from multiprocessing import shared_memory

import numpy as np

from engine.errors import ModelError, ParameterError
from engine.inference.cards import ModelCard
from engine.inference.live_spleeter import LIVE_MODES, LiveMode
from engine.inference.model_store import ModelStore
from engine.io.home import Home
from engine.realtime import layout as at
from engine.realtime import live_feed as feed
from engine.realtime.memory import EngineMemory
from engine.realtime.scope import Scope
from engine.services.live_separation_process import (
    LiveBlock,
    LiveRequest,
    live_separation_main,
    model_latency_frames,
    stream_delay_frames,
)
from engine.services.spawned import MAX_DEATHS, Spawned
from engine.stream.atomics import array_address, store_release
from engine.units import F64, I64

COMPUTE_S = 0.029
"""Time for a call of the networks (9 ms here, 17 on a bad day) and for the worker to wake up: with it the
tight mode is heard 200 ms late at most."""
LARGEST_BLOCK_FRAMES = 256
"""A device with larger blocks is heard as much later."""


@dataclass(frozen=True, slots=True)
class LiveState:
    """How a live separation is.

    Parameters
    ----------
    ready : bool
        The worker gives stems; before, the input is heard as it is.
    provider : str
        What runs the networks, once ready.
    latency_s : float
        From capture to the mixer, as measured; the wanted one until then.
    late_frames : int
        Frames whose stems came too late.
    realtime_factor : float
        Seconds that the worker is busy for a second of sound, since its start and as of the last `poll`.
    restarts : int
    """

    ready: bool
    provider: str
    latency_s: float
    late_frames: int
    realtime_factor: float
    restarts: int


class LiveSeparation:
    """Stems of an input.

    Parameters
    ----------
    memory : EngineMemory
        The engine; no song may be loaded in it, and its stream has the input.
    home : Home
        Where models lie.
    model : str or None
        A separating model that can run live; None is `ModelStore.default`.
    mode : str
        "tight" (as little delay as can be) or "clean".
    channel : int or None
        First, from 0, of the two input channels; None takes what the mic's path hears.
    apart : bool
        Listen to the input device of its own that feeds the engine's source bridge (`Capture`), whose
        channels were chosen there.
    provider : str or None
        Execution provider; None chooses.

    Attributes
    ----------
    stems : tuple of str
        In the order of the lanes behind the input itself.
    delay_frames : int
        From capture to the mixer, as wanted.
    scope : Scope
        A picture of the input and of every stem, as they go by.

    Raises
    ------
    ParameterError
        No such mode; the model cannot run live.
    ModelError
        The model is not here.
    """

    def __init__(
        self,
        memory: EngineMemory,
        home: Home,
        model: str | None = None,
        mode: str = "tight",
        *,
        channel: int | None = 0,
        apart: bool = False,
        provider: str | None = None,
    ) -> None:
        card = check_live(home, model, mode)
        self.stems = card.stems
        self._model = card.name
        self._memory = memory
        self.rate_hz = memory.rate_hz
        self._ready = False
        self._provider = ""
        self._realtime_factor = 0.0
        n = len(card.stems)
        self.delay_frames = live_delay_frames(card, LIVE_MODES[mode], memory.rate_hz)
        self._block = shared_memory.SharedMemory(create=True, size=LiveBlock.n_bytes(n))
        self._shared: LiveBlock | None = LiveBlock(self._block, n, fresh=True)
        self._state: F64 = np.zeros(feed.N_LIVE_STATE)
        self.scope = Scope(1 + n, memory.rate_hz)
        self._cells = self._make_cells(self._shared, card.stems.index(card.residual_stem))
        self._request = LiveRequest(
            self._block.name, str(home.root), card.name, mode, provider, memory.rate_hz, n
        )
        self._process = Spawned(live_separation_main, "charon-live")
        self._thread = threading.Thread(
            target=feed.run_live_feed, args=(self._cells, memory.table), name="live-feed", daemon=True
        )
        self._start(at.SOURCE_BRIDGE if apart else at.SOURCE_CHANNELS, channel)

    def _make_cells(self, shared: LiveBlock, residual: int) -> I64:
        cells: I64 = np.zeros(feed.N_LIVE, np.int64)
        values = {
            feed.L_N_STEMS: len(self.stems),
            feed.L_RESIDUAL: residual,
            feed.L_DELAY: self.delay_frames,
            feed.L_SOURCE_HEADER: array_address(shared.source.header),
            feed.L_SOURCE: array_address(shared.source.data),
            feed.L_RETURN_HEADER: array_address(shared.stems.header),
            feed.L_RETURN: array_address(shared.stems.data),
            feed.L_VALID: array_address(shared.valid),
            feed.L_STATE: array_address(self._state),
            feed.L_NEXT: -1,
            feed.L_SCOPE: array_address(self.scope.cells),
        }
        for cell, value in values.items():
            cells[cell] = value
        return cells

    def _start(self, kind: int, channel: int | None) -> None:
        memory, shared = self._memory, self._shared
        assert shared is not None  # noqa: S101  it was just made
        memory.reset_lanes()
        memory.set_n_lanes(1 + len(self.stems))
        memory.source.listen(shared.source, at.SOURCE_MIC if channel is None else kind, channel or 0)
        self._process.start(self._request)
        self._thread.start()
        memory.set_playing(True)

    @property
    def pid(self) -> int | None:
        """Process id of the worker."""
        return self._process.pid

    @property
    def state(self) -> LiveState:
        """How it is now; any thread may ask."""
        measured = int(self._cells[feed.L_MEASURED]) or self.delay_frames
        return LiveState(
            ready=self._ready,
            provider=self._provider,
            latency_s=measured / self._memory.rate_hz,
            late_frames=int(self._cells[feed.L_LATE]),
            realtime_factor=self._realtime_factor,
            restarts=self._process.restarts,
        )

    def row(self, stem: str) -> int:
        """Row of a stem in the mixer's parameters, see `EngineMemory.set_gain_db`."""
        if stem not in self.stems:
            raise ParameterError(f"there is no stem {stem!r} here; there are {', '.join(self.stems)}")
        return 1 + self.stems.index(stem)

    def poll(self) -> list[str]:
        """Look after the worker; some ten times a second.

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
        while self._shared is not None and (message := self._shared.events.receive()) is not None:
            event = json.loads(message)
            if event["event"] == "failed":
                raise ModelError(str(event["message"]))
            self._ready, self._provider = True, str(event["provider"])
        if self._shared is not None:
            busy_ns, frames = (int(cell) for cell in self._shared.worked)
            self._realtime_factor = 1e-9 * busy_ns * self._memory.rate_hz / max(1, frames)
        exit_code = self._process.look()
        if exit_code is not None and self._shared is not None:
            self._ready = False
            if not self._process.is_worth_a_start():
                raise ModelError(
                    f"{self._model} ended {MAX_DEATHS} times in a minute (exit code {exit_code}): the input "
                    "goes on as it is; see 'charon doctor'"
                )
            notices.append(f"separation stopped (exit code {exit_code}) and was started again")
            self._process.start(self._request)
        return notices

    def close(self) -> None:
        """Fade out and end worker and feeder; safe to call twice."""
        if self._shared is None:
            return
        self._memory.set_playing(False)
        store_release(self._cells, feed.L_STOP, 1)
        self._thread.join()
        self._memory.source.stop()
        self._process.close()  # takes longer than a block, in which the callback may still write
        self._shared = None
        self._block.close()
        self._block.unlink()


def check_live(home: Home, model: str | None, mode: str) -> ModelCard:
    """Refuse what cannot separate live, before anything is touched.

    Parameters
    ----------
    home : Home
        Where models lie.
    model, mode : str
        As for `LiveSeparation`.

    Raises
    ------
    ParameterError
        No such mode; the model cannot run live.
    ModelError
        The model is not here.
    """
    models = ModelStore(home.models, home.cards)
    card = models.card(model or models.default)
    models.files(card.name)
    if card.architecture not in ("spleeter", "splitter"):
        raise ParameterError(
            f"model {card.name!r} cannot separate live: choose charon-4stems or spleeter-2stems"
        )
    if mode not in LIVE_MODES:
        raise ParameterError(f"mode {mode!r} is neither {' nor '.join(map(repr, LIVE_MODES))}")
    return card


def live_delay_frames(card: ModelCard, mode: LiveMode, rate_hz: int) -> int:
    """Frames from capture to the mixer: the model's delay, its time to compute, and what the feeder is ahead.

    Parameters
    ----------
    card : ModelCard
    mode : LiveMode
    rate_hz : int
        Of the device.
    """
    ahead = feed.ENVELOPE_FRAMES + 2 * LARGEST_BLOCK_FRAMES + feed.SPARE_FRAMES
    own = stream_delay_frames(model_latency_frames(card, mode), card.rate_hz, rate_hz)
    return own + ahead + round(COMPUTE_S * rate_hz)
