"""Loaded models on real music, and models that misbehave."""

import dataclasses
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from engine.errors import JobCancelled, ModelError, ParameterError, ProviderUnavailable
from engine.inference.cards import Segment
from engine.inference.load import load_architecture
from engine.inference.model_store import ModelStore
from engine.inference.sessions import BoundSession, all_finite, choose_providers, n_threads
from engine.units import energy_ratio_db
from tests.inference.graphs import gains_model, nan_model, slow_model


def separate(model, song, offset):
    """Stems (n_stems, 2, frames) of a song short enough for one window."""
    window = np.zeros((2, model.window_frames), np.float32)
    n = song.shape[1]
    assert model.valid_start <= offset
    assert offset + n <= model.valid_stop
    window[:, offset : offset + n] = song
    out = np.full((len(model.stems), 2, model.valid_stop - model.valid_start), np.nan, np.float32)
    model.separate(window, out)
    assert np.isfinite(out).all()
    start = offset - model.valid_start
    return out[:, :, start : start + n]


def load(store, card, profile="throughput"):
    return load_architecture(card, store.files(card.name), profile)


def test_spleeter_reaches_its_sdr_and_its_stems_sum_to_the_song(store, spleeter, falcon):
    model = load(store, spleeter)
    assert model.provider in choose_providers()
    assert model.notices == []
    vocals, accompaniment = separate(model, falcon.mixture, model.valid_start)
    model.close()
    assert energy_ratio_db(falcon.vocals, falcon.vocals - vocals) >= 4.0
    band = falcon.drums + falcon.bass + falcon.other
    assert energy_ratio_db(band, band - accompaniment) >= 10.8
    assert energy_ratio_db(falcon.mixture, falcon.mixture - vocals - accompaniment) > 120
    # Above 11 kHz the mask goes on: a sung "s" is not left to the accompaniment.
    spectrum = np.abs(np.fft.rfft(vocals.astype(np.float64)))
    top = slice(int(12_000 / 44_100 * vocals.shape[1]), None)
    song_top = np.abs(np.fft.rfft(falcon.mixture.astype(np.float64)))[:, top]
    assert energy_ratio_db(song_top, spectrum[:, top]) < 20


def test_spleeter_profiles_give_the_same_bits_and_repeat(store, spleeter, falcon):
    results = []
    for profile in ("throughput", "live"):
        model = load(store, spleeter, profile)
        first = separate(model, falcon.mixture, model.valid_start + 5000).copy()
        separate(model, falcon.vocals, model.valid_start)  # nothing of another window stays
        assert np.array_equal(separate(model, falcon.mixture, model.valid_start + 5000), first)
        results.append(first)
        model.close()
    assert np.array_equal(*results)


@pytest.mark.parametrize("n_stft", [64, 128])
def test_spleeter_takes_short_windows(store, spleeter, falcon, n_stft):
    card = dataclasses.replace(spleeter, segment=Segment((n_stft - 1) * 1024 + 4096, 0.1))
    model = load_architecture(card, store.files(spleeter.name), "live")
    n = model.valid_stop - model.valid_start
    vocals, rest = separate(model, np.ascontiguousarray(falcon.mixture[:, :n]), model.valid_start)
    model.close()
    assert n == (n_stft - 3) * 1024
    assert np.allclose(vocals + rest, falcon.mixture[:, :n], atol=1e-6)
    assert energy_ratio_db(falcon.vocals[:, :n], falcon.vocals[:, :n] - vocals) > 1.0


def test_spleeter_wall_time_is_close_to_the_networks(store, spleeter, falcon):
    model = load(store, spleeter)
    separate(model, falcon.mixture, model.valid_start)
    ratios = []
    for _ in range(5):
        before_s, started_s = model.inference_s, time.perf_counter()
        separate(model, falcon.mixture, model.valid_start)
        ratios.append((time.perf_counter() - started_s) / (model.inference_s - before_s))
    model.close()
    assert min(ratios) <= 1.25


def test_spleeter_window_must_be_a_multiple_of_64(store, spleeter):
    card = dataclasses.replace(spleeter, segment=Segment(527_361, 0.1))
    with pytest.raises(ParameterError, match="527361"):
        load_architecture(card, store.files(spleeter.name), "live")


def test_htdemucs_reaches_its_sdr(store, htdemucs, falcon):
    model = load(store, htdemucs)
    drums, bass, other, vocals = separate(model, falcon.mixture, 0)
    model.close()
    assert energy_ratio_db(falcon.drums, falcon.drums - drums) >= 10.0
    assert energy_ratio_db(falcon.bass, falcon.bass - bass) >= 3.0
    assert energy_ratio_db(falcon.vocals, falcon.vocals - vocals) >= 5.0
    total = drums + bass + other + vocals
    assert energy_ratio_db(falcon.mixture, falcon.mixture - total) > 15


def test_a_waveform_model_of_fixed_length(tmp_path, falcon):
    store = ModelStore(tmp_path / "models", [tmp_path / "cards"])
    path = gains_model(tmp_path / "My Gains.onnx", (0.25, 0.5, 0.125, 0.0), 8192)
    card = store.add_file(path)
    assert (card.name, card.architecture) == ("my-gains", "waveform")
    assert card.stems == ("drums", "bass", "other", "vocals")
    assert card.residual_stem == "other"
    model = load(store, card)
    assert (model.window_frames, model.valid_start, model.valid_stop) == (8192, 0, 8192)
    window = np.ascontiguousarray(falcon.mixture[:, :8192])
    out = np.empty((4, 2, 8192), np.float32)
    model.separate(window, out)
    assert np.array_equal(out, window * np.array([0.25, 0.5, 0.125, 0.0], np.float32).reshape(4, 1, 1))
    assert model.inference_s > 0


def test_a_waveform_model_of_free_length_with_metadata(tmp_path):
    store = ModelStore(tmp_path / "models", [tmp_path / "cards"])
    path = gains_model(
        tmp_path / "duo.onnx", (1.0, 0.5), "n", stems="guitar, piano", residual_stem="piano", rate_hz="48000"
    )
    card = store.add_file(path)
    assert (card.stems, card.residual_stem, card.rate_hz) == (("guitar", "piano"), "piano", 48_000)
    model = load(store, card)
    window = np.ones((2, model.window_frames), np.float32)
    out = np.empty((2, 2, model.window_frames), np.float32)
    model.separate(window, out)
    assert (out[0] == 1.0).all()
    assert (out[1] == 0.5).all()


def test_a_model_that_returns_nan_is_one_line(tmp_path):
    store = ModelStore(tmp_path / "models", [tmp_path / "cards"])
    card = store.add_file(nan_model(tmp_path / "nan.onnx", 4096))
    model = load(store, card)
    with pytest.raises(ModelError, match=r"nan\.onnx returned NaN") as caught:
        model.separate(np.zeros((2, 4096), np.float32), np.empty((2, 2, 4096), np.float32))
    assert "\n" not in str(caught.value)


def test_nan_in_the_input_is_not_blamed_on_the_model(tmp_path):
    store = ModelStore(tmp_path / "models", [tmp_path / "cards"])
    model = load(store, store.add_file(gains_model(tmp_path / "g.onnx", (1.0, 0.0), 4096)))
    window = np.full((2, 4096), np.nan, np.float32)
    with pytest.raises(ModelError, match="was given NaN"):
        model.separate(window, np.empty((2, 2, 4096), np.float32))


def test_a_truncated_model_is_one_line_and_nothing_leaks_on_stderr(store, spleeter, tmp_path):
    whole = store.files(spleeter.name)["vocals.onnx"]
    broken = tmp_path / "vocals.onnx"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    code = (
        "import sys; from pathlib import Path\n"
        "from engine.errors import ModelError\n"
        "from engine.inference.sessions import open_session\n"
        "try:\n    open_session(Path(sys.argv[1]), 'live')\n"
        "except ModelError as err:\n    print(err)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(broken)],
        capture_output=True,
        text=True,
        env={**os.environ},
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert "vocals.onnx is not a usable ONNX model" in done.stdout


def test_a_graph_of_other_shapes_is_refused(store, spleeter, htdemucs):
    paths = {
        name: store.files(htdemucs.name)["htdemucs.onnx"] for name in ("vocals.onnx", "accompaniment.onnx")
    }
    with pytest.raises(ModelError, match="Spleeter"):
        load_architecture(spleeter, paths, "live")


def test_providers():
    available = choose_providers()
    assert available[-1] == "CPU"
    assert choose_providers("cpu") == ["CPU"]
    with pytest.raises(ProviderUnavailable, match=r"'TPU'.*CPU"):
        choose_providers("TPU")
    assert n_threads("live") == max(1, n_threads("throughput") - 1)


def test_bound_arrays_are_the_same_memory_every_run(tmp_path):
    session = BoundSession(gains_model(tmp_path / "g.onnx", (2.0, 3.0), 1024), "live", "CPU")
    memory = [array.ctypes.data for array in (*session.inputs, *session.outputs)]
    for value in (1.0, 2.0):
        session.inputs[0][...] = value
        session.run()
        assert (session.outputs[0][0, 1] == 3.0 * value).all()
    assert [array.ctypes.data for array in (*session.inputs, *session.outputs)] == memory


def test_all_finite_sees_one_bad_sample():
    values = np.ones((3, 1001), np.float32)
    assert all_finite(values)
    for bad in (np.nan, np.inf, -np.inf):
        for at in (0, 1500, 3002):
            damaged = values.copy()
            damaged.flat[at] = bad
            assert not all_finite(damaged)


def test_a_run_is_stopped_from_another_thread_and_the_next_one_is_whole(tmp_path):
    session = BoundSession(slow_model(tmp_path / "slow.onnx", [0.5], 4096, 150), "live")
    session.inputs[0][:] = 1.0
    began_s = time.perf_counter()
    session.run()
    whole_s = time.perf_counter() - began_s
    session.stop()  # nothing runs: nothing is stopped, now or later
    timer = threading.Timer(0.2 * whole_s, session.stop)
    timer.start()
    began_s = time.perf_counter()
    with pytest.raises(JobCancelled):
        session.run()
    assert time.perf_counter() - began_s < 0.7 * whole_s
    timer.join()
    session.outputs[0][:] = 0.0
    session.run()
    assert np.allclose(session.outputs[0], 0.5)
    assert session.notices == []
