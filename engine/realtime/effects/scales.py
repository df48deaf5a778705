"""Scales: which notes a voice may be drawn to.

Read by the pitch correction on the device thread, and by whoever shows its choices.
"""

import math
from typing import Final

from engine.kernels.jit import kernel

KEYS: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
SCALE_NAMES: Final = (
    "chromatic",
    "major",
    "minor",
    "harmonic minor",
    "dorian",
    "mixolydian",
    "major pentatonic",
    "minor pentatonic",
    "blues",
)
# Bit k: the note k semitones above the key belongs to the scale.
_NOTES: Final = (
    0b111111111111,
    0b101010110101,
    0b010110101101,
    0b100110101101,
    0b011010101101,
    0b011010110101,
    0b001010010101,
    0b010010101001,
    0b010011101001,
)
_A: Final = 9
_WIDEST_GAP: Final = 4


@kernel
def nearest_note(semitones: float, key: int, scale: int) -> float:
    """The note of a scale that lies nearest to a pitch.

    Parameters
    ----------
    semitones : float
        Pitch, from the A of concert pitch.
    key : int, 0 to 11
        First note of the scale, from C.
    scale : int
        Place in SCALE_NAMES.

    Returns
    -------
    float
        A whole number of semitones from the same A.
    """
    notes = _NOTES[scale]
    middle = math.floor(semitones + 0.5)
    best = float(middle)
    least = 100.0
    for note in range(middle - _WIDEST_GAP, middle + _WIDEST_GAP + 1):
        degree = (note + _A - key) % 12
        if (notes >> degree) & 1 and abs(note - semitones) < least:
            least = abs(note - semitones)
            best = float(note)
    return best
