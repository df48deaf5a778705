"""Recording the mic: files that survive a kill, and takes that lie where they were sung."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import EncodeError, StoreError
from engine.io.song_store import ORIGINAL
from engine.realtime.layout import MIC_ROW, TAP_RING_FRAMES
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.services.recorder import Recorder, TakeRequest
from engine.services.take import Passage, Take, TakeHead, TakeLog, read_take, wav_path
from engine.services.take_export import export_take
from tests.realtime.conftest import Rig, write_song
from tests.realtime.conftest import rig as rig
from tests.realtime.mic_rig import MicRig, noise

REPOSITORY = Path(__file__).parents[2]
HEAD = TakeHead(48_000, 0)


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


def feed(mic: MicRig, x: np.ndarray, step: int = 4800) -> np.ndarray:
    parts = []
    for at in range(0, x.shape[1], step):
        parts.append(mic.run(x[:, at : at + step]))
        time.sleep(0.002)
    return np.concatenate(parts, axis=1)


def test_dry_and_wet_are_recorded_frame_by_frame(tmp_path: Path) -> None:
    mic = MicRig(2)
    mic.memory.mic.set_channel(None)
    mic.memory.set_gain_db(MIC_ROW, -12.0)
    before = noise(2, 3000, seed=9)
    feed(mic, before)
    recorder = Recorder(mic.memory, TakeRequest(tmp_path, mono_dry=False), HEAD)
    x = noise(2, 100_000)
    feed(mic, x)
    recorder.stop()
    assert recorder.failure is None
    for path in recorder.paths.values():
        assert np.array_equal(read(path), x)
    assert recorder.seconds == pytest.approx(100_000 / 48_000)


def test_the_wet_voice_is_moved_forward_by_its_delay(tmp_path: Path) -> None:
    mic = MicRig()
    recorder = Recorder(mic.memory, TakeRequest(tmp_path), HEAD, wet_delay_frames=700)
    x = noise(1, 20_000)
    feed(mic, x)
    recorder.stop()
    assert np.array_equal(read(recorder.paths["dry"]), x)
    assert np.array_equal(read(recorder.paths["wet"])[0], x[0, 700:])


def test_one_kind_alone_and_never_over_an_older_take(tmp_path: Path) -> None:
    mic = MicRig()
    for _ in range(2):
        recorder = Recorder(mic.memory, TakeRequest(tmp_path, ("dry",), "My song"), HEAD)
        feed(mic, noise(1, 960))
        recorder.stop()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["My song (2) (dry).wav", "My song (2).take", "My song (dry).wav", "My song.take"]


def test_what_the_ring_could_not_hold_is_silence_and_what_follows_is_in_its_place(tmp_path: Path) -> None:
    mic = MicRig()
    recorder = Recorder(mic.memory, TakeRequest(tmp_path, ("dry",)), HEAD)
    x = noise(1, TAP_RING_FRAMES + 60_000)
    # In one go, faster than a recorder could fetch it.
    mic.device.advance(x.shape[1], 500, recorded=x)
    time.sleep(0.3)
    y = noise(1, 5000, seed=3)
    feed(mic, y)
    recorder.stop()
    got = read(recorder.paths["dry"])[0]
    assert recorder.lost_frames == mic.memory.read_counters().mic_lost_frames
    assert got.size == x.shape[1] + 5000
    assert np.array_equal(got[-5000:], y[0])
    lost = got[: x.shape[1]] != x[0]
    assert lost.sum() == recorder.lost_frames


@pytest.mark.parametrize("seed", range(3))
def test_kill_dash_nine_leaves_whole_files(tmp_path: Path, seed: int) -> None:
    n = 480_000
    victim = subprocess.Popen(
        [sys.executable, "-m", "tests.services.recording_victim", str(tmp_path), str(n)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        text=True,
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == "recording\n"
    time.sleep(0.4 + random.Random(seed).random())
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    take = read_take(tmp_path / "take.take")
    assert take.head == HEAD
    x = noise(1, n)[0]
    for kind in ("dry", "wet"):
        y = read(take.path(kind))[0]
        assert y.size > 4800
        assert np.array_equal(y, x[: y.size])


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(EncodeError, match="no folder to record into"):
        Recorder(MicRig().memory, TakeRequest(tmp_path / "x"), HEAD)


def test_a_log_torn_by_a_kill_is_read_up_to_there(tmp_path: Path) -> None:
    log = TakeLog(tmp_path / "a.take", TakeHead(48_000, 300, "song.flac", 44_100))
    log.add(Passage(10, 20))
    log.add(Passage(30, -1))
    log.close()
    with log.path.open("ab") as file:
        file.write(b'{"take": 99, "so')
    take = read_take(log.path)
    assert take == Take(
        log.path, TakeHead(48_000, 300, "song.flac", 44_100), (Passage(10, 20), Passage(30, -1))
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no take"),
        ("[]\n", "is no take"),
        ('{"version": 1, "rate_hz": 1}\n', "is no take"),
        (json.dumps({"version": 9, "rate_hz": 48_000, "latency_frames": 0}) + "\n", "take of version 9"),
    ],
)
def test_what_is_no_take_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.take"
    path.write_text(text)
    with pytest.raises(StoreError, match=message):
        read_take(path)


def sing_along(r: Rig, n_frames: int, heard: np.ndarray) -> np.ndarray:
    """Run the song while the mic hears the output one block of 128 later; returns the last block."""
    for _ in range(n_frames // 128):
        if r.epoch > 0:
            r.wait_for_feeder(128)
        heard = r.device.advance(128, 128, recorded=heard[:1])
        time.sleep(0.0002)
    return heard


@pytest.mark.parametrize("song_rate_hz", [48_000, 44_100])
def test_a_take_lies_where_it_was_sung(rig: Callable[..., Rig], tmp_path: Path, song_rate_hz: int) -> None:
    rng = np.random.default_rng(2)
    t = np.arange(4 * song_rate_hz) / song_rate_hz
    mono = sum(
        0.1 * np.sin(2 * np.pi * (200 + 900 * k * t) * t + rng.uniform(0, 6)) for k in range(1, 4)
    ).astype(np.float32)
    store = write_song(
        tmp_path / "song", {ORIGINAL: np.stack([mono, mono]), "vocals": np.stack([mono, mono])}, song_rate_hz
    )
    r = rig(store, input_channels=1)
    # Only the air returns to the mic; the voice itself stays out of the mix.
    r.memory.set_mute(MIC_ROW, True)
    r.memory.mic.set_on(True)
    sing_along(r, 2560, np.zeros((1, 128), np.float32))
    head = TakeHead(48_000, 128 + LOOKAHEAD_FRAMES, "song", song_rate_hz)
    recorder = Recorder(r.memory, TakeRequest(tmp_path, ("dry",)), head)
    heard = sing_along(r, 12_800, np.zeros((1, 128), np.float32))
    r.seek(0)
    r.memory.set_playing(True)
    heard = sing_along(r, 48_000, heard)
    r.seek(2 * song_rate_hz)
    heard = sing_along(r, 38_400, heard)
    r.memory.set_playing(False)
    sing_along(r, 4800, heard)
    recorder.stop()
    out = tmp_path / "lane.wav"
    done = export_take(recorder.log_path, out, mono.size, "dry")
    lane = read(out)
    assert soundfile.info(out).samplerate == song_rate_hz
    assert (done.n_frames, lane.shape) == (mono.size, (2, mono.size))
    assert done.passages == 2
    for start_s, stop_s in ((0.1, 0.9), (2.1, 2.7)):
        part = slice(round(start_s * song_rate_hz), round(stop_s * song_rate_hz))
        error = lane[0, part] - mono[part]
        assert np.sum(mono[part] ** 2) > 1e4 * np.sum(error**2), "40 dB: a quarter of a frame at 2 kHz"
    assert not np.any(lane[:, round(1.1 * song_rate_hz) : round(1.9 * song_rate_hz)])
    assert not np.any(lane[:, round(2.9 * song_rate_hz) :])
    assert not list(tmp_path.glob("*.lane"))


def test_the_later_passage_replaces_the_earlier_one(tmp_path: Path) -> None:
    log = TakeLog(tmp_path / "a.take", TakeHead(48_000, 0, "song", 48_000))
    log.add(Passage(0, 1000))
    log.add(Passage(5000, 1000))
    log.add(Passage(8000, -1))
    log.close()
    x = noise(1, 9000)
    soundfile.write(wav_path(log.path, "dry"), x.T, 48_000, subtype="FLOAT")
    export_take(log.path, tmp_path / "out.wav", 7000, "dry")
    lane = read(tmp_path / "out.wav")[0]
    fade = 240
    assert np.array_equal(lane[1000 + fade : 4000 - fade], x[0, 5000 + fade : 8000 - fade])
    assert np.array_equal(lane[4000 : 6000 - fade], x[0, 3000 : 5000 - fade])
    assert not np.any(lane[:1000])
    assert not np.any(lane[6000:])


def test_a_take_without_a_song_or_without_its_file_is_refused(tmp_path: Path) -> None:
    for name, song_rate_hz, message in (("a", 0, "recorded without a song"), ("b", 48_000, "is missing")):
        log = TakeLog(tmp_path / f"{name}.take", TakeHead(48_000, 0, "", song_rate_hz))
        log.close()
        with pytest.raises(StoreError, match=message):
            export_take(log.path, tmp_path / "out.wav", 1000)
    assert not (tmp_path / "out.wav").exists()
