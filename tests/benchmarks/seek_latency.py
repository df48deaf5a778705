"""How soon a seek into a part that is not separated yet has its stems, beside one segment's inference.

    python -m tests.benchmarks.seek_latency SONG [--seeks 8]

SONG should last many minutes, so that the parts sought are still untouched. Prints one JSON object:
first sound after the play call, each seek's time until every stem is at the play-head, the time one
segment spends in the network on the same threads, and the ratio of the slowest seek to it.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from engine.inference.load import load_architecture
from engine.inference.model_store import ModelStore
from engine.io.device import StreamRequest, portaudio_opener
from engine.io.home import Home, default_home
from engine.services.playback import Playback

READY_TIMEOUT_S = 30.0


def segment_inference_s(model: str, home: Home, runs: int = 7) -> float:
    """Median time of one segment in the network, with the threads that playing leaves it."""
    models = ModelStore(home.models, home.cards)
    architecture = load_architecture(models.card(model), models.files(model), "live", None)
    window = np.random.default_rng(0).normal(0.0, 0.1, (2, architecture.window_frames)).astype(np.float32)
    n_valid = architecture.valid_stop - architecture.valid_start
    out = np.zeros((len(architecture.stems), 2, n_valid), np.float32)
    times: list[float] = []
    for _ in range(runs):
        before = architecture.inference_s
        architecture.separate(window, out)
        times.append(architecture.inference_s - before)
    architecture.close()
    return statistics.median(times[1:])


def seek_and_wait(playback: Playback, position_s: float) -> float:
    """Seconds from the seek until every stem is heard at the play-head."""
    began_s = time.monotonic()
    playback.seek(position_s)
    while time.monotonic() - began_s < READY_TIMEOUT_S:
        status = playback.status()
        if status.stems_ready and status.position_s >= position_s - 0.1:
            return time.monotonic() - began_s
        time.sleep(0.002)
    raise TimeoutError(f"no stems at {position_s:.0f} s within {READY_TIMEOUT_S:.0f} s")


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("song", type=Path)
    parser.add_argument("--seeks", type=int, default=8)
    parser.add_argument("--model", default="spleeter-2stems")
    arguments = parser.parse_args()
    models = default_home()
    inference_s = segment_inference_s(arguments.model, models)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.models.symlink_to(models.models)
        with Playback(portaudio_opener(StreamRequest()), home, model=arguments.model) as playback:
            playback.wait_until_warm()
            playback.play(arguments.song)
            while playback.status().duration_s is None:
                time.sleep(0.05)
            duration_s = playback.status().duration_s or 0.0
            # From the end towards the middle, so that no seek meets what an earlier one had separated.
            places = np.linspace(0.95, 0.45, arguments.seeks) * duration_s
            seeks = []
            for place in places:
                seeks.append(seek_and_wait(playback, float(place)))
                time.sleep(0.37)
            first_sound_s = playback.first_sound_s()
    result = {
        "first_sound_s": first_sound_s,
        "segment_inference_s": inference_s,
        "seek_to_stems_s": seeks,
        "worst_ratio": max(seeks) / inference_s,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
