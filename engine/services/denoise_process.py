"""The denoising worker itself: fetches the voice that the callback sent, and gives it back without the noise.

A process of its own, with its own GIL, because a network and its library may be late or crash, and the
voice may not. It sleeps between hops; what it needs to know comes with its start.
"""

import json
import time
from dataclasses import dataclass
from multiprocessing import shared_memory
from pathlib import Path

import numpy as np

from engine.errors import CharonError
from engine.inference.denoise import Denoiser, load_denoiser
from engine.inference.model_store import ModelStore
from engine.io.home import Home
from engine.services.priority import go_first
from engine.services.spawned import end_with_parent
from engine.stream.insert import Insert
from engine.stream.message_ring import MessageRing
from engine.stream.resampler import Resampler
from engine.units import F32

EVENT_BYTES = 4096
LEAST_SLEEP_S = 0.0005
WARM_HOPS = 30
"""A network's first calls allocate and are ten times as slow; they are made on silence."""


@dataclass(frozen=True, slots=True)
class DenoiseRequest:
    """What a worker is started for.

    Parameters
    ----------
    block_name : str
        Shared memory: an `Insert`, then a ring of events.
    home_root : str
    model : str
        Card of the task "denoise".
    rate_hz : int
        Of the device.
    latency_frames : int
        Of the insert.
    """

    block_name: str
    home_root: str
    model: str
    rate_hz: int
    latency_frames: int


class VoiceDenoiser:
    """A denoiser at the device's rate, for blocks of any size.

    Parameters
    ----------
    denoiser : Denoiser
    rate_hz : int
        Of what goes in and comes out.

    Attributes
    ----------
    latency_frames : int
        Output frame k is input frame k - latency_frames; hops that have to be full are not counted,
        because a frame that comes too late in `process` comes with the next call.

    Notes
    -----
    Stereo goes in and the mean of both sides comes out on both: a voice is one.
    """

    def __init__(self, denoiser: Denoiser, rate_hz: int) -> None:
        self._denoiser = denoiser
        self._resamplers = _make_resamplers(denoiser.rate_hz, rate_hz)
        self.latency_frames = voice_latency_frames(denoiser.latency_frames, denoiser.rate_hz, rate_hz)
        self._waiting = np.zeros(0, np.float32)

    def process(self, frames: F32) -> F32:
        """Take the next frames and give back what they complete.

        Parameters
        ----------
        frames : float32 array, shape (n, 2)

        Returns
        -------
        float32 array, shape (m, 2)
        """
        voice = frames.mean(axis=1)[np.newaxis]
        if self._resamplers:
            voice = self._resamplers[0].process(voice)
        hop = self._denoiser.hop_frames
        heard = np.concatenate([self._waiting, voice[0]])
        n_whole = len(heard) // hop * hop
        clean = np.empty((1, n_whole), np.float32)
        for start in range(0, n_whole, hop):
            self._denoiser.process(heard[start : start + hop], clean[0, start : start + hop])
        self._waiting = heard[n_whole:]
        if self._resamplers:
            clean = self._resamplers[1].process(clean)
        return np.repeat(clean.T, 2, axis=1)

    def reset(self) -> None:
        """Forget everything that was heard."""
        self._denoiser.reset()
        self._waiting = np.zeros(0, np.float32)
        for resampler in self._resamplers:
            resampler.reset()


def _make_resamplers(model_hz: int, rate_hz: int) -> tuple[Resampler, ...]:
    """There and back; none where the rates are the same."""
    if model_hz == rate_hz:
        return ()
    return Resampler(1, rate_hz, model_hz, "fast"), Resampler(1, model_hz, rate_hz, "fast")


def voice_latency_frames(delay_frames: int, model_hz: int, rate_hz: int) -> int:
    """Frames at the device's rate by which a voice comes back late, hops that have to be full not counted.

    Parameters
    ----------
    delay_frames : int
        Of the denoiser, at its own rate.
    model_hz, rate_hz : int
        Rates of the denoiser and of the device.
    """
    total = delay_frames * rate_hz / model_hz
    if resamplers := _make_resamplers(model_hz, rate_hz):
        total += resamplers[0].latency_frames * rate_hz / model_hz + resamplers[1].latency_frames
    return round(total)


def _serve(insert: Insert, voice: VoiceDenoiser, frames: F32, skip: int) -> None:
    """Answer what is sent until the process is ended; the first `skip` frames that come out are dropped."""
    while True:
        n = insert.fetch(frames)
        if n < 0:
            skip = _begin(insert, voice)
        elif n == 0:
            time.sleep(LEAST_SLEEP_S)
        else:
            clean = voice.process(frames[:n])
            dropped = min(skip, len(clean))
            skip -= dropped
            insert.answer(clean[dropped:])


def _begin(insert: Insert, voice: VoiceDenoiser) -> int:
    """Begin afresh; returns the frames of the model's own delay, which belong to no frame that was sent."""
    voice.reset()
    insert.join()
    return voice.latency_frames


def denoise_main(request: DenoiseRequest) -> None:
    """What the worker process runs.

    Parameters
    ----------
    request : DenoiseRequest
    """
    end_with_parent()
    go_first()
    block = shared_memory.SharedMemory(request.block_name)
    memory = block.buf
    assert memory is not None  # noqa: S101  it is open
    n_insert = Insert.n_bytes()
    events = MessageRing(EVENT_BYTES, memory[n_insert:], fresh=False)
    insert = Insert(request.latency_frames, memory[:n_insert], fresh=False)
    home = Home(Path(request.home_root))
    try:
        models = ModelStore(home.models, home.cards)
        denoiser = load_denoiser(models.card(request.model), models.files(request.model, "denoise"))
    except CharonError as err:
        events.send(json.dumps({"event": "failed", "message": str(err)}).encode())
        return
    voice = VoiceDenoiser(denoiser, request.rate_hz)
    silence = np.zeros((request.rate_hz // 100, 2), np.float32)
    for _ in range(WARM_HOPS):
        voice.process(silence)
    skip = _begin(insert, voice)
    events.send(json.dumps({"event": "ready"}).encode())
    _serve(insert, voice, np.zeros((request.rate_hz // 10, 2), np.float32), skip)
