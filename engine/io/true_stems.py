"""Songs whose true stems are known: what separations are judged by.

Any thread; whole songs in memory, about 0.7 MB a second and track at 44.1 kHz. Two forms are read: one file
with a stream a stem, as Native Instruments' Stems and MUSDB18 have it, and a folder with a file a track.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.error import FFmpegError

from engine.errors import DecodeError, ParameterError
from engine.io.decode import decode_blocks, probe
from engine.io.demux import check_readable, open_container
from engine.io.sound_files import SUFFIXES
from engine.io.stereo_blocks import StereoBlocks
from engine.units import F32, s_to_frames

MIXTURE = "mixture"
STREAM_NAMES = (MIXTURE, "drums", "bass", "other", "vocals")
"""What the five streams of a stem file hold, in their order."""
_MIXTURE_NAMES = frozenset(["mixture", "mix", "master", "original"])
_STEM_WORDS = (
    ("drums", ("drum", "percussion", "kick", "snare", "cymbal", "hihat")),
    ("vocals", ("vocal", "voice", "vox", "singer", "choir")),
    ("bass", ("bass",)),
    ("guitar", ("guitar",)),
    ("piano", ("piano",)),
)
"""What a track is called that belongs to a stem; the first that fits."""


@dataclass(frozen=True, slots=True)
class TrueSong:
    """A song and the tracks it was mixed from.

    Parameters
    ----------
    name : str
    rate_hz : int
    mixture : float32 array, shape (2, frames)
    tracks : dict of str to float32 array, shape (2, frames)
    """

    name: str
    rate_hz: int
    mixture: F32
    tracks: dict[str, F32]

    def stems(self, names: tuple[str, ...], residual: str) -> dict[str, F32]:
        """What a model with these stems should give.

        Parameters
        ----------
        names : tuple of str
            The model's stems.
        residual : str
            The one of them that takes every track that is none of the others.

        Returns
        -------
        dict of str to float32 array, shape (2, frames)
            In the order of `names`; zeros for a stem that the song does not have.
        """
        sums = {name: np.zeros_like(self.mixture) for name in names}
        for track, sound in self.tracks.items():
            stem = stem_of(track, names)
            sums[residual if stem is None else stem] += sound
        return sums


def stem_of(track: str, names: tuple[str, ...]) -> str | None:
    """Stem of `names` that a track belongs to by its own name; None where none fits."""
    plain = track.casefold()
    if plain in names:
        return plain
    for stem, words in _STEM_WORDS:
        if any(word in plain for word in words):
            return stem if stem in names else None
    return None


def true_songs(path: Path) -> list[Path]:
    """Songs with true stems at a path.

    Parameters
    ----------
    path : Path
        A stem file, a folder with a file a track, or a folder of such files and folders.

    Returns
    -------
    list of Path
        Each for `read_true_song`.

    Raises
    ------
    DecodeError
        There is none.
    """
    if not path.is_dir():
        check_readable(path)
        return [path]
    files = _sound_files(path)
    stem_files = [file for file in files if file.name.casefold().endswith(".stem.mp4")]
    if len(files) - len(stem_files) >= 2:
        return [path]
    folders = [folder for folder in sorted(path.iterdir()) if folder.is_dir()]
    found = stem_files + [folder for folder in folders if len(_sound_files(folder)) >= 2]
    if not found:
        raise DecodeError(
            f"{path} holds no song with true stems: it takes a .stem.mp4, or a folder with a file a stem"
        )
    return found


def read_true_song(path: Path, start_s: float = 0.0, length_s: float | None = None) -> TrueSong:
    """Read a song and its true stems.

    Parameters
    ----------
    path : Path
        As `true_songs` gave it.
    start_s : float, >= 0
        Where to begin.
    length_s : float or None
        How much of it; None is all.

    Returns
    -------
    TrueSong
        Without a track of the mixture the mixture is the sum of all; shorter tracks end in silence.

    Raises
    ------
    DecodeError
        The file has too few streams, the tracks differ in rate, or one cannot be read.
    ParameterError
        The song ends before `start_s`.
    """
    tracks, rate_hz = _read_folder(path) if path.is_dir() else _read_streams(path)
    n_frames = max(sound.shape[1] for sound in tracks.values())
    start = s_to_frames(start_s, rate_hz)
    stop = n_frames if length_s is None else min(n_frames, start + s_to_frames(length_s, rate_hz))
    if stop <= start:
        raise ParameterError(
            f"{path.name} is {n_frames / rate_hz:.1f} s long: nothing of it from {start_s} s"
        )
    cut = {name: _cut(sound, start, stop) for name, sound in tracks.items()}
    named = next((name for name in cut if name.casefold() in _MIXTURE_NAMES), None)
    mixture = cut.pop(named) if named is not None else np.stack(list(cut.values())).sum(axis=0)
    if len(cut) < 2:
        raise DecodeError(f"{path} has {len(cut)} track beside the mixture; two or more can be told apart")
    name = path.name if path.is_dir() else path.name.removesuffix(".mp4").removesuffix(".stem")
    return TrueSong(name, rate_hz, mixture, cut)


def _sound_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.casefold() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]


def _cut(sound: F32, start: int, stop: int) -> F32:
    """Frames [start, stop), silence where there are none."""
    out = np.zeros((2, stop - start), np.float32)
    piece = sound[:, start:stop]
    out[:, : piece.shape[1]] = piece
    return out


def _read_folder(folder: Path) -> tuple[dict[str, F32], int]:
    files = _sound_files(folder)
    rates_hz = {file.name: probe(file).rate_hz for file in files}
    if len(set(rates_hz.values())) != 1:
        told = ", ".join(f"{name} {rate_hz} Hz" for name, rate_hz in rates_hz.items())
        raise DecodeError(f"the tracks in {folder} differ in rate ({told}); bring them to one first")
    tracks = {file.stem: np.concatenate(list(decode_blocks(file)), axis=1) for file in files}
    if len(tracks) != len(files):
        raise DecodeError(f"two files in {folder} are called the same but for their ending; keep one a track")
    return tracks, next(iter(rates_hz.values()))


def _read_streams(path: Path) -> tuple[dict[str, F32], int]:
    check_readable(path)
    try:
        with open_container(path) as container:
            streams = container.streams.audio
            if len(streams) != len(STREAM_NAMES):
                raise DecodeError(
                    f"{path.name} has {len(streams)} streams of sound, a stem file has five: mixture, drums, "
                    "bass, other, vocals"
                )
            rate_hz = streams[0].rate
        sounds = [_read_stream(path, index, rate_hz) for index in range(len(STREAM_NAMES))]
    except (FFmpegError, OSError, ValueError) as err:
        raise DecodeError(f"{path} cannot be read as a stem file: {err}") from err
    return dict(zip(STREAM_NAMES, sounds, strict=True)), rate_hz


def _read_stream(path: Path, index: int, rate_hz: int) -> F32:
    gathered = StereoBlocks(path, rate_hz, 65_536)
    blocks: list[F32] = []
    with open_container(path) as container:
        for frame in container.decode(container.streams.audio[index]):
            if frame.sample_rate != rate_hz:
                raise DecodeError(f"stream {index} of {path.name} has another rate than the first one")
            blocks += gathered.add(frame, frame.samples, False)
    blocks += gathered.rest()
    return np.concatenate(blocks, axis=1)
