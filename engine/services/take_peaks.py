"""Peaks of a take's lane, measured at once, for whoever draws it beside the stems.

A take does not grow any more when it becomes a lane, and a job makes it one; so here is neither a thread nor
a file of peaks.
"""

import numpy as np

from engine.kernels.peaks import BASE_FRAMES, FACTOR, I16, N_LEVELS, bin_frames, fold_bins
from engine.kernels.wave_image import U32
from engine.services.peaks import Spans, draw_levels
from engine.services.take_lane import TakeLane
from engine.units import F32

_CHUNK_FRAMES = BASE_FRAMES * FACTOR ** (N_LEVELS - 1)


class TakePeaks:
    """Peaks of one take, drawn as `LanePeaks` draws a stem.

    Parameters
    ----------
    lane : TakeLane

    Attributes
    ----------
    rate_hz : int
    version : int
        Always 1: there will not be more to draw.

    Raises
    ------
    StoreError
        Its file is gone.

    Notes
    -----
    The constructor reads the lane, a second for an hour of song: on a job's thread.
    """

    def __init__(self, lane: TakeLane) -> None:
        self.rate_hz = lane.rate_hz
        self.version = 1
        self._n_frames = lane.n_frames
        n_chunks = -(-lane.n_frames // _CHUNK_FRAMES)
        self._levels: tuple[I16, ...] = tuple(
            np.zeros((n_chunks * FACTOR ** (N_LEVELS - 1 - level), 3), np.int16) for level in range(N_LEVELS)
        )
        frames = lane.map()
        buffer: F32 = np.zeros((_CHUNK_FRAMES, 2), np.float32)
        for chunk in range(n_chunks):
            piece = frames[chunk * _CHUNK_FRAMES : (chunk + 1) * _CHUNK_FRAMES]
            if not piece.any():
                continue
            buffer[: len(piece)] = piece
            buffer[len(piece) :] = 0.0
            n_bins = FACTOR ** (N_LEVELS - 1)
            bin_frames(buffer, self._levels[0][chunk * n_bins : (chunk + 1) * n_bins])
        for level in range(1, N_LEVELS):
            fold_bins(self._levels[level - 1], self._levels[level])

    def ready_spans(self, lane: str) -> Spans:
        """All of it: where nothing was sung there is silence."""
        del lane
        return ((0, self._n_frames),)

    def draw(
        self, lane: str, view: tuple[int, float], curve: float, shades: tuple[U32, U32], out: U32
    ) -> None:
        """Draw it into a picture; the arguments are those of `LanePeaks.draw`, the lane's name says nothing.

        Parameters
        ----------
        lane : str
        view : (int, float)
        curve : float
        shades : (uint32 array, uint32 array), shapes (height + 1,) and (height,)
        out : uint32 array, shape (height, width), C order
        """
        del lane
        draw_levels(self._levels, view, curve, shades, out)
