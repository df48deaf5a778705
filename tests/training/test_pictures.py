"""What is measured on pictures is what can be seen on them; ranks are those of scipy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from engine.errors import ParameterError
from engine.kernels.jit import RowPool
from models.training.orbit.pictures import (
    BRIGHTNESS,
    EDGES,
    FILL,
    HUE,
    METRICS,
    MOTION,
    PULSE,
    SPAN,
    measure_walk,
)
from models.training.orbit.ranks import ranks, spearman


def test_the_disc_is_as_bright_and_as_full_as_a_disc() -> None:
    # The set of c = 0 is the unit disc. Outside it |z| is r**(2**n) after n squarings, so that those beyond
    # BAILOUT**(2**-FILL_COUNT) are not full: a radius of 1.0001.
    found = measure_walk(np.zeros(1))[0]
    assert found[FILL] == pytest.approx(math.pi / SPAN**2, rel=0.2)  # of 48 x 48 pixels
    assert found[FILL] < found[BRIGHTNESS] < 1.0
    assert found[MOTION] == found[PULSE] == 0.0


def test_a_set_that_stands_still_does_not_move_and_dust_is_dark() -> None:
    still = measure_walk(np.full(5, -0.12 + 0.75j))
    assert np.all(still[:, [MOTION, PULSE]] == 0.0)
    assert np.all(still == still[0])
    dust, whole = measure_walk(np.array([1.5 + 0.5j, -0.1]))
    assert dust[FILL] < 0.1 * whole[FILL]
    assert dust[BRIGHTNESS] < whole[BRIGHTNESS]
    assert measure_walk(np.array([-1.3]))[0, EDGES] > whole[EDGES]


def test_the_further_c_goes_the_more_the_picture_moves() -> None:
    here = -0.75 + 0.12j
    moved = [measure_walk(np.array([here, here + step]))[1, MOTION] for step in (1e-4, 1e-3, 1e-2)]
    assert 0.0 < moved[0] < moved[1] < moved[2]
    # Mirrored sets are as bright as each other, but not the same picture.
    mirrored = measure_walk(np.array([here, here.conjugate()]))
    assert mirrored[1, PULSE] < 1e-6 < mirrored[1, MOTION]
    assert mirrored[0, HUE] == pytest.approx(mirrored[1, HUE], abs=1e-9)


def test_threads_change_nothing() -> None:
    walk = -0.75 + 0.3 * np.exp(1j * np.linspace(0.0, 6.0, 37))
    with RowPool(3) as threads:
        assert np.array_equal(measure_walk(walk, threads), measure_walk(walk))
    assert measure_walk(np.empty(0)).shape == (0, len(METRICS))


@pytest.mark.parametrize("c", [np.nan, np.inf, 4.1, 1j * np.nan])
def test_a_walk_out_of_range_is_refused(c: complex) -> None:
    with pytest.raises(ParameterError, match="leaves"):
        measure_walk(np.array([0.1, c]))


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, st.integers(2, 40), elements=st.integers(-5, 5).map(float)), st.integers(0, 99))
def test_ranks_are_those_of_scipy(x: np.ndarray, seed: int) -> None:
    y = np.random.default_rng(seed).permutation(x) + np.arange(len(x)) % 3
    assert np.array_equal(ranks(x), stats.rankdata(x) - 1.0)
    if np.ptp(x) > 0.0 and np.ptp(y) > 0.0:
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    else:
        assert spearman(x, y) == 0.0
