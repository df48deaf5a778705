"""What a live separation listens to: any two channels, or an input device of its own, frame by frame."""

import numpy as np
import pytest

from engine.io.virtual_device import VirtualOutput
from engine.realtime.bridge import Bridge
from engine.realtime.callback import compile_callback
from engine.realtime.capture import CaptureMemory, capture_block
from engine.realtime.clock import monotonic_ns
from engine.realtime.layout import SOURCE_BRIDGE, SOURCE_CHANNELS
from engine.realtime.memory import EngineMemory
from engine.realtime.source import SOURCE_FRAMES
from engine.stream.ring import HEAD, Ring
from engine.units import F32

RATE_HZ = 48_000
BLOCK = 128


class Listener:
    """An engine whose source is read."""

    def __init__(self, input_channels: int) -> None:
        self.memory = EngineMemory()
        self._callback = compile_callback()
        self.device = VirtualOutput(
            self._callback.address,
            self.memory.userdata_address,
            RATE_HZ,
            BLOCK,
            input_channels=input_channels,
        )
        self.memory.set_stream(RATE_HZ, 2, 0.0)
        self.memory.mic.set_input(input_channels)
        self.ring = Ring(SOURCE_FRAMES, 2, np.float32)
        self.device.start()

    @property
    def taken(self) -> F32:
        """All that came so far, shape (2, n)."""
        return self.ring.data.reshape(-1, 2)[: int(self.ring.header[HEAD])].T


def noise(channels: int, n: int) -> F32:
    return np.random.default_rng(4).normal(0.0, 0.1, (channels, n)).astype(np.float32)


@pytest.mark.parametrize(
    ("channels", "first", "wanted"), [(1, 0, (0, 0)), (2, 0, (0, 1)), (4, 2, (2, 3)), (3, 2, (2, 2))]
)
def test_any_pair_of_channels_is_taken_bit_by_bit(channels: int, first: int, wanted: tuple[int, int]) -> None:
    one = Listener(channels)
    one.memory.source.listen(one.ring, SOURCE_CHANNELS, first)
    x = noise(channels, 10 * BLOCK)
    one.device.advance(x.shape[1], recorded=x)
    assert np.array_equal(one.taken, x[list(wanted)])
    one.memory.source.stop()
    one.device.advance(BLOCK, recorded=x[:, :BLOCK])
    assert one.taken.shape[1] == x.shape[1]


def test_rubbish_of_a_driver_is_silence() -> None:
    one = Listener(2)
    one.memory.source.listen(one.ring, SOURCE_CHANNELS)
    x = noise(2, BLOCK)
    x[0, 3], x[1, 5], x[0, 7] = np.nan, np.inf, 1e30
    one.device.advance(BLOCK, recorded=x)
    wanted = x.copy()
    wanted[0, 3] = wanted[1, 5] = wanted[0, 7] = 0.0
    assert np.array_equal(one.taken, wanted)


def test_a_device_of_its_own_comes_over_the_bridge_and_its_absence_is_counted_silence() -> None:
    one = Listener(0)
    capture = CaptureMemory()
    capture.set_pair(4, 2)
    bridge = Bridge(capture, RATE_HZ, RATE_HZ)
    one.memory.source.attach_bridge(bridge)
    assert one.memory.source.bridge is bridge
    one.memory.source.listen(one.ring, SOURCE_BRIDGE)
    one.device.advance(10 * BLOCK)
    assert not one.taken.any()
    # A constant on channels 3 and 4: whatever the interpolation, it comes out as it went in.
    x = np.zeros((BLOCK, 4), np.float32)
    x[:, 2], x[:, 3] = 0.25, -0.5
    for _ in range(60):
        capture_block(capture.table, x.ravel(), BLOCK, monotonic_ns())
        one.device.advance(BLOCK)
    heard = one.taken[:, -BLOCK:]
    assert heard[0] == pytest.approx(0.25, abs=0.01)
    assert heard[1] == pytest.approx(-0.5, abs=0.01)
    before = one.memory.read_counters().source_starved_frames
    one.device.advance(40 * BLOCK)
    assert one.memory.read_counters().source_starved_frames > before
    assert not one.taken[:, -BLOCK:].any()
    one.memory.source.attach_bridge(None)
    one.device.advance(BLOCK)
    assert one.taken.shape[1] == 111 * BLOCK
