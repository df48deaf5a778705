"""Chroma, tuning and halving against librosa and scipy."""

import warnings

import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile

from engine.kernels.chroma import ChromaCqt
from engine.kernels.halving import half_band, halve
from engine.kernels.tuning import estimate_tuning
from engine.units import energy_ratio_db
from tests.services.conftest import SHARED

RATE_HZ = 22_050
SONGS = ["vibeace.ogg", "fishin.ogg", *(f"mdn/{name}.mp3" for name in ("bassguitar", "horns", "clav"))]


def _chords(seconds=8.0, detune=0.0):
    """Four chords of decaying tones, with a little noise."""
    rng = np.random.default_rng(0)
    t = np.arange(round(seconds / 4 * RATE_HZ)) / RATE_HZ
    parts = []
    for notes in ((48, 52, 55, 60), (45, 52, 57, 64), (41, 53, 57, 72), (43, 50, 59, 67)):
        tones = [
            np.sin(2 * np.pi * 440 * 2 ** ((n + detune - 69) / 12) * k * t) / k
            for n in notes
            for k in (1, 2, 3)
        ]
        parts.append(np.sum(tones, axis=0) * np.exp(-t))
    x = 0.1 * np.concatenate(parts)
    return (x + 1e-4 * rng.standard_normal(x.size)).astype(np.float32)


def _song(name):
    path = SHARED / name
    if not path.exists():
        return _chords()
    x, rate_hz = soundfile.read(path, stop=12 * 48_000, dtype="float32", always_2d=True)
    return librosa.resample(x.mean(axis=1), orig_sr=rate_hz, target_sr=RATE_HZ).astype(np.float32)


def _cosines(x, found, expected, hop_frames=512):
    """Of the moments that hear something: resampled digital silence is another rounding noise for each."""
    level = librosa.feature.rms(y=x, frame_length=4096, hop_length=hop_frames)[0, : found.shape[0]]
    heard = level > 1e-5
    assert np.count_nonzero(heard) > 0.3 * heard.size
    dot = np.sum(found * expected, axis=1)
    norm = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return dot[heard] / norm[heard]


@pytest.mark.parametrize("name", ["chords", *SONGS])
def test_every_moment_has_librosas_direction(name):
    x = _chords() if name == "chords" else _song(name)
    with ChromaCqt(RATE_HZ, 512, threads=2) as plan:
        found = plan.chroma(x)
        expected = librosa.feature.chroma_cqt(y=x, sr=RATE_HZ).T
        assert found.shape == expected.shape
        assert plan.tuning(x) == pytest.approx(
            librosa.estimate_tuning(y=x, sr=RATE_HZ, bins_per_octave=36), abs=1e-6
        )
    assert _cosines(x, found, expected).min() >= 0.999


@pytest.mark.parametrize(
    ("rate_hz", "hop_frames"), [(11_025, 256), (16_000, 320), (44_100, 1024), (48_000, 1024)]
)
def test_other_rates_agree_with_librosa_too(rate_hz, hop_frames):
    x = librosa.resample(_chords(6.0), orig_sr=RATE_HZ, target_sr=rate_hz).astype(np.float32)
    with ChromaCqt(rate_hz, hop_frames, threads=1) as plan:
        found = plan.chroma(x, tuning=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of its shortest octave
        expected = librosa.feature.chroma_cqt(y=x, sr=rate_hz, hop_length=hop_frames, tuning=0.0).T
    assert _cosines(x, found, expected, hop_frames).min() >= 0.999


@pytest.mark.parametrize("detune", [-0.3, 0.0, 0.17, 0.45])
@pytest.mark.parametrize("bins_per_octave", [12, 36])
def test_tuning_is_librosas(detune, bins_per_octave):
    x = _chords(4.0, detune)
    expected = librosa.estimate_tuning(y=x, sr=RATE_HZ, bins_per_octave=bins_per_octave)
    assert estimate_tuning(x, RATE_HZ, bins_per_octave) == pytest.approx(expected, abs=0.011)
    if bins_per_octave == 12:
        assert estimate_tuning(x, RATE_HZ) == pytest.approx(detune, abs=0.03)


@pytest.mark.parametrize("n", [1, 2, 7, 1000, 5001])
def test_halving_is_a_filter_and_every_second_frame(n):
    taps = half_band(0.2)
    whole = np.zeros(4 * taps.size - 1)
    whole[::2] = np.concatenate([taps[::-1], taps])
    whole[2 * taps.size - 1] = 0.5
    x = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    out = np.empty(-(-n // 2), np.float32)
    halve(x, taps, out)
    expected = scipy.signal.convolve(x.astype(np.float64), whole)[2 * taps.size - 1 :: 2][: out.size]
    np.testing.assert_allclose(out, expected, atol=2e-6)


@pytest.mark.parametrize("keep", [0.05, 0.1, 0.2, 0.24])
def test_what_folds_into_the_kept_band_is_85_db_down(keep):
    taps = half_band(keep)
    t = np.arange(20_000)
    for frequency, loud in ((0.5 * keep, True), (keep, True), (0.5 - keep, False), (0.47, False)):
        x = np.sin(2 * np.pi * frequency * t).astype(np.float32)
        out = np.empty(10_000, np.float32)
        halve(x, taps, out)
        inner = out[500:-500]
        if loud:
            assert energy_ratio_db(x[1000:-1000:2], inner - x[1000:-1000:2]) > 80
        else:
            assert energy_ratio_db(x[1000:-1000], inner) > 85
