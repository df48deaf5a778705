"""An input in the song's place: heard in stems, mixed apart from the song, and gone without a trace."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import DeviceError, ModelMissing, ParameterError
from engine.io.device import DeviceInfo
from engine.services.feedback_risk import hears_output, refuse_own_sound
from engine.services.live_mic import MicChoice
from engine.services.live_stems import LiveChoice
from engine.services.playback import Playback
from engine.services.take import read_take
from engine.units import F32
from tests.gui.turntable import RATE_HZ, MicTable, Turntable

MODEL = "spleeter-2stems"
HISS_DB = -23.0
PLAYED_HZ = 480.0


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.01)


def rms_db(x: F32) -> float:
    return float(10.0 * np.log10(np.mean(np.square(x, dtype=np.float64)) + 1e-30))


def hiss() -> F32:
    """Noise with a period of a tenth of a second."""
    period = np.random.default_rng(5).standard_normal(RATE_HZ // 10)
    return np.tile(period * 10 ** (HISS_DB / 20) / np.sqrt(np.mean(period**2)), 10).astype(np.float32)


class Studio:
    """A playback on a device with an input, and a song loaded in it."""

    def __init__(self, song: Path) -> None:
        self.table = Turntable()
        self.notices: list[str] = []
        self.playback = Playback(MicTable(self.table), model=MODEL, on_notice=self.notices.append)
        self.song = song
        self.playback.play(song)
        wait_until(lambda: self.playback.status().position_s > 0.2, "the song plays")

    def listen(self, seconds: float = 0.3) -> F32:
        """What is heard from now on, after everything that is on its way."""
        device = self.table.device
        assert device is not None
        wanted = device.n_frames + int((0.2 + seconds) * RATE_HZ)
        wait_until(lambda: self.table.device is not device or device.n_frames >= wanted, "time goes on")
        return self.table.heard(seconds)

    def hears(self, level_db: float, tolerance_db: float = 0.5) -> None:
        """Wait until this level is heard: on a busy machine a live input has gaps, and a worker is late."""
        levels_db: list[float] = []

        def is_so() -> bool:
            levels_db.append(rms_db(self.listen()[0]))
            return abs(levels_db[-1] - level_db) <= tolerance_db

        wait_until(is_so, f"{level_db} dB, not {levels_db}")

    def is_silent(self) -> None:
        """Wait until nothing is heard."""
        wait_until(lambda: rms_db(self.listen()[0]) < -80.0, "it falls silent")

    def start(self, choice: LiveChoice | None = None) -> None:
        self.playback.live.start(choice or LiveChoice(model=MODEL))

    def wait_until_ready(self) -> None:
        live = self.playback.live
        wait_until(lambda: live.state is not None and live.state.ready, "the stems come", 60.0)
        # The stems take over from the input itself within a fade.
        self.listen(0.2)

    def close(self) -> None:
        self.playback.close()
        self.table.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    t = np.arange(12 * RATE_HZ) / RATE_HZ
    path = tmp_path_factory.mktemp("songs") / "tone.wav"
    soundfile.write(path, 0.1 * np.sin(2 * np.pi * PLAYED_HZ * t), RATE_HZ, subtype="FLOAT")
    studio = Studio(path)
    yield studio
    studio.close()


@pytest.fixture
def studio(whole: Studio) -> Iterator[Studio]:
    """The same for every test: the song plays from its second second on, the mic is off, nothing is mixed."""
    whole.table.voice = hiss()
    whole.notices.clear()
    whole.playback.seek(2.0)
    whole.playback.play()
    yield whole
    whole.playback.mic.close()
    whole.playback.live.stop()
    for name in whole.playback.lanes[1:]:
        whole.playback.mixer.set_mute(name, False)
        whole.playback.live.mixer.set_stems(())


def test_the_input_is_heard_in_stems_and_the_song_comes_back_as_it_was(studio: Studio) -> None:
    playback, live = studio.playback, studio.playback.live
    playback.mixer.set_gain_db("vocals", -3.0)
    studio.start()
    # It plays on until the input is there.
    before_s = playback.status().position_s
    assert live.is_on
    assert live.source_name == "USB interface"
    assert not playback.status().playing
    studio.wait_until_ready()
    studio.hears(HISS_DB, 0.5)
    latency = live.latency()
    assert 0.15 < latency.separation_s < 0.25
    assert latency.total_s == pytest.approx(
        latency.input_s + latency.separation_s + latency.limiter_s + latency.output_s
    )
    assert live.trouble == ""
    scope = live.separation.scope if live.separation is not None else None
    assert scope is not None
    columns = np.empty((3, 20), np.float32)
    scope.read(0, scope.n_columns, columns)
    assert rms_db(columns[2]) == pytest.approx(HISS_DB, abs=0.7)
    for name in ("vocals", "accompaniment"):
        live.mixer.set_mute(name)
    studio.is_silent()
    assert live.is_on
    live.stop()
    assert not live.is_on
    assert live.state is None
    status = playback.status()
    assert not status.playing
    assert status.position_s == pytest.approx(before_s, abs=0.3)
    playback.play()
    studio.hears(-23.0, 3.5)
    assert np.argmax(np.abs(np.fft.rfft(studio.listen(0.5)[0]))) == pytest.approx(PLAYED_HZ * 0.5, abs=1)
    playback.mixer.set_gain_db("vocals", 0.0)


def test_a_song_that_is_played_ends_it_and_a_seek_does_not(studio: Studio) -> None:
    studio.start()
    studio.playback.seek(5.0)
    assert studio.playback.live.is_on
    assert studio.playback.status().position_s == pytest.approx(5.0, abs=0.1)
    studio.playback.play()
    assert not studio.playback.live.is_on
    assert studio.playback.status().position_s == pytest.approx(5.0, abs=0.3)


def test_clean_is_later_than_tight_and_a_change_of_choice_is_a_start(studio: Studio) -> None:
    live = studio.playback.live
    studio.start(LiveChoice(model=MODEL, mode="tight"))
    first = live.separation
    tight_s = live.latency().separation_s
    live.mixer.set_gain_db("vocals", -6.0)
    studio.start(LiveChoice(model=MODEL, mode="clean"))
    assert live.separation is not first
    assert live.latency().separation_s - tight_s == pytest.approx(0.093, abs=0.01)
    # The strips are where they were.
    row = live.mixer.lanes.index("vocals")
    assert studio.playback.memory.params[row, 0] == pytest.approx(10 ** (-6 / 20))


def test_ones_own_voice_goes_over_it(studio: Studio) -> None:
    playback = studio.playback
    playback.mic.open(MicChoice())
    studio.start()
    for name in ("vocals", "accompaniment"):
        playback.live.mixer.set_mute(name)
    studio.hears(HISS_DB, 0.3)
    playback.live.stop()
    assert playback.mic.live.choice is not None
    studio.hears(HISS_DB, 0.3)
    # Closed under an input that shares its device: the input goes on.
    studio.start()
    for name in ("vocals", "accompaniment"):
        playback.live.mixer.set_mute(name, False)
    playback.mic.close()
    studio.wait_until_ready()
    studio.hears(HISS_DB, 0.5)


def test_a_take_beside_the_song_ends_where_the_song_steps_aside(studio: Studio, tmp_path: Path) -> None:
    playback = studio.playback
    playback.mic.open(MicChoice())
    playback.play()
    recorder = playback.mic.record(tmp_path, studio.song)
    wait_until(lambda: recorder.seconds > 0.4, "something is recorded")
    studio.start()
    assert not recorder.is_running
    assert recorder.failure is not None
    assert "live input" in recorder.failure
    n_passages = len(read_take(recorder.log_path).passages)
    # One without a song goes on.
    free = playback.mic.record(tmp_path, None)
    studio.start(LiveChoice(model=MODEL, mode="clean"))
    assert free.is_running
    playback.mic.live.stop_recording()
    assert len(read_take(recorder.log_path).passages) == n_passages


def test_a_killed_worker_is_said_and_started_again(studio: Studio) -> None:
    live = studio.playback.live
    studio.start()
    studio.wait_until_ready()
    separation = live.separation
    assert separation is not None
    assert separation.pid is not None
    os.kill(separation.pid, signal.SIGKILL)
    wait_until(lambda: any("started again" in line for line in studio.notices), "it is said")
    # Meanwhile the input itself is heard.
    studio.hears(HISS_DB, 0.5)
    studio.wait_until_ready()
    assert live.state is not None
    assert live.state.restarts == 1


@pytest.mark.parametrize(
    ("choice", "error", "message"),
    [
        (LiveChoice(model=MODEL, mode="fast"), ParameterError, "'tight' nor 'clean'"),
        (LiveChoice(model="htdemucs-4stems"), (ParameterError, ModelMissing), "htdemucs-4stems"),
        (LiveChoice(channel=7), DeviceError, "has 2 input channels"),
        (LiveChoice(device="no such thing"), DeviceError, "no such thing|no audio input"),
    ],
)
def test_what_cannot_be_is_refused_and_the_song_plays_on(
    studio: Studio, choice: LiveChoice, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        studio.start(choice)
    assert not studio.playback.live.is_on
    assert studio.playback.status().playing
    assert studio.playback.live.source_name == ""


def test_a_device_without_an_input_is_refused() -> None:
    table = Turntable()
    playback = Playback(table.open, model=MODEL)
    try:
        with pytest.raises(DeviceError, match="no sound device with an input"):
            playback.live.start(LiveChoice(model=MODEL))
    finally:
        playback.close()
        table.close()


def named(name: str) -> DeviceInfo:
    return DeviceInfo(0, name, "ALSA", 2, 2, RATE_HZ, 5.0, 5.0, True, True)


@pytest.mark.parametrize(
    ("source", "output", "is_own"),
    [
        ("Monitor of Built-in Audio", "Built-in Audio", True),
        ("Speakers (Realtek) [Loopback]", "Speakers (Realtek)", True),
        ("Monitor of HDMI", "Built-in Audio", False),
        ("Built-in Audio", "Built-in Audio", False),
    ],
)
def test_what_charon_plays_itself_is_not_separated_again(source: str, output: str, is_own: bool) -> None:
    assert hears_output(named(source), named(output)) is is_own
    if is_own:
        with pytest.raises(DeviceError, match="what Charon itself plays"):
            refuse_own_sound(named(source), named(output))
    else:
        refuse_own_sound(named(source), named(output))
