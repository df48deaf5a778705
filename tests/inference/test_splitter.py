"""Four stems through Spleeter and a splitter behind it: they sum to the song, wherever the windows lie."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.errors import ModelError, ModelMissing
from engine.inference.live_spleeter import BLOCK_FRAMES, TIGHT
from engine.inference.live_splitter import LiveSplitter
from engine.inference.load import load_architecture
from engine.inference.model_store import ModelStore
from engine.inference.splitter import FILE_NAME, STEMS
from engine.io.home import Home, default_home
from engine.units import energy_ratio_db
from models.training.splitter.export import onnx_bytes
from models.training.splitter.network import SplitNetwork
from tests.inference.graphs import gains_model

CARD = """
name = "four"
architecture = "splitter"
builds_on = "spleeter-2stems"
stems = ["drums", "bass", "other", "vocals"]
residual_stem = "other"
rate_hz = 44100
[segment]
window_frames = {window}
overlap = 0.1
[licence]
name = "MIT"
[[files]]
name = "charon-splitter.onnx"
sha256 = "{sha256}"
size_bytes = {size}
[[sources]]
kind = "bundled"
"""
WINDOW = 127 * 1024 + 4096
"""128 STFT frames, 3 s: as few as the splitter's warm-up leaves something of."""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    """A splitter that has learnt nothing, behind the real Spleeter; the weights lie bundled."""
    root = tmp_path_factory.mktemp("home")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = onnx_bytes(SplitNetwork((4, 6, 8, 8, 8), 12).eval())
    (root / "weights" / "four").mkdir(parents=True)
    (root / "weights" / "four" / FILE_NAME).write_bytes(model)
    (root / "cards").mkdir()
    sha256 = hashlib.sha256(model).hexdigest()
    (root / "cards" / "four.toml").write_text(CARD.format(window=WINDOW, sha256=sha256, size=len(model)))
    (root / "models").mkdir()
    (root / "models" / "spleeter-2stems").symlink_to(default_home().models / "spleeter-2stems")
    return Home(root)


@pytest.fixture(scope="module")
def splitter(home):
    store = ModelStore(home.models, home.cards)
    with pytest.raises(ModelMissing, match="charon models get four"):
        ModelStore(home.root / "nothing", home.cards).files("four")
    store.verify("four")
    files = store.files("four")
    assert set(files) == {FILE_NAME, "vocals.onnx", "accompaniment.onnx"}
    loaded = load_architecture(store.card("four"), files, "throughput")
    yield loaded
    loaded.close()


def sound(n: int) -> np.ndarray:
    t = np.arange(n) / 44_100
    rng = np.random.default_rng(2)
    x = 0.2 * np.sin(2 * np.pi * 110 * t) + 0.1 * np.sin(2 * np.pi * 440 * t) + 0.05 * rng.standard_normal(n)
    return np.stack([x, 0.7 * x + 0.02 * rng.standard_normal(n)]).astype(np.float32)


def test_stems_sum_to_the_song(splitter):
    window = sound(splitter.window_frames)
    out = np.zeros((4, 2, splitter.valid_stop - splitter.valid_start), np.float32)
    splitter.separate(window, out)
    assert splitter.stems == STEMS
    error = out.sum(axis=0) - window[:, splitter.valid_start : splitter.valid_stop]
    assert 20 * np.log10(float(np.abs(error).max()) + 1e-12) < -100.0
    assert all(float(np.square(stem).mean()) > 1e-7 for stem in out)


def test_a_window_is_heard_anew(splitter):
    window = sound(splitter.window_frames)
    first = np.zeros((4, 2, splitter.valid_stop - splitter.valid_start), np.float32)
    again = np.zeros_like(first)
    splitter.separate(window, first)
    splitter.separate(window[:, ::-1].copy(), again)
    splitter.separate(window, again)
    np.testing.assert_array_equal(first, again)


def test_silence_stays_silent(splitter):
    out = np.ones((4, 2, splitter.valid_stop - splitter.valid_start), np.float32)
    splitter.separate(np.zeros((2, splitter.window_frames), np.float32), out)
    assert not out.any()


@pytest.fixture(scope="module")
def live(home, splitter):
    assert splitter.stems == STEMS  # the files are there
    store = ModelStore(home.models, home.cards)
    model = LiveSplitter(store.card("four"), store.files("four"), TIGHT)
    yield model
    model.close()


def run_live(model: LiveSplitter, x: np.ndarray) -> np.ndarray:
    blocks = []
    for start in range(0, x.shape[1] - BLOCK_FRAMES + 1, BLOCK_FRAMES):
        out = np.empty((4, 2, BLOCK_FRAMES), np.float32)
        model.process(np.ascontiguousarray(x[:, start : start + BLOCK_FRAMES]), out)
        blocks.append(out)
    return np.concatenate(blocks, axis=2)


def test_live_stems_sum_to_the_input_as_late_as_stated(live):
    live.reset()
    x = sound(40 * BLOCK_FRAMES)
    stems = run_live(live, x)
    late = live.latency_frames - BLOCK_FRAMES
    assert live.latency_frames == TIGHT.latency_frames + 4096
    assert round(1000 * live.latency_frames / 44_100) == 232
    assert float(np.abs(stems.sum(axis=0)[:, late:] - x[:, :-late]).max()) < 1e-6
    live.reset()
    np.testing.assert_array_equal(run_live(live, x), stems)


def test_live_stems_are_those_of_the_file(live, splitter, falcon):
    """The same network on nearly the same spectra: alike, and alike at no other place as much."""
    window = falcon.mixture[:, 44_100 : 44_100 + splitter.window_frames]
    whole = np.zeros((4, 2, splitter.valid_stop - splitter.valid_start), np.float32)
    splitter.separate(np.ascontiguousarray(window), whole)
    live.reset()
    stems = run_live(live, np.pad(window, ((0, 0), (0, live.latency_frames))))
    first = live.latency_frames - BLOCK_FRAMES + splitter.valid_start
    for k in range(4):
        ratios_db = [
            energy_ratio_db(whole[k], stems[k, :, first + lag : first + lag + whole.shape[2]] - whole[k])
            for lag in (-1024, 0, 1024)
        ]
        assert ratios_db[1] > max(ratios_db[0], ratios_db[2]) + 6.0, STEMS[k]


def test_live_silence_stays_silent(live):
    live.reset()
    assert not run_live(live, np.zeros((2, 8 * BLOCK_FRAMES), np.float32)).any()


def test_another_graph_is_refused(home, tmp_path):
    store = ModelStore(home.models, home.cards)
    files = store.files("four") | {FILE_NAME: gains_model(tmp_path / "a.onnx", [0.5, 0.5], 4096)}
    with pytest.raises(ModelError, match="is not Charon's splitter"):
        load_architecture(store.card("four"), files, "throughput")


def test_a_base_that_is_missing_makes_it_missing(home, tmp_path):
    alone = ModelStore(tmp_path, home.cards)
    assert not alone.is_present("four")
    card = alone.card("four")
    assert card.key != replace(card, builds_on="").key
