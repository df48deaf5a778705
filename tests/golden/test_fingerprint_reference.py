"""The fingerprint against the same numbers made of calls of librosa and pyloudnorm."""

import warnings

import numpy as np
import pytest
import soundfile

from app.cli.bench_analysis import RATE_HZ, bench_song, librosas_fingerprint, our_fingerprint
from tests.services.conftest import SHARED

# Absolute tolerances. Tempo, rhythm, onsets and pitch are read in other ways there: see their own tests.
TOLERANCES = {
    **dict.fromkeys(("sub_bass", "bass", "low_mid", "mid", "upper_mid", "presence", "air"), 0.02),
    "lufs": 0.1,
    "crest_db": 0.01,
    "bass_mid_ratio": 0.5,
    "silence_ratio": 0.01,
    "centroid": 30.0,
    "rolloff": 80.0,  # of noise: soxr lets through a little more just below half the rate
    "flatness": 0.003,
    "harmonic_ratio": 0.002,
    "chroma_energy": 0.01,
    "dynamic_range_variation": 0.05,
    "loudness_variation": 0.05,
    "peak_consistency": 0.005,
    "width": 1e-4,
    "phase_correlation": 1e-4,
}


def _sound(name):
    path = SHARED / name
    if not path.exists():
        return bench_song(20.0), RATE_HZ
    x, rate_hz = soundfile.read(path, stop=20 * 44_100, dtype="float32", always_2d=True)
    return np.ascontiguousarray(np.broadcast_to(x.T, (2, x.shape[0]))), rate_hz


@pytest.mark.parametrize("name", ["made", "fishin.ogg", "vibeace.ogg", "mdn/drums.mp3"])
def test_it_is_what_libraries_say(name):
    x, rate_hz = _sound(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # librosa of its own chroma windows
        expected = librosas_fingerprint(x, rate_hz)
    found = our_fingerprint(x, rate_hz).to_dict()
    assert set(expected) == set(found)
    differences = {name: abs(found[name] - expected[name]) for name in TOLERANCES}
    assert {n: (found[n], expected[n]) for n, d in differences.items() if not d <= TOLERANCES[n]} == {}
