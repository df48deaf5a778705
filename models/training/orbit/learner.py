"""The part of a run that learns: network, optimiser, schedule, and the best network so far.

Training process. Every epoch draws its stretches with a seed of its own, so that a run that is resumed sees
what it would have seen.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.kernels.jit import RowPool
from engine.kernels.orbit import FREE_BEAT_HZ
from engine.stream.orbit_features import FEATURES
from models.training.orbit.losses import SETTLING_ROWS, LossWeights, jerk, losses, total_loss
from models.training.orbit.network import SteeringNetwork
from models.training.orbit.pictures import METRICS, measure_walk
from models.training.orbit.ranks import spearman
from models.training.orbit.scores import PAIRS, steer_by_rules
from models.training.orbit.songs import STRETCH_ROWS, Song, Split, stretches
from models.training.orbit.surrogate import DT_S, Surrogate
from models.training.orbit.walk import WalkStart, random_start, walk

BATCH = 8
"""Stretches: 87 s of music."""
PASSES = 4
"""Of an epoch over the music: where a stretch begins on the orbit is as much of a lesson as the stretch."""
MOST_BATCHES = 48
LEAST_BATCHES = 4
LEARNING_RATE = 1e-3
LEAST_RATE = 5e-5
_N_VALIDATION = 16
_N_DRAWN = 4
"""Stretches of the validation that are drawn each epoch: 2,048 pictures, about 0.4 s."""
_CLIP = 1.0


@dataclass(frozen=True)
class Batch:
    """Stretches and where their walks begin.

    Attributes
    ----------
    seen : float32 tensor, shape (n, STRETCH_ROWS, 60)
    heard : float32 tensor, shape (n, STRETCH_ROWS, 6)
    start : WalkStart
    """

    seen: Tensor
    heard: Tensor
    start: WalkStart

    @classmethod
    def draw(cls, songs: tuple[Song, ...], n: int, seed: list[int], device: torch.device) -> "Batch":
        """Cut `n` stretches; the same for the same seed."""
        seen, heard = stretches(songs, n, np.random.default_rng(seed))
        generator = torch.Generator().manual_seed(int(np.random.default_rng([*seed, 1]).integers(2**31)))
        start = random_start(n, generator, 0.75 * FREE_BEAT_HZ, 1.35 * FREE_BEAT_HZ)
        return cls(torch.from_numpy(seen).to(device), torch.from_numpy(heard).to(device), start.to(device))


def rule_jerk(songs: tuple[Song, ...], seed: int) -> float:
    """What the rules' walks jerk on the songs, as `losses` counts it."""
    batch = Batch.draw(songs, BATCH, [seed, 3], torch.device("cpu"))
    controls = np.stack([steer_by_rules(seen) for seen in batch.seen.numpy()])
    c = walk(torch.from_numpy(controls), batch.start, DT_S)
    return float((jerk(c[:, SETTLING_ROWS:]) ** 4).mean() ** 0.25)


class Learner:
    """A network that learns to steer.

    Parameters
    ----------
    split : Split
    surrogate : Surrogate
    seed : int
    device : torch.device
    jerk_bound : float
        See `losses`.
    patience_epochs : int
        The learning rate is halved after a third of them without a better validation.
    """

    def __init__(
        self,
        split: Split,
        surrogate: Surrogate,
        seed: int,
        device: torch.device,
        jerk_bound: float,
        patience_epochs: int,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = SteeringNetwork().to(device)
        self._split = split
        self._surrogate = surrogate.to(device)
        self._seed = seed
        self._device = device
        self._jerk_bound = jerk_bound
        self._weights = LossWeights()
        self._optimiser = torch.optim.AdamW(self.network.parameters(), lr=LEARNING_RATE, weight_decay=1e-4)
        # Looks only at what has been, so that a run that is made longer later is the same run.
        self._schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self._optimiser, factor=0.5, patience=max(1, patience_epochs // 3), min_lr=LEAST_RATE
        )
        rows = sum(len(song.rows) for song in split.training)
        n_batches = math.ceil(PASSES * rows / (BATCH * STRETCH_ROWS))
        self.n_batches = min(max(LEAST_BATCHES, n_batches), MOST_BATCHES)
        self._judge = Batch.draw(split.validation, _N_VALIDATION, [seed, 2], device)
        self.best_loss = math.inf
        self.best_epoch = 0
        self.best = copy.deepcopy(self.network.state_dict())

    def _losses(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        shares = self.network.shares(batch.seen)
        controls = self.network.low + (self.network.high - self.network.low) * shares
        c = walk(controls.double(), batch.start, DT_S)
        parts = losses(shares, c, batch.heard, self._surrogate, self._jerk_bound)
        return parts, total_loss(parts, self._weights), c

    def imitate_rules(self, n_steps: int) -> None:
        """Learn what the rules do; a network that knows nothing finds that late or never.

        Parameters
        ----------
        n_steps : int

        Notes
        -----
        No walks and no pictures: 300 steps take about ten seconds.
        """
        low, high = self.network.low.cpu().numpy(), self.network.high.cpu().numpy()
        optimiser = torch.optim.AdamW(self.network.parameters(), lr=LEARNING_RATE)
        for n in range(n_steps):
            seen = Batch.draw(self._split.training, 2, [self._seed, 5, n], self._device).seen.flatten(0, 1)
            wanted = (steer_by_rules(seen.cpu().numpy()) - low) / (high - low)
            misfit = self.network.shares(seen) - torch.from_numpy(wanted).float().to(self._device)
            loss = (misfit**2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def learn(self, epoch: int, told: Callable[[int, float], None]) -> dict[str, float]:
        """Go PASSES times through about as much as there is.

        Parameters
        ----------
        epoch : int, >= 1
        told : callable
            `told(batch, loss)` after every batch, from 1.

        Returns
        -------
        dict of float
            "total" and the parts of the loss, mean over the batches.
        """
        sums: dict[str, float] = {}
        for n in range(1, self.n_batches + 1):
            batch = Batch.draw(self._split.training, BATCH, [self._seed, 4, epoch, n], self._device)
            parts, total, _ = self._losses(batch)
            self._optimiser.zero_grad()
            total.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
            self._optimiser.step()
            for name, value in {"total": total, **parts}.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            told(n, float(total.detach()))
        return {name: value / self.n_batches for name, value in sums.items()}

    def judge(self, epoch: int, threads: RowPool | None = None) -> dict[str, float]:
        """Measure on songs that are not learnt from, in part on pictures that are drawn; keep the best.

        Parameters
        ----------
        epoch : int
        threads : RowPool or None
            Shares the pictures.

        Returns
        -------
        dict of float
            As `learn`, and "drawn_correlation": as "correlation" counts, by Spearman on real pictures.
        """
        with torch.no_grad():
            parts, total, c = self._losses(self._judge)
        found = {name: float(value) for name, value in {"total": total, **parts}.items()}
        found["drawn_correlation"] = self._drawn(c, threads)
        self._schedule.step(found["total"])
        if found["total"] < self.best_loss - 1e-4:
            self.best_loss = found["total"]
            self.best_epoch = epoch
            self.best = copy.deepcopy(self.network.state_dict())
        return found

    def _drawn(self, c: Tensor, threads: RowPool | None) -> float:
        heard = self._judge.heard.cpu().numpy()
        values = np.empty((_N_DRAWN, len(PAIRS)))
        for i, points in enumerate(torch.view_as_complex(c[:_N_DRAWN].cpu()).numpy()):
            seen = measure_walk(points, threads)[SETTLING_ROWS:]
            values[i] = [
                spearman(heard[i, SETTLING_ROWS:, FEATURES.index(feature)], seen[:, METRICS.index(metric)])
                for feature, metric in PAIRS
            ]
        # Either way, but the same way in all of them: as `losses` counts it.
        return float(np.abs(values.mean(axis=0)).mean())

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return float(self._optimiser.param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        """Everything that learning has changed, as a copy."""
        return copy.deepcopy(
            {
                "network": self.network.state_dict(),
                "best": self.best,
                "best_loss": self.best_loss,
                "best_epoch": self.best_epoch,
                "optimiser": self._optimiser.state_dict(),
                "schedule": self._schedule.state_dict(),
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.network.load_state_dict(state["network"])
        self.best = state["best"]
        self.best_loss = state["best_loss"]
        self.best_epoch = state["best_epoch"]
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
