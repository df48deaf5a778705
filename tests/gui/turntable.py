"""A virtual sound device that keeps time, and keeps what it plays."""

import threading
import time

import numpy as np
from pytestqt.qtbot import QtBot

from engine.errors import DeviceError
from engine.io.device import DeviceInfo
from engine.io.virtual_device import VirtualOutput
from engine.units import F32

RATE_HZ = 48_000
BLOCK_FRAMES = 128
KEEP_S = 6.0
UNDERFLOW = 4
"""PortAudio's flag of a callback that came too late."""


class Turntable:
    """Turns virtual devices at the pace of the clock, and keeps the last seconds of what they play.

    Attributes
    ----------
    voice : float32 array, shape (frames,)
        What an input hears, over and over.
    """

    def __init__(self) -> None:
        self.voice: F32 = np.zeros(RATE_HZ, np.float32)
        self.device: VirtualOutput | None = None
        self._blocks: list[F32] = []
        self.lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._turn, name="turntable", daemon=True)
        self._thread.start()

    def open(self, callback_address: int, userdata_address: int, rate_hz: int | None) -> VirtualOutput:
        """A StreamOpener."""
        device = VirtualOutput(callback_address, userdata_address, rate_hz or RATE_HZ, BLOCK_FRAMES)
        with self.lock:
            self.device = device
        return device

    def _turn(self) -> None:
        before_s = time.monotonic()
        owed = 0.0
        while not self._stop.wait(0.004):
            now_s = time.monotonic()
            # A machine that was away for long does not play what it missed.
            owed = min(owed + (now_s - before_s) * RATE_HZ, 0.25 * RATE_HZ)
            before_s = now_s
            n_blocks = int(owed) // BLOCK_FRAMES
            with self.lock:
                if self.device is None or not self.device.is_running() or n_blocks == 0:
                    continue
                owed -= n_blocks * BLOCK_FRAMES
                recorded = self._sung(self.device, n_blocks * BLOCK_FRAMES)
                try:
                    block = self.device.advance(n_blocks * BLOCK_FRAMES, recorded=recorded)
                except DeviceError:
                    continue  # closed since it was looked at, as devices are
                self._blocks.append(block)
                kept = sum(block.shape[1] for block in self._blocks)
                while kept > KEEP_S * RATE_HZ:
                    kept -= self._blocks.pop(0).shape[1]

    def _sung(self, device: VirtualOutput, n_frames: int) -> F32 | None:
        if not device.input_channels:
            return None
        heard = np.take(self.voice, np.arange(device.n_frames, device.n_frames + n_frames), mode="wrap")
        return np.ascontiguousarray(np.broadcast_to(heard, (device.input_channels, n_frames)))

    def report_underflow(self) -> None:
        """Let the next block come as a driver's does that was late."""
        with self.lock:
            if self.device is not None:
                self._blocks.append(self.device.advance(BLOCK_FRAMES, status=UNDERFLOW))

    def heard(self, seconds: float) -> F32:
        """The last seconds, (2, frames)."""
        n_frames = int(seconds * RATE_HZ)
        with self.lock:
            whole = np.concatenate(self._blocks, axis=1) if self._blocks else np.zeros((2, 0), np.float32)
        return whole[:, -n_frames:]

    def listen(self, qtbot: QtBot, seconds: float) -> F32:
        """Let that much more be played, while the window lives, and return it."""
        with self.lock:
            before = self.device.n_frames if self.device is not None else 0
        wanted = int(seconds * RATE_HZ)
        qtbot.waitUntil(
            lambda: self.device is not None and self.device.n_frames - before >= wanted, timeout=20_000
        )
        return self.heard(seconds)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


class MicTable:
    """A `DuplexOpener` of a turntable's devices: what plays has a microphone, too.

    Parameters
    ----------
    table : Turntable
    name : str
        What the device is called; feedback is judged by it.
    input_channels : int
    """

    def __init__(self, table: Turntable, name: str = "USB interface", input_channels: int = 0) -> None:
        self._table = table
        self._name = name
        self._input_channels = input_channels

    def __call__(self, callback_address: int, userdata_address: int, rate_hz: int | None) -> VirtualOutput:
        device = VirtualOutput(
            callback_address,
            userdata_address,
            rate_hz or RATE_HZ,
            BLOCK_FRAMES,
            input_channels=self._input_channels,
        )
        with self._table.lock:
            self._table.device = device
        return device

    def device(self) -> DeviceInfo:
        """What it says of itself."""
        return DeviceInfo(0, self._name, "virtual", 2, 2, RATE_HZ, 3.0, 3.0, True, True)

    def with_input(self, channels: int) -> "MicTable":
        """The same with so many input channels."""
        return MicTable(self._table, self._name, channels)
