"""The ladder of fineness: down at once, up with patience, and never pumping."""

import itertools

import pytest

from app.visual.budget import FINEST, LADDER, STEADY_FRAMES, FrameBudget

ALLOWED_S = 0.02


def cost_s(budget: FrameBudget, full_s: float) -> float:
    """A machine that takes `full_s` for the finest picture, less by pixels and a half by iterations."""
    fine = budget.fineness
    return full_s * fine.share * (0.4 + 0.6 * fine.iterations / 256) * (0.7 + 0.075 * fine.samples)


def run(budget: FrameBudget, full_s: float, n: int) -> list[int]:
    """Rungs of `n` frames."""
    rungs = []
    for _ in range(n):
        budget.note(cost_s(budget, full_s))
        rungs.append(budget.rung)
    return rungs


def test_every_rung_costs_more_than_the_one_below_but_less_than_twice() -> None:
    for below, above in itertools.pairwise(LADDER):
        assert above.share >= below.share
        assert above.iterations >= below.iterations
        assert above.samples >= below.samples
        assert above.share * above.iterations * above.samples <= 2.01 * (
            below.share * below.iterations * below.samples
        )
    assert FINEST.iterations == 256


def test_a_fast_machine_arrives_at_the_finest_and_stays() -> None:
    budget = FrameBudget(ALLOWED_S)
    rungs = run(budget, 0.002, 20 * STEADY_FRAMES)
    assert rungs[-1] == len(LADDER) - 1
    assert rungs == sorted(rungs)


def test_a_machine_that_is_much_too_slow_goes_down_within_a_few_frames() -> None:
    budget = FrameBudget(ALLOWED_S, rung=len(LADDER) - 1)
    rungs = run(budget, 0.4, 12)
    assert cost_s(budget, 0.4) <= ALLOWED_S * 1.5
    assert min(rungs[:3]) < len(LADDER) - 1


@pytest.mark.parametrize("full_s", [0.03, 0.06, 0.12])
def test_it_settles_on_a_rung_that_fits_and_tries_the_next_ever_less_often(full_s: float) -> None:
    budget = FrameBudget(ALLOWED_S)
    rungs = run(budget, full_s, 4000)
    late = rungs[2000:]
    n_changes = sum(a != b for a, b in itertools.pairwise(late))
    # A try costs two changes; the wait between two doubles up to 768 frames.
    assert n_changes <= 8


def test_one_slow_frame_among_fast_ones_changes_nothing() -> None:
    budget = FrameBudget(ALLOWED_S)
    run(budget, 0.05, 100)
    before = budget.rung
    usual_s = cost_s(budget, 0.05)
    budget.note(0.5)
    assert budget.rung == before
    for _ in range(3):
        budget.note(usual_s)
    assert budget.rung == before


def test_the_coarsest_rung_is_kept_however_slow_it_is() -> None:
    budget = FrameBudget(ALLOWED_S)
    run(budget, 50.0, 100)
    assert budget.rung == 0
    assert budget.fineness == LADDER[0]
