"""Which process the system serves first: those that sound waits for, and those that wait for sound.

Called by a process about itself, before it starts threads, which inherit it. Where the system does not let a
user raise a priority (most Linux systems outside the group of audio users) it stays, and the log says so.
"""

import logging
import os
import sys

import psutil

LOW_NICE = 10
"""A tenth of a core beside a program that wants all of it; an audio thread is hardly ever kept waiting."""
HIGH_NICE = -11
"""Twelve times the share of a program that computes beside it: a song that is being separated, for one."""
REAL_TIME_PRIORITY = 1
"""The lowest there is: below every audio server and every audio thread."""

_log = logging.getLogger(__name__)


def give_way() -> None:
    """Lower the priority of this process, so that music beside it goes on; never raised again."""
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    try:
        os.nice(LOW_NICE)
    except OSError as err:  # some sandboxes forbid it
        _log.info("the priority stays as it is: %s", err)


def go_first() -> None:
    """Raise the priority of this process: what it computes is heard within milliseconds, or missing.

    On Linux it waits for no program that is not in real time itself, which users of the group audio may ask
    for; where they may not, it takes a larger share. What calls this must sleep when it has nothing to do.
    """
    if sys.platform == "win32":
        psutil.Process().nice(psutil.HIGH_PRIORITY_CLASS)
        return
    try:
        # On one core, a machine that is a little too slow would answer to nobody.
        if sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REAL_TIME_PRIORITY))
            return
    except OSError as err:
        _log.info("no real-time priority: %s", err)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, HIGH_NICE)
    except OSError as err:
        _log.info("the priority stays as it is: %s", err)
