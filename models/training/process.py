"""What every training program does around its training: signals, errors in one line, exit codes.

Main thread of the training process. Torch is loaded by what is called, not here: it takes seconds, and a
wrong number should not.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from engine.errors import CharonError
from models.training.orbit.progress import Progress

EXIT_FAILED = 1
EXIT_STOPPED = 130


class Stopped(Exception):
    """The user has stopped the run; raised by a signal, wherever the run is."""


def run_training(progress: Progress, prepare: Callable[[], Callable[[], None]]) -> int:
    """Run a training as a process's whole work.

    Parameters
    ----------
    progress : Progress
        Told why there is no network.
    prepare : callable
        Checks what was asked for, loads torch, and gives what is then run under signals.

    Returns
    -------
    int
        Exit code: 0, 1 (failed) or 130 (stopped).
    """
    try:
        return _run(progress, prepare)
    except BrokenPipeError:
        # Whoever listened is gone. What is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def _run(progress: Progress, prepare: Callable[[], Callable[[], None]]) -> int:
    try:
        train = prepare()
    except CharonError as err:
        progress.error(str(err))
        return EXIT_FAILED
    except ImportError as err:
        progress.error(f"training needs {err.name}; install it with: pip install 'charon[train]'")
        return EXIT_FAILED

    def stop(_number: int, _frame: Any) -> None:
        # Once is enough: a second signal must not break the checkpoint that the first one asked for.
        for one in signals:
            signal.signal(one, signal.SIG_IGN)
        raise Stopped

    signals = [signal.SIGINT, signal.SIGTERM, *([signal.SIGBREAK] if sys.platform == "win32" else [])]
    for one in signals:
        signal.signal(one, stop)
    try:
        train()
    except Stopped:
        return EXIT_STOPPED
    except CharonError as err:
        progress.error(" ".join(str(err).split()))
        return EXIT_FAILED
    except (OSError, MemoryError, RuntimeError) as err:
        if isinstance(err, BrokenPipeError):
            raise
        # A full disk, too little memory on either device: what torch and the system say, in one line.
        progress.error(" ".join(f"{type(err).__name__}: {err}".split())[:500])
        return EXIT_FAILED
    return 0
