"""Tempogram, tempo and beats against librosa."""

import librosa
import numpy as np
import pytest
import soundfile

from engine.kernels.beats import track_beats
from engine.kernels.tempo import estimate_tempo
from engine.kernels.tempogram import tempogram
from tests.services.conftest import SHARED

RATE_HZ = 22_050
ONSETS_PER_S = RATE_HZ / 512


def _onset(seed=0, seconds=20):
    """Beats at 110 bpm under noise; of a song where there is one."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * ONSETS_PER_S)) / ONSETS_PER_S
    # librosa never looks at the first value; in a song's envelope it is always 0.
    bells = (t > 0) * np.exp(-0.5 * (((t + 0.27) % 0.5454 - 0.27) / 0.03) ** 2)
    return (bells + 0.3 * (t > 0) * rng.uniform(size=t.size) ** 3).astype(np.float32)


def _song_onset(name):
    path = SHARED / name
    if not path.exists():
        return _onset(1)
    x, rate_hz = soundfile.read(path, stop=20 * 48_000, dtype="float32", always_2d=True)
    y = librosa.resample(x.mean(axis=1), orig_sr=rate_hz, target_sr=RATE_HZ)
    return librosa.onset.onset_strength(y=y, sr=RATE_HZ).astype(np.float32)


@pytest.mark.parametrize("n_lags", [2, 65, 384, 512])
@pytest.mark.parametrize("n", [1, 40, 900])
def test_the_tempogram_is_librosas(n_lags, n):
    onset = np.resize(_onset(), n)
    expected = librosa.feature.tempogram(
        onset_envelope=onset.astype(np.float64), sr=RATE_HZ, win_length=n_lags
    )
    np.testing.assert_allclose(tempogram(onset, n_lags).T, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["made", "fishin.ogg", "vibeace.ogg", "mdn/drums.mp3"])
def test_beats_are_librosas_where_a_beat_is_a_whole_number_of_values(name):
    onset = _onset() if name == "made" else _song_onset(name)
    for period in (19, 23, 31):
        bpm = 60 * ONSETS_PER_S / period
        _, expected = librosa.beat.beat_track(
            onset_envelope=onset.astype(np.float64), sr=RATE_HZ, bpm=bpm, tightness=100
        )
        assert np.array_equal(track_beats(onset, ONSETS_PER_S, bpm), expected)


@pytest.mark.parametrize("name", ["made", "vibeace.ogg", "mdn/drums.mp3"])
def test_tempo_is_librosas_or_its_octave(name):
    onset = _onset() if name == "made" else _song_onset(name)
    expected = float(librosa.feature.tempo(onset_envelope=onset, sr=RATE_HZ)[0])
    found = estimate_tempo(onset, ONSETS_PER_S).bpm
    # librosa's lags are whole values of the envelope: its answers near 120 bpm are 5 % apart.
    assert min(abs(found / (expected * 2.0**octave) - 1) for octave in (-1, 0, 1)) < 0.05
