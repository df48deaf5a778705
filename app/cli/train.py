"""`charon train`: networks of Charon's own, trained on your songs.

Main thread; thin: training is a process of its own (models/training), because torch must not be loaded beside
a window and because a training that runs out of memory must not take one down.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import click

from app.cli.console import json_option, print_json, say, table
from app.cli.train_splitter import splitter

EXIT_FAILED = 1
_EXIT_STOPPED = 130
_END_S = 20.0


@click.group(
    name="train",
    help="Train networks of Charon's own on your songs.",
    epilog="Example: charon train orbit --data ~/Music --epochs 60 --out my-orbit",
)
def command() -> None:
    """Train networks of Charon's own on your songs."""


command.add_command(splitter)


@command.command(
    epilog="Examples: charon train orbit --data ~/Music --epochs 60 --workers 4; charon train orbit "
    "--data ~/Music --epochs 120 --out orbit-training --resume",
    short_help="The network that steers the Julia set by the music.",
)
@click.option(
    "--data",
    multiple=True,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="A sound file, or a folder of them; may be given several times.",
)
@click.option("--epochs", type=click.IntRange(1, 10_000), default=60, show_default=True)
@click.option("--max-files", type=click.IntRange(1, 1_000_000), help="Use the first N songs only.")
@click.option(
    "--workers",
    type=click.IntRange(0, 64),
    default=0,
    show_default=True,
    help="Processes that read songs, and threads that draw pictures; 0 does all in one.",
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("orbit-training"),
    show_default=True,
    help="Folder for network, checkpoints and history.",
)
@click.option(
    "--test",
    "tests",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Songs that are kept out of the training, for the table at the end.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in the folder.")
@click.option(
    "--checkpoint-epochs",
    type=click.IntRange(1, 10_000),
    default=10,
    show_default=True,
    help="Epochs from one checkpoint to the next.",
)
@json_option
def orbit(
    data: tuple[Path, ...], tests: tuple[Path, ...], out: Path, resume: bool, as_json: bool, **settings: Any
) -> int:
    """Train the network that steers the Julia set by the music.

    Leaves orbit-control.onnx and .json, checkpoints, training_history.json and a log for TensorBoard in the
    output folder. Ctrl+C stops after writing a checkpoint; --resume goes on from there.
    """
    from engine.errors import TrainingError
    from engine.services.training_run import PROGRAM, training_trouble

    trouble = training_trouble()
    if trouble is not None:
        raise TrainingError(trouble)
    words = ["--data", *map(str, data), "--out", str(out), "--progress", "json" if as_json else "bars"]
    if tests:
        words += ["--test", *map(str, tests)]
    for name, value in settings.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    if resume:
        words.append("--resume")
    code = run_program([sys.executable, "-m", PROGRAM, *words])
    if code == _EXIT_STOPPED:
        raise click.Abort
    if code != 0:
        if code < 0:
            raise TrainingError(
                f"the training process was killed (signal {-code}); --resume goes on from its last checkpoint"
            )
        return EXIT_FAILED
    _report(out, as_json)
    return 0


def run_program(words: Sequence[str]) -> int:
    """Run a training; its bars and complaints go where ours go, its events nowhere but to an error.

    Parameters
    ----------
    words : sequence of str
        The command.

    Returns
    -------
    int
        Exit code of the program.
    """
    pipe = subprocess.PIPE if "json" in words else None
    with subprocess.Popen(words, stdout=pipe, text=True) as process:  # noqa: S603 - our own program
        try:
            for line in process.stdout or ():
                event = json.loads(line)
                if event["event"] == "error":
                    sys.stderr.write(f"charon: error: {event['message']}\n")
            return process.wait()
        except KeyboardInterrupt:
            # The terminal has told the child too; it writes its checkpoint first.
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def _report(out: Path, as_json: bool) -> None:
    model = out / "orbit-control.onnx"
    about = cast("dict[str, Any]", json.loads(model.with_suffix(".json").read_text(encoding="utf-8")))
    scores = about["scores"]
    if as_json:
        print_json(
            {
                "model": model,
                "metadata": model.with_suffix(".json"),
                "history": out / "training_history.json",
                "checkpoints": sorted((out / "checkpoints").glob("*.pt")),
                "songs": about["dataset"]["songs"],
                "training": about["training"],
                "scores": scores,
            }
        )
        return
    rows = scores["rows"]
    known = "" if scores["never_seen"] else ", which chose the best epoch; name others with --test"
    say(f"{model}: {about['training']['best_epoch']} epochs. On {len(scores['songs'])} songs{known}:")
    table(list(rows[0]), [[_three(value) for value in row.values()] for row in rows])


def _three(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
