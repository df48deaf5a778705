"""Overlapping windows of a stream through a function, added up again.

Worker threads use it around models and spectral effects; not for the audio callback. Memory is
fixed at construction: two windows of (channels, size_frames) and two blocks of (channels, hop).
"""

import numpy as np

from engine.errors import ParameterError
from engine.kernels.windows import sqrt_hann
from engine.stream.rebuffer import Rebuffer, Transform
from engine.units import F32

_LEAST_NORM = 1e-3


class OverlapAdd:
    """Apply a function to windowed, overlapping stretches of a stream.

    Parameters
    ----------
    channels : int, >= 1
    size_frames : int, >= 1
        Length of a window.
    hop_frames : int, 1 to size_frames
    transform : callable
        `transform(windowed, out)`, both (channels, size_frames).
    window : float32 array, shape (size_frames,), or None
        Applied before and after the transform; None takes the square root of a Hann window. The
        sum of its overlapping squares is divided out, so that the identity is the identity.

    Attributes
    ----------
    latency_frames : int
        size_frames - 1.

    Raises
    ------
    ParameterError
        Sizes are out of range, or at some frame the windows sum to (almost) nothing.
    """

    def __init__(
        self,
        channels: int,
        size_frames: int,
        hop_frames: int,
        transform: Transform,
        window: F32 | None = None,
    ) -> None:
        if not 1 <= hop_frames <= size_frames:
            raise ParameterError(f"a hop of {hop_frames} frames is outside 1..{size_frames}")
        self._window = sqrt_hann(size_frames) if window is None else window
        if self._window.shape != (size_frames,):
            raise ParameterError(f"a window of shape {self._window.shape} does not fit {size_frames} frames")
        n_hops = -(-size_frames // hop_frames)
        squares = np.zeros(n_hops * hop_frames)
        squares[:size_frames] = np.square(self._window, dtype=np.float64)
        norm = squares.reshape(n_hops, hop_frames).sum(axis=0)
        if norm.min() < _LEAST_NORM * norm.max():
            raise ParameterError(f"windows of {size_frames} frames every {hop_frames} leave a gap")
        # Repeated over the window: the division happens in the window itself.
        self._synthesis = (self._window / np.tile(norm, n_hops)[:size_frames]).astype(np.float32)
        self.latency_frames = size_frames - 1
        self._hop_frames = hop_frames
        self._transform = transform
        self._rebuffer = Rebuffer(channels, hop_frames, self._hop)
        self._past = np.zeros((channels, size_frames), np.float32)
        self._sum = np.zeros((channels, size_frames), np.float32)
        self._windowed = np.empty((channels, size_frames), np.float32)
        self._transformed = np.empty((channels, size_frames), np.float32)

    def process(self, x: F32, out: F32 | None = None) -> F32:
        """Take `x`, shape (channels, n), and give as many frames back, `latency_frames` later.

        Parameters
        ----------
        x : float32 array, shape (channels, n)
        out : float32 array, shape (channels, n), or None
            Must not overlap `x`. None allocates.
        """
        return self._rebuffer.process(x, out)

    def reset(self) -> None:
        """Forget everything, as a new object."""
        self._rebuffer.reset()
        self._past[:] = 0
        self._sum[:] = 0

    def _hop(self, block: F32, out: F32) -> None:
        """Latency size - hop of its own, on top of the hop - 1 of the re-blocking."""
        hop = self._hop_frames
        self._past[:, :-hop] = self._past[:, hop:]
        self._past[:, -hop:] = block
        np.multiply(self._past, self._window, out=self._windowed)
        self._transform(self._windowed, self._transformed)
        self._sum += self._transformed * self._synthesis
        out[:] = self._sum[:, :hop]
        self._sum[:, :-hop] = self._sum[:, hop:]
        self._sum[:, -hop:] = 0
