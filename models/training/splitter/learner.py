"""The part of a run that learns: network, its running mean, optimiser, schedule, and the best network so far.

Every step draws its examples with numbers of its own, so that a run that is resumed sees what it would have
seen.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from models.training.splitter.calibration import Offsets, best_offsets, offset_masks, with_offsets
from models.training.splitter.checks import RENDERED
from models.training.splitter.examples import Batch, Changes, ExampleDraw
from models.training.splitter.losses import Sums, part_errors, ratios_db, split_loss
from models.training.splitter.network import SplitNetwork
from models.training.splitter.order import LONGEST_FRAMES, Order

LEARNING_RATE: Final = 2.5e-3
LEAST_RATE: Final = 5e-5
WARM_UP_STEPS: Final = 60
_MEAN_DECAY: Final = 0.995
"""The network that is judged and shipped is the mean of about the last 200 steps."""
_CLIP: Final = 5.0
_LONG_SHARE: Final = 0.2
"""Of the steps, the last: their examples are three times as long, so that the memory learns to last, and the
normalisation stays as it is, so that fewer of them do."""
_LONG_TIMES: Final = 3
_PARTS: Final = ("drums", "bass", "other")
_Judged = tuple[Tensor, Sums]
"""Masks of one example, and its sums."""


def learning_rate(step: int, steps: int) -> float:
    """Rate of a step counted from 0: a ramp, then half a cosine to the end of the run."""
    ramp = min(1.0, (step + 1) / min(WARM_UP_STEPS, max(1, steps // 4)))
    fall = 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))
    return ramp * (LEAST_RATE + (LEARNING_RATE - LEAST_RATE) * fall)


class Learner:
    """A network that learns to split.

    Parameters
    ----------
    order : Order
    songs : sequence of Path
        Rendered songs to learn from.
    checks : mapping of str to Batch
        Fixed examples that judge, by name; `RENDERED` is one of them, the others are real songs.
    """

    def __init__(self, order: Order, songs: Sequence[Path], checks: Mapping[str, Batch]) -> None:
        self._order = order
        self._device = torch.device(order.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(order.seed)
            # Channels last: convolutions of few channels are a sixth faster on a processor.
            self.network = SplitNetwork().to(self._device, memory_format=torch.channels_last)
        self.mean = copy.deepcopy(self.network).requires_grad_(False).eval()
        self._draw = ExampleDraw(songs, Changes())
        self._checks = checks
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=LEARNING_RATE, weight_decay=1e-3, betas=(0.9, 0.99)
        )
        self.step = 0
        self.best_score = -math.inf
        self.best_epoch = 0
        self.best = copy.deepcopy(self.mean.state_dict())
        self.offsets = Offsets()
        """What the last judgement added to the logits in the lows."""

    def learn(self, told: Callable[[int, int, float], None]) -> float:
        """Take the steps of one epoch.

        Parameters
        ----------
        told : callable
            `told(step, steps, loss)` after every step of the epoch, from 1.

        Returns
        -------
        float
            Mean loss in dB.
        """
        order = self._order
        n = min(order.steps_an_epoch, order.steps - self.step)
        total = 0.0
        # The next examples are made while the network works on these.
        with ThreadPoolExecutor(1, thread_name_prefix="examples") as maker:
            coming = maker.submit(self._batch, self.step)
            for k in range(1, n + 1):
                batch = coming.result()
                if k < n:
                    coming = maker.submit(self._batch, self.step + 1)
                loss = self._take_step(batch)
                total += loss
                self.step += 1
                told(k, n, loss)
        return total / max(1, n)

    def _batch(self, step: int) -> Batch:
        size, frames = self._order.batch, self._order.frames
        if self._is_long(step):
            size = max(1, size // 2)
            frames = min(_LONG_TIMES * frames, LONGEST_FRAMES)
        return self._draw.batch([self._order.seed, 5, step], size, frames)

    def _is_long(self, step: int) -> bool:
        return step >= self._order.steps - round(_LONG_SHARE * self._order.steps)

    def _take_step(self, batch: Batch) -> float:
        self.network.train()
        if self._is_long(self.step):
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self._order.steps)
        seen, sums = self._tensors(batch)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._order.precision == "bfloat16"):
            masks = self.network(seen)
        loss = split_loss(masks.float(), *sums)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
        self._optimiser.step()
        # Short runs would still carry their first guess at the end: the mean begins quickly.
        decay = min(_MEAN_DECAY, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            now = self.network.state_dict()
            for name, value in self.mean.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(now[name], 1.0 - decay)
                else:
                    value.copy_(now[name])
        return float(loss.detach())

    def _tensors(self, batch: Batch) -> tuple[Tensor, Sums]:
        def put(array: Any) -> Tensor:
            return torch.from_numpy(array).to(self._device)

        return put(batch.seen), (put(batch.mixed), put(batch.shared), put(batch.alone))

    def judge(self, epoch: int) -> dict[str, float]:
        """Measure the mean network on what is never learnt from; keep the best.

        Returns
        -------
        dict of float
            "score" (mean SDR in dB over songs and stems, of the real songs where there are any) and SDR by
            "song/stem", with `offsets` added.
        """
        judged: dict[str, list[_Judged]] = {}
        with torch.no_grad():
            for name, batch in self._checks.items():
                judged[name] = []
                for k in range(len(batch.seen)):
                    seen, sums = self._tensors(_only(batch, k))
                    judged[name].append((self.mean(seen), sums))
            real = [one for name, some in judged.items() if name != RENDERED for one in some]
            self.offsets = best_offsets(real)
            found = {
                f"{name}/{part}": value
                for name, some in judged.items()
                for part, value in zip(_PARTS, _ratios_db(some, self.offsets), strict=True)
            }
        counted = [value for name, value in found.items() if not real or not name.startswith(f"{RENDERED}/")]
        score = sum(counted) / len(counted)
        if score > self.best_score + 1e-3:
            self.best_score, self.best_epoch = score, epoch
            self.best = with_offsets(self.mean.state_dict(), self.offsets)
        return {"score": score, **found}

    def state(self) -> dict[str, Any]:
        """Everything that learning has changed, as a copy."""
        return copy.deepcopy(
            {
                "network": self.network.state_dict(),
                "mean": self.mean.state_dict(),
                "best": self.best,
                "best_score": self.best_score,
                "best_epoch": self.best_epoch,
                "optimiser": self._optimiser.state_dict(),
                "step": self.step,
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.best = state["best"]
        self.best_score = state["best_score"]
        self.best_epoch = state["best_epoch"]
        self._optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


def _ratios_db(judged: Sequence[_Judged], offsets: Offsets) -> list[float]:
    """Mean SDR of drums, bass and other over examples."""
    total = torch.zeros(len(_PARTS))
    for masks, sums in judged:
        error, true, _ = part_errors(offset_masks(masks, offsets), *sums)
        total += ratios_db(error, true)[0, :3].cpu()
    return (total / len(judged)).tolist()


def _only(batch: Batch, k: int) -> Batch:
    return Batch(*(getattr(batch, name)[k : k + 1] for name in Batch.__annotations__))
