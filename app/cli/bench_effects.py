"""What the mic chain's effects cost, one by one and together, beside pedalboard.

A part of `charon bench realtime` that needs no device. Main thread.
"""

import importlib
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.cli.console import Update, say, table
from app.cli.effect_case import EffectCase, bench_voice, find_case
from engine.kernels.jit import kernel
from engine.realtime.clock import flush_denormals, monotonic_ns, restore_float_mode
from engine.realtime.effects.catalogue import KINDS
from engine.realtime.effects.chain import P_OPS, run_blocks, run_chain
from engine.realtime.effects.chain_memory import ChainMemory
from engine.realtime.effects.kind import N_EFFECT_PARAMS
from engine.realtime.effects.native import call_effect
from engine.realtime.effects.plan import EffectPlan, EffectSetting
from engine.realtime.effects.slot import (
    N_OP,
    O_MEMORY,
    O_N_MEMORY,
    O_N_STATE,
    O_PARAMS,
    O_PROCESS,
    O_STATE,
    copy_stereo,
)
from engine.realtime.layout import CHUNK_FRAMES
from engine.stream.atomics import f32_at, f64_at
from engine.units import F32, I64

CHAIN = "all effects"
_WARM_BLOCKS = 64
_REPEATS = 5


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One effect, or the whole chain.

    Parameters
    ----------
    name : str
        Of the effect, or CHAIN.
    latency_frames : int
        Declared.
    p50_us, p99_us, p999_us : float
        Of one block, timed block by block.
    silent_p99_us : float
        In the silence after the sound, while tails die away: no more than p99_us, unless numbers that are
        too small for the processor slow it down.
    block_share : float
        p99_us over the length of a block.
    mean_us : float
        Of one block, timed over the whole sound: what the reference is compared with. Of an effect alone,
        as the reference is; the times above are those within the chain, with its meters and checks.
    reference : str
        Name of pedalboard's equivalent, empty where it has none.
    reference_mean_us : float or None
        Its time for a block.
    ratio : float or None
        reference_mean_us / mean_us: 2 means twice as fast as the reference.
    """

    name: str
    latency_frames: int
    p50_us: float
    p99_us: float
    p999_us: float
    silent_p99_us: float
    block_share: float
    mean_us: float
    reference: str
    reference_mean_us: float | None
    ratio: float | None


@kernel
def _time_blocks(chain: I64, audio: F32, block_frames: int, block: F32, times_ns: I64) -> None:
    """`run_blocks` with a clock around every block."""
    float_mode = flush_denormals()
    for k in range(times_ns.size):
        part = block[: 2 * block_frames].reshape((2, block_frames))
        copy_stereo(audio[:, k * block_frames : (k + 1) * block_frames], part)
        began_ns = monotonic_ns()
        run_chain(chain, part)
        times_ns[k] = monotonic_ns() - began_ns
    restore_float_mode(float_mode)


@kernel
def _run_alone(op: I64, rate_hz: float, audio: F32, block_frames: int, block: F32) -> None:
    """One effect's kernel block by block, without the chain's wet and dry, meters and checks."""
    float_mode = flush_denormals()
    params = f64_at(op[O_PARAMS], N_EFFECT_PARAMS)
    state = f64_at(op[O_STATE], op[O_N_STATE])
    memory = f32_at(op[O_MEMORY], op[O_N_MEMORY])
    part = block[: 2 * block_frames].reshape((2, block_frames))
    for start in range(0, audio.shape[1] - block_frames + 1, block_frames):
        copy_stereo(audio[:, start : start + block_frames], part)
        call_effect(op[O_PROCESS], part, rate_hz, params, state, memory)
        copy_stereo(part, audio[:, start : start + block_frames])
    restore_float_mode(float_mode)


def _pedalboard() -> Any:
    """The reference, or None where it is not installed."""
    try:
        return importlib.import_module("pedalboard")
    except ImportError:
        return None


def _time_reference(case: EffectCase, voice: F32, rate_hz: int, block_frames: int) -> float | None:
    """Seconds that the reference takes for the whole sound."""
    pedalboard = _pedalboard()
    if pedalboard is None or case.make is None:
        return None
    plugin = case.make(pedalboard)
    # Blocks as long in time as ours: its loop over them is inside one call, so Python's share is nothing.
    sound = np.repeat(voice, case.times_rate, axis=1)
    began_s = time.perf_counter()
    plugin.process(sound, rate_hz * case.times_rate, buffer_size=block_frames * case.times_rate, reset=False)
    return time.perf_counter() - began_s


def _setting(kind: str) -> EffectSetting:
    parameters = {parameter.name: parameter for parameter in KINDS[kind].parameters}
    values = {name: parameters[name].read(value) for name, value in find_case(kind).values.items()}
    return EffectSetting(kind, values=values)


def _row(name: str, settings: list[EffectSetting], voice: F32, rate_hz: int, block_frames: int) -> EffectRow:
    """Take turns with the reference, so that a machine that slows down slows both."""
    case = find_case(name)
    block = np.zeros(2 * CHUNK_FRAMES, np.float32)
    plan = EffectPlan(rate_hz, settings)
    chain = ChainMemory(plan)
    n_blocks = voice.shape[1] // block_frames
    times_ns = np.zeros(n_blocks, np.int64)
    _time_blocks(chain.table, voice, block_frames, block, times_ns[:_WARM_BLOCKS])
    _time_blocks(chain.table, voice, block_frames, block, times_ns)
    p50, p99, p999 = (float(np.percentile(times_ns, q)) * 1e-3 for q in (50.0, 99.0, 99.9))
    _time_blocks(chain.table, np.zeros_like(voice), block_frames, block, times_ns)
    ours_s: list[float] = []
    reference_s: list[float] = []
    short = voice[:, : max(block_frames, n_blocks // _REPEATS * block_frames)]
    for _ in range(_REPEATS):
        sound = short.copy()
        began_s = time.perf_counter()
        if len(settings) == 1:
            _run_alone(plan.table[P_OPS : P_OPS + N_OP], float(rate_hz), sound, block_frames, block)
        else:
            run_blocks(chain.table, sound, block_frames, block)
        ours_s.append(time.perf_counter() - began_s)
        taken_s = _time_reference(case, short, rate_hz, block_frames)
        if taken_s is not None:
            reference_s.append(taken_s)
    per_block_us = 1e6 * block_frames / short.shape[1]
    mean_us = statistics.median(ours_s) * per_block_us
    reference_us = statistics.median(reference_s) * per_block_us if reference_s else None
    return EffectRow(
        name=name,
        latency_frames=plan.latency_frames,
        p50_us=p50,
        p99_us=p99,
        p999_us=p999,
        silent_p99_us=float(np.percentile(times_ns, 99.0)) * 1e-3,
        block_share=p99 * 1e-6 * rate_hz / block_frames,
        mean_us=mean_us,
        reference=case.reference,
        reference_mean_us=reference_us,
        ratio=None if reference_us is None else reference_us / mean_us,
    )


def measure_effects(rate_hz: int, block_frames: int, seconds: float, update: Update) -> list[EffectRow]:
    """Time every effect, then all of them in one chain.

    Parameters
    ----------
    rate_hz : int
        Rate of the sound.
    block_frames : int
        Frames of a block, at most CHUNK_FRAMES are done at once.
    seconds : float
        Length of the sound that each of them works on.
    update : Update
        Moves a bar from 0 to 1.

    Returns
    -------
    list of EffectRow
        The last one is the whole chain.
    """
    block_frames = min(block_frames, CHUNK_FRAMES)
    voice = bench_voice(max(seconds, 2 * _WARM_BLOCKS * block_frames / rate_hz), rate_hz)
    rows: list[EffectRow] = []
    for k, name in enumerate(KINDS):
        update(k / (len(KINDS) + 1), name)
        rows.append(_row(name, [_setting(name)], voice, rate_hz, block_frames))
    update(len(KINDS) / (len(KINDS) + 1), CHAIN)
    rows.append(_row(CHAIN, [_setting(name) for name in KINDS], voice, rate_hz, block_frames))
    return rows


def print_effects(rows: list[EffectRow], rate_hz: int, block_frames: int) -> None:
    """Print the rows as a table, and say where the references are missing.

    Parameters
    ----------
    rows : list of EffectRow
        From `measure_effects`.
    rate_hz, block_frames : int
        What they were measured at.
    """
    say(f"effects, {block_frames} frames at {rate_hz} Hz ({1e6 * block_frames / rate_hz:.0f} us), stereo")
    cells = [
        (
            row.name, row.latency_frames, row.p50_us, row.p99_us, row.p999_us, row.silent_p99_us,
            f"{100.0 * row.block_share:.1f} %", row.mean_us, row.reference,
            "" if row.reference_mean_us is None else row.reference_mean_us,
            "" if row.ratio is None else f"{row.ratio:.2f}",
        )
        for row in rows
    ]  # fmt: skip
    times = ["p50 us", "p99 us", "p99.9 us", "silent us"]
    table(["effect", "latency", *times, "of block", "mean us", "pedalboard", "us", "ratio"], cells)
    if _pedalboard() is None:
        say("pedalboard is not installed: nothing to compare with; `python3 bootstrap.py test` installs it")
