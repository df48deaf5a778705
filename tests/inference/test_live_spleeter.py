"""Spleeter on a stream: as good as the issue of latency allows, and exactly as late as it says."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from engine.errors import ModelError, ParameterError
from engine.inference.live_spleeter import BLOCK_FRAMES, CLEAN, TIGHT, LiveMode, LiveSpleeter
from engine.inference.onnx_graph import OnnxGraph
from engine.inference.spleeter_crop import crop_decoder
from engine.units import F32, energy_ratio_db

LEAST_DB = {"tight": (4.2, 10.4), "clean": (4.6, 10.8)}


@pytest.fixture(scope="module")
def network(store, spleeter) -> bytes:
    return store.files(spleeter.name)[spleeter.files[0].name].read_bytes()


def open_live(store, card, mode: LiveMode) -> LiveSpleeter:
    files = store.files(card.name)
    return LiveSpleeter(card, [files[file.name] for file in card.files], mode)


def run_live(model: LiveSpleeter, x: F32) -> F32:
    """Stems of whole blocks, (2, 2, frames)."""
    blocks = []
    for start in range(0, x.shape[1] - BLOCK_FRAMES + 1, BLOCK_FRAMES):
        out = np.empty((2, 2, BLOCK_FRAMES), np.float32)
        model.process(np.ascontiguousarray(x[:, start : start + BLOCK_FRAMES]), out)
        blocks.append(out)
    return np.concatenate(blocks, axis=2)


def estimate(graph: bytes, magnitude: F32) -> F32:
    options = ort.SessionOptions()
    options.add_free_dimension_override_by_name("T", magnitude.shape[2])
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"magnitude": magnitude})[0]


@pytest.mark.parametrize("n_wanted", [1, 5, 9, 33, 64])
def test_the_cropped_network_says_the_same_of_the_newest_frames(network, n_wanted):
    magnitude = np.abs(np.random.default_rng(n_wanted).standard_normal((1, 2, 64, 1024))).astype(np.float32)
    cropped = crop_decoder(network, 64, n_wanted)
    onnx.checker.check_model(onnx.load_from_string(cropped), full_check=True)
    got = estimate(cropped, 20 * magnitude)
    assert np.array_equal(got, estimate(network, 20 * magnitude)[:, :, 64 - n_wanted :])


def test_what_is_no_network_of_spleeters_is_one_line(network):
    other = OnnxGraph("other")
    other.output(other.node("Relu", [other.input("x", (1, 2))], "y"), (1, 2))
    for graph in (b"", b"\x0a\xff", network[: len(network) // 2], other.to_bytes()):
        with pytest.raises(ModelError) as caught:
            crop_decoder(graph, 64, 5)
        assert "\n" not in str(caught.value)
    for n_context, n_wanted in ((60, 5), (64, 0), (64, 65)):
        with pytest.raises(ParameterError, match=str(n_wanted)):
            crop_decoder(network, n_context, n_wanted)


@pytest.mark.parametrize("mode", [TIGHT, CLEAN], ids=lambda mode: mode.name)
def test_a_song_in_real_time_is_separated_nearly_as_well_as_from_a_file(store, spleeter, falcon, mode):
    model = open_live(store, spleeter, mode)
    mixture = falcon.mixture
    after = np.zeros((2, mode.latency_frames + BLOCK_FRAMES), np.float32)
    stems = run_live(model, np.concatenate([mixture, after], axis=1))
    # The block itself has to be full before it is taken: that part of the latency is not in here.
    late = mode.latency_frames - BLOCK_FRAMES
    vocals, rest = stems[:, :, late : late + mixture.shape[1]]
    accompaniment = falcon.drums + falcon.bass + falcon.other
    least_vocals_db, least_rest_db = LEAST_DB[mode.name]
    assert energy_ratio_db(falcon.vocals, vocals - falcon.vocals) >= least_vocals_db
    assert energy_ratio_db(accompaniment, rest - accompaniment) >= least_rest_db
    assert np.abs(vocals + rest - mixture).max() < 1e-6
    model.reset()
    n = mixture.shape[1] // BLOCK_FRAMES * BLOCK_FRAMES
    assert np.array_equal(run_live(model, mixture), stems[:, :, :n])
    model.close()


def test_latency_in_time_is_what_the_window_says():
    assert round(1000 * TIGHT.latency_frames / 44_100) == 139
    assert round(1000 * CLEAN.latency_frames / 44_100) == 232


def test_a_quiet_input_is_separated_as_well_as_a_loud_one(store, spleeter, falcon):
    after = np.zeros((2, TIGHT.latency_frames), np.float32)
    late = TIGHT.latency_frames - BLOCK_FRAMES
    model = open_live(store, spleeter, TIGHT)
    scores_db = []
    for level in (1.0, 0.05):
        model.reset()
        x = np.float32(level) * np.concatenate([falcon.mixture, after], axis=1)
        vocals = run_live(model, x)[0, :, late : late + falcon.mixture.shape[1]] / level
        scores_db.append(energy_ratio_db(falcon.vocals, vocals - falcon.vocals))
    model.close()
    assert scores_db[1] > scores_db[0] - 0.2


def test_silence_stays_silence(store, spleeter):
    model = open_live(store, spleeter, TIGHT)
    assert not run_live(model, np.zeros((2, 4 * BLOCK_FRAMES), np.float32)).any()
    model.close()


def test_a_model_that_cannot_run_live_is_refused_by_name(store, htdemucs):
    with pytest.raises(ParameterError, match="htdemucs-4stems"):
        LiveSpleeter(htdemucs, [], TIGHT)
