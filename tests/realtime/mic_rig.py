"""The callback with a mic and no song, on a virtual device with an input."""

import numpy as np

from engine.io.virtual_device import VirtualOutput
from engine.realtime.callback import compile_callback
from engine.realtime.layout import MIC_TAP_WIDTH, N_MARK
from engine.realtime.memory import EngineMemory

RATE_HZ = 48_000


class MicRig:
    """Mic on, unmuted, channel 0."""

    def __init__(self, input_channels: int = 1, block_frames: int = 128, rate_hz: int = RATE_HZ) -> None:
        self.memory = EngineMemory()
        self._callback = compile_callback()
        self.device = VirtualOutput(
            self._callback.address,
            self.memory.userdata_address,
            rate_hz,
            block_frames,
            input_channels=input_channels,
        )
        self.memory.set_stream(rate_hz, 2, 0.0)
        self.memory.mic.set_input(input_channels)
        self.memory.mic.set_on(True)
        self.device.start()

    def run(self, recorded: np.ndarray, block_frames: int | None = None) -> np.ndarray:
        """Output, shape (2, n), while the input hears `recorded`, shape (channels, n)."""
        return self.device.advance(recorded.shape[1], block_frames, recorded=recorded.astype(np.float32))

    def taken(self) -> tuple[np.ndarray, np.ndarray]:
        """What the tap holds, shape (4, n), and its marks, shape (m, N_MARK)."""
        tap, marks = self.memory.mic.tap, self.memory.mic.marks
        frames = np.zeros((tap.readable, MIC_TAP_WIDTH), np.float32)
        rows = np.zeros((marks.readable, N_MARK), np.int64)
        tap.pull(frames)
        marks.pull(rows)
        return frames.T, rows


def noise(channels: int, n: int, level: float = 0.1, seed: int = 0) -> np.ndarray:
    """White noise of an rms level, shape (channels, n)."""
    return np.random.default_rng(seed).normal(0.0, level, (channels, n)).astype(np.float32)
