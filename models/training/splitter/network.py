"""The network: a U-Net over frequency whose bottom remembers, causal but for four frames.

Written as a stream: every convolution looks back only, its memory is handed in and out, and the answers come
`LOOK_AHEAD` frames after what they are about. So training, whole songs and live input run the same graph.
"""

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.kernels.warped_bins import N_CHANNELS, N_WARPED
from models.training.splitter.examples import LOOK_AHEAD, N_SPLIT

KERNEL_TIME: Final = 3
KERNEL_BINS: Final = 5
MIX_BINS: Final = 3
DEPTHS: Final = (16, 32, 48, 64, 64)
NARROW: Final = 32
HIDDEN: Final = 256


class Down(nn.Module):
    """Half as many bins; looks two frames back."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            n_in, n_out, (KERNEL_TIME, KERNEL_BINS), stride=(1, 2), padding=(0, 2), bias=False
        )
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, n_in, n + 2, bins) to (batch, n_out, n, bins / 2)."""
        return functional.leaky_relu(self.norm(self.conv(x)), 0.2)


class Up(nn.Module):
    """Twice as many bins, after the skip of the same size was added; looks two frames back into the skip."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(n_in, n_in, (KERNEL_TIME, MIX_BINS), padding=(0, MIX_BINS // 2))
        self.conv = nn.ConvTranspose2d(n_in, n_out, (1, 6), stride=(1, 2), padding=(0, 2), bias=False)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(batch, n_in, n, bins) and a skip of n + 2 frames to (batch, n_out, n, 2 bins)."""
        return functional.leaky_relu(self.norm(self.conv(x + self.mix(skip))), 0.2)


class SplitNetwork(nn.Module):
    """Masks of drums, bass, other and vocal residue from warped magnitudes.

    Parameters
    ----------
    depths : tuple of int
        Channels of the five floors.
    hidden : int
        Size of the memory at the bottom.
    """

    def __init__(self, depths: tuple[int, ...] = DEPTHS, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.depths = depths
        self.hidden = hidden
        bins = N_WARPED >> len(depths)
        self.scale = nn.Parameter(torch.full((1, N_CHANNELS, 1, N_WARPED), 2.0))
        self.shift = nn.Parameter(torch.full((1, N_CHANNELS, 1, N_WARPED), -0.5))
        self.downs = nn.ModuleList(
            Down(a, b) for a, b in zip((N_CHANNELS, *depths[:-1]), depths, strict=True)
        )
        self.narrow = nn.Conv2d(depths[-1], NARROW, 1)
        self.memory = nn.GRU(NARROW * bins, hidden, num_layers=2, batch_first=True)
        self.widen = nn.Linear(hidden, depths[-1] * bins)
        backwards = (*depths[::-1], depths[0])
        self.ups = nn.ModuleList(Up(a, b) for a, b in pairwise(backwards))
        self.head = nn.Conv2d(depths[0] + N_CHANNELS, 2 * N_SPLIT, (1, 3), padding=(0, 1))
        self.bin_bias = nn.Parameter(torch.zeros(1, 2 * N_SPLIT, 1, N_WARPED))

    def forward(self, seen: Tensor) -> Tensor:
        """Split from silence on.

        Parameters
        ----------
        seen : float32 tensor, shape (batch, 4, n + LOOK_AHEAD, 576)

        Returns
        -------
        float32 tensor, shape (batch, 4, 2, n, 576)
            Masks that sum to 1 over the parts.
        """
        x = seen * self.scale + self.shift
        first = x
        skips: list[Tensor] = []
        for down in self.downs:
            x = down(functional.pad(x, (0, 0, KERNEL_TIME - 1, 0)))
            skips.append(x)
        b, c, n, bins = x.shape
        flat = self.narrow(x).permute(0, 2, 1, 3).reshape(b, n, NARROW * bins)
        remembered = self.widen(self.memory(flat)[0])
        x = x + remembered.reshape(b, n, c, bins).permute(0, 2, 1, 3)
        # Floor i has spent i + 1 frames of the look-ahead, at most all: its skip waits for the bottom.
        for i in reversed(range(len(self.downs))):
            late = LOOK_AHEAD - min(i + 1, LOOK_AHEAD)
            x = self.ups[len(self.downs) - 1 - i](x, _delayed(skips[i], late, KERNEL_TIME - 1))
        x = self.head(torch.cat([x, _delayed(first, LOOK_AHEAD)], dim=1)) + self.bin_bias
        x = x[:, :, LOOK_AHEAD:].reshape(b, N_SPLIT, 2, n - LOOK_AHEAD, N_WARPED)
        return torch.softmax(x, dim=1)


def _delayed(x: Tensor, frames: int, back: int = 0) -> Tensor:
    """As many frames later, with `back` more of the past before them."""
    return functional.pad(x[:, :, : x.shape[2] - frames], (0, 0, frames + back, 0))
