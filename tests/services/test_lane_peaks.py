"""Peaks of a real store: as it grows, found again, damaged, killed, on a disk that refuses."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ParameterError, StoreError
from engine.io import peak_file
from engine.io.peak_file import FILE_NAME, UNIT_FRAMES
from engine.kernels.peaks import BASE_FRAMES, FACTOR, FULL_SCALE, N_LEVELS
from engine.services import peaks as peaks_room
from engine.services.peaks import LanePeaks
from tests.services.test_stem_store import STEMS, decode_into, fill, material, open_store, spans_of

N_FRAMES = 3 * UNIT_FRAMES - 5000
N_SEGMENTS = 5


def wait_for(condition, timeout_s=20.0):
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, "nothing happened"
        time.sleep(0.01)


def measured(peaks, lane):
    return sum(stop - start for start, stop in peaks.ready_spans(lane))


def expected_bins(frames, bin_length):
    """Straight from the frames, padded with silence."""
    n = -(-len(frames) // bin_length)
    padded = np.zeros((n * bin_length, 2))
    padded[: len(frames)] = frames
    grouped = padded.reshape(n, -1)
    return np.stack([grouped.min(1), grouped.max(1), np.sqrt((grouped**2).mean(1))], axis=1)


def assert_right(peaks, lane, frames):
    for level, bins in enumerate(peaks.levels(lane)):
        expected = expected_bins(frames, BASE_FRAMES * FACTOR**level).clip(
            -32767 / FULL_SCALE, 32767 / FULL_SCALE
        )
        np.testing.assert_allclose(bins[: len(expected)] / FULL_SCALE, expected, atol=4 / FULL_SCALE)


def test_every_level_of_every_lane_is_measured(tmp_path):
    with open_store(tmp_path, N_FRAMES) as store:
        fill(store, N_FRAMES, N_SEGMENTS)
        peaks = LanePeaks(store.folder)
        wait_for(lambda: measured(peaks, STEMS[1]) == N_FRAMES and measured(peaks, "original") == N_FRAMES)
        assert peaks.lanes == ("original", *STEMS)
        assert peaks.n_frames == N_FRAMES
        for lane in peaks.lanes:
            assert len(peaks.levels(lane)) == N_LEVELS
            assert_right(peaks, lane, store.map_lane(lane)[:N_FRAMES])
        peaks.close()


def test_peaks_follow_the_decoder_and_the_segments(tmp_path):
    with open_store(tmp_path, N_FRAMES) as store:
        peaks = LanePeaks(store.folder)
        assert peaks.ready_spans("vocals") == ()
        version = peaks.version
        decode_into(store, N_FRAMES)
        wait_for(lambda: peaks.ready_spans("original") == ((0, N_FRAMES),))
        assert peaks.version > version
        spans = spans_of(N_FRAMES, N_SEGMENTS)
        store.set_total_segments(N_SEGMENTS)
        store.write_segment(spans[3], material(spans[3]))
        wait_for(lambda: len(peaks.ready_spans("vocals")) == 1)
        start, stop = peaks.ready_spans("vocals")[0]
        assert spans[3].core_start_frame <= start < stop <= spans[3].core_stop_frame
        # Nothing is drawn from frames that are not final.
        finest = peaks.levels("vocals")[0]
        assert not finest[: start // BASE_FRAMES].any()
        assert finest[start // BASE_FRAMES : stop // BASE_FRAMES].any()
        for index in (0, 1, 2, 4):
            store.write_segment(spans[index], material(spans[index]))
        wait_for(lambda: peaks.ready_spans("vocals") == ((0, N_FRAMES),))
        assert_right(peaks, "vocals", store.map_lane("vocals")[:N_FRAMES])
        peaks.close()


def test_blocks_that_are_taken_back_are_no_longer_ready(tmp_path):
    with open_store(tmp_path, N_FRAMES) as store:
        fill(store, N_FRAMES, N_SEGMENTS)
        peaks = LanePeaks(store.folder)
        wait_for(lambda: peaks.ready_spans("vocals") == ((0, N_FRAMES),))
        store.forget_segments({2})
        wait_for(lambda: len(peaks.ready_spans("vocals")) == 2)
        span = spans_of(N_FRAMES, N_SEGMENTS)[2]
        store.write_segment(span, material(span))
        wait_for(lambda: peaks.ready_spans("vocals") == ((0, N_FRAMES),))
        peaks.close()


@pytest.fixture
def finished(tmp_path):
    """Folder of a finished song whose peaks are measured and kept."""
    with open_store(tmp_path, N_FRAMES) as store:
        fill(store, N_FRAMES, N_SEGMENTS)
    measure(store.folder)
    return store.folder


def measure(folder):
    peaks = LanePeaks(folder)
    wait_for(lambda: measured(peaks, "vocals") == N_FRAMES and measured(peaks, "original") == N_FRAMES)
    peaks.close()
    return [np.array(level) for lane in peaks.lanes for level in peaks.levels(lane)]


def measured_at_once(folder):
    """How much of the song is there before the thread can have measured anything."""
    found = peak_file.PeakFile(folder, peaks_room.SongStore.attach(folder).manifest)
    n_blocks = int(np.unpackbits(found.masks[1].view(np.uint8)).sum())
    found.close()
    return n_blocks


def test_peaks_are_found_again_and_the_store_still_opens(finished, tmp_path):
    assert measured_at_once(finished) == -(-N_FRAMES // 1024)
    with open_store(tmp_path, N_FRAMES) as store:
        assert store.is_complete
        assert not store.damage
    assert (finished / FILE_NAME).exists()


@pytest.mark.parametrize("harm", ["short", "header", "empty", "other boot"])
def test_peaks_that_cannot_be_trusted_are_measured_again(finished, harm, monkeypatch):
    path = finished / FILE_NAME
    before = measure(finished)
    if harm == "short":
        os.truncate(path, path.stat().st_size - 1)
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "header":
        with path.open("r+b") as file:
            file.write(b'{"peaks": 0')
    else:
        # As after a power cut: written, but by a machine that never said that it was flushed.
        left_open = peak_file.PeakFile(finished, peaks_room.SongStore.attach(finished).manifest)
        monkeypatch.setattr(peak_file, "boot_identity", lambda: 12345)
        left_open._file.close()
    assert measured_at_once(finished) == 0
    after = measure(finished)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_flushed_file_outlives_the_boot(finished, monkeypatch):
    monkeypatch.setattr(peak_file, "boot_identity", lambda: 12345)
    assert measured_at_once(finished) > 0


def test_without_a_writable_disk_peaks_are_measured_in_memory(finished, monkeypatch):
    before = measure(finished)
    (finished / FILE_NAME).unlink()

    def full(*_args):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(peak_file.os, "truncate", full)
    after = measure(finished)
    assert not (finished / FILE_NAME).exists()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_disk_that_fills_up_on_the_way_costs_the_file_and_not_the_peaks(finished, monkeypatch):
    before = measure(finished)
    (finished / FILE_NAME).unlink()
    put = peak_file.PeakFile._put
    calls = []

    def full_soon(self, offset, content):
        calls.append(offset)
        if len(calls) > 20:
            raise StoreError("disk full")
        put(self, offset, content)

    monkeypatch.setattr(peak_file.PeakFile, "_put", full_soon)
    after = measure(finished)
    assert len(calls) == 21
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from engine.services.peaks import LanePeaks
peaks = LanePeaks(Path({folder!r}))
while not peaks.ready_spans("vocals"):
    time.sleep(0.001)
print("some", flush=True)
time.sleep(60)
"""


def test_what_a_killed_process_measured_is_kept(finished):
    before = measure(finished)
    (finished / FILE_NAME).unlink()
    code = KILLED.format(root=str(Path(__file__).parents[2]), folder=str(finished))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "some\n"
        process.send_signal(signal.SIGKILL)
    assert measured_at_once(finished) > 0
    after = measure(finished)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_drawing_picks_a_level_that_shows_the_same_at_any_zoom(finished):
    peaks = LanePeaks(finished)
    wait_for(lambda: measured(peaks, "vocals") == N_FRAMES)
    body, core = np.full(101, 0xFF808080, np.uint32), np.full(100, 0xFFFFFFFF, np.uint32)
    body[-1] = 0xFF000000
    for frames_per_column in (20.0, 64.0, 300.0, 1500.0, 20_000.0):
        out = np.zeros((100, 8), np.uint32)
        peaks.draw("vocals", (0, frames_per_column), 1.0, (body, core), out)
        # Noise of unit deviation reaches full scale in any bin of 64 frames or more.
        assert (out[50] == 0xFFFFFFFF).all()
        assert (out[2] != 0xFF000000).any()
    peaks.close()


def test_other_lanes_and_other_folders_are_refused(finished, tmp_path):
    peaks = LanePeaks(finished)
    with pytest.raises(ParameterError, match="no lane 'flute'"):
        peaks.levels("flute")
    peaks.close()
    with pytest.raises(StoreError):
        LanePeaks(tmp_path / "nothing")
