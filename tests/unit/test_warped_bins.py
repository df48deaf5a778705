"""The warped frequency axis, against plain numpy."""

import numpy as np
import pytest

from engine.kernels.warped_bins import (
    N_BINS,
    N_WARPED,
    apply_warped_masks,
    frame_power,
    group_starts,
    warped_features,
)


@pytest.fixture
def spectrum() -> np.ndarray:
    rng = np.random.default_rng(0)
    real, imaginary = rng.standard_normal((2, 2, 3, N_BINS))
    return (real + 1j * imaginary).astype(np.complex64)


def test_every_bin_is_in_one_group():
    starts = group_starts()
    assert starts[0] == 0
    assert starts[-1] == N_BINS
    assert len(starts) == N_WARPED + 1
    assert (np.diff(starts) >= 1).all()
    assert (np.diff(starts)[:256] == 1).all()
    assert (np.diff(starts)[-64:-1] == 16).all()


def test_power_and_features(spectrum):
    rows = spectrum.view(np.float32)
    power = np.zeros(3, np.float32)
    frame_power(rows, power)
    np.testing.assert_allclose(power, np.square(np.abs(spectrum)).sum(axis=2).mean(axis=0), rtol=1e-4)
    starts, level = group_starts(), np.array([1.0, 2.0, 5.0], np.float32)
    out = np.zeros((4, 3, N_WARPED), np.float32)
    warped_features(rows, starts, level, out)
    left, right = spectrum
    four = np.abs(np.stack([left, right, (left + right) / 2, (left - right) / 2]))
    mean = np.add.reduceat(four, starts[:-1], axis=2) / np.diff(starts)
    np.testing.assert_allclose(out, (mean / level[None, :, None]) ** 0.3, rtol=1e-4)


def test_a_mask_holds_for_its_whole_group(spectrum):
    masks = np.random.default_rng(1).uniform(0, 1, (2, 3, N_WARPED)).astype(np.float32)
    out = np.zeros_like(spectrum)
    apply_warped_masks(spectrum.view(np.float32), group_starts(), masks, out.view(np.float32))
    wide = np.repeat(masks, np.diff(group_starts()), axis=2)
    np.testing.assert_allclose(out, wide * spectrum, rtol=1e-5, atol=1e-6)
