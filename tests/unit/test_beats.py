import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.beats import Bars, find_bars, track_beats
from engine.kernels.jit import RowPool
from engine.kernels.tempo import FASTEST_BPM, SLOWEST_BPM, estimate_tempo
from engine.kernels.tempogram import tempogram

RATE = 22_050 / 512  # envelope values a second


def _clicks(bpm, seconds=30.0, accents=(1.0,), first_s=0.5, jitter_s=0.0):
    """An onset envelope with a bell at every beat; beats and envelope."""
    n = round(seconds * RATE)
    times_s = np.arange(first_s, seconds - 0.3, 60 / bpm)
    times_s += np.random.default_rng(0).normal(0, 1, times_s.size) * jitter_s
    onset = np.zeros(n)
    for i, time_s in enumerate(times_s):
        onset += accents[i % len(accents)] * np.exp(-0.5 * ((np.arange(n) / RATE - time_s) / 0.02) ** 2)
    return times_s, onset.astype(np.float32)


@pytest.mark.parametrize("bpm", [62, 75.5, 90, 101.3, 120, 128, 140])
def test_the_tempo_of_clicks_is_theirs(bpm):
    tempo = estimate_tempo(_clicks(bpm)[1], RATE)
    assert tempo.bpm == pytest.approx(bpm, rel=0.001)
    assert tempo.confidence > 0.4


@pytest.mark.parametrize("onsets_per_s", [20.0, 86.13, 187.5])
def test_tempo_does_not_depend_on_the_rate_of_the_envelope(onsets_per_s):
    t = np.arange(round(20 * onsets_per_s)) / onsets_per_s
    onset = np.exp(-0.5 * (((t + 0.3) % (60 / 110) - 0.3) / 0.04) ** 2).astype(np.float32)
    assert estimate_tempo(onset, onsets_per_s).bpm == pytest.approx(110, rel=0.003)


def test_a_dotted_rhythm_does_not_win():
    """Three, three and two sixteenths, over and over, with the beat beneath."""
    sixteenth_s = 60 / 100 / 4
    steps = np.array([0, 3, 6, 8, 11, 14])
    times_s = (np.arange(0, 30 / sixteenth_s, 16)[:, None] + steps).reshape(-1) * sixteenth_s
    t = np.arange(round(30 * RATE)) / RATE
    onset = np.exp(-0.5 * ((t[:, None] - times_s) / 0.02) ** 2).sum(axis=1)
    onset += 0.4 * np.exp(-0.5 * (((t + 0.3) % 0.6 - 0.3) / 0.02) ** 2)
    bpm = estimate_tempo(onset.astype(np.float32), RATE).bpm
    assert min(abs(bpm / (100 * 2.0**octave) - 1) for octave in (-1, 0, 1)) < 0.02


def test_noise_and_a_single_click_are_not_trusted():
    noise = np.random.default_rng(0).uniform(2, 3, size=2000).astype(np.float32)
    assert estimate_tempo(noise, RATE).confidence < 0.1
    click = np.eye(1, 300, 120, dtype=np.float32)[0]
    assert estimate_tempo(click, RATE).bpm == 0.0


@pytest.mark.parametrize("bpm", [70, 97, 120, 151])
def test_beats_lie_on_jittered_clicks(bpm):
    times_s, onset = _clicks(bpm, jitter_s=0.012)
    beats_s = track_beats(onset, RATE, bpm) / RATE
    distance_s = np.abs(beats_s[:, None] - times_s).min(axis=1)
    assert np.mean(distance_s < 0.05) > 0.97
    # The quieter ends may be left out.
    assert abs(beats_s.size - times_s.size) <= 3


@pytest.mark.parametrize(("meter", "first"), [(4, 0), (4, 3), (3, 0), (3, 2)])
def test_accents_and_chords_tell_the_bar(meter, first):
    accents = np.roll([1.0] + [0.6] * (meter - 1), first)
    times_s, onset = _clicks(120, accents=tuple(accents))
    beats = np.round(times_s * RATE).astype(np.int64)
    bars = find_bars(beats, onset)
    assert (bars.beats_per_bar, bars.first) == (meter, first)
    assert bars.clarity > 2
    assert np.array_equal(bars.downbeats(beats), beats[first::meter])

    flat = _clicks(120)[1]
    chroma = np.zeros((onset.size, 12), np.float32)
    for i, beat in enumerate(beats):
        chroma[beat:] = np.eye(12)[(i + meter - first) // meter * 5 % 12]
    bars = find_bars(beats, flat, chroma)
    assert (bars.beats_per_bar, bars.first) == (meter, first)


@pytest.mark.parametrize("n", [1, 2, 5, 30, 2000])
@pytest.mark.parametrize("level", [0.0, 1.0, 1e-30, 1e30])
def test_steady_envelopes_have_no_beats(n, level):
    onset = np.full(n, level, np.float32)
    assert estimate_tempo(onset, RATE).bpm == 0.0
    assert track_beats(onset, RATE, 120.0).size == 0
    assert np.all(np.isfinite(tempogram(onset)))


@settings(deadline=None, max_examples=40)
@given(n=st.integers(1, 900), seed=st.integers(0, 99), bpm=st.floats(0, 600), sparse=st.booleans())
def test_any_envelope_has_finite_answers(n, seed, bpm, sparse):
    rng = np.random.default_rng(seed)
    onset = (rng.standard_normal(n) * (rng.uniform(size=n) > (0.95 if sparse else 0.0))).astype(np.float32)
    tempo = estimate_tempo(onset, RATE)
    assert tempo.bpm == 0.0 or 0.97 * SLOWEST_BPM <= tempo.bpm <= 1.03 * FASTEST_BPM
    assert 0.0 <= tempo.confidence <= 1.0
    beats = track_beats(onset, RATE, bpm)
    assert np.all(np.diff(beats) > 0)
    assert beats.size == 0 or 0 <= beats[0] <= beats[-1] < n
    bars = find_bars(beats, onset)
    assert np.isfinite(bars.clarity)
    assert set(bars.downbeats(beats)) <= set(beats)


def test_threads_do_not_change_the_tempogram():
    onset = np.random.default_rng(0).uniform(size=700).astype(np.float32)
    with RowPool(3) as pool:
        assert np.array_equal(tempogram(onset, 100, threads=pool), tempogram(onset, 100))
    out = np.empty((234, 100), np.float32)
    assert tempogram(onset, 100, 3, out) is out
    assert np.array_equal(out, tempogram(onset, 100)[::3])


def test_few_beats_make_no_bars():
    assert find_bars(np.arange(7), np.ones(10, np.float32)) == Bars(0, 0, 0.0)
    assert Bars(0, 0, 0.0).downbeats(np.arange(7)).size == 0


def test_impossible_requests_are_refused():
    onset = np.ones(100, np.float32)
    with pytest.raises(ParameterError, match="onset envelope"):
        estimate_tempo(np.ones((2, 100), np.float32), RATE)
    with pytest.raises(ParameterError, match="finite"):
        estimate_tempo(np.full(100, np.inf, np.float32), RATE)
    with pytest.raises(ParameterError, match=r"12\.\.1000"):
        estimate_tempo(onset, 5.0)
    with pytest.raises(ParameterError, match="above 0"):
        track_beats(onset, RATE, -1.0)
    with pytest.raises(ParameterError, match="lags"):
        tempogram(onset, 1)
    with pytest.raises(ParameterError, match="the result needs"):
        tempogram(onset, 10, out=np.zeros((9, 10), np.float32))
    with pytest.raises(ParameterError, match="within"):
        find_bars(np.array([100]), onset)
    with pytest.raises(ParameterError, match="does not fit"):
        find_bars(np.arange(10), onset, np.zeros((99, 12), np.float32))
