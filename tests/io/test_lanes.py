"""Lanes on disk: what is written is read, in pieces that keep no audio thread waiting."""

import io
from pathlib import Path

import numpy as np
import pytest

from engine.io.lanes import FRAME_BYTES, LaneFile
from engine.io.pieces import PIECE_BYTES

N_FRAMES = 100_003


class Watched(io.FileIO):
    """A file that remembers how much it was asked for at once."""

    asked: list[int]

    def write(self, data, /):
        self.asked.append(memoryview(data).nbytes)
        return super().write(data)

    def readinto(self, buffer, /):
        self.asked.append(memoryview(buffer).nbytes)
        return super().readinto(buffer)


@pytest.fixture
def lane(tmp_path: Path):
    path = tmp_path / "lane.f32"
    path.write_bytes(bytes(N_FRAMES * FRAME_BYTES))
    lane = LaneFile(path, writable=True)
    lane._file.close()
    lane._file = Watched(path, "r+b")
    lane._file.asked = []
    yield lane
    lane.close()


def test_a_segment_is_written_and_read_in_small_pieces(lane: LaneFile) -> None:
    frames = np.random.default_rng(0).standard_normal((N_FRAMES - 7, 2)).astype(np.float32)
    lane.write(7, frames)
    np.testing.assert_array_equal(lane.read(7, N_FRAMES - 7), frames)
    np.testing.assert_array_equal(lane.read(0, 7), 0.0)
    assert len(lane._file.asked) > 2 * frames.nbytes // PIECE_BYTES
    assert max(lane._file.asked) <= PIECE_BYTES <= 1 << 17


def test_behind_its_end_there_is_silence(lane: LaneFile) -> None:
    lane.write(N_FRAMES - 3, np.ones((3, 2), np.float32))
    end = lane.read(N_FRAMES - 3, 10)
    np.testing.assert_array_equal(end, np.repeat([[1.0], [0.0]], [3, 7], axis=0).repeat(2, axis=1))
