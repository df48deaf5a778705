"""`python -m models.training.orbit`: one training run, its own process.

Exit code 0, 1 (failed, one line says why), 2 (wrong usage), 130 (stopped by a signal).
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

from models.training.orbit.order import Order
from models.training.orbit.progress import Style, progress_of
from models.training.process import run_training


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
        order = Order(**{**values, "data": tuple(given.data), "tests": tuple(given.tests)})
        # Only now: torch takes seconds to load, and a wrong number should not.
        from models.training.orbit.train import train

        return lambda: train(order, progress)

    return run_training(progress, prepare)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.training.orbit", description="Train the network that steers the orbit."
    )
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, help="sound files and folders of them")
    add("--epochs", type=int, default=Order.epochs)
    add("--test", dest="tests", type=Path, nargs="+", default=[], help="songs for the final table only")
    add("--max-files", type=int)
    add("--workers", type=int, default=Order.workers, help="processes that read songs; 0: none")
    add("--device", choices=["cpu", "cuda"], default=Order.device)
    add("--out", type=Path, default=Path("orbit-training"))
    add("--seed", type=int, default=Order.seed)
    add("--resume", action="store_true", help="go on from the newest checkpoint in --out")
    add("--checkpoint-epochs", type=int, default=Order.checkpoint_epochs)
    add("--surrogate-steps", type=int, default=Order.surrogate_steps)
    add("--patience-epochs", type=int, default=Order.patience_epochs)
    add("--progress", choices=["json", "bars", "none"], default="bars")
    return parser


if __name__ == "__main__":
    sys.exit(main())
