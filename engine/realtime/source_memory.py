"""The memory of a live separation's way through the callback, and the control thread's hands on it.

Part of `EngineMemory`, which gives it its table and its control cells.

Threads: one control thread.
"""

import numpy as np

from engine.realtime import layout as at
from engine.realtime.bridge import Bridge
from engine.realtime.far_call import kernel_address
from engine.realtime.source import run_source
from engine.stream.atomics import array_address, store_release
from engine.stream.ring import Ring
from engine.units import F32, I64


class SourceMemory:
    """What the callback takes a live separation's input from, and where it puts it.

    Parameters
    ----------
    table, control : int64 arrays, shapes (N_TABLE,) and (N_CONTROL,)
        The engine's; the source's cells of both are written here.
    """

    def __init__(self, table: I64, control: I64) -> None:
        self._table = table
        self._control = control
        self._bridge: Bridge | None = None
        self._retired: Bridge | None = None
        self._scratch: F32 = np.zeros(2 * at.CHUNK_FRAMES, np.float32)
        table[at.T_SOURCE_SCRATCH] = array_address(self._scratch)

    def prepare(self) -> None:
        """Load the code before it is needed: a second, or some more where it was never compiled."""
        self._table[at.T_SOURCE_RUN] = kernel_address(run_source)

    def listen(self, ring: Ring, kind: int, channel: int = 0) -> None:
        """Fill a ring from the next block on.

        Parameters
        ----------
        ring : Ring of width 2, `SOURCE_FRAMES` long
            It must live until a block after `stop`.
        kind : int
            SOURCE_CHANNELS, SOURCE_MIC or SOURCE_BRIDGE.
        channel : int
            First of two channels of the device, for SOURCE_CHANNELS.
        """
        self.stop()
        self.prepare()
        self._table[at.T_SOURCE_HEADER] = array_address(ring.header)
        self._table[at.T_SOURCE] = array_address(ring.data)
        store_release(self._control, at.C_SOURCE_CHANNEL, channel)
        store_release(self._control, at.C_SOURCE_ON, kind)

    def stop(self) -> None:
        """Fill nothing; the block that runs may still write."""
        store_release(self._control, at.C_SOURCE_ON, at.SOURCE_OFF)

    @property
    def bridge(self) -> Bridge | None:
        """The way from an input device of its own; None without one."""
        return self._bridge

    def attach_bridge(self, bridge: Bridge | None) -> None:
        """Listen over this bridge, or no longer.

        Parameters
        ----------
        bridge : Bridge or None
            The one before it is kept until the next call: a block may still read from it.
        """
        self._bridge, self._retired = bridge, self._bridge
        if bridge is not None:
            self._table[at.T_SOURCE_BRIDGE] = array_address(bridge.table)
