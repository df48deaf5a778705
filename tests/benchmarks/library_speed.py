"""How well a scan uses the cores, and whether its time and memory grow with the library.

    python -m tests.benchmarks.library_speed [N_SONGS] [SONG...]

Makes N_SONGS files of 4 to 8 s: pieces of the songs named, at other levels, or generated notes. Scans a
quarter and then all of them into new libraries with one process and with one a core, and prints one
JSON object: seconds, efficiency (wall time of one process over cores x wall time of all), seconds a
song, and the crew's highest memory over the first and the last quarter of the songs.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import soundfile

from app.cli.kernel_case import ANALYSIS_RATE_HZ, bench_sound
from engine.io.decode import read_song
from engine.services.library import Library
from engine.services.library_scan import ScanProgress, scan_folders

RATE_HZ = 44_100


def write_songs(folder: Path, n_songs: int, sources: list[Path]) -> list[Path]:
    rng = np.random.default_rng(0)
    known = [read_song(path) for path in sources]
    if not known:
        x = bench_sound(60.0)
        known = [(np.stack([x, np.roll(x, 40)]), ANALYSIS_RATE_HZ)]
    paths: list[Path] = []
    for i in range(n_songs):
        x, rate_hz = known[i % len(known)]
        n_frames = int(rng.uniform(4.0, 8.0) * rate_hz)
        start = int(rng.integers(0, max(1, x.shape[1] - n_frames)))
        piece = x[:, start : start + n_frames] * rng.uniform(0.2, 0.9)
        paths.append(folder / f"{i:05d}.wav")
        soundfile.write(paths[-1], piece.T, rate_hz)
    return paths


class _Watch:
    """Highest memory of all processes of the crew, a quarter of the songs at a time."""

    def __init__(self) -> None:
        self.highest_mb = [0.0] * 4

    def __call__(self, now: ScanProgress) -> None:
        # psutil costs about as much as a song: a look at every tenth is enough.
        if not now.total or now.done % 10:
            return
        crew = psutil.Process().children()
        used_mb = sum(process.memory_info().rss for process in crew) / 1e6
        quarter = min(3, 4 * now.done // now.total)
        self.highest_mb[quarter] = max(self.highest_mb[quarter], used_mb)


def measure(database: Path, paths: list[Path], processes: int) -> tuple[float, list[float]]:
    watch = _Watch()
    with Library(database) as library:
        report = scan_folders(library, paths, progress=watch, processes=processes)
    if report.failed or report.analysed != len(paths):
        raise SystemExit(f"{report}")
    return report.wall_s, watch.highest_mb


def main(arguments: list[str]) -> None:
    n_songs = int(arguments[0]) if arguments else 1000
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        paths = write_songs(scratch, n_songs, [Path(source) for source in arguments[1:]])
        measure(scratch / "warm.db", paths[:4], cores)  # compiled kernels
        quarter_s, _ = measure(scratch / "quarter.db", paths[: n_songs // 4], cores)
        all_s, memory_mb = measure(scratch / "all.db", paths, cores)
        one_s, _ = measure(scratch / "one.db", paths, 1)
    result = {
        "songs": n_songs,
        "cores": cores,
        "quarter_s": quarter_s,
        "all_s": all_s,
        "one_process_s": one_s,
        "efficiency": one_s / (cores * all_s),
        "growth": (all_s / n_songs) / (quarter_s / (n_songs // 4)),
        "memory_mb_by_quarter": memory_mb,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
