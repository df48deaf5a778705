"""Overlapping frames of a stream that comes in blocks of any size.

Worker and visuals threads, around whatever looks at a frame at a time; not for the audio callback.
Memory is fixed at construction: one frame, (channels, frame_frames).
"""

from collections.abc import Callable

import numpy as np

from engine.errors import ParameterError
from engine.units import F32


class Framer:
    """Cut a stream into frames.

    Parameters
    ----------
    channels : int, >= 1
    frame_frames : int, >= 1
        Length of a frame.
    hop_frames : int, 1 to frame_frames
    take : callable
        `take(frame)`, float32 (channels, frame_frames), C order, for every frame in turn; it may keep
        nothing of it but copies.

    Attributes
    ----------
    latency_frames : int
        frame_frames - 1: frame t covers t * hop_frames .. t * hop_frames + frame_frames - 1 and is
        taken with its last.
    """

    def __init__(
        self, channels: int, frame_frames: int, hop_frames: int, take: Callable[[F32], None]
    ) -> None:
        if channels < 1 or frame_frames < 1:
            raise ParameterError(f"a frame of {channels} channels by {frame_frames} frames is empty")
        if not 1 <= hop_frames <= frame_frames:
            raise ParameterError(f"a hop of {hop_frames} frames is outside 1..{frame_frames}")
        self.frame_frames = frame_frames
        self.hop_frames = hop_frames
        self.latency_frames = frame_frames - 1
        self._take = take
        self._frame = np.zeros((channels, frame_frames), np.float32)
        self._filled = 0

    def n_frames(self, n: int) -> int:
        """Frames that the next `n` frames of the stream complete."""
        filled = self._filled + n
        return 0 if filled < self.frame_frames else 1 + (filled - self.frame_frames) // self.hop_frames

    def push(self, x: F32) -> None:
        """Take the next `x`, float32 array, shape (channels, n), any n."""
        if x.ndim != 2 or x.shape[0] != self._frame.shape[0] or x.dtype != np.float32:
            raise ParameterError(
                f"the stream is float32 ({self._frame.shape[0]}, n), a block of {x.dtype} {x.shape} came"
            )
        at = 0
        kept = self.frame_frames - self.hop_frames
        while at < x.shape[1]:
            n = min(self.frame_frames - self._filled, x.shape[1] - at)
            self._frame[:, self._filled : self._filled + n] = x[:, at : at + n]
            self._filled += n
            at += n
            if self._filled == self.frame_frames:
                self._take(self._frame)
                self._frame[:, :kept] = self._frame[:, self.hop_frames :]
                self._filled = kept

    def reset(self) -> None:
        """Forget everything, as a new object."""
        self._filled = 0
