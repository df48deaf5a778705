"""Peak resident memory of the whole process tree while songs of different length are separated.

    python -m tests.benchmarks.separate_memory SHORT_SONG LONG_SONG

Prints one JSON object with each song's length, peak memory, speed, and the ratio of the two peaks.
Each song is separated by a fresh `charon separate` into a temporary folder, with an empty stem store.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from engine.io.home import Home, default_home

SAMPLE_S = 0.02


def tree_bytes(root: psutil.Process) -> int:
    """Resident bytes of a process and all its children; shared pages count once for each."""
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def separate(song: Path, model: str) -> dict[str, Any]:
    """Separate one song in processes of its own and watch their memory."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.root.mkdir()
        home.models.symlink_to(default_home().models)
        command = [
            sys.executable,
            "-m",
            "app",
            "separate",
            str(song),
            "-o",
            f"{folder}/out",
            "--model",
            model,
            "--json",
        ]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, "CHARON_HOME": str(home.root)}, text=True
        )
        watched = psutil.Process(process.pid)
        peak = 0
        while process.poll() is None:
            try:
                peak = max(peak, tree_bytes(watched))
            except psutil.NoSuchProcess:
                break
            time.sleep(SAMPLE_S)
        out = process.communicate()[0]
        result = json.loads(out)["songs"][0]
    keys = ("seconds", "wall_s", "inference_s", "realtime_factor", "sum_error_db")
    return {"song": str(song), "peak_mb": peak / 1e6, **{key: result[key] for key in keys}}


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("short", type=Path)
    parser.add_argument("long", type=Path)
    parser.add_argument("--model", default="spleeter-2stems")
    arguments = parser.parse_args()
    short, long = (separate(song, arguments.model) for song in (arguments.short, arguments.long))
    print(json.dumps({"songs": [short, long], "peak_ratio": long["peak_mb"] / short["peak_mb"]}, indent=2))


if __name__ == "__main__":
    main()
