"""Momentary and short-term loudness and its range: EBU Tech 3341 and 3342, and pyloudnorm."""

import numpy as np
import pyloudnorm
import pytest

from engine.kernels.loudness import SILENCE_LUFS, LoudnessMeter

RATE_HZ = 48_000


def _tones(*parts, frequency_hz=1000.0, rate_hz=RATE_HZ):
    """Stereo tone with levels (dBFS, seconds) one after the other; None is silence."""
    gains = [
        np.full(round(seconds * rate_hz), 0.0 if db is None else 10 ** (db / 20)) for db, seconds in parts
    ]
    gain = np.concatenate(gains)
    tone = np.sin(2 * np.pi * frequency_hz / rate_hz * np.arange(gain.size))
    return np.tile((gain * tone).astype(np.float32), (2, 1))


def _music_like(seconds=20, rate_hz=RATE_HZ, channels=2):
    """Noise whose level wanders over 30 dB."""
    rng = np.random.default_rng(3)
    n = seconds * rate_hz
    level_db = -30 + 15 * np.sin(np.arange(n) / rate_hz * 0.9)
    return (10 ** (level_db / 20) * rng.standard_normal((channels, n))).astype(np.float32)


def _measure(x, rate_hz=RATE_HZ):
    meter = LoudnessMeter(rate_hz, x.shape[0])
    meter.push(x)
    return meter


def _watch(x, block_frames, read):
    """`read(meter)` after every block."""
    meter = LoudnessMeter(RATE_HZ)
    seen = []
    for start in range(0, x.shape[1], block_frames):
        meter.push(x[:, start : start + block_frames])
        seen.append(read(meter))
    return np.array(seen)


def test_ebu_3341_case_9_short_term_is_steady():
    x = _tones(*[(-20, 1.34), (-30, 1.66)] * 5)
    seen = _watch(x, 4800, lambda meter: meter.short_term_lufs)
    np.testing.assert_allclose(seen[30:], -23.0, atol=0.1)


@pytest.mark.parametrize("i", range(20))
def test_ebu_3341_case_10_max_short_term(i):
    x = _tones((None, 0.15 * i), (-23, 3), (None, 1))
    assert _measure(x).max_short_term_lufs == pytest.approx(-23.0, abs=0.1)


def test_ebu_3341_case_12_momentary_is_steady():
    x = _tones(*[(-20, 0.18), (-30, 0.22)] * 25)
    seen = _watch(x, 480, lambda meter: meter.momentary_lufs)
    np.testing.assert_allclose(seen[100:], -23.0, atol=0.1)


@pytest.mark.parametrize("i", range(20))
def test_ebu_3341_case_13_max_momentary(i):
    x = _tones((None, 0.02 * i), (-23, 0.4), (None, 1))
    assert _measure(x).max_momentary_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("levels_db", "range_lu"),
    [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)],
)
def test_ebu_3342_cases_1_to_4(levels_db, range_lu):
    x = _tones(*[(db, 20) for db in levels_db], rate_hz=RATE_HZ)
    assert _measure(x).range_lu == pytest.approx(range_lu, abs=1)


@pytest.mark.parametrize("rate_hz", [22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_integrated_loudness_is_pyloudnorms(rate_hz, channels):
    x = _music_like(8, rate_hz, channels)
    expected = pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(x.T)
    assert _measure(x, rate_hz).integrated_lufs == pytest.approx(expected, abs=0.02)
    # Its own default filter is another fit of the same curve.
    expected = pyloudnorm.Meter(rate_hz).integrated_loudness(x.T)
    assert _measure(x, rate_hz).integrated_lufs == pytest.approx(expected, abs=0.1)


def test_loudness_range_is_pyloudnorms():
    x = _music_like(30)
    # It appends 1.5 s of silence before it measures.
    padded = np.concatenate([x, np.zeros((2, 72_000), np.float32)], axis=1)
    expected = pyloudnorm.Meter(RATE_HZ).loudness_range(x.T)
    assert _measure(padded).range_lu == pytest.approx(expected, abs=0.2)


def test_the_curve_is_what_the_meter_showed():
    x = _music_like(10)
    seen = _watch(x, 4800, lambda meter: meter.short_term_lufs)
    np.testing.assert_allclose(_measure(x).short_term_curve(), seen, atol=1e-4)


@pytest.mark.parametrize("n", [0, 1, 4800, 30_000])
def test_silence_and_short_sounds_have_numbers(n):
    for x in (np.zeros((2, n), np.float32), np.full((2, n), 1e-20, np.float32)):
        meter = _measure(x)
        shown = (
            meter.momentary_lufs,
            meter.short_term_lufs,
            meter.max_momentary_lufs,
            meter.max_short_term_lufs,
            meter.integrated_lufs,
        )
        assert set(shown) == {SILENCE_LUFS}
        assert meter.range_lu == 0.0
        assert np.all(meter.short_term_curve() == SILENCE_LUFS)
        assert meter.short_term_curve().size == n // 4800
