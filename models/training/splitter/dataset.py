"""A set of rendered songs on disk: made in parallel, kept, added to, the same for the same seed.

One file a song, float16, shape (5, 2, frames) at 44.1 kHz: drums, bass, other, vocals, and the accompaniment
that Spleeter makes of their sum, 21 MB.
"""

import hashlib
import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

import numpy as np

from engine.inference.architecture import Architecture
from engine.inference.load import load_architecture
from engine.inference.model_store import ModelStore
from engine.io.home import default_home
from engine.units import F32
from models.training.splitter.instruments import check_player
from models.training.splitter.mixing import STEMS, Studio, open_studio, render_song
from models.training.splitter.sounds import SoundShelf, read_manifest

ACCOMPANIMENT_OF = "spleeter-2stems"
LAYERS = (*STEMS, "accompaniment")
"""Rows of a song's file."""
_studio: Studio
_splitter: Architecture
# One of each a rendering process, made by `_open`: they take seconds and hundreds of megabytes.


def set_name(seed: int, data: Path | None, sounds: Path | None) -> str:
    """What names a set of songs: the seed, and a hash of the scores and sounds that they are made from."""
    names = [folder.name for folder in song_folders(data)]
    used = [] if sounds is None else [sound.sha256 for sound in read_manifest()]
    made_from = hashlib.sha256(json.dumps([names, used]).encode()).hexdigest()
    return f"{seed}-{made_from[:8]}"


def song_folders(data: Path | None) -> tuple[Path, ...]:
    """Folders of POP909's form (a .mid with beat_midi.txt) under `data`."""
    return tuple(sorted(path.parent for path in data.rglob("beat_midi.txt"))) if data is not None else ()


def make_songs(
    folder: Path,
    indices: range,
    *,
    seed: int,
    data: Path | None,
    sounds: Path | None,
    workers: int,
    told: Callable[[int, int], None],
) -> list[Path]:
    """Render the songs that are not there yet.

    Parameters
    ----------
    folder : Path
        Where they are kept.
    indices : range
        Which songs of the set.
    seed : int
        Which set.
    data : Path or None
        Folder of scores; None makes every song up.
    sounds : Path or None
        Root of the sounds, see `SoundShelf`; None computes every sound.
    workers : int, >= 1
        Processes.
    told : callable
        `told(done, total)` after every song.

    Returns
    -------
    list of Path
        Files of all songs of `indices`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = set_name(seed, data, sounds)
    paths = {index: folder / f"song-{name}-{index:05d}.npy" for index in indices}
    wanted = [index for index, path in paths.items() if not path.is_file()]
    home = default_home()
    ModelStore(home.models, home.cards).files(ACCOMPANIMENT_OF)
    shelf = _shelf(sounds)
    if shelf is not None:
        # What is missing or wrong is told here, in words: a process that cannot begin has none.
        check_player()
        for sound in shelf.sounds:
            shelf.file(sound)
    used = [] if shelf is None else [asdict(sound) for sound in shelf.sounds]
    about = {"seed": seed, "layers": LAYERS, "sounds": used}
    (folder / f"set-{name}.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    done = len(indices) - len(wanted)
    told(done, len(indices))
    if wanted:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, context, _open, (data, sounds))
        try:
            jobs = [pool.submit(_make, paths[index], seed, index) for index in wanted]
            for job in as_completed(jobs):
                job.result()
                done += 1
                told(done, len(indices))
        finally:
            pool.shutdown(cancel_futures=True)
    return list(paths.values())


def _shelf(sounds: Path | None) -> SoundShelf | None:
    return None if sounds is None else SoundShelf(sounds)


def _open(data: Path | None, sounds: Path | None) -> None:
    global _studio, _splitter
    _studio = open_studio(_shelf(sounds), song_folders(data))
    home = default_home()
    store = ModelStore(home.models, home.cards)
    # The live profile leaves a core alone; here every core has a process of its own.
    _splitter = load_architecture(store.card(ACCOMPANIMENT_OF), store.files(ACCOMPANIMENT_OF), "live")


def _make(path: Path, seed: int, index: int) -> None:
    stems = render_song(_studio, seed, index)
    layers = np.concatenate([stems, accompaniment(_splitter, stems.sum(axis=0))[None]])
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        np.save(file, layers.astype(np.float16))
    beside.replace(path)


def accompaniment(splitter: Architecture, mixture: F32) -> F32:
    """What Spleeter leaves of a mixture when it takes the vocals away.

    Parameters
    ----------
    splitter : Architecture
        Vocals, accompaniment.
    mixture : float32 array, shape (2, frames)

    Returns
    -------
    float32 array, shape (2, frames)
    """
    first, step = splitter.valid_start, splitter.valid_stop - splitter.valid_start
    n = mixture.shape[1]
    padded = np.zeros((2, first + -(-n // step) * step + splitter.window_frames), np.float32)
    padded[:, first : first + n] = mixture
    stems = np.zeros((2, 2, step), np.float32)
    out = np.zeros((2, -(-n // step) * step), np.float32)
    for at in range(0, n, step):
        splitter.separate(np.ascontiguousarray(padded[:, at : at + splitter.window_frames]), stems)
        out[:, at : at + step] = stems[1]
    return out[:, :n]
