"""Songs to learn from: found, listened to on every core that is given, split, cut into stretches.

Training process; with workers, one process a core reads files. A song is kept as its rows of features
only: 24 bytes a row, 4 MB an hour.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from engine.errors import CharonError, CharonWarning, DecodeError, ParameterError
from engine.io.decode import content_hash, decode_blocks, probe
from engine.io.sound_files import SoundFile, sound_files
from engine.services.spawned import end_with_parent
from engine.stream.orbit_features import (
    FEATURES,
    HOP,
    N_CONTEXT,
    N_INPUTS,
    RATE_HZ,
    OrbitFeatures,
    windows_of,
)
from engine.stream.resampler import Resampler
from engine.units import F32, F64

STRETCH_ROWS = 512
"""11 s, what is learnt from at once: long enough for what grows and fades, not just for beats."""
ROWS_PER_S = RATE_HZ / HOP
_LEAST_ROWS = N_CONTEXT + STRETCH_ROWS
_FEW_SONGS = 5


@dataclass(frozen=True)
class Song:
    """What was heard of one file.

    Attributes
    ----------
    name : str
        The file's name.
    sha256 : str
        Of the file.
    rows : float32 array, shape (n, 6)
        `OrbitFeatures`, RATE_HZ / HOP rows a second.
    """

    name: str
    sha256: str
    rows: F32


@dataclass(frozen=True)
class Split:
    """Songs to learn from, and songs to judge by: rows (n, 6) each."""

    training: tuple[Song, ...]
    validation: tuple[Song, ...]


def find_songs(places: Sequence[Path], max_files: int | None = None) -> list[Path]:
    """Sound files among and below `places`, each once, in the order of a listing.

    Raises
    ------
    ParameterError
        A place is not there, or there is no sound file.
    """
    found: dict[Path, None] = {}
    for place in places:
        for entry in sound_files(place):
            if isinstance(entry, SoundFile):
                found[entry.path.resolve()] = None
            elif entry is not None and entry.path == place:
                raise ParameterError(f"{place}: {entry.reason}; name a sound file or a folder of them")
    if not found:
        named = ", ".join(map(str, places))
        raise ParameterError(f"no sound file in {named}: name a folder that holds songs")
    return list(found)[:max_files]


def listen(path: Path) -> Song:
    """Read a file and measure its features, block by block.

    Raises
    ------
    DecodeError
        The file is no sound, or shorter than a stretch.
    """
    info = probe(path)
    resampler = Resampler(1, info.rate_hz, RATE_HZ) if info.rate_hz != RATE_HZ else None
    features = OrbitFeatures()
    rows = []
    with warnings.catch_warnings():
        # A damaged file still teaches; what is missing in it does not matter here.
        warnings.simplefilter("ignore", CharonWarning)
        for block in decode_blocks(path):
            mono = block.mean(axis=0, dtype=np.float32, keepdims=True)
            rows.append(features.push((resampler.process(mono) if resampler else mono)[0]))
    heard = np.concatenate(rows) if rows else np.empty((0, len(FEATURES)), np.float32)
    if len(heard) < _LEAST_ROWS:
        raise DecodeError(
            f"{path.name} is shorter than {_LEAST_ROWS / ROWS_PER_S:.1f} s: too short to learn from"
        )
    return Song(path.name, content_hash(path), heard)


def _try_to_listen(path: Path) -> Song | str:
    try:
        return listen(path)
    except CharonError as err:
        return f"{path.name}: {err}" if path.name not in str(err) else str(err)


def listen_to_all(
    paths: Sequence[Path], workers: int, heard: Callable[[int, str | None], None]
) -> tuple[Song, ...]:
    """Listen to every file; those that cannot be read are told and left out.

    Parameters
    ----------
    paths : sequence of Path
    workers : int, >= 0
        Processes that read; 0 reads in this one.
    heard : callable
        `heard(n_done, problem or None)` after every file.

    Returns
    -------
    tuple of Song
        In the order of `paths`, whatever the workers; of the same content only the first.

    Raises
    ------
    ParameterError
        Not one of them could be used.
    """
    songs: dict[str, Song] = {}
    for n_done, result in enumerate(_results(paths, workers), 1):
        if isinstance(result, Song):
            songs.setdefault(result.sha256, result)
        heard(n_done, result if isinstance(result, str) else None)
    if not songs:
        raise ParameterError("none of the songs can be learnt from: see what was said of each")
    return tuple(songs.values())


def _results(paths: Sequence[Path], workers: int) -> Iterator[Song | str]:
    if workers == 0:
        yield from map(_try_to_listen, paths)
        return
    # Not forked: this process has threads.
    context = get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent)
    try:
        yield from pool.map(_try_to_listen, paths)
    except BrokenProcessPool as err:
        raise DecodeError("a process that read songs was killed; is there too little memory?") from err
    finally:
        pool.shutdown(cancel_futures=True)


def split_songs(songs: Sequence[Song], share: float, seed: int) -> Split:
    """Keep some songs for validation; of fewer than five, the end of each.

    Parameters
    ----------
    songs : sequence of Song
    share : float, 0.05 to 0.5
        For validation.
    seed : int
    """
    if len(songs) >= _FEW_SONGS:
        order = np.random.default_rng([seed, 1]).permutation(len(songs))
        kept = set(order[: max(1, round(share * len(songs)))].tolist())
        parts = [tuple(s for i, s in enumerate(songs) if (i in kept) is wanted) for wanted in (False, True)]
        return Split(parts[0], parts[1])
    heads, tails = [], []
    for song in songs:
        # Both parts are long enough for a stretch; where the song is too short for two, they overlap.
        cut = len(song.rows) - max(_LEAST_ROWS, round(share * len(song.rows)))
        heads.append(Song(song.name, song.sha256, song.rows[: max(cut, _LEAST_ROWS)]))
        tails.append(Song(song.name, song.sha256, song.rows[cut:]))
    return Split(tuple(heads), tuple(tails))


def dataset_hash(songs: Sequence[Song]) -> str:
    """One sha256 of what the songs hold, whatever their order and names."""
    return hashlib.sha256("\n".join(sorted(song.sha256 for song in songs)).encode()).hexdigest()


def stretches(songs: Sequence[Song], n: int, rng: np.random.Generator) -> tuple[F32, F32]:
    """Cut stretches at random; a longer song is chosen more often.

    Parameters
    ----------
    songs : sequence of Song
    n : int
    rng : Generator

    Returns
    -------
    float32 array, shape (n, STRETCH_ROWS, 60)
        Windows.
    float32 array, shape (n, STRETCH_ROWS, 6)
        The newest row of each window.
    """
    before = N_CONTEXT - 1
    room: F64 = np.array([len(song.rows) - STRETCH_ROWS - before + 1 for song in songs], np.float64)
    seen = np.empty((n, STRETCH_ROWS, N_INPUTS), np.float32)
    for i, which in enumerate(rng.choice(len(songs), n, p=room / room.sum())):
        start = int(rng.integers(int(room[which])))
        seen[i] = windows_of(songs[which].rows[start : start + before + STRETCH_ROWS])[before:]
    return seen, np.ascontiguousarray(seen[:, :, -len(FEATURES) :])
