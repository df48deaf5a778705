"""Gaps in the sound, counted and named after what caused them."""

import numpy as np
import pytest

from app.dropouts import REMEMBER_S, DropoutWatch
from engine.realtime import layout as at
from engine.realtime.memory import Counters, EngineMemory

RATE_HZ = 48_000


class Device:
    """Counters as a device thread leaves them."""

    def __init__(self) -> None:
        self.memory = EngineMemory()
        self.watch = DropoutWatch()
        self.watch.restart(self.counters)

    @property
    def counters(self) -> Counters:
        return self.memory.read_counters()

    def starve(self, n_frames: int) -> None:
        self.memory.counter[at.K_STARVED_FRAMES] += np.int64(n_frames)

    def look(self, now_s: float, *, live: bool = False) -> str:
        return self.watch.look(self.counters, RATE_HZ, now_s, audible=True, live=live)


@pytest.mark.parametrize(
    ("live", "said"), [(False, "Disk too slow: 10 ms"), (True, "Too busy: 10 ms of the input")]
)
def test_a_gap_is_blamed_on_what_feeds_the_sound(live: bool, said: str) -> None:
    device = Device()
    assert device.look(0.0, live=live) == ""
    device.starve(480)
    assert device.look(1.0, live=live).startswith(said)
    # It is remembered for a while, and forgotten.
    assert device.look(0.9 + REMEMBER_S, live=live) != ""
    assert device.look(1.1 + REMEMBER_S, live=live) == ""


def test_a_gap_over_several_looks_is_one_dropout() -> None:
    device = Device()
    for now_s in (1.0, 1.1, 1.2):
        device.starve(100)
        device.look(now_s)
    assert device.watch.count == 1
    device.look(1.3)
    device.starve(100)
    device.look(1.4)
    assert device.watch.count == 2
