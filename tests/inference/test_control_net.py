"""A control network is loaded when it is one, and refused in one line when it is anything else."""

import hashlib
import json
import pickle

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine.errors import ModelError, ModelMissing
from engine.inference.control_net import (
    MAX_NET_BYTES,
    check_control_net,
    load_control_net,
    required_metadata,
)
from engine.inference.onnx_graph import OnnxGraph
from engine.kernels.orbit import CONTROL_HIGH, CONTROL_LOW


def network(n_in=60, n_out=9, seed=0):
    """60 -> 128 -> 256 -> 128 -> 9, its outputs in the controls' ranges."""
    rng = np.random.default_rng(seed)
    graph = OnnxGraph("orbit-control")
    x, width = graph.input("window", (1, n_in)), n_in
    for k, n in enumerate((128, 256, 128, n_out)):
        values = rng.standard_normal((width, n)) / np.sqrt(width)
        w = graph.weight(f"w{k}", values.astype(np.float32))
        b = graph.weight(f"b{k}", np.zeros(n, np.float32))
        last = k == 3
        x = graph.node("Gemm", [x, w, b], f"g{k}")
        x = graph.node("Sigmoid" if last else "Relu", [x], f"a{k}")
        width = n
    low, high = np.resize(CONTROL_LOW, n_out), np.resize(CONTROL_HIGH, n_out)
    span = graph.weight("span", (high - low).astype(np.float32)[None])
    scaled = graph.node("Mul", [x, span], "scaled")
    graph.node("Add", [scaled, graph.weight("low", low.astype(np.float32)[None])], "controls")
    graph.output("controls", (1, n_out))
    return graph.to_bytes()


def _save(folder, graph, metadata=None):
    path = folder / "net.onnx"
    path.write_bytes(graph)
    if metadata is not None:
        path.with_suffix(".json").write_text(json.dumps(metadata))
    return path


def test_a_network_steers_as_numpy_says(tmp_path):
    graph = network()
    metadata = {**required_metadata(), "model_sha256": hashlib.sha256(graph).hexdigest(), "more": [1]}
    net = load_control_net(_save(tmp_path, graph, metadata))
    weights = {w.name: numpy_helper.to_array(w) for w in onnx.load_from_string(graph).graph.initializer}
    window = np.random.default_rng(1).standard_normal(60).astype(np.float32)
    x = window.astype(np.float64)
    for k in range(4):
        x = x @ weights[f"w{k}"]
        x = 1 / (1 + np.exp(-x)) if k == 3 else np.maximum(x, 0)
    expected = CONTROL_LOW + x * (CONTROL_HIGH - CONTROL_LOW)
    got = net.controls(window)
    assert got == pytest.approx(expected, abs=1e-4)
    assert got.ptp() if hasattr(got, "ptp") else np.ptp(got)
    assert net.metadata["more"] == [1]


def test_controls_are_held_in_their_ranges(tmp_path):
    graph = OnnxGraph("far out")
    x = graph.input("window", (1, 60))
    w = graph.weight("w", np.full((60, 9), 100.0, np.float32))
    graph.node("MatMul", [x, w], "controls")
    graph.output("controls", (1, 9))
    net = load_control_net(_save(tmp_path, graph.to_bytes()))
    assert net.controls(np.ones(60, np.float32)) == pytest.approx(CONTROL_HIGH)
    assert net.controls(-np.ones(60, np.float32)) == pytest.approx(CONTROL_LOW)


def _onnx(nodes, inputs=((1, 60),), outputs=((1, 9),), kind=TensorProto.FLOAT, tensors=(), **more):
    ends = [
        [helper.make_tensor_value_info(f"{name}{k}", kind, shape) for k, shape in enumerate(shapes)]
        for name, shapes in (("x", inputs), ("y", outputs))
    ]
    graph = helper.make_graph(list(nodes), "g", *ends, initializer=list(tensors))
    return helper.make_model(graph, **more).SerializeToString()


def _external():
    tensor = numpy_helper.from_array(np.zeros((60, 9), np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return _onnx([helper.make_node("MatMul", ["x0", "w"], ["y0"])], tensors=[tensor])


def _external_constant():
    tensor = numpy_helper.from_array(np.zeros((60, 9), np.float32), "w")
    tensor.external_data.add(key="location", value="secret.bin")
    constant = helper.make_node("Constant", [], ["w"], value=tensor)
    return _onnx([constant, helper.make_node("MatMul", ["x0", "w"], ["y0"])])


def _loop():
    body = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "body", [], [])
    return _onnx([helper.make_node("Loop", ["x0"], ["y0"], body=body)])


def _hidden_graph():
    body = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "body", [], [])
    return _onnx([helper.make_node("Relu", ["x0"], ["y0"], body=body)])


RELU = helper.make_node("Relu", ["x0"], ["y0"])
REFUSED = {
    "nothing": (b"", "no ONNX"),
    "a pickle": (pickle.dumps({"weights": [1.0] * 100, "code": print}), "no.* ONNX|64 bits|wire"),
    "text": (b"<!DOCTYPE html><html>not found</html>" * 20, "no.* ONNX|wire|64 bits"),
    "endless number": (b"\xff" * 1_000_000, "64 bits"),
    "cut off": (network()[:2000], "no.* ONNX"),
    "too large": (bytes(MAX_NET_BYTES + 1), "over 8,388,608"),
    "other input": (network(n_in=61), r"input 'window' .*\[1, 61\].*\[1, 60\]"),
    "other output": (network(n_out=8), r"output 'controls' .*\[1, 8\].*\[1, 9\]"),
    "two inputs": (_onnx([RELU], inputs=((1, 60), (1, 60))), "2 inputs"),
    "no output": (_onnx([RELU], outputs=()), "0 outputs"),
    "free batch": (_onnx([RELU], inputs=(("n", 60),)), r"\[0, 60\]"),
    "doubles": (_onnx([RELU], kind=TensorProto.DOUBLE), "type 11"),
    "external weights": (_external(), "other files"),
    "an external constant": (_external_constant(), "other files"),
    "a loop": (_loop(), "Loop"),
    "a hidden graph": (_hidden_graph(), "graph of its own"),
    "a custom operator": (
        _onnx([helper.make_node("Relu", ["x0"], ["y0"], domain="com.evil")]),
        r"com\.evil\.Relu",
    ),
    "no operator": (_onnx([]), "0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_control_network_is_refused_in_one_line(name, tmp_path):
    graph, message = REFUSED[name]
    with pytest.raises(ModelError, match=message) as caught:
        check_control_net(graph)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError):
        load_control_net(_save(tmp_path, graph))


def test_no_damage_gets_through_as_anything_but_a_model_error():
    graph = bytearray(network())
    rng = np.random.default_rng(4)
    for _ in range(300):
        sick = bytearray(graph[:3000] if rng.random() < 0.5 else graph)
        for _ in range(int(rng.integers(1, 8))):
            at = int(rng.integers(0, min(600, len(sick))))
            sick[at] = int(rng.integers(256))
        try:
            check_control_net(bytes(sick))
        except ModelError as err:
            assert "\n" not in str(err)  # noqa: PT017


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample_rate_hz": 44_100}, "sample_rate_hz 44100"),
        ({"input": {"shape": [1, 60], "features": ["a"], "n_context": 10}}, "features"),
        ({"output": None}, "'output' is no JSON object"),
        ({"kind": "splitter"}, "kind splitter"),
        ({"model_sha256": "0" * 64}, "another network"),
    ],
)
def test_metadata_of_another_network_is_refused(change, message, tmp_path):
    with pytest.raises(ModelError, match=message):
        load_control_net(_save(tmp_path, network(), {**required_metadata(), **change}))


def test_broken_metadata_and_missing_files_are_named(tmp_path):
    path = _save(tmp_path, network())
    path.with_suffix(".json").write_text("{")
    with pytest.raises(ModelError, match=r"net\.json"):
        load_control_net(path)
    with pytest.raises(ModelMissing, match="charon train orbit"):
        load_control_net(tmp_path / "gone.onnx")


def test_a_network_of_nan_is_refused_when_it_is_loaded(tmp_path):
    graph = OnnxGraph("nan")
    x = graph.input("window", (1, 60))
    graph.node("MatMul", [x, graph.weight("w", np.full((60, 9), np.nan, np.float32))], "controls")
    graph.output("controls", (1, 9))
    with pytest.raises(ModelError, match="NaN"):
        load_control_net(_save(tmp_path, graph.to_bytes()))
