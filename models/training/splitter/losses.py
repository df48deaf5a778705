"""How wrong masks are: the energy ratio of each part in dB, from sums alone."""

from typing import Final

import torch
from torch import Tensor

FLOOR: Final = 1e-3
"""Of the mix's energy: errors below -30 dB of the song are not worth learning from."""
PART_WEIGHTS: Final = (1.0, 1.6, 0.5, 0.3)
"""Drums, bass, other, vocal residue. What other gets wrong is what drums and bass have taken or left, and is
charged to them already; a bass that lacks its attacks is missed most; the residue is a guest in the vocals'
stem."""

Sums = tuple[Tensor, Tensor, Tensor]
"""mixed, shared and alone of `Batch`."""


def part_errors(masks: Tensor, mixed: Tensor, shared: Tensor, alone: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Energies of error, of the true part and of the mix.

    Parameters
    ----------
    masks : float32 tensor, shape (batch, 4, 2, n, 576)
    mixed, shared, alone : float32 tensors
        See `Batch`.

    Returns
    -------
    tuple of three float32 tensors, shapes (batch, 4), (batch, 4), (batch,)
    """
    error = (alone - 2.0 * masks * shared + masks.square() * mixed[:, None]).sum(dim=(2, 3, 4))
    return error.clamp_min(0.0), alone.sum(dim=(2, 3, 4)), mixed.sum(dim=(1, 2, 3))


def ratios_db(error: Tensor, true: Tensor) -> Tensor:
    """SDR of each part from its energies as `part_errors` gives them, shape (batch, 4)."""
    return 10.0 * torch.log10((true + 1e-6) / (error + 1e-6))


def split_loss(masks: Tensor, mixed: Tensor, shared: Tensor, alone: Tensor) -> Tensor:
    """Mean over examples and parts of the error in dB of the part; see `part_errors`."""
    error, true, whole = part_errors(masks, mixed, shared, alone)
    floor = FLOOR * whole[:, None] + 1e-9
    weights = torch.tensor(PART_WEIGHTS, device=masks.device)
    ratios_db = 10.0 * torch.log10((error + floor) / (true + floor))
    return (ratios_db * weights).sum(dim=1).mean() / weights.sum()
