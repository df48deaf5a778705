"""`charon train splitter`: the network that splits an accompaniment into drums, bass and other.

Main thread; thin: the training is a process of its own (models/training/splitter).
"""

import json
import sys
from pathlib import Path
from typing import Any, cast

import click

from app.cli.console import json_option, print_json, say, table

PROGRAM = "models.training.splitter"
_EXIT_FAILED = 1
_EXIT_STOPPED = 130
_SMALL = click.IntRange(1, 1_000_000)


@click.command(
    epilog="Examples: charon train splitter --sounds computed --songs 16 --steps 300; charon train splitter "
    "--data POP909 --songs 96 --steps 1500 --check true-stems/ --out my-splitter",
    short_help="The network that splits an accompaniment into drums, bass and other.",
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of scores in POP909's form. [default: songs are made up]",
)
@click.option(
    "--sounds",
    default="/usr/share",
    show_default=True,
    help="Where Debian's sound packages are; computed does without, which is poorer.",
)
@click.option("--songs", type=click.IntRange(2, 100_000), default=96, show_default=True, help="To render.")
@click.option(
    "--songs-folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where rendered songs are kept, 21 MB each. [default: in the output folder]",
)
@click.option(
    "--check",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Songs with true stems that choose the best network; as for charon evaluate.",
)
@click.option("--steps", type=_SMALL, default=1200, show_default=True)
@click.option("--steps-an-epoch", type=_SMALL, default=50, show_default=True)
@click.option("--batch", type=click.IntRange(1, 256), default=4, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="That render.")
@click.option("--threads", type=click.IntRange(1, 256), default=2, show_default=True, help="That learn.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="bfloat16 is faster where the processor has it.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("splitter-training"),
    show_default=True,
    help="Folder for network, checkpoints and history.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in the folder.")
@json_option
def splitter(check: tuple[Path, ...], out: Path, resume: bool, as_json: bool, **settings: Any) -> int:
    """Train the network that splits an accompaniment into drums, bass and other.

    Renders songs with freely licensed sounds, takes their vocals away with spleeter-2stems, and learns from
    the rest. Leaves charon-splitter.onnx and .json, checkpoints, training_history.json and a log for
    TensorBoard in the output folder. Ctrl+C stops after writing a checkpoint; --resume goes on from there.
    """
    from app.cli.train import run_program
    from engine.errors import TrainingError
    from engine.services.training_run import training_trouble

    trouble = training_trouble()
    if trouble is not None:
        raise TrainingError(trouble)
    words = ["--out", str(out), "--progress", "json" if as_json else "bars"]
    for name, value in settings.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    if check:
        words += ["--check", *map(str, check)]
    if resume:
        words.append("--resume")
    code = run_program([sys.executable, "-m", PROGRAM, *words])
    if code == _EXIT_STOPPED:
        raise click.Abort
    if code < 0:
        raise TrainingError(
            f"the training process was killed (signal {-code}); --resume goes on from its last checkpoint"
        )
    if code != 0:
        return _EXIT_FAILED
    _report(out, as_json)
    return 0


def _report(out: Path, as_json: bool) -> None:
    model = out / "charon-splitter.onnx"
    about = cast("dict[str, Any]", json.loads(model.with_suffix(".json").read_text(encoding="utf-8")))
    training = about["training"]
    if as_json:
        print_json(
            {
                "model": model,
                "metadata": model.with_suffix(".json"),
                "history": out / "training_history.json",
                "checkpoints": sorted((out / "checkpoints").glob("*.pt")),
                "training": training,
            }
        )
        return
    say(f"{model}: {training['steps']} steps, {training['songs']} songs, {training['wall_s'] / 60:.0f} min")
    scores = cast("dict[str, float]", training["validation"])
    rows = [name.rpartition("/") for name in scores if "/" in name]
    table(("song", "stem", "SDR dB"), [(song, stem, scores[f"{song}/{stem}"]) for song, _, stem in rows])
