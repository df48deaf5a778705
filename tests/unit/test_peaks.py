"""Bins, columns and pixels of a waveform."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernels.peaks import BASE_FRAMES, FACTOR, FULL_SCALE, bin_frames, fold_bins, gather_columns
from engine.kernels.wave_image import draw_wave

GROUND, BODY, CORE = 0xFF000000, 0xFF808080, 0xFFFFFFFF


def bins_of(frames):
    out = np.zeros((len(frames) // BASE_FRAMES, 3), np.int16)
    bin_frames(frames, out)
    return out


def noise(n_bins, gain=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return (gain * rng.standard_normal((n_bins * BASE_FRAMES, 2))).astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.floats(0, 0.4), st.integers(0, 9))
def test_bins_are_extremes_and_rms_of_both_channels(n_bins, gain, seed):
    frames = noise(n_bins, gain, seed)
    grouped = frames.reshape(n_bins, -1)
    expected = np.stack([grouped.min(1), grouped.max(1), np.sqrt((grouped**2).mean(1))], axis=1)
    np.testing.assert_allclose(bins_of(frames) / FULL_SCALE, expected, atol=0.6 / FULL_SCALE)


def test_bins_clip_what_is_far_over_full_scale_and_take_nan_for_silence():
    frames = np.zeros((2 * BASE_FRAMES, 2), np.float32)
    frames[3] = [9.0, -9.0]
    frames[BASE_FRAMES:] = np.nan
    bins = bins_of(frames)
    assert bins[0, :2].tolist() == [-32767, 32767]
    assert bins[1].tolist() == [0, 0, 0]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(0, 9))
def test_a_coarser_level_is_that_of_longer_bins(n_bins, seed):
    frames = noise(n_bins * FACTOR, 0.3, seed)
    folded = np.zeros((n_bins, 3), np.int16)
    fold_bins(bins_of(frames), folded)
    grouped = frames.reshape(n_bins, -1)
    expected = np.stack([grouped.min(1), grouped.max(1), np.sqrt((grouped**2).mean(1))], axis=1)
    np.testing.assert_allclose(folded / FULL_SCALE, expected, atol=1.6 / FULL_SCALE)


@settings(deadline=None, max_examples=60)
@given(st.integers(-50, 150), st.floats(1.0, 20.0), st.integers(1, 60))
def test_columns_hold_every_bin_that_they_touch(first, step, n_columns):
    level = bins_of(noise(200))
    out = np.empty((3, n_columns), np.float32)
    gather_columns(level, first, step, out)
    for k in range(n_columns):
        start = (first + k) * step
        touched = level[max(0, int(np.floor(start))) : max(0, int(np.ceil(start + step)))] / FULL_SCALE
        low, high = (touched[:, 0].min(), touched[:, 1].max()) if len(touched) else (0.0, 0.0)
        rms = np.sqrt((touched[:, 2] ** 2).mean()) if len(touched) else 0.0
        np.testing.assert_allclose(out[:, k], [low, high, rms], atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 300), st.floats(0.05, 30.0), st.integers(1, 40))
def test_scrolling_by_whole_columns_moves_them_unchanged(first, step, by):
    level = bins_of(noise(500))
    here, there = np.empty((3, 64), np.float32), np.empty((3, 64), np.float32)
    gather_columns(level, first, step, here)
    gather_columns(level, first + by, step, there)
    assert np.array_equal(here[:, by:], there[:, : max(0, 64 - by)])


def test_between_bins_columns_are_interpolated():
    level = np.array([[-100, 100, 50], [-200, 200, 100]], np.int16)
    out = np.empty((3, 8), np.float32)
    gather_columns(level, 0, 0.25, out)
    high = out[1] * FULL_SCALE
    np.testing.assert_allclose(high[2:6], [112.5, 137.5, 162.5, 187.5], rtol=1e-5)
    assert (np.diff(high[:6]) > 0).all()


def draw(columns, height, curve=1.0):
    columns = np.asarray(columns, np.float32)
    out = np.full((height, columns.shape[1]), 0xDEADBEEF, np.uint32)
    body = np.full(height + 1, BODY, np.uint32)
    body[-1] = GROUND
    draw_wave(columns, curve, body, np.full(height, CORE, np.uint32), out)
    return out


def test_a_shape_fills_from_lowest_to_highest_with_its_core_inside():
    out = draw([[-0.5], [0.75], [0.25]], 80)[:, 0]
    # Middle at row 40: +0.75 is row 10, -0.5 row 60, the core 30..50.
    assert set(out[:10]) | set(out[60:]) == {GROUND}
    assert set(out[10:30]) | set(out[50:60]) == {BODY}
    assert set(out[30:50]) == {CORE}


def test_edges_are_mixed_by_what_they_cover():
    out = draw([[0.0], [0.525], [0.0]], 20)[:, 0]
    assert out[4] & 0xFF == int(0x80 * 0.25)
    assert out[5] == BODY


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 70), st.integers(1, 50), st.floats(0.3, 1.0), st.integers(0, 99))
def test_any_columns_stay_inside_the_picture_and_write_every_pixel(height, width, curve, seed):
    rng = np.random.default_rng(seed)
    low, high, rms = rng.uniform(-2.5, 2.5, (3, width))
    out = draw([np.minimum(low, high), np.maximum(low, high), abs(rms)], height, curve)
    assert not (out == 0xDEADBEEF).any()
    assert ((out >> 24) == 0xFF).all()


def test_silence_is_a_hairline():
    out = draw(np.zeros((3, 3)), 21)
    assert (out[10] == BODY).all()
    assert (out[:10] == GROUND).all()
    assert (out[11:] == GROUND).all()
