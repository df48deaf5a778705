"""The memory of the mic's path through the callback, and the control thread's hands on it.

Part of `EngineMemory`, which gives it its table, its control cells and its parameters; it exists apart
because a song is played without any of it. Everything is allocated once: 2 MiB for the tap ring, half a
MiB for its marks, a quarter for the ring of the singer's pitch.

Threads: `set_*` and `attach_*` from one control thread; the rings are the recorder's.
"""

import numpy as np

from engine.errors import ParameterError
from engine.realtime import layout as at
from engine.realtime.bridge import Bridge
from engine.realtime.effects.chain_memory import ChainMemory
from engine.realtime.far_call import kernel_address
from engine.realtime.howl import HowlGuard
from engine.realtime.mic import N_VOICE, run_mic
from engine.stream.atomics import array_address, store_release
from engine.stream.insert import Insert
from engine.stream.ring import Ring
from engine.units import F32, I64


class MicMemory:
    """What the mic's path works on.

    Parameters
    ----------
    table, control : int64 arrays, shapes (N_TABLE,) and (N_CONTROL,)
        The engine's; the mic's cells of both are written here.

    Attributes
    ----------
    tap : Ring of width MIC_TAP_WIDTH
        Dry and wet voice at the device's rate, while `set_tap` is on.
    marks : Ring of int64, width N_MARK
        One row a chunk of the tap: where it lies in the stream and in the song.
    sung : Ring of width 2
        The bare voice at the device's rate, while `set_sung` is on.
    chain : ChainMemory
        Where the effect plans are published.
    guard : HowlGuard
        What the feedback guard knows.
    probe : float32 array, shape (PROBE_FRAMES,)
        What `play_probe` plays; written while none plays.
    """

    def __init__(self, table: I64, control: I64) -> None:
        self._table = table
        self._control = control
        self._insert: Insert | None = None
        self._retired: Insert | None = None
        self._bridge: Bridge | None = None
        self._retired_bridge: Bridge | None = None
        self.chain = ChainMemory()
        self.guard = HowlGuard()
        self.tap = Ring(at.TAP_RING_FRAMES, at.MIC_TAP_WIDTH, np.float32)
        self.sung = Ring(at.SUNG_RING_FRAMES, 2, np.float32)
        self.marks = Ring(at.MARK_RING_MARKS, at.N_MARK, np.int64)
        self.probe: F32 = np.zeros(at.PROBE_FRAMES, np.float32)
        self._voice: F32 = np.zeros(N_VOICE, np.float32)
        self._cells: I64 = np.zeros(at.N_MIC_I, np.int64)
        for cell, array in {
            at.T_VOICE: self._voice,
            at.T_MIC_I: self._cells,
            at.T_MIC_TAP_HEADER: self.tap.header,
            at.T_MIC_TAP: self.tap.data,
            at.T_SUNG_HEADER: self.sung.header,
            at.T_SUNG: self.sung.data,
            at.T_MARK_HEADER: self.marks.header,
            at.T_MARK: self.marks.data,
            at.T_PROBE: self.probe,
            at.T_CHAIN: self.chain.table,
            at.T_GUARD: self.guard.table,
        }.items():
            table[cell] = array_address(array)

    @property
    def input_channels(self) -> int:
        """Channels of the stream's own input, 0 without one."""
        return int(self._table[at.T_INPUT_CHANNELS])

    def set_input(self, channels: int) -> None:
        """State how many input channels the stream has, 0 for none; only while no stream runs."""
        if channels < 0:
            raise ParameterError(f"an input of {channels} channels is below 0")
        self._table[at.T_INPUT_CHANNELS] = channels

    def set_on(self, on: bool) -> None:
        """Let the mic's path run, or not at all; mute first, because this is an edge.

        The first time its code is loaded, which takes a second, or some twenty when it is compiled.
        """
        if on:
            self._cells[at.MI_RUN] = kernel_address(run_mic)
        store_release(self._control, at.C_MIC_ON, int(on))

    @property
    def is_on(self) -> bool:
        """Whether the mic's path runs."""
        return bool(self._control[at.C_MIC_ON])

    def set_channel(self, channel: int | None) -> None:
        """Input channel, from 0, that is heard on both sides; None takes the first two as stereo."""
        if channel is not None and not 0 <= channel < 64:
            raise ParameterError(f"input channel {channel} is outside 0..63")
        store_release(self._control, at.C_MIC_CHANNEL, at.MIC_STEREO if channel is None else channel)

    def set_guard(self, on: bool) -> None:
        """Let the feedback guard duck a howl, or not."""
        store_release(self._control, at.C_GUARD_ON, int(on))

    def set_tap(self, on: bool) -> None:
        """Let the tap ring fill, or not."""
        store_release(self._control, at.C_MIC_TAP_ON, int(on))

    def set_sung(self, on: bool) -> None:
        """Let the ring of the singer's pitch fill, or not."""
        store_release(self._control, at.C_SUNG_ON, int(on))

    def play_probe(self) -> None:
        """Play `probe` once, from the next chunk on."""
        store_release(self._control, at.C_PROBE, int(self._control[at.C_PROBE]) + 1)

    def attach_insert(self, insert: Insert | None) -> None:
        """Send the voice through a worker, or not.

        Parameters
        ----------
        insert : Insert or None
            It must outlive the block that runs now; the one before it is kept until the next call.
        """
        store_release(self._control, at.C_INSERT_ON, 0)
        self._insert, self._retired = insert, self._insert
        if insert is not None:
            self._table[at.T_INSERT] = array_address(insert.table)
            store_release(self._control, at.C_INSERT_ON, 1)

    def attach_bridge(self, bridge: Bridge | None) -> None:
        """Take the voice from a separate input device, or from the stream's own input again.

        Parameters
        ----------
        bridge : Bridge or None
            The one before it is kept until the next call: a block may still read from it.
        """
        store_release(self._control, at.C_BRIDGE_ON, 0)
        self._bridge, self._retired_bridge = bridge, self._bridge
        if bridge is not None:
            self._table[at.T_BRIDGE] = array_address(bridge.table)
            store_release(self._control, at.C_BRIDGE_ON, 1)
