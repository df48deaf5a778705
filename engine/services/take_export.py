"""A take put where it was sung: one file as long as the song, at the song's rate, to lie beside its stems.

The take's log says which song frame went out beside which frame of the take. A passage is moved back by the
round trip, resampled to the song's rate and written at its place; where the song was played twice over the
same bars (a loop, a second try) the later passage replaces the earlier one, with a short cross-fade. Between
passages there is silence.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from engine.errors import StoreError
from engine.io.encode import OutputFormat, SoundFileWriter, check_output
from engine.io.lanes import LaneFile, create_sparse, interleave
from engine.kernels.resample import ResampleFilter, design, needed_input, resample_frames
from engine.services.take import Kind, Take, read_take
from engine.units import F32, rescale_frames

BLOCK_FRAMES: Final = 65_536
FADE_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class TakeExport:
    """What `export_take` wrote.

    Parameters
    ----------
    path : Path
        The file.
    n_frames : int
        Its length, the song's.
    passages : int
        Stretches of the take that it is made of.
    """

    path: Path
    n_frames: int
    passages: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Take frames from `take_frame` on lie at song frames [song_start, song_stop)."""

    take_frame: int
    song_start: int
    song_stop: int


def export_take(
    log: Path, out: Path, total_frames: int, kind: Kind = "wet", fmt: OutputFormat | None = None
) -> TakeExport:
    """Write a take as a lane of its song.

    Parameters
    ----------
    log : Path
        The ``.take`` file.
    out : Path
        The file to write; replaced if it exists.
    total_frames : int
        Length of the song, at the rate that the take's log states.
    kind : {"dry", "wet"}
    fmt : OutputFormat or None
        None writes a float WAV.

    Raises
    ------
    StoreError
        The take cannot be read, or was not recorded beside a song.
    EncodeError
        The file cannot be written; nothing is left of it.
    """
    take, fmt = read_take(log), fmt or OutputFormat()
    rate_hz = take.head.song_rate_hz
    if rate_hz <= 0:
        raise StoreError(f"{log} was recorded without a song: use its WAV files as they are")
    check_output(out.parent, fmt, rate_hz, 2 * total_frames, 1)
    lane_path = out.with_name(out.name + ".lane")
    try:
        create_sparse(lane_path, total_frames)
        with LaneFile(lane_path, writable=True) as lane:
            n_stretches = place_take(take, kind, lane, total_frames)
            _write(lane, out, fmt, rate_hz, total_frames)
    finally:
        lane_path.unlink(missing_ok=True)
    return TakeExport(out, total_frames, n_stretches)


def place_take(take: Take, kind: Kind, lane: LaneFile, total_frames: int) -> int:
    """Write every passage of a take to its place in a silent lane.

    Parameters
    ----------
    take : Take
        Recorded beside a song.
    kind : {"dry", "wet"}
    lane : LaneFile
        Writable, `total_frames` long, at the song's rate.
    total_frames : int
        What is sung beyond them is left out.

    Returns
    -------
    int
        How many stretches of the take it is made of.

    Raises
    ------
    StoreError
        The recording is missing or broken, or the disk is full.
    """
    with _open(take.path(kind)) as voice:
        stretches = _stretches(take, voice.frames, total_frames)
        for stretch in stretches:
            _place(voice, take, stretch, lane)
    return len(stretches)


def _open(path: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError) as err:
        raise StoreError(f"the take's recording {path} is missing or broken: choose the other kind") from err


def _stretches(take: Take, take_frames: int, total_frames: int) -> list[_Stretch]:
    """Where each passage goes, in the order in which they were sung."""
    head = take.head
    found: list[_Stretch] = []
    ends = [passage.take_frame for passage in take.passages[1:]] + [take_frames]
    for passage, end in zip(take.passages, ends, strict=True):
        first = passage.take_frame + head.latency_frames
        n_take = min(end + head.latency_frames, take_frames) - first
        if passage.song_frame < 0 or n_take <= 0:
            continue
        stop = passage.song_frame + rescale_frames(n_take, head.rate_hz, head.song_rate_hz)
        if passage.song_frame < total_frames:
            found.append(_Stretch(first, passage.song_frame, min(stop, total_frames)))
    return found


def _place(voice: soundfile.SoundFile, take: Take, stretch: _Stretch, lane: LaneFile) -> None:
    """Resample one stretch into the lane, over what an earlier one left there."""
    to_song = design(take.head.rate_hz, take.head.song_rate_hz)
    n = stretch.song_stop - stretch.song_start
    fade = min(round(FADE_S * take.head.song_rate_hz), n // 2)
    for start in range(0, n, BLOCK_FRAMES):
        sung = _resampled(voice, stretch.take_frame, to_song, start, min(BLOCK_FRAMES, n - start))
        at = np.arange(start, start + sung.shape[1])
        weight = np.clip(np.minimum(at + 1, n - at) / max(fade, 1), 0.0, 1.0).astype(np.float32)
        there = lane.read(stretch.song_start + start, sung.shape[1]).T
        lane.write(stretch.song_start + start, interleave(weight * sung + (1.0 - weight) * there))


def _resampled(
    voice: soundfile.SoundFile, origin: int, to_song: ResampleFilter, start: int, n_out: int
) -> F32:
    """Frames [start, start + n_out) at the song's rate, counted from the take's frame `origin`."""
    in_start, in_stop = needed_input(to_song, start, n_out)
    x: F32 = np.zeros((2, in_stop - in_start), np.float32)
    first = max(0, origin + in_start)
    voice.seek(min(first, voice.frames))
    frames = voice.read(max(0, origin + in_stop - first), dtype="float32", always_2d=True)
    x[:, first - origin - in_start :][:, : len(frames)] = frames.T
    out: F32 = np.empty((2, n_out), np.float32)
    resample_frames(x, in_start, to_song, start, out)
    return out


def _write(lane: LaneFile, out: Path, fmt: OutputFormat, rate_hz: int, total_frames: int) -> None:
    with SoundFileWriter(out, fmt, rate_hz, expected_frames=total_frames) as writer:
        for block in lane.blocks(total_frames, BLOCK_FRAMES):
            writer.write(block)
        writer.commit()
