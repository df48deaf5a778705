"""The control network: sixty features of the sound in, nine controls of the orbit out.

Visuals thread, some 47 times a second. A stranger's file is looked at before anything runs it: it is parsed
here, by the few messages of the format that matter, and refused unless it is a small plain network of the
right shape. Nothing in it is executed by the check.
"""

import hashlib
import json
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from engine.errors import ModelError, ModelMissing
from engine.inference.protobuf import read_fields
from engine.inference.sessions import BoundSession
from engine.kernels.orbit import CONTROL_HIGH, CONTROL_LOW, CONTROLS, N_CONTROLS
from engine.stream.orbit_features import FEATURES, HOP, N_CONTEXT, N_FFT, N_INPUTS, RATE_HZ
from engine.units import F32, F64

METADATA_FORMAT: Final = 1
MAX_NET_BYTES: Final = 8 << 20
"""The shipped network takes 0.3 MB; twenty times its width would take this much."""
MAX_NODES: Final = 200
MAX_METADATA_BYTES: Final = 4 << 20

_OPERATORS: Final = frozenset(
    [
        "Add",
        "BatchNormalization",
        "Cast",
        "Clip",
        "Concat",
        "Constant",
        "Div",
        "Elu",
        "Erf",
        "Exp",
        "Flatten",
        "Gather",
        "Gelu",
        "Gemm",
        "HardSigmoid",
        "Identity",
        "LayerNormalization",
        "LeakyRelu",
        "MatMul",
        "Max",
        "Min",
        "Mul",
        "Neg",
        "Pow",
        "ReduceMean",
        "Relu",
        "Reshape",
        "Selu",
        "Shape",
        "Sigmoid",
        "Slice",
        "Softplus",
        "Softsign",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Tanh",
        "Transpose",
        "Unsqueeze",
    ]
)
"""Arithmetic on small arrays; nothing that loops, branches, reads files or draws random numbers."""
_FLOAT: Final = 1
_EXTERNAL: Final = 1
_MODEL_GRAPH, _MODEL_OPSETS, _MODEL_FUNCTIONS = 7, 8, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_SPARSE = 1, 5, 11, 12, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_TENSOR_NAME, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 8, 13, 14

_MAX_FIELDS: Final = 10_000
"""Parts of one message: MAX_NODES operators and their weights take some hundreds. Eight megabytes of nothing
but parts would take seconds to look through."""

_Fields = dict[int, list[Any]]


def required_metadata() -> dict[str, Any]:
    """What the JSON beside a network must say, so that it is fed and read as it was trained.

    Returns
    -------
    dict
        Plain numbers, texts and lists; a network's own file may say more.
    """
    return {
        "kind": "orbit-control",
        "format": METADATA_FORMAT,
        "input": {"shape": [1, N_INPUTS], "features": list(FEATURES), "n_context": N_CONTEXT},
        "output": {
            "shape": [1, N_CONTROLS],
            "names": list(CONTROLS),
            "low": CONTROL_LOW.tolist(),
            "high": CONTROL_HIGH.tolist(),
        },
        "sample_rate_hz": RATE_HZ,
        "n_fft": N_FFT,
        "hop_frames": HOP,
    }


def check_metadata(metadata: Any) -> None:
    """Refuse metadata of a network that was made for other features or controls.

    Parameters
    ----------
    metadata : any JSON value

    Raises
    ------
    ModelError
        It is no object, or a field of `required_metadata` is missing or different.
    """
    _check_fields(metadata, required_metadata(), "")


def _check_fields(metadata: Any, required: dict[str, Any], inside: str) -> None:
    if not isinstance(metadata, dict):
        raise ModelError(
            f"the network's metadata{inside} is no JSON object: export it again with charon train orbit"
        )
    said = cast("dict[str, Any]", metadata)
    for name, value in required.items():
        if isinstance(value, dict):
            _check_fields(said.get(name), cast("dict[str, Any]", value), f" {name!r}")
        elif said.get(name) != value:
            raise ModelError(
                f"the network was made for {name} {str(said.get(name))[:60]}, this Charon has "
                f"{str(value)[:90]}: train and export it again with charon train orbit"
            )


def check_control_net(graph: bytes) -> None:
    """Refuse what is no control network; nothing of it is run.

    Parameters
    ----------
    graph : bytes
        An ONNX file.

    Raises
    ------
    ModelError
        It is too large, no ONNX, wants weights from other files, has operators that a control network does
        not need, or other inputs and outputs than [1, 60] and [1, 9].
    """
    if len(graph) > MAX_NET_BYTES:
        raise ModelError(
            f"a control network of {len(graph):,} bytes is over {MAX_NET_BYTES:,}: is it this file?"
        )
    try:
        model = _fields(graph)
        bodies = model.get(_MODEL_GRAPH, [])
        if len(bodies) != 1 or not model.get(_MODEL_OPSETS):
            raise ModelError("this is no ONNX network: choose the .onnx file that charon train orbit wrote")
        if model.get(_MODEL_FUNCTIONS):
            raise ModelError("the network brings functions of its own; a control network has none")
        parts = _fields(bodies[0])
        names = _check_tensors(parts)
        _check_nodes(parts.get(_GRAPH_NODE, []))
        inputs = [_tensor_info(info) for info in parts.get(_GRAPH_INPUT, [])]
        outputs = [_tensor_info(info) for info in parts.get(_GRAPH_OUTPUT, [])]
    except (IndexError, UnicodeDecodeError, AttributeError, TypeError) as err:
        raise ModelError("this is no whole ONNX file: it is cut off or of another kind") from err
    _check_ends("input", [info for info in inputs if info[0] not in names], N_INPUTS)
    _check_ends("output", outputs, N_CONTROLS)


class ControlNet:
    """A control network that is loaded.

    Parameters
    ----------
    path : Path
        The ONNX file, for messages.
    graph : bytes
        Its content, checked.
    metadata : dict
        What the JSON beside it says; empty without one.

    Attributes
    ----------
    path : Path
    metadata : dict

    Notes
    -----
    One thread at a time.
    """

    def __init__(self, path: Path, graph: bytes, metadata: dict[str, Any]) -> None:
        self.path = path
        self.metadata = metadata
        self._session = BoundSession(path, "live", "CPU", threads=1, graph=graph)
        self._controls = np.empty(N_CONTROLS)

    def controls(self, window: F32) -> F64:
        """Steer.

        Parameters
        ----------
        window : float32 array, shape (60,)
            Of `engine.stream.orbit_features.OrbitFeatures.window`.

        Returns
        -------
        float64 array, shape (9,)
            See `engine.kernels.orbit.CONTROLS`, held within their ranges; the same memory every time.

        Raises
        ------
        ModelError
            The network gave NaN or infinity.
        """
        self._session.inputs[0][0] = window
        self._session.run()
        np.clip(self._session.outputs[0][0], CONTROL_LOW, CONTROL_HIGH, out=self._controls)
        return self._controls


def load_control_net(path: Path) -> ControlNet:
    """Check and load a network.

    Parameters
    ----------
    path : Path
        The ONNX file; a JSON file of the same stem beside it is read where there is one.

    Returns
    -------
    ControlNet

    Raises
    ------
    ModelMissing
        There is no such file.
    ModelError
        It or its metadata is refused, or its numbers are not finite.
    """
    graph = _read(path, MAX_NET_BYTES)
    check_control_net(graph)
    metadata: dict[str, Any] = {}
    beside = path.with_suffix(".json")
    if beside.exists():
        try:
            metadata = json.loads(_read(beside, MAX_METADATA_BYTES))
        except (ValueError, RecursionError) as err:
            raise ModelError(f"{beside.name} beside the network is no JSON ({err}): export it again") from err
        check_metadata(metadata)
        sha256 = metadata.get("model_sha256")
        if sha256 is not None and sha256 != hashlib.sha256(graph).hexdigest():
            raise ModelError(f"{beside.name} describes another network than {path.name}: export both again")
    net = ControlNet(path, graph, metadata)
    net.controls(np.zeros(N_INPUTS, np.float32))
    return net


def _read(path: Path, limit_bytes: int) -> bytes:
    """A file's content, one byte beyond the limit at most."""
    try:
        with path.open("rb") as file:
            content = file.read(limit_bytes + 1)
    except FileNotFoundError as err:
        raise ModelMissing(f"{path} does not exist: train one with charon train orbit") from err
    except OSError as err:
        raise ModelError(f"{path} cannot be read: {err.strerror or err}") from err
    if len(content) > limit_bytes:
        raise ModelError(f"{path.name} is over the limit of {limit_bytes:,} bytes: is it this file?")
    return content


def _fields(message: bytes) -> _Fields:
    """All fields of a message by number."""
    found: _Fields = {}
    parts = read_fields(message)
    try:
        for number, value in islice(parts, _MAX_FIELDS):
            found.setdefault(number, []).append(value)
    except ModelError as err:
        raise ModelError(
            f"this is no ONNX network ({err}): choose the .onnx file that charon train orbit wrote"
        ) from err
    if next(parts, None) is not None:
        raise ModelError(f"this is no control network: a part of it has over {_MAX_FIELDS:,} parts")
    return found


def _check_tensors(graph: _Fields) -> set[str]:
    """Names of the weights, all of them inside the file."""
    if graph.get(_GRAPH_SPARSE):
        raise ModelError("the network holds sparse weights; a control network has none")
    names: set[str] = set()
    for body in graph.get(_GRAPH_TENSOR, []):
        tensor = _check_tensor(body)
        names.update(name.decode() for name in tensor.get(_TENSOR_NAME, []))
    return names


def _check_tensor(body: bytes) -> _Fields:
    tensor = _fields(body)
    if tensor.get(_TENSOR_EXTERNAL) or _EXTERNAL in tensor.get(_TENSOR_LOCATION, []):
        raise ModelError("the network keeps weights in other files: export it as one file")
    return tensor


def _check_nodes(nodes: list[bytes]) -> None:
    """Only operators of the list, without sub-graphs."""
    if not nodes or len(nodes) > MAX_NODES:
        raise ModelError(f"a control network has 1 to {MAX_NODES} operators, this one has {len(nodes)}")
    for body in nodes:
        node = _fields(body)
        operator = b"".join(node.get(_NODE_OPERATOR, [])).decode()
        domain = b"".join(node.get(_NODE_DOMAIN, [])).decode()
        if operator not in _OPERATORS or domain not in ("", "ai.onnx"):
            name = f"{domain}.{operator}" if domain else operator
            raise ModelError(
                f"the network has the operator {name[:60]!r}, which a control network never needs"
            )
        for attribute in map(_fields, node.get(_NODE_ATTRIBUTE, [])):
            if attribute.get(_ATTRIBUTE_GRAPH) or attribute.get(_ATTRIBUTE_GRAPHS):
                raise ModelError(f"the operator {operator!r} holds a graph of its own, which is not run")
            for tensor in (*attribute.get(_ATTRIBUTE_TENSOR, []), *attribute.get(_ATTRIBUTE_TENSORS, [])):
                _check_tensor(tensor)


def _tensor_info(info: bytes) -> tuple[str, int, tuple[int, ...]]:
    """Name, element type and shape of a ValueInfoProto; a free or unknown size is 0."""
    value = _fields(info)
    name = b"".join(value.get(1, [])).decode()
    kinds = [tensor for body in value.get(2, []) for tensor in _fields(body).get(1, [])]
    if len(kinds) != 1:
        return name, 0, ()
    tensor = _fields(kinds[0])
    sizes = [_fields(size) for body in tensor.get(2, []) for size in _fields(body).get(1, [])]
    kind = tensor.get(1, [0])[0]
    return name, kind, tuple(size.get(1, [0])[0] for size in sizes)


def _check_ends(what: str, ends: list[tuple[str, int, tuple[int, ...]]], size: int) -> None:
    """Exactly one float32 array of shape (1, size)."""
    if len(ends) != 1:
        raise ModelError(f"the network has {len(ends)} {what}s, a control network has one of [1, {size}]")
    name, kind, shape = ends[0]
    if kind != _FLOAT or shape != (1, size):
        said = "float32" if kind == _FLOAT else f"type {kind}"
        raise ModelError(
            f"the network's {what} {name[:40]!r} is {said} {list(shape)}, "
            f"a control network's is float32 [1, {size}]"
        )
