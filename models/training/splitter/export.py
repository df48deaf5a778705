"""The finished network as a file: ONNX with its memory as inputs and outputs, compared with torch.

The graph is written by the engine's own writer, so the same weights give the same bytes. It takes any number
of frames; whatever it remembers goes in as NAME and comes out as NAME_next.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from engine.errors import ModelError
from engine.inference.onnx_graph import OnnxGraph
from engine.kernels.warped_bins import EXPONENT, HOP_FRAMES, N_CHANNELS, N_FFT, N_WARPED
from models.training.orbit.progress import plain
from models.training.splitter.examples import LOOK_AHEAD, N_SPLIT
from models.training.splitter.network import KERNEL_TIME, MIX_BINS, NARROW, Down, SplitNetwork, Up
from models.training.splitter.order import MODEL_NAME

_LAST: Final = np.iinfo(np.int64).max
_TOLERANCE: Final = 1e-4
"""Of a mask; float32 sums in another order differ by about 1e-6."""


class _Writer:
    """The graph of one network."""

    def __init__(self, network: SplitNetwork) -> None:
        self._net = network.eval()
        self._graph = OnnxGraph("charon-splitter")

    def write(self) -> bytes:
        """Encode: seen [1, 4, n, 576] and memories to masks [1, 8, n, 576] and memories."""
        graph, net = self._graph, self._net
        seen = graph.input("seen", [1, N_CHANNELS, "n", N_WARPED])
        scaled = graph.node("Mul", [seen, self._weight("scale", net.scale)], "scaled")
        first = x = graph.node("Add", [scaled, self._weight("shift", net.shift)], "first")
        skips: list[str] = []
        bins, channels = N_WARPED, N_CHANNELS
        for i, down in enumerate(net.downs):
            x = self._down(i, down, x, (channels, bins))
            bins, channels = bins // 2, net.depths[i]
            late = LOOK_AHEAD - min(i + 1, LOOK_AHEAD)
            skips.append(self._delayed(f"skip_{i}", x, (channels, bins), late, KERNEL_TIME - 1))
        x = graph.node("Add", [x, self._bottom(x, bins)], "remembered")
        for i, up in enumerate(net.ups):
            x = self._up(i, up, x, skips[len(skips) - 1 - i])
        late_first = self._delayed("first_late", first, (N_CHANNELS, N_WARPED), LOOK_AHEAD)
        x = graph.node("Concat", [x, late_first], "head_in", axis=1)
        x = self._conv("head", net.head, x, pads=[0, 1, 0, 1])
        x = graph.node("Add", [x, self._weight("bin_bias", net.bin_bias)], "logits")
        shape = graph.weight("parts_shape", np.array([N_SPLIT, 2, -1, N_WARPED], np.int64))
        x = graph.node("Reshape", [x, shape], "logit_parts")
        x = graph.node("Softmax", [x], "mask_parts", axis=0)
        flat = graph.weight("masks_shape", np.array([1, 2 * N_SPLIT, -1, N_WARPED], np.int64))
        graph.node("Reshape", [x, flat], "masks")
        graph.output("masks", [1, 2 * N_SPLIT, "n", N_WARPED])
        return graph.to_bytes()

    def _weight(self, name: str, values: torch.Tensor) -> str:
        return self._graph.weight(name, values.detach().cpu().numpy().astype(np.float32))

    def _slice(self, x: str, name: str, start: int, stop: int, axis: int) -> str:
        keys = (("start", start), ("stop", stop), ("axis", axis))
        limits = [self._graph.weight(f"{name}_{key}", np.array([value], np.int64)) for key, value in keys]
        return self._graph.node("Slice", [x, *limits], name)

    def _conv(self, name: str, conv: nn.Conv2d, x: str, **attributes: Any) -> str:
        weights = [self._weight(f"{name}_weight", conv.weight)]
        if conv.bias is not None:
            weights.append(self._weight(f"{name}_bias", conv.bias))
        return self._graph.node("Conv", [x, *weights], name, **attributes)

    def _folded(self, name: str, conv: nn.Module, norm: nn.BatchNorm2d, axis: int) -> list[str]:
        """Weights with the normalisation multiplied in, and its shift as bias."""
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        shift = norm.bias - norm.running_mean * scale
        return [
            self._weight(f"{name}_weight", conv.weight * scale.reshape(shape)),
            self._weight(f"{name}_bias", shift),
        ]

    def _down(self, i: int, down: Down, x: str, size: tuple[int, int]) -> str:
        graph, back = self._graph, KERNEL_TIME - 1
        past = graph.input(f"past_{i}", [1, size[0], back, size[1]])
        x = graph.node("Concat", [past, x], f"down_{i}_in", axis=2)
        graph.output(self._slice(x, f"past_{i}_next", -back, _LAST, 2), [1, size[0], back, size[1]])
        weights = self._folded(f"down_{i}", down.conv, down.norm, 0)
        x = graph.node("Conv", [x, *weights], f"down_{i}", pads=[0, 2, 0, 2], strides=[1, 2])
        return graph.node("LeakyRelu", [x], f"down_{i}_out", alpha=0.2)

    def _delayed(self, name: str, x: str, size: tuple[int, int], frames: int, back: int = 0) -> str:
        """As many frames later, with `back` more of the past before them."""
        graph, kept = self._graph, frames + back
        past = graph.input(name, [1, size[0], kept, size[1]])
        both = graph.node("Concat", [past, x], f"{name}_both", axis=2)
        graph.output(self._slice(both, f"{name}_next", -kept, _LAST, 2), [1, size[0], kept, size[1]])
        return self._slice(both, f"{name}_now", 0, -frames, 2) if frames else both

    def _bottom(self, x: str, bins: int) -> str:
        """What the memory adds, [1, channels, n, bins]."""
        graph, net = self._graph, self._net
        x = self._conv("narrow", net.narrow, x)
        x = graph.node("Transpose", [x], "narrow_rows", perm=[2, 0, 1, 3])
        rows = graph.weight("rows_shape", np.array([-1, 1, NARROW * bins], np.int64))
        x = graph.node("Reshape", [x, rows], "memory_in")
        for layer in range(2):
            x = self._gru(layer, x)
        weight = self._weight("widen_weight", net.widen.weight.T)
        x = graph.node("MatMul", [x, weight], "widened")
        x = graph.node("Add", [x, self._weight("widen_bias", net.widen.bias)], "widened_rows")
        wide = graph.weight("wide_shape", np.array([1, -1, net.depths[-1], bins], np.int64))
        x = graph.node("Reshape", [x, wide], "wide")
        return graph.node("Transpose", [x], "memory_out", perm=[0, 2, 1, 3])

    def _gru(self, layer: int, x: str) -> str:
        graph, gru, size = self._graph, self._net.memory, self._net.hidden

        def ordered(name: str) -> np.ndarray:
            # torch: reset, update, new; ONNX: update, reset, new.
            reset, update, new = getattr(gru, f"{name}_l{layer}").detach().cpu().numpy().reshape(3, size, -1)
            return np.concatenate([update, reset, new])

        inputs = [x]
        inputs += [graph.weight(f"gru_{layer}_{n}", ordered(n)[None]) for n in ("weight_ih", "weight_hh")]
        both = np.concatenate([ordered("bias_ih")[:, 0], ordered("bias_hh")[:, 0]])[None]
        inputs += [graph.weight(f"gru_{layer}_bias", both), ""]
        inputs.append(graph.input(f"hidden_{layer}", [1, 1, size]))
        x = graph.node("GRU", inputs, f"gru_{layer}", hidden_size=size, linear_before_reset=1)
        shape = graph.weight(f"gru_{layer}_shape", np.array([-1, 1, size], np.int64))
        x = graph.node("Reshape", [x, shape], f"gru_{layer}_rows")
        graph.output(self._slice(x, f"hidden_{layer}_next", -1, _LAST, 0), [1, 1, size])
        return x

    def _up(self, i: int, up: Up, x: str, skip: str) -> str:
        graph = self._graph
        mixed = self._conv(f"up_{i}_mix", up.mix, skip, pads=[0, MIX_BINS // 2, 0, MIX_BINS // 2])
        x = graph.node("Add", [x, mixed], f"up_{i}_in")
        weights = self._folded(f"up_{i}", up.conv, up.norm, 1)
        x = graph.node("ConvTranspose", [x, *weights], f"up_{i}", pads=[0, 2, 0, 2], strides=[1, 2])
        return graph.node("LeakyRelu", [x], f"up_{i}_out", alpha=0.2)


def onnx_bytes(network: SplitNetwork) -> bytes:
    """Encode a network; see `_Writer.write`."""
    return _Writer(network).write()


def write_network(network: SplitNetwork, folder: Path, metadata: dict[str, Any]) -> Path:
    """Write charon-splitter.onnx and charon-splitter.json, and compare the file with torch.

    Parameters
    ----------
    network : SplitNetwork
    folder : Path
    metadata : dict
        What there is to say besides inputs, outputs and rates.

    Returns
    -------
    Path
        The ONNX file.

    Raises
    ------
    ModelError
        The file does not give what torch gives.
    """
    model = onnx_bytes(network)
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    error = largest_error(network, model)
    if not error < _TOLERANCE:
        raise ModelError(f"the exported network differs from torch by {error:.1e}; it is not usable")
    path = folder / MODEL_NAME
    about = {
        "input": {
            "name": "seen",
            "rate_hz": 44_100,
            "n_fft": N_FFT,
            "hop_frames": HOP_FRAMES,
            "bins": N_WARPED,
            "exponent": EXPONENT,
            "channels": ["left", "right", "middle", "side"],
        },
        "output": {
            "name": "masks",
            "parts": ["drums", "bass", "other", "vocals"],
            "late_frames": LOOK_AHEAD,
        },
        "parameters": sum(p.numel() for p in network.parameters()),
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "charon_version": version("charon"),
        "export": {"largest_error": error},
    }
    beside = path.with_suffix(".json")
    beside.unlink(missing_ok=True)  # what an earlier run said would not fit the new file
    _replace(path, model)
    _replace(beside, json.dumps(plain(about | metadata), indent=2).encode() + b"\n")
    return path


def largest_error(network: SplitNetwork, model: bytes) -> float:
    """Largest difference of a mask between torch at once and the file in pieces that carry its memory."""
    seen = np.random.default_rng(0).uniform(0.0, 1.0, (1, N_CHANNELS, 24 + LOOK_AHEAD, N_WARPED))
    seen = seen.astype(np.float32)
    with torch.no_grad():
        expected = network.cpu().eval()(torch.from_numpy(seen)).numpy().reshape(2 * N_SPLIT, 24, N_WARPED)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    memory = {one.name: np.zeros(one.shape, np.float32) for one in session.get_inputs() if one.name != "seen"}
    names = [one.name for one in session.get_outputs()]
    pieces: list[np.ndarray] = []
    for piece in np.split(seen, [1, 4, 11], axis=2):
        out = dict(zip(names, session.run(names, {"seen": piece, **memory}), strict=True))
        pieces.append(out["masks"][0])
        memory = {name: out[f"{name}_next"] for name in memory}
    found = np.concatenate(pieces, axis=1)[:, LOOK_AHEAD:]
    return float(np.abs(found - expected).max())


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(data)
    beside.replace(path)
