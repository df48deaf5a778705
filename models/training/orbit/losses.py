"""What a good walk is: it answers the music, uses its room, and does not jerk.

Training process only; everything here is differentiable, and measured on stretches of STRETCH_ROWS steps.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.stream.orbit_features import FEATURES
from models.training.orbit.pictures import BRIGHTNESS, EDGES, HUE
from models.training.orbit.scores import PAIRS
from models.training.orbit.surrogate import DT_S, Surrogate

SETTLING_ROWS = 48
"""1 s: until the low-passes of the orbit have forgotten where a stretch began."""
_LEAST_PULSE = 1e-5
_SPREAD = 0.22
"""Standard deviation of a control as a share of its range; 0.29 is a uniform distribution."""
_LIVELY = 0.04
"""Least standard deviation within one stretch."""


@dataclass(frozen=True)
class LossWeights:
    """How much each part counts.

    Attributes
    ----------
    correlation, range_use, smoothness, jerk, collapse : float
        See `losses`.
    """

    correlation: float = 3.0
    range_use: float = 0.5
    smoothness: float = 5.0
    jerk: float = 2.0
    collapse: float = 1.0


def normal_scores(x: Tensor) -> Tensor:
    """Ranks along the second axis as values of a normal distribution, so that a product orders like ranks.

    Parameters
    ----------
    x : tensor, shape (n, steps)
        Not differentiated.
    """
    order = x.argsort(dim=1, stable=True).argsort(dim=1, stable=True).to(torch.float32)
    return torch.special.ndtri((order + 0.5) / x.shape[1])


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation along the last axis; 0 where one stands still.

    Parameters
    ----------
    a, b : tensors, shape (..., steps)
    """
    a = a - a.mean(-1, keepdim=True)
    b = b - b.mean(-1, keepdim=True)
    return (a * b).sum(-1) / torch.sqrt((a * a).sum(-1) * (b * b).sum(-1) + 1e-12)


def picture_tracks(c: Tensor, surrogate: Surrogate) -> dict[str, Tensor]:
    """What the pictures of walks would measure, on scales where a correlation means something.

    Parameters
    ----------
    c : tensor, shape (n, steps, 2)
    surrogate : Surrogate

    Returns
    -------
    dict of float32 tensors, shape (n, steps - 1)
        "motion" and "pulse" as logarithms, "edges", "hue".
    """
    c = c.float()
    still = surrogate.pictures(c)
    rise = still[:, 1:, BRIGHTNESS] - still[:, :-1, BRIGHTNESS]
    return {
        "motion": surrogate.log_motion(c),
        "pulse": 0.5 * torch.log(rise**2 + _LEAST_PULSE**2),
        "hue": still[:, 1:, HUE],
        "edges": still[:, 1:, EDGES],
    }


def jerk(c: Tensor) -> Tensor:
    """Third derivative of walks by differences.

    Parameters
    ----------
    c : tensor, shape (n, steps, 2)

    Returns
    -------
    tensor, shape (n, steps - 3), units of the plane a cubic second
    """
    return torch.linalg.vector_norm(torch.diff(c, n=3, dim=1), dim=-1) / DT_S**3


def losses(
    shares: Tensor, c: Tensor, heard: Tensor, surrogate: Surrogate, jerk_bound: float
) -> dict[str, Tensor]:
    """Measure stretches.

    Parameters
    ----------
    shares : float32 tensor, shape (n, steps, 9), 0..1
        Controls as shares of their ranges.
    c : float64 tensor, shape (n, steps, 2)
        Where they led.
    heard : float32 tensor, shape (n, steps, 6)
        Features.
    surrogate : Surrogate
    jerk_bound : float
        What the jerk (its mean of fourth powers, which the worst percent rules) shall stay below.

    Returns
    -------
    dict of scalars
        "correlation": 1 less the mean over PAIRS of the absolute value of a pair's correlation, which is
        taken over all stretches first: brighter sound may turn the hue either way, but always the same way.
        "range_use": controls that leave their range unused. "smoothness": mean squared step of the controls.
        "jerk": excess over the bound, as a ratio. "collapse": controls that hardly move within a stretch.
    """
    tracks = picture_tracks(c, surrogate)
    found = [
        correlation(
            normal_scores(heard[:, SETTLING_ROWS:, FEATURES.index(feature)]),
            tracks[metric][:, SETTLING_ROWS - 1 :],
        ).mean()
        for feature, metric in PAIRS
    ]
    flat = shares.reshape(-1, shares.shape[-1])
    within = shares.std(dim=1)
    worst = (jerk(c[:, SETTLING_ROWS:]) ** 4).mean() ** 0.25
    return {
        "correlation": 1.0 - torch.stack(found).abs().mean(),
        "range_use": (torch.relu(_SPREAD - flat.std(dim=0)) / _SPREAD).mean(),
        "smoothness": (torch.diff(shares, dim=1) ** 2).mean(),
        "jerk": torch.relu(torch.log(worst / jerk_bound)).float(),
        "collapse": (torch.relu(_LIVELY - within) / _LIVELY).mean(),
    }


def total_loss(parts: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """Weighted sum of `losses`."""
    return torch.stack([getattr(weights, name) * value for name, value in parts.items()]).sum()
