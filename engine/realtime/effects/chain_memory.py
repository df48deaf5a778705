"""The chain's memory, and the control thread's hands on it: hand over a new plan, free an old one.

A plan travels through one cell by atomic exchange. The control thread puts its address in; if the one
before is still there, the device thread never saw it and it is freed on the spot. The device thread takes
it out at a block's edge, and hands the plan it replaces back through a short list. Neither waits.
"""

import threading

import numpy as np

from engine.realtime.effects.chain import (
    H_BAD_SAMPLES,
    H_CURRENT,
    H_MAILBOX,
    H_RETIRED,
    H_RETIRED_HEAD,
    H_SCRATCH,
    N_CHAIN,
    N_CHAIN_SCRATCH,
    N_RETIRED,
)
from engine.realtime.effects.plan import EffectPlan
from engine.stream.atomics import array_address, exchange, load_acquire
from engine.units import F32, I64


class ChainMemory:
    """What the device thread knows of the mic chain.

    Parameters
    ----------
    plan : EffectPlan or None
        Runs from the first frame on, without a fade; None lets the sound through.

    Notes
    -----
    Must outlive the stream that uses it. `publish` and `collect` may come from any thread but the
    device's; the lock in them is never taken there.
    """

    def __init__(self, plan: EffectPlan | None = None) -> None:
        self._scratch: F32 = np.zeros(N_CHAIN_SCRATCH, np.float32)
        self.table: I64 = np.zeros(N_CHAIN, np.int64)
        self.table[H_SCRATCH] = array_address(self._scratch)
        self._lock = threading.Lock()
        self._alive: dict[int, EffectPlan] = {}
        self._n_collected = 0
        self._newest = plan
        if plan is not None:
            self._alive[array_address(plan.table)] = plan
            self.table[H_CURRENT] = array_address(plan.table)

    @property
    def plan(self) -> EffectPlan | None:
        """The newest plan, the one to turn knobs on and to read meters of."""
        return self._newest

    @property
    def n_bad_samples(self) -> int:
        """How many samples came in as NaN, infinity or absurdly loud."""
        return int(self.table[H_BAD_SAMPLES])

    @property
    def n_alive(self) -> int:
        """Plans that the device thread may still look at."""
        return len(self._alive)

    def publish(self, plan: EffectPlan) -> None:
        """Let another plan run from the next block on; the newest one wins.

        Parameters
        ----------
        plan : EffectPlan
            New: a plan that was published before must not come again.
        """
        with self._lock:
            address = array_address(plan.table)
            self._alive[address] = plan
            self._newest = plan
            unseen = exchange(self.table, H_MAILBOX, address)
            if unseen:
                del self._alive[unseen]
            self._collect()

    def collect(self) -> None:
        """Free the plans that the device thread has handed back."""
        with self._lock:
            self._collect()

    def _collect(self) -> None:
        head = load_acquire(self.table, H_RETIRED_HEAD)
        while self._n_collected < head:
            del self._alive[int(self.table[H_RETIRED + self._n_collected % N_RETIRED])]
            self._n_collected += 1
