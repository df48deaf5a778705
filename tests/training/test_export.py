"""The file that a training leaves is its network, and says all that is needed to feed it."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.inference.control_net import check_metadata, load_control_net
from engine.kernels.orbit import CONTROL_HIGH, CONTROL_LOW
from models.training.orbit import export
from models.training.orbit.export import compare_with_torch, onnx_bytes, write_network
from models.training.orbit.network import HIDDEN, SteeringNetwork


def network(seed: int = 0) -> SteeringNetwork:
    torch.manual_seed(seed)
    return SteeringNetwork()


def test_file_and_torch_say_the_same(tmp_path: Path) -> None:
    net = network()
    path = write_network(net, tmp_path, {"dataset": {"minutes": np.float32(1.5)}})
    window = np.random.default_rng(5).standard_normal(60).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(window)).numpy()
    loaded = load_control_net(path)
    assert loaded.controls(window) == pytest.approx(expected, abs=1e-5)
    assert path.stat().st_size < 400_000
    assert compare_with_torch(net, path).largest_error < 1e-5
    assert sum(HIDDEN) == 512


def test_the_metadata_says_what_goes_in_and_what_comes_out(tmp_path: Path) -> None:
    path = write_network(network(), tmp_path, {"dataset": {"minutes": np.float32(1.5)}})
    about = json.loads(path.with_suffix(".json").read_text())
    check_metadata(about)
    assert about["model_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert about["sample_rate_hz"] == 48_000
    assert (about["n_fft"], about["hop_frames"]) == (4096, 1024)
    assert about["input"]["name"] == "window"
    assert "running mean" in about["input"]["normalisation"]
    assert about["output"]["low"] == CONTROL_LOW.tolist()
    assert about["output"]["high"] == CONTROL_HIGH.tolist()
    assert about["export"]["n_windows"] > 100
    assert about["export"]["largest_error"] < 1e-5
    assert about["dataset"]["minutes"] == 1.5


def test_the_same_weights_are_the_same_bytes() -> None:
    assert onnx_bytes(network()) == onnx_bytes(network())
    assert onnx_bytes(network()) != onnx_bytes(network(1))


def test_no_input_leaves_the_ranges() -> None:
    wild = torch.tensor([[1e30] * 60, [-1e30] * 60, [0.0] * 60])
    with torch.no_grad():
        controls = network()(wild).numpy()
    assert np.all(controls >= CONTROL_LOW.astype(np.float32) - 1e-6)
    assert np.all(controls <= CONTROL_HIGH.astype(np.float32) + 1e-6)


def test_a_file_that_differs_from_torch_is_not_left_as_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = onnx_bytes(network(1))
    monkeypatch.setattr(export, "onnx_bytes", lambda _network: other)
    write_network(network(1), tmp_path, {})
    with pytest.raises(ModelError, match="differs from torch"):
        write_network(network(), tmp_path, {})
    assert not (tmp_path / "orbit-control.json").exists()
