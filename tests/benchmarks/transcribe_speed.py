"""How fast transcription is, how fast its model is there, and what memory it takes.

    python -m tests.benchmarks.transcribe_speed SONG [--model whisper-base] [--repeats 3]

Prints one JSON object. `load_s` is a load with the files in the system's cache, `second_load_s` the next
request of the same model; `resident_mb` the process after the song. For every way of hearing `seconds` of
song over `wall_s` is `realtime_factor`; the vocals are in the stem store before. `plain` is faster-whisper by
itself on the same sound with the same threads, precision, beams and word times, taken in turn with ours;
`ratio` is its time over ours when ours hears the mix as it does. Medians.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from faster_whisper import WhisperModel

from engine.errors import CharonWarning
from engine.inference.sessions import Profile
from engine.inference.whisper import choose_plan
from engine.io.home import Home, default_home
from engine.services.transcribe_song import Transcriber
from engine.services.transcription_job import DEFAULT_MODEL, TranscriptionOrder

PROFILE: Profile = "throughput"


def ours_s(transcriber: Transcriber, song: Path, order: TranscriptionOrder) -> float:
    """Seconds to hear a song of which nothing is known but its vocals."""
    with transcriber.open(song, order) as opened:
        folder = opened.transcript.folder
    for path in folder.iterdir():
        path.unlink()
    begun_s = time.perf_counter()
    with transcriber.open(song, order) as opened:
        n_lines = len(list(opened.segments()))
    wall_s = time.perf_counter() - begun_s
    if not n_lines:
        raise SystemExit(f"nothing is sung in {song}: take another song")
    return wall_s


def plain_s(model: WhisperModel, song: Path, *, vad: bool) -> float:
    """Seconds of faster-whisper by itself, decoding of the file included."""
    begun_s = time.perf_counter()
    segments, _info = model.transcribe(
        str(song), beam_size=5, word_timestamps=True, vad_filter=vad, condition_on_previous_text=False
    )
    for _ in segments:
        pass
    return time.perf_counter() - begun_s


def loads(transcriber: Transcriber, model: str) -> dict[str, float]:
    """Seconds of a load with warm files, of the next request, and what was reserved."""
    plan = choose_plan()
    found: list[float] = []
    for _ in range(3):
        transcriber.cache.clear()
        for _again in range(2):
            begun_s = time.perf_counter()
            with transcriber.cache.use(model, plan):
                found.append(time.perf_counter() - begun_s)
    return {
        "load_s": round(statistics.median(found[2::2]), 3),
        "second_load_s": round(statistics.median(found[1::2]), 6),
        "n_loads": transcriber.cache.loads,
    }


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("song", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    song, model = arguments.song, arguments.model
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", CharonWarning)
        home = Home(Path(folder))
        home.models.symlink_to(default_home().models)
        with Transcriber(home=home, profile=PROFILE) as transcriber:
            result: dict[str, Any] = {"song": song.name, "model": model, **loads(transcriber, model)}
            before_mb = process.memory_info().rss / 1e6
            times: dict[str, list[float]] = {name: [] for name in ("mix", "both", "plain", "plain_vad")}
            ours_s(transcriber, song, TranscriptionOrder(model))  # takes the vocals out, warms up
            result["resident_mb"] = {
                "loaded": round(before_mb),
                "after": round(process.memory_info().rss / 1e6),
            }
            files = transcriber.models.files(model, "transcribe")
            plain = WhisperModel(
                str(files["model.bin"].parent),
                device="cpu",
                compute_type="int8",
                cpu_threads=os.cpu_count() or 1,
                local_files_only=True,
            )
            plain.detect_language(np.zeros(16_000, np.float32))
            for _ in range(arguments.repeats):
                times["mix"].append(ours_s(transcriber, song, TranscriptionOrder(model, hearing="mix")))
                times["plain"].append(plain_s(plain, song, vad=False))
                times["plain_vad"].append(plain_s(plain, song, vad=True))
                times["both"].append(ours_s(transcriber, song, TranscriptionOrder(model)))
            with transcriber.open(song, TranscriptionOrder(model)) as opened:
                seconds, result["ran_on"] = opened.song.duration_s, opened.ran_on
    medians = {name: statistics.median(values) for name, values in times.items()}
    result["seconds"] = round(seconds, 1)
    result["wall_s"] = {name: round(value, 2) for name, value in medians.items()}
    result["realtime_factor"] = {name: round(seconds / value, 2) for name, value in medians.items()}
    result["ratio"] = round(medians["plain"] / medians["mix"], 3)
    result["ratio_vad"] = round(medians["plain_vad"] / medians["mix"], 3)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
