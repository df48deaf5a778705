"""Sections that are turned while they run: no state ever grows by it, and nothing clicks or buzzes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kernels import biquad
from engine.kernels.filter_bank import filter_bank, hold_bank, n_bank_cells, turn_section

RATE_HZ = 48_000.0
FREQS = st.floats(1.0, 30_000.0)
QS = st.floats(0.1, 100.0)
GAINS_DB = st.floats(-24.0, 24.0)
SECTIONS = st.one_of(
    st.builds(biquad.high_pass, FREQS, QS, st.just(RATE_HZ)),
    st.builds(biquad.peak, FREQS, GAINS_DB, QS, st.just(RATE_HZ)),
    st.builds(biquad.low_shelf, FREQS, GAINS_DB, QS, st.just(RATE_HZ)),
    st.builds(biquad.high_shelf, FREQS, GAINS_DB, QS, st.just(RATE_HZ)),
)


def state_matrix(section):
    a, b, c = section[:3]
    return np.array([[a, -b], [b, 1 - c]])


@settings(deadline=None, max_examples=200)
@given(first=SECTIONS, second=SECTIONS, share=st.floats(0.0, 1.0))
def test_no_section_and_no_mixture_of_two_lets_its_states_grow(first, second, share):
    """The promise that makes sweeps safe: the matrix of the states has a norm of one at most."""
    mixture = share * state_matrix(first) + (1 - share) * state_matrix(second)
    for matrix in (state_matrix(first), mixture):
        assert np.linalg.norm(matrix, 2) <= 1.0 + 1e-12


@settings(deadline=None, max_examples=30)
@given(sections=st.lists(SECTIONS, min_size=2, max_size=12))
def test_without_input_a_bank_that_is_turned_never_gains_energy(sections):
    cells = np.zeros(n_bank_cells(1))
    turn_section(sections[0], 0, True, cells, 0)
    rng = np.random.default_rng(0)
    cells[-4:] = rng.standard_normal(4)
    audio = np.zeros((2, 16), np.float32)
    energy = np.sum(cells[-4:] ** 2)
    for section in sections * 5:
        hold_bank(cells, 0, 1)
        turn_section(section, 0, False, cells, 0)
        audio[:] = 0.0
        filter_bank(audio, (0, 16), (0.0, 1 / 16), cells, 0, 1)
        left = np.sum(cells[-4:] ** 2)
        assert left <= energy * (1 + 1e-9)
        energy = left


def test_a_ramp_ends_where_the_next_stretch_begins():
    """Sixteen frames of turning, then still: the same as coefficients drawn straight by hand."""
    first = biquad.peak(500.0, 12.0, 2.0, RATE_HZ)
    second = biquad.high_shelf(3000.0, -9.0, 0.7, RATE_HZ)
    x = np.random.default_rng(1).standard_normal((2, 48)).astype(np.float32)
    cells = np.zeros(n_bank_cells(1))
    turn_section(first, 0, True, cells, 0)
    audio = x.copy()
    filter_bank(audio, (0, 16), (0.0, 1 / 16), cells, 0, 1)
    hold_bank(cells, 0, 1)
    turn_section(second, 0, False, cells, 0)
    filter_bank(audio, (16, 21), (0.0, 1 / 16), cells, 0, 1)
    filter_bank(audio, (21, 32), (5 / 16, 1 / 16), cells, 0, 1)
    hold_bank(cells, 0, 1)
    filter_bank(audio, (32, 48), (0.0, 1 / 16), cells, 0, 1)

    s1 = s2 = np.zeros(2)
    for i in range(48):
        w = min(max((i - 15) / 16, 0.0), 1.0)
        a, b, c, d1, d2, d0 = np.array(first) + w * (np.array(second) - np.array(first))
        d = x[:, i] - s2
        y = d0 * x[:, i] + d1 * s1 + d2 * s2
        s1, s2 = a * s1 + b * d, s2 + b * s1 + c * d
        assert np.allclose(audio[:, i], y, rtol=1e-5, atol=1e-6)
