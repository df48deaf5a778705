"""Separation through a real network (a small ONNX graph), a real store and real files."""

import threading
import time
import warnings

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import CharonWarning, ModelMissing, ParameterError, StoreError
from engine.io.encode import OutputFormat
from engine.io.stem_store import StemStore
from engine.services import segment_run
from engine.services.separation import Separator
from engine.units import energy_ratio_db
from tests.services.conftest import QUARTER_FRAMES, noise, read_files, write_song


def separate(home, folder, x, rate_hz=44_100, model="quarter", **options):
    folder.mkdir(parents=True, exist_ok=True)
    song = write_song(folder / "song.wav", x, rate_hz)
    with (
        Separator(model, home=home, stems=StemStore(folder / "store"), **options) as separator,
        separator.separate_file(song) as separation,
    ):
        result = separation.save_all(folder / "stems")
    return result, read_files(result.stems)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n_frames=st.one_of(st.integers(1, 40_000), st.integers(60_000, 200_000)),
    overlap=st.floats(0.0, 0.8),
    shifts=st.integers(1, 3),
)
def test_a_linear_model_gives_the_song_back_exactly(home, tmp_path_factory, n_frames, overlap, shifts):
    x = noise(n_frames)
    folder = tmp_path_factory.mktemp("exact")
    result, stems = separate(home, folder, x, overlap=overlap, shifts=shifts)
    # A quarter is exact in binary, cross-fades of equal ends too: not one bit may differ. The mean
    # over three shifts rounds.
    quarter = np.float32(0.25) * x
    if shifts == 3:
        assert np.abs(stems["vocals"] - quarter).max() < 1e-7
    else:
        assert np.array_equal(stems["vocals"], quarter)
    assert energy_ratio_db(x, x - stems["vocals"] - stems["accompaniment"]) > 130
    assert result.sum_error_db < -130
    assert result.seconds == pytest.approx(n_frames / 44_100)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_other_rates_pass_through_the_models_rate_without_seams(home, tmp_path, rate_hz):
    t = np.arange(rate_hz * 3) / rate_hz
    x = np.stack([np.sin(2 * np.pi * 440 * t), np.sin(2 * np.pi * 1234 * t)]).astype(np.float32) * 0.3
    x *= np.minimum(1, np.minimum(t, t[::-1]) / 0.1).astype(np.float32)
    result, stems = separate(home, tmp_path, x, rate_hz, model="halves")
    assert stems["vocals"].shape == x.shape
    assert energy_ratio_db(x / 2, stems["vocals"] - x / 2) > 70
    assert result.sum_error_db < -130


def test_segments_follow_the_play_head(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(44_100 * 12))
    with (
        Separator("quarter", home=home, stems=StemStore(tmp_path / "store")) as separator,
        separator.separate_file(song) as separation,
    ):
        order = []
        heads = [6 * 44_100]
        for segment in separation.segments(lambda: heads[-1]):
            order.append(segment)
            if len(order) == 10:
                heads.append(44_100)
        total = order[-1].n_total
    assert order[0].start_frame <= 6 * 44_100 < order[0].stop_frame
    ahead = [s.index for s in order[:4]]
    assert ahead == list(range(ahead[0], ahead[0] + 4))
    # One segment may have been through the network already when the head jumped.
    assert any(s.start_frame <= 44_100 < s.stop_frame for s in order[10:12])
    assert sorted(s.index for s in order) == list(range(total))
    assert [s.n_done for s in order] == list(range(1, total + 1))


def test_a_jump_gives_up_the_segment_in_the_network(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(44_100 * 24))
    with (
        Separator("slow", home=home, stems=StemStore(tmp_path / "store")) as separator,
        separator.separate_file(song) as separation,
    ):
        heads = [0]
        segments = separation.segments(lambda: heads[-1])
        began = [next(segments).index, next(segments).index]
        heads.append(18 * 44_100)
        # The third was in the network; had it not been given up, it would come first.
        wanted = next(segments)
        order = [*began, wanted.index, *(s.index for s in segments)]
    assert wanted.start_frame <= heads[-1] < wanted.stop_frame
    assert sorted(order) == list(range(wanted.n_total))


def test_an_interruption_ends_the_run_at_once_and_keeps_what_is_finished(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(44_100 * 20))
    with Separator("slow", home=home, stems=StemStore(tmp_path / "store")) as separator:
        with separator.separate_file(song) as separation:
            asked = []
            segments = separation.segments(interrupted=lambda: len(asked) > 0)
            next(segments)
            asked.append(True)
            assert list(segments) == []
        with separator.separate_file(song) as separation:
            assert separation.resumed_segments == 1
            separation.decode()
            assert separation.store.total_frames == 44_100 * 20


def test_the_original_lane_grows_before_any_segment_is_asked_for_twice(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(44_100 * 20))
    with (
        Separator("quarter", home=home, stems=StemStore(tmp_path / "store")) as separator,
        separator.separate_file(song) as separation,
    ):
        first = next(iter(separation.segments()))
        assert first.index == 0
        assert separation.store.progress[0] >= first.stop_frame


def test_closing_the_generator_keeps_what_is_finished(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(44_100 * 20))
    store = StemStore(tmp_path / "store")
    with Separator("quarter", home=home, stems=store) as separator:
        separator.load()
        threads = threading.active_count()
        with separator.separate_file(song) as separation:
            segments = separation.segments()
            for _ in range(5):
                next(segments)
            segments.close()
        assert threading.active_count() == threads
        with separator.separate_file(song) as separation:
            assert separation.resumed_segments >= 5
            result = separation.save_all(tmp_path / "stems")
    assert result.resumed_segments >= 5
    assert not list(tmp_path.rglob("*.part"))


def test_a_complete_store_needs_no_network(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(50_000))
    for _ in range(2):
        with (
            Separator("quarter", home=home, stems=StemStore(tmp_path / "store")) as separator,
            separator.separate_file(song) as separation,
        ):
            result = separation.save_all(tmp_path / "stems")
    assert result.provider == "stored"
    assert result.inference_s == 0
    assert sorted(path.name for path in (tmp_path / "stems").iterdir()) == ["song", "song (2)"]


@pytest.mark.parametrize(
    ("fmt", "limit_db"),
    [
        (OutputFormat("wav", "16"), -200),
        (OutputFormat("wav", "24"), -200),
        (OutputFormat("wav", "32f"), -130),
        (OutputFormat("flac", "16"), -200),
        (OutputFormat("flac", "24"), -200),
        (OutputFormat("mp3"), -130),
    ],
)
def test_stems_of_a_16_bit_song_sum_to_it_in_every_format(home, tmp_path, fmt, limit_db):
    song = write_song(tmp_path / "song.wav", noise(100_000), subtype="PCM_16")
    original = soundfile.read(song, dtype="float64")[0].T
    with (
        Separator("quarter", home=home, stems=StemStore(tmp_path / "store")) as separator,
        separator.separate_file(song) as separation,
    ):
        result = separation.save_all(tmp_path / "stems", fmt)
    assert result.sum_error_db <= limit_db
    if fmt.container != "mp3":
        stems = read_files(result.stems)
        rest = original - stems["vocals"].astype(np.float64) - stems["accompaniment"]
        assert energy_ratio_db(original, rest) >= min(-limit_db, 130)
    assert result.loudness_lufs["vocals"] == pytest.approx(
        result.loudness_lufs["accompaniment"] - 9.54, abs=0.1
    )
    assert result.peaks_db["vocals"] == pytest.approx(20 * np.log10(np.abs(original).max() / 4), abs=0.05)


def test_cut_off_song_is_told_again_when_it_comes_from_the_store(home, tmp_path):
    whole = write_song(tmp_path / "whole.flac", noise(44_100 * 4), subtype="PCM_16")
    song = tmp_path / "song.flac"
    song.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    said = []
    for _ in range(2):
        with (
            Separator("quarter", home=home, stems=StemStore(tmp_path / "store")) as separator,
            separator.separate_file(song) as separation,
            pytest.warns(CharonWarning, match="cut off"),
        ):
            result = separation.save_all(tmp_path / "stems")
        said.append(result.warnings)
        assert 1 < result.seconds < 3
    assert said[0] == said[1]
    assert len(said[0]) == 1


def test_two_separations_of_one_song_exclude_each_other(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(50_000))
    with Separator("quarter", home=home, stems=StemStore(tmp_path / "store")) as separator:
        with separator.separate_file(song), pytest.raises(StoreError, match="another Charon"):
            separator.separate_file(song)
        separator.separate_file(song).close()


def test_other_settings_are_other_stems(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(QUARTER_FRAMES * 3))
    folders = set()
    for options in ({}, {"overlap": 0.5}, {"shifts": 2}):
        with (
            Separator("quarter", home=home, stems=StemStore(tmp_path / "store"), **options) as separator,
            separator.separate_file(song) as separation,
        ):
            folders.add(separation.store.folder)
    assert len(folders) == 3


def test_unknown_model_and_numbers_out_of_range(home):
    with pytest.raises(ModelMissing, match="did you mean"):
        Separator("quartet", home=home)
    with pytest.raises(ParameterError, match="overlap"):
        Separator("quarter", home=home, overlap=1.5)
    with pytest.raises(ParameterError, match="shifts"):
        Separator("quarter", home=home, shifts=0)


def test_damage_between_two_runs_is_repaired(home, tmp_path):
    x = noise(44_100 * 5)
    song = write_song(tmp_path / "song.wav", x)
    with Separator("quarter", home=home, stems=StemStore(tmp_path / "store")) as separator:
        with separator.separate_file(song) as separation:
            separation.save_all(tmp_path / "stems")
            lane = separation.store.lane_path("vocals")
        time.sleep(0.02)
        with lane.open("r+b") as file:
            file.seek(80_000)
            file.write(b"\x7f" * 4000)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with separator.separate_file(song) as separation:
                result = separation.save_all(tmp_path / "stems")
    assert any("damaged" in str(w.message) for w in caught)
    assert np.array_equal(read_files(result.stems)["vocals"], np.float32(0.25) * x)


def test_closing_a_separation_stops_its_work_and_frees_the_song(home, tmp_path):
    song = write_song(tmp_path / "song.wav", noise(44_100 * 60))
    with Separator("quarter", home=home, stems=StemStore(tmp_path / "store")) as separator:
        separator.load()
        threads = threading.active_count()
        separation = separator.separate_file(song)
        segments = separation.segments()
        next(segments)
        separation.close()
        assert threading.active_count() == threads
        assert list(segments) == []
        separator.separate_file(song).close()


def test_a_slow_network_works_where_the_listener_will_be():
    heads = [0]
    listener = segment_run.Listener(lambda: heads[-1], 44_100)
    assert listener.look_ahead() == 0
    heads.append(4_410)
    listener.lead_s = 0.9 * segment_run.SLOW_SEGMENT_S
    assert listener.look_ahead() == 4_410  # a quick one is done before the listener is elsewhere
    heads.append(8_820)
    listener.lead_s = 9.0
    assert listener.look_ahead() == 8_820 + 9 * 44_100
    assert listener.look_ahead() == 8_820  # at rest: what is under the play-head is wanted
