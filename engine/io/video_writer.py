"""A film: pictures with their sound into one MP4 file, whole or not at all.

Caller's thread. The file grows as ``NAME.part`` and gets its name when every byte is there. Pictures and
sound are interleaved as they come, so that memory does not grow with the song; the same input gives the
same bytes.
"""

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from engine.errors import EncodeError, ParameterError
from engine.units import F32

U8 = NDArray[np.uint8]

ENCODERS: Final = ("libx264", "libopenh264", "h264_videotoolbox", "mpeg4")
"""What encodes the pictures, the first that this ffmpeg has."""
SOUND_RATES_HZ: Final = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000)
"""Rates that AAC holds; other sound is resampled to the last but two."""
_SOUND_BIT_RATE: Final = 256_000
_BT709: Final = 1
"""Number of BT.709 for primaries, transfer and matrix in H.264, table E-3 and on."""
_LIMITED: Final = 1
MAX_SIDE_PX: Final = 8192
BITS_A_PIXEL: Final = 0.35
"""What a picture of filaments takes at most at this quality, by experience."""


def check_size(size: tuple[int, int]) -> None:
    """Refuse pictures that an MP4 of this kind cannot hold.

    Raises
    ------
    ParameterError
        Sides below 16 or above MAX_SIDE_PX pixels, or odd: colours are stored for 2 x 2 pixels.
    """
    width, height = size
    if not (16 <= width <= MAX_SIDE_PX and 16 <= height <= MAX_SIDE_PX):
        raise ParameterError(f"{width}x{height} is outside 16..{MAX_SIDE_PX} pixels a side")
    if width % 2 or height % 2:
        raise ParameterError(
            f"a video of {width}x{height} cannot be: its sides must be even, "
            f"such as {width + width % 2}x{height + height % 2}"
        )


class VideoWriter:
    """Writes one MP4 with H.264 pictures and AAC sound.

    Parameters
    ----------
    path : Path
        Final name; an existing file of that name is replaced at `commit`.
    size : (int, int)
        Width and height, pixels, see `check_size`.
    fps : float, > 0
        Pictures a second.
    rate_hz : int
        Of the sound.

    Attributes
    ----------
    n_pictures : int
        Pictures written.
    n_frames : int
        Frames of sound written.
    encoder : str
        What encodes the pictures.

    Raises
    ------
    EncodeError
        When the file cannot be created, there is no encoder, or the disk is full.

    Notes
    -----
    Sound should be no further from its pictures than a second: what waits for the other is kept in memory.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float, rate_hz: int) -> None:
        check_size(size)
        self.path = path
        self.part_path = path.with_name(path.name + ".part")
        self.encoder = next((name for name in ENCODERS if name in av.codecs_available), "")
        if not self.encoder:
            raise EncodeError("this ffmpeg has no encoder for video; python3 bootstrap.py setup")
        self.n_pictures = 0
        self.n_frames = 0
        rate = Fraction(fps).limit_denominator(1001)
        try:
            # ffmpeg opens it at the first picture only.
            self.part_path.touch()
            self._file = av.open(str(self.part_path), "w", format="mp4", options={"movflags": "+faststart"})
            self._pictures = cast("VideoStream", self._file.add_stream(self.encoder, rate=rate))
            sound_hz = rate_hz if rate_hz in SOUND_RATES_HZ else 48_000
            self._sound = self._file.add_stream("aac", rate=sound_hz)
        except (FFmpegError, OSError) as err:
            raise EncodeError(f"{path} cannot be created; is the folder writable and not full?") from err
        self._set_up_pictures(size, rate)
        self._sound.codec_context.layout = "stereo"
        self._sound.codec_context.bit_rate = _SOUND_BIT_RATE
        self._rate_hz = rate_hz
        self._resampler = av.AudioResampler("fltp", "stereo", sound_hz)
        self._is_open = True

    def _set_up_pictures(self, size: tuple[int, int], rate: Fraction) -> None:
        context = self._pictures.codec_context
        context.width, context.height = size
        context.pix_fmt = "yuv420p"
        context.framerate, context.time_base = rate, 1 / rate
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED
        if self.encoder == "libx264":
            # Filaments are fine: a little below what is called transparent, at the speed of the renderer.
            # Left alone, x264's assembly for its macroblock tree writes now and then another first picture of
            # the same film (seen with 18.1 of PyAV); what it calls independent of the CPU does not.
            context.options = {
                "crf": "17",
                "preset": "veryfast",
                "profile": "high",
                "x264-params": "cpu-independent=1",
            }
        else:
            context.bit_rate = round(0.25 * size[0] * size[1] * float(rate))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def write(self, picture: U8) -> None:
        """Append a picture.

        Parameters
        ----------
        picture : uint8 array, shape (height, width, 4), C order
            Rows from the top; blue, green, red, unused.
        """
        frame = VideoFrame.from_ndarray(picture, format="bgra").reformat(
            format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED
        )
        frame.pts, frame.time_base = self.n_pictures, self._pictures.codec_context.time_base
        self._mux(self._pictures, frame)
        self.n_pictures += 1

    def write_sound(self, block: F32) -> None:
        """Append sound, float32 of shape (2, n), full scale 1.0."""
        if not block.shape[1]:
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
        frame.sample_rate = self._rate_hz
        frame.pts, frame.time_base = self.n_frames, Fraction(1, self._rate_hz)
        for part in self._resampler.resample(frame):
            self._mux(self._sound, part)
        self.n_frames += block.shape[1]

    def _mux(self, stream: Any, frame: VideoFrame | AudioFrame | None) -> None:
        """Encode a frame into its stream, or with None what is left."""
        if not self._is_open:
            raise EncodeError(f"{self.path} is finished; nothing can be added to it")
        try:
            self._file.mux(stream.encode(frame))
        except (FFmpegError, OSError) as err:
            self.abort()
            raise self._full() from err

    def commit(self) -> None:
        """End both streams, close the file, give it its final name."""
        for part in self._resampler.resample(None):
            self._mux(self._sound, part)
        self._mux(self._pictures, None)
        self._mux(self._sound, None)
        self._is_open = False
        try:
            self._file.close()
            with self.part_path.open("rb") as file:
                os.fsync(file.fileno())
            self.part_path.replace(self.path)
        except (FFmpegError, OSError) as err:
            self.abort()
            raise self._full() from err

    def abort(self) -> None:
        """Remove the unfinished file; nothing to do after `commit`."""
        if self._is_open:
            self._is_open = False
            # It is removed anyway.
            with contextlib.suppress(FFmpegError, OSError):
                self._file.close()
        self.part_path.unlink(missing_ok=True)

    def _full(self) -> EncodeError:
        return EncodeError(
            f"{self.path} could not be written whole (after {self.n_pictures} pictures); "
            "is the disk full? Free some space or choose another folder with -o"
        )
