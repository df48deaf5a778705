"""The sixty inputs of the control network: the same in a stream as from a file, and for any sound."""

import time
from typing import Any

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.stream.orbit_features import (
    FEATURES,
    HOP,
    LIMIT,
    N_CONTEXT,
    N_FFT,
    N_INPUTS,
    RATE_HZ,
    OrbitFeatures,
    orbit_features,
    windows_of,
)

_librosa: Any = librosa


def _music(seconds, seed=0):
    """Notes with onsets, louder and brighter as they go on."""
    n = round(seconds * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    rng = np.random.default_rng(seed)
    x = 0.02 * rng.standard_normal(n)
    for k in range(round(seconds * 4)):
        at = k * RATE_HZ // 4
        note = np.arange(n - at) / RATE_HZ
        x[at:] += 0.3 * np.exp(-8 * note) * np.sin(2 * np.pi * rng.choice([110, 220, 331, 1760]) * note)
    return ((0.3 + 0.7 * t / seconds) * x).astype(np.float32)


def _streamed(block, x, sizes):
    parts, at, k = [], 0, 0
    while at < x.size:
        n = max(1, sizes[k % len(sizes)])
        parts.append(block.push(x[at : at + n]))
        at, k = at + n, k + 1
    return np.concatenate(parts)


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 9000), min_size=1, max_size=8), deltas=st.integers(0, 2))
def test_a_stream_gives_the_numbers_of_the_whole_file(sizes, deltas):
    x = _music(2.0)
    block = OrbitFeatures(deltas)
    whole = orbit_features(x, deltas)
    assert whole.shape == (1 + (x.size - N_FFT) // HOP, 6 * (1 + deltas))
    assert np.abs(_streamed(block, x, [*sizes, 777]) - whole).max() <= 1e-5
    assert np.abs(block.window() - windows_of(np.ascontiguousarray(whole[:, :6]))[-1]).max() <= 1e-5
    block.reset()
    assert np.abs(_streamed(block, x, [4096]) - whole).max() <= 1e-5


def test_the_six_are_librosas():
    x = _music(3.0, seed=1)
    block = OrbitFeatures()
    n = block.push(x).shape[0]
    spectrum = np.abs(_librosa.stft(x, n_fft=N_FFT, hop_length=HOP, center=False))
    frames = np.lib.stride_tricks.sliding_window_view(x, N_FFT)[::HOP]
    expected = {
        "centroid": np.log(_librosa.feature.spectral_centroid(S=spectrum, sr=RATE_HZ)[0]),
        "rolloff": np.log(_librosa.feature.spectral_rolloff(S=spectrum, sr=RATE_HZ)[0]),
        "rms": 20 * np.log10(np.sqrt(np.square(frames).mean(axis=1))),
        "crossing_rate": np.log(
            _librosa.feature.zero_crossing_rate(x, frame_length=N_FFT, hop_length=HOP, center=False)[0]
        ),
        "flux": np.log(
            np.maximum(np.diff(spectrum, axis=1, prepend=spectrum[:, :1]), 0).mean(axis=0) + 1e-12
        ),
    }
    mel = _librosa.feature.melspectrogram(S=spectrum**2, sr=RATE_HZ, n_fft=N_FFT)
    level = 10 * np.log10(np.maximum(mel, 1e-10))
    rise = np.maximum(np.diff(level, axis=1, prepend=level[:, :1]), 0).mean(axis=0)
    expected["onset"] = np.log1p(rise)
    for name, want in expected.items():
        got = block.levels[:, FEATURES.index(name)]
        assert want.shape == (n,)
        assert np.abs(got[1:] - want[1:]).max() < 2e-3, name


def test_ten_thousand_sounds_of_any_length_and_content_end_in_finite_numbers():
    rng = np.random.default_rng(7)
    kinds = (
        lambda n: rng.standard_normal(n),
        lambda n: np.zeros(n),
        lambda n: np.full(n, np.nan),
        lambda n: np.where(rng.random(n) < 0.01, rng.choice([np.inf, -np.inf, np.nan, 3e38]), 0.1),
        lambda n: 1e-42 * rng.standard_normal(n),
        lambda n: np.frombuffer(rng.bytes(4 * n), np.float32),
        lambda n: np.ones(n),
        lambda n: np.sign(rng.standard_normal(n)) * 1e30,
    )
    block = OrbitFeatures()
    began_s = time.monotonic()
    n_rows = 0
    for k in range(10_000):
        n = int(rng.integers(0, 1200)) if k % 50 else int(rng.integers(0, 30_000))
        with np.errstate(all="ignore"):
            x = kinds[k % len(kinds)](n).astype(np.float32)
        if k % 500 == 0:
            block.reset()
        rows = block.push(x)
        n_rows += rows.shape[0]
        assert rows.shape[1] == 6
        assert np.isfinite(rows).all()
        assert np.abs(rows).max(initial=0.0) <= LIMIT
    assert n_rows > 3000
    # A hang, not a speed: they take about two seconds.
    assert time.monotonic() - began_s < 60.0
    rows = block.push(_music(3.0))
    assert np.abs(rows[20:]).max() > 0.1


def test_a_quiet_song_moves_as_a_loud_one():
    x = _music(20.0)
    loud, quiet = orbit_features(x), orbit_features(np.float32(0.2) * x)
    assert np.abs(loud[600:] - quiet[600:]).mean() < 0.15


def test_silence_is_the_lower_end_and_teaches_nothing():
    block = OrbitFeatures()
    block.push(_music(4.0))
    before = block.push(_music(0.5, seed=2))
    block.push(np.zeros(60 * RATE_HZ, np.float32))
    assert block.window()[2::6] == pytest.approx(-LIMIT)
    again = block.push(_music(4.0))
    assert np.abs(again[8:]).mean() < 2.0
    assert np.isfinite(before).all()


def test_the_window_is_the_newest_rows_oldest_first():
    block = OrbitFeatures()
    assert block.window() == pytest.approx(np.full(N_INPUTS, -LIMIT))
    rows = block.push(_music(0.2))
    window = block.window().reshape(N_CONTEXT, 6)
    assert np.array_equal(window[-rows.shape[0] :][-N_CONTEXT:], rows[-N_CONTEXT:])
    assert block.latency_frames == N_FFT - 1


@pytest.mark.parametrize("bad", [np.zeros((2, 100), np.float32), np.zeros(100)])
def test_other_arrays_are_refused(bad):
    with pytest.raises(ParameterError, match="float32"):
        OrbitFeatures().push(bad)
    with pytest.raises(ParameterError, match=r"0\.\.2"):
        OrbitFeatures(3)
