import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ParameterError
from engine.kernels.chroma import ChromaCqt
from engine.kernels.constant_q import LOWEST_HZ, hop_multiple
from engine.kernels.halving import half_band, halve
from engine.kernels.jit import RowPool
from engine.kernels.tuning import estimate_tuning

RATE_HZ = 22_050
PLAN = ChromaCqt(RATE_HZ, 512, threads=1)


def _tone(frequency_hz, seconds=1.0, rate_hz=RATE_HZ):
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32)


@pytest.mark.parametrize("octave", range(7))
@pytest.mark.parametrize("note", range(12))
def test_a_tone_is_its_note_in_every_octave(octave, note):
    row = PLAN.chroma(_tone(LOWEST_HZ * 2 ** (octave + note / 12)), tuning=0.0)[21]
    assert row[note] == 1.0
    assert np.delete(row, note).max() < 0.15


def test_a_detuned_tone_is_found_again():
    for tuning in (-1.2, -0.4, 0.3, 1.4):
        frequency_hz = 440 * 2 ** (tuning / 36)
        assert PLAN.chroma(_tone(frequency_hz), tuning=tuning)[21, 9] == 1.0
    assert PLAN.tuning(_tone(440 * 2 ** (0.3 / 36))) == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(RATE_HZ, np.float32),
        np.ones(RATE_HZ, np.float32),
        np.eye(1, RATE_HZ, 9000, dtype=np.float32)[0],
        np.full(1, 0.3, np.float32),
        np.full(2205, 1e-30, np.float32),
        1e30 * np.random.default_rng(0).standard_normal(2205).astype(np.float32),
    ],
    ids=["silence", "dc", "click", "one frame", "denormal", "huge"],
)
def test_any_finite_sound_has_finite_chroma(x):
    found = PLAN.chroma(x)
    assert found.shape == (PLAN.n_rows(x.size), 12)
    assert np.all((found >= 0) & (found <= 1))


def test_silence_has_no_notes_and_no_tuning():
    assert not PLAN.chroma(np.zeros(5000, np.float32)).any()
    assert PLAN.tuning(np.zeros(5000, np.float32)) == 0.0


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 6000), seed=st.integers(0, 99))
def test_any_length_is_measured_with_any_number_of_threads(n, seed):
    x = np.random.default_rng(seed).standard_normal(n).astype(np.float32)
    with ChromaCqt(RATE_HZ, 512, threads=3) as plan:
        found = plan.chroma(x)
    assert found.shape[0] == 1 + n // 512
    assert np.array_equal(found, PLAN.chroma(x))


def test_results_go_into_given_arrays():
    x = _tone(330.0, 0.3)
    out = np.full((PLAN.n_rows(x.size), 12), np.nan, np.float32)
    assert PLAN.chroma(x, 0.0, out) is out
    assert np.array_equal(out, PLAN.chroma(x, 0.0))


def test_threads_do_not_change_tuning_or_halving():
    x = np.random.default_rng(1).standard_normal(30_000).astype(np.float32)
    one, three = np.empty(15_000, np.float32), np.empty(15_000, np.float32)
    with RowPool(3) as pool:
        halve(x, half_band(0.2), three, pool)
        assert estimate_tuning(x, RATE_HZ, 12, pool) == estimate_tuning(x, RATE_HZ, 12)
    halve(x, half_band(0.2), one)
    assert np.array_equal(one, three)


def test_impossible_chroma_is_refused():
    assert (hop_multiple(22_050), hop_multiple(44_100)) == (128, 256)
    with pytest.raises(ParameterError, match="multiple of 128"):
        ChromaCqt(22_050, 500)
    with pytest.raises(ParameterError, match="8 octaves"):
        ChromaCqt(22_050, 512, n_octaves=8)
    with pytest.raises(ParameterError, match="8000 Hz"):
        ChromaCqt(8000)
    with pytest.raises(ParameterError, match="mono"):
        PLAN.chroma(np.zeros((2, 100), np.float32))
    with pytest.raises(ParameterError, match="mono"):
        PLAN.chroma(np.zeros(0, np.float32))
    with pytest.raises(ParameterError, match="tuning of nan"):
        PLAN.chroma(np.zeros(100, np.float32), tuning=float("nan"))
    with pytest.raises(ParameterError, match="the result needs"):
        PLAN.chroma(np.zeros(100, np.float32), 0.0, np.zeros((7, 12), np.float32))
    with pytest.raises(ParameterError, match=r"0\.3"):
        half_band(0.3)
    with pytest.raises(ParameterError, match="halve to 5"):
        halve(np.zeros(10, np.float32), half_band(0.2), np.zeros(4, np.float32))
    with pytest.raises(ParameterError, match="mono"):
        estimate_tuning(np.zeros((1, 9), np.float32), 22_050)
    with pytest.raises(ParameterError, match="bins"):
        estimate_tuning(np.zeros(9, np.float32), 22_050, 7)
