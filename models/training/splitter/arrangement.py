"""Who plays what: drum patterns, bass lines and accompanying parts from chords and beats."""

from itertools import pairwise

import numpy as np

from models.training.splitter.drums import Hit
from models.training.splitter.score import CLIP_S, Chord, Note, Score

# A bar in sixteenths: x a stroke, X an accent, o a ghost; the hat line says O where it is open.
_PATTERNS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "rock": (
        ("X.......X.x.....", "X.x.....X.......", "X.....x.X..x....", "X..x..x.X.x....."),
        ("....X.......X...", "....X..o.o..X..o"),
        ("x.x.x.x.x.x.x.x.", "X.x.X.x.X.x.X.O."),
    ),
    "pop": (
        ("X.......X.......", "X......xX.......", "X.....x...x....."),
        ("....X.......X...",),
        ("x.x.x.x.x.x.x.x.", "xxxxxxxxxxxxxxxx", "..x...x...x...x."),
    ),
    "disco": (
        ("X...X...X...X...",),
        ("....X.......X...", "....x.......x..x"),
        ("..O...O...O...O.", "x.O.x.O.x.O.x.O."),
    ),
    "funk": (
        ("X..x..x...x..x..", "X.x.......x..x..", "X.....x..xx....."),
        ("....X..o.o..X..o", "....X.oo.o.oX..o"),
        ("xxxxxxxxxxxxxxxx", "x.xxx.xxx.xOx.xx"),
    ),
    "hiphop": (
        ("X..x......xx....", "X.....xx..x.....", "X.........x..x.."),
        ("....X.......X...", "....X.......X..o"),
        ("x.x.x.x.x.x.x.x.", "x.xxx.x.x.xxx.x.", "xxxxxxxxxxxxxxxx"),
    ),
    "drumnbass": (("X.........x.....", "X..x......x....."), ("....X..o.o..X...",), ("x.x.x.x.x.x.x.x.",)),
    "metal": (
        ("XxXxXxXxXxXxXxXx", "X.xxX.xxX.xxX.xx", "X..X..X.X..X..X."),
        ("....X.......X...", "..X...X...X...X."),
        ("X...X...X...X...", "X.X.X.X.X.X.X.X."),
    ),
    "half": (
        ("X.......x.......", "X..x......x....."),
        ("........X.......",),
        ("x...x...x...x...", "x.x.x.x.x.x.x.x."),
    ),
    "ballad": (
        ("X.........x.....", "X..............."),
        ("....x.......x...", "........x......."),
        ("x...x...x...x...",),
    ),
    "latin": (
        ("X..xX..xX..xX..x", "X.....x.X.....x."),
        ("...o..o...o.o...", "x..x..x...x.x..."),
        ("x.xxx.xxx.xxx.xx",),
    ),
    "reggae": (("........X.......",), ("........x.......",), ("x.x.x.x.x.x.x.x.",)),
    "march": (("X...x...X...x...",), ("..x...x...x.xxxx", "xoxoxoxoXoxoxoxo"), ("x...x...x...x...",)),
    "brushes": (("o.......o.......",), ("..o.x.o...o.x.o.", "o.o.o.o.o.o.o.o."), ("x..xx..xx..xx..x",)),
}
_LEVELS = {"X": 1.0, "x": 0.7, "o": 0.25, "O": 0.8}


def sixteenths(score: Score, swing: float) -> np.ndarray:
    """Times of all sixteenths; every second is late by `swing` of its length."""
    beats = np.append(score.beats_s, 2 * score.beats_s[-1] - score.beats_s[-2])
    parts = np.array([0.0, 0.25 + 0.25 * swing, 0.5, 0.75 + 0.25 * swing])
    return np.concatenate([a + (b - a) * parts for a, b in pairwise(beats)])


def drum_hits(rng: np.random.Generator, score: Score) -> list[Hit]:
    """A drummer's part: one pattern, changed every eight bars, with fills, crashes and breaks."""
    grid = sixteenths(score, float(rng.choice([0.0, 0.0, 0.0, 0.2, 0.4, 0.6])))
    style = str(rng.choice(list(_PATTERNS)))
    a_bar = 4 * score.beats_a_bar
    first = 4 * score.first_downbeat
    loud = float(rng.uniform(0.55, 1.0))
    with_percussion = rng.random() < 0.3
    use_ride = rng.random() < 0.25
    hits: list[Hit] = []
    kick = snare = hat = percussion = ""
    for bar, begin in enumerate(range(first, len(grid), a_bar)):
        if bar % 8 == 0:
            kicks, snares, hats = _PATTERNS[style]
            kick, snare, hat = (str(rng.choice(lines)) for lines in (kicks, snares, hats))
            percussion = "".join(str(rng.choice(["x", "."], p=[0.3, 0.7])) for _ in range(16))
        silent = rng.random() < 0.04
        fill_from = a_bar - int(rng.choice([4, 8])) if bar % 4 == 3 and rng.random() < 0.6 else a_bar
        if bar % 8 == 0 and rng.random() < 0.7:
            hits.append(Hit(float(grid[begin]), "cymbal", 0.9 * loud))
        for step in range(min(a_bar, len(grid) - begin)):
            at = float(grid[begin + step]) + float(rng.normal(0.0, 0.004))
            if silent:
                continue
            if step >= fill_from:
                if rng.random() < 0.7:
                    voice = str(rng.choice(["snare", "tom", "tom", "kick"]))
                    hits.append(Hit(at, voice, float(rng.uniform(0.5, 1.0)) * loud))
                continue
            for voice, line in (("kick", kick), ("snare", snare), ("hat", hat)):
                mark = line[step % 16]
                if mark == ".":
                    continue
                played = "open_hat" if mark == "O" else "cymbal" if voice == "hat" and use_ride else voice
                level = _LEVELS[mark] * loud * float(rng.uniform(0.85, 1.0))
                hits.append(Hit(at, played, min(1.0, 0.6 * level if played == "cymbal" else level)))
            if with_percussion and percussion[step % 16] == "x":
                hits.append(Hit(at, "percussion", float(rng.uniform(0.3, 0.8)) * loud))
    return hits


def bass_line(rng: np.random.Generator, score: Score, hits: list[Hit]) -> list[Note]:
    """A bassist's part: held roots, eighths, octaves, walking, funk, syncopated, or with the kick."""
    style = str(
        rng.choice(["held", "eighths", "octaves", "walking", "funk", "syncopated", "kick", "arpeggio"])
    )
    grid = sixteenths(score, 0.0)
    low = int(rng.integers(26, 34))
    steps = _bass_steps(rng, style, grid, hits)
    legato = float(rng.uniform(0.2, 1.0))
    loud, accents = int(rng.integers(60, 105)), float(rng.uniform(4.0, 16.0))
    dead = float(rng.uniform(0.0, 0.15)) if style in ("funk", "syncopated", "kick") else 0.0
    notes: list[Note] = []
    for index, step in enumerate(steps):
        start = float(grid[step])
        chord = score.chord_at(start)
        if chord is None:
            continue
        stop = float(grid[steps[index + 1]]) if index + 1 < len(steps) else CLIP_S
        root = low + (chord.root - low) % 12
        pitch = root + _bass_step(rng, style, index, chord)
        length = max(0.06, min(legato * (stop - start), chord.stop_s - start + 0.05))
        velocity = int(np.clip(rng.normal(loud, accents), 30, 125))
        if rng.random() < dead:
            # A muted string: hardly any tone, all attack.
            length, velocity = 0.05, max(30, velocity - 15)
        notes.append(Note(max(0.0, start + float(rng.normal(0, 0.005))), length, pitch, velocity))
    return notes


def _bass_steps(rng: np.random.Generator, style: str, grid: np.ndarray, hits: list[Hit]) -> list[int]:
    """Which sixteenths are played."""
    n = len(grid)
    if style == "kick":
        times = [hit.at_s for hit in hits if hit.voice == "kick"]
        return sorted({int(np.argmin(np.abs(grid - at))) for at in times}) or list(range(0, n, 4))
    if style in ("funk", "syncopated"):
        share = 0.45 if style == "funk" else 0.28
        bar = [0] + [step for step in range(1, 16) if rng.random() < share]
        return [begin + step for begin in range(0, n, 16) for step in bar if begin + step < n]
    stride = {"held": int(rng.choice([8, 16])), "eighths": 2, "octaves": 2, "walking": 4, "arpeggio": 2}[
        style
    ]
    return list(range(0, n, stride))


def _bass_step(rng: np.random.Generator, style: str, index: int, chord: Chord) -> int:
    """Semitones above the root."""
    if style == "octaves":
        return 12 * (index % 2)
    if style == "walking":
        return int(rng.choice([0, *chord.steps, 2, 10, -1, 12]))
    if style == "arpeggio":
        return chord.steps[index % len(chord.steps)]
    if style in ("funk", "syncopated") and rng.random() < 0.4:
        return int(rng.choice([12, 7, 10, -2, 3]))
    return 7 if rng.random() < 0.06 else 0


def comping(rng: np.random.Generator, score: Score) -> list[Note]:
    """An accompanying part over the chords: held, pulsed, strummed, arpeggiated, off-beat or stabs."""
    style = str(rng.choice(["held", "pulsed", "strummed", "arpeggio", "offbeat", "stabs"]))
    grid = sixteenths(score, 0.0)
    low = int(rng.integers(46, 64))
    if style == "stabs":
        bar = [step for step in range(16) if rng.random() < 0.2] or [0]
        steps = [
            begin + step for begin in range(0, len(grid), 16) for step in bar if begin + step < len(grid)
        ]
    else:
        first, stride = {
            "held": (0, 16),
            "pulsed": (0, 4),
            "strummed": (0, int(rng.choice([2, 4]))),
            "arpeggio": (0, 2),
            "offbeat": (2, 4),
        }[style]
        steps = list(range(first, len(grid), stride))
    notes: list[Note] = []
    for index, step in enumerate(steps):
        start = float(grid[step])
        chord = score.chord_at(start)
        if chord is None:
            continue
        stop = float(grid[steps[index + 1]]) if index + 1 < len(steps) else CLIP_S
        length = 0.12 if style in ("stabs", "offbeat") else 0.95 * (stop - start)
        pitches = sorted(low + (chord.root + step_up - low) % 12 for step_up in chord.steps)
        if style == "arpeggio":
            pitches = [pitches[index % len(pitches)] + 12 * (index // len(pitches) % 2)]
        elif style == "strummed":
            pitches = [*pitches, pitches[0] + 12]
        velocity = int(rng.integers(55, 105))
        for rank, pitch in enumerate(pitches):
            late = 0.012 * rank if style == "strummed" else 0.0
            notes.append(Note(start + late, length, pitch, velocity))
    return notes


def power_chords(rng: np.random.Generator, score: Score) -> list[Note]:
    """Roots and fifths in eighths or held, as a distorted guitar plays them."""
    stride = int(rng.choice([2, 2, 8, 16]))
    grid = sixteenths(score, 0.0)
    notes: list[Note] = []
    for step in range(0, len(grid) - 1, stride):
        start = float(grid[step])
        chord = score.chord_at(start)
        if chord is None or rng.random() < 0.08:
            continue
        stop = float(grid[min(step + stride, len(grid) - 1)])
        root = 40 + (chord.root - 40) % 12
        notes += [
            Note(start, 0.92 * (stop - start), root + up, int(rng.integers(80, 120))) for up in (0, 7, 12)
        ]
    return notes
