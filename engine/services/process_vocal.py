"""A recorded voice through the mic chain: the live sound, without a device and as fast as it goes.

The kernels, the plan and the blocks are those of the device thread, so a preset tried on a file is the preset
heard live. Runs on the thread that calls; the work itself holds no GIL.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from engine.errors import ParameterError
from engine.realtime.effects.catalogue import KINDS
from engine.realtime.effects.chain import run_blocks
from engine.realtime.effects.chain_memory import ChainMemory
from engine.realtime.effects.plan import EffectPlan, EffectSetting
from engine.realtime.layout import CHUNK_FRAMES
from engine.services.vocal_preset import VocalPreset
from engine.units import F32, s_to_frames

MAX_TAIL_S: Final = 60.0
"""The longest reverb there is has died away by then."""
_STEP_S: Final = 2.0
"""Between two calls of `progress`: some 50 ms of work with every effect on."""


def process_vocal(
    audio: F32,
    preset: VocalPreset,
    rate_hz: int,
    *,
    tail_s: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> F32:
    """Send a voice through a preset's chain.

    Parameters
    ----------
    audio : float32 array, shape (frames,), (1, frames) or (2, frames)
        Full scale +-1; one channel is heard on both sides. Not changed.
    preset : VocalPreset
        From `vocal_preset`.
    rate_hz : int, 8000 to 384000
        Rate of the sound.
    tail_s : float, 0 to MAX_TAIL_S
        How much longer the result is, so that echoes and reverb may die away.
    progress : callable or None
        Called with 0 to 1; raises `JobCancelled` to stop.

    Returns
    -------
    float32 array, shape (2, frames + tail)
        In time with `audio`: the chain's latency is taken out. Always finite.

    Raises
    ------
    ParameterError
        Not float32, of another shape, or a tail out of range.
    """
    voice = np.atleast_2d(np.asarray(audio))
    if voice.dtype != np.float32 or voice.ndim != 2 or voice.shape[0] not in (1, 2):
        raise ParameterError(
            f"a voice of shape {np.shape(audio)} and type {np.asarray(audio).dtype} cannot be processed; "
            "give float32, shape (frames,), (1, frames) or (2, frames)"
        )
    if not 0.0 <= tail_s <= MAX_TAIL_S:
        raise ParameterError(f"a tail of {tail_s} s is outside 0..{MAX_TAIL_S:g} s")
    plan = EffectPlan(rate_hz, preset.slots)
    chain = ChainMemory(plan)
    n = voice.shape[1] + s_to_frames(tail_s, rate_hz)
    sound = np.zeros((2, n + plan.latency_frames), np.float32)
    sound[:, : voice.shape[1]] = voice
    block = np.zeros(2 * CHUNK_FRAMES, np.float32)
    # Whole blocks: only the last one may be short.
    step = CHUNK_FRAMES * max(1, round(_STEP_S * rate_hz / CHUNK_FRAMES))
    for start in range(0, sound.shape[1], step):
        part = np.ascontiguousarray(sound[:, start : start + step])
        run_blocks(chain.table, part, CHUNK_FRAMES, block)
        sound[:, start : start + step] = part
        if progress is not None:
            progress(min(1.0, (start + step) / sound.shape[1]))
    return np.ascontiguousarray(sound[:, plan.latency_frames :])


def warm_effects() -> None:
    """Compile every effect and the chain, so that the first one to sing does not wait for it.

    Some 45 s of one core the first time on a machine, half a second from then on.
    """
    everything = VocalPreset("all", "All", "", tuple(EffectSetting(kind) for kind in KINDS))
    process_vocal(np.zeros((2, CHUNK_FRAMES), np.float32), everything, 48_000)
