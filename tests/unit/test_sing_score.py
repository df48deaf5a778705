"""The score of somebody who sings along: what is in tune, what is near, what an octave is worth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.services.sing_score import Melody, SingScore, cents_off, credit, melody_of
from engine.units import F32

ROWS_PER_S = 100.0


def melody(*notes_hz: float) -> Melody:
    """A second a note; 0 is a rest."""
    return Melody(np.repeat(np.array(notes_hz, np.float32), 100), ROWS_PER_S)


def off(hz: float, cents: float) -> float:
    return hz * 2.0 ** (cents / 1200.0)


def sing(song: Melody, pitch_hz: float | None, first_s: float = 0.0, last_s: float = 1.0) -> SingScore:
    score = SingScore(song)
    for song_s in np.arange(first_s, last_s, 0.01):
        score.add(float(song_s), pitch_hz or 0.0)
    return score


@pytest.mark.parametrize(
    ("cents", "worth"),
    [(0.0, 1.0), (50.0, 1.0), (-50.0, 1.0), (175.0, 0.6), (-175.0, 0.6), (300.0, 0.2), (600.0, 0.2)],
)
def test_credit_falls_from_a_quarter_tone_to_three_semitones(cents: float, worth: float) -> None:
    assert credit(cents) == pytest.approx(worth, abs=1e-9)


@given(st.floats(-600.0, 600.0), st.floats(-600.0, 600.0))
def test_nearer_is_never_worth_less(one: float, other: float) -> None:
    near, far = sorted((one, other), key=abs)
    assert 0.2 <= credit(far) <= credit(near) <= 1.0


@given(st.floats(70.0, 1000.0), st.floats(-599.0, 599.0), st.integers(-2, 2))
def test_octaves_do_not_count(hz: float, cents: float, octaves: int) -> None:
    sung = off(hz, cents + 1200.0 * octaves)
    assert cents_off(sung, np.array([hz], np.float32))[0] == pytest.approx(cents, abs=0.01)


def test_the_melody_itself_scores_everything_and_silence_nothing() -> None:
    song = melody(220.0)
    assert sing(song, 220.0).score == pytest.approx(100.0)
    assert sing(song, 440.0).score == pytest.approx(100.0)
    assert sing(song, None).score == 0.0
    assert sing(song, off(220.0, 175.0)).score == pytest.approx(60.0, abs=0.01)


def test_rests_count_for_nobody() -> None:
    song = melody(220.0, 0.0, 330.0)
    silent_in_rest = sing(song, 220.0, 0.0, 1.0)
    assert silent_in_rest.n_rows == 100
    assert sing(song, 220.0, 1.0, 2.0).n_rows == 0
    assert sing(song, 220.0, 1.0, 2.0).score is None


def test_a_tenth_of_a_second_late_is_in_time() -> None:
    song = melody(220.0, 330.0)
    for late_s, least in ((0.09, 100.0), (0.3, 80.0)):
        score = SingScore(song)
        for song_s in np.arange(0.5, 1.9, 0.01):
            score.add(float(song_s), song.at(float(song_s) - late_s))
        found = score.score
        assert found is not None
        # The fifth that hangs over is 498 cents away and worth a fifth: 0.2 s of 1.4 s.
        assert found == pytest.approx(100.0 if least == 100.0 else 100.0 * (1.2 + 0.2 * 0.2) / 1.4, abs=1.5)


def test_a_song_that_stands_is_not_judged() -> None:
    score = SingScore(melody(220.0))
    score.add(math.nan, 220.0)
    score.add(7.0, 220.0)
    score.add(-1.0, 220.0)
    assert score.score is None


def test_a_melody_is_read_at_its_rows() -> None:
    song = melody(220.0, 0.0)
    assert song.at(0.5) == 220.0
    assert song.at(1.5) == 0.0
    assert song.at(99.0) == 0.0
    near: F32 = song.around(1.05)
    assert near.size == 5
    assert song.around(1.5).size == 0


def test_grunts_are_no_notes_and_a_slip_of_an_octave_is_none() -> None:
    rows = np.zeros(200, np.float32)
    rows[20:120] = 220.0
    rows[60] = 440.0
    rows[150:154] = 300.0
    found = melody_of(rows, ROWS_PER_S)
    assert set(found.pitch_hz[20:120].tolist()) == {220.0}
    assert not found.pitch_hz[120:].any()
    assert rows[60] == 440.0
    assert melody_of(np.zeros(0, np.float32), ROWS_PER_S).pitch_hz.size == 0
