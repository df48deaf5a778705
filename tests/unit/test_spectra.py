"""Spectra as magnitudes and bands, and sums over two channels, against numpy."""

import numpy as np
import pytest

from engine.errors import ParameterError
from engine.kernels.spectra import FrameSpectra, flat_bands
from engine.kernels.stereo import stereo_sums


def _noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("origin", [-512, 0, 100])
def test_magnitudes_are_numpys_with_silence_around(origin):
    x = _noise(5000)
    found = FrameSpectra(1024, 256, 2).magnitudes(x, 24, origin)
    padded = np.concatenate([np.zeros(512), x, np.zeros(10_000)])
    window = np.hanning(1025)[:-1]
    for t in (0, 1, 10, 23):
        frame = padded[512 + origin + 256 * t :][:1024]
        np.testing.assert_allclose(found[t], np.abs(np.fft.rfft(window * frame)), atol=2e-3)


def test_bands_take_each_bin_once():
    bands = flat_bands((0.0, 100.0, 101.0, 7000.0, 8000.0), 16_000, 1024)
    totals = np.zeros(513)
    for first, count, start in bands.edges:
        totals[first : first + count] += bands.weights[start : start + count]
    np.testing.assert_allclose(totals[1:-1], 1.0, atol=1e-6)
    assert totals[[0, -1]].tolist() == [0.5, 0.5]


def test_bands_add_up_the_power_of_every_channel():
    x = _noise(2, 4000)
    plan = FrameSpectra(512, 128, 2)
    bands = flat_bands((500.0, 2000.0, 6000.0, 90_000.0, 95_000.0), 16_000, 512)
    found = plan.band_powers(x, bands, 20)
    assert found.shape == (2, 20, 4)
    power = np.square(plan.magnitudes(x[1], 20))
    # 31.25 Hz a bin: both edges lie on a bin, of which half is inside.
    expected = power[:, 17:64].sum(axis=1) + 0.5 * (power[:, 16] + power[:, 64])
    np.testing.assert_allclose(found[1, :, 0], expected, rtol=1e-4)
    assert not found[..., 3].any()  # beyond half the rate


@pytest.mark.parametrize("edges_hz", [(), (20.0,), (60.0, 20.0), (-1.0, 20.0)])
def test_edges_must_ascend(edges_hz):
    with pytest.raises(ParameterError, match="ascending"):
        flat_bands(edges_hz, 44_100, 4096)


@pytest.mark.parametrize("n", [0, 1, 7, 4096, 100_001])
def test_sums_over_two_channels(n):
    x = _noise(2, n)
    wide = x.astype(np.float64)
    found = stereo_sums(x)
    assert found.left == pytest.approx(np.square(wide[0]).sum(), rel=1e-12)
    assert found.right == pytest.approx(np.square(wide[1]).sum(), rel=1e-12)
    assert found.product == pytest.approx((wide[0] * wide[1]).sum(), rel=1e-9, abs=1e-9)
    assert found.peak == np.abs(x).max(initial=0.0)


def test_wrong_shapes_are_refused():
    with pytest.raises(ParameterError):
        stereo_sums(np.zeros((1, 5), np.float32))
    with pytest.raises(ParameterError):
        FrameSpectra().magnitudes(np.zeros((1, 5), np.float32), 1)
    with pytest.raises(ParameterError):
        FrameSpectra().band_powers(np.zeros(5, np.float32), flat_bands((0, 1), 1000, 64), 1)
    with pytest.raises(ParameterError):
        FrameSpectra(64, 65)
