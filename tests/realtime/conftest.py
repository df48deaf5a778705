"""Songs on disk with known samples, and an engine on the virtual device that plays them."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sounddevice
import soundfile

from engine.io.device import rescan_devices
from engine.io.lanes import LaneFile, interleave
from engine.io.song_store import ORIGINAL, STORE_VERSION, Manifest, Progress, SongStore
from engine.io.song_writer import make_folder
from engine.io.virtual_device import VirtualOutput
from engine.realtime.callback import compile_callback
from engine.realtime.memory import EngineMemory
from engine.services.feeder import Feeder
from engine.stream.ring import HEAD, TAIL
from tests.realtime.jack import jack_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is tested here keeps time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.alone)


def write_song(
    folder: Path, lanes: dict[str, np.ndarray], rate_hz: int, ready_blocks: slice | None = slice(None)
) -> SongStore:
    """A finished store whose lanes hold exactly these (2, frames) arrays."""
    frames = next(iter(lanes.values())).shape[1]
    stems = tuple(name for name in lanes if name != ORIGINAL)
    manifest = Manifest(STORE_VERSION, "0" * 64, "key", stems, rate_hz, frames)
    make_folder(folder, manifest)
    for name, audio in lanes.items():
        with LaneFile(folder / f"{name}.f32", writable=True) as lane:
            lane.write(0, interleave(audio))
    store = SongStore(folder, manifest, "r+")
    store.progress[Progress.DECODED_FRAMES] = frames
    store.progress[Progress.TOTAL_FRAMES] = frames
    store.progress[Progress.DECODE_FINISHED] = 1
    if ready_blocks is not None:
        store.ready[ready_blocks] = 1
    return store


class Rig:
    """Feeder, callback and virtual device around one store."""

    def __init__(
        self, store: SongStore, rate_hz: int = 48_000, block_frames: int = 128, input_channels: int = 0
    ) -> None:
        self.memory = EngineMemory()
        callback = compile_callback()
        self._keep = callback
        self.device = VirtualOutput(
            callback.address,
            self.memory.userdata_address,
            rate_hz,
            block_frames,
            input_channels=input_channels,
        )
        self.memory.set_stream(rate_hz, 2, self.device.output_latency_s)
        self.memory.mic.set_input(input_channels)
        self.memory.set_n_lanes(1 + len(store.stems))
        self.feeder = Feeder(self.memory, store)
        self.feeder.start()
        self.device.start()
        self.epoch = 0

    def seek(self, frame: int) -> None:
        self.epoch += 1
        self.feeder.seek(self.epoch, frame)
        self.memory.set_epoch(self.epoch)
        self.settle()

    def settle(self) -> None:
        """Wait until the feeder has done all it can: the ring stops growing."""
        header = self.memory.lane_ring.header
        before = -1
        while int(header[HEAD]) != before:
            before = int(header[HEAD])
            time.sleep(0.02)

    def pull(self, n_frames: int, block_frames: int | None = None) -> np.ndarray:
        """Output of the next frames, never faster than the feeder."""
        parts: list[np.ndarray] = []
        done = 0
        while done < n_frames:
            n = min(4096, n_frames - done)
            self.wait_for_feeder(n)
            parts.append(self.device.advance(n, block_frames))
            done += n
        return np.concatenate(parts, axis=1)

    def wait_for_feeder(self, n_frames: int) -> None:
        """Wait until the next frames lie in the ring, but not for ever: the song may end."""
        header = self.memory.lane_ring.header
        deadline = time.monotonic() + 0.25
        while int(header[HEAD] - header[TAIL]) < n_frames + 2048 and time.monotonic() < deadline:
            time.sleep(0.001)

    def close(self) -> None:
        self.device.close()
        self.feeder.stop()


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    """Make rigs that are closed after the test."""
    made: list[Rig] = []

    def make(
        store: SongStore, rate_hz: int = 48_000, block_frames: int = 128, input_channels: int = 0
    ) -> Rig:
        made.append(Rig(store, rate_hz, block_frames, input_channels))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def song(tmp_path: Path) -> SongStore:
    """Four seconds at 48 kHz: stems of noise at -20 dBFS that sum to the original."""
    rng = np.random.default_rng(1)
    stems = {
        name: rng.normal(0.0, 0.05, (2, 192_000)).astype(np.float32)
        for name in ("vocals", "drums", "bass", "other")
    }
    total = np.sum(list(stems.values()), axis=0, dtype=np.float32)
    return write_song(tmp_path / "song", {ORIGINAL: total, **stems}, 48_000)


@pytest.fixture(scope="module")
def jack() -> Iterator[None]:
    """PortAudio of this process, looking at a server of its own."""
    with jack_server(f"charon-{os.getpid()}"):
        rescan_devices()
        yield
        # libjack aborts the process when its client is closed after the server.
        sounddevice._terminate()
    sounddevice._initialize()


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of a chord."""
    t = np.arange(20 * 44_100) / 44_100
    audio = 0.1 * sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.2, 329.6))
    path = tmp_path_factory.mktemp("song") / "chord.wav"
    soundfile.write(path, np.stack([audio, audio], axis=1), 44_100)
    return path
