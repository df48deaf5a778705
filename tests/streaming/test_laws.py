"""The four laws of house.md, for every block of engine/stream that audio flows through."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.resample import design, resample_frames
from engine.stream.overlap_add import OverlapAdd
from engine.stream.rebuffer import Rebuffer
from engine.stream.resampler import CHUNK_FRAMES, Resampler
from engine.units import energy_ratio_db

CUTS = st.lists(st.integers(0, 400), min_size=1, max_size=30)


def _identity(x, out):
    out[:] = x


def _mangle(x, out):
    """Depends on every frame of its block and on its place there."""
    out[:] = x[:, ::-1] * np.linspace(0.1, 1, x.shape[1], dtype=np.float32) + np.tanh(x.sum())


BLOCKS = {
    "rebuffer 1": lambda f: Rebuffer(2, 1, f),
    "rebuffer 64": lambda f: Rebuffer(2, 64, f),
    "rebuffer 441": lambda f: Rebuffer(2, 441, f),
    "overlap-add 64/16": lambda f: OverlapAdd(2, 64, 16, f),
    "overlap-add 100/30": lambda f: OverlapAdd(2, 100, 30, f),
    "overlap-add 33/33, flat": lambda f: OverlapAdd(2, 33, 33, f, np.ones(33, np.float32)),
    "resampler 44100-48000": lambda _f: Resampler(2, 44100, 48000),
    "resampler 48000-44100": lambda _f: Resampler(2, 48000, 44100, "fast"),
    "resampler 192000-44100": lambda _f: Resampler(2, 192000, 44100, "fast"),
    "resampler 8000-44100": lambda _f: Resampler(2, 8000, 44100, "fast"),
    "resampler 96000-48000": lambda _f: Resampler(2, 96000, 48000),
    "resampler 44100-44100": lambda _f: Resampler(2, 44100, 44100),
}
FUNCTION_BLOCKS = [name for name in BLOCKS if "resampler" not in name]
RESAMPLERS = [name for name in BLOCKS if "resampler" in name]


def _noise(n, seed=0):
    return np.random.default_rng(seed).standard_normal((2, n)).astype(np.float32)


def _run(block, x, cuts):
    """Feed `x` in blocks of the given sizes, again and again."""
    parts = []
    at = 0
    sizes = cuts if any(cuts) else [1]
    while at < x.shape[1]:
        for n in sizes:
            parts.append(block.process(x[:, at : at + n]).copy())
            at += n
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("name", BLOCKS)
@settings(deadline=None, max_examples=25)
@given(cuts=CUTS)
def test_law_1_any_partition_gives_the_same_output(name, cuts):
    x = _noise(3000)
    whole = BLOCKS[name](_mangle).process(x)
    assert np.array_equal(_run(BLOCKS[name](_mangle), x, cuts), whole)


@pytest.mark.parametrize("name", FUNCTION_BLOCKS)
@settings(deadline=None, max_examples=25)
@given(cuts=CUTS, at=st.integers(0, 900))
def test_law_2_an_impulse_comes_out_latency_frames_later(name, cuts, at):
    block = BLOCKS[name](_identity)
    x = np.zeros((2, 2000), np.float32)
    x[:, at] = [1.0, -0.5]
    y = _run(block, x, cuts)
    expected = np.zeros_like(x)
    expected[:, at + block.latency_frames] = [1.0, -0.5]
    np.testing.assert_allclose(y, expected, atol=1e-6)


@pytest.mark.parametrize("name", RESAMPLERS)
@settings(deadline=None, max_examples=15)
@given(cuts=CUTS, turn=st.integers(0, 3))
def test_law_2_an_impulse_comes_out_of_a_resampler_latency_frames_later(name, cuts, turn):
    from_hz, to_hz = (int(rate_hz) for rate_hz in name.split()[1].split("-"))
    divisor = math.gcd(from_hz, to_hz)
    # Only frames that exist in both rates have an exact place to come out at.
    at = turn * from_hz // divisor
    block = BLOCKS[name](None)
    x = np.zeros((2, at + 4 * 1000), np.float32)
    x[:, at] = [1.0, -0.5]
    y = _run(block, x, cuts)
    peak = turn * to_hz // divisor + block.latency_frames
    assert np.abs(y[0]).argmax() == np.abs(y[1]).argmax() == peak
    # Symmetric around its peak: not a fraction of a frame early or late.
    reach = min(peak, 30)
    np.testing.assert_allclose(y[:, peak - reach : peak], y[:, peak + reach : peak : -1], atol=1e-6)


@pytest.mark.parametrize("name", FUNCTION_BLOCKS)
def test_law_3_the_identity_stays_the_identity_within_120_db(name):
    block = BLOCKS[name](_identity)
    x = _noise(5000)
    y = block.process(x)
    latency = block.latency_frames
    assert np.all(y[:, :latency] == 0)
    assert energy_ratio_db(x[:, : 5000 - latency], y[:, latency:] - x[:, : 5000 - latency]) > 120


def test_law_3_a_resampler_and_its_reverse_keep_the_song_within_90_db():
    t = np.arange(20000) / 44100
    x = np.stack([np.sin(2 * np.pi * f * t) for f in (440.0, 12345.0)]).astype(np.float32)
    there, back = Resampler(2, 44100, 48000), Resampler(2, 48000, 44100)
    y = back.process(there.process(x))
    latency = there.latency_frames * 44100 / 48000 + back.latency_frames
    at = np.arange(2000, 15000)
    expected = np.stack([np.sin(2 * np.pi * f * (at - latency) / 44100) for f in (440.0, 12345.0)])
    assert energy_ratio_db(expected, y[:, at] - expected) > 90


@pytest.mark.parametrize("name", BLOCKS)
@settings(deadline=None, max_examples=10)
@given(cuts=CUTS, n_before=st.integers(0, 700))
def test_law_4_reset_equals_a_new_object(name, cuts, n_before):
    block = BLOCKS[name](_mangle)
    block.process(_noise(n_before, seed=1))
    block.reset()
    x = _noise(1500)
    assert np.array_equal(_run(block, x, cuts), BLOCKS[name](_mangle).process(x))


@pytest.mark.parametrize("name", RESAMPLERS)
def test_a_resampler_equals_the_kernel_late_by_its_latency(name):
    from_hz, to_hz = (int(rate_hz) for rate_hz in name.split()[1].split("-"))
    block = BLOCKS[name](None)
    x = _noise(3 * CHUNK_FRAMES + 17)
    y = block.process(x)
    assert y.shape[1] == -(-x.shape[1] * to_hz // from_hz)
    expected = np.zeros((2, y.shape[1]), np.float32)
    f = design(
        from_hz, to_hz, "high" if block._filter.half_width == design(from_hz, to_hz).half_width else "fast"
    )
    resample_frames(x, 0, f, -block.latency_frames, expected)
    np.testing.assert_allclose(y, expected, atol=5e-6)


@pytest.mark.parametrize("name", FUNCTION_BLOCKS)
def test_results_go_into_given_arrays(name):
    out = np.full((2, 300), np.nan, np.float32)
    x = _noise(300)
    assert BLOCKS[name](_mangle).process(x, out) is out
    assert np.array_equal(out, BLOCKS[name](_mangle).process(x))


def test_impossible_blocks_are_refused():
    with pytest.raises(ParameterError, match="0 frames"):
        Rebuffer(2, 0, _identity)
    with pytest.raises(ParameterError, match="hop of 65"):
        OverlapAdd(2, 64, 65, _identity)
    with pytest.raises(ParameterError, match="leave a gap"):
        OverlapAdd(2, 64, 64, _identity)
    with pytest.raises(ParameterError, match="0 channels"):
        Resampler(0, 44100, 48000)
    with pytest.raises(ParameterError, match="2 channels"):
        Rebuffer(2, 8, _identity).process(np.zeros((1, 8), np.float32))
    with pytest.raises(ParameterError, match="shape"):
        Resampler(2, 44100, 48000).process(_noise(100), np.zeros((2, 5), np.float32))
