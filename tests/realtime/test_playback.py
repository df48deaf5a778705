"""The whole player: worker process, stem store, feeder, callback, device."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import ModelMissing, ParameterError
from engine.io.device import OutputStream
from engine.io.home import Home, default_home
from engine.io.virtual_device import VirtualOutput
from engine.services.playback import Playback
from tests.benchmarks.play_under_load import run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Fetched models, no stems."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.models.symlink_to(default_home().models)
    return home


class Hand:
    """A virtual device whose callback is called by a thread in real time, until it is unplugged."""

    def __init__(self) -> None:
        self.opened: list[VirtualOutput] = []
        self.plugged = True

    def __call__(self, callback_address: int, userdata_address: int, rate_hz: int | None) -> OutputStream:
        del rate_hz
        if not self.plugged:
            from engine.errors import DeviceError

            raise DeviceError("no sound device: it is unplugged")
        self.opened.append(VirtualOutput(callback_address, userdata_address, 44_100))
        return self.opened[-1]

    def turn(self, seconds: float) -> np.ndarray:
        """Let time pass on the newest device, about as fast as it really does."""
        parts = []
        for _ in range(round(seconds / 0.02)):
            parts.append(self.opened[-1].advance(882))
            time.sleep(0.02)
        return np.concatenate(parts, axis=1)


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def player(hand: Hand, home: Home) -> Iterator[tuple[Playback, list[str]]]:
    notices: list[str] = []
    with Playback(hand, home, model="spleeter-2stems", on_notice=notices.append) as playback:
        assert playback.wait_until_warm()
        yield playback, notices


def wait_for(condition: Callable[[], bool], hand: Hand, timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        hand.turn(0.1)


def test_stems_follow_a_mute_that_came_before_them(
    player: tuple[Playback, list[str]], hand: Hand, tone: Path
) -> None:
    playback, notices = player
    playback.play(tone)
    playback.mixer.set_mute("accompaniment")
    assert any("still being separated" in line for line in notices)
    wait_for(lambda: playback.status().stems_ready, hand)
    hand.turn(0.2)
    out = hand.turn(0.2)
    # A chord of sines has no vocals: nearly all of it is in the accompaniment.
    assert np.sqrt(np.mean(out**2)) < 0.3 * 0.1 * np.sqrt(1.5)
    assert playback.first_sound_s() is not None


def test_position_follows_the_sound_and_seek_and_loop_hold(
    player: tuple[Playback, list[str]], hand: Hand, tone: Path
) -> None:
    playback, _ = player
    playback.play(tone)
    wait_for(lambda: playback.status().position_s > 0.3, hand)
    playback.seek(12.0)
    wait_for(lambda: playback.status().position_s >= 12.1, hand)
    playback.set_loop(12.0, 12.5)
    seen = []
    for _ in range(20):
        hand.turn(0.1)
        seen.append(playback.status().position_s)
    assert min(seen[3:]) >= 11.9
    assert max(seen[3:]) <= 12.6
    with pytest.raises(ParameterError, match="not at least"):
        playback.set_loop(3.0, 3.0)
    with pytest.raises(ParameterError, match="after the song's"):
        playback.set_loop(3.0, 300.0)


def test_the_end_is_reported_and_play_begins_again(
    player: tuple[Playback, list[str]], hand: Hand, tone: Path
) -> None:
    playback, _ = player
    playback.play(tone)
    wait_for(lambda: playback.status().duration_s is not None, hand)
    playback.seek(19.5)
    wait_for(lambda: playback.status().ended, hand)
    playback.play()
    wait_for(lambda: 0.0 < playback.status().position_s < 5.0, hand)


def test_a_killed_worker_comes_back_and_the_song_goes_on(
    player: tuple[Playback, list[str]], hand: Hand, tone: Path
) -> None:
    playback, notices = player
    playback.play(tone)
    wait_for(lambda: playback.first_sound_s() is not None, hand)
    before = playback.memory.read_counters().starved_frames
    pid = playback.worker_pid
    assert pid is not None
    playback.forget_worker_ready()
    os.kill(pid, signal.SIGKILL)
    began_s = time.monotonic()
    out = [hand.turn(0.1) for _ in range(20)]
    assert min(np.max(np.abs(block)) for block in out) > 0.1
    assert playback.wait_until_warm(20.0)
    assert time.monotonic() - began_s < 15.0
    assert any("started again" in line for line in notices)
    assert playback.memory.read_counters().starved_frames == before
    wait_for(lambda: playback.separated, hand)


def test_an_unplugged_device_is_left_and_taken_again(
    player: tuple[Playback, list[str]], hand: Hand, tone: Path
) -> None:
    playback, notices = player
    playback.play(tone)
    wait_for(lambda: playback.status().position_s > 0.5, hand)
    hand.plugged = False
    hand.opened[-1].unplug()
    deadline_s = time.monotonic() + 10.0
    while playback.status().device is not None:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    where_s = playback.status().position_s
    assert any("went away" in line for line in notices)
    hand.plugged = True
    while playback.status().device is None:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    wait_for(lambda: playback.status().position_s > where_s + 0.2, hand)
    assert playback.status().position_s < where_s + 2.0


def test_an_unreadable_song_fails_in_one_line_and_the_next_one_plays(
    player: tuple[Playback, list[str]], hand: Hand, tone: Path, tmp_path: Path
) -> None:
    playback, _ = player
    text = tmp_path / "song.mp3"
    text.write_text("this is not music\n" * 100)
    playback.play(text)
    wait_for(lambda: playback.failure is not None, hand)
    assert "\n" not in str(playback.failure)
    playback.play(tone)
    wait_for(lambda: playback.status().position_s > 0.1, hand)
    assert playback.failure is None


def test_a_model_that_is_not_there_is_said_before_anything_starts(hand: Hand, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="charon models get"):
        Playback(hand, Home(tmp_path / "empty"))
    assert hand.opened == []


@pytest.mark.usefixtures("jack")
def test_sound_goes_on_unchanged_under_a_held_gil_and_a_killed_worker(home: Home, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    path = tmp_path / "noise.wav"
    soundfile.write(path, rng.normal(0.0, 0.1, (20 * 44_100, 2)), 44_100, subtype="FLOAT")
    result = run(path, seconds=8.0, kills=1, home=home)
    assert result["starved_frames"] == 0
    assert result["tap_lost_frames"] == 0
    assert result["worker_restarts"] == 1
    assert result["captured_s"] > 7.0
    assert result["output_error_db"] < -80.0
