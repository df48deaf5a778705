"""What is played: notes, chords and beats, read from MIDI folders or made up.

POP909 (Music X Lab, MIT) holds a folder a song: melody, bridge and piano as MIDI, beats and chords as text.
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.errors import DecodeError

CLIP_S = 24.0
"""Length of a rendered song: long enough for verse and fill, short enough for hundreds of them."""
_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_QUALITIES = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "maj6": (0, 4, 7, 9),
    "min6": (0, 3, 7, 9),
    "dim7": (0, 3, 6, 9),
    "hdim7": (0, 3, 6, 10),
}
_PROGRESSIONS = (
    (0, 4, 5, 3),
    (5, 3, 0, 4),
    (0, 5, 3, 4),
    (0, 3, 4, 3),
    (1, 4, 0, 5),
    (0, 2, 3, 4),
    (5, 4, 3, 4),
    (0, 0, 3, 0),
    (3, 4, 2, 5),
    (0, 6, 3, 0),
    (0, 0, 0, 0),
    (5, 5, 3, 4),
)
_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_MINOR = (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True, slots=True)
class Note:
    """One note; `pitch` 0 to 127, `velocity` 1 to 127."""

    start_s: float
    length_s: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord from `start_s` on; `root` 0 (C) to 11, `steps` in semitones above it."""

    start_s: float
    stop_s: float
    root: int
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Score:
    """What an arrangement is made of; times begin at 0, the end of `CLIP_S` is the end.

    Attributes
    ----------
    beats_s : float64 array, shape (beats,)
    first_downbeat : int
        Index of a beat that begins a bar.
    beats_a_bar : int
    chords : list of Chord
    parts : dict of str to list of Note
        melody, bridge, piano; may be empty.
    """

    beats_s: np.ndarray
    first_downbeat: int
    beats_a_bar: int
    chords: list[Chord]
    parts: dict[str, list[Note]] = field(default_factory=dict)

    def chord_at(self, at_s: float) -> Chord | None:
        """What harmony sounds at a time; None in a rest."""
        for chord in self.chords:
            if chord.start_s - 0.05 <= at_s < chord.stop_s - 0.05:
                return chord
        return None


def read_folder(folder: Path, rng: np.random.Generator) -> Score:
    """Read a stretch of a song of POP909.

    Parameters
    ----------
    folder : Path
        Holds one .mid, beat_midi.txt and chord_midi.txt.
    rng : Generator
        Chooses where the stretch begins.

    Returns
    -------
    Score

    Raises
    ------
    DecodeError
        A file is missing or is not what it should be.
    """
    try:
        beats = np.loadtxt(folder / "beat_midi.txt", ndmin=2)
        chords = [_chord(line) for line in (folder / "chord_midi.txt").read_text().splitlines() if line]
        parts = read_midi(next(folder.glob("*.mid")))
    except (OSError, ValueError, StopIteration, struct.error, IndexError) as err:
        raise DecodeError(f"{folder} is no song of POP909 (a .mid, beat_midi.txt, chord_midi.txt)") from err
    times, downs = beats[:, 0], np.flatnonzero(beats[:, 1] == 1.0)
    last = times[-1] - CLIP_S
    starts = [k for k in downs if times[k] < last] or [0]
    first = int(starts[rng.integers(len(starts))])
    begin = times[first]
    inside = (times >= begin - 1e-6) & (times < begin + CLIP_S)
    gaps = np.diff(downs)
    return Score(
        beats_s=times[inside] - begin,
        first_downbeat=0,
        beats_a_bar=int(np.median(gaps)) if len(gaps) else 4,
        chords=[
            Chord(c.start_s - begin, c.stop_s - begin, c.root, c.steps)
            for c in chords
            if c is not None and c.stop_s > begin and c.start_s < begin + CLIP_S
        ],
        parts={name: _cut(notes, begin) for name, notes in parts.items()},
    )


def make_up(rng: np.random.Generator) -> Score:
    """Invent a stretch of a song: tempo, key, chords, melody and a piano part."""
    beat_s = 60.0 / rng.uniform(72.0, 176.0)
    beats_s = np.arange(0.0, CLIP_S, beat_s)
    scale = _MAJOR if rng.random() < 0.55 else _MINOR
    key = int(rng.integers(12))
    progression = _PROGRESSIONS[rng.integers(len(_PROGRESSIONS))]
    with_seventh = rng.random() < 0.35
    chords: list[Chord] = []
    for bar in range(len(beats_s) // 4 + 1):
        degree = progression[bar % 4]
        steps = [(scale[(degree + k) % 7] - scale[degree]) % 12 for k in (0, 2, 4, 6)[: 3 + with_seventh]]
        start = 4 * bar * beat_s
        chords.append(Chord(start, start + 4 * beat_s, (key + scale[degree]) % 12, tuple(steps)))
    score = Score(beats_s, 0, 4, chords)
    score.parts["melody"] = _melody(rng, score, beat_s, key, scale)
    score.parts["bridge"] = _melody(rng, score, beat_s, key, scale) if rng.random() < 0.5 else []
    score.parts["piano"] = []
    return score


def _melody(
    rng: np.random.Generator, score: Score, beat_s: float, key: int, scale: tuple[int, ...]
) -> list[Note]:
    """A walk over the scale in a rhythm that comes again."""
    lengths = (0.5, 0.5, 1.0, 1.0, 1.5, 2.0, 0.25)
    motif = [float(lengths[rng.integers(len(lengths))]) for _ in range(int(rng.integers(4, 9)))]
    notes: list[Note] = []
    at, step = 0.0, int(rng.integers(10, 18))
    while at < score.beats_s[-1]:
        for beats in motif:
            step = int(np.clip(step + rng.integers(-2, 3), 7, 24))
            pitch = 48 + key + 12 * (step // 7 - 1) + scale[step % 7]
            if rng.random() < 0.85:
                notes.append(Note(at, 0.95 * beats * beat_s, pitch, int(rng.integers(70, 115))))
            at += beats * beat_s
        at += float(rng.integers(0, 3)) * beat_s
    return [note for note in notes if note.start_s < CLIP_S - 0.1]


def _cut(notes: list[Note], begin_s: float) -> list[Note]:
    return [
        Note(n.start_s - begin_s, n.length_s, n.pitch, n.velocity)
        for n in notes
        if begin_s <= n.start_s < begin_s + CLIP_S
    ]


def _chord(line: str) -> Chord | None:
    """Read "start stop root:quality(extensions)/bass"; None for a rest."""
    start, stop, name = line.split()
    if name.startswith(("N", "X")):
        return None
    root, _, quality = name.partition(":")
    pitch_class = _PITCH_CLASSES[root[0]] + root.count("#") - root[1:].count("b")
    plain = quality.partition("/")[0].partition("(")[0]
    return Chord(float(start), float(stop), pitch_class % 12, _QUALITIES.get(plain, (0, 4, 7)))


def read_midi(path: Path) -> dict[str, list[Note]]:
    """Read the notes of a standard MIDI file.

    Parameters
    ----------
    path : Path
        Type 0 or 1, ticks a quarter note.

    Returns
    -------
    dict of str to list of Note
        By the tracks' names in lower case, times in seconds.
    """
    data = path.read_bytes()
    if data[:4] != b"MThd":
        raise ValueError(f"{path} is no MIDI file")
    ticks = struct.unpack(">H", data[12:14])[0]
    tracks: list[tuple[str, list[tuple[int, int, int, int]]]] = []
    tempi: list[tuple[int, float]] = []
    at = 8 + struct.unpack(">I", data[4:8])[0]
    while at + 8 <= len(data):
        length = struct.unpack(">I", data[at + 4 : at + 8])[0]
        if data[at : at + 4] == b"MTrk":
            tracks.append(_track(data[at + 8 : at + 8 + length], tempi))
        at += 8 + length
    tempi = sorted([(0, 0.5), *tempi], key=lambda tempo: tempo[0])
    knots = np.array([tick for tick, _ in tempi], float)
    pace = np.array([seconds for _, seconds in tempi]) / ticks
    begin = np.concatenate([[0.0], np.cumsum(np.diff(knots) * pace[:-1])])

    def seconds_at(tick: int) -> float:
        k = int(np.searchsorted(knots, tick, side="right")) - 1
        return float(begin[k] + (tick - knots[k]) * pace[k])

    return {
        name: [
            Note(seconds_at(on), max(0.03, seconds_at(off) - seconds_at(on)), pitch, velocity)
            for on, off, pitch, velocity in notes
        ]
        for name, notes in tracks
        if notes
    }


def _track(data: bytes, tempi: list[tuple[int, float]]) -> tuple[str, list[tuple[int, int, int, int]]]:
    """Name, and notes as (tick on, tick off, pitch, velocity); tempi are added to the list."""
    name, notes = "", []
    sounding: dict[int, tuple[int, int]] = {}
    at, tick, status = 0, 0, 0
    while at < len(data):
        delta, at = _number(data, at)
        tick += delta
        if data[at] & 0x80:
            status, at = data[at], at + 1
        if status == 0xFF:
            kind = data[at]
            length, at = _number(data, at + 1)
            if kind == 0x51:
                tempi.append((tick, int.from_bytes(data[at : at + 3], "big") / 1e6))
            elif kind == 0x03:
                name = data[at : at + length].decode("latin-1").strip().casefold()
            at += length
        elif status >= 0xF0:
            length, at = _number(data, at)
            at += length
        else:
            one, two = data[at], data[at + 1]
            kind = status & 0xF0
            at += 1 if kind in (0xC0, 0xD0) else 2
            if kind in (0x80, 0x90):
                if one in sounding:
                    on, velocity = sounding.pop(one)
                    notes.append((on, tick, one, velocity))
                if kind == 0x90 and two > 0:
                    sounding[one] = (tick, two)
    return name, notes


def _number(data: bytes, at: int) -> tuple[int, int]:
    """MIDI's number of variable length, and where it ends."""
    value = 0
    while True:
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at
