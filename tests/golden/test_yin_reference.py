"""Against librosa.yin, and against tones whose pitch is known; differences in cents."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.pitch import PitchTrack, Yin

SHARED = Path(__file__).parents[3] / "shared" / "data"
RATE_HZ = 22050
RANGE_HZ = (65.40639, 2093.0045)


def _cents(found, expected):
    return 1200 * np.abs(np.log2(found / expected))


def _reference(x, rate_hz=RATE_HZ, range_hz=RANGE_HZ, **options):
    return librosa.yin(x, fmin=range_hz[0], fmax=range_hz[1], sr=rate_hz, **options)


def _sweep(seconds, from_hz=80.0, to_hz=900.0, rate_hz=RATE_HZ):
    """A gliding tone with overtones, and its pitch at every frame."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    f_hz = from_hz * (to_hz / from_hz) ** (t / max(seconds, 1e-9))
    phase = 2 * np.pi * np.cumsum(f_hz) / rate_hz
    x = sum(np.sin(k * phase) / k for k in range(1, 6)) * 0.2
    return x.astype(np.float32)[None], f_hz


@pytest.mark.parametrize("seconds", [0.1, 1.0, 10.0])
def test_a_gliding_tone_is_within_a_cent_of_librosas_everywhere(seconds):
    x, _ = _sweep(seconds)
    with Yin(RATE_HZ, threads=2) as plan:
        found = plan.track(x)
    expected = _reference(x)
    assert found.f0_hz.shape == expected.shape
    assert _cents(found.f0_hz, expected).max() < 1.0


@pytest.mark.parametrize("name", ["trumpet.ogg", "speech.ogg", "fishin.ogg"])
def test_real_sound_is_within_a_cent_of_librosas_on_voiced_frames(name):
    x, rate_hz = soundfile.read(SHARED / name, frames=20 * 44100, dtype="float32", always_2d=True)
    x = np.ascontiguousarray(x.T[:1])
    with Yin(rate_hz) as plan:
        found = plan.track(x)
    voiced = found.aperiodicity < 0.2
    assert voiced.mean() > 0.1
    cents = _cents(found.f0_hz, _reference(x, rate_hz))
    assert cents[voiced].max() < 1.0
    # Where nothing is periodic one of many equal troughs wins, by the last bit of a rounding.
    assert (cents < 1.0).mean() > 0.98


@pytest.mark.parametrize(
    ("rate_hz", "range_hz", "frame", "hop"),
    [
        (22050, (65.4, 2093.0), 2048, 512),
        (22050, (65.4, 2093.0), 2048, 256),
        (22050, (65.4, 2093.0), 2048, 300),
        (44100, (65.4, 2093.0), 4096, 1024),
        (44100, (40.0, 5000.0), 4096, 512),
        (16000, (100.0, 8000.0), 1024, 1024),
        (48000, (60.0, 1000.0), 2048, 480),
        (8000, (200.0, 300.0), 128, 7),
    ],
)
def test_any_plan_equals_librosas(rate_hz, range_hz, frame, hop):
    x, _ = _sweep(2.0, 220.0, 290.0, rate_hz)
    with Yin(rate_hz, range_hz, frame, hop) as plan:
        found = plan.track(x)
    expected = _reference(x, rate_hz, range_hz, frame_length=frame, hop_length=hop)
    assert found.f0_hz.shape == expected.shape
    voiced = found.aperiodicity < 0.5
    assert voiced.mean() > 0.9
    assert _cents(found.f0_hz, expected)[voiced].max() < 1.0


@pytest.mark.parametrize("threshold", [0.02, 0.5])
def test_the_threshold_is_librosas(threshold):
    x, _ = _sweep(2.0)
    x += 0.02 * np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    with Yin(RATE_HZ, threshold=threshold) as plan:
        found = plan.track(x)
    cents = _cents(found.f0_hz, _reference(x, trough_threshold=threshold))
    assert (cents < 1.0).mean() > 0.99


@pytest.mark.parametrize("f0_hz", [70.0, 110.0, 440.0, 987.77, 1800.0])
def test_steady_tones_have_their_pitch(f0_hz):
    t = np.arange(RATE_HZ) / RATE_HZ
    x = sum(np.sin(2 * np.pi * k * f0_hz * t) / k for k in range(1, 4)).astype(np.float32)[None]
    with Yin(RATE_HZ) as plan:
        found = plan.track(x)
    inner = slice(4, -4)
    # Parabolas through few samples a period are a few cents off; that is the method, not its kernel.
    assert _cents(found.f0_hz[0, inner], f0_hz).max() < 10
    assert found.aperiodicity[0, inner].max() < 0.1


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 30000), st.integers(1, 3), st.integers(1, 4), st.sampled_from([512, 300, 128]))
def test_threads_and_channels_change_no_bit(n_frames, channels, n_threads, hop):
    x = np.random.default_rng(n_frames).standard_normal((channels, n_frames)).astype(np.float32)
    with (
        Yin(RATE_HZ, hop_frames=hop, threads=n_threads) as plan,
        Yin(RATE_HZ, hop_frames=hop, threads=1) as alone,
    ):
        found = plan.track(x)
        for c in range(channels):
            row = alone.track(x[c : c + 1])
            assert np.array_equal(found.f0_hz[c], row.f0_hz[0])
            assert np.array_equal(found.aperiodicity[c], row.aperiodicity[0])


def test_noise_is_aperiodic():
    x = np.random.default_rng(0).standard_normal((1, RATE_HZ)).astype(np.float32)
    with Yin(RATE_HZ) as plan:
        assert plan.track(x).aperiodicity.mean() > 0.5


@pytest.mark.parametrize("n_frames", [0, 1, 2, 511, 2205])
@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-12, 1.0, 1e30])
def test_silence_direct_current_and_clicks_have_finite_tracks(n_frames, level):
    for x in (np.full((1, n_frames), level, np.float32), np.zeros((1, n_frames), np.float32)):
        if n_frames and not x.any():
            x[0, 0] = level
        with Yin(RATE_HZ) as plan:
            found = plan.track(x)
        assert np.isfinite(found.f0_hz).all()
        assert ((found.aperiodicity >= 0) & (found.aperiodicity <= 1)).all()
        if level == 0.0:
            assert (found.aperiodicity == 1.0).all()
        # A period more than the longest at most.
        assert (found.f0_hz > 60).all()
        assert (found.f0_hz < 2250).all()


def test_results_go_into_given_arrays():
    x, _ = _sweep(0.5)
    with Yin(RATE_HZ) as plan:
        n = plan.n_frames(x.shape[1])
        out = PitchTrack(np.full((1, n), np.nan, np.float32), np.full((1, n), np.nan, np.float32))
        assert plan.track(x, out) is out
        assert np.isfinite(out.f0_hz + out.aperiodicity).all()
        with pytest.raises(ParameterError, match="a track needs"):
            plan.track(x[:, :100], out)
        with pytest.raises(ParameterError, match="float64"):
            plan.track(np.zeros((1, 5)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((100,), "100 Hz"),
        ((RATE_HZ, (0.0, 100.0)), "from 0.0 to"),
        ((RATE_HZ, (200.0, 100.0)), "from 200.0 to 100.0"),
        ((RATE_HZ, (200.0, 12000.0)), "to 12000.0"),
        ((RATE_HZ, (5.0, 100.0)), "lowest pitch that does is 10.8"),
        ((RATE_HZ, RANGE_HZ, 1001), "frame of 1001"),
        ((RATE_HZ, RANGE_HZ, 16384), "frame of 16384"),
        ((RATE_HZ, RANGE_HZ, 2048, 0), "hop of 0"),
        ((RATE_HZ, RANGE_HZ, 2048, 512, 0.0), "threshold of 0.0"),
    ],
)
def test_impossible_plans_are_refused(arguments, says):
    with pytest.raises(ParameterError, match=says):
        Yin(*arguments)
