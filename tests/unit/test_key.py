import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.chroma import ChromaCqt
from engine.kernels.key import estimate_key, key_correlations, note_shares

TRIADS = {"major": (0, 4, 7), "minor": (0, 3, 7)}
# One, four, five and one again: the shortest song that has a key.
CADENCES = {"major": [(0, "major"), (5, "major"), (7, "major"), (0, "major")],
            "minor": [(0, "minor"), (5, "minor"), (7, "major"), (0, "minor")]}  # fmt: skip


def _cadence(tonic, mode, cents=0.0, rate_hz=22_050):
    t = np.arange(rate_hz) / rate_hz
    chords = []
    for root, triad in CADENCES[mode]:
        notes = [48 + tonic + root + step + cents / 100 for step in TRIADS[triad]]
        chords.append(sum(np.sin(2 * np.pi * 440 * 2 ** ((n - 69) / 12) * t) for n in notes))
    return (0.2 * np.concatenate(chords)).astype(np.float32)


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", range(12))
def test_a_cadence_is_in_its_key(tonic, mode):
    with ChromaCqt(22_050, 512, threads=1) as plan:
        key = estimate_key(plan.chroma(_cadence(tonic, mode)))
    assert key is not None
    assert (key.tonic, key.mode) == (tonic, mode)
    assert key.correlation > 0.7


def test_a_song_tuned_low_keeps_its_key():
    with ChromaCqt(22_050, 512, threads=1) as plan:
        key = estimate_key(plan.chroma(_cadence(9, "minor", cents=-14)))
    assert key is not None
    assert key.name == "A minor"


@given(st.lists(st.floats(0, 1), min_size=12, max_size=12), st.integers(0, 11))
def test_a_song_sung_higher_has_its_key_higher(shares, steps):
    found = key_correlations(np.array(shares))
    moved = key_correlations(np.roll(shares, steps))
    np.testing.assert_allclose(moved, np.roll(found, steps, axis=1), atol=1e-6)
    assert np.all(np.abs(found) <= 1 + 1e-9)


def test_a_correlation_is_numpys():
    shares = np.random.default_rng(0).uniform(size=12)
    major = [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88]
    expected = [np.corrcoef(np.roll(major, tonic), shares)[0, 1] for tonic in range(12)]
    np.testing.assert_allclose(key_correlations(shares)[0], expected, atol=1e-12)


@pytest.mark.parametrize("chroma", [np.zeros((5, 12)), np.ones((5, 12)), np.zeros((0, 12))])
def test_what_has_no_notes_has_no_key(chroma):
    assert estimate_key(chroma.astype(np.float32)) is None


def test_one_note_alone_has_a_key():
    chroma = np.zeros((1, 12), np.float32)
    chroma[0, 7] = 1.0
    key = estimate_key(chroma)
    assert key is not None
    assert key.tonic == 7
    assert 0 <= key.clarity <= 2


def test_impossible_chroma_is_refused():
    with pytest.raises(ParameterError, match=r"\(4, 11\)"):
        note_shares(np.zeros((4, 11), np.float32))
    with pytest.raises(ParameterError, match="finite"):
        estimate_key(np.full((2, 12), np.nan, np.float32))
    with pytest.raises(ParameterError, match="12 finite"):
        key_correlations(np.zeros(11))
