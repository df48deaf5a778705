"""A song as pictures in files: a video with its sound, one picture, or a sheet of them.

Caller's thread, with an OpenGL context of its own. Everything is drawn as in the window, only at the fineness
that was asked for and as many pictures as the film has: no clock decides anything, so that the same song,
network and seed give the same film.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.visual.budget import Fineness
from app.visual.offscreen import U8, Canvas, Offscreen
from app.visual.renderer import JuliaRenderer, Look, Shot, look_of
from app.visual.targets import Size
from engine.errors import ParameterError
from engine.inference.control_net import ControlNet
from engine.io.decode import SongInfo, decode_blocks, probe
from engine.io.video_writer import BITS_A_PIXEL, VideoWriter
from engine.services.visual_frame import VisualFrame
from engine.services.visual_score import ScoreOptions, n_pictures, score_song
from engine.units import F32

FINE = Fineness(1.0, 256, 2)
"""Of a film: 256 iterations, two points a pixel on the edges; anti-aliasing over time does the rest."""
SETTLE_PICTURES = 16
"""Pictures drawn before one that stands alone: anti-aliasing over time has gone once round its points."""
GAP_PX = 8
"""Between the pictures of a sheet."""

Tell = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class FilmOrder:
    """What is to be drawn.

    Parameters
    ----------
    song : Path
    size : (int, int)
        Of one picture, pixels.
    score : ScoreOptions
        Rate, seed, stems, beats.
    net : ControlNet or None
        None steers by rules.
    look : Look
    seconds : float or None
        Only so much of the song, from its beginning.
    fineness : Fineness
    """

    song: Path
    size: Size
    score: ScoreOptions = field(default_factory=ScoreOptions)
    net: ControlNet | None = None
    look: Look = field(default_factory=look_of)
    seconds: float | None = None
    fineness: Fineness = FINE


@dataclass(frozen=True, slots=True)
class FilmResult:
    """What was drawn.

    Parameters
    ----------
    frames : int
        Pictures in the file.
    seconds : float
        How much of the song they stand for.
    renderer : str
        What drew them, by its own name.
    encoder : str
        What encoded the video; empty for a picture.
    """

    frames: int
    seconds: float
    renderer: str
    encoder: str = ""


class Film:
    """Draws one song.

    Parameters
    ----------
    order : FilmOrder

    Raises
    ------
    DecodeError, StoreError, ParameterError
        The song or its stems cannot be read, or the seconds cannot be.
    """

    def __init__(self, order: FilmOrder) -> None:
        self.order = order
        self.song: SongInfo = probe(order.song)
        length_s = self.song.duration_s
        if order.seconds is not None:
            if not order.seconds > 0.0:
                raise ParameterError(f"{order.seconds} seconds of a song are none: give more than 0")
            length_s = min(length_s, order.seconds)
        self.length_s = length_s
        self.n_pictures = n_pictures(length_s, order.score.fps)
        self.estimated_bytes = round(
            length_s * (order.score.fps * order.size[0] * order.size[1] * BITS_A_PIXEL / 8 + 32_000)
        )
        # Opens the stems: what cannot be drawn is refused here.
        self.frames()

    def frames(self) -> Iterator[VisualFrame]:
        """What the pictures are drawn from, as many as there are."""
        order = self.order
        return itertools.islice(score_song(order.song, order.net, order.score), self.n_pictures)

    def write_video(self, path: Path, tell: Tell) -> FilmResult:
        """Draw all pictures into an MP4, with the sound.

        Parameters
        ----------
        path : Path
            Replaced when whole.
        tell : callable
            Given the number of pictures done.

        Raises
        ------
        EncodeError, CharonError
            The file cannot be written; there is no OpenGL.
        """
        order, n = self.order, 0
        with (
            closing(_Easel(order)) as easel,
            VideoWriter(path, order.size, order.score.fps, self.song.rate_hz) as writer,
        ):
            sound = _Sound(decode_blocks(order.song), self.length_s, self.song.rate_hz)
            for frame in self.frames():
                writer.write(easel.draw(frame))
                n += 1
                writer.write_sound(sound.until(n / order.score.fps))
                tell(n)
            writer.write_sound(sound.until(math.inf))
            writer.commit()
        return FilmResult(n, self.length_s, easel.renderer_name, writer.encoder)

    def picture_at(self, times_s: Iterable[float], tell: Tell) -> "tuple[list[U8], str]":
        """Draw single pictures.

        Parameters
        ----------
        times_s : iterable of float, seconds
            Rising; what lies beyond the end is the last picture.
        tell : callable
            Given the number of frames passed.

        Returns
        -------
        (list of uint8 arrays of shape (height, width, 4), str)
            Blue, green, red, unused, rows from the top; and what drew them.
        """
        fps, out = self.order.score.fps, list[U8]()
        wanted = [min(round(at_s * fps), self.n_pictures - 1) for at_s in times_s]
        with closing(_Easel(self.order)) as easel:
            for k, frame in enumerate(self.frames()):
                tell(k + 1)
                if len(out) == len(wanted):
                    break
                if k + SETTLE_PICTURES < wanted[len(out)]:
                    easel.forget()
                    continue
                picture = easel.draw(frame)
                while len(out) < len(wanted) and wanted[len(out)] == k:
                    out.append(picture.copy())
            while len(out) < len(wanted) and out:
                # The song ended before its container said so.
                out.append(out[-1])
            return out, easel.renderer_name

    def sheet_times_s(self, n: int) -> list[float]:
        """Times of `n` pictures that stand for the whole, in the middle of as many equal parts."""
        return [(k + 0.5) * self.length_s / n for k in range(n)]


class _Easel:
    """Context, renderer and canvas of one film."""

    def __init__(self, order: FilmOrder) -> None:
        self._offscreen = Offscreen()
        self.renderer_name = self._offscreen.renderer
        self._renderer = JuliaRenderer(self._offscreen.context, order.size)
        self._canvas = Canvas(self._offscreen, order.size)
        self._shot = Shot(order.look, 1.0 / order.score.fps, order.fineness, to_memory=True)
        self._pixels: U8 = np.empty((order.size[1], order.size[0], 4), np.uint8)

    def draw(self, frame: VisualFrame) -> U8:
        """The picture; the same memory every time."""
        self._renderer.draw(frame, self._canvas.frame, self._shot)
        self._canvas.read_into(self._pixels)
        return self._pixels

    def forget(self) -> None:
        """The next picture stands alone."""
        self._renderer.forget()

    def close(self) -> None:
        """Give everything back."""
        self._canvas.release()
        self._renderer.release()
        self._offscreen.release()


class _Sound:
    """The song's sound, handed out up to a time."""

    def __init__(self, blocks: Iterator[F32], length_s: float, rate_hz: int) -> None:
        self._blocks = blocks
        self._rate_hz = rate_hz
        self._end = round(length_s * rate_hz)
        self._given = 0
        self._left: F32 = np.zeros((2, 0), np.float32)

    def until(self, time_s: float) -> F32:
        """What comes before this time and was not handed out yet, shape (2, n)."""
        upto = self._end if math.isinf(time_s) else min(round(time_s * self._rate_hz), self._end)
        wanted = max(0, upto - self._given)
        parts, have = [self._left], self._left.shape[1]
        while have < wanted and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            have += block.shape[1]
        sound = np.concatenate(parts, axis=1)
        self._left = sound[:, wanted:]
        self._given += min(wanted, have)
        return sound[:, :wanted]


def sheet_of(pictures: list[U8]) -> U8:
    """Pictures side by side in rows, as square a sheet as their shape allows.

    Parameters
    ----------
    pictures : list of uint8 arrays, shape (height, width, 4)
        One or more, all of a size.

    Returns
    -------
    uint8 array, shape (rows, columns, 4)
    """
    height, width = pictures[0].shape[:2]
    n = len(pictures)
    columns = min(n, max(1, round(math.sqrt(n * height / width * 16 / 9))))
    rows = -(-n // columns)
    out = np.zeros((rows * (height + GAP_PX) - GAP_PX, columns * (width + GAP_PX) - GAP_PX, 4), np.uint8)
    for k, picture in enumerate(pictures):
        top, left = (k // columns) * (height + GAP_PX), (k % columns) * (width + GAP_PX)
        out[top : top + height, left : left + width] = picture
    return out
