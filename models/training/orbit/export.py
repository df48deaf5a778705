"""The finished network as a file: ONNX, compared with torch, and metadata beside it.

Training process. The graph is written by the engine's own writer, so the same weights give the same bytes.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from engine.errors import ModelError
from engine.inference.control_net import check_control_net, load_control_net, required_metadata
from engine.inference.onnx_graph import OnnxGraph
from engine.kernels.orbit import CONTROL_HIGH, CONTROL_LOW, N_CONTROLS
from engine.stream.orbit_features import LIMIT, N_INPUTS
from models.training.orbit.network import SteeringNetwork
from models.training.orbit.order import MODEL_NAME
from models.training.orbit.progress import plain

_N_CHECKS = 256
_TOLERANCE = 1e-5
"""Of a control's range; float32 sums in another order differ by about 1e-6."""


def onnx_bytes(network: SteeringNetwork) -> bytes:
    """Encode a network: window [1, 60] -> controls [1, 9]."""
    graph = OnnxGraph("orbit-control")
    x = graph.input("window", [1, N_INPUTS])
    layers = list(network.layers)
    for n, layer in enumerate(layers):
        weight = graph.weight(f"weight_{n}", layer.weight.detach().cpu().numpy())
        bias = graph.weight(f"bias_{n}", layer.bias.detach().cpu().numpy())
        x = graph.node("Gemm", [x, weight, bias], f"sum_{n}", transB=1)
        share = graph.node("Sigmoid", [x], f"share_{n}")
        x = share if n == len(layers) - 1 else graph.node("Mul", [x, share], f"layer_{n}")
    span = graph.weight("span", (network.high - network.low).cpu().numpy()[None])
    low = graph.weight("low", network.low.cpu().numpy()[None])
    graph.node("Add", [graph.node("Mul", [x, span], "above"), low], "controls")
    graph.output("controls", [1, N_CONTROLS])
    return graph.to_bytes()


def write_network(network: SteeringNetwork, folder: Path, metadata: dict[str, Any]) -> Path:
    """Write orbit-control.onnx and orbit-control.json, and read them back.

    Parameters
    ----------
    network : SteeringNetwork
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
    check_control_net(model)
    path = folder / MODEL_NAME
    about = required_metadata()
    about["input"]["name"] = "window"
    about["input"]["normalisation"] = (
        "deviations from a running mean that forgets after 30 s, held within the limit; "
        "engine/stream/orbit_features.py"
    )
    about["input"]["limit"] = LIMIT
    about["output"]["name"] = "controls"
    about["model_sha256"] = hashlib.sha256(model).hexdigest()
    about["charon_version"] = version("charon")
    beside = path.with_suffix(".json")
    beside.unlink(missing_ok=True)  # what an earlier run said would not fit the new file
    _replace(path, model)
    check = compare_with_torch(network, path)
    if not check.largest_error < _TOLERANCE:
        raise ModelError(
            f"{path} differs from torch by {check.largest_error:.1e} of a range; it is not usable"
        )
    about["export"] = asdict(check)
    _replace(beside, json.dumps(plain(about | metadata), indent=2).encode() + b"\n")
    return path


@dataclass(frozen=True)
class ExportCheck:
    """Largest difference between a file and torch, in ranges of a control."""

    largest_error: float
    n_windows: int


def compare_with_torch(network: SteeringNetwork, path: Path) -> ExportCheck:
    """Run a file as the visuals will, beside torch, on windows of every size that features can have."""
    seen = np.random.default_rng(0).uniform(-LIMIT, LIMIT, (_N_CHECKS, N_INPUTS)).astype(np.float32)
    with torch.no_grad():
        expected = network.cpu()(torch.from_numpy(seen)).numpy()
    net = load_control_net(path)
    found = np.stack([net.controls(window).copy() for window in seen])
    error = np.abs(found - expected) / (CONTROL_HIGH - CONTROL_LOW)
    return ExportCheck(float(error.max()), _N_CHECKS)


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(data)
    beside.replace(path)
