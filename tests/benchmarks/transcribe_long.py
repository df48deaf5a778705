"""Peak memory of `charon transcribe` over the length of what it hears.

    python -m tests.benchmarks.transcribe_long SPEECH [--minutes 5 180] [--model whisper-base]

Makes a file for each length: SPEECH once every ten minutes, beside it noise and silence in turn. Prints one
JSON object with the peak of the whole process tree, the lines that were found and the speed of each, and the
ratio of the last peak to the first.
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

import numpy as np
import psutil
import soundfile

from engine.io.decode import read_song
from engine.io.home import Home, default_home
from tests.benchmarks.separate_memory import SAMPLE_S, tree_bytes

EVERY_S = 600


def write_long(speech: Path, path: Path, minutes: int) -> None:
    """Speech at the beginning of every ten minutes, then half a minute each of noise and of nothing."""
    sound, rate_hz = read_song(speech)
    voice = sound.mean(axis=0)
    noise = 0.02 * np.random.default_rng(1).standard_normal(30 * rate_hz).astype(np.float32)
    with soundfile.SoundFile(path, "w", rate_hz, 1) as file:
        for at_s in range(0, 60 * minutes, 60):
            first = voice if at_s % EVERY_S == 0 else noise
            minute = np.zeros(60 * rate_hz, np.float32)
            minute[: len(first)] = first
            file.write(minute)


def transcribe(song: Path, model: str) -> dict[str, Any]:
    """Transcribe in processes of their own and watch their memory."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.models.symlink_to(default_home().models)
        command = [sys.executable, "-m", "app", "transcribe", str(song), "--model", model, "--json"]
        told = home.root / "told.json"
        with told.open("w") as out:
            process = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "CHARON_HOME": str(home.root)},
            )
        watched, peak = psutil.Process(process.pid), 0
        while process.poll() is None:
            try:
                peak = max(peak, tree_bytes(watched))
            except psutil.NoSuchProcess:
                break
            time.sleep(SAMPLE_S)
        result = json.loads(told.read_text())
    return {
        "minutes": round(result["seconds"] / 60, 1),
        "peak_mb": round(peak / 1e6, 1),
        "n_lines": len(result["segments"]),
        "first_words": [segment["text"][:30] for segment in result["segments"][:3]],
        "realtime_factor": round(result["seconds"] / result["wall_s"], 1),
        "warnings": result["warnings"],
    }


def main() -> None:
    """Parse, make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("speech", type=Path)
    parser.add_argument("--minutes", type=int, nargs="+", default=[5, 180])
    parser.add_argument("--model", default="whisper-base")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in arguments.minutes:
            path = Path(folder) / f"{minutes} minutes.wav"
            write_long(arguments.speech, path, minutes)
            rows.append(transcribe(path, arguments.model))
            path.unlink()
    print(json.dumps({"songs": rows, "peak_ratio": rows[-1]["peak_mb"] / rows[0]["peak_mb"]}, indent=2))


if __name__ == "__main__":
    main()
