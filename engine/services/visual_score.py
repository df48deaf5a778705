"""The course of the picture over a whole song, from its file: what a video is drawn from.

Caller's thread. The sound goes through the same steps as while it plays, so that the video shows what the
window showed, and the same song, network and seed give the same frames bit for bit. Songs are decoded as they
are needed: memory does not grow with their length.
"""

import math
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import ParameterError
from engine.inference.control_net import ControlNet
from engine.io.decode import decode_blocks, probe
from engine.io.song_store import SongStore
from engine.io.sound_files import SUFFIXES
from engine.services.visual_frame import VisualFrame
from engine.services.visuals import between, frame_of
from engine.stream.visual_levels import N_ROLES, ROLES
from engine.stream.visual_motion import N_ROW
from engine.stream.visual_stream import VisualStream, no_stems, role_of
from engine.units import F32, F64

MAX_FPS: Final = 240.0
BLOCK_STEPS: Final = 256
"""Steps a block: 1.4 s of sound, 64 k frames of a stem in memory at a time."""


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """How a song becomes pictures.

    Parameters
    ----------
    fps : float, 1 to 240
        Pictures a second.
    seed : int, >= 0
        Where orbit and palette begin.
    stems : Path or None
        The song's folder in the stem store, or a folder of sound files named after their stems (drums.wav,
        bass.flac ..): each drives its own part of the picture.
    beats_s : sequence of float, seconds
        The song's beats where they are known.
    tempo_bpm : float or None
        Its tempo, where only that is known.
    """

    fps: float = 60.0
    seed: int = 0
    stems: Path | None = None
    beats_s: Sequence[float] = ()
    tempo_bpm: float | None = None

    def __post_init__(self) -> None:
        if not 1.0 <= self.fps <= MAX_FPS:
            raise ParameterError(f"{self.fps} frames a second is outside 1..{MAX_FPS:.0f}")


def score_song(
    song: Path, net: ControlNet | None = None, options: ScoreOptions | None = None
) -> Iterator[VisualFrame]:
    """Pictures of a file.

    Parameters
    ----------
    song : Path
        Any file that can be decoded.
    net : ControlNet or None
        None steers by rules.
    options : ScoreOptions or None

    Returns
    -------
    iterator of VisualFrame
        Frame k stands for the time k / fps; as many as begin before the song ends, at least one.

    Raises
    ------
    DecodeError, StoreError, ParameterError
        The song cannot be read, or the stems are no such folder or of another song: before the first frame.
    """
    options = options or ScoreOptions()
    rate_hz = probe(song).rate_hz
    stems = None if options.stems is None else _open_stems(options.stems, rate_hz)
    return _score(decode_blocks(song), rate_hz, net, options, stems)


def score_sound(
    x: F32, rate_hz: int, net: ControlNet | None = None, options: ScoreOptions | None = None
) -> Iterator[VisualFrame]:
    """Pictures of sound in memory.

    Parameters
    ----------
    x : float32 array, shape (channels, frames)
    rate_hz : int
    net, options
        As for `score_song`.

    Returns
    -------
    iterator of VisualFrame
        As `score_song`.
    """
    if x.ndim != 2 or x.dtype != np.float32:
        raise ParameterError(f"sound must be float32 (channels, frames), not {x.dtype} {x.shape}")
    options = options or ScoreOptions()
    stems = None if options.stems is None else _open_stems(options.stems, rate_hz)
    return _score(iter([x]), rate_hz, net, options, stems)


class _Lane:
    """One stem's sound, block after block, as mean squares of steps."""

    def __init__(self, blocks: Iterator[F32], role: int) -> None:
        self.role = role
        self._blocks = blocks
        self._left: F32 = np.empty((2, 0), np.float32)

    def powers(self, n_steps: int, step_frames: int) -> F64:
        """Mean squares of the next steps, shape (n_steps,); 0 after the end."""
        wanted = n_steps * step_frames
        parts = [self._left]
        have = self._left.shape[1]
        while have < wanted:
            block = next(self._blocks, None)
            if block is None:
                block = np.zeros((2, wanted - have), np.float32)
            parts.append(block)
            have += block.shape[1]
        sound = np.concatenate(parts, axis=1)
        self._left = sound[:, wanted:].copy()
        steps = sound[:, :wanted].reshape(2, n_steps, step_frames).astype(np.float64)
        return np.square(np.nan_to_num(steps)).mean(axis=(0, 2))


def _score(
    blocks: Iterator[F32],
    rate_hz: int,
    net: ControlNet | None,
    options: ScoreOptions,
    lanes: list[_Lane] | None,
) -> Generator[VisualFrame]:
    course = VisualStream(rate_hz, None if net is None else net.controls, options.seed)
    course.set_beats(options.beats_s, options.tempo_bpm)
    step_s = course.step_frames / rate_hz
    n_steps = n_frames = drawn = 0
    before: F64 = np.zeros((0, N_ROW))
    for mono in _regular(blocks, course.step_frames * BLOCK_STEPS):
        n_frames += mono.shape[0]
        whole = -(-mono.shape[0] // course.step_frames) * course.step_frames
        padded = np.pad(mono, (0, whole - mono.shape[0]))
        stems = _stem_powers(lanes, whole // course.step_frames, course.step_frames)
        rows = course.push(padded, stems, n_steps * step_s)
        # The state at time 0 is the first step's: nothing was heard before it.
        known = np.concatenate([before if before.shape[0] else rows[:1], rows])
        times_s = (n_steps + np.arange(known.shape[0])) * step_s
        n_steps += rows.shape[0]
        while (at_s := drawn / options.fps) <= times_s[-1] and at_s * rate_hz < n_frames:
            yield frame_of(between(times_s, known, at_s), at_s)
            drawn += 1
        before = rows[-1:].copy()
    if drawn == 0:
        raise ParameterError("the song holds no sound: there is nothing to draw")


def _regular(blocks: Iterator[F32], n: int) -> Iterator[F32]:
    """Mono blocks of `n` frames, the last as long as it is."""
    left: F32 = np.empty(0, np.float32)
    for block in blocks:
        left = np.concatenate([left, block.mean(axis=0, dtype=np.float32)])
        while left.shape[0] >= n:
            yield left[:n]
            left = left[n:]
    if left.shape[0]:
        yield left


def _stem_powers(lanes: list[_Lane] | None, n_steps: int, step_frames: int) -> F64 | None:
    """Powers by role, shape (n_steps, 4): the sum of the stems that drive it, NaN where there is none."""
    if lanes is None:
        return None
    out = np.tile(no_stems(), (n_steps, 1))
    for lane in lanes:
        powers = lane.powers(n_steps, step_frames)
        known = out[:, lane.role]
        out[:, lane.role] = np.where(np.isnan(known), powers, known + powers)
    return out.reshape(n_steps, N_ROLES)


def _open_stems(folder: Path, rate_hz: int) -> list[_Lane]:
    """The stems of a store or of a folder of files."""
    if (folder / "manifest.json").is_file():
        store = SongStore.attach(folder)
        if store.rate_hz != rate_hz:
            raise ParameterError(
                f"the stems in {folder} are at {store.rate_hz} Hz, the song at {rate_hz} Hz: "
                "they are another song's"
            )
        total = store.total_frames or store.capacity_frames
        return [_Lane(store.open_lane(name).blocks(total), role_of(name)) for name in store.stems]
    files = sorted(path for path in folder.glob("*") if _is_stem(path)) if folder.is_dir() else []
    if not files:
        raise ParameterError(f"{folder} holds no stems: give a folder with drums.wav, bass.wav ..")
    for path in files:
        stem_hz = probe(path).rate_hz
        if stem_hz != rate_hz:
            raise ParameterError(
                f"{path.name} is at {stem_hz} Hz, the song at {rate_hz} Hz: export the stems at its rate"
            )
    return [_Lane(decode_blocks(path), _role_of_file(path)) for path in files]


def _words(path: Path) -> list[str]:
    return re.findall("[a-z]+", path.stem.lower())


def _is_stem(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not {"original", "mixture", "mix"} & set(_words(path))


def _role_of_file(path: Path) -> int:
    """By the last of its words that names a role: "Song - drums.wav"."""
    named = [word for word in _words(path) if word in ROLES]
    return role_of(named[-1] if named else "other")


def n_pictures(duration_s: float, fps: float) -> int:
    """Frames that `score_song` gives for so many seconds."""
    return max(1, math.ceil(duration_s * fps - 1e-9))
