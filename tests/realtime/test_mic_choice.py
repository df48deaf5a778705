"""Opening, changing and closing the mic, on virtual devices: what `LiveMic` decides."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import DeviceError, ParameterError
from engine.io.device import OutputStream
from engine.io.home import Home, default_home
from engine.io.virtual_device import VirtualOutput
from engine.realtime.effects.plan import EffectSetting
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.realtime.memory import EngineMemory
from engine.services.feedback_risk import SAFE_GAIN_DB, is_open_air
from engine.services.live_mic import LiveMic, MicChoice
from engine.services.output import Output
from engine.services.playback import Playback
from engine.services.recorder import TakeRequest
from engine.stream.insert import Insert
from tests.realtime.duplex_hand import DuplexHand, device_info
from tests.realtime.mic_rig import noise


def mic_on(hand: DuplexHand) -> tuple[LiveMic, Output, EngineMemory]:
    memory = EngineMemory()
    output = Output(memory, hand)
    return LiveMic(memory, output), output, memory


def test_it_fades_in_is_heard_and_fades_out() -> None:
    hand = DuplexHand()
    mic, _, _ = mic_on(hand)
    mic.open(MicChoice())
    x = np.full((1, 4800), 0.4, np.float32)
    out = hand.turn(4800, x)
    assert out[0, 0] == 0.0
    assert out[0, -1] == pytest.approx(0.4)
    assert np.max(np.abs(np.diff(out[0]))) < 0.002
    first = hand.stream
    mic.close()
    assert mic.choice is None
    assert not first.is_running()
    assert hand.stream.input_channels == 0
    # A virtual device does not wait for a fade: the limiter's look-ahead is still in its delay line.
    assert not np.any(hand.turn(1000)[:, LOOKAHEAD_FRAMES:])


def test_a_chain_is_heard_and_follows_the_devices_rate() -> None:
    hand = DuplexHand()
    mic, _, memory = mic_on(hand)
    mic.open(MicChoice())
    plan = mic.set_chain([EffectSetting("high_pass")])
    assert plan.rate_hz == 48_000
    hand.turn(4800, np.full((1, 4800), 0.4, np.float32))
    settled = hand.turn(48_000, np.full((1, 48_000), 0.4, np.float32))
    assert np.max(np.abs(settled[:, -100:])) < 1e-3, "a high-pass lets no constant through"
    other = DuplexHand(device_info("Other"), 44_100)
    mic.change_output(other)
    assert memory.rate_hz == 44_100
    assert mic.plan is not plan
    assert mic.plan is not None
    assert mic.plan.rate_hz == 44_100
    assert mic.plan.slots == plan.slots
    assert other.stream.input_channels == 2


def test_a_channel_that_the_device_lacks_is_refused() -> None:
    hand = DuplexHand(device_info("Desk", inputs=4))
    mic, output, _ = mic_on(hand)
    with pytest.raises(DeviceError, match=r"'Desk' has 4 input channels, there is no 5: choose a lower one"):
        mic.open(MicChoice(channel=4))
    assert output.stream is None
    mic.open(MicChoice(channel=3))
    assert hand.stream.input_channels == 4


def test_latency_by_stage() -> None:
    hand = DuplexHand()
    mic, _, _ = mic_on(hand)
    mic.open(MicChoice())
    mic.attach_insert(Insert(960))
    latency = mic.latency()
    assert latency.input_s == latency.output_s == 128 / 48_000
    assert latency.insert_s == 0.02
    assert latency.algorithmic_s == pytest.approx(0.02 + 64 / 48_000)
    assert latency.round_trip_s == pytest.approx(latency.algorithmic_s + 256 / 48_000)


def test_an_output_without_input_says_so() -> None:
    def opener(callback_address: int, userdata_address: int, rate_hz: int | None) -> OutputStream:
        return VirtualOutput(callback_address, userdata_address, rate_hz or 48_000)

    memory = EngineMemory()
    mic = LiveMic(memory, Output(memory, opener))
    with pytest.raises(DeviceError, match="this output has no input"):
        mic.open(MicChoice())
    assert mic.choice is None
    assert not memory.mic.is_on
    with pytest.raises(DeviceError, match="the mic is closed"):
        mic.record(TakeRequest(Path()))
    with pytest.raises(DeviceError, match="the mic is closed"):
        mic.measure_latency()


@pytest.mark.parametrize(
    ("mic_name", "output_name", "risky"),
    [
        ("MacBook Pro Microphone", "MacBook Pro Speakers", True),
        ("Built-in Audio Analog Stereo", "Built-in Audio Analog Stereo", True),
        ("Internal Microphone (Realtek)", "Speakers (Realtek High Definition Audio)", True),
        ("MacBook Pro Microphone", "External Headphones", False),
        ("Scarlett 2i2 USB", "Scarlett 2i2 USB", False),
        ("Built-in Microphone", "USB Audio CODEC", False),
        ("system", "system", False),
    ],
)
def test_which_pairs_hear_each_other(mic_name: str, output_name: str, risky: bool) -> None:
    assert is_open_air(device_info(mic_name), device_info(output_name)) is risky


def test_a_built_in_pair_is_refused_until_confirmed_or_quiet() -> None:
    hand = DuplexHand(device_info("Built-in Audio"))
    mic, output, memory = mic_on(hand)
    with pytest.raises(DeviceError, match=r"would hear .* and howl at \+0 dB: use headphones"):
        mic.open(MicChoice())
    assert output.stream is None
    assert not memory.mic.is_on
    mic.set_gain_db(SAFE_GAIN_DB)
    mic.open(MicChoice())
    with pytest.raises(DeviceError, match=r"howl at \+3 dB"):
        mic.set_gain_db(3.0)
    assert mic.gain_db == SAFE_GAIN_DB
    mic.open(MicChoice(confirmed=True))
    mic.set_gain_db(3.0)
    assert mic.gain_db == 3.0


@pytest.fixture
def playback(tmp_path: Path) -> Iterator[tuple[Playback, DuplexHand]]:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.models.symlink_to(default_home().models)
    hand = DuplexHand()
    with Playback(hand, home) as player:
        assert player.wait_until_warm()
        yield player, hand


def play_until(hand: DuplexHand, condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        hand.turn(960)
        time.sleep(0.02)


def test_sing_along_with_a_song_and_export_the_take(
    playback: tuple[Playback, DuplexHand], tone: Path, tmp_path: Path
) -> None:
    player, hand = playback
    player.play(tone)
    play_until(hand, lambda: player.status().position_s > 0.5)
    before_s = player.status().position_s
    player.mic.open(MicChoice())
    play_until(hand, lambda: not player.status().waiting)
    assert player.status().position_s == pytest.approx(before_s, abs=0.3)
    recorder = player.mic.record(tmp_path / "takes", player.song)
    with pytest.raises(ParameterError, match=r"not decoded to its end|still being recorded"):
        player.mic.export(recorder.log_path, tmp_path / "early.wav")
    voice = noise(1, 48_000)
    for at in range(0, 48_000, 960):
        hand.turn(960, voice[:, at : at + 960])
        time.sleep(0.015)
    with pytest.raises(DeviceError, match="recorded already"):
        player.mic.record(tmp_path, None)
    player.mic.close()
    assert hand.stream.input_channels == 0
    assert recorder.failure is None
    dry = soundfile.read(recorder.paths["dry"], dtype="float32")[0]
    assert np.array_equal(dry[:48_000], voice[0])
    play_until(hand, lambda: player.status().duration_s is not None)
    done = player.mic.export(recorder.log_path, tmp_path / "lane.wav", "dry")
    assert done.n_frames == 20 * 44_100
    lane = soundfile.read(tmp_path / "lane.wav", dtype="float32")[0]
    sung_s = np.flatnonzero(np.any(lane, axis=1)) / 44_100
    assert sung_s[0] == pytest.approx(before_s, abs=0.4)
    assert sung_s[-1] - sung_s[0] == pytest.approx(1.0, abs=0.1)
    assert recorder.log_path.name == "chord.take"
