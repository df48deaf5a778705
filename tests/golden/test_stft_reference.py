"""Against numpy in float64, scipy and librosa; tolerances in dB below the reference's energy."""

import librosa
import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.stft import EDGE_FLOOR, Stft
from engine.kernels.windows import sqrt_hann
from engine.units import energy_ratio_db

SIZES = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]


def _noise(channels, frames):
    return np.random.default_rng(frames).standard_normal((channels, frames)).astype(np.float32)


def _reference(x, window, hop_frames):
    frames = np.lib.stride_tricks.sliding_window_view(x, window.size, axis=1)[:, ::hop_frames]
    return scipy.fft.rfft(frames * window.astype(np.float64))


def _real(z):
    return np.stack([z.real, z.imag])


@pytest.mark.parametrize("n_fft", SIZES)
def test_spectra_are_within_130_db_of_double_precision(n_fft):
    x = _noise(2, 5 * n_fft)
    with Stft(n_fft, n_fft // 4, threads=1) as plan:
        spec = plan.forward(x)
        reference = _reference(x, plan.window, n_fft // 4)
    assert spec.shape == reference.shape
    assert energy_ratio_db(_real(reference), _real(spec - reference)) > 130
    # No single bin may hide behind the energy of the others.
    assert np.abs(spec - reference).max() < 1e-5 * np.abs(reference).max()


@pytest.mark.parametrize("n_fft", SIZES)
def test_the_inverse_is_within_120_db_of_the_input(n_fft):
    x = _noise(2, 6 * n_fft)
    hop = n_fft // 4
    with Stft(n_fft, hop, threads=1) as plan:
        y = plan.inverse(plan.forward(x))
    n = y.shape[1]
    assert energy_ratio_db(x[:, n_fft : n - n_fft], y[:, n_fft : n - n_fft] - x[:, n_fft : n - n_fft]) > 120
    # One sample in, where the window is nearly zero, the floor rules: quieter, never louder.
    assert np.abs(y).max() <= np.abs(x).max() * 1.001


@pytest.mark.parametrize("hop_frames", [512, 1024])
def test_both_ways_equal_librosa_within_110_db(hop_frames):
    x = _noise(2, 44100)
    n_fft = 4096
    with Stft(n_fft, hop_frames, threads=2) as plan:
        spec = plan.forward(x)
        reference = librosa.stft(x, n_fft=n_fft, hop_length=hop_frames, center=False).transpose(0, 2, 1)
        assert energy_ratio_db(_real(reference), _real(spec - reference)) > 110
        changed = (spec * np.random.default_rng(1).random(plan.n_bins)).astype(np.complex64)
        y = plan.inverse(changed)
    back = librosa.istft(changed.transpose(0, 2, 1), n_fft=n_fft, hop_length=hop_frames, center=False)
    inner = slice(n_fft, y.shape[1] - n_fft)
    assert energy_ratio_db(back[:, inner], y[:, inner] - back[:, inner]) > 110


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([64, 128, 256, 1024]),
    st.integers(1, 1024),
    st.integers(1, 3),
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(0, 40),
)
def test_any_hop_channels_and_threads(n_fft, hop_frames, channels, n_windows, threads, extra_frames):
    hop_frames = min(hop_frames, n_fft)
    extra_frames = min(extra_frames, hop_frames - 1)
    x = _noise(channels, (n_windows - 1) * hop_frames + n_fft + extra_frames)
    with Stft(n_fft, hop_frames, threads=threads) as plan, Stft(n_fft, hop_frames, threads=1) as alone:
        spec = plan.forward(x)
        assert spec.shape == (channels, n_windows, n_fft // 2 + 1)
        reference = _reference(x, plan.window, hop_frames)
        assert energy_ratio_db(_real(reference), _real(spec - reference)) > 120
        y = plan.inverse(spec)
        assert np.array_equal(y, alone.inverse(spec)), "threads must not change a bit"
    total = np.zeros(y.shape)
    squares = np.zeros(y.shape[1])
    window = plan.window.astype(np.float64)
    for t in range(n_windows):
        at = slice(t * hop_frames, t * hop_frames + n_fft)
        total[:, at] += scipy.fft.irfft(reference[:, t], n_fft) * window
        squares[at] += window**2
    steady = np.zeros(-(-n_fft // hop_frames) * hop_frames)
    steady[:n_fft] = window**2
    floor = EDGE_FLOOR * steady.reshape(-1, hop_frames).sum(axis=0).max()
    expected = total / np.maximum(squares, floor)
    assert energy_ratio_db(expected, y - expected) > 110


def test_a_window_of_ones_steps_and_a_window_of_its_own():
    x = _noise(1, 4096)
    with Stft(256, 256, window=np.ones(256, np.float32), threads=1) as plan:
        np.testing.assert_allclose(plan.inverse(plan.forward(x)), x, atol=1e-5)
    with Stft(256, 64, window=sqrt_hann(256), threads=1) as plan:
        np.testing.assert_allclose(plan.inverse(plan.forward(x))[:, 256:-256], x[:, 256:-256], atol=1e-5)


def test_results_go_into_given_arrays():
    x = _noise(2, 4096)
    with Stft(512, 128, threads=1) as plan:
        out = np.full((2, plan.n_windows(4096), 257), np.nan, np.complex64)
        assert plan.forward(x, out) is out
        assert np.isfinite(out).all()
        back = np.full((2, plan.n_frames(out.shape[1])), np.nan, np.float32)
        assert plan.inverse(out, back) is back
        assert np.isfinite(back).all()


def test_the_imaginary_parts_of_the_first_and_last_bin_count_as_nothing():
    with Stft(128, 128, window=np.ones(128, np.float32), threads=1) as plan:
        spec = np.zeros((1, 1, 65), np.complex64)
        spec[..., [0, 64]] = 128j
        assert np.all(plan.inverse(spec) == 0)


def test_nan_stays_in_its_window():
    x = _noise(1, 2048)
    x[0, 100] = np.nan
    with Stft(256, 256, threads=1) as plan:
        finite = np.isfinite(plan.forward(x)).all(axis=2)[0]
    assert finite.tolist() == [False] + [True] * 7


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((100, 25), "100 samples"),
        ((32, 8), "32 samples"),
        ((32768, 8), "32768"),
        ((64, 0), "hop of 0"),
        ((64, 65), "hop of 65"),
    ],
)
def test_impossible_plans_are_refused(arguments, says):
    with pytest.raises(ParameterError, match=says):
        Stft(*arguments)


def test_wrong_arrays_are_refused():
    with Stft(64, 16, threads=1) as plan:
        with pytest.raises(ParameterError, match="float64"):
            plan.forward(np.zeros((1, 64)))
        with pytest.raises(ParameterError, match="63 frames"):
            plan.forward(np.zeros((1, 63), np.float32))
        with pytest.raises(ParameterError, match=r"\(1, 1, 33\)"):
            plan.forward(np.zeros((1, 64), np.float32), np.zeros((1, 2, 33), np.complex64))
        with pytest.raises(ParameterError, match=r"\(1, 1, 32\)"):
            plan.inverse(np.zeros((1, 1, 32), np.complex64))
