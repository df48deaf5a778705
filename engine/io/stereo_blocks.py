"""Codec frames gathered into stereo blocks of one size.

Used by `engine/io/decode.py` on whichever thread decodes. It exists because codecs hand out frames of
47 to 8192 frames in six sample formats, and everything above wants large stereo float32 blocks.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from engine.errors import DecodeError
from engine.io.downmix import downmix_matrix, fold_to_stereo
from engine.units import F32, AnyArray, frames_to_s, s_to_frames

# ffmpeg's sample formats (planar ones end in "p"): numpy type and the gain to full scale 1.0.
_SAMPLE_FORMATS: dict[str, tuple[str, float]] = {
    "u8": ("u1", 2.0**-7),
    "s16": ("i2", 2.0**-15),
    "s32": ("i4", 2.0**-31),
    "s64": ("i8", 2.0**-63),
    "flt": ("f4", 1.0),
    "dbl": ("f8", 1.0),
}

_SURE_HOLE_S = 0.05
"""Stamps may lead by this much with nothing missing: Vorbis first pages, containers in milliseconds."""

_KNOWN_HOLE_S = 0.01
"""The same after a packet that did not decode: then a lead is a hole."""

_LONGEST_GAP_S = 10.0
"""A longer leap of the time stamps is a mistake of the container, not a hole in the sound."""


class StereoBlocks:
    """Gathers codec frames into blocks, fills holes with silence, refuses NaN and infinity.

    Parameters
    ----------
    path : Path
        The file, for messages.
    rate_hz : int
        Frames a second of every codec frame.
    block_frames : int, >= 1
        Frames in every block but the last.

    Attributes
    ----------
    n_frames : int
        Frames gathered since the beginning of the song.
    n_holes : int
        Places where silence stands in for what did not decode.
    first_hole_s : float
        Time of the first of them in seconds.
    """

    def __init__(self, path: Path, rate_hz: int, block_frames: int) -> None:
        self.n_frames = 0
        self.n_holes = 0
        self.first_hole_s = 0.0
        self._n_yielded = 0
        self._path = path
        self.rate_hz = rate_hz
        self._block_frames = block_frames
        self._block = np.empty((2, block_frames), np.float32)
        self._filled = 0
        self._matrices: dict[tuple[str, int], F32] = {}
        self._start_s: float | None = None  # time stamp of the first frame

    def add(self, frame: AudioFrame, n_frames: int, packet_lost: bool) -> Iterator[F32]:
        """Take a codec frame and yield every block that it fills.

        Parameters
        ----------
        frame : AudioFrame
            In any sample format and layout.
        n_frames : int
            Frames of it that count, from its first.
        packet_lost : bool
            Whether a packet between the frame before and this one did not decode.

        Yields
        ------
        float32 array, shape (2, block_frames)
            Full blocks; none, one or more.
        """
        hole = self._hole_before(frame, packet_lost)
        if hole:
            self.n_holes += 1
            if self.n_holes == 1:
                self.first_hole_s = frames_to_s(self.n_frames, self.rate_hz)
            yield from self._put(np.zeros((1, hole), np.float32), np.ones((2, 1), np.float32))
        x = _planar_float(frame)[:, :n_frames]
        key = (frame.layout.name, x.shape[0])
        if key not in self._matrices:
            self._matrices[key] = downmix_matrix([channel.name for channel in frame.layout.channels])
        yield from self._put(x, self._matrices[key])

    def rest(self) -> Iterator[F32]:
        """Yield the last, shorter block, unless it is empty."""
        if self._filled:
            yield self._checked(self._block[:, : self._filled].copy())

    def _put(self, x: F32, matrix: F32) -> Iterator[F32]:
        taken = 0
        while taken < x.shape[1]:
            n = min(x.shape[1] - taken, self._block_frames - self._filled)
            out = self._block[:, self._filled : self._filled + n]
            fold_to_stereo(x[:, taken : taken + n], matrix, out)
            taken += n
            self._filled += n
            self.n_frames += n
            if self._filled == self._block_frames:
                full, self._block = self._block, np.empty((2, self._block_frames), np.float32)
                self._filled = 0
                yield self._checked(full)

    def _hole_before(self, frame: AudioFrame, packet_lost: bool) -> int:
        """Frames of silence that keep this frame at the time its container gives it."""
        if frame.pts is None or frame.time_base is None:
            return 0
        stamp_s = float(frame.pts * frame.time_base)
        if self._start_s is None:
            self._start_s = stamp_s
        ahead_s = stamp_s - self._start_s - frames_to_s(self.n_frames, self.rate_hz)
        shortest_s = _KNOWN_HOLE_S if packet_lost else _SURE_HOLE_S
        return s_to_frames(ahead_s, self.rate_hz) if shortest_s < ahead_s < _LONGEST_GAP_S else 0

    def _checked(self, block: F32) -> F32:
        """Refuse NaN and infinity with their time."""
        finite = np.isfinite(block)
        if not finite.all():
            at = self._n_yielded + int(np.argmin(finite.all(axis=0)))
            raise DecodeError(
                f"{self._path} holds a sample that is no number (NaN or infinite) at "
                f"{frames_to_s(at, self.rate_hz):.3f} s; export it again"
            )
        self._n_yielded += block.shape[1]
        return block


def _planar_float(frame: AudioFrame) -> F32:
    """Samples of a codec frame as float32, shape (channels, frames), full scale 1.0."""
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels >= 8:
        # PyAV looks for the end of the planes by a null pointer that is not there from 8 on.
        (frame,) = AudioResampler(format="dbl").resample(frame)
    name = frame.format.name
    dtype, gain = _SAMPLE_FORMATS[name.removesuffix("p")]
    n = frame.samples
    if frame.format.is_planar:
        planes = [np.frombuffer(memoryview(plane), dtype, n) for plane in frame.planes]
        x: AnyArray = planes[0][None, :] if channels == 1 else np.stack(planes)
    else:
        x = np.frombuffer(memoryview(frame.planes[0]), dtype, n * channels).reshape(n, channels).T
    if dtype == "f4":
        return x
    if dtype == "u1":
        x = x.astype(np.int16) - 128
    # In double where float32 would round the integer before it is scaled.
    wide = np.float32 if x.dtype.itemsize <= 2 else np.float64
    return (x.astype(wide) * wide(gain)).astype(np.float32)
