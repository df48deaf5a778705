import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.jit import RowPool
from engine.kernels.median import MAX_SIZE, running_median


def _noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _sorted_medians(x, size, axis):
    """Every window sorted. Not scipy, whose filter reads other values where a mirror turns often."""
    reach = size // 2
    padded = np.pad(x, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis)
    return np.sort(windows, axis=-1)[..., reach]


@settings(deadline=None, max_examples=80)
@given(
    st.integers(1, 90),
    st.integers(1, 150),
    st.sampled_from([1, 3, 5, 17, 31, 33]),
    st.sampled_from([0, 1]),
    st.integers(1, 3),
)
def test_any_shape_gives_the_middle_of_every_window(rows, columns, size, axis, n_threads):
    x = _noise((rows, columns), rows * columns)
    with RowPool(n_threads) as pool:
        assert np.array_equal(running_median(x, size, axis, threads=pool), _sorted_medians(x, size, axis))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([3, 7, 31]), st.sampled_from([0, 1]))
def test_repeated_values_and_infinities_are_counted_as_often_as_they_come(rows, columns, size, axis):
    rng = np.random.default_rng(rows + 100 * columns)
    x = rng.choice(np.array([-np.inf, -1, 0, 0, 1, 1, 2, np.inf], np.float32), (rows, columns))
    assert np.array_equal(running_median(x, size, axis), _sorted_medians(x, size, axis))


@pytest.mark.parametrize("axis", [0, 1])
def test_a_spectrogram_is_bit_identical_to_scipys(axis):
    x = np.abs(_noise((200, 1025)))
    expected = scipy.ndimage.median_filter(x, size=(31, 1) if axis == 0 else (1, 31), mode="reflect")
    assert np.array_equal(running_median(x, 31, axis), expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_window_may_be_many_times_longer_than_the_axis(axis):
    x = _noise((24, 30))
    assert np.array_equal(running_median(x, MAX_SIZE, axis), _sorted_medians(x, MAX_SIZE, axis))


@pytest.mark.parametrize("axis", [0, 1])
def test_silence_and_a_click_give_silence(axis):
    x = np.zeros((50, 70), np.float32)
    assert not running_median(x, 31, axis).any()
    x[20, 30] = 1.0
    assert not running_median(x, 31, axis).any()


def test_results_go_into_given_arrays_and_nothing_is_legal():
    x = _noise((20, 30))
    out = np.full_like(x, np.nan)
    assert running_median(x, 5, 0, out) is out
    assert np.isfinite(out).all()
    assert running_median(x[:, ::2], 5, 1).shape == (20, 15)
    assert running_median(np.empty((0, 4), np.float32), 3).shape == (0, 4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [((2,), "2 values"), ((0,), "0 values"), ((MAX_SIZE + 2,), "1025 values"), ((3, 2), "axis 2")],
)
def test_impossible_windows_are_refused(arguments, says):
    with pytest.raises(ParameterError, match=says):
        running_median(_noise((4, 4)), *arguments)


def test_wrong_arrays_are_refused():
    with pytest.raises(ParameterError, match="float64"):
        running_median(np.zeros((4, 4)), 3)
    with pytest.raises(ParameterError, match=r"\(4, 5\)"):
        running_median(_noise((4, 4)), 3, 1, np.zeros((4, 5), np.float32))
