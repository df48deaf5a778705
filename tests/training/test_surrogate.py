"""The surrogate against pictures that are really drawn: it orders them, and its slope leads the right way."""

import numpy as np
import torch

from engine.kernels.jit import RowPool
from models.training.orbit.pictures import BRIGHTNESS, EDGES, MOTION, measure_walk
from models.training.orbit.surrogate import (
    Surrogate,
    SurrogateCheck,
    check_surrogate,
    fit_surrogate,
    random_walks,
)


def test_it_orders_pictures_it_has_not_seen(fitted: tuple[Surrogate, SurrogateCheck]) -> None:
    surrogate, check = fitted
    # A quarter of a real fit, and a third of its pictures; a whole one has 0.8 to 0.95 (models/weights).
    least = {"brightness": 0.4, "hue": 0.4, "edges": 0.5, "fill": 0.4, "motion": 0.6, "pulse": 0.45}
    assert {name for name, value in check.spearman.items() if value <= least[name]} == set()
    # One that has learned nothing does not.
    blank = Surrogate()
    walks = random_walks(4, torch.Generator().manual_seed(9))
    known = check_surrogate(surrogate, walks).spearman
    unknown = check_surrogate(blank, walks).spearman
    assert known["brightness"] > unknown["brightness"] + 0.3


def test_its_slope_leads_to_brighter_and_busier_pictures(fitted: tuple[Surrogate, SurrogateCheck]) -> None:
    surrogate, _ = fitted
    walks = random_walks(24, torch.Generator().manual_seed(5))
    c = walks.c[:, 100].clone().requires_grad_()
    for metric in (BRIGHTNESS, EDGES):
        (slope,) = torch.autograd.grad(surrogate.pictures(c)[:, metric].sum(), c)
        way = slope / torch.linalg.vector_norm(slope, dim=-1, keepdim=True)
        ahead, behind = (torch.view_as_complex((c + sign * 0.01 * way).detach()) for sign in (1.0, -1.0))
        gain = measure_walk(ahead.numpy())[:, metric] - measure_walk(behind.numpy())[:, metric]
        assert np.mean(gain > 0.0) > 0.7, metric


def test_steps_that_move_the_picture_more_are_known(fitted: tuple[Surrogate, SurrogateCheck]) -> None:
    surrogate, _ = fitted
    walks = random_walks(8, torch.Generator().manual_seed(6))
    short = surrogate.log_motion(walks.c)
    middle = walks.c[:, :1]
    wide = surrogate.log_motion(middle + 2.0 * (walks.c - middle))
    assert torch.isfinite(short).all()
    assert torch.isfinite(wide).all()
    true = torch.log(walks.measured[:, 1:, MOTION] + 1e-7)
    assert float((short - true).abs().median()) < 0.5


def test_the_same_seed_is_the_same_surrogate() -> None:
    with RowPool(2) as threads:
        one, of_one = fit_surrogate(3, 12, lambda _n: None, threads)
    other, of_other = fit_surrogate(3, 12, lambda _n: None)
    assert of_one == of_other
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
