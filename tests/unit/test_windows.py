import numpy as np
import pytest
import scipy.signal

from engine.errors import ParameterError
from engine.kernels.windows import fade_in, fade_out, hann, kaiser, sqrt_hann


@pytest.mark.parametrize("n", [2, 7, 64, 4096])
def test_windows_equal_scipy(n):
    np.testing.assert_allclose(hann(n), scipy.signal.get_window("hann", n), atol=1e-7)
    np.testing.assert_allclose(sqrt_hann(n) ** 2, hann(n), atol=1e-6)
    np.testing.assert_allclose(kaiser(n, 9.5), scipy.signal.get_window(("kaiser", 9.5), n, False), atol=1e-7)


@pytest.mark.parametrize("n", [1, 2, 3, 100, 8192])
def test_fades_sum_to_exactly_one_and_rise(n):
    rising = fade_in(n)
    assert np.all(rising + fade_out(n) == np.float32(1.0))
    assert np.all(np.diff(rising) >= 0)
    assert 0 <= rising[0] <= rising[-1] <= 1
    np.testing.assert_allclose(rising, fade_out(n)[::-1], atol=1e-7)


@pytest.mark.parametrize("make", [hann, sqrt_hann, fade_in, fade_out])
def test_an_empty_window_is_refused(make):
    with pytest.raises(ParameterError, match="0 frames"):
        make(0)


def test_a_negative_kaiser_beta_is_refused():
    with pytest.raises(ParameterError, match=r"-1"):
        kaiser(8, -1.0)
