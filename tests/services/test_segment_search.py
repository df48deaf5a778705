"""Bars that sound like a bar, loops that come again, songs by their halves and by their stems."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.errors import JobCancelled, LibraryError, ParameterError
from engine.io.decode import content_hash
from engine.io.home import Home
from engine.io.journal import Span
from engine.io.stem_store import StemStore
from engine.services.analysis import analyse_song
from engine.services.library import Library, library_file
from engine.services.library_process import analysis_record
from engine.services.library_records import FileState, SongRecord
from engine.services.library_sounds import song_moments, song_sounds
from engine.services.portrait import MOMENT_S, N_MOMENT, N_PORTRAIT, NOTES
from engine.services.segment_search import find_again, more_like_this
from engine.services.song_similarity import comparable, similar_songs
from engine.services.stem_scan import scan_stems
from engine.units import F32
from tests.services.conftest import write_song

RATE_HZ = 22_050
LOOP_S = 2.4


def bar(seed: int, notes: tuple[int, ...] | None = None, length_s: float = LOOP_S) -> F32:
    """Eight eighths: a note of a scale with its overtones on each, and a drum of noise on some."""
    rng = np.random.default_rng(seed)
    n = int(length_s * RATE_HZ)
    eighth = n // 8
    t = np.arange(eighth) / RATE_HZ
    # A hiss, as in every recording: nothing falls into digital silence between two notes.
    mono = 0.01 * rng.standard_normal(n)
    for i, note in enumerate(notes or rng.integers(0, 24, 8)):
        f0_hz = 110.0 * 2.0 ** (note / 12.0)
        tone = sum(np.sin(2 * np.pi * k * f0_hz * t) / k for k in range(1, 2 + int(rng.integers(1, 5))))
        part = 0.2 * np.exp(-4.0 * t) * tone
        if rng.random() < 0.5:
            part += 0.2 * np.exp(-40.0 * t) * rng.standard_normal(eighth)
        mono[i * eighth : (i + 1) * eighth] += part
    return np.stack([mono, mono]).astype(np.float32)


def song_with_a_loop(seed: int, loop: F32) -> tuple[F32, list[float]]:
    """Four times the loop, off any grid, between bars that never come twice; and where it begins."""
    rng = np.random.default_rng([seed, 1])
    parts, starts = [], []
    for i in range(4):
        parts.append(bar(1000 * seed + i, length_s=float(rng.uniform(2.0, 5.0))))
        starts.append(sum(part.shape[1] for part in parts) / RATE_HZ)
        parts.append(loop)
    parts.append(bar(1000 * seed + 9, length_s=3.0))
    return np.concatenate(parts, axis=1), starts


def put(library: Library, path: Path) -> int:
    found = analyse_song(path, threads=1)
    digest = content_hash(path)
    record = SongRecord(digest, path.stem, found.duration_s, found.rate_hz, found.channels, {})
    library.put_song(path, FileState(1, 2, found.version), record, analysis_record(found, found.version))
    return library.find(digest).song_id


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "library.db") as library:
        yield library


def test_a_loop_is_found_again_and_nothing_else(library: Library, tmp_path: Path):
    n_right = n_found = n_true = 0
    for seed in range(6):
        x, starts = song_with_a_loop(seed, bar(seed + 50))
        song_id = put(library, write_song(tmp_path / f"{seed}.wav", x, RATE_HZ))
        found = find_again(library, song_id, (starts[0], LOOP_S))
        assert [one.start_s for one in found] == sorted(one.start_s for one in found)
        n_right += sum(min(abs(one.start_s - start) for start in starts[1:]) < 0.25 for one in found)
        n_found += len(found)
        n_true += 3
    assert n_right / n_found >= 0.9
    assert n_right / n_true >= 0.8


def test_what_never_comes_again_is_not_found(library: Library, tmp_path: Path):
    x = np.concatenate([bar(i) for i in range(12)], axis=1)
    song_id = put(library, write_song(tmp_path / "song.wav", x, RATE_HZ))
    assert find_again(library, song_id, (3 * LOOP_S, LOOP_S)) == []


def test_more_like_this_bar_comes_from_any_song_at_any_level(library: Library, tmp_path: Path):
    ids = {}
    for seed in range(5):
        x, starts = song_with_a_loop(seed, bar(7) if seed in (1, 3) else bar(seed + 80))
        gain = np.float32(0.25 if seed == 3 else 1.0)
        ids[seed] = put(library, write_song(tmp_path / f"{seed}.wav", gain * x, RATE_HZ)), starts
    song_id, starts = ids[1]
    found = more_like_this(library, song_id, (starts[0], LOOP_S), 7)
    assert [one.distance for one in found] == sorted(one.distance for one in found)
    assert {one.song_id for one in found} == {song_id, ids[3][0]}
    for one in found:
        truth = ids[1][1] if one.song_id == song_id else ids[3][1]
        assert min(abs(one.start_s - start) for start in truth) < 0.5
        assert one.stop_s == pytest.approx(one.start_s + LOOP_S)
    inside = more_like_this(library, song_id, (starts[0], LOOP_S), 3, within=ids[3][0])
    assert {one.song_id for one in inside} == {ids[3][0]}


def test_segments_that_cannot_be_compared_are_refused_in_words(library: Library, tmp_path: Path):
    silence = np.zeros((2, 5 * RATE_HZ), np.float32)
    song_id = put(library, write_song(tmp_path / "a.wav", np.concatenate([bar(1), silence], axis=1), RATE_HZ))
    for span_s, error, words in (
        ((0.0, 0.1), ParameterError, "0.1 s cannot be compared"),
        ((0.0, 90.0), ParameterError, "90 s cannot be compared"),
        ((6.0, 4.0), ParameterError, "6 to 10 s is not inside"),
        ((-1.0, 2.0), ParameterError, "not inside"),
        ((float("nan"), 2.0), ParameterError, "not inside"),
        ((4.0, 2.0), LibraryError, "silent there"),
    ):
        with pytest.raises(error, match=words):
            find_again(library, song_id, span_s)
    with pytest.raises(ParameterError, match="0 segments"):
        more_like_this(library, song_id, (0.0, 2.0), 0)
    with pytest.raises(LibraryError, match="the drums of song"):
        more_like_this(library, song_id, (0.0, 2.0), source="drums")
    with pytest.raises(LibraryError, match="has no newest analysis"):
        find_again(library, 99, (0.0, 2.0))
    assert more_like_this(library, song_id, (0.0, LOOP_S)) == [] or song_moments(library, song_id).any()


@pytest.mark.parametrize("what", ["silence", "constant", "click", "frame", "noise", "loud"])
def test_whatever_is_heard_is_drawn_in_finite_numbers(tmp_path: Path, what: str):
    n = 2 * RATE_HZ
    x = np.zeros((2, 1 if what == "frame" else n), np.float32)
    if what == "constant":
        x += 0.5
    elif what in ("click", "frame"):
        x[:, x.shape[1] // 2] = 1.0
    elif what != "silence":
        x += np.random.default_rng(0).standard_normal((2, n)).astype(np.float32)
        x *= np.float32(1e20 if what == "loud" else 0.1)
    portrait = analyse_song(write_song(tmp_path / "a.wav", x, RATE_HZ), threads=1).portrait
    assert portrait is not None
    assert portrait.moments.shape == (-(-(1 + x.shape[1] // 512) // 8), N_MOMENT)
    assert portrait.whole.shape == (N_PORTRAIT,)
    assert np.all(np.isfinite(portrait.moments))
    assert np.all(np.isfinite(portrait.whole))
    if what == "silence":
        assert not portrait.whole.any()
        assert not portrait.moments[:, NOTES].any()


def test_level_changes_nothing_that_is_compared(library: Library, tmp_path: Path):
    x, _ = song_with_a_loop(3, bar(4))
    loud = put(library, write_song(tmp_path / "loud.wav", x, RATE_HZ))
    soft = put(library, write_song(tmp_path / "soft.wav", np.float32(0.3) * x, RATE_HZ))
    for seed in range(4):
        put(library, write_song(tmp_path / f"{seed}.wav", song_with_a_loop(seed + 10, bar(seed))[0], RATE_HZ))
    moments = song_moments(library, loud)
    assert moments.shape[0] == pytest.approx(x.shape[1] / RATE_HZ / MOMENT_S, abs=1)
    np.testing.assert_allclose(song_moments(library, soft), moments, atol=0.02)
    found = similar_songs(library, loud, 3)
    assert found[0].song.song_id == soft
    assert found[0].distance < 0.1 < 0.5 < found[1].distance


def test_two_songs_differ_by_what_the_distance_is_said_to_be(library: Library, tmp_path: Path):
    for seed in range(8):
        put(library, write_song(tmp_path / f"{seed}.wav", song_with_a_loop(seed, bar(seed))[0], RATE_HZ))
    points = comparable(song_sounds(library)).astype(np.float64)
    squares = np.square(points[:, None] - points[None]).sum(axis=2)
    assert (squares.sum() / (8 * 8)) ** 0.5 == pytest.approx(6**0.5, rel=0.02)


# -- stems


@dataclass(frozen=True)
class Shape:
    """What the stem store needs to know of a song."""

    max_frames: int
    rate_hz: int = RATE_HZ


def separate(stems: Path, path: Path, drums: F32, rest: F32, *, whole: bool = True) -> None:
    """Put stems into the store as a separation would."""
    n = drums.shape[1]
    with StemStore(stems).open(Shape(n), content_hash(path), "key", ("drums", "rest")) as store:
        store.begin_original()
        store.write_original(0, drums + rest)
        store.finish_original(n, [])
        cuts = [(0, n)] if whole else [(0, n // 2), (n // 2, n)]
        store.set_total_segments(len(cuts))
        span = Span(0, *cuts[0], 512, whole)
        store.write_segment(span, np.stack([drums, rest])[:, :, span.start_frame : span.stop_frame])


def test_songs_with_drums_like_these(charon, tmp_path: Path):
    home = Home(tmp_path / "own home")
    music = tmp_path / "music"
    music.mkdir()
    paths = []
    for i in range(4):
        # Songs 0 and 2 share their drums, and nothing else.
        drums = np.concatenate([bar(5 if i in (0, 2) else 20 + i, notes=(0,) * 8)] * 3, axis=1)
        rest = np.concatenate([bar(100 + 10 * i + j) for j in range(3)], axis=1)
        path = write_song(music / f"{i}.wav", drums + rest, RATE_HZ)
        separate(home.stems, path, drums, rest, whole=i != 3)
        paths.append(path)
    separate(home.stems, write_song(tmp_path / "elsewhere.wav", bar(1), RATE_HZ), bar(1), bar(2))
    added = json.loads(charon("library", "add", music, "--json", home_root=home.root).out)
    assert added["stems"] == {"found": 6, "analysed": 6}
    again = json.loads(charon("library", "add", music, "--json", home_root=home.root).out)
    assert again["stems"] == {"found": 6, "analysed": 0}

    told = charon("library", "similar", paths[0], "--stem", "drums", "--json", home_root=home.root)
    near = json.loads(told.out)["similar"]
    assert [item["song"]["title"] for item in near] == ["2", "1"]
    assert near[0]["distance"] < 0.01

    bars = ("--at", LOOP_S, "--length", LOOP_S, "--json")
    told = charon("library", "similar", paths[0], "--stem", "drums", "-n", 4, *bars, home_root=home.root)
    segments = json.loads(told.out)["segments"]
    assert {item["song"]["title"] for item in segments} == {"0", "2"}
    told = charon("library", "similar", paths[0], "--stem", "drums", "--again", *bars, home_root=home.root)
    starts = [item["start_s"] for item in json.loads(told.out)["segments"]]
    assert starts == pytest.approx([0.0, 2 * LOOP_S], abs=0.2)
    assert "0:02.4 to 0:04.8" in charon("library", "similar", paths[0], "--at", 2.4, "-n", 1, "--length", 2.4,
                                        home_root=home.root).out  # fmt: skip

    unknown = charon("library", "similar", paths[3], "--stem", "drums", home_root=home.root)
    assert (unknown.code, len(unknown.error_lines)) == (1, 1)
    assert charon("library", "similar", paths[0], "--again", home_root=home.root).code == 2
    with Library(library_file(home)) as library:
        assert library.analysed_version(content_hash(paths[3]), "drums") is None


def test_a_scan_of_stems_goes_on_where_it_was_stopped(library: Library, tmp_path: Path):
    path = write_song(tmp_path / "a.wav", bar(1) + bar(2), RATE_HZ)
    put(library, path)
    separate(tmp_path / "stems", path, bar(1), bar(2))
    (tmp_path / "stems" / "broken").mkdir()

    def stop(part: float) -> None:
        if part > 0.5:
            raise JobCancelled("stopped")

    with pytest.raises(JobCancelled):
        scan_stems(library, tmp_path / "stems", progress=stop)
    parts: list[float] = []
    report = scan_stems(library, tmp_path / "stems", progress=parts.append)
    assert (report.found, report.analysed) == (2, 1)
    assert parts[-1] == 1.0
    assert [folder.name for folder, _ in report.failed] == ["broken"]
    assert scan_stems(library, tmp_path / "nowhere").found == 0
