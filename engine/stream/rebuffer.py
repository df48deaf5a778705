"""Blocks of any size in, blocks of one size through a function, blocks of the same any size out.

Worker threads use it around whatever wants fixed blocks (a model, a spectral effect); the function
is Python, so it is not for the audio callback. Memory is fixed at construction: two blocks.
"""

from collections.abc import Callable

import numpy as np

from engine.errors import ParameterError
from engine.units import F32

Transform = Callable[[F32, F32], None]
"""`transform(block, out)`: reads and writes (channels, block_frames); must fill all of `out`."""


class Rebuffer:
    """Apply a function of fixed blocks to a stream of any blocks.

    Parameters
    ----------
    channels : int, >= 1
    block_frames : int, >= 1
    transform : callable
        See `Transform`. A transform with a memory is reset by its owner.

    Attributes
    ----------
    latency_frames : int
        block_frames - 1: the frame that completes a block comes out with the block's first one.
    """

    def __init__(self, channels: int, block_frames: int, transform: Transform) -> None:
        if channels < 1 or block_frames < 1:
            raise ParameterError(f"a block of {channels} channels by {block_frames} frames is empty")
        self.block_frames = block_frames
        self.latency_frames = block_frames - 1
        self._transform = transform
        self._in = np.zeros((channels, block_frames), np.float32)
        self._out = np.zeros((channels, block_frames), np.float32)
        self._at = 0

    def process(self, x: F32, out: F32 | None = None) -> F32:
        """Take `x` and give as many frames back, `latency_frames` later.

        Parameters
        ----------
        x : float32 array, shape (channels, n)
        out : float32 array, shape (channels, n), or None
            Must not overlap `x`. None allocates.

        Returns
        -------
        float32 array, shape (channels, n)
        """
        if x.ndim != 2 or x.shape[0] != self._in.shape[0]:
            raise ParameterError(f"the stream has {self._in.shape[0]} channels, a block of {x.shape} came")
        if out is None:
            out = np.empty(x.shape, np.float32)
        done = 0
        while done < x.shape[1]:
            at = self._at
            n = min(self.block_frames - at, x.shape[1] - done)
            self._in[:, at : at + n] = x[:, done : done + n]
            old = min(n, self.block_frames - 1 - at)
            out[:, done : done + old] = self._out[:, at + 1 : at + 1 + old]
            if at + n == self.block_frames:
                self._transform(self._in, self._out)
                out[:, done + n - 1] = self._out[:, 0]
            self._at = (at + n) % self.block_frames
            done += n
        return out

    def reset(self) -> None:
        """Forget everything, as a new object."""
        self._in[:] = 0
        self._out[:] = 0
        self._at = 0
