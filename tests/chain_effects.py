"""Effects whose behaviour is known by heart, for tests of the chain itself."""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import pytest

from engine.kernels.jit import kernel
from engine.realtime.effects import catalogue
from engine.realtime.effects.chain import run_chain
from engine.realtime.effects.chain_memory import ChainMemory
from engine.realtime.effects.kind import N_READOUTS, EffectKind, Parameter
from engine.units import F32, F64

LATE_FRAMES = 37


@kernel
def process_gain(audio: F32, _rate_hz: float, params: F64, _state: F64, _memory: F32) -> None:
    """Multiply, at once."""
    for channel in range(2):
        for i in range(audio.shape[1]):
            audio[channel, i] *= np.float32(params[0])


@kernel
def process_late(audio: F32, _rate_hz: float, _params: F64, state: F64, memory: F32) -> None:
    """Delay by LATE_FRAMES and turn the sign."""
    at = int(state[3])
    for i in range(audio.shape[1]):
        for channel in range(2):
            late = memory[channel * LATE_FRAMES + at]
            memory[channel * LATE_FRAMES + at] = audio[channel, i]
            audio[channel, i] = -late
        at = (at + 1) % LATE_FRAMES
    state[3] = at
    state[0] = 6.0
    state[1] = 440.0


@kernel
def process_sum(audio: F32, _rate_hz: float, _params: F64, state: F64, _memory: F32) -> None:
    """A running sum that leaks: depends on all that ever came in."""
    for channel in range(2):
        total = state[3 + channel]
        for i in range(audio.shape[1]):
            total = 0.99 * total + 0.1 * audio[channel, i]
            audio[channel, i] = np.float32(total)
        state[3 + channel] = total


@kernel
def process_bomb(audio: F32, _rate_hz: float, params: F64, state: F64, memory: F32) -> None:
    """Twice as loud until it is armed; then it poisons its state and its memory, and stays broken."""
    if params[0] != 0.0:
        state[3] = params[0]
        state[0] = np.inf
        memory[:] = np.float32(np.nan)
    if state[3] == 1.0:
        audio[1, audio.shape[1] // 2 :] = np.float32(np.nan)
    elif state[3] == 2.0:
        audio[:] = np.float32(-np.inf)
    elif state[3] == 3.0:
        audio[0, 0] = np.float32(-1e20)
    else:
        for channel in range(2):
            for i in range(audio.shape[1]):
                audio[channel, i] = np.float32(2.0) * audio[channel, i] + memory[i]


def _no_preparation(_rate_hz: float, _state: F64, _memory: F32) -> None:
    pass


def _prepare_sum(_rate_hz: float, state: F64, _memory: F32) -> None:
    state[3:] = 0.5


def _kind(name, process, *, params=(), n_memory=0, latency=0, prepare=_no_preparation, readouts=()):
    return EffectKind(
        name=name,
        title=name.title(),
        parameters=params,
        n_state=lambda _rate_hz: N_READOUTS + 2,
        n_memory=lambda _rate_hz: n_memory,
        latency_frames=lambda _rate_hz: latency,
        prepare=prepare,
        process=process,
        readouts=readouts,
    )


GAIN = _kind("gain", process_gain, params=(Parameter("gain", 0.0, 4.0, 1.0, "linear", "Factor."),))
LATE = _kind(
    "late", process_late, n_memory=2 * LATE_FRAMES, latency=LATE_FRAMES, readouts=("detected_f0_hz",)
)
SUM = _kind("sum", process_sum, prepare=_prepare_sum)
BOMB = _kind(
    "bomb", process_bomb, params=(Parameter("arm", 0.0, 3.0, 0.0, "linear", "Explode."),), n_memory=100_000
)
TEST_KINDS = {kind.name: kind for kind in (GAIN, LATE, SUM, BOMB)}


def use_test_effects(patch: pytest.MonkeyPatch) -> None:
    """Put them beside the real ones."""
    patch.setattr(catalogue, "KINDS", MappingProxyType({**catalogue.KINDS, **TEST_KINDS}))


def run(chain: ChainMemory, audio: np.ndarray, cuts: Sequence[int] = (128,)) -> np.ndarray:
    """What the chain makes of a copy of `audio`, cut into blocks of these sizes again and again."""
    parts = []
    at = 0
    while at < audio.shape[1]:
        for n in cuts:
            part = np.ascontiguousarray(audio[:, at : at + n], np.float32)
            if part.shape[1]:
                run_chain(chain.table, part)
                parts.append(part)
            at += n
    return np.concatenate(parts, axis=1)
