"""Two numbers that bring a network from rendered songs to real ones: whose the lows are.

In rendered songs the lows belong to drums and other parts more often than in real ones, and a network that
learnt from them takes attacks of a bass for a kick. Which checkpoint of a run does so most is chance. So each
is judged, and written, with what suits real songs best added to its logits below 300 Hz: a prior is set
right, and nothing else is learnt from those songs.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.kernels.warped_bins import N_FFT, group_starts
from models.training.splitter.losses import Sums, part_errors, ratios_db

_LOWS_HZ: Final = 300.0
_N_LOWS: Final = int((group_starts()[:-1] * 44_100 / N_FFT < _LOWS_HZ).sum())


class Offsets(NamedTuple):
    """What is added to logits in the lows; 1 makes a part e times as likely beside another and the residue.

    Attributes
    ----------
    drums, bass : float
    """

    drums: float = 0.0
    bass: float = 0.0


TRIED: Final = tuple(
    Offsets(drums, bass)
    for drums, bass in product(np.arange(-2.0, 1.01, 0.125).tolist(), np.arange(-0.5, 2.51, 0.25).tolist())
)


def offset_masks(masks: Tensor, offsets: Offsets) -> Tensor:
    """Masks as they are when offsets are added to the logits in the lows.

    Parameters
    ----------
    masks : float32 tensor, shape (batch, 4, 2, n, 576)
        Summing to 1 over the parts.
    offsets : Offsets
    """
    out = masks.clone()
    out[..., :_N_LOWS] = _offset_lows(masks[..., :_N_LOWS], offsets)
    return out


def _offset_lows(lows: Tensor, offsets: Offsets) -> Tensor:
    odds = lows.clone()
    for part, offset in enumerate(offsets):
        odds[:, part] *= float(np.exp(offset))
    return odds / odds.sum(dim=1, keepdim=True)


def best_offsets(judged: Sequence[tuple[Tensor, Sums]]) -> Offsets:
    """The offsets with the highest mean SDR of drums, bass and other.

    Parameters
    ----------
    judged : sequence of (masks, sums)
        One song each, see `part_errors`; none gives 0 and 0.
    """
    if not judged:
        return Offsets()
    scores = torch.zeros(len(TRIED))
    for masks, sums in judged:
        # What lies above the lows is the same for all offsets.
        error, true, _ = part_errors(masks[..., _N_LOWS:], *(x[..., _N_LOWS:] for x in sums))
        lows = masks[..., :_N_LOWS]
        mixed, shared, alone = (x[..., :_N_LOWS] for x in sums)
        for k, offsets in enumerate(TRIED):
            low_error, low_true, _ = part_errors(_offset_lows(lows, offsets), mixed, shared, alone)
            scores[k] += ratios_db(error + low_error, true + low_true)[:, :3].mean().cpu()
    return TRIED[int(scores.argmax())]


def with_offsets(state: Mapping[str, Tensor], offsets: Offsets) -> dict[str, Tensor]:
    """A copy of a network's weights that has the offsets within."""
    moved = {name: value.clone() for name, value in state.items()}
    for part, offset in enumerate(offsets):
        moved["bin_bias"][:, 2 * part : 2 * part + 2, :, :_N_LOWS] += offset
    return moved
