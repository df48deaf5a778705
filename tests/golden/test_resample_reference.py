"""Against sines, whose resampled form is known exactly, and against soxr; tolerances in dB."""

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.resample import design, needed_input, resample_frames
from engine.units import energy_ratio_db

RATES = [
    (44100, 48000), (48000, 44100), (44100, 96000), (96000, 44100), (192000, 44100), (44100, 192000),
    (8000, 44100), (11025, 48000), (22050, 44100), (32000, 48000), (96000, 48000), (88200, 48000),
]  # fmt: skip


def _resample(resample_filter, x, out_start, n_out, x_start=0):
    out = np.full((x.shape[0], n_out), np.nan, np.float32)
    f = resample_filter
    resample_frames(x, x_start, f, out_start, out)
    return out


def _sine(frequency_hz, rate_hz, start, n):
    return np.sin(2 * np.pi * frequency_hz * np.arange(start, start + n) / rate_hz)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize(("quality", "band", "limit_db"), [("high", 0.9, 100), ("fast", 0.8, 85)])
def test_sines_in_the_pass_band_come_out_as_themselves(from_hz, to_hz, quality, band, limit_db):
    f = design(from_hz, to_hz, quality)
    nyquist_hz = min(from_hz, to_hz) / 2
    for part in (0.01, 0.3, 0.7, band):
        x = _sine(part * nyquist_hz, from_hz, 0, 8000)[None].astype(np.float32)
        out_start = -(-(f.half_width * to_hz) // from_hz)
        n_out = (8000 - 2 * f.half_width) * to_hz // from_hz - 2
        expected = _sine(part * nyquist_hz, to_hz, out_start, n_out)[None]
        error = _resample(f, x, out_start, n_out) - expected
        assert energy_ratio_db(expected, error) > limit_db, f"at {part} of Nyquist"


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in RATES if pair[0] > pair[1]])
@pytest.mark.parametrize(("quality", "limit_db", "edge"), [("high", 110, 1.0), ("fast", 95, 1.0)])
def test_what_would_alias_is_gone(from_hz, to_hz, quality, limit_db, edge):
    f = design(from_hz, to_hz, quality)
    for frequency_hz in np.linspace(edge * to_hz / 2, 0.499 * from_hz, 5):
        x = _sine(frequency_hz, from_hz, 0, 8000)[None].astype(np.float32)
        start = -(-(f.half_width * to_hz) // from_hz)
        y = _resample(f, x, start, (8000 - 2 * f.half_width) * to_hz // from_hz - 2)
        assert energy_ratio_db(x, np.sqrt(x.size / y.size) * y) > limit_db, f"{frequency_hz:.0f} Hz"


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8000, 48000), (44100, 96000)])
def test_no_images_appear_above_the_old_nyquist(from_hz, to_hz):
    # White noise up to its Nyquist; above it, at the higher rate, must be nothing.
    f = design(from_hz, to_hz)
    x = np.random.default_rng(0).standard_normal((1, 20000)).astype(np.float32)
    y = _resample(f, x, 0, 20000 * to_hz // from_hz)[0]
    power = np.abs(np.fft.rfft(y * np.kaiser(y.size, 20))) ** 2
    frequency_hz = np.fft.rfftfreq(y.size, 1 / to_hz)
    images = power[frequency_hz > from_hz / 2 * 1.005]
    assert 10 * np.log10(images.max() / power[frequency_hz < 0.4 * from_hz].mean()) < -100


def test_band_limited_music_equals_soxr_within_90_db():
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal((2, 88200)))
    spectrum[:, 36000:] = 0  # nothing above 18 kHz, where the two filters' slopes differ
    x = np.fft.irfft(spectrum).astype(np.float32)
    f = design(44100, 48000)
    ours = _resample(f, x, 0, 96000)
    theirs = soxr.resample(x.T, 44100, 48000, quality="VHQ").T
    inner = slice(2000, 94000)
    assert energy_ratio_db(theirs[:, inner], ours[:, inner] - theirs[:, inner]) > 90


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(RATES), st.integers(-50, 3000), st.integers(1, 4000), st.integers(1, 3), st.integers(0, 9)
)
def test_any_stretch_equals_the_whole_bit_for_bit(rates, out_start, n_out, channels, more):
    f = design(*rates, "fast")
    start, stop = needed_input(f, out_start, n_out)
    whole_start, whole_stop = start - 700, stop + 700
    rng = np.random.default_rng(abs(out_start))
    x = rng.standard_normal((channels, whole_stop - whole_start)).astype(np.float32)
    before = 3 * more
    whole = _resample(f, x, out_start - before, n_out + before, whole_start)[:, before:]
    part = np.ascontiguousarray(x[:, start - whole_start : stop - whole_start])
    assert np.array_equal(_resample(f, part, out_start, n_out, start), whole)


# up 1, 2, 3, 2/3 and 3/2 fill no band with one turn of the phases; 160, 147 and 320 are the usual ones; 441
# and 48000 take cycles longer than the stretch; 7 and 11 end a cycle inside a band.
BAND_RATES = [
    (48000, 16000), (44100, 22050), (22050, 44100), (16000, 48000), (48000, 32000), (32000, 48000),
    (44100, 48000), (48000, 44100), (44100, 96000), (8000, 44100), (44101, 48000), (7000, 11000),
    (11000, 7000), (192000, 1000), (1000, 192000),
]  # fmt: skip


@pytest.mark.parametrize(("from_hz", "to_hz"), BAND_RATES)
def test_every_frame_is_the_sum_over_its_own_taps(from_hz, to_hz):
    f = design(from_hz, to_hz, "fast")
    n_taps = 2 * f.half_width
    assert f.taps.shape == (f.up, n_taps)
    out_start, n_out = -1234, 3000
    start, stop = needed_input(f, out_start, n_out)
    x = np.random.default_rng(0).standard_normal((1, stop - start)).astype(np.float32)
    m = np.arange(out_start, out_start + n_out)
    first = m * f.down // f.up - f.half_width + 1 - start
    stretches = np.lib.stride_tricks.sliding_window_view(x[0], n_taps)[first]
    expected = np.einsum("mk,mk->m", stretches.astype(np.float64), f.taps[m * f.down % f.up])
    np.testing.assert_allclose(_resample(f, x, out_start, n_out, start)[0], expected, atol=1e-5)


@pytest.mark.parametrize(("from_hz", "to_hz"), BAND_RATES)
def test_cuts_anywhere_change_no_bit(from_hz, to_hz):
    f = design(from_hz, to_hz, "fast")
    out_start, n_out = -700, 6000
    start, stop = needed_input(f, out_start, n_out)
    x = np.random.default_rng(1).standard_normal((2, stop - start)).astype(np.float32)
    whole = _resample(f, x, out_start, n_out, start)
    for size in (1, 7, 16, 145, 1023):
        pieces: list[np.ndarray] = []
        for at in range(out_start, out_start + min(n_out, 40 * size), size):
            n = min(size, out_start + n_out - at)
            first, last = needed_input(f, at, n)
            pieces.append(_resample(f, x[:, first - start : last - start], at, n, first))
        joined = np.concatenate(pieces, axis=1)
        assert np.array_equal(joined, whole[:, : joined.shape[1]]), f"pieces of {size}"


@pytest.mark.parametrize(("from_hz", "to_hz"), BAND_RATES)
def test_silence_around_a_sound_may_be_given_or_not(from_hz, to_hz):
    f = design(from_hz, to_hz, "fast")
    n_in = 5 * f.half_width
    x = np.random.default_rng(2).standard_normal((1, n_in)).astype(np.float32)
    n_around = 2 * f.half_width + 40 * f.down // f.up
    padded = np.pad(x, ((0, 0), (n_around, n_around)))
    n_out = (n_in + 2 * f.half_width) * f.up // f.down
    out_start = -(f.half_width * f.up // f.down)
    given = _resample(f, padded, out_start, n_out, -n_around)
    assert np.array_equal(_resample(f, x, out_start, n_out), given)


@pytest.mark.parametrize("rates", [(44100, 48000), (48000, 44100), (191999, 192000), (48000, 16000)])
def test_bands_are_little_larger_than_taps(rates):
    f = design(*rates, "fast")
    n_taps = f.cycle_frames * 2 * f.half_width
    assert f.bands.size < 1.3 * n_taps
    assert f.bands.nbytes < 120e6


def test_input_that_is_not_given_counts_as_silence():
    f = design(44100, 48000)
    x = np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)
    padded = np.zeros((2, 5000), np.float32)
    padded[:, 2000:3000] = x
    ours = _resample(f, x, -400, 2000)
    expected = _resample(f, padded, -400, 2000, -2000)
    np.testing.assert_allclose(ours, expected, atol=2e-6)
    assert np.all(_resample(f, x, 10**9, 100) == 0)
    assert np.all(_resample(f, x, -(10**9), 100) == 0)


def test_equal_rates_change_no_bit_and_silence_lies_around():
    f = design(44100, 44100)
    x = np.random.default_rng(0).standard_normal((2, 300)).astype(np.float32)
    x[0, 7] = np.nan
    assert np.array_equal(_resample(f, x, 0, 300), x, equal_nan=True)
    around = np.pad(x, ((0, 0), (5, 9)))
    assert np.array_equal(_resample(f, x, 95, 314, 100), around, equal_nan=True)
    assert np.array_equal(_resample(f, x, 250, 20, 100), x[:, 150:170])
    for out_start in (0, 1000):
        assert np.all(_resample(f, x, out_start, 50, 100) == 0)


@settings(deadline=None, max_examples=30)
@given(st.integers(8000, 60000), st.integers(8000, 60000))
def test_odd_rates_keep_a_sine(from_hz, to_hz):
    f = design(from_hz, to_hz, "fast")
    frequency_hz = 0.2 * min(from_hz, to_hz)
    x = _sine(frequency_hz, from_hz, 0, 4000)[None].astype(np.float32)
    start = -(-(f.half_width * to_hz) // from_hz)
    n_out = (4000 - 2 * f.half_width) * to_hz // from_hz - 2
    expected = _sine(frequency_hz, to_hz, start, n_out)[None]
    assert energy_ratio_db(expected, _resample(f, x, start, n_out) - expected) > 85


def test_impossible_filters_are_refused():
    with pytest.raises(ParameterError, match="999 Hz"):
        design(999, 44100)
    with pytest.raises(ParameterError, match="'best'"):
        design(44100, 48000, "best")
