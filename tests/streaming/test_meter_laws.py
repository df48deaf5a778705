"""Meters have no output to compare, but what they show must not depend on how a song was cut."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernels.loudness import LoudnessMeter
from engine.kernels.true_peak import TruePeakMeter

CUTS = st.lists(st.integers(0, 9000), max_size=12)
N = 60_000


def _noise(seed=0):
    x = np.random.default_rng(seed).standard_normal((2, N)) * np.sin(np.arange(N) / 9000) ** 2
    return x.astype(np.float32)


def _loudness(meter):
    return np.array(
        [
            meter.integrated_lufs,
            meter.momentary_lufs,
            meter.short_term_lufs,
            meter.max_momentary_lufs,
            meter.max_short_term_lufs,
            meter.range_lu,
            meter.peak,
        ]
    )


METERS = {
    "loudness 16000": (lambda: LoudnessMeter(16_000), _loudness),
    "loudness 22050": (lambda: LoudnessMeter(22_050), _loudness),
    "true peak": (TruePeakMeter, lambda meter: np.array([meter.true_peak])),
}


def _feed(meter, x, cuts):
    edges = sorted({0, N, *(int(edge) for edge in np.cumsum(cuts) if edge < N)})
    for a, b in itertools.pairwise(edges):
        meter.push(x[:, a:b])
    return meter


@pytest.mark.parametrize("name", METERS)
@settings(deadline=None, max_examples=20)
@given(cuts=CUTS)
def test_any_partition_shows_the_same(name, cuts):
    make, read = METERS[name]
    whole, cut = _feed(make(), _noise(), []), _feed(make(), _noise(), cuts)
    np.testing.assert_allclose(read(cut), read(whole), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", METERS)
def test_reset_equals_a_new_meter(name):
    make, read = METERS[name]
    meter = _feed(make(), 3 * _noise(1), [777])
    meter.reset()
    assert np.array_equal(read(_feed(meter, _noise(), [5000])), read(_feed(make(), _noise(), [5000])))
