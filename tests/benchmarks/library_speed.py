"""How well a scan uses the cores, and whether its time and memory grow with the library.

    python -m tests.benchmarks.library_speed [--songs N] [--seconds S] [--from SONG ...]

Makes N songs of 6 s (or S) and a third more or less, half generated, half pieces of the songs named (at other
levels). Scans them all into a new library with one process, then with one a core, and prints one JSON
object:

- `efficiency`: wall time of one process over cores x wall time of all, starting them included;
- `cpu_efficiency`: processor seconds that one process needed for the songs over those that all needed
  together. Other programs hardly touch it, so it shows what the processes take from each other;
- `busy`: part of the cores' time that the processes computed, `host_cpu_s` what the scan itself took;
- `steps`: at a quarter, half and all of the songs, milliseconds a song since the step before (the first
  has starting the processes in it), by the clock and of the processors;
- `memory_mb`: of scan and processes together, the highest of each twentieth of the songs.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

# A process of the crew imports this file again, and shall start as quickly as under `charon library`:
# whatever is heavy is imported where it is used.
if TYPE_CHECKING:
    from engine.services.library_scan import ScanProgress

RATE_HZ = 44_100
N_LOOKS = 20


def write_songs(folder: Path, n_songs: int, seconds: float, sources: list[Path]) -> list[Path]:
    import numpy as np
    import soundfile

    from app.cli.kernel_case import ANALYSIS_RATE_HZ, bench_sound
    from engine.io.decode import read_song

    rng = np.random.default_rng(0)
    x = bench_sound(60.0)
    generated = (np.stack([x, np.roll(x, 40)]), ANALYSIS_RATE_HZ)
    known = [read_song(path) for path in sources] or [generated]
    paths: list[Path] = []
    for i in range(n_songs):
        x, rate_hz = generated if i % 2 else known[i // 2 % len(known)]
        n_frames = int(rng.uniform(2 / 3, 4 / 3) * seconds * rate_hz)
        start = int(rng.integers(0, max(1, x.shape[1] - n_frames)))
        piece = x[:, start : start + n_frames] * rng.uniform(0.2, 0.9)
        paths.append(folder / f"{i:05d}.wav")
        soundfile.write(paths[-1], piece.T, rate_hz)
    return paths


class Watch:
    """Looks at time and memory while a scan goes on."""

    def __init__(self) -> None:
        import psutil

        self._host = psutil.Process()
        self._started_s = time.monotonic()
        self._look = -1
        self.memory_mb = [0.0] * N_LOOKS
        self.reached: dict[int, tuple[float, float]] = {}

    def __call__(self, now: "ScanProgress") -> None:
        if not now.total or now.path is None:
            return
        for share in (4, 2, 1):
            if now.done == now.total // share:
                times = [process.cpu_times() for process in self._host.children()]
                crew_cpu_s = sum(used.user + used.system for used in times)
                self.reached[now.done] = (time.monotonic() - self._started_s, crew_cpu_s)
        # A look costs some milliseconds: eight in each twentieth.
        look = 8 * N_LOOKS * now.done // now.total
        if look != self._look:
            self._look = look
            used = sum(p.memory_info().rss for p in [self._host, *self._host.children()]) / 1e6
            place = min(N_LOOKS - 1, N_LOOKS * now.done // now.total)
            self.memory_mb[place] = max(self.memory_mb[place], round(used, 1))

    def steps(self) -> list[dict[str, float]]:
        """Milliseconds a song between one step and the next, by the clock and of the processors."""
        found: list[dict[str, float]] = []
        before, before_s, before_cpu_s = 0, 0.0, 0.0
        for n_songs, (at_s, cpu_s) in self.reached.items():
            new = n_songs - before
            found.append(
                {
                    "songs": n_songs,
                    "s": round(at_s, 2),
                    "ms_a_song": round(1000.0 * (at_s - before_s) / new, 2),
                    "cpu_ms_a_song": round(1000.0 * (cpu_s - before_cpu_s) / new, 2),
                }
            )
            before, before_s, before_cpu_s = n_songs, at_s, cpu_s
        return found


def measure(database: Path, paths: list[Path], processes: int) -> dict[str, object]:
    from engine.services.library import Library
    from engine.services.library_scan import scan_folders

    before = [cpu_s(resource.RUSAGE_SELF), cpu_s(resource.RUSAGE_CHILDREN)]
    watch = Watch()
    with Library(database) as library:
        report = scan_folders(library, paths, progress=watch, processes=processes)
    if report.failed or report.analysed != len(paths):
        raise SystemExit(f"{report}")
    crew_cpu_s = cpu_s(resource.RUSAGE_CHILDREN) - before[1]
    return {
        "processes": processes,
        "wall_s": round(report.wall_s, 2),
        "crew_cpu_s": round(crew_cpu_s, 2),
        "host_cpu_s": round(cpu_s(resource.RUSAGE_SELF) - before[0], 2),
        "busy": round(crew_cpu_s / (processes * report.wall_s), 3),
        "steps": watch.steps(),
        "memory_mb": watch.memory_mb,
    }


def cpu_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--songs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--from", dest="sources", nargs="*", type=Path, default=[])
    asked = parser.parse_args()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        paths = write_songs(scratch, asked.songs, asked.seconds, asked.sources)
        measure(scratch / "warm.db", paths[:8], cores)  # compiled kernels
        one = measure(scratch / "one.db", paths, 1)
        every = measure(scratch / "all.db", paths, cores)
    result = {
        "songs": asked.songs,
        "cores": cores,
        "efficiency": round(float(str(one["wall_s"])) / (cores * float(str(every["wall_s"]))), 3),
        "cpu_efficiency": round(float(str(one["crew_cpu_s"])) / float(str(every["crew_cpu_s"])), 3),
        "one": one,
        "all": every,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
