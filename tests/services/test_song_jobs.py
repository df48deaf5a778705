"""Songs in line behind the one that plays, on the real worker and a virtual device."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DeviceError, ModelMissing
from engine.io.device import OutputStream
from engine.io.home import Home
from engine.io.virtual_device import VirtualOutput
from engine.services.playback import Playback
from engine.services.song_job import JobState, SongJob
from tests.services.conftest import noise, write_song


class Device:
    """A virtual device turned by hand; `refuses` makes the next opening fail."""

    def __init__(self, rate_hz: int = 44_100) -> None:
        self.rate_hz = rate_hz
        self.refuses = False
        self.opened: list[VirtualOutput] = []

    def __call__(self, callback_address: int, userdata_address: int, rate_hz: int | None) -> OutputStream:
        del rate_hz
        if self.refuses:
            raise DeviceError("device 'test' refuses: choose another one")
        self.opened.append(VirtualOutput(callback_address, userdata_address, self.rate_hz))
        return self.opened[-1]

    def turn(self, seconds: float = 0.05) -> np.ndarray:
        time.sleep(seconds)
        return self.opened[-1].advance(round(seconds * self.rate_hz))


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def playback(home: Home, device: Device, tmp_path: Path) -> Iterator[Playback]:
    own = Home(tmp_path / "home")
    own.root.mkdir()
    own.models.symlink_to(home.models)
    (own.root / "cards").symlink_to(home.root / "cards")
    with Playback(device, own, model="slow") as playback:
        assert playback.wait_until_warm()
        yield playback


def songs(folder: Path, n: int, seconds: float = 8.0) -> list[Path]:
    return [write_song(folder / f"{i}.wav", noise(round(44_100 * seconds), seed=i)) for i in range(n)]


def job(playback: Playback, song: Path) -> SongJob:
    return next(job for job in playback.line.jobs() if job.path == song)


def wait_for(condition: Callable[[], bool], device: Device, timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        device.turn()


def test_songs_are_separated_one_after_another_the_loaded_one_first(
    playback: Playback, device: Device, tmp_path: Path
) -> None:
    first, second, third = songs(tmp_path, 3)
    broken = tmp_path / "broken.mp3"
    broken.write_text("this is not music\n" * 100)
    playback.line.enqueue(first)
    playback.line.enqueue(broken)
    playback.line.enqueue(second)
    playback.play(third)
    states: list[tuple[JobState, ...]] = []

    def all_over() -> bool:
        states.append(tuple(job.state for job in playback.line.jobs()))
        assert states[-1].count(JobState.SEPARATING) <= 1
        return not {JobState.WAITING, JobState.SEPARATING} & set(states[-1])

    wait_for(all_over, device)
    assert [job.path for job in playback.line.jobs()] == [first, broken, second, third]
    assert states[-1] == (JobState.READY, JobState.FAILED, JobState.READY, JobState.READY)
    # The one that is heard went before those that had been waiting longer.
    assert next(s for s in states if s[3] is JobState.READY)[2] is JobState.WAITING
    done = job(playback, second)
    assert done.segments_done == done.segments_total > 1
    assert done.speed is not None
    assert done.speed > 0
    assert done.provider == "CPU"
    assert done.folder is not None
    assert "broken.mp3" in job(playback, broken).message
    assert playback.failure is None  # of the song that is loaded


def test_cancelled_songs_keep_what_is_finished_and_can_be_taken_up_again(
    playback: Playback, device: Device, tmp_path: Path
) -> None:
    loaded, other = songs(tmp_path, 2, seconds=12.0)
    playback.play(loaded)
    playback.line.enqueue(other)
    wait_for(lambda: job(playback, loaded).segments_done >= 1, device)
    playback.line.cancel(loaded)
    assert job(playback, loaded).state is JobState.CANCELLED
    wait_for(lambda: job(playback, other).state is JobState.SEPARATING, device)
    # Its original goes on: cancelling is about stems.
    assert np.abs(device.turn(0.2)).max() > 0.1
    assert playback.status().duration_s == pytest.approx(12.0)
    playback.line.cancel(other)
    playback.line.remove(other)
    assert [job.path for job in playback.line.jobs()] == [loaded]
    before = playback.status().segments_done
    device.turn(0.5)
    assert playback.status().segments_done <= before + 1
    playback.line.retry(loaded)
    wait_for(lambda: job(playback, loaded).state is JobState.READY, device)
    assert playback.separated


def test_another_model_takes_over_where_the_song_is(
    playback: Playback, device: Device, tmp_path: Path
) -> None:
    (song,) = songs(tmp_path, 1)
    playback.play(song)
    wait_for(lambda: playback.status().position_s > 0.5, device)
    playback.mixer.set_gain_db("vocals", -20.0)
    with pytest.raises(ModelMissing):
        playback.set_model("no-such-model")
    assert playback.model == "slow"
    playback.seek(4.0)
    wait_for(lambda: playback.status().position_s > 4.1, device)
    playback.set_model("quarter")
    wait_for(lambda: playback.separated, device)
    assert playback.status().position_s > 4.0
    assert playback.status().playing
    wait_for(lambda: playback.status().stems_ready, device)
    # Other stems, neutral strips: what is heard is the song.
    assert playback.meters() is not None
    assert job(playback, song).state is JobState.READY


def test_another_device_goes_on_where_the_song_is_and_a_refusal_leaves_the_old_one(
    playback: Playback, device: Device, tmp_path: Path
) -> None:
    (song,) = songs(tmp_path, 1)
    playback.play(song)
    wait_for(lambda: playback.status().position_s > 1.0, device)
    other = Device(48_000)
    playback.use_device(other)
    assert playback.stream.rate_hz == 48_000
    wait_for(lambda: playback.status().position_s > 1.3, other)
    assert playback.status().position_s < 4.0
    other.turn(0.1)
    assert np.abs(other.turn(0.2)).max() > 0.1
    device.refuses = True
    with pytest.raises(DeviceError, match="refuses"):
        playback.use_device(device)
    assert playback.stream.rate_hz == 48_000
    wait_for(lambda: np.abs(other.turn(0.1)).max() > 0.1, other, timeout_s=5.0)


def test_the_tone_is_a_sine_at_its_level_and_leaves_no_click(playback: Playback, device: Device) -> None:
    playback.set_test_tone(True)
    device.turn(0.1)
    x = device.turn(0.5)
    assert np.abs(x).max() == pytest.approx(0.1259, rel=0.01)
    spectrum = np.abs(np.fft.rfft(x[0] * np.hanning(x.shape[1])))
    assert np.argmax(spectrum) * 44_100 / x.shape[1] == pytest.approx(440.0, abs=2.0)
    playback.set_test_tone(False)
    y = device.turn(0.2)
    assert np.abs(y[:, -1000:]).max() == 0.0
    whole = np.concatenate([x, y], axis=1)
    # No step is larger than the sine's own steepest one.
    assert np.abs(np.diff(whole[0])).max() <= 0.1259 * 2 * np.pi * 440 / 44_100 * 1.02
