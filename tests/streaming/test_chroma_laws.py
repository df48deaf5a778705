"""The laws of house.md for chroma of a stream: its output is rows, and it equals the offline plan."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.chroma import ChromaCqt
from engine.stream.chroma import ChromaStream

CASES = {  # rate, hop, octaves
    "22050 seven": (22_050, 512, 7),
    "22050 four": (22_050, 512, 4),
    "16000 one": (16_000, 64, 1),
    "44100 three": (44_100, 1024, 3),
}


def _sound(n, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(n) / 22_050
    tones = sum(np.sin(2 * np.pi * 110 * 2 ** (k / 12) * t + k) for k in (0, 7, 16, 31, 50))
    return (0.1 * tones + 0.01 * rng.standard_normal(n)).astype(np.float32)


def _run(stream, x, cuts):
    rows = []
    at = 0
    sizes = cuts if any(cuts) else [1000]
    while at < x.size:
        for n in sizes:
            rows.append(stream.process(x[at : at + n]))
            at += n
    return np.concatenate(rows)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("tuning", [0.0, -1.3])
def test_rows_are_those_of_the_offline_plan(name, tuning):
    rate_hz, hop_frames, n_octaves = CASES[name]
    stream = ChromaStream(rate_hz, hop_frames, tuning, n_octaves)
    x = _sound(3 * rate_hz)
    padded = np.concatenate([x, np.zeros(stream.latency_frames, np.float32)])
    found = stream.process(padded)
    with ChromaCqt(rate_hz, hop_frames, threads=1, n_octaves=n_octaves) as plan:
        expected = plan.chroma(padded, tuning)
    n = x.size // hop_frames + 1
    assert found.shape == (padded.size // hop_frames - stream.latency_frames // hop_frames + 1, 12)
    np.testing.assert_allclose(found[:n], expected[:n], atol=2e-4)


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None, max_examples=15)
@given(cuts=st.lists(st.integers(0, 3000), min_size=1, max_size=10))
def test_law_1_any_partition_gives_the_same_rows(name, cuts):
    rate_hz, hop_frames, n_octaves = CASES[name]
    x = _sound(60_000)
    whole = ChromaStream(rate_hz, hop_frames, 0.0, n_octaves).process(x)
    assert np.array_equal(_run(ChromaStream(rate_hz, hop_frames, 0.0, n_octaves), x, cuts), whole)


@pytest.mark.parametrize("name", CASES)
def test_law_2_a_row_comes_out_latency_frames_later(name):
    rate_hz, hop_frames, n_octaves = CASES[name]
    stream = ChromaStream(rate_hz, hop_frames, 0.0, n_octaves)
    for t in range(3):
        x = np.zeros(stream.latency_frames if t == 0 else hop_frames, np.float32)
        assert stream.process(x[:-1]).shape[0] == 0
        assert stream.process(x[-1:]).shape[0] == 1


def test_law_2_a_click_is_heard_in_the_rows_around_its_frame():
    stream = ChromaStream(22_050, 512, 0.0, 1)
    x = np.zeros(40 * 512, np.float32)
    x[20 * 512] = 1.0
    heard = np.flatnonzero(stream.process(x).max(axis=1) > 0)
    # The window of row 21 begins with the click's frame.
    assert set(heard) <= {20, 21}
    assert 20 in heard


@pytest.mark.parametrize("name", CASES)
def test_law_4_reset_equals_a_new_stream(name):
    rate_hz, hop_frames, n_octaves = CASES[name]
    stream = ChromaStream(rate_hz, hop_frames, 0.0, n_octaves)
    stream.process(_sound(50_001, seed=1))
    stream.reset()
    x = _sound(60_000)
    assert np.array_equal(stream.process(x), ChromaStream(rate_hz, hop_frames, 0.0, n_octaves).process(x))


def test_a_stream_is_tuned_while_it_runs():
    stream, low = ChromaStream(22_050, 512, 0.0, 4), ChromaStream(22_050, 512, -1.0, 4)
    x = _sound(60_000)
    stream.process(x[:30_000])
    low.process(x[:30_000])
    stream.retune(-1.0)
    assert np.array_equal(stream.process(x[30_000:]), low.process(x[30_000:]))


@pytest.mark.parametrize("level", [0.0, 1.0, 1e-30, 1e30])
def test_any_finite_sound_has_finite_rows(level):
    rows = ChromaStream(22_050, 512, 0.0, 2).process(np.full(30_000, level, np.float32))
    assert rows.shape[0] > 0
    assert np.all((rows >= 0) & (rows <= 1))


def test_impossible_streams_are_refused():
    with pytest.raises(ParameterError, match="multiple of 16"):
        ChromaStream(22_050, 500, 0.0, 4)
    with pytest.raises(ParameterError, match="tuning of 2"):
        ChromaStream(22_050, 512, 2.0)
    with pytest.raises(ParameterError, match="mono"):
        ChromaStream(22_050).process(np.zeros((1, 5), np.float32))
