"""The four laws of house.md for the streaming forms of analysis, and their equality with whole songs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.delta import delta
from engine.kernels.hpss import Hpss, HpssSettings
from engine.kernels.mel import MelSpectrum
from engine.kernels.pitch import Yin
from engine.kernels.spectral import rms, spectral_shape, zero_crossing_rate
from engine.kernels.stft import Stft
from engine.stream.features import FEATURES, DeltaStream, FeatureStream
from engine.stream.framer import Framer
from engine.stream.hpss import HpssStream
from engine.stream.pitch import PitchStream
from engine.units import energy_ratio_db

RATE_HZ = 22050
CUTS = st.lists(st.integers(0, 700), min_size=1, max_size=20)
SMALL = HpssSettings(5, 7)


def _noise(n, channels=1, seed=0):
    return (0.3 * np.random.default_rng(seed).standard_normal((channels, n))).astype(np.float32)


def _notes(n):
    t = np.arange(n) / RATE_HZ
    x = sum(np.sin(2 * np.pi * k * 220 * t * (1 + 0.05 * t)) / k for k in range(1, 5)) * 0.2
    x[:: RATE_HZ // 7] += 0.7
    return x.astype(np.float32)[None]


def _pitches(block, x):
    track = block.push(x)
    return np.concatenate([track.f0_hz, track.aperiodicity])


# name: (a new block, channels, one call whose last axis is time)
BLOCKS = {
    "hpss": (lambda: HpssStream(2, SMALL, 256, 64), 2, lambda b, x: b.process(x)),
    "hpss, usual": (lambda: HpssStream(1), 1, lambda b, x: b.process(x)),
    "pitch": (lambda: PitchStream(RATE_HZ), 1, _pitches),
    "pitch, one long transform": (lambda: PitchStream(RATE_HZ, hop_frames=300), 1, _pitches),
    "features": (lambda: FeatureStream(RATE_HZ, 512, 128, 40), 1, lambda b, x: b.push(x).T),
    "features, side by side": (lambda: FeatureStream(RATE_HZ, 256, 256), 1, lambda b, x: b.push(x).T),
    "delta": (lambda: DeltaStream(3), 3, lambda b, x: b.push(x)),
}


def _run(name, block, x, cuts):
    step = BLOCKS[name][2]
    sizes = cuts if any(cuts) else [1]
    parts = []
    at = 0
    while at < x.shape[1]:
        for n in sizes:
            parts.append(step(block, x[:, at : at + n]).copy())
            at += n
    return np.concatenate(parts, axis=-1)


@pytest.mark.parametrize("name", BLOCKS)
@settings(deadline=None, max_examples=20)
@given(cuts=CUTS)
def test_law_1_any_partition_gives_the_same_output(name, cuts):
    make, channels, step = BLOCKS[name]
    x = _noise(6000, channels)
    assert np.array_equal(_run(name, make(), x, cuts), step(make(), x))


@settings(deadline=None, max_examples=25)
@given(cuts=CUTS, at=st.integers(0, 1500))
def test_law_2_an_impulse_comes_out_of_hpss_latency_frames_later(cuts, at):
    block = HpssStream(2, SMALL, 256, 64)
    x = np.zeros((2, 2500), np.float32)
    x[:, at] = [1.0, -0.5]
    y = _run("hpss", block, x, cuts).sum(axis=0)
    expected = np.zeros_like(x)
    expected[:, at + block.latency_frames] = [1.0, -0.5]
    np.testing.assert_allclose(y, expected, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3000), st.sampled_from(["features", "features, side by side"]))
def test_law_2_an_impulse_is_heard_in_the_frames_that_hold_it(at, name):
    block = BLOCKS[name][0]()
    x = np.zeros((1, 4000), np.float32)
    x[0, at] = 1.0
    levels = block.push(x)[:, FEATURES.index("rms")]
    size, hop = (512, 128) if name == "features" else (256, 256)
    t = np.arange(levels.size)
    assert np.array_equal(levels > 0, (t * hop <= at) & (at < t * hop + size))
    # Frame t is there as soon as its last frame is, and not before.
    block.reset()
    assert block.push(x[:, : block.latency_frames]).shape == (0, len(FEATURES))
    assert block.push(x[:, :1]).shape == (1, len(FEATURES))


def test_law_2_a_pitch_comes_with_the_last_frame_of_its_frame():
    block = PitchStream(RATE_HZ)
    x = _notes(5000)
    assert block.push(x[:, : block.latency_frames]).f0_hz.shape == (1, 0)
    assert block.push(x[:, :1]).f0_hz.shape == (1, 1)


def test_law_2_a_step_has_its_steepest_slope_latency_frames_later():
    block = DeltaStream(1, 9)
    x = np.zeros((1, 40), np.float32)
    x[0, 20:] = 1.0
    found = block.push(x)[0]
    # Halfway between frame 19 and 20.
    assert set(np.flatnonzero(found > found.max() - 1e-6)) == {
        19 + block.latency_frames,
        20 + block.latency_frames,
    }


def test_law_3_the_parts_of_hpss_sum_to_the_stream_within_120_db():
    for name in ("hpss", "hpss, usual"):
        make, channels, _ = BLOCKS[name]
        block = make()
        x = _noise(20000, channels)
        y = block.process(x).sum(axis=0)
        late = block.latency_frames
        # Nothing comes before its time but rounding: a frame that holds the beginning also holds silence.
        assert np.abs(y[:, :late]).max() < 1e-6
        assert energy_ratio_db(x[:, :-late], y[:, late:] - x[:, :-late]) > 120


@pytest.mark.parametrize("name", BLOCKS)
@settings(deadline=None, max_examples=10)
@given(cuts=CUTS, n_before=st.integers(0, 3000))
def test_law_4_reset_equals_a_new_object(name, cuts, n_before):
    make, channels, step = BLOCKS[name]
    block = make()
    step(block, _noise(n_before, channels, seed=1))
    block.reset()
    x = _noise(4000, channels)
    assert np.array_equal(_run(name, block, x, cuts), step(make(), x))


def test_hpss_of_a_stream_is_that_of_the_whole_song_once_its_memory_is_full():
    x = _notes(2 * RATE_HZ)
    block = HpssStream(1)
    with Hpss() as plan:
        whole = np.stack(plan.separate(x))
    y = block.process(x)
    late = block.latency_frames
    inner = slice(16 * 512 + 2048, x.shape[1] - late)
    for part in (0, 1):
        expected = whole[part, :, inner]
        found = y[part, :, late:][:, inner]
        assert energy_ratio_db(expected, found - expected) > 110


@pytest.mark.parametrize("hop", [512, 256])
def test_pitch_of_a_stream_is_that_of_the_whole_song(hop):
    x = _notes(RATE_HZ)
    block = PitchStream(RATE_HZ, hop_frames=hop)
    found = block.push(x)
    with Yin(RATE_HZ, hop_frames=hop) as plan:
        whole = plan.track(x)
    first = 1024 // hop
    n = found.f0_hz.shape[1]
    assert n == 1 + (RATE_HZ - 2048) // hop
    assert np.array_equal(found.f0_hz, whole.f0_hz[:, first : first + n])
    assert np.array_equal(found.aperiodicity, whole.aperiodicity[:, first : first + n])


def test_features_of_a_stream_are_those_of_the_whole_song():
    x = _notes(RATE_HZ)
    found = dict(zip(FEATURES, FeatureStream(RATE_HZ).push(x).T, strict=True))
    with Stft(2048, 512) as plan:
        magnitudes = np.abs(plan.forward(x)[0]).astype(np.float32)
    shape = spectral_shape(magnitudes, RATE_HZ)
    n = magnitudes.shape[0]
    for name in ("centroid_hz", "bandwidth_hz", "rolloff_hz", "flatness", "flux"):
        np.testing.assert_allclose(found[name], getattr(shape, name), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found["rms"], rms(x)[0, 2 : 2 + n], rtol=1e-6)
    np.testing.assert_allclose(found["crossing_rate"], zero_crossing_rate(x)[0, 2 : 2 + n], rtol=1e-6)
    with MelSpectrum(RATE_HZ) as plan:
        levels = plan.levels_db(x)[0, 2 : 2 + n]
    rises = np.maximum(np.diff(levels, axis=0), 0).mean(axis=1)
    np.testing.assert_allclose(found["onset_db"][1:], rises, atol=1e-3)
    assert found["onset_db"][0] == found["flux"][0] == 0


def test_deltas_of_a_stream_are_those_of_the_whole_track():
    x = _noise(100, 3)
    block = DeltaStream(3, 9, 2)
    found = block.push(x)[:, block.latency_frames :]
    np.testing.assert_allclose(found[:, 4:-4], delta(x, 9, 2)[:, 4:-8], atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 1.0, 1e30])
@pytest.mark.parametrize("name", BLOCKS)
def test_silence_direct_current_and_clicks_stay_finite(name, level):
    make, channels, step = BLOCKS[name]
    steady = np.full((channels, 6000), level, np.float32)
    click = np.zeros_like(steady)
    click[:, 3000] = level
    for x in (steady, click):
        assert np.isfinite(step(make(), x)).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Framer(0, 4, 1, print), "0 channels"),
        (lambda: Framer(1, 4, 5, print), "hop of 5"),
        (lambda: FeatureStream(RATE_HZ).push(_noise(5, 2)), r"\(2, 5\)"),
        (lambda: FeatureStream(RATE_HZ, 512, 513), "hop of 513"),
        (lambda: FeatureStream(RATE_HZ).push(np.zeros((1, 5))), "float64"),
        (lambda: DeltaStream(0), "0 tracks"),
        (lambda: DeltaStream(2).push(_noise(5, 3)), "2 float32 tracks"),
        (lambda: HpssStream(0), "0 channels"),
        (lambda: HpssStream(1, None, 2048, 1024), "hop of 1024"),
        (lambda: HpssStream(1, None, 2048, 500), "hop of 500"),
        (lambda: HpssStream(1).process(_noise(5, 2)), r"1 channels"),
        (lambda: HpssStream(1).process(_noise(5), np.zeros((2, 5), np.float32)), r"\(2, 1, 5\)"),
        (lambda: PitchStream(100), "100 Hz"),
    ],
)
def test_impossible_blocks_are_refused(call, says):
    with pytest.raises(ParameterError, match=says):
        call()
