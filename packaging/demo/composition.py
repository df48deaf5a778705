"""The demo song as notes: "Over the Sound", our own words, melody and arrangement.

Times are in beats from the start, pitches are MIDI note numbers as sounding, velocities 1..127.
Nothing here makes sound: `instruments.py` plays the parts, `voice.py` sings the lines.
"""

from dataclasses import dataclass

import numpy as np

BPM = 104.0
BEAT_S = 60.0 / BPM
BEATS_A_BAR = 4
N_BARS = 16
RING_OUT_S = 2.6
LENGTH_S = N_BARS * BEATS_A_BAR * BEAT_S + RING_OUT_S
KEY_SHIFT = -3  # Written in C, sung in A: a baritone's range.

# Bars 0-1 intro, 2-5 verse, 6-13 chorus, 14-15 ending.
VERSE_BAR, CHORUS_BAR, ENDING_BAR = 2, 6, 14
CHORDS = ["Am", "F", "Am", "F", "C", "G", "F", "C", "G", "Am", "F", "C", "G", "C", "F", "C"]
_TRIADS = {"C": (0, 4, 7), "F": (5, 9, 12), "G": (7, 11, 14), "Am": (9, 12, 16)}
_ROOTS = {"C": 36, "F": 41, "G": 43, "Am": 45}


@dataclass(frozen=True)
class Note:
    """One note of an instrument: start and length in beats, MIDI pitch, velocity 1..127."""

    start: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Syllable:
    """One sung syllable: phonemes (onset, vowel, coda), beat, length in beats, MIDI pitch."""

    onset: str
    vowel: str
    coda: str
    start: float
    length: float
    pitch: int
    stressed: bool
    ends_word: bool


def _line(bar: int, text: str) -> list[Syllable]:
    """Read a sung line: "onset.vowel.coda@beat+length=pitch", a word's syllables joined by "_"."""
    syllables: list[Syllable] = []
    for word in text.split():
        parts = word.split("_")
        for index, part in enumerate(parts):
            sounds, _, rest = part.partition("@")
            start, _, rest = rest.partition("+")
            length, _, pitch = rest.partition("=")
            onset, vowel, coda = sounds.lstrip("'").split(".")
            syllables.append(
                Syllable(
                    onset,
                    vowel,
                    coda,
                    bar * BEATS_A_BAR + float(start),
                    float(length),
                    int(pitch) + KEY_SHIFT,
                    sounds.startswith("'"),
                    index == len(parts) - 1,
                )
            )
    return syllables


LYRICS = """Row me home across the water,
one by one the voices fall.

Carry me, Charon, over the sound,
every voice to its own shore.
Carry me, Charon, lost and then found,
I will sing for evermore."""

LINES = [
    _line(
        VERSE_BAR,
        "'ɹ.oʊ.@0+1=57 m.iː.@1+.5=55 'h.oʊ.m@1.5+1.5=57 .ɐ.@3+.5=57_'kɹ.ɔː.s@3.5+1=60 ð.ə.@4.5+.5=57 "
        "'w.ɔː.@5+1=57_ɾ.ɚ.@6+1.5=53",
    ),
    _line(
        VERSE_BAR + 2,
        "'w.ʌ.n@0+1=55 b.aɪ.@1+.5=55 'w.ʌ.n@1.5+1.5=60 ð.ə.@3+.5=60 'v.ɔɪ.@3.5+1=62_s.ᵻ.z@4.5+1=59 "
        "'f.ɔː.l@5.5+2=55",
    ),
    _line(
        CHORUS_BAR,
        "'k.æ.@0+1=60_ɹ.i.@1+.5=62 m.iː.@1.5+1=60 'k.ɛ.@2.5+1=65_ɹ.ə.n@3.5+1=64 '.oʊ.@4.5+.5=60_v.ɚ.@5+.5=62 "
        "ð.ə.@5.5+.5=62 's.aʊ.nd@6+1.75=64",
    ),
    _line(
        CHORUS_BAR + 2,
        "'.ɛ.v@0+1=62_ɹ.i.@1+.5=59 'v.ɔɪ.s@1.5+1.5=62 t.ʊ.@3+.5=62 .ɪ.ts@3.5+.5=60 '.oʊ.n@4+1=60 "
        "'ʃ.oː.ɹ@5+2.5=57",
    ),
    _line(
        CHORUS_BAR + 4,
        "'k.æ.@0+1=60_ɹ.i.@1+.5=62 m.iː.@1.5+1=60 'k.ɛ.@2.5+1=65_ɹ.ə.n@3.5+1=64 'l.ɔː.st@4.5+.5=60 "
        ".æ.nd@5+.5=62 ð.ɛ.n@5.5+.5=62 'f.aʊ.nd@6+1.75=64",
    ),
    _line(
        CHORUS_BAR + 6,
        "'.aɪ.@0+1=62 w.ɪ.l@1+.5=62 's.ɪ.ŋ@1.5+1.5=65 f.ɔː.ɹ@3+.5=64 '.ɛ.@3.5+1=64_v.ɚ.@4.5+1=62_"
        "'m.oː.ɹ@5.5+5=60",
    ),
]
_THIRD_BELOW = {57: 53, 59: 55, 60: 57, 62: 59, 64: 60, 65: 62}


def harmony(line: list[Syllable]) -> list[Syllable]:
    """Sing a line a third lower, inside the key."""
    return [
        Syllable(
            s.onset,
            s.vowel,
            s.coda,
            s.start,
            s.length,
            _THIRD_BELOW[s.pitch - KEY_SHIFT] + KEY_SHIFT,
            s.stressed,
            s.ends_word,
        )
        for s in line
    ]


def _is_chorus(bar: int) -> bool:
    return CHORUS_BAR <= bar < ENDING_BAR


def _voicing(chord: str, around: int) -> list[int]:
    """The triad in the inversion nearest to a pitch."""
    pitches = []
    for tone in _TRIADS[chord]:
        pitch = tone + KEY_SHIFT
        while pitch < around - 6:
            pitch += 12
        pitches.append(pitch)
    return sorted(pitches)


def keys() -> list[Note]:
    """Electric piano: arpeggios in intro and verse, off-beat chords in the chorus."""
    notes: list[Note] = []
    for bar, chord in enumerate(CHORDS):
        start = bar * BEATS_A_BAR
        low, middle, high = _voicing(chord, 60)
        if bar == N_BARS - 1:
            notes += [Note(start + 0.04 * i, 5.5, p, 76) for i, p in enumerate((low, middle, high, low + 12))]
        elif bar >= ENDING_BAR:
            notes += [Note(start + 0.02 * i, 3.8, p, 72) for i, p in enumerate((low, middle, high))]
        elif _is_chorus(bar):
            for beat, velocity in ((0.0, 84), (1.5, 70), (2.5, 78), (3.5, 66)):
                length = 1.3 if beat == 0.0 else 0.7
                notes += [Note(start + beat, length, p, velocity) for p in (low, middle, high)]
        else:
            for step, pitch in enumerate((low, middle, high, low + 12, high, middle, high, middle)):
                notes.append(Note(start + step / 2, 0.9, pitch, 74 if step % 4 == 0 else 60))
    return notes


def pad() -> list[Note]:
    """Strings under the chorus and the ending, one long chord a bar."""
    notes: list[Note] = []
    for bar in range(CHORUS_BAR, N_BARS):
        length = 5.0 if bar == N_BARS - 1 else 4.0
        notes += [Note(bar * BEATS_A_BAR, length, p, 62) for p in _voicing(CHORDS[bar], 67)]
    return notes


def guitar() -> list[Note]:
    """Acoustic guitar: eighth-note strums through the chorus, down and up."""
    notes: list[Note] = []
    for bar in range(CHORUS_BAR, ENDING_BAR):
        low, middle, high = _voicing(CHORDS[bar], 55)
        strings = (low, middle, high, low + 12, middle + 12)
        for beat, is_down in ((0, True), (1, True), (1.5, False), (2.5, False), (3, True), (3.5, False)):
            order = strings if is_down else strings[:1:-1]
            for i, pitch in enumerate(order):
                velocity = (78 if is_down else 62) - 2 * i
                notes.append(Note(bar * BEATS_A_BAR + beat + 0.018 * i, 0.8, pitch, velocity))
    return notes


def bass() -> list[Note]:
    """Finger bass: long roots in the verse, walking eighths in the chorus."""
    notes: list[Note] = []
    for bar, chord in enumerate(CHORDS):
        start, root = bar * BEATS_A_BAR, _ROOTS[chord] + KEY_SHIFT
        if root >= 40:
            root -= 12 if root - 12 >= 28 else 0
        fifth = root + 7
        upcoming = _ROOTS[CHORDS[bar + 1]] + KEY_SHIFT if bar + 1 < N_BARS else root
        if bar < VERSE_BAR - 1:
            continue
        if bar == N_BARS - 1:
            notes.append(Note(start, 5.5, root, 96))
        elif bar >= ENDING_BAR or bar < VERSE_BAR:
            notes.append(Note(start, 3.8, root, 92))
        elif _is_chorus(bar):
            approach = upcoming - 2 if upcoming > 38 else upcoming + 2
            while approach > root + 9:
                approach -= 12
            line = (
                (0, root),
                (0.75, root),
                (1.5, fifth),
                (2, root),
                (2.5, root + 12),
                (3, fifth),
                (3.5, approach),
            )
            notes += [Note(start + beat, 0.48, pitch, 100 if beat == 0 else 86) for beat, pitch in line]
        else:
            notes += [
                Note(start, 1.4, root, 96),
                Note(start + 1.5, 0.9, root, 82),
                Note(start + 2.5, 1.0, fifth, 84),
                Note(start + 3.5, 0.45, root, 80),
            ]
    return notes


KICK, SNARE, STICK, CLOSED_HAT, OPEN_HAT, CRASH, RIDE, LOW_TOM, MID_TOM, HIGH_TOM = (
    36, 38, 37, 42, 46, 49, 51, 43, 47, 50,
)  # fmt: skip


def drums() -> list[Note]:
    """Kit on General MIDI's percussion channel, with a fill before the chorus and one before the end."""
    hits: list[tuple[float, int, int]] = []
    for bar in range(N_BARS):
        start = bar * BEATS_A_BAR
        fill = bar in (CHORUS_BAR - 1, ENDING_BAR - 1)
        if bar in (CHORUS_BAR, CHORUS_BAR + 4, ENDING_BAR):
            hits.append((start, CRASH, 104))
        if bar == N_BARS - 1:
            hits += [(start, KICK, 108), (start, CRASH, 100)]
        elif bar >= ENDING_BAR:
            hits += [
                (start, KICK, 108),
                (start + 2, SNARE, 70),
                (start + 3, LOW_TOM, 80),
                (start + 3.5, LOW_TOM, 92),
            ]
        elif _is_chorus(bar):
            hits += [(start + b, KICK, 112) for b in (0, 1.5, 2.5)]
            hits += [(start + b, SNARE, 108) for b in (1, 3) if not (fill and b == 3)]
            hits += [(start + b / 2, CLOSED_HAT, 88 if b % 2 == 0 else 66) for b in range(6 if fill else 7)]
            if not fill:
                hits.append((start + 3.5, OPEN_HAT, 80))
        else:
            hits += [(start + b / 2, CLOSED_HAT, 78 if b % 2 == 0 else 56) for b in range(6 if fill else 8)]
            if bar >= VERSE_BAR:
                hits += [(start, KICK, 104), (start + 2.5, KICK, 92)]
                hits += [(start + 1, STICK, 96), (start + 3, STICK, 96 if not fill else 1)]
        if fill:
            toms = ((3, SNARE, 96), (3.25, SNARE, 84), (3.5, HIGH_TOM, 100), (3.75, MID_TOM, 108))
            hits += [(start + b, drum, v) for b, drum, v in toms]
    return [Note(beat, 0.25, drum, velocity) for beat, drum, velocity in hits if velocity > 1]


def humanise(notes: list[Note], rng: np.random.Generator, late_s: float = 0.004) -> list[Note]:
    """Move starts by a few milliseconds and velocities by a few steps, as hands do."""
    played = []
    for note in sorted(notes, key=lambda n: (n.start, n.pitch)):
        start = max(0.0, note.start + float(rng.normal(0, late_s)) / BEAT_S)
        velocity = int(np.clip(note.velocity + rng.normal(0, 4), 1, 127))
        played.append(Note(start, note.length, note.pitch, velocity))
    return played
