"""The mic's way through the callback, frame by frame, on the virtual device."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.io.song_store import ORIGINAL, SongStore
from engine.realtime.layout import (
    FADE_FRAMES,
    K_PROBE_FRAME,
    MARK_FRAMES,
    MARK_SONG,
    MARK_STREAM,
    MARK_TAP,
    MIC_ROW,
)
from engine.realtime.layout import TAP_RING_FRAMES as TAP_FRAMES
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.stream.insert import Insert
from tests.realtime.conftest import Rig
from tests.realtime.mic_rig import MicRig, noise


def test_the_mic_is_heard_the_limiters_look_ahead_later() -> None:
    rig = MicRig()
    x = noise(1, 5000)
    out = rig.run(x)
    for side in out:
        assert np.array_equal(side[LOOKAHEAD_FRAMES:], x[0, :-LOOKAHEAD_FRAMES])


@pytest.mark.parametrize(("channel", "heard"), [(0, (0, 0)), (2, (2, 2)), (None, (0, 1)), (9, (2, 2))])
def test_a_channel_on_both_sides_or_the_first_two_as_stereo(
    channel: int | None, heard: tuple[int, int]
) -> None:
    rig = MicRig(3)
    rig.memory.mic.set_channel(channel)
    x = noise(3, 1000)
    out = rig.run(x)
    for side, source in zip(out, heard, strict=True):
        assert np.array_equal(side[LOOKAHEAD_FRAMES:], x[source, :-LOOKAHEAD_FRAMES])


@pytest.mark.parametrize("block", [1, 17, 480, 512, 513, 4096])
def test_blocks_of_any_size_give_the_same_voice(block: int) -> None:
    x = noise(2, 6000)
    outs = []
    for size in (128, block):
        rig = MicRig(2)
        rig.memory.set_gain_db(MIC_ROW, -6.0)
        rig.memory.mic.set_channel(None)
        outs.append(rig.run(x, size))
    assert np.max(np.abs(outs[0] - outs[1])) < 1e-6


def test_mute_ramps_and_gain_holds() -> None:
    rig = MicRig()
    x = np.full((1, 4800), 0.5)
    rig.memory.set_gain_db(MIC_ROW, -6.0206)
    assert rig.run(x)[0, -1] == pytest.approx(0.25, abs=1e-4)
    rig.memory.set_mute(MIC_ROW, True)
    out = rig.run(x)[0]
    assert out[-1] == 0.0
    assert np.max(np.abs(np.diff(out))) < 0.002


def test_what_is_no_number_is_silence_and_the_meter_stays_sane() -> None:
    rig = MicRig()
    x = noise(1, 48_000)
    x[0, 100], x[0, 200], x[0, 300], x[0, 400] = np.nan, np.inf, -np.inf, 1e30
    out = rig.run(x)
    expected = np.where(np.isfinite(x) & (np.abs(x) < 1e6), x, 0.0)[0].astype(np.float32)
    assert np.array_equal(out[0, LOOKAHEAD_FRAMES:], expected[:-LOOKAHEAD_FRAMES])
    meters = rig.memory.read_meters()
    assert meters is not None
    assert -25.0 < meters.mic_in.rms_db[0] < -15.0
    assert meters.mic_in.peak_db[0] <= 0.0


def test_without_a_mic_the_song_is_what_it_was(rig: Callable[..., Rig], song: SongStore) -> None:
    r = rig(song)
    r.seek(0)
    r.memory.set_playing(True)
    out = r.pull(20_000)
    original = np.array(song.map_lane(ORIGINAL)).T
    settle = LOOKAHEAD_FRAMES + FADE_FRAMES
    assert np.array_equal(out[:, settle:], original[:, FADE_FRAMES : 20_000 - LOOKAHEAD_FRAMES])


def test_switched_off_it_is_neither_heard_nor_metered() -> None:
    rig = MicRig()
    rig.memory.mic.set_on(False)
    assert not np.any(rig.run(noise(1, 1000)))
    meters = rig.memory.read_meters()
    assert meters is not None
    assert meters.mic_in.peak_db == (-200.0, -200.0)


def test_a_stream_without_input_is_silent_and_does_not_crash() -> None:
    rig = MicRig(0)
    assert not np.any(rig.device.advance(2000))


def test_the_tap_holds_dry_and_wet_with_the_place_in_the_stream() -> None:
    rig = MicRig(2)
    rig.memory.mic.set_channel(None)
    x = noise(2, 3000)
    rig.run(x[:, :640])
    rig.memory.mic.set_tap(True)
    rig.run(x[:, 640:], 700)
    frames, marks = rig.taken()
    assert np.array_equal(frames[:2], x[:, 640:])
    assert np.array_equal(frames[2:], x[:, 640:])
    assert marks[0, MARK_TAP] == 0
    assert marks[0, MARK_STREAM] == 640
    assert np.array_equal(marks[:, MARK_STREAM] - marks[:, MARK_TAP], np.full(len(marks), 640))
    assert marks[:, MARK_FRAMES].sum() == 2360
    assert np.all(marks[:, MARK_SONG] == -1)


def test_what_does_not_fit_in_the_tap_is_counted_and_the_marks_stay_true() -> None:
    rig = MicRig()
    rig.memory.mic.set_tap(True)
    x = noise(1, TAP_FRAMES + 50_000)
    rig.run(x, 500)
    frames, marks = rig.taken()
    lost = rig.memory.read_counters().mic_lost_frames
    assert lost == x.shape[1] - frames.shape[1] > 0
    rig.run(x[:, :1000], 500)
    more, later = rig.taken()
    assert np.array_equal(more[0], x[0, :1000])
    assert later[0, MARK_STREAM] == x.shape[1]
    assert later[0, MARK_TAP] == frames.shape[1] == marks[-1, MARK_TAP] + marks[-1, MARK_FRAMES]


def test_the_marks_say_which_song_frame_goes_out_beside_the_voice(
    rig: Callable[..., Rig], song: SongStore
) -> None:
    r = rig(song)
    r.memory.mic.set_on(True)
    r.memory.mic.set_tap(True)
    r.pull(256)
    r.seek(48_000)
    r.memory.set_playing(True)
    r.pull(4000)
    marks = np.zeros((r.memory.mic.marks.readable, 4), np.int64)
    r.memory.mic.marks.pull(marks)
    sounding = marks[marks[:, MARK_SONG] >= 0]
    assert np.all(marks[:2, MARK_SONG] == -1)
    assert sounding[0, MARK_SONG] == 48_000
    moved = sounding[:, MARK_SONG] - sounding[0, MARK_SONG]
    assert np.array_equal(moved, sounding[:, MARK_STREAM] - sounding[0, MARK_STREAM])


def test_the_probe_is_played_once_where_the_counter_says() -> None:
    rig = MicRig()
    rig.memory.mic.probe[:] = noise(1, rig.memory.mic.probe.size)[0]
    silence = np.zeros((1, 1000))
    assert not np.any(rig.run(silence))
    rig.memory.mic.play_probe()
    out = rig.run(np.zeros((1, 6000)))
    start = int(rig.memory.counter[K_PROBE_FRAME]) - 1
    assert start == 1000
    n = rig.memory.mic.probe.size
    heard = np.concatenate([np.zeros((2, 1000), np.float32), out], axis=1)
    at = start + LOOKAHEAD_FRAMES
    assert np.array_equal(heard[0, at : at + n], rig.memory.mic.probe)
    assert not np.any(heard[0, at + n :])


def test_the_insert_is_heard_its_latency_later_and_the_dry_voice_when_it_dies() -> None:
    rig = MicRig()
    insert = Insert(512)
    rig.memory.mic.attach_insert(insert)
    insert.join()
    x = np.sin(2 * np.pi * 220 * np.arange(12_000) / 48_000)[None] * 0.3
    buffer = np.zeros((1024, 2), np.float32)
    parts = []
    for at in range(0, 12_000, 100):
        parts.append(rig.run(x[:, at : at + 100]))
        if at < 6000:
            n = insert.fetch(buffer)
            insert.answer(-buffer[:n])
    out = np.concatenate(parts, axis=1)[0]
    delayed = np.concatenate([np.zeros(512 + LOOKAHEAD_FRAMES), x[0]])[:12_000]
    assert np.max(np.abs(out[1000:6000] + delayed[1000:6000])) < 1e-6
    assert np.max(np.abs(out[7000:] - delayed[7000:])) < 1e-6
    assert np.max(np.abs(np.diff(out[1000:]))) < 0.03
    assert rig.memory.read_counters().mic_late_frames == 12_000 - 6000 - 512
    rig.memory.mic.attach_insert(None)
    assert np.array_equal(rig.run(x)[0, 100:], x[0, 100 - LOOKAHEAD_FRAMES : -LOOKAHEAD_FRAMES].astype("f"))


def test_nonsense_is_refused() -> None:
    mic = MicRig().memory.mic
    with pytest.raises(ParameterError, match="channel -1"):
        mic.set_channel(-1)
    with pytest.raises(ParameterError, match="-2 channels"):
        mic.set_input(-2)
