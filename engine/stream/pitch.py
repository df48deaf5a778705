"""Pitch of a stream, frame by frame.

Worker and visuals threads; not for the audio callback.
"""

import numpy as np

from engine.kernels.pitch import PitchTrack, Yin
from engine.stream.framer import Framer
from engine.units import F32


class PitchStream:
    """YIN on a mono stream.

    Parameters
    ----------
    rate_hz : int
    range_hz : (float, float)
        Lowest and highest pitch looked for.
    frame_frames, hop_frames : int
        See `engine.kernels.pitch.Yin`.
    threshold : float

    Attributes
    ----------
    latency_frames : int
        frame_frames - 1: a frame's pitch comes with its last frame.

    Notes
    -----
    Frame t begins at t * hop_frames: what `Yin.track` gives for its frame t + frame_frames / 2 /
    hop_frames, bit for bit. Memory is fixed at construction.
    """

    def __init__(
        self,
        rate_hz: int,
        range_hz: tuple[float, float] = (65.40639, 2093.0045),
        frame_frames: int = 2048,
        hop_frames: int = 512,
        threshold: float = 0.1,
    ) -> None:
        self._plan = Yin(rate_hz, range_hz, frame_frames, hop_frames, threshold, threads=1)
        self._framer = Framer(1, frame_frames, hop_frames, self._measure)
        self._one = PitchTrack(np.empty((1, 1), np.float32), np.empty((1, 1), np.float32))
        self._found = np.empty((2, 0), np.float32)
        self._n = 0
        self.latency_frames = self._framer.latency_frames

    def push(self, x: F32) -> PitchTrack:
        """Take the next block and give the pitch of the frames that it completes.

        Parameters
        ----------
        x : float32 array, shape (1, n)

        Returns
        -------
        PitchTrack
            Arrays of shape (1, frames completed), often of none.
        """
        self._found = np.empty((2, self._framer.n_frames(x.shape[-1])), np.float32)
        self._n = 0
        self._framer.push(x)
        return PitchTrack(self._found[:1], self._found[1:])

    def reset(self) -> None:
        """Forget everything, as a new object."""
        self._framer.reset()

    def _measure(self, frame: F32) -> None:
        self._plan.of_frame(frame, self._one)
        self._found[0, self._n] = self._one.f0_hz[0, 0]
        self._found[1, self._n] = self._one.aperiodicity[0, 0]
        self._n += 1
