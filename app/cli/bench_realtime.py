"""`charon bench realtime`: the audio callback on a real device, idle and loaded, beside a Python one.

Three runs one after the other on the same device: six lanes through the compiled callback with the
process idle, the same with another thread holding the GIL, and a plain Python callback under the
same load. The load is either a tight Python loop or sorting 300,000 numbers, which keeps the GIL inside
one C call for tens of milliseconds. Then the mic chain, effect by effect, which needs no device.
"""

import random
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from app.cli.bench_effects import measure_effects, print_effects
from app.cli.console import Update, json_option, print_json, progress, say, table
from engine.io.device import PortAudioOutput, StreamRequest, find_output
from engine.io.lanes import LaneFile, interleave
from engine.io.song_store import ORIGINAL, STORE_VERSION, Manifest, Progress, SongStore
from engine.io.song_writer import make_folder
from engine.realtime.callback import compile_callback
from engine.realtime.layout import CHUNK_FRAMES
from engine.realtime.memory import EngineMemory
from engine.services.feeder import Feeder, warm_feeder
from engine.units import F64

N_LANES = 6
SONG_S = 20.0
SORT_LENGTH = 300_000
EFFECT_RATE_HZ = 48_000
"""Of the effects where neither a device nor an option says."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run on the device.

    Parameters
    ----------
    callbacks, xruns, starved_frames : int
        Counted on the device thread.
    p50_us, p99_us, p999_us, worst_us : float
        Time spent inside the callback.
    """

    callbacks: int
    xruns: int
    starved_frames: int
    p50_us: float
    p99_us: float
    p999_us: float
    worst_us: float


def _summarise(callbacks: int, xruns: int, starved: int, times_us: F64) -> Run:
    if times_us.size == 0:
        times_us = np.zeros(1)
    p50, p99, p999 = (float(np.percentile(times_us, q)) for q in (50.0, 99.0, 99.9))
    return Run(callbacks, xruns, starved, p50, p99, p999, float(times_us.max()))


@contextmanager
def gil_load(kind: str) -> Generator[None]:
    """Keep another thread on the GIL while the block runs.

    Parameters
    ----------
    kind : {"none", "loop", "sort"}
        Nothing, a tight Python loop, or sorting 300,000 numbers again and again.
    """
    stop = threading.Event()
    numbers = [random.random() for _ in range(SORT_LENGTH)]  # noqa: S311 (load, not secrets)

    def loop() -> None:
        count = 0
        while not stop.is_set():
            count += 1

    def sort() -> None:
        while not stop.is_set():
            sorted(numbers)

    if kind == "none":
        yield
        return
    thread = threading.Thread(target=loop if kind == "loop" else sort, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def make_bench_song(folder: Path, rate_hz: int) -> SongStore:
    """A separated song of noise: the original and five stems, all ready.

    Parameters
    ----------
    folder : Path
        Where to put it.
    rate_hz : int
        Its rate; the device's own, so that mixing is measured and not resampling.
    """
    n = int(SONG_S * rate_hz)
    rng = np.random.default_rng(0)
    stems = tuple(f"stem{k}" for k in range(1, N_LANES))
    manifest = Manifest(STORE_VERSION, "bench", "bench", stems, rate_hz, n)
    make_folder(folder, manifest)
    total = np.zeros((2, n), np.float32)
    for name in stems:
        audio = rng.normal(0.0, 0.03, (2, n)).astype(np.float32)
        total += audio
        with LaneFile(folder / f"{name}.f32", writable=True) as lane:
            lane.write(0, interleave(audio))
    with LaneFile(folder / f"{ORIGINAL}.f32", writable=True) as lane:
        lane.write(0, interleave(total))
    store = SongStore(folder, manifest, "r+")
    store.progress[Progress.DECODED_FRAMES] = n
    store.progress[Progress.TOTAL_FRAMES] = n
    store.progress[Progress.DECODE_FINISHED] = 1
    store.ready[:] = 1
    return store


SETTLE_S = 1.0
"""A stream's first blocks are about its start, and are left out."""


def run_compiled(request: StreamRequest, seconds: float, load: str) -> tuple[Run, PortAudioOutput]:
    """Play six lanes, one of them turned down, through the compiled callback.

    Parameters
    ----------
    request : StreamRequest
        Device, rate and block.
    seconds : float
        How long.
    load : {"none", "loop", "sort"}
        See `gil_load`.
    """
    memory = EngineMemory()
    callback = compile_callback()
    warm_feeder(memory)
    stream = PortAudioOutput(callback.address, memory.userdata_address, request)
    memory.set_stream(stream.rate_hz, stream.channels, stream.output_latency_s)
    with tempfile.TemporaryDirectory() as folder:
        store = make_bench_song(Path(folder) / "song", stream.rate_hz)
        memory.set_n_lanes(N_LANES)
        memory.set_gain_db(2, -6.0)
        feeder = Feeder(memory, store)
        feeder.set_loop((0, int(SONG_S * stream.rate_hz)))
        feeder.start()
        feeder.seek(1, 0)
        memory.set_epoch(1)
        memory.set_playing(True)
        try:
            stream.start()
            time.sleep(SETTLE_S)
            before = memory.read_counters()
            with gil_load(load):
                time.sleep(seconds)
                after = memory.read_counters()
        finally:
            stream.close()
            feeder.stop()
    n = after.callbacks - before.callbacks
    times = memory.callback_times_us()
    return (
        _summarise(n, after.xruns - before.xruns, after.starved_frames - before.starved_frames, times[-n:]),
        stream,
    )


def run_python(request: StreamRequest, seconds: float, load: str) -> Run:
    """Fill the device from a plain Python callback; parameters as for `run_compiled`.

    It is what a program without a compiled callback gets.
    """
    import sounddevice

    times_ns: list[int] = []
    xruns = [0]

    def callback(outdata: Any, _frames: int, _time: Any, status: Any) -> None:
        began_ns = time.perf_counter_ns()
        outdata.fill(0.0)
        xruns[0] += int(bool(status))
        times_ns.append(time.perf_counter_ns() - began_ns)

    device = find_output(request.device)
    with sounddevice.OutputStream(
        samplerate=request.rate_hz or device.default_rate_hz,
        blocksize=request.block_frames,
        device=device.index,
        channels=2,
        dtype="float32",
        latency="low",
        callback=callback,
    ):
        time.sleep(SETTLE_S)
        skip, before = len(times_ns), xruns[0]
        with gil_load(load):
            time.sleep(seconds)
            taken, late = times_ns[skip:], xruns[0] - before
    return _summarise(len(taken), late, 0, np.asarray(taken, np.float64) * 1e-3)


@dataclass(frozen=True, slots=True)
class DeviceRuns:
    """The three runs on a device."""

    device: str
    rate_hz: int
    idle: Run
    loaded: Run
    python_loaded: Run


def run_device(request: StreamRequest, seconds: float, load: str, update: Update) -> DeviceRuns:
    """Run the compiled callback idle and loaded, then a Python one loaded.

    Parameters
    ----------
    request : StreamRequest
        Device, rate and block.
    seconds : float
        For each run.
    load : {"none", "loop", "sort"}
        See `gil_load`.
    update : Update
        Moves a bar from 0 to 3.
    """
    idle, stream = run_compiled(request, seconds, "none")
    update(1.0, "loaded")
    loaded, _ = run_compiled(request, seconds, load)
    update(2.0, "a Python callback, loaded")
    return DeviceRuns(stream.name, stream.rate_hz, idle, loaded, run_python(request, seconds, load))


def _print_runs(runs: DeviceRuns, block_frames: int, load: str) -> None:
    block_us = 1e6 * block_frames / runs.rate_hz
    say(f"{runs.device}, {runs.rate_hz} Hz, {block_frames} frames ({block_us:.0f} us), {N_LANES} lanes")
    rows = [
        (name, run.callbacks, run.xruns, run.p50_us, run.p99_us, run.p999_us, run.worst_us)
        for name, run in (("idle", runs.idle), (load, runs.loaded), (f"{load}, Python", runs.python_loaded))
    ]
    table(["load", "callbacks", "xruns", "p50 us", "p99 us", "p99.9 us", "worst us"], rows)


def _json_of(runs: DeviceRuns, block_us: float) -> dict[str, Any]:
    return {
        "device": runs.device,
        "lanes": N_LANES,
        "idle": asdict(runs.idle),
        "loaded": asdict(runs.loaded),
        "python_loaded": asdict(runs.python_loaded),
        "callbacks_kept": runs.loaded.callbacks / max(1, runs.idle.callbacks),
        "p99_of_block": runs.loaded.p99_us / block_us,
    }


@click.command(epilog="Example: charon bench realtime --seconds 30 --gil-load sort --json")
@click.option(
    "--seconds", type=click.FloatRange(min=0.5), default=10.0, show_default=True, help="For each run."
)
@click.option("--block", "block_frames", type=click.IntRange(16, 8192), default=128, show_default=True)
@click.option("--rate", "rate_hz", type=click.IntRange(8000, 384_000), help="Rate of the device, Hz.")
@click.option("--gil-load", type=click.Choice(["none", "loop", "sort"]), default="sort", show_default=True)
@click.option("--device", help="Output device: its index or part of its name.")
@click.option("--effects-only", is_flag=True, help="Measure the mic chain's effects alone; needs no device.")
@json_option
def command(
    seconds: float,
    block_frames: int,
    rate_hz: int | None,
    gil_load: str,
    device: str | None,
    effects_only: bool,
    as_json: bool,
) -> None:
    """Measure the callback with six lanes, idle and under load, beside a plain Python callback; then effects.

    Every effect of the mic chain, and all of them together, beside pedalboard's equivalent.
    """
    runs: DeviceRuns | None = None
    if not effects_only:
        find_output(device)
        request = StreamRequest(device=device, rate_hz=rate_hz, block_frames=block_frames)
        with progress("measuring", 3.0, quiet=as_json) as update:
            runs = run_device(request, seconds, gil_load, update)
    effect_rate_hz = runs.rate_hz if runs else rate_hz or EFFECT_RATE_HZ
    with progress("effects", 1.0, quiet=as_json) as update:
        effects = measure_effects(effect_rate_hz, block_frames, seconds, update)
    if as_json:
        block_us = 1e6 * block_frames / effect_rate_hz
        print_json(
            {
                "sample_rate_hz": effect_rate_hz,
                "block_frames": block_frames,
                "block_us": block_us,
                "gil_load": gil_load,
                "seconds": seconds,
                **(_json_of(runs, block_us) if runs else {}),
                "effects": [asdict(row) for row in effects],
            }
        )
        return
    if runs:
        _print_runs(runs, block_frames, gil_load)
    print_effects(effects, effect_rate_hz, min(block_frames, CHUNK_FRAMES))
