"""What the visuals show of a song on the virtual device: the right thing, at the moment it is heard."""

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from engine.errors import DeviceError, ModelError
from engine.io.song_store import ORIGINAL, SongStore
from engine.kernels.orbit import CALM_CONTROLS, CONTROL_HIGH
from engine.services.playback_status import PlaybackStatus
from engine.services.visual_frame import CALM_FRAME
from engine.services.visual_score import ScoreOptions, score_sound
from engine.services.visuals import Visuals
from tests.realtime.conftest import Rig, write_song

MakeRig = Callable[..., Rig]
PICTURE_S = 1.0 / 60.0


class Turntable:
    """What the visuals ask of a playback, around a rig whose clock is moved by hand."""

    def __init__(self, rig: Rig, stems: tuple[str, ...] = ()) -> None:
        self.rig = rig
        self.memory = rig.memory
        self.lanes = (ORIGINAL, *stems)
        self.gone = False

    @property
    def stream(self):
        if self.gone:
            raise DeviceError("gone")
        return self.rig.device

    def status(self) -> PlaybackStatus:
        meters = self.memory.read_meters()
        position_s = 0.0
        if meters is not None:
            position_s = meters.song_frame / 48_000 + self.rig.device.time_s() - meters.dac_s
        return PlaybackStatus(
            position_s, 60.0, True, False, False, True, 0, 0, (), "virtual", 0, self.memory.read_counters()
        )


@pytest.fixture
def watch() -> Iterator[Callable[..., Visuals]]:
    made: list[Visuals] = []

    def make(heard: Turntable, **options: object) -> Visuals:
        made.append(Visuals(heard, **{"threaded": False, **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def clicks(seconds: float, every_s: float = 0.5, chord: float = 0.02) -> np.ndarray:
    """Noise bursts of 30 ms over a quiet chord."""
    n = round(seconds * 48_000)
    t = np.arange(n) / 48_000
    x = chord * (np.sin(2 * np.pi * 330 * t) + np.sin(2 * np.pi * 220 * t))
    rng = np.random.default_rng(0)
    for at in range(12_000, n - 2000, round(every_s * 48_000)):
        x[at : at + 1440] += 0.6 * rng.standard_normal(1440) * np.exp(-np.arange(1440) / 300)
    return np.stack([x, x]).astype(np.float32)


def show(rig: Rig, visuals: Visuals, seconds: float) -> tuple[np.ndarray, list]:
    """Play, look after the visuals 120 times a second, draw 60 pictures a second: sound and (time,
    picture)."""
    sound, pictures = [], []
    drawn_s = rig.device.time_s()
    for _ in range(round(seconds * 125)):
        sound.append(rig.pull(384))
        visuals.step()
        while drawn_s + PICTURE_S <= rig.device.time_s():
            drawn_s += PICTURE_S
            pictures.append((drawn_s, visuals.frame_at(drawn_s)))
    return np.concatenate(sound, axis=1)[0], pictures


@pytest.mark.parametrize(("block", "latency_s"), [(128, 0.0027), (480, 0.02), (1024, 0.15)])
def test_light_comes_within_one_picture_of_its_sound(rig: MakeRig, tmp_path, watch, block, latency_s) -> None:
    song = write_song(tmp_path / "song", {ORIGINAL: clicks(6.0), "other": clicks(6.0)}, 48_000, None)
    r = rig(song, 48_000, block)
    r.device.output_latency_s = latency_s
    visuals = watch(Turntable(r, ("other",)))
    r.seek(0)
    r.memory.set_playing(True)
    began_s = r.device.time_s()
    sound, pictures = show(r, visuals, 5.0)
    loud = np.flatnonzero(np.abs(sound) > 0.2)
    heard = loud[np.concatenate([[True], np.diff(loud) > 10_000])] / 48_000 + began_s + latency_s
    times = np.array([at_s for at_s, _ in pictures])
    pulse = np.array([picture.pulse for _, picture in pictures])
    # The song's own beginning is an onset, too: its pulse has faded when the second click comes.
    heard = heard[(heard > began_s + 0.5) & (heard < times[-1] - 0.1)]
    assert heard.size >= 8
    for at_s in heard:
        near = (times > at_s - 0.2) & (times < at_s + 0.2)
        lit = times[near][pulse[near] > 0.3]
        # The picture that is on while the click begins, or the next one: never before, never two later.
        assert lit.size
        assert 0.0 <= lit[0] - at_s < PICTURE_S + 1e-9
        assert pulse[near].max() > 0.6
    quiet = np.min(np.abs(times[:, None] - heard), axis=1) > 0.35
    counted = (times > heard[0]) & (times < heard[-1] + 0.4)
    assert pulse[quiet & counted].max(initial=0.0) < 0.15


def test_the_first_sound_out_of_silence_lights_at_once_and_nothing_before_it(
    rig: MakeRig, tmp_path, watch
) -> None:
    song = write_song(
        tmp_path / "song", {ORIGINAL: clicks(3.0, chord=0.0), "other": clicks(3.0)}, 48_000, None
    )
    r = rig(song, 48_000, 128)
    visuals = watch(Turntable(r, ("other",)))
    r.seek(0)
    r.memory.set_playing(True)
    began_s = r.device.time_s()
    sound, pictures = show(r, visuals, 1.0)
    first_s = began_s + float(np.flatnonzero(np.abs(sound) > 0.2)[0]) / 48_000
    times = np.array([at_s for at_s, _ in pictures])
    pulse = np.array([picture.pulse for _, picture in pictures])
    assert pulse[times < first_s].max() < 0.01
    assert 0.0 <= times[pulse > 0.3][0] - first_s < PICTURE_S + 1e-9


def test_each_stem_drives_its_own_part(rig: MakeRig, tmp_path, watch) -> None:
    t = np.arange(6 * 48_000) / 48_000
    tone = np.stack([0.2 * np.sin(2 * np.pi * 440 * t)] * 2).astype(np.float32)
    zero = np.zeros_like(tone)
    names = ("vocals", "drums", "bass", "other")
    lanes = {name: tone if name == "bass" else zero for name in names}
    r = rig(write_song(tmp_path / "song", {ORIGINAL: tone, **lanes}, 48_000))
    visuals = watch(Turntable(r, names))
    r.seek(0)
    r.memory.set_playing(True)
    picture = show(r, visuals, 2.0)[1][-1][1]
    # Without the lane, 440 Hz would be the vocals' band.
    assert picture.levels[1] > 0.9
    assert picture.levels[2] < 0.05
    assert picture.scale > 1.15
    r.memory.set_mute(3, True)
    r.memory.set_mute(1, True)
    picture = show(r, visuals, 1.0)[1][-1][1]
    assert picture.levels[1] < 0.1


def test_a_live_song_and_its_file_give_the_same_course(rig: MakeRig, tmp_path, watch) -> None:
    x = clicks(8.0)
    r = rig(write_song(tmp_path / "song", {ORIGINAL: x, "other": 0 * x}, 48_000, None))
    visuals = watch(Turntable(r, ("other",)), seed=3)
    r.seek(0)
    r.memory.set_playing(True)
    sound, pictures = show(r, visuals, 6.0)
    score = list(score_sound(np.stack([sound, sound]), 48_000, None, ScoreOptions(fps=480.0 / 2, seed=3)))
    late_s = r.device.output_latency_s
    for at_s, picture in pictures[60:-2]:
        k = round((at_s - late_s) * 240)
        if abs((at_s - late_s) * 240 - k) < 0.02:
            assert abs(score[k].c - picture.c) < 1e-4
            assert score[k].pulse == pytest.approx(picture.pulse, abs=0.05)
    assert len(pictures) > 300


def test_silence_drifts_calmly_and_never_stands_still(rig: MakeRig, song: SongStore, watch) -> None:
    r = rig(song)
    visuals = watch(Turntable(r, song.stems))
    # A song that waits at its beginning; without one, every block would be waited for in vain.
    r.seek(0)
    pictures = [picture for _, picture in show(r, visuals, 8.0)[1]]
    c = np.array([picture.c for picture in pictures[60:]])
    speed = np.abs(np.diff(c)) * 60
    assert 0.005 < speed.mean() < 0.12
    assert speed.max() < 0.2
    assert pictures[-1].controls == pytest.approx(tuple(CALM_CONTROLS))
    assert (pictures[-1].pulse, pictures[-1].glow) == (0.0, pytest.approx(0.0, abs=1e-6))


def test_without_a_device_time_goes_on(rig: MakeRig, song: SongStore, watch) -> None:
    r = rig(song)
    heard = Turntable(r, song.stems)
    visuals = watch(heard)
    assert visuals.frame() == CALM_FRAME
    r.seek(0)
    r.memory.set_playing(True)
    before = show(r, visuals, 1.0)[1][-1][1]
    heard.gone = True
    for _ in range(5):
        time.sleep(0.02)
        visuals.step()
    gone = visuals.frame()
    time.sleep(0.05)
    visuals.step()
    assert visuals.frame().c != gone.c
    assert abs(gone.c - before.c) < 0.05
    heard.gone = False
    after = show(r, visuals, 0.5)[1][-1][1]
    assert abs(after.c - gone.c) < 0.2


class BrokenNet:
    def controls(self, window: np.ndarray) -> np.ndarray:
        raise ModelError("model net.onnx returned NaN or infinity")


def test_a_failing_network_hands_over_to_the_rules_and_says_so(rig: MakeRig, song: SongStore, watch) -> None:
    r = rig(song)
    notices: list[str] = []
    visuals = watch(Turntable(r, song.stems), net=BrokenNet(), on_notice=notices.append)
    r.seek(0)
    r.memory.set_playing(True)
    picture = show(r, visuals, 2.0)[1][-1][1]
    assert len(notices) == 1
    assert "rules" in notices[0]
    assert visuals.net is None
    assert picture.controls != pytest.approx(tuple(CALM_CONTROLS))
    steered = SimpleNamespace(controls=lambda window: CONTROL_HIGH)
    visuals.set_net(steered)
    picture = show(r, visuals, 1.5)[1][-1][1]
    assert picture.controls == pytest.approx(tuple(CONTROL_HIGH), abs=0.05)


def test_the_thread_runs_by_itself_and_lets_go_of_its_tap(rig: MakeRig, song: SongStore, watch) -> None:
    r = rig(song)
    visuals = watch(Turntable(r, song.stems), threaded=True)
    visuals.set_song((0.5, 1.0, 1.5, 2.0, 2.5))
    r.seek(0)
    r.memory.set_playing(True)
    for _ in range(50):
        r.pull(480)
        time.sleep(0.004)
    deadline_s = time.monotonic() + 5.0
    while visuals.frame().glow == 0.0 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert visuals.frame().glow > 0.0
    assert visuals.frame().levels[0] > 0.0
    assert r.memory.read_counters().tap_lost_frames == 0
    visuals.close()
    assert r.memory.taps[1].readable < 48_000
    held = r.memory.taps[1].readable
    r.pull(4800)
    assert r.memory.taps[1].readable == held
