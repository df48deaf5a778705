import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernels.gain import cross_fade, mix_ramp, scale_ramp

GAINS = st.floats(-4, 4, width=32)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3), st.integers(1, 300), GAINS, GAINS)
def test_a_ramp_is_straight_and_ends_at_its_end(channels, n, start, end):
    x = np.ones((channels, n), np.float32)
    scale_ramp(x, start, end)
    expected = start + (end - start) * np.arange(1, n + 1) / n
    np.testing.assert_allclose(x, np.tile(expected, (channels, 1)), atol=2e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 300), GAINS, GAINS)
def test_mixing_adds_the_ramped_signal(n, start, end):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((2, n)).astype(np.float32)
    base = rng.standard_normal((2, n)).astype(np.float32)
    mixed = base.copy()
    mix_ramp(x, start, end, mixed)
    scaled = x.copy()
    scale_ramp(scaled, start, end)
    np.testing.assert_allclose(mixed, base + scaled, atol=1e-5)


def test_chained_ramps_have_no_step():
    x = np.ones((1, 200), np.float32)
    scale_ramp(x[:, :64].copy(), 0.0, 0.32)
    first, second = x[:, :64].copy(), x[:, 64:].copy()
    scale_ramp(first, 0.0, 0.32)
    scale_ramp(second, 0.32, 1.0)
    steps = np.diff(np.concatenate([first, second], axis=1))
    np.testing.assert_allclose(steps, 0.005, atol=1e-6)


def test_cross_fading_a_signal_with_itself_changes_no_bit():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 1000)).astype(np.float32)
    out = np.empty_like(x)
    cross_fade(x, x.copy(), rng.random(1000).astype(np.float32), out)
    assert np.array_equal(out, x)


def test_cross_fade_goes_from_old_to_new_in_place():
    old = np.zeros((1, 5), np.float32)
    new = np.ones((1, 5), np.float32)
    weight = np.linspace(0, 1, 5, dtype=np.float32)
    cross_fade(old, new, weight, old)
    assert np.array_equal(old[0], weight)


def test_nan_stays_visible():
    x = np.array([[np.nan, 1.0]], np.float32)
    scale_ramp(x, 0.0, 0.0)
    assert np.isnan(x[0, 0])
    assert x[0, 1] == 0
