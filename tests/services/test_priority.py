"""Who is served first: asked of processes that have said so about themselves."""

import os
import subprocess
import sys

import psutil
import pytest

from engine.services.priority import HIGH_NICE, LOW_NICE
from tests.services.conftest import REPOSITORY

PROGRAM = """
import sys, threading, psutil
from engine.services import priority
getattr(priority, sys.argv[1])()
if sys.argv[2:] == ["heir"]:
    import os
    found = []
    thread = threading.Thread(target=lambda: found.append(os.getpriority(os.PRIO_PROCESS, 0)))
    thread.start()
    thread.join()
    print(found[0])
else:
    print(psutil.Process().nice())
"""


def told(*words: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_what_waits_for_sound_gives_way():
    lower = psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else min(19, os.nice(0) + LOW_NICE)
    assert told("give_way") == lower


@pytest.mark.parametrize("who", [(), ("heir",)])
def test_what_sound_waits_for_goes_first_where_that_is_allowed(who: tuple[str, ...]):
    if sys.platform == "win32":
        assert told("go_first") == psutil.HIGH_PRIORITY_CLASS
        return
    import resource

    may = os.geteuid() == 0 or 20 - resource.getrlimit(resource.RLIMIT_NICE)[0] <= HIGH_NICE
    assert told("go_first", *who) == (HIGH_NICE if may else os.nice(0))
