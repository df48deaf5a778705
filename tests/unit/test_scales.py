"""Notes of the scales, against their names written down as a musician does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.realtime.effects.scales import KEYS, SCALE_NAMES, nearest_note

SPELLED = {
    "chromatic": "C C# D D# E F F# G G# A A# B",
    "major": "C D E F G A B",
    "minor": "C D D# F G G# A#",
    "harmonic minor": "C D D# F G G# B",
    "dorian": "C D D# F G A A#",
    "mixolydian": "C D E F G A A#",
    "major pentatonic": "C D E G A",
    "minor pentatonic": "C D# F G A#",
    "blues": "C D# F F# G A#",
}


def notes_of(key, scale):
    """Semitones above C of a scale that begins on `key`."""
    return {(KEYS.index(name) + key) % 12 for name in SPELLED[SCALE_NAMES[scale]].split()}


def test_every_scale_is_spelled_here():
    assert set(SPELLED) == set(SCALE_NAMES)


@settings(deadline=None)
@given(
    st.floats(-48.0, 48.0),
    st.integers(0, len(KEYS) - 1),
    st.integers(0, len(SCALE_NAMES) - 1),
)
def test_the_nearest_note_is_the_nearest_of_all_notes_of_the_scale(semitones, key, scale):
    found = nearest_note(semitones, key, scale)
    allowed = [n for n in range(-60, 61) if (n + 9) % 12 in notes_of(key, scale)]
    assert found in allowed
    assert abs(found - semitones) == pytest.approx(min(abs(n - semitones) for n in allowed))


def test_concert_pitch_is_an_a():
    assert nearest_note(0.0, KEYS.index("A"), SCALE_NAMES.index("major")) == 0.0
    assert nearest_note(-8.6, KEYS.index("C"), SCALE_NAMES.index("major")) == -9.0
