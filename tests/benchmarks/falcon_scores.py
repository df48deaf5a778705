"""Scores on the song with true stems that the stempeg package carries, through `charon separate`.

    python -m tests.benchmarks.falcon_scores

Prints one JSON object: for each model and each form of the mixture (WAV, MP3, M4A) the energy ratio in dB
of every stem (10 log10 of reference energy over error energy), `sum_error_db`, and wall over inference.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from engine.io.decode import read_song
from engine.io.home import Home, default_home
from engine.units import energy_ratio_db

STREAMS = ("mixture", "drums", "bass", "other", "vocals")


def true_stems() -> tuple[dict[str, np.ndarray], int]:
    """Streams of the package's song, each (2, frames), and their rate."""
    spec = importlib.util.find_spec("stempeg")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = next(Path(spec.submodule_search_locations[0]).rglob("*Falcon 69*.stem.mp4"))
    found: dict[str, np.ndarray] = {}
    rate_hz = 0
    for index, name in enumerate(STREAMS):
        with av.open(str(path)) as container:
            stream = container.streams.audio[index]
            rate_hz = stream.rate
            found[name] = np.concatenate([f.to_ndarray() for f in container.decode(stream)], axis=1)
    shortest = min(x.shape[1] for x in found.values())
    return {name: x[:, :shortest].astype(np.float32) for name, x in found.items()}, rate_hz


def encode(mixture: np.ndarray, rate_hz: int, folder: Path) -> list[Path]:
    """The mixture as WAV, MP3 (320 kbit/s) and M4A (256 kbit/s)."""
    paths = [folder / f"falcon.{suffix}" for suffix in ("wav", "mp3", "m4a")]
    soundfile.write(paths[0], mixture.T, rate_hz, subtype="FLOAT")
    for path, codec, bits_per_s in ((paths[1], "libmp3lame", 320_000), (paths[2], "aac", 256_000)):
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate_hz, layout="stereo")
            stream.bit_rate = bits_per_s
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mixture), format="fltp", layout="stereo")
            frame.sample_rate = rate_hz
            frame.pts = 0  # so that the encoder's delay is written into the file
            frame.time_base = Fraction(1, rate_hz)
            for packet in (*stream.encode(frame), *stream.encode(None)):
                container.mux(packet)
    return paths


def score(song: Path, model: str, truth: dict[str, np.ndarray], folder: Path, home: Home) -> dict[str, Any]:
    """Separate through the command line and compare with the true stems."""
    command = [
        sys.executable,
        "-m",
        "app",
        "separate",
        str(song),
        "-o",
        str(folder),
        "--model",
        model,
        "--json",
    ]
    environment = {**os.environ, "CHARON_HOME": str(home.root)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    result = json.loads(done.stdout)["songs"][0]
    row: dict[str, Any] = {"model": model, "song": song.name}
    for stem, path in result["stems"].items():
        estimate = read_song(Path(path))[0]
        n = min(estimate.shape[1], truth[stem].shape[1])
        row[stem] = round(energy_ratio_db(truth[stem][:, :n], estimate[:, :n] - truth[stem][:, :n]), 2)
    row["sum_error_db"] = round(result["sum_error_db"], 1)
    row["wall_over_inference"] = round(result["wall_s"] / result["inference_s"], 3)
    return row


def main() -> None:
    """Run every model on every form."""
    truth, rate_hz = true_stems()
    truth["accompaniment"] = truth["drums"] + truth["bass"] + truth["other"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.root.mkdir()
        home.models.symlink_to(default_home().models)
        for song in encode(truth["mixture"], rate_hz, Path(folder)):
            for model in ("spleeter-2stems", "htdemucs-4stems"):
                out = Path(folder) / model / song.suffix[1:]
                rows.append(score(song, model, truth, out, home))
    print(json.dumps({"rows": rows}, indent=2))


if __name__ == "__main__":
    main()
