"""The network that steers the orbit: ten rows of features in, nine controls in their ranges out.

Training process only; what runs beside the music is its ONNX export (export.py).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from engine.kernels.orbit import CONTROL_HIGH, CONTROL_LOW, CONTROLS
from engine.stream.orbit_features import N_INPUTS

HIDDEN = (128, 256, 128)


class SteeringNetwork(nn.Module):
    """60 -> [128, 256, 128] -> 9.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.

    Notes
    -----
    x * sigmoid(x) between the layers, because controls that bend instead of breaking make a smooth walk; a
    sigmoid at the end, stretched to the controls' ranges, so that no input can leave them. 75,000 weights.
    """

    low: Tensor
    high: Tensor

    def __init__(self, hidden: tuple[int, ...] = HIDDEN) -> None:
        super().__init__()
        widths = (N_INPUTS, *hidden, len(CONTROLS))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.register_buffer("low", torch.as_tensor(CONTROL_LOW, dtype=torch.float32))
        self.register_buffer("high", torch.as_tensor(CONTROL_HIGH, dtype=torch.float32))

    def shares(self, window: Tensor) -> Tensor:
        """Controls as shares of their ranges.

        Parameters
        ----------
        window : float32 tensor, shape (..., 60)

        Returns
        -------
        float32 tensor, shape (..., 9), 0..1
        """
        x = window
        for layer in self.layers[:-1]:
            x = layer(x)
            x = x * torch.sigmoid(x)
        return torch.sigmoid(self.layers[-1](x))

    def forward(self, window: Tensor) -> Tensor:
        """Controls in their own units; shapes as `shares`."""
        return self.low + (self.high - self.low) * self.shares(window)
