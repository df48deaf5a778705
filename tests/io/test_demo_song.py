"""The song that a fresh installation opens with."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly

from engine.io.decode import probe, read_song
from engine.io.tags import read_tags
from engine.kernels.loudness import LoudnessMeter

SONG = Path(__file__).parents[2] / "resources" / "demo" / "over-the-sound.ogg"


def test_demo_song_is_whole() -> None:
    info = probe(SONG)
    assert (info.rate_hz, info.channels, info.codec) == (44_100, 2, "vorbis")
    assert 30 <= info.duration_s <= 40
    assert SONG.stat().st_size < 1e6
    tags, _ = read_tags(SONG)
    assert (tags["title"], tags["artist"]) == ("Over the Sound", "Charon")
    x, _ = read_song(SONG)
    assert x.shape[1] == round(info.duration_s * 44_100)
    true_peak_db = 20 * np.log10(np.abs(resample_poly(x, 4, 1, axis=1)).max())
    assert -3 < true_peak_db < -1
    # Real stereo that still works in mono.
    assert 0.3 < np.corrcoef(x)[0, 1] < 0.98
    # It ends in silence, not in a cut.
    assert np.abs(x[:, -441:]).max() < 1e-3


def test_demo_song_is_as_loud_as_the_services_want_it() -> None:
    meter = LoudnessMeter(44_100)
    meter.push(read_song(SONG)[0])
    assert meter.integrated_lufs == pytest.approx(-14.0, abs=0.3)
