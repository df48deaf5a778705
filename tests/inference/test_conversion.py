"""The checkpoint reader and the converter, on the real checkpoint."""

import hashlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from engine.errors import ModelError
from engine.inference.fetching import read_member
from engine.inference.spleeter_checkpoint import read_checkpoint
from engine.inference.spleeter_convert import convert_network
from engine.units import energy_ratio_db
from tests.inference.graphs import plain_spleeter

MEMBER = "spleeter/pretrained_models/2stems/model."


@pytest.fixture(scope="module")
def checkpoint(spleeter_wheel):
    return [read_member(spleeter_wheel, MEMBER + end) for end in ("index", "data-00000-of-00001")]


@pytest.fixture(scope="module")
def tensors(checkpoint):
    return read_checkpoint(*checkpoint)


def run(path_or_bytes, magnitude):
    options = ort.SessionOptions()
    options.add_free_dimension_override_by_name("T", magnitude.shape[2])
    session = ort.InferenceSession(path_or_bytes, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"magnitude": magnitude})


def test_checkpoint_has_two_networks(tensors):
    assert len(tensors) == 2 * 74
    assert tensors["conv2d/kernel"].shape == (5, 5, 2, 16)
    assert tensors["conv2d_transpose_6/kernel"].shape == (5, 5, 256, 512)
    assert all(np.isfinite(array).all() and array.dtype == np.float32 for array in tensors.values())


def test_conversion_is_deterministic_and_is_what_the_card_says(tensors, spleeter, spleeter_wheel):
    for network, file in enumerate(spleeter.files):
        once = convert_network(tensors, network)
        assert convert_network(tensors, network) == once
        assert hashlib.sha256(once).hexdigest() == file.sha256
        assert len(once) == file.size_bytes
    # Again in another process, where hashes of strings and addresses differ.
    code = (
        "import hashlib, sys; from pathlib import Path\n"
        "from engine.inference.fetching import read_member\n"
        "from engine.inference.spleeter_checkpoint import read_checkpoint\n"
        "from engine.inference.spleeter_convert import convert_network\n"
        "ends = ('index', 'data-00000-of-00001')\n"
        f"parts = [read_member(Path(sys.argv[1]), {MEMBER!r} + end) for end in ends]\n"
        "print(hashlib.sha256(convert_network(read_checkpoint(*parts), 1)).hexdigest())\n"
        "assert 'onnx' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(spleeter_wheel)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == spleeter.files[1].sha256


def test_converted_networks_are_valid_onnx(tensors):
    model = onnx.load_from_string(convert_network(tensors, 0))
    onnx.checker.check_model(model, full_check=True)
    assert model.graph.input[0].name == "magnitude"


@pytest.mark.parametrize("n_frames", [64, 192])
def test_converted_networks_equal_the_plain_ones(tensors, tmp_path, n_frames):
    rng = np.random.default_rng(1)
    magnitude = np.abs(rng.standard_normal((1, 2, n_frames, 1024))).astype(np.float32) * 20
    wanted = run(str(plain_spleeter(tmp_path / "plain.onnx", tensors, n_frames)), magnitude)
    for network in (0, 1):
        got = run(convert_network(tensors, network), magnitude)[0]
        # The only difference is the rounding of weights to float16.
        assert energy_ratio_db(wanted[network], got - wanted[network]) > 45


@pytest.mark.parametrize(
    "damage",
    [
        lambda index, data: (b"", data),
        lambda index, data: (index[:-8] + b"\0" * 8, data),
        lambda index, data: (index[100:], data),
        lambda index, data: (index, data[:1000]),
        lambda index, data: (b"no checkpoint at all" * 50, data),
    ],
)
def test_damaged_checkpoints_are_one_line(checkpoint, damage):
    with pytest.raises(ModelError) as caught:
        convert_network(read_checkpoint(*damage(*checkpoint)), 0)
    assert "\n" not in str(caught.value)


def test_another_checkpoint_is_refused(tensors):
    others = {name: array for name, array in tensors.items() if not name.startswith("conv2d_13")}
    with pytest.raises(ModelError, match="conv2d_13"):
        convert_network(others, 1)
