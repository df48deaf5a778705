"""The orbit in torch walks where the orbit of the visuals walks."""

import math

import numpy as np
import pytest
import torch

from engine.kernels.orbit import (
    ALPHA,
    BEAT,
    CALM_CONTROLS,
    CONTROL_HIGH,
    CONTROL_LOW,
    GATE,
    LOBE,
    LOBES,
    N_LOBES,
    NEXT,
    OMEGA,
    THETA,
    WAY,
    WEIGHT,
    S,
    advance_orbit,
    new_orbit,
    orbit_c,
)
from models.training.orbit.surrogate import DT_S
from models.training.orbit.walk import WalkStart, walk

STEPS = 256


def engine_walk(controls: np.ndarray, start: WalkStart, i: int) -> np.ndarray:
    """The same walk by the engine, from rest on the first controls."""
    lobe, beat_hz = int(start.lobe[i]), float(start.beat_hz[i])
    state = new_orbit(float(start.theta[i]))
    first = controls[0]
    state[S], state[ALPHA] = first[0], first[1]
    state[GATE : GATE + 12 : 2] = first[3:]
    state[OMEGA] = first[2] * float(start.way[i]) * 2.0 * math.pi * beat_hz / 128.0
    state[WEIGHT : WEIGHT + 2 * N_LOBES : 2] = 0.0
    state[WEIGHT + 2 * lobe] = 1.0
    state[LOBE] = state[NEXT] = lobe
    state[WAY] = float(start.way[i])
    state[BEAT], state[BEAT + 1] = float(start.beat[i]), beat_hz
    found = np.empty(STEPS, np.complex128)
    for k, row in enumerate(controls):
        advance_orbit(state, row, DT_S, lobe, beat_hz, math.nan)
        found[k] = orbit_c(state)
    assert state[LOBE] == lobe
    assert math.isfinite(state[THETA])
    return found


@pytest.mark.parametrize("lobe", range(N_LOBES), ids=LOBES)
def test_both_orbits_are_one(lobe: int) -> None:
    rng = np.random.default_rng(lobe)
    held = np.repeat(rng.uniform(size=(STEPS // 16, 9)), 16, axis=0)
    controls = CONTROL_LOW + (CONTROL_HIGH - CONTROL_LOW) * held
    start = WalkStart(
        lobe=torch.tensor([lobe]),
        theta=torch.tensor([0.7 + lobe], dtype=torch.float64),
        way=torch.tensor([1.0 if lobe % 2 else -1.0], dtype=torch.float64),
        beat_hz=torch.tensor([1.7], dtype=torch.float64),
        beat=torch.tensor([3.25], dtype=torch.float64),
    )
    c = torch.view_as_complex(walk(torch.from_numpy(controls[None]), start, DT_S))[0].numpy()
    assert np.abs(c - engine_walk(controls, start, 0)).max() < 1e-9


def test_the_gradient_is_the_slope() -> None:
    start = WalkStart(
        lobe=torch.tensor([0]),
        theta=torch.tensor([1.0], dtype=torch.float64),
        way=torch.ones(1, dtype=torch.float64),
        beat_hz=torch.full((1,), 2.0, dtype=torch.float64),
        beat=torch.zeros(1, dtype=torch.float64),
    )
    controls = torch.from_numpy(np.tile(CALM_CONTROLS, (1, 8, 1))).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: walk(x, start, DT_S), (controls,))
