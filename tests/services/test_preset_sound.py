"""What the presets do to a spoken voice: equally loud, so that comparing two of them compares their sound."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

import resources
from engine.kernels.loudness import LoudnessMeter
from engine.services.process_vocal import process_vocal
from engine.services.vocal_preset import load_preset

PRESETS = sorted((Path(resources.__file__).parent / "presets").glob("*.toml"))
SPEECH = Path(__file__).parents[3] / "shared" / "data" / "speech.ogg"
RATE_HZ = 44_100


@pytest.fixture(scope="module")
def speech():
    audio, rate_hz = soundfile.read(SPEECH, dtype="float32")
    n = audio.size * RATE_HZ // rate_hz
    return np.interp(np.arange(n) * rate_hz / RATE_HZ, np.arange(audio.size), audio).astype(np.float32)


def heard(name, speech):
    path = next(path for path in PRESETS if path.stem == name)
    return process_vocal(speech, load_preset(path), RATE_HZ)


def share_db(audio, low_hz, high_hz):
    """Energy between two frequencies over all of it."""
    power = np.abs(np.fft.rfft(audio[0])) ** 2
    f_hz = np.fft.rfftfreq(audio.shape[1], 1.0 / RATE_HZ)
    return 10.0 * np.log10(power[(f_hz >= low_hz) & (f_hz < high_hz)].sum() / power.sum())


def test_presets_are_equally_loud_and_do_not_clip(speech):
    levels_lufs = {}
    for path in PRESETS:
        found = heard(path.stem, speech)
        meter = LoudnessMeter(RATE_HZ)
        meter.push(found)
        levels_lufs[path.stem] = meter.integrated_lufs
        assert np.abs(found).max() < 0.95, path.stem
    typical_lufs = float(np.median(list(levels_lufs.values())))
    assert -26.0 < typical_lufs < -20.0
    apart = {
        name: level - typical_lufs for name, level in levels_lufs.items() if abs(level - typical_lufs) > 1.0
    }
    assert apart == {}


def test_a_telephone_and_a_megaphone_are_narrow_and_a_clean_voice_is_not(speech):
    for name in ("telephone", "megaphone"):
        found = heard(name, speech)
        assert share_db(found, 0.0, 200.0) < -25.0
        assert share_db(found, 6000.0, RATE_HZ / 2) < -35.0
    assert share_db(heard("clean-voice", speech), 6000.0, RATE_HZ / 2) > -30.0


def test_a_choir_is_wide_and_broadcast_is_in_the_middle(speech):
    assert np.corrcoef(heard("choir", speech))[0, 1] < 0.5
    left, right = heard("broadcast", speech)
    assert np.array_equal(left, right)
