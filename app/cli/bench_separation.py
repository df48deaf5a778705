"""`charon bench separation`: a whole separation beside its network alone, in the same run.

Runs on the main thread. What lies between the two is ours: decoding, spectra, resampling, seams,
files. The sound is noise: no network here is faster or slower on music.
"""

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from app.cli.console import json_option, print_json, progress, table, warn

if TYPE_CHECKING:
    from engine.inference.model_store import ModelStore

RATE_HZ = 44_100


@dataclass(frozen=True)
class Row:
    """One model: seconds of everything, seconds of the network on the same windows, and their ratio."""

    name: str
    seconds: float
    ours_s: float
    reference: str
    reference_s: float
    ratio: float
    realtime_factor: float


@click.command(epilog="Example: charon bench separation --seconds 60 --json")
@click.option("--model", "models", multiple=True, help="Model to measure; all that are here by default.")
@click.option("--seconds", type=click.FloatRange(1.0, 3600.0), default=60.0, show_default=True)
@click.option(
    "--repeat", type=click.IntRange(1, 20), default=1, show_default=True, help="Medians of so many."
)
@json_option
def command(models: tuple[str, ...], seconds: float, repeat: int, as_json: bool) -> None:
    """Measure each model's whole separation against its network alone."""
    from engine.inference.model_store import ModelStore
    from engine.io.home import default_home

    home = default_home()
    store = ModelStore(home.models, home.cards)
    names = models or tuple(
        name for name, card in store.cards.items() if card.task == "separate" and store.is_present(name)
    )
    if not names:
        warn("no model is here to measure; fetch one with `charon models get charon-4stems`")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="charon-bench-") as scratch:
        song = Path(scratch) / "noise.wav"
        _write_noise(song, round(seconds * RATE_HZ))
        with progress("separating noise", len(names) * repeat, quiet=as_json) as update:
            for i, name in enumerate(names):
                pairs: list[tuple[float, float]] = []
                for turn in range(repeat):
                    update(i * repeat + turn, name)
                    pairs.append(_measure(store, name, song, Path(scratch) / f"{name}-{turn}"))
                ours_s = statistics.median(pair[0] for pair in pairs)
                reference_s = statistics.median(pair[1] for pair in pairs)
                rows.append(
                    Row(
                        name=name,
                        seconds=seconds,
                        ours_s=ours_s,
                        reference="the network alone on the same windows",
                        reference_s=reference_s,
                        ratio=ours_s / reference_s,
                        realtime_factor=seconds / ours_s,
                    )
                )
    if as_json:
        print_json({"rows": rows})
    else:
        table(
            ("model", "whole s", "network alone s", "ratio", "times real time"),
            [(r.name, r.ours_s, r.reference_s, f"{r.ratio:.2f}", r.realtime_factor) for r in rows],
        )


def _write_noise(path: Path, n_frames: int) -> None:
    from engine.io.encode import OutputFormat, SoundFileWriter

    rng = np.random.default_rng(1)
    with SoundFileWriter(path, OutputFormat("wav", "16"), RATE_HZ) as file:
        for start in range(0, n_frames, RATE_HZ):
            block = rng.standard_normal((2, min(RATE_HZ, n_frames - start)), np.float32)
            file.write(block * np.float32(0.1))
        file.commit()


def _measure(models: "ModelStore", name: str, song: Path, scratch: Path) -> tuple[float, float]:
    """Seconds of one whole separation, loading and files included, and of its network alone."""
    from engine.io.decode import probe
    from engine.io.stem_store import StemStore
    from engine.services.segment_plan import SegmentPlan
    from engine.services.separation import Separator

    with Separator(name, models=models, stems=StemStore(scratch / "store")) as separator:
        with separator.separate_file(song) as separation:
            ours_s = separation.save_all(scratch / "files").wall_s
        model = separator.load()
        plan = SegmentPlan(model, RATE_HZ, separator.overlap)
        window = np.random.default_rng(2).standard_normal((2, model.window_frames), np.float32)
        window *= np.float32(0.1)
        out = np.empty((len(model.stems), 2, model.valid_stop - model.valid_start), np.float32)
        before_s = model.inference_s
        for _ in range(plan.n_segments(round(probe(song).duration_s * RATE_HZ))):
            model.separate(window, out)
        return ours_s, model.inference_s - before_s
