"""A take as a lane: where it was sung, drawn, heard beside the song, and in the mix that is exported."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import StoreError
from engine.io.song_store import ORIGINAL, Progress, SongStore
from engine.kernels.peaks import BASE_FRAMES
from engine.realtime.layout import FADE_FRAMES, RAMP_FRAMES
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.services.feeder import Feeder
from engine.services.mixdown import LaneSetting, Mix, Mixer
from engine.services.take import Passage, TakeHead, TakeLog, wav_path
from engine.services.take_lane import TakeLane, make_take_lane
from engine.services.take_peaks import TakePeaks
from engine.units import F32
from tests.realtime.conftest import Rig, write_song
from tests.realtime.conftest import rig as rig

RATE_HZ = 48_000
N_FRAMES = 96_000
FROM, LENGTH = 20_000, 30_000
EDGE = 300
"""A passage is faded in and out over 5 ms."""


def noise(n: int, seed: int) -> F32:
    return np.random.default_rng(seed).normal(0.0, 0.05, (2, n)).astype(np.float32)


@pytest.fixture
def song(tmp_path: Path) -> SongStore:
    stems = {name: noise(N_FRAMES, k) for k, name in enumerate(("vocals", "drums"))}
    total = stems["vocals"] + stems["drums"]
    store = write_song(tmp_path / "song", {ORIGINAL: total, **stems}, RATE_HZ)
    store.progress[Progress.TOTAL_SEGMENTS] = store.progress[Progress.SEGMENTS_DONE] = 1
    return store


def record(folder: Path, song_rate_hz: int = RATE_HZ, name: str = "a") -> tuple[Path, F32]:
    """A take of `LENGTH` frames that was sung from song frame `FROM` on; its log and its sound."""
    log = TakeLog(folder / f"{name}.take", TakeHead(RATE_HZ, 0, "song.flac", song_rate_hz))
    log.add(Passage(0, FROM))
    log.close()
    x = noise(LENGTH, 9)
    soundfile.write(wav_path(log.path, "wet"), x.T, RATE_HZ, subtype="FLOAT")
    return log.path, x


def test_it_lies_where_it_was_sung_and_is_made_once(song: SongStore, tmp_path: Path) -> None:
    log, x = record(tmp_path)
    lane = make_take_lane(log, "wet", song.folder)
    frames = lane.map()
    assert frames.shape == (song.capacity_frames, 2)
    inner = slice(FROM + EDGE, FROM + LENGTH - EDGE)
    assert np.array_equal(frames[inner].T, x[:, EDGE : LENGTH - EDGE])
    assert not frames[:FROM].any()
    assert not frames[FROM + LENGTH :].any()
    made_ns = lane.path.stat().st_mtime_ns
    assert make_take_lane(log, "wet", song.folder) == lane
    assert lane.path.stat().st_mtime_ns == made_ns
    # What is not sung takes no disk space.
    assert lane.path.stat().st_blocks * 512 < lane.path.stat().st_size
    # A take that was written since is placed anew.
    os.utime(wav_path(log, "wet"), ns=(made_ns + 10**9, made_ns + 10**9))
    make_take_lane(log, "wet", song.folder)
    assert lane.path.stat().st_mtime_ns > made_ns
    assert not list(song.folder.glob("*.part"))


@pytest.mark.parametrize(
    ("rate_hz", "kind", "message"),
    [
        (0, "wet", "without a song"),
        (44_100, "wet", "sung to a song of 44100 Hz"),
        (RATE_HZ, "dry", "missing"),
    ],
)
def test_what_has_no_place_in_the_song_is_refused(
    song: SongStore, tmp_path: Path, rate_hz: int, kind: str, message: str
) -> None:
    log, _ = record(tmp_path, rate_hz)
    with pytest.raises(StoreError, match=message):
        make_take_lane(log, "dry" if kind == "dry" else "wet", song.folder)
    assert not list(song.folder.glob("take-*"))


def test_a_lane_that_is_gone_is_one_line(song: SongStore, tmp_path: Path) -> None:
    lane = make_take_lane(record(tmp_path)[0], "wet", song.folder)
    lane.path.unlink()
    with pytest.raises(StoreError, match="add it again"):
        lane.map()


@pytest.mark.parametrize("frames_per_column", [BASE_FRAMES, 8 * BASE_FRAMES, 1000.0])
def test_it_is_drawn_where_it_sounds_and_nowhere_else(
    song: SongStore, tmp_path: Path, frames_per_column: float
) -> None:
    peaks = TakePeaks(make_take_lane(record(tmp_path)[0], "wet", song.folder))
    assert peaks.rate_hz == RATE_HZ
    assert peaks.ready_spans("any")[0][0] == 0
    height, width = 32, int(N_FRAMES / frames_per_column)
    body = np.arange(1, height + 2, dtype=np.uint32)
    body[-1] = 0
    core = np.arange(100, 100 + height, dtype=np.uint32)
    out = np.empty((height, width), np.uint32)
    peaks.draw("any", (0, frames_per_column), 1.0, (body, core), out)
    drawn = (out != 0).sum(axis=0)
    first, last = FROM / frames_per_column, (FROM + LENGTH) / frames_per_column
    inside = drawn[int(first) + 2 : int(last) - 1]
    outside = np.concatenate([drawn[: int(first) - 1], drawn[int(last) + 2 :]])
    assert inside.min() > 2
    # A line in the middle is silence.
    assert outside.max() <= 2


# --- heard ------------------------------------------------------------------------------------------


def heard(make: Callable[..., Rig], song: SongStore, lane: TakeLane, mix: Mix) -> F32:
    """What the device plays of song and take at these settings, the limiter's delay taken out."""
    r = make(song)
    r.feeder.stop()
    r.memory.set_n_lanes(2 + len(song.stems), 1)
    r.feeder = Feeder(r.memory, song, [lane.map()])
    r.feeder.start()
    names = (*song.stems, "take")
    settings = {**mix.stems, **({"take": mix.takes[0][1]} if mix.takes else {})}
    for number, name in enumerate(names, 1):
        setting = settings.get(name, LaneSetting())
        r.memory.set_gain_db(number, setting.gain_db)
        r.memory.set_pan(number, setting.pan)
        r.memory.set_mute(number, setting.mute)
        r.memory.set_solo(number, setting.solo)
    r.pull(2 * RAMP_FRAMES)
    r.seek(0)
    r.memory.set_playing(True)
    return r.pull(80_000)[:, LOOKAHEAD_FRAMES:]


SETTLED = slice(FADE_FRAMES + RAMP_FRAMES, 79_000)


def test_beside_an_untouched_song_it_is_added_to_the_original(
    rig: Callable[..., Rig], song: SongStore, tmp_path: Path
) -> None:
    lane = make_take_lane(record(tmp_path)[0], "wet", song.folder)
    out = heard(rig, song, lane, Mix())
    original = np.array(song.map_lane(ORIGINAL)).T
    # Bit by bit: the stems, which do not sum to it that exactly, are not heard.
    assert np.array_equal(out[:, SETTLED], (original + lane.map()[: original.shape[1]].T)[:, SETTLED])


def test_its_solo_silences_the_song_even_where_no_stem_is_there(
    rig: Callable[..., Rig], song: SongStore, tmp_path: Path
) -> None:
    song.ready[:] = 0
    lane = make_take_lane(record(tmp_path)[0], "wet", song.folder)
    out = heard(rig, song, lane, Mix(takes=((lane, LaneSetting(solo=True)),)))
    assert np.abs(out - lane.map()[: out.shape[1]].T)[:, SETTLED].max() < 1e-6


def test_muted_it_leaves_the_song_and_soloed_stems_silence_it(
    rig: Callable[..., Rig], song: SongStore, tmp_path: Path
) -> None:
    lane = make_take_lane(record(tmp_path)[0], "wet", song.folder)
    out = heard(rig, song, lane, Mix(takes=((lane, LaneSetting(mute=True)),)))
    assert np.array_equal(out[:, SETTLED], song.map_lane(ORIGINAL)[: out.shape[1]].T[:, SETTLED])
    out = heard(rig, song, lane, Mix({"drums": LaneSetting(solo=True)}))
    assert np.abs(out - song.map_lane("drums")[: out.shape[1]].T)[:, SETTLED].max() < 1e-6


@pytest.mark.parametrize(
    ("stems", "take"),
    [
        ({}, LaneSetting(gain_db=-4.0, pan=0.4)),
        ({"vocals": LaneSetting(mute=True)}, LaneSetting(gain_db=3.0)),
        ({"vocals": LaneSetting(gain_db=-6.0)}, LaneSetting(solo=True)),
    ],
)
def test_the_exported_mix_is_what_is_heard(
    rig: Callable[..., Rig], song: SongStore, tmp_path: Path, stems: dict[str, LaneSetting], take: LaneSetting
) -> None:
    lane = make_take_lane(record(tmp_path)[0], "wet", song.folder)
    mix = Mix(stems, takes=((lane, take),))
    out = heard(rig, song, lane, mix)
    written = np.concatenate([block.copy() for block in Mixer(song, mix).blocks()]).T
    assert written.shape == (2, N_FRAMES)
    assert np.abs(out[:, SETTLED] - written[:, SETTLED]).max() < 1e-6
