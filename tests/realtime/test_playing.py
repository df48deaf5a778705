"""What comes out of the callback, frame by frame, on the virtual device."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.io.song_store import ORIGINAL, SongStore
from engine.realtime.layout import (
    FADE_FRAMES,
    FLAG_ENDED,
    FLAG_READY,
    FLAG_STARVED,
    FLAG_WAITING,
    RAMP_FRAMES,
)
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from tests.realtime.conftest import Rig, write_song

MakeRig = Callable[..., Rig]
SETTLE = LOOKAHEAD_FRAMES + FADE_FRAMES


def lane(store: SongStore, name: str) -> np.ndarray:
    return np.array(store.map_lane(name)).T


def start(rig: Rig, frame: int = 0) -> None:
    rig.seek(frame)
    rig.memory.set_playing(True)


def test_untouched_song_is_passed_on_bit_by_bit(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    start(r)
    out = r.pull(100_000)
    original = lane(song, ORIGINAL)
    assert np.array_equal(out[:, SETTLE:], original[:, FADE_FRAMES : 100_000 - LOOKAHEAD_FRAMES])
    assert r.memory.read_counters().starved_frames == 0


@pytest.mark.parametrize("block", [1, 17, 64, 480, 1000, 4096])
def test_blocks_of_any_size_give_the_same_output(rig: MakeRig, song: SongStore, block: int) -> None:
    expected, got = (rig(song) for _ in range(2))
    outs = []
    for r, size in ((expected, 128), (got, block)):
        start(r)
        r.memory.set_gain_db(2, -6.0)
        r.memory.set_pan(1, 0.3)
        n = 2000 if block == 1 else 12_000
        outs.append(r.pull(n, size))
    # The readiness look-ahead is per chunk, so only the mixing itself is compared to rounding.
    assert np.max(np.abs(outs[0] - outs[1])) < 1e-6


def test_mute_leaves_the_sum_of_the_others(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    r.memory.set_mute(1, True)
    start(r)
    out = r.pull(50_000)
    expected = sum(lane(song, name) for name in ("drums", "bass", "other"))
    settled = slice(SETTLE + RAMP_FRAMES, 50_000)
    shift = slice(FADE_FRAMES + RAMP_FRAMES, 50_000 - LOOKAHEAD_FRAMES)
    assert np.max(np.abs(out[:, settled] - expected[:, shift])) < 1e-6


def test_solo_silences_every_other_stem(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    r.memory.set_solo(3, True)
    start(r)
    out = r.pull(20_000)
    expected = lane(song, "bass")
    got = out[:, SETTLE + RAMP_FRAMES :]
    want = expected[:, FADE_FRAMES + RAMP_FRAMES : 20_000 - LOOKAHEAD_FRAMES]
    assert np.max(np.abs(got - want)) < 1e-6


def test_balance_keeps_the_near_side_and_closes_the_far_one(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    r.memory.set_solo(1, True)
    r.memory.set_pan(1, 1.0)
    start(r)
    out = r.pull(20_000)[:, SETTLE + RAMP_FRAMES :]
    want = lane(song, "vocals")[1, FADE_FRAMES + RAMP_FRAMES : 20_000 - LOOKAHEAD_FRAMES]
    assert np.max(np.abs(out[0])) < 1e-6
    assert np.max(np.abs(out[1] - want)) < 1e-6


def test_stems_that_are_not_there_yet_leave_the_original(rig: MakeRig, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    vocals = rng.normal(0.0, 0.05, (2, 96_000)).astype(np.float32)
    other = rng.normal(0.0, 0.05, (2, 96_000)).astype(np.float32)
    store = write_song(
        tmp_path / "s", {ORIGINAL: vocals + other, "vocals": vocals, "other": other}, 48_000, slice(0, 40)
    )
    r = rig(store)
    r.memory.set_mute(1, True)
    start(r)
    out = r.pull(80_000)
    edge = 40 * 1024
    before = slice(SETTLE + RAMP_FRAMES, edge - RAMP_FRAMES - 1100)
    expected = other[:, before.start - LOOKAHEAD_FRAMES : before.stop - LOOKAHEAD_FRAMES]
    assert np.max(np.abs(out[:, before] - expected)) < 1e-6
    after = slice(edge + LOOKAHEAD_FRAMES, 80_000)
    original = (vocals + other)[:, edge : 80_000 - LOOKAHEAD_FRAMES]
    assert np.array_equal(out[:, after], original)


def test_seek_fades_and_lands_on_the_frame(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    start(r)
    r.pull(10_000)
    r.epoch += 1
    r.feeder.seek(r.epoch, 100_000)
    r.memory.set_epoch(r.epoch)
    gap = r.device.advance(SETTLE + 64)
    r.settle()
    out = r.pull(20_000)
    assert np.max(np.abs(np.diff(gap[0]))) < 0.8  # noise of 0.1 fading, no jump to another place
    original = lane(song, ORIGINAL)[:, 100_000:]
    n = 20_000 - SETTLE
    assert np.array_equal(out[:, SETTLE : SETTLE + n], original[:, FADE_FRAMES : FADE_FRAMES + n])


def test_seek_with_a_full_ring_while_paused_is_answered(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    r.seek(0)
    r.device.advance(512)
    for target in (50_000, 150_000, 20_000):
        r.seek(target)
        r.device.advance(512)
        r.settle()
        r.device.advance(512)
        meters = r.memory.read_meters()
        assert meters is not None
        assert meters.epoch == r.epoch
        assert meters.song_frame == target
        assert not meters.flags & FLAG_WAITING


def test_pause_fades_out_and_play_goes_on_without_losing_a_frame(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    start(r)
    r.pull(5_000)
    r.memory.set_playing(False)
    faded = r.pull(2_000)
    assert np.all(faded[:, SETTLE + 1 :] == 0.0)
    r.memory.set_playing(True)
    out = r.pull(5_000)
    original = lane(song, ORIGINAL)
    at = 5_000 + FADE_FRAMES
    want = original[:, at + FADE_FRAMES : at + 5_000 - LOOKAHEAD_FRAMES]
    assert np.array_equal(out[:, SETTLE:], want)


def test_loop_repeats_to_the_frame_with_a_short_cross_fade(rig: MakeRig, tmp_path: Path) -> None:
    ramp = np.tile(np.arange(96_000, dtype=np.float32) / 200_000.0, (2, 1))
    store = write_song(tmp_path / "s", {ORIGINAL: ramp, "other": ramp}, 48_000)
    r = rig(store)
    r.feeder.set_loop((10_000, 20_000))
    start(r, 10_000)
    out = r.pull(45_000)[0, LOOKAHEAD_FRAMES:]
    for turn in range(1, 4):
        at = turn * 10_000
        assert np.array_equal(out[at : at + 9_000], ramp[0, 10_000:19_000])
    # The seam: no step larger than the fade spreads over 192 frames.
    assert np.max(np.abs(np.diff(out[FADE_FRAMES:]))) < 10_000 / 200_000 / 192 * 1.1


def test_end_of_the_song_is_reported_and_is_not_starvation(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    start(r, 180_000)
    out = r.pull(16_000)
    meters = r.memory.read_meters()
    assert meters is not None
    assert meters.flags & FLAG_ENDED
    assert r.memory.read_counters().starved_frames == 0
    original = lane(song, ORIGINAL)[:, 180_000:]
    assert np.array_equal(out[:, SETTLE : 12_000 + LOOKAHEAD_FRAMES], original[:, FADE_FRAMES:])
    assert np.all(out[:, 12_000 + LOOKAHEAD_FRAMES :] == 0.0)


def test_a_late_feeder_fades_counts_and_resumes(rig: MakeRig, tmp_path: Path) -> None:
    tone = np.sin(np.arange(96_000) * 0.05).astype(np.float32)[None].repeat(2, axis=0) * 0.5
    store = write_song(tmp_path / "s", {ORIGINAL: tone, "other": tone}, 48_000)
    store.progress[0], store.progress[1] = 8_000, 0
    r = rig(store)
    start(r)
    out = r.device.advance(12_000)
    meters = r.memory.read_meters()
    assert meters is not None
    assert meters.flags & FLAG_STARVED
    starved = r.memory.read_counters().starved_frames
    assert starved > 3_000
    assert np.max(np.abs(np.diff(out[0]))) < 0.03  # the tone's own steepest step, so no click
    store.progress[0], store.progress[1] = 96_000, 1
    r.settle()
    again = r.pull(8_000)
    assert np.max(np.abs(again[:, 2_000:])) > 0.45
    assert np.max(np.abs(np.diff(again[0]))) < 0.03
    assert r.memory.read_counters().starved_frames == starved


@pytest.mark.parametrize(("song_hz", "device_hz"), [(44_100, 48_000), (48_000, 44_100), (192_000, 44_100)])
def test_other_rates_are_resampled_without_seams(
    rig: MakeRig, tmp_path: Path, song_hz: int, device_hz: int
) -> None:
    seconds = 1.5
    t = np.arange(int(seconds * song_hz)) / song_hz
    tone = (0.5 * np.sin(2 * np.pi * 997.0 * t)).astype(np.float32)[None].repeat(2, axis=0)
    store = write_song(tmp_path / "s", {ORIGINAL: tone, "other": tone}, song_hz)
    r = rig(store, device_hz)
    start(r)
    n = int(1.2 * device_hz)
    out = r.pull(n)[0]
    want = 0.5 * np.sin(2 * np.pi * 997.0 * (np.arange(n) - LOOKAHEAD_FRAMES) / device_hz)
    settled = slice(SETTLE + 200, n)
    error_db = 20 * np.log10(np.max(np.abs(out[settled] - want[settled])) / 0.5)
    assert error_db < -90.0


def test_limiter_holds_full_scale_and_leaves_the_rest_alone(rig: MakeRig, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    loud = rng.normal(0.0, 0.1, (2, 96_000)).astype(np.float32)
    loud[:, 40_000:44_000] *= 20.0
    store = write_song(tmp_path / "s", {ORIGINAL: loud, "other": loud}, 48_000)
    r = rig(store)
    start(r)
    out = r.pull(90_000)
    assert np.max(np.abs(out)) <= 1.0
    before = slice(SETTLE, 40_000)
    assert np.array_equal(out[:, before], loud[:, FADE_FRAMES : 40_000 - LOOKAHEAD_FRAMES])
    assert np.max(np.abs(out[:, 40_200:43_000])) > 0.7


def test_ready_flag_and_meters_tell_the_truth(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    start(r)
    r.memory.set_gain_db(2, -200.0)
    r.pull(96_000)
    meters = r.memory.read_meters()
    assert meters is not None
    assert meters.flags & FLAG_READY
    vocals, drums = meters.lanes[1], meters.lanes[2]
    assert vocals.rms_db[0] == pytest.approx(20 * np.log10(0.05), abs=0.6)
    assert drums.peak_db[0] < -30.0
    # The block's own first frame: 96000 taken so far, the last block began 128 earlier.
    assert meters.song_frame == 96_000 - 128


def test_taps_hold_exactly_what_was_played(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    r.memory.set_tap(0, True)
    start(r)
    out = r.pull(60_000)
    tapped = np.zeros((60_000, 2), np.float32)
    assert r.memory.taps[0].pull(tapped) == 60_000
    assert np.array_equal(tapped.T, out)
    assert r.memory.taps[1].readable == 0


def test_an_engine_without_a_song_is_silent_and_not_starved(rig: MakeRig, song: SongStore) -> None:
    r = rig(song)
    r.memory.set_playing(True)
    assert not np.any(r.device.advance(10_000))
    assert r.memory.read_counters().starved_frames == 0


@pytest.mark.parametrize("device_hz", [48_000, 44_100])
def test_stems_that_arrive_are_heard_before_the_ring_has_run_through(
    rig: MakeRig, tmp_path: Path, device_hz: int
) -> None:
    rng = np.random.default_rng(4)
    vocals = rng.normal(0.0, 0.05, (2, 192_000)).astype(np.float32)
    other = rng.normal(0.0, 0.05, (2, 192_000)).astype(np.float32)
    store = write_song(
        tmp_path / "s", {ORIGINAL: vocals + other, "vocals": vocals, "other": other}, 48_000, None
    )
    still, late = rig(store, device_hz), rig(store, device_hz)
    start(still)
    start(late)
    late.memory.set_mute(1, True)
    before = late.pull(20_000)
    assert np.array_equal(before, still.pull(20_000))
    store.ready[:] = 1
    late.settle()
    out = late.pull(20_000)
    untouched = still.pull(20_000)
    changed = np.flatnonzero(np.any(out != untouched, axis=0))
    assert changed[0] < 6_000  # the ring alone holds 16384 frames
    meters = late.memory.read_meters()
    assert meters is not None
    assert meters.flags & FLAG_READY
    # What was taken back and written again is the same song: the other rig had it in one go.
    late.memory.set_mute(1, False)
    late.pull(4_000)
    still.pull(4_000)
    assert np.max(np.abs(late.pull(8_000) - still.pull(8_000))) < 1e-6
    assert late.memory.read_counters().starved_frames == 0
