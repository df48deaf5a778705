"""Each part of the loss is small for what it wants and large for what it does not, and can be learned."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from models.training.orbit.learner import Batch, Learner, rule_jerk
from models.training.orbit.losses import (
    SETTLING_ROWS,
    LossWeights,
    correlation,
    jerk,
    losses,
    normal_scores,
    picture_tracks,
    total_loss,
)
from models.training.orbit.songs import STRETCH_ROWS, Song, split_songs
from models.training.orbit.surrogate import DT_S
from models.training.orbit.walk import random_start, walk

CPU = torch.device("cpu")


def slow(n: int, columns: int, low: float = 0.1, high: float = 0.9) -> torch.Tensor:
    """Controls that use their range without haste."""
    t = torch.linspace(0.0, 12.0, STRETCH_ROWS)[None, :, None]
    phase = torch.rand((n, 1, columns), generator=torch.Generator().manual_seed(1)) * 6.3
    return low + (high - low) * 0.5 * (1.0 + torch.sin(t + phase))


@pytest.fixture(scope="module")
def bound(songs: tuple[Song, ...]) -> float:
    return rule_jerk(songs, 0)


def measure(shares: torch.Tensor, c: torch.Tensor, heard: torch.Tensor, fitted, bound: float) -> dict:
    return {name: float(value) for name, value in losses(shares, c, heard, fitted[0], bound).items()}


def led(shares: torch.Tensor) -> torch.Tensor:
    from engine.kernels.orbit import CONTROL_HIGH, CONTROL_LOW

    low, high = torch.as_tensor(CONTROL_LOW), torch.as_tensor(CONTROL_HIGH)
    start = random_start(len(shares), torch.Generator().manual_seed(2), 1.5, 2.5)
    return walk(low + (high - low) * shares.double(), start, DT_S)


def test_normal_scores_order_as_the_numbers_do() -> None:
    x = torch.tensor([[3.0, -1.0, 10.0, 4.0]])
    scores = normal_scores(x)
    assert scores.argsort().tolist() == x.argsort().tolist()
    assert float(scores.sum()) == pytest.approx(0.0, abs=1e-6)


def test_correlation_is_numpy_s_and_nothing_for_what_stands_still() -> None:
    a, b = torch.randn((2, 3, 50), generator=torch.Generator().manual_seed(0))
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    assert correlation(a, b).numpy() == pytest.approx(expected, abs=1e-5)
    still = torch.ones((1, 50), requires_grad=True)
    value = correlation(still, a[:1])
    assert float(value.detach()) == 0.0
    value.sum().backward()
    assert torch.isfinite(still.grad).all()


def test_music_that_is_what_is_seen_costs_nothing(fitted, bound: float) -> None:
    shares = slow(3, 9)
    c = led(shares)
    tracks = picture_tracks(c, fitted[0])
    heard = torch.zeros((3, STRETCH_ROWS, 6))
    # Columns of FEATURES: centroid, flux, rms, crossing rate, onset, roll-off.
    for column, metric in ((0, "hue"), (1, "edges"), (2, "motion"), (4, "pulse")):
        heard[:, 1:, column] = tracks[metric]
    found = measure(shares, c, heard, fitted, bound)
    against = measure(shares, c, -heard, fitted, bound)
    assert found["correlation"] < 0.12
    assert against["correlation"] == pytest.approx(found["correlation"], abs=0.01)


def test_what_answers_now_this_way_and_now_the_other_does_not_answer(fitted, bound: float) -> None:
    shares = slow(2, 9).repeat(2, 1, 1)
    c = led(shares)
    tracks = picture_tracks(c, fitted[0])
    heard = torch.zeros((4, STRETCH_ROWS, 6))
    for column, metric in ((0, "hue"), (1, "edges"), (2, "motion"), (4, "pulse")):
        heard[:, 1:, column] = tracks[metric]
    heard[2:] *= -1.0
    assert measure(shares, c, heard, fitted, bound)["correlation"] > 0.95


def test_controls_that_do_not_move_collapse(fitted, bound: float) -> None:
    heard = torch.randn((3, STRETCH_ROWS, 6), generator=torch.Generator().manual_seed(3))
    dead, lively = torch.full((3, STRETCH_ROWS, 9), 0.5), slow(3, 9)
    of_dead = measure(dead, led(dead), heard, fitted, bound)
    of_lively = measure(lively, led(lively), heard, fitted, bound)
    assert (of_dead["collapse"], of_dead["range_use"], of_dead["smoothness"]) == (1.0, 1.0, 0.0)
    assert (of_lively["collapse"], of_lively["range_use"]) == (0.0, 0.0)
    assert of_lively["smoothness"] > 0.0


def test_haste_costs_beyond_the_bound_only(fitted) -> None:
    heard = torch.randn((3, STRETCH_ROWS, 6), generator=torch.Generator().manual_seed(3))
    nervous = torch.rand((3, STRETCH_ROWS, 9), generator=torch.Generator().manual_seed(4))
    calm, c = slow(3, 9), led(slow(3, 9))
    worst = float((jerk(c[:, SETTLING_ROWS:]) ** 4).mean() ** 0.25)
    assert measure(calm, c, heard, fitted, 1.01 * worst)["jerk"] == 0.0
    assert measure(calm, c, heard, fitted, worst / 2.0)["jerk"] == pytest.approx(np.log(2.0), abs=1e-3)
    of_nervous = measure(nervous, led(nervous), heard, fitted, worst)
    assert of_nervous["jerk"] > 0.5
    assert of_nervous["smoothness"] > 20.0 * measure(calm, c, heard, fitted, worst)["smoothness"]


def test_jerk_is_the_third_derivative() -> None:
    t = torch.arange(STRETCH_ROWS, dtype=torch.float64) * DT_S
    c = torch.stack((torch.sin(3.0 * t), torch.zeros_like(t)), -1)[None]
    assert float(jerk(c).max()) == pytest.approx(27.0, rel=2e-3)


def test_every_part_has_a_weight_and_every_weight_a_part(fitted, bound: float, songs) -> None:
    shares = slow(2, 9)
    parts = losses(shares, led(shares), Batch.draw(songs, 2, [0], CPU).heard, fitted[0], bound)
    weights = LossWeights()
    assert set(parts) == {field.name for field in fields(LossWeights)}
    expected = sum(getattr(weights, name) * float(value) for name, value in parts.items())
    assert float(total_loss(parts, weights)) == pytest.approx(expected, rel=1e-6)


def test_a_few_steps_make_all_of_it_better(fitted, bound: float, songs: tuple[Song, ...]) -> None:
    learner = Learner(split_songs(songs, 0.2, 0), fitted[0], 0, CPU, bound, 20)
    first = learner.learn(1, lambda _n, _loss: None)["total"]
    for epoch in range(2, 6):
        last = learner.learn(epoch, lambda _n, _loss: None)["total"]
    assert last < first - 0.1
    assert all(torch.isfinite(value).all() for value in learner.network.state_dict().values())
