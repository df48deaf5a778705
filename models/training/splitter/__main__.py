"""`python -m models.training.splitter`: one training run, its own process.

Exit code 0, 1 (failed, one line says why), 2 (wrong usage), 130 (stopped by a signal).
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

from models.training.orbit.progress import Style
from models.training.process import run_training
from models.training.splitter.order import Order
from models.training.splitter.progress import progress_of


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for.

    Parameters
    ----------
    arguments : list of str or None
        None takes the process's own.

    Returns
    -------
    int
        Exit code.
    """
    given = _parser().parse_args(arguments)
    progress = progress_of(cast("Style", given.progress))

    def prepare() -> Callable[[], None]:
        values = {name: value for name, value in vars(given).items() if name != "progress"}
        order = Order(**{**values, "check": tuple(given.check)})
        # Only now: torch takes seconds to load, and a wrong number should not.
        from models.training.splitter.train import train

        return lambda: train(order, progress)

    return run_training(progress, prepare)


def _sounds(word: str) -> Path | None:
    """Root of the sounds; None for the word "computed"."""
    return None if word == "computed" else Path(word)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.training.splitter",
        description="Train the network that splits an accompaniment into drums, bass and other.",
    )
    add = parser.add_argument
    add("--data", type=Path, help="folder of scores in POP909's form; none: songs are made up")
    sounds = "where Debian's sound packages are unpacked, or: computed, to do without"
    add("--sounds", type=_sounds, default=Order.sounds, help=sounds)
    add("--songs", type=int, default=Order.songs)
    add("--songs-folder", type=Path, help="where rendered songs are kept")
    add("--check", type=Path, nargs="+", default=[], help="songs with true stems that choose the network")
    add("--check-start-s", type=float, default=Order.check_start_s)
    add("--check-length-s", type=float, default=Order.check_length_s)
    for name in ("steps", "steps_an_epoch", "batch", "frames", "workers", "threads", "seed"):
        add(f"--{name.replace('_', '-')}", type=int, default=getattr(Order, name))
    for name in ("checkpoint_epochs", "patience_epochs"):
        add(f"--{name.replace('_', '-')}", type=int, default=getattr(Order, name))
    add("--device", choices=["cpu", "cuda"], default=Order.device)
    add("--precision", choices=["float32", "bfloat16"], default=Order.precision)
    add("--out", type=Path, default=Path("splitter-training"))
    add("--resume", action="store_true", help="go on from the newest checkpoint in --out")
    add("--progress", choices=["json", "bars", "none"], default="bars")
    return parser


if __name__ == "__main__":
    sys.exit(main())
