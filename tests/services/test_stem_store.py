"""The stem store on a real disk: seams, resuming, damage, eviction, one writer."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CharonWarning, ParameterError, StoreError
from engine.io.journal import Span
from engine.io.song_store import ORIGINAL
from engine.io.stem_store import READY_BLOCK_FRAMES, SongStore, StemStore

STEMS = ("vocals", "accompaniment")
FADE = 512
RATE_HZ = 8000


@dataclass(frozen=True)
class Shape:
    """What the store needs to know of a song."""

    max_frames: int
    rate_hz: int = RATE_HZ


def spans_of(total_frames, n_segments, fade_frames=FADE):
    cuts = [total_frames * i // n_segments for i in range(n_segments + 1)]
    return [Span(i, cuts[i], cuts[i + 1], fade_frames, i == n_segments - 1) for i in range(n_segments)]


def material(span, seed=0):
    """What a network would give for a segment: different at a seam on its two sides."""
    rng = np.random.default_rng([seed, span.index])
    shape = (2, 2, span.stop_frame - span.start_frame)
    return rng.standard_normal(shape).astype(np.float32)


def song_of(total_frames):
    return np.random.default_rng(7).standard_normal((2, total_frames)).astype(np.float32)


def decode_into(store, total_frames):
    song = song_of(total_frames)
    store.begin_original()
    for start in range(0, total_frames, 5000):
        store.write_original(start, song[:, start : start + 5000])
    store.finish_original(total_frames, ["cut off at 2:10"])


def lanes_of(store, total_frames):
    return {name: np.array(store.map_lane(name)[:total_frames]) for name in (ORIGINAL, *store.stems)}


def fill(store, total_frames, n_segments, order=None):
    decode_into(store, total_frames)
    spans = spans_of(total_frames, n_segments)
    store.set_total_segments(n_segments)
    for index in order or range(n_segments):
        store.write_segment(spans[index], material(spans[index]))


def reference(total_frames, n_segments):
    """The same overlap-add in float64 over whole arrays."""
    out = np.zeros((2, 2, total_frames))
    for span in spans_of(total_frames, n_segments):
        weight = np.ones(span.stop_frame - span.start_frame)
        rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(FADE) + 0.5) / FADE)
        if span.index:
            weight[:FADE] = rise
        if not span.is_last:
            weight[-FADE:] = rise[::-1]
        out[:, :, span.start_frame : span.stop_frame] += material(span) * weight
    return out


def open_store(tmp_path, total_frames, name="song", **options):
    return StemStore(tmp_path / "stems", **options).open(Shape(total_frames + 100), name, "key", STEMS)


@settings(deadline=None, max_examples=25)
@given(
    total_frames=st.integers(20_000, 60_000),
    n_segments=st.integers(1, 7),
    random=st.randoms(use_true_random=False),
)
def test_any_order_of_segments_gives_the_same_lanes(tmp_path_factory, total_frames, n_segments, random):
    order = list(range(n_segments))
    random.shuffle(order)
    with open_store(tmp_path_factory.mktemp("store"), total_frames) as store:
        fill(store, total_frames, n_segments, order)
        lanes = lanes_of(store, total_frames)
        assert store.is_complete
        assert store.ready[: -(-total_frames // READY_BLOCK_FRAMES)].all()
    assert np.array_equal(lanes[ORIGINAL], song_of(total_frames).T)
    expected = reference(total_frames, n_segments)
    for i, stem in enumerate(STEMS):
        assert np.abs(lanes[stem].T - expected[i]).max() < 2e-6


def test_ready_map_never_runs_ahead_of_final_frames(tmp_path):
    total_frames, n_segments = 50_000, 6
    with open_store(tmp_path, total_frames) as store:
        fill(store, total_frames, n_segments)
        final = lanes_of(store, total_frames)
    with open_store(tmp_path, total_frames, "other") as store:
        decode_into(store, total_frames)
        spans = spans_of(total_frames, n_segments)
        for index in (3, 1, 5, 2, 0, 4):
            store.write_segment(spans[index], material(spans[index]))
            frames = np.repeat(np.array(store.ready), READY_BLOCK_FRAMES)[:total_frames].astype(bool)
            assert frames.any()
            for stem in STEMS:
                assert np.array_equal(store.map_lane(stem)[:total_frames][frames], final[stem][frames])
        assert frames.all()


def test_reader_in_another_object_sees_progress(tmp_path):
    with open_store(tmp_path, 30_000) as store, SongStore.attach(store.folder) as reader:
        lane = reader.map_lane("vocals")
        original = reader.map_lane(ORIGINAL)
        assert not reader.progress.any() or reader.progress[0] == 0
        song = song_of(30_000)
        store.begin_original()
        store.write_original(0, song[:, :5000])
        assert reader.progress[0] == 5000
        assert np.array_equal(original[:5000], song[:, :5000].T)
        decode_into(store, 30_000)
        assert reader.total_frames == 30_000
        span = spans_of(30_000, 2)[0]
        store.write_segment(span, material(span))
        assert reader.ready[:14].all()
        assert not reader.ready[14:].any()
        assert np.array_equal(lane[:14000], material(span)[0].T[:14000])


def test_reopening_a_closed_store_finds_everything(tmp_path):
    with open_store(tmp_path, 40_000) as store:
        fill(store, 40_000, 4)
        before = lanes_of(store, 40_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_store(tmp_path, 40_000) as store:
            assert store.is_complete
            assert store.total_frames == 40_000
            assert store.warnings == ["cut off at 2:10"]
            assert set(store.done) == {0, 1, 2, 3}
            after = lanes_of(store, 40_000)
    for name, lane in before.items():
        assert np.array_equal(after[name], lane)


KILLED = """
import sys, os, time
sys.path[:0] = {path!r}
from tests.services.test_stem_store import *
store = open_store(Path({folder!r}), {total})
print("open", flush=True)
done = set(store.done)
if store.total_frames is None:
    decode_into(store, {total})
spans = spans_of({total}, {n})
store.set_total_segments({n})
for index in {order!r}:
    if index not in done:
        store.write_segment(spans[index], material(spans[index]))
        time.sleep(0.002)
print("done", len(done), flush=True)
store.close()
"""


def test_kill_at_random_moments_leaves_identical_bits(tmp_path):
    total_frames, n_segments = 200_000, 40
    order = [int(i) for i in np.random.default_rng(3).permutation(n_segments)]
    with open_store(tmp_path / "whole", total_frames) as store:
        fill(store, total_frames, n_segments)
        expected = lanes_of(store, total_frames)
    code = KILLED.format(
        path=[str(Path(__file__).parents[2])],
        folder=str(tmp_path / "killed"),
        total=total_frames,
        n=n_segments,
        order=order,
    )
    rng = np.random.default_rng(11)
    kills = 0
    while True:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        if kills < 5:
            time.sleep(float(rng.uniform(0.005, 0.05)))
            process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
        process.stdout.close()
        if process.wait() == 0:
            assert rest.startswith("done ")
            break
        assert process.returncode == -signal.SIGKILL
        kills += 1
    assert kills >= 2
    assert int(rest.split()[1]) > 0, "nothing was resumed"
    with open_store(tmp_path / "killed", total_frames) as store:
        assert store.is_complete
        assert store.damage == []
        after = lanes_of(store, total_frames)
    for name, lane in expected.items():
        assert np.array_equal(after[name], lane), name


def _scribble(path: Path):
    with path.open("r+b") as file:
        file.seek(30_000)
        file.write(b"\xff" * 64)


def _truncate(path: Path):
    os.truncate(path, 1000)


DAMAGE = {
    "manifest is not JSON": lambda folder: (folder / "manifest.json").write_text("{"),
    "journal is not ours": lambda folder: (folder / "journal.jsonl").write_text("hello\n"),
    "lane cut off": lambda folder: _truncate(folder / "vocals.f32"),
    "lane missing": lambda folder: (folder / "vocals.f32").unlink(),
    "stem overwritten": lambda folder: _scribble(folder / "vocals.f32"),
    "original overwritten": lambda folder: _scribble(folder / "original.f32"),
    "ends overwritten": lambda folder: _scribble(folder / "seams.f32"),
    "map cut off": lambda folder: _truncate(folder / "ready.u8") or (folder / "ready.u8").write_bytes(b"1"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_store_is_rebuilt_with_a_warning(tmp_path, damage):
    with open_store(tmp_path, 40_000) as store:
        fill(store, 40_000, 4)
        before = lanes_of(store, 40_000)
        folder = store.folder
    damage(folder)
    with pytest.warns(CharonWarning, match="damaged"):
        store = open_store(tmp_path, 40_000)
    with store:
        assert not store.is_complete
        if store.total_frames is None:
            decode_into(store, 40_000)
        store.set_total_segments(4)
        for span in spans_of(40_000, 4):
            if span.index not in store.done:
                store.write_segment(span, material(span))
        assert store.is_complete
        after = lanes_of(store, 40_000)
    for name, lane in before.items():
        assert np.array_equal(after[name], lane), name


def test_damaged_seam_in_a_lane_is_computed_again(tmp_path):
    with open_store(tmp_path, 40_000) as store:
        fill(store, 40_000, 4)
        before = lanes_of(store, 40_000)
        path = store.lane_path("vocals")
    with path.open("r+b") as file:
        file.seek(10_000 * 8)  # the middle of the first seam
        file.write(bytes(80))
    with open_store(tmp_path, 40_000) as store:
        assert np.array_equal(lanes_of(store, 40_000)["vocals"], before["vocals"])


def test_torn_journal_line_costs_one_segment(tmp_path):
    with open_store(tmp_path, 40_000) as store:
        fill(store, 40_000, 4)
        journal = store.folder / "journal.jsonl"
    text = journal.read_bytes()
    journal.write_bytes(text[:-9])
    with open_store(tmp_path, 40_000) as store:
        assert set(store.done) == {0, 1, 2}
        span = spans_of(40_000, 4)[3]
        store.write_segment(span, material(span))
        assert store.is_complete
    assert [json.loads(line) for line in journal.read_text().splitlines()][-1]["segment"] == 3


def test_second_writer_is_refused_in_this_and_another_process(tmp_path):
    with open_store(tmp_path, 30_000):
        with pytest.raises(StoreError, match="being written by another Charon"):
            open_store(tmp_path, 30_000)
        code = (
            f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
            "from tests.services.test_stem_store import *\n"
            f"try: open_store(Path({str(tmp_path)!r}), 30_000)\n"
            "except StoreError as err: print(err)\n"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "being written by another Charon" in told.stdout
    open_store(tmp_path, 30_000).close()


def test_least_recently_opened_songs_make_room(tmp_path):
    song_bytes = 3 * 100_000 * 8
    store = StemStore(tmp_path / "stems", limit_bytes=4 * song_bytes)
    for name in ("a", "b", "c"):
        with store.open(Shape(100_000), name, "key", STEMS) as song:
            fill(song, 100_000, 3)
        time.sleep(0.02)
    store.open(Shape(100_000), "a", "key", STEMS).close()
    time.sleep(0.02)
    with store.open(Shape(100_000), "d", "key", STEMS) as song:
        fill(song, 100_000, 3)
    left = {path.name.split("-")[0] for path in (tmp_path / "stems").iterdir() if path.name[0] != "."}
    assert "b" not in left
    assert {"a", "d"} <= left


def test_a_song_being_written_is_never_evicted(tmp_path):
    store = StemStore(tmp_path / "stems", limit_bytes=1)
    with store.open(Shape(50_000), "a", "key", STEMS) as song:
        fill(song, 50_000, 3)
        assert store.evict(0) == []
        assert song.folder.exists()
    assert len(store.evict(0)) == 1
    assert not song.folder.exists()


def test_too_small_a_disk_is_refused_before_the_work(tmp_path):
    with pytest.raises(StoreError, match=r"not enough disk space.* MB free; free some space"):
        StemStore(tmp_path / "stems").open(Shape(10**13), "a", "key", STEMS)
    assert [path.name for path in (tmp_path / "stems").iterdir()] == [".locks"]


@pytest.mark.parametrize("stems", [(), ("a", "a"), ("original",), ("../x",), ("",)])
def test_stem_names_that_cannot_be_files(tmp_path, stems):
    with pytest.raises(ParameterError):
        StemStore(tmp_path).open(Shape(1000), "a", "key", stems)


def test_more_frames_than_declared_is_an_error_not_a_longer_file(tmp_path):
    with open_store(tmp_path, 1000) as store, pytest.raises(StoreError, match="more than"):
        store.write_original(0, song_of(2000))


def test_attach_where_nothing_is(tmp_path):
    with pytest.raises(StoreError, match="no readable stems"):
        SongStore.attach(tmp_path / "nothing")
