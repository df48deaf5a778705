"""A small network that has learned what pictures measure, so that a gradient can pass through them.

Training process only. The measurements of pictures.py are counts of pixels: their derivative is noise, or
nothing. The surrogate is fitted to them on walks that random controls make, on every lobe, and is then
checked on other walks; the check's figures go into the metadata, and every epoch is judged on real pictures
besides.

References
----------
.. [1] M. Tancik et al., "Fourier features let networks learn high frequency functions in low dimensional
   domains", NeurIPS 2020.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine.kernels.jit import RowPool
from engine.kernels.orbit import CONTROL_HIGH, CONTROL_LOW
from models.training.orbit.pictures import BRIGHTNESS, HUE, METRICS, MOTION, PULSE, measure_walk
from models.training.orbit.ranks import spearman
from models.training.orbit.songs import ROWS_PER_S, STRETCH_ROWS
from models.training.orbit.walk import random_start, walk

DT_S = 1.0 / ROWS_PER_S
STILL = tuple(METRICS[:MOTION])
"""What one picture measures; motion and pulse need two."""
LEAST_MOTION = 1e-7
"""Change of lightness a frame that counts as none."""
_N_WAVES = 64
_WAVES_PER_UNIT = 1.5
_WIDTH = 96
_STEPS_A_WALK = 48
"""Walks are drawn in proportion to the steps of the fit: what is looked at longer needs more to look at."""
_LEAST_WALKS = 8
_N_CHECKS = 8
_BATCH = 1024


@dataclass(frozen=True)
class Walks:
    """Walks and what their pictures measure.

    Attributes
    ----------
    c : float32 tensor, shape (n, steps, 2)
    measured : float32 tensor, shape (n, steps, 6)
        Columns `METRICS`.
    """

    c: Tensor
    measured: Tensor


class Surrogate(nn.Module):
    """c -> what its picture measures; two c -> how much the picture moves.

    Notes
    -----
    Motion is the length of the step in a metric that c decides, to a power below 1: a fractal's pictures
    differ by less than twice as much when c moves twice as far.
    """

    waves: Tensor
    middle: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("waves", torch.zeros(2, _N_WAVES))
        self.register_buffer("middle", torch.zeros(len(STILL)))
        self.register_buffer("spread", torch.ones(len(STILL)))
        self.body = nn.Sequential(
            nn.Linear(2 * _N_WAVES + 2, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, _WIDTH), nn.SiLU()
        )
        self.still = nn.Linear(_WIDTH, len(STILL))
        self.metric = nn.Linear(_WIDTH, 4)
        self.power = nn.Parameter(torch.zeros(()))

    def _inside(self, c: Tensor) -> Tensor:
        angles = c @ self.waves
        return self.body(torch.cat((c, torch.sin(angles), torch.cos(angles)), -1))

    def pictures(self, c: Tensor) -> Tensor:
        """Brightness, edges, fill and hue.

        Parameters
        ----------
        c : float32 tensor, shape (..., 2)

        Returns
        -------
        float32 tensor, shape (..., 4)
        """
        return self.middle + self.spread * self.still(self._inside(c))

    def log_motion(self, c: Tensor) -> Tensor:
        """Natural logarithm of the motion of each step of walks.

        Parameters
        ----------
        c : float32 tensor, shape (n, steps, 2)

        Returns
        -------
        float32 tensor, shape (n, steps - 1)
        """
        step = c[:, 1:] - c[:, :-1]
        height, a, b, d = self.metric(self._inside(0.5 * (c[:, 1:] + c[:, :-1]))).unbind(-1)
        along = torch.exp(0.5 * a) * (step[..., 0] + b * step[..., 1])
        across = torch.exp(0.5 * d) * step[..., 1]
        power = torch.sigmoid(self.power + 2.0)
        return height + 0.5 * power * torch.log(along**2 + across**2 + 1e-12)


@dataclass(frozen=True)
class SurrogateCheck:
    """How well a surrogate orders pictures it has not seen.

    Attributes
    ----------
    spearman : dict of float
        Spearman's correlation a metric, mean over walks.
    n_pictures : int
    """

    spearman: dict[str, float]
    n_pictures: int


def random_walks(n: int, generator: torch.Generator, threads: RowPool | None = None) -> Walks:
    """Walk where random controls lead, anywhere on every lobe, and measure the pictures.

    Parameters
    ----------
    n : int
        Walks of STRETCH_ROWS steps.
    generator : torch.Generator
    threads : RowPool or None
        Shares the pictures.
    """
    held = torch.rand((n, STRETCH_ROWS, len(CONTROL_LOW)), generator=generator, dtype=torch.float64)
    # In each walk the controls hold for 8 to 64 steps, 0.2 to 1.4 s.
    hold = torch.randint(8, 65, (n, 1, 1), generator=generator)
    piece = torch.arange(STRETCH_ROWS)[None, :, None] // hold
    held = held.gather(1, piece.expand_as(held))
    low, high = torch.as_tensor(CONTROL_LOW), torch.as_tensor(CONTROL_HIGH)
    controls = low + (high - low) * held
    c = walk(controls, random_start(n, generator, 1.0, 3.0), DT_S)
    points = torch.view_as_complex(c).numpy()
    measured = np.stack([measure_walk(row, threads) for row in points])
    # Where the mean over a picture wraps, the unwrapped hues of two walks differ by whole turns.
    measured[..., HUE] -= np.round(measured[..., HUE].mean(axis=1, keepdims=True) - 0.4)
    return Walks(c.float(), torch.as_tensor(measured, dtype=torch.float32))


def fit_surrogate(
    seed: int, n_steps: int, done: Callable[[int], None], threads: RowPool | None = None
) -> tuple[Surrogate, SurrogateCheck]:
    """Learn the measurements, and check them on walks that were kept apart.

    Parameters
    ----------
    seed : int
    n_steps : int, >= 1
        Steps of Adam.
    done : callable
        `done(steps)` now and then.
    threads : RowPool or None
        Shares the pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    walks = random_walks(max(_LEAST_WALKS, n_steps // _STEPS_A_WALK), generator, threads)
    checks = random_walks(_N_CHECKS, generator, threads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        surrogate = Surrogate()
    surrogate.waves.copy_(2.0 * np.pi * _WAVES_PER_UNIT * torch.randn((2, _N_WAVES), generator=generator))
    still = walks.measured[..., : len(STILL)].reshape(-1, len(STILL))
    surrogate.middle.copy_(still.mean(0))
    surrogate.spread.copy_(still.std(0))
    scale = _Scale.of(walks)
    optimiser = torch.optim.Adam(surrogate.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps, 1e-4)
    n_pairs = _BATCH // 2
    for step in range(n_steps):
        which = torch.randint(len(walks.c), (n_pairs,), generator=generator)
        at = torch.randint(1, STRETCH_ROWS, (n_pairs,), generator=generator)
        pair = torch.stack((at - 1, at), 1)
        loss = _misfit(surrogate, walks.c[which[:, None], pair], walks.measured[which[:, None], pair], scale)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 49:
            done(step + 1)
    done(n_steps)
    surrogate.requires_grad_(False).eval()
    return surrogate, check_surrogate(surrogate, checks)


@dataclass(frozen=True)
class _Scale:
    """What counts as one in the misfit."""

    step: Tensor

    @classmethod
    def of(cls, walks: Walks) -> "_Scale":
        still = walks.measured[..., : len(STILL)]
        return cls((still[:, 1:] - still[:, :-1]).reshape(-1, len(STILL)).std(0))


def _misfit(surrogate: Surrogate, c: Tensor, measured: Tensor, scale: _Scale) -> Tensor:
    """Of pairs (n, 2, ...): pictures, the steps between them, and motion."""
    told = surrogate.pictures(c)
    true = measured[..., : len(STILL)]
    pictures = (((told - true) / surrogate.spread) ** 2).mean()
    steps = ((told[:, 1] - told[:, 0]) - (true[:, 1] - true[:, 0])) / scale.step
    motion = surrogate.log_motion(c)[:, 0] - torch.log(measured[:, 1, MOTION] + LEAST_MOTION)
    # Steps and motions have outliers where a picture tears: those shall not rule.
    return (
        pictures
        + 0.3 * nn.functional.huber_loss(steps, torch.zeros_like(steps))
        + 0.3 * (motion.abs()).mean()
    )


def check_surrogate(surrogate: Surrogate, walks: Walks) -> SurrogateCheck:
    """Compare a surrogate with pictures that were really drawn.

    Parameters
    ----------
    surrogate : Surrogate
    walks : Walks
        Not those it was fitted to.
    """
    with torch.no_grad():
        still = surrogate.pictures(walks.c).numpy()
        motion = surrogate.log_motion(walks.c).numpy()
    true = walks.measured.numpy()
    found = {name: [] for name in METRICS}
    for i in range(len(true)):
        for k, name in enumerate(STILL):
            found[name].append(spearman(still[i, :, k], true[i, :, k]))
        found["motion"].append(spearman(motion[i], true[i, 1:, MOTION]))
        found["pulse"].append(spearman(np.abs(np.diff(still[i, :, BRIGHTNESS])), true[i, 1:, PULSE]))
    figures = {name: round(float(np.mean(values)), 4) for name, values in found.items()}
    return SurrogateCheck(figures, true.shape[0] * true.shape[1])
