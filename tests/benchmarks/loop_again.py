"""Is a loop found wherever a song repeats it, and nowhere else?

    python -m tests.benchmarks.loop_again FOLDER_OR_WHEEL...

From every song a loop of some seconds is taken; a new song plays it four times between other stretches of
the same song, at places off any grid, and becomes an MP3 of 96 kbit/s. The library hears the new songs by
an ordinary scan, and is asked for the loop by its first appearance. A place is right within a quarter of
a second. Prints a line for each song with a miss and one JSON object.

A song that repeats itself anyway (bars that are copies of each other) has more true places than
those that are counted as right here: precision is a lower bound.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from engine.io.decode import read_song
from engine.services.library import Library
from engine.services.library_scan import scan_folders
from engine.services.segment_search import find_again
from engine.units import F32
from tests.benchmarks.similar_halves import songs_in, write_mp3

N_TIMES = 4
NEAR_S = 0.25
FADE_S = 0.005


def looped(x: F32, rate_hz: int, rng: np.random.Generator) -> tuple[F32, list[float], float]:
    """A song with a loop in it: samples, where the loop begins (s), how long it is (s)."""
    n = x.shape[1]
    length = int(rng.uniform(2.0, 4.0) * rate_hz)
    first = int(rng.uniform(0.0, 0.3) * n)
    loop = x[:, first : first + length]
    # What lies between comes from behind the loop, each stretch of it once.
    rest = np.array_split(x[:, first + length :], N_TIMES + 1, axis=1)
    parts, starts, at = [], [], 0
    for i, stretch in enumerate(rest):
        part = stretch[:, : int(stretch.shape[1] * rng.uniform(0.5, 1.0))]
        for piece in [part, loop] if i < N_TIMES else [part]:
            if piece is loop:
                starts.append(at / rate_hz)
            fade = np.minimum(1.0, np.arange(piece.shape[1]) / (FADE_S * rate_hz))
            parts.append((piece * fade * fade[::-1]).astype(np.float32))
            at += piece.shape[1]
    return np.concatenate(parts, axis=1), starts, length / rate_hz


def main(places: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name, Library(Path(name) / "library.db") as library:
        scratch = Path(name)
        folder = scratch / "looped"
        folder.mkdir()
        truth: dict[str, tuple[list[float], float]] = {}
        for i, path in enumerate(songs_in(places, scratch)):
            x, rate_hz = read_song(path)
            song, starts, length_s = looped(x, rate_hz, np.random.default_rng(i))
            write_mp3(folder / f"{i:03d} {path.stem}.mp3", song, rate_hz)
            truth[f"{i:03d} {path.stem}"] = starts, length_s
        scan_folders(library, [folder])
        n_right = n_found = n_true = 0
        for song in library.songs():
            starts, length_s = truth[song.paths[0].stem]
            found = find_again(library, song.song_id, (starts[0], length_s))
            right = [any(abs(one.start_s - start) <= NEAR_S for start in starts[1:]) for one in found]
            n_right += sum(right)
            n_found += len(found)
            n_true += len(starts) - 1
            if not all(right) or sum(right) < len(starts) - 1:
                told = ", ".join(f"{one.start_s:.1f} ({one.distance:.2f})" for one in found)
                print(f"{song.paths[0].stem}: {[round(s, 1) for s in starts]}, found {told or 'nothing'}")
    print(
        json.dumps(
            {
                "songs": len(truth),
                "found": n_found,
                "right": n_right,
                "precision": n_right / max(1, n_found),
                "recall": n_right / max(1, n_true),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
