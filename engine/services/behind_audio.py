"""Threads that give way to whatever keeps sound going.

Used by what computes for long beside live audio. Decoding and opening a song are not among it: the
listener waits for them.
"""

import contextlib
import ctypes
import os
import sys

_WINDOWS_LOWEST = -2
_MACOS_QOS_UTILITY = 0x11


def step_behind_audio() -> None:
    """Let the calling thread, and those that it starts, run only where nothing else wants to.

    Notes
    -----
    On Linux by the idle policy: a waking audio thread takes the core from such a thread at once, while
    even one of the lowest niceness keeps it to the end of its slice (about 3 ms, longer than a block).
    Measured over 10 s beside a busy core, JACK dummy, 128 frames: 10-18 late blocks with niceness 0,
    22-48 with niceness 19, 4-10 with the idle policy, 4-8 with nothing at all. Elsewhere by the
    system's own priorities for background work. Where that is refused, the thread stays as it is.
    """
    with contextlib.suppress(OSError, AttributeError):
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        elif sys.platform == "win32":
            kernel = ctypes.WinDLL("kernel32")
            kernel.GetCurrentThread.restype = ctypes.c_void_p
            kernel.SetThreadPriority.argtypes = [ctypes.c_void_p, ctypes.c_int]
            kernel.SetThreadPriority(kernel.GetCurrentThread(), _WINDOWS_LOWEST)
        else:
            ctypes.CDLL(None).pthread_set_qos_class_self_np(_MACOS_QOS_UTILITY, 0)
