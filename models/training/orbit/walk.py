"""The orbit in torch: the twin of engine/kernels/orbit.py, for as long as it walks on one lobe.

Training process only. Every smoothed control of the orbit is a critically damped low-pass of second order
that is advanced exactly, so after n steps it is a fixed weighted sum of the targets so far: a matrix product
instead of a loop over time, with the same numbers (tests/training hold the two together). Lobes are left by
the music's sections, which no control decides; so one stretch of training stays on one lobe.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.kernels.orbit import (
    ALPHA_HZ,
    BEATS_A_TURN,
    BEYOND,
    CARDIOID,
    CIRCLE_BEATS,
    CIRCLE_RADII,
    CIRCLE_SHARE,
    GATE_HZ,
    LOBE_TABLE,
    N_GATES,
    OMEGA_HZ,
    S_HZ,
)


@dataclass(frozen=True)
class WalkStart:
    """Where walks begin: one entry a walk.

    Attributes
    ----------
    lobe : int64 tensor, shape (n,)
    theta : float64 tensor, shape (n,), radians
    way : float64 tensor, shape (n,)
        1 or -1.
    beat_hz : float64 tensor, shape (n,)
        Beats a second, all along.
    beat : float64 tensor, shape (n,)
        Beats at the start.
    """

    lobe: Tensor
    theta: Tensor
    way: Tensor
    beat_hz: Tensor
    beat: Tensor

    def to(self, device: torch.device) -> "WalkStart":
        """Move to a device."""
        return WalkStart(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def random_start(n: int, generator: torch.Generator, slowest_hz: float, fastest_hz: float) -> WalkStart:
    """Start `n` walks anywhere, at any tempo between two."""
    place = torch.rand((4, n), generator=generator, dtype=torch.float64)
    return WalkStart(
        lobe=torch.randint(len(LOBE_TABLE), (n,), generator=generator),
        theta=2.0 * math.pi * place[0],
        way=torch.where(place[1] < 0.5, -1.0, 1.0).to(torch.float64),
        beat_hz=slowest_hz + (fastest_hz - slowest_hz) * place[2],
        beat=32.0 * place[3],
    )


def _answers(n: int, rate_hz: float, dt_s: float, integral: bool, like: Tensor) -> Tensor:
    """Weights (n, n) of targets in the value, or its integral, of a low-pass after 1..n steps.

    The answer to a step of height 1 is 1 - (1 + r t) exp(-r t); a target that holds for one step adds the
    answer since it came less that since it went.
    """
    t = torch.arange(n + 1, dtype=like.dtype, device=like.device) * dt_s
    decay = torch.exp(-rate_hz * t)
    answer = 1.0 - (1.0 + rate_hz * t) * decay
    if integral:
        answer = t - 2.0 * (1.0 - decay) / rate_hz + t * decay
    pulse = answer[1:] - answer[:-1]
    step = torch.arange(n, device=like.device)
    age = step[:, None] - step[None, :]
    return torch.where(
        age >= 0, pulse[age.clamp(min=0)], torch.zeros((), dtype=like.dtype, device=like.device)
    )


def _follow(targets: Tensor, rate_hz: float, dt_s: float) -> Tensor:
    """Values after each step of low-passes that rest on their first target; time is the second last axis."""
    first = targets[..., :1, :]
    weights = _answers(targets.shape[-2], rate_hz, dt_s, integral=False, like=targets)
    return first + weights @ (targets - first)


def _travel(speeds: Tensor, dt_s: float) -> Tensor:
    """Way after each step at speeds that follow their targets; shape (n, steps)."""
    first = speeds[:, :1]
    n = speeds.shape[1]
    weights = _answers(n, OMEGA_HZ, dt_s, integral=True, like=speeds)
    t = torch.arange(1, n + 1, dtype=speeds.dtype, device=speeds.device) * dt_s
    return first * t + (speeds - first) @ weights.T


def walk(controls: Tensor, start: WalkStart, dt_s: float) -> Tensor:
    """Let orbits walk from rest on their first controls.

    Parameters
    ----------
    controls : float64 tensor, shape (n, steps, 9)
        Within their ranges, each for one step.
    start : WalkStart
    dt_s : float, seconds, <= engine.kernels.orbit.MAX_STEP_S

    Returns
    -------
    float64 tensor, shape (n, steps, 2)
        c after every step.
    """
    s = _follow(controls[..., 0:1], S_HZ, dt_s)[..., 0]
    alpha = _follow(controls[..., 1:2], ALPHA_HZ, dt_s)[..., 0]
    gates = _follow(controls[..., 3:], GATE_HZ, dt_s)
    per_scale = start.way * (2.0 * math.pi) * start.beat_hz / BEATS_A_TURN
    theta = start.theta[:, None] + _travel(controls[..., 2] * per_scale[:, None], dt_s)

    table = torch.as_tensor(LOBE_TABLE, dtype=controls.dtype, device=controls.device)[start.lobe]
    re0, im0, root, radius, direction, speed, size = table.unsqueeze(-2).unbind(-1)
    away = speed * (theta - root)
    turn = direction - away
    # On a bulb s counts by how far c is from the root, see `lobe_point`.
    reached = radius + BEYOND * (s - 1.0) * 0.5 * (1.0 - torch.cos(away))
    on_bulb = torch.stack((re0 + reached * torch.cos(turn), im0 + reached * torch.sin(turn)), -1)
    cardioid_re = 0.5 * torch.cos(theta) - 0.25 * torch.cos(2.0 * theta)
    cardioid_im = 0.5 * torch.sin(theta) - 0.25 * torch.sin(2.0 * theta)
    on_cardioid = torch.stack((s * cardioid_re, s * cardioid_im), -1)
    middle = torch.where((start.lobe == CARDIOID)[:, None, None], on_cardioid, on_bulb)

    steps = torch.arange(1, controls.shape[1] + 1, dtype=controls.dtype, device=controls.device)
    beats = start.beat[:, None] + start.beat_hz[:, None] * dt_s * steps
    circle_beats = torch.tensor(CIRCLE_BEATS, dtype=controls.dtype, device=controls.device)
    radii = torch.tensor(CIRCLE_RADII, dtype=controls.dtype, device=controls.device)
    lag = 2.4 * torch.arange(N_GATES, dtype=controls.dtype, device=controls.device)
    angle = 2.0 * math.pi * beats[..., None] / circle_beats + lag
    reach = (alpha * CIRCLE_SHARE * size)[..., None] * gates * radii
    return middle + torch.stack(((reach * torch.cos(angle)).sum(-1), (reach * torch.sin(angle)).sum(-1)), -1)
