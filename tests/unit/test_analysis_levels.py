"""Curves and rasters at every zoom keep what they stand for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.panels.analysis_levels import CurveLevels, PitchLevels, RasterLevels

PER_S = 43.0


def curve(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 3000), start=st.floats(0, 0.9), length=st.floats(0.01, 1.0), most=st.integers(1, 900))
def test_a_stretch_loses_no_peak_and_is_no_longer_than_asked(n, start, length, most):
    values = curve(n)
    levels = CurveLevels(values, PER_S)
    start_s, stop_s = start * n / PER_S, (start + length) * n / PER_S
    times, found = levels.stretch(start_s, stop_s, most)
    inside = values[int(np.ceil(start_s * PER_S)) : int(stop_s * PER_S) + 1]
    if inside.size:
        assert found.max() >= inside.max()
        assert found.min() <= inside.min()
    assert np.all(np.diff(times) > 0)
    # Pairs of a lowest and a highest value, and one step beyond on both sides.
    assert len(times) <= 2 * max(most, 64) + 8


def test_the_finest_level_is_the_curve_itself():
    values = curve(200)
    times, found = CurveLevels(values, 10.0, first_s=0.1).stretch(5.0, 6.0, 500)
    first = round((times[0] - 0.1) * 10)
    np.testing.assert_allclose(times, 0.1 + np.arange(first, first + len(times)) / 10)
    np.testing.assert_array_equal(found, values[first : first + len(times)].astype(np.float64))
    assert times[0] <= 5.0
    assert times[-1] >= 6.0


def test_a_moment_of_a_curve():
    levels = CurveLevels(np.array([1.0, 2.0, 4.0], np.float32), 10.0, first_s=0.1)
    assert [levels.at(at) for at in (0.0, 0.1, 0.26, 0.3, 0.36, 9.0)] == [None, 1.0, 4.0, 4.0, None, None]


@pytest.mark.parametrize("most", [10_000, 300, 70])
def test_highest_columns_touch_one_another_and_cover_the_stretch(most):
    values = np.abs(curve(2500))
    found, start_s, stop_s = CurveLevels(values, PER_S).highest(10.0, 50.0, most)
    assert start_s <= 10.0
    assert stop_s >= 50.0
    step = (stop_s - start_s) / len(found) * PER_S
    assert step == pytest.approx(2 ** round(np.log2(step)))
    assert found.max() == values[round((start_s * PER_S) + 0.5) : round(stop_s * PER_S + 0.5)].max()


def notes(*runs):
    """Runs of (semitones or None, length)."""
    parts = [np.full(n, np.nan if note is None else note, np.float32) for note, n in runs]
    return np.concatenate(parts)


def test_notes_are_dashes_that_join_where_they_glide():
    pitch = notes((60.0, 3), (60.4, 1), (67.0, 2), (None, 2), (67.0, 2))
    levels = PitchLevels(pitch, np.full(pitch.size, 200, np.uint8), 10.0)
    times, found, joined = levels.stretch(0.0, 1.0, 1000)
    np.testing.assert_allclose(found[::2], [60, 60, 60, 60.4, 67, 67, 67, 67])
    np.testing.assert_array_equal(joined[::2], 1)
    np.testing.assert_array_equal(joined[1::2], [1, 1, 1, 0, 1, 0, 1, 0])
    np.testing.assert_allclose(times[:2], [-0.045, 0.045])
    assert levels.at(0.3) == pytest.approx(60.4)
    assert levels.at(0.65) is None
    assert levels.at(-1.0) is None


def test_what_lasts_one_step_is_no_note():
    pitch = notes((None, 3), (50.0, 1), (None, 3), (60.0, 2), (None, 1))
    levels = PitchLevels(pitch, np.full(pitch.size, 200, np.uint8), 10.0)
    assert levels.at(0.3) is None
    assert levels.at(0.7) == 60.0


def test_zoomed_out_the_clearest_note_speaks_and_no_note_is_made_up():
    n = 1024
    pitch = np.where(np.arange(n) % 4 < 2, 60.0, 72.0).astype(np.float32)
    clarity = np.where(np.arange(n) % 4 < 2, 100, 200).astype(np.uint8)
    _, found, _ = PitchLevels(pitch, clarity, 10.0).stretch(0.0, n / 10, 100)
    assert set(found) == {72.0}


def test_the_range_holds_nearly_all_of_it_and_an_octave_and_a_half_at_least():
    clarity = np.full(100, 200, np.uint8)
    low, high = PitchLevels(np.full(100, 60.0, np.float32), clarity, 10.0).range()
    assert high - low >= 18.0
    assert low < 60.0 < high
    empty = PitchLevels(np.full(100, np.nan, np.float32), clarity, 10.0)
    assert empty.range()[0] < empty.range()[1]
    assert empty.stretch(0.0, 10.0, 50)[0].size == 0


@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 3000), start=st.floats(0, 0.9), length=st.floats(0.01, 1.0), most=st.integers(1, 900))
def test_a_stretch_of_a_raster_covers_what_was_asked_for(n, start, length, most):
    values = np.random.default_rng(n).integers(0, 255, (n, 5)).astype(np.uint8)
    levels = RasterLevels(values, PER_S)
    start_s, stop_s = start * n / PER_S, min(start + length, 1.0) * n / PER_S
    part = levels.stretch(start_s, stop_s, most)
    assert part.values.shape[0] == 5
    assert part.start_s <= start_s
    assert part.stop_s >= min(stop_s, (n - 0.5) / PER_S) - 1e-9
    assert part.values.shape[1] <= max(most, 64) + 4


def test_halving_a_raster_keeps_its_mean():
    values = np.random.default_rng(0).integers(0, 255, (4096, 3)).astype(np.uint8)
    part = RasterLevels(values, 1.0).stretch(0.0, 4096.0, 64)
    assert part.values.shape == (3, 64)
    np.testing.assert_allclose(part.values.mean(axis=1), values.mean(axis=0), atol=3.5)


def test_a_column_is_the_nearest():
    levels = RasterLevels(np.arange(12, dtype=np.uint8).reshape(6, 2), 2.0)
    np.testing.assert_array_equal(levels.column(0.9), [4, 5])
    assert levels.column(3.0) is None
    assert levels.column(-0.5) is None
