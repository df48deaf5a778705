"""How a worker process begins: it gives way to whatever keeps sound going, from its first moment on.

Spawned processes start here and not in the room that does their work, because importing that room is
the heaviest second they have: they must have stepped back before.
"""

import contextlib
import importlib
import os
import sys
from typing import Any


def step_behind_audio() -> None:
    """Let this process run only where nothing else wants to.

    Notes
    -----
    On Linux by the idle policy: a waking audio thread takes the core from such a process at once,
    while even a process of the lowest niceness keeps it to the end of its slice (about 3 ms, longer than
    a block). Measured over 10 s beside a busy core, JACK dummy, 128 frames: 10-18 late blocks with
    niceness 0, 22-48 with niceness 19, 4-10 with the idle policy, 4-8 with nothing at all.
    """
    with contextlib.suppress(OSError):
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        elif sys.platform == "win32":
            import psutil

            psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            os.nice(10)


def run_behind_audio(module: str, function: str, *arguments: Any) -> None:
    """Step back, then import a room and run what it offers.

    Parameters
    ----------
    module, function : str
        Where the work is.
    *arguments
        For it.
    """
    step_behind_audio()
    getattr(importlib.import_module(module), function)(*arguments)
