"""The feedback guard: a loop through the air howls without it and does not with it; music is left alone."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.kernels.resample import design, resample_frames
from engine.realtime.howl import HowlGuard
from tests.realtime.mic_rig import RATE_HZ, MicRig, noise

SHARED = Path(__file__).parents[3] / "shared" / "data"
BLOCK = 128


class Air:
    """From the speaker to the mic: so many dB, a resonance, and a delay of one block."""

    def __init__(self, loop_db: float, resonance_hz: float) -> None:
        # A two-pole resonance with a gain of one at its peak.
        radius = 0.995
        turn = 2 * np.pi * resonance_hz / RATE_HZ
        self._a = (2 * radius * np.cos(turn), -(radius**2))
        z = np.exp(1j * turn)
        self._gain = abs(1 - self._a[0] / z - self._a[1] / z**2) * 10 ** (loop_db / 20)
        self._y = (0.0, 0.0)

    def carry(self, x: np.ndarray) -> np.ndarray:
        out = np.empty_like(x)
        y1, y2 = self._y
        for i, sample in enumerate(x):
            y1, y2 = self._gain * float(sample) + self._a[0] * y1 + self._a[1] * y2, y1
            out[i] = y1
        self._y = (y1, y2)
        return out


def loop(
    loop_db: float, seconds: float, guard: bool, resonance_hz: float = 1240.0
) -> tuple[np.ndarray, MicRig]:
    """Output while the mic hears a quiet room and its own speaker."""
    rig = MicRig(block_frames=BLOCK)
    rig.memory.mic.set_guard(guard)
    air = Air(loop_db, resonance_hz)
    room = noise(1, round(seconds * RATE_HZ), 3e-4)[0]
    heard = np.zeros(BLOCK, np.float32)
    parts = []
    for at in range(0, room.size - BLOCK, BLOCK):
        parts.append(rig.run((room[at : at + BLOCK] + heard)[None])[0])
        heard = air.carry(parts[-1])
    return np.concatenate(parts), rig


def test_without_the_guard_the_loop_howls() -> None:
    out, rig = loop(3.0, 2.0, guard=False)
    assert np.max(np.abs(out)) > 0.9
    assert rig.memory.read_counters().ducked_frames == 0


@pytest.mark.parametrize(
    ("loop_db", "resonance_hz", "loud_s"), [(1.5, 1240.0, 0.0), (6.0, 2900.0, 0.05), (12.0, 700.0, 0.15)]
)
def test_a_howl_is_ducked_before_it_is_loud_and_does_not_stay(
    loop_db: float, resonance_hz: float, loud_s: float
) -> None:
    out, rig = loop(loop_db, 6.0, guard=True, resonance_hz=resonance_hz)
    assert rig.memory.mic.guard.howls >= 1
    assert rig.memory.read_counters().ducked_frames > 0
    # Twelve decibels a trip of four milliseconds: from the room's noise to full scale in two looks.
    assert np.sum(np.abs(out) > 0.5) / RATE_HZ <= loud_s
    assert np.max(np.abs(out[-RATE_HZ:])) < 0.25


def test_a_loop_below_one_is_left_alone() -> None:
    _, rig = loop(-4.0, 3.0, guard=True)
    assert rig.memory.read_counters().ducked_frames == 0


def recording(name: str, seconds: float) -> np.ndarray:
    x, rate_hz = soundfile.read(SHARED / name, dtype="float32", always_2d=True)
    x = np.ascontiguousarray(x[: round(seconds * rate_hz), :1].T)
    to = design(rate_hz, RATE_HZ)
    out = np.empty((1, x.shape[1] * RATE_HZ // rate_hz), np.float32)
    resample_frames(x, 0, to, 0, out)
    return out


@pytest.mark.parametrize("name", ["speech.ogg", "trumpet.ogg", "fishin.ogg"])
def test_speech_a_trumpet_and_a_song_are_never_ducked(name: str) -> None:
    rig = MicRig(block_frames=BLOCK)
    rig.memory.mic.set_guard(True)
    x = recording(name, 30.0)
    rig.run(x / np.max(np.abs(x)), 4096)
    assert rig.memory.mic.guard.howls == 0
    assert rig.memory.read_counters().ducked_frames < 0.01 * x.shape[1]


def test_a_whistle_is_asked_once_and_let_through() -> None:
    rig = MicRig()
    rig.memory.mic.set_guard(True)
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    x = 0.4 * np.minimum(t / 0.2, 1.0) * np.sin(2 * np.pi * 1500 * t)
    out = rig.run(x[None])[0]
    assert rig.memory.mic.guard.howls == 0
    assert 0 < rig.memory.read_counters().ducked_frames < 0.4 * RATE_HZ
    assert np.max(np.abs(out[-2 * RATE_HZ :])) == pytest.approx(0.4, rel=1e-3)
    # The only steps are ramps of 5 ms and more.
    assert np.max(np.abs(np.diff(out))) < 1.1 * 0.4 * 2 * np.pi * 1500 / RATE_HZ


@pytest.mark.parametrize("blocks", [[1, 511, 512], [100], [4096], [64, 3000, 7]])
def test_any_partition_gives_the_same_voice(blocks: list[int]) -> None:
    t = np.arange(30_000) / RATE_HZ
    x = (np.minimum(10 ** (t * 4 - 3), 0.5) * np.sin(2 * np.pi * 900 * t)).astype(np.float32)
    bare = np.repeat(x, 2)
    outs = []
    for sizes in ([512], blocks):
        guard, voice, at, k = HowlGuard(), bare.copy(), 0, 0
        while at < x.size:
            n = min(sizes[k % len(sizes)], x.size - at)
            guard.process(RATE_HZ, bare[2 * at : 2 * (at + n)], voice[2 * at : 2 * (at + n)])
            at, k = at + n, k + 1
        outs.append(voice)
    assert np.array_equal(*outs)
    assert not np.array_equal(outs[0], bare), "it never ducked, so this test shows nothing"
    guard.reset()
    again = bare.copy()
    guard.process(RATE_HZ, bare, again)
    assert np.array_equal(again, outs[0])
