"""Who is served first: asked of processes that have said so about themselves."""

import os
import subprocess
import sys

import psutil

from engine.services.priority import HIGH_NICE, LOW_NICE, REAL_TIME_PRIORITY
from tests.services.conftest import REPOSITORY

PROGRAM = """
import os, sys, threading, psutil
from engine.services import priority
getattr(priority, sys.argv[1])()
found = []
def look():
    is_real_time = sys.platform == "linux" and os.sched_getscheduler(0) == os.SCHED_RR
    found.append("real time" if is_real_time else psutil.Process().nice())
thread = threading.Thread(target=look)
thread.start()
thread.join()
print(found[0])
"""


def told(word: str) -> str:
    """What a thread has that was started after a process said the word."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, word], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_waits_for_sound_gives_way():
    lower = psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else min(19, os.nice(0) + LOW_NICE)
    assert told("give_way") == str(lower)


def test_what_sound_waits_for_goes_first_where_that_is_allowed():
    if sys.platform == "win32":
        assert told("go_first") == str(psutil.HIGH_PRIORITY_CLASS)
        return
    import resource

    is_root = os.geteuid() == 0
    several = sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1
    if several and (is_root or resource.getrlimit(resource.RLIMIT_RTPRIO)[0] >= REAL_TIME_PRIORITY):
        expected = "real time"
    elif is_root or 20 - resource.getrlimit(resource.RLIMIT_NICE)[0] <= HIGH_NICE:
        expected = str(HIGH_NICE)
    else:
        expected = str(os.nice(0))
    assert told("go_first") == expected
