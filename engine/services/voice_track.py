"""What Whisper hears of a song: 16 kHz mono on the disk, and where in it there is a voice.

The thread that transcribes. A song comes in blocks and leaves as 16-bit frames in a file (115 MB an
hour), so that every window can be read again in any order while memory stays that of a block, whatever
the song's length. Beside the file, two numbers every 32 ms: how loud it is, and how likely a voice.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from engine.errors import DecodeError
from engine.inference.voice_activity import STEP_FRAMES, VoiceActivity
from engine.io.lanes import store_error
from engine.stream.resampler import Resampler
from engine.units import F32, MIN_DB

RATE_HZ = 16_000
STEP_S = STEP_FRAMES / RATE_HZ
_FULL_SCALE = 32_767.0


@dataclass(frozen=True)
class VoiceTrack:
    """A song, or its vocals, as a voice is looked for in it.

    Attributes
    ----------
    path : Path
        16-bit frames, 16 kHz, mono, nothing else.
    n_frames : int
    level_db : float32 array, shape (n,)
        Mean power of every 32 ms, full scale is 0 dB.
    voice : float32 array, shape (n,), 0 to 1
        Probability of a voice.
    """

    path: Path
    n_frames: int
    level_db: F32
    voice: F32

    @property
    def seconds(self) -> float:
        """Length of the song."""
        return self.n_frames / RATE_HZ

    def read(self, start_s: float, stop_s: float) -> F32:
        """Sound of a stretch.

        Parameters
        ----------
        start_s, stop_s : float
            Seconds of the song; what is outside of it is left out.

        Returns
        -------
        float32 array, shape (n,), 16 kHz mono
        """
        first = max(0, round(start_s * RATE_HZ))
        count = min(self.n_frames, round(stop_s * RATE_HZ)) - first
        if count <= 0:
            return np.zeros(0, np.float32)
        try:
            frames = np.fromfile(self.path, "<i2", count, offset=2 * first)
        except OSError as err:
            raise store_error(self.path.parent, err) from err
        return frames.astype(np.float32) / np.float32(_FULL_SCALE)


class _Writer:
    """Takes frames at 16 kHz, keeps the file and the two rows."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._detector = VoiceActivity()
        self._open = np.zeros(0, np.float32)
        self.levels: list[F32] = []
        self.voices: list[F32] = []
        self.n_frames = 0

    def add(self, sound: F32) -> None:
        self._file.write(np.rint(np.clip(sound, -1.0, 1.0) * _FULL_SCALE).astype("<i2").tobytes())
        self.n_frames += len(sound)
        waiting = np.concatenate([self._open, sound])
        n_whole = len(waiting) // STEP_FRAMES * STEP_FRAMES
        self._look(waiting[:n_whole])
        self._open = waiting[n_whole:]

    def finish(self) -> None:
        if len(self._open):
            self._look(np.pad(self._open, (0, STEP_FRAMES - len(self._open))))

    def _look(self, sound: F32) -> None:
        if not len(sound):
            return
        power = np.mean(sound.reshape(-1, STEP_FRAMES) ** 2, axis=1)
        self.levels.append((10.0 * np.log10(power + 10.0 ** (MIN_DB / 10.0))).astype(np.float32))
        self.voices.append(self._detector.process(sound))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def make_track(
    blocks: Iterable[F32], rate_hz: int, path: Path, heard: Callable[[float], None] | None = None
) -> VoiceTrack:
    """Write what Whisper hears of a song.

    Parameters
    ----------
    blocks : iterable of float32 arrays, shape (2, n)
        The song, one block after the other.
    rate_hz : int
        Of the blocks.
    path : Path
        File for the frames; replaced.
    heard : callable or None
        Told the seconds done after every block; may raise to stop.

    Returns
    -------
    VoiceTrack

    Raises
    ------
    StoreError
        The disk is full or refuses.
    DecodeError
        There is no frame in it.
    """
    resampler = None if rate_hz == RATE_HZ else Resampler(1, rate_hz, RATE_HZ, "fast")
    skip = 0 if resampler is None else resampler.latency_frames
    n_in = 0
    try:
        with _Writer(path) as writer:
            for block in blocks:
                n_in += block.shape[1]
                mono = np.nan_to_num(block.mean(axis=0, keepdims=True, dtype=np.float32))
                sound = mono[0] if resampler is None else resampler.process(mono)[0]
                skipped = min(skip, len(sound))
                skip -= skipped
                writer.add(sound[skipped:])
                if heard is not None:
                    heard(n_in / rate_hz)
            if resampler is not None:
                # The filter's end: silence until the song's last frame has come out.
                rest = -(-n_in * RATE_HZ // rate_hz) - writer.n_frames
                while rest > 0:
                    sound = resampler.process(np.zeros((1, rate_hz // 10), np.float32))[0][skip:][:rest]
                    skip = 0
                    writer.add(sound)
                    rest -= len(sound)
            writer.finish()
    except OSError as err:
        raise store_error(path.parent, err) from err
    if not n_in:
        raise DecodeError(f"there is no sound in {path.stem}: nothing to transcribe")
    level_db = np.concatenate(writer.levels) if writer.levels else np.zeros(0, np.float32)
    voice = np.concatenate(writer.voices) if writer.voices else np.zeros(0, np.float32)
    return VoiceTrack(path, writer.n_frames, level_db, voice)
