"""The reverb's decay time, by Schroeder's backward integration of its impulse response.

References
----------
.. [1] M. R. Schroeder, "New method of measuring reverberation time", J. Acoust. Soc. Am. 37, 1965.
"""

import itertools

import numpy as np
import pytest
import scipy.signal

from engine.realtime.effects import reverb
from tests.effect_rig import EffectRig


def response(seconds, rate_hz=48_000, **values):
    """What the left ear hears of an impulse, without the cuts."""
    one = EffectRig(reverb.KIND, rate_hz, **{"low_cut_hz": 20.0, "high_cut_hz": 20_000.0, **values})
    x = np.zeros((2, int(seconds * rate_hz)), np.float32)
    x[:, 0] = 1.0
    return one.process(x, (512,))[0].astype(np.float64)


def decay_s(x, rate_hz=48_000):
    """Time of 60 dB, from the line through -5 .. -35 dB (ISO 3382's T30)."""
    energy = np.cumsum((x**2)[::-1])[::-1]
    level_db = 10 * np.log10(energy / energy[0] + 1e-30)
    at = np.arange(np.argmax(level_db < -5), np.argmax(level_db < -35))
    return -60 / np.polyfit(at / rate_hz, level_db[at], 1)[0]


def octave(x, centre_hz, rate_hz=48_000):
    edges = [centre_hz / np.sqrt(2), centre_hz * np.sqrt(2)]
    return scipy.signal.sosfilt(scipy.signal.butter(4, edges, "band", fs=rate_hz, output="sos"), x)


@pytest.mark.parametrize("wanted_s", [0.3, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("size", [0.5, 1.0, 1.5])
def test_an_even_room_decays_in_the_set_time(wanted_s, size):
    x = response(1.1 * wanted_s + 0.3, decay_s=wanted_s, bass=1.0, treble=1.0, size=size)
    assert decay_s(x) == pytest.approx(wanted_s, rel=0.1)


ROOMS = [(1.8, 1.1, 0.5), (1.0, 1.5, 0.3), (4.0, 0.6, 0.4), (2.0, 1.5, 1.0), (1.2, 0.5, 0.25)]
"""Decay in seconds, its share at 125 Hz and at 8 kHz."""


def band_errors(rate_hz, wanted_s, bass, treble):
    """By what share of itself the decay is off at 125 Hz, 1 kHz and 8 kHz."""
    x = response(1.2 * wanted_s * max(bass, 1.0) + 0.3, rate_hz, decay_s=wanted_s, bass=bass, treble=treble)
    wanted = wanted_s * np.array([bass, 1.0, treble])
    return np.array([decay_s(octave(x, f, rate_hz), rate_hz) for f in (125.0, 1000.0, 8000.0)]) / wanted - 1


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 88_200, 96_000])
@pytest.mark.parametrize(("wanted_s", "bass", "treble"), ROOMS)
def test_each_band_decays_in_its_own_time(rate_hz, wanted_s, bass, treble):
    assert np.abs(band_errors(rate_hz, wanted_s, bass, treble)).max() <= 0.1


def test_between_the_bands_the_decay_lies_between_theirs():
    x = response(3.0, decay_s=1.5, bass=1.4, treble=0.4)
    found = [decay_s(octave(x, f)) for f in (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)]
    assert all(a > b for a, b in itertools.pairwise(found))


def test_a_long_room_is_not_louder_than_a_short_one():
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 48_000 * 6)).astype(np.float32)
    levels = []
    for wanted_s in (0.5, 1.5, 5.0):
        y = EffectRig(reverb.KIND, decay_s=wanted_s, bass=1.0, treble=1.0).process(noise, (512,))
        levels.append(20 * np.log10(y[:, 48_000 * 4 :].std()))
    assert np.ptp(levels) < 2.0


def test_the_pre_delay_is_silence_of_its_length():
    plain, late = (np.flatnonzero(response(0.5, pre_delay_ms=ms))[0] for ms in (0.0, 100.0))
    assert late - plain == 4800


def test_the_room_is_dense_and_its_ears_are_different():
    """No echo stands alone after 100 ms, and the stage is wide: the ears hear different sums."""
    one = EffectRig(reverb.KIND, decay_s=2.0, bass=1.0, treble=1.0)
    x = np.zeros((2, 48_000), np.float32)
    x[:, 0] = 1.0
    y = one.process(x, (512,)).astype(np.float64)
    late = y[:, 9600:24_000] * 10 ** (3 * np.arange(9600, 24_000) / 48_000 / 2.0)
    # Of Gaussian noise 31.7 % lie beyond one standard deviation: the measure of a dense echo.
    beyond = (np.abs(late) > late.std(axis=1, keepdims=True)).mean()
    assert beyond == pytest.approx(0.317, abs=0.04)
    assert abs(np.corrcoef(late)[0, 1]) < 0.2


def test_a_turned_size_and_decay_neither_click_nor_burst_out():
    one = EffectRig(reverb.KIND)
    t = np.arange(48_000) / 48_000
    x = np.tile((0.3 * np.sin(2 * np.pi * 200 * t)).astype(np.float32), (2, 1))
    for size, wanted_s in ((1.0, 1.8), (0.5, 0.5), (1.5, 8.0), (0.7, 0.3), (1.0, 4.0)):
        one.set(size=size, decay_s=wanted_s, pre_delay_ms=60.0 * size)
        y = one.process(x)
        # The tone meets a resonance of one of these rooms.
        assert np.abs(y).max() < 1.5
        # The steepest that a tone of 200 Hz is, twice over.
        assert np.abs(np.diff(y)).max() < 2.0 * 2 * np.pi * 200 / 48_000 * np.abs(y).max()
