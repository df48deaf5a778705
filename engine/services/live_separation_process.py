"""The worker of a live separation: what the device hears, block by block, into stems.

A process of its own. It reads the source ring that the callback fills, and writes the stems of frame k to
the place of frame k in the return ring; the host's feeder (`engine/realtime/live_feed.py`) takes them from
there. Frames have numbers, so nothing has to wait for anything: what is late is simply not there.
"""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import shared_memory
from pathlib import Path
from typing import cast

import numpy as np

from engine.errors import CharonError
from engine.inference.cards import ModelCard
from engine.inference.live_spleeter import BLOCK_FRAMES, LIVE_MODES, LiveMode, LiveSpleeter
from engine.inference.live_splitter import EXTRA_FRAMES, LiveSplitter
from engine.inference.model_store import ModelStore
from engine.io.home import Home
from engine.realtime.source import SOURCE_FRAMES
from engine.services.priority import go_first
from engine.services.spawned import end_with_parent
from engine.stream.atomics import load_acquire, store_release
from engine.stream.message_ring import MessageRing
from engine.stream.resampler import Resampler
from engine.stream.ring import HEAD, Ring
from engine.units import F32, I64, U8

EVENT_BYTES = 4096
NEVER = 1 << 62
SLEEP_S = 0.001
WARM_BLOCKS = 12
_CELL_BYTES = 64
_MASK = SOURCE_FRAMES - 1
_LOST_FRAMES = SOURCE_FRAMES // 2
"""A worker this far behind would read what is being written over."""


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """What a worker is started for.

    Parameters
    ----------
    block_name : str
        Shared memory, see `LiveBlock`.
    home_root : str
    model : str
    mode : str
        A name of `LIVE_MODES`.
    provider : str or None
    rate_hz : int
        Of the device.
    n_stems : int
    """

    block_name: str
    home_root: str
    model: str
    mode: str
    provider: str | None
    rate_hz: int
    n_stems: int


class LiveBlock:
    """The shared memory of a live separation, as both sides see it.

    Parameters
    ----------
    block : SharedMemory
        At least `n_bytes(n_stems)` long.
    n_stems : int
    fresh : bool
        True for the side that makes it.

    Attributes
    ----------
    source : Ring of width 2
        Written by the callback, never waiting.
    stems : Ring of width 2 * n_stems
        Frame k of the source at the place of frame k; HEAD is the frame after the newest.
    valid : int64 array, shape (1,)
        From which frame on `stems` holds anything.
    worked : int64 array, shape (2,)
        Nanoseconds that the worker has been busy since its start, and the frames it took meanwhile.
    events : MessageRing
    """

    def __init__(self, block: shared_memory.SharedMemory, n_stems: int, fresh: bool) -> None:
        memory: U8 = np.frombuffer(cast("memoryview", block.buf), np.uint8)
        a = Ring.n_bytes(SOURCE_FRAMES, 2)
        b = a + Ring.n_bytes(SOURCE_FRAMES, 2 * n_stems)
        self.source = Ring(SOURCE_FRAMES, 2, buffer=memory[:a], fresh=fresh)
        self.stems = Ring(SOURCE_FRAMES, 2 * n_stems, buffer=memory[a:b], fresh=fresh)
        cells: I64 = memory[b : b + _CELL_BYTES].view(np.int64)
        self.valid, self.worked = cells[:1], cells[1:3]
        events = memory[b + _CELL_BYTES : b + _CELL_BYTES + MessageRing.n_bytes(EVENT_BYTES)]
        self.events = MessageRing(EVENT_BYTES, events, fresh)
        if fresh:
            store_release(self.valid, 0, NEVER)

    @staticmethod
    def n_bytes(n_stems: int) -> int:
        """Size of the block."""
        rings = Ring.n_bytes(SOURCE_FRAMES, 2) + Ring.n_bytes(SOURCE_FRAMES, 2 * n_stems)
        return rings + _CELL_BYTES + MessageRing.n_bytes(EVENT_BYTES)


class StreamSeparator:
    """A live model at the device's rate.

    Parameters
    ----------
    model : LiveSpleeter
    rate_hz : int
        Of the device.

    Attributes
    ----------
    residual : int
        Which stem is not given.
    delay_frames : int
        Frames by which a stem frame comes after its source frame, blocks that have to be full not counted.

    Notes
    -----
    Only wanted stems are taken through the resamplers; the residual is what they leave of the source, so
    that they sum to it exactly. That needs the delay to be whole at both rates: a few zeros at the
    model's rate see to it (at most 3.3 ms between 48 and 44.1 kHz).
    """

    def __init__(self, model: LiveSpleeter, rate_hz: int) -> None:
        self._model = model
        self.residual = model.stems.index(model.residual_stem)
        self._wanted = [k for k, stem in enumerate(model.stems) if stem != model.residual_stem]
        self._resamplers = _make_resamplers(model.rate_hz, rate_hz, len(self._wanted))
        self._zeros, self.delay_frames = _align(
            self._resamplers, model.rate_hz, rate_hz, model.latency_frames
        )
        self._out = np.zeros((len(model.stems), 2, BLOCK_FRAMES), np.float32)
        self._waiting = np.zeros((2, self._zeros), np.float32)

    def process(self, frames: F32) -> F32:
        """Take the next source frames and give the wanted stems of those that are complete.

        Parameters
        ----------
        frames : float32 array, shape (n, 2)

        Returns
        -------
        float32 array, shape (m, 2 * wanted stems)
            As many in all as went in, less what waits in blocks.
        """
        heard = np.ascontiguousarray(frames.T)
        if self._resamplers:
            heard = self._resamplers[0].process(heard)
        heard = np.concatenate([self._waiting, heard], axis=1)
        n_blocks = heard.shape[1] // BLOCK_FRAMES
        wanted = np.empty((2 * len(self._wanted), n_blocks * BLOCK_FRAMES), np.float32)
        for start in range(0, wanted.shape[1], BLOCK_FRAMES):
            self._model.process(np.ascontiguousarray(heard[:, start : start + BLOCK_FRAMES]), self._out)
            found = self._out[self._wanted].reshape(len(wanted), BLOCK_FRAMES)
            wanted[:, start : start + BLOCK_FRAMES] = found
        self._waiting = heard[:, wanted.shape[1] :].copy()
        if self._resamplers:
            wanted = self._resamplers[1].process(wanted)
        return wanted.T

    def reset(self) -> None:
        """Forget everything that was heard."""
        self._model.reset()
        self._waiting = np.zeros((2, self._zeros), np.float32)
        for resampler in self._resamplers:
            resampler.reset()


def _make_resamplers(model_hz: int, rate_hz: int, n_wanted: int) -> tuple[Resampler, ...]:
    """There, and back for each wanted stem; none where the rates are the same."""
    if model_hz == rate_hz:
        return ()
    return Resampler(2, rate_hz, model_hz, "fast"), Resampler(2 * n_wanted, model_hz, rate_hz, "fast")


def _align(
    resamplers: tuple[Resampler, ...], model_hz: int, rate_hz: int, latency_frames: int
) -> tuple[int, int]:
    """Zeros to put before the model's input, and the whole delay in frames of the device."""
    own = latency_frames - BLOCK_FRAMES
    if not resamplers:
        return 0, own
    common = math.gcd(model_hz, rate_hz)
    late = resamplers[0].latency_frames + own
    zeros = -late % (model_hz // common)
    return zeros, (late + zeros) * rate_hz // model_hz + resamplers[1].latency_frames


def model_latency_frames(card: ModelCard, mode: LiveMode) -> int:
    """Frames of the model's rate that its stems come late, as `LiveSpleeter.latency_frames`."""
    return mode.latency_frames + (EXTRA_FRAMES if card.architecture == "splitter" else 0)


def stream_delay_frames(latency_frames: int, model_hz: int, rate_hz: int) -> int:
    """Frames of the device from a source frame's arrival to its stems, the time to compute not counted.

    Parameters
    ----------
    latency_frames : int
        See `model_latency_frames`.
    model_hz, rate_hz : int
        Rates of the model and of the device.
    """
    _, delay = _align(_make_resamplers(model_hz, rate_hz, 1), model_hz, rate_hz, latency_frames)
    return delay + -(-BLOCK_FRAMES * rate_hz // model_hz)


class _Reader:
    """The worker's place in the source, and its answers."""

    def __init__(self, block: LiveBlock, stream: StreamSeparator) -> None:
        self._block = block
        self._stream = stream
        self._heard = 0
        self._answered = 0
        self._skip = 0
        self._block.worked[:] = 0

    def join(self) -> None:
        """Begin, or begin again, with the next frame that comes in."""
        self._stream.reset()
        # In this order: the feeder must never take an old frame for an answer.
        store_release(self._block.valid, 0, NEVER)
        now = int(load_acquire(self._block.source.header, HEAD))
        self._heard = self._answered = now
        self._skip = self._stream.delay_frames
        store_release(self._block.stems.header, HEAD, now)
        store_release(self._block.valid, 0, now)

    def work(self) -> bool:
        """Take what has come in; False when there was nothing."""
        n = int(load_acquire(self._block.source.header, HEAD)) - self._heard
        if n > _LOST_FRAMES:
            self.join()
            return True
        if n == 0:
            return False
        began_ns = time.monotonic_ns()
        wanted = self._stream.process(self._source(self._heard, n))
        self._heard += n
        dropped = min(self._skip, len(wanted))
        self._skip -= dropped
        self._answer(wanted[dropped:])
        self._block.worked += (time.monotonic_ns() - began_ns, n)
        return True

    def _source(self, first: int, n: int) -> F32:
        return self._block.source.data[(first + np.arange(n)) & _MASK]

    def _answer(self, wanted: F32) -> None:
        n = len(wanted)
        if n == 0:
            return
        rest = self._source(self._answered, n) - wanted.reshape(n, -1, 2).sum(axis=1)
        stems = np.insert(wanted, [2 * self._stream.residual], rest, axis=1)
        self._block.stems.data[(self._answered + np.arange(n)) & _MASK] = stems
        self._answered += n
        store_release(self._block.stems.header, HEAD, self._answered)


def open_live_model(
    card: ModelCard, files: Mapping[str, Path], mode: LiveMode, provider: str | None = None
) -> LiveSpleeter:
    """Load what separates a stream.

    Parameters
    ----------
    card : ModelCard
        Of a Spleeter or of a splitter behind one.
    files : dict of str to Path
        As `ModelStore.files` gives them.
    mode : LiveMode
    provider : str or None
    """
    if card.architecture == "splitter":
        return LiveSplitter(card, files, mode, provider)
    return LiveSpleeter(card, [files[file.name] for file in card.files], mode, provider)


def live_separation_main(request: LiveRequest) -> None:
    """What the worker process runs.

    Parameters
    ----------
    request : LiveRequest
    """
    end_with_parent()
    go_first()
    memory = shared_memory.SharedMemory(request.block_name)
    block = LiveBlock(memory, request.n_stems, fresh=False)
    home = Home(Path(request.home_root))
    models = ModelStore(home.models, home.cards)
    card, mode = models.card(request.model), LIVE_MODES[request.mode]
    try:
        files = models.files(request.model)
        model = open_live_model(card, files, mode, request.provider)
        silence = np.zeros((2, BLOCK_FRAMES), np.float32)
        out = np.zeros((len(card.stems), 2, BLOCK_FRAMES), np.float32)
        for _ in range(WARM_BLOCKS):
            model.process(silence, out)
        reader = _Reader(block, StreamSeparator(model, request.rate_hz))
        reader.join()
        block.events.send(json.dumps({"event": "ready", "provider": model.provider}).encode())
        while True:
            if not reader.work():
                time.sleep(SLEEP_S)
    except CharonError as err:
        block.events.send(json.dumps({"event": "failed", "message": str(err)}).encode())
