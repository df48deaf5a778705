"""Resampling of a stream that arrives in blocks of any size.

Feeder and worker threads use it where no seek can happen (a mic, a recorder); who can address the
song uses `kernels.resample` directly. Memory is fixed at construction: the filter, and
2 * half_width + CHUNK_FRAMES input frames.
"""

import numpy as np

from engine.errors import ParameterError
from engine.kernels.resample import Quality, design, resample_frames
from engine.units import F32

CHUNK_FRAMES = 4096
"""Input frames handled at a time: 32 kB for stereo, inside the first cache with the taps."""


class Resampler:
    """Change the rate of a stream.

    Parameters
    ----------
    channels : int, >= 1
    from_hz, to_hz : int
        Frames a second, 1000 to 768000.
    quality : {"high", "fast"}
        See `engine.kernels.resample.design`.

    Attributes
    ----------
    latency_frames : int
        Output frames of silence before the first input frame comes out.

    Notes
    -----
    After n input frames exactly ceil(n * to_hz / from_hz) frames have come out, whatever the blocks.
    To get the end of a song, push silence until `latency_frames` more have come.
    """

    def __init__(self, channels: int, from_hz: int, to_hz: int, quality: Quality = "high") -> None:
        if channels < 1:
            raise ParameterError(f"a stream of {channels} channels is empty")
        self._filter = design(from_hz, to_hz, quality)
        _ = self._filter.bands  # made here and not by the first block
        half = self._filter.half_width
        self.latency_frames = -(-half * self._filter.up // self._filter.down)
        self._kept_frames = 2 * half + -(-self._filter.down // self._filter.up)
        self._buffer = np.zeros((channels, self._kept_frames + CHUNK_FRAMES), np.float32)
        self._n_in = 0

    def n_out(self, n: int) -> int:
        """Frames that come out when the next `n` input frames go in."""
        return self._total_out(self._n_in + n) - self._total_out(self._n_in)

    def process(self, x: F32, out: F32 | None = None) -> F32:
        """Take the next input frames and give what they complete.

        Parameters
        ----------
        x : float32 array, shape (channels, n)
        out : float32 array, shape (channels, n_out(n)), or None
            None allocates.

        Returns
        -------
        float32 array, shape (channels, n_out(n))
        """
        if x.ndim != 2 or x.shape[0] != self._buffer.shape[0]:
            raise ParameterError(
                f"the stream has {self._buffer.shape[0]} channels, a block of {x.shape} came"
            )
        shape = (x.shape[0], self.n_out(x.shape[1]))
        if out is None:
            out = np.empty(shape, np.float32)
        if out.shape != shape:
            raise ParameterError(f"the result has shape {shape}, not {out.shape}")
        done = 0
        for start in range(0, x.shape[1], CHUNK_FRAMES):
            chunk = x[:, start : start + CHUNK_FRAMES]
            n_out = self.n_out(chunk.shape[1])
            self._process_chunk(chunk, out[:, done : done + n_out])
            done += n_out
        return out

    def reset(self) -> None:
        """Forget everything, as a new object."""
        self._buffer[:] = 0
        self._n_in = 0

    def _total_out(self, n_in: int) -> int:
        return -(-n_in * self._filter.up // self._filter.down)

    def _process_chunk(self, chunk: F32, out: F32) -> None:
        n = chunk.shape[1]
        kept = self._kept_frames
        self._buffer[:, kept : kept + n] = chunk
        resample_frames(
            self._buffer,
            self._n_in - kept,
            self._filter,
            self._total_out(self._n_in) - self.latency_frames,
            out,
        )
        self._n_in += n
        self._buffer[:, :kept] = self._buffer[:, n : n + kept].copy()
