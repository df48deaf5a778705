"""Small ONNX graphs that the tests need, built with the onnx package."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence],
    outputs: Mapping[str, Sequence],
    weights: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] | None = None,
) -> Path:
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, str(path))
    return path


def gains_model(path: Path, gains: Sequence[float], n_frames: int | str, **metadata: str) -> Path:
    """[1, 2, N] -> [1, S, 2, N]: stem i is the input times gains[i]."""
    n_stems = len(gains)
    return save(
        path,
        [
            helper.make_node("Unsqueeze", ["mix", "axis"], ["wide"]),
            helper.make_node("Mul", ["wide", "gains"], ["stems"]),
        ],
        {"mix": (1, 2, n_frames)},
        {"stems": (1, n_stems, 2, n_frames)},
        {
            "axis": np.array([1], np.int64),
            "gains": np.array(gains, np.float32).reshape(1, n_stems, 1, 1),
        },
        metadata,
    )


def slow_model(path: Path, gains: Sequence[float], n_frames: int, n_layers: int, **metadata: str) -> Path:
    """As `gains_model`, after `n_layers` multiplications of 512 x 512 matrices that change nothing."""
    n_stems = len(gains)
    size = 512
    # The chain starts from the input, so that it can be computed neither before nor in one step.
    nodes = [
        helper.make_node("ReduceMean", ["mix"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["matrix", "nothing"], ["m0"]),
    ]
    nodes += [helper.make_node("MatMul", [f"m{i}", "matrix"], [f"m{i + 1}"]) for i in range(n_layers)]
    nodes += [
        helper.make_node("ReduceMean", [f"m{n_layers}"], ["rest"], keepdims=0),
        helper.make_node("Mul", ["rest", "zero"], ["none"]),
        helper.make_node("Add", ["mix", "none"], ["same"]),
        helper.make_node("Unsqueeze", ["same", "axis"], ["wide"]),
        helper.make_node("Mul", ["wide", "gains"], ["stems"]),
    ]
    return save(
        path,
        nodes,
        {"mix": (1, 2, n_frames)},
        {"stems": (1, n_stems, 2, n_frames)},
        {
            "axis": np.array([1], np.int64),
            "gains": np.array(gains, np.float32).reshape(1, n_stems, 1, 1),
            "zero": np.zeros((), np.float32),
            "matrix": np.eye(size, dtype=np.float32),
        },
        metadata,
    )


def nan_model(path: Path, n_frames: int) -> Path:
    """A model that returns NaN wherever its input is silent: x / 0 * 0."""
    return save(
        path,
        [
            helper.make_node("Unsqueeze", ["mix", "axis"], ["wide"]),
            helper.make_node("Div", ["wide", "zeros"], ["stems"]),
        ],
        {"mix": (1, 2, n_frames)},
        {"stems": (1, 2, 2, n_frames)},
        {"axis": np.array([1], np.int64), "zeros": np.zeros((1, 2, 1, 1), np.float32)},
    )


def plain_spleeter(path: Path, tensors: Mapping[str, np.ndarray], n_frames: int) -> Path:
    """Both of Spleeter's networks as the paper draws them: float32 and transposed convolutions.

    Written independently of the converter, as the reference that it is measured against.
    """
    nodes: list[onnx.NodeProto] = []
    weights: dict[str, np.ndarray] = {}

    def name_of(layer: str, index: int) -> str:
        return f"{layer}_{index}" if index else layer

    def constant(name: str, array: np.ndarray) -> str:
        weights[name] = np.ascontiguousarray(array)
        return name

    def add(op: str, inputs: Sequence[str], output: str, **attributes) -> str:
        nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    for net in (0, 1):

        def norm(index: int, x: str, net: int = net) -> str:
            layer = name_of("batch_normalization", 12 * net + index)
            parts = [f"{layer}/{p}" for p in ("gamma", "beta", "moving_mean", "moving_variance")]
            inputs = [x, *(constant(part, tensors[part]) for part in parts)]
            return add("BatchNormalization", inputs, f"{x}_norm", epsilon=1e-3)

        def conv(index: int, x: str, net: int = net, **attributes) -> str:
            layer = name_of("conv2d", 7 * net + index)
            kernel = constant(f"{layer}/k", tensors[f"{layer}/kernel"].transpose(3, 2, 0, 1))
            return add(
                "Conv", [x, kernel, constant(f"{layer}/b", tensors[f"{layer}/bias"])], layer, **attributes
            )

        skips, x = [], "magnitude"
        for level in range(6):
            skips.append(conv(level, x, strides=[2, 2], pads=[1, 1, 2, 2]))
            x = add("LeakyRelu", [norm(level, skips[-1])], f"{skips[-1]}_act", alpha=0.2)
        x = skips.pop()
        for level in range(6):
            if level:
                x = add("Concat", [skips.pop(), x], f"join{net}{level}", axis=1)
            layer = name_of("conv2d_transpose", 6 * net + level)
            kernel = constant(f"{layer}/k", tensors[f"{layer}/kernel"].transpose(3, 2, 0, 1))
            inputs = [x, kernel, constant(f"{layer}/b", tensors[f"{layer}/bias"])]
            x = add("ConvTranspose", inputs, layer, strides=[2, 2], pads=[1, 1, 2, 2])
            x = norm(6 + level, add("Relu", [x], f"{x}_act"))
        x = add("Sigmoid", [conv(6, x, dilations=[2, 2], pads=[3, 3, 3, 3])], f"mask{net}")
        add("Mul", [x, "magnitude"], f"estimate{net}")
    shape = (1, 2, n_frames, 1024)
    return save(path, nodes, {"magnitude": shape}, {"estimate0": shape, "estimate1": shape}, weights)
