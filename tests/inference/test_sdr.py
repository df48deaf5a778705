"""How well the real models separate: Falcon 69 of MUSDB18's test set, through the real command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from engine.io.home import default_home
from engine.units import F32, energy_ratio_db

REPOSITORY = Path(__file__).parents[2]
LEAST_DB = {
    "charon-4stems": {"drums": 5.8, "bass": 2.9, "other": 0.7, "vocals": 4.0},
    "spleeter-2stems": {"vocals": 4.0, "accompaniment": 10.8},
    "htdemucs-4stems": {"drums": 10.0, "bass": 3.0, "vocals": 5.0},
}


@pytest.fixture(scope="module")
def mixture(stem_mp4: Path, tmp_path_factory) -> Path:
    """The mixture alone: stream 0 of the .stem.mp4, which holds five."""
    with av.open(str(stem_mp4)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(container.streams.audio[0])]
    target = tmp_path_factory.mktemp("falcon") / "Falcon 69.wav"
    soundfile.write(target, np.concatenate(frames, axis=1).T, 44_100, subtype="FLOAT")
    return target


def encoded(mixture: Path, folder: Path, kind: str) -> Path:
    if kind == "wav":
        return mixture
    x, rate_hz = soundfile.read(mixture, dtype="float32")
    path = folder / f"Falcon 69.{kind}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            {"mp3": "libmp3lame", "m4a": "aac"}[kind], rate=rate_hz, layout="stereo"
        )
        stream.bit_rate = 320_000
        for start in range(0, len(x), 4096):
            block = np.ascontiguousarray(x[start : start + 4096].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = rate_hz, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def separate(song: Path, folder: Path, model: str, *options: str) -> tuple[dict, dict[str, F32]]:
    # A store of its own: stems that an earlier run left would prove nothing.
    root = folder.parent / f"home-{folder.name}"
    root.mkdir()
    (root / "models").symlink_to(default_home().models)
    done = subprocess.run(
        [sys.executable, "-m", "app", "separate", song, "-o", folder, "--model", model, "--json", *options],
        cwd=REPOSITORY,
        env={**os.environ, "CHARON_HOME": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    (result,) = json.loads(done.stdout)["songs"]
    stems = {name: soundfile.read(path, dtype="float32")[0].T for name, path in result["stems"].items()}
    return result, stems


def sdr_db(falcon, name: str, estimate: F32) -> float:
    truth = falcon.drums + falcon.bass + falcon.other if name == "accompaniment" else getattr(falcon, name)
    n = min(truth.shape[1], estimate.shape[1])
    return energy_ratio_db(truth[:, :n], truth[:, :n] - estimate[:, :n])


@pytest.mark.parametrize("model", LEAST_DB)
def test_stems_are_good_and_sum_to_the_song(request, falcon, mixture, tmp_path, model):
    request.getfixturevalue("htdemucs" if "htdemucs" in model else "spleeter")
    result, stems = separate(mixture, tmp_path / "out", model)
    scores_db = {name: sdr_db(falcon, name, stem) for name, stem in stems.items()}
    for name, least_db in LEAST_DB[model].items():
        assert scores_db[name] >= least_db, scores_db
    song = soundfile.read(mixture, dtype="float32")[0].T
    assert energy_ratio_db(song, song - sum(stems.values())) >= 80
    assert result["sum_error_db"] <= -80


@pytest.mark.usefixtures("spleeter")
@pytest.mark.parametrize("kind", ["mp3", "m4a"])
def test_compressed_songs_separate_as_well(falcon, mixture, tmp_path, kind):
    _, plain = separate(mixture, tmp_path / "wav", "spleeter-2stems")
    song = encoded(mixture, tmp_path, kind)
    result, stems = separate(song, tmp_path / kind, "spleeter-2stems")
    for name, stem in stems.items():
        assert sdr_db(falcon, name, stem) == pytest.approx(sdr_db(falcon, name, plain[name]), abs=0.5)
    assert result["sum_error_db"] <= -80
