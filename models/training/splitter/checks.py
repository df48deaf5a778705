"""What judges a network while it learns: rendered songs that were kept out, and real ones with true stems."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import DecodeError
from engine.inference.load import load_architecture
from engine.inference.model_store import ModelStore
from engine.io.home import default_home
from engine.io.true_stems import read_true_song, true_songs
from models.training.splitter.dataset import ACCOMPANIMENT_OF, accompaniment
from models.training.splitter.examples import N_SPLIT, Batch, Changes, ExampleDraw, crop_frames, measure
from models.training.splitter.mixing import STEMS

RENDERED: Final = "rendered"
"""Name of the check of songs that were kept out."""
_N_RENDERED: Final = 8
_RENDERED_FRAMES: Final = 256
"""Of each rendered example: 6 s."""
_RATE_HZ: Final = 44_100


def rendered_check(songs: Sequence[Path], seed: int) -> Batch:
    """Examples from songs that are kept out, unchanged, with what Spleeter leaves in them."""
    draw = ExampleDraw(songs, Changes(mixes=False, residue=1.0, colours=False))
    return draw.batch([seed, 6], _N_RENDERED, _RENDERED_FRAMES)


def real_checks(paths: Sequence[Path], start_s: float, length_s: float) -> dict[str, Batch]:
    """Songs with true stems, behind the real Spleeter.

    Parameters
    ----------
    paths : sequence of Path
        As `engine.io.true_stems.true_songs`.
    start_s, length_s : float
        What of each is used.

    Returns
    -------
    dict of str to Batch
        One example a song, by its name.

    Raises
    ------
    DecodeError
        A song has no true stems, or another rate than 44.1 kHz.
    """
    if not paths:
        return {}
    home = default_home()
    store = ModelStore(home.models, home.cards)
    splitter = load_architecture(store.card(ACCOMPANIMENT_OF), store.files(ACCOMPANIMENT_OF), "throughput")
    found: dict[str, Batch] = {}
    try:
        for path in [one for given in paths for one in true_songs(given)]:
            song = read_true_song(path, start_s, length_s)
            if song.rate_hz != _RATE_HZ:
                raise DecodeError(f"{path} is at {song.rate_hz} Hz; the splitter learns at {_RATE_HZ} Hz")
            true = np.stack(list(song.stems(STEMS, "other").values()))[:3]
            rest = accompaniment(splitter, song.mixture) - true.sum(axis=0)
            parts = np.concatenate([true, rest[None]])
            n = max(0, (parts.shape[2] - crop_frames(1)) // 1024 + 1)
            padded = np.pad(parts, ((0, 0), (0, 0), (0, max(0, crop_frames(max(1, n)) - parts.shape[2]))))
            found[song.name] = measure(np.ascontiguousarray(padded), np.ones((N_SPLIT, 2049), np.float32))
    finally:
        splitter.close()
    return found
