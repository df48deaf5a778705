"""Cases of `charon bench analysis` around the Julia set: features beside librosa's, the control network.

Main thread. The features' reference is the same six by librosa at the same window and hop, from one
spectrum; the network's is the same network as matrix products of numpy.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from app.cli.kernel_case import library
from engine.inference.control_net import load_control_net
from engine.inference.onnx_graph import OnnxGraph
from engine.kernels.orbit import CONTROL_HIGH, CONTROL_LOW, N_CONTROLS
from engine.stream.orbit_features import HOP, N_FFT, N_INPUTS, RATE_HZ, OrbitFeatures
from engine.units import F32, F64

N_RUNS = 200
"""Windows a case steers by: a single one is too short to time."""
_WIDTHS = (128, 256, 128, N_CONTROLS)
_BLOCK_FRAMES = 2048

Sides = tuple[Callable[[], object], Callable[[], object]]


def feature_sides(mono: F32) -> Sides:
    """Ours in the blocks of a stream, and librosa's, over float32 sound of shape (n,) at 48 kHz."""
    librosa: Any = library("librosa")

    def ours() -> None:
        block = OrbitFeatures()
        for start in range(0, mono.size, _BLOCK_FRAMES):
            block.push(mono[start : start + _BLOCK_FRAMES])

    def reference() -> list[F32]:
        feature = librosa.feature
        spectrum = np.abs(librosa.stft(mono, n_fft=N_FFT, hop_length=HOP))
        mel = feature.melspectrogram(S=np.square(spectrum), sr=RATE_HZ)
        return [
            feature.spectral_centroid(S=spectrum, sr=RATE_HZ),
            np.maximum(np.diff(spectrum, axis=1), 0.0).mean(axis=0),
            feature.rms(y=mono, frame_length=N_FFT, hop_length=HOP),
            feature.zero_crossing_rate(mono, frame_length=N_FFT, hop_length=HOP),
            librosa.onset.onset_strength(S=librosa.power_to_db(mel), sr=RATE_HZ),
            feature.spectral_rolloff(S=spectrum, sr=RATE_HZ),
        ]

    return ours, reference


def network_sides() -> Sides:
    """N_RUNS windows through a network of the shipped one's shape, and through the same matrices in numpy."""
    rng = np.random.default_rng(0)
    weights: list[F32] = []
    width = N_INPUTS
    for n in _WIDTHS:
        weights.append((rng.standard_normal((width, n)) / np.sqrt(width)).astype(np.float32))
        width = n
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.onnx"
        path.write_bytes(_network(weights))
        net = load_control_net(path)
    windows = rng.standard_normal((N_RUNS, N_INPUTS)).astype(np.float32)

    def ours() -> None:
        for window in windows:
            net.controls(window)

    def reference() -> F64:
        out = np.empty(N_CONTROLS)
        for window in windows:
            x = window
            for w in weights[:-1]:
                x = np.maximum(x @ w, np.float32(0.0))
            share = 1.0 / (1.0 + np.exp(-(x @ weights[-1])))
            out[:] = CONTROL_LOW + share * (CONTROL_HIGH - CONTROL_LOW)
        return out

    return ours, reference


def _network(weights: list[F32]) -> bytes:
    graph = OnnxGraph("bench")
    x = graph.input("window", (1, N_INPUTS))
    for k, w in enumerate(weights):
        bias = graph.weight(f"b{k}", np.zeros(w.shape[1], np.float32))
        x = graph.node("Gemm", [x, graph.weight(f"w{k}", w), bias], f"g{k}")
        x = graph.node("Sigmoid" if k == len(weights) - 1 else "Relu", [x], f"a{k}")
    span = graph.weight("span", (CONTROL_HIGH - CONTROL_LOW).astype(np.float32)[None])
    low = graph.weight("low", CONTROL_LOW.astype(np.float32)[None])
    graph.node("Add", [graph.node("Mul", [x, span], "scaled"), low], "controls")
    graph.output("controls", (1, N_CONTROLS))
    return graph.to_bytes()
