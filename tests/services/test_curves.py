"""Curves of a song over time: what they say of known sound, never NaN, and kept beside the lanes."""

import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest

from engine.errors import DecodeError, JobCancelled, ParameterError, StoreError
from engine.io.stem_store import StemStore
from engine.kernels.loudness import LoudnessMeter
from engine.services import curves as curves_room
from engine.services.analysis import analyse_song
from engine.services.curve_file import curve_path, load_curves, save_curves
from engine.services.curves import (
    DB_A_STEP,
    FLOOR_DB,
    N_BANDS,
    SongCurves,
    SpectrumRows,
    lane_curves,
    lane_is_ready,
    song_curves,
)
from tests.services.conftest import noise, write_song
from tests.services.test_fingerprint import RATE_HZ, both, clicks, sine
from tests.services.test_stem_store import Shape, spans_of


def arrays(curves):
    return {f.name: getattr(curves, f.name) for f in fields(SongCurves) if f.name != "analysis"}


def assert_same(a, b):
    assert a.analysis == b.analysis
    for name, value in arrays(a).items():
        np.testing.assert_array_equal(getattr(b, name), value, err_msg=name)


def levels_db(curves):
    return FLOOR_DB + DB_A_STEP * curves.spectrum.astype(np.float64)


@pytest.fixture
def two_notes(tmp_path):
    """Two seconds of A4 at -6 dB, one of silence, two of E5 at -20 dB."""
    gap = np.zeros(RATE_HZ, np.float32)
    x = np.concatenate([sine(440.0, 2.0), gap, sine(659.26, 2.0, gain=0.1)])
    return write_song(tmp_path / "two.wav", both(x))


def test_two_notes(two_notes):
    found = song_curves(two_notes)
    rows = np.arange(len(found.pitch_hz)) / found.rows_per_s
    first, gap, last = (rows > 0.2) & (rows < 1.8), (rows > 2.2) & (rows < 2.8), (rows > 3.2) & (rows < 4.8)
    np.testing.assert_allclose(found.pitch_hz[first], 440.0, rtol=3e-3)
    np.testing.assert_allclose(found.pitch_hz[last], 659.26, rtol=3e-3)
    assert not found.pitch_hz[gap].any()
    assert set(found.notes[first].argmax(axis=1)) == {9}
    assert set(found.notes[last].argmax(axis=1)) == {4}
    assert found.clarity[first].min() > 240
    # A sine of both channels at 0.5 is -6.02 dBFS of a sine, and -3.01 - 6.02 LUFS + K-weighting's 0.
    frames = np.arange(len(found.spectrum)) / found.spectrum_per_s
    level = levels_db(found)[(frames > 0.2) & (frames < 1.8)]
    band = int(np.abs(found.bands_hz - 440.0).argmin())
    assert abs(level.argmax(axis=1) - band).max() <= 1
    assert level.max() == pytest.approx(-6.0, abs=1.5)
    assert levels_db(found)[(frames > 2.2) & (frames < 2.8)].max() == FLOOR_DB
    # Value i belongs to the 0.4 s, or 3 s, before (i + 1) / 10 s.
    assert found.momentary_lufs[19] == pytest.approx(-6.0, abs=0.7)
    assert found.momentary_lufs[28] < -60.0
    assert found.short_term_lufs[28] == pytest.approx(found.momentary_lufs[19] - 10 * np.log10(1.5), abs=0.1)
    assert len(found.momentary_lufs) == len(found.short_term_lufs) == 50


def test_the_analysis_is_that_of_the_song(tmp_path):
    x = both(clicks(120.0, 12.0) + sine(220.0, 12.0, gain=0.1))
    path = write_song(tmp_path / "song.wav", x)
    found = song_curves(path)
    assert found.analysis == analyse_song(path)
    assert found.duration_s == pytest.approx(12.0)
    assert_same(found, song_curves(path, threads=1))


ODD = {
    "silence": np.zeros((2, RATE_HZ), np.float32),
    "constant": np.ones((2, RATE_HZ), np.float32),
    "click": both(np.eye(1, RATE_HZ, 100, dtype=np.float32)[0]),
    "one frame": np.full((2, 1), 0.5, np.float32),
    "a moment": noise(RATE_HZ // 10),
    "huge": np.full((2, 5000), 1e30, np.float32),
}


@pytest.mark.parametrize("name", ODD)
def test_every_number_is_finite(tmp_path, name):
    found = song_curves(write_song(tmp_path / "odd.wav", ODD[name]))
    for field, value in arrays(found).items():
        assert np.all(np.isfinite(value)), field
    assert found.pitch_hz.shape == found.clarity.shape == found.onset_db.shape == (len(found.notes),)
    assert found.spectrum.shape[1] == N_BANDS
    assert len(found.spectrum) >= 1


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 96_000])
def test_other_rates(tmp_path, rate_hz):
    path = write_song(tmp_path / "song.wav", both(sine(1000.0, 2.0, rate_hz)), rate_hz)
    found = song_curves(path)
    band = int(np.abs(found.bands_hz - 1000.0).argmin())
    middle = levels_db(found)[len(found.spectrum) // 2]
    assert abs(int(middle.argmax()) - band) <= 1
    assert found.spectrum_per_s == pytest.approx(found.rows_per_s, rel=0.02)
    beyond = found.bands_hz > 0.55 * rate_hz
    assert np.all(middle[beyond] == FLOOR_DB)


def test_the_spectrum_does_not_depend_on_the_blocks():
    x = noise(100_000)
    whole = SpectrumRows(RATE_HZ, 1)
    whole.push(x)
    parts = SpectrumRows(RATE_HZ, 1)
    for part in np.split(x, [1, 700, 701, 50_000, 99_999], axis=1):
        parts.push(part)
    found = whole.finish()
    np.testing.assert_array_equal(parts.finish(), found)
    assert len(found) == -(-100_000 // whole.hop_frames)


def test_the_momentary_curve_is_the_meter(tmp_path):
    x = noise(3 * RATE_HZ)
    meter = LoudnessMeter(RATE_HZ)
    told = []
    for tenth in np.split(x, 30, axis=1):
        meter.push(tenth)
        told.append(meter.momentary_lufs)
    np.testing.assert_allclose(meter.momentary_curve(), told, atol=1e-3)


def test_memory_does_not_grow_with_the_song():
    """A minute more costs its curves and nothing else."""

    def peak_bytes(seconds):
        blocks = (noise(RATE_HZ, seed=i) for i in range(seconds))
        tracemalloc.start()
        curves_room._listen(blocks, (RATE_HZ, 2, seconds * RATE_HZ), None, 1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(1)
    assert peak_bytes(180) - peak_bytes(120) < 4_000_000


def test_progress_and_an_end_before_the_end(two_notes):
    parts = []
    song_curves(two_notes, parts.append)
    assert parts == sorted(parts)
    assert parts[-1] == 1.0

    def stop(part):
        raise JobCancelled("enough")

    with pytest.raises(JobCancelled):
        song_curves(two_notes, stop)


def test_no_sound_is_said_in_words(tmp_path):
    empty = write_song(tmp_path / "empty.wav", np.zeros((2, 0), np.float32))
    for path in (empty, tmp_path / "missing.mp3"):
        with pytest.raises(DecodeError):
            song_curves(path)


@pytest.fixture
def store(tmp_path):
    """A song of four seconds whose first half is separated."""
    n_frames = 4 * RATE_HZ
    shape = Shape(n_frames + 999, RATE_HZ)
    with StemStore(tmp_path / "stems").open(shape, "song", "key", ("vocals",)) as song:
        yield song, n_frames


def finish(song, n_frames):
    stem = both(sine(330.0, 4.0))[None]
    spans = spans_of(n_frames, 1, 0)
    song.set_total_segments(1)
    song.write_segment(spans[0], stem)


def test_a_lane_is_heard_once_it_is_whole(store):
    song, n_frames = store
    folder = song.folder
    with pytest.raises(StoreError, match="not finished"):
        lane_curves(folder, "original")
    song.begin_original()
    song.write_original(0, both(sine(440.0, 4.0)))
    song.finish_original(n_frames, [])
    assert lane_is_ready(folder, "original")
    assert not lane_is_ready(folder, "vocals")
    found = lane_curves(folder, "original")
    assert found.duration_s == 4.0
    assert np.median(found.pitch_hz) == pytest.approx(440.0, rel=3e-3)
    with pytest.raises(StoreError, match="vocals"):
        lane_curves(folder, "vocals")
    finish(song, n_frames)
    assert np.median(lane_curves(folder, "vocals").pitch_hz) == pytest.approx(330.0, rel=3e-3)
    with pytest.raises(ParameterError, match="brass"):
        lane_curves(folder, "brass")
    with pytest.raises(StoreError):
        lane_is_ready(folder.parent / "nothing", "original")


def test_what_was_kept_is_found(two_notes, tmp_path):
    found = song_curves(two_notes)
    assert load_curves(tmp_path, "original") is None
    assert save_curves(tmp_path, "original", found)
    assert_same(load_curves(tmp_path, "original"), found)
    assert load_curves(tmp_path, "vocals") is None
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_damage_and_other_versions_count_as_none(two_notes, tmp_path, monkeypatch):
    found = song_curves(two_notes)
    save_curves(tmp_path, "a", found)
    path = curve_path(tmp_path, "a")
    whole = path.read_bytes()
    for broken in (b"", whole[: len(whole) // 2], b"x" * 100, whole[:2000] + b"\0" * 900 + whole[2900:]):
        path.write_bytes(broken)
        assert load_curves(tmp_path, "a") is None
    save_curves(tmp_path, "b", replace(found, analysis=replace(found.analysis, version=0)))
    assert load_curves(tmp_path, "b") is None
    path.write_bytes(whole)
    assert load_curves(tmp_path, "a") is not None
    monkeypatch.setattr("engine.services.curve_file.CURVES_VERSION", 99)
    assert load_curves(tmp_path, "a") is None


def test_a_folder_that_refuses_costs_nothing(two_notes, tmp_path):
    found = song_curves(two_notes)
    assert not save_curves(tmp_path / "gone", "a", found)
    curve_path(tmp_path, "b").mkdir()
    assert not save_curves(tmp_path, "b", found)
    assert list(tmp_path.glob(".*")) == []


def test_warming_comes_to_everything_that_a_song_needs(monkeypatch):
    """What is not compiled by set-up would be compiled while somebody plays."""
    heard = []
    real = curves_room._listen
    monkeypatch.setattr(curves_room, "_listen", lambda *given: heard.append(real(*given)))
    curves_room.warm_curves()
    assert [round(found.analysis.rate_hz) for found in heard] == [44_100, 48_000]
    assert all(len(found.analysis.beats_s) > 8 for found in heard)
